"""Eyes and mouth of the identity as far open as the driver's, in each one's own terms."""

from __future__ import annotations

from collections import OrderedDict
from dataclasses import dataclass

import numpy as np

from deepfake_core.swapping.retargeting import openings

MATCHED = 3
"""Right eye, left eye, mouth: the first of `retargeting.openings`."""
_LOWEST = np.array([0.15, 0.15, 0.015], np.float32)
_HIGHEST = np.array([0.45, 0.45, 0.9], np.float32)


@dataclass(frozen=True)
class ExpressionMatch:
    """How far an identity opens eyes and mouth when a driver does, measured on rendered pairs.

    The retargeter's regression draws every face towards the mean: shut lips stay ajar and lids stop half way. Here
    means and spreads are matched instead, and the lids and lips moved by what is missing.
    """

    driver_mean: np.ndarray
    """float32 (3,), openings as `retargeting.openings` gives them."""
    identity_mean: np.ndarray
    """float32 (3,)."""
    gain: np.ndarray
    """float32 (3,), spread of the identity's openings over that of the drivers'."""
    directions: np.ndarray
    """float32 (3, 1404), cm: how the identity's landmarks move for one unit of each opening."""

    def __call__(self, head: np.ndarray, driver: np.ndarray) -> np.ndarray:
        """The identity's landmarks (468, 3) cm with eyes and mouth as open as `driver` (3,) asks for."""
        wanted = np.clip(self.identity_mean + self.gain * (driver - self.driver_mean), _LOWEST, _HIGHEST)
        missing = (wanted - openings(head)[:MATCHED]).astype(np.float32)
        return head + (missing @ self.directions).reshape(-1, 3)


class DriverCalibration:
    """What counts as open eyes for each driver: some people's resting lids are where others' are almost shut.

    The level follows the openings seen, as the 70 % quantile of the last seconds. One for each filter.
    """

    _QUANTILE = 0.7
    _FIRST_STEP, _STEP, _DECAY = 0.004, 0.0008, 0.98
    _DRIVERS = 8

    def __init__(self) -> None:
        self._levels: OrderedDict[int, tuple[float, float]] = OrderedDict()

    def __call__(self, head: np.ndarray, driver: int, usual: float) -> np.ndarray:
        """Openings float32 (3,) of a driver's landmarks (468, 3) cm, eyes as if the driver's were usual ones.

        driver: number of the track; usual: how far the eyes of people are open on the average.
        """
        opened = openings(head)[:MATCHED].astype(np.float32)
        seen = float(opened[:2].max())
        # The first picture may show a blink, so it counts only half.
        level, step = self._levels.pop(driver, (0.5 * (seen + usual), self._FIRST_STEP))
        level += step * (self._QUANTILE if seen > level else self._QUANTILE - 1.0)
        level = float(np.clip(level, 0.6 * usual, 1.3 * usual))
        self._levels[driver] = level, max(self._STEP, step * self._DECAY)
        if len(self._levels) > self._DRIVERS:
            self._levels.popitem(last=False)
        opened[:2] *= usual / level
        return opened
