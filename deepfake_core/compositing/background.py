"""What is behind the performer: as it was seen, else invented."""

from __future__ import annotations

import cv2
import numpy as np

from deepfake_core.compositing import seam
from deepfake_core.compositing.inpainting import Inpainting
from deepfake_core.compositing.plate import Plate, Seen
from deepfake_core.frame import Box


class Background:
    """The background of one source, watched frame by frame."""

    def __init__(self) -> None:
        self.plate = Plate()
        self._inpainting = Inpainting()
        self._seen: Seen | None = None
        self._invented = np.zeros((0, 0, 3), np.uint8)

    def watch(self, size: tuple[int, int], box: Box, region: np.ndarray, clear: np.ndarray) -> Seen:
        """Learn from a part of a frame; see `Plate.watch`."""
        self._seen = self.plate.watch(size, box, region, clear)
        self._invented = self._inpainting.fill(self._seen.cells, self.plate.grid, self._seen.bgr, self._seen.known)
        return self._seen

    def read(self, box: Box) -> tuple[np.ndarray, np.ndarray]:
        """The background in a part of what was just watched: uint8 (h, w, 3) BGR; and uint8 (h, w): 255 where it was
        seen, 0 where it is invented."""
        assert self._seen is not None
        bgr, known = self.plate.read(box)
        invented = self.plate.enlarged(self._invented, self._seen.place, box)
        return seam.mixed(invented, bgr, cv2.merge([known] * 3)), known
