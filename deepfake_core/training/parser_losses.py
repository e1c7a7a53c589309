"""What the face parser is trained to do: cross-entropy, and the overlap of each class."""

from __future__ import annotations

import numpy as np
import tensorflow as tf

from deepfake_core.parsing.classes import Label

CLASSES = len(Label)
SHARES = np.array(
    [.46, .17, .0023, .0021, .0011, .0010, .012, .0042, .0038, .0008, .017, .0016, .0022, .0040, .056, .0008, .10, .12,
     .02, .04],
    np.float32,
)  # fmt: skip
"""About how much of the rendered pictures each class covers."""
WEIGHTS = np.minimum(SHARES**-0.25 / (0.17**-0.25), 3.0).astype(np.float32)
"""Weight of each class in the cross-entropy: skin 1, what is thin and rare up to 3."""


_FIRST = np.eye(CLASSES, dtype=np.float32)[0]


def parsing_loss(logits: tf.Tensor, labels: tf.Tensor, *, known: np.ndarray | None = None) -> dict[str, tf.Tensor]:
    """total, cross_entropy and overlap, scalars, of logits (B, n, n, 20) and labels uint8 (B, n, n).

    Labels from 20 on are unknown: nothing is learned there. overlap: 1 - mean of the classes' soft Dice over the
    whole batch (Milletari et al. 2016), which is the F1 that the evaluation measures, over the classes that it shows.
    known: bool (20,), False for classes that the data set does not label: predicting one of them costs nothing
    where the label says background.
    """
    logits = tf.reshape(tf.cast(logits, tf.float32), (-1, CLASSES))
    labels = tf.reshape(tf.cast(labels, tf.int32), (-1,))
    seen = tf.cast(labels < CLASSES, tf.float32)
    named = tf.minimum(labels, CLASSES - 1)
    if known is not None and not known.all():
        # What the data set cannot name lies in its background: there either answer is right.
        free = tf.cast(labels == 0, tf.float32)[:, None] * tf.constant(~known, tf.float32)
        joined = tf.reduce_logsumexp(tf.where((free + _FIRST) > 0, logits, -1e9), axis=1)
        background = tf.where(labels == 0, joined, logits[:, 0])
        logits = tf.concat([background[:, None], tf.where(free[:, 1:] > 0, -1e9, logits[:, 1:])], axis=1)
    one_hot = tf.one_hot(named, CLASSES) * seen[:, None]
    cross = tf.nn.sparse_softmax_cross_entropy_with_logits(named, logits) * seen
    weights = tf.linalg.matvec(one_hot, WEIGHTS)
    cross_entropy = tf.reduce_sum(cross * weights) / (tf.reduce_sum(weights) + 1.0)
    hits = tf.linalg.matvec(one_hot, tf.exp(-cross), transpose_a=True)
    said = tf.linalg.matvec(tf.nn.softmax(logits), seen, transpose_a=True)
    true = tf.reduce_sum(one_hot, axis=0)
    shown = tf.cast(true > 16.0, tf.float32)
    dice = 2.0 * hits / (said + true + 1.0)
    overlap = 1.0 - tf.reduce_sum(dice * shown) / (tf.reduce_sum(shown) + 1e-6)
    return {"total": cross_entropy + overlap, "cross_entropy": cross_entropy, "overlap": overlap}
