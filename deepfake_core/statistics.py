"""What a filter does per second, how long a frame takes through it, and what went wrong last."""

import time
from dataclasses import dataclass

import numpy as np

WINDOW_NS = 2_000_000_000
"""Rates are taken over the last two seconds."""
SAMPLES = 512
"""Ring length: 8 s of frames at 60 fps, so that a percentile follows what the user sees now."""


class Ring:
    """The last `SAMPLES` whole numbers, written by one thread and read by any.

    There is no lock: a store into a numpy array is one step under the GIL, so a reader sees each value old or new.
    """

    def __init__(self) -> None:
        self._values = np.zeros(SAMPLES, np.int64)
        self.count = 0
        """How many were ever written."""

    def append(self, value: int) -> None:
        """Overwrite the oldest value."""
        self._values[self.count % SAMPLES] = value
        self.count += 1

    def values(self) -> np.ndarray:
        """int64 (n,), n <= SAMPLES, in no particular order."""
        return self._values[: min(self.count, SAMPLES)].copy()

    def rate(self, now: int) -> float:
        """Events per second among values that are times in ns; 0 when they have stopped."""
        times = self.values()
        recent = times[times >= now - WINDOW_NS]
        if recent.size < 2:
            return 0.0
        span = int(recent.max() - recent.min())
        # A stream that has just stopped must sink to 0, not keep its last rate until the window is empty.
        silence = max(0, now - int(recent.max()) - 2 * span // (recent.size - 1))
        return (recent.size - 1) * 1e9 / (span + silence) if span else 0.0


def percentiles(values: np.ndarray, *quantiles: float) -> tuple[float, ...]:
    """The percentiles (0..100) of `values`; zeros when there are none."""
    if not values.size:
        return (0.0,) * len(quantiles)
    return tuple(float(value) for value in np.percentile(values, quantiles))


@dataclass(frozen=True)
class Snapshot:
    """One look at the statistics."""

    fps_in: float
    fps_out: float
    """New pictures per second; a repeated one does not count."""
    latency_p50_ms: float
    """From the camera's frame reaching the filter until its finished picture leaves it."""
    latency_p95_ms: float
    graphics_p50_us: float
    """Time the filter takes of OBS's graphics thread for each frame."""
    graphics_p99_us: float
    frames_in: int
    frames_out: int
    """Frames handed to OBS, repeated pictures included; each is marked."""
    drops: int
    """Camera frames that a newer one replaced before the worker took them."""
    last_error: str
    last_error_seconds: float
    """Age of `last_error`; 0 without one."""


class Statistics:
    """One filter's figures.

    `frame_in`, `drop`, `frame_out`, `new_picture` and `graphics_time` are for the graphics thread alone and take no
    lock; `report` and `snapshot` may be called from any thread.
    """

    def __init__(self) -> None:
        self._arrivals = Ring()
        self._departures = Ring()
        self._latencies = Ring()
        self._graphics = Ring()
        self._frames_out = 0
        self._drops = 0
        self._error: tuple[str, int] | None = None

    def frame_in(self, now: int) -> None:
        """A camera frame arrived at `now` (ns, time.monotonic_ns)."""
        self._arrivals.append(now)

    def drop(self) -> None:
        """A camera frame was replaced before the worker took it."""
        self._drops += 1

    def frame_out(self) -> None:
        """A marked picture was handed to OBS."""
        self._frames_out += 1

    def new_picture(self, now: int, arrived: int) -> None:
        """The picture made of the camera frame that arrived at `arrived` leaves for the first time (both ns)."""
        self._departures.append(now)
        self._latencies.append(now - arrived)

    def graphics_time(self, nanoseconds: int) -> None:
        """What one call cost the graphics thread."""
        self._graphics.append(nanoseconds)

    def report(self, sentence: str) -> None:
        """Keep an error as the last one."""
        self._error = (sentence, time.monotonic_ns())

    def snapshot(self, now: int | None = None) -> Snapshot:
        """The figures at `now` (ns, time.monotonic_ns; the present when None)."""
        now = time.monotonic_ns() if now is None else now
        latency = percentiles(self._latencies.values() / 1e6, 50, 95)
        graphics = percentiles(self._graphics.values() / 1e3, 50, 99)
        sentence, reported = self._error or ("", now)
        return Snapshot(
            fps_in=self._arrivals.rate(now),
            fps_out=self._departures.rate(now),
            latency_p50_ms=latency[0],
            latency_p95_ms=latency[1],
            graphics_p50_us=graphics[0],
            graphics_p99_us=graphics[1],
            frames_in=self._arrivals.count,
            frames_out=self._frames_out,
            drops=self._drops,
            last_error=sentence,
            last_error_seconds=(now - reported) / 1e9,
        )
