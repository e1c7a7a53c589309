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

from deepfake_core.swapping.networks import SIZES, encoder_inputs
from deepfake_core.training.augmentation import network_sample
from deepfake_core.training.pool import SamplePool
from deepfake_core.training.streamlining import streamlined

Inputs = dict[str, np.ndarray]
MOST_LOST = 0.3
"""DB of the picture that an 8-bit variant may lose."""
ENCODER_INPUTS = tuple(encoder_inputs())
_ROUNDS = 40
_SAMPLES = 32


class _Reader(CalibrationDataReader):
    def __init__(self, samples: Sequence[Inputs]) -> None:
        self._samples: Iterator[Inputs] = iter(samples)

    def get_next(self) -> Inputs | None:
        return next(self._samples, None)


@dataclass(frozen=True)
class Trial:
    """A pair of networks, one or both in 8 bits, beside the full one."""

    lost: float
    """DB of PSNR against the truth."""
    faster: float
    """Times, encoder and decoder together, one thread."""

    @property
    def worth_it(self) -> bool:
        """Whether the picture stays and time is won."""
        return self.lost <= MOST_LOST and self.faster > 1.0

    def __str__(self) -> str:
        verdict = "kept" if self.worth_it else "left out"
        return f"loses {self.lost:.2f} dB, {self.faster:.2f} times as fast: {verdict}"


@dataclass(frozen=True)
class HeldOut:
    """Rows of `augmentation.network_sample`, each (1, n, n, C) by name, of people whom no training step has seen."""

    choosing: Sequence[Inputs]
    """To choose the steps of 8 bits by."""
    judging: Sequence[Inputs]
    """Others, of the identity whose decoder is tried."""

    @classmethod
    def of(cls, pool: SamplePool, identity: int, others: Sequence[int] = ()) -> HeldOut:
        """From a pool of held-out actors; others: identities to choose by as well."""
        rows = {number: _rows(pool, number) for number in {identity, *others}}
        return cls([row for number in rows for row in rows[number][::2]], rows[identity][1::2])


def small_encoder(encoder: bytes, decoder: bytes, samples: HeldOut) -> tuple[bytes | None, Trial]:
    """The encoder in 8 bits, or None where it is not worth having, and what tells."""
    given = [{name: row[name] for name in ENCODER_INPUTS} for row in samples.choosing]
    small = quantised(encoder, given)
    full, tried = _measured([(encoder, decoder), (small, decoder)], samples.judging)
    trial = Trial(full.psnr - tried.psnr, full.seconds / tried.seconds)
    return small if trial.worth_it else None, trial


def small_decoder(encoder: bytes, encoder_used: bytes, decoder: bytes, samples: HeldOut) -> tuple[bytes | None, Trial]:
    """The decoder in 8 bits, or None where it is not worth having, and what tells.

    encoder_used: the variant of the encoder that it will run with: the picture is compared with that of both full
    networks, the time with that of the full decoder after the same encoder.
    """
    features = onnxruntime.InferenceSession(encoder, providers=["CPUExecutionProvider"])
    given = [{"template": row["template"], **_features(features, row)} for row in samples.choosing]
    small = streamlined(quantised(decoder, given, keep_last=True))
    pairs = [(encoder, decoder), (encoder_used, decoder), (encoder_used, small)]
    full, before, tried = _measured(pairs, samples.judging)
    trial = Trial(full.psnr - tried.psnr, before.seconds / tried.seconds)
    return small if trial.worth_it else None, trial


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


@dataclass(frozen=True)
class _Figures:
    psnr: float
    """DB inside the face."""
    seconds: float
    """For a picture, median."""


def _measured(pairs: Sequence[tuple[bytes, bytes]], samples: Sequence[Inputs]) -> list[_Figures]:
    """Draw the samples with each pair of (encoder, decoder), in turn, so that other work slows all alike."""
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = 1
    sessions = [
        [onnxruntime.InferenceSession(data, options, providers=["CPUExecutionProvider"]) for data in pair]
        for pair in pairs
    ]
    errors: list[list[float]] = [[] for _ in pairs]
    seconds: list[list[float]] = [[] for _ in pairs]
    for k in range(max(_ROUNDS, len(samples))):
        row = samples[k % len(samples)]
        weight = row["face"] * row["known"]
        for number, (encoder, decoder) in enumerate(sessions):
            began = time.perf_counter()
            made = decoder.run(["reflectance"], {"template": row["template"], **_features(encoder, row)})[0]
            seconds[number].append(time.perf_counter() - began)
            errors[number].append(
                float((((made - row["target"]) / 2) ** 2 * weight).sum() / max(3 * weight.sum(), 1.0))
            )
    count = len(samples)
    return [
        _Figures(float(-10 * np.log10(np.mean(errors[n][:count]))), float(np.median(seconds[n])))
        for n in range(len(pairs))
    ]


def _features(encoder: onnxruntime.InferenceSession, row: Inputs) -> Inputs:
    names = [value.name for value in encoder.get_outputs()]
    return dict(zip(names, encoder.run(None, {name: row[name] for name in ENCODER_INPUTS}), strict=True))


def _rows(pool: SamplePool, identity: int) -> list[Inputs]:
    """Unvaried samples of an identity, spread over the pool."""
    places = np.linspace(0, pool.count(identity) - 1, _SAMPLES).round().astype(int)
    made = [network_sample(pool.sample(identity, int(place)), SIZES[1]) for place in places]
    return [{name: array[None] for name, array in row.items()} for row in made]
