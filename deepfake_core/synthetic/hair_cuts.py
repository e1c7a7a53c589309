"""A cut grown on one person's head: what lies on the scalp, and the strands above it."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from deepfake_core.synthetic import hair_texture
from deepfake_core.synthetic.fitting import Fitting
from deepfake_core.synthetic.hair_growth import Cut, grow, lengths
from deepfake_core.synthetic.hair_recipe import HairRecipe
from deepfake_core.synthetic.hair_scalp import DEGREE, RADII, Hairline, Roots, Scalp
from deepfake_core.synthetic.hair_strands import Strands, ribbons, tubes, unit
from deepfake_core.synthetic.hair_styles import Style
from deepfake_core.synthetic.hair_ties import tied_parts
from deepfake_core.synthetic.labels import Label
from deepfake_core.synthetic.mesh import Floats
from deepfake_core.synthetic.part import Material, Part, Surface, Texture

CAP_DEPTH = 0.6  # dm from the hairline over which the cap's picture runs
SHINE = {"short": 0.008, "straight": 0.012, "wavy": 0.007, "curly": 0.004, "coily": 0.002, "braid": 0.004}
SOFT = 0.25  # share of the cards with soft rims, which cost more
INNER = 90  # broad strands below long hair


def cut_parts(recipe: HairRecipe, style: Style, fitting: Fitting) -> list[Part]:
    """The parts of a cut."""
    scalp = Scalp(fitting, Hairline(recipe.recession, recipe.crown, recipe.wreath))
    cut = Cut(recipe, style, scalp, np.random.default_rng([recipe.seed, 77]))
    material = Material(Surface.HAIR, Label.HAIR, casts_shadow=False, specular=SHINE[style.picture], roughness=0.2)
    if style.shape == "puff":
        return _puff(cut, material)
    roots = scalp.roots(cut.g, style.cards, 6.0 if max(style.lengths) < 0.1 else 1.0)
    lines = grow(cut, style, roots)
    parts = [_cap(cut)]
    if style.shape == "ropes":
        return [*parts, _ropes(cut, lines, replace(material, casts_shadow=True, soft=False))]
    parts += _cards(cut, lines, scalp.margin(roots.place), material)
    if style.tied:
        parts += tied_parts(cut, replace(material, casts_shadow=True))
    return parts


def _picture(cut: Cut, shade: float) -> Texture:
    recipe = cut.recipe
    tips = recipe.tips or recipe.colour
    return hair_texture.strands(cut.style.picture, recipe.colour, tips, recipe.grey, root_shade=shade)


def _cards(cut: Cut, lines: Strands, margin: Floats, material: Material) -> list[Part]:
    """Cards along the strands, `margin` (N,) degrees within the hairline; some of them with soft rims."""
    g, style, recipe, count = cut.g, cut.style, cut.recipe, len(lines.points)
    picture = _picture(cut, 0.85 if style.picture == "short" else 0.6)
    width = style.width * g.uniform(0.7, 1.3, count)
    top = g.random(count) < SOFT
    thin = recipe.wreath or recipe.crown > 0
    sparse = ((margin < g.normal(5, 2, count)) | (max(style.lengths) < 0.1)) & thin  # about what is bare
    layers = (
        (~top & ~sparse, picture, False, style.roll),
        (top & ~sparse, picture, True, 1.3 * style.roll),
        (sparse, hair_texture.faded(picture, hair_texture.BLENDED), True, style.roll),
    )
    parts = [
        ribbons(g, lines.chosen(chosen), cut.scalp, tufts, replace(material, soft=soft), width=width[chosen], roll=roll)
        for chosen, tufts, soft, roll in layers
        if chosen.any()
    ]
    if style.lengths[1] > 1 and not style.tied:
        # A few broad strands below the others cast the shadow of long hair, and close it.
        below = replace(style, volume=0.25 * style.volume, curl=(0.0, 1.0), knots=6)
        inner = grow(cut, below, cut.scalp.roots(g, INNER))
        inner = Strands(inner.points[:, 1:], inner.outward[:, 1:])
        casting = replace(material, casts_shadow=True, soft=False)
        broad = np.full(len(inner.points), 0.34)
        parts.append(ribbons(g, inner, cut.scalp, picture, casting, width=broad, roll=0.1))
    return parts


def _ropes(cut: Cut, lines: Strands, material: Material) -> Part:
    """Locs and braids."""
    count, knots = lines.points.shape[:2]
    along = np.interp(np.linspace(0, 1, knots), (0, 0.15, 0.9, 1), (0.7, 1, 0.95, 0.3))
    radius = cut.style.width / 2 * cut.g.uniform(0.8, 1.2, (count, 1)) * along
    return tubes(lines, cut.scalp, _picture(cut, 0.6), material, radius=radius, repeat=0.9)


def _on_scalp(scalp: Scalp, q: Floats) -> Floats:
    """Texture coordinates of what lies on the scalp: v runs from the hairline inwards."""
    azimuth = np.abs(np.arctan2(q[:, 0], q[:, 2]))
    v = np.clip((scalp.margin(q) * DEGREE + 0.03) / CAP_DEPTH, 0.004, 0.996)
    return np.stack([azimuth * 1.1, v], axis=1).astype(np.float32)


def _cap(cut: Cut) -> Part:
    """What closes the scalp below the strands."""
    recipe, style, scalp = cut.recipe, cut.style, cut.scalp
    short, thin = max(style.lengths) < 0.3, recipe.wreath or recipe.crown > 0
    points, normals, q, faces = scalp.cap(1 if short else 0)
    rise = np.clip(scalp.margin(q) * DEGREE / 0.5, 0, 1)
    points = (points + normals * (0.006 + 0.2 * style.volume * rise)[:, None]).astype(np.float32)
    red, green, blue = (c * (1.0 if short else 0.8) for c in recipe.colour)
    edge, density = (0.35, 1.0) if thin else (0.3, 0.97) if short else (0.18, 1.0)
    return Part.of_corners(
        points,
        scalp.weights(points),
        faces,
        _on_scalp(scalp, q),
        texture=hair_texture.shadow((red, green, blue), recipe.grey, edge=edge, density=density, blended=thin),
        # The skull casts its shadow.
        material=Material(Surface.HAIR, Label.HAIR, casts_shadow=False, specular=0.002, soft=short or thin),
        normals=normals,
    )


def _puff(cut: Cut, material: Material) -> list[Part]:
    """Coily hair: a ball of hair with short cards all over it."""
    recipe, style, scalp, g = cut.recipe, cut.style, cut.scalp, cut.g

    def risen(normals: Floats, q: Floats) -> Floats:
        """From the scalp to the ball's surface (N, 3)."""
        margin = np.maximum(scalp.margin(q) * DEGREE, 0)
        full = style.volume * recipe.size * np.clip(margin / (0.25 + 0.5 * style.volume), 0, 1) ** 0.5
        lumps = 0.05 * np.sin(q[:, 0] * 9 + recipe.seed % 7) * np.sin(q[:, 1] * 8) * np.sin(q[:, 2] * 9 + 2)
        return unit(0.6 * normals + 0.4 * unit(q * RADII)) * (full * (1 + lumps))[:, None]

    points, normals, q, faces = scalp.cap()
    points = (points + 0.006 * normals + 0.85 * risen(normals, q)).astype(np.float32)
    red, green, blue = (0.8 * c for c in recipe.colour)
    ball = Part.of_corners(
        points,
        scalp.weights(points),
        faces,
        _on_scalp(scalp, q),
        texture=hair_texture.shadow((red, green, blue), recipe.grey, edge=0.1, density=1.0),
        material=Material(Surface.HAIR, Label.HAIR, specular=0.001),
        normals=unit(0.5 * normals + 0.5 * unit(q)),
    )
    roots: Roots = scalp.roots(g, style.cards)
    points, normals, q = roots.points, roots.normals, roots.place
    count, length = len(q), lengths(style, q)
    start = points + risen(normals, q) + normals * (0.006 - 0.25 * length)[:, None]
    direction = unit(normals + 0.45 * g.normal(0, 1, (count, 3)))
    reach = (length * g.uniform(0.7, 1.25, count))[:, None, None] * np.linspace(0, 1, style.knots)[None, :, None]
    lines = Strands(
        (start[:, None] + direction[:, None] * reach).astype(np.float32),
        np.repeat(normals[:, None], style.knots, axis=1),
    )
    width = style.width * g.uniform(0.7, 1.3, count)
    cards = ribbons(g, lines, scalp, _picture(cut, 0.88), replace(material, soft=False), width=width, roll=style.roll)
    return [ball, cards]
