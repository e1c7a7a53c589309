"""Landmarks of single pictures, found the way a camera's frames find them."""

from __future__ import annotations

import numpy as np

from deepfake_core.facemesh.tracking import FaceTracker
from deepfake_core.frame import Frame

_SETTLE = 3
_FRAME_NS = 33_000_000


class StillLandmarks:
    """Finds one face per picture. The picture is shown several times, so that the tracker's region has settled."""

    def __init__(self, threads: int = 1) -> None:
        self._tracker = FaceTracker(max_faces=1, threads=threads, provider="cpu", smoothing=0.0)
        self._clock = 0

    def __call__(self, bgr: np.ndarray) -> np.ndarray | None:
        """Landmarks float32 (468, 3) px of a uint8 BGR picture, or None where no face is found."""
        self._tracker.reset()
        faces = []
        for _ in range(_SETTLE):
            self._clock += _FRAME_NS
            faces = self._tracker.update(Frame.from_bgr(bgr), self._clock)
        return faces[0].raw.astype(np.float32) if faces else None
