"""libobs' 8-bit pixel formats and the shape of their planes."""

import enum
from typing import NamedTuple


class Box(NamedTuple):
    """A rectangle in pixels of the full frame; ``x1`` and ``y1`` are exclusive."""

    x0: int
    y0: int
    x1: int
    y1: int

    @property
    def width(self) -> int:
        """Columns inside the box."""
        return self.x1 - self.x0

    @property
    def height(self) -> int:
        """Rows inside the box."""
        return self.y1 - self.y0


class PixelFormat(enum.IntEnum):
    """The formats an OBS source delivers, with libobs' own numbers (``enum video_format``)."""

    I420 = 1
    NV12 = 2
    YVYU = 3
    YUY2 = 4
    UYVY = 5
    RGBA = 6
    BGRA = 7
    BGRX = 8
    Y800 = 9
    I444 = 10
    BGR3 = 11
    I422 = 12

    @property
    def is_yuv(self) -> bool:
        """Whether the frame's colour matrix applies (libobs' ``format_is_yuv``: grey does not count)."""
        return self not in _WITHOUT_MATRIX

    @property
    def is_packed(self) -> bool:
        """Whether luma and chroma bytes of two pixels take turns in one plane of sites."""
        return self in _PACKED

    @property
    def chroma_step(self) -> tuple[int, int]:
        """Luma columns and rows that share one chroma site: (2, 2), (2, 1) or (1, 1)."""
        if self in (PixelFormat.I420, PixelFormat.NV12):
            return 2, 2
        if self in _PACKED or self is PixelFormat.I422:
            return 2, 1
        return 1, 1

    def plane_shapes(self, width: int, height: int) -> tuple[tuple[int, ...], ...]:
        """Array shape of every plane of a ``width`` x ``height`` picture; odd sizes round chroma up.

        Planes of one component are (rows, columns); interleaved ones (rows, sites, bytes per site), where a
        site of the packed 4:2:2 formats holds two pixels in four bytes.
        """
        step_x, step_y = self.chroma_step
        sites_x, sites_y = -(-width // step_x), -(-height // step_y)
        if self is PixelFormat.NV12:
            return (height, width), (sites_y, sites_x, 2)
        if self in _PACKED:
            return ((height, sites_x, 4),)
        if self in (PixelFormat.RGBA, PixelFormat.BGRA, PixelFormat.BGRX):
            return ((height, width, 4),)
        if self is PixelFormat.BGR3:
            return ((height, width, 3),)
        if self is PixelFormat.Y800:
            return ((height, width),)
        return (height, width), (sites_y, sites_x), (sites_y, sites_x)


_PACKED = (PixelFormat.YUY2, PixelFormat.YVYU, PixelFormat.UYVY)
_WITHOUT_MATRIX = (
    PixelFormat.RGBA,
    PixelFormat.BGRA,
    PixelFormat.BGRX,
    PixelFormat.BGR3,
    PixelFormat.Y800,
)
