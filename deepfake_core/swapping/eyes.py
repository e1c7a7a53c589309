"""The identity's eyeballs, that look where they are told, in the opening of its lids."""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np

from deepfake_core.facemesh import topology
from deepfake_core.swapping.square import Square

RADIUS = 1.1
"""Of an eyeball, cm of the canonical head: how far the iris lies from the point that it turns about."""
CORNERS = np.array([[33, 133], [362, 263]])
"""Of the subject's right and left eye."""
LOOPS = (np.array(topology.RIGHT_EYE), np.array(topology.LEFT_EYE))
PATCH_REACH = 1.25
"""Half the side of the iris's picture, in radii of the iris."""
_MOST_DEGREES = 45.0
_LID_SHADOW = 0.4
_SUBPIXEL = 4


@dataclass(frozen=True)
class Eyeballs:
    """What the eyes look like; rows are the subject's right and left eye."""

    iris: np.ndarray
    """uint8 (I, I, 4): BGR and matte of an iris that looks into the camera."""
    iris_radius: np.ndarray
    """float32 (1,), cm."""
    offsets: np.ndarray
    """float32 (2, 3), cm: from the middle of an eye's corners to the middle of the eyeball."""


def draw(
    picture: np.ndarray,
    eyeballs: Eyeballs,
    head: np.ndarray,
    gaze: np.ndarray | None,
    *,
    rotation: np.ndarray,
    square: Square,
    shut: np.ndarray,
) -> None:
    """Draw both irises into `picture`, uint8 (S, S, 3), inside the lids' openings.

    head: the identity's landmarks (468, 3) cm; gaze: float (2, 2) degrees to the picture's right and up, against the
    head, None or NaN straight ahead; rotation: canonical head to camera, without roll; shut: float (2,), how much of
    the shut eye's texture is shown.
    """
    degrees = np.zeros((2, 2)) if gaze is None else np.nan_to_num(gaze, nan=0.0)
    tangents = np.tan(np.radians(np.clip(degrees, -_MOST_DEGREES, _MOST_DEGREES)))
    for eye in range(2):
        opening = square.to_pixels(head[LOOPS[eye]] @ rotation.T)
        low, high = np.floor(opening.min(0)).astype(int) - 2, np.ceil(opening.max(0)).astype(int) + 3
        x0, y0 = np.clip(low, 0, square.size)
        x1, y1 = np.clip(high, 0, square.size)
        if x1 - x0 < 4 or y1 - y0 < 4 or shut[eye] > 0.99:
            continue
        to_square = iris_transform(eyeballs, eye, head, tangents[eye], rotation=rotation, square=square)
        to_square[:, 2] -= x0, y0
        size = (int(x1 - x0), int(y1 - y0))
        iris = cv2.warpAffine(eyeballs.iris, to_square, size, flags=cv2.INTER_LINEAR)
        mask = np.zeros((size[1], size[0]), np.uint8)
        outline = np.round((opening - (x0, y0)) * 2**_SUBPIXEL).astype(np.int32)
        cv2.fillPoly(mask, [outline], 255, cv2.LINE_AA, _SUBPIXEL)
        inside = mask.astype(np.float32) / 255.0
        reach = max(3, round(0.25 * (y1 - y0)) * 2 + 1)
        # The upper lid and its lashes shade what lies close below.
        lit = 1.0 - _LID_SHADOW * (1.0 - cv2.blur(inside, (reach, reach), borderType=cv2.BORDER_CONSTANT))
        share = iris[..., 3].astype(np.float32) / 255.0 * inside * np.float32(1.0 - shut[eye])
        part = picture[y0:y1, x0:x1]
        drawn = part + cv2.merge([share] * 3) * (iris[..., :3] * cv2.merge([lit] * 3) - part)
        part[:] = np.clip(drawn + 0.5, 0, 255)


def iris_transform(
    eyeballs: Eyeballs, eye: int, head: np.ndarray, tangents: np.ndarray, *, rotation: np.ndarray, square: Square
) -> np.ndarray:
    """float64 (2, 3): px of the iris's picture -> px of the square; tangents: (2,) of the gaze to the right and up."""
    direction = np.array([tangents[0], tangents[1], 1.0])
    direction /= np.linalg.norm(direction)
    across = np.cross([0.0, 1.0, 0.0], direction)
    across /= np.linalg.norm(across)
    up = np.cross(direction, across)
    middle = head[CORNERS[eye]].mean(0) + eyeballs.offsets[eye] + RADIUS * direction
    radius = float(eyeballs.iris_radius[0])
    corners = np.stack([middle, middle + radius * across, middle + radius * up]) @ rotation.T
    origin, right, top = square.to_pixels(corners)
    side = eyeballs.iris.shape[0]
    pixels = side / (2.0 * PATCH_REACH)
    linear = np.column_stack([right - origin, origin - top]) / pixels
    return np.column_stack([linear, origin - linear @ np.full(2, (side - 1) / 2)])
