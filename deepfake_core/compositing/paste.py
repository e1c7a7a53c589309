"""Lays a drawn face into the picture: warped, feathered, and only where its matte says so."""

from dataclasses import dataclass

import cv2
import numpy as np

from deepfake_core.frame import Box, Frame
from deepfake_core.swapping import light, regions
from deepfake_core.swapping.swapper import DrawnHead, crop

# Below this many frame pixels per patch pixel a bilinear warp skips patch pixels, which flickers.
_REDUCE_BELOW = 0.75

# Width of the feather at softness 1, as a part of the matte's smaller side.
_WIDEST_FEATHER = 0.16


@dataclass(frozen=True)
class Patch:
    """What is laid in."""

    bgr: np.ndarray
    """uint8 (S, S, 3)."""
    matte: np.ndarray
    """uint8 (S, S), 255 where the patch replaces the picture."""
    crop_to_frame: np.ndarray
    """float64 (2, 3), affine, pixels of the patch to pixels of the frame (pixel centres are integers)."""


def lit(frame: Frame, drawn: DrawnHead, colour_match: float) -> Patch:
    """A drawn face in the driver's light; colour_match: as in `light.match`."""
    size = drawn.driver_matte.shape[0]
    driver = crop(frame, cv2.invertAffineTransform(drawn.crop_to_frame), size)
    skin = regions.skin(drawn.points, size).astype(np.float32) / 255.0
    given = light.match(light.measure(driver, skin), drawn.tone, colour_match)
    bgr = cv2.multiply(drawn.reflectance, light.enlarge(given, size), dtype=cv2.CV_8U)
    return Patch(bgr, drawn.driver_matte, drawn.crop_to_frame)


def paste(frame: Frame, patch: Patch, *, size: float = 1.0, softness: float = 0.5) -> None:
    """Blend ``patch`` into ``frame`` in place; pixels its matte does not reach stay bit-exact.

    ``size`` (0.8 to 1.2) scales the matte about its centre, never the face. ``softness`` (0 to 1) is the width of
    the feather: up to 16 % of the matte's smaller side, half of it inside the matte's edge and half outside, so
    that size and softness do not depend on each other. Parts outside the picture are left out.

    Raises ValueError where the patch would leave the performer's face as it is: an empty matte or a place that is
    not a number.
    """
    if not patch.matte.any() or not np.isfinite(patch.crop_to_frame).all():
        raise ValueError("The drawn face covers nothing: its matte is empty or its place is not a number.")
    bgr, matte, to_frame = _reduced(patch)
    inside = _bounds_of(matte)
    matte, reach = _feathered(matte, softness * _WIDEST_FEATHER * min(inside.width, inside.height))
    matte_to_frame = _scaled_about((inside.x0 + inside.x1 - 1) / 2, (inside.y0 + inside.y1 - 1) / 2, size, to_frame)
    grown = Box(inside.x0 - reach, inside.y0 - reach, inside.x1 + reach, inside.y1 + reach)
    box = frame.align(_bounds(grown, matte_to_frame))
    if not box.width or not box.height:
        return
    frame.blend(
        box,
        _warped(bgr, to_frame, box, cv2.BORDER_REPLICATE),
        _warped(matte, matte_to_frame, box, cv2.BORDER_CONSTANT),
    )


def _reduced(patch: Patch) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Colours, matte and transform of the patch, averaged down to about the frame's pixels if it is finer."""
    side = patch.matte.shape[0]
    scale = float(np.sqrt(abs(np.linalg.det(patch.crop_to_frame[:, :2]))))
    if scale >= _REDUCE_BELOW:
        return patch.bgr, patch.matte, patch.crop_to_frame
    small = max(2, round(side * scale))
    step = side / small
    # Centre of a small pixel in the patch: (x + 0.5) * step - 0.5.
    to_patch = np.array([[step, 0, (step - 1) / 2], [0, step, (step - 1) / 2]])
    return (
        cv2.resize(patch.bgr, (small, small), interpolation=cv2.INTER_AREA),
        cv2.resize(patch.matte, (small, small), interpolation=cv2.INTER_AREA),
        _after(patch.crop_to_frame, to_patch),
    )


def _feathered(matte: np.ndarray, width: float) -> tuple[np.ndarray, int]:
    """The matte with a soft edge about ``width`` px wide, and how far it now reaches out of its bounds, px."""
    radius = round(width / 4)
    if radius < 1:
        return matte, 0
    # Two boxes make a triangle: no visible kink at the ends of the feather, at a sixth of a Gaussian's price.
    # A matte that meets the patch's edge must end there: beyond, the patch has no colours.
    kernel = (2 * radius + 1, 2 * radius + 1)
    once = cv2.blur(matte, kernel, borderType=cv2.BORDER_CONSTANT)
    return cv2.blur(once, kernel, borderType=cv2.BORDER_CONSTANT), 2 * radius


def _warped(picture: np.ndarray, to_frame: np.ndarray, box: Box, border: int) -> np.ndarray:
    to_box = to_frame.copy()
    to_box[:, 2] -= box.x0, box.y0
    size = box.width, box.height
    return cv2.warpAffine(picture, to_box, size, flags=cv2.INTER_LINEAR, borderMode=border)


def _bounds(box: Box, to_frame: np.ndarray) -> Box:
    """The smallest box of frame pixels around ``box`` after the transform, one pixel wider for interpolation."""
    corners = np.array([[x, y, 1.0] for x in (box.x0 - 1, box.x1) for y in (box.y0 - 1, box.y1)])
    points = corners @ to_frame.T
    # What lies far outside only has to stay outside.
    low = np.clip(np.floor(points.min(0)), -1e6, 1e6).astype(int)
    high = np.clip(np.ceil(points.max(0)) + 1, -1e6, 1e6).astype(int)
    return Box(int(low[0]), int(low[1]), int(high[0]), int(high[1]))


def _scaled_about(x: float, y: float, scale: float, to_frame: np.ndarray) -> np.ndarray:
    return _after(to_frame, np.array([[scale, 0, x * (1 - scale)], [0, scale, y * (1 - scale)]]))


def _after(second: np.ndarray, first: np.ndarray) -> np.ndarray:
    """The affine transform (2, 3) that does ``first``, then ``second``."""
    return np.hstack([second[:, :2] @ first[:, :2], second[:, :2] @ first[:, 2:] + second[:, 2:]])


def _bounds_of(matte: np.ndarray) -> Box:
    """The smallest box that holds every pixel of the matte which is not 0; empty where there is none."""
    x, y, width, height = cv2.boundingRect(matte)
    return Box(x, y, x + width, y + height)
