"""Reused memory for intermediate pictures: fresh memory costs more page faults than the arithmetic on it."""

import math
import threading

import numpy as np

# Larger ones (whole pictures, which no live path converts) are not worth keeping.
_KEPT_BYTES = 4 << 20


class _Buffers(threading.local):
    """Every thread has its own buffers, so nothing is shared and nothing is locked."""

    def __init__(self) -> None:
        self.by_name: dict[str, np.ndarray] = {}


_buffers = _Buffers()


def scratch(name: str, shape: tuple[int, ...]) -> np.ndarray:
    """uint8 array of ``shape`` with undefined content, valid until this thread asks for ``name`` again."""
    size = math.prod(shape)
    if size > _KEPT_BYTES:
        return np.empty(shape, np.uint8)
    buffer = _buffers.by_name.get(name)
    if buffer is None or buffer.size < size:
        buffer = _buffers.by_name[name] = np.empty(size, np.uint8)
    return buffer[:size].reshape(shape)
