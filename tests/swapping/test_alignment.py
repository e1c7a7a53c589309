import cv2
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from deepfake_core.facemesh import topology
from deepfake_core.swapping import alignment


def rotation(yaw: float, pitch: float, roll: float) -> np.ndarray:
    return cv2.Rodrigues(np.radians([pitch, yaw, roll]))[0]


@given(
    scale=st.floats(0.5, 60),
    angles=st.tuples(st.floats(-70, 70), st.floats(-40, 40), st.floats(-170, 170)),
    shift=st.tuples(*[st.floats(-900, 900)] * 3),
)
@settings(max_examples=60, deadline=None)
def test_similarity_finds_the_transform_that_was_applied(
    scale: float, angles: tuple[float, float, float], shift: tuple[float, float, float]
) -> None:
    points = np.random.default_rng(0).normal(0, 5, (30, 3))
    turned = rotation(*angles)
    found = alignment.similarity(points, scale * points @ turned.T + shift)
    assert found[0] == pytest.approx(scale, rel=1e-6)
    np.testing.assert_allclose(found[1], turned, atol=1e-6)
    np.testing.assert_allclose(found[2], shift, atol=1e-4)


def test_similarity_never_mirrors() -> None:
    points = np.random.default_rng(1).normal(0, 5, (30, 3))
    _, found, _ = alignment.similarity(points, points * np.array([-1.0, 1.0, 1.0]))
    assert np.linalg.det(found) == pytest.approx(1.0)


def face(yaw: float = 0.0, roll: float = 0.0, scale: float = 12.0) -> np.ndarray:
    pose = alignment.Pose(scale, rotation(yaw, 0, roll), np.array([400.0, -300.0, 0.0]))
    return pose.to_picture(topology.canonical_face().vertices.astype(np.float64))


@pytest.mark.parametrize("yaw", [-50, 0, 35])
def test_a_pose_leads_to_the_head_and_back(yaw: float) -> None:
    landmarks = face(yaw)
    pose = alignment.fit_pose(landmarks)
    assert pose.yaw_degrees == pytest.approx(yaw, abs=0.01)
    np.testing.assert_allclose(pose.to_head(landmarks), topology.canonical_face().vertices, atol=1e-3)
    np.testing.assert_allclose(pose.to_picture(pose.to_head(landmarks)), landmarks, atol=1e-6)


def test_a_nod_is_a_pitch_and_looks_down() -> None:
    pose = alignment.Pose(12.0, rotation(0, 15, 0), np.zeros(3))
    nodding = alignment.fit_pose(pose.to_picture(alignment.topology.canonical_face().vertices.astype(np.float64)))
    assert nodding.pitch_degrees == pytest.approx(15, abs=0.01)
    assert nodding.yaw_degrees == pytest.approx(0, abs=0.01)


def test_an_open_mouth_does_not_move_the_crop() -> None:
    calm = face()
    talking = calm.copy()
    talking[[13, 14, 17, 152, 148, 377, 61, 291], 1] += 30.0
    before, after = (alignment.crop_transform(alignment.fit_pose(one), 128) for one in (calm, talking))
    np.testing.assert_array_equal(before, after)


@pytest.mark.parametrize("roll", [-100, -20, 0, 45])
@pytest.mark.parametrize("scale", [3.0, 40.0])
def test_the_crop_is_upright_and_of_one_size_however_the_head_is_held(roll: float, scale: float) -> None:
    size = 128
    landmarks = face(roll=roll, scale=scale)
    in_crop = alignment.transform_points(
        alignment.crop_transform(alignment.fit_pose(landmarks), size), landmarks.astype(np.float64)
    )
    straight = face()
    expected = alignment.transform_points(alignment.crop_transform(alignment.fit_pose(straight), size), straight)
    np.testing.assert_allclose(in_crop[:, :2], expected[:, :2], atol=1e-3)
    # Forehead above chin, all inside.
    assert in_crop[10, 1] < in_crop[152, 1]
    assert in_crop[:, :2].min() > 0
    assert in_crop[:, :2].max() < size
