"""Earrings and necklaces."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import numpy as np
import numpy.typing as npt
from scipy.spatial import cKDTree

from deepfake_core.synthetic.body import BODY_VERTICES
from deepfake_core.synthetic.fitting import Fitting
from deepfake_core.synthetic.head import SIDES, HeadFit
from deepfake_core.synthetic.labels import Label
from deepfake_core.synthetic.part import Colour, Material, Part, Surface
from deepfake_core.synthetic.solids import Points, Solid, ball, lathe, merged, tube

EarringKind = Literal["stud", "hoop", "drop"]
NecklaceKind = Literal["chain", "pendant", "beads"]
GOLD, SILVER, ROSE = (0.75, 0.5, 0.16), (0.68, 0.68, 0.7), (0.75, 0.42, 0.3)
STONES: tuple[Colour, ...] = (
    (0.85, 0.83, 0.78), (0.02, 0.05, 0.3), (0.3, 0.01, 0.03), (0.02, 0.2, 0.08), (0.05, 0.4, 0.42), (0.02, 0.02, 0.02),
)  # fmt: skip
TORSO = ("neck", "spine", "clav", "shoulder", "breast")


@dataclass(frozen=True)
class EarringsRecipe:
    """Earrings; `metal` and `stone` linear RGB, `size` 0..1; `sides`: which ears, 1 the person's left."""

    kind: EarringKind = "stud"
    metal: Colour = GOLD
    stone: Colour = STONES[0]
    size: float = 0.5
    sides: tuple[int, ...] = (1, -1)


@dataclass(frozen=True)
class NecklaceRecipe:
    """A necklace; `length` 0 (close to the neck) to 1 (on the chest), `thickness` in dm."""

    kind: NecklaceKind = "chain"
    metal: Colour = GOLD
    stone: Colour = STONES[0]
    length: float = 0.4
    thickness: float = 0.012


def random_earrings(g: np.random.Generator, *, both: bool) -> EarringsRecipe:
    """Earrings in both ears, or perhaps in one."""
    metals, sides = (GOLD, SILVER, ROSE), ((1, -1), (1,), (-1,))
    return EarringsRecipe(
        kind=("stud", "hoop", "drop")[g.choice(3, p=(0.35, 0.35, 0.3) if both else (0.6, 0.35, 0.05))],  # type: ignore[arg-type]
        metal=metals[g.integers(3)],
        stone=STONES[g.integers(len(STONES))],
        size=float(g.uniform(0, 1) if both else g.uniform(0, 0.35)),
        sides=(1, -1) if both else sides[g.integers(3)],
    )


def random_necklace(g: np.random.Generator, *, plain: bool) -> NecklaceRecipe:
    """A necklace; `plain`: a chain, perhaps with a pendant."""
    kind = ("chain", "pendant", "beads")[g.choice(3, p=(0.75, 0.25, 0) if plain else (0.3, 0.4, 0.3))]
    return NecklaceRecipe(
        kind=kind,  # type: ignore[arg-type]
        metal=(GOLD, SILVER, SILVER)[g.integers(3)],
        stone=STONES[g.integers(len(STONES))],
        length=float(g.uniform(0.1, 0.9)),
        thickness=float(g.uniform(0.03, 0.055) if kind == "beads" else g.uniform(0.008, 0.02)),
    )


def earring_parts(recipe: EarringsRecipe, fitting: Fitting) -> list[Part]:
    """What hangs at the lobes."""
    head = HeadFit(fitting)
    metal, stones = [], []
    for side in recipe.sides:
        lobe = head.lobe(side)
        middle = lobe.mean(axis=0)
        front = np.array([lobe[:, 0].max() if side > 0 else lobe[:, 0].min(), middle[1], lobe[:, 2].max()])
        hole = np.array([0.35 * middle[0] + 0.65 * front[0], middle[1] + 0.01, 0.4 * middle[2] + 0.6 * front[2]])
        hole += [0.012 * side, 0, 0]
        if recipe.kind == "stud":
            radius = 0.022 + 0.028 * recipe.size
            stones.append(ball(hole, radius, sides=10, rings=7))
            metal.append(tube([hole - [0.03 * side, 0, 0.01], hole], radius * 1.1, sides=8))
        elif recipe.kind == "hoop":
            radius = 0.06 + 0.24 * recipe.size**1.5
            t = np.arange(28) / 28 * 2 * np.pi
            turned = np.array([0.35 * side, 0.0, 0.94])  # hoops hang turned out a little
            ring = np.array([0, -radius, 0]) + radius * (np.cos(t)[:, None] * [0, 1, 0] + np.sin(t)[:, None] * turned)
            low = np.array([lobe[:, 0].mean() + 0.015 * side, lobe[:, 1].min() + 0.035, middle[2]])
            metal.append(tube(low + ring, 0.01 + 0.01 * recipe.size, sides=6, closed=True))
        else:
            low = np.array([middle[0] + 0.02 * side, lobe[:, 1].min() + 0.01, middle[2]])
            length = 0.12 + 0.3 * recipe.size
            end = low - [0, length, 0]
            metal.append(tube([hole, low, end], 0.008, sides=5))
            metal.append(ball(hole, 0.018, sides=8, rings=5))
            drop = lathe([(0.001, -1.0), (0.6, -0.8), (0.95, -0.35), (0.75, 0.1), (0.3, 0.6), (0.05, 1.0)], sides=10)
            width = 0.035 + 0.035 * recipe.size
            stones.append(Solid(drop.vertices * [width, 1.6 * width, width] + end, drop.faces, drop.uv))
    return _parts(recipe, metal, stones, Label.EARRING, fitting)


def necklace_parts(recipe: NecklaceRecipe, fitting: Fitting, worn: Points) -> list[Part]:
    """A loop round the neck, lying on skin and clothes; `worn` (N, 3): the clothes' vertices."""
    head, body = HeadFit(fitting), fitting.body
    of_torso = body.weights[:BODY_VERTICES, [bone.startswith(TORSO) for bone in body.bones]].sum(axis=1) > 0.6
    bare = head.skin[of_torso]
    path, middle, front = _loop(recipe, head, bare)
    hidden = _under(path, middle, worn)
    if recipe.kind == "beads" or hidden[front]:  # over the clothes, else under them as far as they reach
        path, middle, front = _loop(recipe, head, np.concatenate([bare, worn]))
        hidden = np.zeros(len(path), bool)
    metal: list[Solid] = []
    stones: list[Solid] = []
    if recipe.kind == "beads":
        steps = np.r_[0, np.cumsum(np.linalg.norm(np.diff(np.r_[path, path[:1]], axis=0), axis=1))]
        count = int(steps[-1] / (1.9 * recipe.thickness))
        at = np.arange(count) / count * steps[-1]
        loop = np.r_[path, path[:1]]
        places = np.stack([np.interp(at, steps, loop[:, c]) for c in range(3)], axis=1)
        places = places[places[:, 2] > middle[2] - 0.1]
        stones += [ball(place, recipe.thickness, sides=6, rings=5) for place in places]
    else:
        runs = np.split(np.arange(len(path)), np.flatnonzero(np.diff(hidden.astype(int))) + 1)
        if not hidden.any():
            metal.append(tube(path, recipe.thickness, sides=5, closed=True))
        else:
            metal += [tube(path[run], recipe.thickness, sides=5) for run in runs if len(run) > 1 and not hidden[run[0]]]
    if recipe.kind == "pendant":
        place = path[front]
        stones.append(ball(place + np.array([0, -0.07, 0.02]), (0.05, 0.065, 0.025), sides=10, rings=7))
        metal.append(tube([place, place + np.array([0, -0.02, 0.015])], 0.012, sides=6))
    return _parts(recipe, metal, stones, Label.NECKLACE, fitting)


def _loop(recipe: NecklaceRecipe, head: HeadFit, surface: Points) -> tuple[Points, Points, int]:
    """A loop (N, 3) that lies on points (M, 3) of the body, the axis (3,) that it runs about, and the index of its
    foremost point."""
    middle = np.array([head.eyes[0], 0.0, float(head.root[2]) - 0.05])
    surface = surface[np.abs(surface[:, 0] - middle[0]) < 1.3]
    # It rests on the slope from neck to shoulder, hangs down before it and lies against the nape.
    wide = 0.6 + 0.12 * recipe.length
    rests = [float(surface[np.abs(surface[:, 0] - middle[0] - side * wide) < 0.1, 1].max()) for side in SIDES]
    rests = [min(rest, float(head.chin[1]) - 0.25) for rest in rests]
    low = float(head.chin[1]) - 0.66 - (0.95 if recipe.kind == "beads" else 0.65) * recipe.length
    t = np.arange(56) / 56 * 2 * np.pi - np.pi
    ahead = np.cos(t)
    rest = np.interp(np.sin(t), [-1, 1], rests[::-1])
    y = np.where(ahead > 0, rest + (min(low, min(rests) - 0.05) - rest) * ahead.clip(0) ** 1.3, rest - 0.12 * ahead)
    xy = np.stack([middle[0] + wide * np.sin(t), y], axis=1)
    tree = cKDTree(surface[:, :2])
    z = np.empty(len(t))
    for k, place in enumerate(xy):
        near = surface[tree.query_ball_point(place, 0.17) or tree.query(place, k=4)[1], 2]
        z[k] = near.max() if ahead[k] > 0 else near.min()
    z = np.convolve(np.r_[z[-2:], z, z[:2]], np.full(3, 1 / 3), "same")[2:-2]
    z += np.sign(ahead) * 1.3 * recipe.thickness
    return np.column_stack([xy, z]), middle, int(np.argmax(ahead))


def _under(path: Points, middle: Points, worn: Points) -> npt.NDArray[np.bool_]:
    """Which points (N, 3) lie under the clothes (M, 3)."""
    out = path - middle
    out[:, 1] = 0
    out /= np.linalg.norm(out, axis=1, keepdims=True)
    distance, nearest = cKDTree(worn).query(path, k=4)
    outside = np.einsum("nkc,nc->nk", worn[nearest] - path[:, None], out)
    return ((distance < 0.3) & (outside > -0.08)).any(axis=1)


def _parts(
    recipe: EarringsRecipe | NecklaceRecipe, metal: list[Solid], stones: list[Solid], label: Label, fitting: Fitting
) -> list[Part]:
    """Parts of metal and of stone; earrings follow the head, a necklace the body."""
    parts = []
    shiny = Material(Surface.PLASTIC, label, tint=recipe.metal, roughness=0.2, specular=0.5, casts_shadow=False)
    stone = Material(Surface.PLASTIC, label, tint=recipe.stone, roughness=0.12, specular=0.08)
    for solids, material in ((metal, shiny), (stones, stone)):
        if solids:
            solid = merged(solids)
            weights = fitting.head_weights(len(solid.vertices))
            if label == Label.NECKLACE:
                skin = fitting.base[:BODY_VERTICES]
                weights = fitting.body.weights[cKDTree(skin).query(solid.vertices)[1]]
            parts.append(solid.part(weights, material))
    return parts
