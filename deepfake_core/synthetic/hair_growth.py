"""How strands grow over a head: the way they are combed, how long they are, and where they come to lie."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from deepfake_core.synthetic.hair_recipe import HairRecipe
from deepfake_core.synthetic.hair_scalp import DEGREE, Array, Roots, Scalp
from deepfake_core.synthetic.hair_strands import Strands, across, unit, wave
from deepfake_core.synthetic.hair_styles import Style
from deepfake_core.synthetic.mesh import Floats

WHORL = np.array([0.12, 0.87, -0.48], np.float32)
GRAVITY = np.array([0, -1, 0], np.float32)
HANGS = (6.9, 7.3)  # height on the unshaped mesh (dm): hair follows the skull above, and hangs below


@dataclass(frozen=True, eq=False)
class Cut:
    """A person's hair in the making; `g` places its strands."""

    recipe: HairRecipe
    style: Style
    scalp: Scalp
    g: np.random.Generator


def lengths(style: Style, q: Floats) -> Floats:
    """The cut's length (N,) at skull points."""
    fringe, top, side, back = style.lengths
    height = q[:, 1] / np.linalg.norm(q, axis=1)
    low = side + (back - side) * np.clip(-q[:, 2] * 1.2 + 0.2, 0, 1)
    on_top = np.clip((height - 0.3) / 0.35, 0, 1)
    on_top = on_top * on_top * (3 - 2 * on_top)
    upper = top + (fringe - top) * np.clip((q[:, 2] - 0.45) / 0.25, 0, 1)
    return (low + (upper - low) * on_top).astype(np.float32)


def _combed(cut: Cut, style: Style, q: Floats) -> Floats:
    """The direction (N, 3) in which hair is combed at its roots."""
    side = -1.0 if cut.recipe.mirrored else 1.0
    count = len(q)
    direction: Array = q
    high = np.clip((q[:, 1] / np.linalg.norm(q, axis=1) - 0.15) / 0.3, 0, 1)[:, None]
    down = np.array([0, -1, -0.25], np.float32)
    if style.flow == "whorl":
        direction = q - WHORL * [side, 1, 1]
    elif style.flow == "forward":
        above = q - WHORL * [side, 1, 1]
        direction = above * [0.6, 0.5, 0.7] + np.array([0.25 * side, 0, 0.3]) * np.clip(q[:, 2:] + 0.4, 0, 1)
        direction = high * direction + (1 - high) * (down + np.array([0, 0, 0.3]))
    elif style.flow == "back":
        direction = high * np.array([0, 0.1, -1]) + (1 - high) * np.array([0, -0.7, -0.8])
        direction = direction + q * [0.25, 0, 0]
    elif style.flow == "part":
        away = np.tanh((q[:, :1] - style.part * side) * 14)
        backwards = np.where(q[:, 2:] > 0.5, 0.0, -0.25)
        direction = high * np.concatenate([away, np.zeros((count, 1)), backwards], axis=1) + (1 - high) * down
    elif style.flow == "quiff":
        front = np.clip((q[:, 2:] + 0.1) / 0.6, 0, 1)
        direction = high * (front * np.array([0.2 * side, 1.2, -0.35]) + (1 - front) * np.array([0, 0, -1.0]))
        direction = direction + (1 - high) * (down + np.array([0, 0, -0.3]))
    elif style.flow == "tousled":
        direction = (q - WHORL * [side, 1, 1]) * 0.5 + cut.g.normal(0, 0.6, (count, 3))
    return direction.astype(np.float32)


def grow(cut: Cut, style: Style, roots: Roots) -> Strands:
    """Centre lines of strands of a style from the roots."""
    g, scalp, normals, q = cut.g, cut.scalp, roots.normals, roots.place
    count, knots = len(q), style.knots
    depth = g.random(count).astype(np.float32)  # 0 at the bottom of the hair to 1 on top
    # A short way within the hairline hair lies close.
    rim = np.clip(scalp.margin(q) * DEGREE / 0.35, 0.15, 1)
    height = style.volume * (0.35 + 0.65 * depth) * rim * cut.recipe.size**0.5
    if style.flow == "tie":
        return _drawn_to(style, scalp, roots.points, height)
    length: Array = lengths(style, q) * cut.recipe.size * g.uniform(0.82, 1.1, count)
    noise = unit(g.normal(0, 1, (count, 3)).astype(np.float32))
    combed = unit(across(_combed(cut, style, q), normals) + 0.14 * across(noise, normals))
    lift = np.clip(style.lift * g.uniform(0.6, 1.4, count), 0, 1)[:, None]
    direction = unit(combed * np.sqrt(1 - lift**2) + normals * lift)
    points, outward = [roots.points + normals * 0.004], [normals]
    step = (length / (knots - 1))[:, None]
    place = points[0]
    for k in range(1, knots):
        direction = unit(direction + GRAVITY * style.fall * step * 5)
        moved: Array = place + direction * step
        wanted = height * min(1.0, 2.0 * k / (knots - 1))
        # On the skull hair follows it; further down it hangs.
        cling = style.cling * np.interp(scalp.template(moved)[:, 1], HANGS, (0, 1))
        moved, normal = scalp.outside(moved, wanted, cling)
        moved = _beside_face(scalp, moved, length)
        direction = unit(moved - place)
        place = (place + direction * step).astype(np.float32)
        points.append(place)
        away = unit(scalp.skull(place) * np.array([1, 0.55, 1]))
        outward.append(unit(0.5 * normal + 0.5 * away))
    lines = Strands(np.stack(points, axis=1), np.stack(outward, axis=1).astype(np.float32))
    amplitude, wavelength = style.curl
    if amplitude > 0:
        # Neighbours swing together.
        phase = 3.0 * np.sin(q[:, 0] * 4 + 1.3) + 3.0 * np.sin(q[:, 1] * 5) + 2.0 * q[:, 2] + g.normal(0, 0.5, count)
        lines = wave(lines, (amplitude * g.uniform(0.5, 1.4, count)).astype(np.float32), wavelength, phase)
    return lines


def _beside_face(scalp: Scalp, points: Array, length: Array) -> Floats:
    """Long strands hang beside the face, not over it."""
    there = scalp.template(points)
    long = np.clip((length - 0.9) / 0.3, 0, 1)
    in_front = np.clip((there[:, 2] - 0.75) / 0.3, 0, 1) * np.clip((8.1 - there[:, 1]) / 0.5, 0, 1)
    missing = np.maximum(0.74 - np.abs(there[:, 0]), 0) * long * in_front
    moved = there.copy()
    moved[:, 0] += np.sign(there[:, 0] + 1e-6) * missing
    moved[:, 2] -= missing * 0.7
    return scalp.person(moved)


def _drawn_to(style: Style, scalp: Scalp, roots: Floats, height: Array) -> Strands:
    """Strands drawn over the head to where they are tied."""
    tie = scalp.person(np.array(style.tie, np.float32))
    place: Array = roots
    points: list[Floats] = []
    outward: list[Floats] = []
    knots = style.knots
    for k in range(knots):
        if k:
            place = place + (tie - place) / (knots - k)
        wanted = height * min(1.0, 3.0 * k / (knots - 1)) + 0.004
        if k == knots - 1:
            outward.append(outward[-1])
        else:
            place, normal = scalp.outside(place, wanted)
            outward.append(unit(normal))
        points.append(place.astype(np.float32))
    return Strands(np.stack(points, axis=1), np.stack(outward, axis=1).astype(np.float32))


def hanging(scalp: Scalp, start: Array, direction: Array, *, length: Array, knots: int, height: Array) -> Strands:
    """Strands (N) that start at points in directions and hang down over the neck, `height` (N,) dm off it."""
    place = start.astype(np.float32)
    points, outward = [place], [unit(direction)]
    step = (length / (knots - 1))[:, None]
    for _ in range(1, knots):
        direction = unit(direction + GRAVITY * 2.0 * step)
        moved, normal = scalp.outside(place + direction * step, height)
        direction = unit(0.4 * direction + unit(moved - place))
        place = moved.astype(np.float32)
        points.append(place)
        outward.append(unit(normal + unit(direction * np.array([1, 0, 1]))))
    return Strands(np.stack(points, axis=1), np.stack(outward, axis=1).astype(np.float32))
