"""8-bit variants of exported networks, and whether they are worth having."""

from __future__ import annotations

import tempfile
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import onnx
import onnxruntime
from onnxruntime.quantization import CalibrationDataReader, QuantFormat, QuantType, quantize_static

Inputs = dict[str, np.ndarray]
MOST_LOST = 0.3
"""DB of the picture that an 8-bit variant may lose."""


class _Reader(CalibrationDataReader):
    def __init__(self, samples: Sequence[Inputs]) -> None:
        self._samples: Iterator[Inputs] = iter(samples)

    def get_next(self) -> Inputs | None:
        return next(self._samples, None)


@dataclass(frozen=True)
class Trial:
    """The 8-bit pair beside the full one."""

    lost: float
    """DB of PSNR against the truth."""
    faster: float
    """Times, encoder and decoder together, one thread."""

    @property
    def worth_it(self) -> bool:
        """Whether the picture stays and time is won."""
        return self.lost <= MOST_LOST and self.faster > 1.0


def quantised(data: bytes, samples: Sequence[Inputs], *, keep_last: bool = False) -> bytes:
    """The network with 8-bit weights (per channel) and activations (static, from `samples`), in the QDQ format.

    keep_last: the last convolution, which makes a decoder's picture, stays as it is.
    """
    model = onnx.load_model_from_string(data)
    convolutions = [node.name for node in model.graph.node if node.op_type == "Conv"]
    with tempfile.TemporaryDirectory() as folder:
        before, after = Path(folder) / "full.onnx", Path(folder) / "int8.onnx"
        before.write_bytes(data)
        quantize_static(
            before,
            after,
            _Reader(samples),
            quant_format=QuantFormat.QDQ,
            per_channel=True,
            activation_type=QuantType.QUInt8,
            weight_type=QuantType.QInt8,
            op_types_to_quantize=["Conv"],
            nodes_to_exclude=convolutions[-1:] if keep_last else [],
        )
        return after.read_bytes()


def trial(full: tuple[bytes, bytes], small: tuple[bytes, bytes], batch: Inputs, rounds: int = 30) -> Trial:
    """Draw held-out samples with both pairs of (encoder, decoder).

    batch: driver, geometry, template, target, face, known as `augmentation.network_sample` gives them, stacked.
    """
    figures = [_drawn(pair, batch, rounds) for pair in (full, small)]
    return Trial(figures[0][0] - figures[1][0], figures[0][1] / figures[1][1])


def _drawn(pair: tuple[bytes, bytes], batch: Inputs, rounds: int) -> tuple[float, float]:
    """PSNR in dB inside the face, and seconds for a picture (median)."""
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = 1
    encoder, decoder = (
        onnxruntime.InferenceSession(data, options, providers=["CPUExecutionProvider"]) for data in pair
    )
    errors, seconds = [], []
    for k in range(max(rounds, len(batch["driver"]))):
        row = {name: array[k % len(array)][None] for name, array in batch.items()}
        began = time.perf_counter()
        features = encoder.run(None, {"driver": row["driver"], "geometry": row["geometry"]})
        names = [value.name for value in encoder.get_outputs()]
        made = decoder.run(["reflectance"], {"template": row["template"], **dict(zip(names, features, strict=True))})[0]
        seconds.append(time.perf_counter() - began)
        weight = row["face"] * row["known"]
        errors.append(float((((made - row["target"]) / 2) ** 2 * weight).sum() / max(3 * weight.sum(), 1.0)))
    return float(-10 * np.log10(np.mean(errors[: len(batch["driver"])]))), float(np.median(seconds))
