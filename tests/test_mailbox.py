"""The exchange of pictures: the newest wins, the stale give way, and no picture has two owners."""

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from deepfake_core import mailbox as mailbox_module
from deepfake_core.colour import Colour
from deepfake_core.disclosure.mark import Disclosure
from deepfake_core.frame import FrameLayoutError
from deepfake_core.mailbox import STALE_NS, Layout, Mailbox, Picture
from deepfake_core.pixel_format import PixelFormat

COLOUR = Colour.bt709(full_range=False)
SMALL = Layout(PixelFormat.BGRA, 32, 32, (128,), COLOUR)


class Clock:
    """Stands in for `time` in the mailbox."""

    now = 0

    def monotonic_ns(self) -> int:
        return self.now


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    clock = Clock()
    monkeypatch.setattr(mailbox_module, "time", clock)
    return clock


def post(box: Mailbox, timestamp: int = 0) -> tuple[Picture, bool]:
    picture, dropped = box.claim()
    box.post(picture, timestamp)
    return picture, dropped


def finish(box: Mailbox) -> Picture:
    """What a worker does with the newest frame."""
    picture = box.take()
    assert picture is not None
    box.publish(picture, Disclosure().mark(picture.frame))
    return picture


def test_the_newest_frame_wins_and_the_replaced_one_counts_as_dropped() -> None:
    box = Mailbox(SMALL)
    assert [post(box, timestamp)[1] for timestamp in (1, 2, 3)] == [False, True, True]
    picture = box.take()
    assert picture is not None
    assert picture.frame.timestamp_ns == 3
    assert box.take() is None


def test_nothing_is_shown_before_there_is_a_result_or_a_slate() -> None:
    box = Mailbox(SMALL)
    post(box)
    assert box.showing() is None
    box.slate = Picture(SMALL)
    assert box.showing() is box.slate


def test_the_newest_result_is_shown() -> None:
    box = Mailbox(SMALL)
    box.slate = Picture(SMALL)
    post(box)
    first = finish(box)
    assert box.showing() is first
    post(box)
    assert box.showing() is first
    assert finish(box) is box.showing() is not first


def test_a_result_that_is_too_old_gives_way_to_the_slate(clock: Clock) -> None:
    box = Mailbox(SMALL)
    box.slate = Picture(SMALL)
    post(box)
    result = finish(box)
    while clock.now < STALE_NS:
        assert box.showing() is result
        clock.now += STALE_NS // 30
        post(box)
    clock.now += STALE_NS // 30
    post(box)
    assert box.showing() is box.slate


def test_a_slow_camera_does_not_make_pictures_old(clock: Clock) -> None:
    box = Mailbox(SMALL)
    box.slate = Picture(SMALL)
    for _ in range(3):
        clock.now += 3 * STALE_NS
        post(box)
        if clock.now > 3 * STALE_NS:
            assert box.showing() is not box.slate
        finish(box)


def test_only_the_taken_picture_itself_can_be_published() -> None:
    box = Mailbox(SMALL)
    post(box)
    taken = box.take()
    assert taken is not None
    with pytest.raises(ValueError, match="not the one"):
        box.publish(taken, Disclosure().mark(Picture(SMALL).frame))
    assert box.showing() is None


@given(st.lists(st.sampled_from(["frame", "take", "publish", "discard", "lose"]), max_size=60))
def test_no_picture_is_written_and_read_at_once(steps: list[str]) -> None:
    box = Mailbox(SMALL)
    working: Picture | None = None
    for step in steps:
        if step == "frame":
            picture, _ = box.claim()
            assert picture is not working
            assert picture is not box.showing()
            box.post(picture, 0)
        elif step == "take" and working is None:
            working = box.take()
            assert working is None or working is not box.showing()
        elif working is not None and step != "take":
            if step == "publish":
                box.publish(working, Disclosure().mark(working.frame))
            elif step == "discard":
                box.discard(working)
            working = None  # "lose": the worker's thread died with it.


LINES = {
    PixelFormat.I420: (64, 32, 32),
    PixelFormat.NV12: (64, 64),
    PixelFormat.YUY2: (128,),
    PixelFormat.I444: (64,) * 3,
}


@pytest.mark.parametrize("pixel_format", LINES)
@pytest.mark.parametrize("flipped", [False, True])
def test_the_planes_of_a_layout_lie_apart_in_one_buffer(pixel_format: PixelFormat, flipped: bool) -> None:
    layout = Layout(pixel_format, 51, 33, LINES[pixel_format], COLOUR, flipped)
    assert all(offset % 64 == 0 for offset in layout.offsets)
    ends = [offset + size for offset, size in zip(layout.offsets, layout.plane_bytes, strict=True)]
    assert all(end <= begin for end, begin in zip(ends, [*layout.offsets[1:], layout.size], strict=True))
    picture = Picture(layout)
    for index, plane in enumerate(picture.frame.planes):
        plane[:] = index + 1
    for index, plane in enumerate(picture.frame.planes):
        assert (plane == index + 1).all()
        first_row = plane[-1 if flipped else 0]
        assert picture.addresses[index] == first_row.__array_interface__["data"][0]
    shapes = pixel_format.plane_shapes(51, 33)
    rows = [line * (shape[0] - 1) + math.prod(shape[1:]) for line, shape in zip(layout.linesizes, shapes, strict=True)]
    assert list(layout.plane_bytes) == rows


def test_a_layout_that_is_no_picture_is_refused() -> None:
    with pytest.raises(FrameLayoutError):
        Mailbox(Layout(PixelFormat.BGRA, 8, 8, (32,), COLOUR))
    with pytest.raises(FrameLayoutError):
        Mailbox(Layout(PixelFormat.BGRA, 32, 32, (16,), COLOUR))


def test_pictures_begin_empty() -> None:
    assert not np.concatenate([plane.ravel() for plane in Picture(SMALL).frame.planes]).any()
