from __future__ import annotations

import numpy as np
import pytest

pytest.importorskip("onnx", reason="the export needs .venv-train")
import onnx
import onnxruntime

from deepfake_core.inference import onnx_guard
from deepfake_core.swapping import networks
from deepfake_core.training.quantisation import quantised
from deepfake_core.training.streamlining import streamlined

pytestmark = pytest.mark.train


@pytest.fixture(scope="module")
def decoder() -> bytes:
    """A decoder in 8 bits with random weights, so that its mattes and its picture say something."""
    from deepfake_core.training import packing
    from deepfake_core.training.keras_networks import build_decoder

    model = build_decoder()
    noise = np.random.default_rng(1)
    for weight in model.get_layer("out").weights:
        weight.assign(noise.normal(0, 0.05, weight.shape))
    return quantised(packing.exported_decoder(model), [given(64, seed) for seed in range(3)], keep_last=True)


def given(side: int, seed: int) -> dict[str, np.ndarray]:
    noise = np.random.default_rng(seed)
    return {
        name: noise.uniform(-1, 1, [size or 1 for size in shape]).astype(np.float32)
        for name, shape in networks.decoder_inputs(side).items()
    }


def opened(data: bytes, optimised: str = "") -> onnxruntime.InferenceSession:
    options = onnxruntime.SessionOptions()
    options.optimized_model_filepath = optimised
    options.log_severity_level = 4
    return onnxruntime.InferenceSession(data, options, providers=["CPUExecutionProvider"])


@pytest.mark.parametrize("side", networks.SIZES)
def test_a_streamlined_decoder_draws_the_same(decoder: bytes, side: int) -> None:
    small = streamlined(decoder)
    onnx_guard.check(small, "decoder")
    before, after = opened(decoder), opened(small)
    assert [(o.name, o.shape) for o in after.get_outputs()] == [(o.name, o.shape) for o in before.get_outputs()]
    row = given(side, 7)
    for wanted, got in zip(before.run(None, row), after.run(None, row), strict=True):
        assert got.shape == wanted.shape
        assert np.abs(got - wanted).mean() < 0.03 * wanted.std()


def test_little_is_left_between_its_convolutions(decoder: bytes, tmp_path: object) -> None:
    found = []
    for name, data in (("before", decoder), ("after", streamlined(decoder))):
        path = f"{tmp_path}/{name}.onnx"
        opened(data, path)
        found.append([node.op_type for node in onnx.load(path, load_external_data=False).graph.node])
    before, after = found
    assert after.count("QLinearConv") == before.count("QLinearConv") == 13
    assert after.count("LeakyRelu") == 0
    assert after.count("DepthToSpace") == 1  # the finished picture's
    assert after.count("Transpose") < before.count("Transpose") / 2


def test_pictures_are_doubled_directly() -> None:
    from onnx import TensorProto, helper

    from deepfake_core.training.streamlining import enlarge_directly

    nodes = [
        helper.make_node("Concat", ["small"] * 4, ["copies"], axis=1),
        helper.make_node("DepthToSpace", ["copies"], ["large"], blocksize=2),
        helper.make_node("DepthToSpace", ["small"], ["shuffled"], blocksize=2),
    ]
    names = {"small": (1, 8, 5, 6), "large": (1, 8, 10, 12), "shuffled": (1, 2, 10, 12)}
    small, *made = [helper.make_tensor_value_info(name, TensorProto.FLOAT, shape) for name, shape in names.items()]
    model = helper.make_model(
        helper.make_graph(nodes, "doubling", [small], made), opset_imports=[helper.make_opsetid("", 17)], ir_version=8
    )
    picture = np.random.default_rng(0).random(names["small"], np.float32)
    before = opened(model.SerializeToString()).run(None, {"small": picture})
    enlarge_directly(model.graph)
    assert [node.op_type for node in model.graph.node] == ["Resize", "DepthToSpace"]
    for wanted, got in zip(before, opened(model.SerializeToString()).run(None, {"small": picture}), strict=True):
        np.testing.assert_array_equal(got, wanted)
