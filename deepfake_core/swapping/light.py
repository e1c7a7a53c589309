"""Light and tone: what is smooth in a face's picture, and what remains of the picture without it."""

from __future__ import annotations

import cv2
import numpy as np

LIGHT_SIZE = 32
"""Side of the small picture in which light is measured; it holds nothing finer."""
_SIGMA = 13.0 / 128.0 * LIGHT_SIZE
"""Of the low-pass, as the networks were taught."""
_FLOOR = 6.0


def measure(bgr: np.ndarray, weight: np.ndarray, sigma: float = _SIGMA) -> np.ndarray:
    """The smooth light on a face: masked Gaussian low-pass, float32 (32, 32, 3), 6..255.

    bgr: (S, S, 3) uint8 or float32 0..255; weight: float32 (S, S), 1 on the skin to measure, 0 elsewhere; sigma: of the
    low-pass, in 32nds of a side. The mean is one of levels, not of light: as a factor on levels is one on light, what
    is lit with it is lit in linear light.
    Measured twice: what is far darker or brighter than its surroundings (hair, glasses, a hand's shadow, a glint)
    counts little the second time. Where there is no skin near, the mean of all skin takes over smoothly.
    """
    size = (LIGHT_SIZE, LIGHT_SIZE)
    pixels = bgr.astype(np.float32)
    mass = cv2.resize(weight, size, interpolation=cv2.INTER_AREA)
    # Merged first: numpy multiplies pictures by a one-channel mask slowly.
    sums = cv2.resize(pixels * cv2.merge([weight] * 3), size, interpolation=cv2.INTER_AREA)
    light = _smooth(sums, mass, sigma)
    small = sums / np.maximum(mass, 1e-4)[..., None]
    ratio = small.mean(-1) / light.mean(-1)
    deviation = np.log(np.clip(ratio, 0.05, 20.0)) / np.log(1.5)
    trust = 1.0 / (1.0 + deviation**4)
    return _smooth(sums * trust[..., None], mass * trust, sigma)


def _smooth(sums: np.ndarray, mass: np.ndarray, sigma: float) -> np.ndarray:
    total = float(mass.sum())
    mean = sums.sum((0, 1)) / max(total, 1e-4) if total > 1e-3 else np.full(3, 128.0, np.float32)
    blurred = cv2.GaussianBlur(np.dstack([sums, mass]), (0, 0), sigma, borderType=cv2.BORDER_CONSTANT)
    prior = 0.02
    light = (blurred[..., :3] + prior * mean) / (blurred[..., 3:] + prior)
    return np.clip(light, _FLOOR, 255.0).astype(np.float32)


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
