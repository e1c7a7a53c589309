"""What an identity looks like: its head's pictures, its face's texture, eyes, teeth, and its face shape."""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np

from deepfake_core.facemesh import topology
from deepfake_core.swapping import eyes
from deepfake_core.swapping.eyes import Eyeballs
from deepfake_core.swapping.head_layer import HeadPages
from deepfake_core.swapping.mouth import Mouth
from deepfake_core.swapping.retargeting import Retargeter, openings

_EYES = (
    np.array([*topology.RIGHT_EYE, 23, 27, 130, 243]),
    np.array([*topology.LEFT_EYE, 253, 257, 359, 463]),
)
_MOUTH = np.array([61, 291, 0, 17, 13, 14, 37, 267, 84, 314, 164, 18])
"""Vertices around the parts that differ between a texture's two pages."""
_CREASE = 0.35
"""How far above the open lid's edge the skin follows that slides down with it, in heights of the open eye."""
_LASHES = 2.0
_EDGE = 1.5
"""How far a lid's lashes reach below its edge, and how soft that is, px of a page."""
OPENED = 0.35
"""Part of the mouth's way, from shut to as open as it was baked, at which the texture is that of the open mouth."""
_WIDEST = 1.2
"""And part of it that lips are moved by at most."""
_STARTED = 0.15
"""How far a lid has to be shut until its lashes are the shut page's."""


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
    lid_lines: np.ndarray
    """float32 (2, 7), 0..1: where the lids of the right and left eye meet, from the open upper lid to the open lower
    one, at each pair of `eyes.UPPER` and `eyes.LOWER`."""
    lip_shifts: np.ndarray
    """float32 (468,), cm: how much higher the landmarks lie where the mouth is open than FaceMesh, which takes the
    upper teeth for lip, sees them there."""
    tone: np.ndarray
    """float32 (3,) BGR 0..255: the identity's own skin under white light."""
    retargeter: Retargeter
    head: HeadPages
    eyeballs: Eyeballs
    mouth: Mouth

    def shares(self, head: np.ndarray) -> np.ndarray:
        """How much of the second page eyes and mouth show, float (3,), 0..1, for landmarks (468, 3) cm."""
        return np.clip(self._way(head), 0.0, 1.0)

    def parted(self, head: np.ndarray) -> np.ndarray:
        """Landmarks (468, 3) cm as FaceMesh would see them -> as they are."""
        moved = head.copy()
        moved[:, 1] += min(max(OPENED * float(self._way(head)[2]), 0.0), _WIDEST) * self.lip_shifts
        return moved

    def _way(self, head: np.ndarray) -> np.ndarray:
        """How far eyes and mouth are from the first page's openings to the second's, float (3,)."""
        first, second = self.page_openings
        return np.asarray((openings(head)[:3] - first) / (second - first))


class TextureBlender:
    """Blends eyes and mouth between the two pages by how far they are open; its buffer serves one thread."""

    def __init__(self) -> None:
        self._pages = self._texture = np.empty((0, 0, 4), np.uint8)
        self._lids: tuple[_Lids, ...] = ()

    def blend(self, identity: IdentityHead, shares: np.ndarray) -> np.ndarray:
        """The texture uint8 (H, H, 4) for `IdentityHead.shares`; valid until the next call."""
        if self._pages is not identity.pages:
            self._pages, self._texture = identity.pages, identity.pages[0].copy()
            self._lids = tuple(_Lids.of(identity, eye) for eye in range(2))
        for lids, share in zip(self._lids, shares[:2], strict=True):
            self._texture[lids.part] = lids.drawn(identity.pages, float(share))
        part, weight = _around(identity.uv[_MOUTH]), float(shares[2])
        self._texture[part] = cv2.addWeighted(identity.pages[0][part], 1.0 - weight, identity.pages[1][part], weight, 0)
        return self._texture


@dataclass(frozen=True)
class _Lids:
    """One eye of a texture: the upper lid slides down over the eyeball, the lower one a little up, until they meet.

    Pages of an open and a shut eye that were only faded into each other would show the eyeball through the lid.
    """

    part: tuple[slice, slice]
    columns: np.ndarray
    """float32 (h, w): x of each pixel of the part on the page, px."""
    rows: np.ndarray
    upper: np.ndarray
    """float32 (w,): y of the open upper lid's edge, px of the page."""
    lower: np.ndarray
    line: np.ndarray
    """Where the two meet."""

    @classmethod
    def of(cls, identity: IdentityHead, eye: int) -> _Lids:
        """Of the right or the left eye."""
        part = _around(identity.uv[_EYES[eye]])
        rows, columns = (np.ascontiguousarray(plane, np.float32) for plane in np.mgrid[part])
        corners = identity.uv[eyes.CORNERS[eye]]
        above, below = identity.uv[eyes.UPPER[eye]], identity.uv[eyes.LOWER[eye]]
        meeting = above + identity.lid_lines[eye][:, None] * (below - above)

        def edge(points: np.ndarray) -> np.ndarray:
            whole = np.concatenate([corners[:1], points, corners[1:]])
            order = np.argsort(whole[:, 0])
            return np.interp(columns[0], whole[order, 0], whole[order, 1]).astype(np.float32)

        return cls(part, columns, rows, edge(above), edge(below), edge(meeting))

    def drawn(self, pages: np.ndarray, share: float) -> np.ndarray:
        """The part uint8 (h, w, 4), shut by a share 0..1."""
        if share == 0.0:
            return np.asarray(pages[0][self.part])
        edge = self.upper + np.float32(share) * (self.line - self.upper)
        rising = self.lower + np.float32(share) * (self.line - self.lower)
        started = np.float32(min(share / _STARTED, 1.0))
        over = self.rows - edge
        # 1 on the lid that slides, falling to 0 above the crease that it comes out of.
        height = np.maximum(self.lower - self.upper, np.float32(1.0))
        sliding = np.clip(1.0 + (self.rows - self.upper) / (np.float32(_CREASE) * height), 0.0, 1.0)
        sliding *= over < _LASHES + _EDGE
        moved = self.rows + sliding * (self.line - edge)
        shut = cv2.remap(pages[1], self.columns, moved, cv2.INTER_LINEAR)
        lid = np.clip((np.float32(_LASHES) - over) * np.float32(1.0 / _EDGE) + 0.5, 0.0, 1.0) * started
        below = np.clip((self.rows - rising) * np.float32(1.0 / _EDGE) + 0.5, 0.0, 1.0)
        outside = np.float32(share)
        weight = np.where(
            self.rows < self.upper,
            outside + sliding * (lid - outside),
            np.maximum(lid, below * np.where(self.rows > self.lower, outside, started)),
        )
        shown = cv2.blendLinear(pages[0][self.part], shut, 1.0 - weight, weight)
        return np.asarray(shown)


def _around(places: np.ndarray) -> tuple[slice, slice]:
    """The rows and columns of a page that hold some places (N, 2), px."""
    x0, y0 = np.floor(places.min(0)).astype(int)
    x1, y1 = np.ceil(places.max(0)).astype(int) + 1
    return slice(y0, y1), slice(x0, x1)
