"""A part on the graphics card, and what of it does not change with the pose."""

from __future__ import annotations

import moderngl
import numpy as np
from scipy import sparse

from deepfake_core.synthetic.labels import Label
from deepfake_core.synthetic.mesh import Floats, Ints
from deepfake_core.synthetic.part import Part, Surface

# Light wanders under the skin, red farthest: shares of light after 0, 1, 3 and 7 rounds of smoothing over the
# mesh, for red, green and blue. It also softens the shadows of the few lights.
SUBSURFACE = np.array([[0.22, 0.34, 0.42], [0.28, 0.34, 0.38], [0.3, 0.22, 0.14], [0.2, 0.1, 0.06]], np.float32)
SMOOTHING_ROUNDS = (0, 1, 3, 7)
NOT_OF_THE_HEAD = (Label.NECK, Label.NECKLACE, Label.CLOTH, Label.OCCLUDER)
COARSE = 0.06  # dm: details below this size throw no shadow of their own
CORNER = "3f 3f 4f"  # place, normal, light: written for every picture


class Drawable:
    """Buffers of a part; `lit` (M,) are the vertices that light is looked up for, `lit_of` (N,) each vertex's row
    among them.

    It knows the part's arrays but not the part, so that the part can go, and with it what it has on the card.
    """

    def __init__(
        self,
        context: moderngl.Context,
        part: Part,
        *,
        shade: moderngl.Program,
        label: moderngl.Program,
        depth: moderngl.Program,
        shadow: moderngl.Program,
    ) -> None:
        self._faces, self._corner, self._normals = part.faces, part.corner_vertex, part.normals
        corners = len(part.corner_vertex)
        self._rows = np.empty((corners, 10), np.float32)
        self._buffer = context.buffer(reserve=self._rows.nbytes, dynamic=True)
        uv = context.buffer(np.ascontiguousarray(part.corner_uv, np.float32).tobytes())
        indices = context.buffer(part.corner_faces.astype(np.int32).tobytes())

        def array(program: moderngl.Program, layout: str, *names: str) -> moderngl.VertexArray:
            return context.vertex_array(program, [(self._buffer, layout, *names), (uv, "2f", "uv")], indices)

        self.shaded = array(shade, CORNER, "position", "normal", "light")
        self.labelled = array(label, "3f 28x", "position")
        self.deep = array(depth, "3f 28x", "position")
        indices = context.buffer(_coarse(part).tobytes())
        self.shadowed = array(shadow, "3f 28x", "position")
        n, faces = len(part.rest), part.faces
        of_corner = faces.ravel(), np.repeat(np.arange(len(faces)), 3)
        self._spread = sparse.csr_matrix((np.ones(faces.size, np.float32), of_corner), shape=(n, len(faces)))
        near = sparse.csr_matrix(self._spread @ self._spread.T)  # vertices of common triangles
        near.data[:] = 1
        self.smooth = sparse.diags(1 / np.asarray(near.sum(axis=1)).ravel()).astype(np.float32) @ near
        if part.lit_by is None:
            self.lit = self.lit_of = np.arange(n)
        else:
            self.lit, self.lit_of = np.unique(part.lit_by, return_inverse=True)
        self.of_head = part.material.label not in NOT_OF_THE_HEAD

    def normals(self, vertices: Floats, head: Floats) -> Floats:
        """Unit normals (N, 3) of the posed vertices, weighted by the areas of their triangles."""
        if self._normals is not None:
            return (self._normals @ head[:3, :3].T).astype(np.float32)
        a, b, c = (vertices[self._faces[:, k]] for k in range(3))
        u, v = b - a, c - a
        of_face = np.stack(
            [
                u[:, 1] * v[:, 2] - u[:, 2] * v[:, 1],
                u[:, 2] * v[:, 0] - u[:, 0] * v[:, 2],
                u[:, 0] * v[:, 1] - u[:, 1] * v[:, 0],
            ],
            axis=1,
        )
        total = self._spread @ of_face
        return (total / (np.linalg.norm(total, axis=1, keepdims=True) + np.float32(1e-9))).astype(np.float32)

    def scatter(self, irradiance: Floats) -> Floats:
        """Subsurface scattering, roughly: light (N, 3) blurred over the mesh, each colour in its own way."""
        total = np.zeros_like(irradiance)
        done = 0
        for rounds, shares in zip(SMOOTHING_ROUNDS, SUBSURFACE, strict=True):
            for _ in range(rounds - done):
                irradiance = self.smooth @ irradiance
            done = rounds
            total += irradiance * shares
        return total

    def place(self, vertices: Floats, normals: Floats) -> None:
        """Write places and normals of the corners, for the depth maps; `light` completes them."""
        corner = self._corner
        self._rows[:, :3] = vertices[corner]
        self._rows[:, 3:6] = normals[corner]
        self._buffer.write(self._rows)

    def light(self, irradiance: Floats, occlusion: Floats) -> None:
        """Write light (N, 3) and openness (N,) of the corners."""
        corner = self._corner
        self._rows[:, 6:9] = irradiance[corner]
        self._rows[:, 9] = occlusion[corner]
        self._buffer.write(self._rows)


def _coarse(part: Part) -> Ints:
    """The part's triangles of corners (F, 3) with the corners of a small cell joined into one (Rossignac and
    Borrel 1993): what throws a shadow may be coarse."""
    if part.material.surface == Surface.HAIR:  # joining strands would open and close their picture's holes
        return part.corner_faces.astype(np.int32)
    cells = np.floor(part.rest[part.corner_vertex] / COARSE).astype(np.int64)
    _, first, cell = np.unique(cells, axis=0, return_index=True, return_inverse=True)
    faces = first[cell.ravel()][part.corner_faces]
    a, b, c = faces.T
    coarse = faces[(a != b) & (b != c) & (c != a)].astype(np.int32)
    return coarse if len(coarse) else part.corner_faces.astype(np.int32)  # an earring is smaller than a cell
