"""What stands behind the performer and was never seen: invented by OpenCV's inpainting, coarsely and calmly."""

from __future__ import annotations

import cv2
import numpy as np

_RADIUS = 3.0
"""Cells around a cell from which Telea's method takes its colour."""
_EVERY = 5
"""Frames between two fills."""
_CHANGED = 0.01
"""Share of a box's cells whose coming to be known is worth another fill."""
_SETTLING = 12
"""Fills after such a change, until the picture has come to rest."""
_SOFT = 5
"""Cells over which a fill becomes smooth, and the side of the blur that makes it so."""
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

    def fill(self, place: tuple[slice, slice], grid: tuple[int, int], bgr: np.ndarray, known: np.ndarray) -> np.ndarray:
        """The grid's cells, uint8 (rows, columns, 3): those of a box, where they are not known, are invented.

        place: rows and columns of the box's cells in the frame's grid of (rows, columns) cells; bgr: uint8 (h, w, 3);
        known: bool (h, w). What is known is remembered as it is, so that whoever enlarges the cells finds no step.
        """
        if self._filled.shape != grid:
            self.reset(grid)
        filled, memory = self._filled[place], self._bgr[place]
        memory[known] = bgr[known]
        count = int(known.sum())
        self._since += 1
        new = ~(known | filled)
        if abs(count - self._known) > _CHANGED * known.size:
            self._left = _SETTLING
        if count and (new.any() or (self._left and self._since >= _EVERY)):
            self._since, self._known, self._left = 0, count, max(self._left - 1, 0)
            invented = inpainted(bgr, known).astype(np.float32)
            memory[new] = invented[new]
            old = filled & ~known
            memory[old] += _RATE * (invented[old] - memory[old])
            filled[:] = True
            self._surround(place)
        return self._bgr.astype(np.uint8)

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

    bgr: uint8 (h, w, 3); known: bool (h, w). Telea, "An image inpainting technique based on the fast marching method",
    2004, ends in creases where its fronts meet; far from all that is known a blur looks like a wall out of focus.
    """
    hole = (~known).astype(np.uint8)
    sharp = cv2.inpaint(bgr, hole, _RADIUS, cv2.INPAINT_TELEA)
    depth = cv2.distanceTransform(hole, cv2.DIST_L2, 3)
    soft = cv2.blur(cv2.blur(sharp, (_SOFT, _SOFT)), (_SOFT, _SOFT))
    share = np.clip((depth - 1.0) / _SOFT, 0, 1).astype(np.float32)
    return cv2.blendLinear(soft, sharp, share, 1 - share)


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
