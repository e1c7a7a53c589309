"""tools/start.py from the command line to a recording, with an emulated camera and virtual camera."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import obs_process
import obs_profile
import pytest
from check_recording import frames
from obs_footage import PERFORMER, Judge, numbered, person, to_and_fro, write_camera, write_video
from obs_harness import REPOSITORY, camera_shim

pytestmark = pytest.mark.obs

USERS_OWN = {
    "global.ini": "[General]\nLastVersion=486539266\nFirstRun=true\n\n[Basic]\nProfile=Mine\nSceneCollection=Mine\n",
    "basic/profiles/Mine/basic.ini": "[General]\nName=Mine\n",
    "basic/scenes/Mine.json": '{"name": "Mine", "sources": []}',
}


def write_users_own(settings: Path) -> None:
    for name, text in USERS_OWN.items():
        (settings / name).parent.mkdir(parents=True, exist_ok=True)
        (settings / name).write_text(text, encoding="utf-8")


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
    write_users_own(settings)
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


def test_on_a_screen_the_users_own_profile_is_the_next_one_again(scratch: Path) -> None:
    settings = scratch / "config" / "obs-studio"
    write_users_own(settings)
    command = [sys.executable, str(REPOSITORY / "tools" / "start.py"), "--video", str(PERFORMER)]
    with obs_process.Display() as display:
        environment = os.environ | {
            "DISPLAY": display.name,
            "LIBGL_ALWAYS_SOFTWARE": "1",
            "XDG_CONFIG_HOME": str(scratch / "config"),
            "XDG_RUNTIME_DIR": str(scratch),
        }
        process = subprocess.Popen(command, env=environment, cwd=scratch, stdout=subprocess.PIPE, text=True)
        try:
            title = wait_for_window(environment)
            assert title.endswith("Profile: Deepfake - Scenes: Deepfake")
            subprocess.run(["wmctrl", "-c", "OBS "], env=environment, check=True)
            said, _ = process.communicate(timeout=60)
        finally:
            process.kill()
    assert process.returncode == 0
    assert "v4l2loopback is not loaded" in said
    remembered = obs_profile.remembered(settings)[settings / "global.ini"]
    assert remembered["Profile"] == remembered["SceneCollection"] == "Mine"
    assert (settings / "basic/scenes/Mine.json").read_text(encoding="utf-8") == USERS_OWN["basic/scenes/Mine.json"]


def test_a_run_that_is_terminated_leaves_no_process_behind(scratch: Path) -> None:
    command = [sys.executable, str(REPOSITORY / "tools" / "start.py"), "--seconds", "60", "--video", str(PERFORMER)]
    environment = os.environ | {"XDG_CONFIG_HOME": str(scratch), "MARK_OF_THIS_TEST": str(scratch)}
    process = subprocess.Popen(command, env=environment, stdout=subprocess.PIPE, text=True)
    assert process.stdout is not None
    assert any("OBS is running" in line for line in process.stdout)
    assert {"Xvfb", "openbox", "obs"} <= marked_processes(scratch).keys()
    process.terminate()
    assert process.wait(30) == 128 + signal.SIGTERM
    assert marked_processes(scratch) == {}


def test_a_display_that_hangs_is_ended_all_the_same(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(obs_process, "_END_SECONDS", 0.5)
    monkeypatch.setenv("MARK_OF_THIS_TEST", "hanging display")
    with obs_process.Display():
        os.kill(marked_processes(Path("hanging display"))["Xvfb"], signal.SIGSTOP)
    assert marked_processes(Path("hanging display")) == {}


def marked_processes(mark: Path) -> dict[str, int]:
    """Names and numbers of the living processes whose environment holds the mark."""
    found = {}
    for folder in Path("/proc").glob("[0-9]*"):
        try:
            if f"MARK_OF_THIS_TEST={mark}".encode() in (folder / "environ").read_bytes():
                found[(folder / "comm").read_text(encoding="utf-8").strip()] = int(folder.name)
        except OSError:  # gone meanwhile, or another user's
            continue
    return found


def wait_for_window(environment: dict[str, str]) -> str:
    """Title of OBS's window, once it is there."""
    deadline = time.monotonic() + 60
    while time.monotonic() < deadline:
        listed = subprocess.run(["wmctrl", "-l"], env=environment, capture_output=True, text=True, check=False).stdout
        for line in listed.splitlines():
            if "Profile: " in line:
                time.sleep(2)
                return line
        time.sleep(0.2)
    raise TimeoutError("OBS showed no window")


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
