from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from deepfake_core.swapping import networks

pytestmark = pytest.mark.train


def rows(count: int) -> list[dict[str, np.ndarray]]:
    noise = np.random.default_rng(0)
    shapes = {"driver": 3, "geometry": 4, "template": 4, "target": 3}
    made = [
        {k: noise.uniform(-1, 1, (1, 64, 64, c)).astype(np.float32) for k, c in shapes.items()} for _ in range(count)
    ]
    return [
        row | {"face": np.ones((1, 64, 64, 1), np.float32), "known": np.ones((1, 64, 64, 1), np.float32)}
        for row in made
    ]


def test_the_8_bit_pair_draws_nearly_the_same_and_the_encoders_file_stays(tmp_path: Path) -> None:
    from deepfake_core.training import packing
    from deepfake_core.training.export import to_onnx
    from deepfake_core.training.keras_networks import build_decoder, build_encoder
    from deepfake_core.training.quantisation import quantised, trial

    encoder, decoder = build_encoder(), build_decoder()
    samples = rows(3)
    given = [{name: row[name] for name in ("driver", "geometry")} for row in samples]
    path = packing.encoder_files(encoder, tmp_path / "swap", given)
    first = path.read_bytes()
    small = path.with_name("encoder_int8.onnx").read_bytes()
    assert len(small) < 0.4 * len(first)
    assert packing.encoder_files(encoder, tmp_path / "swap", given).read_bytes() == first
    assert packing.encoder_files(build_encoder(), tmp_path / "swap", given).read_bytes() != first

    data = to_onnx(decoder, networks.decoder_inputs(), networks.decoder_outputs(), "decoder")
    features = [{name: np.asarray(x) for name, x in encoder(row).items()} for row in given]
    inputs = [{"template": row["template"], **f} for row, f in zip(samples, features, strict=True)]
    made = quantised(data, inputs, keep_last=True)
    assert len(made) < 0.5 * len(data)
    batch = {name: np.concatenate([row[name] for row in samples]) for name in samples[0]}
    found = trial((first, data), (small, made), batch, rounds=3)
    assert abs(found.lost) < 0.3
    assert found.faster > 0
