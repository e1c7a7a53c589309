"""What goes with the performer's head, and what of it had the body behind it: masks in the parser's crop."""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np

from deepfake_core.parsing.classes import Label
from deepfake_core.parsing.parsing import Parsing

_WISPS = 0.7
"""cm beyond the parsed head that go with it: single hairs, and what a lens spreads of the head's edge."""
_MARGIN = 0.5
"""cm between what is taken for background and everything else."""
_COVERED = 24
"""Level of the soft head matte from which a pixel counts as part of the head."""
_NECK_FADE = 0.7
"""Half the width in cm of the soft end on the neck."""
_CHIN = 152
"""Landmark at the chin's lowest point."""
_NECK_HALF = 5.5
"""Half the width of a neck, cm."""
_NECK_REACH = 6.0
"""How far up behind the chin the neck goes on, cm."""
_TONED = 6.5
"""cm below the chin over which the new head's tone passes into the performer's own."""
_COARSE = 2
"""Pixels of the crop per pixel in which the body's outline is worked out."""


@dataclass(frozen=True)
class Removal:
    """uint8 (P, P) each, in the parser's crop."""

    removed: np.ndarray
    """Where nothing of the performer may be left: the head and a little beyond."""
    neck: np.ndarray
    """The neck, also above what is seen of it, where it was behind what goes."""
    clothes: np.ndarray
    """Clothes, also where they were behind what goes, as behind long hair on shoulders."""
    background: np.ndarray
    """255 where surely nothing of the performer is, else 0."""
    ramp: np.ndarray
    """How much of the new head's tone the neck takes, by its height."""

    @property
    def body(self) -> np.ndarray:
        """Neck or clothes."""
        return cv2.max(self.neck, self.clothes)


def removal(parsing: Parsing, driver: np.ndarray, points: np.ndarray, centimetre: float) -> Removal:
    """The masks of one frame.

    driver: uint8 (P, P), the performer's inner face by the landmarks, which goes whatever the parser says; points:
    float (468, >= 2), the landmarks; centimetre: of the head; all in px of the crop.
    """
    side = parsing.labels.shape[0]
    head = cv2.max(parsing.head, driver)
    empty = cv2.compare(parsing.labels, int(Label.BACKGROUND), cv2.CMP_EQ)
    covered = cv2.threshold(head, _COVERED, 255, cv2.THRESH_BINARY)[1]
    grown = cv2.dilate(covered, _disc(_WISPS * centimetre))
    # Where neck or clothes begin there are no wisps, and what is there shall stay sharp.
    removed = cv2.max(cv2.bitwise_and(grown, empty), covered)
    background = cv2.erode(cv2.bitwise_and(empty, cv2.bitwise_not(covered)), _disc(_MARGIN * centimetre))
    # On the neck nothing but a gradual change hides where a chin or a beard ended.
    side_px = 2 * max(1, round(_NECK_FADE * centimetre)) + 1
    fading = cv2.blur(cv2.blur(cv2.dilate(covered, _disc(_NECK_FADE * centimetre)), (side_px,) * 2), (side_px,) * 2)
    removed = cv2.max(cv2.blur(removed, (3, 3)), cv2.min(fading, parsing.neck))
    chin = points[_CHIN, :2]
    rows = (np.arange(side, dtype=np.float32)[:, None] - np.float32(chin[1])) / np.float32(_TONED * centimetre)
    ramp = np.clip(255.0 * (1.0 - rows), 0, 255).astype(np.uint8)
    hidden = _hidden_body(parsing.labels, covered, chin, centimetre)
    return Removal(removed, *hidden, background, np.broadcast_to(ramp, (side, side)))


def _hidden_body(
    labels: np.ndarray, removed: np.ndarray, chin: np.ndarray, centimetre: float
) -> tuple[np.ndarray, np.ndarray]:
    """Where what is removed lies before the neck, and where before clothes: uint8 (P, P) each.

    The neck goes on above what is seen of it, behind chin and jaw; where nothing is seen of it, above the collar.
    Clothes go on between two of their parts in a row, or one and the neck: long hair lies on shoulders.
    """
    cut = slice(_COARSE // 2, None, _COARSE)
    gone = removed[cut, cut] > 0
    seen = labels[cut, cut]
    neck = (seen == Label.NECK) | (seen == Label.NECKLACE)
    body = neck | (seen == Label.CLOTH)
    height, width = gone.shape
    column = np.broadcast_to(np.arange(width), gone.shape)
    row = np.broadcast_to(np.arange(height)[:, None], gone.shape)
    left = np.maximum.accumulate(np.where(gone, 0, column), axis=1)
    right = np.minimum.accumulate(np.where(gone, width - 1, column)[:, ::-1], axis=1)[:, ::-1]
    below = np.minimum.accumulate(np.where(gone, height - 1, row)[::-1], axis=0)[::-1]
    near = np.abs(column - chin[0] / _COARSE) < _NECK_HALF * centimetre / _COARSE
    near &= below - row < _NECK_REACH * centimetre / _COARSE
    visible = neck if neck.sum() > (centimetre / _COARSE) ** 2 else body
    above = gone & near & np.take_along_axis(visible, below, 0)
    between = gone & np.take_along_axis(body, left, 1) & np.take_along_axis(body, right, 1) & ~above
    # With what is seen of each, so that no soft edge lies between the two.
    return _enlarged(above | neck, labels.shape), _enlarged(between | (seen == Label.CLOTH), labels.shape)


def _enlarged(mask: np.ndarray, shape: tuple[int, ...]) -> np.ndarray:
    soft = cv2.blur(mask.astype(np.uint8) * 255, (3, 3))
    return cv2.resize(soft, shape[::-1], interpolation=cv2.INTER_LINEAR)


def _disc(radius: float) -> np.ndarray:
    side = 2 * max(1, round(radius)) + 1
    return cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (side, side))
