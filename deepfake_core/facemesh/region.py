"""The rotated square around a face that the landmark network looks at, and the way there and back."""

from __future__ import annotations

import math
from typing import NamedTuple

import numpy as np

from deepfake_core.frame import Box

SCALE = 1.5
"""The square's side over the longer side of what it surrounds (mediapipe's RectTransformation)."""
MARGIN = 2
"""Pixels around the square that bilinear sampling may touch."""
RIGHT_EYE_CORNER, LEFT_EYE_CORNER = 33, 263


class Region(NamedTuple):
    """A rotated square: centre and side in pixels of the full frame, angle in radians, clockwise."""

    x: float
    y: float
    size: float
    angle: float

    def to_frame(self, side: int) -> np.ndarray:
        """The affine map, float64 (2, 3), from a crop of `side` pixels to the frame.

        As in mediapipe the crop's corner (0, 0), not the corner of its first pixel, is the square's corner.
        """
        scale, half = self.size / side, side / 2
        a, b = scale * math.cos(self.angle), scale * math.sin(self.angle)
        return np.array([[a, -b, self.x - half * (a - b)], [b, a, self.y - half * (b + a)]])

    def bounds(self, width: int, height: int) -> Box | None:
        """The upright box that sampling needs, clipped to the frame; None if it lies outside."""
        half = self.size / 2 * (abs(math.cos(self.angle)) + abs(math.sin(self.angle))) + MARGIN
        x0, y0 = max(math.floor(self.x - half), 0), max(math.floor(self.y - half), 0)
        x1, y1 = min(math.ceil(self.x + half) + 1, width), min(math.ceil(self.y + half) + 1, height)
        return Box(x0, y0, x1, y1) if x0 < x1 and y0 < y1 else None

    def moved(self, x: float, y: float) -> Region:
        """The same square, shifted by (x, y) pixels."""
        return self._replace(x=self.x + x, y=self.y + y)


def around(low: np.ndarray, high: np.ndarray, right: np.ndarray, left: np.ndarray) -> Region:
    """The region around the box `low`..`high` (x, y), turned so that `right` to `left` lies level.

    All are (2,) or longer, pixels of the frame; `right` and `left` are the subject's eyes.
    """
    x, y = (low[:2] + high[:2]) / 2
    size = float((high[:2] - low[:2]).max()) * SCALE
    return Region(float(x), float(y), size, math.atan2(left[1] - right[1], left[0] - right[0]))


def around_landmarks(landmarks: np.ndarray) -> Region:
    """Where to look in the next frame for the face with these landmarks, (468, 3)."""
    return around(landmarks.min(axis=0), landmarks.max(axis=0), landmarks[RIGHT_EYE_CORNER], landmarks[LEFT_EYE_CORNER])
