"""Brows of single hairs along the ridge over the eyes."""

from __future__ import annotations

import numpy as np

from deepfake_core.synthetic import hair_texture
from deepfake_core.synthetic.facial_hair_recipe import FacialHairRecipe
from deepfake_core.synthetic.fitting import Fitting
from deepfake_core.synthetic.hair_patch import Patch
from deepfake_core.synthetic.hair_strands import Strands, across, ribbons, unit
from deepfake_core.synthetic.labels import Label
from deepfake_core.synthetic.part import Material, Part, Surface

# The brows' middle line on the unshaped base mesh (dm), and half their height.
_X = (0.06, 0.12, 0.2, 0.3, 0.4, 0.5, 0.58, 0.65)
_Y = (7.375, 7.382, 7.397, 7.415, 7.42, 7.405, 7.375, 7.34)
_ARCH = (0.0, 0.0, 0.0, 0.015, 0.035, 0.025, -0.01, -0.04)  # what a full arch adds
_HALF = (0.02, 0.028, 0.029, 0.026, 0.021, 0.016, 0.011, 0.005)


CANDIDATES = 7000  # places about a brow, a tenth of them on it


def brow_parts(recipe: FacialHairRecipe, fitting: Fitting) -> list[Part]:
    """Left and right brow."""
    mesh = fitting.body.mesh
    place = mesh.vertices
    x = np.abs(place[:, 0])
    near = (x < 0.8) & (np.abs(place[:, 1] - 7.4) < 0.22) & (place[:, 2] > 0.9)
    skin = mesh.faces[mesh.groups == "body"]
    skin = skin[near[skin].all(axis=1)]
    parts = []
    for side, label in ((-1, Label.L_BROW), (1, Label.R_BROW)):
        g = np.random.default_rng([recipe.seed, 79, side + 1])
        # The triangles are large for a brow: single hairs are kept by where they really stand.
        patch = Patch(
            fitting, skin[np.sign(place[skin][:, :, 0].mean(axis=1)) == side], np.full(len(place), 1.0, np.float32)
        )
        roots = patch.roots(g, CANDIDATES, 0.0)
        there = roots.at(place)
        x = np.abs(there[:, 0])
        middle = np.interp(x, _X, _Y) + recipe.brow_arch * np.interp(x, _X, _ARCH)
        half = np.interp(x, _X, _HALF) * recipe.brow_thickness
        off = (there[:, 1] - middle) / half
        wanted = recipe.brow_density * np.interp(x, _X, (0.25, 0.7, 1, 1, 1, 1, 0.9, 0.6))
        roots = roots.chosen(
            (np.abs(off) < g.normal(0.85, 0.2, len(off))) & (x > 0.06) & (x < 0.6) & (g.random(len(off)) < wanted)
        )
        points, normals, there = patch.standing(roots)
        count = len(points)
        x = np.abs(there[:, 0])
        # At the nose hairs stand up, further out they lie along the brow.
        along = np.interp(x, (0.08, 0.2, 0.35, 0.65), (0.35, 0.8, 1.0, 1.0))
        rise = np.interp(x, (0.08, 0.2, 0.35, 0.5, 0.65), (0.95, 0.6, 0.2, -0.15, -0.5))
        combed = np.stack([side * along, rise, np.zeros(count)], axis=1) + 0.18 * g.normal(0, 1, (count, 3))
        direction = unit(across(combed.astype(np.float32), normals) + 0.25 * normals)
        length = g.uniform(0.035, 0.07, count)[:, None] * min(recipe.brow_thickness, 1.2)
        start = points + normals * 0.004
        line = np.stack(
            [start, start + direction * length * 0.5, start + direction * length - normals * 0.25 * length * 0.5],
            axis=1,
        )
        lines = Strands(line.astype(np.float32), np.repeat(normals[:, None], 3, axis=1))
        material = Material(Surface.HAIR, label, casts_shadow=False, cutout=0.15, specular=0.003, roughness=0.2)
        picture = hair_texture.faded(
            hair_texture.strands("short", recipe.brow_colour, recipe.brow_colour, 0.0, root_shade=1.0),
            hair_texture.BLENDED,
        )
        weights = np.repeat(roots.at(fitting.body.weights), 6, axis=0)
        width = g.uniform(0.009, 0.015, count).astype(np.float32)
        parts.append(ribbons(g, lines, weights, picture, material, width=width, roll=0.3))
    return parts
