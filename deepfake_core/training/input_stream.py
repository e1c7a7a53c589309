"""The tf.data input of the training: augmented batches, made beside the training step."""

from __future__ import annotations

import numpy as np
import tensorflow as tf

from deepfake_core.swapping import networks
from deepfake_core.training.augmentation import INPUTS, TRUTHS
from deepfake_core.training.pool import SamplePool


def batches(pool: SamplePool, batch: int, first_step: int, workers: int = 2) -> tf.data.Dataset:
    """Endless batches of dicts float32 (batch, 128, 128, C), in the same order however many workers make them.

    Batch number n holds the samples n * batch ... of the run, so a resumed run sees what the first would have seen.
    """
    channels = {**INPUTS, **TRUTHS}

    def make(counter: np.int64) -> tuple[np.ndarray, ...]:
        return pool.drawn(int(counter))

    def load(counter: tf.Tensor) -> dict[str, tf.Tensor]:
        arrays = tf.numpy_function(make, [counter], [tf.float32] * len(channels), stateful=False)
        for array, count in zip(arrays, channels.values(), strict=True):
            array.set_shape((networks.SIZE, networks.SIZE, count))
        return dict(zip(channels, arrays, strict=True))

    numbers = tf.data.Dataset.range(first_step * batch, np.iinfo(np.int64).max)
    stream = numbers.map(load, num_parallel_calls=workers, deterministic=True)
    return stream.batch(batch, drop_remainder=True).prefetch(4)
