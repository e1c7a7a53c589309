"""The face parser as Keras models: two encoders of one interface, and a light decoder with skip connections."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Literal

import keras
import numpy as np
import tensorflow as tf
from keras import layers

from deepfake_core.parsing.classes import Label

Kind = Literal["fused", "large", "guided", "mobilenetv3"]
CLASSES = len(Label)
ENCODER = "encoder"
LOGITS = "logits_conv"
"""The last convolution."""
_AROUND_LOGITS = f"around_{LOGITS}"
_DECODER = (32, 48, 80)
"""Channels of the decoder at a quarter, an eighth and a sixteenth of the picture's side."""
_LARGE_DECODER = (64, 80, 80)
_LEAST_SHARE = 1e-3


@keras.saving.register_keras_serializable("deepfake")
class Folded(layers.Layer):
    """(B, H, W, C) -> (B, H/2, W/2, 4C), a lossless half-size; one plain operator in ONNX."""

    def call(self, inputs: tf.Tensor) -> tf.Tensor:
        """Rearrange."""
        return tf.nn.space_to_depth(inputs, 2)

    def compute_output_shape(self, shape: tuple) -> tuple:
        """Static shape."""
        return (shape[0], shape[1] and shape[1] // 2, shape[2] and shape[2] // 2, shape[3] * 4)


@keras.saving.register_keras_serializable("deepfake")
class Unfolded(layers.Layer):
    """(B, H, W, 4C) -> (B, 2H, 2W, C); Shi et al., "Real-Time Single Image and Video Super-Resolution", 2016."""

    def call(self, inputs: tf.Tensor) -> tf.Tensor:
        """Rearrange."""
        return tf.nn.depth_to_space(inputs, 2)

    def compute_output_shape(self, shape: tuple) -> tuple:
        """Static shape."""
        return (shape[0], shape[1] and shape[1] * 2, shape[2] and shape[2] * 2, shape[3] // 4)


@keras.saving.register_keras_serializable("deepfake")
class LogShares(layers.Layer):
    """Shares -> their logarithms, none below that of 0.001."""

    def call(self, inputs: tf.Tensor) -> tf.Tensor:
        """Of each."""
        return tf.math.log(tf.maximum(inputs, tf.cast(_LEAST_SHARE, inputs.dtype)))


def build_parser(kind: Kind = "fused", *, normalised: bool = True, size: int | None = None) -> keras.Model:
    """Picture float32 (B, n, n, 3) RGB in -1..1 (as Keras's ImageNet weights want it) -> logits (B, n/2, n/2, 20).

    n: a multiple of 32; size: the only one that it takes.

    fused: full convolutions, as in the first stages of EfficientNetV2 (Tan and Le 2021); large: the same with more
    residual blocks and a wider decoder, see `deepened`; guided: the same again for a part of a picture, which also
    takes what another network said of this part when it saw more around it, shares float32 (B, n/2, n/2, 20), see
    `guided`; mobilenetv3: Keras's MobileNetV3Small without what phones are slow at (Howard et al. 2019), so that its
    ImageNet weights fit.
    normalised: with batch normalisation, which learns faster at first; without it a step takes half as long.
    """
    encoder = build_encoder(kind, normalised=normalised, size=size)
    inputs = [keras.Input(each.shape[1:], name=each.name) for each in encoder.inputs]
    given = inputs if kind == "guided" else inputs[0]
    x2, x4, x8, x16, x32 = encoder(given)
    block = _Blocks(normalised)
    large = kind in ("large", "guided")
    channels = _LARGE_DECODER if large else _DECODER
    x = block.joined(x32, x16, channels[2], "d16")
    x = block.residual(x, "d16a", 64) if large else x
    x = block.joined(x, x8, channels[1], "d8")
    x = block.residual(x, "d8a", 48) if large else x
    # The half-size features join without an up-sampling of their own: a quarter of the work.
    fine = layers.Concatenate(name="fine")([Folded(name="x2_folded")(x2), x4])
    x = block.joined(x, fine, channels[0], "d4")
    x = block.residual(x, "d4a", 32) if large else x
    x = layers.Conv2D(4 * CLASSES, 1, name=LOGITS)(x)
    x = Unfolded(name="logits")(x)
    if kind == "guided":
        said = layers.Conv2D(CLASSES, 1, name=_AROUND_LOGITS)(LogShares(name="around_log")(inputs[1]))
        x = layers.Add(name="logits_add")([x, said])
    return keras.Model(given, x, name="parser")


def build_encoder(kind: Kind, *, normalised: bool = True, size: int | None = None) -> keras.Model:
    """Picture (and, "guided", shares) -> features at a half, a quarter ... a thirty-second of its side."""
    picture = keras.Input((size, size, 3), name="picture")
    if kind == "mobilenetv3":
        return _mobilenet(picture)
    around = keras.Input((size and size // 2, size and size // 2, CLASSES), name="around") if kind == "guided" else None
    return _fused(picture, normalised, large=kind != "fused", around=around)


def folded(parser: keras.Model) -> keras.Model:
    """The same "fused" network with its normalisations folded into the convolutions before them."""
    made = build_parser("fused", normalised=False)
    for layer, known in _convolutions(made, parser):
        source = known[layer.name]
        if source.use_bias:
            layer.set_weights(source.get_weights())
            continue
        norm = known[layer.name.replace("_conv", "_norm")]
        gamma, beta, mean, variance = norm.get_weights()
        factor = gamma / np.sqrt(variance + norm.epsilon)
        layer.set_weights([source.get_weights()[0] * factor, beta - mean * factor])
    return made


def deepened(parser: keras.Model) -> keras.Model:
    """A "large" network that computes what the "fused" one without normalisation does, and can learn more.

    What is new begins without effect: blocks whose last convolution is zero, channels that nothing reads yet (Chen,
    Goodfellow and Shlens, "Net2Net", 2016).
    """
    made = build_parser("large", normalised=False)
    for layer, known in _convolutions(made, parser):
        kernel, bias = layer.get_weights()
        if layer.name in known:
            old_kernel, old_bias = known[layer.name].get_weights()
            *_, read, made_of = old_kernel.shape
            kernel[:, :, read:, :made_of] = 0.0
            kernel[:, :, :read, :made_of] = old_kernel
            bias[:made_of] = old_bias
        elif layer.name.endswith("_out_conv"):
            kernel[:] = 0.0
        layer.set_weights([kernel, bias])
    return made


def guided(parser: keras.Model) -> keras.Model:
    """A "guided" network that starts as the geometric mean of what a "large" one says of a part of the picture and of
    what is said of it by whoever sees more around it."""
    made = build_parser("guided", normalised=False)
    for layer, known in _convolutions(made, parser):
        kernel, bias = layer.get_weights()
        if layer.name in known:
            kernel, bias = known[layer.name].get_weights()
            if layer.name == LOGITS:
                kernel, bias = 0.5 * kernel, 0.5 * bias
        else:
            kernel[:] = 0.5 * np.eye(CLASSES) if layer.name == _AROUND_LOGITS else 0.0
        layer.set_weights([kernel, bias])
    return made


def _convolutions(made: keras.Model, parser: keras.Model) -> Iterator[tuple[layers.Conv2D, dict[str, layers.Layer]]]:
    """Each convolution of a network, with another one's layers of the same part by name."""
    for mine, theirs in ((made, parser), (made.get_layer(ENCODER), parser.get_layer(ENCODER))):
        known = {layer.name: layer for layer in theirs.layers}
        yield from ((layer, known) for layer in mine.layers if isinstance(layer, layers.Conv2D))


def _fused(
    picture: keras.KerasTensor, normalised: bool, *, large: bool, around: keras.KerasTensor | None = None
) -> keras.Model:
    block = _Blocks(normalised)
    x2 = block.convolution(picture, 16, "e2", 3, 2)
    if around is not None:
        x2 = layers.Add(name="e2_add_around")([x2, block.convolution(around, 16, "e2_around", active=False)])
    x2 = block.residual(x2, "e2a", 16) if large else x2
    x4 = block.convolution(x2, 32, "e4", 3, 2)
    x4 = block.residual(x4, "e4a", 32) if large else x4
    x8 = block.residual(block.convolution(x4, 64, "e8", 3, 2), "e8a", 32)
    x8 = block.residual(x8, "e8b", 48) if large else x8
    x16 = block.residual(block.convolution(x8, 128, "e16", 3, 2), "e16a", 48)
    for name in ("e16b", "e16c", "e16d") if large else ("e16b",):
        x16 = block.residual(x16, name, 48 if name == "e16b" else 64)
    x32 = block.residual(block.convolution(x16, 160, "e32", 3, 2), "e32a", 72)
    for name in ("e32b", "e32c", "e32d") if large else ("e32b",):
        x32 = block.residual(x32, name, 72 if name == "e32b" else 96)
    return keras.Model(picture if around is None else [picture, around], [x2, x4, x8, x16, x32], name=ENCODER)


def _mobilenet(picture: keras.KerasTensor) -> keras.Model:
    network = keras.applications.MobileNetV3Small(
        input_tensor=picture, minimalistic=True, include_top=False, weights=None, include_preprocessing=False
    )
    features = [network.get_layer("expanded_conv_depthwise_pad").input]
    features += [
        network.get_layer(f"expanded_conv_{name}").output for name in ("project_bn", "2_add", "7_add", "10_add")
    ]
    return keras.Model(picture, features, name=ENCODER)


class _Blocks:
    """What the networks are made of."""

    def __init__(self, normalised: bool) -> None:
        self._normalised = normalised

    def convolution(
        self, x: keras.KerasTensor, channels: int, name: str, side: int = 1, strides: int = 1, *, active: bool = True
    ) -> keras.KerasTensor:
        """Convolution, normalisation, ReLU."""
        x = layers.Conv2D(
            channels,
            side,
            strides=strides,
            padding="same",
            use_bias=not self._normalised,
            kernel_initializer="he_normal",
            name=f"{name}_conv",
        )(x)
        if self._normalised:
            x = layers.BatchNormalization(momentum=0.97, name=f"{name}_norm")(x)
        return layers.ReLU(name=f"{name}_act")(x) if active else x

    def residual(self, x: keras.KerasTensor, name: str, inner: int) -> keras.KerasTensor:
        """A 3 x 3 convolution to `inner` channels and a 1 x 1 back, added."""
        channels = x.shape[-1]
        y = self.convolution(x, inner, f"{name}_in", 3)
        y = self.convolution(y, channels, f"{name}_out", active=False)
        return layers.ReLU(name=f"{name}_act")(layers.Add(name=f"{name}_add")([x, y]))

    def joined(self, coarse: keras.KerasTensor, fine: keras.KerasTensor, channels: int, name: str) -> keras.KerasTensor:
        """Coarse features, doubled in size, and fine ones."""
        x = self.convolution(coarse, channels, f"{name}_coarse", active=False)
        # Four copies, unfolded: UpSampling2D would become six operators in ONNX.
        x = Unfolded(name=f"{name}_doubled")(layers.Concatenate(name=f"{name}_copies")([x, x, x, x]))
        x = layers.Add(name=f"{name}_add")([x, self.convolution(fine, channels, f"{name}_fine", active=False)])
        return self.convolution(layers.ReLU(name=f"{name}_add_act")(x), channels, name, 3)
