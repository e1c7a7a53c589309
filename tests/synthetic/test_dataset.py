"""Shards of rendered samples: writing, resuming, refusing. Needs no renderer."""

import zipfile
from pathlib import Path

import numpy as np
import pytest

from deepfake_core.synthetic import dataset
from deepfake_core.synthetic.dataset import DatasetMismatch, Description, ShardBroken

SIZE = 16


def description(**changes: object) -> Description:
    values = {"kind": "pairs", "identity": "vesper", "size": SIZE, "seed": 3, "count": 130, "command": "test"}
    return Description.model_validate(values | changes)


def arrays(samples: int = 2) -> dataset.Arrays:
    g = np.random.default_rng(0)
    return {
        name: g.integers(0, 19, shape).astype(dtype) for name, (dtype, shape) in dataset.layout(samples, SIZE).items()
    }


def test_a_shard_comes_back_as_it_was_written(tmp_path: Path) -> None:
    written = arrays()
    dataset.write_shard(tmp_path, 5, written)
    read = dataset.read_shard(tmp_path / "shard-00005.npz", SIZE)
    assert read.keys() == written.keys()
    assert all(np.array_equal(read[name], written[name]) for name in written)
    assert [path.name for path in tmp_path.iterdir()] == ["shard-00005.npz"]


def test_a_second_run_continues_and_may_want_more(tmp_path: Path) -> None:
    assert dataset.start_dataset(tmp_path, description()) == [0, 1, 2]
    dataset.write_shard(tmp_path, 1, arrays())
    assert dataset.start_dataset(tmp_path, description()) == [0, 2]
    assert dataset.start_dataset(tmp_path, description(count=256)) == [0, 2, 3]
    assert dataset.read_description(tmp_path).count == 256


@pytest.mark.parametrize("change", [{"seed": 4}, {"size": 32}, {"identity": "performer"}, {"kind": "other"}])
def test_other_settings_are_refused(tmp_path: Path, change: dict[str, object]) -> None:
    dataset.start_dataset(tmp_path, description())
    with pytest.raises(DatasetMismatch, match="another folder"):
        dataset.start_dataset(tmp_path, description(**change))
    assert dataset.read_description(tmp_path) == description()


def test_shards_without_a_description_are_refused(tmp_path: Path) -> None:
    dataset.write_shard(tmp_path, 0, arrays())
    with pytest.raises(DatasetMismatch, match=r"no dataset\.json"):
        dataset.start_dataset(tmp_path, description())


@pytest.mark.parametrize(
    "text",
    [
        "",
        "[]",
        '{"kind": "pairs"}',
        description().model_dump_json().replace('"size":16', '"size":1000000'),
        description().model_dump_json().replace('"format":1', '"format":2'),
        description().model_dump_json().replace('"seed":3', '"seed":3,"extra":1'),
    ],
)
def test_a_broken_description_is_refused(tmp_path: Path, text: str) -> None:
    (tmp_path / "dataset.json").write_text(text)
    with pytest.raises(DatasetMismatch, match="describes no data set"):
        dataset.start_dataset(tmp_path, description())


class Evil:
    """Leaves a file behind when it is unpickled."""

    def __reduce__(self) -> tuple[object, tuple[Path]]:
        return Path.touch, (Path("unpickled"),)


def test_a_pickle_in_a_shard_is_not_run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    hostile = arrays() | {"yaw": np.array([Evil(), Evil()], object)}
    np.savez(tmp_path / "shard-00000.npz", allow_pickle=True, **hostile)
    with pytest.raises(ShardBroken, match="cannot be read"):
        dataset.read_shard(tmp_path / "shard-00000.npz", SIZE)
    assert not (tmp_path / "unpickled").exists()


def test_a_zip_bomb_is_not_unpacked(tmp_path: Path) -> None:
    path = tmp_path / "shard-00000.npz"
    np.savez_compressed(path, allow_pickle=False, **(arrays() | {"yaw": np.zeros(20_000_000, np.float32)}))
    assert path.stat().st_size < 200_000
    with pytest.raises(ShardBroken, match="not those of a shard"):
        dataset.read_shard(path, SIZE)


def test_a_header_that_promises_too_much_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "shard-00000.npz"
    dataset.write_shard(tmp_path, 0, arrays())
    header = b"\x93NUMPY\x01\x00\x76\x00" + b"{'descr':'<f4','fortran_order':False,'shape':(99999999999999,)}"
    with zipfile.ZipFile(path, "a") as archive:
        archive.writestr("huge.npy", header.ljust(127) + b"\n")
    with pytest.raises(ShardBroken, match="not those of a shard"):
        dataset.read_shard(path, SIZE)


@pytest.mark.parametrize("damage", ["missing", "extra", "dtype", "shape", "empty", "too_many"])
def test_a_shard_of_another_layout_is_refused(tmp_path: Path, damage: str) -> None:
    broken = arrays(0 if damage == "empty" else 65 if damage == "too_many" else 2)
    if damage == "missing":
        del broken["actor_labels"]
    elif damage == "extra":
        broken["more"] = np.zeros(2, np.uint8)
    elif damage == "dtype":
        broken["actor_bgr"] = broken["actor_bgr"].astype(np.int16)
    elif damage == "shape":
        broken["identity_bgr"] = broken["identity_bgr"][:, :8]
    dataset.write_shard(tmp_path, 0, broken)
    with pytest.raises(ShardBroken, match="cannot be read"):
        dataset.read_shard(tmp_path / "shard-00000.npz", SIZE)


def test_a_torn_shard_is_refused(tmp_path: Path) -> None:
    dataset.write_shard(tmp_path, 0, arrays())
    path = tmp_path / "shard-00000.npz"
    path.write_bytes(path.read_bytes()[:2000])
    with pytest.raises(ShardBroken, match="cannot be read"):
        dataset.read_shard(path, SIZE)
