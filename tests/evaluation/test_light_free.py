"""What remains of a difference when the light is taken out."""

import cv2
import numpy as np
import pytest

from deepfake_core.evaluation.light_free import compare
from deepfake_core.facemesh.topology import FACE_OVAL, canonical_face

pytestmark = pytest.mark.train

SIZE = 256


@pytest.fixture
def points() -> np.ndarray:
    return canonical_face().vertices * np.array([7.0, -7.0, -7.0]) + np.array([128.0, 128.0, 0.0])


@pytest.fixture
def face(points: np.ndarray) -> np.ndarray:
    mask = np.zeros((SIZE, SIZE), np.uint8)
    cv2.fillConvexPoly(mask, cv2.convexHull(points[list(FACE_OVAL), :2].astype(np.float32)).astype(np.int32), 1)
    return mask > 0


@pytest.fixture
def skin() -> np.ndarray:
    grain = np.random.default_rng(0).normal(0, 12, (SIZE // 2, SIZE // 2, 3))
    coarse = cv2.resize(grain, (SIZE, SIZE), interpolation=cv2.INTER_CUBIC)
    return np.clip(np.array([110.0, 130.0, 165.0]) + coarse, 0, 255).astype(np.uint8)


def test_another_light_is_no_error_but_another_face_is(skin: np.ndarray, face: np.ndarray, points: np.ndarray) -> None:
    slope = np.linspace(0.6, 1.2, SIZE)[None, :, None]
    lit = np.clip(skin * slope, 0, 255).astype(np.uint8)
    relit = compare(lit, skin, face, points)
    other = compare(np.roll(skin, 9, axis=0), skin, face, points)
    assert relit["ssim_face_light_normalised"] > 0.95
    assert relit["psnr_face_light_normalised"] > 30
    assert other["ssim_face_light_normalised"] < 0.6
    assert other["psnr_face_light_normalised"] < relit["psnr_face_light_normalised"] - 5


def test_a_blurred_face_has_fewer_gradients(skin: np.ndarray, face: np.ndarray, points: np.ndarray) -> None:
    same, soft = (compare(drawn, skin, face, points) for drawn in (skin, cv2.GaussianBlur(skin, (0, 0), 2)))
    assert same["gradients"] == same["true_gradients"]
    assert soft["gradients"] < 0.6 * soft["true_gradients"]


def test_a_hidden_face_says_nothing(skin: np.ndarray, points: np.ndarray) -> None:
    assert all(np.isnan(value) for value in compare(skin, skin, np.zeros((SIZE, SIZE), np.bool_), points).values())
