import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import obs_profile
import pytest
from obs_profile import FILTER_ID, NAME, SOURCE, Picture, Setup

SCRIPT = Path("/project/obs_deepfake.py")
CAMERA = obs_profile.camera("/dev/video0", "YUYV", 1280, 720, (1, 30))
SETUP = Setup(CAMERA, SCRIPT)


def collection(folder: Path) -> Any:
    return json.loads((folder / "basic" / "scenes" / f"{NAME}.json").read_text(encoding="utf-8"))


def source(folder: Path) -> Any:
    return next(source for source in collection(folder)["sources"] if source["name"] == SOURCE)


def save(folder: Path, value: Any) -> None:
    (folder / "basic" / "scenes" / f"{NAME}.json").write_text(json.dumps(value), encoding="utf-8")


def test_the_second_time_nothing_changes(tmp_path: Path) -> None:
    assert len(obs_profile.write(tmp_path, SETUP)) == 2
    before = {path: path.stat().st_mtime_ns for path in tmp_path.rglob("*") if path.is_file()}
    assert obs_profile.write(tmp_path, SETUP) == []
    assert {path: path.stat().st_mtime_ns for path in tmp_path.rglob("*") if path.is_file()} == before


def test_the_camera_gets_the_filter_the_script_its_size_and_its_rate(tmp_path: Path) -> None:
    camera = obs_profile.camera("/dev/video3", "MJPG", 1280, 720, (1001, 30000))
    obs_profile.write(tmp_path, Setup(camera, SCRIPT, {"identity": "vesper"}))
    made = source(tmp_path)
    assert made["id"] == "v4l2_input"
    assert made["settings"]["device_id"] == "/dev/video3"
    assert made["settings"]["pixelformat"] == int.from_bytes(b"MJPG", "little")
    assert made["settings"]["resolution"] == 1280 << 16 | 720
    assert [(entry["id"], entry["settings"]) for entry in made["filters"]] == [(FILTER_ID, {"identity": "vesper"})]
    assert collection(tmp_path)["modules"]["scripts-tool"] == [{"path": str(SCRIPT), "settings": {}}]
    profile = (tmp_path / "basic" / "profiles" / NAME / "basic.ini").read_text(encoding="utf-8")
    for line in ("BaseCX=1280", "BaseCY=720", "OutputCX=1280", "FPSType=2", "FPSNum=30000", "FPSDen=1001"):
        assert line in profile.splitlines()


def test_what_the_user_changed_in_obs_stays(tmp_path: Path) -> None:
    obs_profile.write(tmp_path, SETUP)
    changed = collection(tmp_path)
    made = next(entry for entry in changed["sources"] if entry["name"] == SOURCE)
    made["settings"]["buffering"] = True
    made["filters"][0]["settings"] = {"identity": "mine", "smoothing": 0.9}
    made["filters"].append({"id": "color_filter", "name": "Bright", "settings": {}})
    changed["sources"].append({"id": "text", "name": "Title", "settings": {}})
    changed["modules"]["scripts-tool"].append({"path": "/other/clock.py", "settings": {"a": 1}})
    save(tmp_path, changed)

    obs_profile.write(tmp_path, replace(SETUP, source=obs_profile.video_file(Path("/v.mp4"), Picture(640, 480))))
    made = source(tmp_path)
    assert made["id"] == "ffmpeg_source"
    assert made["filters"][0]["settings"] == {"identity": "mine", "smoothing": 0.9}
    assert [entry["name"] for entry in made["filters"]] == ["Deepfake", "Bright"]
    assert {"path": "/other/clock.py", "settings": {"a": 1}} in collection(tmp_path)["modules"]["scripts-tool"]
    assert any(entry["name"] == "Title" for entry in collection(tmp_path)["sources"])


def test_a_removed_filter_comes_back_and_a_moved_script_is_found(tmp_path: Path) -> None:
    obs_profile.write(tmp_path, SETUP)
    changed = collection(tmp_path)
    next(entry for entry in changed["sources"] if entry["name"] == SOURCE)["filters"] = []
    save(tmp_path, changed)
    moved = Path("/elsewhere/obs_deepfake.py")
    obs_profile.write(tmp_path, replace(SETUP, script=moved))
    assert [entry["id"] for entry in source(tmp_path)["filters"]] == [FILTER_ID]
    assert [entry["path"] for entry in collection(tmp_path)["modules"]["scripts-tool"]] == [str(moved)]


@pytest.mark.parametrize(
    "text", ["", "{", "[]", "{}", '{"sources": []}', '{"sources": 3}', '{"sources": [{"name": 1}]}']
)
def test_a_foreign_or_broken_collection_is_refused_and_kept(tmp_path: Path, text: str) -> None:
    path = tmp_path / "basic" / "scenes" / f"{NAME}.json"
    path.parent.mkdir(parents=True)
    path.write_text(text, encoding="utf-8")
    with pytest.raises(obs_profile.CollectionForeign, match="rename it"):
        obs_profile.write(tmp_path, SETUP)
    assert path.read_text(encoding="utf-8") == text


def test_odd_sizes_get_a_canvas_that_obs_takes() -> None:
    assert Picture(641, 479).canvas == (640, 478)
    assert Picture(17, 16).canvas == (32, 32)


def test_the_first_run_is_written_only_where_obs_was_never_started(tmp_path: Path) -> None:
    assert obs_profile.write_first_run(tmp_path, (29, 0, 2)) == [tmp_path / "global.ini"]
    assert "FirstRun=true" in (tmp_path / "global.ini").read_text(encoding="utf-8")
    (tmp_path / "global.ini").write_text("[General]\n", encoding="utf-8")
    assert obs_profile.write_first_run(tmp_path, (29, 0, 2)) == []
    assert (tmp_path / "global.ini").read_text(encoding="utf-8") == "[General]\n"
    newer = tmp_path / "newer"
    assert obs_profile.write_first_run(newer, (31, 0, 0)) == [newer / "global.ini", newer / "user.ini"]


def test_the_users_choice_is_put_back(tmp_path: Path) -> None:
    path = tmp_path / "user.ini"
    path.write_text("\ufeff[General]\nProfile=no\n\n[Basic]\nProfile=Mine\nSceneCollection=A=B\n", encoding="utf-8")
    before = obs_profile.remembered(tmp_path)
    path.write_text(
        "\ufeff[General]\nProfile=no\nNew=1\n\n[Basic]\nProfile=Deepfake\nSceneCollection=Deepfake\n", encoding="utf-8"
    )
    obs_profile.remember(before)
    text = path.read_text(encoding="utf-8")
    assert text == "[General]\nProfile=no\nNew=1\n\n[Basic]\nProfile=Mine\nSceneCollection=A=B\n"
