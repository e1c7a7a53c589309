"""Pictures of strands: alpha and tone drawn once per kind, coloured for each person."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache
from typing import Literal

import cv2
import numpy as np
import numpy.typing as npt

from deepfake_core.synthetic.mesh import Floats
from deepfake_core.synthetic.part import Colour, Texture

Kind = Literal["short", "straight", "wavy", "curly", "coily", "braid"]
BLENDED = 0.48  # alpha: from 0.5 on hair is drawn solid (main.glsl)
COLUMNS = 8  # tufts side by side
SIDE = 512  # px
_GAMMA = (np.linspace(0, 1, 4096) ** (1 / 2.2) * 255 + 0.5).astype(np.uint8)


@dataclass(frozen=True, eq=False)
class _Drawing:
    """alpha, tone (1 on average) and lot 0..1 (the same all along a strand), (512, 512) float32, roots first."""

    alpha: Floats
    tone: Floats
    lot: Floats


# Strands in a tuft, their half width (px), waves along them, their swing (px), and how much the tips vary.
_STRANDS = {
    "short": (9, 3.4, 0.0, 0.0, 0.45),
    "straight": (20, 2.1, 0.0, 0.0, 0.3),
    "wavy": (15, 1.9, 2.2, 6.0, 0.45),
    "curly": (12, 2.0, 4.5, 12.0, 0.45),
    "coily": (12, 2.3, 1.9, 12.0, 0.55),
}


@cache
def _drawing(kind: Kind) -> _Drawing:
    if kind == "braid":
        return _braid()
    g = np.random.default_rng(sum(kind.encode()))
    strands, half_width, waves, swing, ragged = _STRANDS[kind]
    width = SIDE // COLUMNS
    alpha, tone, lot = (np.zeros((SIDE, SIDE), np.float32) for _ in range(3))
    tone[:] = 1
    along = np.linspace(0, 1, SIDE, dtype=np.float32)[:, None]
    u = np.arange(width, dtype=np.float32)[None, :]
    for column in range(COLUMNS):
        part = slice(column * width, (column + 1) * width)
        phase = g.uniform(0, 6.28)
        for strand in range(strands):
            inner = strand < strands // 2  # drawn first, wider: they close the tuft
            middle = width / 2 + g.normal(0, 0.18 if inner else 0.24) * width
            reach = width / 2 - 3 - swing
            x = np.clip(middle, width / 2 - reach, width / 2 + reach) + g.normal(0, 3.0) * (along - 0.3)
            # Tufts gather at their tips.
            x = x + (width / 2 - x) * 0.45 * along**2
            x = x + swing * np.sin(
                6.28 * waves * g.normal(1, 0.06) * along + phase + g.normal(0, 2.5 if kind == "coily" else 0.7)
            )
            end = 1 - ragged * g.beta(1.0, 2.2) if not inner else 1 - 0.5 * ragged * g.random()
            taper = np.clip((end - along) / 0.3, 0, 1) ** 0.6
            w = half_width * (1.8 if inner else 1.0) * g.uniform(0.7, 1.3) * taper
            w = w * np.sqrt(1 + np.gradient(x[:, 0]) ** 2)[:, None]  # measured across, not along u
            body = np.clip(w - np.abs(u - x) + 0.5, 0, 1) * (along < end)
            spread = 0.5 if kind == "coily" else 1.0
            brightness = g.normal(1.0, spread * (0.1 if inner else 0.16)) * (1 - spread * 0.2 * inner)
            round_ = 1 - 0.35 * np.clip(np.abs(u - x) / np.maximum(w, 0.5), 0, 1) ** 2
            tone[:, part] += body * (brightness * round_ - tone[:, part])
            lot[:, part] += body * (g.random() - lot[:, part])
            alpha[:, part] = np.maximum(alpha[:, part], body * np.clip(along / 0.02, 0, 1))
    # Where nothing is drawn mip levels still mix the colour in.
    return _Drawing(alpha, np.where(alpha > 0, tone, 0.85).astype(np.float32), lot)


def _braid() -> _Drawing:
    """Three tufts plaited, seen from outside, repeating along v; u goes once around."""
    v, u = np.meshgrid(np.linspace(0, 1, SIDE, endpoint=False), np.linspace(0, 1, SIDE, endpoint=False), indexing="ij")
    turns = 6
    x = np.abs(((u * 4) % 2) - 1)  # 0 in the middle of each of two sides
    bead = (v * turns + 0.5 * x + 0.5 * (np.floor(u * 2) % 2)) % 1
    tone = 0.35 + 0.75 * np.sin(np.pi * bead) ** 0.6
    lines = 1 + 0.16 * np.sin((u * 40 + bead * 9) * 6.28)
    lot = np.floor(u * 24) * 0.618 % 1
    return _Drawing(np.ones_like(tone, np.float32), (tone * lines).astype(np.float32), lot.astype(np.float32))


def _encode(linear: Floats) -> npt.NDArray[np.uint8]:
    return _GAMMA[np.clip(linear * 4095, 0, 4095).astype(np.int16)]


def strands(kind: Kind, root: Colour, tip: Colour, grey: float, *, root_shade: float = 0.55) -> Texture:
    """Tufts in a person's colours (linear RGB); `grey` 0..1 of the strands are white.

    `root_shade`: brightness at the root, where strands lie in each other's shadow.
    """
    drawing = _drawing(kind)
    along = np.linspace(0, 1, SIDE, dtype=np.float32)[:, None, None]
    blend = np.clip((along - 0.25) / 0.6, 0, 1)
    colour = np.array(root, np.float32) * (1 - blend) + np.array(tip, np.float32) * blend
    white = np.array([0.4, 0.4, 0.39], np.float32)
    share = (
        np.clip((grey**1.3 - drawing.lot) / 0.7 + 0.5 - 0.5 * (1 - grey), 0, 1)[..., None]
        if 0 < grey < 1
        else np.float32(grey >= 1)
    )
    colour = colour + share * (white - colour)
    shade = root_shade + (1 - root_shade) * np.clip(along[..., 0] / 0.35, 0, 1)
    rgba = np.empty((SIDE, SIDE, 4), np.uint8)
    rgba[..., :3] = _encode(colour * (drawing.tone * shade)[..., None])
    rgba[..., 3] = drawing.alpha * 255
    return Texture(rgba)


def shadow(colour: Colour, grey: float, *, edge: float, density: float, blended: bool = False) -> Texture:
    """Short hairs laid on the skin: v 0 at their rim to 1 well within it.

    `edge`: share of v over which they close; `density`: opacity there, 0..1: below 1 the skin is seen between.
    `blended`: nowhere so opaque that it counts as solid.
    """
    g = np.random.default_rng(13)
    tiled = np.tile(g.standard_normal((SIDE, SIDE), np.float32), (1, 3))
    noise = np.asarray(cv2.GaussianBlur(tiled, (0, 0), sigmaX=0.9, sigmaY=2.8)[:, SIDE : 2 * SIDE], np.float32)
    dots = np.clip(0.5 + 0.55 * noise / noise.std(), 0, 1)
    v = np.linspace(0, 1, SIDE, dtype=np.float32)[:, None]
    closed = np.clip(v / edge, 0, 1) ** 0.8 * density
    alpha = np.clip(closed * (0.5 + 0.5 * dots) + np.maximum(closed - 0.6, 0), 0, 1)
    if blended:
        alpha = alpha * BLENDED
    mixed = np.array(colour, np.float32) * (1 - 0.8 * grey**2) + np.float32(0.8 * grey**2 * 0.3)
    rgba = np.empty((SIDE, SIDE, 4), np.uint8)
    rgba[..., :3] = _encode(mixed * (0.7 + 0.6 * dots[..., None]))
    rgba[..., 3] = alpha * 255
    return Texture(rgba)


def dyed(texture: Texture, colour: Colour, density: float) -> Texture:
    """The hairs of a picture in another colour (linear RGB), their opacity times `density`."""
    alpha = texture.pixels[..., 3].astype(np.float32) / 255
    g = np.random.default_rng(5)
    noise = cv2.GaussianBlur(g.standard_normal(alpha.shape, np.float32), (0, 0), 1.2)
    tone = 1 + 0.25 * noise / noise.std()
    rgba = np.empty_like(texture.pixels)
    rgba[..., :3] = _encode(np.array(colour, np.float32) * tone[..., None].clip(0.3, 2))
    rgba[..., 3] = np.clip(alpha * density, 0, 1) * 255
    return Texture(rgba)


def faded(texture: Texture, opacity: float) -> Texture:
    """The same picture, its alpha times `opacity`."""
    rgba = texture.pixels.copy()
    rgba[..., 3] = rgba[..., 3] * opacity
    return Texture(rgba)
