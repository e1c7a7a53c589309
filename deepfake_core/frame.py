"""Frame: the planes of one video picture, with exact and fast ways between a part of it and BGR."""

import math
from collections.abc import Sequence
from typing import Self

import cv2
import numpy as np

from deepfake_core.colour import Colour
from deepfake_core.pixel_format import Box, PixelFormat
from deepfake_core.pixels import pixels

__all__ = ["MAX_SIDE", "MIN_SIDE", "Box", "Colour", "Frame", "FrameLayoutError", "PixelFormat"]

MIN_SIDE = 16
MAX_SIDE = 4096

# A face is still recognised by people who know it at 7 x 10 pixels (Sinha et al. 2006, "Face recognition by
# humans: nineteen results", result 1). With 6 samples across the picture's shorter side, even a face that
# fills the picture is left with fewer than that.
_BLUR_SAMPLES = 6

# Below this scale, plain bilinear sampling would leave pixels out.
_LEAST_SCALE = 0.6


class FrameLayoutError(ValueError):
    """The size, format or memory given does not describe a picture this filter can handle."""


class Frame:
    """One picture: a view on somebody's memory or on its own. Not safe to write from two threads at once.

    ``planes`` are uint8 arrays in ``PixelFormat.plane_shapes``, always upright, also where the memory holds
    the picture bottom-up. (Chroma sites are counted from the upright top: a bottom-up 4:2:0 picture of odd
    height, which no known source sends, has its chroma one row off.)
    """

    __slots__ = ("_pixels", "_span", "colour", "format", "height", "planes", "timestamp_ns", "width")

    def __init__(
        self,
        pixel_format: PixelFormat,
        width: int,
        height: int,
        planes: tuple[np.ndarray, ...],
        colour: Colour,
        *,
        timestamp_ns: int = 0,
    ):
        _check_size(width, height)
        self.format = pixel_format
        self.width = width
        self.height = height
        self.planes = planes
        self.colour = colour
        self.timestamp_ns = timestamp_ns
        self._pixels = pixels(pixel_format, planes, width, colour)
        self._span: tuple[np.ndarray, tuple[object, ...]] | None = None

    @classmethod
    def over(  # noqa: PLR0917 - the fields of an obs_source_frame in its own order
        cls,
        buffer: np.ndarray,
        pixel_format: PixelFormat,
        width: int,
        height: int,
        offsets: Sequence[int],
        linesizes: Sequence[int],
        colour: Colour,
        timestamp_ns: int = 0,
        flipped: bool = False,
    ) -> Self:
        """A frame over ``buffer`` (uint8, 1-D, contiguous), the single allocation that holds its planes.

        Plane i begins ``offsets[i]`` bytes into the buffer and its rows are ``linesizes[i]`` bytes apart;
        further entries are ignored. ``flipped``: the bottom row comes first in memory. Bytes between rows may
        be overwritten by ``copy_from``. Raises FrameLayoutError where a plane would leave the buffer.
        """
        _check_size(width, height)
        planes = []
        end = 0
        shapes = pixel_format.plane_shapes(width, height)
        count = len(shapes)
        offsets, linesizes = tuple(offsets[:count]), tuple(linesizes[:count])
        for shape, offset, linesize in zip(shapes, offsets, linesizes, strict=True):
            row_bytes = math.prod(shape[1:])
            end = max(end, offset + (shape[0] - 1) * linesize + row_bytes)
            if linesize < row_bytes or offset < 0 or end > buffer.size:
                raise FrameLayoutError(
                    f"A {width} x {height} {pixel_format.name} frame with lines of {linesize} bytes does not "
                    f"fit its memory of {buffer.size} bytes: choose another video format for the camera."
                )
            strides = (linesize, shape[2], 1) if len(shape) == 3 else (linesize, 1)
            plane: np.ndarray = np.ndarray(shape, np.uint8, buffer, offset, strides)
            planes.append(plane[::-1] if flipped else plane)
        frame = cls(pixel_format, width, height, tuple(planes), colour, timestamp_ns=timestamp_ns)
        start = min(offsets)
        relative = tuple(offset - start for offset in offsets)
        frame._span = (buffer[start:end], (relative, linesizes, flipped))
        return frame

    @classmethod
    def allocate(
        cls,
        pixel_format: PixelFormat,
        width: int,
        height: int,
        colour: Colour | None = None,
        timestamp_ns: int = 0,
    ) -> Self:
        """A frame with zeroed memory of its own and tight rows.

        ``colour`` None: libobs' default, BT.709, limited for YUV and full for other formats.
        """
        _check_size(width, height)
        shapes = pixel_format.plane_shapes(width, height)
        sizes = [math.prod(shape) for shape in shapes]
        offsets = [sum(sizes[:index]) for index in range(len(sizes))]
        linesizes = [size // shape[0] for size, shape in zip(sizes, shapes, strict=True)]
        return cls.over(
            np.zeros(sum(sizes), np.uint8),
            pixel_format,
            width,
            height,
            offsets,
            linesizes,
            Colour.bt709(full_range=not pixel_format.is_yuv) if colour is None else colour,
            timestamp_ns,
        )

    @classmethod
    def like(cls, other: "Frame") -> Self:
        """A zeroed frame with memory of its own and the format, size, colour and timestamp of ``other``."""
        return cls.allocate(other.format, other.width, other.height, other.colour, other.timestamp_ns)

    @classmethod
    def from_bgr(cls, bgr: np.ndarray, timestamp_ns: int = 0) -> Self:
        """A BGR3 frame over ``bgr``, uint8 (h, w, 3), without copying: writing to one writes to the other."""
        if bgr.dtype != np.uint8 or bgr.ndim != 3 or bgr.shape[2] != 3:
            raise FrameLayoutError("A BGR picture is a uint8 array of shape (height, width, 3).")
        height, width = bgr.shape[:2]
        return cls(PixelFormat.BGR3, width, height, (bgr,), Colour.bt709(full_range=True), timestamp_ns=timestamp_ns)

    @property
    def box(self) -> Box:
        """The whole picture."""
        return Box(0, 0, self.width, self.height)

    def align(self, box: Box) -> Box:
        """``box`` clipped to the picture and grown to whole chroma sites: what is fastest to read and write.

        A box that does not meet the picture becomes empty (no width or no height).
        """
        step_x, step_y = self.format.chroma_step
        x0 = min(max(box.x0, 0), self.width) // step_x * step_x
        y0 = min(max(box.y0, 0), self.height) // step_y * step_y
        x1 = min(-(-max(box.x1, x0) // step_x) * step_x, self.width)
        y1 = min(-(-max(box.y1, y0) // step_y) * step_y, self.height)
        return Box(x0, y0, x1, y1)

    def region(self, box: Box, out: np.ndarray | None = None) -> np.ndarray:
        """uint8 (h, w, 3) BGR of ``box``, which must lie inside the picture; nothing else is converted.

        ``out``, where given, is a uint8 (h, w, 3) array that receives the result.
        """
        self._check_box(box)
        aligned = self.align(box)
        if aligned == box:
            return self._pixels.read(box, out)
        whole = self._pixels.read(aligned, None)
        left, top = box.x0 - aligned.x0, box.y0 - aligned.y0
        part = whole[top : top + box.height, left : left + box.width]
        if out is None:
            return np.ascontiguousarray(part)
        np.copyto(out, part)
        return out

    def square(self, to_square: np.ndarray, size: int, *, averaged: bool = True) -> np.ndarray:
        """uint8 (size, size, 3) BGR of a square, upright or not; edges repeat beyond the picture.

        to_square: (2, 3) similarity, px of the picture -> px of the square, pixel centres on whole numbers; averaged:
        where that shrinks much, the picture is averaged first, else it is sampled bilinearly as it is.
        """
        to_picture = cv2.invertAffineTransform(to_square)
        middle = to_picture[:, :2] @ np.full(2, size / 2) + to_picture[:, 2]
        reach = 0.5 * size * np.abs(to_picture[:, :2]).sum(1) + 2
        left, top = np.floor(middle - reach).tolist()
        right, bottom = np.ceil(middle + reach).tolist()
        # Of a square beside the picture, the pixels next to it are left.
        x0, y0 = int(min(max(left, 0), self.width - 1)), int(min(max(top, 0), self.height - 1))
        x1, y1 = int(max(min(right, self.width), x0 + 1)), int(max(min(bottom, self.height), y0 + 1))
        halvings = 0
        if averaged:
            scale = math.hypot(to_square[0, 0], to_square[1, 0])
            halvings = math.ceil(math.log2(_LEAST_SCALE / scale)) if 0 < scale < _LEAST_SCALE else 0
        return self._pixels.warped(self.align(Box(x0, y0, x1, y1)), to_square, size, halvings)

    def to_bgr(self) -> np.ndarray:
        """uint8 (height, width, 3) BGR of the whole picture, in new memory."""
        return self.region(self.box)

    def thumbnail(self, max_side: int) -> tuple[np.ndarray, float]:
        """The picture as BGR with its longer side at most ``max_side``, and the scale: frame = thumbnail / scale.

        Planes are averaged down before they are converted, which costs a fraction of converting them all.
        """
        scale = min(1.0, max_side / max(self.width, self.height))
        if scale == 1.0:
            return self.to_bgr(), scale
        width, height = max(1, round(self.width * scale)), max(1, round(self.height * scale))
        return self._pixels.resized(width, height), scale

    def blend(self, box: Box, bgr: np.ndarray, matte: np.ndarray) -> None:
        """Mix ``bgr`` into ``box`` in place: matte 255 shows ``bgr``, 0 leaves the picture.

        ``bgr``: uint8 (h, w, 3); ``matte``: uint8 (h, w); ``box`` must lie inside the picture. Samples under
        matte 0 stay bit-exact, a chroma sample where all of its pixels have matte 0; so does alpha everywhere.
        """
        self._check_box(box)
        aligned = self.align(box)
        if aligned != box:
            margins = (
                box.y0 - aligned.y0,
                aligned.y1 - box.y1,
                box.x0 - aligned.x0,
                aligned.x1 - box.x1,
            )
            bgr = cv2.copyMakeBorder(bgr, *margins, cv2.BORDER_REPLICATE)
            matte = cv2.copyMakeBorder(matte, *margins, cv2.BORDER_CONSTANT, value=0)
        self._pixels.blend(aligned, bgr, matte)

    def mix(self, other: "Frame", share: float) -> None:
        """Pass over into another frame of the same layout, in place: 0 leaves the picture, 1 makes it `other`'s."""
        if not self.same_layout(other):
            raise FrameLayoutError("Two pictures of different layouts cannot be mixed: convert one first.")
        for mine, theirs in zip(self.planes, other.planes, strict=True):
            parts = np.ascontiguousarray(mine), np.ascontiguousarray(theirs)
            np.copyto(mine, cv2.addWeighted(parts[0], 1.0 - share, parts[1], share, 0.0))

    def blur(self) -> None:
        """Blur the whole picture so strongly that nobody is recognised; alpha stays.

        It is reduced to 6 samples across its shorter side (see ``_BLUR_SAMPLES``) and enlarged smoothly.
        """
        scale = _BLUR_SAMPLES / min(self.width, self.height)
        size = max(1, round(self.width * scale)), max(1, round(self.height * scale))
        for part in self._pixels.components():
            samples = cv2.resize(part, size, interpolation=cv2.INTER_AREA)
            height, width = part.shape[:2]
            np.copyto(part, cv2.resize(samples, (width, height), interpolation=cv2.INTER_CUBIC))

    def fill(self, bgr: Sequence[int]) -> None:
        """Fill the whole picture with one colour (blue, green, red), 0..255; alpha becomes opaque."""
        self._pixels.fill(np.array(bgr, np.uint8))

    def same_layout(self, other: "Frame") -> bool:
        """Whether samples mean the same in both: format, size and colour. Line sizes and flip may differ."""
        return (
            self.format is other.format
            and self.width == other.width
            and self.height == other.height
            and self.colour == other.colour
        )

    def copy_from(self, other: "Frame") -> None:
        """Copy every sample of ``other`` (not its timestamp). Raises FrameLayoutError for another layout."""
        if not self.same_layout(other):
            raise FrameLayoutError(
                f"A {other.width} x {other.height} {other.format.name} frame cannot be copied into a "
                f"{self.width} x {self.height} {self.format.name} frame of its own colour: convert it first."
            )
        if self._span and other._span and self._span[1] == other._span[1]:
            np.copyto(self._span[0], other._span[0])
            return
        for mine, theirs in zip(self.planes, other.planes, strict=True):
            np.copyto(mine, theirs)

    def _check_box(self, box: Box) -> None:
        if not (0 <= box.x0 < box.x1 <= self.width and 0 <= box.y0 < box.y1 <= self.height):
            raise ValueError(f"{box} is empty or leaves the {self.width} x {self.height} picture: clip it first.")


def _check_size(width: int, height: int) -> None:
    if not (MIN_SIDE <= width <= MAX_SIDE and MIN_SIDE <= height <= MAX_SIDE):
        raise FrameLayoutError(
            f"A picture of {width} x {height} px cannot be handled: choose a camera resolution between "
            f"{MIN_SIDE} and {MAX_SIDE} px a side."
        )
