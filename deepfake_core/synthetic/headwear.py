"""Hats, caps, beanies and headscarves, built on the skull of the one who wears them."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache
from typing import Literal

import numpy as np
import numpy.typing as npt
from scipy.ndimage import gaussian_filter
from scipy.spatial import cKDTree

from deepfake_core.synthetic.fitting import Fitting
from deepfake_core.synthetic.head import HeadFit
from deepfake_core.synthetic.labels import Label
from deepfake_core.synthetic.mesh import Floats
from deepfake_core.synthetic.part import Colour, Material, Part, Surface, Texture
from deepfake_core.synthetic.solids import Points, Solid, ball, merged, sheet

HatKind = Literal["beanie", "cap", "brim", "headscarf"]
ROUND, UP = 40, 12  # points of a dome: round the head and from its rim to the crown
NECK = ("neck", "spine", "clav", "shoulder", "breast", "upperarm")
UNDER = 0.025  # dm: hair that is pressed lies this far below the hat


@dataclass(frozen=True)
class HatRecipe:
    """A hat; colours are linear RGB, `trim` that of cuff, ribbon or peak. `size` 0..1: how tall or wide it is,
    `height`: how high it sits on the forehead, 0..1; `backwards`: the peak behind."""

    kind: HatKind = "beanie"
    colour: Colour = (0.02, 0.02, 0.025)
    trim: Colour = (0.02, 0.02, 0.025)
    size: float = 0.5
    height: float = 0.5
    backwards: bool = False


class Cover:
    """What a hat does to hair: above the rim it lies flat under the hat. `whole`: no hair is seen at all."""

    def __init__(self, recipe: HatRecipe, fitting: Fitting) -> None:
        self.whole = recipe.kind == "headscarf"
        self._dome = _Dome(recipe, fitting)

    def press(self, points: Floats) -> Floats:
        """Hair's vertices (N, 3) in rest pose, moved under the hat where they stick through it."""
        return self._dome.press(points.astype(float)).astype(np.float32)


def cover(recipe: HatRecipe | None, fitting: Fitting) -> Cover | None:
    """How a hat covers hair; None without one."""
    return Cover(recipe, fitting) if recipe else None


def hat_parts(recipe: HatRecipe, fitting: Fitting) -> list[Part]:
    """The hat."""
    if recipe.kind == "headscarf":
        return _headscarf(recipe, fitting)
    dome = _Dome(recipe, fitting)
    weights = fitting.head_weights
    crown, trim = {"beanie": _beanie, "cap": _cap, "brim": _brimmed}[recipe.kind](recipe, dome)
    knitted = recipe.kind == "beanie"
    texture = _knit() if knitted else _twill()
    parts = []
    for solid, colour in ((crown, recipe.colour), (trim, recipe.trim)):
        material = Material(
            Surface.CLOTH, Label.HAT, tint=colour, roughness=0.9, specular=0.02, bump=0.05 if knitted else 0.015
        )
        parts.append(solid.part(weights(len(solid.vertices)), material, texture))
    return parts


class _Dome:
    """A shell about the skull: directions from its middle to how far the skull (and the hat) reach there."""

    def __init__(self, recipe: HatRecipe, fitting: Fitting) -> None:
        head = HeadFit(fitting)
        skull = head.skin[head.skull]
        front = head.brow + 0.14 + 0.3 * recipe.height
        if recipe.kind == "beanie":
            front -= 0.02
        back = head.eyes[1] - (0.25 if recipe.kind == "cap" else 0.1)
        if recipe.kind == "brim":
            front, back = front - 0.02, back + 0.1
        if recipe.backwards:
            front += 0.1
        band = skull[np.abs(skull[:, 1] - (front + back) / 2) < 0.15]
        low, high = band[:, 2].min(), band[:, 2].max()
        tilt = np.arctan2(front - back, high - low)
        cosine, sine = np.cos(tilt), np.sin(tilt)
        self.axes = np.array([[1, 0, 0], [0, cosine, -sine], [0, sine, cosine]])  # right, up, forward: rows
        self.middle = np.array([band[:, 0].min() / 2 + band[:, 0].max() / 2, (front + back) / 2, (low + high) / 2])
        local = (skull - self.middle) @ self.axes.T
        local = local[local[:, 1] > -0.35]
        far = np.linalg.norm(local, axis=1)
        tree = cKDTree(local / far[:, None])
        self.phi = np.arange(ROUND) / ROUND * 2 * np.pi - np.pi  # the seam lies behind
        self.theta = np.linspace(np.pi / 2, 0, UP)
        near = tree.query(self.directions(), k=4)[1]
        radius = far[near].max(axis=-1)
        radius[-1] = radius[-1].mean()
        self.skull = gaussian_filter(radius, (0.8, 1.2), mode=("nearest", "wrap"))
        self.radius = self.skull + {"beanie": 0.07, "cap": 0.07, "brim": 0.06, "headscarf": 0.08}[recipe.kind]
        self.recipe = recipe

    def directions(self) -> Points:
        """Unit directions (UP, ROUND, 3), the rim first; phi 0 is the front, growing to x > 0."""
        theta, phi = np.meshgrid(self.theta, self.phi, indexing="ij")
        return np.stack([np.sin(theta) * np.sin(phi), np.cos(theta), np.sin(theta) * np.cos(phi)], axis=-1)

    def shell(self, radius: Points) -> Points:
        """Points (UP, ROUND, 3) at these distances (UP, ROUND), in the hat's own axes."""
        return radius[..., None] * self.directions()

    def placed(self, local: Points) -> Points:
        """Points (..., 3) from the hat's axes to the body's."""
        return local @ self.axes + self.middle

    def press(self, points: Points) -> Points:
        """Points above the rim moved inside the shell."""
        local = (points - self.middle) @ self.axes.T
        far = np.linalg.norm(local, axis=1).clip(min=1e-6)
        theta = np.arccos(np.clip(local[:, 1] / far, -1, 1))
        phi = np.arctan2(local[:, 0], local[:, 2]) + np.pi
        row = np.clip((1 - theta / (np.pi / 2)) * (UP - 1), 0, UP - 1.001)
        column = phi / (2 * np.pi) * ROUND
        i, j = row.astype(int), column.astype(int) % ROUND
        u, v = row - i, column - np.floor(column)
        r, k = self.radius, (j + 1) % ROUND
        limit = (1 - u) * ((1 - v) * r[i, j] + v * r[i, k]) + u * ((1 - v) * r[i + 1, j] + v * r[i + 1, k])
        # Below the rim the hair swells out again, softly.
        below = np.clip((theta - np.pi / 2) / 0.35, 0, 1)
        limit = limit - UNDER + below * 3
        pressed = local * np.minimum(1, limit / far)[:, None]
        return self.placed(pressed)


def _closed_rim(dome: _Dome, grid: Points, drop: float) -> Points:
    """The shell with its rim turned in to the skin, so that nothing shows below it."""
    inner = dome.shell(dome.skull - 0.03)[:1] + np.array([0, 0.02, 0])
    return np.concatenate([inner, grid[:1] - [0, drop, 0], grid])


def _tiled(solid: Solid, across: float, up: float) -> Solid:
    return Solid(solid.vertices, solid.faces, solid.uv * [across, up])


def _beanie(recipe: HatRecipe, dome: _Dome) -> tuple[Solid, Solid]:
    """A knitted hat with a turned-up cuff."""
    share = np.sin(np.linspace(0, np.pi / 2, UP))[:, None]
    grid = dome.shell(dome.radius + 0.05 * share)
    rise = (0.12 + 0.35 * recipe.size) * share**3
    grid[..., 1] += rise
    grid[..., 2] -= 0.5 * rise * recipe.size
    crown = sheet(dome.placed(grid), closed=True)
    low = dome.shell(dome.radius)
    turn_up = np.linspace(-0.06, 0.42 + 0.15 * recipe.size, 6)[:, None, None]
    bulge = np.array([-0.04, 0.045, 0.06, 0.062, 0.05, 0.0])[:, None, None]
    out = dome.directions()[:1]
    height = turn_up + 0 * out[..., :1]
    rows = np.interp(height[..., 0], np.r_[low[:, :, 1].mean(axis=1)], np.arange(UP))
    base = np.stack(
        [np.stack([np.interp(rows[:, j], np.arange(UP), low[:, j, c]) for c in (0, 2)], 1) for j in range(ROUND)], 1
    )
    cuff = np.stack(
        [base[..., 0], np.repeat(height[..., 0], ROUND // height.shape[1] or 1, axis=1), base[..., 1]], axis=-1
    )
    cuff += bulge * out
    inner = dome.shell(dome.skull - 0.03)[:1]
    band = sheet(dome.placed(np.concatenate([inner, cuff])), closed=True)
    return _tiled(crown, 14, 6), _tiled(band, 14, 2)


def _cap(recipe: HatRecipe, dome: _Dome) -> tuple[Solid, Solid]:
    """A baseball cap: six panels, a button and a curved peak."""
    share = np.sin(np.linspace(0, np.pi / 2, UP))[:, None]
    grid = dome.shell(dome.radius + 0.05 * share * (1 - share) * 4 * recipe.size)
    forward = np.clip(np.cos(dome.phi), 0, 1)[None] ** 2
    grid[..., 2] += 0.08 * forward * share * (1 - share**4)
    crown = sheet(dome.placed(_closed_rim(dome, grid, 0.02)), closed=True)
    top = dome.placed(grid[-1].mean(axis=0))
    crown = merged([_tiled(crown, 12, 4), ball(top, (0.06, 0.03, 0.06), sides=10, rings=5)])
    phi = np.radians(np.linspace(-62, 62, 17))
    sense = -1 if recipe.backwards else 1
    rim = np.stack([np.interp(phi, dome.phi, grid[0, :, c], period=2 * np.pi) for c in range(3)], 1)
    if sense < 0:
        rim = np.stack([np.interp(phi + np.pi, dome.phi, grid[0, :, c], period=2 * np.pi) for c in range(3)], 1)[::-1]
    length = (0.62 + 0.2 * recipe.size) * np.cos(phi / np.radians(62) * np.pi / 2) ** 0.55
    out = np.linspace(0, 1, 5)[:, None]
    x, y, z = rim.T
    half = np.abs(x).max()
    bow = -(0.12 + 0.12 * recipe.size) * (x / half) ** 2 * np.minimum(1, 2 * length)
    plate = np.stack([x * (1 - 0.06 * out), y + out * bow - 0.1 * out**1.5, z + sense * (out * length - 0.02)], axis=-1)
    lower = plate - [0, 0.025, 0]
    shell = np.concatenate([lower, plate[::-1]])[:, ::sense]
    return crown, _tiled(sheet(dome.placed(shell)), 6, 3)


def _brimmed(recipe: HatRecipe, dome: _Dome) -> tuple[Solid, Solid]:
    """A felt or straw hat with a ribbon and a brim all round."""
    share = np.sin(np.linspace(0, np.pi / 2, UP))[:, None]
    base = dome.shell(dome.radius)
    height = base[-1, :, 1].mean() + 0.02 + 0.1 * recipe.size
    wall = np.concatenate([np.linspace(0, 1, UP - 4), np.ones(4)])[:, None]
    inwards = np.concatenate([np.linspace(1, 0.9, UP - 4), [0.86, 0.75, 0.45, 0.0]])[:, None]
    rounded = np.concatenate([np.zeros(UP - 4), [0.03, 0.04, 0.03, 0.0]])[:, None]
    grid = np.stack([base[0, :, 0] * inwards, wall * height + rounded + 0 * base[0, :, 0], base[0, :, 2] * inwards], -1)
    grid = np.maximum(np.abs(grid), np.abs(base) * (share < 0.8)[..., None]) * np.sign(np.where(grid == 0, base, grid))
    crease = np.exp(-((grid[..., 0] / 0.2) ** 2)) * np.clip(wall - 0.8, 0, 1) * 5
    grid[..., 1] -= 0.16 * crease * (0.6 + 0.4 * np.sign(-grid[..., 2]))
    crown = sheet(dome.placed(grid), closed=True)
    width = 0.45 + 0.45 * recipe.size
    out = np.array([0.0, 0.3, 0.65, 1.0])[:, None]
    rim = grid[0]
    outward = rim[:, [0, 2]] / np.linalg.norm(rim[:, [0, 2]], axis=1, keepdims=True)
    curl = 0.1 * np.cos(2 * dome.phi + np.pi) - 0.03
    brim = np.stack(
        [rim[:, 0] + out * width * outward[:, 0], 0.02 + curl * out**2, rim[:, 2] + out * width * outward[:, 1]],
        axis=-1,
    )
    inner = dome.shell(dome.skull - 0.03)[:1]
    lower = brim - [0, 0.03, 0]
    plate = sheet(dome.placed(np.concatenate([inner, lower, brim[::-1]])), closed=True)
    ribbon = np.stack([rim * [1.02, 0, 1.02] + [0, y, 0] for y in (0.02, 0.1, 0.2)])
    band = sheet(dome.placed(ribbon), closed=True)
    return merged([_tiled(crown, 10, 4), _tiled(plate, 10, 3)]), _tiled(band, 6, 1)


def _headscarf(recipe: HatRecipe, fitting: Fitting) -> list[Part]:
    """A headscarf: close round face and neck, falling over the shoulders."""
    head = HeadFit(fitting)
    hood, cape = _hood(recipe, head), _cape(head, fitting)
    solid = merged([_tiled(sheet(hood, closed=True), 6, 6), _tiled(sheet(cape[::-1], closed=True), 6, 6)])
    material = Material(Surface.CLOTH, Label.HAT, tint=recipe.colour, roughness=0.85, specular=0.02, bump=0.01)
    # The head moves the hood; the cape follows the body below it.
    weights = fitting.body.weights[cKDTree(head.skin).query(solid.vertices)[1]]
    stiff = np.clip((solid.vertices[:, 1] - (head.chin[1] - 0.25)) / 0.3, 0, 1)[:, None]
    of_hood = np.arange(len(stiff)) < len(hood) * (ROUND + 1)
    stiff[of_hood] = np.maximum(stiff[of_hood], 0.5)
    weights = stiff * fitting.head_weights(len(weights)) + (1 - stiff) * weights
    return [solid.part(weights.astype(np.float32), material, _twill())]


def _hood(recipe: HatRecipe, head: HeadFit) -> Points:
    """From the opening round the face back over the skull, rows of points (R, ROUND, 3)."""
    middle = np.array(
        [head.eyes[0], 0.5 * head.eyes[1] + 0.5 * head.mouth[1], 0.35 * head.eyes[2] + 0.65 * head.root[2]]
    )
    around = _around()
    near = head.skin[head.near]
    local = near[near[:, 1] > head.chin[1] - 0.55] - middle
    far = np.linalg.norm(local, axis=1)
    tree = cKDTree(local / far[:, None])
    # The opening: above the brows, before the ears, under the chin.
    top = head.brow + 0.22 + 0.15 * recipe.height - middle[1]
    bottom = head.chin[1] - 0.2 - middle[1]
    wide = 0.92 * float(head.side(np.array([[head.eyes[1] - 0.2, head.eyes[2] - 0.55]]), 1)[0])
    first = np.stack(
        [wide * np.sin(around), np.where(np.cos(around) > 0, top, -bottom) * np.cos(around), np.zeros(ROUND)], 1
    )
    depth = head.front((first + middle)[:, :2]) - middle[2]
    first[:, 2] = np.where(np.cos(around) > -0.3, depth, depth.clip(max=head.chin[2] - middle[2] - 0.3))
    opening = np.linalg.norm(first, axis=1)
    start = first / opening[:, None]
    back = np.array([0.0, 0.12, -1.0]) / np.linalg.norm([0.12, 1.0])
    angle = np.arccos(np.clip(start @ back, -1, 1))
    shares = np.linspace(0, 1, UP)[:, None]
    turned = np.sin((1 - shares) * angle)[..., None] * start + np.sin(shares * angle)[..., None] * back
    directions = turned / np.linalg.norm(turned, axis=2, keepdims=True)
    radius = far[tree.query(directions, k=6)[1]].max(axis=-1)
    radius[-1] = radius[-1].mean()
    radius = gaussian_filter(radius, (1.0, 1.0), mode=("nearest", "wrap"))
    radius += np.interp(shares, [0, 0.12, 0.3, 1], [0.03, 0.09, 0.12, 0.14])
    radius[0] = np.maximum(radius[0], opening + 0.03)
    folds = 0.012 * np.sin(6 * around + 9 * shares) * (shares > 0)
    lip = middle + (radius[:1] - 0.09)[..., None] * directions[:1] - [0, 0, 0.06]
    return np.concatenate([lip, middle + (radius + folds)[..., None] * directions])


def _cape(head: HeadFit, fitting: Fitting) -> Points:
    """From under the jaw down over neck and shoulders, outside body and collar, rows of points (R, ROUND, 3)."""
    body = fitting.body
    of_neck = body.weights[: len(head.skin), [name.startswith(NECK) for name in body.bones]].sum(axis=1) > 0.5
    shoulders = float(fitting.heads[body.bone_index["upperarm01.L"], 1])
    torso = head.skin[of_neck & (np.abs(head.skin[:, 0] - head.eyes[0]) < 2.4)]
    around = _around()
    out = np.stack([np.sin(around), np.zeros(ROUND), np.cos(around)], axis=1)
    rows = []
    least = np.zeros(ROUND)
    heights = np.linspace(head.chin[1] + 0.02, shoulders - 0.55, 9)
    for k, height in enumerate(heights):
        level = torso[np.abs(torso[:, 1] - height) < 0.12]
        centre = np.array([head.eyes[0], height, level[:, 2].mean()])
        spread = (k / 8) ** 1.5
        reach = ((level - centre) @ out.T).max(axis=0).clip(max=1.75)
        reach += 0.13 + 0.1 * spread + 0.03 * np.sin(5 * around + k) * spread
        under_chin = max(0.0, float(head.chin[2] - 0.16 - level[:, 2].max())) * max(0.0, 1 - k / 2)
        reach += under_chin * np.cos(around).clip(min=0) ** 2
        least = reach = np.maximum(reach, least if k > 2 else 0)  # cloth falls outwards only
        rows.append(centre + out * reach[:, None])
    inner = rows[0].mean(axis=0) + 0.9 * (rows[0] - rows[0].mean(axis=0)) + [0, 0.1, 0]
    return np.stack([inner, *rows])


def _around() -> Points:
    """Angles round a face: 0 at the crown, growing to x > 0; the seam at the chin."""
    return np.arange(ROUND) / ROUND * 2 * np.pi - np.pi


@cache
def _knit() -> Texture:
    """Ribs of a knitted hat, one tile."""
    x = np.arange(64) / 64 * 2 * np.pi
    rib = 0.72 + 0.28 * np.abs(np.sin(2 * x))[None] * (0.85 + 0.15 * np.sin(8 * x)[:, None])
    return _grey(rib)


@cache
def _twill() -> Texture:
    """Fine weave, one tile."""
    g = np.random.default_rng(5)
    return _grey(0.93 + 0.035 * gaussian_filter(g.standard_normal((128, 128)), 1.0, mode="wrap") * 3)


def _grey(values: npt.NDArray[np.float64]) -> Texture:
    pixels = np.full((*values.shape, 4), 255, np.uint8)
    pixels[..., :3] = (np.clip(values, 0, 1) * 255)[..., None]
    return Texture(pixels)
