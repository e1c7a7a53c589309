"""Errors of landmarks: known moves of mouth, eyes, head and time."""

import numpy as np
import pytest
from scipy.spatial.transform import Rotation

from deepfake_core.evaluation import expression
from deepfake_core.facemesh import topology
from deepfake_core.facemesh.topology import canonical_face

pytestmark = pytest.mark.train

SCALE = 10.0  # px per cm


@pytest.fixture
def points() -> np.ndarray:
    """The canonical face seen from the front, px, y down, z away."""
    return canonical_face().vertices * np.array([SCALE, -SCALE, -SCALE]) + np.array([128.0, 128.0, 0.0])


def test_the_same_face_has_no_error(points: np.ndarray) -> None:
    assert expression.expression_errors(points, points) == pytest.approx((0, 0), abs=1e-6)
    assert expression.pose_error_degrees(points, points) == pytest.approx(0, abs=1e-3)


def test_mouth_and_eyes_are_told_apart(points: np.ndarray) -> None:
    step = 0.1 * expression.interocular_distance(points)
    smiling, winking = points.copy(), points.copy()
    smiling[expression.MOUTH, 1] -= step
    winking[expression.EYES[len(topology.LEFT_EYE) :], 0] += step
    assert expression.expression_errors(smiling, points) == pytest.approx((0.1, 0), abs=1e-6)
    mouth, eyes = expression.expression_errors(winking, points)
    # Half of the eye landmarks moved; four corners of eyes belong to those that the heads are laid on each other by.
    assert mouth < 0.02
    assert eyes == pytest.approx(0.05, abs=0.015)


def test_a_moved_turned_and_grown_head_is_no_wrong_expression(points: np.ndarray) -> None:
    turn = Rotation.from_euler("yxz", [8, -5, 3], degrees=True).as_matrix()
    moved = 1.2 * points @ turn.T + np.array([30.0, -12.0, 5.0])
    assert expression.expression_errors(moved, points) == pytest.approx((0, 0), abs=1e-6)


@pytest.mark.parametrize(("axes", "degrees"), [("y", 10.0), ("x", -7.0), ("z", 20.0)])
def test_pose_error_is_the_angle_between_the_heads(points: np.ndarray, axes: str, degrees: float) -> None:
    turned = points @ Rotation.from_euler(axes, degrees, degrees=True).as_matrix().T
    assert expression.pose_error_degrees(turned, points) == pytest.approx(abs(degrees), abs=1e-6)


def test_interocular_distance_does_not_shrink_when_the_head_turns(points: np.ndarray) -> None:
    turned = points @ Rotation.from_euler("y", 50, degrees=True).as_matrix().T
    assert expression.interocular_distance(turned) == pytest.approx(expression.interocular_distance(points))


def test_shakiness_of_known_motion(points: np.ndarray) -> None:
    unit = np.full(6, 50.0)
    steady = [points + np.array([3.0 * k, 0.0, 0.0]) for k in range(6)]
    shaking = [points + np.array([2.0 * (k % 2), 0.0, 0.0]) for k in range(6)]
    assert expression.shakiness(list(steady), unit)[1:-1] == pytest.approx(0, abs=1e-9)
    assert expression.shakiness(list(shaking), unit)[1:-1] == pytest.approx(4.0 / 50.0)


def test_shakiness_says_nothing_around_a_lost_face(points: np.ndarray) -> None:
    landmarks: list[np.ndarray | None] = [points] * 8
    landmarks[4] = None
    known = np.isfinite(expression.shakiness(landmarks, np.ones(8)))
    assert known.tolist() == [False, True, True, False, False, False, True, False]
