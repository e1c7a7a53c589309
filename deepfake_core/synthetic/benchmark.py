"""The frozen benchmark: who is in it, and what they do. Its people are never trained on.

Nothing here may change without a new VERSION: measures are compared over years.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from deepfake_core.synthetic.traits import TONES, Traits, random_traits

VERSION = "2026-11.2"  # .2: vesper, whom the truth shows, was painted anew; people and motion are as before
FIRST_SEED = 2**40  # people of the benchmark have seeds from here on, people to train on lie below
SIZE = 256  # px
FRAMES = 60
# Twelve people over the ten tones of the Monk scale, six of each sex, the sexes spread over the tones.
_TONES_SEXES = (
    (1, "female"), (2, "male"), (3, "female"), (4, "male"), (5, "female"), (6, "male"),
    (7, "female"), (8, "male"), (9, "female"), (10, "male"), (10, "female"), (1, "male"),
)  # fmt: skip
SEQUENCES = len(_TONES_SEXES)
HARD_CASES = (
    "hand", "beard", "hat", "thin glasses", "sunglasses", "open mouth", "long dark hair", "profile", "bent head",
    "dim light", "microphone", "cup", "phone", "headset", "jewellery",
)  # fmt: skip
_STILLS_OF_CASE = 2 * TONES  # each tone and sex once
STILLS = len(HARD_CASES) * _STILLS_OF_CASE
_FIRST_STILL = FIRST_SEED + 1000


@dataclass(frozen=True)
class Still:
    """A person, and the hard case that the picture shows."""

    seed: int
    case: str


def actor(sequence: int) -> int:
    """Seed of the person of a sequence."""
    return FIRST_SEED + sequence


def still(number: int) -> Still:
    """The parsing still of a number below STILLS."""
    # All cases come early: a set that is cut short is a small picture of the whole.
    return Still(_FIRST_STILL + number, HARD_CASES[number % len(HARD_CASES)])


def definition() -> dict[str, Any]:
    """All that is frozen, for benchmark.json."""

    def person(seed: int) -> dict[str, Any]:
        return {"seed": seed, "monk_tone": traits(seed).monk_tone, "sex": traits(seed).sex}

    return {
        "name": "OBS Deepfake benchmark",
        "version": VERSION,
        "size": SIZE,
        "frames": FRAMES,
        "sequences": [person(actor(number)) for number in range(SEQUENCES)],
        "stills": [person(still(number).seed) | {"case": still(number).case} for number in range(STILLS)],
    }


def traits(seed: int) -> Traits:
    """Who the person of a seed is; the benchmark's are spread evenly over tones and sexes."""
    g = np.random.default_rng([seed, 0])
    if seed < FIRST_SEED:
        return random_traits(g)
    if seed < _FIRST_STILL:
        tone, sex = _TONES_SEXES[seed - FIRST_SEED]
    else:
        turn = (seed - _FIRST_STILL) // len(HARD_CASES)
        tone, sex = turn % TONES + 1, ("female", "male")[turn // TONES % 2]
    return random_traits(g, monk_tone=tone, sex=sex)
