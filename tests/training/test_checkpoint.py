"""States of trainings on disk."""

from pathlib import Path

import numpy as np
import pytest

from deepfake_core.training import checkpoint


def run(folder: Path, value: float, step: int, channels: int = 3) -> Path:
    folder.mkdir()
    weights = np.full((2, channels), value, np.float32)
    state: checkpoint.State = {
        "average.encoder.000": weights,
        "weight.encoder.000": 9 * weights,
        "step": np.array([step], np.int64),
    }
    checkpoint.save(folder, state)
    return folder


def test_the_mean_of_runs_holds_their_averaged_weights_alone(tmp_path: Path) -> None:
    runs = [run(tmp_path / "a", 1.0, 40), run(tmp_path / "b", 2.0, 10), run(tmp_path / "c", 6.0, 20)]
    mean = checkpoint.mean(runs)
    assert mean.keys() == {"average.encoder.000", "step"}
    np.testing.assert_array_equal(mean["average.encoder.000"], np.full((2, 3), 3.0, np.float32))
    assert int(mean["step"][0]) == 40


def test_weights_as_they_ship_which_tell_no_step_have_a_mean(tmp_path: Path) -> None:
    trained, shipped = run(tmp_path / "a", 1.0, 40), tmp_path / "base"
    shipped.mkdir()
    checkpoint.save(shipped, {"average.encoder.000": np.full((2, 3), 2.0, np.float16)})
    mean = checkpoint.mean([trained, shipped])
    np.testing.assert_array_equal(mean["average.encoder.000"], np.full((2, 3), 1.5, np.float32))
    assert int(mean["step"][0]) == 40
    assert mean["average.encoder.000"].dtype == np.float32
    assert checkpoint.mean([shipped]).keys() == {"average.encoder.000"}


def test_runs_of_other_networks_have_no_mean(tmp_path: Path) -> None:
    with pytest.raises(checkpoint.CheckpointBroken, match="b holds other networks"):
        checkpoint.mean([run(tmp_path / "a", 1.0, 40), run(tmp_path / "b", 2.0, 10, channels=4)])
    with pytest.raises(checkpoint.CheckpointMissing, match="holds no checkpoint"):
        checkpoint.mean([tmp_path / "a", tmp_path / "none"])
