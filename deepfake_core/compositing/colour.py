"""The light on the driver's skin, and the identity's tone under it."""

from __future__ import annotations

import cv2
import numpy as np

from deepfake_core.compositing.view import SMALL, DriverView, FaceView, after, warped
from deepfake_core.swapping import regions
from deepfake_core.swapping.alignment import transform_points
from deepfake_core.swapping.light import LIGHT_SIZE, enlarge, measure

SIGMA_CENTIMETRES = 2.2
"""Width of the low-pass: as in `swapping.light`, which takes the light out of what the networks are taught."""
SETTLING_SECONDS = 0.12
"""Time constant: the camera's noise and a shaking parser must not flicker on the face."""
FORGET_SECONDS = 0.5
"""After a gap this long the light is measured afresh."""
_CUT = 0.3
"""Change of the mean brightness (natural logarithm) from frame to frame that is a cut or a lamp switched on."""
_LEAST_SKIN = 0.15
"""Share of the landmarks' skin polygon that the parser must call skin before it is believed."""
_LEAST_MASS = 0.04
"""Share of the square's skin below which the last light is kept: a hand covers the face."""
_LUMINANCE = np.array([0.0722, 0.7152, 0.2126], np.float32)
_OWN_HUE = 0.25
"""Part of the identity's own hue that lips keep: with none they are violet on pale skin, with all of it scarlet."""
_GAMMA = 2.2
_RING_CENTIMETRES = 1.0
"""How far inside the seam the drawn skin is compared to the driver's."""
_RING_MASS = 0.08
_STEP_LIMITS = (0.6, 1.6)
_SKIN_LOGS = ((0.05, 0.9), (0.0, 0.9))
"""What ln R/G and ln G/B of skin's albedo can be: the Monk scale lies inside. Beyond, the lamp is coloured."""
_USUAL_SKIN = (0.4, 0.45)
WALL_ON_SKIN, WALL_ELSEWHERE = 0.2, 0.6
"""How much a wall that may be white tells of the lamps' colour against the driver's skin: little for other skin, much
for white hair."""
_WALL_LEVELS, _WALL_SPREAD = (100, 250), 0.12
"""Levels of the brightest channel of such a wall, and how far the darkest may be below it, as a part of it."""
_LEAST_WALL = 0.3
"""Share of the background that must look like that."""
_PALER, _DARKER = 0.35, 0.6
"""How far the identity's own brightness shows with its own tone (exponent of the ratio of the tones): a pale one must
not burn out beside a dark driver, but dark skin in a bright light is still dark."""
_BRIGHTNESS_LIMITS = (0.3, 2.2)
_LEAST_BESIDE, _MOST_BESIDE = 0.3, 2.0
"""Limits of the brightness of what is not skin, in light."""
_BRIGHTEST = 225.0
"""Level above which the identity's own tone is not lifted: highlights need the rest."""


class DriverLight:
    """Measures the smooth light on one driver's skin, frame by frame."""

    def __init__(self) -> None:
        self._light = _Settling()
        self._correction = _Settling()

    @property
    def value(self) -> np.ndarray | None:
        """The light as it was measured last."""
        return self._light.value

    def __call__(self, view: DriverView) -> np.ndarray:
        """The light over the drawn square: float32 (32, 32, 3), levels 6..255, smoothed over time.

        Low-pass over skin pixels alone. What deviates from its surroundings (glints, a shadow's rim, a
        beard's rim) counts little. Where there is no skin, the mean of all skin takes over smoothly.
        """
        weight = skin_weight(view)
        if weight.mean() < _LEAST_MASS and self._light.value is not None:
            return self._light.value
        measured = measure(view.filmed_small, weight, SIGMA_CENTIMETRES * LIGHT_SIZE / view.centimetres)
        return self._light.towards(measured, view.seconds)

    def at_seam(self, view: FaceView, light: np.ndarray, covered: np.ndarray) -> np.ndarray:
        """Factors on the light that leave no step at the seam: float32 (32, 32, 3), about 1, smoothed over time.

        light: float32 (32, 32, 3) from this; covered: uint8 (S, S), where the drawn face replaces the driver's. Along
        the inside of its edge the drawn skin is compared to the driver's, finer than the light is; inwards the factors
        fade to 1.
        """
        if view.parsing is None:
            return np.ones_like(light)
        size = (SMALL, SMALL)
        unit = SMALL / view.centimetres
        inside = cv2.resize(covered, size, interpolation=cv2.INTER_AREA)
        width = max(1, round(_RING_CENTIMETRES * unit))
        ring = cv2.subtract(inside, cv2.erode(inside, np.ones((2 * width + 1,) * 2, np.uint8)))
        known = cv2.resize(view.drawn.face_matte, size, interpolation=cv2.INTER_AREA)
        both = cv2.min(cv2.min(ring, known), view.skin_small)
        weight = both.astype(np.float32) / np.float32(255.0)
        drawn = cv2.resize(view.drawn.reflectance, size, interpolation=cv2.INTER_AREA) * enlarge(light, SMALL)
        filmed = view.filmed_small.astype(np.float32)
        weights = cv2.merge([weight] * 3)
        sums = np.dstack([filmed * weights, drawn * weights, weight])
        small = cv2.resize(sums, (LIGHT_SIZE, LIGHT_SIZE), interpolation=cv2.INTER_AREA)
        blurred = cv2.GaussianBlur(small, (0, 0), _RING_CENTIMETRES * LIGHT_SIZE / view.centimetres)
        ratio = (blurred[..., :3] + 1e-2) / (blurred[..., 3:6] + 1e-2)
        near = blurred[..., 6:] / (blurred[..., 6:] + np.float32(_RING_MASS))
        factors = np.clip(ratio, *_STEP_LIMITS) ** near
        return self._correction.towards(factors.astype(np.float32), view.seconds)


class _Settling:
    """A picture that follows what is measured with a time constant; a cut or a switched lamp is taken at once."""

    def __init__(self) -> None:
        self.value: np.ndarray | None = None
        self._seconds = float("-inf")

    def towards(self, measured: np.ndarray, seconds: float) -> np.ndarray:
        since, self._seconds = seconds - self._seconds, seconds
        if self.value is not None and 0 <= since <= FORGET_SECONDS:
            change = abs(float(np.log(measured.mean() / self.value.mean())))
            if change < _CUT:
                measured = self.value + np.float32(1.0 - np.exp(-since / SETTLING_SECONDS)) * (measured - self.value)
        self.value = measured
        return measured


def skin_weight(view: DriverView) -> np.ndarray:
    """Where the driver's own skin shows: float32 (64, 64) over the drawn square, 0..1."""
    size = SMALL
    factor = size / len(view.drawn.driver_matte)
    grid = np.array([[factor, 0, (factor - 1) / 2], [0, factor, (factor - 1) / 2]])
    polygon = regions.skin(transform_points(grid, view.drawn.points), size)
    weight = polygon
    if view.parsing is not None:
        weight = cv2.min(polygon, view.skin_small)
        if cv2.sumElems(weight)[0] < _LEAST_SKIN * cv2.sumElems(polygon)[0]:
            hidden = cv2.resize(view.parsed_small[2], (size, size), interpolation=cv2.INTER_AREA)
            weight = cv2.subtract(polygon, hidden)
    return weight.astype(np.float32) / np.float32(255.0)


def lit(view: FaceView, light: np.ndarray, correction: np.ndarray, matte: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """The drawn face under the driver's light, uint8 (h, w, 3) of the box, undefined off its matte, uint8 (h, w).

    light: float32 (32, 32, 3) from `DriverLight`; correction: factors on it; matte: uint8 (S, S) of the drawn square.
    Skin takes the driver's tone as far as `colour_match` says, lips its brightness and most of its hue; eyes,
    teeth, brows and hair keep the identity's colours.
    """
    drawn, amount = view.drawn, view.settings.colour_match
    lights = [given(light, drawn.tone, amount)]
    if amount > 0:  # else skin and the rest stand in the same light
        lights.append(beside_skin(light, drawn.tone, amount))
    # Only what is shown, and a little more for the warp.
    x, y, width, height = cv2.boundingRect(matte)
    x, y = max(0, x - 2), max(0, y - 2)
    part = slice(y, y + height + 4), slice(x, x + width + 4)
    large = [_enlarged(each * correction, len(matte))[part] for each in lights]
    if len(large) == 2:
        weight = drawn.skin[part].astype(np.float32) * np.float32(1 / 255)
        large[0] = np.asarray(cv2.blendLinear(large[0], large[1], weight, np.float32(1.0) - weight), np.float32)
        if drawn.lips is not None:
            _redden(large[0], drawn.lips[part], lights[1].mean((0, 1)) / lights[0].mean((0, 1)))
    bgr = cv2.multiply(drawn.reflectance[part], large[0], dtype=cv2.CV_8U)
    matrix = after(view.drawn_to_box, np.array([[1.0, 0.0, x], [0.0, 1.0, y]]))
    both = warped(cv2.merge([bgr, matte[part]]), matrix, (view.box.width, view.box.height), repeat=True)
    return cv2.cvtColor(both, cv2.COLOR_BGRA2BGR), cv2.extractChannel(both, 3)


def _redden(light: np.ndarray, lips: np.ndarray, own: np.ndarray) -> None:
    """Give lips a part of their own hue, in place: the red of dark skin's lips is violet beside pale skin.

    light: float32 (h, w, 3); lips: uint8 (h, w); own: (3,) BGR, the light beside skin over the one on skin.
    """
    x, y, width, height = cv2.boundingRect(lips)
    part = slice(y, y + height), slice(x, x + width)
    hue = (own / (own @ _LUMINANCE)) ** _OWN_HUE
    light[part] *= 1 + lips[part][..., None] * ((hue - 1) / 255).astype(np.float32)


def _enlarged(light: np.ndarray, size: int) -> np.ndarray:
    """A light as a picture float32 (size, size, 3): smooth as it is, a cubic may end at twice its size."""
    return cv2.resize(enlarge(light, 2 * LIGHT_SIZE), (size, size), interpolation=cv2.INTER_LINEAR)


def given(
    light: np.ndarray, tone: np.ndarray, amount: float, wall: np.ndarray | None = None, share: float = WALL_ON_SKIN
) -> np.ndarray:
    """The light to give the identity's skin: the driver's with its tone (amount 1) or with the identity's own (0).

    light: float32 (32, 32, 3) from `DriverLight`; tone: float32 (3,) BGR levels of the identity's skin in white light;
    wall: from `wall_colour`, where there is one; share: how much it counts.
    The own tone stands under the driver's lamps: their colours and their shape stay, and most of the brightness, so
    that a pale identity neither glows in the dark nor burns out beside a dark driver.
    """
    if amount >= 1:
        return light
    ratio = _brightness(light, tone)
    lifted = float(np.clip(ratio ** (_PALER if ratio > 1 else _DARKER), *_BRIGHTNESS_LIMITS))
    own = _in_own_tone(light, tone, lifted, lamp_colour(_linear(light)) if wall is None else _both(light, wall, share))
    return (light + np.float32(1.0 - amount) * (own - light)).astype(np.float32)


def beside_skin(light: np.ndarray, tone: np.ndarray, amount: float) -> np.ndarray:
    """The light for what is not skin, float32 (32, 32, 3); arguments as for `given`.

    Its reflectance is told against the identity's skin: beside a paler driver's it must be darkened, or eyes glare, and
    beside a darker driver's lifted, or teeth are brown. Lifted less: a driver may look dark because the room is.
    """
    ratio = _brightness(light, tone)
    share = max(ratio, _LEAST_BESIDE) if ratio < 1 else min(ratio**0.5, _MOST_BESIDE)
    full = _in_own_tone(light, tone, share, lamp_colour(_linear(light)))
    return (
        full
        if amount >= 1
        else (np.float32(amount) * full + np.float32(1 - amount) * given(light, tone, 0)).astype(np.float32)
    )


def _brightness(light: np.ndarray, tone: np.ndarray) -> float:
    """How much brighter the identity's skin is than the driver's, in light."""
    driver, own = (float(_linear(levels) @ _LUMINANCE) for levels in (light, tone))
    return own / driver


def _in_own_tone(light: np.ndarray, tone: np.ndarray, brightness: float, lamp: np.ndarray) -> np.ndarray:
    """The driver's lamps, of the colour `lamp`, on the identity's skin, `brightness` times as bright as there."""
    driver = _linear(light)
    own = _linear(tone) * lamp
    own *= brightness * float(driver @ _LUMINANCE) / float(own @ _LUMINANCE)
    # A factor on light is one on levels.
    levels = light * (own / driver) ** np.float32(1 / _GAMMA)
    allowed = np.maximum(light.max(2, keepdims=True), _BRIGHTEST)
    return np.asarray(levels * np.minimum(1.0, allowed / np.maximum(levels.max(2, keepdims=True), 1.0)), np.float32)


def _linear(levels: np.ndarray) -> np.ndarray:
    """Mean linear light, float32 (3,), of levels (..., 3)."""
    light = (levels / np.float32(255.0)) ** np.float32(_GAMMA)
    return np.maximum(light.reshape(-1, 3).mean(0), np.float32(1e-4))


def _both(light: np.ndarray, wall: np.ndarray, share: float) -> np.ndarray:
    """The lamps' colour of skin and wall, float32 (3,)."""
    return np.asarray(lamp_colour(_linear(light)) ** np.float32(1 - share) * wall ** np.float32(share))


def wall_colour(background: np.ndarray) -> np.ndarray | None:
    """The lamps' and the camera's tint, its green 1, as a wall that may be white shows it: linear BGR, float32 (3,).

    background: uint8 (N, 3), pixels of what is behind the driver. None where too little of it is bright and pale.
    """
    most, least = background.max(1, initial=0), background.min(1, initial=255)
    pale = (most > _WALL_LEVELS[0]) & (most < _WALL_LEVELS[1]) & (least > (1 - _WALL_SPREAD) * most)
    if np.count_nonzero(pale) <= _LEAST_WALL * len(background):
        return None
    linear = (background[pale].mean(0) / 255.0) ** _GAMMA
    return np.asarray(linear / linear[1], np.float32)


def lamp_colour(skin: np.ndarray) -> np.ndarray:
    """The lamps' and the camera's tint, its green 1, guessed from a skin's linear BGR, float32 (3,)."""
    blue, green, red = np.log(skin)
    tints = []
    for measured, limits, usual in zip((red - green, green - blue), _SKIN_LOGS, _USUAL_SKIN, strict=True):
        # Half of what is unusual is taken for the skin's, half for the lamp's or the camera's.
        own = 0.5 * (float(np.clip(measured, *limits)) + usual)
        tints.append(measured - own)
    return np.exp(np.array([-tints[1], 0.0, tints[0]], np.float32))
