import cv2
import numpy as np
import pytest

from deepfake_core.disclosure.detection import is_labelled
from deepfake_core.disclosure.labels import CORNERS, label_box
from deepfake_core.disclosure.mark import Disclosure
from deepfake_core.disclosure.slate import slate
from deepfake_core.frame import Frame, PixelFormat

SENTENCE = (
    "The model '/home/somebody/obs-deepfake/models/swap/encoder.onnx' cannot be read; "
    "restore it with 'git checkout -- models' or make it again."
)
SIZES = [(160, 120), (321, 241), (640, 360), (1280, 720), (720, 1280), (1920, 1080), (16, 16), (4096, 16)]


def camera(pixel_format: PixelFormat, width: int, height: int, seed: int) -> Frame:
    frame = Frame.allocate(pixel_format, width, height)
    rng = np.random.default_rng(seed)
    for plane in frame.planes:
        plane[...] = rng.integers(0, 256, plane.shape)
    return frame


def drawn(width: int, height: int, *lines: str) -> np.ndarray:
    frame = camera(PixelFormat.BGR3, width, height, 0)
    slate(frame, "Deepfake", lines)
    return frame.to_bgr()


def ink(bgr: np.ndarray) -> np.ndarray:
    """bool (h, w): where there is text."""
    grey: np.ndarray = cv2.cvtColor(bgr, cv2.COLOR_BGR2GRAY)
    return grey > 120


@pytest.mark.parametrize("pixel_format", list(PixelFormat))
@pytest.mark.parametrize(("width", "height"), SIZES)
def test_no_camera_pixel_is_left(pixel_format: PixelFormat, width: int, height: int) -> None:
    one, other = (camera(pixel_format, width, height, seed) for seed in (1, 2))
    slate(one, "Deepfake", [SENTENCE])
    slate(other, "Deepfake", [SENTENCE])
    for mine, theirs in zip(one.planes, other.planes, strict=True):
        assert np.array_equal(mine, theirs), "something of the two cameras' pictures is left"
    if pixel_format in (PixelFormat.RGBA, PixelFormat.BGRA):
        assert (one.planes[0][..., 3] == 255).all()


@pytest.mark.parametrize(("width", "height"), [(160, 120), (321, 241), (1280, 720), (720, 1280), (4096, 2160)])
def test_the_text_is_whole_and_clear_of_every_label(width: int, height: int) -> None:
    text = ink(drawn(width, height, SENTENCE))
    rows, columns = np.flatnonzero(text.any(1)), np.flatnonzero(text.any(0))
    side = min(width, height)
    assert (width - side) / 2 < columns[0] < columns[-1] < (width + side) / 2 - 1
    for corner in CORNERS:
        for language in ("en", "el"):
            x0, y0, x1, y1 = label_box(width, height, corner, language)
            assert not text[y0:y1, x0:x1].any()
    # Cut-off text would end in a full row at the end of its place; a whole one leaves the last leading free.
    assert rows[0] > (height - side) / 2
    assert rows[-1] < (height + side) / 2 - 0.1 * side


def test_long_texts_get_smaller_letters() -> None:
    def first_row_height(bgr: np.ndarray) -> int:
        rows = np.asarray(ink(bgr).any(1))
        start = int(np.argmax(rows))
        return int(np.argmin(rows[start:]))

    short, long = drawn(640, 480, "No face in the picture."), drawn(640, 480, SENTENCE, SENTENCE)
    assert first_row_height(long) < first_row_height(short)
    assert ink(long).sum() > ink(short).sum()


def test_what_is_said_is_seen() -> None:
    pictures = [drawn(640, 480, line) for line in ("No face in the picture.", "No identity is chosen.", "")]
    assert (pictures[0] != pictures[1]).any()
    assert ink(pictures[2]).any(), "the product's name stands alone"
    assert np.array_equal(drawn(640, 480, "two\nlines\tand   tabs"), drawn(640, 480, "two lines and tabs"))


@pytest.mark.parametrize("line", ["x" * 100_000, "word " * 20_000, "\0\x07 \N{GRINNING FACE} 日本 مرحبا", "\n"])
def test_any_text_is_drawn(line: str) -> None:
    assert ink(drawn(320, 240, line, line)).any()


def test_a_drawn_slate_is_not_changed_by_what_is_drawn_on_its_copies() -> None:
    first = camera(PixelFormat.I420, 640, 360, 0)
    slate(first, "Deepfake", ["Starting..."])
    clean = Frame.like(first)
    clean.copy_from(first)
    Disclosure().mark(first)
    second = camera(PixelFormat.I420, 640, 360, 0)
    slate(second, "Deepfake", ["Starting..."])
    assert np.array_equal(second.to_bgr(), clean.to_bgr())
    assert is_labelled(first.to_bgr())
    assert not is_labelled(second.to_bgr())
