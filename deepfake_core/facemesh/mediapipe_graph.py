"""mediapipe's own FaceMesh graph for one face, and nothing else: the measure that the tracker is held against.

face_landmark_front (static_image_mode=False, max_num_faces=1, refine_landmarks=False) of mediapipe 0.10.21:
the detector samples the full picture, a lost face is detected in the next frame, nothing is smoothed. Tests and
the benchmark compare it with mediapipe frame by frame; the filter uses `tracking.FaceTracker`.
"""

from __future__ import annotations

import numpy as np

from deepfake_core.facemesh.detection import FaceDetector
from deepfake_core.facemesh.landmarks import LandmarkNetwork
from deepfake_core.facemesh.region import Region, around_landmarks
from deepfake_core.facemesh.tracking import MIN_PRESENCE
from deepfake_core.frame import Frame


class MediapipeGraph:
    """Detects and follows the face that the detector is surest of."""

    def __init__(self, *, threads: int = 2, provider: str = "auto") -> None:
        self._detector = FaceDetector(threads=threads, provider=provider)
        self._network = LandmarkNetwork(threads=threads, provider=provider)
        self._region: Region | None = None

    def update(self, frame: Frame) -> np.ndarray | None:
        """The landmarks, float32 (468, 3) in pixels of the frame; None without a face. Raises NetworkFailed."""
        if self._region is None:
            detections = self._detector.detect(frame.to_bgr())
            if not detections:
                return None
            self._region = detections[0].region
        reading = self._network.read(frame, self._region)
        if reading is None or reading.presence < MIN_PRESENCE:
            self._region = None
            return None
        self._region = around_landmarks(reading.landmarks)
        return reading.landmarks
