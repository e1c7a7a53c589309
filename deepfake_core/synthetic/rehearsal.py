"""What a person shows the camera to become an identity: talk, turn, open the mouth, shut the eyes, smile."""

from __future__ import annotations

import numpy as np

from deepfake_core.synthetic.expressions import BROWS, GRIMACES, SMILES, Expression, add, lids, scaled, within_reach
from deepfake_core.synthetic.motion import POSE_LIMITS, Moment, Motion
from deepfake_core.synthetic.person import HeadPose

_TALKING = 0.9
"""Degrees and lips of the free motion while nothing is asked for."""
_RAMP = 0.35  # s
_ASKED: tuple[tuple[float, float, HeadPose, Expression], ...] = (
    (0.30, 0.05, HeadPose(yaw=30), {}),
    (0.355, 0.045, HeadPose(yaw=55), {}),
    (0.41, 0.05, HeadPose(yaw=-30), {}),
    (0.465, 0.045, HeadPose(yaw=-55), {}),
    (0.52, 0.035, HeadPose(pitch=20), {}),
    (0.56, 0.035, HeadPose(pitch=-20), {}),
    (0.60, 0.02, HeadPose(), {"JawDrop": 0.9, "UpperLipUp": 0.3, "lowerLipDown": 0.3}),
    (0.625, 0.02, HeadPose(yaw=22), {"JawDrop": 0.9}),
    (0.65, 0.02, HeadPose(yaw=-22), {"JawDrop": 0.9}),
    (0.675, 0.02, HeadPose(), GRIMACES["bared"]),
    (0.70, 0.025, HeadPose(), SMILES["teeth"]),
    (0.73, 0.02, HeadPose(), SMILES["laugh"]),
    (0.755, 0.018, HeadPose(), lids(1.0)),
    (0.78, 0.015, HeadPose(yaw=20), lids(1.0)),
    (0.80, 0.015, HeadPose(yaw=-20), lids(1.0)),
    (0.82, 0.02, HeadPose(), BROWS["raised"]),
    (0.845, 0.015, HeadPose(), BROWS["frown"]),
)
"""Begin and length as shares of the whole, pose and expression: in between the person talks."""


class Rehearsal:
    """`seconds` of a person who does what docs/own-identity.md asks for; the same seed moves in the same way."""

    def __init__(self, seconds: float, seed: int = 0) -> None:
        self._motion = Motion(seed, seconds, lively=0.8, talkative=0.75)
        self._seconds = seconds

    def moment(self, t: float) -> Moment:
        """Pose, expression and gaze at t seconds."""
        free = self._motion.moment(t)
        pose = np.array([free.pose.yaw, free.pose.pitch, free.pose.roll])
        asked: list[Expression] = []
        told = 0.0
        for begin, length, aim, expression in _ASKED:
            start, end = begin * self._seconds, (begin + length) * self._seconds
            strength = float(np.clip(min(t - start, end - t) / _RAMP + 0.5, 0.0, 1.0))
            strength = strength * strength * (3 - 2 * strength)
            pose = (1 - 0.7 * strength) * pose + strength * np.array([aim.yaw, aim.pitch, aim.roll])
            asked.append(scaled(expression, strength))
            told += strength if expression else 0.0
        limits = np.array(POSE_LIMITS)
        yaw, pitch, roll = limits * np.tanh(pose / limits)
        mouth = scaled(free.expression, _TALKING * max(0.0, 1.0 - told))
        return Moment(HeadPose(float(yaw), float(pitch), float(roll)), within_reach(add(mouth, *asked)), free.gaze)
