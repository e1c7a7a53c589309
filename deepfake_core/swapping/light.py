"""Light and tone: what is smooth in a face's picture, and what remains of the picture without it."""

from __future__ import annotations

import cv2
import numpy as np

LIGHT_SIZE = 32
"""Side of the small picture in which light is measured; it holds nothing finer."""
_SIGMA = 13.0 / 128.0 * LIGHT_SIZE
"""Of the low-pass, as the networks were taught."""
_FLOOR = 6.0
_PRIOR = 0.02
_MEAN = np.full((1, 3), 1.0 / 3.0, np.float32)
_GLOSS = 0.035
"""How far highlights stand above a skin, times the part of the light that this skin gives back."""
_LUMINANCE = np.array([0.0722, 0.7152, 0.2126], np.float32)
_GAMMA = 2.2


def measure(bgr: np.ndarray, weight: np.ndarray, sigma: float = _SIGMA) -> np.ndarray:
    """The smooth light on a face: masked Gaussian low-pass, float32 (32, 32, 3), 6..255.

    bgr: (S, S, 3) uint8 or float32 0..255; weight: float32 (S, S), 1 on the skin to measure, 0 elsewhere; sigma: of the
    low-pass, in 32nds of a side. The mean is one of levels, not of light: as a factor on levels is one on light, what
    is lit with it is lit in linear light.
    Measured twice: what is far darker or brighter than its surroundings (hair, glasses, a hand's shadow, a glint)
    counts little the second time. Where there is no skin near, the mean of all skin takes over smoothly.
    """
    size = (LIGHT_SIZE, LIGHT_SIZE)
    weighted = cv2.multiply(bgr, cv2.cvtColor(weight, cv2.COLOR_GRAY2BGR), dtype=cv2.CV_32F)
    sums = cv2.resize(weighted, size, interpolation=cv2.INTER_AREA)
    mass = np.asarray(cv2.resize(weight, size, interpolation=cv2.INTER_AREA), np.float32)
    both = cv2.merge([*cv2.split(sums), mass])
    light = _smooth(both, sigma)
    ratio = cv2.transform(sums, _MEAN) / (np.maximum(mass, np.float32(1e-4)) * cv2.transform(light, _MEAN))
    deviation = np.asarray(cv2.log(np.clip(ratio, 0.05, 20.0)), np.float32) * np.float32(1.0 / np.log(1.5))
    deviation *= deviation
    trust = np.float32(1.0) / (np.float32(1.0) + deviation * deviation)
    return _smooth(both * cv2.merge([trust] * 4), sigma)


def _smooth(both: np.ndarray, sigma: float) -> np.ndarray:
    """The light float32 (32, 32, 3) of weighted colours and their weight, float32 (32, 32, 4)."""
    *sums, mass = cv2.sumElems(both)
    mean = [each / mass for each in sums] if mass > 1e-3 else [128.0] * 3
    blurred = cv2.GaussianBlur(both, (0, 0), sigma, borderType=cv2.BORDER_CONSTANT)
    blurred += np.array([*(_PRIOR * each for each in mean), _PRIOR], np.float32)
    light = blurred[..., :3] / blurred[..., 3:]
    return np.clip(light, _FLOOR, 255.0, out=light)


def enlarge(light: np.ndarray, size: int) -> np.ndarray:
    """A measured light as a smooth float32 (size, size, 3) picture."""
    return cv2.resize(light, (size, size), interpolation=cv2.INTER_CUBIC)


def reflectance(bgr: np.ndarray, light: np.ndarray) -> np.ndarray:
    """A picture without its light: float32 (S, S, 3), 0..2, about 1 on plain skin; light: from `measure`."""
    return without(bgr, enlarge(light, bgr.shape[0]))


def without(bgr: np.ndarray, light: np.ndarray) -> np.ndarray:
    """The same for a light that is float32 (S, S, 3) already."""
    # The light is at least _FLOOR, but the cubic may undershoot.
    floored = np.maximum(light, np.float32(1.0))
    ratio = np.asarray(cv2.divide(bgr, floored, dtype=cv2.CV_32F), np.float32)
    return np.clip(ratio, 0.0, 2.0, out=ratio)


def subdued(reflectance: np.ndarray, tone: np.ndarray) -> np.ndarray:
    """A face's reflectance (S, S, 3), 0..2, with highlights as weak as skin of another tone shows them: float32.

    tone: float32 (3,) BGR levels of that skin under white light. The light that glances off skin does not know its
    colour: the paler the skin, the less it stands above the rest.
    """
    most = _GLOSS / float((tone / np.float32(255.0)) ** np.float32(_GAMMA) @ _LUMINANCE)
    above = np.maximum(reflectance - np.float32(1.0), np.float32(0.0))
    weaker = above / np.sqrt(np.float32(1.0) + np.square(above * np.float32(1.0 / most)))
    return np.asarray(reflectance + (weaker - above), np.float32)
