"""What the filter costs OBS's graphics thread. The figures are printed; the bounds only catch a thread that waits."""

from __future__ import annotations

import time
from pathlib import Path

import pytest
from obs_footage import numbered, person, to_and_fro, write_camera
from obs_harness import Harness

pytestmark = pytest.mark.obs

SECONDS = 8.0


def lagged_share(obs: Harness) -> float:
    before = obs.request("GetStats")
    time.sleep(SECONDS)
    after = obs.request("GetStats")
    frames = after["renderTotalFrames"] - before["renderTotalFrames"]
    return float(after["renderSkippedFrames"] - before["renderSkippedFrames"]) / max(1, frames)


def test_the_graphics_thread_never_waits(scratch: Path, capsys: pytest.CaptureFixture[str]) -> None:
    camera = write_camera(scratch, "NV12", numbered(to_and_fro(person(1280, 720, 25))))
    plain, filtered = scratch / "plain", scratch / "filtered"
    plain.mkdir()
    filtered.mkdir()
    with Harness(plain, camera=camera, script=None, with_filter=False) as obs:
        time.sleep(2)
        lagged_without = lagged_share(obs)
        obs.close()
    with Harness(filtered, camera=camera) as obs:
        obs.wait_for_swapped(30)
        lagged_with = lagged_share(obs)
        report = obs.statuses()[-1]
        obs.close()
    p50, p99 = report["filter_video_us_p50"] / 1000, report["filter_video_us_p99"] / 1000
    with capsys.disabled():
        print(
            f"\n720p: filter_video p50 {p50:.2f} ms, p99 {p99:.2f} ms; lagged frames {lagged_with:.1%} "
            f"(without the filter {lagged_without:.1%}); {report['fps_out']:.0f} frames/s out, latency p50 "
            f"{report['latency_ms_p50']:.0f} ms, p95 {report['latency_ms_p95']:.0f} ms"
        )
    # Ten times what an idle machine gives: a callback that waited for a network would take far longer.
    assert p50 < 5
    assert p99 < 33
    assert lagged_with <= lagged_without + 0.1
