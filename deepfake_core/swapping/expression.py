"""Eyes, mouth and smile of the identity as wide as the driver's, in each one's own terms."""

from __future__ import annotations

from collections import OrderedDict
from dataclasses import dataclass, field

import numpy as np

from deepfake_core.facemesh import topology
from deepfake_core.swapping.alignment import Pose
from deepfake_core.swapping.retargeting import Neutral, openings

MEASURES = 4
EYES, MOUTH, SMILE = slice(0, 2), 2, 3
_CORNERS, _MIDDLES = [61, 291], [0, 17]
_UPPER_LIP, _LOWER_LIP = np.array(topology.LIPS_INNER[1:10]), np.array(topology.LIPS_INNER[:10:-1])
_UPPER, _LOWER = [159, 386, 13], [145, 374, 14]
_LOWEST = np.array([0.05, 0.05, 0.0, -0.5], np.float32)
_HIGHEST = np.array([0.5, 0.5, 0.95, 1.1], np.float32)
_STEPS = 3
_LIP_LINE = 0.07
"""Cm between lips that touch: the line that is seen between them."""
JAW = 1.6
"""How far, in cm, the mouth's middle sinks below its corners for each width of the mouth that a jaw opens it, as
FaceMesh reads it of rendered people whose corners stay where they are."""
_GAIN = np.array([1.0, 1.0, 1.2, 1.2])
"""FaceMesh shows lips moving by less than they do; what it takes away is given back."""
_SMALL_GAIN = np.array([0.0, 0.0, 0.6, 0.0])
_SMALL, _USUAL = 4.3, 5.5
"""And so much more on faces of 4.3 px for each cm, none from 5.5 on: of 60 px wide faces half as much is read."""
_LARGE = np.array([1.0, 1.0, 0.25, 0.5])
"""How far a part moves until a gain is down to a third: a mouth that is wide open is not drawn wider."""
_SHUT, _DRAWN_SHUT, _CLOSING_POWER = 0.8, 0.73, 1.5
"""Part of the open eye as which shut lids are read, that at which they are drawn shut, and how they close between:
FaceMesh reads shut lids as 0.76 of the open eye, in a third of the pictures as more than 0.8, and most of what it reads
as 0.9 is open."""
_WIDEST = 1.1
"""Lids are drawn no wider than this times their opening at rest: beyond, the eyes stare."""
_ALIKE = 0.06
"""How much further one eye may be open than the other, as a share, before it counts as a wink: as much as FaceMesh is
off, which would show one eye shut beside an open one."""
_SMILED, _LIPS = 0.5, np.array([0.0, 0.03, 0.08, 0.16, 0.3])
_GRINNING, _FROWNING = np.array([0.0, 0.0, 0.034, 0.01, -0.025]), np.full(5, 0.03)
"""How much wider open lips with these openings are read on a face whose corners are drawn up, or down, by half a cm:
the mean over four drawn identities at three nods, which agree."""
_TOUCHING = 0.005
"""Widths of the mouth by which lips may part before it shows: FaceMesh's own noise shall not open the mouth."""
_MOST_UNUSUAL = np.array([0.35, 0.35, 0.025, 0.4])
"""How far a driver's lids (as a share), lips (in widths of the mouth) and smile (cm) at rest may be from what is
usual."""
RESPONSE_ROWS = 3
FITTED = ("driver_rest", "identity_rest", "directions")
"""The arrays of an `ExpressionMatch`."""
_ROW = (0, 0, 1, 2)
"""The row of a `Response` for each of the measures."""


def measures(head: np.ndarray) -> np.ndarray:
    """Openings of right eye, left eye and mouth, and the smile: (..., 468, 3) cm -> (..., 4).

    Openings as `retargeting.openings` gives them; the smile is how far the mouth's corners are drawn up, cm: `corners`
    less what a dropping jaw does to it.
    """
    found = openings(head)[..., :3]
    smile = corners(head) - JAW * found[..., MOUTH]
    return np.concatenate([found, smile[..., None]], axis=-1)


def corners(head: np.ndarray) -> np.ndarray:
    """How far the mouth's corners lie above its middle, cm: (..., 468, 3) cm -> (...)."""
    (right, left), (upper, lower) = _CORNERS, _MIDDLES
    return 0.5 * (head[..., right, 1] + head[..., left, 1] - head[..., upper, 1] - head[..., lower, 1])


def _signed(head: np.ndarray) -> np.ndarray:
    """`measures` of landmarks (468, 3) cm, below 0 for lips or lids that have gone through each other."""
    found = measures(head)
    found[:3] *= np.where(head[_UPPER, 1] < head[_LOWER, 1], -1.0, 1.0)
    return found


def _together(eyes: np.ndarray) -> np.ndarray:
    """Openings (2,) of both eyes, alike unless one of them winks."""
    apart = (eyes[0] - eyes[1]) / 2
    wink = np.sign(apart) * max(abs(apart) - _ALIKE / 2, 0.0)
    return eyes.mean() + np.array([wink, -wink])


@dataclass(frozen=True)
class Response:
    """What FaceMesh reads of an identity that is drawn with some measures; rows are eyes, mouth and smile.

    It hardly sees lids narrow until the iris goes, nor thin lips part, and of a raised head it reads lips twice as far
    apart as of a lowered one: each identity is drawn so that it reads what the driver's face asks for, with knots that
    are measured on its own drawn face.
    """

    pitches: np.ndarray
    """float32 (P,), rising, degrees: nods of the head that it was measured at."""
    asked: np.ndarray
    """float32 (3, K), rising: what is drawn."""
    read: np.ndarray
    """float32 (P, 3, K), rising: what is read then."""

    def reading(self, drawn: np.ndarray, pitch: float = 0.0) -> np.ndarray:
        """Measures (4,) that are read where measures (4,) are drawn on a head with this nod, degrees."""
        read = self._at(pitch)
        return np.array([np.interp(drawn[k], self.asked[row], read[row]) for k, row in enumerate(_ROW)])

    def drawn(self, reading: np.ndarray, pitch: float = 0.0) -> np.ndarray:
        """The other way round."""
        read = self._at(pitch)
        return np.array([np.interp(reading[k], read[row], self.asked[row]) for k, row in enumerate(_ROW)])

    def lips(self, reading: float, smile: float, pitch: float = 0.0) -> float:
        """How far lips are drawn apart for what is read of them on a face that smiles so many cm more than at rest."""
        share = min(abs(smile) / _SMILED, 1.0)
        asked, read = self.asked[_ROW[MOUTH]], self._at(pitch)[_ROW[MOUTH]]
        more = np.interp(asked, _LIPS, _GRINNING if smile > 0 else _FROWNING)
        return float(np.interp(reading, np.maximum.accumulate(read + share * more), asked))

    def _at(self, pitch: float) -> np.ndarray:
        """What is read at one nod, (3, K)."""
        place = float(np.interp(pitch, self.pitches, np.arange(len(self.pitches))))
        below = min(int(place), len(self.pitches) - 2)
        return np.asarray(self.read[below] + (place - below) * (self.read[below + 1] - self.read[below]))


def faithful() -> Response:
    """The response of a face of which is read what is drawn."""
    ends = np.stack([_LOWEST, _HIGHEST], axis=1)[1:]
    return Response(np.array([-1.0, 1.0], np.float32), ends, np.stack([ends, ends]))


@dataclass(frozen=True)
class ExpressionMatch:
    """How an identity's eyes, mouth and smile answer a driver's, measured on rendered pairs.

    The retargeter's regression draws every face towards the mean: shut lips stay ajar, lids stop half way, smiles
    shrink. Here lids and lips are moved until they measure what they should.
    """

    driver_rest: np.ndarray
    """float32 (4,), `measures` of usual drivers' faces at rest, lips together."""
    identity_rest: np.ndarray
    """float32 (4,), of the identity's."""
    directions: np.ndarray
    """float32 (4, 1404), cm: how the identity's landmarks move for one unit of each measure."""
    response: Response = field(default_factory=faithful, kw_only=True)

    def __call__(
        self, head: np.ndarray, measured: np.ndarray, neutral: Neutral | None = None, pose: Pose | None = None
    ) -> np.ndarray:
        """The identity's landmarks (468, 3) cm with the expression that a driver's measures (4,), read of a head with
        this pose, ask for."""
        return self.control(head, self.wanted(measured, neutral, pose))

    def wanted(self, measured: np.ndarray, neutral: Neutral | None = None, pose: Pose | None = None) -> np.ndarray:
        """Measures float32 (4,) of the identity for a driver's, as far as a face can have them."""
        pitch, scale = (pose.pitch_degrees, pose.scale) if pose is not None else (0.0, _USUAL)
        rest = self.driver_rest
        if neutral is not None:
            seen = measures(neutral.head)
            seen[EYES], seen[MOUTH] = neutral.lids, neutral.lips
            reach = _MOST_UNUSUAL * np.array([rest[0], rest[1], 1.0, 1.0])
            rest = rest + neutral.trust * (np.clip(seen, rest - reach, rest + reach) - rest)
        # FaceMesh reads lips that touch as a little open; drawn so, they would hang open.
        shut = self.identity_rest.copy()
        shut[SMILE] += JAW * shut[MOUTH]
        shut[MOUTH] = 0.0
        usual = self.response.reading(shut, pitch)
        moved = measured - rest
        moved[MOUTH] = np.sign(moved[MOUTH]) * max(abs(moved[MOUTH]) - _TOUCHING, 0.0)
        gain = _GAIN + _SMALL_GAIN * min(max((_USUAL - scale) / (_USUAL - _SMALL), 0.0), 1.0)
        reading = usual + moved * (1.0 + (gain - 1.0) * np.exp(-np.abs(moved) / _LARGE))
        lids = _together(measured[EYES] / rest[EYES])
        drawn_shut = shut.copy()
        drawn_shut[EYES] *= _DRAWN_SHUT
        closing = (np.maximum(1.0 - lids, 0.0) / (1.0 - _SHUT)) ** _CLOSING_POWER
        narrowed = closing * (usual - self.response.reading(drawn_shut, pitch))[EYES]
        reading[EYES] = usual[EYES] * np.maximum(lids, 1.0) - narrowed
        wanted = self.response.drawn(reading, pitch)
        wanted[MOUTH] = self.response.lips(reading[MOUTH], wanted[SMILE] - shut[SMILE], pitch)
        wanted[EYES] = np.minimum(wanted[EYES], _WIDEST * self.identity_rest[EYES])
        return np.clip(wanted, _LOWEST, _HIGHEST).astype(np.float32)

    def control(self, head: np.ndarray, wanted: np.ndarray) -> np.ndarray:
        """The identity's landmarks (468, 3) cm, moved so that they have these measures (4,)."""
        # The directions are straight, what they move is not: a lid's way ends, so it is asked again.
        for _ in range(_STEPS):
            missing = (wanted - _signed(head)).astype(np.float32)
            head = head + (missing @ self.directions).reshape(-1, 3)
        # Lips that touch at one place have gone through each other at others; a line stays between them.
        upper, lower = head[_UPPER_LIP, 1], head[_LOWER_LIP, 1]
        lacking = 0.5 * np.maximum(_LIP_LINE - (upper - lower), 0.0)
        head[_UPPER_LIP, 1] = upper + lacking
        head[_LOWER_LIP, 1] = lower - lacking
        return head


class DriverReader:
    """What each driver's face asks for, and what it looks like at rest.

    One for each filter. Its measures come without most of FaceMesh's noise: what is within it follows slowly, all else
    at once. The landmarks have been smoothed before, but an identity's response may ask for several times as much
    movement as was read.

    The face at rest is the mean of its calm pictures, frontal, lips together, eyes open. What its lips measure when
    they touch is learned from all frontal pictures, also of drivers who always talk.
    """

    _NOISE = np.array([0.012, 0.012, 0.012, 0.05])
    """Steps from one picture to the next that noise may make: twice what was seen on films."""
    _LEAST = 0.4
    """Share of a small step that is followed."""
    _FRONTAL_COSINE = 0.25
    _SHUT_MOUTH, _USUAL_SMILE, _SMILE_SPREAD = 0.12, 0.1, 0.45
    _OPEN_EYES = 0.16
    _LIDS_UP = 0.8
    """Eyes at rest are open: weight of pictures in which they are wider than known so far, the others have the rest."""
    _LIPS_UP = 0.1
    """And lips at rest are shut."""
    _ENOUGH, _LONGEST = 2.0, 400.0
    """Calm pictures after which the mean is believed, and over which it runs at most."""
    _DRIVERS = 8

    def __init__(self) -> None:
        self._known: OrderedDict[int, _Driver] = OrderedDict()

    def __call__(self, head: np.ndarray, pose: Pose, driver: int) -> tuple[np.ndarray, Neutral]:
        """The steadied `measures`, float64 (4,), of landmarks (468, 3) cm on the canonical head, and the face at rest.

        pose: of the head; driver: the number of its track.
        """
        measured = measures(head).astype(np.float64)
        known = self._known.pop(driver, None)
        if known is None:
            known = _Driver(measured, np.zeros_like(head, np.float32), measured[EYES], float(measured[MOUTH]))
        step = measured - known.steady
        known.steady = known.steady + step * np.clip(np.abs(step) / self._NOISE, self._LEAST, 1.0)
        self._learn(known, head, measured, pose)
        self._known[driver] = known
        if len(self._known) > self._DRIVERS:
            self._known.popitem(last=False)
        return known.steady, Neutral(known.head, known.lids, known.lips, min(known.calm / self._ENOUGH, 1.0))

    def _learn(self, known: _Driver, head: np.ndarray, measured: np.ndarray, pose: Pose) -> None:
        frontal, calm = self._weights(measured, pose)
        known.calm += calm
        known.frontal += frontal
        if known.calm > 0:
            share = calm / known.calm
            known.head = known.head + (head - known.head) * np.float32(share)
            known.lids = _expectile(known.lids, measured[EYES], share, self._LIDS_UP)
        if known.frontal > 0:
            known.lips = float(_expectile(known.lips, measured[MOUTH], frontal / known.frontal, self._LIPS_UP))
        known.calm, known.frontal = min(known.calm, self._LONGEST), min(known.frontal, self._LONGEST)

    def _weights(self, measured: np.ndarray, pose: Pose) -> tuple[float, float]:
        """How much a picture with these measures (4,) says about lips that touch, and about the whole face at rest,
        0..1."""
        right, left, mouth, smile = measured
        eyes = np.clip((min(right, left) - self._OPEN_EYES) / 0.04, 0.0, 1.0)
        frontal = np.exp((float(pose.rotation[2, 2]) - 1.0) / self._FRONTAL_COSINE)
        strange = (mouth / self._SHUT_MOUTH) ** 2 + ((smile - self._USUAL_SMILE) / self._SMILE_SPREAD) ** 2
        return float(frontal), float(eyes * frontal * np.exp(-strange))


@dataclass
class _Driver:
    """What is known so far of one driver, and of how many pictures."""

    steady: np.ndarray
    head: np.ndarray
    lids: np.ndarray
    lips: float
    calm: float = 0.0
    frontal: float = 0.0


def _expectile(known: np.ndarray | float, seen: np.ndarray, share: float, up: float) -> np.ndarray:
    """A step of a running expectile (Newey, Powell 1987): with `up` near 1 it lies near the upper end of what is seen,
    near 0 at the lower one, as the mean lies in the middle."""
    above = seen - known
    return np.asarray(known + 2.0 * share * np.where(above > 0, up, 1.0 - up) * above)
