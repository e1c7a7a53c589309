"""Eyes, mouth and smile of the identity as wide as the driver's, in each one's own terms."""

from __future__ import annotations

from collections import OrderedDict
from dataclasses import dataclass

import numpy as np

from deepfake_core.swapping.retargeting import openings

MEASURES = 4
_CORNERS, _MIDDLES = [61, 291], [0, 17]
_LOWEST = np.array([0.15, 0.15, 0.015, -0.4], np.float32)
_HIGHEST = np.array([0.45, 0.45, 0.9, 1.2], np.float32)


def measures(head: np.ndarray) -> np.ndarray:
    """Openings of right eye, left eye and mouth, and the smile: (..., 468, 3) cm -> (..., 4).

    Openings as `retargeting.openings` gives them; the smile is how far the mouth's corners lie above its middle, cm.
    """
    smile = head[..., _CORNERS, 1].mean(-1) - head[..., _MIDDLES, 1].mean(-1)
    return np.concatenate([openings(head)[..., :3], smile[..., None]], axis=-1)


@dataclass(frozen=True)
class ExpressionMatch:
    """How far an identity opens eyes and mouth and smiles when a driver does, measured on rendered pairs.

    The retargeter's regression draws every face towards the mean: shut lips stay ajar, lids stop half way, smiles
    shrink. Here medians and spreads are matched instead, and lids and lips moved by what is missing.
    """

    driver_median: np.ndarray
    """float32 (4,), as `measures` gives them."""
    identity_median: np.ndarray
    """float32 (4,)."""
    gain: np.ndarray
    """float32 (4,), spread of the identity's measures over that of the drivers'."""
    directions: np.ndarray
    """float32 (4, 1404), cm: how the identity's landmarks move for one unit of each measure."""

    def __call__(self, head: np.ndarray, driver: np.ndarray) -> np.ndarray:
        """The identity's landmarks (468, 3) cm with the measures that a driver's (4,) ask for."""
        wanted = np.clip(self.identity_median + self.gain * (driver - self.driver_median), _LOWEST, _HIGHEST)
        missing = (wanted - measures(head)).astype(np.float32)
        return head + (missing @ self.directions).reshape(-1, 3)


class DriverCalibration:
    """What is usual for each driver: some people's resting lids are where others' are almost shut, some lips hang.

    Two levels follow what is seen: the eyes' 70 % quantile, the smile's median. They learn within two seconds of the
    first picture and slowly from then on, so that neither a blink nor a smile becomes usual. One for each filter.
    """

    _QUANTILES = np.array([0.7, 0.5])
    _FIRST_STEPS, _STEPS, _DECAY = np.array([0.004, 0.02]), np.array([0.0008, 0.0015]), 0.98
    _BELOW, _ABOVE = np.array([0.12, 0.35]), np.array([0.1, 0.15])
    _DRIVERS = 8

    def __init__(self) -> None:
        self._known: OrderedDict[int, tuple[np.ndarray, np.ndarray]] = OrderedDict()

    def __call__(self, head: np.ndarray, driver: int, median: np.ndarray) -> np.ndarray:
        """The measures float32 (4,) of a driver's landmarks (468, 3) cm, as if the driver were a usual one.

        driver: number of the track; median: float32 (4,), the measures of usual people.
        """
        measured = measures(head).astype(np.float32)
        seen = np.array([measured[:2].max(), measured[3]])
        usual = np.array([median[:2].mean(), median[3]])
        # The first picture may show a blink or a laugh, so it counts only half.
        levels, steps = self._known.pop(driver, (0.5 * (seen + usual), self._FIRST_STEPS))
        levels = levels + steps * (self._QUANTILES - (seen <= levels))
        levels = np.clip(levels, usual - self._BELOW, usual + self._ABOVE)
        self._known[driver] = levels, np.maximum(self._STEPS, steps * self._DECAY)
        if len(self._known) > self._DRIVERS:
            self._known.popitem(last=False)
        measured[:2] *= usual[0] / levels[0]
        measured[3] += usual[1] - levels[1]
        return measured
