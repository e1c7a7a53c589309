"""Cameras and how they frame a head. Needs scipy (.venv-train)."""

import numpy as np
import pytest

pytest.importorskip("scipy", reason="people need .venv-train (scipy)")

from deepfake_core.synthetic.camera import BELOW, BESIDE, Camera, random_framing

pytestmark = pytest.mark.train


def test_a_raised_camera_looks_down_at_its_target() -> None:
    camera = Camera((0.0, 7.0, 0.5), 10.0, 30.0, elevation=20.0)
    assert camera.eye[1] == pytest.approx(7 + 10 * np.sin(np.radians(20)))
    x, y, _, w = camera.clip() @ np.array([0.0, 7.0, 0.5, 1.0])
    assert (x / w, y / w) == pytest.approx((0, 0), abs=1e-9)
    above = camera.clip() @ np.array([0.0, 7.0, 1.5, 1.0])
    assert above[1] / above[3] < 0  # what is nearer appears lower


def test_random_framings_never_show_where_the_figure_ends() -> None:
    framings = [random_framing(np.random.default_rng(seed)) for seed in range(400)]
    distances = [each.height / 2 / np.tan(np.radians(each.fov / 2)) for each in framings]
    assert min(distances) < 5
    assert max(distances) > 18
    assert all(3.9 < distance < 20.1 for distance in distances)
    assert all(each.height / 2 + each.offset[1] <= BELOW + 1e-6 for each in framings)
    assert all(each.height / 2 + abs(each.offset[0]) <= BESIDE + 0.06 for each in framings)
    assert min(each.elevation for each in framings) < -8
    assert max(each.elevation for each in framings) > 15
    cut = [max(abs(each.offset[0]), abs(each.offset[1])) + 0.8 > each.height / 2 for each in framings]
    assert 0.03 < np.mean(cut) < 0.3
