"""How well a parser in training does on samples that it never saw."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass

import keras
import numpy as np
import tensorflow as tf

from deepfake_core.evaluation.parsing import confusion, f1
from deepfake_core.parsing.classes import Label
from deepfake_core.training.parser_data import UNLABELLED, Pair, ParserPool, StillPool
from deepfake_core.training.parser_trainer import network_input


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
    parser: keras.Model,
    pool: ParserPool,
    *,
    count: int,
    size: int,
    guide: keras.Model | None = None,
    advance: Callable[[], None] = lambda: None,
) -> ParserScores:
    """Score `count` samples spread evenly over the pool; guide: of a "guided" parser, which is scored in the fine crop.

    Raises TrainingError for a sample that cannot be read.
    """
    counts = np.zeros((len(Label), 3), np.int64)
    samples = 0
    for seen, truth in unchanged(pool, count, size, pairs=guide is not None):
        found = predicted(parser, seen, guide)
        known = truth != UNLABELLED
        counts += confusion(found[known], truth[known])
        samples += 1
        advance()
    return ParserScores(f1(counts), samples)


def unchanged(
    pool: ParserPool, count: int, size: int, *, pairs: bool
) -> Iterator[tuple[np.ndarray | Pair, np.ndarray]]:
    """Samples spread evenly over the pool, as they are: pictures or pairs, and labels at half their side."""
    for number in np.unique(np.linspace(0, len(pool) - 1, count).round().astype(int)):
        if pairs:
            assert isinstance(pool, StillPool)
            yield pool.aligned_pair(int(number), size)
        else:
            yield pool.aligned(int(number), size)


def predicted(parser: keras.Model, seen: np.ndarray | Pair, guide: keras.Model | None = None) -> np.ndarray:
    """Labels uint8 (n/2, n/2) of a picture uint8 (n, n, 3) BGR, or of the fine crop of a pair."""
    arrays = seen if isinstance(seen, tuple) else (seen,)
    given = tuple(tf.constant(each[None]) for each in arrays)
    logits = parser(network_input(given if isinstance(seen, tuple) else given[0], guide), training=False)  # type: ignore[arg-type]
    return np.argmax(keras.ops.convert_to_numpy(logits)[0].astype(np.float32), axis=-1).astype(np.uint8)
