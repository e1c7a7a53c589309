"""Gaze: what the iris' place says, and held while nobody sees it."""

import numpy as np
import pytest

from deepfake_core.facemesh.iris import Eyes
from deepfake_core.frame import Frame
from deepfake_core.swapping.alignment import Pose
from deepfake_core.swapping.gaze import LIMITS_DEGREES, GazeReader, measure

SCALE = 10.0
STEP_NS = 33_333_333


def frontal() -> Pose:
    return Pose(SCALE, np.eye(3), np.zeros(3))


def eyes(right: float = 0.0, up: float = 0.0, opening: float = 1.0) -> Eyes:
    """Two eyes of 3 cm; iris moved by (right, up) cm from the middle of the lids, which are `opening` cm apart."""
    angle = np.linspace(0, 2 * np.pi, 16, endpoint=False)
    lids = np.stack([-15 * np.cos(angle), 5 * opening * np.sin(angle)], axis=1)
    order = [*range(9), *range(15, 8, -1)]
    both = np.stack([lids[order] + (-30, 0), lids[order] + (30, 0)]).astype(np.float32)
    iris = np.repeat(both.mean(1, keepdims=True) + np.array([SCALE * right, -SCALE * up], np.float32), 5, axis=1)
    return Eyes(iris.astype(np.float32), both)


def test_the_eyes_look_where_the_iris_lies() -> None:
    ahead, right, up = (measure(eyes(*moved), frontal()) for moved in ((0, 0.06), (0.2, 0.06), (0, 0.2)))
    np.testing.assert_allclose(ahead, 0, atol=0.5)
    assert right[0, 0] > 8
    assert abs(right[0, 1]) < 0.5
    assert up[0, 1] > 4
    np.testing.assert_array_equal(right[0], right[1])


def test_a_turned_head_that_looks_ahead_of_itself_has_the_same_gaze() -> None:
    angle = np.radians(30)
    turn = np.array([[np.cos(angle), 0, np.sin(angle)], [0, 1, 0], [-np.sin(angle), 0, np.cos(angle)]])
    seen = eyes(0.2, 0.06)
    shortened = Eyes(*(points * np.array([np.cos(angle), 1], np.float32) for points in seen))
    np.testing.assert_allclose(measure(shortened, Pose(SCALE, turn, np.zeros(3))), measure(seen, frontal()), atol=1.0)


def test_no_gaze_is_wilder_than_eyes_can_look() -> None:
    assert (np.abs(measure(eyes(3.0, -3.0), frontal())) <= LIMITS_DEGREES).all()


def test_shut_eyes_show_none() -> None:
    assert np.isnan(measure(eyes(0.2, 0.0, opening=0.1), frontal())).all()


def test_gaze_is_held_through_a_blink_and_kept_for_each_driver(monkeypatch: pytest.MonkeyPatch) -> None:
    reader = GazeReader(threads=1, provider="cpu")
    shown: list[Eyes] = []
    monkeypatch.setattr(reader._network, "read", lambda _frame, _landmarks: shown[-1])
    frame = Frame.from_bgr(np.zeros((16, 16, 3), np.uint8))

    def follow(what: Eyes, driver: int, count: int) -> np.ndarray:
        for _ in range(count):
            shown.append(what)
            frame.timestamp_ns += STEP_NS
            gaze = reader.follow(frame, np.zeros((468, 3)), frontal(), driver)
        return gaze

    aside = follow(eyes(0.2, 0.06), 1, 20)
    assert aside[0, 0] > 8
    np.testing.assert_array_equal(follow(eyes(opening=0.05), 1, 5), aside)
    np.testing.assert_array_equal(follow(eyes(opening=0.05), 2, 3), np.zeros((2, 2)))
    assert follow(eyes(0.2, 0.06), 1, 1)[0, 0] == pytest.approx(aside[0, 0], abs=1.0)
