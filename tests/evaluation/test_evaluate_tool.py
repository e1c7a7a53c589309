"""The command on a small benchmark, and on broken ones."""

import json
import shutil
from pathlib import Path

import cv2
import evaluate
import numpy as np
import pytest
from tiny_benchmark import write_benchmark

pytestmark = pytest.mark.train

DEMANDED = (
    "psnr_face",
    "ssim_face",
    "perceptual_face",
    "delta_e_face",
    "delta_e_seam",
    "psnr_seam",
    "mouth_error",
    "eye_error",
    "pose_error_deg",
    "gaze_error_deg",
    "similarity_to_identity",
    "similarity_to_actor",
    "jitter_ratio",
    "matte_error",
    "parsing_f1_mean",
    "parsing_f1_occluder",
    "plate_psnr",
)


@pytest.fixture(scope="module")
def benchmark(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_benchmark(tmp_path_factory.mktemp("benchmark"))


@pytest.fixture
def damaged(benchmark: Path, tmp_path: Path) -> Path:
    """A copy to break."""
    return Path(shutil.copytree(benchmark, tmp_path / "damaged"))


def scored(benchmark: Path, folder: Path, candidate: str, *options: str) -> dict[str, object]:
    out = folder / candidate
    file = folder / f"{candidate}.json"
    arguments = [str(benchmark), "--candidate", candidate, "--json", str(file), "--out", str(out), "--processes", "1"]
    assert evaluate.main([*arguments, *options]) == 0
    figures: dict[str, object] = json.loads(file.read_text())
    return figures


def test_the_truth_scores_best_and_doing_nothing_less(benchmark: Path, tmp_path: Path) -> None:
    truth = scored(benchmark, tmp_path, "truth", "--parser", "landmarks")
    none = scored(benchmark, tmp_path, "none")
    for key in DEMANDED:
        assert {key, f"{key}_worst_tone"} <= truth.keys() & none.keys()
    assert not any(isinstance(value, (dict, list)) for value in truth.values())
    numbers = {
        name: {key: float(str(f[key])) for key in DEMANDED if f[key] is not None}
        for name, f in {"truth": truth, "none": none}.items()
    }
    for higher in ("psnr_face", "ssim_face", "psnr_seam"):
        assert numbers["truth"][higher] > numbers["none"][higher]
    for lower in ("perceptual_face", "delta_e_face", "delta_e_seam"):
        assert numbers["truth"][lower] < numbers["none"][lower]
    # The truth of this benchmark is the actor's face with 30 of 255 more blue and less red.
    assert numbers["none"]["psnr_face"] == pytest.approx(10 * np.log10(255**2 / (2 * 30**2 / 3)), abs=0.5)
    assert numbers["truth"]["jitter_ratio"] == pytest.approx(1, abs=0.2)
    assert truth["coverage"] == 1
    assert truth["frames"] == 8
    assert (truth["parser"], none["parser"]) == ("landmarks", "network")
    # The labels of this benchmark's pictures come from the same polygons.
    assert truth["parsing_f1_mean"] == 1
    assert truth["parsing_f1_occluder"] is None


def test_tables_groups_and_pictures_are_written(benchmark: Path, tmp_path: Path) -> None:
    scored(benchmark, tmp_path, "none")
    out = tmp_path / "none"
    assert sorted(path.name for path in out.iterdir()) == ["best_median_worst.png", "groups.json", "tables.txt"]
    groups = json.loads((out / "groups.json").read_text())
    assert groups["figures"]["psnr_face"]["tone"].keys() == {"1", "2"}
    assert groups["counts"]["frames"]["tone"] == {"1": 4, "2": 4}
    assert "psnr_face" in (out / "tables.txt").read_text()
    sheet = cv2.imread(str(out / "best_median_worst.png"))
    assert sheet is not None
    assert sheet.shape[1] == 4 * 256
    assert sheet.shape[0] > 6 * 256, "best, median and worst of two sequences"


def refused(arguments: list[str], capsys: pytest.CaptureFixture[str]) -> str:
    assert evaluate.main(arguments) != 0
    said = capsys.readouterr().err.strip()
    assert "Traceback" not in said
    message = said.splitlines()[-1]  # before it the progress bar may stand
    assert message.startswith("evaluate: ")
    assert message.endswith((".", ")."))
    return message


def test_a_folder_that_is_no_benchmark(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert "render_people.py benchmark" in refused([str(tmp_path / "none")], capsys)


@pytest.mark.parametrize("text", ["", "{", "[]", "{}"])
def test_a_broken_definition(damaged: Path, text: str, capsys: pytest.CaptureFixture[str]) -> None:
    (damaged / "benchmark.json").write_text(text)
    assert "render_people.py benchmark" in refused([str(damaged)], capsys)


def test_a_half_written_benchmark(damaged: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (damaged / "sequences/shard-00001.npz").unlink()
    assert "half-written" in refused([str(damaged)], capsys)


def test_a_benchmark_without_the_truth_asked_for(benchmark: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert "head" in refused([str(benchmark), "--truth", "head"], capsys)


@pytest.mark.parametrize("part", ["sequences", "parsing"])
def test_a_broken_shard(damaged: Path, part: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = damaged / part / "shard-00000.npz"
    path.write_bytes(path.read_bytes()[:10_000])
    file = tmp_path / "figures.json"
    arguments = [str(damaged), "--candidate", "none", "--processes", "1", "--json", str(file)]
    assert "shard-00000.npz" in refused(arguments, capsys)
    assert not file.exists()


def test_another_identity_than_the_benchmark_s(benchmark: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert "vesper" in refused([str(benchmark), "--identity", "nobody"], capsys)


def test_a_result_that_cannot_be_written_is_refused_first(
    benchmark: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert "--json" in refused([str(benchmark), "--json", str(tmp_path)], capsys)
    assert "--json" in refused([str(benchmark), "--json", str(tmp_path / "no/folder.json")], capsys)
