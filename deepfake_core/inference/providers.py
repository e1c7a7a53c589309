"""Which ONNX Runtime execution provider to try, and which one a session really runs on."""

from __future__ import annotations

import onnxruntime

# Fastest first; "auto" tries them in this order.
ONNX_RUNTIME_NAMES = {
    "cuda": "CUDAExecutionProvider",
    "coreml": "CoreMLExecutionProvider",
    "openvino": "OpenVINOExecutionProvider",
    "directml": "DmlExecutionProvider",
    "cpu": "CPUExecutionProvider",
}
_OUR_NAMES = {theirs: ours for ours, theirs in ONNX_RUNTIME_NAMES.items()}


def candidates(wanted: str) -> tuple[list[str], list[str]]:
    """The accelerators to try for `wanted` ("auto" or a provider's name), and warnings in plain sentences."""
    if wanted != "auto" and wanted not in ONNX_RUNTIME_NAMES:
        names = ", ".join(["auto", *ONNX_RUNTIME_NAMES])
        return [], [f"'{wanted}' is no provider; the CPU is used (choose one of {names})."]
    installed = onnxruntime.get_available_providers()
    present = [ours for ours, theirs in ONNX_RUNTIME_NAMES.items() if theirs in installed and ours != "cpu"]
    if wanted == "auto":
        return present, []
    if wanted == "cpu":
        return [], []
    if wanted not in present:
        return [], [f"{wanted} is not in this ONNX Runtime; the CPU is used (install the build that has it)."]
    return [wanted], []


def only_cpu(wanted: str) -> bool:
    """Whether `wanted` surely means the CPU, where networks in 8 bits are the fastest."""
    return not candidates(wanted)[0]


def active(session: onnxruntime.InferenceSession) -> str:
    """The provider that `session` runs on: the first of its list, by our name."""
    name = session.get_providers()[0]
    return _OUR_NAMES.get(name, name)
