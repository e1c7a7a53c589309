"""How much a network computes. Needs .venv-train."""

from __future__ import annotations

import keras
from keras import layers


def gigaflops(model: keras.Model) -> float:
    """Work of a model built for a fixed side: its convolutions, a multiplication and an addition counted as two."""
    work = 0
    for layer in model.layers:
        if isinstance(layer, layers.Conv2D):
            _, height, width, _ = layer.output.shape
            kernel_height, kernel_width, before, after = layer.kernel.shape
            work += 2 * kernel_height * kernel_width * before * after * height * width
    return work / 1e9
