"""Shards of rendered samples: writing, resuming, refusing. Needs no renderer."""

import errno
import zipfile
from pathlib import Path

import numpy as np
import pytest

from deepfake_core.synthetic import dataset
from deepfake_core.synthetic.dataset import DatasetIncomplete, DatasetMismatch, Description, DiskFull, ShardBroken

SIZE = 16


def description(**changes: object) -> Description:
    values = {
        "kind": "pairs",
        "identity": "vesper",
        "size": SIZE,
        "seed": 3,
        "count": 130,
        "views": ("actor", "identity"),
        "webcam": False,
        "units": ("JawDrop", "LipsKiss"),
        "lights": ("environment", "window"),
        "command": "python tools/render_people.py pairs",
    }
    return Description.model_validate(values | changes)


def arrays(samples: int = 2, of: Description | None = None) -> dataset.Arrays:
    g = np.random.default_rng(0)
    wanted = dataset.layout(of or description(), samples)
    return {name: g.integers(0, 19, shape).astype(dtype) for name, (dtype, shape) in wanted.items()}


def test_a_shard_comes_back_as_it_was_written(tmp_path: Path) -> None:
    written = arrays()
    dataset.write_shard(tmp_path, 5, written)
    path = tmp_path / "shard-00005.npz"
    read = dataset.read_shard(path, description())
    assert read.keys() == written.keys()
    assert all(np.array_equal(read[name], written[name]) for name in written)
    assert [path.name for path in tmp_path.iterdir()] == ["shard-00005.npz"]
    assert dataset.read_shard(path, description(), ["yaw", "actor_bgr"]).keys() == {"yaw", "actor_bgr"}


def test_the_layout_follows_the_views() -> None:
    names = set(dataset.layout(description(kind="stills", identity="", views=("actor",)), 1))
    assert {"actor_bgr", "actor_points", "actor_hair_matte", "gaze", "expression"} <= names
    assert not any(name.startswith(("identity_b", "plate", "swap")) for name in names)
    all_views = dataset.layout(description(views=dataset.VIEWS), 3)
    assert all_views["swap_matte"][1] == (3, SIZE, SIZE)
    assert all_views["face_in_tone_points"][1] == (3, 468, 3)
    assert all_views["expression"][1] == (3, 2)
    assert "plate_alpha" not in all_views


def test_sizes_are_those_of_the_arrays() -> None:
    made = arrays(3)
    assert dataset.size_in_bytes(description(), 3) == sum(array.nbytes for array in made.values())


def test_a_sequence_has_a_shard_of_its_own() -> None:
    made = description(kind="sequences", count=12, frames=60)
    assert (made.samples, made.shards, made.shard_samples, made.samples_of(11)) == (720, 12, 60, 60)
    stills = description(kind="stills", count=300)
    assert (stills.samples, stills.shards, stills.samples_of(0), stills.samples_of(4)) == (300, 5, 64, 44)


def test_nobodys_tones_lie_in_two_shards() -> None:
    made = description(count=120, each_tone=True)
    assert (made.shards, made.samples_of(0), made.samples_of(1)) == (2, 60, 60)


@pytest.mark.parametrize(
    "changes",
    [
        {"views": ("identity",)},
        {"views": ("identity", "actor")},
        {"views": ("actor", "actor")},
        {"views": ("actor", "face_of_a_cat")},
        {"frames": 60},
        {"kind": "movies"},
        {"count": 0},
        {"count": 64, "each_tone": True},
        {"count": 60, "each_tone": True, "kind": "stills"},
        {"count": 60, "each_tone": True, "tones": (9, 10)},
        {"tones": (9, 10), "kind": "stills"},
        {"tones": (10, 9)},
        {"tones": (11,)},
    ],
)
def test_a_description_must_make_sense(changes: dict[str, object]) -> None:
    with pytest.raises(ValueError, match="validation error"):
        description(**changes)


def test_a_second_run_continues_and_may_want_more(tmp_path: Path) -> None:
    assert dataset.start_dataset(tmp_path, description()) == [0, 1, 2]
    dataset.write_shard(tmp_path, 1, arrays())
    assert dataset.start_dataset(tmp_path, description()) == [0, 2]
    assert dataset.start_dataset(tmp_path, description(count=256)) == [0, 2, 3]
    assert dataset.read_description(tmp_path).count == 256


def test_a_short_last_shard_is_made_again_for_a_longer_set(tmp_path: Path) -> None:
    dataset.start_dataset(tmp_path, description(count=70))
    for index in (0, 1):
        dataset.write_shard(tmp_path, index, arrays())
    assert dataset.start_dataset(tmp_path, description(count=70)) == []
    assert dataset.start_dataset(tmp_path, description(count=90)) == [1]


def test_a_shorter_wish_leaves_the_longer_set(tmp_path: Path) -> None:
    dataset.start_dataset(tmp_path, description())
    assert dataset.start_dataset(tmp_path, description(count=64)) == [0, 1, 2]
    assert dataset.read_description(tmp_path).count == 130


def test_what_a_killed_writer_left_is_swept_away(tmp_path: Path) -> None:
    dataset.start_dataset(tmp_path, description())
    (tmp_path / "shard-00001.4711.partial").write_bytes(b"PK")
    dataset.start_dataset(tmp_path, description())
    assert [path.name for path in tmp_path.iterdir()] == ["dataset.json"]


def test_a_half_written_set_is_refused_unless_wanted(tmp_path: Path) -> None:
    dataset.start_dataset(tmp_path, description())
    dataset.write_shard(tmp_path, 1, arrays())
    with pytest.raises(DatasetIncomplete, match=r"half-written, 2 of 3 shards .* tools/render_people.py pairs"):
        dataset.shard_paths(tmp_path)
    assert dataset.shard_paths(tmp_path, partial=True) == [tmp_path / "shard-00001.npz"]
    for index in (0, 2):
        dataset.write_shard(tmp_path, index, arrays())
    assert [path.name[6:11] for path in dataset.shard_paths(tmp_path)] == ["00000", "00001", "00002"]


def test_equal_pictures_have_equal_fingerprints(tmp_path: Path) -> None:
    folders = [tmp_path / name for name in "abc"]
    for folder in folders:
        dataset.start_dataset(folder, description(count=2))
        changed = {"yaw": np.array([1, 2], np.float32)} if folder.name == "c" else {}
        dataset.write_shard(folder, 0, arrays() | changed)
    first, same, other = map(dataset.fingerprint, folders)
    assert first == same != other


def test_a_full_disk_is_said_and_leaves_nothing_behind(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(file: object, **arrays: object) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(np, "savez", full)
    with pytest.raises(DiskFull, match=r"no space left for .*call the same command again"):
        dataset.write_shard(tmp_path, 0, arrays())
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize(
    "change",
    [
        {"seed": 4},
        {"size": 32},
        {"identity": "performer"},
        {"kind": "stills"},
        {"views": ("actor",)},
        {"webcam": True},
        {"people": "benchmark"},
    ],
)
def test_other_settings_are_refused(tmp_path: Path, change: dict[str, object]) -> None:
    dataset.start_dataset(tmp_path, description())
    with pytest.raises(DatasetMismatch, match="another folder"):
        dataset.start_dataset(tmp_path, description(**change))
    assert dataset.read_description(tmp_path) == description()


def test_the_old_format_is_refused_by_name(tmp_path: Path) -> None:
    (tmp_path / "dataset.json").write_text('{"kind": "pairs", "identity": "vesper", "size": 192, "format": 1}')
    with pytest.raises(DatasetMismatch, match="format 1, which is no longer read: render it again"):
        dataset.read_description(tmp_path)


def test_a_folder_without_a_set_is_named(tmp_path: Path) -> None:
    with pytest.raises(DatasetMismatch, match="holds no data set"):
        dataset.shard_paths(tmp_path / "nothing")


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
        description().model_dump_json().replace('"format":2', '"format":3'),
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
        dataset.read_shard(tmp_path / "shard-00000.npz", description())
    assert not (tmp_path / "unpickled").exists()


def test_a_zip_bomb_is_not_unpacked(tmp_path: Path) -> None:
    path = tmp_path / "shard-00000.npz"
    np.savez_compressed(path, allow_pickle=False, **(arrays() | {"yaw": np.zeros(20_000_000, np.float32)}))
    assert path.stat().st_size < 200_000
    with pytest.raises(ShardBroken, match="not those of a shard of this set"):
        dataset.read_shard(path, description())


def test_a_header_that_promises_too_much_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "shard-00000.npz"
    dataset.write_shard(tmp_path, 0, arrays())
    header = b"\x93NUMPY\x01\x00\x76\x00" + b"{'descr':'<f4','fortran_order':False,'shape':(99999999999999,)}"
    with zipfile.ZipFile(path, "a") as archive:
        archive.writestr("huge.npy", header.ljust(127) + b"\n")
    with pytest.raises(ShardBroken, match="not those of a shard of this set"):
        dataset.read_shard(path, description())


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
        dataset.read_shard(tmp_path / "shard-00000.npz", description())


def test_a_torn_shard_is_refused(tmp_path: Path) -> None:
    dataset.write_shard(tmp_path, 0, arrays())
    path = tmp_path / "shard-00000.npz"
    path.write_bytes(path.read_bytes()[:2000])
    with pytest.raises(ShardBroken, match="cannot be read"):
        dataset.read_shard(path, description())
