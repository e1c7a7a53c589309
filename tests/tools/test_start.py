import argparse
import json
import platform
import sys
from pathlib import Path

import environment
import obs_install
import pytest
import start
import v4l2


def options(monkeypatch: pytest.MonkeyPatch, *arguments: str) -> argparse.Namespace:
    monkeypatch.setattr(sys, "argv", ["start.py", *arguments])
    return start.parse_arguments()


@pytest.mark.parametrize(
    "arguments",
    [
        ["--record", "a.mkv"],
        ["--record", "a.mp4", "--seconds", "3"],
        ["--seconds", "0"],
        ["--seconds", "nan"],
        ["--camera", "/dev/video0", "--video", "a.mp4"],
    ],
)
def test_contradictions_are_refused(monkeypatch: pytest.MonkeyPatch, arguments: list[str]) -> None:
    with pytest.raises(SystemExit) as refusal:
        options(monkeypatch, *arguments)
    assert refusal.value.code == 2


def test_an_unattended_run_needs_no_screen(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("DISPLAY", raising=False)
    monkeypatch.delenv("WAYLAND_DISPLAY", raising=False)
    start.check_options(options(monkeypatch, "--seconds", "3"))
    with pytest.raises(start.StartRefused, match="--headless"):
        start.check_options(options(monkeypatch))


def test_what_does_not_exist_is_refused_before_anything_is_installed(monkeypatch: pytest.MonkeyPatch) -> None:
    for arguments, sentence in (
        (["--identity", "nobody"], "no identity 'nobody'"),
        (["--video", "/none.mp4"], "no file /none.mp4"),
        (["--seconds", "3", "--record", "/none/a.mkv"], "folder /none does not exist"),
    ):
        with pytest.raises(start.StartRefused, match=sentence):
            start.check_options(options(monkeypatch, "--headless", *arguments))


def test_a_camera_before_the_bundled_clip(monkeypatch: pytest.MonkeyPatch) -> None:
    camera = v4l2.Camera("/dev/video2", "Webcam", (v4l2.Mode("YUYV", 640, 480, (1, 30)),))
    monkeypatch.setattr(v4l2, "cameras", lambda: [camera])
    source, what = start.choose_source(options(monkeypatch, "--headless"), Path(sys.executable))
    assert source.settings["device_id"] == "/dev/video2"
    assert what == "/dev/video2 (Webcam), YUYV 640x480 at 30 frames/s"


def test_without_a_camera_the_clip_plays(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(v4l2, "cameras", list)
    source, what = start.choose_source(options(monkeypatch, "--headless"), Path(sys.executable))
    assert source.settings["local_file"] == str(start.PERFORMER)
    assert "none found" in what
    assert source.picture.width >= 640


def test_a_file_that_is_no_video_is_one_sentence(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    text = tmp_path / "a.mp4"
    text.write_text("no video", encoding="utf-8")
    with pytest.raises(start.StartRefused, match="is not a video that can be read"):
        start.choose_source(options(monkeypatch, "--headless", "--video", str(text)), Path(sys.executable))


def write_status(path: Path, **values: object) -> Path:
    report = {
        "frames_in": 90,
        "frames_out": 88,
        "frames_swapped": 80,
        "identity": "Vesper",
        "provider": "cpu",
        "last_error": None,
    }
    path.write_text("{}\n" + json.dumps(report | values) + "\n", encoding="utf-8")
    return path


def test_a_run_counts_only_with_swapped_frames(tmp_path: Path) -> None:
    python = Path(sys.executable)
    good = write_status(tmp_path / "good")
    assert start.verify(good, "", None, tmp_path, python) == "80 of 90 frames swapped with Vesper (cpu)"
    with pytest.raises(start.RunFailed, match=r"did not run\. The environment is missing\."):
        start.verify(tmp_path / "none", "error: [Deepfake] The environment is missing.", None, tmp_path, python)
    bad = write_status(tmp_path / "bad", frames_swapped=0, last_error="The identity is gone.")
    with pytest.raises(start.RunFailed, match=r"No face was swapped in 90 frames: The identity is gone\."):
        start.verify(bad, "", None, tmp_path, python)


def test_a_machine_with_nothing_is_told_all_of_it(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(obs_install, "program", lambda: None)
    monkeypatch.setattr(start.system_packages, "missing", list)
    monkeypatch.setattr(v4l2, "cameras", list)
    monkeypatch.setattr(v4l2, "loopback_loaded", lambda: False)
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path))
    assert start.check(options(monkeypatch, "--headless", "--check")) == 0
    said = capsys.readouterr().out
    for words in (
        "would install obs-studio obs-plugins",
        "would be made in .venv",
        "performer.mp4",
        "v4l2loopback-dkms",
    ):
        assert words in said
    assert list(tmp_path.iterdir()) == []


def test_an_obs_with_a_python_that_does_not_fit_blocks(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(obs_install, "program", lambda: "/usr/bin/obs")
    monkeypatch.setattr(obs_install, "embedded_python", lambda: "3.13")
    assert start.check(options(monkeypatch, "--headless", "--check")) == 1
    assert "embeds Python 3.13" in capsys.readouterr().out


@pytest.mark.parametrize("system", ["Windows", "Darwin"])
def test_elsewhere_the_three_clicks_are_printed(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], system: str
) -> None:
    monkeypatch.setattr(platform, "system", lambda: system)
    monkeypatch.setattr(environment, "prepare", lambda name: None)
    monkeypatch.setattr(sys, "argv", ["start.py"])
    assert start.main() == 0
    said = capsys.readouterr().out
    for words in ("Python Settings", str(start.SCRIPT), "Filters of your camera"):
        assert words in said
