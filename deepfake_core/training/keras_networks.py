"""The shared encoder and one identity's decoder as Keras models, on any back end of Keras.

Both are fully convolutional: built without a side they take pictures of every side that 16 divides.
"""

from __future__ import annotations

import keras
from keras import layers, ops

from deepfake_core.swapping.networks import FEATURE_CHANNELS

LAST_LAYER = "out"
"""Of the decoder."""
_WIDTH = 24
_SLOPE = 0.1
_ALPHA_LOGIT = 4.0


def build_encoder(side: int | None = None) -> keras.Model:
    """What the driver's picture and the geometry say: features at a fourth, an eighth and a sixteenth of the side.

    Inputs and outputs are dicts as `networks.encoder_inputs` and `networks.features` name them.
    """
    driver = keras.Input((side, side, 3), name="driver")
    geometry = keras.Input((side, side, 4), name="geometry")
    fine, middle, coarse = FEATURE_CHANNELS.values()
    x = ops.space_to_depth(layers.Concatenate(name="joined")([driver, geometry]), 2)
    x = _block(x, _WIDTH, "e2")
    f4 = _residual(_block(x, fine, "e4", strides=2), "features_4")
    f8 = _residual(_block(f4, middle, "e8", strides=2), "features_8")
    f16 = _residual(_residual(_block(f8, coarse, "e16", strides=2), "features_16a"), "features_16")
    outputs = dict(zip(FEATURE_CHANNELS, (f4, f8, f16), strict=True))
    return keras.Model({"driver": driver, "geometry": geometry}, outputs, name="encoder")


def build_decoder(side: int | None = None, name: str = "decoder") -> keras.Model:
    """The identity's centred reflectance (template plus residual) and the mattes of its inner face and whole head.

    Untrained it gives nearly the template and its alpha. Inputs and outputs as `networks.decoder_inputs` and
    `networks.decoder_outputs` name them.
    """
    template = keras.Input((side, side, 4), name="template")
    features = {
        key: keras.Input((side and side // stride, side and side // stride, channels), name=key)
        for (key, channels), stride in zip(FEATURE_CHANNELS.items(), (4, 8, 16), strict=True)
    }
    fine, middle, coarse = FEATURE_CHANNELS.values()
    t2 = _block(ops.space_to_depth(template, 2), _WIDTH, "t2")
    t4 = _block(t2, fine, "t4", strides=2)
    t8 = _block(t4, middle, "t8", strides=2)

    # Enlarging with a 1 x 1 convolution and adding what is skipped leaves the work to the cheap 3 x 3 blocks between.
    x = ops.depth_to_space(_block(features["features_16"], 2 * coarse, "d16", kernel=1), 2)
    x = _residuals(layers.Add(name="join8")([x, features["features_8"], t8]), 3, "d8")
    x = ops.depth_to_space(_block(x, 2 * middle, "u8", kernel=1), 2)
    x = _residuals(layers.Add(name="join4")([x, features["features_4"], t4]), 3, "d4")
    x = ops.depth_to_space(_block(x, 2 * fine, "u4", kernel=1), 2)
    x = _residuals(layers.Add(name="join2")([x, t2]), 1, "d2")

    small = keras.initializers.VarianceScaling(scale=1e-4, mode="fan_in", distribution="truncated_normal")
    # Under a policy of mixed precision the picture itself is still made in float32.
    x = layers.Conv2D(20, 3, padding="same", kernel_initializer=small, name=LAST_LAYER, dtype="float32")(x)
    x = ops.depth_to_space(x, 2)
    outputs = {
        "reflectance": template[..., :3] + ops.tanh(x[..., :3]),
        "face_matte": ops.sigmoid(x[..., 3:4]),
        "head_matte": ops.sigmoid(x[..., 4:] + _ALPHA_LOGIT * template[..., 3:]),
    }
    return keras.Model({"template": template, **features}, outputs, name=name)


def plain_autoencoder(encoder: keras.Model, decoder: keras.Model) -> keras.Model:
    """Both as one network of the driver's picture alone; geometry and template are as `network_sample` blanks them."""
    driver = keras.Input((None, None, 3), name="driver")
    nothing = ops.zeros_like(driver[..., :1])
    geometry = ops.concatenate([nothing] * 4, axis=-1)
    template = ops.concatenate([nothing, nothing, nothing, nothing - 1.0], axis=-1)
    features = encoder({"driver": driver, "geometry": geometry})
    return keras.Model({"driver": driver}, decoder({"template": template, **features}), name="autoencoder")


def _block(x: keras.KerasTensor, channels: int, name: str, *, kernel: int = 3, strides: int = 1) -> keras.KerasTensor:
    x = layers.Conv2D(
        channels, kernel, strides=strides, padding="same", kernel_initializer="he_normal", name=f"{name}_conv"
    )(x)
    return layers.LeakyReLU(negative_slope=_SLOPE, name=f"{name}_act")(x)


def _residual(x: keras.KerasTensor, name: str) -> keras.KerasTensor:
    # A small start keeps deep stacks without normalisation stable.
    small = keras.initializers.VarianceScaling(scale=0.2, mode="fan_in", distribution="truncated_normal")
    y = layers.Conv2D(x.shape[-1], 3, padding="same", kernel_initializer=small, name=f"{name}_conv")(x)
    return layers.Add(name=f"{name}_add")([x, layers.LeakyReLU(negative_slope=_SLOPE, name=f"{name}_act")(y)])


def _residuals(x: keras.KerasTensor, count: int, name: str) -> keras.KerasTensor:
    for k in range(count):
        x = _residual(x, f"{name}{'abc'[k]}")
    return x
