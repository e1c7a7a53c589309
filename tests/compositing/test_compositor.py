"""A drawn face comes to its place, in the driver's light, and nothing else changes."""

from collections.abc import Callable
from dataclasses import replace

import cv2
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from made_up_head import HEIGHT, SKIN, WIDTH, drawn, face, frame, labels, landmarks, noise, parsing, picture, pose

from deepfake_core.compositing.compositor import Compositor
from deepfake_core.compositing.head import HeadMode
from deepfake_core.compositing.view import ComposedFace, DriverView, FaceAstray, Layer
from deepfake_core.facemesh import topology
from deepfake_core.frame import PixelFormat
from deepfake_core.parsing.classes import Label
from deepfake_core.settings import Mode, Settings
from deepfake_core.swapping.swapper import DrawnHead
from deepfake_core.threads import Beside


def composed(bgr: np.ndarray, faces: list[ComposedFace], **options: float) -> np.ndarray:
    made = frame(bgr)
    Compositor().composite(made, faces, Settings(**options))  # type: ignore[arg-type]
    return made.to_bgr()


def distance_from(x: float, y: float) -> np.ndarray:
    rows, columns = np.mgrid[:HEIGHT, :WIDTH]
    return np.hypot(columns - x, rows - y)


def changed(before: np.ndarray, after: np.ndarray) -> np.ndarray:
    return np.abs(before.astype(int) - after).max(2) > 0


@pytest.mark.parametrize("pixel_format", list(PixelFormat))
def test_every_format_is_changed_inside_the_face_alone(pixel_format: PixelFormat) -> None:
    made, before = noise(pixel_format), noise(pixel_format)
    Compositor().composite(made, [face(pose(), None)], Settings())
    shown, original = made.to_bgr().astype(int), before.to_bgr().astype(int)
    distance = distance_from(160, 120)
    inner = distance < 40
    alike = np.corrcoef(shown[inner].ravel(), original[inner].ravel())[0, 1]
    assert alike < 0.2, "the performer shows through"
    assert np.array_equal(shown[distance > 110], original[distance > 110])


@pytest.mark.parametrize("scale", [4.0, 9.0, 16.0])
def test_the_face_has_the_driver_s_colour(scale: float) -> None:
    place = pose(scale=scale)
    bgr = picture(place)
    shown = composed(bgr, [face(place, labels(place))])
    assert np.abs(shown[110:130, 150:170].astype(int) - SKIN).max() <= 3


def test_where_the_performer_has_no_features_left_the_matte_of_the_identity_does_not_matter() -> None:
    place = pose()
    bgr = picture(place)
    bgr[115:122, 150:170] = 0  # a feature of the driver's
    head = drawn(place)
    head.face_matte[...] = 0
    shown = composed(bgr, [ComposedFace(head, parsing(place, labels(place)), 1)])
    assert shown[118, 160].min() > 60, "the networks saw no face, yet the driver's is covered"


def test_the_rim_of_the_identity_s_hair_is_no_line_on_the_temple() -> None:
    place = pose(scale=9.0)
    bgr = picture(place)
    made = face(place, labels(place), side=256)
    head = made.drawn
    temple = int(head.points[127, 0]) + 16
    brow = int(head.points[70, 1])
    head.skin[: brow + 10, :temple] = 0  # hair
    head.reflectance[: brow + 10, : temple + 3] = 0.2  # and its dark rim
    for landmark in (105, 159):  # brow and eye keep their looks
        x, y = head.points[landmark, :2].astype(int)
        head.reflectance[y - 2 : y + 3, x - 3 : x + 4] = 0.2
    shown = composed(bgr, [made])

    def at(x: float, y: float) -> int:
        column, row = (head.crop_to_frame @ (x, y, 1)).astype(int)
        return int(shown[row - 1 : row + 2, column - 1 : column + 2].min())

    assert at(temple + 1, brow - 8) > 0.75 * min(SKIN)
    assert all(at(*head.points[landmark, :2]) < 0.6 * min(SKIN) for landmark in (105, 159))


def test_a_face_beyond_the_picture_changes_nothing() -> None:
    place = pose(x=1500)
    bgr = picture(pose())
    assert np.array_equal(composed(bgr, [face(place, None)]), bgr)


@settings(max_examples=40, deadline=None)
@given(st.floats(-100, 420), st.floats(-100, 340), st.floats(1.5, 30), st.floats(-75, 75), st.booleans())
def test_faces_at_and_beyond_the_edges(x: float, y: float, scale: float, yaw: float, parsed: bool) -> None:
    place = pose(x, y, scale, yaw)
    bgr = picture(pose())
    shown = composed(bgr, [face(place, labels(place) if parsed else None)], matte_size=1.2, matte_softness=1.0)
    outside = distance_from(x, y) > 16 * scale + 4
    assert np.array_equal(shown[outside], bgr[outside])


def test_no_face_changes_nothing() -> None:
    bgr = picture(pose())
    assert np.array_equal(composed(bgr, []), bgr)


def test_what_covers_nothing_is_an_error_before_anything_is_written() -> None:
    # Returning quietly would show the performer's own face.
    bgr = picture(pose())
    empty = drawn(pose())
    empty.face_matte[...] = empty.driver_matte[...] = 0
    nowhere = drawn(pose())
    nowhere.crop_to_frame[0, 2] = np.nan
    for broken in (empty, nowhere):
        made = frame(bgr)
        with pytest.raises(ValueError, match="covers nothing"):
            Compositor().composite(made, [face(pose(x=80), None), ComposedFace(broken, None, 2)], Settings())
        assert np.array_equal(made.to_bgr(), bgr)


def test_of_two_faces_side_by_side_each_is_lit_by_its_own_skin() -> None:
    left, right = pose(x=95, scale=6), pose(x=225, scale=6)
    bgr = picture(left, (40, 60, 90))
    other = picture(right, (150, 180, 230))
    bgr[:, 160:] = other[:, 160:]
    both = np.maximum(labels(left), labels(right))
    faces = [face(left, both), ComposedFace(drawn(right), parsing(right, both), 2)]
    shown = composed(bgr, faces)
    assert np.abs(shown[120, 95].astype(int) - (40, 60, 90)).max() <= 4
    assert np.abs(shown[120, 225].astype(int) - (150, 180, 230)).max() <= 4


@pytest.mark.parametrize("size", [0.8, 1.2])
def test_size_scales_the_matte_and_not_the_face(size: float) -> None:
    bgr = picture(pose())
    head = drawn(pose())
    random = np.random.default_rng(0)
    head.reflectance[...] = random.uniform(0.6, 1.4, head.reflectance.shape)
    made = [ComposedFace(head, None, 1)]
    usual, scaled = (composed(bgr, made, matte_size=each, matte_softness=0) for each in (1, size))
    areas = [changed(bgr, shown).sum() for shown in (usual, scaled)]
    assert areas[1] / areas[0] == pytest.approx(size**2, rel=0.08)
    middle = slice(100, 140), slice(140, 180)
    assert np.abs(usual[middle].astype(int) - scaled[middle]).mean() < 1.5


def edge_widths(shown: np.ndarray, row: int) -> tuple[int, int]:
    """Pixels of a row's left and right half between a black face and the skin around it."""
    between = (shown[row, :, 2] > 25) & (shown[row, :, 2] < SKIN[2] - 10) & (shown[row, :, 2] != 60)
    return int(between[:160].sum()), int(between[160:].sum())


def test_softness_feathers_where_skin_goes_on_and_not_against_the_wall() -> None:
    place = pose()
    seen = cv2.erode(labels(place), np.ones((13, 13), np.uint8))  # on the right the skin ends with the drawn face
    seen[:, :160][seen[:, :160] == 0] = int(Label.SKIN)  # as if skin went on, to the left
    bgr = picture(place)
    bgr[seen == Label.SKIN] = SKIN
    bgr[seen == Label.BACKGROUND] = SKIN
    black = ComposedFace(drawn(place, reflectance=0.05), parsing(place, seen), 1)
    hard, soft, softest = (edge_widths(composed(bgr, [black], matte_softness=each), 125) for each in (0.0, 0.5, 1.0))
    assert hard[0] < soft[0] < softest[0]
    assert softest[1] < 0.6 * softest[0]


def test_a_fine_face_is_averaged_not_sampled() -> None:
    place = pose(scale=4)
    bgr = picture(place)
    head = drawn(place, side=512)
    head.reflectance[...] = 0
    # Stripes far finer than the frame's pixels: picked ones would be black here and white there.
    head.reflectance[:, ::4] = head.reflectance[:, 1::4] = 2
    shown = composed(bgr, [ComposedFace(head, None, 1)])[110:130, 150:170].astype(int)
    assert (shown.max((0, 1)) - shown.min((0, 1))).max() <= 32


def test_the_drawn_head_is_not_changed() -> None:
    one, same = face(pose(), labels(pose())), face(pose(), labels(pose()))
    composed(picture(pose()), [one], matte_size=1.2, matte_softness=1)
    for name in ("reflectance", "face_matte", "driver_matte", "crop_to_frame", "points"):
        assert np.array_equal(getattr(one.drawn, name), getattr(same.drawn, name))


def test_a_whole_head_needs_a_parsing_and_a_head() -> None:
    made = frame(picture(pose()))
    replaced = Compositor().composite(made, [face(pose(), None)], Settings(mode=Mode.HEAD))
    assert replaced is Mode.FACE


def test_a_whole_head_keeps_its_own_tone(monkeypatch: pytest.MonkeyPatch) -> None:
    asked = []

    def look(_self: HeadMode, driver: DriverView, _beside: Beside) -> Callable[[DrawnHead], list[Layer]]:
        asked.append(driver.settings)
        return lambda _drawn: []

    monkeypatch.setattr(HeadMode, "look", look)
    place = pose()
    whole = ComposedFace(replace(drawn(place), head_mode=True), parsing(place, labels(place)), 1)
    compositor = Compositor()
    assert compositor.composite(frame(picture(place)), [whole], Settings(mode=Mode.HEAD)) is Mode.HEAD
    assert asked[0].colour_match == 0
    assert compositor.composite(frame(picture(place)), [whole, whole], Settings(mode=Mode.HEAD)) is Mode.FACE


def test_the_identity_s_hair_is_not_laid_over_the_performer_s_temples() -> None:
    place = pose()
    head = drawn(place)
    head.reflectance[:, :60] = 0.1  # dark hair beside the inner face
    head.skin[:, :60] = 0
    head.face_matte[:, :60] = 0
    shown = composed(picture(place), [ComposedFace(head, parsing(place, labels(place)), 1)])
    assert np.abs(shown[120, 130].astype(int) - SKIN).max() < 12


def test_landmarks_beside_the_face_are_refused_before_anything_is_written() -> None:
    place, elsewhere = pose(), pose(y=185)
    bgr, seen = picture(place), labels(place)
    for loop in (topology.RIGHT_EYE, topology.LEFT_EYE):
        cv2.circle(
            seen, np.round(landmarks(place)[list(loop), :2].mean(0)).astype(int).tolist(), 12, int(Label.L_EYE), -1
        )
    shown = frame(bgr)
    Compositor().composite(shown, [face(place, seen)], Settings())
    shown = frame(bgr)
    with pytest.raises(FaceAstray):
        Compositor().composite(shown, [face(elsewhere, seen)], Settings())
    assert np.array_equal(shown.to_bgr(), bgr)


def test_a_brow_that_landmarks_miss_by_little_is_covered() -> None:
    place = pose()
    bgr, seen = picture(place), labels(place)
    brow = landmarks(place)[10, :2] + (0, -2)
    x, y = np.round(brow).astype(int)
    seen[y - 3 : y + 3, x - 10 : x + 10] = int(Label.L_BROW)
    bgr[y - 2 : y + 2, x - 8 : x + 8] = 0
    assert composed(bgr, [face(place, seen)])[y - 1 : y + 1, x - 6 : x + 6].min() > 60
