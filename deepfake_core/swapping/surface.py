"""The identity's surface: a texture on the face mesh, drawn at any pose and expression without OpenGL."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache

import cv2
import numpy as np

from deepfake_core.facemesh import topology

_OVAL = np.array(topology.FACE_OVAL)
_RING = len(_OVAL)
RING_REACH = 0.22
"""How far the ring of extra vertices lies beyond the mesh's border, in distances from the face's middle."""
VERTEX_COUNT = 468 + _RING
_OUTLINE, _OUTLINE_WIDTH, _LEAST_COVERED = np.float32(0.4), 0.35, 0.05
"""Smoothed coverage at the outside of an outline, how much more at its inside, and the least that has a place on the
texture."""
_MOST_LAYERS = 64
"""Bounding boxes of triangles on each other, on average over the picture."""


def _ring_triangles() -> np.ndarray:
    inner, inner_next = _OVAL, np.roll(_OVAL, -1)
    outer = 468 + np.arange(_RING)
    outer_next = 468 + np.roll(np.arange(_RING), -1)
    return np.concatenate(
        [np.column_stack([inner, outer, inner_next]), np.column_stack([inner_next, outer, outer_next])]
    )


def _oriented(listed: np.ndarray) -> np.ndarray:
    """Turn every triangle the way that faces the camera on the canonical face, whatever way it was listed."""
    vertices = extend(topology.canonical_face().vertices.astype(np.float64))
    a, b, c = (vertices[listed[:, k]] for k in range(3))
    outward = np.cross(b - a, c - a)
    middle = (a + b + c) / 3 - np.array([0.0, 0.0, -8.0])
    flip = (outward * middle).sum(1) < 0
    turned = listed.copy()
    turned[flip, 1], turned[flip, 2] = listed[flip, 2], listed[flip, 1]
    return turned


def extend(head: np.ndarray) -> np.ndarray:
    """Add a ring of 36 vertices around the mesh, outward and backward: (468, 3) cm -> (504, 3) cm.

    The driver's face may be wider than the identity's; the ring keeps the surface defined there.
    """
    border = head[_OVAL]
    outward = border - border.mean(0)
    outward[:, 2] = -4.0
    return np.concatenate([head, border + RING_REACH * outward])


@cache
def triangles() -> np.ndarray:
    """The mesh and its ring, int64 (970, 3): counter-clockwise seen from outside with y up."""
    mesh = topology.canonical_face().triangles.astype(np.int64)
    return _oriented(np.concatenate([mesh, _ring_triangles()]))


@cache
def _corners() -> np.ndarray:
    """The same as int64 (3, 970)."""
    return np.ascontiguousarray(triangles().T)


def vertex_normals(points: np.ndarray) -> np.ndarray:
    """Unit normals (504, 3) of vertices (504, 3) with y up, z to the camera."""
    x, y, z = (np.take(axis, _corners()) for axis in np.ascontiguousarray(points.T, np.float32))
    (xb, xc), (yb, yc), (zb, zc) = ((axis[1] - axis[0], axis[2] - axis[0]) for axis in (x, y, z))
    faces = yb * zc - zb * yc, zb * xc - xb * zc, xb * yc - yb * xc
    corners = _corners().ravel()
    normals = np.stack([np.bincount(corners, np.tile(face, 3), len(points)) for face in faces], axis=1)
    return normals / (np.sqrt(np.einsum("ij,ij->i", normals, normals))[:, None] + 1e-9)


@dataclass(frozen=True)
class Raster:
    """Which point of which triangle each covered pixel shows."""

    pixels: np.ndarray
    """int64 (P,): flat index of each covered pixel."""
    vertices: np.ndarray
    """int64 (3, P): the corners of the triangle that it shows."""
    weights: np.ndarray
    """float32 (3, P): barycentric coordinates."""
    size: int

    def interpolate(self, values: np.ndarray, fill: float = 0.0) -> np.ndarray:
        """Values at vertices (V, C) -> float32 (size, size, C), `fill` where nothing is drawn; C is 1..4."""
        return cv2.merge([self.plane(column, fill) for column in values.T])

    def plane(self, values: np.ndarray, fill: float = 0.0) -> np.ndarray:
        """One value per vertex (V,) -> float32 (size, size), `fill` where nothing is drawn."""
        picture = np.full(self.size * self.size, fill, np.float32)
        corners = np.take(values.astype(np.float32), self.vertices)
        corners *= self.weights
        picture[self.pixels] = corners[0] + corners[1] + corners[2]
        return picture.reshape(self.size, self.size)

    def coverage(self) -> np.ndarray:
        """uint8 (size, size): 255 where the surface is drawn."""
        picture = np.zeros(self.size * self.size, np.uint8)
        picture[self.pixels] = 255
        return picture.reshape(self.size, self.size)


def rasterise(points: np.ndarray, size: int) -> Raster:
    """Draw the surface into a square: points float (504, 3), x, y px, z px growing away from the camera.

    All triangles at once: each front-facing one lists the pixels of its bounding box, far triangles first, and the
    last one listed for a pixel is the nearest (painter's algorithm), so a nose hides the cheek behind it.
    """
    x, y, z = (np.take(axis, _corners()) for axis in np.ascontiguousarray(points.T, np.float32))
    area = (x[1] - x[0]) * (y[2] - y[0]) - (x[2] - x[0]) * (y[1] - y[0])
    left, widths = _reach(x, size)
    top, heights = _reach(y, size)
    # Counter-clockwise with y up is a negative area with y down.
    shown = np.flatnonzero((area < -1e-6) & (widths > 0) & (heights > 0))
    shown = shown[np.argsort(-(z[0] + z[1] + z[2])[shown], kind="stable")]
    # No face is like that; it would take all memory to find out what it hides.
    if (widths[shown].astype(np.int64) * heights[shown]).sum() > _MOST_LAYERS * size * size:
        shown = shown[:0]

    # Barycentric coordinates are linear in the pixel: w = a x + b y + c for two of them, the third is the rest.
    x, y, inverse = x[:, shown], y[:, shown], np.float32(1.0) / area[shown]
    a0, b0, c0 = (y[1] - y[2]) * inverse, (x[2] - x[1]) * inverse, (x[1] * y[2] - x[2] * y[1]) * inverse
    a1, b1, c1 = (y[2] - y[0]) * inverse, (x[0] - x[2]) * inverse, (x[2] * y[0] - x[0] * y[2]) * inverse

    # First every row of every bounding box, then every pixel of every row.
    owner, below = _counted(heights[shown])
    row = below + np.take(top[shown], owner)
    first, down = np.take(left[shown], owner), row.astype(np.float32)
    a0, a1, start = np.take(a0, owner), np.take(a1, owner), first.astype(np.float32)
    w0 = a0 * start + np.take(b0, owner) * down + np.take(c0, owner)
    w1 = a1 * start + np.take(b1, owner) * down + np.take(c1, owner)
    line, beside = _counted(np.take(widths[shown], owner))
    across = beside.astype(np.float32)
    w0 = np.take(w0, line) + np.take(a0, line) * across
    w1 = np.take(w1, line) + np.take(a1, line) * across
    w2 = np.float32(1.0) - w0 - w1
    inside = np.flatnonzero(np.minimum(np.minimum(w0, w1), w2) > -1e-3)

    nearest = np.full(size * size, -1, np.int32)
    nearest[np.take(np.take(row * size + first, line) + beside, inside)] = inside
    pixels = np.flatnonzero(nearest >= 0)
    chosen = nearest[pixels]
    vertices = np.take(_corners(), shown[owner[line[chosen]]], axis=1)
    return Raster(pixels, vertices, np.stack([w0[chosen], w1[chosen], w2[chosen]]), size)


def _reach(places: np.ndarray, size: int) -> tuple[np.ndarray, np.ndarray]:
    """First pixel, and how many, of the bounding boxes of corners float32 (3, T) along one axis: int32 (T,)."""
    low = np.ceil(np.minimum(np.minimum(places[0], places[1]), places[2]) - np.float32(0.01))
    high = np.floor(np.maximum(np.maximum(places[0], places[1]), places[2]) + np.float32(1.01))
    first, end = (np.minimum(np.maximum(end, 0), size).astype(np.int32) for end in (low, high))
    return first, end - first


def _counted(lengths: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """For lengths int32 (N,): 0, 1, .. each so many times as its length says, and 0 .. n - 1 for each n of them, one
    after the other: int32."""
    owner = np.repeat(np.arange(len(lengths), dtype=np.int32), lengths)
    starts = np.cumsum(lengths, dtype=np.int32) - lengths
    return owner, np.arange(len(owner), dtype=np.int32) - np.take(starts, owner)


def draw(texture: np.ndarray, uv: np.ndarray, raster: Raster, size: int) -> tuple[np.ndarray, np.ndarray]:
    """Draw a texture through a raster, enlarged smoothly: uint8 (size, size, 3) BGR, undefined where nothing is drawn,
    and how much of it is seen, float32 (size, size), 0..1.

    texture: uint8 (H, W, 4), the fourth channel what is seen; uv: float32 (504, 2), px of the texture.
    """
    covered = raster.coverage().astype(np.float32) / 255.0
    across, down = raster.plane(uv[:, 0]), raster.plane(uv[:, 1])
    inside = covered
    if size != raster.size:
        # Smoothed, the steps of a coarse outline become a line again.
        smooth = cv2.resize(cv2.blur(covered, (3, 3)), (size, size), interpolation=cv2.INTER_LINEAR)
        across, down, covered = (
            np.asarray(cv2.resize(plane, (size, size), interpolation=cv2.INTER_LINEAR), np.float32)
            for plane in (across, down, covered)
        )
        # The map is 0 off the surface: divided by how much of a pixel is covered, the border keeps its place.
        inside = np.clip((smooth - _OUTLINE) * np.float32(1.0 / _OUTLINE_WIDTH), 0.0, 1.0) * (covered > _LEAST_COVERED)
        known = np.maximum(covered, np.float32(1e-3))
        across = np.asarray(cv2.divide(across, known), np.float32)
        down = np.asarray(cv2.divide(down, known), np.float32)
    drawn = cv2.remap(texture, across, down, cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE)
    seen = np.asarray(cv2.multiply(cv2.extractChannel(drawn, 3), inside, scale=1 / 255.0, dtype=cv2.CV_32F), np.float32)
    return np.asarray(cv2.cvtColor(drawn, cv2.COLOR_BGRA2BGR)), seen
