"""tf.data over rendered data sets. Needs TensorFlow (.venv-train)."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

pytest.importorskip("tensorflow", reason="tf.data needs .venv-train")

from deepfake_core.synthetic import dataset
from deepfake_core.training.rendered_data import RenderedDataUnusable, rendered_samples

pytestmark = pytest.mark.train
SIZE = 16
COUNT = 150  # three shards, the last one short


def render(folder: Path, shards: int = 3, first: int = 0, **changes: object) -> Path:
    """A data set of noise whose seeds count up from `first`."""
    values: dict[str, object] = {
        "kind": "stills",
        "identity": "",
        "size": SIZE,
        "seed": 0,
        "count": COUNT,
        "views": ("actor",),
        "webcam": False,
        "units": ("JawDrop",),
        "lights": (),
        "command": "test",
    }
    description = dataset.Description.model_validate(values | changes)
    dataset.start_dataset(folder, description)
    g = np.random.default_rng(0)
    for index in range(shards):
        layout = dataset.layout(description, description.samples_of(index))
        arrays = {name: g.integers(0, 200, shape).astype(dtype) for name, (dtype, shape) in layout.items()}
        start = first + 64 * index
        arrays["actor_seed"] = np.arange(start, start + len(arrays["yaw"]), dtype=np.int64)
        arrays["actor_bgr"][:, 0, 0, 0] = arrays["actor_seed"] % 251
        dataset.write_shard(folder, index, arrays)
    return folder


def seeds(stream: object) -> list[int]:
    return [int(sample["actor_seed"]) for sample in stream.as_numpy_iterator()]  # type: ignore[attr-defined]


def test_every_sample_comes_once_and_whole(tmp_path: Path) -> None:
    stream = rendered_samples([render(tmp_path / "a")], ["actor_bgr", "actor_labels", "actor_seed"])
    samples = list(stream.as_numpy_iterator())
    assert [int(sample["actor_seed"]) for sample in samples] == list(range(COUNT))
    for sample in samples:
        assert sample.keys() == {"actor_bgr", "actor_labels", "actor_seed"}
        assert sample["actor_bgr"].shape == (SIZE, SIZE, 3)
        assert sample["actor_bgr"].dtype == np.uint8
        assert sample["actor_bgr"][0, 0, 0] == sample["actor_seed"] % 251


def test_shuffling_mixes_shards_and_folders_and_repeats_with_the_seed(tmp_path: Path) -> None:
    folders = [render(tmp_path / "a"), render(tmp_path / "b", first=1000)]
    first, again, other = (
        seeds(rendered_samples(folders, ["actor_seed"], seed=seed, shuffled=64)) for seed in (1, 1, 2)
    )
    assert sorted(first) == [*range(COUNT), *range(1000, 1000 + COUNT)]
    assert first == again != other
    head = np.array(first[:100])
    assert (head >= 1000).any()
    assert (head < 1000).any()


def test_batches_have_static_shapes(tmp_path: Path) -> None:
    stream = rendered_samples([render(tmp_path / "a")], ["actor_bgr", "gaze"], seed=0).batch(8, drop_remainder=True)
    assert stream.element_spec["actor_bgr"].shape.as_list() == [8, SIZE, SIZE, 3]
    assert stream.element_spec["gaze"].shape.as_list() == [8, 2]


def test_what_cannot_be_trained_on_is_refused(tmp_path: Path) -> None:
    half = render(tmp_path / "half", shards=2)
    with pytest.raises(RenderedDataUnusable, match="half-written"):
        rendered_samples([half], ["actor_bgr"])
    assert len(seeds(rendered_samples([half], ["actor_seed"], partial=True))) == 128
    with pytest.raises(RenderedDataUnusable, match="holds no face_bgr: render it with more views"):
        rendered_samples([half], ["face_bgr"], partial=True)
    with pytest.raises(RenderedDataUnusable, match="another size"):
        rendered_samples([render(tmp_path / "a"), render(tmp_path / "b", size=32)], ["actor_bgr"])
    with pytest.raises(RenderedDataUnusable, match="no sample yet"):
        rendered_samples([render(tmp_path / "none", shards=0)], ["actor_bgr"], partial=True)


def test_a_broken_shard_stops_the_training(tmp_path: Path) -> None:
    import tensorflow as tf

    folder = render(tmp_path / "a")
    path = dataset.shard_path(folder, 1)
    path.write_bytes(path.read_bytes()[:5000])
    with pytest.raises(tf.errors.OpError, match=r"shard-00001.npz cannot be read"):
        seeds(rendered_samples([folder], ["actor_seed"]))
