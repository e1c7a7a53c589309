"""Triangle meshes: reading Wavefront OBJ, normals, and splitting vertices at texture seams."""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import numpy.typing as npt

Floats = npt.NDArray[np.float32]
Ints = npt.NDArray[np.int32]


@dataclass(frozen=True, eq=False)
class Mesh:
    """Triangles with texture coordinates.

    vertices (V, 3) float32 in decimetres, y up, z towards the viewer; uv (T, 2) float32, v up;
    faces and uv_faces (F, 3) int32 into them; groups (F,) the OBJ group of each triangle.
    """

    vertices: Floats
    uv: Floats
    faces: Ints
    uv_faces: Ints
    groups: npt.NDArray[np.str_]

    def of_faces(self, chosen: npt.NDArray[np.bool_]) -> Mesh:
        """The same mesh with only the chosen triangles."""
        return replace(self, faces=self.faces[chosen], uv_faces=self.uv_faces[chosen], groups=self.groups[chosen])


def load_obj(path: Path) -> Mesh:
    """Read a Wavefront OBJ file; polygons become triangle fans."""
    vertices: list[list[float]] = []
    uv: list[list[float]] = []
    faces: list[tuple[int, int, int]] = []
    uv_faces: list[tuple[int, int, int]] = []
    groups: list[str] = []
    group = ""
    for line in path.read_text(errors="replace").splitlines():
        key, _, rest = line.partition(" ")
        if key == "v":
            vertices.append([float(x) for x in rest.split()[:3]])
        elif key == "vt":
            uv.append([float(x) for x in rest.split()[:2]])
        elif key == "g":
            group = rest.strip()
        elif key == "f":
            corners = [corner.split("/") for corner in rest.split()]
            v = [int(c[0]) - 1 for c in corners]
            t = [int(c[1]) - 1 if len(c) > 1 and c[1] else 0 for c in corners]
            for k in range(1, len(v) - 1):
                faces.append((v[0], v[k], v[k + 1]))
                uv_faces.append((t[0], t[k], t[k + 1]))
                groups.append(group)
    return Mesh(
        np.array(vertices, np.float32),
        np.array(uv or [[0.0, 0.0]], np.float32),
        np.array(faces, np.int32),
        np.array(uv_faces, np.int32),
        np.array(groups),
    )


def vertex_normals(vertices: Floats, faces: Ints) -> Floats:
    """Unit normals (V, 3) of the vertices, weighted by the areas of their triangles."""
    a, b, c = (vertices[faces[:, k]] for k in range(3))
    of_face = np.cross(b - a, c - a)
    corner = faces.ravel()
    spread = np.repeat(of_face, 3, axis=0)
    total = np.stack([np.bincount(corner, spread[:, k], len(vertices)) for k in range(3)], axis=1)
    return (total / (np.linalg.norm(total, axis=1, keepdims=True) + 1e-9)).astype(np.float32)


def split_seams(faces: Ints, uv_faces: Ints) -> tuple[Ints, Ints, Ints]:
    """Give every (vertex, uv) pair its own corner, as a graphics card wants them.

    Returns (vertex of each corner (C,), uv of each corner (C,), triangles of corners (F, 3)).
    """
    pairs = np.stack([faces.ravel(), uv_faces.ravel()], axis=1)
    unique, inverse = np.unique(pairs, axis=0, return_inverse=True)
    corners = inverse.reshape(-1, 3).astype(np.int32)
    return unique[:, 0].astype(np.int32), unique[:, 1].astype(np.int32), corners
