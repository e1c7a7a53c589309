"""How people move before a camera: head, gaze, blinks, speech and passing expressions as functions of time.

Everything is built from steps that are smoothed with a Gaussian in time and from slow sine waves, so that each
value and its first derivatives are bounded. Rates and durations are those of people in conversation: blinks
(Bentivoglio et al. 1997, 17 a minute at rest; closing 0.1 s, opening 0.2 s), fixations and saccades (20 to 60 ms),
4 to 5 syllables a second.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from scipy.special import ndtr

from deepfake_core.synthetic.expressions import (
    BROWS,
    CONSONANTS,
    GAZE_LIMITS,
    SMILES,
    VISEMES,
    VOWELS,
    Expression,
    add,
    both,
    gaze_of,
    lids,
    look,
    scaled,
    within_reach,
)
from deepfake_core.synthetic.person import HeadPose

Floats = npt.NDArray[np.float64]

POSE_LIMITS = (85.0, 35.0, 30.0)  # degrees of yaw, pitch and roll
SACCADE, LIPS, JAW, LID_CLOSING, LID_OPENING = 0.016, 0.038, 0.055, 0.024, 0.05  # s: width of the smoothed steps
PASSING: tuple[tuple[str, Expression], ...] = (
    *((f"smile {name}", units) for name, units in SMILES.items()),
    ("smile closed", SMILES["closed"]),
    *((f"brows {name}", units) for name, units in BROWS.items()),
    ("brows raised", BROWS["raised"]),
    ("lips pressed", {"UpperLipBackward": 0.6, "lowerLipBackward": 0.6, "lowerLipUp": 0.2}),
    ("doubt", {"MouthMoveLeft": 0.5, "LeftBrowDown": 0.3, "RightOuterBrowUp": 0.4}),
    ("squint", {**both("LowerLidUp", 0.5), **both("UpperLidClosed", 0.25), **both("CheekUp", 0.3)}),
)
MOUTH_UNITS = sorted({unit for shape in VISEMES.values() for unit in shape})
_JAW = MOUTH_UNITS.index("JawDrop")
_TEMPER, _HEAD, _GAZE, _BLINK, _SPEECH, _PASSING = range(6)


@dataclass(frozen=True)
class Moment:
    """Head pose, weights of the pose units, and the eyes' turn against the head in degrees (picture's right, up)."""

    pose: HeadPose
    expression: Expression
    gaze: tuple[float, float]


class Steps:
    """A value that jumps at times (K,) to values (K, D) from `before`, each jump smoothed over `widths` (K,) s."""

    def __init__(self, times: Sequence[float], values: Sequence[Sequence[float]], widths: Sequence[float]) -> None:
        self._times = np.array(times, float)
        stacked = np.array(values, float).reshape(len(times), -1)
        self._jumps = np.diff(stacked, axis=0, prepend=np.zeros((1, stacked.shape[1])))
        self._widths = np.array(widths, float)

    def at(self, t: float) -> Floats:
        """The value (D,) at t seconds."""
        risen: Floats = ndtr((t - self._times) / self._widths)
        return risen @ self._jumps


class Motion:
    """`seconds` of motion of somebody whose temper comes from `seed`; the same seed moves in the same way,
    whatever the length.

    `lively` scales head motion, about 0.5 to 1.6 (None: drawn); `talkative` is the share of time spent talking,
    0 to 1 (None: drawn).
    """

    def __init__(
        self, seed: int, seconds: float = 60.0, *, lively: float | None = None, talkative: float | None = None
    ) -> None:
        def generator(stream: int) -> np.random.Generator:
            return np.random.default_rng([seed, 77, stream])

        g = generator(_TEMPER)
        drawn = float(g.uniform(0.5, 1.5)), float(g.uniform(0.25, 0.9))
        self.seconds = seconds
        self._lively = drawn[0] if lively is None else lively
        self._talkative = drawn[1] if talkative is None else talkative
        self._looks_around = g.random() < 0.25
        self._mood = scaled(SMILES["closed"], float(g.uniform(0, 0.25)))
        self._drift = _drift(generator(_HEAD), self._lively)
        self._turns, turn_times, turn_aims = self._plan_turns(np.random.default_rng([seed, 77, _HEAD, 1]))
        self._aims = self._plan_gaze(generator(_GAZE), turn_times, turn_aims)
        self._blinks = self._plan_blinks(generator(_BLINK))
        self._lips, self._jaw, self._voice = self._plan_speech(generator(_SPEECH))
        self._passing = self._plan_passing(generator(_PASSING))

    def moment(self, t: float) -> Moment:
        """Pose, expression and gaze at t seconds, 0 <= t <= `seconds`."""
        if not 0 <= t <= self.seconds:
            raise ValueError(f"The motion lasts from 0 to {self.seconds} s: {t} s is outside.")
        angles = self._drift_at(t) + self._turns.at(t)
        limits = np.array(POSE_LIMITS)
        yaw, pitch, roll = limits * np.tanh(angles / limits)
        aim = self._aims.at(t)
        # The eyes make up for the head (vestibulo-ocular reflex) as far as they reach. Pitch is down, gaze up.
        side, upward = GAZE_LIMITS
        right = side * np.tanh((aim[0] - yaw) / side)
        up = upward * np.tanh((aim[1] + pitch) / upward)
        mouth = self._lips.at(t)
        mouth[_JAW] = self._jaw.at(t)[0]
        speech = {unit: float(w) for unit, w in zip(MOUTH_UNITS, np.clip(mouth, 0, 1), strict=True) if w > 1e-4}
        passing = [scaled(units, float(max(steps.at(t)[0], 0.0))) for units, steps in self._passing]
        blink = lids(float(np.clip(self._blinks.at(t)[0], 0, 1)))
        face = within_reach(add(self._mood, speech, *passing))
        expression = add(face, blink, look(float(right), float(up)))
        return Moment(HeadPose(float(yaw), float(pitch), float(roll)), expression, gaze_of(expression))

    def _drift_at(self, t: float) -> Floats:
        """Slow sway of the head, and the small beats of a speaking one: degrees (3,)."""
        amplitude, frequency, phase = self._drift
        waves = (amplitude * np.sin(2 * np.pi * frequency * t + phase)).sum(axis=1)
        voice = float(self._voice.at(t)[0])
        beats = np.array([0.6, 1.1, 0.5]) * np.sin(2 * np.pi * np.array([1.3, 1.9, 0.9]) * t + phase[:, 0])
        return waves + self._lively * voice * beats

    def _plan_turns(self, g: np.random.Generator) -> tuple[Steps, list[float], list[Floats]]:
        """Head turns to something beside the camera and back."""
        times, values, widths, aims = [-1.0], [np.zeros(3)], [0.1], [np.zeros(2)]
        t = float(g.uniform(0, 5))
        while t < self.seconds + 3:
            reach = 62.0 if self._looks_around else 28.0
            yaw = float(g.uniform(0.3, 1.0) * reach * g.choice([-1, 1]) * min(self._lively, 1.2))
            turn = np.array([yaw, g.normal(0, 7) * self._lively, g.normal(0, 4) * self._lively])
            hold = float(g.uniform(0.6, 3.5))
            for at, value in ((t, turn), (t + hold, np.zeros(3))):
                times.append(at)
                values.append(value)
                # A faster turn of a larger angle, but never above about 150 degrees a second.
                widths.append(max(float(g.uniform(0.13, 0.3)), abs(yaw) / 380))
                follows = value is turn and g.random() < 0.6  # else the eyes stay with the camera
                aims.append(np.array([turn[0] * 1.15, -turn[1]]) if follows else np.zeros(2))
            t += hold + float(g.uniform(2.0, 9.0))
        return Steps(times, [list(v) for v in values], widths), times, aims

    def _plan_gaze(self, g: np.random.Generator, turn_times: list[float], turn_aims: list[Floats]) -> Steps:
        """Fixations: mostly the camera, else the screen or something farther away; the eyes lead the head."""
        times, aims = [-1.0], [np.zeros(2)]
        t = float(g.exponential(1.0))
        while t < self.seconds + 3:
            current = turn_aims[int(np.searchsorted(turn_times, t + 0.08, side="right")) - 1]
            where = g.random()
            spread = (0.7, 0.5) if where < 0.6 else (5.0, 3.5) if where < 0.88 else (14.0, 8.0)
            times.append(t)
            aims.append(current + g.normal(0, spread))
            t += float(np.clip(g.gamma(2.0, 0.5), 0.18, 5.0)) * (1.6 if where < 0.6 else 0.6)
        for at, aim in zip(turn_times[1:], turn_aims[1:], strict=True):
            times.append(at - 0.1)
            aims.append(aim)
        order = np.argsort(times)
        return Steps(np.array(times)[order].tolist(), np.array(aims)[order].tolist(), [SACCADE] * len(times))

    def _plan_blinks(self, g: np.random.Generator) -> Steps:
        """Blinks of about 0.3 s, 8 to 25 a minute, now and then a double or a half one."""
        times, closed, widths = [-1.0], [0.0], [0.1]
        every = 60 / float(g.uniform(8, 25))
        t = float(g.uniform(0.2, every))
        while t < self.seconds + 3:
            depth = 1.12 if g.random() < 0.9 else float(g.uniform(0.5, 0.8))
            shut = float(g.uniform(0.12, 0.17))
            times += [t, t + shut]
            closed += [depth, 0.0]
            widths += [LID_CLOSING, LID_OPENING]
            double = g.random() < 0.06
            t += 0.42 if double else 0.6 + float(g.gamma(2.0, max(every - 0.6, 0.8) / 2))
        return Steps(times, [[x] for x in closed], widths)

    def _plan_speech(self, g: np.random.Generator) -> tuple[Steps, Steps, Steps]:
        """Phrases of syllables with pauses: the lips' units, the jaw, and the voice (1 while talking)."""
        rest = [0.0] * len(MOUTH_UNITS)
        times, shapes = [-1.0], [rest]
        voice_times, voice = [-1.0], [0.0]
        t = float(g.uniform(0, 2))
        while t < self.seconds + 3 and self._talkative > 0:
            clear = float(g.uniform(0.55, 1.0))
            end = t + float(g.uniform(0.8, 5.0))
            voice_times += [t, end]
            voice += [1.0, 0.0]
            while t < end:
                stress = clear * float(g.uniform(0.6, 1.15))
                if g.random() < 0.85:
                    times.append(t)
                    shapes.append(_mouth(CONSONANTS[g.integers(len(CONSONANTS))], min(1.0, stress + 0.15)))
                    t += float(g.uniform(0.06, 0.12))
                times.append(t)
                shapes.append(_mouth(VOWELS[g.integers(len(VOWELS))], stress))
                t += float(g.uniform(0.08, 0.2)) * (1.7 if g.random() < 0.1 else 1.0)
            times.append(t)
            shapes.append(rest)
            pause = float(g.exponential(1.0)) * (1 - self._talkative) / self._talkative * 2.9
            t += 0.25 + min(pause, 12.0)
        lips = Steps(times, shapes, [LIPS] * len(times))
        jaw = Steps(times, [[shape[_JAW]] for shape in shapes], [JAW] * len(times))
        return lips, jaw, Steps(voice_times, [[x] for x in voice], [0.2] * len(voice))

    def _plan_passing(self, g: np.random.Generator) -> list[tuple[Expression, Steps]]:
        """Smiles, brow flashes and the like that come and go."""
        planned: dict[int, tuple[list[float], list[float], list[float]]] = {}
        t = float(g.uniform(0, 3))
        while t < self.seconds + 3:
            which = int(g.integers(len(PASSING)))
            brief = PASSING[which][0].startswith("brows")
            hold = float(g.uniform(0.4, 1.2) if brief else g.uniform(0.8, 3.5))
            strength = float(g.uniform(0.4, 1.0))
            begin, end = (float(g.uniform(0.07, 0.14)), 0.18) if brief else (float(g.uniform(0.14, 0.25)), 0.32)
            times, values, widths = planned.setdefault(which, ([-1.0], [0.0], [0.1]))
            times += [t, t + hold]
            values += [strength, 0.0]
            widths += [begin, end]
            t += hold + float(g.gamma(2.0, 1.6))
        return [
            (PASSING[which][1], Steps(times, [[x] for x in values], widths))
            for which, (times, values, widths) in sorted(planned.items())
        ]


def random_pose(g: np.random.Generator) -> HeadPose:
    """A head pose for a still: mostly towards the camera, now and then in profile, bent or tilted far."""
    kind = g.random()
    if kind < 0.6:
        yaw, pitch, roll = g.normal(0, (20.0, 9.0, 7.0))
    elif kind < 0.92:
        yaw, pitch, roll = g.uniform((-65, -28, -25), (65, 28, 25))
    else:
        yaw, pitch, roll = g.uniform((-90, -40, -40), (90, 40, 40))
    return HeadPose(float(np.clip(yaw, -90, 90)), float(np.clip(pitch, -40, 40)), float(np.clip(roll, -40, 40)))


def _drift(g: np.random.Generator, lively: float) -> tuple[Floats, Floats, Floats]:
    """Amplitudes in degrees, frequencies in Hz and phases (3, 7) of slow waves of yaw, pitch and roll."""
    frequency = np.geomspace(0.05, 0.9, 7) * g.uniform(0.85, 1.18, (3, 7))
    amplitude = g.rayleigh(0.6, (3, 7)) * np.array([[5.0], [2.6], [2.2]]) * (0.16 / (0.16 + frequency)) * lively
    return amplitude, frequency, g.uniform(0, 2 * np.pi, (3, 7))


def _mouth(viseme: str, strength: float) -> list[float]:
    shape = VISEMES[viseme]
    return [shape.get(unit, 0.0) * strength for unit in MOUTH_UNITS]
