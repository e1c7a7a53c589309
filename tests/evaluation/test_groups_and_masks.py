"""Who is in which group, which is worst, and where the measures look."""

import numpy as np
import pytest

from deepfake_core.evaluation.expression import interocular_distance
from deepfake_core.evaluation.groups import groups
from deepfake_core.evaluation.masks import masks, place_of_label
from deepfake_core.evaluation.measures import MEASURES, Measure, mean, ratio
from deepfake_core.facemesh.topology import canonical_face
from deepfake_core.synthetic.labels import Label

pytestmark = pytest.mark.train

COLUMNS: dict[str, np.ndarray] = {
    "monk_tone": np.array([1, 1, 9, 9], np.uint8),
    "sex": np.array([0, 1, 1, 1], np.uint8),
    "yaw": np.array([0.0, -20.0, 70.0, 95.0], np.float32),
    "occluded": np.array([0, 1, 2 | 256, 0], np.uint16),
    "case": np.array([0, 0, 1, 1], np.uint8),
    "score": np.array([30.0, np.nan, 20.0, 10.0]),
    "weight": np.array([1.0, np.nan, 2.0, 2.0]),
}


def members(kind: str) -> dict[str, list[int]]:
    return {
        group.name: np.flatnonzero(group.rows).tolist()
        for group in groups(COLUMNS, ("plain", "hat"))
        if group.kind == kind
    }


def test_members_of_groups() -> None:
    assert members("all") == {"all": [0, 1, 2, 3]}
    assert members("tone") == {"1": [0, 1], "9": [2, 3]}
    assert members("sex") == {"female": [0], "male": [1, 2, 3]}
    assert members("yaw") == {"0-15": [0], "15-30": [1], "60-90": [2, 3]}
    assert members("occluder") == {"none": [0, 3], "glasses": [1], "hand": [2], "beard": [2]}
    assert members("case") == {"plain": [0, 1], "hat": [2, 3]}


def test_means_leave_out_what_says_nothing() -> None:
    assert mean("score")(COLUMNS) == 20
    assert ratio("score", "weight")(COLUMNS) == 60 / 5
    assert np.isnan(mean("score")({"score": np.array([np.nan])}))
    assert np.isnan(ratio("score", "weight")({"score": np.zeros(1), "weight": np.zeros(1)}))


@pytest.mark.parametrize(("better", "worst"), [("higher", "4"), ("lower", "1"), ("near 1", "4")])
def test_the_worst_tone_depends_on_which_way_is_better(better: str, worst: str) -> None:
    measure = Measure("m", "", better, "frames", mean("score"))  # type: ignore[arg-type]
    assert measure.worst({"1": 3.0, "2": 1.0, "3": np.nan, "4": 0.1})[0] == worst


def test_the_worst_of_nothing_is_nothing() -> None:
    name, value = MEASURES[0].worst({"1": float("nan")})
    assert name == ""
    assert np.isnan(value)


def test_masks_share_out_the_frame_but_for_the_label() -> None:
    points = canonical_face().vertices * np.array([8.0, -8.0, -8.0]) + np.array([128.0, 128.0, 0.0])
    matte = np.zeros((256, 256), np.uint8)
    matte[80:180, 90:170] = 255
    matte[150:180, 100:110] = 0
    labels = np.full((256, 256), Label.SKIN, np.uint8)
    labels[150:200, 100:120] = Label.OCCLUDER
    labels[0:20, 0:20] = Label.OCCLUDER
    found = masks(matte, labels, points, interocular_distance(points))
    box = place_of_label(256, 256)
    label = np.zeros((256, 256), np.bool_)
    label[box.y0 : box.y1, box.x0 : box.x1] = True
    assert label.any()
    assert (found.face | found.seam | found.outside == ~label).all()
    assert not (found.outside & (found.face | found.seam)).any()
    assert (found.face == (matte > 127)).all()
    # The band lies on both sides of the edge and nowhere else.
    assert found.seam[80, 130]
    assert found.seam[78, 130]
    assert not found.seam[130, 130]
    assert not found.seam[60, 130]
    assert found.occluder[160, 105]
    assert not found.occluder[160, 115], "what the truth swaps may change"
    assert not found.occluder[10, 10], "a thing beside the face hides nothing of it"


def test_a_face_cut_by_the_frame_has_no_seam_there() -> None:
    points = canonical_face().vertices * np.array([8.0, -8.0, -8.0]) + np.array([128.0, 200.0, 0.0])
    matte = np.zeros((256, 256), np.uint8)
    matte[150:, 90:170] = 255
    found = masks(matte, np.zeros((256, 256), np.uint8), points, 50.0)
    assert not found.seam[250:, 100:160].any()
