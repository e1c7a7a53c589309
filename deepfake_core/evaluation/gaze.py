"""Where eyes look, read from their pictures.

FaceMesh's 468 landmarks hold no iris, and between the lids too little of one shows to fit a circle (seen: 7 degrees
off upwards and downwards). So gaze is read by appearance, as in Tan, Kriegman, Ahuja, "Appearance-based eye gaze
estimation", 2002: kernel ridge regression from the eye's pixels to degrees. It learns from the benchmark's own frames,
whose gaze is known, and reads the output's eyes where the truth has its eyes. What it reads in the truth is
subtracted, so that its bias cancels; its noise is measured on faces that it has not learned from.
"""

from __future__ import annotations

import cv2
import numpy as np

from deepfake_core.parsing.classes import Label
from deepfake_core.swapping.alignment import fit_pose

_EYES = ((Label.L_EYE, 33, 133), (Label.R_EYE, 362, 263))
"""Label and corners, left to right, of the eyes on the left and on the right of the picture."""
_WIDTH = 20
"""Distance of the eye's corners in its patch, px."""
_PATCH = (24, 10)
_ENLARGED = 3
_LEAST_OPEN = 0.12
"""So much of the patch must be open eye: a blink shows no gaze."""
_POSE_WEIGHT = 5.0
_SIDE_WEIGHT = 3.0
_KERNEL = 8.0
_RIDGE = 0.03
_LEAST_EYES = 60
_FOLDS = 5
FEATURES = _PATCH[0] * _PATCH[1] + 3


def eye_features(bgr: np.ndarray, labels: np.ndarray, points: np.ndarray) -> np.ndarray:
    """What the reader sees of both eyes, float64 (2, FEATURES); NaN rows for a closed or hidden eye.

    bgr: uint8 (H, W, 3); labels: uint8 (H, W) `Label` and points: (468, 3) px say where the TRUTH has its eyes, also
    where the picture is an output's.
    """
    grey = cv2.cvtColor(bgr, cv2.COLOR_BGR2GRAY).astype(np.float32)
    turn = fit_pose(points).rotation
    pose = _POSE_WEIGHT * turn[:2, 2]
    rows = np.full((2, FEATURES), np.nan)
    for side, (label, left, right) in enumerate(_EYES):
        patch = _patch(grey, (labels == label).astype(np.float32), points[left, :2], points[right, :2])
        if patch is not None:
            rows[side] = np.concatenate([patch, pose, [_SIDE_WEIGHT * side]])
    return rows


def _patch(grey: np.ndarray, eye: np.ndarray, left: np.ndarray, right: np.ndarray) -> np.ndarray | None:
    """The open eye in its own contrast, 0 beyond the lids, float64 (240,)."""
    across = (right - left).astype(np.float64)
    width = float(np.hypot(*across))
    if width < 1:
        return None
    cosine, sine = across / width
    fine = _WIDTH * _ENLARGED
    size = (_PATCH[0] * _ENLARGED, _PATCH[1] * _ENLARGED)
    linear = np.array([[cosine, sine], [-sine, cosine]]) * (fine / width)
    to_patch = np.column_stack([linear, (np.array(size) - 1) / 2 - linear @ (left + right) / 2])
    visible = np.clip(cv2.warpAffine(eye, to_patch, size, flags=cv2.INTER_LINEAR), 0, 1)
    if (visible > 0.5).mean() < _LEAST_OPEN:
        return None
    seen = cv2.warpAffine(grey, to_patch, size, flags=cv2.INTER_CUBIC, borderMode=cv2.BORDER_REPLICATE)
    # A highlight on the cornea is no part of where the eye looks.
    seen = np.minimum(seen, np.percentile(seen[visible > 0.5], 95))
    mean = (seen * visible).sum() / visible.sum()
    spread = np.sqrt((visible * (seen - mean) ** 2).sum() / visible.sum())
    contrast = visible * (seen - mean) / max(float(spread), 1.0)
    return cv2.resize(contrast, _PATCH, interpolation=cv2.INTER_AREA).ravel().astype(np.float64)


class GazeReader:
    """Reads degrees from eyes; learned from frames whose gaze is known."""

    def __init__(self, eyes: np.ndarray, gaze: np.ndarray, owners: np.ndarray) -> None:
        """Learn.

        eyes: (N, 2, FEATURES) of `eye_features`; gaze: (N, 2) degrees right and up; owners: (N,) numbers that tell
        apart whose eyes they are, or which sequence they are of: what belongs together is held out together.
        """
        frames = np.isfinite(eyes).all((1, 2)) & np.isfinite(gaze).all(1)
        eyes, gaze, owners = eyes[frames], gaze[frames], owners[frames]
        self.frames = len(eyes)
        self._learned = np.empty((0, FEATURES))
        self._weights = np.empty((0, 2))
        self._mean = np.full(2, np.nan)
        self.noise_degrees = float("nan")
        """Mean angle between the gaze read and the true one, in frames whose owners were held out."""
        names = np.unique(owners)
        if 2 * self.frames < _LEAST_EYES or len(names) < 2:
            return
        errors = np.empty(self.frames)
        for fold in range(min(_FOLDS, len(names))):
            held = np.isin(owners, names[fold::_FOLDS])
            self._learn(eyes[~held], gaze[~held])
            errors[held] = np.hypot(*(self(eyes[held]) - gaze[held]).T)
        self.noise_degrees = float(errors.mean())
        self._learn(eyes, gaze)

    def _learn(self, eyes: np.ndarray, gaze: np.ndarray) -> None:
        self._learned = eyes.reshape(-1, FEATURES)
        self._mean = gaze.mean(0)
        aim = np.repeat(gaze - self._mean, 2, axis=0)
        kernel = _kernel(self._learned, self._learned)
        self._weights = np.linalg.solve(kernel + _RIDGE * np.eye(len(kernel)), aim)

    def __call__(self, eyes: np.ndarray) -> np.ndarray:
        """(N, 2, FEATURES) -> (N, 2) degrees right and up: the mean of the eyes that can be read, NaN without one."""
        flat = eyes.reshape(-1, FEATURES)
        read = np.full((len(flat), 2), np.nan)
        known = np.isfinite(flat).all(1)
        read[known] = self._mean + _kernel(flat[known], self._learned) @ self._weights
        both = read.reshape(-1, 2, 2)
        count = np.isfinite(both).all(2).sum(1)
        total = np.nansum(both, axis=1)
        return np.where(count[:, None] > 0, total / np.maximum(count, 1)[:, None], np.nan)


def _kernel(a: np.ndarray, b: np.ndarray) -> np.ndarray:
    squares = (a**2).sum(1)[:, None] + (b**2).sum(1) - 2 * a @ b.T
    return np.exp(-np.maximum(squares, 0) / (2 * _KERNEL**2))
