"""The judge must be able to condemn: it finds raw faces, unmarked frames and numbers where they are."""

import cv2
import numpy as np
import pytest
from obs_footage import Judge, number, numbered, person, stranger

from deepfake_core.disclosure.mark import Disclosure
from deepfake_core.frame import Frame


def test_numbers_survive_compression() -> None:
    grey = [np.full((480, 640, 3), 127, np.uint8)] * 600
    stamped = numbered(grey)
    for index in (0, 1, 511, 599):
        assert number(degraded(stamped[index])) == index
    assert number(cv2.GaussianBlur(stamped[3], (0, 0), 40)) is None


@pytest.fixture(scope="module")
def camera() -> list[np.ndarray]:
    return numbered(person(640, 480, 12))


def marked(frame: np.ndarray) -> np.ndarray:
    copy = Frame.from_bgr(frame.copy())
    Disclosure("top_right", "en").mark(copy)
    return copy.to_bgr()


def degraded(frame: np.ndarray) -> np.ndarray:
    decoded = cv2.imdecode(cv2.imencode(".jpg", frame, [cv2.IMWRITE_JPEG_QUALITY, 60])[1], cv2.IMREAD_COLOR)
    assert decoded is not None
    return decoded


def test_a_raw_face_is_found_though_the_frame_is_marked_and_compressed(camera: list[np.ndarray]) -> None:
    judge = Judge(camera)
    assert judge.faces == len(camera)
    verdict = judge.judge([degraded(marked(camera[5]))])
    assert [(index, seen) for index, seen, _ in verdict.raw] == [(0, 5)]
    assert not verdict.unmarked


def test_an_unmarked_frame_is_found(camera: list[np.ndarray]) -> None:
    assert Judge(camera).judge([degraded(camera[3])]).unmarked == [0]


def test_a_blurred_frame_and_a_stranger_are_no_raw_face(camera: list[np.ndarray]) -> None:
    blurred = marked(cv2.GaussianBlur(camera[2], (0, 0), 25))
    other = camera[4].copy()
    other[:400] = stranger(640, 480, 3)[2][:400]
    verdict = Judge(camera).judge([degraded(blurred), degraded(marked(other))])
    assert not verdict.raw
    assert verdict.numbers == [4]
