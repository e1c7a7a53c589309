"""Facial expressions as weights of MakeHuman's face pose units: speech, gaze, lids, and random ones for stills."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

Expression = dict[str, float]

# Degrees that an eye turns at weight 1 of its pose units (face-poseunits.bvh).
GAZE_SIDE, GAZE_UP, GAZE_DOWN = 18.85, 19.8, 21.3
PULL = 0.75  # of both corners of the mouth
GAZE_LIMITS = (GAZE_SIDE, 0.8 * GAZE_UP)  # degrees to the side, up and down


def both(unit: str, weight: float) -> Expression:
    """A pose unit on both sides: "BrowDown" stands for LeftBrowDown and RightBrowDown, "MouthPullUp" for
    MouthLeftPullUp and MouthRightPullUp."""
    if unit.startswith("Mouth"):
        return {f"Mouth{side}{unit[5:]}": weight for side in ("Left", "Right")}
    return {f"{side}{unit}": weight for side in ("Left", "Right")}


# Mouth shapes of speech (visemes; the classes of the Preston Blair and MPEG-4 sets), at clear pronunciation.
VISEMES: dict[str, Expression] = {
    "rest": {},
    "aa": {"JawDrop": 0.55, **both("MouthPullSide", 0.1), "lowerLipDown": 0.1},
    "ae": {"JawDrop": 0.38, **both("MouthPullSide", 0.35), "UpperLipUp": 0.15},
    "eh": {"JawDrop": 0.26, **both("MouthPullSide", 0.3), "lowerLipDown": 0.12},
    "ee": {"JawDrop": 0.1, **both("MouthPullSide", 0.65), "UpperLipUp": 0.2, "lowerLipDown": 0.25},
    "oh": {"JawDrop": 0.36, "LipsKiss": 0.55, "UpperLipForward": 0.15},
    "oo": {"JawDrop": 0.16, "LipsKiss": 0.9, "UpperLipForward": 0.25, "lowerLipForward": 0.2},
    "er": {"JawDrop": 0.2, "LipsKiss": 0.4, "UpperLipUp": 0.15, "lowerLipDown": 0.12},
    "mbp": {"UpperLipBackward": 0.3, "lowerLipBackward": 0.3, "lowerLipUp": 0.3},
    "fv": {"lowerLipBackward": 0.55, "lowerLipUp": 0.35, "UpperLipUp": 0.4, "JawDrop": 0.05},
    "th": {"JawDrop": 0.2, "UpperLipUp": 0.15, "TongueUp": 0.5},
    "l": {"JawDrop": 0.3, "TongueUp": 0.9, "TonguePointUp": 0.4, **both("MouthPullSide", 0.15)},
    "sz": {"lowerLipDown": 0.4, "UpperLipUp": 0.25, **both("MouthPullSide", 0.35)},
    "sh": {"LipsKiss": 0.45, "UpperLipUp": 0.35, "lowerLipDown": 0.35, "UpperLipForward": 0.3},
    "kg": {"JawDrop": 0.24, "UpperLipUp": 0.15, "TongueUp": 0.3},
}
VOWELS = ("aa", "ae", "eh", "ee", "oh", "oo", "er")
CONSONANTS = ("mbp", "fv", "th", "l", "sz", "sh", "kg")

SMILES: dict[str, Expression] = {
    "closed": {**both("MouthPullUp", 0.6), **both("MouthPullSide", 0.25), **both("CheekUp", 0.4)},
    "teeth": {
        **both("MouthPullUp", 0.5), "UpperLipStretched": 0.7, "lowerLipDown": 0.3, **both("CheekUp", 0.6),
        **both("LowerLidUp", 0.3), "NasolabialDeepener": 0.3,
    },
    "laugh": {
        **both("MouthPullUp", 0.45), "UpperLipStretched": 0.8, "JawDropStretched": 0.4, **both("CheekUp", 0.8),
        **both("LowerLidUp", 0.45), "NasolabialDeepener": 0.4, **both("UpperLidClosed", 0.2),
    },
}  # fmt: skip
BROWS: dict[str, Expression] = {
    "raised": {**both("OuterBrowUp", 0.7), **both("InnerBrowUp", 0.6), **both("UpperLidOpen", 0.2)},
    "worried": {**both("InnerBrowUp", 0.8), **both("BrowDown", 0.2)},
    "frown": {**both("BrowDown", 0.7), **both("LowerLidUp", 0.15)},
    "left": {"LeftOuterBrowUp": 0.8, "LeftInnerBrowUp": 0.3, "RightBrowDown": 0.3},
    "right": {"RightOuterBrowUp": 0.8, "RightInnerBrowUp": 0.3, "LeftBrowDown": 0.3},
}
GRIMACES: dict[str, Expression] = {  # what people do with their faces beyond talking and smiling
    "wide open": {"JawDropStretched": 1.0, **both("OuterBrowUp", 0.3)},
    "yawn": {"JawDropStretched": 1.0, **both("UpperLidClosed", 0.75), **both("LowerLidUp", 0.4), "TongueDown": 0.4},
    "open": {"JawDrop": 1.0},
    "shout": {"JawDrop": 0.8, "UpperLipUp": 0.8, "lowerLipDown": 0.5, **both("BrowDown", 0.4)},
    "tongue out": {"JawDrop": 0.45, "TongueOut": 1.0, "lowerLipDown": 0.2},
    "tongue left": {"JawDrop": 0.5, "TongueOut": 0.9, "TongueLeft": 0.6},
    "tongue right": {"JawDrop": 0.5, "TongueOut": 0.9, "TongueRight": 0.6},
    "kiss": {"LipsKiss": 1.0, "UpperLipForward": 0.4, "lowerLipForward": 0.4},
    "puffed": {"CheeksPump": 0.9, "LipsKiss": 0.3},
    "sucked": {"CheeksSuck": 1.0, "LipsKiss": 0.5},
    "pressed": {"UpperLipBackward": 0.7, "lowerLipBackward": 0.7, "lowerLipUp": 0.3},
    "bared": {"UpperLipUp": 0.8, "lowerLipDown": 0.8, **both("MouthPullSide", 0.6)},
    "pout": {"lowerLipForward": 0.8, "lowerLipUp": 0.6, **both("MouthPullDown", 0.4), **both("InnerBrowUp", 0.4)},
    "disgust": {"NoseWrinkler": 0.9, "UpperLipUp": 0.6, **both("BrowDown", 0.4), **both("LowerLidUp", 0.4)},
    "mouth left": {"MouthMoveLeft": 0.9},
    "mouth right": {"MouthMoveRight": 0.9},
    "jaw left": {"ChinLeft": 0.8, "JawDrop": 0.15},
    "jaw right": {"ChinRight": 0.8, "JawDrop": 0.15},
    "surprise": {"JawDrop": 0.55, **both("OuterBrowUp", 0.9), **both("InnerBrowUp", 0.9), **both("UpperLidOpen", 0.8)},
}  # fmt: skip


def gaze(x: float, y: float) -> Expression:
    """Both eyes turned: x to the picture's right, y up, each -1..1."""
    units: Expression = {}
    for side in ("Left", "Right"):
        units[f"{side}Eyeturn{'Left' if x > 0 else 'Right'}"] = min(abs(x), 1.0)
        units[f"{side}Eye{'Up' if y > 0 else 'Down'}"] = min(abs(y), 0.8)
    return units


def look(right: float, up: float) -> Expression:
    """Both eyes turned against the head, in degrees to the picture's right and up, within `GAZE_LIMITS`."""
    return gaze(right / GAZE_SIDE, up / (GAZE_UP if up > 0 else GAZE_DOWN))


def gaze_of(expression: Mapping[str, float]) -> tuple[float, float]:
    """Where the eyes look, against the head: degrees to the picture's right and up, the mean of both."""

    def mean(unit: str) -> float:
        return (expression.get(f"Left{unit}", 0.0) + expression.get(f"Right{unit}", 0.0)) / 2

    right = (mean("EyeturnLeft") - mean("EyeturnRight")) * GAZE_SIDE
    return right, mean("EyeUp") * GAZE_UP - mean("EyeDown") * GAZE_DOWN


def lids(closed: float) -> Expression:
    """Both upper lids, 0 as they are to 1 closed."""
    return both("UpperLidClosed", closed)


def add(*expressions: Mapping[str, float]) -> Expression:
    """Sum of expressions, each pose unit at most 1."""
    total: Expression = {}
    for expression in expressions:
        for unit, weight in expression.items():
            total[unit] = min(1.0, total.get(unit, 0.0) + weight)
    return total


def within_reach(expression: Mapping[str, float]) -> Expression:
    """The same expression with the corners of the mouth pulled no farther than the skin reaches: beyond `PULL` in
    all, MakeHuman's jaw and teeth come through the chin."""
    tamed = dict(expression)
    for side in ("Left", "Right"):
        pulls = [unit for unit in (f"Mouth{side}PullUp", f"Mouth{side}PullSide") if unit in tamed]
        total = sum(tamed[unit] for unit in pulls)
        for unit in pulls:
            tamed[unit] *= min(1.0, PULL / max(total, PULL))
    return tamed


def scaled(expression: Mapping[str, float], strength: float) -> Expression:
    """The same expression, stronger or weaker; no unit above 1."""
    return {unit: min(1.0, weight * strength) for unit, weight in expression.items()}


def random_expression(g: np.random.Generator, library: Mapping[str, Mapping[str, float]]) -> Expression:
    """An expression for a still: neutral, talking, smiling, of MakeHuman's library or a grimace; with brows, lids
    and gaze of their own, and a little lopsided.

    `library` is `Body.expressions`.
    """
    kind = g.random()
    if kind < 0.24:
        base: Expression = {}
    elif kind < 0.52:
        base = scaled(_one_of(g, VISEMES), float(g.uniform(0.4, 1.15)))
        if g.random() < 0.3:
            base = add(base, scaled(_one_of(g, SMILES), float(g.uniform(0.2, 0.6))))
    elif kind < 0.7:
        base = scaled(_one_of(g, SMILES), float(g.uniform(0.3, 1.1)))
    elif kind < 0.82:
        base = scaled(_one_of(g, library), float(g.uniform(0.2, 0.9)))
    else:
        base = scaled(_one_of(g, GRIMACES), float(g.uniform(0.5, 1.0)))
    brows = scaled(_one_of(g, BROWS), float(g.uniform(0.2, 1.0))) if g.random() < 0.25 else {}
    lid = g.random()
    if lid < 0.07:
        closing = lids(float(g.uniform(0.85, 1.0)))
    elif lid < 0.14:
        closing = lids(float(g.uniform(0.2, 0.7)))
    elif lid < 0.18:
        side = ("Left", "Right")[g.integers(2)]
        closing = {f"{side}UpperLidClosed": float(g.uniform(0.8, 1.0)), f"{side}LowerLidUp": 0.4, f"{side}CheekUp": 0.5}
    else:
        closing = {}
    towards = g.normal(0, (6.0, 3.5)) if g.random() < 0.7 else g.uniform((-18, -13), (18, 12))
    return add(within_reach(_lopsided(g, add(base, brows))), closing, look(float(towards[0]), float(towards[1])))


def _one_of(g: np.random.Generator, expressions: Mapping[str, Mapping[str, float]]) -> Mapping[str, float]:
    names = sorted(expressions)
    return expressions[names[g.integers(len(names))]]


def _lopsided(g: np.random.Generator, expression: Expression) -> Expression:
    """One side moves a little more than the other, as in most faces."""
    tilt = float(np.clip(g.normal(0, 0.12), -0.35, 0.35))
    return {
        unit: min(1.0, weight * (1 + tilt if "Left" in unit else 1 - tilt if "Right" in unit else 1.0))
        for unit, weight in expression.items()
    }
