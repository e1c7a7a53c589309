"""Random shapes of adult heads: everybody different, nobody a caricature, and older people look older."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from deepfake_core.synthetic.body import BodyShape
from deepfake_core.synthetic.traits import Traits

DetailAxes = Sequence[tuple[list[str], list[str]]]

YOUNGEST, OLDEST = 25.0, 90.0  # years at the ends of MakeHuman's adult age targets
SPREAD, LIMIT = 0.19, 0.45  # of a trait's weight: standard deviation, and the farthest that anybody goes
# Traits that look wrong at a quarter of what others bear, by a part of their name.
SUBTLE = (
    "fat", "age-", "ear-shape", "double-neck", "neck-scale-vert", "neck-trans", "trans-", "eye-scale", "push",
    "forehead-nubian", "temple", "septum", "flaring", "prognathism", "head-scale", "head-angle", "scale-depth",
    "jaw-drop", "middle-", "wing", "philtrum",
)  # fmt: skip
# What a resting face is, where MakeHuman's mean looks stern: brows a little higher and their inner ends up, eyes a
# little more open, corners of the mouth level. Added to the drawn value of the axis.
AT_REST = {
    "eyebrows/eyebrows-trans-up": 0.35, "eyebrows/eyebrows-angle-up": 0.32, "mouth/mouth-angles-up": 0.22,
    "eyes/l-eye-height1-incr": 0.1, "eyes/l-eye-height2-incr": 0.16, "eyes/l-eye-height3-incr": 0.1,
}  # fmt: skip
# What gravity does until 85: added in proportion to age, with a weight of its own for everybody.
AGEING = {
    "eyes/l-eye-bag-incr": 0.6, "eyes/l-eye-eyefold-down": 0.4, "mouth/mouth-angles-down": 0.16,
    "mouth/mouth-upperlip-volume-decr": 0.35, "mouth/mouth-lowerlip-volume-decr": 0.2,
    "mouth/mouth-laugh-lines-in": 0.45, "cheek/l-cheek-trans-down": 0.35, "neck/neck-double-incr": 0.45,
    "ears/l-ear-scale-incr": 0.2, "ears/l-ear-lobe-incr": 0.3, "nose/nose-point-down": 0.2, "head/head-age-incr": 0.35,
}  # fmt: skip

# Both sides of nobody's face are alike: MakeHuman's targets of asymmetry, and how many there are of each.
ASYMMETRY = {"brown": 2, "cheek": 2, "ear": 4, "eye": 8, "jaw": 3, "mouth": 2, "nose": 4, "temple": 2}
CROOKED = 0.22  # standard deviation of their weights


def random_shape(g: np.random.Generator, traits: Traits, detail_axes: DetailAxes) -> BodyShape:
    """The shape of an adult with these traits; `detail_axes` is `Body.detail_axes`."""
    ageing = float(np.clip((traits.age - 25) / 60, 0, 1))
    details: dict[str, float] = {}
    for positive, negative in detail_axes:
        x = float(np.clip(g.normal(0, SPREAD), -LIMIT, LIMIT))
        if any(word in positive[0] for word in SUBTLE):
            x *= 0.5
        sags = float(g.uniform(0.3, 1.0)) * ageing
        if not negative:  # a one-sided trait: absent in most people
            x = abs(x) * 0.5 if g.random() < 0.3 else 0.0
        x += AT_REST.get(positive[0], 0.0) + sags * AGEING.get(positive[0], 0.0)
        if negative:
            x -= AT_REST.get(negative[0], 0.0) + sags * AGEING.get(negative[0], 0.0)
        for name in positive if x >= 0 else negative:
            details[name] = abs(x)
    for place, count in ASYMMETRY.items():
        for k in range(1, count + 1):
            x = float(np.clip(g.normal(0, CROOKED), -2 * CROOKED, 2 * CROOKED))
            details[f"asym/asym-{place}-{k}-{'l' if x > 0 else 'r'}"] = abs(x)
    return BodyShape(
        gender=(0.9 if traits.sex == "male" else 0.08) + float(np.clip(g.normal(0, 0.05), -0.08, 0.08)),
        age=(traits.age - YOUNGEST) / (OLDEST - YOUNGEST),
        ancestry=traits.ancestry,
        muscle=float(g.uniform(0.35, 0.7)),
        weight=float(g.uniform(0.3, 0.75)),
        details=details,
    )
