"""The tool that renders people: what it says and refuses. Needs .venv-train."""

from pathlib import Path

import pytest

pytest.importorskip("moderngl", reason="rendering needs .venv-train (moderngl)")

import cv2
import numpy as np
import render_people

from deepfake_core.synthetic import dataset
from deepfake_core.synthetic.assets import AssetsMissing, find_assets
from deepfake_core.synthetic.person import Wardrobe
from deepfake_core.synthetic.renderer import GraphicsMissing, Renderer

pytestmark = pytest.mark.train


def test_missing_assets_are_explained(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    arguments = ["sheet", "--out", str(tmp_path / "sheet.png"), "--assets", str(tmp_path)]
    assert render_people.main(arguments) == 1
    assert "give the folder with --assets" in capsys.readouterr().err


def test_a_sheet_shows_people(tmp_path: Path) -> None:
    try:
        Renderer(Wardrobe(find_assets()).body, 16)
    except (AssetsMissing, GraphicsMissing) as error:
        pytest.skip(str(error))
    out = tmp_path / "sheet.png"
    arguments = ["sheet", "--out", str(out), "--rows", "1", "--columns", "2", "--size", "64", "--labels"]
    assert render_people.main(arguments) == 0
    picture = cv2.imread(str(out))
    assert picture is not None
    assert picture.shape == (128, 128, 3)
    assert picture[:64].std() > 20
    assert len(np.unique(picture[64:].reshape(-1, 3), axis=0)) > 5


def test_another_configuration_is_refused(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    try:
        find_assets()
    except AssetsMissing as error:
        pytest.skip(str(error))
    dataset.start_dataset(
        tmp_path,
        dataset.Description(kind="pairs", identity="vesper", size=64, seed=1, count=64, command="test"),
    )
    arguments = ["pairs", "--identity", "vesper", "--out", str(tmp_path), "--size", "64", "--seed", "2"]
    assert render_people.main(arguments) == 1
    assert "seed 1" in capsys.readouterr().err
    assert [path.name for path in tmp_path.iterdir()] == ["dataset.json"]
