"""How the planes of a picture are read and written as BGR: one class per family of pixel formats.

Chroma is taken as the box average of the pixels that share a site, and given back to each of them: reading
what was just written returns the same chroma.
"""

import abc

import cv2
import numpy as np

from deepfake_core.colour import Colour
from deepfake_core.pixel_format import Box, PixelFormat
from deepfake_core.scratch import scratch


class Pixels(abc.ABC):
    """The upright planes of one picture. Boxes lie inside it, on whole chroma sites (``Frame.align``)."""

    @abc.abstractmethod
    def read(self, box: Box, out: np.ndarray | None) -> np.ndarray:
        """uint8 (h, w, 3) BGR of the box, in ``out`` where that is given."""

    def warped(self, box: Box, to_square: np.ndarray, size: int, halvings: int) -> np.ndarray:
        """uint8 (size, size, 3) BGR of a square, bilinear, from pixels of the box alone, its edges repeated.

        to_square: (2, 3), px of the picture -> px of the square; halvings: so often is the picture first averaged to
        half its size.
        """
        return _warped(self.read(box, None), _from_corner(to_square, box), size, halvings)

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
        """Writable views (rows, columns[, channels]) of the colour components, alpha left out."""


class _YuvPixels(Pixels):
    """Planar and semi-planar YUV, seen as three components of one byte."""

    def __init__(self, components: tuple[np.ndarray, ...], step: tuple[int, int], colour: Colour):
        self._luma, self._blue, self._red = components
        self._step_x, self._step_y = step
        self._colour = colour

    def read(self, box: Box, out: np.ndarray | None) -> np.ndarray:
        luma, blue, red = self._in_range(self._load(box))
        if self._step_x > 1:
            # Interleaved, because OpenCV enlarges two channels faster than one.
            sites = cv2.merge((blue, red), scratch("uv", (*blue.shape, 2)))
            height, width = blue.shape[0] * self._step_y, blue.shape[1] * self._step_x
            large = scratch("uv large", (height, width, 2))
            cv2.resize(sites, (width, height), large, interpolation=cv2.INTER_NEAREST)
            both = np.ascontiguousarray(large[: luma.shape[0], : luma.shape[1]])
            blue, red = cv2.split(both, [scratch("u large", luma.shape), scratch("v large", luma.shape)])
        samples = cv2.merge((luma, blue, red), scratch("yuv", (*luma.shape, 3)))
        return cv2.transform(samples, self._colour.yuv_to_bgr, out)

    def warped(self, box: Box, to_square: np.ndarray, size: int, halvings: int) -> np.ndarray:
        # Warped first, there are far fewer pixels to convert; and chroma has been averaged already.
        inside = _from_corner(to_square, box)
        step = np.array([self._step_x, self._step_y], np.float64)
        on_sites = _coarser(inside, step)
        luma, blue, red = self._load(box)
        fewer = max(halvings - 1, 0) if self._step_x > 1 else halvings
        parts = [_warped(luma, inside, size, halvings)]
        parts += [_warped(part, on_sites, size, fewer) for part in (blue, red)]
        return cv2.transform(cv2.merge(self._in_range(parts)), self._colour.yuv_to_bgr)

    def blend(self, box: Box, bgr: np.ndarray, matte: np.ndarray) -> None:
        # The new samples are weighted before chroma is averaged over its sites, so that what lies outside the
        # matte cannot bleed into it: site = old * mean(1 - matte) + mean(matte * new).
        samples = cv2.transform(bgr, self._colour.bgr_to_yuv, scratch("yuv", bgr.shape))
        parts = cv2.split(samples, [scratch(f"new {name}", matte.shape) for name in "yuv"])
        hard = _is_hard(matte)
        luma, blue, red = ((cv2.bitwise_and if hard else _scaled)(part, matte, part) for part in parts)
        site_matte = self._averaged(matte, "matte")
        old = self._load(box)
        if hard:
            cv2.copyTo(luma, matte, old[0])
        else:
            _mix(old[0], matte, luma)
        _mix(old[1], site_matte, self._averaged(blue, "u"))
        _mix(old[2], site_matte, self._averaged(red, "v"))
        self._store(box, old)

    def resized(self, width: int, height: int) -> np.ndarray:
        parts = self._in_range([_reduced(part, width, height) for part in self.components()])
        return cv2.transform(cv2.merge(parts), self._colour.yuv_to_bgr)

    def fill(self, bgr: np.ndarray) -> None:
        values = cv2.transform(bgr.reshape(1, 1, 3), self._colour.bgr_to_yuv).ravel()
        for part, value in zip(self.components(), values, strict=True):
            part[...] = value

    def components(self) -> tuple[np.ndarray, ...]:
        return self._luma, self._blue, self._red

    def _load(self, box: Box) -> list[np.ndarray]:
        """Contiguous copies of Y, U and V in the box: OpenCV is slow with strided ones, or refuses them."""
        copies = []
        for part, name in zip(self._views(box), "yuv", strict=True):
            copy = scratch(name, part.shape)
            np.copyto(copy, part)
            copies.append(copy)
        return copies

    def _store(self, box: Box, parts: list[np.ndarray]) -> None:
        for view, part in zip(self._views(box), parts, strict=True):
            np.copyto(view, part)

    def _views(self, box: Box) -> tuple[np.ndarray, ...]:
        rows, columns = self._sites(box)
        luma = self._luma[box.y0 : box.y1, box.x0 : box.x1]
        return luma, self._blue[rows, columns], self._red[rows, columns]

    def _sites(self, box: Box) -> tuple[slice, slice]:
        return (
            slice(box.y0 // self._step_y, -(-box.y1 // self._step_y)),
            slice(box.x0 // self._step_x, -(-box.x1 // self._step_x)),
        )

    def _averaged(self, part: np.ndarray, name: str) -> np.ndarray:
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
        size = part.shape[1] // 2, part.shape[0] // 2
        return cv2.resize(part, size, scratch(f"mean {name}", size[::-1]), interpolation=cv2.INTER_AREA)

    def _in_range(self, parts: list[np.ndarray]) -> list[np.ndarray]:
        """Y, U and V clipped in place, as OBS's shader does before it converts."""
        if not self._colour.full_range:
            for part, low, high in zip(parts, self._colour.low, self._colour.high, strict=True):
                np.clip(part, int(low), int(high), out=part)
        return parts


class _PackedPixels(_YuvPixels):
    """YUY2, YVYU and UYVY: luma and chroma bytes take turns, and so do U and V."""

    def __init__(self, pixel_format: PixelFormat, sites: np.ndarray, width: int, colour: Colour):
        luma, blue, red = _PACKED_ORDER[pixel_format]
        every_luma = sites[:, :, luma::2].reshape(sites.shape[0], -1)
        components = every_luma[:, :width], sites[:, :, blue], sites[:, :, red]
        super().__init__(components, pixel_format.chroma_step, colour)
        self._packed = sites
        self._luma_first = luma == 0
        self._blue_first = blue < red

    # Splitting and merging whole pixels is several times faster than picking every second or fourth byte.

    def _load(self, box: Box) -> list[np.ndarray]:
        if box.width % 2:
            return super()._load(box)
        sites = self._packed[self._sites(box)]
        copy = scratch("packed", (box.height, box.width, 2))
        np.copyto(copy.reshape(sites.shape), sites)
        pair = [scratch("y", copy.shape[:2]), scratch("c", copy.shape[:2])]
        luma, chroma = pair
        cv2.split(copy, pair if self._luma_first else pair[::-1])
        pair = [scratch("u", sites.shape[:2]), scratch("v", sites.shape[:2])]
        blue, red = pair
        cv2.split(chroma.reshape(*sites.shape[:2], 2), pair if self._blue_first else pair[::-1])
        return [luma, blue, red]

    def _store(self, box: Box, parts: list[np.ndarray]) -> None:
        if box.width % 2:
            super()._store(box, parts)
            return
        luma, blue, red = parts
        chroma = scratch("c", luma.shape)
        pair = (blue, red) if self._blue_first else (red, blue)
        cv2.merge(pair, chroma.reshape(*blue.shape, 2))
        copy = scratch("packed", (*luma.shape, 2))
        cv2.merge((luma, chroma) if self._luma_first else (chroma, luma), copy)
        sites = self._packed[self._sites(box)]
        np.copyto(sites, copy.reshape(sites.shape))


class _RgbPixels(Pixels):
    """BGRA, BGRX, RGBA and BGR3: one interleaved plane."""

    def __init__(self, pixel_format: PixelFormat, planes: tuple[np.ndarray, ...], colour: Colour):
        (self._plane,) = planes
        self._colour = colour
        self._red_first = pixel_format is PixelFormat.RGBA

    def read(self, box: Box, out: np.ndarray | None) -> np.ndarray:
        return self._to_bgr(self._plane[box.y0 : box.y1, box.x0 : box.x1], out)

    def warped(self, box: Box, to_square: np.ndarray, size: int, halvings: int) -> np.ndarray:
        samples = self._plane[box.y0 : box.y1, box.x0 : box.x1]
        if samples.strides[0] < 0:
            samples = np.ascontiguousarray(samples)
        return self._to_bgr(_warped(samples, _from_corner(to_square, box), size, halvings), None)

    def blend(self, box: Box, bgr: np.ndarray, matte: np.ndarray) -> None:
        if not self._colour.full_range:
            bgr = cv2.LUT(bgr, self._colour.compress)
        if self._red_first:
            bgr = cv2.cvtColor(bgr, cv2.COLOR_BGR2RGB, scratch("rgb", bgr.shape))
        target = self._plane[box.y0 : box.y1, box.x0 : box.x1]
        weights = [matte, matte, matte]
        if target.shape[2] == 4:
            # The fourth channel, alpha or nothing, has no weight: it stays.
            weights.append(np.zeros_like(matte))
            bgr = cv2.cvtColor(bgr, cv2.COLOR_BGR2BGRA, scratch("bgra", target.shape))
        weight = cv2.merge(weights, scratch("weight", target.shape))
        old = scratch("old", target.shape)
        np.copyto(old, target)
        if _is_hard(matte):
            np.copyto(target, cv2.copyTo(bgr, weight, old))
            return
        np.copyto(target, _mix(old, weight, _scaled(bgr, weight, scratch("weighted", target.shape))))

    def resized(self, width: int, height: int) -> np.ndarray:
        return self._to_bgr(_reduced(self._plane, width, height), None)

    def fill(self, bgr: np.ndarray) -> None:
        self._plane[...] = 255
        values = self._colour.compress[bgr]
        self._plane[..., :3] = values[::-1] if self._red_first else values

    def components(self) -> tuple[np.ndarray, ...]:
        return (self._plane[..., :3],)

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
        new = cv2.LUT(cv2.cvtColor(bgr, cv2.COLOR_BGR2GRAY), self._colour.compress)
        target = self._plane[box.y0 : box.y1, box.x0 : box.x1]
        np.copyto(target, _mix(target.copy(), matte, _scaled(new, matte, new)))

    def resized(self, width: int, height: int) -> np.ndarray:
        return self._to_bgr(_reduced(self._plane, width, height), None)

    def fill(self, bgr: np.ndarray) -> None:
        grey = cv2.cvtColor(bgr.reshape(1, 1, 3), cv2.COLOR_BGR2GRAY)[0, 0]
        self._plane[...] = self._colour.compress[grey]

    def components(self) -> tuple[np.ndarray, ...]:
        return (self._plane,)

    def _to_bgr(self, samples: np.ndarray, out: np.ndarray | None) -> np.ndarray:
        return cv2.cvtColor(cv2.LUT(samples, self._colour.expand), cv2.COLOR_GRAY2BGR, out)


def pixels(pixel_format: PixelFormat, planes: tuple[np.ndarray, ...], width: int, colour: Colour) -> Pixels:
    """Reader and writer of upright ``planes`` of this format; ``width`` in pixels."""
    if pixel_format in _PACKED_ORDER:
        return _PackedPixels(pixel_format, planes[0], width, colour)
    if pixel_format is PixelFormat.NV12:
        luma, chroma = planes
        return _YuvPixels((luma, chroma[:, :, 0], chroma[:, :, 1]), pixel_format.chroma_step, colour)
    if pixel_format.is_yuv:
        return _YuvPixels(planes, pixel_format.chroma_step, colour)
    if pixel_format is PixelFormat.Y800:
        return _GreyPixels(planes, colour)
    return _RgbPixels(pixel_format, planes, colour)


# Byte of the first luma sample, of U and of V in a packed 4:2:2 site.
_PACKED_ORDER = {PixelFormat.YUY2: (0, 1, 3), PixelFormat.YVYU: (0, 3, 1), PixelFormat.UYVY: (1, 0, 2)}


def _is_hard(matte: np.ndarray) -> bool:
    """Whether a matte is all 0 and 255, so that samples need only be copied."""
    return not cv2.countNonZero(cv2.inRange(matte, 1, 254, scratch("soft", matte.shape)))


def _scaled(part: np.ndarray, weight: np.ndarray, out: np.ndarray) -> np.ndarray:
    """part * weight / 255, rounded: weights w and 255 - w of the same value add up to it exactly."""
    return cv2.multiply(part, weight, out, scale=1 / 255)


def _mix(old: np.ndarray, matte: np.ndarray, weighted: np.ndarray) -> np.ndarray:
    """old * (1 - matte) + weighted, in place of ``old``."""
    keep = cv2.bitwise_not(matte, scratch("keep", matte.shape))
    return cv2.add(_scaled(old, keep, old), weighted, old)


def _from_corner(to_square: np.ndarray, box: Box) -> np.ndarray:
    """The map to a square, (2, 3), from px that are counted from the corner of a box."""
    moved = np.array(to_square, np.float64)
    moved[:, 2] += moved[:, :2] @ (box.x0, box.y0)
    return moved


def _coarser(to_square: np.ndarray, step: np.ndarray) -> np.ndarray:
    """The map to a square, (2, 3), from the px of a picture that is `step` (2,) times smaller."""
    # Pixel centres: x = step (x_small + 0.5) - 0.5.
    moved = to_square.copy()
    moved[:, 2] += to_square[:, :2] @ (0.5 * step - 0.5)
    moved[:, :2] *= step
    return moved


def _warped(part: np.ndarray, to_square: np.ndarray, size: int, halvings: int) -> np.ndarray:
    """A square out of a picture of one or three channels, which is averaged to half its size some times before."""
    for _ in range(halvings):
        height, width = part.shape[0] // 2, part.shape[1] // 2
        if not height or not width:
            break
        # Halving is OpenCV's fast case.
        part = cv2.resize(part[: 2 * height, : 2 * width], (width, height), interpolation=cv2.INTER_AREA)
        to_square = _coarser(to_square, np.full(2, 2.0))
    return cv2.warpAffine(part, to_square, (size, size), flags=cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE)


def _reduced(part: np.ndarray, width: int, height: int) -> np.ndarray:
    """Area average of ``part``, halved as often as possible first: OpenCV's fast case."""
    while part.shape[1] >= 2 * width and part.shape[0] >= 2 * height and not (part.shape[0] | part.shape[1]) & 1:
        part = cv2.resize(part, (part.shape[1] // 2, part.shape[0] // 2), interpolation=cv2.INTER_AREA)
    return cv2.resize(part, (width, height), interpolation=cv2.INTER_AREA)
