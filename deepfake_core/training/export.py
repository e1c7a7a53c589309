"""Export of the trained networks to ONNX, checked against Keras."""

from __future__ import annotations

import keras
import numpy as np
import onnx
import onnxruntime
import tensorflow as tf
import tf2onnx

from deepfake_core.inference.session import Shape
from deepfake_core.swapping import networks
from deepfake_core.training.errors import TrainingError

OPSET = 17
TOLERANCE = 1e-4


class ExportMismatch(TrainingError):
    """The exported network does not compute what the trained one does."""


def to_onnx(model: keras.Model, inputs: dict[str, Shape], outputs: dict[str, Shape], name: str) -> bytes:
    """A model with dict outputs as an ONNX file; inputs and outputs keep names, order and shapes.

    Free sides (None) get the names of `networks.EXAMPLE`, by how often they go into the side of the pictures.
    Raises ExportMismatch where ONNX Runtime's results differ from Keras's by more than 1e-4.
    """
    signature = [tf.TensorSpec(shape, tf.float32, name=key) for key, shape in inputs.items()]

    @tf.function(input_signature=signature)
    def graph(*tensors: tf.Tensor) -> list[tf.Tensor]:
        made = model(dict(zip(inputs, tensors, strict=True)), training=False)
        return [_flat(made[key]) if outputs[key][-1] == 1 else tf.identity(made[key]) for key in outputs]

    converted, _ = tf2onnx.convert.from_function(graph, input_signature=signature, opset=OPSET)
    _name_tensors(converted.graph, list(inputs), list(outputs))
    for key, shape in outputs.items():
        if shape[-1] == 1:
            _unflatten(converted.graph, key)
    _name_sides(converted.graph, {**inputs, **outputs})
    converted.graph.name = name
    onnx.checker.check_model(converted, full_check=True)
    data = converted.SerializeToString()
    difference = largest_difference(model, data, inputs, outputs)
    if difference > TOLERANCE:
        raise ExportMismatch(f"{name} differs by {difference:.2g} after export, more than {TOLERANCE}.")
    return data


def _name_tensors(graph: onnx.GraphProto, inputs: list[str], outputs: list[str]) -> None:
    """Give inputs and outputs their plain names (tf2onnx adds ":0" or its own) everywhere in the graph."""
    wanted = {value.name: name for value, name in zip(graph.input, inputs, strict=True)}
    wanted |= {value.name: name for value, name in zip(graph.output, outputs, strict=True)}
    for node in graph.node:
        node.input[:] = [wanted.get(name, name) for name in node.input]
        node.output[:] = [wanted.get(name, name) for name in node.output]
    for value in (*graph.input, *graph.output):
        value.name = wanted[value.name]


def _flat(picture: tf.Tensor) -> tf.Tensor:
    """A picture (1, n, m, 1) without its channel, until tf2onnx is through with it.

    tf2onnx turns such a picture's change of layout into a Reshape between two sides that it does not know, and where
    that Reshape ends the graph, which depends on the order of a set, it forgets to take off a dimension that it added.
    """
    return tf.squeeze(picture, -1)


def _unflatten(graph: onnx.GraphProto, name: str) -> None:
    """Give an output of `_flat` its channel back."""
    flat = f"{name}_flat"
    for node in graph.node:
        node.input[:] = [flat if each == name else each for each in node.input]
        node.output[:] = [flat if each == name else each for each in node.output]
    axes = onnx.numpy_helper.from_array(np.array([-1], np.int64), f"{name}_axes")
    graph.initializer.append(axes)
    graph.node.append(onnx.helper.make_node("Unsqueeze", [flat, axes.name], [name], name=f"{name}_channel"))
    next(value for value in graph.output if value.name == name).type.tensor_type.shape.dim.add()


def _name_sides(graph: onnx.GraphProto, shapes: dict[str, Shape]) -> None:
    for value in (*graph.input, *graph.output):
        for dimension, size in zip(value.type.tensor_type.shape.dim, shapes[value.name], strict=True):
            if size is None:
                dimension.dim_param = networks.side_name(value.name)
            else:
                dimension.dim_value = size


def _example(shapes: dict[str, Shape]) -> dict[str, tuple[int, ...]]:
    return {
        name: tuple(networks.EXAMPLE[networks.side_name(name)] if size is None else size for size in shape)
        for name, shape in shapes.items()
    }


def largest_difference(
    model: keras.Model, data: bytes, inputs: dict[str, Shape], outputs: dict[str, Shape], seed: int = 0
) -> float:
    """Largest absolute difference between Keras and ONNX Runtime on noise in -1..1."""
    noise = np.random.default_rng(seed)
    given = {key: noise.uniform(-1, 1, shape).astype(np.float32) for key, shape in _example(inputs).items()}
    made = model({key: tf.constant(value) for key, value in given.items()}, training=False)
    session = onnxruntime.InferenceSession(data, providers=["CPUExecutionProvider"])
    got = session.run(list(outputs), given)
    return max(float(np.abs(np.asarray(made[key]) - value).max()) for key, value in zip(outputs, got, strict=True))
