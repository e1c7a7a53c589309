from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

pytest.importorskip("onnx", reason="the export needs .venv-train")
from deepfake_core.training.quantisation import HeldOut, Trial

pytestmark = pytest.mark.train


def rows(count: int) -> HeldOut:
    noise = np.random.default_rng(0)
    shapes = {"driver": 3, "geometry": 4, "template": 4, "target": 3}
    made = [
        {k: noise.uniform(-1, 1, (1, 64, 64, c)).astype(np.float32) for k, c in shapes.items()} for _ in range(count)
    ]
    whole = {name: np.ones((1, 64, 64, 1), np.float32) for name in ("face", "known")}
    return HeldOut(made, [row | whole for row in made])


def test_8_bits_are_kept_where_they_pay_and_the_encoders_file_stays(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from deepfake_core.training import packing, quantisation
    from deepfake_core.training.evaluation import Exported
    from deepfake_core.training.keras_networks import build_decoder, build_encoder

    encoder, said = build_encoder(), list[str]()
    decoder = packing.exported_decoder(build_decoder())
    monkeypatch.setattr(quantisation, "_ROUNDS", 3)
    # How fast 8 bits are depends on the processor that the test runs on: what is kept must not.
    monkeypatch.setattr(quantisation, "Trial", lambda lost, _times: Trial(lost, 2.0))
    files = packing.encoder_files(encoder, decoder, tmp_path, rows(2), said.append)
    assert files.small is not None
    assert files.used == files.small
    first = files.full.read_bytes()
    assert files.small.stat().st_size < 0.4 * len(first)
    again = packing.encoder_files(encoder, decoder, tmp_path, rows(2), said.append)
    assert again.full.read_bytes() == first
    assert len(said) == 1
    assert "kept" in said[0]

    row = rows(2).choosing[0]
    both = {name: np.concatenate([row[name], -row[name]]) for name in ("driver", "geometry")}
    wanted, got = encoder(both, training=False), Exported(first)(both, training=False)
    for name, feature in got.items():
        np.testing.assert_allclose(feature, wanted[name], atol=1e-4)

    made = packing.decoder_files(decoder, first, files.small.read_bytes(), rows(2), said.append)
    assert made["decoder.onnx"] == decoder
    assert len(made["decoder_int8.onnx"]) < 0.5 * len(decoder)

    monkeypatch.setattr(quantisation, "Trial", lambda lost, _times: Trial(lost, 0.9))
    other = packing.encoder_files(build_encoder(), decoder, tmp_path, rows(2), said.append)
    assert other.full.read_bytes() != first
    assert other.small is None
    assert other.used == other.full
    assert not (tmp_path / "encoder_int8.onnx").exists()
    assert packing.decoder_files(decoder, first, first, rows(2), said.append).keys() == {"decoder.onnx"}
    assert "left out" in said[-1]


@pytest.mark.parametrize(("lost", "faster", "kept"), [(0.3, 1.01, True), (0.31, 2.0, False), (0.0, 1.0, False)])
def test_8_bits_have_to_be_faster_and_lose_little(lost: float, faster: float, kept: bool) -> None:
    assert Trial(lost, faster).worth_it == kept
