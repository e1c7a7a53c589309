"""What is common to the masks of a performer's head: their size, and where the head stands in them."""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np

from deepfake_core.parsing.classes import Label
from deepfake_core.parsing.parsing import Parsing

SIZE = 128
"""Side of the masks, px: the parser knows no more."""
PAD = 32
"""How much further than the crop some masks reach on each side."""
WIDE = SIZE + 2 * PAD
MEAN = np.full((1, 3), 1 / 3, np.float32)
"""Of three channels, for `cv2.transform`."""
SQUARE = np.ones((3, 3), np.uint8)
CHIN = 152
"""Landmark at the chin's lowest point."""
EARS = [234, 454]
"""Landmarks before the ears: the neck stands below the middle between them, also where the head is turned."""


@dataclass
class Parsed:
    """What the parser says, at the masks' resolution. Whoever learns better may change the labels."""

    labels: np.ndarray
    """uint8 (128, 128); caps count as hair: smooth hair looks alike, and both go alike."""
    centimetre: float
    """Of the head, px."""
    chin: np.ndarray
    """(2,) px: its lowest point."""
    axis: float
    """Column below which the neck stands."""

    @classmethod
    def of(cls, parsing: Parsing, points: np.ndarray, centimetre: float) -> Parsed:
        """points: float (468, >= 2), the landmarks, and centimetre, both in px of the parser's crop."""
        step = parsing.labels.shape[0] // SIZE
        labels = parsing.labels[step // 2 :: step, step // 2 :: step].copy()
        labels[labels == Label.HAT] = Label.HAIR
        places = (points[:, :2] + 0.5) / step - 0.5
        return cls(labels, centimetre / step, places[CHIN], float(places[EARS, 0].mean()))

    def below_chin(self, distance: float = 0.0) -> int:
        """The row so many cm below the chin."""
        return int(np.clip(self.chin[1] + distance * self.centimetre, 0, SIZE))

    def disc(self, radius: float) -> np.ndarray:
        """To dilate or erode by, cm."""
        side = 2 * max(1, round(radius * self.centimetre)) + 1
        return cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (side, side))

    def near(self, mask: np.ndarray, distance: float) -> np.ndarray:
        """255 within so many cm of a mask, uint8: for distances at which dilating takes long."""
        far = cv2.distanceTransform(cv2.threshold(mask, 0, 255, cv2.THRESH_BINARY_INV)[1], cv2.DIST_L2, 3)
        return cv2.threshold(far, distance * self.centimetre, 255, cv2.THRESH_BINARY_INV)[1].astype(np.uint8)

    def share(self, count: float) -> float:
        """Pixels in cm2."""
        return float(count) / self.centimetre**2

    def only(self, *labels: Label) -> np.ndarray:
        """uint8 (128, 128): 1 where one of these is."""
        found = self.labels == labels[0]
        for label in labels[1:]:
            found |= self.labels == label
        return np.asarray(found, np.uint8)

    @property
    def neck(self) -> np.ndarray:
        """bool (128, 128)."""
        return np.asarray((self.labels == Label.NECK) | (self.labels == Label.NECKLACE))


def wide(matrix: np.ndarray) -> np.ndarray:
    """A transform (2, 3) of masks of the crop as one of those that reach beyond it."""
    matrix = matrix.copy()
    matrix[:, 2] -= matrix[:, :2] @ (PAD, PAD)
    return matrix


def widened(mask: np.ndarray, value: int = 0) -> np.ndarray:
    """A mask of the crop, uint8 (128, 128), as one that reaches beyond it, (192, 192): there it is `value`."""
    return cv2.copyMakeBorder(mask, PAD, PAD, PAD, PAD, cv2.BORDER_CONSTANT, value=value)
