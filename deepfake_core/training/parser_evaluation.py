"""How well a parser in training does on samples that it never saw."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import keras
import numpy as np
import tensorflow as tf

from deepfake_core.evaluation.parsing import confusion, f1
from deepfake_core.parsing.classes import Label
from deepfake_core.training.parser_data import UNLABELLED, ParserPool
from deepfake_core.training.parser_trainer import centred


@dataclass(frozen=True)
class ParserScores:
    """F1 on held-out samples in the run-time crop, at the network's own resolution."""

    f1: np.ndarray
    """float64 (20,), NaN for classes that are not there."""
    samples: int

    @property
    def mean(self) -> float:
        """Over the classes that are there, background left out."""
        return float(np.nanmean(self.f1[1:]))

    def table(self) -> str:
        """A line for each class."""
        lines = [f"{label.name.lower():12} {score:.3f}" for label, score in zip(Label, self.f1, strict=True)]
        return "\n".join([*lines, f"{'mean':12} {self.mean:.3f} of {self.samples} samples"])


def score_parser(
    parser: keras.Model, pool: ParserPool, *, count: int, size: int, advance: Callable[[], None] = lambda: None
) -> ParserScores:
    """Score `count` samples spread evenly over the pool. Raises TrainingError for one that cannot be read."""
    counts = np.zeros((len(Label), 3), np.int64)
    numbers = np.unique(np.linspace(0, len(pool) - 1, count).round().astype(int))
    for number in numbers:
        picture, truth = pool.aligned(int(number), size)
        found = predicted(parser, picture)
        known = truth != UNLABELLED
        counts += confusion(found[known], truth[known])
        advance()
    return ParserScores(f1(counts), len(numbers))


def predicted(parser: keras.Model, picture: np.ndarray) -> np.ndarray:
    """Labels uint8 (n/2, n/2) of a picture uint8 (n, n, 3) BGR."""
    logits = parser(centred(tf.constant(picture[None])), training=False)
    return np.argmax(keras.ops.convert_to_numpy(logits)[0].astype(np.float32), axis=-1).astype(np.uint8)
