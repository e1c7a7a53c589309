"""The tool that renders people: what it says and refuses. Needs .venv-train."""

import os
import subprocess
import sys
import time
from pathlib import Path

import pytest

pytest.importorskip("moderngl", reason="rendering needs .venv-train (moderngl)")

import cv2
import numpy as np
import render_people

from deepfake_core.synthetic import dataset
from deepfake_core.synthetic.assets import REPOSITORY, AssetsMissing, find_assets
from deepfake_core.synthetic.person import Wardrobe
from deepfake_core.synthetic.renderer import GraphicsMissing, Renderer

pytestmark = pytest.mark.train


@pytest.fixture
def assets() -> Path:
    try:
        folder = find_assets()
        Renderer(Wardrobe(folder, skin_size=64).body, 16)
    except (AssetsMissing, GraphicsMissing) as error:
        pytest.skip(str(error))
    return folder


def test_missing_assets_are_explained(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    arguments = ["sheet", "--out", str(tmp_path / "sheet.png"), "--assets", str(tmp_path)]
    assert render_people.main(arguments) == 1
    assert "give the folder with --assets" in capsys.readouterr().err


def test_a_sheet_shows_people(assets: Path, tmp_path: Path) -> None:
    out = tmp_path / "sheet.png"
    arguments = ["sheet", "--out", str(out), "--rows", "1", "--columns", "2", "--size", "64", "--labels"]
    assert render_people.main(arguments) == 0
    picture = cv2.imread(str(out))
    assert picture is not None
    assert picture.shape == (128, 128, 3)
    assert picture[:64].std() > 20
    assert len(np.unique(picture[64:].reshape(-1, 3), axis=0)) > 5
    arguments = ["sheet", "--out", str(out), "--people", "2", "--columns", "2", "--size", "32"]
    assert render_people.main(arguments) == 0
    crowd = cv2.imread(str(out))
    assert crowd is not None
    assert crowd.shape == (32, 64, 3)


def test_another_configuration_is_refused(assets: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    out = tmp_path / "set"
    description = dataset.Description(
        kind="stills", identity="", size=64, seed=1, count=64, views=("actor",), webcam=True, units=(), lights=(),
        command="test",
    )  # fmt: skip
    dataset.start_dataset(out, description)
    assert render_people.main(["stills", "--out", str(out), "--size", "64", "--seed", "2"]) == 1
    assert "seed 1" in capsys.readouterr().err
    assert [path.name for path in out.iterdir()] == ["dataset.json"]


def test_everybody_has_all_tones_or_nobody(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    arguments = ["pairs", "--identity", "vesper", "--each-tone", "--count", "25", "--out", str(tmp_path / "set")]
    assert render_people.main(arguments) == 1
    assert "multiple of 10" in capsys.readouterr().err
    assert render_people.main([*arguments, "--count", "20", "--tones", "9"]) == 1
    assert "--tones cannot choose" in capsys.readouterr().err
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["stills", "--count", "0"], "at least 1"),
        (["sequences", "--identity", "vesper", "--frames", "0"], "at least 1"),
        (["sequences", "--identity", "vesper", "--frames", "601"], "at most 600"),
        (["stills", "--size", "4096"], "at most 1024"),
        (["stills", "--size", "8"], "at least 16"),
        (["stills", "--seed", "-1"], "at least 0"),
        (["pairs", "--identity", "vesper", "--views", "actor,hat"], "no view is called hat"),
        (["pairs", "--identity", "nobody"], "invalid choice"),
        (["pairs", "--identity", "vesper", "--tones", "11"], "at most 10"),
    ],
)
def test_impossible_wishes_are_refused(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], arguments: list[str], said: str
) -> None:
    with pytest.raises(SystemExit) as stopped:
        render_people.main([*arguments, "--out", str(tmp_path / "set")])
    assert stopped.value.code == 2
    assert said in capsys.readouterr().err
    assert not (tmp_path / "set").exists()


def test_a_set_too_large_for_the_disk_is_refused(
    assets: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    out = tmp_path / "set"
    assert render_people.main(["stills", "--out", str(out), "--count", "10000000", "--size", "1024"]) == 1
    assert "ask for fewer or smaller ones" in capsys.readouterr().err


def test_a_folder_that_cannot_be_made_is_explained(
    assets: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "file").write_text("")
    assert render_people.main(["stills", "--out", str(tmp_path / "file")]) == 1
    assert "render_people: " in capsys.readouterr().err


def test_stills_are_rendered_resumed_and_looked_at(
    assets: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    out, sheet = tmp_path / "set", tmp_path / "sheet.png"
    command = ["stills", "--out", str(out), "--count", "2", "--size", "32", "--processes", "1"]
    assert render_people.main(command) == 0
    before = dataset.fingerprint(out)
    shard = dataset.shard_path(out, 0)
    arrays = dataset.read_shard(shard, dataset.read_description(out))
    assert len(arrays["yaw"]) == 2
    shard.unlink()
    assert render_people.main(["look", str(out), "--out", str(sheet)]) == 1
    assert "half-written" in capsys.readouterr().err
    assert render_people.main(command) == 0
    assert dataset.fingerprint(out) == before
    assert render_people.main(["look", str(out), "--out", str(sheet)]) == 0
    looked_at = cv2.imread(str(sheet))
    assert looked_at is not None
    assert looked_at.shape == (2 * 32, 5 * 32, 3)
    shard.write_bytes(shard.read_bytes()[:3000])
    assert render_people.main(["look", str(out), "--out", str(sheet)]) == 1
    assert "shard-00000.npz cannot be read" in capsys.readouterr().err


def test_workers_end_with_a_killed_parent_at_once() -> None:
    script = (
        "import multiprocessing, time, render_people as tool\n"
        "pool = multiprocessing.get_context('spawn').Pool(2, tool._start)\n"
        "pool.map(abs, range(8))\n"
        "tasks = [pool.apply_async(time.sleep, (60,)) for _ in range(2)]\n"
        "print(*(child.pid for child in multiprocessing.active_children()), flush=True)\n"
        "time.sleep(60)\n"
    )
    environment = os.environ | {"PYTHONPATH": f"{REPOSITORY / 'tools'}{os.pathsep}{REPOSITORY}"}
    parent = subprocess.Popen([sys.executable, "-c", script], stdout=subprocess.PIPE, text=True, env=environment)
    assert parent.stdout is not None
    workers = [int(pid) for pid in parent.stdout.readline().split()]
    assert len(workers) == 2
    parent.kill()
    parent.wait()
    deadline = time.monotonic() + 20
    while any(_runs(pid) for pid in workers):
        assert time.monotonic() < deadline, "a worker outlived its parent"
        time.sleep(0.1)


def _runs(pid: int) -> bool:
    """Whether the process is there, and no zombie that nobody has collected."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()[0] != "Z"
    except FileNotFoundError:
        return False


def test_stopping_leaves_what_is_complete(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def stopped(options: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(render_people, "_stills", stopped)
    assert render_people.main(["stills", "--out", str(tmp_path)]) == 130
