import itertools
import math

import cv2
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from deepfake_core.disclosure.mark import Disclosure
from deepfake_core.disclosure.watermark import EPOCH, Watermark, carrier, chip_side
from deepfake_core.disclosure.watermark_code import Payload, tile
from deepfake_core.disclosure.watermark_detection import WatermarkDetector
from deepfake_core.frame import MAX_SIDE, MIN_SIDE, Colour, Frame, PixelFormat
from deepfake_core.pipeline import Pipeline

FORMATS = list(PixelFormat)
RECORD, DAY = 0xC5BB5C76, 2518


def view(width: int, height: int, seed: int = 0) -> np.ndarray:
    """uint8 (height, width, 3): a room with soft walls, things in it and a sensor's noise."""
    rng = np.random.default_rng(seed)
    picture = np.zeros((height, width, 3), np.float32)
    for octave in range(9):
        cells = rng.normal(0, 55 / 1.7**octave, (2 + 2**octave, 3 + 2**octave, 3)).astype(np.float32)
        picture += cv2.resize(cells, (width, height), interpolation=cv2.INTER_CUBIC)
    picture[:, : width // 2] = cv2.blur(picture, (width // 8 + 1, height // 8 + 1))[:, : width // 2]
    return np.clip(picture + 128 + rng.normal(0, 1, picture.shape), 0, 255).astype(np.uint8)


def drawn(pixel_format: PixelFormat, bgr: np.ndarray, colour: Colour | None = None) -> Frame:
    frame = Frame.allocate(pixel_format, bgr.shape[1], bgr.shape[0], colour)
    frame.fill((0, 0, 0))
    frame.blend(frame.box, bgr, np.full(bgr.shape[:2], 255, np.uint8))
    return frame


def read(*pictures: np.ndarray) -> tuple[int, int] | None:
    detector = WatermarkDetector()
    for number, bgr in enumerate(pictures):
        detector.add(bgr, number / 30)
    found = detector.found()
    return None if found is None else (found.record, found.day)


def watermark(record: int = RECORD) -> Watermark:
    return Watermark(record, today=lambda: DAY)


def psnr(one: np.ndarray, other: np.ndarray) -> float:
    return 10 * math.log10(255**2 / np.square(one.astype(float) - other).mean())


@pytest.mark.parametrize("full", [False, True])
@pytest.mark.parametrize("pixel_format", FORMATS)
def test_every_format_carries_it(pixel_format: PixelFormat, full: bool) -> None:
    frame = drawn(pixel_format, view(640, 360), Colour.bt709(full))
    watermark().add(frame)
    assert read(frame.to_bgr()) == (RECORD, DAY)


@pytest.mark.parametrize("pixel_format", FORMATS)
@pytest.mark.parametrize(("width", "height"), [(640, 360), (641, 363), (360, 640)])
def test_only_luma_changes_and_only_a_little(pixel_format: PixelFormat, width: int, height: int) -> None:
    frame = drawn(pixel_format, view(width, height))
    before = Frame.like(frame)
    before.copy_from(frame)
    watermark().add(frame)
    for plane, was in zip(frame.planes[1:], before.planes[1:], strict=True):
        assert np.array_equal(plane, was), "chroma changed"
    change = frame.planes[0].astype(int) - before.planes[0]
    if pixel_format.is_packed:
        luma = [1, 3] if pixel_format is PixelFormat.UYVY else [0, 2]
        assert not change[..., [0, 2] if luma[0] else [1, 3]].any(), "chroma changed"
        change = change[..., luma]
    elif change.ndim == 3:
        assert not change[..., 3:].any(), "alpha changed"
        change = change[..., :3]
        # All three colours by the same amount, but where one is clipped.
        unclipped = (frame.planes[0][..., :3].min(2) > 8) & (frame.planes[0][..., :3].max(2) < 247)
        assert np.array_equal(change[unclipped].min(1), change[unclipped].max(1))
    assert np.abs(change).max() <= 10
    assert 10 * math.log10(255**2 / np.square(change).mean()) >= 42


@pytest.mark.parametrize(("width", "height"), [(640, 480), (1280, 720), (1920, 1080)])
def test_psnr_is_42_decibels_or_more(width: int, height: int) -> None:
    rng = np.random.default_rng(0)
    pictures = {
        "view": view(width, height),
        "white noise": rng.integers(0, 256, (height, width, 3), np.uint8),
        "chequers": np.kron(np.indices((height // 2, width // 2)).sum(0) % 2, np.ones((2, 2)))[..., None].repeat(3, 2)
        * 255,
        "black": np.zeros((height, width, 3)),
        "white": np.full((height, width, 3), 255),
    }
    for name, picture in pictures.items():
        bgr = picture.astype(np.uint8)
        frame = Frame.from_bgr(bgr.copy())
        watermark().add(frame)
        assert psnr(frame.to_bgr(), bgr) >= 42, name


@pytest.mark.parametrize("level", [8, 30, 90, 200])
def test_flat_walls_change_by_single_levels_in_few_places(level: int) -> None:
    frame = Frame.allocate(PixelFormat.Y800, 1280, 720)
    frame.planes[0][...] = level
    watermark().add(frame)
    change = frame.planes[0].astype(int) - level
    assert np.abs(change).max() <= 1
    assert (change != 0).mean() < 0.5
    # What the eye sees of it: the mean over some pixels.
    assert np.abs(cv2.blur(change.astype(np.float32), (4, 4))).max() <= 1
    assert cv2.blur(change.astype(np.float32), (4, 4)).std() < (0.3 if level < 40 else 0.5)


def test_a_still_picture_stays_still() -> None:
    bgr, mark = view(640, 360), watermark()
    shown = []
    for _ in range(40):
        frame = Frame.from_bgr(bgr.copy())
        mark.add(frame)
        shown.append(frame.to_bgr())
    assert all(np.array_equal(one, other) for one, other in itertools.pairwise(shown))


def test_the_mask_follows_the_picture() -> None:
    mark = watermark()
    flat, busy = (
        np.full((360, 640, 3), 120, np.uint8),
        np.random.default_rng(0).integers(60, 200, (360, 640, 3), np.uint8),
    )
    changes = []
    for bgr in [busy] * 3 + [flat] * 36 + [busy] * 20:
        frame = Frame.from_bgr(bgr.copy())
        mark.add(frame)
        changes.append(np.abs(frame.to_bgr().astype(int) - bgr).mean())
    assert changes[2] > 1.5
    assert changes[20] < 0.7
    assert changes[38] < 0.5
    assert changes[-1] > 1.5


def test_a_bottom_up_picture_is_marked_as_the_upright_one() -> None:
    bgr = view(640, 360)
    upright = drawn(PixelFormat.YUY2, bgr)
    memory = np.zeros(640 * 2 * 360 + 32 * 360, np.uint8)
    flipped = Frame.over(memory, PixelFormat.YUY2, 640, 360, [0], [640 * 2 + 32], upright.colour, flipped=True)
    flipped.copy_from(upright)
    padding = np.ones((360, 1312), bool)
    padding[:, :1280] = False
    memory[padding.ravel()] = 77
    watermark().add(flipped)
    assert (memory[padding.ravel()] == 77).all(), "bytes between the rows changed"
    assert read(flipped.to_bgr()) == (RECORD, DAY)
    watermark().add(upright)
    assert psnr(upright.to_bgr(), flipped.to_bgr()) > 45


def test_memory_that_opencv_cannot_write() -> None:
    bgr = view(640, 360)
    backwards = np.ascontiguousarray(bgr[:, ::-1])[:, ::-1]
    frame = Frame.from_bgr(backwards)
    watermark().add(frame)
    assert read(backwards) == (RECORD, DAY)


@settings(max_examples=60, deadline=None)
@given(
    st.sampled_from(FORMATS),
    st.integers(MIN_SIDE, 90),
    st.integers(MIN_SIDE, 90),
    st.integers(-(2**70), 2**70),
    st.integers(-(2**40), 2**40),
)
def test_marking_never_raises(pixel_format: PixelFormat, width: int, height: int, record: int, day: int) -> None:
    frame = Frame.allocate(pixel_format, width, height)
    for plane in frame.planes:
        plane[...] = np.random.default_rng(0).integers(0, 256, plane.shape)
    Watermark(record, today=lambda: day).add(frame)
    Disclosure(record=record).mark(frame)


@pytest.mark.parametrize("pixel_format", [PixelFormat.I420, PixelFormat.UYVY, PixelFormat.BGRA])
@pytest.mark.parametrize(
    ("width", "height"), [(MIN_SIDE, MIN_SIDE), (MAX_SIDE, MIN_SIDE), (17, 4001), (MAX_SIDE, 2160)]
)
def test_any_size(pixel_format: PixelFormat, width: int, height: int) -> None:
    frame = Frame.allocate(pixel_format, width, height)
    for plane in frame.planes:
        plane[...] = 128
    mark = watermark()
    for _ in range(3):
        mark.add(frame)
    assert (frame.planes[0] != 128).any()


def test_4k_is_read() -> None:
    frame = Frame.from_bgr(cv2.resize(view(1024, 540), (4096, 2160)))
    watermark().add(frame)
    assert read(frame.to_bgr()) == (RECORD, DAY)


def test_changes_of_layout_and_day() -> None:
    day = DAY
    mark = Watermark(RECORD, today=lambda: day)
    for day in (DAY, DAY + 1):
        for pixel_format, width, height in ((PixelFormat.I420, 640, 360), (PixelFormat.BGRA, 480, 480)):
            frame = drawn(pixel_format, view(width, height))
            mark.add(frame)
            assert read(frame.to_bgr()) == (RECORD, day)


def test_a_second_mark_leaves_the_first() -> None:
    bgr = view(1280, 720)
    for record in (RECORD, 7):
        frame = Frame.from_bgr(bgr)
        watermark(record).add(frame)
    detector = WatermarkDetector()
    detector.add(bgr, 0.0)
    detector.found()
    assert {message.record for message in detector.messages} == {RECORD, 7}


def test_the_mark_belongs_to_the_picture_not_to_the_pixel() -> None:
    chips = tile(Payload(RECORD, DAY))
    large = cv2.resize(carrier(chips, 1280, 720), (640, 360), interpolation=cv2.INTER_AREA)
    small = carrier(chips, 640, 360)
    assert np.corrcoef(large.ravel(), small.ravel())[0, 1] > 0.97
    assert carrier(chips, 1280, 720).std() == pytest.approx(1, abs=0.05)
    assert chip_side(1280, 720) == 8


def test_days_are_counted_from_2020() -> None:
    assert EPOCH.isoformat() == "2020-01-01"
    frame = Frame.from_bgr(view(640, 360))
    Watermark(1).add(frame)
    record, day = read(frame.to_bgr()) or (None, 0)
    assert record == 1
    assert day > 2500


def test_every_marked_frame_carries_it() -> None:
    pipeline = Pipeline()
    placeholder = pipeline.placeholder(drawn(PixelFormat.NV12, view(640, 360))).frame
    assert (read(placeholder.to_bgr()) or (None,))[0] == 0, "a slate shows no identity"
    shown = Disclosure(record=RECORD).mark(drawn(PixelFormat.NV12, view(640, 360))).frame
    assert (read(shown.to_bgr()) or (None,))[0] == RECORD
