"""Frames as libobs hands them over: which fields make a layout, and planes out and in again."""

import ctypes
from typing import Any

import numpy as np
import pytest

from deepfake_core.mailbox import Picture
from deepfake_core.pixel_format import PixelFormat

WIDTH, HEIGHT = 50, 34
LINES = {
    PixelFormat.I420: (64, 32, 32),
    PixelFormat.NV12: (64, 64),
    PixelFormat.YVYU: (128,),
    PixelFormat.YUY2: (100,),
    PixelFormat.UYVY: (128,),
    PixelFormat.RGBA: (256,),
    PixelFormat.BGRA: (200,),
    PixelFormat.BGRX: (256,),
    PixelFormat.Y800: (64,),
    PixelFormat.I444: (64, 64, 64),
    PixelFormat.BGR3: (192,),
    PixelFormat.I422: (64, 32, 32),
}


class ObsFrame:
    """An obs_source_frame over memory of our own, filled with noise."""

    def __init__(
        self, pixel_format: int, lines: tuple[int, ...] = (), width: int = WIDTH, height: int = HEIGHT
    ) -> None:
        from deepfake_core.obs.libobs import SourceFrame

        noise = np.random.default_rng(1)
        self.planes = [noise.integers(0, 256, line * HEIGHT, np.uint8) for line in lines]
        self.c: Any = SourceFrame(width=WIDTH, height=HEIGHT, timestamp=123_456_789, format=pixel_format)
        for index, (line, plane) in enumerate(zip(lines, self.planes, strict=True)):
            self.c.linesize[index] = line
            self.c.data[index] = plane.ctypes.data
        self.c.color_matrix[:] = [1, 0, 0, 0, 0, 1, 0, 0, 0, 0, 1, 0, 0, 0, 0, 1]
        self.c.color_range_max[:] = [1, 1, 1]

    @property
    def fields(self) -> bytes:
        from deepfake_core.obs import source_frame

        return source_frame.header(ctypes.addressof(self.c))


@pytest.mark.parametrize("pixel_format", LINES, ids=lambda value: value.name)
def test_every_format_goes_out_and_comes_back(pixel_format: PixelFormat) -> None:
    from deepfake_core.obs import source_frame

    frame = ObsFrame(pixel_format, LINES[pixel_format])
    layout = source_frame.layout(frame.fields)
    assert (layout.format, layout.width, layout.height) == (pixel_format, WIDTH, HEIGHT)
    assert layout.linesizes == LINES[pixel_format]
    assert source_frame.timestamp(frame.fields) == 123_456_789
    picture = Picture(layout)
    source_frame.copy_out(frame.fields, picture.addresses, layout.plane_bytes)
    shapes = pixel_format.plane_shapes(WIDTH, HEIGHT)
    originals = [plane.copy() for plane in frame.planes]
    for shape, line, original, copied in zip(shapes, layout.linesizes, originals, picture.frame.planes, strict=True):
        rows = original[: shape[0] * line].reshape(shape[0], line)[:, : int(np.prod(shape[1:]))].reshape(shape)
        assert (copied == rows).all()
    for plane in picture.frame.planes:
        plane[:] = 255 - plane
    source_frame.copy_in(frame.fields, picture.addresses, layout.plane_bytes)
    for original, now, size in zip(originals, frame.planes, layout.plane_bytes, strict=True):
        assert (now[size:] == original[size:]).all(), "bytes beyond the last row were written"
    assert (frame.planes[0][: shapes[0][1]] == 255 - originals[0][: shapes[0][1]]).all()


def test_what_makes_another_layout_and_what_does_not() -> None:
    from deepfake_core.obs import source_frame

    frame = ObsFrame(PixelFormat.I420, LINES[PixelFormat.I420])
    key = source_frame.layout_key(frame.fields)

    def changed(**values: Any) -> bool:
        other = ObsFrame(PixelFormat.I420, LINES[PixelFormat.I420])
        for name, value in values.items():
            if isinstance(value, tuple):
                getattr(other.c, name)[value[0]] = value[1]
            else:
                setattr(other.c, name, value)
        return source_frame.layout_key(other.fields) != key

    assert not changed()
    assert not changed(timestamp=5)
    assert not changed(flags=1, refs=7, prev_frame=True, max_luminance=3)
    assert changed(width=WIDTH - 2)
    assert changed(height=HEIGHT - 2)
    assert changed(format=PixelFormat.I422)
    assert changed(linesize=(0, 128))
    assert changed(full_range=True)
    assert changed(flip=True)
    assert changed(color_matrix=(1, 0.5))
    assert changed(color_range_min=(0, 0.1))
    assert changed(color_range_max=(0, 0.9))


def test_a_flipped_frame_is_upright_for_the_pipeline() -> None:
    from deepfake_core.obs import source_frame

    frame = ObsFrame(PixelFormat.BGRA, LINES[PixelFormat.BGRA])
    frame.c.flip = True
    picture = Picture(source_frame.layout(frame.fields))
    source_frame.copy_out(frame.fields, picture.addresses, source_frame.layout(frame.fields).plane_bytes)
    last_row = frame.planes[0][200 * (HEIGHT - 1) :].reshape(WIDTH, 4)
    assert (picture.frame.planes[0][0] == last_row).all()


@pytest.mark.parametrize("pixel_format", [0, 13, 100, -1])
def test_a_format_that_is_not_known_is_named_with_the_cure(pixel_format: int) -> None:
    from deepfake_core.obs import source_frame

    with pytest.raises(source_frame.UnsupportedFrame, match=rf"video format {pixel_format}\b.* choose YUYV"):
        source_frame.layout(ObsFrame(pixel_format, (64,)).fields)


def test_a_frame_without_planes_is_refused() -> None:
    from deepfake_core.obs import source_frame

    with pytest.raises(source_frame.UnsupportedFrame, match="without pixels"):
        source_frame.layout(ObsFrame(PixelFormat.NV12, (64,)).fields)
