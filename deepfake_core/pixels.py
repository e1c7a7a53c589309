"""How the planes of a picture are read and written as BGR: one class per family of pixel formats.

Chroma is taken as the box average of the pixels that share a site, and given back to each of them: reading
what was just written returns the same chroma. No method keeps state besides the planes themselves.
"""

import abc

import cv2
import numpy as np

from deepfake_core.colour import Colour
from deepfake_core.pixel_format import Box, PixelFormat


class Pixels(abc.ABC):
    """The upright planes of one picture. Boxes lie inside it, on whole chroma sites (``Frame.align``)."""

    @abc.abstractmethod
    def read(self, box: Box, out: np.ndarray | None) -> np.ndarray:
        """uint8 (h, w, 3) BGR of the box, in ``out`` where that is given."""

    @abc.abstractmethod
    def blend(self, box: Box, bgr: np.ndarray, matte: np.ndarray) -> None:
        """Mix ``bgr`` into the box by ``matte``, in place; 0 keeps a sample bit-exact, 255 replaces it."""

    @abc.abstractmethod
    def resized(self, width: int, height: int) -> np.ndarray:
        """uint8 (height, width, 3) BGR of the whole picture, area-averaged, planes first."""

    @abc.abstractmethod
    def fill(self, bgr: np.ndarray) -> None:
        """One colour, uint8 (3,), in the whole picture; alpha becomes opaque."""

    @abc.abstractmethod
    def components(self) -> tuple[np.ndarray, ...]:
        """Writable views (rows, columns) of the colour components, alpha left out."""


class _YuvPixels(Pixels):
    """Planar, semi-planar and packed YUV, seen as three components of one byte."""

    def __init__(self, pixel_format: PixelFormat, planes: tuple[np.ndarray, ...], width: int, colour: Colour):
        self._step_x, self._step_y = pixel_format.chroma_step
        self._colour = colour
        if pixel_format in _PACKED_ORDER:
            (sites,) = planes
            luma, blue, red = _PACKED_ORDER[pixel_format]
            every_second_byte = sites[:, :, luma::2].reshape(sites.shape[0], -1)
            self._luma = every_second_byte[:, :width]
            self._blue, self._red = sites[:, :, blue], sites[:, :, red]
        elif pixel_format is PixelFormat.NV12:
            self._luma = planes[0]
            self._blue, self._red = planes[1][:, :, 0], planes[1][:, :, 1]
        else:
            self._luma, self._blue, self._red = planes

    def read(self, box: Box, out: np.ndarray | None) -> np.ndarray:
        luma = self._luma[box.y0 : box.y1, box.x0 : box.x1]
        blue, red = self._sites(box)
        if self._step_x > 1:
            # Interleaved, because OpenCV enlarges two channels faster than one.
            size = (blue.shape[1] * self._step_x, blue.shape[0] * self._step_y)
            chroma = cv2.resize(cv2.merge([blue, red]), size, interpolation=cv2.INTER_NEAREST)
            blue, red = cv2.split(chroma[: luma.shape[0], : luma.shape[1]])
        return self._to_bgr(luma, blue, red, out)

    def blend(self, box: Box, bgr: np.ndarray, matte: np.ndarray) -> None:
        # Both are weighted before chroma is averaged over its sites, so that what lies outside the matte
        # cannot bleed into it: site = old * mean(1 - matte) + mean(matte * new).
        keep = cv2.bitwise_not(matte)
        weighted = [_scaled(part, matte) for part in cv2.split(cv2.transform(bgr, self._colour.bgr_to_yuv))]
        luma = self._luma[box.y0 : box.y1, box.x0 : box.x1]
        np.copyto(luma, cv2.add(_scaled(luma, keep), weighted[0]))
        site_keep = cv2.bitwise_not(self._averaged(matte))
        for plane, new in zip(self._sites(box), weighted[1:], strict=True):
            np.copyto(plane, cv2.add(_scaled(plane, site_keep), self._averaged(new)))

    def resized(self, width: int, height: int) -> np.ndarray:
        luma, blue, red = (_area(part, width, height) for part in self.components())
        return self._to_bgr(luma, blue, red, None)

    def fill(self, bgr: np.ndarray) -> None:
        values = cv2.transform(bgr.reshape(1, 1, 3), self._colour.bgr_to_yuv).ravel()
        for part, value in zip(self.components(), values, strict=True):
            part[...] = value

    def components(self) -> tuple[np.ndarray, ...]:
        return self._luma, self._blue, self._red

    def _sites(self, box: Box) -> tuple[np.ndarray, np.ndarray]:
        rows = slice(box.y0 // self._step_y, -(-box.y1 // self._step_y))
        columns = slice(box.x0 // self._step_x, -(-box.x1 // self._step_x))
        return self._blue[rows, columns], self._red[rows, columns]

    def _averaged(self, part: np.ndarray) -> np.ndarray:
        """Mean of ``part`` (h, w) over each chroma site; a site cut by the picture's edge has fewer pixels."""
        if self._step_x == 1:
            return part
        height, width = part.shape
        right, below = width % 2, height % 2 * (self._step_y - 1)
        if right or below:
            part = cv2.copyMakeBorder(part, 0, below, 0, right, cv2.BORDER_REPLICATE)
        if self._step_y == 1:
            # Halving both sides is OpenCV's fast case, many times faster than halving the width alone.
            part = part.repeat(2, axis=0)
        return cv2.resize(part, None, fx=0.5, fy=0.5, interpolation=cv2.INTER_AREA)

    def _to_bgr(self, luma: np.ndarray, blue: np.ndarray, red: np.ndarray, out: np.ndarray | None) -> np.ndarray:
        if not self._colour.full_range:
            bounds = zip(self._colour.low, self._colour.high, strict=True)
            (y0, y1), (u0, u1), (v0, v1) = bounds
            luma, blue, red = _clipped(luma, y0, y1), _clipped(blue, u0, u1), _clipped(red, v0, v1)
        return cv2.transform(cv2.merge([luma, blue, red]), self._colour.yuv_to_bgr, out)


class _RgbPixels(Pixels):
    """BGRA, BGRX, RGBA and BGR3: one interleaved plane."""

    def __init__(self, pixel_format: PixelFormat, planes: tuple[np.ndarray, ...], colour: Colour):
        (self._plane,) = planes
        self._colour = colour
        self._red_first = pixel_format is PixelFormat.RGBA

    def read(self, box: Box, out: np.ndarray | None) -> np.ndarray:
        return self._to_bgr(self._plane[box.y0 : box.y1, box.x0 : box.x1], out)

    def blend(self, box: Box, bgr: np.ndarray, matte: np.ndarray) -> None:
        target = self._plane[box.y0 : box.y1, box.x0 : box.x1]
        keep = cv2.bitwise_not(matte)
        if not self._colour.full_range:
            bgr = cv2.LUT(bgr, self._colour.compress)
        parts = list(cv2.split(target))
        new = cv2.split(bgr)
        for channel, part in enumerate(reversed(new) if self._red_first else new):
            parts[channel] = cv2.add(_scaled(parts[channel], keep), _scaled(part, matte))
        np.copyto(target, cv2.merge(parts))

    def resized(self, width: int, height: int) -> np.ndarray:
        return self._to_bgr(_area(self._plane, width, height), None)

    def fill(self, bgr: np.ndarray) -> None:
        self._plane[...] = 255
        values = self._colour.compress[bgr]
        self._plane[..., :3] = values[::-1] if self._red_first else values

    def components(self) -> tuple[np.ndarray, ...]:
        return self._plane[..., 0], self._plane[..., 1], self._plane[..., 2]

    def _to_bgr(self, samples: np.ndarray, out: np.ndarray | None) -> np.ndarray:
        out = np.empty((*samples.shape[:2], 3), np.uint8) if out is None else out
        if self._red_first:
            cv2.cvtColor(samples, cv2.COLOR_RGBA2BGR, out)
        elif samples.shape[2] == 4:
            cv2.cvtColor(samples, cv2.COLOR_BGRA2BGR, out)
        else:
            np.copyto(out, samples)
        return out if self._colour.full_range else cv2.LUT(out, self._colour.expand, out)


class _GreyPixels(Pixels):
    """Y800: one plane of brightness."""

    def __init__(self, planes: tuple[np.ndarray, ...], colour: Colour):
        (self._plane,) = planes
        self._colour = colour

    def read(self, box: Box, out: np.ndarray | None) -> np.ndarray:
        return self._to_bgr(self._plane[box.y0 : box.y1, box.x0 : box.x1], out)

    def blend(self, box: Box, bgr: np.ndarray, matte: np.ndarray) -> None:
        target = self._plane[box.y0 : box.y1, box.x0 : box.x1]
        new = cv2.LUT(cv2.cvtColor(bgr, cv2.COLOR_BGR2GRAY), self._colour.compress)
        np.copyto(target, cv2.add(_scaled(target, cv2.bitwise_not(matte)), _scaled(new, matte)))

    def resized(self, width: int, height: int) -> np.ndarray:
        return self._to_bgr(_area(self._plane, width, height), None)

    def fill(self, bgr: np.ndarray) -> None:
        grey = cv2.cvtColor(bgr.reshape(1, 1, 3), cv2.COLOR_BGR2GRAY)[0, 0]
        self._plane[...] = self._colour.compress[grey]

    def components(self) -> tuple[np.ndarray, ...]:
        return (self._plane,)

    def _to_bgr(self, samples: np.ndarray, out: np.ndarray | None) -> np.ndarray:
        return cv2.cvtColor(cv2.LUT(samples, self._colour.expand), cv2.COLOR_GRAY2BGR, out)


def pixels(pixel_format: PixelFormat, planes: tuple[np.ndarray, ...], width: int, colour: Colour) -> Pixels:
    """Reader and writer of upright ``planes`` of this format; ``width`` in pixels."""
    if pixel_format.is_yuv:
        return _YuvPixels(pixel_format, planes, width, colour)
    if pixel_format is PixelFormat.Y800:
        return _GreyPixels(planes, colour)
    return _RgbPixels(pixel_format, planes, colour)


# Byte of the first luma sample, of U and of V in a packed 4:2:2 site.
_PACKED_ORDER = {PixelFormat.YUY2: (0, 1, 3), PixelFormat.YVYU: (0, 3, 1), PixelFormat.UYVY: (1, 0, 2)}


def _scaled(part: np.ndarray, weight: np.ndarray) -> np.ndarray:
    """part * weight / 255, rounded: weights w and 255 - w of the same value add up to it exactly."""
    return cv2.multiply(part, weight, scale=1 / 255)


def _clipped(part: np.ndarray, low: float, high: float) -> np.ndarray:
    return np.minimum(np.maximum(part, np.uint8(low)), np.uint8(high))


def _area(part: np.ndarray, width: int, height: int) -> np.ndarray:
    return cv2.resize(part, (width, height), interpolation=cv2.INTER_AREA)
