"""Masks that keep still where the picture does: a filter over time without optical flow, and hysteresis.

Works in the crop that moves with the head, so that a head in motion is still in it.
"""

from __future__ import annotations

import cv2
import numpy as np

from deepfake_core.parsing.classes import Label
from deepfake_core.parsing.parsing import SIZE

SHARES_SIZE = SIZE // 2
"""Side of the network's answer in px."""
_REFERENCE_SIZE = SIZE // 4
_STILL = 4.0
_MOVED = 12.0
"""Of 255: below the first difference of two averages of 4 x 4 px it is noise, above the second all is new."""
_FOLLOW = 0.3
"""Part of a new answer that is taken where the picture keeps still."""
_HYSTERESIS = 38
"""Of 255: by so much another class has to be likelier before a pixel changes its class."""
_PRESENT = 0.15
"""A class whose share stays below this everywhere is not there."""


class Steadying:
    """The filter of one face."""

    def __init__(self) -> None:
        count, side = len(Label), SHARES_SIZE
        self._shares, self._change = (np.empty((count, side, side), np.float32) for _ in range(2))
        self._reference: np.ndarray | None = None
        self._labels = np.full((SIZE, SIZE), 255, np.uint8)

    def update(self, shares: np.ndarray, picture: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Take in one answer; returns the filtered shares, float32 (20, 128, 128), and labels uint8 (256, 256).

        shares: float32 (20, 128, 128), 0..1, summing to 1; picture: uint8 (256, 256, 3), what they were found in.
        Both results are overwritten by the next call.
        """
        seen = cv2.resize(picture, (_REFERENCE_SIZE, _REFERENCE_SIZE), interpolation=cv2.INTER_AREA)
        seen = seen.astype(np.float32)
        if self._reference is None:
            self._reference = seen
            np.copyto(self._shares, shares)
        else:
            follow = _follow(self._reference, seen)
            self._reference += follow[..., None] * (seen - self._reference)
            fine = cv2.resize(follow, (SHARES_SIZE, SHARES_SIZE), interpolation=cv2.INTER_LINEAR)
            np.subtract(shares, self._shares, out=self._change)
            self._change *= fine
            self._shares += self._change
        self._relabel()
        return self._shares, self._labels

    def _relabel(self) -> None:
        """The likeliest class of each pixel, the old one preferred."""
        # How likely a class is, in the upper bits, and which one it is, in the lower: the largest number wins.
        best = np.zeros((SIZE, SIZE), np.uint16)
        present = self._shares.reshape(len(Label), -1).max(axis=1) > _PRESENT
        for label in np.flatnonzero(present).tolist():
            share = cv2.resize(self._shares[label], (SIZE, SIZE), interpolation=cv2.INTER_LINEAR)
            levels = cv2.convertScaleAbs(share, alpha=254.0 - _HYSTERESIS, beta=1.0)
            held = cv2.inRange(self._labels, label, label)
            levels = cv2.add(levels, np.bitwise_and(held, _HYSTERESIS))
            np.maximum(best, (levels.astype(np.uint16) << 5) + np.uint16(31 - label), out=best)
        if present.any():
            np.subtract(31, best & 31, out=self._labels, casting="unsafe")


def _follow(reference: np.ndarray, seen: np.ndarray) -> np.ndarray:
    """How much of the new answer is taken, float32 (64, 64), of what was and is seen, float32 (64, 64, 3)."""
    difference = cv2.blur(np.abs(seen - reference).max(axis=2), (3, 3))
    moved = np.clip((difference - _STILL) / (_MOVED - _STILL), 0.0, 1.0)
    # What moves drags its surroundings along: edges are found over some pixels.
    return _FOLLOW + (1.0 - _FOLLOW) * cv2.dilate(moved, np.ones((5, 5), np.uint8))
