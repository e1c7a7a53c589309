"""Rates, percentiles and counters."""

import numpy as np
import pytest

from deepfake_core.statistics import SAMPLES, Ring, Statistics, percentiles

SECOND = 1_000_000_000


def test_a_ring_keeps_the_newest_values() -> None:
    ring = Ring()
    for value in range(SAMPLES + 10):
        ring.append(value)
    assert ring.count == SAMPLES + 10
    assert sorted(ring.values()) == list(range(10, SAMPLES + 10))


@pytest.mark.parametrize("rate", [5, 30, 60])
def test_the_rate_of_a_steady_stream(rate: int) -> None:
    ring = Ring()
    for index in range(4 * rate):
        ring.append(index * SECOND // rate)
    assert ring.rate((4 * rate - 1) * SECOND // rate) == pytest.approx(rate, rel=0.01)


def test_the_rate_sinks_when_the_stream_stops() -> None:
    ring = Ring()
    for index in range(60):
        ring.append(index * SECOND // 30)
    last = 59 * SECOND // 30
    assert ring.rate(last + SECOND) < 25
    assert ring.rate(last + 3 * SECOND) == 0


def test_one_event_has_no_rate() -> None:
    ring = Ring()
    ring.append(5)
    assert ring.rate(6) == 0


def test_percentiles_of_nothing_are_zeros() -> None:
    assert percentiles(np.zeros(0), 50, 99) == (0.0, 0.0)
    assert percentiles(np.arange(101), 50, 95) == (50.0, 95.0)


def test_a_snapshot_holds_what_was_counted() -> None:
    statistics = Statistics()
    for index in range(30):
        now = index * SECOND // 30
        statistics.frame_in(now)
        if index % 2:
            statistics.drop()
            statistics.frame_out()
        else:
            statistics.frame_out()
            statistics.new_picture(now, now - 20_000_000)
        statistics.graphics_time(300_000)
    seen = statistics.snapshot(29 * SECOND // 30)
    assert (seen.frames_in, seen.frames_out, seen.drops) == (30, 30, 15)
    assert seen.fps_in == pytest.approx(30, rel=0.02)
    assert seen.fps_out == pytest.approx(15, rel=0.1)
    assert seen.latency_p50_ms == seen.latency_p95_ms == pytest.approx(20)
    assert seen.graphics_p50_us == seen.graphics_p99_us == pytest.approx(300)
    assert (seen.last_error, seen.last_error_seconds) == ("", 0)


def test_the_last_error_and_its_age_are_kept() -> None:
    statistics = Statistics()
    statistics.report("First.")
    statistics.report("Second.")
    assert statistics.snapshot().last_error == "Second."
    assert 0 <= statistics.snapshot().last_error_seconds < 5
