import sys
import threading
from pathlib import Path

import numpy as np
import pytest

sys.path.insert(0, str(Path(__file__).parent))
import tiny_onnx
from tiny_onnx import message, model, node, one_operator

from deepfake_core import inference
from deepfake_core.inference.errors import ModelCorrupt, ModelRefused, NetworkFailed
from deepfake_core.inference.session import open_session

X = np.array([[1.0, 4.0, 9.0, 16.0]], np.float32)


def test_a_network_runs_and_says_where() -> None:
    session = open_session(one_operator("Sqrt"), name="tiny")
    (y,) = session.run(x=X)
    assert np.allclose(y, [[1, 2, 3, 4]])
    assert session.inputs == {"x": (1, 4)}
    assert session.provider == "cpu"


def test_free_dimensions_stay_free_and_have_an_example() -> None:
    session = open_session(one_operator("Sqrt", (1, "n")), name="tiny", dimensions={"n": 4})
    assert session.inputs == {"x": (1, None)}
    assert session.sample()["x"].shape == (1, 4)
    assert np.allclose(session.run(x=X)[0], [[1, 2, 3, 4]])
    assert np.allclose(session.run(x=X[:, :2])[0], [[1, 2]])


@pytest.mark.parametrize("x", [[-1.0, 1, 1, 1], [np.inf, 1, 1, 1], [np.nan, 1, 1, 1]])
def test_output_that_is_no_number_is_a_failure(x: list[float]) -> None:
    session = open_session(one_operator("Sqrt"), name="tiny")
    with pytest.raises(NetworkFailed, match="no number"):
        session.run(x=np.array([x], np.float32))


@pytest.mark.parametrize("inputs", [{}, {"x": X[:, :2]}, {"x": X.astype(np.float64)}, {"other": X}])
def test_input_that_does_not_fit_is_a_failure(inputs: dict[str, np.ndarray]) -> None:
    with pytest.raises(NetworkFailed, match="tiny"):
        open_session(one_operator("Sqrt"), name="tiny").run(**inputs)


def test_a_provider_that_is_not_there_falls_back_and_says_so() -> None:
    session = open_session(one_operator("Sqrt"), name="tiny", provider="coreml")
    assert session.provider == "cpu"
    assert "coreml" in session.warnings[0]
    unknown = open_session(one_operator("Sqrt"), name="tiny", provider="abacus")
    assert "abacus" in unknown.warnings[0]


@pytest.mark.parametrize("length", [0, 1, 7, 20, -1])
def test_a_truncated_file_is_refused(length: int) -> None:
    whole = one_operator("Sqrt")
    with pytest.raises(ModelCorrupt):
        open_session(whole[:length], name="cut")


@pytest.mark.parametrize("data", [b"PK\x03\x04" + bytes(40), b"\x00" * 64, b"\xff" * 64, b"{}", b"\x80\x04."])
def test_a_foreign_file_is_refused(data: bytes) -> None:
    with pytest.raises(ModelCorrupt):
        open_session(data, name="foreign")


def test_an_operator_that_does_not_exist_is_refused() -> None:
    with pytest.raises(ModelCorrupt):
        open_session(one_operator("RunShellCommand"), name="odd")


def test_custom_operators_are_refused() -> None:
    odd = model(node("Sqrt", ["x"], ["y"], (7, "com.example")))
    with pytest.raises(ModelRefused, match=r"com\.example"):
        open_session(odd, name="odd")


def test_weights_in_other_files_are_refused(tmp_path: Path) -> None:
    secret = tmp_path / "secret"
    secret.write_bytes(bytes(16))
    location = message((1, "location"), (2, str(secret)))
    weights = message((1, 1), (1, 4), (2, 1), (8, "w"), (13, location), (14, 1))
    odd = model(node("Add", ["x", "w"], ["y"]), graph=((5, weights),))
    with pytest.raises(ModelRefused, match="other files"):
        open_session(odd, name="odd")


def test_branches_and_functions_are_refused() -> None:
    branch = message((1, "then_branch"), (6, message((2, "inner"))), (20, 5))
    with pytest.raises(ModelRefused, match="branches"):
        open_session(model(node("If", ["x"], ["y"], (5, branch))), name="odd")
    with pytest.raises(ModelRefused, match="functions"):
        open_session(model(node("Sqrt", ["x"], ["y"]), functions=message((1, "f"))), name="odd")


def test_absurd_sizes_are_refused() -> None:
    with pytest.raises(ModelRefused, match="absurd"):
        open_session(one_operator("Relu", shape=(1, 100_000, 100_000)), name="huge")


def test_every_cut_and_flip_of_a_model_is_refused_or_runs() -> None:
    whole = tiny_onnx.one_operator("Sqrt")
    generator = np.random.default_rng(3)
    for _ in range(300):
        data = bytearray(whole[: generator.integers(1, len(whole) + 1)])
        for at in generator.integers(0, len(data), 2):
            data[at] ^= 1 << int(generator.integers(8))
        try:
            open_session(bytes(data), name="fuzzed")
        except (ModelCorrupt, ModelRefused):
            continue


def test_networks_are_opened_once_for_all_filters() -> None:
    found = []
    threads = [
        threading.Thread(target=lambda: found.append(inference.shared("facemesh/face_landmark.onnx", threads=1)))
        for _ in range(4)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(found) == 4
    assert all(session is found[0] for session in found)
