"""What is behind the performer: as it was seen, else invented."""

from __future__ import annotations

import cv2
import numpy as np

from deepfake_core.compositing import seam
from deepfake_core.compositing.inpainting import Inpainting
from deepfake_core.compositing.plate import Plate, Seen
from deepfake_core.frame import Box, Frame

_AHEAD = 6
"""Cells around what is read that are made ready with it: a head that moves a little finds them."""
_MOST_STRIPS = 8
_STEP = 2
"""Levels by which light or invention may change before all is made ready anew, not the strip alone that was learned."""


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
        self._made: tuple[np.ndarray, ...] = ()
        self._hidden = np.zeros((0, 0), np.uint8)
        self._age = 2

    def watch(
        self, frame: Frame, box: Box, background: np.ndarray, to_frame: np.ndarray, *, busy: bool = False
    ) -> Seen | None:
        """Learn from a part of a frame; see `Plate.watch`.

        busy: the frame is costly already; of two in a row the second is looked at anyway.
        """
        self._age += 1
        seen, learned = self.plate.watch(frame, box, background, to_frame, look=not busy or self._age > 1)
        self._stale.append(learned)
        if self._invented.shape[:2] != self.plate.grid:
            self._invented = np.full((*self.plate.grid, 3), 128, np.uint8)
            self._hidden = np.zeros(self.plate.grid, np.uint8)
        if seen is not None:
            self._age = 0
            self._hidden = np.zeros(self.plate.grid, np.uint8)
            self._hidden[seen.cells][~seen.known] = 1
            self._invented = self._inpainting.fill(seen.cells, self.plate.grid, seen.bgr, seen.known)
        return seen

    def read(self, box: Box) -> tuple[np.ndarray, np.ndarray]:
        """The background in a part of the frame: uint8 (h, w, 3) BGR; and uint8 (h, w): 255 where it was
        seen, 0 where it is invented. Both are views that later frames overwrite."""
        plate, valid, cell = self.plate, self._valid, self.plate.cell
        figures = np.array([*(128 * plate.gain), 128 * plate.resets], np.float32)
        state = plate.field, self._invented, figures
        inside = valid.x0 <= box.x0 and valid.y0 <= box.y0 and box.x1 <= valid.x1 and box.y1 <= valid.y1
        if inside and len(self._stale) <= _MOST_STRIPS and not self._differ(state):
            for strip in self._stale:
                self._make(Box(valid.x0, max(valid.y0, strip.y0), valid.x1, min(valid.y1, strip.y1)))
        else:
            height, width = (cells * cell for cells in plate.grid)
            if self._ready.shape[:2] != (height, width):
                self._ready, self._known = np.zeros((height, width, 3), np.uint8), np.zeros((height, width), np.uint8)
            margin = _AHEAD * cell
            self._valid = Box(
                max(0, box.x0 - margin),
                max(0, box.y0 - margin),
                min(width, box.x1 + margin),
                min(height, box.y1 + margin),
            )
            self._make(self._valid)
            self._made = tuple(each.copy() for each in state)
        self._stale.clear()
        part = slice(box.y0, box.y1), slice(box.x0, box.x1)
        return self._ready[part], self._known[part]

    def _make(self, box: Box) -> None:
        if box.height <= 0:
            return
        bgr, known = self.plate.read(box)
        if cv2.minMaxLoc(known)[0] < 255:
            bgr = seam.mixed(self.plate.enlarged(self._invented, box), bgr, cv2.merge([known] * 3))
        part = slice(box.y0, box.y1), slice(box.x0, box.x1)
        self._ready[part], self._known[part] = bgr, known

    def _differ(self, state: tuple[np.ndarray, ...]) -> bool:
        """Whether what was made ready is visibly another: field and invention on the grid, and figures."""
        if len(self._made) != len(state) or self._made[0].shape != state[0].shape:
            return True
        (field, invented, figures), (new_field, new_invented, new_figures) = self._made, state
        return (
            cv2.norm(field, new_field, cv2.NORM_INF) > _STEP
            # What is in view is not invented, though the picture of the cells goes on there.
            or cv2.norm(invented, new_invented, cv2.NORM_INF, self._hidden) > _STEP
            or float(np.abs(figures - new_figures).max()) > _STEP
        )
