"""What is scored is marked, and says where it has nothing to show."""

import cv2
import numpy as np
import pytest
from tiny_benchmark import clip, samples

from deepfake_core.disclosure.detection import is_labelled
from deepfake_core.evaluation.candidates import CANDIDATES, Sample
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
