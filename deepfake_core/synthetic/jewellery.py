"""Earrings and necklaces."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import numpy as np
from scipy.spatial import cKDTree

from deepfake_core.synthetic.body import BODY_VERTICES
from deepfake_core.synthetic.fitting import Fitting
from deepfake_core.synthetic.head import HeadFit
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
    surface = head.skin[of_torso]
    if recipe.kind == "beads":  # beads lie on the clothes, chains under them
        surface = np.concatenate([surface, worn])
    surface = surface[np.abs(surface[:, 0] - head.eyes[0]) < 1.3]
    pit = float(head.chin[1]) - 0.78
    low = pit + 0.12 - (0.95 if recipe.kind == "beads" else 0.6) * recipe.length
    high = pit + 0.42 - 0.1 * recipe.length
    t = np.arange(56) / 56 * 2 * np.pi - np.pi
    neck = surface[np.abs(surface[:, 1] - high) < 0.15]
    middle = np.array([head.eyes[0], 0.0, neck[:, 2].mean()])
    share = (0.5 - 0.5 * np.cos(t)) if recipe.length < 0 else np.clip(0.5 + 0.5 * np.cos(t), 0, 1)
    y = high + (low - high) * share ** (1.5 + recipe.length)
    out = np.stack([np.sin(t), np.zeros_like(t), np.cos(t)], axis=1)
    path = middle + y[:, None] * [0, 1, 0]
    # How far the body reaches in each direction at that height.
    local = surface - middle
    reach = np.empty(len(t))
    for k in range(len(t)):
        near = np.abs(local[:, 1] - y[k]) < 0.09
        flat = local[near][:, [0, 2]]
        along = flat @ out[k, [0, 2]]
        aside = np.abs(flat @ [out[k, 2], -out[k, 0]])
        chosen = along[(aside < 0.16) & (along > 0)]
        reach[k] = chosen.max(initial=0.3)
    reach = np.minimum(reach, np.interp(share, [0, 1], [0.85, 1.4]))
    smooth = np.convolve(np.r_[reach[-3:], reach, reach[:3]], np.ones(5) / 5, "valid")[1:-1]
    path = path + (np.maximum(smooth, reach) + 1.3 * recipe.thickness)[:, None] * out
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
        metal.append(tube(path, recipe.thickness, sides=5, closed=True))
    if recipe.kind == "pendant":
        front = path[np.argmin(np.abs(t))]
        stones.append(ball(front + np.array([0, -0.07, 0.02]), (0.05, 0.065, 0.025), sides=10, rings=7))
        metal.append(tube([front, front + np.array([0, -0.02, 0.015])], 0.012, sides=6))
    return _parts(recipe, metal, stones, Label.NECKLACE, fitting)


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
