"""Tiny ONNX files, written field by field (onnx.proto3), so that hostile ones can be made as easily as good ones."""

Value = int | bytes | str


def _varint(number: int) -> bytes:
    out = bytearray()
    while True:
        number, low = number >> 7, number & 0x7F
        out.append(low | (0x80 if number else 0))
        if not number:
            return bytes(out)


def message(*fields: tuple[int, Value]) -> bytes:
    """A protobuf message of (field number, content)."""
    out = b""
    for field, value in fields:
        if isinstance(value, int):
            out += _varint(field << 3) + _varint(value)
        else:
            data = value.encode() if isinstance(value, str) else value
            out += _varint(field << 3 | 2) + _varint(len(data)) + data
    return out


def tensor_info(name: str, *shape: int | str) -> bytes:
    dims = [(1, message((2 if isinstance(size, str) else 1, size))) for size in shape]
    return message((1, name), (2, message((1, message((1, 1), (2, message(*dims)))))))


def node(operator: str, inputs: list[str], outputs: list[str], *extra: tuple[int, Value]) -> bytes:
    return message(*((1, name) for name in inputs), *((2, name) for name in outputs), (4, operator), *extra)


def model(
    *nodes: bytes,
    shape: tuple[int | str, ...] = (1, 4),
    graph: tuple[tuple[int, Value], ...] = (),
    functions: bytes = b"",
) -> bytes:
    """A network from float tensor `x` to `y`, both of `shape`."""
    contents = message(
        *((1, one) for one in nodes),
        (2, "tiny"),
        *graph,
        (11, tensor_info("x", *shape)),
        (12, tensor_info("y", *shape)),
    )
    opset = message((1, ""), (2, 17))
    extra: tuple[tuple[int, Value], ...] = ((25, functions),) if functions else ()
    return message((1, 8), (7, contents), (8, opset), *extra)


def one_operator(operator: str, shape: tuple[int | str, ...] = (1, 4)) -> bytes:
    """y = operator(x)."""
    return model(node(operator, ["x"], ["y"]), shape=shape)
