"""Strands of hair: centre lines grown over a head, and the ribbons and tubes that are drawn along them."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from deepfake_core.synthetic.hair_scalp import Array, Scalp
from deepfake_core.synthetic.hair_texture import COLUMNS
from deepfake_core.synthetic.mesh import Floats, Ints
from deepfake_core.synthetic.part import Material, Part, Texture

LIT_KNOTS = 3  # of a strand: light changes slowly along it


@dataclass(frozen=True, eq=False)
class Strands:
    """Centre lines: points (N, K, 3), root first; the directions away from the head there; along: the way they
    run (None: that of the points), which a wave leaves as it was, so that cards swing without twisting."""

    points: Floats
    outward: Floats
    along: Floats | None = None

    @property
    def tangent(self) -> Floats:
        """Unit vectors (N, K, 3) along the strands."""
        return unit(np.gradient(self.points, axis=1)) if self.along is None else self.along

    def chosen(self, which: Array) -> Strands:
        """Some of them."""
        return Strands(self.points[which], self.outward[which], None if self.along is None else self.along[which])


def unit(vectors: Array) -> Floats:
    """Vectors (..., 3) of length 1."""
    return (vectors / (np.linalg.norm(vectors, axis=-1, keepdims=True) + 1e-9)).astype(np.float32)


def across(vectors: Array, normals: Array) -> Floats:
    """What of the vectors lies across the normals."""
    return (vectors - (vectors * normals).sum(axis=-1, keepdims=True) * normals).astype(np.float32)


def wave(strands: Strands, amplitude: Array, length: float, phase: Array) -> Strands:
    """The strands swung sideways and outwards: amplitude (N,) dm, wavelength `length` dm, phase (N,)."""
    points, outward = strands.points, strands.outward
    tangent = strands.tangent
    sideways = unit(np.cross(tangent, outward))
    steps = np.linalg.norm(np.diff(points, axis=1), axis=2)
    run = np.concatenate([np.zeros((len(points), 1)), np.cumsum(steps, axis=1)], axis=1)
    angle = run * (2 * np.pi / length) + phase[:, None]
    grown = np.clip(run / (1.2 * length), 0, 1) * amplitude[:, None]
    moved = points + (grown * np.sin(angle))[..., None] * sideways
    moved += (grown * 0.4 * (np.cos(angle) + 1))[..., None] * outward
    return Strands(moved.astype(np.float32), outward, tangent)


def _lit_by(count: int, knots: int, around: int) -> Ints:
    lit = np.round(np.linspace(min(1, knots - 2), knots - 1, LIT_KNOTS)).astype(int)  # not the root: it lies below
    nearest = lit[np.abs(np.arange(knots)[:, None] - lit).argmin(axis=1)]
    index = np.arange(count)[:, None] * knots + nearest
    return np.repeat(index.ravel() * around, around).astype(np.int32)


def _faces(count: int, knots: int, around: int) -> Ints:
    """Triangles of `count` strips of `knots` rows of `around` vertices."""
    a = np.arange(around - 1) + np.arange(knots - 1)[:, None] * around
    one = np.stack([a, a + 1, a + around + 1, a, a + around + 1, a + around], axis=-1).reshape(-1, 3)
    return (np.arange(count)[:, None, None] * knots * around + one).reshape(-1, 3).astype(np.int32)


def ribbons(
    g: np.random.Generator,
    strands: Strands,
    weights: Scalp | Floats,
    texture: Texture,
    material: Material,
    *,
    width: Array,
    roll: float,
    columns: tuple[int, int] = (0, COLUMNS),
) -> Part:
    """Cards along the strands: width (N,) dm, turned about their length at random by `roll` (radians).

    `weights`: bone weights of the vertices (N * K * 2, B), or the scalp that they follow.
    """
    points, outward = strands.points, strands.outward
    count, knots = points.shape[:2]
    tangent = strands.tangent
    flat = unit(np.cross(tangent, outward))
    up = unit(np.cross(flat, tangent))
    turn = (g.normal(0, roll, count) * np.where(g.random(count) < 0.5, 1, -1)).astype(np.float32)[:, None, None]
    side = np.cos(turn) * flat + np.sin(turn) * up
    half = (width[:, None] / 2 * np.interp(np.linspace(0, 1, knots), (0, 0.3, 1), (0.8, 1, 0.75)))[..., None]
    vertices = np.stack([points - side * half, points + side * half], axis=2).reshape(-1, 3).astype(np.float32)
    # Shaded as a volume, with a little of the card's own turn.
    normal = unit(unit(up + 0.9 * outward) + 0.1 * np.sin(turn) * flat)
    normals = np.repeat(normal.reshape(-1, 3), 2, axis=0)
    column = g.integers(columns[0], columns[1], count)
    flip = g.random(count) < 0.5
    left, right = (column + 0.03) / COLUMNS, (column + 0.97) / COLUMNS
    u = np.stack([np.where(flip, left, right), np.where(flip, right, left)], axis=1)[:, None, :]
    v = np.linspace(0.004, 0.996, knots)[None, :, None]
    uv = np.stack(np.broadcast_arrays(u, v), axis=-1).reshape(-1, 2).astype(np.float32)
    return Part.of_corners(
        vertices,
        weights.weights(vertices) if isinstance(weights, Scalp) else weights,
        _faces(count, knots, 2),
        uv,
        texture=texture,
        material=material,
        normals=normals,
        lit_by=_lit_by(count, knots, 2),
    )


def tubes(
    strands: Strands,
    scalp: Scalp,
    texture: Texture,
    material: Material,
    *,
    radius: Array,
    repeat: float,
    around: int = 3,
) -> Part:
    """Round ropes along the strands: radius (N, K) dm; the picture repeats every `repeat` dm."""
    points, outward = strands.points, strands.outward
    count, knots = points.shape[:2]
    tangent = strands.tangent
    flat = unit(np.cross(tangent, outward))
    up = unit(np.cross(flat, tangent))
    angle = np.linspace(0, 2 * np.pi, around + 1)  # the seam's vertices are doubled
    ring = np.cos(angle)[:, None] * flat[:, :, None, :] + np.sin(angle)[:, None] * up[:, :, None, :]
    vertices = (points[:, :, None, :] + ring * radius[:, :, None, None]).reshape(-1, 3).astype(np.float32)
    run = np.cumsum(np.linalg.norm(np.gradient(points, axis=1), axis=2), axis=1) / repeat
    u = np.broadcast_to(angle / (2 * np.pi), (count, knots, around + 1))
    v = np.broadcast_to(run[..., None], u.shape)
    return Part.of_corners(
        vertices,
        scalp.weights(vertices),
        _faces(count, knots, around + 1),
        np.stack([u, v], axis=-1).reshape(-1, 2).astype(np.float32),
        texture=texture,
        material=material,
        normals=unit(ring + 0.4 * outward[:, :, None, :]).reshape(-1, 3),
        lit_by=None,
    )
