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
from deepfake_core.training.parser_networks import CLASSES, ENCODER
from deepfake_core.training.parser_trainer import centred
from deepfake_core.training.streamlining import enlarge_directly

OPSET = 17
TOLERANCE = 1e-4


class ParserExportMismatch(TrainingError):
    """The exported network does not compute what the trained one does."""


def parser_onnx(parser: keras.Model, name: str = "parser") -> bytes:
    """The run-time network: `picture` uint8 (1, 256, 256, 3) BGR -> `shares` float32 (1, 20, 128, 128), 0..1.

    A "guided" one takes `around` as well, shares as it gives them.
    Raises ParserExportMismatch where ONNX Runtime's shares differ from Keras's by more than 1e-4.
    """
    signature = [tf.TensorSpec((1, SIZE, SIZE, 3), tf.uint8, name="picture")]
    if len(parser.inputs) > 1:
        signature.append(tf.TensorSpec((1, CLASSES, SIZE // 2, SIZE // 2), tf.float32, name="around"))
    names = [each.name for each in signature]
    of_bgr = _taking_bgr(parser)
    graph = tf.function(lambda *given: _planar(of_bgr, *given), input_signature=signature)
    converted, _ = tf2onnx.convert.from_function(graph, input_signature=signature, opset=OPSET)
    renamed = dict(zip((each.name for each in converted.graph.input), names, strict=True))
    renamed[converted.graph.output[0].name] = "shares"
    for node in converted.graph.node:
        node.input[:] = [renamed.get(each, each) for each in node.input]
        node.output[:] = [renamed.get(each, each) for each in node.output]
    for each in (*converted.graph.input, *converted.graph.output):
        each.name = renamed[each.name]
    converted.graph.name = name
    enlarge_directly(converted.graph)
    onnx.checker.check_model(converted, full_check=True)
    data = converted.SerializeToString()
    difference = largest_difference(parser, data)
    if not difference <= TOLERANCE:  # not a number, either
        raise ParserExportMismatch(f"{name} differs by {difference:.2g} after export, more than {TOLERANCE}.")
    return data


def shares(parser: keras.Model, pictures: tf.Tensor, around: tf.Tensor | None = None) -> tf.Tensor:
    """Shares of the classes (B, 20, n/2, n/2) in pictures uint8 (B, n, n, 3) BGR; around: shares, too."""
    seen = centred(pictures)
    logits = parser(seen if around is None else [seen, tf.transpose(around, (0, 2, 3, 1))], training=False)
    return tf.nn.softmax(tf.transpose(logits, (0, 3, 1, 2)), axis=1)


def _taking_bgr(parser: keras.Model) -> keras.Model:
    """The same network for BGR: its first kernel turned round costs nothing, turning each picture does."""
    turned = keras.models.clone_model(parser)
    turned.set_weights(parser.get_weights())
    kernels = [each for each in turned.get_layer(ENCODER).layers if isinstance(each, keras.layers.Conv2D)]
    first = next(each for each in kernels if each.kernel.shape[2] == 3)
    first.kernel.assign(first.kernel[:, :, ::-1])
    return turned


def _planar(parser: keras.Model, picture: tf.Tensor, around: tf.Tensor | None = None) -> tf.Tensor:
    """What `shares` says, in operators that ONNX Runtime is fast at: its Softmax takes as long as all else."""
    seen = tf.cast(picture, tf.float32) / 127.5 - 1.0
    logits = parser(seen if around is None else [seen, tf.transpose(around, (0, 2, 3, 1))], training=False)
    planes = tf.transpose(logits, (0, 3, 1, 2))
    powers = tf.exp(planes - tf.reduce_max(planes, axis=1, keepdims=True))
    return powers * tf.math.reciprocal(tf.reduce_sum(powers, axis=1, keepdims=True))


def largest_difference(parser: keras.Model, data: bytes, seed: int = 0) -> float:
    """Largest absolute difference of the shares between Keras and ONNX Runtime, on smooth noise."""
    generator = np.random.default_rng(seed)
    noise = generator.integers(0, 256, (1, SIZE // 8, SIZE // 8, 3)).astype(np.float32)
    given = {"picture": tf.cast(tf.image.resize(noise, (SIZE, SIZE)), tf.uint8).numpy()}
    if len(parser.inputs) > 1:
        given["around"] = generator.dirichlet(np.full(CLASSES, 0.2), (1, SIZE // 2, SIZE // 2))
        given["around"] = np.ascontiguousarray(given["around"].transpose(0, 3, 1, 2), np.float32)
    session = onnxruntime.InferenceSession(data, providers=["CPUExecutionProvider"])
    got = session.run(None, given)[0]
    return float(np.abs(shares(parser, *given.values()).numpy() - got).max())
