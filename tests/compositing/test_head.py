"""Head mode: the performer's head goes with all its hair; background, neck, clothes and hands stay what they are."""

from __future__ import annotations

from dataclasses import replace

import cv2
import numpy as np
import pytest
from made_up_head import HEIGHT, SKIN, STEP_NS, WALL, WIDTH, drawn, frame, landmarks, parsing, pose

from deepfake_core.compositing.compositor import Compositor
from deepfake_core.compositing.inpainting import Inpainting, inpainted, spread
from deepfake_core.compositing.masks import PAD
from deepfake_core.compositing.removal import removal
from deepfake_core.compositing.view import ComposedFace
from deepfake_core.frame import Frame, PixelFormat
from deepfake_core.parsing.classes import Label
from deepfake_core.settings import Mode, Settings
from deepfake_core.swapping.alignment import Pose, transform_points
from deepfake_core.swapping.swapper import DrawnHead

HAIR, SHIRT, HAND = (20, 20, 230), (30, 160, 40), (90, 110, 150)
PLACE = pose(y=100, scale=6.0)
HEAD = Settings(mode=Mode.HEAD)


def scene(place: Pose = PLACE, hand: bool = False) -> tuple[np.ndarray, np.ndarray]:
    """A performer with a mane of red hair: picture uint8 (240, 320, 3) and labels uint8 (240, 320)."""
    bgr = np.full((HEIGHT, WIDTH, 3), WALL, np.uint8)
    labels = np.zeros((HEIGHT, WIDTH), np.uint8)
    x, y = (int(v) for v in place.to_picture(np.zeros((1, 3)))[0, :2])
    chin = int(landmarks(place)[152, 1])

    def put(mask: np.ndarray, colour: tuple[int, int, int], label: Label) -> None:
        bgr[mask > 0], labels[mask > 0] = colour, int(label)

    def empty() -> np.ndarray:
        return np.zeros((HEIGHT, WIDTH), np.uint8)

    put(cv2.rectangle(empty(), (x - 70, chin + 25), (x + 70, HEIGHT), 1, -1), SHIRT, Label.CLOTH)
    put(cv2.rectangle(empty(), (x - 25, chin - 20), (x + 25, chin + 25), 1, -1), SKIN, Label.NECK)
    put(cv2.ellipse(empty(), (x, y - 10), (66, 75), 0, 0, 360, 1, -1), HAIR, Label.HAIR)
    put(cv2.rectangle(empty(), (x - 60, y), (x - 40, chin + 45), 1, -1), HAIR, Label.HAIR)
    hull = np.round(cv2.convexHull(landmarks(place)[:, :2].astype(np.float32))).astype(np.int32)
    put(cv2.fillConvexPoly(empty(), hull, 1), SKIN, Label.SKIN)
    if hand:
        put(cv2.circle(empty(), (x + 20, y + 25), 26, 1, -1), HAND, Label.OCCLUDER)
        put(cv2.line(empty(), (x + 20, y + 25), (x + 60, HEIGHT), 1, 20), HAND, Label.OCCLUDER)
    return bgr, labels


def new_head(place: Pose = PLACE) -> DrawnHead:
    return replace(drawn(place), head_mode=True)


def shown(bgr: np.ndarray, labels: np.ndarray, number: int = 0, place: Pose = PLACE) -> np.ndarray:
    made = frame(bgr, number)
    face = ComposedFace(new_head(place), parsing(place, labels), 1)
    assert Compositor().composite(made, [face], HEAD) is Mode.HEAD
    return made.to_bgr()


def redness(bgr: np.ndarray) -> np.ndarray:
    return bgr[..., 2].astype(int) - bgr[..., :2].max(2)


def test_no_hair_of_the_performer_is_left_and_the_wall_takes_its_place() -> None:
    bgr, labels = scene()
    result = shown(bgr, labels)
    hair = labels == Label.HAIR
    assert (redness(bgr)[hair] > 150).all()
    assert np.percentile(redness(result)[hair], 99) < 70
    above = slice(18, 40), slice(140, 180)
    assert np.abs(result[above].astype(int) - WALL).max() <= 4


def test_the_parser_need_not_see_the_face_for_it_to_go() -> None:
    bgr, labels = scene()
    bgr[landmarks_box()] = (0, 255, 255)
    labels[labels == Label.SKIN] = Label.BACKGROUND
    result = shown(bgr, labels)
    assert not (np.abs(result.astype(int) - (0, 255, 255)).max(2) < 40).any()


def landmarks_box() -> tuple[slice, slice]:
    """Around an eye."""
    x, y = landmarks(PLACE)[33, :2].astype(int)
    return slice(y - 3, y + 4), slice(x - 3, x + 10)


def test_wall_shirt_and_neck_stay_as_filmed() -> None:
    bgr, labels = scene()
    result = shown(bgr, labels)
    far = cv2.dilate(np.isin(labels, (Label.HAIR, Label.SKIN)).astype(np.uint8), np.ones((41, 41), np.uint8)) == 0
    assert far.sum() > 20_000
    assert np.array_equal(result[far], bgr[far])


def test_hair_on_the_shoulder_gives_way_to_the_shirt() -> None:
    bgr, labels = scene()
    chin = int(landmarks(PLACE)[152, 1])
    strand = slice(chin + 30, chin + 43), slice(105, 117)
    assert (labels[strand] == Label.HAIR).all()
    assert np.abs(shown(bgr, labels)[strand].astype(int) - SHIRT).mean() < 15


def test_behind_the_chin_the_neck_goes_on() -> None:
    bgr, labels = scene()
    head = new_head()
    side = head.head_matte.shape[0]
    head.head_matte[side // 2 + 8 :] = 0  # a shorter face than the performer's
    head.face_matte[side // 2 + 8 :] = 0
    made = frame(bgr)
    Compositor().composite(made, [ComposedFace(head, parsing(PLACE, labels), 1)], HEAD)
    chin = int(landmarks(PLACE)[152, 1])
    below = made.to_bgr()[chin - 14 : chin - 2, 150:170]
    assert np.abs(below.astype(int) - SKIN).mean() < 20, "neck in the new tone, not wall"


def test_a_hand_stays_in_front() -> None:
    bgr, labels = scene(hand=True)
    result = shown(bgr, labels)
    inner = cv2.erode((labels == Label.OCCLUDER).astype(np.uint8), np.ones((9, 9), np.uint8)) > 0
    assert np.abs(result[inner].astype(int) - bgr[inner]).max() <= 3


def test_a_headset_goes_with_the_head() -> None:
    bgr, labels = scene()
    ear = cv2.circle(np.zeros(labels.shape, np.uint8), (98, 95), 12, 1, -1) > 0
    bgr[ear], labels[ear] = (250, 250, 0), Label.OCCLUDER
    result = shown(bgr, labels)
    assert np.abs(result[ear].astype(int) - (250, 250, 0)).max(1).min() > 60


def test_a_finger_s_tip_that_the_parser_sees_apart_from_its_hand_stays() -> None:
    bgr, labels = scene(hand=True)
    gap = labels[118:122] == Label.OCCLUDER
    labels[118:122][gap] = Label.SKIN  # across the hand, before the chin
    tip = labels == Label.OCCLUDER
    tip[118:] = False
    assert tip.sum() > 300
    inner = cv2.erode(tip.astype(np.uint8), np.ones((7, 7), np.uint8)) > 0
    assert np.abs(shown(bgr, labels)[inner].astype(int) - bgr[inner]).mean() < 6


def test_hair_that_hangs_while_the_head_moves_between_two_parsings_goes_and_is_not_learned() -> None:
    bgr, labels = scene()
    compositor = Compositor()
    parsed = parsing(PLACE, labels)
    moved = parsed.crop_to_frame.copy()
    moved[0, 2] += 12
    for number, carried in enumerate((parsed, replace(parsed, crop_to_frame=moved))):
        place = PLACE if number == 0 else pose(x=172, y=100, scale=6.0)
        made = frame(bgr, number)
        compositor.composite(made, [ComposedFace(new_head(place), carried, 1)], HEAD)
    left = labels == Label.HAIR
    left[:, 120:] = False
    assert np.percentile(redness(made.to_bgr())[left], 99) < 70


def test_what_showed_while_the_head_was_elsewhere_is_not_invented() -> None:
    random = np.random.default_rng(3)
    texture = cv2.resize(random.integers(60, 200, (24, 32, 3)).astype(np.uint8), (WIDTH, HEIGHT))
    compositor, last = Compositor(), None
    places = [pose(x=95, y=100, scale=6.0)] * 25 + [pose(x=225, y=100, scale=6.0)] * 25 + [PLACE]
    # The camera sees all of the wall: the performer steps from side to side.
    for number, place in enumerate(places):
        bgr, labels = scene(place)
        wall = labels == Label.BACKGROUND
        bgr[wall] = texture[wall]
        made = frame(bgr, number)
        compositor.composite(made, [ComposedFace(new_head(place), parsing(place, labels), 1)], HEAD)
        last = made.to_bgr(), labels
    assert last is not None
    result, labels = last
    behind = np.zeros(labels.shape, bool)
    behind[24:44, 150:170] = True
    assert (labels[behind] == Label.HAIR).all()
    assert np.abs(result[behind].astype(int) - texture[behind]).mean() < 6


def test_the_neck_takes_the_head_s_tone_and_loses_it_downwards() -> None:
    bgr, labels = scene()
    chin = int(landmarks(PLACE)[152, 1])
    throat = slice(chin, chin + 58), slice(140, 180)  # an open collar
    bgr[throat], labels[throat] = SKIN, Label.NECK
    made = frame(bgr)
    pale = replace(new_head(), tone=np.array([235, 235, 245], np.float32))
    settings = Settings(mode=Mode.HEAD, colour_match=0.0)
    Compositor().composite(made, [ComposedFace(pale, parsing(PLACE, labels), 1)], settings)
    column = made.to_bgr()[chin + 4 : chin + 50, 155:165].mean((1, 2)) - np.mean(SKIN)
    lit = column[30:]  # below the chin's shade
    assert lit[0] > 8
    assert lit[-1] < 0.9 * lit[0]
    assert column[0] < lit[0] - 20, "the new chin shades the neck"
    assert np.array_equal(made.to_bgr()[chin + 64 :], bgr[chin + 64 :]), "the shirt, but for a soft edge"


def test_a_neck_in_the_shade_of_hair_that_goes_is_lifted() -> None:
    bgr, labels = scene()
    shade = labels == Label.NECK
    bgr[shade] = np.array(SKIN) // 2
    made = frame(bgr)
    Compositor().composite(made, [ComposedFace(new_head(), parsing(PLACE, labels), 1)], HEAD)
    chin = int(landmarks(PLACE)[152, 1])
    throat = slice(chin + 6, chin + 20), slice(150, 170)
    assert made.to_bgr()[throat].mean() > 1.2 * bgr[throat].mean()


def test_a_neck_that_ends_at_a_collar_takes_the_tone_as_a_whole() -> None:
    place = pose(y=85, scale=7.0)
    bgr, labels = scene(place)
    chin = int(landmarks(place)[152, 1])
    made = frame(bgr)
    pale = replace(new_head(place), tone=np.array([235, 235, 245], np.float32))
    settings = Settings(mode=Mode.HEAD, colour_match=0.0)
    Compositor().composite(made, [ComposedFace(pale, parsing(place, labels), 1)], settings)
    column = made.to_bgr()[chin + 5 : chin + 22, 155:165].mean((1, 2)) - np.mean(SKIN)
    assert column[-1] > 8
    assert column[-1] == column.max(), "it is as pale as anywhere, below the chin's shade"


def test_below_the_parser_s_crop_the_tone_goes_on_to_the_collar() -> None:
    place = pose(y=100, scale=6.0)
    bgr, labels = scene(place)
    chin = int(landmarks(place)[152, 1])
    end = int((parsing(place, labels).crop_to_frame @ (128, 256, 1))[1])
    throat = slice(chin, end + 8), slice(130, 190)
    bgr[throat], labels[throat] = SKIN, Label.NECK
    made = frame(bgr)
    pale = replace(new_head(place), tone=np.array([235, 235, 245], np.float32))
    settings = Settings(mode=Mode.HEAD, colour_match=0.0)
    Compositor().composite(made, [ComposedFace(pale, parsing(place, labels), 1)], settings)
    changed = made.to_bgr().astype(int) - bgr
    assert changed[end : end + 6, 150:170].mean() > 3
    assert np.abs(changed[end + 14 :, 140:180]).max() <= 3, "the shirt keeps its colour"


@pytest.mark.parametrize("pixel_format", [PixelFormat.NV12, PixelFormat.YUY2, PixelFormat.BGRA])
def test_other_formats(pixel_format: PixelFormat) -> None:
    bgr, labels = scene()
    made = Frame.allocate(pixel_format, WIDTH, HEIGHT, timestamp_ns=STEP_NS)
    made.blend(made.box, bgr, np.full((HEIGHT, WIDTH), 255, np.uint8))
    Compositor().composite(made, [ComposedFace(new_head(), parsing(PLACE, labels), 1)], HEAD)
    assert np.percentile(redness(made.to_bgr())[labels == Label.HAIR], 97) < 80


@pytest.mark.parametrize(("x", "y", "scale"), [(10, 20, 6.0), (310, 230, 9.0), (160, 60, 14.0), (160, 120, 2.0)])
def test_heads_at_the_edges_near_and_far(x: float, y: float, scale: float) -> None:
    place = pose(x, y, scale)
    bgr, labels = scene(place)
    shown(bgr, labels, place=place)


def test_a_head_that_covers_nothing_is_an_error() -> None:
    bgr, labels = scene()
    head = new_head()
    head.head_matte[...] = 0
    made = frame(bgr)
    with pytest.raises(ValueError, match="covers nothing"):
        Compositor().composite(made, [ComposedFace(head, parsing(PLACE, labels), 1)], HEAD)
    assert np.array_equal(made.to_bgr(), bgr)


def test_two_people_or_no_parsing_fall_back_to_the_face() -> None:
    bgr, labels = scene()
    one = ComposedFace(new_head(), parsing(PLACE, labels), 1)
    other = ComposedFace(new_head(), parsing(PLACE, labels), 2)
    assert Compositor().composite(frame(bgr), [one, other], HEAD) is Mode.FACE
    assert Compositor().composite(frame(bgr), [replace(one, parsing=None)], HEAD) is Mode.FACE


def test_a_hand_below_the_chin_is_no_part_of_the_head() -> None:
    _, labels = scene()
    chin = int(landmarks(PLACE)[152, 1])
    labels[chin + 16 : chin + 36, 150:170] = Label.SKIN
    parsed = parsing(PLACE, labels)
    to_crop = cv2.invertAffineTransform(parsed.crop_to_frame)
    masks = removal(parsed, transform_points(to_crop, landmarks(PLACE)), 256 / 34.0)
    x, y = (to_crop[:, :2] @ (160, chin + 28) + to_crop[:, 2]) / 2
    assert masks.removed[PAD + round(y), PAD + round(x)] == 0


def test_a_throat_that_is_taken_for_face_is_neck() -> None:
    _, labels = scene()
    chin = int(landmarks(PLACE)[152, 1])
    labels[chin : chin + 20, 150:170] = Label.SKIN
    parsed = parsing(PLACE, labels)
    to_crop = cv2.invertAffineTransform(parsed.crop_to_frame)
    masks = removal(parsed, transform_points(to_crop, landmarks(PLACE)), 256 / 34.0)
    for row in range(chin - 8, chin + 22, 3):
        x, y = (to_crop[:, :2] @ (160, row) + to_crop[:, 2]) / 2
        assert masks.neck[round(y), round(x)] == 255
    assert (parsed.labels == Label.SKIN).any(), "the parsing itself is left as it is"


def test_the_neck_goes_on_behind_a_jaw_far_from_the_chin() -> None:
    _, labels = scene()
    chin = int(landmarks(PLACE)[152, 1])
    beside = 160 - round(6.5 * 6)  # 6.5 cm from the chin
    labels[chin - 40 : chin - 5, beside - 5 : beside + 5] = Label.SKIN
    labels[chin - 5 : chin + 25, beside - 5 : 140] = Label.NECK
    parsed = parsing(PLACE, labels)
    to_crop = cv2.invertAffineTransform(parsed.crop_to_frame)
    masks = removal(parsed, transform_points(to_crop, landmarks(PLACE)), 256 / 34.0)
    x, y = (to_crop[:, :2] @ (beside, chin - 12) + to_crop[:, 2]) / 2
    assert masks.neck[round(y), round(x)] == 255


def test_behind_a_broad_jaw_the_neck_becomes_slimmer_upwards() -> None:
    _, labels = scene()
    chin = int(landmarks(PLACE)[152, 1])
    labels[chin - 40 : chin - 5, 118:202] = Label.SKIN
    labels[chin - 5 : chin + 25, 118:202] = Label.NECK
    parsed = parsing(PLACE, labels)
    to_crop = cv2.invertAffineTransform(parsed.crop_to_frame)
    neck = removal(parsed, transform_points(to_crop, landmarks(PLACE)), 256 / 34.0).neck > 127
    rows = [round((to_crop[1, 1] * (chin + below) + to_crop[1, 2]) / 2) for below in (10, -12, -25)]
    at_collar, behind_jaw, higher = (np.count_nonzero(neck[row]) for row in rows)
    assert at_collar > behind_jaw + 2 > higher + 4
    assert higher > 0.6 * at_collar


def test_a_soft_matte_leaves_no_haze_around_the_head() -> None:
    bgr, labels = scene()
    head = new_head()
    head.head_matte[:] = cv2.blur(head.head_matte, (13, 13))
    made = frame(bgr)
    Compositor().composite(made, [ComposedFace(head, parsing(PLACE, labels), 1)], HEAD)
    row = landmarks(PLACE)[5, 1].astype(int)
    reach = [np.abs(each[row].astype(int) - SKIN).max(1) < 60 for each in (made.to_bgr(), shown(bgr, labels))]
    assert abs(int(reach[0].sum()) - int(reach[1].sum())) <= 4


def test_a_fill_that_nothing_changes_keeps_still_and_meets_its_border() -> None:
    random = np.random.default_rng(1)
    bgr = cv2.resize(random.integers(0, 255, (8, 8, 3)).astype(np.uint8), (40, 40))
    known = np.ones((40, 40), bool)
    known[10:30, 10:30] = False
    whole = (slice(0, 40), slice(0, 40))
    inpainting = Inpainting()
    fills = [inpainting.fill(whole, (40, 40), bgr, known) for _ in range(120)]
    assert np.array_equal(fills[-1], fills[-2])
    assert np.array_equal(fills[-1][known], bgr[known])
    step = np.abs(fills[-1][10, 10:30].astype(int) - bgr[9, 10:30])
    assert step.mean() < 25


def test_colours_spread_from_their_sources_alone() -> None:
    bgr = np.full((32, 32, 3), (0, 0, 255), np.uint8)
    bgr[:, :6] = (10, 200, 30)
    source = np.zeros((32, 32), np.uint8)
    source[:, :6] = 255
    assert np.abs(spread(bgr, source).astype(int) - (10, 200, 30)).max() <= 2
    assert inpainted(bgr, source > 0).shape == bgr.shape


def test_what_was_never_seen_goes_on_from_its_sides() -> None:
    bgr = np.full((60, 80, 3), 220, np.uint8)
    bgr[30:36] = 40  # a shelf from side to side
    known = np.ones((60, 80), bool)
    known[10:60, 25:55] = False
    fill = inpainted(bgr, known)
    assert fill[31:35, 30:50].mean() < fill[14:24, 30:50].mean() - 50
    assert np.array_equal(fill[:, :20], bgr[:, :20])


def test_between_jaw_and_curtains_of_hair_the_neck_has_no_slits() -> None:
    _, labels = scene()
    chin = int(landmarks(PLACE)[152, 1])
    labels[chin - 45 :, 100:220] = Label.HAIR
    labels[chin - 60 : chin, 125:200] = Label.SKIN
    labels[chin:, 142:165] = Label.NECK
    labels[chin + 10 :, 135:165] = Label.NECK
    parsed = parsing(PLACE, labels)
    to_crop = cv2.invertAffineTransform(parsed.crop_to_frame)
    masks = removal(parsed, transform_points(to_crop, landmarks(PLACE)), 256 / 34.0)
    for row in range(chin - 30, chin, 3):
        there = np.flatnonzero(masks.neck[round((to_crop[1, 1] * row + to_crop[1, 2]) / 2)] > 127)
        assert (np.diff(there) == 1).all()


def long_haired(wall: tuple[int, int, int], shirt: tuple[int, int, int]) -> tuple[np.ndarray, np.ndarray]:
    bgr, labels = scene()
    bgr[labels == Label.BACKGROUND] = wall
    bgr[labels == Label.CLOTH] = shirt
    return bgr, labels


def test_hair_that_the_parser_missed_goes_by_its_colour() -> None:
    bgr, labels = long_haired(WALL, SHIRT)
    chin = int(landmarks(PLACE)[152, 1])
    tip = slice(chin + 4, chin + 22), slice(90, 100)  # beside the strand, before the wall
    bgr[tip], labels[tip] = HAIR, Label.BACKGROUND
    assert redness(bgr)[tip].min() > 100
    assert np.percentile(redness(shown(bgr, labels))[tip], 95) < 40


def test_fine_ends_before_the_wall_go_though_they_are_lighter_than_hair() -> None:
    bgr, labels = long_haired(WALL, SHIRT)
    chin = int(landmarks(PLACE)[152, 1])
    tip = slice(chin + 4, chin + 22), slice(90, 100)
    bgr[tip], labels[tip] = (np.array(HAIR) + WALL) // 2, Label.BACKGROUND
    assert np.abs(shown(bgr, labels)[tip].astype(int) - WALL).mean() < 12


def test_hair_that_the_parser_took_for_clothes_goes_by_its_colour() -> None:
    bgr, labels = long_haired(WALL, SHIRT)
    chin = int(landmarks(PLACE)[152, 1])
    tip = slice(chin + 28, chin + 44), slice(121, 131)  # beside the strand, before the shirt
    bgr[tip], labels[tip] = HAIR, Label.CLOTH
    assert redness(bgr)[tip].min() > 100
    assert np.percentile(redness(shown(bgr, labels))[tip], 90) < 40


def test_hair_on_clothes_of_its_colour_stays_as_filmed() -> None:
    bgr, labels = long_haired(WALL, HAIR)
    chin = int(landmarks(PLACE)[152, 1])
    strand = slice(chin + 32, chin + 42), slice(104, 116)
    bgr[strand][::2] = np.array(HAIR) - 15  # folds and strands
    assert np.abs(shown(bgr, labels)[strand].astype(int) - bgr[strand]).max() <= 3


def test_a_thin_curl_below_the_nose_is_not_shown_and_one_above_it_is() -> None:
    bgr, labels = scene()
    head = new_head()
    to_square = cv2.invertAffineTransform(head.crop_to_frame)
    shots, rows = [], (80, 118)
    for drawn_curls in (False, True):
        for row in rows if drawn_curls else ():
            x, y = np.round(to_square[:, :2] @ (160, row) + to_square[:, 2]).astype(int)
            head.head_matte[y - 1 : y + 1, x:] = 255
        made = frame(bgr)
        Compositor().composite(made, [ComposedFace(head, parsing(PLACE, labels), 1)], HEAD)
        shots.append(made.to_bgr().astype(int))
    changed = np.abs(shots[1] - shots[0]).max(2)
    above, below = (changed[row - 4 : row + 5, 216:219].max() for row in rows)
    assert above > 40
    assert below < 15


def test_an_end_of_hair_that_the_parser_takes_for_a_thing_goes_by_its_colour() -> None:
    bgr, labels = scene()
    chin = int(landmarks(PLACE)[152, 1])
    tip = slice(chin + 30, chin + 44), slice(101, 119)  # before the shirt
    assert (labels[tip] == Label.HAIR).all()
    labels[tip] = Label.OCCLUDER
    assert np.percentile(redness(shown(bgr, labels))[tip], 90) < 40
    bgr[tip] = HAND
    inner = slice(chin + 34, chin + 40), slice(105, 115)
    assert np.abs(shown(bgr, labels)[inner].astype(int) - HAND).max() <= 3, "a hand stays"


def test_below_the_parser_s_crop_hair_goes_as_far_as_it_looks_like_hair() -> None:
    place = pose(y=70, scale=6.0)
    bgr, labels = scene(place)
    end = int((parsing(place, labels).crop_to_frame @ (128, 255, 1))[1])
    strand = slice(100, end + 12), slice(100, 120)
    below = slice(end + 16, HEIGHT), slice(90, 130)
    bgr[strand], labels[strand] = HAIR, Label.HAIR
    bgr[below] = (20, 180, 220)  # a print
    result = shown(bgr, labels, place=place)
    assert np.percentile(redness(result)[end - 8 : end + 6, 103:117], 90) < 40
    assert np.array_equal(result[below], bgr[below]), "the shirt that is seen there is not invented"


def test_beside_the_parser_s_crop_hair_goes_as_far_as_it_reaches() -> None:
    bgr, labels = scene()
    left = int((parsing(PLACE, labels).crop_to_frame @ (0, 128, 1))[0])
    lock = slice(70, 150), slice(left - 30, 110)  # 5 cm beyond the crop
    free = labels[lock] != Label.SKIN
    bgr[lock][free], labels[lock][free] = HAIR, Label.HAIR
    result = shown(bgr, labels)
    assert np.percentile(redness(result)[74:146, left - 27 : left], 95) < 40


def test_shoulders_that_hair_hides_rise_towards_the_neck() -> None:
    bgr, labels = scene()
    chin = int(landmarks(PLACE)[152, 1])
    mane = slice(chin - 20, chin + 45), slice(60, 260)
    for part in (slice(60, 140), slice(180, 260)):  # on both sides of the neck
        bgr[mane[0], part], labels[mane[0], part] = HAIR, Label.HAIR
    result = shown(bgr, labels).astype(int)
    shirt = result[..., 1] - result[..., 2] > 60
    tops = [int(shirt[chin:, column].argmax()) for column in (90, 117, 131)]
    assert tops[0] > tops[1] > tops[2]
    assert tops[1] - tops[2] > 6


def test_shoulders_have_no_step_at_the_crop_s_side() -> None:
    _, labels = scene()
    parsed = parsing(PLACE, labels)
    points = transform_points(cv2.invertAffineTransform(parsed.crop_to_frame), landmarks(PLACE))
    parsed.labels[170:, -30:] = Label.CLOTH  # a high shoulder
    body = removal(parsed, points, 256 / 34.0).body
    tops = [int((body[:, column] > 127).argmax()) for column in (158, 161, 164)]
    assert tops[0] < 130
    assert 0 <= tops[1] - tops[0] < 6 and 0 <= tops[2] - tops[1] < 6


def test_what_is_drawn_below_the_jaw_passes_into_the_neck() -> None:
    bgr, labels = scene()
    head = new_head()
    to_square = cv2.invertAffineTransform(head.crop_to_frame)
    chin = int(landmarks(PLACE)[152, 1])
    (left, top), (right, bottom) = (
        to_square[:, :2] @ at + to_square[:, 2] for at in ((130, chin - 6), (190, chin + 9))
    )
    drawn_neck = slice(round(top), round(bottom)), slice(round(left), round(right))
    head.head_matte[drawn_neck] = 255
    made = frame(bgr)
    Compositor().composite(made, [ComposedFace(head, parsing(PLACE, labels), 1)], HEAD)
    beside = made.to_bgr()[chin + 6, 187].astype(int)
    assert np.abs(beside - WALL).max() < 40, "wider than the filmed neck it ends in the air"
    column = made.to_bgr()[chin + 2 : chin + 16, 160].astype(int)
    assert np.abs(np.diff(column, axis=0)).max() < 12


@pytest.mark.parametrize("goes_on", [False, True])
def test_a_turned_head_s_jaw_beside_the_neck_is_shown_and_a_drawn_neck_is_not(goes_on: bool) -> None:
    bgr, labels = scene()
    head = new_head()
    to_square = cv2.invertAffineTransform(head.crop_to_frame)
    chin = int(landmarks(PLACE)[152, 1])
    end = chin + 20 if goes_on else chin
    (left, top), (right, bottom) = (to_square[:, :2] @ at + to_square[:, 2] for at in ((180, chin - 25), (206, end)))
    head.head_matte[round(top) : round(bottom), round(left) : round(right)] = 255
    made = frame(bgr)
    Compositor().composite(made, [ComposedFace(head, parsing(PLACE, labels), 1)], HEAD)
    shown = made.to_bgr()[chin - 6 : chin - 2, 198:202].astype(int)
    assert (np.abs(shown - WALL).mean() < 15) == goes_on


def test_what_hangs_apart_from_the_head_is_not_shown() -> None:
    bgr, labels = scene()
    head = new_head()
    place = np.linalg.inv(np.vstack([head.crop_to_frame, (0, 0, 1)])) @ (160 + 55, 100, 1)
    x, y = np.round(place[:2]).astype(int)
    head.head_matte[y - 3 : y + 4, x - 3 : x + 4] = 255
    made = frame(bgr)
    Compositor().composite(made, [ComposedFace(head, parsing(PLACE, labels), 1)], HEAD)
    around = slice(90, 110), slice(205, 225)
    assert np.abs(made.to_bgr()[around].astype(int) - shown(bgr, labels)[around]).max() <= 6


def test_a_shirt_s_pattern_goes_on_where_hair_lay_on_it() -> None:
    bgr, labels = long_haired(WALL, SHIRT)
    stripes = np.where(np.arange(WIDTH) // 4 % 2, 30, -20)
    cloth = labels == Label.CLOTH
    bgr[cloth] = np.clip(bgr.astype(int) + stripes[:, None], 0, 255).astype(np.uint8)[cloth]
    result = shown(bgr, labels).astype(float)
    chin = int(landmarks(PLACE)[152, 1])
    below = slice(chin + 34, chin + 44)
    hair = (labels[below] == Label.HAIR).all(0) & (np.abs(np.arange(WIDTH) - 160) > 40)
    columns = result[below][..., 1].mean(0)[hair]
    assert hair.sum() > 15
    assert columns.std() > 10, "of 25 where the shirt is seen; a smooth colour has none"


def test_single_dark_hairs_on_a_bare_shoulder_go() -> None:
    bgr, labels = long_haired(WALL, SKIN)
    bgr[labels == Label.HAIR] = (20, 25, 30)
    chin = int(landmarks(PLACE)[152, 1])
    hair = np.flatnonzero(labels[chin + 20] == Label.HAIR)
    line = slice(chin + 10, chin + 44), slice(hair[0] - 6, hair[0] - 5)
    assert (labels[line] != Label.HAIR).all()
    on_skin = labels[line] == Label.CLOTH
    bgr[line] = (20, 25, 30)
    result = shown(bgr, labels)[line][on_skin].astype(int)
    assert on_skin.sum() > 10
    assert np.abs(result - SKIN).mean() < 25


def test_a_strand_on_the_throat_goes_though_it_is_taken_for_neck() -> None:
    bgr, labels = long_haired(WALL, SHIRT)
    chin = int(landmarks(PLACE)[152, 1])
    for side in (slice(110, 142), slice(178, 210)):
        bgr[chin - 10 : chin + 24, side], labels[chin - 10 : chin + 24, side] = HAIR, Label.HAIR
    strand = slice(chin + 12, chin + 24), slice(142, 147)
    assert (labels[strand] == Label.NECK).all()
    bgr[strand] = HAIR
    result = shown(bgr, labels).astype(float)
    skin = result[strand[0], 155:165].mean(1, keepdims=True)
    assert np.abs(result[strand] - skin).mean() < 12


def test_a_thick_end_of_hair_that_is_one_blob_with_a_sleeve_goes() -> None:
    bgr, labels = scene()
    chin = int(landmarks(PLACE)[152, 1])
    tip, sleeve = (slice(chin + 24, chin + 44), slice(101, 119)), (slice(chin + 24, HEIGHT), slice(119, 150))
    assert (labels[tip] == Label.HAIR).all()
    bgr[sleeve] = HAND
    labels[tip] = labels[sleeve] = Label.OCCLUDER
    result = shown(bgr, labels)
    assert np.percentile(redness(result)[tip], 90) < 40
    assert np.abs(result[chin + 30 : chin + 40, 125:145].astype(int) - HAND).max() <= 3


def test_single_dark_hairs_before_the_wall_beside_the_neck_go() -> None:
    bgr, labels = long_haired(WALL, SHIRT)
    bgr[labels == Label.HAIR] = (20, 25, 30)
    chin = int(landmarks(PLACE)[152, 1])
    line = slice(chin + 4, chin + 24), slice(212, 213)
    assert (labels[line] == Label.BACKGROUND).all()
    bgr[line] = (20, 25, 30)
    assert np.abs(shown(bgr, labels)[line].astype(int) - WALL).mean() < 25
