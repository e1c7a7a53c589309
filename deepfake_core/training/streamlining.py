"""8-bit networks laid out so that little is left to do between their convolutions.

ONNX Runtime's 8-bit convolutions keep a pixel's channels together (NHWC). Exported graphs do not: around each
convolution the picture is turned, made float, bent by its LeakyReLU, added, made 8 bits and turned back, which takes
twice as long as the convolutions. Here all of that stays in 8 bits and NHWC; the remaining turns meet and cancel.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Sequence

import numpy as np
import onnx
from onnx import helper, numpy_helper

_TO_NCHW, _TO_NHWC = [0, 3, 1, 2], [0, 2, 3, 1]


def streamlined(data: bytes) -> bytes:
    """The same network, from a QDQ file of `quantisation.quantised`; what LeakyReLUs give is rounded to 8 bits too.

    Inputs, outputs, weights and their names stay. Parts that it does not know stay as they were.
    """
    model = onnx.load_model_from_string(data)
    made = _Rewriting(model.graph).graph()
    whole = helper.make_model(
        made, opset_imports=model.opset_import, ir_version=model.ir_version, producer_name=model.producer_name
    )
    onnx.checker.check_model(whole, full_check=True)
    return whole.SerializeToString()


def enlarge_directly(graph: onnx.GraphProto) -> None:
    """Let pictures be doubled by repeating pixels where four copies of them were shuffled into place, in `graph`.

    ONNX Runtime's fast convolutions keep blocks of channels together; the shuffle leaves that layout, this does not.
    """
    producer = {name: node for node in graph.node for name in node.output}
    double = numpy_helper.from_array(np.array([1, 1, 2, 2], np.float32), "streamlined/double")
    nodes = []
    for node in graph.node:
        copies = producer.get(node.input[0]) if node.op_type == "DepthToSpace" else None
        if copies is not None and copies.op_type == "Concat" and copies.input[0] == copies.input[3]:
            how = {"coordinate_transformation_mode": "asymmetric", "mode": "nearest", "nearest_mode": "floor"}
            given = [copies.input[0], "", double.name]
            nodes.append(helper.make_node("Resize", given, node.output, name=node.name, **how))
        else:
            nodes.append(node)
    del graph.node[:]
    graph.node.extend(nodes)
    graph.initializer.append(double)
    _prune(graph)


class _Rewriting:
    """One walk through a graph in which each old tensor gets its new place."""

    def __init__(self, graph: onnx.GraphProto) -> None:
        self._old = graph
        self._weights = {tensor.name: numpy_helper.to_array(tensor) for tensor in graph.initializer}
        self._producer = {name: node for node in graph.node for name in node.output}
        self._users: dict[str, list[onnx.NodeProto]] = defaultdict(list)
        for node in graph.node:
            for name in node.input:
                self._users[name].append(node)
        self._inputs = {value.name for value in graph.input}
        self._nodes: list[onnx.NodeProto] = []
        self._constants: list[onnx.TensorProto] = []
        self._numbers: Counter[str] = Counter()
        self._present = self._inputs | set(self._weights)
        """Old tensors, and new ones in their stead, that nodes may read."""
        self._instead: dict[str, str] = {}
        """Old tensors that another one equals."""
        self._nhwc: dict[str, str] = {}
        """Old NCHW tensors that exist as NHWC."""
        self._bytes: dict[str, tuple[str, str, str]] = {}
        """Of those, what has been made 8 bits: the tensor, its scale and its zero point."""
        self._nchw: dict[str, str] = {}
        """Old NHWC tensors, inputs and parts of them, that exist as NCHW."""
        self._done: set[str] = set()

    def graph(self) -> onnx.GraphProto:
        """The rewritten graph."""
        for node in self._old.node:
            if node.output[0] not in self._done and not self._rewritten(node, list(node.input)):
                self._keep(node)
        made = helper.make_graph(
            self._nodes, self._old.name, self._old.input, self._old.output, [*self._old.initializer, *self._constants]
        )
        _prune(made)
        return made

    def _rewritten(self, node: onnx.NodeProto, given: list[str]) -> bool:
        """Whether a node got a new form."""
        rewrite = {
            "Transpose": self._transpose,
            "Slice": self._slice,
            "Mul": self._multiply,
            "Unsqueeze": self._reshape,
            "Reshape": self._reshape,
            "Conv": self._convolution,
            "QuantizeLinear": self._same,
            "DequantizeLinear": self._same,
            "Add": self._same,
            "LeakyRelu": self._leaky,
            "DepthToSpace": self._enlargement,
        }.get(node.op_type)
        return rewrite is not None and rewrite(node, given)

    def _transpose(self, node: onnx.NodeProto, given: list[str]) -> bool:
        if list(node.attribute[0].ints) != _TO_NCHW:
            return False
        if given[0] in self._nchw:
            self._replace(node.output[0], self._nchw[given[0]])
            return True
        if given[0] not in self._inputs:
            return False
        if all(user.op_type == "Add" for user in self._users[node.output[0]]):
            self._nhwc[node.output[0]] = given[0]
        else:
            self._replace(node.output[0], self._turned(given[0]))
        return True

    def _slice(self, node: onnx.NodeProto, given: list[str]) -> bool:
        """Channels of an input are whole planes once it is turned."""
        if given[0] not in self._inputs or self._weights[given[3]].tolist() != [3]:
            return False
        planes = self._constant(np.array([1], np.int64))
        self._nchw[node.output[0]] = self._add("Slice", [self._turned(given[0]), given[1], given[2], planes])
        return True

    def _multiply(self, node: onnx.NodeProto, given: list[str]) -> bool:
        # ONNX Runtime takes a last axis of one number a number at a time.
        if given[1] not in self._nchw or self._weights.get(given[0], np.empty(2)).size != 1:
            return False
        self._nchw[node.output[0]] = self._add("Mul", [self._nchw[given[1]], given[0]])
        return True

    def _reshape(self, node: onnx.NodeProto, given: list[str]) -> bool:
        """One channel of NHWC as NCHW, which tf2onnx says in two steps."""
        if given[0] not in self._nchw:
            return False
        if node.op_type == "Unsqueeze":
            self._nchw[node.output[0]] = self._nchw[given[0]]
        elif self._weights[given[1]].tolist() == [1, 1, 0, 0]:
            self._replace(node.output[0], self._nchw[given[0]])
        else:
            return False
        return True

    def _convolution(self, node: onnx.NodeProto, given: list[str]) -> bool:
        """An 8-bit convolution, between turns that ONNX Runtime cancels."""
        before, after = self._producer.get(given[0]), self._users[node.output[0]]
        if before is None or before.op_type != "DequantizeLinear":
            return False
        if len(after) != 1 or after[0].op_type != "QuantizeLinear":
            return False
        if before.input[0] in self._nhwc:
            turned = self._add("Transpose", [self._nhwc[before.input[0]]], perm=_TO_NCHW)
            self._replace(given[0], self._add("DequantizeLinear", [turned, *before.input[1:]]))
        self._keep(node)
        small = self._add("QuantizeLinear", [node.output[0], *after[0].input[1:]])
        self._nhwc[after[0].output[0]] = self._add("Transpose", [small], perm=_TO_NHWC)
        self._done.add(after[0].output[0])
        return True

    def _same(self, node: onnx.NodeProto, given: list[str]) -> bool:
        """What does the same in every layout."""
        tensors = [name for name in given if name not in self._weights]
        if not tensors or not all(name in self._nhwc for name in tensors):
            return False
        if node.op_type == "DequantizeLinear" and all(u.op_type == "Conv" for u in self._users[node.output[0]]):
            return True  # The convolution takes the 8 bits.
        moved = [self._nhwc.get(name, name) for name in given]
        self._nhwc[node.output[0]] = self._add(node.op_type, moved)
        return True

    def _leaky(self, node: onnx.NodeProto, given: list[str]) -> bool:
        if given[0] not in self._nhwc:
            return False
        slope = node.attribute[0].f
        bent = self._add("LeakyRelu", [self._nhwc[given[0]]], alpha=slope)
        self._nhwc[node.output[0]] = bent
        source, users = self._producer[given[0]], self._users[node.output[0]]
        if source.op_type != "DequantizeLinear" or [user.op_type for user in users] == ["QuantizeLinear"]:
            return True
        scale, zero = (self._weights[name].item() for name in source.input[1:])
        low, high = slope * scale * (0 - zero), scale * (255 - zero)
        step = np.float32((high - low) / 255)
        names = self._constant(step), self._constant(np.uint8(round(-low / float(step))))
        small = self._add("QuantizeLinear", [bent, *names])
        self._bytes[node.output[0]] = (small, *names)
        self._nhwc[node.output[0]] = self._add("DequantizeLinear", [small, *names])
        return True

    def _enlargement(self, node: onnx.NodeProto, given: list[str]) -> bool:
        """Blocks of 2 x 2 pixels: (h, w, 2, 2 c) -> (h, 2, w, 2 c) -> (2 h, 2 w, c), whole rows of bytes at a time."""
        if given[0] not in self._bytes:
            return False
        small, scale, zero = self._bytes[given[0]]
        rows = self._add("Reshape", [small, self._constant(np.array([0, 0, 0, 2, -1], np.int64))])
        rows = self._add("Transpose", [rows], perm=[0, 1, 3, 2, 4])
        size = self._add("Mul", [self._add("Shape", [small]), self._constant(np.array([1, 2, 2, 1], np.int64))])
        size = self._add("Div", [size, self._constant(np.array([1, 1, 1, 4], np.int64))])
        self._nhwc[node.output[0]] = self._add("DequantizeLinear", [self._add("Reshape", [rows, size]), scale, zero])
        return True

    def _keep(self, node: onnx.NodeProto) -> None:
        kept = onnx.NodeProto()
        kept.CopyFrom(node)
        kept.input[:] = [self._readable(name) for name in node.input]
        self._nodes.append(kept)
        self._present.update(node.output)

    def _readable(self, name: str) -> str:
        """A tensor as the old graph has it."""
        name = self._instead.get(name, name)
        if name not in self._present and name in self._nhwc:
            self._nodes.append(helper.make_node("Transpose", [self._nhwc[name]], [name], perm=_TO_NCHW))
            self._present.add(name)
        return name

    def _replace(self, old: str, new: str) -> None:
        self._instead[old] = new
        self._present.add(new)

    def _turned(self, name: str) -> str:
        """An input as NCHW."""
        if name not in self._nchw:
            self._nchw[name] = self._add("Transpose", [name], perm=_TO_NCHW)
        return self._nchw[name]

    def _add(self, operator: str, given: Sequence[str], **attributes: object) -> str:
        made = self._name(operator)
        self._nodes.append(helper.make_node(operator, given, [made], name=made, **attributes))
        return made

    def _constant(self, value: np.ndarray | np.generic) -> str:
        name = self._name("constant")
        self._constants.append(numpy_helper.from_array(np.asarray(value), name))
        return name

    def _name(self, stem: str) -> str:
        self._numbers[stem] += 1
        return f"streamlined/{stem}_{self._numbers[stem]}"


def _prune(graph: onnx.GraphProto) -> None:
    """Leave out what nothing reads."""
    read = {value.name for value in graph.output}
    kept = []
    for node in reversed(graph.node):
        if read.intersection(node.output):
            kept.append(node)
            read.update(node.input)
    tensors = [tensor for tensor in graph.initializer if tensor.name in read]
    del graph.node[:], graph.initializer[:]
    graph.node.extend(reversed(kept))
    graph.initializer.extend(tensors)
