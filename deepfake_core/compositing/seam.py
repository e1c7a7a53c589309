"""Where the drawn face ends and the picture begins: the matte and its soft edge, and mixing in linear light."""

from __future__ import annotations

import cv2
import numpy as np

from deepfake_core.compositing.view import FaceView, Layer, after
from deepfake_core.frame import Frame

WIDEST = 0.16
"""Width of the feather at softness 1, as a part of the matte's smaller side."""
_NARROW = 0.25
"""Width of the feather where the face ends against something else than skin, as a part of the whole."""
_UNKNOWN = 0.5
"""Between narrow (0) and wide (1), where there is no parsing."""


def matte(view: FaceView) -> np.ndarray:
    """How much of the drawn face shows, before anything in front of it is cut out: uint8 (h, w) of the box.

    The identity's inner face and the whole of the driver's: nothing of the driver's features may show through, whatever
    the networks say of the identity. `matte_size` scales it about its middle; `matte_softness` is the feather's width,
    half of it inside and half outside, where skin goes on; against hair, neck, clothes and background it is a quarter.
    Raises ValueError where it covers nothing.
    """
    covered = cv2.max(view.drawn.face_matte, view.drawn.driver_matte)
    x, y, width, height = cv2.boundingRect(covered)
    if not width:
        raise ValueError("The drawn face covers nothing: its matte is empty.")
    settings = view.settings
    feather = settings.matte_softness * WIDEST * min(width, height)
    middle = np.array([x + (width - 1) / 2, y + (height - 1) / 2])
    size = settings.matte_size
    grown = after(view.drawn_to_box, np.array([[size, 0, middle[0] * (1 - size)], [0, size, middle[1] * (1 - size)]]))
    narrow = view.from_drawn(_softened(covered, _NARROW * feather), matrix=grown)
    wide = view.from_drawn(_softened(covered, feather), matrix=grown)
    if view.parsing is None:
        return cv2.addWeighted(wide, _UNKNOWN, narrow, 1 - _UNKNOWN, 0)
    # Skin all around: eroded by the feather's outer half, so that it does not reach over the skin's end.
    radius = max(1, round(feather * view.scale / 4))
    kernel = (2 * radius + 1, 2 * radius + 1)
    skin = cv2.max(view.from_parsing(view.parsing.skin), view.from_drawn(view.drawn.driver_matte))
    skin = cv2.blur(cv2.erode(skin, np.ones(kernel, np.uint8)), kernel)
    return mixed(narrow, wide, skin)


def mixed(below: np.ndarray, above: np.ndarray, share: np.ndarray) -> np.ndarray:
    """`above` where `share` is 255, `below` where it is 0: uint8 (h, w) each."""
    kept = cv2.multiply(below, cv2.bitwise_not(share), scale=1 / 255)
    return cv2.add(kept, cv2.multiply(above, share, scale=1 / 255))


def lay(frame: Frame, layer: Layer) -> None:
    """Mix a layer into the frame in linear light, in place; samples under matte 0 stay bit-exact."""
    if not cv2.countNonZero(layer.matte):
        return
    below = frame.region(layer.box)
    frame.blend(layer.box, mix(below, layer.bgr, layer.matte), cv2.threshold(layer.matte, 0, 255, cv2.THRESH_BINARY)[1])


def mix(below: np.ndarray, above: np.ndarray, share: np.ndarray) -> np.ndarray:
    """Two pictures uint8 (h, w, 3) mixed by a matte uint8 (h, w) in linear light.

    Light is taken as the square of the levels, which is near sRGB's curve and can be undone many times faster.
    """
    weight = share.astype(np.float32) * np.float32(1 / 255)
    under, over = below.astype(np.float32), above.astype(np.float32)
    cv2.multiply(under, under, under)
    cv2.multiply(over, over, over)
    light = cv2.blendLinear(over, under, weight, np.float32(1.0) - weight)
    return cv2.convertScaleAbs(cv2.sqrt(light, light))


def _softened(picture: np.ndarray, width: float) -> np.ndarray:
    """The matte with a soft edge about `width` px wide."""
    radius = round(width / 4)
    if radius < 1:
        return picture
    # Two boxes make a triangle: no visible kink at the ends of the feather, at a sixth of a Gaussian's price.
    # A matte that meets the square's edge must end there: beyond, there are no colours.
    kernel = (2 * radius + 1, 2 * radius + 1)
    once = cv2.blur(picture, kernel, borderType=cv2.BORDER_CONSTANT)
    return cv2.blur(once, kernel, borderType=cv2.BORDER_CONSTANT)
