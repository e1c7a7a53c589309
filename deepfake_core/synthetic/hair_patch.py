"""Hair that grows on a patch of the base mesh's skin and moves with it: beards and brows."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from deepfake_core.synthetic.fitting import Fitting
from deepfake_core.synthetic.hair_scalp import Array
from deepfake_core.synthetic.hair_strands import unit
from deepfake_core.synthetic.mesh import Floats, Ints, vertex_normals
from deepfake_core.synthetic.part import Material, Part, Texture


@dataclass(frozen=True, eq=False)
class Roots:
    """Where hairs stand: triangles of the base mesh (N, 3) and shares of their corners (N, 3)."""

    faces: Ints
    shares: Floats

    def at(self, values: Floats) -> Floats:
        """Values (V, ...) of the base mesh's vertices at the roots, (N, ...)."""
        return np.asarray(np.einsum("nk,nk...->n...", self.shares, values[self.faces]), np.float32)

    def chosen(self, which: Array) -> Roots:
        """Some of them."""
        return Roots(self.faces[which], self.shares[which])


class Patch:
    """A patch of one person's skin. rim (V,): how far (dm) within the patch each vertex lies, negative outside;
    faces (F, 3): the triangles that may carry it."""

    def __init__(self, fitting: Fitting, faces: Ints, rim: Floats) -> None:
        self.fitting, self.rim = fitting, rim
        self.faces = faces[(rim[faces] > -0.06).any(axis=1)]
        mesh = fitting.body.mesh
        near = np.zeros(len(mesh.vertices), bool)
        near[self.faces] = True
        around = mesh.faces[near[mesh.faces].any(axis=1) & (mesh.groups == "body")]
        self.normals = vertex_normals(fitting.base, around)

    def laid(self, texture: Texture, material: Material, *, rise: Array | float, depth: float) -> Part:
        """Hair laid on the skin, `rise` dm above it: the picture's v runs from the rim over `depth` dm."""
        used, inverse = np.unique(self.faces.ravel(), return_inverse=True)
        place = self.fitting.base[used]
        height = np.broadcast_to(rise, self.rim.shape)[used]
        u = (np.abs(place[:, 0]) - place[:, 2]) * 0.9
        uv = np.stack([u, np.clip((self.rim[used] + 0.06) / (depth + 0.06), 0.004, 0.996)], axis=1)
        return Part.of_corners(
            (place + self.normals[used] * height[:, None]).astype(np.float32),
            self.fitting.body.weights[used],
            inverse.reshape(-1, 3).astype(np.int32),
            uv.astype(np.float32),
            texture=texture,
            material=material,
        )

    def roots(self, g: np.random.Generator, count: int, fray: float) -> Roots:
        """About `count` roots, evenly; the rim is frayed by `fray` dm."""
        corners = self.fitting.base[self.faces]
        area = np.linalg.norm(np.cross(corners[:, 1] - corners[:, 0], corners[:, 2] - corners[:, 0]), axis=1)
        share = np.cumsum(area) / area.sum()
        picked = np.searchsorted(share, (np.arange(count) + g.random(count)) / count).clip(max=len(area) - 1)
        a, b = np.sqrt(g.random(count)), g.random(count)
        roots = Roots(self.faces[picked], np.stack([1 - a, a * (1 - b), a * b], axis=1).astype(np.float32))
        return roots.chosen(roots.at(self.rim) > g.normal(fray, fray, count))

    def standing(self, roots: Roots) -> tuple[Floats, Floats, Floats]:
        """Of roots: points (N, 3), unit normals, and points on the unshaped base mesh."""
        normals = unit(roots.at(self.normals))
        return roots.at(self.fitting.base), normals, roots.at(self.fitting.body.mesh.vertices)
