"""The upright square that a head is drawn in: the face's crop, alone or with the whole head around it."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from deepfake_core.swapping.alignment import CROP_CENTIMETRES, CROP_CENTRE, Pose

HEAD_FACTOR = 15 / 8
"""Side of the head's square over that of the face's."""
HEAD_CENTRE = np.array([0.0, -1.5, -3.0])
"""Point of the canonical head (cm) about in the middle of the head's square."""


def upright(pose: Pose) -> np.ndarray:
    """The pose's rotation (3, 3), canonical head to camera, less its roll: the crop is turned by that already."""
    up = pose.rotation[:, 1]
    length = max(float(np.hypot(up[0], up[1])), 1e-6)
    sine, cosine = up[0] / length, up[1] / length
    return np.array([[cosine, -sine, 0.0], [sine, cosine, 0.0], [0.0, 0.0, 1.0]]) @ pose.rotation


@dataclass(frozen=True)
class Square:
    """Side and place of the drawn square; made by `face_square` or `head_square`."""

    size: int
    """Px."""
    left: int
    top: int
    side: int
    """The face's crop in the square, px."""
    centimetres: float
    """Side of the face's crop on the canonical head."""
    middle: tuple[float, float]
    """Where the middle of the face's crop lies in the camera's axes, cm from the canonical head's origin, y up."""

    def to_camera(self, x: np.ndarray, y: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Pixels of the square -> cm to the right and up in the camera's axes, from the canonical head's origin."""
        step = self.centimetres / self.side
        centre = (self.side - 1) / 2
        return (x - self.left - centre) * step + self.middle[0], (centre + self.top - y) * step + self.middle[1]

    def to_pixels(self, points: np.ndarray) -> np.ndarray:
        """Points (N, >= 2) in the camera's axes, cm -> px of the square, (N, 2)."""
        factor = self.side / self.centimetres
        centre = (self.side - 1) / 2
        across = (points[:, 0] - self.middle[0]) * factor + centre + self.left
        return np.column_stack([across, centre + self.top - (points[:, 1] - self.middle[1]) * factor])

    @property
    def crop(self) -> Square:
        """The face's crop alone."""
        return Square(self.side, 0, 0, self.side, self.centimetres, self.middle)

    @property
    def face(self) -> tuple[slice, slice]:
        """Rows and columns of the face's crop."""
        return slice(self.top, self.top + self.side), slice(self.left, self.left + self.side)


def face_square(rotation: np.ndarray, side: int, centimetres: float = CROP_CENTIMETRES) -> Square:
    """The face's crop alone; rotation: from `upright`."""
    middle = rotation[:2] @ CROP_CENTRE
    return Square(side, 0, 0, side, centimetres, (float(middle[0]), float(middle[1])))


def head_square(rotation: np.ndarray, side: int) -> Square:
    """The whole head around the same crop, which lies in it on whole pixels; rotation: from `upright`."""
    face = face_square(rotation, side)
    size = round(side * HEAD_FACTOR)
    place = np.round((size - 1) / 2 - face.to_pixels((rotation @ HEAD_CENTRE)[None])[0])
    left, top = np.clip(place, 0, size - side).astype(int)
    return Square(size, int(left), int(top), side, face.centimetres, face.middle)
