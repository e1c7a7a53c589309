"""A short performance that loops without a jump: head motion, speech, blinks, gaze and a smile."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from deepfake_core.synthetic.expressions import Expression, add, both, gaze, lids
from deepfake_core.synthetic.person import HeadPose

SECONDS = 9.0
BLINKS = (0.7, 2.9, 4.6, 7.6)  # s
TALKING = ((0.5, 2.6), (3.0, 5.3), (7.4, 8.4))  # s
SMILING = (5.5, 7.3)  # s
SYLLABLES = 4.4  # per second


@dataclass(frozen=True)
class Moment:
    """Pose and expression at one time of the performance."""

    pose: HeadPose
    expression: Expression


def moment(t: float) -> Moment:
    """The performance at t seconds; moment(t + SECONDS) is moment(t)."""
    turn = 2 * np.pi * t / SECONDS
    yaw = 24 * np.sin(turn) + 9 * np.sin(2 * turn + 0.6) + 3 * np.sin(5 * turn + 1.0)
    pitch = 1 + 5 * np.sin(2 * turn + 2.0) + 2.5 * np.sin(3 * turn) + 1.2 * np.sin(7 * turn + 0.5)
    roll = 4 * np.sin(turn + 1.2) + 2.5 * np.sin(3 * turn + 2.2)
    talking = max(_during(t, begin, end, 0.15) for begin, end in TALKING)
    smiling = _during(t, *SMILING, 0.35)
    blink = max(float(np.exp(-(((t % SECONDS) - at) ** 2) / (2 * 0.055**2))) for at in BLINKS)
    expression = add(
        _speech(t, talking),
        both("MouthPullUp", 0.12 + 0.75 * smiling),
        both("CheekUp", 0.6 * smiling),
        both("LowerLidUp", 0.3 * smiling),
        {"UpperLipUp": 0.45 * smiling},
        both("InnerBrowUp", 0.25 * _during(t, 0.4, 1.3, 0.25)),
        both("OuterBrowUp", 0.5 * _during(t, 0.4, 1.3, 0.25) + 0.4 * smiling),
        both("BrowDown", 0.35 * _during(t, 3.4, 4.3, 0.25)),
        lids(min(1.0, 1.15 * blink)),
        # The eyes stay with the camera for most of a turn of the head.
        gaze(float(np.clip(-yaw / 42, -0.7, 0.7)), float(np.clip(pitch / 40, -0.3, 0.3))),
    )
    return Moment(HeadPose(float(yaw), float(pitch), float(roll)), expression)


def _speech(t: float, strength: float) -> Expression:
    """Jaw and lips in a rhythm of syllables whose vowels change slowly."""
    syllable = 0.5 - 0.5 * np.cos(2 * np.pi * SYLLABLES * t)
    loudness = 0.65 + 0.35 * np.sin(2 * np.pi * 1.3 * t + 0.4)
    rounding = 0.5 + 0.5 * np.sin(2 * np.pi * 1.1 * t + 1.7)
    opening = float(strength * syllable * loudness)
    rounded, spread = opening * rounding, opening * (1 - rounding)
    return {
        "JawDrop": 0.62 * opening,
        "LipsKiss": 0.8 * float(rounded),
        "UpperLipUp": 0.45 * float(spread),
        "lowerLipDown": 0.35 * float(spread),
        "MouthLeftPullSide": 0.4 * float(spread),
        "MouthRightPullSide": 0.4 * float(spread),
    }


def _during(t: float, begin: float, end: float, ramp: float) -> float:
    """1 from begin to end, 0 elsewhere, with smooth ramps of `ramp` seconds on both sides."""
    t = t % SECONDS
    x = float(np.clip(min(t - begin, end - t) / ramp + 0.5, 0, 1))
    return x * x * (3 - 2 * x)
