"""The One Euro filter (Casiez, Roussel, Vogel 2012) over all landmarks of a face at once."""

from __future__ import annotations

import math

import numpy as np

SPEED_CUTOFF_HZ = 5.0
"""Cut-off of the speed estimate. The paper's 1 Hz would lag behind the start of a turn of the head."""
LONGEST_GAP_S = 0.5
"""After a longer pause the past says nothing about the present."""


def parameters(smoothing: float) -> tuple[float, float]:
    """Minimal cut-off in Hz and its growth with speed, in Hz per face side per second.

    `smoothing` runs from just above 0 (16 Hz: hardly any) to 1 (0.6 Hz: a face that sits still stands still).
    In steady motion the filter lags by less than 1 / (2 pi growth) of the face's side: 0.3 % to 1 %.
    """
    return 10 ** (1.2 - 1.4 * smoothing), 60.0 - 45.0 * smoothing


class OneEuroFilter:
    """Smooths the landmarks of one face; more when it is still, hardly when it moves."""

    def __init__(self) -> None:
        self._value: np.ndarray | None = None
        self._raw = self._velocity = np.zeros(0)

    def reset(self) -> None:
        """Forget the past."""
        self._value = None

    def update(self, raw: np.ndarray, size: float, seconds: float, smoothing: float) -> np.ndarray:
        """The smoothed landmarks, float32 like `raw` (N, 3).

        `size` is the face's side in pixels, by which speeds are measured, so that a face near the camera and one
        far away are smoothed alike; `seconds` is the time since the last update. Smoothing 0 gives `raw`.
        """
        if self._value is None or smoothing <= 0 or not 0 < seconds <= LONGEST_GAP_S:
            self._value, self._raw, self._velocity = raw, raw, np.zeros_like(raw)
            return raw
        velocity = (raw - self._raw) / np.float32(seconds * size)
        self._velocity = self._velocity + _share(SPEED_CUTOFF_HZ, seconds) * (velocity - self._velocity)
        lowest, growth = parameters(smoothing)
        # One cut-off per point, from its motion in the picture: depth is noisier and must not loosen it.
        speed = np.hypot(self._velocity[:, :1], self._velocity[:, 1:2])
        share = 1 / (1 + 1 / (2 * math.pi * seconds * (lowest + growth * speed)))
        self._value = self._value + share * (raw - self._value)
        self._raw = raw
        return self._value


def _share(cutoff_hz: float, seconds: float) -> float:
    """How much of a new value a low-pass filter takes up (the paper's alpha)."""
    return 1 / (1 + 1 / (2 * math.pi * cutoff_hz * seconds))
