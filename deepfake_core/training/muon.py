"""The optimiser Muon for networks of convolutions, on any back end of Keras."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import keras
from keras import ops

_ROUNDS = 5


class ConvolutionMuon(keras.optimizers.Muon):
    """Muon (Jordan et al. 2024), which Keras has for matrices alone, on kernels laid out as matrices.

    A kernel (h, w, read, made) is a matrix (h * w * read, made). Its step is as large as AdamW's would be (Liu et al.,
    "Muon is Scalable for LLM Training", 2025), so that the same rates do. The kernels that read a picture of three
    channels, those that keep channels apart, those of the layers named, and all biases go by AdamW.
    """

    def __init__(
        self, learning_rate: float, *, weight_decay: float, adamw_layers: Sequence[str], bfloat16: bool = False
    ) -> None:
        """adamw_layers: part of the paths of such layers, as the last one; bfloat16: orthogonalise in it."""
        super().__init__(
            learning_rate,
            adam_beta_2=0.99,
            weight_decay=weight_decay,
            adam_weight_decay=weight_decay,
            ns_steps=_ROUNDS,
            exclude_layers=list(adamw_layers),
        )
        self._precision = "bfloat16" if bfloat16 else "float32"

    def _should_use_adamw(self, variable: keras.Variable) -> bool:
        if len(variable.shape) != 4:
            return True
        _, _, read, made = variable.shape
        named = any(layer in variable.path for layer in self.exclude_layers)
        return read == 3 or made == 1 or named

    def _muon_update_step(self, gradient: Any, variable: keras.Variable, lr: Any, momentum: keras.Variable) -> None:
        self.assign(momentum, gradient + self.momentum * momentum)
        ahead = gradient + self.momentum * momentum
        length = ops.sqrt(ops.sum(ops.square(ahead)))
        matrix = ops.cast(ops.reshape(ahead / (length + 1e-7), (-1, variable.shape[-1])), self._precision)
        step = self.lr_adjust(ops.cast(self.zeropower_via_newtonschulz5(matrix, self.ns_steps), "float32"))
        self.assign_sub(variable, lr * ops.reshape(step, variable.shape))
