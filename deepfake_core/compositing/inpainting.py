"""What stands behind the performer and was never seen: continued from what is around it, coarsely and calmly."""

from __future__ import annotations

import cv2
import numpy as np

_EVERY = 3
"""Looks between two fills."""
_CHANGED = 0.01
"""Share of a box's cells whose coming to be known is worth another fill."""
_SETTLING = 12
"""Fills after such a change, until the picture has come to rest."""
_SOFT = 7
"""Cells over which a fill becomes smooth, and the side of the blur that makes it so."""
_ALONG = 5
"""Cells over which a row's ends are averaged before it is continued."""
_FALL = 1.75
"""Power of the distance with which a row's or column's end loses weight."""
_ABOVE = 3.0
"""Weight of a column's end against that of a row's: rooms have walls, and heads reach up less far than to the sides."""
_ELSE = 0.002
"""Weight of the smooth fill: it counts where neither row nor column has an end."""
_AROUND = 8
"""Cells around what is invented from which it is."""
_SCALES = ((3, 1.0), (9, 0.05), (21, 2.5e-3), (51, 1e-4), (121, 5e-6))
"""Side of a blur in cells, and its weight, of the smooth fill: what is near counts much more than what is far."""
_WIDE = 4
"""How much more coarsely the wide ones are made."""
_RATE = 0.25
"""Share of a new fill that is taken over at once: what was never seen must not jump, let alone swim."""


class Inpainting:
    """The invented part of one plate, on the frame's grid of cells; a fill starts from the one before."""

    def __init__(self) -> None:
        self._bgr = np.zeros((0, 0, 3), np.float32)
        self._filled = np.zeros((0, 0), np.bool_)
        self._known = 0
        self._left = 0
        self._since = _EVERY

    def fill(
        self,
        place: tuple[slice, slice],
        grid: tuple[int, int],
        bgr: np.ndarray,
        known: np.ndarray,
        shown: np.ndarray | None = None,
    ) -> np.ndarray:
        """The grid's cells, uint8 (rows, columns, 3): those of a box, where they are not known, are invented.

        place: rows and columns of the box's cells in the frame's grid of (rows, columns) cells; bgr: uint8 (h, w, 3);
        known: bool (h, w). What is known is remembered as it is, so that whoever enlarges the cells finds no step.
        shown: bool (h, w), what is seen now without being known for sure: the rest is invented from it as well, but it
        is not remembered.
        """
        if self._filled.shape != grid:
            self.reset(grid)
        filled, memory = self._filled[place], self._bgr[place]
        shown = np.zeros_like(known) if shown is None else shown & ~known
        memory[known] = bgr[known]
        source = known | shown
        count = int(source.sum())
        self._since += 1
        new = ~(source | filled)
        if abs(count - self._known) > _CHANGED * known.size:
            self._left = _SETTLING
        if self._since < _EVERY and 0 < np.count_nonzero(new) <= _CHANGED * new.size:
            _carry(memory, filled, new)
        if count and (new.any() or (self._left and self._since >= _EVERY)):
            self._since, self._known, self._left = 0, count, max(self._left - 1, 0)
            part = _around_hole(source)
            invented = bgr.copy()
            invented[part] = inpainted(bgr[part], source[part])
            memory[new] = invented[new]
            old = filled & ~source
            memory[old] += _RATE * (invented[old].astype(np.float32) - memory[old])
            filled[~shown] = True
            self._surround(place)
        result = self._bgr.astype(np.uint8)
        result[place][shown] = bgr[shown]
        return result

    def _surround(self, place: tuple[slice, slice]) -> None:
        """Repeat the box's outer cells around it, where nothing was filled yet: no edge may darken."""
        margins, outer = [], []
        for part, count in zip(place, self._filled.shape, strict=True):
            low, high = max(0, part.start - 1), min(count, part.stop + 1)
            margins += [part.start - low, high - part.stop]
            outer.append(slice(low, high))
        above, below, left, right = margins
        around = cv2.copyMakeBorder(self._bgr[place], above, below, left, right, cv2.BORDER_REPLICATE)
        empty = ~self._filled[tuple(outer)]
        self._bgr[tuple(outer)][empty] = around[empty]

    def reset(self, grid: tuple[int, int]) -> None:
        """Forget everything; grid: (rows, columns)."""
        self._bgr = np.zeros((*grid, 3), np.float32)
        self._filled = np.zeros(grid, np.bool_)
        self._known, self._left, self._since = 0, 0, _EVERY


def inpainted(bgr: np.ndarray, known: np.ndarray) -> np.ndarray:
    """What is not known continued from its border, ever smoother away from it: uint8 (h, w, 3).

    bgr: uint8 (h, w, 3); known: bool (h, w). Rows go on from both sides and columns from above, the nearer end the
    stronger: what stands behind people are walls, shelves and doors. Telea's method, which OpenCV has, is 2 dB worse
    behind the benchmark's heads, slower, and ends in creases where its fronts meet, which jump with the border.
    """
    hole = (~known).astype(np.uint8)
    weight = known.astype(np.float32)
    seen = bgr.astype(np.float32)
    weighted = cv2.merge([*cv2.split(seen * weight[..., None]), weight])
    smooth = np.zeros_like(weighted)
    coarse = cv2.resize(
        weighted, tuple(-(-length // _WIDE) for length in known.shape[::-1]), interpolation=cv2.INTER_AREA
    )
    far = np.zeros_like(coarse)
    for side, strength in _SCALES:
        near = side < _WIDE**2
        size = (side, side) if near else (side // _WIDE | 1,) * 2
        soft = cv2.blur(cv2.blur(weighted if near else coarse, size, borderType=cv2.BORDER_CONSTANT), size)
        cv2.scaleAdd(soft, strength, smooth if near else far, smooth if near else far)
    smooth = cv2.add(smooth, cv2.resize(far, known.shape[::-1], interpolation=cv2.INTER_LINEAR))
    smooth = smooth[..., :3] / np.maximum(smooth[..., 3:], np.float32(1e-12))

    height, width = known.shape
    ends = cv2.blur(weighted, (1, _ALONG), borderType=cv2.BORDER_CONSTANT)
    ended = ends[..., 3] > 1e-3
    ends = ends[..., :3] / np.maximum(ends[..., 3:], np.float32(1e-3))
    column = np.broadcast_to(np.arange(width), known.shape)
    row = np.broadcast_to(np.arange(height)[:, None], known.shape)
    left = np.maximum.accumulate(np.where(ended, column, -1), axis=1)
    right = np.minimum.accumulate(np.where(ended, column, width)[:, ::-1], axis=1)[:, ::-1]
    above = np.maximum.accumulate(np.where(known, row, -1), axis=0)
    total = np.full(known.shape, _ELSE, np.float32)
    result = np.float32(_ELSE) * smooth
    for distance, there, colours, strength in (
        (column - left, left >= 0, ends[row, np.maximum(left, 0)], 1.0),
        (right - column, right < width, ends[row, np.minimum(right, width - 1)], 1.0),
        (row - above, above >= 0, seen[np.maximum(above, 0), column], _ABOVE),
    ):
        nearness = np.where(there, strength * np.maximum(distance, 1).astype(np.float32) ** -_FALL, 0)
        nearness = nearness.astype(np.float32)
        result += nearness[..., None] * colours
        total += nearness
    result /= total[..., None]
    result[known] = seen[known]
    depth = cv2.distanceTransform(hole, cv2.DIST_L2, 3)
    softness = np.clip(depth / _SOFT, 0, 1).astype(np.float32)
    soft = cv2.blur(cv2.blur(result, (_SOFT, _SOFT)), (_SOFT, _SOFT))
    result += softness[..., None] * (soft - result)
    return np.clip(result + 0.5, 0, 255).astype(np.uint8)


def _carry(memory: np.ndarray, filled: np.ndarray, new: np.ndarray) -> None:
    """Give a few new cells what lies around them, in place, and leave for the next fill those that lie alone."""
    have = filled.astype(np.float32)
    sums, counts = cv2.blur(memory * have[..., None], (5, 5)), cv2.blur(have, (5, 5))
    near = new & (counts > 0.1)
    memory[near] = sums[near] / counts[near][:, None]
    filled |= near
    new &= ~near


def _around_hole(known: np.ndarray) -> tuple[slice, slice]:
    """Rows and columns of what is not known, with as much around it as matters: bool (h, w)."""
    x, y, width, height = cv2.boundingRect((~known).astype(np.uint8))
    return slice(max(0, y - _AROUND), y + height + _AROUND), slice(max(0, x - _AROUND), x + width + _AROUND)


def spread(bgr: np.ndarray, source: np.ndarray) -> np.ndarray:
    """Colours carried from where `source` is into everything else, the nearer the stronger: uint8 (h, w, 3).

    bgr: uint8 (h, w, 3); source: uint8 (h, w), not 0 where its colours count. Push and pull through a pyramid (Gortler
    et al., "The lumigraph", 1996): linear in the colours, so it is as steady as they are and moves with them.
    """
    weight = (source > 0).astype(np.float32)
    levels = [cv2.merge([*cv2.split(bgr.astype(np.float32) * weight[..., None]), weight])]
    while min(levels[-1].shape[:2]) > 1:
        height, width = levels[-1].shape[:2]
        levels.append(cv2.resize(levels[-1], ((width + 1) // 2, (height + 1) // 2), interpolation=cv2.INTER_AREA))
    result: np.ndarray = levels[-1][..., :3] / np.maximum(levels[-1][..., 3:], 1e-6)
    for level in levels[-2::-1]:
        result = cv2.resize(result, level.shape[1::-1], interpolation=cv2.INTER_LINEAR)
        share = np.minimum(level[..., 3:], 1.0)
        own = level[..., :3] / np.maximum(level[..., 3:], 1e-6)
        result = result + share * (own - result)
    return np.clip(result + 0.5, 0, 255).astype(np.uint8)
