"""The identity's eyeballs, that look where they are told, in the opening of its lids."""

from __future__ import annotations

import math
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
UPPER = np.array([topology.RIGHT_EYE[1:8], topology.LEFT_EYE[1:8]])
LOWER = np.array([topology.RIGHT_EYE[:8:-1], topology.LEFT_EYE[:8:-1]])
"""Pairs of landmarks of the upper and the lower lid, from one corner to the other."""
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
    lids: np.ndarray,
    shut: np.ndarray,
) -> None:
    """Draw both irises into `picture`, uint8 (S, S, 3), inside the lids' openings.

    head: the identity's landmarks (468, 3) cm; gaze: float (2, 2) degrees to the picture's right and up, against the
    head, None or NaN straight ahead; rotation: canonical head to camera, without roll; lids: float (2, 7), where they
    meet, see `IdentityHead.lid_lines`; shut: float (2,), how far they are drawn shut between the landmarks of the lids.
    """
    degrees = np.zeros((2, 2)) if gaze is None else np.nan_to_num(gaze, nan=0.0)
    tangents = np.tan(np.radians(np.clip(degrees, -_MOST_DEGREES, _MOST_DEGREES)))
    openings = square.to_pixels(head[np.concatenate(LOOPS)] @ rotation.T).reshape(2, -1, 2)
    upper, lower = openings[:, 1:8], openings[:, :8:-1]
    meeting = upper + lids[..., None] * (lower - upper)
    openings[:, 1:8] = upper + shut[:, None, None] * (meeting - upper)
    openings[:, :8:-1] = lower + shut[:, None, None] * (meeting - lower)
    lows = np.clip(np.floor(openings.min(1)).astype(int) - 2, 0, square.size)
    highs = np.clip(np.ceil(openings.max(1)).astype(int) + 3, 0, square.size)
    for eye, (low, high) in enumerate(zip(lows, highs, strict=True)):
        width, height = (high - low).tolist()
        if width < 4 or height < 4 or shut[eye] == 1.0:
            continue
        to_square = iris_transform(eyeballs, eye, head, tangents[eye], rotation=rotation, square=square)
        to_square[:, 2] -= low
        iris = cv2.warpAffine(eyeballs.iris, to_square, (width, height), flags=cv2.INTER_LINEAR)
        mask = np.zeros((height, width), np.uint8)
        outline = np.round((openings[eye] - low) * 2**_SUBPIXEL).astype(np.int32)
        cv2.fillPoly(mask, [outline], 255, cv2.LINE_AA, _SUBPIXEL)
        # The upper lid and its lashes shade what lies close below.
        reach = max(3, round(0.25 * height) * 2 + 1)
        shade = cv2.blur(mask, (reach, reach), borderType=cv2.BORDER_CONSTANT) * np.float32(_LID_SHADOW / 255.0)
        lit = cv2.merge([shade + np.float32(1.0 - _LID_SHADOW)] * 3)
        share = cv2.multiply(iris[..., 3], mask, scale=1.0 / 255.0**2, dtype=cv2.CV_32F)
        part = picture[low[1] : high[1], low[0] : high[0]]
        drawn = np.asarray(cv2.multiply(iris[..., :3], lit, dtype=cv2.CV_32F), np.float32)
        drawn -= part
        drawn *= cv2.merge([share] * 3)
        drawn += part
        part[:] = cv2.convertScaleAbs(drawn)


def iris_transform(
    eyeballs: Eyeballs, eye: int, head: np.ndarray, tangents: np.ndarray, *, rotation: np.ndarray, square: Square
) -> np.ndarray:
    """float64 (2, 3): px of the iris's picture -> px of the square; tangents: (2,) of the gaze to the right and up."""
    right, up = float(tangents[0]), float(tangents[1])
    # Three axes of an eyeball that looks along (right, up, 1): the third, then one level with the head, then the rest.
    length, flat = math.sqrt(right * right + up * up + 1.0), math.sqrt(right * right + 1.0)
    forward = np.array([right, up, 1.0]) / length
    across = np.array([1.0, 0.0, -right]) / flat
    above = np.array([-right * up, flat * flat, -up]) / (flat * length)
    middle = head[CORNERS[eye]].mean(0) + eyeballs.offsets[eye] + RADIUS * forward
    radius = float(eyeballs.iris_radius[0])
    corners = np.stack([middle, middle + radius * across, middle + radius * above]) @ rotation.T
    origin, side, top = square.to_pixels(corners)
    size = eyeballs.iris.shape[0]
    linear = np.column_stack([side - origin, origin - top]) * (2.0 * PATCH_REACH / size)
    return np.column_stack([linear, origin - linear @ np.full(2, (size - 1) / 2)])
