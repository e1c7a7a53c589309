"""The batches of a training, made beside its steps: by tf.data, or by threads where there is no TensorFlow."""

from __future__ import annotations

from collections import deque
from collections.abc import Generator
from concurrent.futures import Future, ThreadPoolExecutor

import keras
import numpy as np

from deepfake_core.training.augmentation import INPUTS, TRUTHS
from deepfake_core.training.errors import TrainingError
from deepfake_core.training.pool import SamplePool

Batch = dict[str, np.ndarray]
_AHEAD = 6


def batches(pool: SamplePool, first_step: int, workers: int = 2) -> Generator[Batch]:
    """Endless batches of `pool` from `first_step` on, in the same order however many workers make them."""
    if keras.backend.backend() == "tensorflow":
        return _through_tf_data(pool, first_step, workers)
    return _through_threads(pool, first_step, workers)


def _through_tf_data(pool: SamplePool, first_step: int, workers: int) -> Generator[Batch]:
    import tensorflow as tf

    channels = {**INPUTS, **TRUTHS}
    failed: list[TrainingError] = []

    def make(step: np.int64) -> list[np.ndarray]:
        try:
            made = pool.batch(int(step))
        except TrainingError as error:
            # TensorFlow would bury the sentence in its own: it is raised below instead.
            failed.append(error)
            blank = [np.zeros((pool.rows, 16, 16, count), np.float32) for count in channels.values()]
            return [*blank, np.zeros(pool.rows // 2, np.float32)]
        return [made[name] for name in (*channels, "paired")]

    def load(step: tf.Tensor) -> dict[str, tf.Tensor]:
        arrays = tf.numpy_function(make, [step], [tf.float32] * (len(channels) + 1), stateful=False)
        for array, count in zip(arrays, channels.values(), strict=False):
            array.set_shape((pool.rows, None, None, count))
        arrays[-1].set_shape((pool.rows // 2,))
        return dict(zip((*channels, "paired"), arrays, strict=True))

    steps = tf.data.Dataset.range(first_step, np.iinfo(np.int64).max)
    stream = steps.map(load, num_parallel_calls=workers, deterministic=True).prefetch(_AHEAD)
    options = tf.data.Options()
    options.threading.private_threadpool_size = workers + 1
    for batch in stream.with_options(options):
        if failed:
            raise failed[0]
        yield batch


def _through_threads(pool: SamplePool, first_step: int, workers: int) -> Generator[Batch]:
    with ThreadPoolExecutor(workers) as threads:
        waiting: deque[Future[Batch]] = deque()
        step = first_step
        try:
            while True:
                while len(waiting) < _AHEAD:
                    waiting.append(threads.submit(pool.batch, step))
                    step += 1
                yield waiting.popleft().result()
        finally:
            for future in waiting:
                future.cancel()
