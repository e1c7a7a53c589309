"""What changes the face parser's weights: Muon for convolutions, AdamW for the rest."""

from __future__ import annotations

import keras
import tensorflow as tf

_ROUNDS = 5


class ConvolutionMuon(keras.optimizers.Muon):
    """Muon (Jordan et al. 2024), which Keras has for matrices alone, on kernels laid out as matrices.

    A kernel (h, w, read, made) is a matrix (h * w * read, made). Its step is as large as AdamW's would be (Liu et al.,
    "Muon is Scalable for LLM Training", 2025), so that the same rates do. The kernels that read the picture or make
    the logits, those that keep channels apart, and all biases go by AdamW.
    """

    def __init__(self, learning_rate: float, *, weight_decay: float, last: str, bfloat16: bool = False) -> None:
        """last: name of the layer that makes the logits; bfloat16: orthogonalise in it, see `ParserSettings`."""
        super().__init__(
            learning_rate,
            adam_beta_2=0.99,
            weight_decay=weight_decay,
            adam_weight_decay=weight_decay,
            ns_steps=_ROUNDS,
            exclude_layers=[last],
        )
        self._exact = tf.bfloat16 if bfloat16 else tf.float32

    def _should_use_adamw(self, variable: keras.Variable) -> bool:
        if len(variable.shape) != 4 or any(name in variable.path for name in self.exclude_layers):
            return True
        _, _, read, made = variable.shape
        return read == 3 or made == 1

    def _muon_update_step(
        self, gradient: tf.Tensor, variable: keras.Variable, lr: tf.Tensor, momentum: keras.Variable
    ) -> None:
        self.assign(momentum, gradient + self.momentum * momentum)
        ahead = gradient + self.momentum * momentum
        matrix = tf.cast(tf.reshape(ahead / (tf.norm(ahead) + 1e-7), (-1, variable.shape[-1])), self._exact)
        step = self.lr_adjust(tf.cast(self.zeropower_via_newtonschulz5(matrix, self.ns_steps), tf.float32))
        self.assign_sub(variable, lr * tf.reshape(step, variable.shape))
