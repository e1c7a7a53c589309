"""A network, opened: ONNX Runtime behind a narrow door that checks what goes in and what comes out."""

from __future__ import annotations

import logging
import math
import threading
from collections.abc import Mapping

import numpy as np
import onnxruntime

from deepfake_core.inference import onnx_guard, providers
from deepfake_core.inference.errors import ModelCorrupt, ModelRefused, NetworkFailed
from deepfake_core.inference.manifest import MAX_MODEL_BYTES, Manifest

_log = logging.getLogger(__name__)

MAX_TENSOR_ELEMENTS = 64 * 1024 * 1024
MAX_THREADS = 64

_DTYPES = {
    "tensor(float)": np.float32,
    "tensor(float16)": np.float16,
    "tensor(double)": np.float64,
    "tensor(uint8)": np.uint8,
    "tensor(int8)": np.int8,
    "tensor(int32)": np.int32,
    "tensor(int64)": np.int64,
    "tensor(bool)": np.bool_,
}

Shape = tuple[int | None, ...]


class Session:
    """One network on one provider. `run` may be called from several threads at once.

    `inputs` and `outputs` map names to shapes, in the network's order; None is a free dimension.
    `provider` is the one that is really active ("cpu", "cuda", "coreml", "openvino", "directml");
    `warnings` says in plain sentences why it is not the one that was asked for.
    """

    def __init__(
        self,
        session: onnxruntime.InferenceSession,
        name: str,
        provider: str,
        warnings: tuple[str, ...],
        dimensions: Mapping[str, int],
    ) -> None:
        self.name = name
        self.provider = provider
        self.warnings = warnings
        self.inputs: dict[str, Shape] = {i.name: _shape(i.shape) for i in session.get_inputs()}
        self.outputs: dict[str, Shape] = {o.name: _shape(o.shape) for o in session.get_outputs()}
        self._example = {
            i.name: [dimensions.get(size, 1) if isinstance(size, str) else size or 1 for size in i.shape]
            for i in session.get_inputs()
        }
        self._dtypes = {i.name: _DTYPES.get(i.type) for i in session.get_inputs()}
        for tensor, shape in (*self.inputs.items(), *self.outputs.items()):
            if math.prod(size or 1 for size in shape) > MAX_TENSOR_ELEMENTS:
                raise ModelRefused(f"'{name}' declares '{tensor}' of absurd size {shape}; it is none of ours.")
        if None in self._dtypes.values():
            raise ModelRefused(f"'{name}' takes something that is not a plain tensor; export it again.")
        self._session = session

    def run(self, **inputs: np.ndarray) -> tuple[np.ndarray, ...]:
        """The network's outputs, in the order of `outputs`, for arrays named as in `inputs`.

        Raises NetworkFailed where ONNX Runtime reports an error or an output holds NaN or infinity.
        """
        try:
            outputs = self._session.run(None, inputs)
        except Exception as error:  # ONNX Runtime's errors share no base class
            raise NetworkFailed(f"The network '{self.name}' failed on {self.provider}: {error}") from error
        for name, output in zip(self.outputs, outputs, strict=True):
            if output.dtype.kind == "f" and not np.isfinite(output).all():
                raise NetworkFailed(f"The network '{self.name}' gave no number in its output '{name}'.")
        return tuple(outputs)

    def sample(self) -> dict[str, np.ndarray]:
        """A fixed input that fits the network: uniform noise in 0..1, free dimensions as `open_session` was told."""
        noise = np.random.default_rng(0)
        return {name: noise.random(shape).astype(self._dtypes[name]) for name, shape in self._example.items()}


def open_session(
    model: bytes, *, name: str, threads: int = 2, provider: str = "auto", dimensions: Mapping[str, int] | None = None
) -> Session:
    """Open the ONNX file `model`; `name` is what errors call it.

    `dimensions` says how large the free dimensions, by their names, are in the input of the self-check, else 1.

    `provider` "auto" takes the fastest one that is installed and passes its self-check (see `agrees`), else
    the CPU; a provider asked for by name falls back to the CPU too, and `warnings` says so.
    Raises ModelCorrupt or ModelRefused.
    """
    if not 1 <= threads <= MAX_THREADS:
        raise ValueError(f"threads must lie in 1..{MAX_THREADS}, not {threads}")
    if len(model) > MAX_MODEL_BYTES:
        raise ModelRefused(f"'{name}' has {len(model)} bytes, more than the {MAX_MODEL_BYTES} accepted.")
    onnx_guard.check(model, name)

    def opened(candidate: str, warnings: tuple[str, ...] = ()) -> Session:
        session = onnxruntime.InferenceSession(
            model, _options(threads), providers=[providers.ONNX_RUNTIME_NAMES[candidate]]
        )
        return Session(session, name, providers.active(session), warnings, dimensions or {})

    try:
        on_cpu = opened("cpu")
    except ModelRefused:
        raise
    except Exception as error:  # ONNX Runtime's errors share no base class
        raise ModelCorrupt(f"ONNX Runtime cannot open '{name}'; restore it from its source. ({error})") from error

    candidates, warnings = providers.candidates(provider)
    for candidate in candidates:
        try:
            session = opened(candidate, tuple(warnings))
            complaint = _complaint(session, candidate, on_cpu)
        except Exception as error:  # noqa: BLE001 - a driver may fail in any way; the CPU works
            complaint = f"{candidate} failed its self-check; the CPU is used. ({error})"
        if not complaint:
            return session
        warnings.append(complaint)
    on_cpu.warnings = tuple(warnings)
    for warning in warnings:
        _log.warning("%s: %s", name, warning)
    return on_cpu


def agrees(session: Session, reference: Session) -> bool:
    """Whether `session` gives finite outputs within 2 % of `reference`'s range on the same fixed input.

    Reduced precision (TF32, half floats) stays well inside this; a broken driver or kernel does not.
    """
    sample = reference.sample()
    for got, wanted in zip(session.run(**sample), reference.run(**sample), strict=True):
        if got.shape != wanted.shape or got.dtype != wanted.dtype:
            return False
        difference = np.abs(got.astype(np.float64) - wanted.astype(np.float64)).max(initial=0.0)
        if difference > 0.02 * np.abs(wanted.astype(np.float64)).max(initial=1e-3):
            return False
    return True


def _complaint(session: Session, candidate: str, on_cpu: Session) -> str:
    """Why `session` must not be used for `candidate`; empty if it may."""
    if session.provider != candidate:
        return f"{candidate} is installed but did not start; the CPU is used (update its driver)."
    if not agrees(session, on_cpu):
        return f"{candidate} gives other results than the CPU; the CPU is used (update its driver)."
    return ""


_shared: dict[tuple[object, ...], Session] = {}
_shared_lock = threading.Lock()


def shared(
    name: str, *, threads: int = 2, provider: str = "auto", dimensions: Mapping[str, int] | None = None
) -> Session:
    """The network `name` of models/manifest.json, opened once per (SHA-256, threads, provider) and kept.

    Raises ModelMissing, ModelCorrupt or ModelRefused. Safe to call from several threads.
    """
    manifest = Manifest.load()
    key = (manifest.entry(name).sha256, threads, provider)
    # Held while opening, so that two filters that start together do not open the same network twice.
    with _shared_lock:
        if key not in _shared:
            _shared[key] = open_session(
                manifest.read(name), name=name, threads=threads, provider=provider, dimensions=dimensions
            )
        return _shared[key]


def _options(threads: int) -> onnxruntime.SessionOptions:
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = threads
    options.inter_op_num_threads = 1
    # Spinning threads steal the cores from OBS and collapse on a busy machine.
    options.add_session_config_entry("session.intra_op.allow_spinning", "0")
    options.log_severity_level = 4
    return options


def _shape(declared: list[int | str | None]) -> Shape:
    return tuple(size if isinstance(size, int) and size >= 0 else None for size in declared)
