"""Where a driver looks: the turn of the eyes against the head, from iris and lids."""

from __future__ import annotations

from collections import OrderedDict

import numpy as np

from deepfake_core.facemesh.iris import Eyes, IrisNetwork
from deepfake_core.facemesh.smoothing import OneEuroFilter
from deepfake_core.frame import Frame
from deepfake_core.swapping.alignment import Pose, fit_pose

DEGREES_PER_CENTIMETRE = np.array([65.0, 45.0])
"""Turn for a shift of the iris between the lids. An eyeball of 1.2 cm would give 48, but the network moves the iris by
less than it moved. Measured on rendered people whose gaze is known; upwards and downwards kept low, for there the lids
hide most of what moves."""
RESTING_CENTIMETRES = np.array([0.0, 0.06])
"""How far right of and above the middle of its lids the iris of an eye that looks straight ahead lies."""
LIMITS_DEGREES = np.array([32.0, 20.0])
LEAST_OPENING = 0.12
"""Opening of the lids, in widths of the eye, below which the iris is not seen."""
_OUTER, _INNER, _LOWER, _UPPER = 0, 8, 4, 12
_SMOOTHING = 0.5
_SIZE_DEGREES = 60.0
_DRIVERS = 8


def measure(eyes: Eyes, pose: Pose) -> np.ndarray:
    """Gaze float32 (2, 2) of a face with this pose: see `GazeReader`; NaN where no eye is open.

    Both eyes turn alike, as they do for anything further away than a hand: the one that is seen less from its side
    counts less, and a shut one nothing.
    """
    axis = pose.rotation[:, :2].T * np.array([1.0, -1.0, -1.0])
    centred = (eyes.iris[:, 0] - eyes.lids.mean(1)).astype(np.float64)
    # Shifts lie about in the plane of the eyes, so two axes of the head explain what is seen of them in the picture.
    shift = np.linalg.solve(pose.scale * axis[:, :2].T, centred.T).T
    lids = eyes.lids.astype(np.float64)
    width = np.linalg.norm(lids[:, _OUTER] - lids[:, _INNER], axis=1)
    opening = np.linalg.norm(lids[:, _UPPER] - lids[:, _LOWER], axis=1) / np.maximum(width, 1e-3)
    weight = np.where(opening > LEAST_OPENING, width**2, 0.0)
    if weight.sum() < 1e-6:
        return np.full((2, 2), np.nan, np.float32)
    mean = weight @ shift / weight.sum()
    degrees = np.clip((mean - RESTING_CENTIMETRES) * DEGREES_PER_CENTIMETRE, -LIMITS_DEGREES, LIMITS_DEGREES)
    return np.tile(degrees, (2, 1)).astype(np.float32)


class GazeReader:
    """Reads gaze from frames; for one thread.

    Gaze is float32 (2, 2): the subject's right eye, then the left one; degrees to the right of an upright picture and
    up, against the head.
    """

    def __init__(self, *, threads: int = 2, provider: str = "auto") -> None:
        """Open the iris network; raises ModelError."""
        self._network = IrisNetwork(threads=threads, provider=provider)
        self._followed: OrderedDict[int, _Followed] = OrderedDict()

    def still(self, frame: Frame, landmarks: np.ndarray, pose: Pose | None = None) -> np.ndarray:
        """The gaze of the face with landmarks (468, 3), px; NaN where it is not seen. Raises NetworkFailed."""
        eyes = self._network.read(frame, landmarks)
        if eyes is None:
            return np.full((2, 2), np.nan, np.float32)
        return measure(eyes, pose or fit_pose(landmarks))

    def follow(self, frame: Frame, landmarks: np.ndarray, pose: Pose, driver: int) -> np.ndarray:
        """The same for a face followed from frame to frame: steadied, and held while the eyes are shut.

        driver: number of the track. Straight ahead until it is seen.
        """
        followed = self._followed.pop(driver, None) or _Followed()
        self._followed[driver] = followed
        if len(self._followed) > _DRIVERS:
            self._followed.popitem(last=False)
        return followed.update(self.still(frame, landmarks, pose), frame.timestamp_ns)


class _Followed:
    """The gaze of one driver."""

    def __init__(self) -> None:
        self._filter = OneEuroFilter()
        self._gaze = np.zeros((2, 2), np.float32)
        self._seen_ns = 0

    def update(self, measured: np.ndarray, timestamp_ns: int) -> np.ndarray:
        if np.isfinite(measured).all():
            seconds = (timestamp_ns - self._seen_ns) / 1e9
            self._gaze = self._filter.update(measured, _SIZE_DEGREES, seconds, _SMOOTHING)
            self._seen_ns = timestamp_ns
        return self._gaze
