"""Shapes that worn and held things are built from: tubes, turned bodies, sheets, plates and boxes."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from deepfake_core.synthetic.mesh import Floats, Ints, Mesh
from deepfake_core.synthetic.part import WHITE, Material, Part, Texture

Points = npt.NDArray[np.float64]


@dataclass(frozen=True, eq=False)
class Solid:
    """Triangles: vertices (N, 3) in dm, faces (F, 3), and one texture coordinate (N, 2) per vertex."""

    vertices: Points
    faces: Ints
    uv: Points

    def moved(self, matrix: Points) -> Solid:
        """The same, moved by a matrix (4, 4)."""
        return Solid(self.vertices @ matrix[:3, :3].T + matrix[:3, 3], self.faces, self.uv)

    def part(self, weights: Floats, material: Material, texture: Texture = WHITE) -> Part:
        """A part hung on bones by `weights` (N, B)."""
        vertices = self.vertices.astype(np.float32)
        groups = np.full(len(self.faces), "solid")
        mesh = Mesh(vertices, self.uv.astype(np.float32), self.faces, self.faces, groups)
        return Part(vertices, weights, mesh, texture, material)


def merged(solids: Sequence[Solid]) -> Solid:
    """Several solids as one."""
    starts = np.cumsum([0] + [len(solid.vertices) for solid in solids])
    return Solid(
        np.concatenate([solid.vertices for solid in solids]),
        np.concatenate([solid.faces + start for solid, start in zip(solids, starts, strict=False)]).astype(np.int32),
        np.concatenate([solid.uv for solid in solids]),
    )


def sheet(grid: Points, *, closed: bool = False) -> Solid:
    """A surface through points (R, C, 3); `closed` joins the last column to the first. It faces the side from
    which rows going up have their columns to the right. u runs along a row, v along a column."""
    rows, columns = grid.shape[:2]
    if closed:  # a column of its own for the seam of the texture
        grid = np.concatenate([grid, grid[:, :1]], axis=1)
        columns += 1
    i, j = np.meshgrid(np.arange(rows - 1), np.arange(columns - 1), indexing="ij")
    a = (i * columns + j).ravel()
    b, c, d = a + 1, a + columns, a + columns + 1
    faces = np.concatenate([np.stack([a, b, d], 1), np.stack([a, d, c], 1)]).astype(np.int32)
    v, u = np.meshgrid(np.linspace(0, 1, rows), np.linspace(0, 1, columns), indexing="ij")
    return Solid(grid.reshape(-1, 3).astype(float), faces, np.stack([u.ravel(), v.ravel()], axis=1))


def tube(
    path: npt.ArrayLike,
    radius: npt.ArrayLike,
    *,
    sides: int = 8,
    closed: bool = False,
    up: tuple[float, float, float] = (0.0, 0.0, 1.0),
    depth: float = 1.0,
) -> Solid:
    """A tube of `radius` (one, or one per point) along a path (N, 3); towards `up` it is `depth` times as thick."""
    points = np.asarray(path, float)
    n = len(points)
    radii = np.broadcast_to(np.asarray(radius, float), n)
    along = np.empty_like(points)
    if closed:
        along[:] = np.roll(points, -1, axis=0) - np.roll(points, 1, axis=0)
    else:
        along[:] = np.gradient(points, axis=0)
    along /= np.linalg.norm(along, axis=1, keepdims=True) + 1e-9
    helper = np.array(up) + np.array([0.011, 0.017, 0.013])  # never quite along the path
    across = np.cross(along, helper)
    across /= np.linalg.norm(across, axis=1, keepdims=True) + 1e-9
    over = np.cross(across, along)
    t = -np.arange(sides) / sides * 2 * np.pi
    ring = np.cos(t)[None, :, None] * across[:, None] + depth * np.sin(t)[None, :, None] * over[:, None]
    rings = points[:, None] + radii[:, None, None] * ring
    if closed:
        rings = np.concatenate([rings, rings[:1]])
    else:  # ends are rounded off
        rings = np.concatenate([points[None, :1].repeat(sides, 1), rings, points[None, -1:].repeat(sides, 1)])
    return sheet(rings, closed=True)


def lathe(profile: npt.ArrayLike, *, sides: int = 16) -> Solid:
    """A body turned about the y axis: profile (K, 2) of (radius, height) from below to above."""
    outline = np.asarray(profile, float)
    t = np.arange(sides) / sides * 2 * np.pi
    radius, height = outline[:, :1], np.repeat(outline[:, 1:], sides, axis=1)
    return sheet(np.stack([radius * np.sin(t), height, radius * np.cos(t)], axis=2), closed=True)


def ball(centre: npt.ArrayLike, radius: npt.ArrayLike, *, sides: int = 12, rings: int = 7) -> Solid:
    """A ball, or with three radii an ellipsoid."""
    t = np.linspace(-np.pi / 2, np.pi / 2, rings)
    solid = lathe(np.stack([np.cos(t), np.sin(t)], axis=1), sides=sides)
    return Solid(solid.vertices * np.asarray(radius, float) + np.asarray(centre, float), solid.faces, solid.uv)


def disc(rim: Points, *, bulge: float = 0.0, rings: int = 3) -> Solid:
    """A plate inside a rim (N, 3) that runs round its middle, bulging along its normal by `bulge` dm there."""
    middle = rim.mean(axis=0)
    normal = np.cross(rim - middle, np.roll(rim, -1, axis=0) - middle).sum(axis=0)
    normal /= np.linalg.norm(normal) + 1e-9
    shares = np.linspace(1, 0, rings + 1)
    grid = middle + shares[:, None, None] * (rim - middle) + bulge * (1 - shares**2)[:, None, None] * normal
    return sheet(grid, closed=True)


def box(size: tuple[float, float, float], *, rounding: float = 0.03) -> Solid:
    """A box about the origin with rounded corners, sides in dm; each side has normals of its own."""
    x, y, z = (side / 2 for side in size)
    outline = rounded_rectangle(x, y, rounding)
    inner = rounded_rectangle(x - rounding / 3, y - rounding / 3, rounding)

    def at(points: Points, depth: float) -> Points:
        return np.column_stack([points, np.full(len(points), depth)])

    bevel = z - rounding / 3
    wall = sheet(np.stack([at(inner, -z), at(outline, -bevel), at(outline, bevel), at(inner, z)]), closed=True)
    front, back = disc(at(inner, z), rings=1), disc(at(inner, -z)[::-1], rings=1)
    flat = front.vertices[:, :2] / (2 * np.array([x, y])) + 0.5
    return merged([wall, Solid(front.vertices, front.faces, flat), back])


def rounded_rectangle(x: float, y: float, radius: float, *, corner: int = 4) -> Points:
    """The outline (N, 2) of a rectangle of half sides x, y, counter-clockwise."""
    t = np.linspace(0, np.pi / 2, corner)
    points = [
        np.column_stack(
            [sx * (x - radius) + radius * np.cos(t + start), sy * (y - radius) + radius * np.sin(t + start)]
        )
        for sx, sy, start in ((1, 1, 0.0), (-1, 1, np.pi / 2), (-1, -1, np.pi), (1, -1, 1.5 * np.pi))
    ]
    return np.concatenate(points)


def smooth_path(points: npt.ArrayLike, count: int, *, closed: bool = False) -> Points:
    """A smooth curve (count, D) through a few points (Catmull-Rom), spread evenly over them."""
    p = np.asarray(points, float)
    n = len(p)
    spans = n if closed else n - 1
    t = np.linspace(0, spans, count, endpoint=not closed)
    k = np.minimum(t.astype(int), spans - 1)
    f = (t - k)[:, None]

    def at(i: npt.NDArray[np.intp]) -> Points:
        if closed:
            return p[i % n]
        # Beyond the ends the curve goes straight on.
        before, behind = 2 * p[0] - p[1], 2 * p[-1] - p[-2]
        return np.concatenate([before[None], p, behind[None]])[i + 1]

    a, b, c, d = at(k - 1), at(k), at(k + 1), at(k + 2)
    return 0.5 * (2 * b + (c - a) * f + (2 * a - 5 * b + 4 * c - d) * f**2 + (3 * b - a - 3 * c + d) * f**3)
