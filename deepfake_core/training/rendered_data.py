"""Rendered data sets (docs/data-format.md) as tf.data, for training at full speed."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import tensorflow as tf

from deepfake_core.synthetic import dataset
from deepfake_core.training.errors import TrainingError


class RenderedDataUnusable(TrainingError):
    """A folder does not hold what is to be trained on."""


def rendered_samples(
    folders: Sequence[Path],
    names: Sequence[str],
    *,
    seed: int | None = None,
    shuffled: int = 512,
    workers: int = 2,
    partial: bool = False,
) -> tf.data.Dataset:
    """One pass over data sets as dicts of single samples, in the types of docs/data-format.md; batch them yourself.

    names: the arrays wanted; only these are read from disk. seed: shuffles the shards, then the samples among
    `shuffled` others (another order in every pass); None keeps the order on disk. workers: shards read at a time;
    each is held in memory, as are the shuffled samples. partial: accept sets that are still being rendered.
    Raises RenderedDataUnusable: at once for a folder, and when it is read for a broken shard.
    """
    paths: list[Path] = []
    descriptions: dict[Path, dataset.Description] = {}
    wanted: dict[str, tuple[np.dtype, tuple[int, ...]]] = {}
    for folder in folders:
        try:
            description = dataset.read_description(folder)
            paths += dataset.shard_paths(folder, partial=partial)
        except (dataset.DatasetMismatch, dataset.DatasetIncomplete) as error:
            raise RenderedDataUnusable(str(error)) from error
        descriptions[folder] = description
        arrays = dataset.layout(description, 1)
        missing = [name for name in names if name not in arrays]
        if missing:
            raise RenderedDataUnusable(f"{folder} holds no {', '.join(missing)}: render it with more views.")
        found = {name: (arrays[name][0], arrays[name][1][1:]) for name in names}
        if wanted and found != wanted:
            raise RenderedDataUnusable(f"{folder} is of another size than {folders[0]}: train on one of them.")
        wanted = found
    if not paths:
        raise RenderedDataUnusable(f"{', '.join(map(str, folders))}: there is no sample yet.")

    def read(index: np.int64) -> list[np.ndarray]:
        path = paths[index]
        arrays = dataset.read_shard(path, descriptions[path.parent], names)
        return [arrays[name] for name in names]

    def load(index: tf.Tensor) -> tf.data.Dataset:
        arrays = tf.numpy_function(read, [index], [dtype for dtype, _ in wanted.values()], stateful=False)
        for array, (_, shape) in zip(arrays, wanted.values(), strict=True):
            array.set_shape((None, *shape))
        return tf.data.Dataset.from_tensor_slices(dict(zip(names, arrays, strict=True)))

    stream = tf.data.Dataset.range(len(paths))
    if seed is not None:
        stream = stream.shuffle(len(paths), seed=seed)
    at_a_time = 1 if seed is None else workers
    stream = stream.interleave(load, cycle_length=at_a_time, num_parallel_calls=at_a_time, deterministic=True)
    return stream if seed is None else stream.shuffle(shuffled, seed=seed + 1)
