"""A webcam's traces: what they change, and what they must leave alone."""

import dataclasses
import json

import cv2
import numpy as np
import pytest

from deepfake_core.synthetic.webcam import Lens, Webcam, random_webcam

BENT = Lens(k1=0.12, k2=0.02, zoom=1.1, shift=(0.5, -0.4))


def scene(height: int = 96, width: int = 96) -> np.ndarray:
    """Smooth colours with an edge."""
    y, x = np.mgrid[:height, :width]
    picture = np.stack([60 + x, 90 + y // 2, 150 - x // 2], axis=-1).clip(0, 255).astype(np.uint8)
    picture[:, width // 2 :] //= 2
    return picture


def webcam(seed: int) -> Webcam:
    return random_webcam(np.random.default_rng(seed))


def test_a_webcam_without_habits_changes_nothing() -> None:
    assert np.array_equal(Webcam().apply(scene(), 1), scene())


@pytest.mark.parametrize("seed", range(6))
def test_a_seed_makes_the_same_picture_again(seed: int) -> None:
    first, second = (webcam(seed).apply(scene(), 7) for _ in range(2))
    assert np.array_equal(first, second)
    assert webcam(seed) == webcam(seed)
    assert json.loads(json.dumps(dataclasses.asdict(webcam(seed))))["gamma"] == webcam(seed).gamma


def test_noise_comes_from_the_seed() -> None:
    noisy = Webcam(noise=0.01, shot=0.001)
    assert not np.array_equal(noisy.apply(scene(), 1), noisy.apply(scene(), 2))


def test_noise_grows_with_light_and_with_its_numbers() -> None:
    dark, bright = (np.full((64, 64, 3), level, np.uint8) for level in (120, 200))

    def deviation(picture: np.ndarray, webcam: Webcam) -> float:
        light = (webcam.apply(picture, 3) / 255.0) ** 2.2
        return float(light.std())

    assert deviation(bright, Webcam(shot=0.002)) > 1.4 * deviation(dark, Webcam(shot=0.002))
    assert deviation(dark, Webcam(noise=0.02)) > 1.8 * deviation(dark, Webcam(noise=0.01))


@pytest.mark.parametrize("seed", range(12))
def test_photometric_changes_stay_where_they_are(seed: int) -> None:
    other = scene()
    other[30:50, 30:50] = (20, 200, 90)
    first, second = (webcam(seed).apply(picture, 5, photometric_only=True) for picture in (scene(), other))
    outside = np.ones((96, 96), bool)
    outside[30:50, 30:50] = False
    assert np.array_equal(first[outside], second[outside])
    assert not np.array_equal(first[~outside], second[~outside])


def test_points_and_mattes_move_with_the_picture() -> None:
    height, width = 200, 300
    points = np.array([[60, 50, 9], [150, 100, 9], [240, 150, 9], [80, 160, 9]], np.float32)
    picture = np.zeros((height, width, 3), np.uint8)
    for x, y, _ in points:
        cv2.circle(picture, (int(x), int(y)), 3, (255, 255, 255), -1)
    moved = BENT.points(points, width, height)
    _, _, _, seen = cv2.connectedComponentsWithStats((BENT.picture(picture)[..., 0] > 100).astype(np.uint8))
    for place in seen[1:]:
        assert np.linalg.norm(moved[:, :2] - place, axis=1).min() < 0.4
    assert np.abs(moved[:, :2] - points[:, :2]).max() > 10
    assert (moved[:, 2] > points[:, 2]).all()  # a crop makes everything larger, depth too


def test_labels_stay_labels() -> None:
    labels = np.zeros((80, 80), np.uint8)
    labels[20:60, 20:60] = 17
    moved = BENT.labels(labels)
    assert set(np.unique(moved)) == {0, 17}
    assert (moved == 17).sum() > (labels == 17).sum()


@pytest.mark.parametrize("k1", [-0.02, 0.12])
def test_the_lens_shows_nothing_from_outside_the_picture(k1: float) -> None:
    height, width = 90, 160
    lens = Lens(k1=k1, zoom=1.05, shift=(1.0, -1.0))
    x, y = np.meshgrid(np.arange(width), np.arange(height))
    corners = np.array([[0, 0], [width - 1, 0], [0, height - 1], [width - 1, height - 1]], np.float32)
    for axis, values in enumerate((x, y)):  # what each pixel of the corners came from
        came_from = lens.picture(values.astype(np.uint8))
        assert np.ptp(came_from) > 0.8 * np.ptp(values)
        assert lens.points(corners, width, height)[:, axis].min() <= 0.6
    assert lens.points(corners, width, height).max(axis=0)[0] >= width - 1.6


@pytest.mark.parametrize("codec", [Webcam(jpeg=30), Webcam(h264=34)])
def test_compression_leaves_traces(codec: Webcam) -> None:
    picture = scene(97, 95)  # odd sides too
    noise = np.random.default_rng(0).integers(0, 40, picture.shape)
    picture = np.clip(picture + noise, 0, 255).astype(np.uint8)
    compressed = codec.apply(picture, 1)
    assert compressed.shape == picture.shape
    difference = np.abs(compressed.astype(int) - picture)
    assert 2 < difference.mean() < 25


def test_blur_and_sharpening_do_what_they_say() -> None:
    def edge(camera: Webcam) -> float:
        return float(np.abs(np.diff(camera.apply(scene(), 1)[..., 0].astype(int), axis=1)).max())

    assert edge(Webcam(defocus=3.0)) < 0.5 * edge(Webcam())
    assert edge(Webcam(motion=12.0, motion_angle=0.0)) < 0.7 * edge(Webcam())
    assert edge(Webcam(motion=12.0, motion_angle=90.0)) == pytest.approx(edge(Webcam()), abs=4)
    assert edge(Webcam(sharpen=1.0)) > 1.2 * edge(Webcam())
