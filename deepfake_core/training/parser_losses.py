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
_EMPHASIS = np.ones(256, np.float32)
_EMPHASIS[:CLASSES] = np.clip((SHARES / 0.17) ** -0.3, 0.8, 4.0)
"""How much a pixel near each class counts in the cross-entropy: skin 1, what is thin and rare up to 4."""
_NEAR = 5
"""Px of the network's answer: so far around what is rare all pixels count as much, so that nothing is pushed across
its edge."""
_OVERLAP = 0.6
"""What the overlap counts for beside the cross-entropy: more would make shares of edges hard, and the masks, which are
enlarged before they are used, ragged."""


def parsing_loss(
    logits: tf.Tensor,
    labels: tf.Tensor,
    *,
    known: np.ndarray | None = None,
    taught: tuple[float, tf.Tensor] | None = None,
) -> dict[str, tf.Tensor]:
    """total, cross_entropy and overlap, scalars, of logits (B, n, n, 20) and labels uint8 (B, n, n) or (B, 2n, 2n).

    Of 2 x 2 labels the network learns the shares. Labels from 20 on are unknown: nothing is learned there.
    overlap: 1 - mean of the classes' soft Dice over the whole batch (Milletari et al. 2016), much as the F1 that the
    evaluation measures, over the classes that it shows.
    known: bool (20,), False for classes that the data set does not label: predicting one of them costs nothing
    where the label says background.
    taught: what a teacher's shares (B, n, n, 20) count for in the cross-entropy, 0..1, and they.
    """
    logits = tf.cast(logits, tf.float32)
    finer = labels.shape[1] // logits.shape[1] if labels.shape[1] and logits.shape[1] else 1
    parts = tf.nn.space_to_depth(labels[..., None], 2) if finer == 2 else labels[..., None]
    count = parts.shape[-1]
    whole = tf.reduce_all(parts < CLASSES, axis=-1, keepdims=True)
    parts = tf.where(whole, parts, np.uint8(CLASSES))  # no class: of half known pixels nothing is learned
    hot = [tf.one_hot(parts[..., k], CLASSES, dtype=tf.uint8) for k in range(count)]
    target = tf.cast(tf.add_n(hot), tf.float32) / float(count)
    seen = tf.cast(whole, tf.float32)
    near = tf.reduce_max(tf.gather(_EMPHASIS, tf.cast(parts, tf.int32)), axis=-1, keepdims=True)
    weights = tf.nn.max_pool2d(near, _NEAR, 1, "SAME") * seen
    if known is not None and not known.all():
        # What the data set cannot name lies in its background: there either answer is right.
        free = tf.cast(target[..., :1] > 0.99, tf.float32) * tf.constant(~known, tf.float32)
        joined = tf.reduce_logsumexp(tf.where((free + np.eye(CLASSES)[0]) > 0, logits, -1e9), axis=-1, keepdims=True)
        background = tf.where(target[..., :1] > 0.99, joined, logits[..., :1])
        logits = tf.concat([background, tf.where(free[..., 1:] > 0, -1e9, logits[..., 1:])], axis=-1)
    logits, target, seen = (tf.reshape(each, (-1, each.shape[-1])) for each in (logits, target, seen))
    wanted = target
    if taught is not None:
        wanted = (1.0 - taught[0]) * target + taught[0] * tf.reshape(taught[1], (-1, CLASSES))
    cross = tf.nn.softmax_cross_entropy_with_logits(wanted, logits)
    weights = tf.reshape(weights, (-1,))
    cross_entropy = tf.reduce_sum(cross * weights) / (tf.reduce_sum(weights) + 1.0)
    shares = tf.nn.softmax(logits)
    hits = tf.reduce_sum(shares * target, axis=0)
    said = tf.linalg.matvec(shares, seen[:, 0], transpose_a=True)
    true = tf.reduce_sum(target, axis=0)
    shown = tf.cast(true > 16.0, tf.float32)
    dice = 2.0 * hits / (said + true + 1.0)
    overlap = 1.0 - tf.reduce_sum(dice * shown) / (tf.reduce_sum(shown) + 1e-6)
    return {"total": cross_entropy + _OVERLAP * overlap, "cross_entropy": cross_entropy, "overlap": overlap}
