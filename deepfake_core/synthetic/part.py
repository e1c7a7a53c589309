"""What the renderer draws: one mesh with one material, hung on the bones."""

from __future__ import annotations

import enum
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from deepfake_core.synthetic.mesh import Floats, Ints, Mesh, split_seams

Colour = tuple[float, float, float]  # linear RGB
Motion = Callable[[npt.NDArray[np.float32], float], npt.NDArray[np.floating[Any]]]


class Surface(enum.IntEnum):
    """How light leaves a part; the numbers are those of the shader."""

    SKIN = 0
    CLOTH = 1
    HAIR = 2
    EYE = 3
    MOUTH = 4
    PLASTIC = 5
    GLASS = 6


@dataclass(frozen=True, eq=False)
class Texture:
    """RGBA uint8 (H, W, 4), its first row at v = 0 (so upside down as a picture)."""

    pixels: npt.NDArray[np.uint8]

    @classmethod
    def from_bgr(cls, image: npt.NDArray[np.uint8]) -> Texture:
        """A texture from a picture, BGR or BGRA, the right way up."""
        rgba = np.full((*image.shape[:2], 4), 255, np.uint8)
        rgba[..., :3] = image[..., 2::-1]
        if image.shape[2] == 4:
            rgba[..., 3] = image[..., 3]
        return cls(np.ascontiguousarray(rgba[::-1]))


WHITE = Texture(np.full((4, 4, 4), 255, np.uint8))


@dataclass(frozen=True)
class Material:
    """Look of a part. Tint: linear RGB factor; roughness 0..1; specular: reflectance from the front;
    bump: relief from the texture's brightness; cutout: alpha below which a pixel gets no label;
    soft: hair's pixels that are not opaque are blended (else left out, which is faster); opaque_from: alpha from
    which hair is drawn opaque and hides what is behind it (above 1: all is blended, so fine hair stays fine);
    clear: what is seen through it and is an eye or a brow keeps its label (CelebAMask-HQ paints the eyes and
    brows over the glasses)."""

    surface: Surface
    label: int
    tint: Colour = (1.0, 1.0, 1.0)
    roughness: float = 0.5
    specular: float = 0.028
    bump: float = 0.0
    cutout: float = 0.4
    casts_shadow: bool = True
    soft: bool = True
    opaque_from: float = 0.5
    clear: bool = False


class Part:
    """A posable mesh.

    rest (N, 3) float32 vertices in rest pose, weights (N, B) bone weights, faces (F, 3) into them;
    corner_vertex, corner_uv, corner_faces: the same triangles with texture seams split (see `split_seams`).
    normals (N, 3) float32 in rest pose, to be turned with the head; None: taken from the posed triangles.
    lit_by (N,) int32: the vertex whose light each vertex takes; None: every vertex has light of its own.
    used (N,): where each vertex stood in the vertices that the part was made of.
    motion(head, time): where a thing stands that no bone moves, as a matrix (4, 4) from rest pose to scene, for
    the head bone's matrix (4, 4) and a time in seconds; None: bones move the part.
    """

    motion: Motion | None = None

    def __init__(self, vertices: Floats, weights: Floats, mesh: Mesh, texture: Texture, material: Material) -> None:
        """Take the triangles of `mesh`; its vertices are replaced by `vertices`, hung on bones by `weights`."""
        used, inverse = np.unique(mesh.faces.ravel(), return_inverse=True)
        self.used: npt.NDArray[np.intp] = used.astype(np.intp)
        self.rest: Floats = vertices[used]
        self.weights: Floats = weights[used]
        self.faces: Ints = inverse.reshape(-1, 3).astype(np.int32)
        self.corner_vertex, corner_uv, self.corner_faces = split_seams(self.faces, mesh.uv_faces)
        self.corner_uv: Floats = mesh.uv[corner_uv]
        self.texture = texture
        self.material = material
        self.normals: Floats | None = None
        self.lit_by: Ints | None = None

    @classmethod
    def of_corners(
        cls,
        vertices: Floats,
        weights: Floats,
        faces: Ints,
        uv: Floats,
        *,
        texture: Texture,
        material: Material,
        normals: Floats | None = None,
        lit_by: Ints | None = None,
    ) -> Part:
        """A part whose every vertex (N, 3) is used and has one texture coordinate, uv (N, 2)."""
        part = cls.__new__(cls)
        part.used = np.arange(len(vertices))
        part.rest, part.weights, part.faces = vertices, weights, faces
        part.corner_vertex = np.arange(len(vertices)).astype(np.int32)
        part.corner_uv, part.corner_faces = uv, faces
        part.texture, part.material = texture, material
        part.normals, part.lit_by = normals, lit_by
        return part
