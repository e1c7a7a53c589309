import numpy as np
import pytest

from deepfake_core.swapping import light


@pytest.fixture
def skin() -> np.ndarray:
    mask = np.zeros((128, 128), np.float32)
    mask[30:100, 30:100] = 1.0
    return mask


def test_even_skin_has_the_reflectance_one_and_its_own_colour_as_light(skin: np.ndarray) -> None:
    face = np.full((128, 128, 3), (90, 120, 180), np.uint8)
    measured = light.measure(face, skin)
    np.testing.assert_allclose(measured.reshape(-1, 3).mean(0), (90, 120, 180), rtol=0.01)
    np.testing.assert_allclose(light.reflectance(face, measured), 1.0, atol=0.02)


def test_light_put_back_gives_the_picture(skin: np.ndarray) -> None:
    generator = np.random.default_rng(0)
    face = generator.integers(60, 200, (128, 128, 3)).astype(np.float32)
    measured = light.measure(face, skin)
    again = light.reflectance(face, measured) * light.enlarge(measured, 128)
    np.testing.assert_allclose(again, face, rtol=1e-4)


def test_what_lies_off_the_skin_does_not_count(skin: np.ndarray) -> None:
    face = np.full((128, 128, 3), 150, np.uint8)
    spoiled = face.copy()
    spoiled[skin == 0] = (0, 255, 0)
    np.testing.assert_allclose(light.measure(spoiled, skin), light.measure(face, skin), rtol=1e-4)


def test_dark_glasses_on_the_skin_hardly_darken_its_light(skin: np.ndarray) -> None:
    face = np.full((128, 128, 3), 150, np.uint8)
    face[45:60, 35:95] = 12
    cheek = light.enlarge(light.measure(face, skin), 128)[80, 64]
    assert cheek.min() > 140


def test_without_any_skin_the_light_is_finite() -> None:
    measured = light.measure(np.zeros((128, 128, 3), np.uint8), np.zeros((128, 128), np.float32))
    assert np.isfinite(measured).all()
    assert measured.min() > 0


def test_highlights_are_as_weak_as_on_paler_skin_and_nothing_else_changes() -> None:
    seen = np.linspace(0.0, 2.0, 60, dtype=np.float32).reshape(4, 5, 3)
    pale, brown = (light.subdued(seen, np.array(tone, np.float32)) for tone in ((120, 145, 190), (50, 70, 105)))
    np.testing.assert_array_equal(pale[seen <= 1.0], seen[seen <= 1.0])
    assert 1.05 < pale.max() < 1.12
    assert pale.max() < brown.max() < seen.max()
    assert (np.diff(pale.ravel()) >= 0).all()
