"""The 468-point face mesh network (Kartynnik et al. 2019, arXiv:1907.06724): the landmarks of one face."""

from __future__ import annotations

import math
from typing import NamedTuple

import cv2
import numpy as np

from deepfake_core import inference
from deepfake_core.facemesh.region import Region
from deepfake_core.frame import Frame

MODEL = "facemesh/face_landmark.onnx"
SIDE = 192
POINTS = 468
LOOK_SIDE = 8


class Reading(NamedTuple):
    """What the network sees in a region.

    landmarks float32 (468, 3): x, y in pixels of the frame, z in pixels towards the back of the head;
    presence 0..1: how sure it is that there is a face; look float32 (8, 8, 3): the face's coarse colours, 0..1.
    """

    landmarks: np.ndarray
    presence: float
    look: np.ndarray


class LandmarkNetwork:
    """The landmark network with its reused buffers; one per tracker."""

    def __init__(self, *, threads: int, provider: str) -> None:
        self.session = inference.shared(MODEL, threads=threads, provider=provider)
        self._crop = np.empty((SIDE, SIDE, 3), np.uint8)
        self._tensor = np.empty((1, SIDE, SIDE, 3), np.float32)

    def read(self, frame: Frame, region: Region) -> Reading | None:
        """The landmarks of the face in `region`; None if it lies outside the frame. Raises NetworkFailed."""
        if region.bounds(frame.width, frame.height) is None:
            return None
        to_frame = region.to_frame(SIDE)
        # Plain bilinear sampling and repeated edges: what the network's own graph does.
        crop = frame.square(cv2.invertAffineTransform(to_frame), SIDE, averaged=False)
        cv2.cvtColor(crop, cv2.COLOR_BGR2RGB, dst=self._crop)
        np.multiply(self._crop, np.float32(1 / 255), out=self._tensor[0])
        points, logit = self.session.run(input_1=self._tensor)

        crop_points = points.reshape(POINTS, 3)
        landmarks = np.empty((POINTS, 3), np.float32)
        landmarks[:, :2] = crop_points[:, :2] @ to_frame[:, :2].T + to_frame[:, 2]
        landmarks[:, 2] = crop_points[:, 2] * (region.size / SIDE)
        presence = 1 / (1 + math.exp(-min(max(logit.item(), -100.0), 100.0)))
        look = cv2.resize(self._tensor[0, 32:160, 32:160], (LOOK_SIDE, LOOK_SIDE), interpolation=cv2.INTER_AREA)
        return Reading(landmarks, presence, look)
