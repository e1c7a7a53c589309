"""The discriminator: tells drawn heads from true ones, patch by patch, so that no blurred detail passes."""

from __future__ import annotations

from typing import Any

import keras
from keras import layers, ops

_WIDTH = 32
_SLOPE = 0.2
_NOISE = 0.05


def build_discriminator() -> keras.Model:
    """(B, n, n, 8) from `view` -> scores (B, n/8, n/8, 1), 1 true and 0 drawn; each sees about 30 px.

    Least squares as in Mao et al., "Least Squares Generative Adversarial Networks", 2017, on patches as in Isola et
    al., "Image-to-Image Translation with Conditional Adversarial Networks", 2017.
    """
    seen = keras.Input((None, None, 8), name="seen")
    x = ops.space_to_depth(seen, 2)
    for k, (channels, strides) in enumerate(((_WIDTH, 1), (2 * _WIDTH, 2), (3 * _WIDTH, 2))):
        x = layers.Conv2D(channels, 3, strides=strides, padding="same", kernel_initializer="he_normal", name=f"c{k}")(x)
        x = layers.LeakyReLU(negative_slope=_SLOPE, name=f"a{k}")(x)
    scores = layers.Conv2D(1, 3, padding="same", name="scores", dtype="float32")(x)
    return keras.Model(seen, scores, name="discriminator")


def view(reflectance: Any, matte: Any, template: Any, known: Any) -> Any:
    """What the discriminator looks at: colour under its matte, the matte, and the template that it was drawn from.

    Where something hid the head nobody knows the truth: both sides are blank there.
    """
    matte = matte * known
    return ops.concatenate([reflectance * matte, matte, template], axis=-1)


def judged(discriminator: keras.Model, drawn: Any, true: Any, noise: Any) -> Any:
    """The discriminator's own loss.

    noise: like `drawn`, standard deviation 1. A score may not change much with a little noise: the finite-difference
    form of the gradient penalty R1 (Mescheder et al., "Which Training Methods for GANs do actually Converge?", 2018).
    """
    rows = ops.shape(drawn)[0]
    scores = discriminator(ops.concatenate([drawn, true, true + _NOISE * noise], axis=0), training=True)
    of_drawn, of_true, of_noisy = scores[:rows], scores[rows : 2 * rows], scores[2 * rows :]
    steep = ops.mean(ops.square((of_noisy - of_true) / _NOISE))
    return ops.mean(ops.square(of_drawn)) + ops.mean(ops.square(of_true - 1.0)) + 0.05 * steep


def fooled(discriminator: keras.Model, drawn: Any) -> Any:
    """The generator's loss: how far the scores of what it drew are from 1."""
    return ops.mean(ops.square(discriminator(drawn, training=True) - 1.0))
