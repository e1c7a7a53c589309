"""Camera -> filter -> OBS's own virtual camera, for every format and size that cameras commonly deliver."""

from __future__ import annotations

import itertools
from pathlib import Path

import pytest
from obs_footage import Judge, numbered, person, to_and_fro, write_camera
from obs_harness import Harness

pytestmark = pytest.mark.obs


@pytest.mark.parametrize("size", [(640, 480), (1280, 720)], ids=["480p", "720p"])
@pytest.mark.parametrize("fourcc", ["YUYV", "NV12", "MJPG"])
def test_the_virtual_camera_shows_the_identity_and_the_label(scratch: Path, fourcc: str, size: tuple[int, int]) -> None:
    footage = numbered(to_and_fro(person(*size, 25)))
    judge = Judge(footage)
    assert judge.faces == len(footage)
    with Harness(scratch, camera=write_camera(scratch, fourcc, footage), virtual_camera=True) as obs:
        report = obs.wait_for_swapped(60)
        ended = obs.close()
    output = list(obs.virtual_frames())
    verdict = judge.judge(output)
    assert ended.exit_code == 0
    assert report["provider"] and report["identity"] and report["last_error"] is None
    assert verdict.unmarked == []
    assert verdict.raw == []
    assert verdict.pictures >= 60
    # The picture lives and follows the camera: its numbers keep changing, on a busy machine not with every frame.
    assert verdict.swapped >= 30
    assert sum(a != b for a, b in itertools.pairwise(verdict.numbers)) >= 20
