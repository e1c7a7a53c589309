"""Regions of the face in a crop, filled from landmarks: skin to measure light on, openings, the matte."""

from __future__ import annotations

import cv2
import numpy as np

from deepfake_core.facemesh import topology

_OVAL = np.array(topology.FACE_OVAL)
_EYES = (np.array(topology.RIGHT_EYE), np.array(topology.LEFT_EYE))
_LIPS = np.array(topology.LIPS_OUTER)
_MOUTH = np.array(topology.LIPS_INNER)
_SUBPIXEL = 4
_SKIN_SHRINK = 0.93
_FEATURES = np.array(
    [
        *topology.FEATURES,
        *(1, 2, 4, 5, 6, 48, 64, 98, 115, 129, 168, 195, 197, 278, 294, 327, 344, 358),  # nose
    ]
)
_MATTE_SHRINK = 0.93
_FEATURE_GROWTH = 1.06
_MOUTH_GROWTH = 1.2
EYE_VALUE = 96
MOUTH_VALUE = 192


def _polygon(points: np.ndarray) -> np.ndarray:
    limit = 2.0**14
    # np.clip takes longer than both for so few.
    bounded = np.minimum(np.maximum(points, -limit), limit)
    return np.rint(bounded * 2**_SUBPIXEL).astype(np.int32)


def fill_hull(mask: np.ndarray, points: np.ndarray, line: int = cv2.LINE_AA) -> None:
    """Fill the convex hull of points (N, 2), px, with 255, in place; mask: uint8 (h, w)."""
    cv2.fillConvexPoly(mask, _polygon(cv2.convexHull(points.astype(np.float32))[:, 0]), 255, line, _SUBPIXEL)


def skin(points: np.ndarray, size: int) -> np.ndarray:
    """Where a face's own light can be measured: uint8 (size, size), 255 inside the oval but for eyes and lips.

    points: float (468, >= 2) px of the crop. Shrunk a little, so that hair and background stay out.
    """
    xy = points[:, :2]
    mask = np.zeros((size, size), np.uint8)
    outline = _scaled(xy[_OVAL].astype(np.float32), _SKIN_SHRINK)
    fill_hull(mask, outline)
    # Polygons filled in one call cancel where they overlap; these never do.
    cv2.fillPoly(mask, [_polygon(xy[part]) for part in (*_EYES, _LIPS)], 0, cv2.LINE_AA, _SUBPIXEL)
    return mask


def eyes_and_mouth(points: np.ndarray, size: int) -> np.ndarray:
    """What the lids and lips leave open: uint8 (size, size), EYE_VALUE, MOUTH_VALUE or 0."""
    xy = points[:, :2]
    mask = np.zeros((size, size), np.uint8)
    cv2.fillPoly(mask, [_polygon(xy[eye]) for eye in _EYES], EYE_VALUE, cv2.LINE_AA, _SUBPIXEL)
    cv2.fillPoly(mask, [_polygon(xy[_MOUTH])], MOUTH_VALUE, cv2.LINE_AA, _SUBPIXEL)
    return mask


def features(points: np.ndarray, size: int) -> np.ndarray:
    """Eyes and the inside of the mouth: uint8 (size, size), 255 there, soft at their border.

    Lips are skin here: a dark face's lower lip is as bright as its cheeks, and so it is in any other tone.
    """
    xy = points[:, :2]
    mask = np.zeros((size, size), np.uint8)
    cv2.fillPoly(mask, [_polygon(xy[part]) for part in (*_EYES, _MOUTH)], 255, cv2.LINE_AA, _SUBPIXEL)
    width = 2 * (size // 100) + 1
    return cv2.blur(mask, (width, width))


def lips(points: np.ndarray, size: int) -> np.ndarray:
    """The lips alone: uint8 (size, size), 255 there, soft at their border, which lies beyond FaceMesh's outline."""
    outline = points[_LIPS, :2].astype(np.float32)
    middle = outline.mean(0)
    mask = np.zeros((size, size), np.uint8)
    seen = middle + np.array([1.0, _MOUTH_GROWTH], np.float32) * (outline - middle)
    cv2.fillPoly(mask, [_polygon(seen)], 255, cv2.LINE_AA, _SUBPIXEL)
    cv2.fillPoly(mask, [_polygon(points[_MOUTH, :2])], 0, cv2.LINE_AA, _SUBPIXEL)
    width = 2 * (size // 100) + 1
    return cv2.blur(mask, (width, width))


def mouth(points: np.ndarray, size: int) -> np.ndarray:
    """The lips and what lies between them: uint8 (size, size), 255 there, soft around them."""
    outline = points[_LIPS, :2].astype(np.float32)
    middle = outline.mean(0)
    mask = np.zeros((size, size), np.uint8)
    cv2.fillPoly(mask, [_polygon(middle + _MOUTH_GROWTH * (outline - middle))], 255, cv2.LINE_AA, _SUBPIXEL)
    width = 2 * (size // 40) + 1
    return cv2.blur(mask, (width, width))


def detail(points: np.ndarray, size: int) -> np.ndarray:
    """Where the finest detail of a drawn skin always fits: uint8 (size, size), 0 on eyes and lips, soft around them."""
    xy = points[:, :2]
    mask = np.full((size, size), 255, np.uint8)
    cv2.fillPoly(mask, [_polygon(xy[part]) for part in (*_EYES, _LIPS)], 0, cv2.LINE_AA, _SUBPIXEL)
    width = 2 * (size // 50) + 1
    return cv2.blur(cv2.erode(mask, np.ones((width, width), np.uint8)), (width, width))


def matte(points: np.ndarray, size: int, face_size: int | None = None) -> np.ndarray:
    """The whole inner face, forehead to jaw, without a hole: uint8 (size, size) with a soft edge.

    points: the DRIVER's landmarks (468, >= 2), px of the picture; face_size: side of the face's crop in it, px, for the
    width of the edge. Nothing of the driver's features may show through.
    The outline stays inside the face, so that a feather does not lay skin over the background beyond the jaw; brows,
    eyes, nose and mouth are covered with a margin even where they are the outline, as on a turned head.
    """
    xy = points[:, :2].astype(np.float32)
    outline = np.concatenate([_scaled(xy, _MATTE_SHRINK), _scaled(xy[_FEATURES], _FEATURE_GROWTH)])
    mask = np.zeros((size, size), np.uint8)
    fill_hull(mask, outline)
    width = 2 * ((face_size or size) // 100) + 1
    return cv2.blur(mask, (width, width))


def _scaled(points: np.ndarray, factor: float) -> np.ndarray:
    """The convex hull of points (N, 2), scaled about its middle."""
    hull = cv2.convexHull(points)[:, 0]
    middle = hull.mean(0)
    return middle + factor * (hull - middle)
