"""Headphones, and headsets with a microphone before the mouth."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from deepfake_core.synthetic.fitting import Fitting
from deepfake_core.synthetic.head import SIDES, HeadFit
from deepfake_core.synthetic.labels import Label
from deepfake_core.synthetic.mesh import Floats
from deepfake_core.synthetic.part import Colour, Material, Part, Surface
from deepfake_core.synthetic.solids import Points, Solid, ball, lathe, merged, sheet, smooth_path, tube

COLOURS: tuple[Colour, ...] = (
    (0.012, 0.012, 0.013), (0.012, 0.012, 0.013), (0.05, 0.05, 0.055), (0.6, 0.6, 0.6), (0.02, 0.03, 0.1),
    (0.35, 0.02, 0.02), (0.5, 0.42, 0.33),
)  # fmt: skip
ARC_ABOVE_EYES, ANGLES = 0.3, np.radians(np.linspace(-78, 78, 15))  # the band is an arc about this height
BAND_LIFT = 0.1  # dm above the scalp
CUSHIONS: tuple[Colour, ...] = ((0.012, 0.012, 0.012), (0.03, 0.03, 0.03), (0.2, 0.15, 0.12))


@dataclass(frozen=True)
class HeadsetRecipe:
    """Headphones; `boom` 1 or -1: a microphone from the person's left or right ear, 0: none; `size` 0..1 of the
    cups."""

    colour: Colour = COLOURS[0]
    cushion: Colour = CUSHIONS[0]
    size: float = 0.5
    boom: int = 1


def random_headset(g: np.random.Generator) -> HeadsetRecipe:
    """Seven in ten have a microphone."""
    return HeadsetRecipe(
        colour=COLOURS[g.integers(len(COLOURS))],
        cushion=CUSHIONS[g.integers(len(CUSHIONS))],
        size=float(g.uniform(0, 1)),
        boom=int(g.choice((1, -1, 0), p=(0.35, 0.35, 0.3))),
    )


def headset_parts(recipe: HeadsetRecipe, fitting: Fitting) -> list[Part]:
    """Cups, cushions, band and microphone."""
    head = HeadFit(fitting)
    hard: list[Solid] = []
    soft: list[Solid] = []
    radius = _radius(recipe)
    outsides = []
    for side in SIDES:
        ear = head.ear(side)
        middle = ear.mean(axis=0)
        out = np.array([side, -0.06, 0.12])
        out /= np.linalg.norm(out)
        ear_out = float(((ear - middle) @ out).max())
        skin = float(head.side(middle[None, 1:], side)[0]) * side
        start = np.array([skin, middle[1], middle[2]])
        depth = float((middle - start) @ out) + ear_out  # the ear lies inside the cup
        frame = np.eye(4)
        up = np.array([0.0, 1.0, 0.0]) - out * out[1]
        up /= np.linalg.norm(up)
        frame[:3, :3] = np.stack([np.cross(out, up), out, up], axis=1)
        frame[:3, 3] = start - 0.02 * out
        # Turned about the ear's axis: the cushion rests on the head, the cup closes it; taller than wide.
        tall = np.array([radius, 1.0, radius * 1.15])
        cushion = lathe([(0.62, 0.0), (0.85, -0.02), (1.0, 0.05), (1.0, 0.6), (0.9, 0.75)], sides=20)
        cup = lathe([(0.92, 0.6), (1.0, 0.72), (0.97, 1.05), (0.8, 1.25), (0.4, 1.32), (0.001, 1.33)], sides=20)
        deep = np.array([1.0, max(depth, 0.16) + 0.03, 1.0])
        soft.append(Solid(cushion.vertices * tall * deep, cushion.faces, cushion.uv).moved(frame))
        hard.append(Solid(cup.vertices * tall * deep, cup.faces, cup.uv).moved(frame))
        outsides.append(frame[:3, 3] + out * deep[1] * 0.95 + np.array([0, radius, 0]))
    hard.append(_band(head, outsides))
    soft.append(_pad(head))
    if recipe.boom:
        hard.append(_boom(head, recipe.boom, outsides[0 if recipe.boom > 0 else 1], radius))
        soft.append(ball(_capsule(head, recipe.boom), (0.09, 0.075, 0.075), sides=10, rings=7))
    parts = []
    for solids, colour, roughness in ((hard, recipe.colour, 0.3), (soft, recipe.cushion, 0.75)):
        solid = merged(solids)
        material = Material(Surface.PLASTIC, Label.OCCLUDER, tint=colour, roughness=roughness, specular=0.05)
        parts.append(solid.part(fitting.head_weights(len(solid.vertices)), material))
    return parts


def press_hair(recipe: HeadsetRecipe, fitting: Fitting, points: Floats) -> Floats:
    """Hair's vertices (N, 3) in rest pose, moved under the band and the cups."""
    head = HeadFit(fitting)
    hair = points.astype(float)
    arc = _arc(head, BAND_LIFT - 0.05)
    middle = np.array([head.eyes[0], head.eyes[1] + ARC_ABOVE_EYES])
    local = hair[:, :2] - middle
    far = np.linalg.norm(local, axis=1).clip(min=1e-6)
    limit = np.interp(np.arctan2(local[:, 0], local[:, 1]), ANGLES, np.linalg.norm(arc[:, :2] - middle, axis=1))
    aside = np.clip((np.abs(hair[:, 2] - arc[0, 2]) - 0.13) / 0.2, 0, 1)  # the hair swells out again beside the band
    limit = np.where(local[:, 1] > 0, limit + 3 * aside, np.inf)
    hair[:, :2] = middle + local * np.minimum(1, limit / far)[:, None]
    radius = _radius(recipe)
    for side in SIDES:
        ear = head.ear(side).mean(axis=0)
        skin = float(head.side(ear[None, 1:], side)[0]) + 0.03
        away = np.hypot(hair[:, 1] - ear[1], hair[:, 2] - ear[2])
        limit = skin + 3 * np.clip((away - radius) / 0.25, 0, 1)
        hair[:, 0] = side * np.minimum(hair[:, 0] * side, limit)
    return hair.astype(np.float32)


def _radius(recipe: HeadsetRecipe) -> float:
    return 0.3 + 0.12 * recipe.size


def _arc(head: HeadFit, lift: float) -> Points:
    """Over the crown from ear to ear, `lift` dm above the scalp, (15, 3)."""
    z = float(np.mean([head.ear(side)[:, 2].mean() for side in SIDES])) + 0.05
    skull = head.skin[head.skull]
    slab = skull[(np.abs(skull[:, 2] - z) < 0.14) & (skull[:, 1] > head.eyes[1] + 0.3)]
    middle = np.array([head.eyes[0], head.eyes[1] + ARC_ABOVE_EYES])
    local = slab[:, :2] - middle
    path = []
    for angle in ANGLES:
        out = np.array([np.sin(angle), np.cos(angle)])
        along = local @ out
        near = along[np.abs(local @ [out[1], -out[0]]) < 0.2]
        reach = float(near.max(initial=0.6)) + lift
        path.append([*(middle + out * reach), z])
    return np.array(path)


def _band(head: HeadFit, outsides: list[Points]) -> Solid:
    """The band, from cup to cup."""
    arc = _arc(head, BAND_LIFT)
    left, right = outsides
    path = smooth_path(np.vstack([right, arc[2:-2], left]), 26)
    ahead = np.array([0.0, 0.0, 1.0])
    along = np.gradient(path, axis=0)
    out = np.cross(along, ahead)
    out /= np.linalg.norm(out, axis=1, keepdims=True)
    width, thickness = 0.11, 0.03
    corners = [(-width, -thickness), (-width, thickness), (width, thickness), (width, -thickness)]
    ring = np.stack([path + z * ahead - y * out for z, y in (corners[k] for k in range(4))], axis=1)
    return sheet(ring, closed=True)


def _pad(head: HeadFit) -> Solid:
    """The padding below the band's middle."""
    path = smooth_path(_arc(head, BAND_LIFT - 0.05)[4:-4], 12)
    return tube(path, 0.1, sides=8, up=(0.0, 1.0, 0.0), depth=0.4)


def _capsule(head: HeadFit, side: int) -> Points:
    """Where the microphone is: before a corner of the mouth."""
    xy = head.mouth[:2] + np.array([0.24 * side, -0.14])
    return np.array([*xy, float(head.front(xy[None])[0]) + 0.13])


def _boom(head: HeadFit, side: int, outside: Points, radius: float) -> Solid:
    """From the cup's lower front along the cheek to the mouth's corner."""
    start = outside - [0.0, 1.5 * radius, -0.5 * radius]
    capsule = _capsule(head, side)
    bend = 0.5 * start + 0.5 * capsule + np.array([0.14 * side, -0.06, 0.1])
    path = smooth_path([start, bend, capsule], 14)
    for _ in range(4):  # off the cheek
        over = head.height_over(path)
        path[:, 0] += side * np.clip(0.06 - over, 0, 0.1)
    return merged([tube(path, 0.018, sides=6), ball(start, 0.07, sides=8, rings=5)])
