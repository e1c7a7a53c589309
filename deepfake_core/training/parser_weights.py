"""Trained parsers as files of weights: what transfer learning starts from, and features for perceptual losses."""

from __future__ import annotations

from pathlib import Path

import keras
import tensorflow as tf
from keras import layers
from safetensors import SafetensorError, safe_open
from safetensors.numpy import save_file

from deepfake_core.training.errors import TrainingError
from deepfake_core.training.parser_networks import ENCODER, build_parser

WEIGHTS_NAME = "parsing/parser_weights.safetensors"
"""Our weights, below models/."""
_MOST_BYTES = 64 * 1024 * 1024


class WeightsUnusable(TrainingError):
    """A file of weights is missing, broken or of another network."""


def save_weights(parser: keras.Model, path: Path, *, kind: str, normalised: bool) -> None:
    """Write the weights in one step; `read_weights` makes the network again."""
    arrays = {f"weight.{k:03d}": variable.numpy() for k, variable in enumerate(parser.weights)}
    temporary = path.with_suffix(".new")
    save_file(arrays, temporary, metadata={"kind": kind, "normalised": str(normalised)})
    temporary.replace(path)


def read_weights(path: Path) -> keras.Model:
    """The parser whose weights lie in `path`. Raises WeightsUnusable."""
    try:
        if path.stat().st_size > _MOST_BYTES:
            raise WeightsUnusable(f"{path} is too large to be a parser's weights.")
        with safe_open(path, framework="numpy") as file:
            metadata = file.metadata() or {}
            parser = build_parser(metadata["kind"], normalised=metadata["normalised"] == "True")  # type: ignore[arg-type]
            if len(file.keys()) != len(parser.weights):
                raise WeightsUnusable(f"{path} holds another network's weights: name a file of our own.")
            for k, variable in enumerate(parser.weights):
                variable.assign(file.get_tensor(f"weight.{k:03d}"))
    except (OSError, KeyError, ValueError, SafetensorError) as error:
        raise WeightsUnusable(f"{path} cannot be read as a parser's weights ({error}).") from error
    return parser


def is_normalised(parser: keras.Model) -> bool:
    """Whether a parser has batch normalisation."""
    return any(isinstance(layer, layers.BatchNormalization) for layer in parser.layers)


def load_imagenet(parser: keras.Model, source: str) -> None:
    """Put Keras's ImageNet weights of MobileNetV3Small (minimalistic) into a "mobilenetv3" parser's encoder.

    source: a file `weights_mobilenet_v3_small_minimalistic_224_1.0_float_no_top_v2.h5`, or "download", with which
    Keras fetches it from storage.googleapis.com. Raises WeightsUnusable.
    """
    weights = "imagenet" if source == "download" else source
    if source != "download" and not Path(source).is_file():
        raise WeightsUnusable(f"{source} is no file: name Keras's weights of MobileNetV3Small, or 'download'.")
    try:
        trained = keras.applications.MobileNetV3Small(
            input_shape=(224, 224, 3),
            minimalistic=True,
            include_top=False,
            weights=weights,
            include_preprocessing=False,
        )
        encoder = parser.get_layer(ENCODER)
        for layer in encoder.layers:
            if layer.weights:
                layer.set_weights(trained.get_layer(layer.name).get_weights())
    except Exception as error:  # Keras, h5py and urllib share no base class
        raise WeightsUnusable(f"Keras's ImageNet weights could not be read from {source} ({error}).") from error


def feature_extractor(parser: keras.Model, stages: int = 3) -> keras.Model:
    """A frozen network for perceptual losses: pictures float32 (B, n, n, 3) BGR in 0..1 -> list of `stages` features.

    n: a multiple of 2 ** stages. The features have a half, a quarter, an eighth ... of the side, and are not negative.
    """
    encoder = parser.get_layer(ENCODER)
    features = keras.Model(encoder.inputs, encoder.outputs[:stages])
    features.trainable = False
    picture = keras.Input((None, None, 3), name="picture")
    made = features(_Centred(name="centred")(picture), training=False)
    extractor = keras.Model(picture, made, name="features")
    extractor.trainable = False
    return extractor


@keras.saving.register_keras_serializable("deepfake")
class _Centred(layers.Layer):
    """BGR in 0..1 -> RGB in -1..1."""

    def call(self, inputs: tf.Tensor) -> tf.Tensor:
        """Turn round and centre."""
        return inputs[..., ::-1] * 2.0 - 1.0
