"""What is scored is marked, and says where it has nothing to show."""

from pathlib import Path

import cv2
import numpy as np
import onnx
import pytest
from tiny_benchmark import clip, samples

from deepfake_core.disclosure.detection import is_labelled
from deepfake_core.evaluation.candidates import CANDIDATES, Sample, open_candidate
from deepfake_core.evaluation.errors import CandidateRefused
from deepfake_core.evaluation.masks import place_of_label
from deepfake_core.evaluation.parsers import PARSERS
from deepfake_core.frame import Frame
from deepfake_core.settings import Mode
from deepfake_core.synthetic.labels import Label

pytestmark = pytest.mark.train

FACE = slice(90, 170), slice(90, 150)


def sample_of(actor: np.ndarray, truth: np.ndarray, mode: Mode = Mode.FACE) -> Sample:
    view = "face_in_tone" if mode is Mode.FACE else "head"
    arrays = samples([actor], ("actor", "face_in_tone", "head", "plate"), tone=5, seed=0)
    arrays[f"{view}_bgr"][0] = truth
    arrays["actor_hair_matte"] = np.zeros_like(arrays["actor_hair_matte"])
    return Sample.of(arrays, 0, view)


def run(name: str, actor: np.ndarray, sample: Sample, mode: Mode = Mode.FACE) -> tuple[np.ndarray, bool]:
    output = actor.copy()
    swapped = CANDIDATES[name]("vesper", mode)(Frame.from_bgr(output, 33_000_000), sample)
    return output, swapped


@pytest.mark.parametrize("name", list(CANDIDATES))
def test_every_candidate_is_marked_where_the_measures_do_not_look(name: str) -> None:
    actor = clip(1)[0]
    truth = np.roll(actor, 3, axis=1)
    mode = Mode.HEAD if name == "on_plate" else Mode.FACE
    output, swapped = run(name, actor, sample_of(actor, truth, mode), mode)
    assert swapped
    box = place_of_label(256, 256)
    # The detector wants a label as large as in a video.
    assert is_labelled(np.asarray(cv2.resize(output, (720, 720), interpolation=cv2.INTER_CUBIC), np.uint8))
    reference = {"none": actor, "truth": truth}.get(name)
    if reference is not None:
        changed = np.abs(output.astype(int) - reference)
        changed[box.y0 : box.y1, box.x0 : box.x1] = 0
        assert changed.max() <= 8, "besides the label there is the watermark at most"
    else:
        assert np.abs(output[FACE].astype(int) - actor[FACE]).mean() > 1


def test_a_composite_shows_the_true_picture_and_nothing_beside_it() -> None:
    actor = clip(1)[0]
    truth = actor.copy()
    truth[FACE] = truth[FACE] // 2
    output, _ = run("composite", actor, sample_of(actor, truth))
    middle = slice(110, 150), slice(105, 135)
    assert np.abs(output[middle].astype(int) - truth[middle]).mean() < 4
    beside = slice(90, 170), slice(0, 40)
    assert np.abs(output[beside].astype(int) - actor[beside]).mean() < 2


def test_relit_replaces_the_picture_s_light_by_the_actor_s() -> None:
    actor = clip(1)[0]
    darker = (actor * 0.6).astype(np.uint8)
    output, _ = run("relit", actor, sample_of(actor, darker))
    middle = slice(110, 150), slice(105, 135)
    assert output[middle].mean() == pytest.approx(actor[middle].mean(), rel=0.12)


def test_what_there_is_no_truth_for_is_refused() -> None:
    for name, mode in (("relit", Mode.HEAD), ("on_plate", Mode.FACE)):
        with pytest.raises(CandidateRefused, match="--mode"):
            CANDIDATES[name]("vesper", mode)


@pytest.mark.parametrize("name", ["filter", "portrait"])
def test_a_picture_without_a_face_is_no_swap(name: str) -> None:
    wall = np.random.default_rng(0).integers(100, 120, (256, 256, 3), np.uint8)
    actor = clip(1)[0]
    assert not run(name, wall, sample_of(actor, actor))[1]


def autoencoder(path: Path, first: str = "driver") -> Path:
    """A network that draws the driver's light-free face inside out, wholly; returns its file."""
    helper, kind = onnx.helper, onnx.TensorProto.FLOAT
    constants = {
        "from": np.array([0], np.int64),
        "to": np.array([1], np.int64),
        "channel": np.array([3], np.int64),
        "one": np.array(1, np.float32),
        "nothing": np.array(0, np.float32),
    }
    nodes = [
        helper.make_node("Neg", [first], ["reflectance"]),
        helper.make_node("Slice", [first, "from", "to", "channel"], ["blue"]),
        helper.make_node("Mul", ["blue", "nothing"], ["none"]),
        *(helper.make_node("Add", ["none", "one"], [name]) for name in ("face_matte", "head_matte")),
    ]
    outputs = {"reflectance": 3, "face_matte": 1, "head_matte": 1}
    graph = helper.make_graph(
        nodes,
        "autoencoder",
        [helper.make_tensor_value_info(first, kind, [1, "n", "n", 3])],
        [helper.make_tensor_value_info(name, kind, [1, "n", "n", count]) for name, count in outputs.items()],
        [onnx.numpy_helper.from_array(array, name) for name, array in constants.items()],
    )
    onnx.save(helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8), path)
    return path


def test_an_autoencoder_of_a_file_draws_the_face_and_is_marked(tmp_path: Path) -> None:
    actor = clip(1)[0]
    output = actor.copy()
    swap = open_candidate("autoencoder", "vesper", Mode.FACE, autoencoder(tmp_path / "one.onnx"))
    assert swap(Frame.from_bgr(output, 33_000_000), sample_of(actor, actor))
    assert np.abs(output[FACE].astype(int) - actor[FACE]).mean() > 3
    assert is_labelled(np.asarray(cv2.resize(output, (720, 720), interpolation=cv2.INTER_CUBIC), np.uint8))


@pytest.mark.parametrize("what", ["nothing", "text", "another network", "no file", "another candidate", "head"])
def test_a_file_that_is_no_autoencoder_is_refused(what: str, tmp_path: Path) -> None:
    path = tmp_path / "one.onnx"
    if what == "text":
        path.write_text("nothing")
    elif what != "nothing":
        autoencoder(path, "face" if what == "another network" else "driver")
    network = None if what == "no file" else path
    name = "filter" if what == "another candidate" else "autoencoder"
    with pytest.raises(CandidateRefused, match=r"one\.onnx|--network|--mode"):
        open_candidate(name, "vesper", Mode.HEAD if what == "head" else Mode.FACE, network)


@pytest.mark.parametrize("name", ["filter", "portrait"])
def test_an_unknown_identity_is_refused(name: str) -> None:
    with pytest.raises(CandidateRefused, match=r"nobody"):
        CANDIDATES[name]("nobody", Mode.FACE)


def test_landmark_polygons_label_the_picture_s_left_as_left() -> None:
    actor = clip(1)[0]
    labels = PARSERS["landmarks"]()(actor, np.zeros((256, 256), np.uint8))
    column = {label: np.nonzero(labels == label)[1].mean() for label in (Label.L_EYE, Label.R_EYE)}
    row = {label: np.nonzero(labels == label)[0].mean() for label in (Label.L_BROW, Label.UPPER_LIP, Label.LOWER_LIP)}
    assert column[Label.L_EYE] < column[Label.R_EYE]
    assert row[Label.L_BROW] < row[Label.UPPER_LIP] < row[Label.LOWER_LIP]
