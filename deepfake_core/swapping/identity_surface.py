"""What an identity looks like: its texture, where it lies on the mesh, and its face shape."""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np

from deepfake_core.swapping.surface import Raster
from deepfake_core.swapping.retargeting import Retargeter, openings

_BLENDED_PARTS = (
    (0, np.array([33, 7, 163, 144, 145, 153, 154, 155, 133, 173, 157, 158, 159, 160, 161, 246, 23, 27, 130, 243])),
    (1, np.array([263, 249, 390, 373, 374, 380, 381, 382, 362, 398, 384, 385, 386, 387, 388, 466, 253, 257, 359, 463])),
    (2, np.array([61, 291, 0, 17, 13, 14, 37, 267, 84, 314, 164, 18])),
)
"""Which opening blends which part of the texture between its two pages, by the vertices around that part."""


@dataclass(frozen=True)
class IdentitySurface:
    """Texture, layout and retargeter of one identity."""

    pages: np.ndarray
    """uint8 (2, H, H, 4) BGR and detail: eyes open and mouth shut, eyes shut and mouth open."""
    uv: np.ndarray
    """float32 (504, 2): place of each vertex on a page, px."""
    page_openings: np.ndarray
    """float32 (2, 3): openings of right eye, left eye and mouth that the two pages stand for."""
    tone: np.ndarray
    """float32 (3,) BGR 0..255: the identity's own skin under white light."""
    retargeter: Retargeter


class TextureBlender:
    """Blends eyes and mouth between the two pages by how far they are open; its buffer serves one thread."""

    def __init__(self) -> None:
        self._pages = self._texture = np.empty((0, 0, 4), np.uint8)

    def blend(self, identity: IdentitySurface, head: np.ndarray) -> np.ndarray:
        """The texture uint8 (H, H, 4) for the identity's landmarks (468, 3) cm; valid until the next call."""
        first, second = identity.page_openings
        amount = np.clip((openings(head)[:3] - first) / (second - first), 0.0, 1.0)
        if self._pages is not identity.pages:
            self._pages, self._texture = identity.pages, identity.pages[0].copy()
        for opening, vertices in _BLENDED_PARTS:
            where = identity.uv[vertices]
            x0, y0 = np.floor(where.min(0)).astype(int)
            x1, y1 = np.ceil(where.max(0)).astype(int) + 1
            part = (slice(y0, y1), slice(x0, x1))
            weight = float(amount[opening])
            self._texture[part] = cv2.addWeighted(
                identity.pages[0][part], 1.0 - weight, identity.pages[1][part], weight, 0.0
            )
        return self._texture


RASTER_SIZE = 128


@dataclass(frozen=True)
class Drawing:
    """The identity's surface, drawn."""

    bgr: np.ndarray
    """float32 (S, S, 3), 0..255; undefined where `coverage` is 0."""
    detail: np.ndarray
    """float32 (S, S), 0..1: where the texture's finest detail is to be kept (skin, not eyes or mouth)."""
    coverage: np.ndarray
    """float32 (S, S), 0..1."""


def draw(texture: np.ndarray, uv: np.ndarray, raster: Raster, size: int) -> Drawing:
    """Draw a texture through a raster, enlarged smoothly to `size` px.

    texture: uint8 (H, W, 4) BGR and detail; uv: float32 (504, 2), px of the texture.
    """
    covered = raster.coverage().astype(np.float32) / 255.0
    across, down = raster.plane(uv[:, 0]), raster.plane(uv[:, 1])
    if size != raster.size:
        planes = cv2.merge([across, down, covered])
        across, down, covered = np.asarray(
            cv2.split(cv2.resize(planes, (size, size), interpolation=cv2.INTER_LINEAR)), np.float32
        )
        # The map is 0 off the surface: divided by how much of a pixel is covered, the border keeps its place.
        known = np.maximum(covered, 1e-3)
        across /= known
        down /= known
    drawn = cv2.remap(texture, across, down, cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE)
    blue, green, red, detail = cv2.split(drawn)
    return Drawing(
        cv2.merge([blue, green, red]).astype(np.float32), detail.astype(np.float32) * np.float32(1 / 255.0), covered
    )
