"""Region, detection maths, smoothing and topology: what needs no picture."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from deepfake_core.facemesh import detection, topology
from deepfake_core.facemesh.region import Region, around
from deepfake_core.facemesh.smoothing import OneEuroFilter

STEP = 1 / 30


@given(
    st.floats(-500, 2000),
    st.floats(-500, 2000),
    st.floats(10, 1500),
    st.floats(-3.1, 3.1),
)
def test_a_region_maps_its_crop_onto_its_square(x: float, y: float, size: float, angle: float) -> None:
    matrix = Region(x, y, size, angle).to_frame(192)
    assert np.allclose(matrix @ [96, 96, 1], [x, y], atol=1e-6)
    edge = matrix @ [192, 96, 1] - np.array([x, y])
    assert np.allclose(edge, size / 2 * np.array([np.cos(angle), np.sin(angle)]), atol=1e-6)


@given(st.floats(-300, 900), st.floats(-300, 900), st.floats(1, 900), st.floats(-3.1, 3.1))
def test_bounds_stay_in_the_frame_and_hold_the_square(x: float, y: float, size: float, angle: float) -> None:
    region = Region(x, y, size, angle)
    box = region.bounds(640, 480)
    corners = region.to_frame(1) @ np.array([[0, 1, 0, 1], [0, 0, 1, 1], [1, 1, 1, 1]])
    if box is None:
        assert corners[0].max() < 1 or corners[0].min() > 638 or corners[1].max() < 1 or corners[1].min() > 478
        return
    assert 0 <= box.x0 < box.x1 <= 640
    assert 0 <= box.y0 < box.y1 <= 480
    assert box.x0 <= max(corners[0].min(), 0)
    assert box.x1 >= min(corners[0].max(), 640)


def test_a_region_is_turned_with_the_eyes() -> None:
    region = around(np.array([0, 0]), np.array([10, 20]), np.array([2, 5]), np.array([8, 11]))
    assert region == pytest.approx((5, 10, 30, np.pi / 4))


def test_overlapping_detections_become_one_and_others_stay() -> None:
    box = np.tile([[0.1, 0.1], [0.3, 0.3]], (4, 1))[:8]
    shifted, far = box + 0.01, box + 0.5
    groups = detection.suppress(np.stack([box, far, shifted]), np.array([0.9, 0.7, 0.6]))
    assert [score for _, score in groups] == [0.9, 0.7]
    assert np.allclose(groups[0][0], box + 0.01 * 0.6 / 1.5)


def test_boxes_without_area_end() -> None:
    groups = detection.suppress(np.zeros((50, 8, 2)), np.linspace(0.5, 1, 50))
    assert 0 < len(groups) <= detection.MAX_FACES


def test_the_anchors_are_those_of_the_network() -> None:
    anchors = detection.anchors()
    assert anchors.shape == (896, 2)
    assert anchors.min() > 0
    assert anchors.max() < 1


def smooth(values: np.ndarray, smoothing: float, size: float = 100.0) -> np.ndarray:
    one_euro = OneEuroFilter()
    return np.stack([one_euro.update(np.asarray(value, np.float32), size, STEP, smoothing) for value in values])


def test_smoothing_calms_a_still_face() -> None:
    noise = np.random.default_rng(0).normal(0, 0.5, (200, 20, 3)) + 300
    jitter = [np.abs(np.diff(smooth(noise, strength)[20:], axis=0)).mean() for strength in (0.0, 0.5, 1.0)]
    assert jitter[0] > 1.7 * jitter[1] > 1.7 * 1.5 * jitter[2]


def test_smoothing_hardly_lags_in_motion() -> None:
    """At a face side a second the lag stays within 1.5 % of the side."""
    path = np.arange(60)[:, None, None] * np.full((1, 20, 3), 100 * STEP) + 50
    assert np.abs(smooth(path, 0.5)[30:] - path[30:]).max() < 1.5


def test_smoothing_is_alike_near_and_far() -> None:
    path = np.random.default_rng(1).normal(0, 1, (50, 20, 3)).cumsum(0)
    assert np.allclose(smooth(path * 4, 0.5, 400.0), 4 * smooth(path, 0.5, 100.0), atol=1e-3)


def test_no_smoothing_changes_nothing() -> None:
    path = np.random.default_rng(1).normal(0, 1, (50, 20, 3)).astype(np.float32)
    assert np.array_equal(smooth(path, 0.0), path)


def test_after_a_gap_the_past_is_forgotten() -> None:
    one_euro = OneEuroFilter()
    one_euro.update(np.zeros((5, 3), np.float32), 100.0, STEP, 1.0)
    far = np.full((5, 3), 80, np.float32)
    assert np.array_equal(one_euro.update(far, 100.0, 2.0, 1.0), far)


def test_the_surface_is_closed_but_for_the_face_oval() -> None:
    surface = topology.canonical_face()
    edges = np.sort(np.concatenate([surface.triangles[:, pair] for pair in ((0, 1), (1, 2), (2, 0))]), axis=1)
    unique, counts = np.unique(edges, axis=0, return_counts=True)
    border = {tuple(edge) for edge in unique[counts == 1].tolist()}
    oval = topology.FACE_OVAL
    assert border == {tuple(sorted(pair)) for pair in zip(oval, oval[1:] + oval[:1], strict=True)}
    assert sorted(np.unique(surface.triangles)) == list(range(topology.POINTS))


@pytest.mark.parametrize("name", ["LIPS_OUTER", "LIPS_INNER", "LEFT_EYE", "RIGHT_EYE", "FACE_OVAL"])
def test_outlines_run_along_the_mesh(name: str) -> None:
    loop = getattr(topology, name)
    edges = {
        tuple(sorted((int(a), int(b))))
        for triangle in topology.canonical_face().triangles
        for a, b in zip(triangle, np.roll(triangle, 1), strict=True)
    }
    assert all(tuple(sorted(pair)) in edges for pair in zip(loop, loop[1:] + loop[:1], strict=True))


def test_left_is_the_subjects_left() -> None:
    surface = topology.canonical_face()
    assert surface.vertices[list(topology.LEFT_EYE), 0].min() > 0 > surface.vertices[list(topology.RIGHT_EYE), 0].max()
    assert surface.uv.min() >= 0
    assert surface.uv.max() <= 1
    forehead, chin = surface.uv[10], surface.uv[152]
    assert forehead[1] < chin[1]
