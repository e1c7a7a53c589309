"""Where the graphics thread and a worker exchange pictures of one layout without ever waiting for each other."""

import math
import mmap
import time
from collections import deque
from dataclasses import dataclass
from functools import cached_property

import numpy as np

from deepfake_core.colour import Colour
from deepfake_core.disclosure.mark import MarkedFrame
from deepfake_core.frame import Frame
from deepfake_core.pixel_format import PixelFormat

STALE_NS = 1_000_000_000
"""A picture whose camera frame is this much older than the newest one is not shown any more."""

_PICTURES = 3
"""One being worked on, one shown, one being filled: with these none of the two threads ever runs out."""

_ALIGNMENT = 64
"""Planes begin on cache lines."""


@dataclass(frozen=True)
class Layout:
    """What must be equal for one picture's bytes to stand in for another's.

    linesizes: bytes from one row to the next, for each plane, as the camera's frame has them.
    """

    format: PixelFormat
    width: int
    height: int
    linesizes: tuple[int, ...]
    colour: Colour
    flipped: bool = False

    @cached_property
    def plane_bytes(self) -> tuple[int, ...]:
        """Bytes of each plane from its first to its last used one; the last row's padding may not be there."""
        shapes = self.format.plane_shapes(self.width, self.height)
        return tuple(
            line * (shape[0] - 1) + math.prod(shape[1:]) for line, shape in zip(self.linesizes, shapes, strict=True)
        )

    @cached_property
    def offsets(self) -> tuple[int, ...]:
        """Where each plane begins in a picture's own buffer."""
        shapes = self.format.plane_shapes(self.width, self.height)
        begins, end = [], 0
        for line, shape in zip(self.linesizes, shapes, strict=True):
            begins.append(end)
            end += -(-line * shape[0] // _ALIGNMENT) * _ALIGNMENT
        return tuple(begins)

    @cached_property
    def size(self) -> int:
        """Bytes of a picture's own buffer."""
        rows = self.format.plane_shapes(self.width, self.height)[-1][0]
        return self.offsets[-1] + self.linesizes[-1] * rows


class Picture:
    """A buffer of one layout. Raises FrameLayoutError when the layout does not describe a picture."""

    def __init__(self, layout: Layout) -> None:
        # Pages of its own, which go back to the system with the picture: freed blocks of this size would stay in one of
        # malloc's arenas, of which each new worker thread gets another.
        buffer = np.frombuffer(mmap.mmap(-1, layout.size), np.uint8)
        self.frame = Frame.over(
            buffer,
            layout.format,
            layout.width,
            layout.height,
            layout.offsets,
            layout.linesizes,
            layout.colour,
            flipped=layout.flipped,
        )
        self.addresses = tuple(buffer.ctypes.data + offset for offset in layout.offsets)
        """Where each plane begins in memory; valid as long as `frame` lives."""
        self.arrived = 0
        """When the camera's frame came, in ns (time.monotonic_ns)."""
        self.shown = False
        """Whether the finished picture has left for OBS at least once."""


class Mailbox:
    """Three pictures that go round between the graphics thread and a worker; the newest frame wins.

    The graphics thread calls `claim`, `post` and `showing`, the worker `take`, `publish`, `discard` and sets `slate`.
    Nothing here takes a lock: a picture changes hands in one step of a deque or one store, and at each moment only
    one thread may write to it. The graphics thread must finish its copy into a picture (`post`) before it asks for
    `showing`: then no picture that it reads can be the one that it writes.
    """

    def __init__(self, layout: Layout) -> None:
        self.layout = layout
        self.slate: Picture | None = None
        """A marked picture without any camera pixel, shown while there is no result that is young enough."""
        self._free = deque(Picture(layout) for _ in range(_PICTURES))
        self._inbox: deque[Picture] = deque()
        self._result: Picture | None = None
        self._newest = 0
        self._previous = 0

    def claim(self) -> tuple[Picture, bool]:
        """A picture to copy the camera's frame into, and whether a frame that nobody took is dropped for it."""
        try:
            return self._inbox.pop(), True
        except IndexError:
            pass
        try:
            return self._free.pop(), False
        except IndexError:  # A worker's thread died with a picture in its hand.
            return Picture(self.layout), False

    def post(self, picture: Picture, timestamp: int) -> None:
        """Offer a claimed picture to the worker; timestamp: OBS's, in ns."""
        now = time.monotonic_ns()
        self._previous, self._newest = self._newest, now
        picture.arrived = now
        picture.frame.timestamp_ns = timestamp
        picture.shown = False
        self._inbox.append(picture)

    def showing(self) -> Picture | None:
        """What OBS may show now: the newest result, the slate when that is too old, or nothing.

        Age counts in camera frames' times: a slow camera's picture is not old, a stuck worker's is.
        """
        result = self._result
        if result is not None and self._previous - result.arrived < STALE_NS:
            return result
        return self.slate

    def take(self) -> Picture | None:
        """The newest camera frame, to be worked on; None when there is no new one."""
        try:
            return self._inbox.popleft()
        except IndexError:
            return None

    def publish(self, picture: Picture, marked: MarkedFrame) -> None:
        """Make a taken picture the result. Raises ValueError when `marked` is not this picture."""
        if marked.frame is not picture.frame:
            self.discard(picture)
            raise ValueError("the marked frame is not the one that the worker took")
        previous, self._result = self._result, picture
        if previous is not None:
            self._free.append(previous)

    def discard(self, picture: Picture) -> None:
        """Give a taken picture back unshown; what was shown stays until it is too old."""
        self._free.append(picture)
