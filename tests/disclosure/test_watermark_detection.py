"""What a call does to a picture. The full curves: tools/measure_watermark.py and docs/watermark.md."""

import io
from collections.abc import Callable

import av
import cv2
import numpy as np
import pytest

from deepfake_core.disclosure.mark import Disclosure
from deepfake_core.disclosure.watermark_detection import WatermarkDetector, WatermarkFound, find_watermark
from deepfake_core.frame import Frame
from deepfake_core.inference.manifest import MODELS_DIR

RECORD = 0xC5BB5C76
COUNT = 60


@pytest.fixture(scope="module")
def clip() -> list[np.ndarray]:
    with av.open(str(MODELS_DIR / "performer.mp4")) as source:
        frames = [
            frame.to_ndarray(format="bgr24") for frame, _ in zip(source.decode(video=0), range(COUNT), strict=False)
        ]
    noise = np.random.default_rng(0).normal(0, 1.5, (4, 720, 1280, 1)).astype(np.int16).repeat(3, 3)
    large = [cv2.resize(bgr[60:420], (1280, 720), interpolation=cv2.INTER_CUBIC) for bgr in frames]
    return [cv2.add(bgr, noise[number % 4], dtype=cv2.CV_8U) for number, bgr in enumerate(large)]


@pytest.fixture(scope="module")
def marked(clip: list[np.ndarray]) -> list[np.ndarray]:
    disclosure = Disclosure(record=RECORD)
    return [disclosure.mark(Frame.from_bgr(bgr.copy())).frame.to_bgr() for bgr in clip]


def found(pictures: list[np.ndarray], fps: int = 30, *, filmed: bool = False) -> WatermarkFound | None:
    return find_watermark(((number / fps, bgr) for number, bgr in enumerate(pictures)), filmed=filmed)


def encoded(pictures: list[np.ndarray], kbps: int, fps: int = 30) -> list[np.ndarray]:
    memory = io.BytesIO()
    bits = str(kbps * 1000)
    options = {"preset": "veryfast", "tune": "zerolatency", "maxrate": bits, "bufsize": bits, "threads": "1"}
    with av.open(memory, "w", format="mp4") as target:
        stream = target.add_stream("libx264", rate=fps, options=options)
        stream.height, stream.width = pictures[0].shape[:2]
        stream.pix_fmt, stream.bit_rate = "yuv420p", kbps * 1000
        for bgr in pictures:
            target.mux(stream.encode(av.VideoFrame.from_ndarray(np.ascontiguousarray(bgr), format="bgr24")))
        target.mux(stream.encode())
    memory.seek(0)
    with av.open(memory, "r") as source:
        return [frame.to_ndarray(format="bgr24") for frame in source.decode(video=0)]


def desktop(bgr: np.ndarray, width: int) -> np.ndarray:
    picture = np.full((1080, 1920, 3), 240, np.uint8)
    for row in range(30):
        cv2.putText(picture, "words and words " * 9, (7, 30 + 35 * row), cv2.FONT_HERSHEY_SIMPLEX, 0.7, (30,) * 3, 2)
    height = width * 9 // 16
    picture[233 : 233 + height, 517 : 517 + width] = cv2.resize(bgr, (width, height), interpolation=cv2.INTER_AREA)
    return picture


CHANGES: dict[str, Callable[[np.ndarray], np.ndarray]] = {
    "nothing": lambda bgr: bgr,
    "640x360": lambda bgr: cv2.resize(bgr, (640, 360), interpolation=cv2.INTER_AREA),
    "320x180 and back": lambda bgr: cv2.resize(cv2.resize(bgr, (320, 180), interpolation=cv2.INTER_AREA), (1280, 720)),
    "square": lambda bgr: bgr[:, 280:1000],
    "10 % off": lambda bgr: bgr[72:648, 128:1152],
    "mirror": lambda bgr: bgr[:, ::-1],
    "moved": lambda bgr: np.roll(bgr, (31, -77), (0, 1)),
    "darker": lambda bgr: cv2.convertScaleAbs(bgr, alpha=0.6),
    "brighter": lambda bgr: cv2.convertScaleAbs(bgr, beta=40),
    "grey": lambda bgr: cv2.cvtColor(cv2.cvtColor(bgr, cv2.COLOR_BGR2GRAY), cv2.COLOR_GRAY2BGR),
    "a window": lambda bgr: desktop(bgr, 871),
    "a mirrored window": lambda bgr: desktop(bgr[:, ::-1], 643),
}


@pytest.mark.parametrize("change", CHANGES)
def test_found_after(marked: list[np.ndarray], change: str) -> None:
    result = found([np.ascontiguousarray(CHANGES[change](bgr)) for bgr in marked[:8]])
    assert result is not None
    assert result.record == RECORD
    assert result.confidence > 0.999999
    assert result.mirrored == ("mirror" in change)
    expected = {"10 % off": 1.25, "a window": 871 / 1920, "a mirrored window": 643 / 1920}.get(change, 1.0)
    assert result.scale == pytest.approx(expected, rel=0.01)


def test_found_in_a_call_of_150_kbit_per_second(marked: list[np.ndarray]) -> None:
    result = found(encoded(marked + marked[::-1], 150))
    assert result is not None
    assert result.record == RECORD


def test_found_at_ten_frames_a_second_in_a_call_of_360_rows(marked: list[np.ndarray]) -> None:
    small = [cv2.resize(bgr, (640, 360), interpolation=cv2.INTER_AREA) for bgr in marked[::3]]
    result = found(encoded(small, 150, fps=10), fps=10)
    assert result is not None
    assert result.record == RECORD


def test_found_in_a_turned_picture(marked: list[np.ndarray]) -> None:
    turn = cv2.getRotationMatrix2D((640, 360), 2.2, 0.9)
    result = found([cv2.warpAffine(bgr, turn, (1280, 720)) for bgr in marked], filmed=True)
    assert result is not None
    assert result.record == RECORD


def test_nothing_is_found_in_unmarked_pictures(clip: list[np.ndarray]) -> None:
    rng = np.random.default_rng(0)
    assert found(clip) is None
    assert found(encoded(clip[:30], 300)) is None
    assert found([desktop(bgr, 643) for bgr in clip[:3]]) is None
    assert found([rng.integers(0, 256, (360, 640, 3), np.uint8) for _ in range(4)]) is None
    for level in (0, 128, 255):
        assert found([np.full((360, 640, 3), level, np.uint8)] * 4) is None


def test_when_it_was_seen(clip: list[np.ndarray], marked: list[np.ndarray]) -> None:
    detector = WatermarkDetector()
    for number in range(120):
        detector.add(marked[number % COUNT] if 30 <= number < 90 else clip[number % COUNT], 10 + number / 30)
    result = detector.found()
    assert result is not None
    assert result.first_seconds <= 11.1
    assert 12.5 <= result.last_seconds <= 14


@pytest.mark.parametrize(("height", "width"), [(1, 1), (16, 16), (64, 64), (65, 1000), (2160, 3840), (4000, 70)])
def test_any_size_of_picture(height: int, width: int) -> None:
    assert found([np.random.default_rng(0).integers(0, 256, (height, width, 3), np.uint8)]) is None


def test_no_picture_and_a_change_of_size(marked: list[np.ndarray]) -> None:
    detector = WatermarkDetector()
    assert detector.found() is None
    detector.add(np.zeros((100, 200, 3), np.uint8), 0.0)
    for number, bgr in enumerate(marked[:5]):
        detector.add(bgr, 0.1 + number / 30)
    result = detector.found()
    assert result is not None
    assert result.first_seconds >= 0.1
