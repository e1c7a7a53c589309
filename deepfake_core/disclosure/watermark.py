"""The watermark: a message that nobody sees, in the brightness of every frame.

A small square of 32 x 32 chips, each a little brighter or darker, covers the picture again and again, like tiles a
wall: the tiled spread spectrum of Kalker, Depovere, Haitsma and Maes, "A video watermarking system for broadcast
monitoring" (SPIE 3657, 1999). Where they find scale and place by the autocorrelation of the tile, a sixth of our chips
is the same in every mark and is searched for directly, which needs far less of the mark to be left. What the chips say
is in `watermark_code`; how they are found again, in `watermark_detection`.

- The same in every frame: it does not flicker, encoders carry it along, and a receiver gains by adding frames up.
- Coarse: 90 chips to the picture's shorter side, 8 pixels each at 720p. Such slow changes survive coarse quantisation
  and a picture of 320 x 180, and as they belong to the picture, not to the pixel, scaling moves nothing.
- Masked: strong in texture, weak on flat walls and in the dark, and never more than a PSNR of 42.5 dB in the whole.
  Fractions of a level are dithered, so flat areas hold less than one level.
- Added: what the camera's picture held, other watermarks included, stays in it.

One frame costs an addition and a subtraction of prepared bytes. The mask follows the picture strip by strip, one with
each frame.
"""

import itertools
import math
import time
from collections.abc import Callable
from datetime import date
from functools import lru_cache, partial

import cv2
import numpy as np

from deepfake_core.disclosure.watermark_code import TILE, Payload, tile
from deepfake_core.frame import Frame, PixelFormat

CHIPS = 90
"""Chips to the shorter side of the picture."""

SMALLEST_CHIP = 2.0
"""Pixels: pictures under 180 rows have fewer chips, for smaller ones would not survive anything."""

EPOCH = date(2020, 1, 1)
"""The payload's days are counted from here."""

_EPOCH_DAY = EPOCH.toordinal() - date(1970, 1, 1).toordinal()

# Strength of the mark (root mean square, levels): on flat ground, for each level of activity, and at most.
_FLAT = 0.45
_TEXTURE = 3.0
_NO_TEXTURE = 0.3
_STRONGEST = 4.0
# Of the whole picture: with the dithering's 0.3 this is a PSNR of 42.5 dB.
_WHOLE = 1.83
# In the dark the eye sees smaller steps: from this level down to black the mark weakens to the given part.
_DARK_LEVEL = 64.0
_BLACK = 0.35

# Strips of the picture, one of which gets a new mask with each frame; more where a pixel has more bytes.
_STRIPS, _RGB_STRIPS = 8, 16
# Rows that are added to and subtracted from while they are in the processor's cache.
_AT_ONCE = 64
_CARRIER_UNIT = 64
_STRENGTH_UNIT = 32
# Rows of the small picture from which one of it takes its strength: the filters of `_strength`, one after the other.
_REACH = 8
_SHIFT = 11  # both units' product, as a power of two


class Watermark:
    """Adds one consent record's mark to frames, from one thread at a time; keeps the mark prepared for their layout."""

    def __init__(self, record: int = 0, *, today: Callable[[], int] | None = None) -> None:
        """Keep the record's short id (its lowest 32 bits) and the clock: days since 2020-01-01, UTC by default."""
        self._record = int(record) & 0xFFFFFFFF
        self._today = today or _utc_day
        self._painter: _Painter | None = None
        self._made_for: object = None

    def add(self, frame: Frame) -> None:
        """Add the mark to ``frame``, in place. Any layout and content will do."""
        rows = frame.planes[0]
        # Rows are taken in memory's order, for OpenCV does not write backwards: a bottom-up picture gets a mark that
        # was prepared upside down.
        flipped = rows.strides[0] < 0
        payload = Payload(self._record, min(max(self._today(), 0), 0xFFFF))
        wanted = (payload, frame.format, frame.width, frame.height, flipped)
        if self._painter is None or self._made_for != wanted:
            self._painter = _Painter(payload, frame.format, frame.width, frame.height, flipped=flipped)
            self._made_for = wanted
        self._painter.add(rows[::-1] if flipped else rows)


def chip_side(width: int, height: int) -> float:
    """Pixels of a chip's side in a ``width`` x ``height`` picture."""
    return max(min(width, height) / CHIPS, SMALLEST_CHIP)


def chip_weights(places: np.ndarray) -> np.ndarray:
    """float32 (n, TILE): how much each chip along an axis counts at ``places`` (n,), in chips from the tile's corner.

    Chips fade into each other as samples do in cubic interpolation (Keys 1981), so the mark has no edges.
    """
    distance = np.abs((places[:, None] - np.arange(TILE) - 0.5 + TILE / 2) % TILE - TILE / 2).astype(np.float32)
    near = (1.5 * distance - 2.5) * distance**2 + 1
    far = ((-0.5 * distance + 2.5) * distance - 4) * distance + 2
    return np.where(distance < 1, near, np.where(distance < 2, far, np.float32(0)))


def carrier(chips: np.ndarray, width: int, height: int) -> np.ndarray:
    """float32 (height, width): the tile's float32 ``chips`` all over a picture, root mean square about 1."""
    side = chip_side(width, height)
    across, down = (chip_weights((np.arange(length) + 0.5) / side) for length in (width, height))
    # The mean square of the fading along one axis is 0.814.
    return np.asarray(down @ chips @ across.T, np.float32) / np.float32(0.814)


def _utc_day() -> int:
    return int(time.time() // 86400) - _EPOCH_DAY


class _Painter:
    """The prepared mark of one payload and one layout."""

    def __init__(self, payload: Payload, pixel_format: PixelFormat, width: int, height: int, *, flipped: bool) -> None:
        picture = carrier(tile(payload), width, height)
        self._carrier = np.rint((picture[::-1] if flipped else picture) * _CARRIER_UNIT).astype(np.int16)
        self._format = pixel_format
        shape = pixel_format.plane_shapes(width, height)[0]
        self._brighter, self._darker = np.zeros(shape, np.uint8), np.zeros(shape, np.uint8)
        side = chip_side(width, height)
        count = _RGB_STRIPS if pixel_format in _LUMA and not pixel_format.is_packed else _STRIPS
        self._strips = _strips(height, round(2 * height / side), count)
        tallest = max(rows.stop - rows.start for rows, _ in self._strips)
        self._dither = _dither(tallest, width)
        self._mark, self._half = (np.empty((tallest, width), np.int16) for _ in range(2))
        # Packed formats round an odd width up.
        padded = shape[1] * 2 if pixel_format.is_packed else width
        self._bytes = np.zeros((tallest, padded), np.uint8)
        self._nothing = np.zeros_like(self._bytes)
        # Of the small picture, two samples to a chip: luma, fine detail, and from both the mark's strength.
        columns, lines = round(2 * width / side), round(2 * height / side)
        self._luma, self._detail = (np.zeros((lines, columns), np.float32) for _ in range(2))
        self._strength = np.zeros_like(self._luma)
        self._turns = itertools.cycle(self._strips)
        self._fresh = True

    def add(self, rows: np.ndarray) -> None:
        """Add the mark to plane 0, its rows in memory's order."""
        strips = self._strips if self._fresh else (next(self._turns),)
        self._fresh = False
        # One step after the other: a strip's strength depends on its neighbours, and on the whole picture's.
        for step in (partial(self._look, rows), self._weigh, self._paint):
            for strip in strips:
                step(*strip)
        for top in range(0, rows.shape[0], _AT_ONCE):
            part = slice(top, top + _AT_ONCE)
            _shift(rows[part], self._brighter[part], self._darker[part])

    def _look(self, rows: np.ndarray, part: slice, small_part: slice) -> None:
        """Take brightness and detail of some rows."""
        luma, detail = self._luma[small_part], self._detail[small_part]
        lines, columns = luma.shape
        # In packed formats a site is two pixels wide: with every second row it is about square.
        fine = rows[part][:: 2 if self._format.is_packed else 1]
        while fine.shape[1] >= 4 * columns and not (fine.shape[0] | fine.shape[1]) & 1:
            # Halving both sides is OpenCV's fast case.
            fine = cv2.resize(fine, (fine.shape[1] // 2, fine.shape[0] // 2), interpolation=cv2.INTER_AREA)
        if fine.ndim == 3:
            fine = cv2.transform(fine, _LUMA[self._format])
        fine = fine.astype(np.float32)
        cv2.resize(fine, (columns, lines), luma, interpolation=cv2.INTER_AREA)
        cv2.resize(cv2.absdiff(fine, cv2.blur(fine, (3, 3))), (columns, lines), detail, interpolation=cv2.INTER_AREA)

    def _weigh(self, _: slice, small_part: slice) -> None:
        """Decide on the strength of the mark in some rows of the small picture."""
        top, bottom = max(0, small_part.start - _REACH), small_part.stop + _REACH
        weighed = _strength(self._luma[top:bottom], self._detail[top:bottom])
        self._strength[small_part] = weighed[small_part.start - top :][: small_part.stop - small_part.start]

    def _paint(self, part: slice, small_part: slice) -> None:
        """Prepare the mark of some rows: carrier x strength, dithered, as bytes to add and bytes to subtract."""
        height, width = part.stop - part.start, self._carrier.shape[1]
        mark, half = self._mark[:height], self._half[:height]
        whole = float(cv2.norm(self._strength)) / math.sqrt(self._strength.size)
        strength = self._strength[small_part] * np.float32(
            _STRENGTH_UNIT * min(1.0, _WHOLE / max(whole, _FLAT * _BLACK))
        )
        cv2.resize(np.rint(strength).astype(np.int16), (width, height), mark)
        np.multiply(mark, self._carrier[part], mark)
        np.add(mark, self._dither[:height], mark)
        np.right_shift(mark, _SHIFT, mark)
        one = self._bytes[:height]
        cv2.threshold(mark, 0, 0, cv2.THRESH_TOZERO, half)
        np.copyto(one[:, :width], half, casting="unsafe")
        self._interleave(one, self._brighter[part])
        np.subtract(half, mark, half)
        np.copyto(one[:, :width], half, casting="unsafe")
        self._interleave(one, self._darker[part])

    def _interleave(self, one: np.ndarray, target: np.ndarray) -> None:
        """Put one byte a pixel into the layout of plane 0: luma alone, or red, green and blue alike."""
        if target.ndim == 2:
            np.copyto(target, one)
            return
        nothing = self._nothing[: one.shape[0]]
        if self._format is PixelFormat.UYVY:
            parts = [nothing, one]
        elif self._format.is_packed:
            parts = [one, nothing]
        else:
            parts = [one, one, one, nothing][: target.shape[2]]
        cv2.merge(parts, target.reshape(*one.shape, len(parts)))


# Luma in the bytes of plane 0's pixels or sites.
_RGB_WEIGHTS = np.array([[0.299, 0.587, 0.114, 0]], np.float32)
_BGR_WEIGHTS = np.array([[0.114, 0.587, 0.299, 0]], np.float32)
_LUMA = {
    PixelFormat.YUY2: np.array([[0.5, 0, 0.5, 0]], np.float32),
    PixelFormat.YVYU: np.array([[0.5, 0, 0.5, 0]], np.float32),
    PixelFormat.UYVY: np.array([[0, 0.5, 0, 0.5]], np.float32),
    PixelFormat.RGBA: _RGB_WEIGHTS,
    PixelFormat.BGRA: _BGR_WEIGHTS,
    PixelFormat.BGRX: _BGR_WEIGHTS,
    PixelFormat.BGR3: _BGR_WEIGHTS[:, :3],
}


def _strips(height: int, small_height: int, count: int) -> list[tuple[slice, slice]]:
    """The picture cut into ``count`` strips: rows of the picture and rows of the small one, alike in both."""
    count = min(count, small_height)
    cuts = [index * small_height // count for index in range(count + 1)]
    return [
        (slice(round(low * height / small_height), round(high * height / small_height)), slice(low, high))
        for low, high in itertools.pairwise(cuts)
    ]


def _strength(luma: np.ndarray, detail: np.ndarray) -> np.ndarray:
    """float32 (h, w), levels: how strong the mark may be at each place, whatever the picture's other places say.

    ``luma``, ``detail``: float32 (h, w), brightness and the mean difference from the surroundings. The least detail
    around a place counts: beside a single edge a wall is still a flat wall.
    """
    texture = cv2.blur(cv2.erode(cv2.blur(detail, (5, 5)), np.ones((5, 5), np.uint8)), (9, 9))
    strength = np.clip(_FLAT + _TEXTURE * (texture - _NO_TEXTURE), _FLAT, _STRONGEST)
    dark = cv2.blur(luma, (5, 5)) * np.float32((1 - _BLACK) / _DARK_LEVEL) + np.float32(_BLACK)
    strength *= np.minimum(dark, np.float32(1))
    return np.asarray(strength)


@lru_cache(maxsize=4)
def _dither(height: int, width: int) -> np.ndarray:
    """int16 (height, width) thresholds, 0..2**_SHIFT - 1, whose neighbours differ: blue noise, repeated; read only.

    Noise is robbed of its slow parts and ranked again, some times over.
    """
    side = 64
    noise = np.random.default_rng(0).random((side, side), np.float32)
    for _ in range(8):
        around = cv2.GaussianBlur(np.tile(noise, (3, 3)), (0, 0), 1.5)[side : 2 * side, side : 2 * side]
        ranks = np.argsort(np.argsort((noise - around).ravel())).reshape(side, side)
        noise = (ranks / side**2).astype(np.float32)
    thresholds = (noise * (1 << _SHIFT)).astype(np.int16)
    picture = np.tile(thresholds, (-(-height // side), -(-width // side)))[:height, :width].copy()
    picture.flags.writeable = False
    return picture


def _shift(rows: np.ndarray, brighter: np.ndarray, darker: np.ndarray) -> None:
    """Add and subtract in place, clipped to 0..255."""
    if _writable_by_opencv(rows):
        cv2.add(rows, brighter, rows)
        cv2.subtract(rows, darker, rows)
        return
    copy = np.ascontiguousarray(rows)
    cv2.add(copy, brighter, copy)
    np.copyto(rows, cv2.subtract(copy, darker, copy))


def _writable_by_opencv(rows: np.ndarray) -> bool:
    """Whether the pixels of a row lie side by side, as they do in every frame of OBS's."""
    pixel = rows.shape[2] if rows.ndim == 3 else 1
    return rows.strides[-1] == 1 and rows.strides[1] == pixel and rows.strides[0] >= pixel * rows.shape[1]
