"""Eyes, mouth and smile of the identity as wide as the driver's, in each one's own terms."""

from __future__ import annotations

from collections import OrderedDict
from dataclasses import dataclass

import numpy as np

from deepfake_core.swapping.alignment import Pose
from deepfake_core.swapping.retargeting import Neutral, openings

MEASURES = 4
EYES, MOUTH, SMILE = slice(0, 2), 2, 3
_CORNERS, _MIDDLES = [61, 291], [0, 17]
_UPPER, _LOWER = [159, 386, 13], [145, 374, 14]
_LOWEST = np.array([0.05, 0.05, 0.0, -0.5], np.float32)
_HIGHEST = np.array([0.5, 0.5, 0.95, 1.3], np.float32)
_STEPS = 3
_GAIN = np.array([1.0, 1.0, 1.3, 1.5])
"""FaceMesh shows lips moving by less than they do, on small faces most; what it takes away is given back. It reads a
blink in a face of 60 px as 0.78 of the open eye, and there the drawn lids meet: with more, narrowed eyes would be shut.
"""
_WIDEST = 1.1
"""Lids are drawn no wider than this times their opening at rest: beyond, the eyes stare."""
_ALIKE = 0.06
"""How much further one eye may be open than the other, as a share, before it counts as a wink: as much as FaceMesh is
off, which would show one eye shut beside an open one."""
_MOST_UNUSUAL = np.array([0.35, 0.35, 1.0, 0.4])
"""How far a driver's lids (as a share) and smile (cm) at rest may be from what is usual."""


def measures(head: np.ndarray) -> np.ndarray:
    """Openings of right eye, left eye and mouth, and the smile: (..., 468, 3) cm -> (..., 4).

    Openings as `retargeting.openings` gives them; the smile is how far the mouth's corners lie above its middle, cm.
    """
    (right, left), (upper, lower) = _CORNERS, _MIDDLES
    smile = 0.5 * (head[..., right, 1] + head[..., left, 1] - head[..., upper, 1] - head[..., lower, 1])
    return np.concatenate([openings(head)[..., :3], smile[..., None]], axis=-1)


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

    def __call__(self, head: np.ndarray, driver_head: np.ndarray, neutral: Neutral | None = None) -> np.ndarray:
        """The identity's landmarks (468, 3) cm with the expression that a driver's (468, 3) cm ask for."""
        return self.control(head, self.wanted(measures(driver_head), neutral))

    def wanted(self, measured: np.ndarray, neutral: Neutral | None = None) -> np.ndarray:
        """Measures float32 (4,) of the identity for a driver's, as far as a face can have them."""
        rest = self.driver_rest
        if neutral is not None:
            seen = measures(neutral.head)
            seen[EYES] = neutral.lids
            # Lips that are seldom together do not make their distance usual.
            seen[MOUTH] = rest[MOUTH]
            reach = _MOST_UNUSUAL * np.array([rest[0], rest[1], 1.0, 1.0])
            rest = rest + neutral.trust * (np.clip(seen, rest - reach, rest + reach) - rest)
        wanted = self.identity_rest + _GAIN * (measured - rest)
        opened = 1.0 + _GAIN[EYES] * (_together(measured[EYES] / rest[EYES]) - 1.0)
        wanted[EYES] = self.identity_rest[EYES] * np.minimum(opened, _WIDEST)
        return np.clip(wanted, _LOWEST, _HIGHEST).astype(np.float32)

    def control(self, head: np.ndarray, wanted: np.ndarray) -> np.ndarray:
        """The identity's landmarks (468, 3) cm, moved so that they have these measures (4,)."""
        # The directions are straight, what they move is not: a lid's way ends, so it is asked again.
        for _ in range(_STEPS):
            missing = (wanted - _signed(head)).astype(np.float32)
            head = head + (missing @ self.directions).reshape(-1, 3)
        return head


class DriverCalibration:
    """Each driver's face at rest: the mean of its calm pictures, frontal, lips together, eyes open.

    One for each filter.
    """

    _FRONTAL_COSINE = 0.25
    _SHUT_MOUTH, _USUAL_SMILE, _SMILE_SPREAD = 0.12, 0.15, 0.45
    _OPEN_EYES = 0.16
    _LIDS_UP = 0.8
    """Eyes at rest are open: weight of pictures in which they are wider than known so far, the others have the rest."""
    _ENOUGH, _LONGEST = 2.0, 400.0
    """Calm pictures after which the mean is believed, and over which it runs at most."""
    _DRIVERS = 8

    def __init__(self) -> None:
        self._known: OrderedDict[int, tuple[np.ndarray, np.ndarray, float]] = OrderedDict()

    def __call__(self, head: np.ndarray, pose: Pose, driver: int) -> Neutral:
        """Learn from a picture: landmarks (468, 3) cm on the canonical head, its pose, the number of its track."""
        measured = measures(head)
        mean, lids, seen = self._known.pop(driver, (np.zeros_like(head, np.float32), measured[EYES], 0.0))
        calm = self._calm(measured, pose)
        seen += calm
        if seen > 0:
            share = calm / seen
            mean = mean + (head - mean) * np.float32(share)
            # An expectile (Newey, Powell 1987), which lies near the upper end as the mean lies in the middle.
            above = measured[EYES] - lids
            lids = lids + 2.0 * share * np.where(above > 0, self._LIDS_UP, 1.0 - self._LIDS_UP) * above
        self._known[driver] = mean, lids, min(seen, self._LONGEST)
        if len(self._known) > self._DRIVERS:
            self._known.popitem(last=False)
        return Neutral(mean, lids, min(seen / self._ENOUGH, 1.0))

    def _calm(self, measured: np.ndarray, pose: Pose) -> float:
        """How much a picture with these measures (4,) says about the face at rest, 0..1."""
        right, left, mouth, smile = measured
        eyes = np.clip((min(right, left) - self._OPEN_EYES) / 0.04, 0.0, 1.0)
        turned = (1.0 - float(pose.rotation[2, 2])) / self._FRONTAL_COSINE
        strange = (mouth / self._SHUT_MOUTH) ** 2 + ((smile - self._USUAL_SMILE) / self._SMILE_SPREAD) ** 2
        return float(eyes * np.exp(-strange - turned))
