"""Where the drawn face ends and the picture begins: the matte and its soft edge, and mixing in linear light."""

from __future__ import annotations

from functools import cache

import cv2
import numpy as np

from deepfake_core.compositing.view import DriverView, FaceView, Layer, warped
from deepfake_core.facemesh import topology
from deepfake_core.frame import Frame
from deepfake_core.scratch import scratch
from deepfake_core.swapping import regions

WIDEST = 0.16
"""Width of the feather at softness 1, as a part of the matte's smaller side."""
_UNKNOWN = 0.5
"""Between narrow (0) and wide (1), where there is no parsing."""


_FEATURES = (
    np.array([*topology.LEFT_EYEBROW, *topology.LEFT_EYE]),
    np.array([*topology.RIGHT_EYEBROW, *topology.RIGHT_EYE]),
    np.array([1, 4, 48, 64, 98, 115, 278, 294, 327, 344]),
    np.array(topology.LIPS_OUTER),
)
"""What must be covered whatever the parser sees: both brows with their eyes, nose, mouth."""
_LAG = 1.5
"""cm: how far beside the landmarks' face the performer's features are looked for."""
_CRISP, _HAZY = 2.0, 6.0
"""px of the drawn square: an edge so wide is left as it is, or made half as wide."""
_CROSS = cv2.getStructuringElement(cv2.MORPH_CROSS, (3, 3))
_LARGE = 1 << 16
"""Pixels from which on half the resolution does for what only corrects a matte."""
_RIM = 0.04
"""Part of the drawn square's side over which what it shows fades out at its edge."""


def covered(face_matte: np.ndarray, driver: np.ndarray) -> np.ndarray:
    """What of the drawn square replaces the driver's face: uint8 (S, S), before feather and occlusion.

    The identity's inner face and the whole of the driver's: nothing of the driver's features may show through, whatever
    the networks say of the identity. face_matte: uint8 (S, S), the drawn head's; driver: uint8 (S, S), `driver_face`.
    Raises ValueError where it is nothing.
    """
    whole = cv2.max(face_matte, driver)
    if not cv2.countNonZero(whole):
        raise ValueError("The drawn face covers nothing: its matte is empty.")
    return cv2.multiply(whole, _faded_rim(whole.shape[0]), scale=1 / 255)


def matte(view: FaceView, covered: np.ndarray) -> np.ndarray:
    """How much of the drawn face shows, before anything in front of it is cut out: uint8 (S, S) of the drawn square.

    covered: uint8 (S, S). `matte_size` scales it about its middle; `matte_softness` is the width of a feather, half
    inside and half outside, where skin goes on; against hair, neck, clothes and background there is none.
    """
    x, y, width, height = cv2.boundingRect(covered)
    settings = view.settings
    feather = settings.matte_softness * WIDEST * min(width, height)
    wide = _softened(covered, feather)
    if view.parsing is None:
        shown = cv2.addWeighted(wide, _UNKNOWN, covered, 1 - _UNKNOWN, 0)
    else:
        shown = mixed(tightened(covered), wide, _skin_beyond(view, covered, feather))
    size = settings.matte_size
    if size != 1:
        middle = np.array([x + (width - 1) / 2, y + (height - 1) / 2])
        about = np.array([[size, 0, middle[0] * (1 - size)], [0, size, middle[1] * (1 - size)]])
        shown = cv2.multiply(warped(shown, about, covered.shape[::-1]), _faded_rim(covered.shape[0]), scale=1 / 255)
    return shown


def tightened(covered: np.ndarray, most: float = 2.0) -> np.ndarray:
    """The matte, uint8 (S, S), with an edge up to 1 / `most` as wide: the networks' mattes are soft over several
    pixels, which would be a haze of skin before a bright wall."""
    half = np.ascontiguousarray(covered[::2, ::2])
    soft = cv2.countNonZero(cv2.inRange(half, 26, 229))
    inside = cv2.threshold(half, 127, 1, cv2.THRESH_BINARY)[1]
    length = cv2.countNonZero(cv2.morphologyEx(inside, cv2.MORPH_GRADIENT, _CROSS)) / 2
    width = 2 * soft / max(length, 1.0)
    steeper = 1.0 + (most - 1.0) * float(np.clip((width - _CRISP) / (_HAZY - _CRISP), 0, 1))
    levels = np.clip((np.arange(256) - 127.5) * steeper + 127.5, 0, 255).astype(np.uint8)
    return np.asarray(cv2.LUT(covered, levels))


def _skin_beyond(view: FaceView, covered: np.ndarray, feather: float) -> np.ndarray:
    """How much of what lies beyond the seam is skin: uint8 (S, S); covered: uint8 (S, S); feather: px."""
    beyond = cv2.bitwise_not(cv2.resize(covered, view.parsed_small[0].shape, interpolation=cv2.INTER_AREA))
    skin = cv2.min(beyond, view.parsed_small[0])
    radius = max(1, round(feather * len(view.parsed_small[0]) / len(covered)))
    kernel = (2 * radius + 1, 2 * radius + 1)
    around, of_skin = (cv2.blur(each, kernel).astype(np.float32) for each in (beyond, skin))
    share = np.clip(255.0 * of_skin / np.maximum(around, 1.0), 0, 255).astype(np.uint8)
    return cv2.resize(share, covered.shape[::-1], interpolation=cv2.INTER_LINEAR)


def driver_face(view: DriverView, step: int = 1) -> np.ndarray:
    """What must be covered of the driver: uint8 (S, S) of the drawn square, or every step'th of its px and rows.

    The landmarks' inner face as far as the parser sees a head, or something before it: where the landmarks reach over
    the background or the neck, nothing has to be covered. Brows, eyes, nose and mouth are covered whatever it sees, and
    where it sees them.
    """
    inner = view.drawn.driver_matte
    if step > 1:
        inner = np.ascontiguousarray(inner[::step, ::step])
    if view.parsing is None:
        return inner
    _, head, before, features = view.parsed_small
    size = inner.shape[::-1]
    seen = cv2.min(inner, cv2.resize(cv2.max(head, before), size, interpolation=cv2.INTER_LINEAR))
    small = cv2.resize(inner, head.shape, interpolation=cv2.INTER_AREA)
    beside = cv2.subtract(features, small)
    if cv2.countNonZero(beside):
        # Landmarks lag behind a fast face: what the parser sees of its brows, eyes and mouth goes too.
        reach = 2 * round(_LAG * len(head) / view.centimetres) + 1
        near = cv2.min(
            cv2.dilate(small, np.ones((reach, reach), np.uint8)), cv2.dilate(beside, np.ones((3, 3), np.uint8))
        )
        seen = cv2.max(seen, cv2.resize(near, size, interpolation=cv2.INTER_LINEAR))
    for part in _FEATURES:
        regions.fill_hull(seen, view.drawn.points[part, :2] / step)
    return seen


def mixed(below: np.ndarray, above: np.ndarray, share: np.ndarray) -> np.ndarray:
    """`above` where `share` is 255, `below` where it is 0: uint8 (h, w) each."""
    kept = cv2.multiply(below, cv2.bitwise_not(share), scale=1 / 255)
    return cv2.add(kept, cv2.multiply(above, share, scale=1 / 255))


def lay(frame: Frame, layer: Layer) -> None:
    """Mix a layer into the frame in linear light, in place; samples under matte 0 stay bit-exact."""
    matte = layer.matte
    if not cv2.countNonZero(matte):
        return
    x, y, width, height = cv2.boundingRect(cv2.inRange(matte, 1, 254))
    if width:
        below = frame.region(layer.box) if layer.below is None else layer.below
        if 2 * width * height < matte.size:
            soft = slice(y, y + height), slice(x, x + width)
            matte = matte.copy()
            # OpenCV is slow with parts of pictures.
            one, other, share = (np.ascontiguousarray(each[soft]) for each in (below, layer.bgr, matte))
            matte[soft] = for_levels(one, other, share)
        else:
            matte = for_levels(below, layer.bgr, matte, 2 if matte.size > _LARGE else 1)
    frame.blend(layer.box, layer.bgr, matte)


def for_levels(below: np.ndarray, above: np.ndarray, matte: np.ndarray, step: int = 1) -> np.ndarray:
    """The matte uint8 (h, w) that mixes the levels of two pictures as `matte` mixes their light.

    Of their brightness: with levels F over B and m of F, sqrt(m F^2 + (1 - m) B^2) = B + m' (F - B) for
    m' = m (F + B) / (sqrt(m F^2 + (1 - m) B^2) + B). 0 and 255 stay. step: m' - m is worked out at 1 / step of the
    resolution: it is as soft as the pictures are.
    """
    if step > 1:
        size = -(-matte.shape[1] // step), -(-matte.shape[0] // step)
        one, other, small = (cv2.resize(each, size, interpolation=cv2.INTER_AREA) for each in (below, above, matte))
        added = cv2.subtract(for_levels(one, other, small), small, dtype=cv2.CV_16S)
        large = cv2.resize(added, matte.shape[::-1], interpolation=cv2.INTER_LINEAR)
        result = cv2.add(matte, large, dtype=cv2.CV_8U)
        # Nothing stays nothing, and all all.
        cv2.bitwise_and(result, cv2.threshold(matte, 0, 255, cv2.THRESH_BINARY)[1], result)
        return cv2.max(result, cv2.threshold(matte, 254, 255, cv2.THRESH_BINARY)[1])
    shape = matte.shape
    over, under, share, light = (_floats(name, shape) for name in ("over", "under", "share", "light"))
    np.copyto(over, cv2.cvtColor(above, cv2.COLOR_BGR2GRAY, scratch("grey", shape)))
    np.copyto(under, cv2.cvtColor(below, cv2.COLOR_BGR2GRAY, scratch("grey", shape)))
    np.copyto(share, matte)
    under += np.float32(1e-3)
    cv2.subtract(over, under, light)
    cv2.add(over, under, over)
    cv2.multiply(light, over, light)
    cv2.multiply(light, share, light, scale=1 / 255)
    cv2.multiply(over, share, over)
    cv2.multiply(under, under, share)
    cv2.sqrt(cv2.add(light, share, light), light)
    return cv2.divide(over, cv2.add(light, under, light), dtype=cv2.CV_8U)


def _floats(name: str, shape: tuple[int, ...]) -> np.ndarray:
    return scratch(f"seam {name}", (*shape, 4)).view(np.float32)[..., 0]


@cache
def _faded_rim(side: int) -> np.ndarray:
    """255 inside a square of `side` px, falling to 0 at its edge: a forehead may go on beyond it."""
    place = (np.minimum(np.arange(side), np.arange(side)[::-1]) + 0.5) / (_RIM * side)
    ramp = np.clip(place, 0, 1)
    return (255 * np.minimum.outer(ramp, ramp)).astype(np.uint8)


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
