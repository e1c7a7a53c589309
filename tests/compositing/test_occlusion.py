"""What is before the face stays there; the performer's eyes and mouth never show through."""

import cv2
import numpy as np
import pytest
from made_up_head import SKIN, face, frame, labels, landmarks, picture, pose
from made_up_head import view as view_of_face

from deepfake_core.compositing.occlusion import Front
from deepfake_core.facemesh import topology
from deepfake_core.parsing.classes import Label
from deepfake_core.settings import Glasses, Settings

LIGHT = np.broadcast_to(np.array(SKIN, np.float32), (32, 32, 3)).copy()
EYE = landmarks(pose())[list(topology.RIGHT_EYE), :2].mean(0)
MOUTH = landmarks(pose())[list(topology.LIPS_OUTER), :2].mean(0)
CHIN = landmarks(pose())[152, :2]


def front(bgr: np.ndarray, seen: np.ndarray, glasses: Glasses = Glasses.KEEP, *, hair: bool = True) -> np.ndarray:
    """uint8 (240, 320) of the frame: what stays before the face."""
    view = view_of_face(frame(bgr), face(pose(), seen), Settings(glasses=glasses))
    whole = np.zeros(bgr.shape[:2], np.uint8)
    box = view.box
    whole[box.y0 : box.y1, box.x0 : box.x1] = Front()(view, LIGHT, hair=hair)
    return whole


def put(seen: np.ndarray, label: Label, place: np.ndarray, width: int, height: int) -> None:
    x, y = np.round(place).astype(int)
    seen[y - height // 2 : y + (height + 1) // 2, x - width // 2 : x + (width + 1) // 2] = int(label)


def at(matte: np.ndarray, place: np.ndarray) -> int:
    return int(matte[round(place[1]), round(place[0])])


def test_a_hand_stays_even_over_the_mouth_and_an_eye() -> None:
    for place in (MOUTH, EYE):
        seen = labels(pose())
        put(seen, Label.OCCLUDER, place, 36, 36)
        assert at(front(picture(pose()), seen), place) > 250


def test_a_small_blob_opens_no_hole_over_an_eye_or_the_mouth() -> None:
    for place in (MOUTH, EYE):
        seen = labels(pose())
        put(seen, Label.OCCLUDER, place, 12, 8)
        assert front(picture(pose()), seen).max() == 0


def test_a_finger_stays_on_the_cheek_and_a_speck_does_not() -> None:
    cheek = (EYE + MOUTH) / 2 + (-14, 4)
    seen = labels(pose())
    put(seen, Label.OCCLUDER, cheek, 10, 18)
    assert at(front(picture(pose()), seen), cheek) > 250
    seen = labels(pose())
    put(seen, Label.OCCLUDER, cheek, 4, 4)
    assert front(picture(pose()), seen).max() == 0


def test_a_sleeve_before_the_face_stays_and_a_collar_under_the_chin_is_none() -> None:
    seen = labels(pose())
    put(seen, Label.CLOTH, MOUTH, 40, 40)
    assert at(front(picture(pose()), seen), MOUTH) > 250
    seen = labels(pose())
    put(seen, Label.CLOTH, CHIN + np.array([0, 18]), 80, 30)
    assert front(picture(pose()), seen).max() == 0


def test_a_finger_half_of_which_the_parser_misses_is_whole() -> None:
    cheek = (EYE + MOUTH) / 2 + (-14, 4)
    seen = labels(pose())
    put(seen, Label.OCCLUDER, cheek - (0, 9), 10, 12)
    put(seen, Label.OCCLUDER, cheek + np.array([0, 9]), 10, 12)
    made = face(pose(), seen)
    assert made.parsing is not None
    between = seen.copy()
    put(between, Label.OCCLUDER, cheek, 10, 8)
    doubt = face(pose(), between).parsing
    assert doubt is not None
    occluder = made.parsing.mattes["occluder"]
    np.maximum(occluder, doubt.occluder // 3, out=occluder)
    view = view_of_face(frame(picture(pose())), made, Settings())
    shown = Front()(view, LIGHT, hair=True)
    assert at(shown, cheek - (view.box.x0, view.box.y0)) > 240


def test_headphones_beside_the_face_are_not_before_it() -> None:
    seen = labels(pose())
    ear = landmarks(pose())[234, :2] - (6, 0)
    put(seen, Label.OCCLUDER, ear, 12, 40)
    assert front(picture(pose()), seen).max() == 0


def test_a_fringe_stays_in_face_mode_alone() -> None:
    forehead = landmarks(pose())[10, :2] + (0, 12)
    seen = labels(pose())
    put(seen, Label.HAIR, forehead, 60, 20)
    assert at(front(picture(pose()), seen), forehead) > 250
    assert front(picture(pose()), seen, hair=False).max() == 0


def test_a_cap_stays() -> None:
    forehead = landmarks(pose())[10, :2] + (0, 8)
    seen = labels(pose())
    put(seen, Label.HAT, forehead, 80, 16)
    assert at(front(picture(pose()), seen), forehead) > 250


def test_hair_stays_where_the_parser_hesitates_between_it_and_a_hat() -> None:
    forehead = landmarks(pose())[10, :2] + (0, 8)
    seen = labels(pose())
    put(seen, Label.HAIR, forehead, 80, 16)
    made = face(pose(), seen)
    assert made.parsing is not None
    made.parsing.mattes["hair"] //= 2
    view = view_of_face(frame(picture(pose())), made, Settings())
    shown = Front()(view, LIGHT, hair=True)
    assert at(shown, forehead - (view.box.x0, view.box.y0)) > 240


def test_short_hair_beside_the_jaw_is_behind_it_and_a_strand_over_the_cheek_is_not() -> None:
    jaw = landmarks(pose())[172, :2] - (6, 0)
    seen = labels(pose())
    put(seen, Label.HAIR, jaw, 8, 40)
    beside = np.where(labels(pose()) == Label.SKIN, 0, seen).astype(np.uint8) | labels(pose())
    assert at(front(picture(pose()), beside), jaw) == 0
    put(seen, Label.HAIR, jaw + np.array([10, 0]), 28, 40)
    assert at(front(picture(pose()), seen), jaw) > 200


def test_long_hair_hangs_before_a_broad_jaw() -> None:
    jaw = landmarks(pose())[172, :2] - (6, 0)
    seen = labels(pose())
    put(seen, Label.HAIR, jaw + np.array([0, 40]), 30, 110)
    beside = np.where(labels(pose()) == Label.SKIN, 0, seen).astype(np.uint8) | labels(pose())
    assert at(front(picture(pose()), beside), jaw) > 200


def test_hair_never_opens_a_hole_over_an_eye() -> None:
    seen = labels(pose())
    put(seen, Label.HAIR, EYE, 30, 30)
    assert at(front(picture(pose()), seen), EYE) == 0


def with_glasses(frame_colour: tuple[int, int, int] = (20, 20, 20)) -> tuple[np.ndarray, np.ndarray]:
    """Glasses with clear lenses over both eyes, and eyes of high contrast behind them."""
    bgr, seen = picture(pose()), labels(pose())
    for part in (topology.RIGHT_EYE, topology.LEFT_EYE):
        eye = landmarks(pose())[list(part), :2]
        x, y = np.round(eye.mean(0)).astype(int)
        cv2.fillConvexPoly(bgr, np.round(cv2.convexHull(eye.astype(np.float32))).astype(np.int32), (250, 250, 250))
        cv2.circle(bgr, (x, y), 3, (10, 10, 10), -1)
        cv2.circle(seen, (x, y), 26, int(Label.GLASSES), -1)
        cv2.circle(bgr, (x, y), 24, frame_colour, 4)
    return bgr, seen


@pytest.mark.parametrize("colour", [(20, 20, 20), (30, 60, 120), (250, 250, 255)])
def test_the_frame_of_glasses_stays_and_the_eye_behind_the_lens_does_not(colour: tuple[int, int, int]) -> None:
    shown = front(*with_glasses(colour))
    assert at(shown, EYE + np.array([0, 24])) > 200
    assert at(shown, EYE - (24, 0)) > 200
    assert shown[round(EYE[1]) - 5 : round(EYE[1]) + 6, round(EYE[0]) - 12 : round(EYE[0]) + 13].max() < 60
    assert at(shown, EYE + np.array([0, 14])) < 60, "bare skin through the lens"


def test_of_a_frame_of_clear_plastic_no_shreds_stay() -> None:
    bgr, seen = with_glasses(SKIN)
    for part in (topology.RIGHT_EYE, topology.LEFT_EYE):
        x, y = np.round(landmarks(pose())[list(part), :2].mean(0)).astype(int)
        for degrees in range(0, 360, 60):
            cv2.ellipse(bgr, (x, y), (24, 24), 0, degrees, degrees + 20, (255, 255, 255), 4)
            cv2.ellipse(bgr, (x, y), (24, 24), 0, degrees + 30, degrees + 50, (50, 70, 90), 4)
    assert front(bgr, seen).max() < 30


def test_a_brow_behind_the_lens_is_no_frame() -> None:
    bgr, seen = with_glasses()
    brow = EYE - (0, 16)
    x, y = np.round(brow).astype(int)
    cv2.line(bgr, (x - 8, y), (x + 8, y), (30, 40, 50), 3)
    shown = front(bgr, seen)
    assert at(shown, brow) < 60
    assert at(shown, EYE - (0, 24)) > 200, "the frame above it"


def test_glasses_seen_over_the_eyes_alone_do_no_harm() -> None:
    bgr, seen = picture(pose()), labels(pose())
    for part in (topology.RIGHT_EYE, topology.LEFT_EYE):
        put(seen, Label.GLASSES, landmarks(pose())[list(part), :2].mean(0), 14, 12)
    assert at(front(bgr, seen), EYE) < 60


def test_glasses_can_be_taken_off() -> None:
    assert front(*with_glasses(), Glasses.TAKE).max() == 0


def test_a_reflection_on_the_lens_stays() -> None:
    bgr, seen = with_glasses()
    spot = EYE + np.array([0, 14])
    x, y = np.round(spot).astype(int)
    bgr[y - 2 : y + 3, x - 3 : x + 4] = 255
    assert at(front(bgr, seen), spot) > 200


def test_dark_glasses_stay_whole() -> None:
    bgr, seen = with_glasses()
    bgr[seen == Label.GLASSES] = (25, 20, 20)
    shown = front(bgr, seen)
    assert at(shown, EYE) > 240
    assert at(shown, EYE + np.array([0, 14])) > 240


def test_without_a_parser_nothing_stays() -> None:
    view = view_of_face(frame(picture(pose())), face(pose(), None), Settings())
    assert Front()(view, LIGHT, hair=True).max() == 0
