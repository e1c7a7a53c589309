"""Where hair is tied together: ponytails, plaits, buns and puffs."""

from __future__ import annotations

import numpy as np

from deepfake_core.synthetic import hair_texture
from deepfake_core.synthetic.hair_growth import Cut, hanging
from deepfake_core.synthetic.hair_scalp import CENTRE, Array
from deepfake_core.synthetic.hair_strands import Strands, ribbons, tubes, unit, wave
from deepfake_core.synthetic.mesh import Floats
from deepfake_core.synthetic.part import Material, Part

TAIL, BUN, PUFF = 150, 170, 420  # strands


def tied_parts(cut: Cut, material: Material) -> list[Part]:
    """What hangs or sits where the hair is tied."""
    recipe, style, scalp, g = cut.recipe, cut.style, cut.scalp, cut.g
    tie = scalp.person(np.array(style.tie, np.float32))
    away = unit(tie - scalp.person(CENTRE))
    length = style.tail * recipe.size
    tips = recipe.tips or recipe.colour
    if style.tied == "plait":
        return [_plait(cut, material, tie, away)]
    picture = hair_texture.strands(style.picture, recipe.colour, tips, recipe.grey, root_shade=0.75)
    if style.tied == "bun":
        lines, width, roll = _bun(g, tie, away, 0.3 * recipe.size**0.5), 0.15, 0.2
    elif style.picture == "coily":
        lines, width, roll = _puff(g, tie, away, length), 0.4, 1.2
    else:
        ring = _ring(g.uniform(0, 2 * np.pi, TAIL), away)
        direction = unit(away + ring * g.uniform(0.1, 0.4, (TAIL, 1)) + np.array([0, 0.25, 0]))
        reach, height = length * g.uniform(0.75, 1.05, TAIL), 0.05 + 0.22 * g.random(TAIL)
        lines = hanging(scalp, tie + ring * 0.07, direction, length=reach, knots=10, height=height)
        if style.curl[0] > 0:
            lines = wave(lines, np.full(TAIL, style.curl[0]), style.curl[1], g.normal(0, 0.8, TAIL))
        width, roll = 0.16, 0.6
    count = len(lines.points)
    return [ribbons(g, lines, scalp, picture, material, width=np.full(count, width), roll=roll)]


def _ring(angle: Array, away: Floats) -> Floats:
    """Directions (N, 3) about the one that points away from the head."""
    aside = unit(np.cross(away, np.array([0.0, 0.31, 0.95])))
    above = unit(np.cross(aside, away))
    return unit(np.cos(angle)[:, None] * aside + np.sin(angle)[:, None] * above)


def _plait(cut: Cut, material: Material, tie: Floats, away: Floats) -> Part:
    knots, length = 14, np.array([cut.style.tail * cut.recipe.size])
    line = hanging(cut.scalp, tie[None], away[None], length=length, knots=knots, height=np.array([0.1]))
    s = np.linspace(0, 1, knots)
    radius = 0.15 * np.interp(s, (0, 0.1, 0.7, 0.85, 0.9, 1), (0.8, 1, 0.75, 0.6, 0.7, 0.2))
    radius = radius * (1 + 0.12 * np.cos(s * 44))
    recipe = cut.recipe
    rope = hair_texture.strands("braid", recipe.colour, recipe.tips or recipe.colour, recipe.grey)
    return tubes(line, cut.scalp, rope, material, radius=radius[None], repeat=1.1, around=8)


def _bun(g: np.random.Generator, tie: Floats, away: Floats, radius: float) -> Strands:
    """Strands wound around a ball."""
    spin = g.uniform(0, 2 * np.pi, BUN)
    tilt = g.normal(0, 0.45, BUN)[:, None]
    pole = unit(away * np.cos(tilt) + _ring(spin, away) * np.sin(tilt))
    first = unit(np.cross(pole, np.array([0.3, 0.9, 0.2])))
    second = np.cross(pole, first)
    at = spin[:, None, None] + np.linspace(0, 2.4, 8)[None, :, None]
    latitude = g.uniform(-0.35, 1.1, BUN)[:, None, None]
    shell = np.cos(latitude) * (np.cos(at) * first[:, None] + np.sin(at) * second[:, None])
    shell = shell + np.sin(latitude) * pole[:, None]
    lumps = 1 + 0.06 * np.sin(at * 2 + spin[:, None, None])
    points = tie + away * radius * 0.55 + shell * radius * lumps * g.uniform(0.85, 1.02, (BUN, 1, 1))
    return Strands(points.astype(np.float32), unit(shell))


def _puff(g: np.random.Generator, tie: Floats, away: Floats, length: float) -> Strands:
    """A ball of coils."""
    direction = unit(g.normal(0, 1, (PUFF, 3)) + 0.9 * away)
    start = tie + away * 0.3 + direction * length * 0.35
    points = start[:, None] + direction[:, None] * np.linspace(0, 0.75 * length, 3)[None, :, None]
    return Strands(points.astype(np.float32), np.repeat(direction[:, None], 3, axis=1))
