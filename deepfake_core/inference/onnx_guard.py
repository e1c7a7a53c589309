"""Looks into ONNX bytes before ONNX Runtime does and refuses what no network of this product needs.

ONNX Runtime resolves external data against the working directory, loads whatever custom domain is registered
and runs loops as long as they please. This reads the protobuf wire format just deep enough to see these
(field numbers: onnx/onnx.proto3); the tensors themselves are skipped, so it takes well under a millisecond.
"""

from __future__ import annotations

from collections.abc import Iterator

from deepfake_core.inference.errors import ModelCorrupt, ModelRefused

_ALLOWED_DOMAINS = (b"", b"ai.onnx", b"ai.onnx.ml")
_MAX_NODES = 20_000

_MODEL_GRAPH, _MODEL_FUNCTIONS = 7, 25
_GRAPH_NODE, _GRAPH_INITIALIZER, _GRAPH_SPARSE = 1, 5, 15
_NODE_ATTRIBUTE, _NODE_DOMAIN = 5, 7
_ATTRIBUTE_TENSOR, _ATTRIBUTE_GRAPH, _ATTRIBUTE_TENSORS, _ATTRIBUTE_GRAPHS = 5, 6, 10, 11
_TENSOR_EXTERNAL, _TENSOR_LOCATION = 13, 14


def check(model: bytes, name: str) -> None:
    """Raise ModelCorrupt if `model` is no ONNX file, ModelRefused if it asks for too much."""
    try:
        _check_model(memoryview(model), name)
    except (IndexError, ValueError) as error:
        raise ModelCorrupt(f"'{name}' is not a complete ONNX file; restore it from its source.") from error


def _check_model(model: memoryview, name: str) -> None:
    graphs = 0
    for field, value in _fields(model):
        if field == _MODEL_FUNCTIONS:
            raise ModelRefused(f"'{name}' defines functions of its own; export it as one flat graph.")
        if field == _MODEL_GRAPH:
            graphs += 1
            _check_graph(_message(value), name)
    if graphs != 1:
        raise ValueError("no graph")


def _check_graph(graph: memoryview, name: str) -> None:
    nodes = 0
    for field, value in _fields(graph):
        if field == _GRAPH_NODE:
            nodes += 1
            _check_node(_message(value), name)
        elif field == _GRAPH_INITIALIZER:
            _check_tensor(_message(value), name)
        elif field == _GRAPH_SPARSE:
            raise ModelRefused(f"'{name}' holds sparse tensors; export it with dense ones.")
    if nodes > _MAX_NODES:
        raise ModelRefused(f"'{name}' has {nodes} nodes, more than the {_MAX_NODES} that are accepted.")


def _check_node(node: memoryview, name: str) -> None:
    for field, value in _fields(node):
        if field == _NODE_DOMAIN and bytes(_message(value)) not in _ALLOWED_DOMAINS:
            domain = bytes(_message(value)).decode("ascii", "replace")
            raise ModelRefused(f"'{name}' needs operators of '{domain}'; export it with standard ones only.")
        if field == _NODE_ATTRIBUTE:
            for inner, content in _fields(_message(value)):
                if inner in (_ATTRIBUTE_GRAPH, _ATTRIBUTE_GRAPHS):
                    raise ModelRefused(f"'{name}' holds loops or branches; export it as one flat graph.")
                if inner in (_ATTRIBUTE_TENSOR, _ATTRIBUTE_TENSORS):
                    _check_tensor(_message(content), name)


def _check_tensor(tensor: memoryview, name: str) -> None:
    for field, value in _fields(tensor):
        if field == _TENSOR_EXTERNAL or (field == _TENSOR_LOCATION and value != 0):
            raise ModelRefused(f"'{name}' keeps weights in other files; save it as a single file.")


def _message(value: int | memoryview) -> memoryview:
    if isinstance(value, int):
        raise ValueError("a number where a message belongs")
    return value


def _fields(message: memoryview) -> Iterator[tuple[int, int | memoryview]]:
    """The fields of a protobuf message: number, and a view of the content or the varint's value."""
    at = 0
    while at < len(message):
        key, at = _varint(message, at)
        field, wire = key >> 3, key & 7
        if wire == 0:
            value, at = _varint(message, at)
            yield field, value
            continue
        if wire == 2:
            length, at = _varint(message, at)
        elif wire in (1, 5):
            length = 8 if wire == 1 else 4
        else:
            raise ValueError("unknown wire type")
        if at + length > len(message):
            raise ValueError("cut off")
        yield field, message[at : at + length]
        at += length


def _varint(message: memoryview, at: int) -> tuple[int, int]:
    value = 0
    for shift in range(0, 70, 7):
        byte = message[at]
        at += 1
        value |= (byte & 0x7F) << shift
        if byte < 0x80:
            return value, at
    raise ValueError("varint too long")
