"""What an identity looks like: its head's pictures, its face's texture, eyes, teeth, and its face shape."""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np

from deepfake_core.swapping.eyes import Eyeballs
from deepfake_core.swapping.head_layer import HeadPages
from deepfake_core.swapping.mouth import Mouth
from deepfake_core.swapping.retargeting import Retargeter, openings

_BLENDED_PARTS = (
    (0, np.array([33, 7, 163, 144, 145, 153, 154, 155, 133, 173, 157, 158, 159, 160, 161, 246, 23, 27, 130, 243])),
    (1, np.array([263, 249, 390, 373, 374, 380, 381, 382, 362, 398, 384, 385, 386, 387, 388, 466, 253, 257, 359, 463])),
    (2, np.array([61, 291, 0, 17, 13, 14, 37, 267, 84, 314, 164, 18])),
)
"""Which opening blends which part of the texture between its two pages, by the vertices around that part."""


@dataclass(frozen=True)
class IdentityHead:
    """All that the template of one identity is drawn from."""

    pages: np.ndarray
    """uint8 (2, H, H, 4) BGR and how much of the face is seen there (0 under hair and beyond the face): eyes open
    without irises and mouth shut, eyes shut and mouth open."""
    uv: np.ndarray
    """float32 (504, 2): place of each vertex on a page, px."""
    page_openings: np.ndarray
    """float32 (2, 3): openings of right eye, left eye and mouth that the two pages stand for."""
    tone: np.ndarray
    """float32 (3,) BGR 0..255: the identity's own skin under white light."""
    retargeter: Retargeter
    head: HeadPages
    eyeballs: Eyeballs
    mouth: Mouth

    def shares(self, head: np.ndarray) -> np.ndarray:
        """How much of the second page eyes and mouth show, float (3,), 0..1, for landmarks (468, 3) cm."""
        first, second = self.page_openings
        return np.clip((openings(head)[:3] - first) / (second - first), 0.0, 1.0)


class TextureBlender:
    """Blends eyes and mouth between the two pages by how far they are open; its buffer serves one thread."""

    def __init__(self) -> None:
        self._pages = self._texture = np.empty((0, 0, 4), np.uint8)

    def blend(self, identity: IdentityHead, shares: np.ndarray) -> np.ndarray:
        """The texture uint8 (H, H, 4) for `IdentityHead.shares`; valid until the next call."""
        if self._pages is not identity.pages:
            self._pages, self._texture = identity.pages, identity.pages[0].copy()
        for opening, vertices in _BLENDED_PARTS:
            where = identity.uv[vertices]
            x0, y0 = np.floor(where.min(0)).astype(int)
            x1, y1 = np.ceil(where.max(0)).astype(int) + 1
            part = (slice(y0, y1), slice(x0, x1))
            weight = float(shares[opening])
            self._texture[part] = cv2.addWeighted(
                identity.pages[0][part], 1.0 - weight, identity.pages[1][part], weight, 0.0
            )
        return self._texture
