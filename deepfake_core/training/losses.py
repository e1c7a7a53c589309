"""What the swap networks are trained on, loss by loss, on any back end of Keras.

Pictures are centred reflectance float32 (B, n, n, 3), mattes and masks float32 (B, n, n, 1), 0..1; rows 2k and 2k + 1
of a batch belong together, see `temporal`. Every loss is a scalar.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
from keras import ops

from deepfake_core.training.configuration import Configuration

Tensor = Any
Tensors = dict[str, Tensor]
_HAIR = 0.6
WINDOW = 8


@dataclass(frozen=True)
class Critics:
    """Frozen networks that look at what was drawn; None leaves their loss out."""

    perceptual: Callable[[Tensor], list[Tensor]] | None = None
    """Pictures BGR (B, n, n, 3), 0..1 -> feature maps."""
    identity: Callable[[Tensor], Tensor] | None = None
    """The same -> embeddings (B, d)."""


@dataclass(frozen=True)
class Regions:
    """Where a loss counts, and how much."""

    inside: Tensor
    """The head, a little grown, where nothing hides it."""
    weight: Tensor
    """The same with the face above the hair, and eyes and mouth above both."""

    @classmethod
    def of(cls, truth: Tensors, settings: Configuration) -> Regions:
        """Regions of a batch."""
        head, face = (ops.max_pool(truth[name], 5, strides=1, padding="same") for name in ("head", "face"))
        inside = head * truth["known"]
        weight = ops.maximum(face, _HAIR * head) * (1.0 + settings.emphasis * truth["emphasis"]) * truth["known"]
        return cls(inside, weight)


def picture_losses(outputs: Tensors, truth: Tensors, template: Tensor, settings: Configuration) -> Tensors:
    """The weighted losses that every step has, by name.

    outputs: as the decoder gives them; template: as it takes it; truth: "target", "head", "face", "known" and
    "emphasis", and "paired" (B/2,).
    """
    regions = Regions.of(truth, settings)
    # Reflectance spans 2 where pictures span 1: halved, the weights keep the meaning they have for pictures.
    picture, target = outputs["reflectance"] / 2.0, truth["target"] / 2.0
    mattes = matte(outputs["face_matte"], truth["face"], truth["known"])
    mattes += matte(outputs["head_matte"], truth["head"], truth["known"])
    losses = {
        "colour": settings.colour_weight * colour(picture, target, regions.weight),
        "edges": settings.edges_weight * edges(picture, target, regions.weight),
        "contrast": settings.contrast_weight * contrast(picture, target, regions.weight),
        "structure": settings.structure_weight * structure(picture, target, regions.weight),
        "mattes": settings.matte_weight * mattes,
        "outside": settings.outside_weight * colour(picture, template[..., :3] / 2.0, 1.0 - regions.inside),
    }
    if settings.temporal_weight:
        losses["temporal"] = settings.temporal_weight * temporal(picture, target, regions.inside, truth["paired"])
    return losses


def colour(picture: Tensor, target: Tensor, weight: Tensor) -> Tensor:
    """Mean absolute difference."""
    return _mean(ops.abs(picture - target), weight)


def edges(picture: Tensor, target: Tensor, weight: Tensor) -> Tensor:
    """Mean absolute difference of the gradients, across and down."""
    return 2.0 * _mean(ops.abs(_gradients(picture - target)), weight[:, 1:, 1:])


def contrast(picture: Tensor, target: Tensor, weight: Tensor) -> Tensor:
    """Mean absolute difference of how strong the gradients are around each place.

    The losses that compare pixel by pixel are least for a blurred picture wherever the truth cannot be known exactly;
    this one asks for as much detail as the truth has, wherever it lies.
    """
    strength = [ops.sqrt(_boxes(ops.square(_gradients(p)), WINDOW, 4) + 1e-5) for p in (picture, target)]
    return _mean(ops.abs(strength[0] - strength[1]), _boxes(weight[:, 1:, 1:], WINDOW, 4))


def _gradients(picture: Tensor) -> Tensor:
    """Differences across and down of each channel: (B, n - 1, n - 1, 2 C)."""
    channels = picture.shape[-1]
    kernel = np.zeros((2, 2, channels, 2 * channels), np.float32)
    for channel in range(channels):
        kernel[0, :, channel, 2 * channel] = (-1.0, 1.0)
        kernel[:, 0, channel, 2 * channel + 1] = (-1.0, 1.0)
    # As a convolution: slices that overlap are slow to differentiate.
    return ops.conv(picture, kernel, padding="valid")


def structure(picture: Tensor, target: Tensor, weight: Tensor, scales: int = 3) -> Tensor:
    """1 - SSIM, averaged over `scales` sizes of the picture, each half the one before."""
    total = 0.0
    for scale in range(scales):
        if scale:
            picture, target, weight = (_boxes(x, 2, 2) for x in (picture, target, weight))
        similarity = structural_similarity(picture, target, stride=4)
        total += _mean(1.0 - similarity, _boxes(weight, WINDOW, 4))
    return total / scales


def structural_similarity(picture: Tensor, target: Tensor, stride: int = 1) -> Tensor:
    """SSIM in 8 px box windows (Wang et al., 2004) per window and channel; pictures span 1 around 0.

    Returns (B, (n - 8) // stride + 1, same, C).
    """
    maps = [picture, target, ops.square(picture) + ops.square(target), picture * target]
    mean_a, mean_b, squares, products = ops.split(_boxes(ops.concatenate(maps, axis=-1), WINDOW, stride), 4, axis=-1)
    variances = squares - ops.square(mean_a) - ops.square(mean_b)
    covariance = products - mean_a * mean_b
    # Reflectance is centred on 0; the luminance term needs values that are not.
    mean_a, mean_b = mean_a + 0.5, mean_b + 0.5
    luminance = (2 * mean_a * mean_b + 1e-4) / (ops.square(mean_a) + ops.square(mean_b) + 1e-4)
    return luminance * (2 * covariance + 9e-4) / (variances + 9e-4)


def _boxes(x: Tensor, window: int, stride: int) -> Tensor:
    """Means of square windows: as a convolution, several times faster here than as pooling of few channels."""
    kernel = np.eye(x.shape[-1], dtype=np.float32)[None, None] / window**2
    return ops.conv(x, np.tile(kernel, (window, window, 1, 1)), strides=stride, padding="valid")


def matte(drawn: Tensor, true: Tensor, known: Tensor) -> Tensor:
    """Binary cross-entropy above what a perfect matte of soft edges has, where the truth is known."""
    drawn = ops.clip(drawn, 1e-4, 1.0 - 1e-4)
    true = ops.clip(true, 1e-4, 1.0 - 1e-4)
    entropy = true * ops.log(true / drawn) + (1.0 - true) * ops.log((1.0 - true) / (1.0 - drawn))
    return _mean(entropy, known)


def temporal(picture: Tensor, target: Tensor, weight: Tensor, paired: Tensor) -> Tensor:
    """Of rows that are consecutive frames: how differently the drawn picture and the true one change.

    paired: (B/2,), 1 where rows 2k and 2k + 1 are such frames.
    """
    change = (picture[1::2] - picture[0::2]) - (target[1::2] - target[0::2])
    both = weight[1::2] * weight[0::2] * paired[:, None, None, None]
    return _mean(ops.abs(change), both)


def perceptual(features: Callable[[Tensor], list[Tensor]], drawn: Tensor, true: Tensor) -> Tensor:
    """Mean difference of a frozen network's features, each map by its own size; pictures from `shown`."""
    maps = zip(features(drawn), features(true), strict=True)
    parts = [
        ops.mean(ops.abs(of_drawn - of_true)) / (ops.mean(ops.abs(of_true)) + 1e-3)
        for of_drawn, of_true in ((ops.cast(a, "float32"), ops.stop_gradient(ops.cast(b, "float32"))) for a, b in maps)
    ]
    return sum(parts[1:], parts[0]) / len(parts)


def identity(embed: Callable[[Tensor], Tensor], drawn: Tensor, true: Tensor) -> Tensor:
    """1 - cosine between the embeddings of drawn and true faces; pictures from `shown`."""
    of_drawn, of_true = (ops.cast(embed(x), "float32") for x in (drawn, true))
    of_true = ops.stop_gradient(of_true)
    lengths = ops.sqrt(ops.sum(ops.square(of_drawn), -1) * ops.sum(ops.square(of_true), -1) + 1e-8)
    return ops.mean(1.0 - ops.sum(of_drawn * of_true, -1) / lengths)


def shown(reflectance: Tensor, truth: Tensors) -> Tensor:
    """A picture 0..1 for a frozen network: the head as drawn, the truth's own surroundings."""
    head = truth["head"] * truth["known"]
    return ops.clip((reflectance * head + truth["target"] * (1.0 - head)) / 2.0 + 0.5, 0.0, 1.0)


def _mean(values: Tensor, weight: Tensor) -> Tensor:
    return ops.sum(values * weight) / (ops.sum(weight) * values.shape[-1] + 1.0)
