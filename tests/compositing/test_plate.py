"""The background plate: a figure moves over a background that the test knows."""

from __future__ import annotations

import cv2
import numpy as np
import pytest

from deepfake_core.compositing.background import Background
from deepfake_core.compositing.plate import Plate
from deepfake_core.frame import Box, Frame

SIZE = 160, 120
WHOLE = Box(0, 0, *SIZE)
MARGIN = 5


def scenery(seed: int = 1) -> np.ndarray:
    """A room of blurred stripes: uint8 (120, 160, 3)."""
    coarse = np.random.default_rng(seed).integers(40, 200, (12, 16, 3)).astype(np.uint8)
    return cv2.resize(coarse, SIZE, interpolation=cv2.INTER_CUBIC)


def figure(x: int, background: np.ndarray, y: int = 60, radius: int = 20) -> tuple[np.ndarray, np.ndarray]:
    """A red figure before the background, and what is surely background."""
    picture = cv2.circle(background.copy(), (x, y), radius, (20, 20, 220), -1)
    clear = cv2.circle(np.full(SIZE[::-1], 255, np.uint8), (x, y), radius + MARGIN, 0, -1)
    return picture, clear


def show(plate: Plate | Background, places: list[int], background: np.ndarray, noise: float = 0.0) -> None:
    random = np.random.default_rng(7)
    for x in places:
        picture, clear = figure(x, background)
        noisy = np.clip(picture + random.normal(0, noise, picture.shape), 0, 255).astype(np.uint8)
        watch(plate, noisy, clear)


def watch(plate: Plate | Background, picture: np.ndarray, clear: np.ndarray, box: Box | None = None) -> None:
    frame = Frame.from_bgr(picture)
    if isinstance(plate, Plate):
        plate.watch(frame, box or frame.box, clear, np.eye(2, 3), look=True)
    else:
        plate.watch(frame, box or frame.box, clear, np.eye(2, 3))


def there(x: int, radius: int = 18) -> np.ndarray:
    return cv2.circle(np.zeros(SIZE[::-1], np.uint8), (x, 60), radius, 1, -1) > 0


@pytest.mark.parametrize(("noise", "allowed"), [(0.0, 1.0), (4.0, 2.5)])
def test_the_plate_is_the_background_where_that_was_seen(noise: float, allowed: float) -> None:
    plate, room = Plate(), scenery()
    show(plate, [40] * 20 + [120] * 5, room, noise)
    bgr, known = plate.read(WHOLE)
    seen = there(120)
    assert (known[seen] == 255).all()
    assert np.abs(bgr[seen].astype(int) - room[seen]).mean() < allowed


def test_what_was_never_seen_is_unknown() -> None:
    plate, room = Plate(), scenery()
    show(plate, [80] * 30, room)
    _, known = plate.read(WHOLE)
    assert not known[there(80, 20)].any()
    assert known[20, 20] == 255


def test_a_passing_thing_is_not_believed_and_a_lasting_one_is() -> None:
    plate, room = Plate(), scenery()
    changed = room.copy()
    changed[50:70, 20:40] = 250
    show(plate, [120] * 20, room)
    show(plate, [120] * 5, changed)
    show(plate, [120], room)
    assert np.abs(plate.read(WHOLE)[0][52:68, 22:38].astype(int) - room[52:68, 22:38]).max() <= 8
    show(plate, [120] * 30, changed)
    assert (plate.read(WHOLE)[0][52:68, 22:38] > 240).all()


def test_a_cut_resets() -> None:
    plate = Plate()
    show(plate, [40] * 20 + [120] * 5, scenery())
    resets = plate.resets
    show(plate, [120], scenery(2))
    assert plate.resets == resets + 1
    assert not plate.read(WHOLE)[1][there(120)].any()


def test_a_moving_camera_resets_and_a_standing_one_does_not() -> None:
    plate, room = Plate(), scenery()
    show(plate, [40] * 20 + [60] * 20, room, noise=3.0)
    resets = plate.resets
    for step in range(8):
        show(plate, [60], np.roll(room, step, axis=1))
    assert plate.resets > resets


def test_hidden_background_follows_the_exposure() -> None:
    plate, room = Plate(), scenery()
    show(plate, [40] * 20 + [120] * 10, room)
    resets = plate.resets
    for brightness in np.linspace(1.0, 0.7, 15):
        show(plate, [120], (room * brightness).astype(np.uint8))
    show(plate, [120] * 10, (room * 0.7).astype(np.uint8))
    assert plate.resets == resets
    hidden = there(120)
    error = np.abs(plate.read(WHOLE)[0][hidden].astype(int) - room[hidden] * 0.7)
    assert error.mean() < 3


def test_the_cameras_noise_is_measured() -> None:
    plate = Plate()
    show(plate, [40] * 80, scenery(), noise=5.0)
    assert plate.noise == pytest.approx(5.0, rel=0.35)


def test_a_part_of_the_frame_is_enough() -> None:
    plate, room = Plate(), scenery()
    box = Box(33, 21, 151, 111)
    for _ in range(20):
        watch(plate, *figure(60, room), box)
    bgr, known = plate.read(Box(100, 40, 140, 90))
    assert (known == 255).all()
    assert np.abs(bgr.astype(int) - room[40:90, 100:140]).max() <= 2


def test_another_picture_size_starts_afresh() -> None:
    plate = Plate()
    show(plate, [40] * 10, scenery())
    small = cv2.resize(scenery(), (80, 60))
    watch(plate, small, np.zeros((60, 80), np.uint8))
    assert not plate.read(Box(0, 0, 80, 60))[1].any()


def test_the_rest_is_invented_from_its_surroundings_and_keeps_still() -> None:
    background, room = Background(), np.full((*SIZE[::-1], 3), (90, 140, 60), np.uint8)
    show(background, [80] * 30, room)
    bgr, known = background.read(WHOLE)
    assert not known[there(80)].any()
    assert np.abs(bgr[there(80)].astype(int) - (90, 140, 60)).max() <= 3
    textured = Background()
    show(textured, [80] * 60, scenery(), noise=2.0)
    before = textured.read(WHOLE)[0]
    show(textured, [80] * 20, scenery(), noise=2.0)
    change = np.abs(textured.read(WHOLE)[0][there(80)].astype(int) - before[there(80)])
    assert change.mean() < 1.0
