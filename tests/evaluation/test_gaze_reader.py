"""Gaze read from drawn eyes."""

import cv2
import numpy as np
import pytest

from deepfake_core.evaluation.gaze import GazeReader, eye_features
from deepfake_core.facemesh.topology import canonical_face
from deepfake_core.synthetic.labels import Label

pytestmark = pytest.mark.train

SCALE = 12.0
PX_PER_DEGREE = 0.25


def points() -> np.ndarray:
    return canonical_face().vertices * np.array([SCALE, -SCALE, -SCALE]) + np.array([128.0, 128.0, 0.0])


def drawn(gaze: tuple[float, float], opening: float = 9.0) -> tuple[np.ndarray, np.ndarray]:
    """A face with white eyes and dark irises, and its labels."""
    bgr = np.full((256, 256, 3), 140, np.uint8)
    labels = np.full((256, 256), Label.SKIN, np.uint8)
    for label, left, right in ((Label.L_EYE, 33, 133), (Label.R_EYE, 362, 263)):
        corners = points()[[left, right], :2]
        x, y = corners.mean(0)
        width = np.hypot(*(corners[1] - corners[0]))
        eye = np.zeros((256, 256), np.uint8)
        cv2.ellipse(eye, ((x, y), (width, 2 * opening), 0), 1, -1)
        iris = np.zeros((256, 256), np.uint8)
        place = (round(16 * (x + PX_PER_DEGREE * gaze[0])), round(16 * (y - PX_PER_DEGREE * gaze[1])))
        cv2.circle(iris, place, round(16 * 0.2 * width), 1, -1, shift=4)
        bgr[eye > 0] = 220
        bgr[(eye > 0) & (iris > 0)] = 40
        labels[eye > 0] = label
    return bgr, labels


@pytest.fixture(scope="module")
def learned() -> GazeReader:
    gaze = np.random.default_rng(1).uniform(-15, 15, (150, 2))
    eyes = np.array([eye_features(*drawn(tuple(angles)), points()) for angles in gaze])
    return GazeReader(eyes, gaze, np.arange(150) // 10)


def test_gaze_is_read_to_a_degree_or_two(learned: GazeReader) -> None:
    assert learned.frames == 150
    assert learned.noise_degrees < 2
    for gaze in ((10.0, 0.0), (-8.0, 6.0), (0.0, -10.0)):
        read = learned(eye_features(*drawn(gaze), points())[None])[0]
        assert np.hypot(*(read - gaze)) < 2.5


def test_a_closed_eye_shows_no_gaze(learned: GazeReader) -> None:
    eyes = eye_features(*drawn((0.0, 0.0), opening=1.0), points())
    assert np.isnan(eyes).all()
    assert np.isnan(learned(eyes[None])).all()


def test_one_open_eye_is_enough(learned: GazeReader) -> None:
    bgr, labels = drawn((10.0, 0.0))
    labels[labels == Label.L_EYE] = Label.OCCLUDER
    read = learned(eye_features(bgr, labels, points())[None])[0]
    assert np.hypot(*(read - (10.0, 0.0))) < 3


def test_too_little_to_learn_from_gives_no_number() -> None:
    eyes = np.array([eye_features(*drawn((float(k), 0.0)), points()) for k in range(5)])
    reader = GazeReader(eyes, np.zeros((5, 2)), np.arange(5))
    assert np.isnan(reader.noise_degrees)
    assert np.isnan(reader(eyes)).all()
