"""What the face parser is trained to do: cross-entropy, and the overlap of each class."""

from __future__ import annotations

import numpy as np
from keras import KerasTensor, ops

from deepfake_core.parsing.classes import Label

CLASSES = len(Label)
SHARES = np.array(
    [.46, .17, .0023, .0021, .0011, .0010, .012, .0042, .0038, .0008, .017, .0016, .0022, .0040, .056, .0008, .10, .12,
     .02, .04],
    np.float32,
)  # fmt: skip
"""About how much of the rendered pictures each class covers."""
WEIGHTS = np.minimum(SHARES**-0.35 / (0.17**-0.35), 4.0).astype(np.float32)
"""Weight of each class in the cross-entropy: skin 1, what is thin and rare up to 4."""


def parsing_loss(
    logits: KerasTensor, labels: KerasTensor, *, known: KerasTensor | None = None
) -> dict[str, KerasTensor]:
    """total, cross_entropy and overlap, scalars, of logits (B, n, n, 20) and labels uint8 (B, n, n).

    Labels from 20 on are unknown: nothing is learned there. overlap: 1 - mean of the classes' soft Dice over the
    whole batch (Milletari et al. 2016), which is the F1 that the evaluation measures, over the classes that it shows.
    known: float (20,), 0 for classes that the data set does not label; what is predicted as one of them costs nothing.
    """
    labels = ops.cast(labels, "int32")
    seen = ops.cast(labels < CLASSES, "float32")
    one_hot = ops.one_hot(labels, CLASSES)
    logs = ops.log_softmax(ops.cast(logits, "float32"), axis=-1)
    shares = ops.exp(logs)
    if known is not None:
        unknown = 1.0 - known
        # The share given to classes that this data set cannot name counts for the right one.
        rest = ops.sum(shares * unknown, axis=-1, keepdims=True)
        shares = (shares + rest * one_hot) * known
        logs = ops.log(ops.maximum(shares, 1e-6))
    weights = ops.sum(one_hot * WEIGHTS, axis=-1) * seen
    cross_entropy = -ops.sum(ops.sum(one_hot * logs, axis=-1) * weights) / (ops.sum(weights) + 1.0)
    axes = (0, 1, 2)
    shares = shares * seen[..., None]
    true = ops.sum(one_hot, axis=axes)
    dice = 2.0 * ops.sum(shares * one_hot, axis=axes) / (ops.sum(shares, axis=axes) + true + 1.0)
    shown = ops.cast(true > 16.0, "float32")
    overlap = 1.0 - ops.sum(dice * shown) / (ops.sum(shown) + 1e-6)
    return {"total": cross_entropy + overlap, "cross_entropy": cross_entropy, "overlap": overlap}
