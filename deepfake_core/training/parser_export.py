"""Export of the face parser to ONNX, checked against Keras."""

from __future__ import annotations

import keras
import numpy as np
import onnx
import onnxruntime
import tensorflow as tf
import tf2onnx

from deepfake_core.parsing.parsing import SIZE
from deepfake_core.training.errors import TrainingError
from deepfake_core.training.parser_networks import ENCODER
from deepfake_core.training.parser_trainer import centred
from deepfake_core.training.streamlining import enlarge_directly

OPSET = 17
TOLERANCE = 1e-4


class ParserExportMismatch(TrainingError):
    """The exported network does not compute what the trained one does."""


def parser_onnx(parser: keras.Model, name: str = "parser") -> bytes:
    """The run-time network: `picture` uint8 (1, 256, 256, 3) BGR -> `shares` float32 (1, 20, 128, 128), 0..1.

    Raises ParserExportMismatch where ONNX Runtime's shares differ from Keras's by more than 1e-4.
    """
    signature = [tf.TensorSpec((1, SIZE, SIZE, 3), tf.uint8, name="picture")]
    of_bgr = _taking_bgr(parser)
    graph = tf.function(lambda picture: _planar(of_bgr, picture), input_signature=signature)
    converted, _ = tf2onnx.convert.from_function(graph, input_signature=signature, opset=OPSET)
    given, made = converted.graph.input[0].name, converted.graph.output[0].name
    for node in converted.graph.node:
        node.input[:] = ["picture" if each == given else each for each in node.input]
        node.output[:] = ["shares" if each == made else each for each in node.output]
    converted.graph.input[0].name, converted.graph.output[0].name = "picture", "shares"
    converted.graph.name = name
    enlarge_directly(converted.graph)
    onnx.checker.check_model(converted, full_check=True)
    data = converted.SerializeToString()
    difference = largest_difference(parser, data)
    if not difference <= TOLERANCE:  # not a number, either
        raise ParserExportMismatch(f"{name} differs by {difference:.2g} after export, more than {TOLERANCE}.")
    return data


def shares(parser: keras.Model, pictures: tf.Tensor) -> tf.Tensor:
    """Shares of the classes (B, 20, n/2, n/2) in pictures uint8 (B, n, n, 3) BGR."""
    logits = parser(centred(pictures), training=False)
    return tf.nn.softmax(tf.transpose(logits, (0, 3, 1, 2)), axis=1)


def _taking_bgr(parser: keras.Model) -> keras.Model:
    """The same network for BGR: its first kernel turned round costs nothing, turning each picture does."""
    turned = keras.models.clone_model(parser)
    turned.set_weights(parser.get_weights())
    first = next(each for each in turned.get_layer(ENCODER).layers if isinstance(each, keras.layers.Conv2D))
    first.kernel.assign(first.kernel[:, :, ::-1])
    return turned


def _planar(parser: keras.Model, picture: tf.Tensor) -> tf.Tensor:
    """What `shares` says, in operators that ONNX Runtime is fast at: its Softmax takes as long as all else."""
    logits = parser(tf.cast(picture, tf.float32) / 127.5 - 1.0, training=False)
    planes = tf.transpose(logits, (0, 3, 1, 2))
    powers = tf.exp(planes - tf.reduce_max(planes, axis=1, keepdims=True))
    return powers * tf.math.reciprocal(tf.reduce_sum(powers, axis=1, keepdims=True))


def largest_difference(parser: keras.Model, data: bytes, seed: int = 0) -> float:
    """Largest absolute difference of the shares between Keras and ONNX Runtime, on smooth noise."""
    noise = np.random.default_rng(seed).integers(0, 256, (1, SIZE // 8, SIZE // 8, 3)).astype(np.float32)
    picture = tf.cast(tf.image.resize(noise, (SIZE, SIZE)), tf.uint8)
    session = onnxruntime.InferenceSession(data, providers=["CPUExecutionProvider"])
    got = session.run(None, {"picture": picture.numpy()})[0]
    return float(np.abs(shares(parser, picture).numpy() - got).max())
