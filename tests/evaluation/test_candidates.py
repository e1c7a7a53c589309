"""What is scored is marked, and says where it has nothing to show."""

import cv2
import numpy as np
import pytest
from tiny_benchmark import clip

from deepfake_core.disclosure.detection import is_labelled
from deepfake_core.evaluation.candidates import CANDIDATES, Sample
from deepfake_core.evaluation.errors import CandidateRefused
from deepfake_core.evaluation.masks import place_of_label
from deepfake_core.evaluation.parsers import PARSERS
from deepfake_core.frame import Frame
from deepfake_core.synthetic.labels import Label
from deepfake_core.training.still_landmarks import StillLandmarks

pytestmark = pytest.mark.train


def sample_of(truth: np.ndarray) -> Sample:
    points = StillLandmarks()(truth)
    if points is None:
        points = np.zeros((468, 3), np.float32)
    return Sample(truth, points, np.roll(truth, 9, axis=0), points + np.array([0, 9, 0], np.float32))


@pytest.mark.parametrize("name", list(CANDIDATES))
def test_every_candidate_is_marked_where_the_measures_do_not_look(name: str) -> None:
    actor = clip(1)[0]
    truth = np.roll(actor, 3, axis=1)
    output = actor.copy()
    assert CANDIDATES[name]("vesper")(Frame.from_bgr(output, 33_000_000), sample_of(truth))
    box = place_of_label(256, 256)
    # The detector wants a label as large as in a video.
    assert is_labelled(np.asarray(cv2.resize(output, (720, 720), interpolation=cv2.INTER_CUBIC), np.uint8))
    reference = {"none": actor, "truth": truth}.get(name)
    if reference is not None:
        changed = np.abs(output.astype(int) - reference)
        changed[box.y0 : box.y1, box.x0 : box.x1] = 0
        assert changed.max() <= 8, "besides the label there is the watermark at most"
    elif name != "composite":  # its face is the actor's own here
        face = (slice(90, 170), slice(90, 150))
        assert np.abs(output[face].astype(int) - actor[face]).mean() > 5


def test_a_composite_lays_a_shifted_face_back_into_its_place() -> None:
    actor = clip(1)[0]
    output = actor.copy()
    assert CANDIDATES["composite"]("vesper")(Frame.from_bgr(output, 33_000_000), sample_of(actor))
    face = (slice(90, 170), slice(90, 150))
    assert np.abs(output[face].astype(int) - actor[face]).mean() < 4


@pytest.mark.parametrize("name", ["filter", "portrait", "composite"])
def test_a_picture_without_a_face_is_no_swap(name: str) -> None:
    wall = np.random.default_rng(0).integers(100, 120, (256, 256, 3), np.uint8)
    assert not CANDIDATES[name]("vesper")(Frame.from_bgr(wall.copy(), 33_000_000), sample_of(wall))


@pytest.mark.parametrize("name", ["filter", "portrait"])
def test_an_unknown_identity_is_refused(name: str) -> None:
    with pytest.raises(CandidateRefused, match=r"nobody"):
        CANDIDATES[name]("nobody")


def test_landmark_polygons_label_the_picture_s_left_as_left() -> None:
    actor = clip(1)[0]
    labels = PARSERS["landmarks"]()(actor, np.zeros((256, 256), np.uint8))
    column = {label: np.nonzero(labels == label)[1].mean() for label in (Label.L_EYE, Label.R_EYE)}
    row = {label: np.nonzero(labels == label)[0].mean() for label in (Label.L_BROW, Label.UPPER_LIP, Label.LOWER_LIP)}
    assert column[Label.L_EYE] < column[Label.R_EYE]
    assert row[Label.L_BROW] < row[Label.UPPER_LIP] < row[Label.LOWER_LIP]
