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

Pattern = Literal["plain", "stripes", "pinstripes", "checks", "dots", "blocks"]
PATTERNS: tuple[Pattern, ...] = ("plain", "stripes", "pinstripes", "checks", "dots", "blocks")
ZONES = 3  # colours that a garment's picture is taken apart into
VISIBLE = 4.0  # dm above the ground: what of the clothes can be in a picture
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
        return self._place[..., 1] > VISIBLE

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
        zone = np.linalg.norm(colours[:, None] - middle, axis=2).argmin(axis=1)
        order = np.argsort(-np.bincount(zone, minlength=ZONES))
        zone = np.argsort(order)[zone]
        light = (rgb.astype(np.float32) / 255) ** 2.2 @ np.array([0.3, 0.6, 0.1], np.float32) + 0.02
        means = np.array([light[zone == k].mean() if (zone == k).any() else 1.0 for k in range(ZONES)], np.float32)
        return zone, np.clip(light / means[zone], 0.5, 1.5)

    def dyed(self, dye: Dye) -> Texture:
        """The picture in new colours; what is never seen stays."""
        zone, relief = self._zones
        colours = np.array([dye.zones[k % len(dye.zones)] for k in range(ZONES)], np.float32)[zone]
        if dye.pattern != "plain":
            share = _pattern(dye, self._place[self._seen])[:, None] * (zone == 0)[:, None]
            colours += share * (np.array(dye.colour, np.float32) - colours)
        pixels = self._pixels.copy()
        encoded = np.clip(colours * relief[:, None], 0, 1) ** (1 / 2.2) * 255 + 0.5
        pixels[self._seen, :3] = encoded.astype(np.uint8)
        return Texture(_bled(pixels, self._seen))


class Dyer:
    """Takes every garment's picture apart once."""

    def __init__(self) -> None:
        self._cloths: WeakKeyDictionary[Texture, Cloth] = WeakKeyDictionary()

    def dyed(self, garment: Garment, picture: Texture, dye: Dye) -> Texture:
        """The garment's picture in new colours."""
        if picture not in self._cloths:
            self._cloths[picture] = Cloth(garment, picture)
        return self._cloths[picture].dyed(dye)


def _pattern(dye: Dye, place: Floats) -> Floats:
    """How much of the pattern's colour is at places (N, 3) on the body, 0..1."""
    x, y = place[:, 0] / dye.size, place[:, 1] / dye.size
    if dye.pattern == "stripes":
        share = y % 1 < 0.42
    elif dye.pattern == "pinstripes":
        share = (3 * x) % 1 < 0.14
    elif dye.pattern == "checks":
        return (0.5 * (x % 1 < 0.5) + 0.5 * (y % 1 < 0.5)).astype(np.float32)
    elif dye.pattern == "dots":
        share = np.hypot((2 * x) % 1 - 0.5, (2 * y + 0.5 * (np.floor(2 * x) % 2)) % 1 - 0.5) < 0.24
    else:  # blocks: yoke and shoulders of another colour
        share = place[:, 1] > 5.15
    return share.astype(np.float32)


def _places(garment: Garment, height: int, width: int) -> Floats:
    """Where on the base mesh each texel is worn: (height, width, 3) dm; far below where nothing is."""
    mesh = garment.mesh
    worn = mesh.vertices
    place = np.full((height, width, 3), -100.0, np.float32)
    corners = mesh.uv[mesh.uv_faces] * [width, height] - 0.5
    places = worn[mesh.faces]
    chosen = places[:, :, 1].max(axis=1) > VISIBLE - 0.5
    for uv, xyz in zip(corners[chosen], places[chosen], strict=True):
        low = np.floor(uv.min(axis=0)).astype(int).clip(0, [width - 1, height - 1])
        high = np.ceil(uv.max(axis=0)).astype(int).clip(0, [width - 1, height - 1])
        x, y = np.meshgrid(np.arange(low[0], high[0] + 1), np.arange(low[1], high[1] + 1))
        (ax, ay), (bx, by), (cx, cy) = uv
        area = (bx - ax) * (cy - ay) - (cx - ax) * (by - ay)
        if abs(area) < 1e-9:
            continue
        b = ((x - ax) * (cy - ay) - (cx - ax) * (y - ay)) / area
        c = ((bx - ax) * (y - ay) - (x - ax) * (by - ay)) / area
        inside = (b > -0.15) & (c > -0.15) & (b + c < 1.15)
        place[y[inside], x[inside]] = xyz[0] + b[inside, None] * (xyz[1] - xyz[0]) + c[inside, None] * (xyz[2] - xyz[0])
    return place


def _bled(pixels: npt.NDArray[np.uint8], seen: npt.NDArray[np.bool_]) -> npt.NDArray[np.uint8]:
    """The picture with the seen texels' colours spread over their rims, so that no seam shows."""
    rim = cv2.dilate(seen.astype(np.uint8), np.ones((5, 5), np.uint8)).astype(bool) & ~seen
    spread = cv2.dilate(np.where(seen[..., None], pixels, 0).astype(np.uint8), np.ones((5, 5), np.uint8))
    pixels[rim] = spread[rim]
    return pixels
