"""The driver's light is read from bare skin, and the identity's tone stands under the same lamps."""

import dataclasses
from itertools import pairwise

import numpy as np
import pytest
from made_up_head import HEIGHT, SKIN, STEP_NS, WIDTH, face, frame, labels, picture, pose
from made_up_head import view as view_of_face

from deepfake_core.compositing import colour, seam
from deepfake_core.compositing.view import FaceView
from deepfake_core.parsing.classes import Label
from deepfake_core.settings import Settings

PALE, DARK = np.array([160, 180, 225], np.float32), np.array([40, 55, 80], np.float32)


def view_of(bgr: np.ndarray, seen: np.ndarray | None, number: int = 0) -> FaceView:
    return view_of_face(frame(bgr, number), face(pose(), seen), Settings())


def middle(light: np.ndarray) -> np.ndarray:
    return light[12:20, 12:20].mean((0, 1))


def test_light_is_read_from_skin_alone() -> None:
    bgr, seen = picture(pose()), labels(pose())
    bgr[100:, :155], seen[100:, :155] = (20, 200, 20), int(Label.OCCLUDER)  # a green cup
    light = colour.DriverLight()(view_of(bgr, seen))
    assert np.abs(middle(light) - SKIN).max() < 6


def test_without_a_parser_the_landmarks_say_where_skin_is() -> None:
    light = colour.DriverLight()(view_of(picture(pose()), None))
    assert np.abs(middle(light) - SKIN).max() < 6


def test_a_face_behind_a_hand_keeps_its_light() -> None:
    measure = colour.DriverLight()
    before = measure(view_of(picture(pose()), labels(pose())))
    hidden = np.full((HEIGHT, WIDTH, 3), 30, np.uint8)
    after = measure(view_of(hidden, np.full((HEIGHT, WIDTH), int(Label.OCCLUDER), np.uint8), 1))
    assert np.array_equal(before, after)


def test_coloured_lamps_from_two_sides_stay_on_their_sides() -> None:
    bgr = picture(pose())
    skin = labels(pose()) == Label.SKIN
    bgr[:, :160][skin[:, :160]] = (40, 40, 200)
    bgr[:, 160:][skin[:, 160:]] = (200, 60, 40)
    light = colour.DriverLight()(view_of(bgr, labels(pose())))
    assert light[16, 6, 2] > 2 * light[16, 6, 0]
    assert light[16, 26, 0] > 2 * light[16, 26, 2]


def test_flicker_is_smoothed_and_a_switched_lamp_is_followed_at_once() -> None:
    measure = colour.DriverLight()
    levels = []
    for number, factor in enumerate([1.0, 1.1, 1.0, 1.1, 1.0, 0.4]):
        skin = tuple(int(level * factor) for level in SKIN)
        levels.append(measure(view_of(picture(pose(), skin), labels(pose()), number)).mean())  # type: ignore[arg-type]
    assert np.ptp(levels[1:5]) < 0.5 * 0.1 * levels[0]
    assert levels[5] == pytest.approx(0.4 * levels[0], rel=0.05)


def flat(tone: np.ndarray) -> np.ndarray:
    return np.broadcast_to(tone, (32, 32, 3)).astype(np.float32)


def test_the_whole_of_the_match_is_the_driver_s_light() -> None:
    assert np.array_equal(colour.given(flat(DARK), PALE, 1.0), flat(DARK))


def test_own_tone_under_white_light_has_the_identity_s_hue() -> None:
    own = colour.given(flat(DARK), PALE, 0.0)[0, 0]
    linear = (own / 255) ** 2.2
    tone = (PALE / 255) ** 2.2
    assert linear / linear.sum() == pytest.approx(tone / tone.sum(), abs=0.08)


@pytest.mark.parametrize("brightness", [0.3, 1.0, 2.0])
def test_a_pale_identity_neither_burns_out_nor_glows_beside_a_dark_driver(brightness: float) -> None:
    driver = flat(DARK * brightness)
    own = colour.given(driver, PALE, 0.0)
    assert own.max() < 226
    assert driver.mean() < own.mean() < 1.6 * driver.mean()


def test_a_red_lamp_colours_the_own_tone_too() -> None:
    red = flat(np.array([20, 25, 200], np.float32))
    own = colour.given(red, PALE, 0.0)[0, 0]
    assert own[2] > 3 * own[1]


def test_lips_of_a_dark_face_are_redder_than_pale_skin_and_as_bright() -> None:
    one = face(pose(), None, tone=tuple(DARK))  # type: ignore[arg-type]
    lips = np.zeros_like(one.drawn.skin)
    half = len(lips) // 2
    lips[half:] = 255
    light = np.full((32, 32, 3), PALE / 2, np.float32)
    shown = []
    for drawn in (one.drawn, dataclasses.replace(one.drawn, lips=lips)):
        view = view_of_face(frame(picture(pose())), dataclasses.replace(one, drawn=drawn), Settings())
        shown.append(colour.lit(view, light, np.ones_like(light), drawn.face_matte)[0].astype(float))
    without, reddened = shown
    changed = np.abs(reddened - without).max(2) > 3
    assert 0.2 < changed.mean() < 0.9
    blue, green, red = (reddened[changed] / without[changed]).mean(0)
    assert blue < 0.96 < green < 1.02 < red


def test_no_step_is_left_at_the_seam() -> None:
    """The drawn face is brighter at its edge than the driver's."""
    bgr, seen = picture(pose()), labels(pose())
    made = face(pose(), seen)
    made.drawn.reflectance[:, :50] = 1.3
    view = view_of_face(frame(bgr), made, Settings())
    measure = colour.DriverLight()
    light = measure(view)
    factors = measure.at_seam(view, light, seam.covered(view.drawn.face_matte, seam.driver_face(view)))
    inside = np.argwhere(seam.covered(view.drawn.face_matte, seam.driver_face(view))[64] > 200)[0, 0] // 4 + 1
    assert factors[16, inside].mean() == pytest.approx(1 / 1.3, abs=0.08)
    assert factors[16, 16].mean() == pytest.approx(1.0, abs=0.05)


def test_the_seam_s_factors_are_steady_over_time() -> None:
    measure = colour.DriverLight()
    shown = []
    for number in range(6):
        made = face(pose(), labels(pose()))
        made.drawn.reflectance[:, :50] = 1.1 + 0.1 * (number % 2)
        view = view_of_face(frame(picture(pose()), number), made, Settings())
        assert view.seconds == number * STEP_NS / 1e9
        shown.append(measure.at_seam(view, measure(view), seam.covered(view.drawn.face_matte, seam.driver_face(view))))
    steps = [np.abs(after - before).max() for before, after in pairwise(shown[2:])]
    assert max(steps) < 0.04


def test_a_pale_wall_tells_the_lamps_colour_and_a_painted_one_does_not() -> None:
    greenish, painted = np.full((100, 3), (172, 178, 165), np.uint8), np.full((100, 3), (60, 150, 170), np.uint8)
    wall = colour.wall_colour(np.vstack([greenish, painted]))
    assert wall is not None
    assert wall[1] == 1
    assert (wall[[0, 2]] < 0.95).all()
    assert colour.wall_colour(painted) is None
    assert colour.wall_colour(np.full((100, 3), 255, np.uint8)) is None, "burnt out"
    assert colour.wall_colour(painted[:0]) is None
    light = flat(np.array([120, 128, 145], np.float32))
    without, under = (colour.given(light, PALE, 0.0, each)[0, 0] for each in (None, wall))
    assert under[1] / under[0] > without[1] / without[0]
    assert under[1] / under[2] > without[1] / without[2]
