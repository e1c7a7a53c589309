from __future__ import annotations

import dataclasses
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import pytest

from deepfake_core.swapping import networks
from deepfake_core.training.configuration import Configuration
from deepfake_core.training.preparation import CHANNELS, SAMPLE_SIZE

if TYPE_CHECKING:
    from deepfake_core.training.pool import SamplePool
    from deepfake_core.training.trainer import Trainer

pytestmark = pytest.mark.train

SETTINGS = Configuration(batch=2, steps=40, warm_up_steps=2, learning_rate=2e-3, holdout_every=4)


def samples(count: int, seed: int) -> dict[str, np.ndarray]:
    """Smooth random pictures and full masks: something that a few steps can learn."""
    import cv2

    generator = np.random.default_rng(seed)

    def picture(channels: int) -> np.ndarray:
        small = generator.integers(60, 200, (6, 6, channels), dtype=np.uint8)
        return cv2.resize(small, (SAMPLE_SIZE, SAMPLE_SIZE), interpolation=cv2.INTER_LINEAR)

    made: dict[str, list[np.ndarray]] = {name: [] for name in CHANNELS}
    for _ in range(count):
        for name, channels in CHANNELS.items():
            full = np.full((SAMPLE_SIZE, SAMPLE_SIZE), 255, np.uint8)
            made[name].append(picture(3) if channels == 3 else full)
        made["openings"][-1] = np.zeros((SAMPLE_SIZE, SAMPLE_SIZE), np.uint8)
    return {name: np.stack(pictures) for name, pictures in made.items()}


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    for shard in range(2):
        seeds = np.arange(6, dtype=np.int64) + 6 * shard
        np.savez(tmp_path / f"sample-shard-{shard:05d}.npz", allow_pickle=False, **samples(6, shard), actor_seed=seeds)
    return tmp_path


def pool(folder: Path, *, held_out: bool = False) -> SamplePool:
    from deepfake_core.training.pool import SamplePool

    return SamplePool(folder, SETTINGS, held_out=held_out)


def trainer(folder: Path) -> Trainer:
    from deepfake_core.training.trainer import Trainer

    return Trainer(folder / "run", SETTINGS)


def quiet(line: str) -> None:
    assert line


@pytest.mark.parametrize("part", ["encoder", "decoder"])
def test_the_exported_network_computes_what_keras_does(part: str) -> None:
    from deepfake_core.inference.session import open_session
    from deepfake_core.training import export, keras_networks

    model = {"encoder": keras_networks.build_encoder, "decoder": keras_networks.build_decoder}[part]()
    inputs, outputs = {
        "encoder": (networks.ENCODER_INPUTS, networks.ENCODER_OUTPUTS),
        "decoder": (networks.DECODER_INPUTS, networks.DECODER_OUTPUTS),
    }[part]
    data = export.to_onnx(model, inputs, outputs, part)
    assert export.largest_difference(model, data, inputs, outputs, seed=5) < 1e-4
    session = open_session(data, name=part, threads=1, provider="cpu")
    assert session.inputs == inputs
    assert session.outputs == outputs


def test_a_wrong_export_is_noticed(monkeypatch: pytest.MonkeyPatch) -> None:
    from deepfake_core.training import export, keras_networks

    monkeypatch.setattr(export, "TOLERANCE", -1.0)
    with pytest.raises(export.ExportMismatch):
        export.to_onnx(keras_networks.build_encoder(), networks.ENCODER_INPUTS, networks.ENCODER_OUTPUTS, "encoder")


def test_an_untrained_decoder_gives_nearly_the_template() -> None:
    from deepfake_core.training.keras_networks import build_decoder

    generator = np.random.default_rng(0)
    given = {
        name: generator.uniform(-1, 1, [size or 1 for size in shape]).astype(np.float32)
        for name, shape in networks.DECODER_INPUTS.items()
    }
    made = build_decoder()(given, training=False)
    assert np.abs(made["reflectance"].numpy() - given["template"]).mean() < 0.2


def test_training_lowers_the_loss_and_resumes_exactly(folder: Path) -> None:
    whole = trainer(folder / "whole")
    lines: list[str] = []
    whole.train(pool(folder), until=6, say=lines.append)
    before = loss_of(whole, folder)
    whole.train(pool(folder), until=24, say=lines.append)
    assert loss_of(whole, folder) < 0.9 * before

    first = trainer(folder / "halves")
    first.train(pool(folder), until=6, say=quiet)
    second = trainer(folder / "halves")
    assert second.step == 6
    second.train(pool(folder), until=24, say=quiet)
    for a, b in zip(whole.encoder.get_weights(), second.encoder.get_weights(), strict=True):
        np.testing.assert_allclose(a, b, atol=1e-5)


def loss_of(trained: Trainer, folder: Path) -> float:
    """The loss on fixed samples."""
    import tensorflow as tf

    from deepfake_core.training.augmentation import INPUTS, TRUTHS
    from deepfake_core.training.losses import swap_loss

    drawn = [pool(folder).drawn(10_000 + k) for k in range(4)]
    columns = (tf.constant(np.stack(column)) for column in zip(*drawn, strict=True))
    batch = dict(zip((*INPUTS, *TRUTHS), columns, strict=True))
    features = trained.encoder([batch["driver"], batch["geometry"]])
    outputs = trained.decoder({"template": batch["template"], **features})
    return float(swap_loss(outputs, batch, batch["template"], SETTINGS)["total"])


def test_the_averaged_networks_come_out_of_the_checkpoint(folder: Path) -> None:
    from deepfake_core.training.trainer import CheckpointMissing, averaged_networks

    with pytest.raises(CheckpointMissing):
        averaged_networks(folder / "run")
    trained = trainer(folder)
    trained.train(pool(folder), until=2, say=quiet)
    encoder, decoder, step = averaged_networks(folder / "run")
    assert step == 2
    averages = [*encoder.get_weights(), *decoder.get_weights()]
    current = [*trained.encoder.get_weights(), *trained.decoder.get_weights()]
    assert [a.shape for a in averages] == [c.shape for c in current]
    assert any(not np.array_equal(a, c) for a, c in zip(averages, current, strict=True))


def test_held_out_actors_are_never_trained_on(folder: Path) -> None:
    training, held_out = pool(folder), pool(folder, held_out=True)
    assert len(training) + len(held_out) == 12
    assert len(held_out) == sum(SETTINGS.held_out(seed) for seed in range(12))
    assert 0 < len(held_out) < 12


def test_a_sample_of_the_run_is_always_the_same(folder: Path) -> None:
    for a, b in zip(pool(folder).drawn(3), pool(folder).drawn(3), strict=True):
        np.testing.assert_array_equal(a, b)
    assert not np.array_equal(pool(folder).drawn(3)[0], pool(folder).drawn(4)[0])


def test_the_evaluation_covers_the_held_out_actors(folder: Path) -> None:
    from deepfake_core.training.evaluation import evaluate
    from deepfake_core.training.keras_networks import build_decoder, build_encoder

    result = evaluate(build_encoder(), build_decoder(), pool(folder, held_out=True), 3, shown=2)
    assert result.samples == min(3, len(pool(folder, held_out=True)))
    assert result.template.psnr < 40
    assert result.sheet.shape == (networks.SIZE, 8 * networks.SIZE, 3)


def test_the_configuration_comes_back(tmp_path: Path) -> None:
    settings = dataclasses.replace(SETTINGS, seed=9)
    settings.save(tmp_path / "configuration.json")
    assert Configuration.load(tmp_path / "configuration.json") == settings


def test_the_learning_rate_warms_up_holds_and_falls() -> None:
    settings = Configuration(steps=1000, warm_up_steps=10)
    assert settings.learning_rate_at(0) < settings.learning_rate_at(20) == settings.learning_rate
    assert settings.learning_rate_at(999) < 0.04 * settings.learning_rate
