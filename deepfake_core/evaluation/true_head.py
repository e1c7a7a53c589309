"""A perfectly drawn head for head mode: the renderer's own, under its own light."""

from __future__ import annotations

import numpy as np

from deepfake_core.compositing.background import Background
from deepfake_core.compositing.head import HeadMode, Lamps
from deepfake_core.compositing.view import FaceView
from deepfake_core.evaluation.ground_truth import foreground
from deepfake_core.frame import Box
from deepfake_core.parsing.classes import FACE
from deepfake_core.swapping import regions
from deepfake_core.swapping.alignment import CROP_CENTIMETRES, fit_pose
from deepfake_core.swapping.swapper import DrawnHead

_BODY = 40
"""Difference of the mattes of person and head from which the body is behind the head's edge."""


class TrueBackground(Background):
    """A background of which everything is known."""

    def __init__(self) -> None:
        super().__init__()
        self.bgr = np.zeros((0, 0, 3), np.uint8)
        """uint8 (S, S, 3): the next frame's."""

    def read(self, box: Box) -> tuple[np.ndarray, np.ndarray]:
        """See `Background`."""
        part = self.bgr[box.y0 : box.y1, box.x0 : box.x1]
        return part.copy(), np.full(part.shape[:2], 255, np.uint8)


class TrueHead(HeadMode):
    """Head mode given the true picture of the head, and, if so asked, of the background; all else is the product's."""

    def __init__(self, *, before_truth: bool = False) -> None:
        super().__init__()
        self._true_background = TrueBackground()
        if before_truth:
            self._background = self._true_background
        self._picture = np.zeros((0, 0, 3), np.uint8)

    def show(self, truth: np.ndarray, plate: np.ndarray, alpha: np.ndarray, matte: np.ndarray) -> None:
        """Take the next frame's head: uint8 (S, S, 3) truth and plate; uint8 (S, S) mattes of the truth's person and of
        its head."""
        behind = np.where((alpha.astype(np.int16) - matte > _BODY)[..., None], truth, plate)
        self._picture = foreground(truth, behind, matte)
        self._true_background.bgr = plate

    def _lit(self, view: FaceView, lamps: Lamps) -> tuple[np.ndarray, np.ndarray]:
        part = slice(view.box.y0, view.box.y1), slice(view.box.x0, view.box.x1)
        return np.ascontiguousarray(self._picture[part]), np.ascontiguousarray(view.drawn.head_matte[part])


def true_head(matte: np.ndarray, labels: np.ndarray, points: np.ndarray) -> DrawnHead:
    """What `TrueHead` lays in, all but its colours: the drawn square is the frame, so nothing is resampled.

    matte, labels: uint8 (S, S), the truth's; points: (468, 3) px, the driver's landmarks.
    """
    size = matte.shape[0]
    pose = fit_pose(points)
    return DrawnHead(
        reflectance=np.ones((size, size, 3), np.float32),
        face_matte=np.where(np.isin(labels, FACE), 255, 0).astype(np.uint8),
        head_matte=matte,
        skin=np.full((size, size), 255, np.uint8),
        driver_matte=regions.matte(points, size),
        tone=np.full(3, 128.0, np.float32),
        crop_to_frame=np.eye(2, 3),
        pose=pose,
        points=points.astype(np.float64),
        face_square=(0, 0, round(CROP_CENTIMETRES * pose.scale)),
        head_mode=True,
    )
