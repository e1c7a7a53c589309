"""Cloth: MakeHuman's clothes in other colours and patterns."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import Literal
from weakref import WeakKeyDictionary

import cv2
import numpy as np
import numpy.typing as npt

from deepfake_core.synthetic.garment import Garment
from deepfake_core.synthetic.mesh import Floats
from deepfake_core.synthetic.part import Colour, Texture
from deepfake_core.synthetic.solids import Points

Pattern = Literal["plain", "stripes", "pinstripes", "checks", "dots", "blocks"]
PATTERNS: tuple[Pattern, ...] = ("plain", "stripes", "pinstripes", "checks", "dots", "blocks")
ZONES = 3  # colours that a garment's picture is taken apart into
VISIBLE = 4.0  # dm above the ground: what of the clothes can be in a picture
RELIEF = (0.5, 1.5)  # brightness of a fold against its cloth's mean
SLEEVE = 1.9  # dm from the middle: arms, which come before the face
_ROUNDS = 8


@dataclass(frozen=True)
class Dye:
    """New colours (linear RGB) for the zones of a garment, the largest first, and a pattern in another colour on
    the largest; `size`: the pattern's period in dm."""

    zones: tuple[Colour, ...]
    pattern: Pattern = "plain"
    colour: Colour = (0.5, 0.5, 0.5)
    size: float = 0.5


class Cloth:
    """A garment's picture, taken apart: which zone each texel belongs to, its relief, and where it is worn."""

    def __init__(self, garment: Garment, picture: Texture) -> None:
        self._pixels = picture.pixels
        self._place = _places(garment, *picture.pixels.shape[:2])

    @cached_property
    def _seen(self) -> npt.NDArray[np.bool_]:
        return (self._place[..., 1] > VISIBLE) | (np.abs(self._place[..., 0]) > SLEEVE)

    @cached_property
    def _where(self) -> npt.NDArray[np.intp]:
        """The seen texels in the flat picture, (N,)."""
        return np.flatnonzero(self._seen)

    @cached_property
    def _worn_at(self) -> Floats:
        """Where the seen texels are worn, (N, 3)."""
        return self._place[self._seen]

    @cached_property
    def _zones(self) -> tuple[npt.NDArray[np.int64], Floats]:
        """Zone of each seen texel (N,), the largest first, and its brightness against the zone's mean (N,)."""
        rgb = self._pixels[self._seen][:, :3]
        colours = cv2.cvtColor(rgb[None].astype(np.float32) / 255, cv2.COLOR_RGB2LAB)[0]
        colours[:, 0] *= 0.6  # a fold is darker but no other cloth
        some = colours[:: max(1, len(colours) // 5000)]
        centres = [some.mean(axis=0)]
        for _ in range(ZONES):  # farthest points first: the same at every run
            away = np.min([np.linalg.norm(some - centre, axis=1) for centre in centres], axis=0)
            centres.append(some[np.argmax(away)])
        middle = np.array(centres[1:])
        for _ in range(_ROUNDS):
            nearest = np.linalg.norm(some[:, None] - middle, axis=2).argmin(axis=1)
            middle = np.array(
                [some[nearest == k].mean(axis=0) if (nearest == k).any() else middle[k] for k in range(ZONES)]
            )
        zone = np.stack([((colours - centre) ** 2).sum(axis=1) for centre in middle]).argmin(axis=0)
        order = np.argsort(-np.bincount(zone, minlength=ZONES))
        zone = np.argsort(order)[zone]
        linear = ((np.arange(256) / 255) ** 2.2).astype(np.float32)
        light = linear[rgb] @ np.array([0.3, 0.6, 0.1], np.float32) + 0.02
        means = np.array([light[zone == k].mean() if (zone == k).any() else 1.0 for k in range(ZONES)], np.float32)
        return zone, np.clip(light / means[zone], *RELIEF)

    @cached_property
    def _index(self) -> npt.NDArray[np.int64]:
        """For each seen texel (N,) its zone and relief as one number: zone * 256 + relief."""
        zone, relief = self._zones
        return zone * 256 + np.interp(relief, RELIEF, (0, 255)).astype(np.int64)

    @cached_property
    def _rim(self) -> tuple[npt.NDArray[np.intp], npt.NDArray[np.intp]]:
        """Texels just outside the seen ones, and the seen texel next to each, both in the flat picture: the colours
        spread there, so that no seam shows."""
        seen = self._seen.astype(np.uint8)
        rim = np.flatnonzero(cv2.dilate(seen, np.ones((5, 5), np.uint8)).astype(bool) & ~self._seen)
        _, labels = cv2.distanceTransformWithLabels(1 - seen, cv2.DIST_L2, 5, labelType=cv2.DIST_LABEL_PIXEL)
        texel_of = np.zeros(labels.max() + 1, np.intp)
        texel_of[labels[self._seen]] = np.flatnonzero(self._seen)
        return rim, texel_of[labels.ravel()[rim]]

    def dyed(self, dye: Dye) -> Texture:
        """The picture in new colours; what is never seen stays."""
        zones = np.array([dye.zones[k % len(dye.zones)] for k in range(ZONES)])
        halfway = zones.copy(), zones.copy()  # half and all of the pattern's colour, on the largest zone
        halfway[0][0], halfway[1][0] = (zones[0] + dye.colour) / 2, dye.colour
        table = np.stack([zones, *halfway])[:, :, None] * np.linspace(*RELIEF, 256)[:, None]
        encoded = np.full((table.size // 3, 4), 255, np.uint8)
        encoded[:, :3] = (np.clip(table, 0, 1) ** (1 / 2.2) * 255 + 0.5).reshape(-1, 3)
        index = self._index
        if dye.pattern != "plain":
            index = index + 256 * ZONES * _pattern(dye, self._worn_at)
        pixels = self._pixels.copy()
        texels = pixels.reshape(-1, 4).view(np.uint32)[:, 0]  # whole texels are moved faster than colours
        texels[self._where] = encoded.view(np.uint32)[index, 0]
        rim, source = self._rim
        texels[rim] = texels[source]
        return Texture(pixels)


class Dyer:
    """Takes every garment's picture apart once."""

    def __init__(self) -> None:
        self._cloths: WeakKeyDictionary[Texture, Cloth] = WeakKeyDictionary()

    def dyed(self, garment: Garment, picture: Texture, dye: Dye) -> Texture:
        """The garment's picture in new colours."""
        if picture not in self._cloths:
            self._cloths[picture] = Cloth(garment, picture)
        return self._cloths[picture].dyed(dye)


def _pattern(dye: Dye, place: Floats) -> npt.NDArray[np.int64]:
    """How much of the pattern's colour is at places (N, 3) on the body: 0 none, 1 half, 2 all."""
    x, y = place[:, 0] / dye.size, place[:, 1] / dye.size
    if dye.pattern == "stripes":
        share = y % 1 < 0.42
    elif dye.pattern == "pinstripes":
        share = (3 * x) % 1 < 0.14
    elif dye.pattern == "checks":
        return (x % 1 < 0.5).astype(np.int64) + (y % 1 < 0.5)
    elif dye.pattern == "dots":
        share = np.hypot((2 * x) % 1 - 0.5, (2 * y + 0.5 * (np.floor(2 * x) % 2)) % 1 - 0.5) < 0.24
    else:  # blocks: yoke and shoulders of another colour
        share = place[:, 1] > 5.15
    return 2 * share.astype(np.int64)


def _places(garment: Garment, height: int, width: int) -> Floats:
    """Where on the base mesh each texel is worn: (height, width, 3) dm; far below where nothing is."""
    mesh = garment.mesh
    worn = mesh.vertices
    place = np.full((height, width, 3), -100.0, np.float32)
    corners = mesh.uv[mesh.uv_faces] * [width, height] - 0.5
    places = worn[mesh.faces]
    chosen = (places[:, :, 1].max(axis=1) > VISIBLE - 0.5) | (np.abs(places[:, :, 0]).max(axis=1) > SLEEVE - 0.3)
    corners, places = corners[chosen], places[chosen]
    low = np.floor(corners.min(axis=1)).astype(int)
    span = (np.ceil(corners.max(axis=1)).astype(int) - low).max(axis=1) + 1
    for side in (4, 8, 16, 32, 64, 128, 1024):  # triangles of about one size together
        of_size = (span <= side) & (span > side // 2 if side > 4 else span > 0)
        for few in np.array_split(np.flatnonzero(of_size), max(1, of_size.sum() * side**2 // 500_000)):
            _paint(place, corners[few], places[few], low[few], side)
    return place


def _paint(place: Floats, corners: Points, places: Floats, low: npt.NDArray[np.intp], side: int) -> None:
    """Paint triangles (N, 3, 2 texels and N, 3, 3 dm), each within a square of `side` texels from `low`, into
    `place`."""
    step = np.arange(side)
    x, y = np.broadcast_arrays((low[:, :1] + step)[:, None], (low[:, 1:] + step)[:, :, None])  # (N, side, side)
    (ax, ay), (bx, by), (cx, cy) = (corners[:, k].T[:, :, None, None] for k in range(3))
    area = (bx - ax) * (cy - ay) - (cx - ax) * (by - ay)
    area = np.where(np.abs(area) < 1e-9, np.inf, area)
    b = ((x - ax) * (cy - ay) - (cx - ax) * (y - ay)) / area
    c = ((bx - ax) * (y - ay) - (x - ax) * (by - ay)) / area
    height, width = place.shape[:2]
    inside = (b > -0.15) & (c > -0.15) & (b + c < 1.15) & (x >= 0) & (x < width) & (y >= 0) & (y < height)
    n, i, j = np.nonzero(inside & np.isfinite(area))
    shares = np.stack([1 - b[n, i, j] - c[n, i, j], b[n, i, j], c[n, i, j]], axis=1)
    place[y[n, i, j], x[n, i, j]] = np.einsum("mk,mkc->mc", shares, places[n])
