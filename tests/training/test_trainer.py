from __future__ import annotations

import dataclasses
import errno
import os
import signal
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

import cv2
import numpy as np
import pytest

from deepfake_core.disclosure.detection import is_labelled
from deepfake_core.swapping import networks
from deepfake_core.training import checkpoint
from deepfake_core.training.configuration import Configuration
from deepfake_core.training.pool import SamplePool, ShardBroken
from tests.training.tiny_samples import write_shard

if TYPE_CHECKING:
    from deepfake_core.training.report import Report
    from deepfake_core.training.trainer import Trainer

pytestmark = pytest.mark.train

NAMES = ("a", "b")
SETTINGS = Configuration(
    rows=2, sides=(32,), side_shares=(1.0,), steps=100, warm_up_steps=2, learning_rate=2e-3, holdout_every=4,
    adversarial_weight=0.0,
)  # fmt: skip


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    write_shard(tmp_path / "samples", "a-0", 0, seed=1)
    write_shard(tmp_path / "samples", "b-0", 1, seed=2)
    return tmp_path


def pool(folder: Path, *, held_out: bool = False) -> SamplePool:
    return SamplePool(folder / "samples", NAMES, SETTINGS, held_out=held_out)


def trainer(folder: Path, run: str = "run", settings: Configuration = SETTINGS, **options: object) -> Trainer:
    from deepfake_core.training.trainer import Trainer

    return Trainer(folder / run, NAMES, settings, **options)  # type: ignore[arg-type]


def quiet(trained: Trainer) -> Report:
    from deepfake_core.training.report import Report

    return Report(trained.folder, trained.settings, 100, preview_seconds=0.0, quiet=True)


def go(trained: Trainer, folder: Path, until: int, **options: object) -> None:
    trained.train(pool(folder), until=until, report=quiet(trained), **options)  # type: ignore[arg-type]


def weights(trained: Trainer) -> list[np.ndarray]:
    return [v.numpy() for v in trained.networks.variables().values()]


def test_each_quality_keeps_within_its_work() -> None:
    from deepfake_core.training.keras_networks import build_decoder, build_encoder
    from tests.training.work import gigaflops

    for side, most in zip(networks.SIZES, (0.5, 1.0, 2.2), strict=True):
        work = gigaflops(build_encoder(side)) + gigaflops(build_decoder(side))
        assert 0.3 * most < work < most
    assert gigaflops(build_encoder(128)) == pytest.approx(networks.ENCODER_GIGAFLOPS, abs=0.002)
    single = build_encoder(96).get_layer("e2_conv")
    assert single.output.shape == (None, 48, 48, 24)


def test_untrained_networks_give_nearly_the_template() -> None:
    from deepfake_core.training.trainer import Networks

    noise = np.random.default_rng(0)
    batch = {
        name: noise.uniform(-1, 1, (2, 64, 64, channels)).astype(np.float32)
        for name, channels in (("driver", 3), ("geometry", 4), ("template", 4))
    }
    made = {name: np.asarray(x) for name, x in Networks(NAMES).draw(batch, training=False).items()}
    assert np.abs(made["reflectance"] - batch["template"][..., :3]).mean() < 0.1
    np.testing.assert_array_equal((made["head_matte"] > 0.9)[batch["template"][..., 3:] > 0.9], True)
    np.testing.assert_array_equal((made["head_matte"] < 0.1)[batch["template"][..., 3:] < -0.9], True)


@pytest.mark.parametrize("muon", [False, True])
def test_training_lowers_the_loss_and_resumes_exactly(folder: Path, muon: bool) -> None:
    settings = dataclasses.replace(SETTINGS, muon=muon, learning_rate=6e-3 if muon else 2e-3)
    whole = trainer(folder, "whole", settings)
    first = whole.advance(pool(folder).batch(0))
    go(whole, folder, 12, held_out=pool(folder, held_out=True))
    assert whole.advance(pool(folder).batch(0))["total"] < 0.97 * first["total"]
    assert {path.name for path in whole.folder.iterdir()} >= {"preview.png", "configuration.json"}
    preview = cv2.imread(str(whole.folder / "preview.png"))
    assert preview is not None and is_labelled(preview)

    halves = trainer(folder, "halves", settings)
    go(halves, folder, 5)
    halves = trainer(folder, "halves", settings)
    assert halves.step == 5
    go(halves, folder, 12)
    go_on = trainer(folder, "whole", settings)
    for a, b in zip(weights(go_on), weights(halves), strict=True):
        np.testing.assert_allclose(a, b, atol=2e-5)


def test_ctrl_c_ends_between_two_steps_with_a_checkpoint(folder: Path) -> None:
    trained = trainer(folder)

    def interrupt() -> bool:
        if trained.step == 2:
            os.kill(os.getpid(), signal.SIGINT)
        return False

    go(trained, folder, 50, stop=interrupt)
    assert 2 <= trained.step <= 4
    assert trainer(folder).step == trained.step


def full_disk(*_args: object, **_options: object) -> None:
    raise OSError(errno.ENOSPC, "No space left on device")


def poisoned(batch: Callable[[int], dict]) -> Callable[[int], dict]:
    def made(step: int) -> dict:
        found = batch(step)
        return found if step < 3 else found | {"target": found["target"] * np.float32("nan")}

    return made


def test_whatever_goes_wrong_the_last_checkpoint_stays_good(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from deepfake_core.training.trainer import TrainingDiverged

    trained, samples = trainer(folder), pool(folder)
    go(trained, folder, 2)
    with monkeypatch.context() as patch:
        patch.setattr(checkpoint, "save_file", full_disk)
        with pytest.raises(checkpoint.CheckpointNotWritten, match=r"No space left.*make room"):
            go(trained, folder, 3)
    with monkeypatch.context() as patch:
        patch.setattr(samples, "batch", poisoned(samples.batch))
        with pytest.raises(TrainingDiverged, match=r"step 4 is not a number.*start the same command again"):
            trained.train(samples, until=9, report=quiet(trained))
    with pytest.raises(TrainingDiverged, match="no usable numbers"):
        trained.save()
    for path in folder.glob("samples/*/target.npy"):
        path.write_bytes(path.read_bytes()[:500])
    with pytest.raises(ShardBroken, match="became shorter"):
        trained.train(samples, until=9, report=quiet(trained))
    assert int(checkpoint.load(trained.folder)["step"][0]) == 2


def test_a_fork_starts_from_anothers_weights_with_the_adversarial_loss(folder: Path) -> None:
    first = trainer(folder, "first")
    go(first, folder, 2)
    settings = dataclasses.replace(SETTINGS, adversarial_weight=0.1, detail_from=0.0)
    fork = trainer(folder, "fork", settings, fork=first.folder, train_encoder=False)
    assert fork.step == 0
    averaged = checkpoint.load(first.folder)
    for name, variable in fork.networks.variables().items():
        np.testing.assert_array_equal(variable.numpy(), averaged[f"average.{name}"])
    values = fork.advance(pool(folder).batch(0))
    assert values.keys() >= {"adversarial", "discriminator"}
    now = fork.networks.variables()
    np.testing.assert_array_equal(now["encoder.000"].numpy(), averaged["average.encoder.000"])
    assert not np.array_equal(now["decoder.a.000"].numpy(), averaged["average.decoder.a.000"])
    # A discriminator that has learnt already goes along.
    fork.save()
    judging = trainer(folder, "judging", settings, fork=fork.folder)
    learnt = checkpoint.load(fork.folder)["discriminator.000"]
    np.testing.assert_array_equal(checkpoint.load(first.folder)["discriminator.000"] == learnt, False)
    judging.save()
    np.testing.assert_array_equal(checkpoint.load(judging.folder)["discriminator.000"], learnt)


def test_one_decoder_learns_alone_beside_the_others(folder: Path) -> None:
    first = trainer(folder, "first")
    go(first, folder, 2)
    alone = SamplePool(folder / "samples", NAMES, SETTINGS, held_out=False, only=["b"])
    held_out = SamplePool(folder / "samples", NAMES, SETTINGS, held_out=True, only=["b"])
    trained = trainer(folder, "alone", fork=first.folder, train_encoder=False, only=["b"])
    trained.train(alone, until=3, held_out=held_out, report=quiet(trained))
    # The run is whole: what did not learn is in it as it was.
    before, after = (checkpoint.load(run.folder) for run in (first, trained))
    weights = [name for name in after if name.startswith("average.")]
    assert len(weights) == len(first.networks.variables())
    changed = {name.split(".")[2] for name in weights if not np.array_equal(before[name], after[name])}
    assert changed == {"b"}
    assert trainer(folder, "alone", train_encoder=False, only=["b"]).step == 3


@pytest.mark.parametrize("options", [["--only", "b"], ["--only", "c", "--fork", "run"]])
def test_one_decoder_alone_needs_a_start_and_a_known_name(
    folder: Path, options: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    import train_swap

    (folder / "identities.json").write_text('["a", "b"]')
    assert train_swap.main(["train", "--work", str(folder), *options]) == 1
    assert "--only takes names out of a, b, and --fork" in capsys.readouterr().err


def test_training_stops_early_when_the_held_out_figure_no_longer_falls(folder: Path) -> None:
    settings = dataclasses.replace(SETTINGS, judge_every=1, patience=2, learning_rate=0.0, weight_decay=0.0)
    trained = trainer(folder, settings=settings)
    go(trained, folder, 30, held_out=pool(folder, held_out=True))
    assert trained.step <= 6


def test_the_averaged_networks_come_out_of_the_checkpoint(folder: Path) -> None:
    from deepfake_core.training.evaluation import evaluate, sheet
    from deepfake_core.training.trainer import averaged_networks

    with pytest.raises(checkpoint.CheckpointMissing):
        averaged_networks(folder / "run", NAMES)
    trained = trainer(folder)
    go(trained, folder, 2)
    made, step = averaged_networks(folder / "run", NAMES)
    assert step == 2
    for name, variable in made.variables().items():
        np.testing.assert_array_equal(variable.numpy(), trained.averaged.variables()[name].numpy())
    with pytest.raises(checkpoint.CheckpointBroken, match="another"):
        averaged_networks(folder / "run", ("a", "c"))
    held_out = pool(folder, held_out=True)
    result = evaluate(made.encoder, made.decoders[1], held_out, 3, shown=2, identity=1, side=32)
    assert result.samples == min(3, held_out.count(1))
    assert result.template.psnr < 40
    assert sheet([result, result]).shape == (32 * ((len(result.pictures) + 1) // 2), 2 * 5 * 32, 3)
    assert result.by_sample[:, 0].mean() == pytest.approx(result.networks.psnr, rel=1e-5)
    assert [held_out.driver(1, k) for k in range(result.samples)] == [
        *zip(result.actor_seeds.tolist(), result.tones.tolist(), strict=True)
    ]


def test_the_whole_step_is_measured_beside_the_bare_one(folder: Path) -> None:
    from deepfake_core.training.speed import measure

    speed = measure(pool(folder), SETTINGS, steps=2)
    assert speed.bare > 0
    assert speed.whole > 0
    assert "%" in str(speed)


def test_the_exported_networks_compute_what_keras_does_at_every_size(monkeypatch: pytest.MonkeyPatch) -> None:
    import onnx

    from deepfake_core.training import export, keras_networks

    decoder = keras_networks.build_decoder()
    data = export.to_onnx(decoder, networks.decoder_inputs(), networks.decoder_outputs(), "decoder")
    # A Reshape that ends the graph would lose a dimension now and then, see `export._flat`; one is the alpha's.
    assert [node.op_type for node in onnx.load_from_string(data).graph.node].count("Reshape") <= 1
    monkeypatch.setattr(networks, "EXAMPLE", {"n": 96, "n4": 24, "n8": 12, "n16": 6})
    difference = export.largest_difference(decoder, data, networks.decoder_inputs(), networks.decoder_outputs(), seed=5)
    assert difference < 1e-4
    monkeypatch.setattr(export, "TOLERANCE", -1.0)
    with pytest.raises(export.ExportMismatch):
        export.to_onnx(keras_networks.build_encoder(), networks.encoder_inputs(), networks.features(), "encoder")
