"""Random facial expressions as weights of MakeHuman's face pose units."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

Expression = dict[str, float]

SPEECH: tuple[Expression, ...] = (  # mouth shapes between the grimaces of the library
    {"LipsKiss": 0.8},
    {"UpperLipUp": 0.6, "lowerLipDown": 0.6},
    {"MouthLeftPullSide": 0.6, "MouthRightPullSide": 0.6},
    {"MouthLeftPullUp": 0.7, "MouthRightPullUp": 0.7},
    {"MouthLeftPullUp": 0.6, "MouthRightPullUp": 0.6, "UpperLipUp": 0.7, "lowerLipDown": 0.3},
    {"lowerLipUp": 0.6, "ChinDown": 0.2},
)


def gaze(x: float, y: float) -> Expression:
    """Both eyes turned: x to the picture's right, y up, each -1..1."""
    units: Expression = {}
    for side in ("Left", "Right"):
        units[f"{side}Eyeturn{'Left' if x > 0 else 'Right'}"] = min(abs(x), 1.0)
        units[f"{side}Eye{'Up' if y > 0 else 'Down'}"] = min(abs(y), 0.8)
    return units


def lids(closed: float) -> Expression:
    """Both upper lids, 0 as they are to 1 closed."""
    return {"LeftUpperLidClosed": closed, "RightUpperLidClosed": closed}


def add(*expressions: Mapping[str, float]) -> Expression:
    """Sum of expressions, each pose unit at most 1."""
    total: Expression = {}
    for expression in expressions:
        for unit, weight in expression.items():
            total[unit] = min(1.0, total.get(unit, 0.0) + weight)
    return total


def random_expression(g: np.random.Generator, library: Mapping[str, Mapping[str, float]]) -> Expression:
    """A library expression at random strength, with independent speech, jaw, lids and gaze."""
    name = sorted(library)[g.integers(len(library))]
    base = _scaled(library[name], float(g.uniform(0.1, 1.0)))
    speech = _scaled(SPEECH[g.integers(len(SPEECH))], float(g.uniform(0, 1))) if g.random() < 0.4 else {}
    jaw = {"JawDrop": float(g.beta(1, 2.5) * 0.8)} if g.random() < 0.5 else {}
    closing = lids(float(g.uniform(0.5, 1.0))) if g.random() < 0.15 else {}
    x, y = g.normal(0, 0.35, 2)
    return add(base, speech, jaw, closing, gaze(float(x), float(y)))


def _scaled(expression: Mapping[str, float], strength: float) -> Expression:
    return {unit: weight * strength for unit, weight in expression.items()}
