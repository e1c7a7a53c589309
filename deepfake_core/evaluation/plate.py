"""The background behind the head: what a head replacement must invent."""

from __future__ import annotations

import cv2
import numpy as np

BASELINE = "cv2.inpaint under the true head matte"
_RADIUS = 3
_MARGIN = np.ones((5, 5), np.uint8)


def inpaint(bgr: np.ndarray, head: np.ndarray) -> np.ndarray:
    """Fill the place of the head from its border: Telea 2004, the trivial plate until the product has its own.

    bgr: uint8 (S, S, 3); head: uint8 (S, S) matte. Returns uint8 (S, S, 3).
    """
    hole = cv2.dilate((head > 0).astype(np.uint8), _MARGIN)
    return np.asarray(cv2.inpaint(bgr, hole, _RADIUS, cv2.INPAINT_TELEA))
