"""Who a random adult is, before any part is made: sex, age, ancestry and skin tone."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import numpy as np

AGES = (25.0, 85.0)  # years
TONES = 10
# Expected shares of MakeHuman's african, asian and caucasian shapes from the lightest to the darkest Monk tone.
_LIGHT, _DARK = np.array([0.05, 0.3, 0.65]), np.array([0.8, 0.15, 0.05])
_CONCENTRATION = 2.5


@dataclass(frozen=True)
class Traits:
    """Sex, age in years, shares of MakeHuman's (african, asian, caucasian) shapes (sum 1), and skin tone on
    the Monk scale, 1 (lightest) to 10 (darkest)."""

    sex: Literal["female", "male"]
    age: float
    ancestry: tuple[float, float, float]
    monk_tone: int


def random_traits(g: np.random.Generator, *, monk_tone: int | None = None, sex: str | None = None) -> Traits:
    """Sexes and Monk tones are drawn evenly; ancestry leans on the tone, loosely."""
    drawn_tone, drawn_sex = int(g.integers(1, TONES + 1)), ("female", "male")[g.integers(2)]
    tone = monk_tone or drawn_tone
    darkness = (tone - 1) / (TONES - 1)
    expected = (1 - darkness) * _LIGHT + darkness * _DARK
    african, asian, caucasian = g.dirichlet(expected * _CONCENTRATION)
    youngest, oldest = AGES
    return Traits(
        sex="male" if (sex or drawn_sex) == "male" else "female",
        age=float(youngest + (oldest - youngest) * g.beta(1.1, 1.8)),
        ancestry=(float(african), float(asian), float(caucasian)),
        monk_tone=tone,
    )
