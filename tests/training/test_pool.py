import dataclasses
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from deepfake_core.training.augmentation import INPUTS, TRUTHS, Variation, network_sample
from deepfake_core.training.configuration import Configuration, ConfigurationBroken
from deepfake_core.training.pool import SamplePool, SamplesMissing, ShardBroken
from deepfake_core.training.sample_format import NETWORK_PART, SAMPLE_SIZE
from tests.training.tiny_samples import write_shard

SETTINGS = Configuration(rows=2, sides=(32, 48), side_shares=(0.5, 0.5), holdout_every=4, sequence_share=1.0)
NAMES = ("a", "b")


def pool(folder: Path, settings: Configuration = SETTINGS, *, held_out: bool = False) -> SamplePool:
    return SamplePool(folder, NAMES, settings, held_out=held_out)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    write_shard(tmp_path, "a-0", 0, seed=1)
    write_shard(tmp_path, "b-0", 1, seed=2)
    return tmp_path


def test_a_batch_groups_the_rows_by_identity_and_is_always_the_same(folder: Path) -> None:
    batches = [pool(folder).batch(step) for step in (3, 3, 4)]
    assert batches[0].keys() == {*INPUTS, *TRUTHS, "paired"}
    for name, channels in {**INPUTS, **TRUTHS}.items():
        side = pool(folder).side(3)
        assert batches[0][name].shape == (4, side, side, channels)
        assert batches[0][name].dtype == np.float32
        np.testing.assert_array_equal(batches[0][name], batches[1][name])
    assert batches[0]["driver"].shape != batches[2]["driver"].shape or not np.array_equal(
        batches[0]["driver"], batches[2]["driver"]
    )
    assert {pool(folder).side(step) for step in range(40)} == {32, 48}


def test_a_batch_of_one_identity_holds_its_rows_alone(folder: Path) -> None:
    (folder / "a-0" / "meta.npz").unlink()  # nothing of the other one is needed
    alone = SamplePool(folder, NAMES, SETTINGS, held_out=False, only=["b"])
    alone.require()
    assert alone.batch(3)["target"].shape[0] == SETTINGS.rows == alone.rows
    with pytest.raises(SamplesMissing, match="no samples of a"):
        pool(folder).require()


def test_samples_that_say_no_tone_are_of_an_unknown_one(folder: Path) -> None:
    assert pool(folder).driver(0, 0)[1] == 0


def test_held_out_actors_are_never_trained_on(folder: Path) -> None:
    training, held_out = pool(folder), pool(folder, held_out=True)
    assert len(training) + len(held_out) == 12
    assert 0 < len(held_out) < 12


def test_a_mirrored_sample_looks_and_faces_the_other_way(folder: Path) -> None:
    sample = pool(folder).sample(0, 0)
    generators = (np.random.default_rng(5) for _ in range(2))
    plain, mirrored = (
        network_sample(sample, 64, Variation(generator, [sample["driver"]], mirrored=share))
        for generator, share in zip(generators, (0.0, 1.0), strict=True)
    )
    straight = network_sample(sample, 64)
    # The random move is the same, and small beside the change.
    for name in ("target", "template", "geometry"):
        sign = np.array([-1, 1, 1, 1], np.float32)[: straight[name].shape[2]] if name == "geometry" else 1
        turned = straight[name][:, ::-1] * sign
        assert np.abs(mirrored[name] - turned).mean() < 0.5 * np.abs(mirrored[name] - straight[name]).mean()
        assert np.abs(plain[name] - turned).mean() > 2 * np.abs(plain[name] - straight[name]).mean()


def test_another_lamp_shines_on_driver_and_truth_and_not_on_the_template(folder: Path) -> None:
    sample = pool(folder).sample(0, 0)
    # A cheek that faces left, and one that faces right.
    sample["normals"] = np.full_like(sample["normals"], (50, 128, 228))
    sample["normals"][:, SAMPLE_SIZE // 2 :, 0] = 206
    sample["target"][:] = sample["driver"][:] = 100
    edge = []
    for share in (0.0, 1.0):
        made = network_sample(sample, 64, Variation(np.random.default_rng(3), [sample["driver"]], relit=share))
        edge.append(float(np.abs(np.diff(made["target"], axis=1)).max()))
        np.testing.assert_array_equal(made["known"], 1.0)
        assert np.isfinite(made["driver"]).all()
    assert edge[0] < 0.02 < edge[1]


def test_consecutive_frames_come_as_pairs_varied_alike(tmp_path: Path) -> None:
    write_shard(tmp_path, "a-0", 0, seed=1, sequence=True)
    write_shard(tmp_path, "b-0", 1, seed=2)
    everybody = dataclasses.replace(SETTINGS, holdout_every=10**6)
    batch = pool(tmp_path, everybody).batch(0)
    np.testing.assert_array_equal(batch["paired"], [1.0, 0.0])
    sample = pool(tmp_path, everybody).sample(0, 0)
    one, two = (
        network_sample(sample, 32, Variation(np.random.default_rng(5), [sample["driver"]]))["driver"] for _ in range(2)
    )
    np.testing.assert_array_equal(one, two)


def test_new_shards_are_taken_in(folder: Path) -> None:
    training = pool(folder)
    before = len(training)
    write_shard(folder, "b-1", 1, seed=3)
    assert training.take_new() == len(training) - before > 0


def test_an_identity_without_samples_is_named(tmp_path: Path) -> None:
    write_shard(tmp_path, "a-0", 0, seed=1)
    with pytest.raises(SamplesMissing, match="samples of b"):
        pool(tmp_path).require()


def cut(shard: Path) -> None:
    path = shard / "driver.npy"
    path.write_bytes(path.read_bytes()[:-1])


def other_type(shard: Path) -> None:
    np.save(shard / "target.npy", np.load(shard / "target.npy").astype(np.float32))


def pickled(shard: Path) -> None:
    np.save(shard / "template.npy", np.array([{}], object), allow_pickle=True)


def gone(shard: Path) -> None:
    (shard / "normals.npy").unlink()


def no_archive(shard: Path) -> None:
    (shard / "meta.npz").write_bytes(b"nothing")


def stranger(shard: Path) -> None:
    with np.load(shard / "meta.npz") as file:
        meta = dict(file)
    np.savez(shard / "meta.npz", allow_pickle=False, **meta | {"identity_index": meta["identity_index"] + 7})


@pytest.mark.parametrize("spoil", [cut, other_type, pickled, gone, no_archive, stranger])
def test_a_bad_shard_is_refused_by_name(folder: Path, spoil: object) -> None:
    spoil(folder / "b-0")  # type: ignore[operator]
    with pytest.raises(ShardBroken, match=r"b-0 is no shard.*run 'prepare' again"):
        pool(folder)


def test_a_shard_that_vanishes_while_it_is_read_is_named(folder: Path) -> None:
    training = pool(folder)
    for path in folder.glob("*/driver.npy"):
        path.write_bytes(path.read_bytes()[:200])
    with pytest.raises(ShardBroken, match="shorter"):
        training.batch(0)


def test_without_variation_the_middle_of_the_sample_is_seen(folder: Path) -> None:
    sample = pool(folder).sample(0, 0)
    seen = network_sample(sample, NETWORK_PART)
    margin = (SAMPLE_SIZE - NETWORK_PART) // 2
    np.testing.assert_allclose(seen["known"], 1.0)
    sample = sample | {"target_head": np.zeros_like(sample["target_head"])}
    sample["target_head"][margin:-margin, margin:-margin] = 255
    assert network_sample(sample, NETWORK_PART)["head"].min() == 1.0
    assert network_sample(sample, 96)["head"][1:-1, 1:-1].min() == 1.0


def test_the_plain_autoencoder_sees_only_pictures(folder: Path) -> None:
    blank = network_sample(pool(folder).sample(0, 0), 32, template=False)
    assert not blank["geometry"].any()
    assert not blank["template"][..., :3].any()
    assert (blank["template"][..., 3] == -1).all()


def test_self_reconstruction_bends_the_identitys_own_picture(folder: Path) -> None:
    sample = pool(folder).sample(0, 0)
    other = sample | {"driver": 255 - sample["driver"]}
    made = [
        network_sample(each, 64, Variation(np.random.default_rng(1), [sample["driver"]], self_reconstruction=1.0))
        for each in (sample, other)
    ]
    np.testing.assert_array_equal(made[0]["driver"], made[1]["driver"])
    assert np.abs(made[0]["driver"] - made[0]["target"]).mean() > 0.01


def test_reading_samples_needs_no_tensorflow(folder: Path) -> None:
    code = (
        "import sys; from pathlib import Path; from deepfake_core.training.pool import SamplePool; "
        "from deepfake_core.training.configuration import Configuration; "
        f"pool = SamplePool(Path({str(folder)!r}), ('a', 'b'), Configuration(), held_out=False); pool.batch(0); "
        "assert not {'tensorflow', 'keras', 'jax'} & sys.modules.keys()"
    )
    subprocess.run([sys.executable, "-c", code], check=True)


def test_the_configuration_comes_back(tmp_path: Path) -> None:
    settings = dataclasses.replace(SETTINGS, seed=9)
    settings.save(tmp_path / "configuration.json")
    assert Configuration.load(tmp_path / "configuration.json") == settings
    (tmp_path / "configuration.json").write_text('{"speed": 3}')
    with pytest.raises(ConfigurationBroken, match="speed"):
        Configuration.load(tmp_path / "configuration.json")


@pytest.mark.parametrize("changes", [{"rows": 3}, {"sides": (100,), "side_shares": (1.0,)}, {"sides": (96,)}])
def test_what_cannot_train_is_refused(changes: dict) -> None:
    with pytest.raises(ConfigurationBroken):
        dataclasses.replace(SETTINGS, **changes)


def test_the_learning_rate_warms_up_holds_and_falls() -> None:
    settings = Configuration(steps=1000, warm_up_steps=10)
    assert settings.learning_rate_at(0) < settings.learning_rate_at(20) == settings.learning_rate
    assert settings.learning_rate_at(999) < 0.04 * settings.learning_rate
    assert not settings.details_at(500)
    assert settings.details_at(700)


def test_numbers_of_the_configuration_are_set_by_name() -> None:
    changed = SETTINGS.changed(["learning_rate=5e-4", "judge_every=7"])
    assert (changed.learning_rate, changed.judge_every, changed.rows) == (5e-4, 7, SETTINGS.rows)
    for wrong in ("nothing=1", "rows=2.5", "rows", "bfloat16=1", "sides=3"):
        with pytest.raises(ConfigurationBroken, match=wrong):
            SETTINGS.changed([wrong])
