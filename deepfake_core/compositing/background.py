"""What is behind the performer: as it was seen, else invented."""

from __future__ import annotations

import cv2
import numpy as np

from deepfake_core.compositing.inpainting import Inpainting
from deepfake_core.compositing.plate import Plate, Seen
from deepfake_core.frame import Box, Frame

_AHEAD = 6
"""Cells around what is read that are made ready with it: a head that moves a little finds them."""
_MOST_STRIPS = 8
_LOOKS, _LATEST_LOOK = 3, 5
"""Frames after which light, cuts and moves are looked for again, or after which that is done in a costly frame too."""
_REFRESHED = 3
"""A strip of which nothing new was learned is made ready anew in every so many'th pass: it has moved by a level."""
_STEP = 2
"""Levels by which light or invention may change before what was made ready is made anew."""
_HALF = 127
_ANY = np.ones((1, 3), np.float32)


class Background:
    """The background of one source, watched frame by frame.

    It is kept ready as a picture: from frame to frame only the strip that the plate has just learned is made anew.
    """

    def __init__(self) -> None:
        self.plate = Plate()
        self._inpainting = Inpainting()
        self._invented = np.zeros((0, 0, 3), np.uint8)
        self._ready = np.zeros((0, 0, 3), np.uint8)
        self._known = np.zeros((0, 0), np.uint8)
        self._valid = Box(0, 0, 0, 0)
        self._stale: list[Box] = []
        self._hidden = self._field = self._shown = self._invented
        self._scene = np.zeros(4, np.float32)
        self._age = _LATEST_LOOK

    def watch(
        self,
        frame: Frame,
        box: Box,
        background: np.ndarray,
        to_frame: np.ndarray,
        *,
        visible: np.ndarray | None = None,
        margin: int = 0,
        busy: bool = False,
    ) -> Seen | None:
        """Learn from a part of a frame; see `Plate.watch`.

        visible: uint8 (P + 2 margin, P + 2 margin), 255 where, around `background` and beyond it, this frame shows
        background well enough to invent the rest from; without it that is `background`. busy: the frame is costly
        already; others are looked at rather.
        """
        self._age += 1
        wider = box
        if visible is None:
            visible = background
        else:
            side = len(visible)
            corners = np.array([[0, 0], [side, 0], [0, side], [side, side]]) - margin
            low, high = (f(corners @ to_frame[:, :2].T + to_frame[:, 2], axis=0) for f in (np.min, np.max))
            x0, y0, x1, y1 = (int(each) for each in np.clip([*low, *high], 0, 2 * [frame.width, frame.height]))
            wider = Box(min(box.x0, x0), min(box.y0, y0), max(box.x1, x1), max(box.y1, y1))
        to_visible = to_frame.copy()
        to_visible[:, 2] -= to_frame[:, :2] @ (margin, margin)
        look = self._age >= (_LATEST_LOOK if busy else _LOOKS)
        seen, learned, news = self.plate.watch(frame, box, background, to_frame, wider=wider, look=look)
        if news or self.plate.passes % _REFRESHED == 0:
            self._stale.append(learned)
        if self._invented.shape[:2] != self.plate.grid:
            self._invented = np.full((*self.plate.grid, 3), 128, np.uint8)
            self._hidden = np.zeros((*self.plate.grid, 3), np.uint8)
        if seen is not None:
            self._age = 0
            shown = self.plate.on_cells(visible, to_visible)[seen.cells]
            source = seen.known | shown
            bgr = np.where((shown & ~seen.known)[..., None], seen.filmed[seen.cells], seen.bgr)
            self._hidden = np.zeros((*self.plate.grid, 3), np.uint8)
            self._hidden[seen.cells][~source] = 255
            self._invented = self._inpainting.fill(seen.cells, self.plate.grid, bgr, seen.known, shown)
        return seen

    def read(self, box: Box) -> tuple[np.ndarray, np.ndarray]:
        """The background in a part of the frame: uint8 (h, w, 3) BGR; and uint8 (h, w): 255 where it was
        seen, 0 where it is invented. Both are views that later frames overwrite."""
        valid, cell = self._valid, self.plate.cell
        scene = np.array([*(128 * self.plate.gain), 128 * self.plate.resets], np.float32)
        inside = valid.x0 <= box.x0 and valid.y0 <= box.y0 and box.x1 <= valid.x1 and box.y1 <= valid.y1
        if inside and len(self._stale) <= _MOST_STRIPS and np.abs(scene - self._scene).max() <= _STEP:
            stale = [*self._stale, self._changed()]
        else:
            height, width = (cells * cell for cells in self.plate.grid)
            if self._ready.shape[:2] != (height, width):
                self._ready, self._known = np.zeros((height, width, 3), np.uint8), np.zeros((height, width), np.uint8)
            margin = _AHEAD * cell
            x0, y0 = max(0, box.x0 - margin), max(0, box.y0 - margin)
            self._valid = valid = Box(x0, y0, min(width, box.x1 + margin), min(height, box.y1 + margin))
            self._scene = scene
            self._field, self._shown = self.plate.field.copy(), self._invented.copy()
            stale = [valid]
        for each in stale:
            x0, y0, x1, y1 = (*map(max, valid[:2], each[:2]), *map(min, valid[2:], each[2:]))
            if x0 < x1 and y0 < y1:
                self._make(Box(x0, y0, x1, y1))
        self._stale.clear()
        part = slice(box.y0, box.y1), slice(box.x0, box.x1)
        return self._ready[part], self._known[part]

    def _changed(self) -> Box:
        """Where light and invention have visibly changed since they were made ready, px of the frame."""
        field = cv2.absdiff(self._field, self.plate.field)
        # What is in view is not invented, though the picture of the cells goes on there.
        invented = cv2.bitwise_and(cv2.absdiff(self._shown, self._invented), self._hidden)
        changed = cv2.threshold(cv2.max(field, invented), _STEP, 255, cv2.THRESH_BINARY)[1]
        x, y, width, height = cv2.boundingRect(cv2.transform(changed, _ANY))
        if not width:
            return Box(0, 0, 0, 0)
        part = slice(y, y + height), slice(x, x + width)
        self._field[part], self._shown[part] = self.plate.field[part], self._invented[part]
        cell = self.plate.cell
        # A cell more on each side: cells are enlarged smoothly.
        return Box((x - 1) * cell, (y - 1) * cell, (x + width + 1) * cell, (y + height + 1) * cell)

    def _make(self, box: Box) -> None:
        bgr, known = self.plate.read(box)
        part = slice(box.y0, box.y1), slice(box.x0, box.x1)
        seen = cv2.threshold(known, _HALF, 255, cv2.THRESH_BINARY)[1]
        self._ready[part] = self.plate.enlarged(self._invented, box)
        cv2.copyTo(bgr, seen, self._ready[part])
        self._known[part] = known
