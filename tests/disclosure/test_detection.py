import io

import av
import cv2
import numpy as np
import pytest

from deepfake_core.disclosure.detection import is_labelled
from deepfake_core.disclosure.labels import CORNERS, LANGUAGES, label_box
from deepfake_core.disclosure.mark import Disclosure
from deepfake_core.frame import Frame, PixelFormat
from deepfake_core.inference.manifest import MODELS_DIR


@pytest.fixture(scope="module")
def footage() -> list[np.ndarray]:
    with av.open(str(MODELS_DIR / "performer.mp4")) as source:
        return [frame.to_ndarray(format="bgr24") for frame, _ in zip(source.decode(video=0), range(3), strict=False)]


def marked(bgr: np.ndarray, width: int, height: int, corner: str = "top_right", language: str = "en") -> np.ndarray:
    frame = Frame.allocate(PixelFormat.I420, width, height)
    frame.blend(frame.box, cv2.resize(bgr, (width, height)), np.full((height, width), 255, np.uint8))
    return Disclosure(corner, language).mark(frame).frame.to_bgr()


def at_360_rows(bgr: np.ndarray) -> np.ndarray:
    width = bgr.shape[1] * 360 // bgr.shape[0] // 2 * 2
    return cv2.resize(bgr, (width, 360), interpolation=cv2.INTER_AREA)


def through_h264(pictures: list[np.ndarray], crf: int) -> list[np.ndarray]:
    memory = io.BytesIO()
    with av.open(memory, "w", format="mp4") as target:
        stream = target.add_stream("libx264", rate=30, options={"crf": str(crf), "preset": "veryfast", "threads": "1"})
        stream.height, stream.width = pictures[0].shape[:2]
        stream.pix_fmt = "yuv420p"
        for bgr in pictures:
            target.mux(stream.encode(av.VideoFrame.from_ndarray(np.ascontiguousarray(bgr), format="bgr24")))
        target.mux(stream.encode())
    memory.seek(0)
    with av.open(memory, "r") as source:
        return [frame.to_ndarray(format="bgr24") for frame in source.decode(video=0)]


@pytest.mark.parametrize("corner", CORNERS)
@pytest.mark.parametrize(("width", "height"), [(640, 480), (1280, 720), (1920, 1080), (720, 1280)])
def test_labels_survive_scaling_and_a_call_s_encoder(
    footage: list[np.ndarray], width: int, height: int, corner: str
) -> None:
    shown = through_h264([at_360_rows(marked(bgr, width, height, corner)) for bgr in footage], crf=42)
    assert len(shown) == len(footage)
    assert all(is_labelled(bgr, corner=corner) for bgr in shown)
    for other in set(CORNERS) - {corner}:
        assert not any(is_labelled(bgr, corner=other) for bgr in shown)


@pytest.mark.parametrize("language", list(LANGUAGES))
def test_languages_are_told_apart(footage: list[np.ndarray], language: str) -> None:
    shown = marked(footage[0], 640, 360, "top_left", language)
    seen = {code for code in LANGUAGES if is_labelled(shown, corner="top_left", language=code)}
    assert seen == {code for code, label in LANGUAGES.items() if label.text == LANGUAGES[language].text}


@pytest.mark.parametrize("language", list(LANGUAGES))
def test_nothing_is_seen_where_there_is_none(footage: list[np.ndarray], language: str) -> None:
    rng = np.random.default_rng(0)
    blurred = Frame.from_bgr(footage[0].copy())
    blurred.blur()
    pictures = [
        *footage,
        blurred.to_bgr(),
        rng.integers(0, 256, (240, 320, 3), np.uint8),
        np.zeros((240, 320, 3), np.uint8),
        np.full((240, 320, 3), 255, np.uint8),
    ]
    for corner in CORNERS:
        assert not any(is_labelled(bgr, corner=corner, language=language) for bgr in pictures)


def test_another_text_in_its_place_is_none(footage: list[np.ndarray]) -> None:
    bgr = footage[0].copy()
    height, width = bgr.shape[:2]
    box = label_box(width, height, "top_right", "en")
    bgr[box.y0 : box.y1, box.x0 : box.x1] = 0
    cv2.putText(bgr, "IT IS REAL", (box.x0 + 6, box.y1 - 10), cv2.FONT_HERSHEY_SIMPLEX, 1, (255, 255, 255), 3)
    assert not is_labelled(bgr)


def test_a_hidden_or_faint_label_is_none(footage: list[np.ndarray]) -> None:
    bgr = marked(footage[0], 640, 480)
    assert is_labelled(bgr)
    box = label_box(640, 480, "top_right", "en")
    covered, faint = bgr.copy(), bgr.copy()
    covered[box.y0 : box.y1, box.x0 + 60 : box.x1] = 90
    place = faint[box.y0 : box.y1, box.x0 : box.x1]
    place[...] = place // 4 + 100
    assert not is_labelled(covered)
    assert not is_labelled(faint)
