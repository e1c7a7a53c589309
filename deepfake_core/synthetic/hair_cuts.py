"""A cut grown on one person's head: what lies on the scalp, and the strands above it."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from deepfake_core.synthetic import hair_texture
from deepfake_core.synthetic.fitting import Fitting
from deepfake_core.synthetic.hair_recipe import HairRecipe
from deepfake_core.synthetic.hair_scalp import CENTRE, DEGREE, RADII, Hairline, Scalp
from deepfake_core.synthetic.hair_strands import Strands, across, ribbons, tubes, unit, wave
from deepfake_core.synthetic.hair_styles import Style
from deepfake_core.synthetic.labels import Label
from deepfake_core.synthetic.mesh import Floats
from deepfake_core.synthetic.part import Material, Part, Surface

CAP_DEPTH = 0.6  # dm from the hairline over which the cap's picture runs
WHORL = np.array([0.12, 0.87, -0.48], np.float32)


def cut_parts(cut: HairRecipe, style: Style, fitting: Fitting) -> list[Part]:
    """The parts of a cut."""
    g = np.random.default_rng([cut.seed, 77])
    scalp = Scalp(fitting, Hairline(cut.recession, cut.crown, cut.wreath))
    tips = cut.tips or cut.colour
    material = Material(Surface.HAIR, Label.HAIR, casts_shadow=False)
    if style.shape == "puff":
        return _puff(g, cut, style, scalp)
    parts = [_cap(cut, style, scalp)]
    roots, normals, q = scalp.roots(g, style.cards)
    lines = _grow(g, cut, style, scalp, roots, normals, q)
    if style.shape == "ropes":
        picture = hair_texture.strands("braid", cut.colour, tips, cut.grey)
        knots = lines.points.shape[1]
        radius = (
            style.width
            / 2
            * g.uniform(0.8, 1.2, (len(roots), 1))
            * np.interp(np.linspace(0, 1, knots), (0, 0.15, 0.9, 1), (0.7, 1, 0.95, 0.3))
        )
        return [*parts, tubes(lines, scalp, picture, Material(Surface.HAIR, Label.HAIR), radius=radius, repeat=0.9)]
    shade = 0.85 if style.picture == "short" else 0.6
    picture = hair_texture.strands(style.picture, cut.colour, tips, cut.grey, root_shade=shade)
    width = (style.width * g.uniform(0.7, 1.3, len(roots))).astype(np.float32)
    # What lies on top, and what stands off, has soft rims.
    top = g.random(len(roots)) < 0.25
    for chosen, soft, roll in ((~top, False, style.roll), (top, True, 1.3 * style.roll)):
        what = replace(material, soft=soft)
        parts.append(ribbons(g, lines.chosen(chosen), scalp, picture, what, width=width[chosen], roll=roll))
    if style.lengths[1] > 1 and not style.tied:
        # A few broad strands below the others cast the shadow of long hair, and close it.
        below = replace(style, volume=0.25 * style.volume, curl=(0.0, 1.0), knots=6)
        inner = _grow(g, cut, below, scalp, *scalp.roots(g, 90))
        casting = replace(material, casts_shadow=True, soft=False)
        broad = np.full(len(inner.points), 0.34, np.float32)
        parts.append(ribbons(g, inner, scalp, picture, casting, width=broad, roll=0.1))
    if style.tied:
        parts += _tied(g, cut, style, scalp)
    return parts


def _length(style: Style, q: Floats) -> Floats:
    """The cut's length (N,) at skull points."""
    fringe, top, side, back = style.lengths
    height = q[:, 1] / np.linalg.norm(q, axis=1)
    low = side + (back - side) * np.clip(-q[:, 2] * 1.2 + 0.2, 0, 1)
    on_top = np.clip((height - 0.3) / 0.35, 0, 1)
    on_top = on_top * on_top * (3 - 2 * on_top)
    upper = top + (fringe - top) * np.clip((q[:, 2] - 0.45) / 0.25, 0, 1)
    return (low + (upper - low) * on_top).astype(np.float32)


def _combed(g: np.random.Generator, cut: HairRecipe, style: Style, q: Floats) -> Floats:
    """The direction (N, 3) in which hair is combed at its roots."""
    side = -1.0 if cut.mirrored else 1.0
    count = len(q)
    direction = np.zeros((count, 3), np.float32)
    high = np.clip((q[:, 1] / np.linalg.norm(q, axis=1) - 0.15) / 0.3, 0, 1)[:, None]
    down = np.array([0, -1, -0.25], np.float32)
    if style.flow == "whorl":
        direction = q - WHORL * [side, 1, 1]
    elif style.flow == "forward":
        above = q - WHORL * [side, 1, 1]
        direction = above * [0.6, 0.5, 0.7] + np.array([0.25 * side, 0, 0.3]) * np.clip(q[:, 2:] + 0.4, 0, 1)
        direction = high * direction + (1 - high) * (down + [0, 0, 0.3])
    elif style.flow == "back":
        direction = high * np.array([0, 0.1, -1]) + (1 - high) * np.array([0, -0.7, -0.8])
        direction = direction + q * [0.25, 0, 0]
    elif style.flow == "part":
        away = np.tanh((q[:, :1] - style.part * side) * 14)
        direction = (
            high
            * np.concatenate(
                [away, np.zeros((count, 1)), np.broadcast_to(-0.25 + 0.25 * (q[:, 2:] > 0.5), (count, 1))], axis=1
            )
            + (1 - high) * down
        )
    elif style.flow == "quiff":
        front = np.clip((q[:, 2:] + 0.1) / 0.6, 0, 1)
        direction = high * (front * np.array([0.2 * side, 1.2, -0.35]) + (1 - front) * np.array([0, 0, -1.0]))
        direction = direction + (1 - high) * (down + [0, 0, -0.3])
    elif style.flow == "tousled":
        direction = (q - WHORL * [side, 1, 1]) * 0.5 + g.normal(0, 0.6, (count, 3))
    return direction.astype(np.float32)


def _grow(
    g: np.random.Generator, cut: HairRecipe, style: Style, scalp: Scalp, roots: Floats, normals: Floats, q: Floats
) -> Strands:
    """Centre lines of strands from the roots."""
    count, knots = len(roots), style.knots
    depth = g.random(count).astype(np.float32)  # 0 at the bottom of the hair to 1 on top
    # A short way within the hairline hair lies close.
    rim = np.clip(scalp.margin(q) * DEGREE / 0.35, 0.15, 1)
    height = style.volume * (0.35 + 0.65 * depth) * rim * cut.size**0.5
    if style.flow == "tie":
        return _drawn_to(style, scalp, roots, height)
    length = _length(style, q) * cut.size * g.uniform(0.82, 1.1, count)
    noise = unit(g.normal(0, 1, (count, 3)).astype(np.float32))
    combed = unit(across(_combed(g, cut, style, q), normals) + 0.14 * across(noise, normals))
    lift = np.clip(style.lift * g.uniform(0.6, 1.4, count), 0, 1)[:, None]
    direction = unit(combed * np.sqrt(1 - lift**2) + normals * lift)
    points, outward = [roots + normals * 0.004], [normals]
    step = (length / (knots - 1))[:, None]
    gravity = np.array([0, -1, 0], np.float32)
    place = points[0]
    for k in range(1, knots):
        direction = unit(direction + gravity * style.fall * step * 5)
        moved = place + direction * step
        wanted = height * min(1.0, 2.0 * k / (knots - 1))
        # On the skull hair follows it; further down it hangs.
        cling = style.cling * np.clip((scalp.template(moved)[:, 1] - 6.9) / 0.4, 0, 1)
        moved, normal = scalp.outside(moved, wanted, cling)
        moved = _beside_face(scalp, moved, length)
        direction = unit(moved - place)
        place = (place + direction * step).astype(np.float32)
        points.append(place)
        away = unit(scalp.skull(place) * [1, 0.55, 1])
        outward.append(unit(0.5 * normal + 0.5 * away))
    lines = Strands(np.stack(points, axis=1), np.stack(outward, axis=1).astype(np.float32))
    amplitude, wavelength = style.curl
    if amplitude > 0:
        # Neighbours swing together.
        phase = 3.0 * np.sin(q[:, 0] * 4 + 1.3) + 3.0 * np.sin(q[:, 1] * 5) + 2.0 * q[:, 2] + g.normal(0, 0.5, count)
        lines = wave(lines, (amplitude * g.uniform(0.5, 1.4, count)).astype(np.float32), wavelength, phase)
    return lines


def _beside_face(scalp: Scalp, points: Floats, length: Floats) -> Floats:
    """Long strands hang beside the face, not over it."""
    there = scalp.template(points)
    long = np.clip((length - 0.9) / 0.3, 0, 1)
    in_front = np.clip((there[:, 2] - 0.75) / 0.3, 0, 1) * np.clip((8.1 - there[:, 1]) / 0.5, 0, 1)
    missing = np.maximum(0.74 - np.abs(there[:, 0]), 0) * long * in_front
    moved = there.copy()
    moved[:, 0] += np.sign(there[:, 0] + 1e-6) * missing
    moved[:, 2] -= missing * 0.7
    return scalp.person(moved)


def _drawn_to(style: Style, scalp: Scalp, roots: Floats, height: Floats) -> Strands:
    """Strands drawn over the head to where they are tied."""
    tie = scalp.person(np.array(style.tie, np.float32))
    place = roots
    points, outward = [], []
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


def _tied(g: np.random.Generator, cut: HairRecipe, style: Style, scalp: Scalp) -> list[Part]:
    """What hangs or sits where the hair is tied together."""
    tie = scalp.person(np.array(style.tie, np.float32))
    away = unit(tie - scalp.person(CENTRE))
    tips = cut.tips or cut.colour
    picture = hair_texture.strands(style.picture, cut.colour, tips, cut.grey, root_shade=0.75)
    casting = Material(Surface.HAIR, Label.HAIR)
    length = style.tail * cut.size
    if style.tied == "plait":
        knots = 14
        line = _hanging(scalp, tie[None], away[None], np.array([length]), knots, 0.1)
        s = np.linspace(0, 1, knots)
        radius = (0.15 * np.interp(s, (0, 0.1, 0.7, 0.85, 0.9, 1), (0.8, 1, 0.75, 0.6, 0.7, 0.2)))[None]
        radius = radius * (1 + 0.12 * np.cos(s * 44))[None]
        rope = hair_texture.strands("braid", cut.colour, tips, cut.grey)
        return [tubes(line, scalp, rope, casting, radius=radius, repeat=1.1, around=8)]
    count = 150 if style.tied == "tail" else 170
    aside = unit(np.cross(away, np.array([0.0, 0.31, 0.95], np.float32)))
    above = unit(np.cross(aside, away))
    spin = g.uniform(0, 2 * np.pi, count)
    ring = np.cos(spin)[:, None] * aside + np.sin(spin)[:, None] * above
    if style.tied == "bun":
        radius = 0.3 * cut.size**0.5
        middle = tie + away * radius * 0.55
        tilt = g.normal(0, 0.45, count)
        knots = 8
        turn = np.linspace(0, 2.4, knots)[None, :, None]
        pole = unit(away[None] * np.cos(tilt)[:, None] + ring * np.sin(tilt)[:, None])
        first = unit(np.cross(pole, np.array([0.3, 0.9, 0.2], np.float32)[None]))
        second = np.cross(pole, first)
        at = spin[:, None, None] + turn
        latitude = g.uniform(-0.35, 1.1, count)[:, None, None]
        shell = np.cos(latitude) * (np.cos(at) * first[:, None] + np.sin(at) * second[:, None])
        shell = shell + np.sin(latitude) * pole[:, None]
        lumps = 1 + 0.06 * np.sin(at * 2 + spin[:, None, None])
        points = middle + shell * radius * lumps * g.uniform(0.85, 1.02, (count, 1, 1))
        strands = Strands(points.astype(np.float32), unit(shell.astype(np.float32)))
        return [ribbons(g, strands, scalp, picture, casting, width=np.full(count, 0.15, np.float32), roll=0.2)]
    knots = 10
    if style.picture == "coily":
        count = 420
        direction = unit(g.normal(0, 1, (count, 3)).astype(np.float32) + 0.9 * away)
        start = tie + away * 0.3 + direction * length * 0.35
        s = np.linspace(0, 1, 3)[None, :, None]
        points = start[:, None] + direction[:, None] * s * length * 0.75
        strands = Strands(points.astype(np.float32), np.repeat(direction[:, None], 3, axis=1))
        return [ribbons(g, strands, scalp, picture, casting, width=np.full(count, 0.4, np.float32), roll=1.2)]
    start = tie + ring * 0.07
    direction = unit(away + ring * g.uniform(0.1, 0.4, (count, 1)) + [0, 0.25, 0])
    lengths = length * g.uniform(0.75, 1.05, count)
    lines = _hanging(scalp, start, direction, lengths, knots, 0.05 + 0.22 * g.random(count))
    amplitude, wavelength = style.curl
    if amplitude > 0:
        lines = wave(lines, np.full(count, amplitude, np.float32), wavelength, g.normal(0, 0.8, count))
    return [ribbons(g, lines, scalp, picture, casting, width=np.full(count, 0.16, np.float32), roll=0.6)]


def _hanging(
    scalp: Scalp, start: Floats, direction: Floats, length: Floats, knots: int, height: Floats | float
) -> Strands:
    """Strands (N) that start at points in directions and hang down over the neck."""
    place = start.astype(np.float32)
    points, outward = [place], [unit(direction)]
    step = (length / (knots - 1))[:, None]
    for _ in range(1, knots):
        direction = unit(direction + np.array([0, -1.0, 0]) * 2.0 * step)
        moved, normal = scalp.outside(place + direction * step, np.broadcast_to(height, len(start)))
        direction = unit(0.4 * direction + unit(moved - place))
        place = moved.astype(np.float32)
        points.append(place)
        outward.append(unit(normal + unit(direction * [1, 0, 1])))
    return Strands(np.stack(points, axis=1), np.stack(outward, axis=1).astype(np.float32))


def _cap(cut: HairRecipe, style: Style, scalp: Scalp) -> Part:
    """What closes the scalp below the strands, and casts the hair's shadow."""
    points, normals, q, faces = scalp.cap()
    margin = scalp.margin(q) * DEGREE
    rise = np.clip(margin / 0.5, 0, 1)
    points = points + normals * (0.006 + 0.2 * style.volume * rise)[:, None]
    azimuth = np.abs(np.arctan2(q[:, 0], q[:, 2]))
    uv = np.stack([azimuth * 1.1, np.clip((margin + 0.03) / CAP_DEPTH, 0.004, 0.996)], axis=1)
    longest = max(style.lengths)
    texture = hair_texture.nap(
        tuple(c * 0.75 for c in cut.colour), cut.grey, edge=0.3 if longest < 0.3 else 0.22, density=style.density
    )
    return Part.of_corners(
        points.astype(np.float32),
        scalp.weights(points),
        faces,
        uv.astype(np.float32),
        texture=texture,
        material=Material(Surface.HAIR, Label.HAIR, casts_shadow=False),  # the skull does
        normals=unit(normals),
    )


def _puff(g: np.random.Generator, cut: HairRecipe, style: Style, scalp: Scalp) -> list[Part]:
    """Coily hair: a ball of hair with short cards all over it."""
    points, normals, q, faces = scalp.cap(1)

    def risen(points: Floats, normals: Floats, q: Floats, share: float) -> Floats:
        margin = np.maximum(scalp.margin(q) * DEGREE, 0)
        away = unit(q * RADII)
        rise = style.volume * cut.size * share * np.clip(margin / (0.25 + 0.5 * style.volume), 0, 1) ** 0.5
        lumps = 0.05 * np.sin(q[:, 0] * 9 + cut.seed % 7) * np.sin(q[:, 1] * 8) * np.sin(q[:, 2] * 9 + 2)
        return points + unit(0.6 * normals + 0.4 * away) * (0.006 + rise * (1 + lumps))[:, None]

    margin = scalp.margin(q) * DEGREE
    azimuth = np.abs(np.arctan2(q[:, 0], q[:, 2]))
    uv = np.stack([azimuth * 1.5, np.clip((margin + 0.03) / CAP_DEPTH, 0.004, 0.996)], axis=1)
    hull = risen(points, normals, q, 0.85)
    tips = cut.tips or cut.colour
    ball = Part.of_corners(
        hull.astype(np.float32),
        scalp.weights(hull),
        faces,
        uv.astype(np.float32),
        texture=hair_texture.nap(tuple(c * 0.7 for c in cut.colour), cut.grey, edge=0.15),
        material=Material(Surface.HAIR, Label.HAIR),
        normals=unit(0.5 * normals + 0.5 * unit(q)),
    )
    roots, normals, q = scalp.roots(g, style.cards)
    count = len(roots)
    start = risen(roots, normals, q, 1.0) - normals * 0.25 * _length(style, q)[:, None]
    direction = unit(normals + 0.45 * g.normal(0, 1, (count, 3)))
    s = np.linspace(0, 1, style.knots)[None, :, None]
    length = (_length(style, q) * g.uniform(0.7, 1.25, count))[:, None, None]
    lines = Strands(
        (start[:, None] + direction[:, None] * s * length).astype(np.float32),
        np.repeat(unit(normals)[:, None], style.knots, axis=1),
    )
    picture = hair_texture.strands(style.picture, cut.colour, tips, cut.grey, root_shade=0.7)
    material = Material(Surface.HAIR, Label.HAIR, casts_shadow=False)
    width = (style.width * g.uniform(0.7, 1.3, count)).astype(np.float32)
    return [ball, ribbons(g, lines, scalp, picture, material, width=width, roll=style.roll)]
