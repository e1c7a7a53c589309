"""Films of drivers through the command, and folders that hold none."""

import json
from pathlib import Path

import cv2
import evaluate
import numpy as np
import pytest
from tiny_benchmark import clip

from deepfake_core.evaluation import drivers
from deepfake_core.evaluation.errors import EvaluationError
from deepfake_core.evaluation.gallery import Gallery, open_gallery

pytestmark = pytest.mark.train


@pytest.fixture(scope="module")
def films(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("films")
    writer = cv2.VideoWriter(str(folder / "turning.avi"), cv2.VideoWriter.fourcc(*"MJPG"), 30, (256, 256))
    for frame in clip(20):
        writer.write(frame)
    writer.release()
    (folder / "notes.txt").write_text("not a film")
    return folder


def test_doing_nothing_moves_exactly_as_the_driver(films: Path, tmp_path: Path) -> None:
    file, out = tmp_path / "figures.json", tmp_path / "out"
    arguments = ["--drivers", str(films), "--candidate", "none", "--identity", "vesper", "--processes", "1"]
    assert evaluate.main([*arguments, "--json", str(file), "--out", str(out)]) == 0
    figures = json.loads(file.read_text())
    assert set(drivers.KEYS) <= set(figures)
    # The marks are all that differs.
    assert figures["yaw_r"] > 0.99
    assert figures["jerk_ratio"] == pytest.approx(1.0, abs=0.15)
    assert figures["read"] == 1.0
    assert figures["identity_retrieval"] is None
    assert figures["vesper_yaw_r"] == figures["yaw_r"]
    assert json.loads((out / "drivers.json").read_text())["vesper"]["turning.avi"]["frames"] == 20
    assert "turning.avi" in (out / "drivers.txt").read_text()


def test_a_folder_without_films_is_refused(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert evaluate.main(["--drivers", str(tmp_path), "--candidate", "none", "--identity", "vesper"]) == 2
    assert "holds no film" in capsys.readouterr().err
    assert evaluate.main(["--drivers", str(tmp_path / "away"), "--candidate", "none"]) == 2


def test_a_broken_film_is_named(tmp_path: Path) -> None:
    (tmp_path / "broken.mkv").write_bytes(b"no film at all")
    with pytest.raises(EvaluationError, match=r"broken\.mkv"):
        drivers.frames(tmp_path / "broken.mkv")


@pytest.mark.parametrize("arguments", [[], ["--drivers", "films", "--candidate", "truth"]])
def test_what_cannot_be_measured_is_said_at_once(arguments: list[str]) -> None:
    with pytest.raises(SystemExit):
        evaluate.main(arguments)


def test_the_gallery_tells_who_is_nearest() -> None:
    gallery = Gallery(("stranger 0", "vesper"), np.eye(2, 128))
    assert gallery.nearest(np.eye(2, 128)[1] * 0.9) == "vesper"
    assert gallery.nearest(np.eye(2, 128)[0] * 0.9) == "stranger 0"


def test_stills_that_are_none_are_refused(tmp_path: Path) -> None:
    with pytest.raises(EvaluationError):
        open_gallery(tmp_path, ["vesper"])
    (tmp_path / "gallery.npz").write_bytes(b"junk")
    with pytest.raises(EvaluationError, match="delete it"):
        open_gallery(tmp_path, ["vesper"])
