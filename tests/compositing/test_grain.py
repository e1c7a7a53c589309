"""The drawn face is as noisy and as soft as the camera's picture."""

import cv2
import numpy as np
import pytest
from made_up_head import HEIGHT, SKIN, WIDTH, face, frame, labels, picture, pose

from deepfake_core.compositing.compositor import Compositor
from deepfake_core.compositing.grain import measured, with_noise
from deepfake_core.compositing.view import ComposedFace
from deepfake_core.settings import Settings

ALL = np.full((160, 160), 255, np.uint8)
PLAIN = np.full((160, 160, 3), 128, np.uint8)


def noise_of(bgr: np.ndarray, skin: np.ndarray = ALL) -> np.ndarray:
    return measured(cv2.cvtColor(bgr, cv2.COLOR_BGR2GRAY), skin)[0]


def noisy(bgr: np.ndarray, sigma: float, seed: int = 0, coarse: float = 0.0) -> np.ndarray:
    random = np.random.default_rng(seed)
    grain: np.ndarray = random.normal(0, 1, bgr.shape[:2])
    if coarse:
        grain = cv2.GaussianBlur(grain, (0, 0), coarse)
        grain = grain / grain.std()
    return np.clip(bgr + sigma * grain[..., None], 0, 255).astype(np.uint8)


@pytest.mark.parametrize("sigma", [2.0, 5.0, 10.0])
def test_white_noise_is_measured(sigma: float) -> None:
    assert noise_of(noisy(PLAIN, sigma))[0] == pytest.approx(sigma, rel=0.15)


def test_slopes_and_edges_are_no_noise() -> None:
    bgr = PLAIN.copy()
    bgr[...] = np.linspace(60, 200, 160)[None, :, None]
    bgr[60:63] = 10
    bgr[:, 100:] //= 2
    assert noise_of(bgr).max() < 1.0


def test_a_textured_skin_in_a_clean_picture_is_no_noise() -> None:
    bgr = noisy(PLAIN, 8)
    bgr[:, :90] = 128
    skin = ALL.copy()
    skin[:, :90] = 0
    assert noise_of(bgr, skin).max() < 1.0


@pytest.mark.parametrize(("sigma", "coarse"), [(4.0, 0.0), (9.0, 0.0), (6.0, 1.0), (6.0, 1.3)])
def test_added_noise_measures_like_the_camera_s(sigma: float, coarse: float) -> None:
    wanted = noise_of(noisy(PLAIN, sigma, coarse=coarse))
    found = noise_of(with_noise(PLAIN, wanted, 7))
    assert found == pytest.approx(wanted, rel=0.25, abs=0.4)


def test_noise_is_the_same_for_the_same_frame_and_new_for_the_next() -> None:
    wanted = np.array([5.0, 2.5])
    one, same, other = (with_noise(PLAIN, wanted, number) for number in (3, 3, 4))
    assert np.array_equal(one, same)
    assert not np.array_equal(one, other)


def test_a_clean_picture_gets_none() -> None:
    assert with_noise(PLAIN, np.zeros(2), 1) is PLAIN


def test_faces_larger_than_the_tile_are_covered() -> None:
    large = np.full((700, 600, 3), 128, np.uint8)
    assert with_noise(large, np.array([6.0, 3.0]), 1)[-40:, -40:].std() > 3


def composed(bgr: list[np.ndarray], faces: list[ComposedFace]) -> np.ndarray:
    compositor = Compositor()
    for number, (picture_of, made) in enumerate(zip(bgr, faces, strict=True)):
        shown = frame(picture_of, number)
        compositor.composite(shown, [made], Settings())
    return shown.to_bgr()


def test_in_a_noisy_picture_the_face_is_noisy() -> None:
    place = pose(scale=11)
    bgr = picture(place)
    frames = [noisy(bgr, 7, seed) for seed in range(4)]
    shown = composed(frames, [face(place, labels(place)) for _ in frames])
    inner = slice(100, 140), slice(135, 185)
    spread = shown[inner].astype(float).mean(2).std()
    assert spread == pytest.approx(7, rel=0.35)
    textured = composed(frames[:1] * 4, [face(place, labels(place)) for _ in frames])
    assert textured[inner].astype(float).mean(2).std() < 1, "what stays from frame to frame is no noise"
    clean = composed([bgr] * 4, [face(place, labels(place)) for _ in frames])
    assert clean[inner].astype(float).mean(2).std() < 1


def test_a_face_whose_skin_moves_in_a_still_room_gets_no_noise() -> None:
    place = pose(scale=11)
    wall, seen = picture(place), labels(place)
    wall[seen == 0] = 120
    frames = []
    for seed in range(8):
        moving = noisy(wall, 6, seed)
        moving[seen == 0] = 120
        frames.append(moving)
    shown = composed(frames, [face(place, seen) for _ in frames])
    assert shown[100:140, 135:185].astype(float).mean(2).std() < 1


def test_in_a_soft_picture_the_face_grows_soft() -> None:
    place = pose(scale=11)
    bgr = picture(place)
    random = np.random.default_rng(1)
    texture = cv2.resize(random.uniform(0.6, 1.4, (120, 160, 1)).astype(np.float32), (WIDTH, HEIGHT))[..., None]
    filmed = np.clip(bgr * texture, 0, 255).astype(np.uint8)
    soft = cv2.GaussianBlur(filmed, (0, 0), 2.0)
    sharpness = []
    for camera in (filmed, soft):
        made = face(place, labels(place), side=256)
        made.drawn.reflectance[...] = random.uniform(0.6, 1.4, (256, 256, 1))
        shown = composed([camera] * 60, [made] * 60)
        sharpness.append(cv2.Laplacian(shown[100:140, 135:185, 1], cv2.CV_32F).std())
    assert sharpness[1] < 0.75 * sharpness[0]


def test_a_face_too_small_to_measure_is_left_alone() -> None:
    place = pose(scale=1.2)
    made = face(place, labels(place))
    shown = composed([picture(place)], [made])
    assert np.abs(shown[120, 160].astype(int) - SKIN).max() < 8
