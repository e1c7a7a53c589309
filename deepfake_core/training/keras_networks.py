"""The shared encoder and one identity's decoder as Keras models (TensorFlow back end)."""

from __future__ import annotations

import keras
import tensorflow as tf
from keras import layers

from deepfake_core.swapping import networks

_WIDTH = 24
_SLOPE = 0.1


@keras.saving.register_keras_serializable("deepfake")
class SpaceToDepth(layers.Layer):
    """(B, H, W, C) -> (B, H/2, W/2, 4C), a lossless half-size; one plain operator in ONNX."""

    def call(self, inputs: tf.Tensor) -> tf.Tensor:
        """Rearrange."""
        return tf.nn.space_to_depth(inputs, 2)

    def compute_output_shape(self, shape: tuple) -> tuple:
        """Static shape."""
        return (shape[0], shape[1] // 2, shape[2] // 2, shape[3] * 4)


@keras.saving.register_keras_serializable("deepfake")
class DepthToSpace(layers.Layer):
    """(B, H, W, 4C) -> (B, 2H, 2W, C); Shi et al., "Real-Time Single Image and Video Super-Resolution", 2016."""

    def call(self, inputs: tf.Tensor) -> tf.Tensor:
        """Rearrange."""
        return tf.nn.depth_to_space(inputs, 2)

    def compute_output_shape(self, shape: tuple) -> tuple:
        """Static shape."""
        return (shape[0], shape[1] * 2, shape[2] * 2, shape[3] // 4)


def _block(x: keras.KerasTensor, channels: int, name: str, strides: int = 1) -> keras.KerasTensor:
    x = layers.Conv2D(
        channels, 3, strides=strides, padding="same", kernel_initializer="he_normal", name=f"{name}_conv"
    )(x)
    return layers.LeakyReLU(negative_slope=_SLOPE, name=f"{name}_act")(x)


def _residual(x: keras.KerasTensor, name: str) -> keras.KerasTensor:
    # A small start keeps deep stacks without normalisation stable.
    small = keras.initializers.VarianceScaling(scale=0.2, mode="fan_in", distribution="truncated_normal")
    y = layers.Conv2D(x.shape[-1], 3, padding="same", kernel_initializer=small, name=f"{name}_conv")(x)
    return layers.Add(name=f"{name}_add")([x, layers.LeakyReLU(negative_slope=_SLOPE, name=f"{name}_act")(y)])


def build_encoder() -> keras.Model:
    """What the driver's picture and the geometry say: features at 32, 16 and 8 px."""
    size = networks.SIZE
    driver = keras.Input((size, size, 3), name="driver")
    geometry = keras.Input((size, size, 4), name="geometry")
    x = layers.Concatenate(name="joined")([driver, geometry])
    x = _block(SpaceToDepth(name="unshuffled")(x), _WIDTH, "e64")
    f32 = _residual(_block(x, 2 * _WIDTH, "e32", 2), "features_32")
    f16 = _residual(_block(f32, 4 * _WIDTH, "e16", 2), "features_16")
    f8 = _residual(_block(f16, 8 * _WIDTH, "e8", 2), "features_8")
    f8 = _residual(f8, "features_8b")
    return keras.Model([driver, geometry], {"features_32": f32, "features_16": f16, "features_8": f8}, name="encoder")


def build_decoder() -> keras.Model:
    """The identity's reflectance (template plus residual, centred) and its face matte."""
    size = networks.SIZE
    template = keras.Input((size, size, 3), name="template")
    features = {name: keras.Input(shape[1:], name=name) for name, shape in networks.FEATURES.items()}
    t64 = _block(SpaceToDepth(name="unshuffled")(template), _WIDTH, "t64")
    t32 = _block(t64, 2 * _WIDTH, "t32", 2)
    t16 = _block(t32, 4 * _WIDTH, "t16", 2)

    x = DepthToSpace(name="up16")(_block(features["features_8"], 16 * _WIDTH, "d8"))
    x = layers.Concatenate(name="join16")([x, layers.Add(name="skip16")([features["features_16"], t16])])
    x = _residual(_block(x, 4 * _WIDTH, "d16a"), "d16b")
    x = DepthToSpace(name="up32")(_block(x, 8 * _WIDTH, "d16c"))
    x = layers.Concatenate(name="join32")([x, layers.Add(name="skip32")([features["features_32"], t32])])
    x = _residual(_block(x, 2 * _WIDTH, "d32a"), "d32b")
    x = DepthToSpace(name="up64")(_block(x, 4 * _WIDTH, "d32c"))
    x = _residual(_block(layers.Concatenate(name="join64")([x, t64]), _WIDTH, "d64a"), "d64b")

    small = keras.initializers.VarianceScaling(scale=0.05, mode="fan_in", distribution="truncated_normal")
    x = layers.Conv2D(16, 3, padding="same", kernel_initializer=small, name="out_conv")(x)
    x = DepthToSpace(name="up128")(x)
    residual = layers.Activation("tanh", name="residual")(x[..., :3])
    reflectance = layers.Add(name="reflectance")([template, residual])
    matte = layers.Activation("sigmoid", name="matte")(x[..., 3:])
    return keras.Model({"template": template, **features}, {"reflectance": reflectance, "matte": matte}, name="decoder")
