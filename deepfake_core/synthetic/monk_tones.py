"""The Monk Skin Tone scale (Monk 2019; Google, skintone.google: the ten published sRGB values), and the colour that
skin of each tone has in even light.

The published swatches are what skin looks like in photographs, from nearly white to nearly black. No skin reflects
95 % or 2 % of the light: the reflectances here span what has been measured on people (about 5 to 60 %), in the
scale's order and hues, and a camera's contrast spreads them towards the swatches again.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

SWATCHES = (
    "f6ede4", "f3e7db", "f7ead0", "eadaba", "d7bd96", "a07e56", "825c43", "604134", "3a312a", "292420",
)  # fmt: skip
# CIELAB (D65) of the mean facial skin. Lightness: the swatches' own, drawn together around middle grey and made to
# fall from tone to tone (swatch 3 is a little lighter than 2). The palest and the darkest swatches are nearly grey;
# blood and melanin leave skin of these tones a little warmer.
_ALBEDO_LAB = np.array(
    [
        [78.5, 8.0, 12.0], [75.5, 8.5, 14.0], [72.5, 7.5, 18.0], [69.0, 8.0, 21.0], [63.0, 10.0, 24.5],
        [53.0, 12.0, 26.5], [43.0, 14.0, 23.0], [33.5, 13.5, 18.5], [25.0, 12.5, 16.5], [18.5, 10.5, 13.5],
    ]
)  # fmt: skip
_WITHIN = np.array([0.7, 0.9, 1.3])  # standard deviation within a tone
_TO_XYZ = np.array(
    [[0.4124564, 0.3575761, 0.1804375], [0.2126729, 0.7151522, 0.072175], [0.0193339, 0.119192, 0.9503041]]
)
_WHITE = _TO_XYZ.sum(axis=1)

Floats = npt.NDArray[np.float64]


def swatch(tone: int) -> tuple[int, int, int]:
    """The published sRGB value of a tone, 1 (lightest) to 10 (darkest), each 0..255."""
    red, green, blue = bytes.fromhex(SWATCHES[tone - 1])
    return red, green, blue


def skin_albedo(tone: int, spread: npt.ArrayLike = (0.0, 0.0, 0.0)) -> tuple[float, float, float]:
    """Mean reflectance of facial skin of a tone, linear RGB 0..1; `spread`: how far it lies from the tone's middle
    in lightness, red-green and yellow-blue, in standard deviations."""
    lab = _ALBEDO_LAB[tone - 1] + np.clip(spread, -2, 2) * _WITHIN
    red, green, blue = (float(x) for x in np.clip(lab_to_linear(lab), 0.004, 0.95))
    return red, green, blue


def lab_to_linear(lab: npt.ArrayLike) -> Floats:
    """CIELAB (D65) (..., 3) to linear sRGB, not clipped."""
    lightness, a, b = np.moveaxis(np.asarray(lab, float), -1, 0)
    y = (lightness + 16) / 116
    f = np.stack([y + a / 500, y, y - b / 200], axis=-1)
    xyz = np.where(f > 6 / 29, f**3, 3 * (6 / 29) ** 2 * (f - 4 / 29)) * _WHITE
    return np.asarray(xyz @ np.linalg.inv(_TO_XYZ).T)


def srgb_to_lab(srgb: npt.ArrayLike) -> Floats:
    """sRGB 0..255 (..., 3) to CIELAB (D65)."""
    coded = np.asarray(srgb, float) / 255
    linear = np.where(coded > 0.04045, ((coded + 0.055) / 1.055) ** 2.4, coded / 12.92)
    xyz = linear @ _TO_XYZ.T / _WHITE
    f = np.where(xyz > (6 / 29) ** 3, np.cbrt(xyz), xyz / (3 * (6 / 29) ** 2) + 4 / 29)
    x, y, z = np.moveaxis(f, -1, 0)
    return np.stack([116 * y - 16, 500 * (x - y), 200 * (y - z)], axis=-1)
