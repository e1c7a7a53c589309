"""Measures of pictures against values known from elsewhere."""

import cv2
import numpy as np
import pytest

from deepfake_core.evaluation import picture
from deepfake_core.evaluation.perceptual import perceptual_distance
from deepfake_core.inference.manifest import MODELS_DIR

pytestmark = pytest.mark.train

EVERYWHERE = np.ones((256, 256), np.bool_)
LEFT = np.zeros((256, 256), np.bool_)
LEFT[:, :128] = True
NOWHERE = np.zeros((256, 256), np.bool_)


@pytest.fixture(scope="module")
def face() -> np.ndarray:
    portrait = cv2.imread(str(MODELS_DIR / "identities/vesper/portrait.png"))
    assert portrait is not None
    return np.asarray(cv2.resize(portrait, (256, 256), interpolation=cv2.INTER_AREA), np.uint8)


def blurred(face: np.ndarray, sigma: float) -> np.ndarray:
    return np.asarray(cv2.GaussianBlur(face, (0, 0), sigma), np.uint8)


def test_equal_pictures(face: np.ndarray) -> None:
    assert picture.psnr(face, face, EVERYWHERE) == picture.MOST_PSNR
    assert picture.ssim(face, face, EVERYWHERE) == pytest.approx(1)
    assert picture.sharpness_ratio(face, face, EVERYWHERE) == pytest.approx(1)
    assert picture.colour_difference(face, face).max() == 0
    assert perceptual_distance(face, face, EVERYWHERE) == 0


def test_psnr_of_a_known_error() -> None:
    grey = np.full((256, 256, 3), 100, np.uint8)
    assert picture.psnr(grey + 10, grey, EVERYWHERE) == pytest.approx(10 * np.log10(255**2 / 100))


def test_what_lies_outside_the_mask_does_not_count(face: np.ndarray) -> None:
    other = face.copy()
    other[:, 140:] = 0  # beyond the reach of SSIM's window
    assert picture.psnr(other, face, LEFT) == picture.MOST_PSNR
    assert picture.ssim(other, face, LEFT) == pytest.approx(1)
    assert picture.sharpness_ratio(other, face, LEFT) == pytest.approx(1)
    assert picture.psnr(other, face, ~LEFT) < 20
    assert perceptual_distance(other, face, ~LEFT) > 2 * perceptual_distance(other, face, LEFT)


def test_an_empty_mask_has_no_value(face: np.ndarray) -> None:
    for measure in (picture.psnr, picture.ssim, picture.sharpness_ratio, perceptual_distance):
        assert np.isnan(measure(face, face, NOWHERE))
    assert np.isnan(picture.mean_over(np.zeros((256, 256)), NOWHERE))


def test_ssim_of_uniform_pictures_is_its_term_of_brightness() -> None:
    a, b = 100.0, 150.0
    c1 = (0.01 * 255) ** 2
    first, second = (np.full((256, 256, 3), level, np.uint8) for level in (a, b))
    assert picture.ssim(first, second, EVERYWHERE) == pytest.approx((2 * a * b + c1) / (a**2 + b**2 + c1), abs=1e-4)


@pytest.mark.parametrize(
    ("first", "second", "expected"),
    [
        # Sharma, Wu, Dalal, "The CIEDE2000 color-difference formula: implementation notes, supplementary test data, and
        # mathematical observations", 2005, table 1, pairs 1, 7, 25 and 34.
        ((50.0, 2.6772, -79.7751), (50.0, 0.0, -82.7485), 2.0425),
        ((50.0, 0.0, 0.0), (50.0, -1.0, 2.0), 2.3669),
        ((60.2574, -34.0099, 36.2677), (60.4626, -34.1751, 39.4387), 1.2644),
        ((2.0776, 0.0795, -1.1350), (0.9033, -0.0636, -0.5514), 0.9082),
    ],
)
def test_ciede2000_of_the_published_pairs(first: tuple[float, ...], second: tuple[float, ...], expected: float) -> None:
    assert picture.deltaE_ciede2000(np.array(first), np.array(second)) == pytest.approx(expected, abs=1e-4)


def test_colour_difference_reads_blue_green_red() -> None:
    red, green, white, black = (
        np.full((4, 4, 3), bgr, np.uint8) for bgr in ((0, 0, 255), (0, 255, 0), (255, 255, 255), (0, 0, 0))
    )
    assert picture.colour_difference(white, black) == pytest.approx(100, abs=0.01)
    assert picture.colour_difference(red, green) == pytest.approx(86.61, abs=0.02)


def test_sharpness_tells_blur(face: np.ndarray) -> None:
    ratios = [picture.sharpness_ratio(blurred(face, sigma), face, EVERYWHERE) for sigma in (0.5, 1, 2)]
    assert 1 > ratios[0] > ratios[1] > ratios[2] > 0


def test_perceptual_distance_grows_with_the_damage(face: np.ndarray) -> None:
    by_blur = [perceptual_distance(blurred(face, sigma), face, EVERYWHERE) for sigma in (0.5, 1, 2, 4)]
    assert 0 < by_blur[0] < by_blur[1] < by_blur[2] < by_blur[3]
    noise = np.random.default_rng(0).normal(0, 1, face.shape)
    by_noise = [
        perceptual_distance(np.clip(face + s * noise, 0, 255).astype(np.uint8), face, EVERYWHERE) for s in (4, 12)
    ]
    assert 0 < by_noise[0] < by_noise[1]


def test_perceptual_distance_forgives_brightness_more_than_blur_of_equal_psnr(face: np.ndarray) -> None:
    soft = blurred(face, 1.5)
    step = round(float(np.sqrt(np.mean((soft.astype(float) - face) ** 2))))
    brighter = np.clip(face.astype(int) + step, 0, 255).astype(np.uint8)
    assert picture.psnr(brighter, face, EVERYWHERE) == pytest.approx(picture.psnr(soft, face, EVERYWHERE), abs=1)
    assert perceptual_distance(brighter, face, EVERYWHERE) < perceptual_distance(soft, face, EVERYWHERE) / 2
