"""tools/start.py from the command line to a recording, with an emulated camera and virtual camera."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from pathlib import Path

import obs_profile
import pytest
from check_recording import frames
from obs_footage import Judge, numbered, person, to_and_fro, write_camera, write_video
from obs_harness import REPOSITORY, camera_shim

pytestmark = pytest.mark.obs

USERS_OWN = {
    "global.ini": "[General]\nLastVersion=486539266\nFirstRun=true\n\n[Basic]\nProfile=Mine\nSceneCollection=Mine\n",
    "basic/profiles/Mine/basic.ini": "[General]\nName=Mine\n",
    "basic/scenes/Mine.json": '{"name": "Mine", "sources": []}',
}


def start(config: Path, *arguments: str, **variables: str) -> subprocess.CompletedProcess[str]:
    """Runs it as a user would, from a folder that is not the repository, with the system's Python."""
    command = [sys.executable, str(REPOSITORY / "tools" / "start.py"), *arguments]
    environment = os.environ | {"XDG_CONFIG_HOME": str(config)} | variables
    return subprocess.run(
        command, env=environment, cwd=config, capture_output=True, text=True, check=False, timeout=120
    )


def contents(folder: Path) -> dict[str, bytes]:
    return {str(path.relative_to(folder)): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


def test_camera_to_recording_and_virtual_camera_beside_the_users_own_settings(scratch: Path) -> None:
    settings = scratch / "config" / "obs-studio"
    for name, text in USERS_OWN.items():
        (settings / name).parent.mkdir(parents=True, exist_ok=True)
        (settings / name).write_text(text, encoding="utf-8")
    footage = numbered(to_and_fro(person(640, 480, 25)))
    camera = write_camera(scratch, "MJPG", footage)
    shim = {
        "LD_PRELOAD": str(camera_shim()),
        "SHIM_OUTPUT": str(scratch / "virtual.yuyv"),
        **camera.variables(),
    }
    recording = scratch / "out.mkv"
    first = start(scratch / "config", "--seconds", "6", "--record", str(recording), **shim)
    assert first.returncode == 0, first.stderr
    assert "/dev/video0 (Shim camera), MJPG 640x480" in first.stdout
    verdict = Judge(footage).judge(list(frames(recording)))
    assert verdict.raw == []
    assert verdict.unmarked == []
    assert verdict.swapped >= 30
    assert (scratch / "virtual.yuyv").stat().st_size >= 60 * 640 * 480 * 2

    before = contents(settings)
    for name, text in USERS_OWN.items():
        assert before[name] == text.encode("utf-8")
    started = time.monotonic()
    second = start(scratch / "config", "--seconds", "1", "--no-virtual-camera", **shim)
    assert "Wrote" not in second.stdout
    assert contents(settings) == before
    assert time.monotonic() - started < 20


def test_a_video_without_a_face_is_no_success(scratch: Path) -> None:
    wall = [frame[:, ::-1] * 0 + 90 for frame in person(320, 240, 5)]
    video = write_video(scratch / "wall.mp4", wall)
    done = start(scratch, "--seconds", "3", "--video", str(video), "--record", str(scratch / "out.mkv"))
    assert done.returncode == 1
    assert "No face was swapped" in done.stderr
    assert not (scratch / "out.mkv").exists()


def test_check_changes_nothing(scratch: Path) -> None:
    done = start(scratch, "--check", "--headless")
    assert "OBS: ok" in done.stdout
    assert contents(scratch) == {}


def test_the_identity_reaches_the_collection(scratch: Path) -> None:
    name = sorted(path.parent.name for path in (REPOSITORY / "models" / "identities").glob("*/identity.json"))[0]
    video = write_video(scratch / "person.mp4", person(320, 240, 10))
    start(scratch, "--seconds", "1", "--video", str(video), "--identity", name)
    text = (scratch / "obs-studio" / "basic" / "scenes" / "Deepfake.json").read_text(encoding="utf-8")
    source = next(source for source in json.loads(text)["sources"] if source["name"] == obs_profile.SOURCE)
    assert source["filters"][0]["settings"]["identity"] == name
