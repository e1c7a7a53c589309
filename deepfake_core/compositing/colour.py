"""The light on the driver's skin, and the identity's tone under it."""

from __future__ import annotations

import cv2
import numpy as np

from deepfake_core.compositing.view import FaceView
from deepfake_core.swapping import regions
from deepfake_core.swapping.alignment import transform_points
from deepfake_core.swapping.light import LIGHT_SIZE

SIGMA_CENTIMETRES = 2.2
"""Width of the low-pass: as in `swapping.light`, which takes the light out of what the networks are taught."""
SETTLING_SECONDS = 0.12
"""Time constant: the camera's noise and a shaking parser must not flicker on the face."""
FORGET_SECONDS = 0.5
"""After a gap this long the light is measured afresh."""
_CUT = 0.3
"""Change of the mean brightness (natural logarithm) from frame to frame that is a cut or a lamp switched on."""
_SIZE = 2 * LIGHT_SIZE
_FLOOR = 6.0
_LEAST_SKIN = 0.15
"""Share of the landmarks' skin polygon that the parser must call skin before it is believed."""
_LEAST_MASS = 0.04
"""Share of the square's skin below which the last light is kept: a hand covers the face."""
_DEVIATION = np.log(1.5)
_LUMINANCE = np.array([0.0722, 0.7152, 0.2126], np.float32)
_GAMMA = 2.2
_PRIOR = 0.02
_SKIN_LOGS = ((0.05, 0.9), (0.0, 0.9))
"""What ln R/G and ln G/B of skin's albedo can be: the Monk scale's ten tones lie inside. Beyond, the lamp is coloured."""
_OWN_BRIGHTNESS = 0.35
"""How far the identity's own brightness shows with its own tone (exponent of the ratio of the tones)."""
_BRIGHTNESS_LIMITS = (0.5, 2.2)
_BRIGHTEST = 225.0
"""Level above which the identity's own tone is not lifted: highlights need the rest."""

_TO_LINEAR = ((np.arange(256, dtype=np.float32) / 255.0) ** _GAMMA).astype(np.float32)


def linear(bgr: np.ndarray) -> np.ndarray:
    """Light of a uint8 picture: float32 0..1."""
    return cv2.LUT(bgr, _TO_LINEAR)


def encoded(light: np.ndarray) -> np.ndarray:
    """Levels 0..255, float32, of linear light 0..1."""
    return np.asarray(cv2.pow(np.maximum(light, 0), 1 / _GAMMA), np.float32) * np.float32(255.0)


class DriverLight:
    """Measures the smooth light on one driver's skin, frame by frame."""

    def __init__(self) -> None:
        self._light: np.ndarray | None = None
        self._seconds = float("-inf")

    def __call__(self, view: FaceView) -> np.ndarray:
        """The light over the drawn square: float32 (32, 32, 3), levels 6..255, smoothed over time.

        Low-pass of linear light over skin pixels alone. What deviates from its surroundings (glints, a shadow's rim, a
        beard's rim) counts little. Where there is no skin, the mean of all skin takes over smoothly.
        """
        weight = skin_weight(view, _SIZE)
        since, self._seconds = view.seconds - self._seconds, view.seconds
        known = self._light if 0 <= since <= FORGET_SECONDS else None
        if known is not None and weight.mean() < _LEAST_MASS:
            return known
        measured = measure(view.to_drawn(view.region, _SIZE), weight, SIGMA_CENTIMETRES * LIGHT_SIZE / view.centimetres)
        if known is not None:
            change = abs(float(np.log(measured.mean() / known.mean())))
            share = np.float32(1.0 - np.exp(-since / SETTLING_SECONDS)) if change < _CUT else np.float32(1.0)
            measured = known + share * (measured - known)
        self._light = measured
        return measured


def skin_weight(view: FaceView, size: int) -> np.ndarray:
    """Where the driver's own skin shows: float32 (size, size) over the drawn square, 0..1."""
    factor = size / view.drawn.reflectance.shape[0]
    grid = np.array([[factor, 0, (factor - 1) / 2], [0, factor, (factor - 1) / 2]])
    polygon = regions.skin(transform_points(grid, view.drawn.points), size)
    weight = polygon
    if view.parsing is not None:
        weight = cv2.min(polygon, view.parsing_on_drawn(view.parsing.skin, size))
        if cv2.sumElems(weight)[0] < _LEAST_SKIN * cv2.sumElems(polygon)[0]:
            hidden = view.parsing_on_drawn(view.parsing.occluder, size)
            weight = cv2.subtract(polygon, hidden)
    return weight.astype(np.float32) / np.float32(255.0)


def measure(bgr: np.ndarray, weight: np.ndarray, sigma: float) -> np.ndarray:
    """The smooth light: float32 (32, 32, 3), levels 6..255.

    bgr: uint8 (S, S, 3); weight: float32 (S, S), 1 on the skin to measure; sigma: of the low-pass, in 32nds of a side.
    """
    size = (LIGHT_SIZE, LIGHT_SIZE)
    # A burnt-out or black pixel says nothing of the lamp's colour.
    brightest = bgr.max(2)
    weight = weight * ((brightest < 253) & (brightest > 8))
    mass = cv2.resize(weight, size, interpolation=cv2.INTER_AREA)
    sums = cv2.resize(linear(bgr) * cv2.merge([weight] * 3), size, interpolation=cv2.INTER_AREA)
    light = _smooth(sums, mass, sigma)
    small = sums / np.maximum(mass, 1e-4)[..., None]
    ratio = (small @ _LUMINANCE) / (light @ _LUMINANCE)
    deviation = np.log(np.clip(ratio, 0.01, 100.0)) / (_GAMMA * _DEVIATION)
    trust = 1.0 / (1.0 + deviation**4)
    levels = encoded(_smooth(sums * trust[..., None], mass * trust, sigma))
    # The networks' reflectance is 1 in the mean of levels, not of light.
    trusted = mass * trust
    total = float(trusted.sum())
    if total > 1e-3:
        mean = (encoded(small) * trusted[..., None]).sum((0, 1)) / np.maximum(
            (levels * trusted[..., None]).sum((0, 1)), 1e-3
        )
        levels *= np.clip(mean, 0.8, 1.25).astype(np.float32)
    return np.clip(levels, _FLOOR, 255.0, out=levels)


def given(light: np.ndarray, tone: np.ndarray, amount: float) -> np.ndarray:
    """The light to give the identity: the driver's with its tone (amount 1) or with the identity's own (amount 0).

    light: float32 (32, 32, 3) from `DriverLight`; tone: float32 (3,) BGR levels of the identity's skin in white light.
    The own tone stands under the driver's lamps: their colours and their shape stay, and most of the brightness, so
    that a pale identity neither glows in the dark nor burns out beside a dark driver.
    """
    if amount >= 1:
        return light
    lamps = (light / np.float32(255.0)) ** np.float32(_GAMMA)
    driver = np.maximum(lamps.mean((0, 1)), 1e-4)
    own = np.maximum((tone / np.float32(255.0)) ** np.float32(_GAMMA), 1e-4)
    own = own * lamp_colour(driver)
    brightness = float(driver @ _LUMINANCE)
    lifted = np.clip((float(own @ _LUMINANCE) / brightness) ** _OWN_BRIGHTNESS, *_BRIGHTNESS_LIMITS)
    own *= brightness * lifted / float(own @ _LUMINANCE)
    levels = encoded(lamps * (own / driver))
    allowed = np.maximum(light.max(2, keepdims=True), _BRIGHTEST)
    levels *= np.minimum(1.0, allowed / np.maximum(levels.max(2, keepdims=True), 1.0))
    return (light + np.float32(1.0 - amount) * (levels - light)).astype(np.float32)


def lamp_colour(skin: np.ndarray) -> np.ndarray:
    """What of a skin's linear BGR, float32 (3,), no skin under white light can be: the lamps' tint, its green 1."""
    blue, green, red = np.log(skin)
    red_green, green_blue = red - green, green - blue
    tint_red = red_green - np.clip(red_green, *_SKIN_LOGS[0])
    tint_blue = -(green_blue - np.clip(green_blue, *_SKIN_LOGS[1]))
    return np.exp(np.array([tint_blue, 0.0, tint_red], np.float32))


def _smooth(sums: np.ndarray, mass: np.ndarray, sigma: float) -> np.ndarray:
    total = float(mass.sum())
    mean = sums.sum((0, 1)) / max(total, 1e-4) if total > 1e-3 else np.full(3, 0.2, np.float32)
    blurred = cv2.GaussianBlur(np.dstack([sums, mass]), (0, 0), sigma, borderType=cv2.BORDER_CONSTANT)
    return np.asarray((blurred[..., :3] + _PRIOR * mean) / (blurred[..., 3:] + _PRIOR), np.float32)
