"""Gradients, compilation, threads and precision: in nothing else does training differ between Keras's back ends.

Models, losses and optimisers are written on `keras.ops`; what needs the back end itself goes through here.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import keras

Tensors = dict[str, Any]
Objective = Callable[[], tuple[Any, Any]]


class BackendUnsupported(RuntimeError):
    """Keras runs on a back end that nobody wrote an adapter for."""

    def __init__(self, name: str) -> None:
        super().__init__(f"Training runs on TensorFlow or JAX, not on {name}: set KERAS_BACKEND to one of them.")


def use_threads(count: int) -> None:
    """Let a step use so many threads; before anything is computed. Only TensorFlow can be told."""
    if keras.backend.backend() == "tensorflow":
        import tensorflow as tf

        tf.config.threading.set_intra_op_parallelism_threads(count)
        tf.config.threading.set_inter_op_parallelism_threads(1)


def has_bfloat16() -> bool:
    """Whether the processor multiplies bfloat16 itself, and the back end lets it; else it is slower than float32."""
    try:
        flags = Path("/proc/cpuinfo").read_text(encoding="utf-8")
    except OSError:
        return False
    return keras.backend.backend() == "tensorflow" and any(name in flags for name in ("amx_bf16", "avx512_bf16"))


@contextmanager
def precision(policy: str) -> Iterator[None]:
    """Layers that are made meanwhile calculate in `policy`, such as "mixed_bfloat16"; Keras's own is put back."""
    before = keras.mixed_precision.dtype_policy()
    keras.mixed_precision.set_dtype_policy(policy)
    try:
        yield
    finally:
        keras.mixed_precision.set_dtype_policy(before)


class TensorFlowBackend:
    """Steps as tf.function; they change the variables themselves."""

    def __init__(self, state: Sequence[keras.Variable]) -> None:
        self._state = state

    def gradients(self, objective: Objective, variables: Sequence[keras.Variable]) -> tuple[Any, list]:
        """What `objective` returns beside its loss, and the loss's gradient for each of the variables."""
        import tensorflow as tf

        with tf.GradientTape() as tape:
            loss, beside = objective()
        return beside, tape.gradient(
            loss, [v.value for v in variables], unconnected_gradients=tf.UnconnectedGradients.ZERO
        )

    def compiled(self, step: Callable[[Tensors], Tensors]) -> Callable[[Tensors], Tensors]:
        """`step` compiled, one graph for every shape of the inputs."""
        import tensorflow as tf

        return tf.function(step, jit_compile=False)


class JaxBackend:
    """Steps as pure functions of the state under jax.jit."""

    def __init__(self, state: Sequence[keras.Variable]) -> None:
        self._state = list(state)

    def gradients(self, objective: Objective, variables: Sequence[keras.Variable]) -> tuple[Any, list]:
        """What `objective` returns beside its loss, and the loss's gradient for each of the variables."""
        import jax

        # Variables that stay as they are come from the step's scope, which the inner one hides.
        current = [(variable, variable.value) for variable in self._state]

        def pure(values: list) -> tuple[Any, Any]:
            with keras.StatelessScope(state_mapping=[*current, *zip(variables, values, strict=True)]):
                return objective()

        (_, beside), gradients = jax.value_and_grad(pure, has_aux=True)([v.value for v in variables])
        return beside, gradients

    def compiled(self, step: Callable[[Tensors], Tensors]) -> Callable[[Tensors], Tensors]:
        """`step` compiled, one program for every shape of the inputs."""
        import jax

        @jax.jit
        def pure(values: list, inputs: Tensors) -> tuple[Tensors, list]:
            with keras.StatelessScope(state_mapping=zip(self._state, values, strict=True)) as scope:
                report = step(inputs)
            return report, [scope.get_current_value(variable) for variable in self._state]

        def run(inputs: Tensors) -> Tensors:
            report, values = pure([variable.value for variable in self._state], inputs)
            for variable, value in zip(self._state, values, strict=True):
                variable.assign(value)
            return report

        return run


def adapter(state: Sequence[keras.Variable]) -> TensorFlowBackend | JaxBackend:
    """The adapter of the running back end for steps that change the variables of `state`."""
    name = keras.backend.backend()
    if name == "tensorflow":
        return TensorFlowBackend(state)
    if name == "jax":
        return JaxBackend(state)
    raise BackendUnsupported(name)
