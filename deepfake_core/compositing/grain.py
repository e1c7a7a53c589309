"""The camera's noise and sharpness on the drawn face: a clean patch in a noisy picture gives itself away."""

from __future__ import annotations

from functools import cache

import cv2
import numpy as np

from deepfake_core.compositing.view import FaceView

SETTLING_SECONDS = 1.2
"""Time in which a rise of the noise is believed."""
_EVERY = 4
"""Noise and sharpness change slowly: so many frames share one measurement."""
_MEASURED = 224
"""Side of the part of the picture that is measured, px."""
_BLOCK = 8
_LEAST_BLOCKS = 12
_QUIET = 25
"""Percentile of the blocks that holds noise and no edge."""
_STILL = 5
"""Percentile of the blocks around the face that holds noise and nothing that moves."""
_NOISIER, _LEAST_AROUND = 1.5, 0.15
"""Noise grows with the light, and cameras average it away where nothing moves: up to so many times, and levels more
than around it is noise on the face."""
_ENOUGH = 1 << 16
"""Pixels in which what changes is looked for: of a larger picture, bands of its rows."""
_BAND = 4 * _BLOCK
"""Rows of a band: whole blocks, at half size too."""
_BLACK, _BURNT = 8, 240
_EDGES = 90
_LEAST_NOISE = 0.5
"""Levels: less is not seen, and rounding alone makes 0.3."""
_MOST_NOISE = 14.0
_FALL = 0.5
"""Least part of a fall of the noise that one measurement brings."""
_SOFTEST = 1.4
"""px of the frame: widest blur (standard deviation)."""
_TILE = 512
# Immerkaer, "Fast noise variance estimation", 1996: blind to edges and slopes; its response to white noise of
# standard deviation 1 has the mean absolute value 6 sqrt(2 / pi).
_KERNEL = np.array([[1, -2, 1], [-2, 4, -2], [1, -2, 1]], np.float32)
_RESPONSE = 6.0 * np.sqrt(2.0 / np.pi)
_FINE, _COARSE = np.array([0.84, 0.38]), np.array([0.06, 0.22])
"""What `measured` finds of the two tiles' unit noise, at full size and at half."""
_ALIKE = 1.15
"""Up to this ratio of their fine edges two faces are as sharp as each other: they are not the same face."""


class Grain:
    """Measures one driver's picture and dresses the drawn face like it, steady over time."""

    def __init__(self) -> None:
        self._seconds = float("-inf")
        self._noise = np.zeros(2)
        self._blur = 0.0
        self._frames = 0
        self._before: tuple[np.ndarray, tuple[int, int]] | None = None

    def __call__(self, view: FaceView, bgr: np.ndarray, skin: np.ndarray, most: float = _MOST_NOISE) -> np.ndarray:
        """The drawn face with the camera's softness and noise: uint8 (h, w, 3).

        bgr: uint8 (h, w, 3), the lit face in the box; skin: uint8 (h, w), where the driver's and the drawn face can be
        compared. Only noise that the drawn face lacks is added; the same for the same timestamp. most: levels, where
        the camera's noise is known better: on a face stubble and wrinkles pass for some.
        """
        if self._blur > 0.25:
            bgr = cv2.GaussianBlur(bgr, (0, 0), self._blur)
        part = _middle(skin)
        if part is not None:
            self._measure(view, bgr, skin, part)
        self._frames += 1
        return with_noise(bgr, np.minimum(self._noise, most), round(view.seconds * 1000))

    def _measure(self, view: FaceView, bgr: np.ndarray, skin: np.ndarray, part: tuple[slice, slice]) -> None:
        turn = self._frames % _EVERY
        if turn > 1:
            return
        now = cv2.cvtColor(view.region, cv2.COLOR_BGR2GRAY), (view.box.x0, view.box.y0)
        before, self._before = self._before, now
        if turn == 0 or before is None:
            return
        filmed = now[0][part]
        drawn = cv2.cvtColor(bgr[part], cv2.COLOR_BGR2GRAY)
        of_drawn, drawn_edges = measured(drawn, skin[part])
        of_filmed, filmed_edges = measured(filmed, skin[part])
        # What stays from frame to frame, as pores and beards do, is no noise.
        missing = np.minimum(of_filmed, change(before, now, skin))
        missing = np.sqrt(np.maximum(missing**2 - of_drawn**2, 0.0))
        since, self._seconds = view.seconds - self._seconds, view.seconds
        step = np.minimum(missing, _MOST_NOISE) - self._noise
        # A beard that moves looks like noise for a moment: more is believed slowly, less at once.
        rise = 1.0 - np.exp(-since / SETTLING_SECONDS) if since >= 0 else 1.0
        self._noise += np.where(step > 0, rise, max(rise, _FALL)) * step
        # A regulator: where the drawn face has finer edges than the filmed one, the blur grows until it has not.
        if filmed_edges > 0 and drawn_edges > 0:
            finer = drawn_edges / filmed_edges
            step = 0.3 * float(np.log(finer / _ALIKE if finer > _ALIKE else min(finer, 1.0)))
            self._blur = float(np.clip(self._blur + np.clip(step, -0.15, 0.15), 0.0, _SOFTEST))


def change(
    before: tuple[np.ndarray, tuple[int, int]], now: tuple[np.ndarray, tuple[int, int]], skin: np.ndarray
) -> np.ndarray:
    """Noise (2,) as from `measured`, by what changes where nothing moves between two pictures.

    Each a uint8 (h, w) and the place (x, y) of its corner in the frame; skin: uint8 (h, w) of the second. A face that
    moves changes without noise, so it is hardly noisier than what is around it.
    """
    (one, (left, top)), (other, (x, y)) = before, now
    width, height = min(left + one.shape[1], x + other.shape[1]), min(top + one.shape[0], y + other.shape[0])
    x0, y0 = max(left, x), max(top, y)
    if width - x0 < 4 * _BLOCK or height - y0 < 4 * _BLOCK:
        return np.zeros(2)
    cut = slice(y0 - top, height - top), slice(x0 - left, width - left)
    common = slice(y0 - y, height - y), slice(x0 - x, width - x)
    earlier, picture, inside = (_bands(each) for each in (one[cut], other[common], skin[common]))
    difference: np.ndarray = cv2.subtract(earlier, picture, dtype=cv2.CV_32F) * np.float32(np.sqrt(0.5))
    blocks = (max(1, picture.shape[1] // _BLOCK), max(1, picture.shape[0] // _BLOCK))
    share, level = (cv2.resize(each, blocks, interpolation=cv2.INTER_AREA).ravel() for each in (inside, picture))
    # What is burnt out or black hides the noise.
    face, around = share > 250, (share == 0) & (level > _BLACK) & (level < _BURNT)
    found = []
    for _ in range(2):
        every = _blocks(difference, blocks)
        noise = np.percentile(every[face], _QUIET) if face.sum() >= _LEAST_BLOCKS else 0.0
        if around.sum() >= _LEAST_BLOCKS:
            noise = min(noise, _NOISIER * np.percentile(every[around], _STILL) + _LEAST_AROUND)
        found.append(noise)
        difference = cv2.resize(
            difference, (difference.shape[1] // 2, difference.shape[0] // 2), interpolation=cv2.INTER_AREA
        )
    return np.array(found)


def _bands(picture: np.ndarray) -> np.ndarray:
    """A picture uint8 (h, w), or as many bands of its rows as are enough to measure noise."""
    every = -(-picture.size // _ENOUGH)
    if every == 1:
        return picture
    starts = range(0, picture.shape[0] - _BAND + 1, every * _BAND)
    return np.concatenate([picture[start : start + _BAND] for start in starts])


def measured(grey: np.ndarray, skin: np.ndarray) -> tuple[np.ndarray, float]:
    """Noise (2,), standard deviations in levels at full and half size; and how much of the edges is fine, 0 unknown.

    grey: uint8 or float32 (h, w); skin: uint8 (h, w): blocks that it fills are measured.
    """
    size = grey
    blocks = (max(1, size.shape[1] // _BLOCK), max(1, size.shape[0] // _BLOCK))
    used = (cv2.resize(skin, blocks, interpolation=cv2.INTER_AREA) > 250).ravel()
    if used.sum() < _LEAST_BLOCKS:
        return np.zeros(2), 0.0
    quiet, edges = [], []
    for _ in range(3):
        every = _blocks(size, blocks)
        of_skin = every[used]
        # Skin has a texture of its own, a beard even more: what surrounds it must be as noisy.
        quiet.append(min(np.percentile(every, _QUIET), np.percentile(of_skin, _QUIET)))
        edges.append(np.percentile(of_skin, _EDGES))
        size = cv2.resize(size, (size.shape[1] // 2, size.shape[0] // 2), interpolation=cv2.INTER_AREA)
    # At half and quarter size: at full size noise drowns the edges.
    half, quarter = np.sqrt(np.maximum(np.square(edges[1:]) - 1.3 * np.square(quiet[1:]), 0))
    return np.array(quiet[:2]), float(half / quarter) if quarter > 1.0 else 0.0


def with_noise(bgr: np.ndarray, noise: np.ndarray, number: int) -> np.ndarray:
    """The picture with noise: uint8 (h, w, 3).

    noise: (2,) as from `measured`; number: of the frame: the same number gives the same noise.
    """
    fine, coarse = np.sqrt(np.maximum(np.linalg.solve(np.stack([_FINE**2, _COARSE**2], 1), noise**2), 0.0))
    if np.hypot(coarse, fine) < _LEAST_NOISE:
        return bgr
    noisy = np.empty_like(bgr)
    top, left = (-np.random.default_rng(number & 0xFFFFFFFF).integers(0, _TILE, 2)).tolist()
    for rows, tile_rows in _repeats(top, bgr.shape[0]):
        for columns, tile_columns in _repeats(left, bgr.shape[1]):
            one, other = (tile[tile_rows, tile_columns] for tile in _tiles())
            added = cv2.addWeighted(one, fine, other, coarse, 0)
            noisy[rows, columns] = cv2.add(bgr[rows, columns], added, dtype=cv2.CV_8U)
    return noisy


def _repeats(begin: int, length: int) -> list[tuple[slice, slice]]:
    """Where tiles laid side by side from `begin` <= 0 on cover so many px, and which of their px do."""
    starts = range(begin, length, _TILE)
    parts = [slice(max(start, 0), min(start + _TILE, length)) for start in starts]
    return [(part, slice(part.start - start, part.stop - start)) for start, part in zip(starts, parts, strict=True)]


def _blocks(grey: np.ndarray, blocks: tuple[int, int]) -> np.ndarray:
    response = np.abs(cv2.filter2D(grey, cv2.CV_32F, _KERNEL))
    return cv2.resize(response, blocks, interpolation=cv2.INTER_AREA).ravel() / _RESPONSE


def _middle(skin: np.ndarray) -> tuple[slice, slice] | None:
    """The part to measure: around the skin's middle, at most `_MEASURED` px a side."""
    x, y, width, height = cv2.boundingRect(skin)
    if min(width, height) < 4 * _BLOCK:
        return None
    top = y + max(0, (height - _MEASURED) // 2)
    left = x + max(0, (width - _MEASURED) // 2)
    return slice(top, top + min(height, _MEASURED)), slice(left, left + min(width, _MEASURED))


@cache
def _tiles() -> tuple[np.ndarray, np.ndarray]:
    """Noise of standard deviation 1, fine and coarse: float32 (512, 512, 3); most of it is brightness, as cameras'."""
    random = np.random.default_rng(1996)
    tiles = []
    for sigma in (0.0, 1.2):
        common = random.standard_normal((_TILE, _TILE, 1), np.float32)
        tile = np.float32(0.9) * common + np.float32(0.436) * random.standard_normal((_TILE, _TILE, 3), np.float32)
        if sigma:
            tile = cv2.GaussianBlur(tile, (0, 0), sigma)
        tiles.append((tile / tile.std()).astype(np.float32))
    return tiles[0], tiles[1]
