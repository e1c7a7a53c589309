"""Lights of every kind: where they come from, and that they repeat. Needs scipy (.venv-train)."""

from collections import Counter

import numpy as np
import pytest

pytest.importorskip("scipy", reason="lights need .venv-train (scipy)")

from deepfake_core.synthetic.environment import LUMINANCE, Environment
from deepfake_core.synthetic.lighting import KINDS, Light, random_light

pytestmark = pytest.mark.train
LEFT, RIGHT, FRONT, BACK = np.array([-1.0, 0, 0]), np.array([1.0, 0, 0]), np.array([0, 0, 1.0]), np.array([0, 0, -1.0])
DOWN, UP = np.array([0, -1.0, 0]), np.array([0, 1.0, 0])
FLAT = Environment(np.ones((128, 256, 3), np.float32), 8)


def light(kind: str, seed: int) -> Light:
    return random_light(np.random.default_rng(seed), [FLAT], kind=kind)


def on(light: Light, normal: np.ndarray) -> float:
    """Light on a surface with this normal, in the scene's axes."""
    return float(light.environment.irradiance(light.rotation @ normal) @ LUMINANCE)


@pytest.mark.parametrize("kind", KINDS)
def test_every_kind_repeats_and_is_sound(kind: str) -> None:
    first, second, other = (light(kind, seed) for seed in (1, 1, 2))
    assert first.kind == kind
    assert np.array_equal(first.environment.image, second.environment.image)
    assert not np.array_equal(first.rotation @ first.environment.light_directions.T, other.rotation)
    assert np.isfinite(first.environment.image).all()
    assert first.environment.image.min() >= 0
    assert 0.05 < first.exposure < 3
    if kind != "environment":
        assert first.backdrop is not None
        assert second.backdrop is not None
        assert other.backdrop is not None
        assert np.array_equal(first.backdrop, second.backdrop)
        assert first.backdrop.min() >= 0
        assert not np.array_equal(first.backdrop, other.backdrop)


def test_kinds_are_drawn_by_their_shares() -> None:
    drawn = Counter(random_light(np.random.default_rng(seed), [FLAT]).kind for seed in range(150))
    assert set(drawn) == set(KINDS)
    assert drawn["environment"] > drawn["stage"]


def test_a_window_lights_one_side() -> None:
    for seed in range(12):
        sides = on(light("window", seed), LEFT), on(light("window", seed), RIGHT)
        assert max(sides) > 2.5 * min(sides)


def test_a_monitor_shines_from_the_front_and_from_below() -> None:
    for seed in range(12):
        screen = light("monitor", seed)
        assert on(screen, FRONT) > 2 * on(screen, BACK)
        assert np.mean([on(light("monitor", s), DOWN) > on(light("monitor", s), UP) for s in range(12)]) > 0.6


def test_back_light_comes_from_behind_and_leaves_the_face_dark() -> None:
    for seed in range(12):
        behind = light("back light", seed)
        assert on(behind, BACK) > 1.5 * on(behind, FRONT)
        assert behind.exposure < 1


def test_dim_rooms_are_warm() -> None:
    colours = [light("dim room", seed).environment.light_colours.sum(axis=0) for seed in range(12)]
    ratios = [colour[0] / colour[2] for colour in colours]
    assert min(ratios) > 1.02
    assert np.mean(ratios) > 1.25


def test_a_panorama_is_normalised_and_its_lights_carry_all_of_it() -> None:
    painted = light("room", 3).environment
    assert painted.light_colours.sum(axis=0).mean() == pytest.approx(4 * np.pi, rel=0.02)
    assert np.linalg.norm(painted.light_directions, axis=1) == pytest.approx(1, abs=1e-3)
    even = FLAT.irradiance(UP)
    assert even.mean() == pytest.approx(np.pi, rel=0.2)  # of eight lights
