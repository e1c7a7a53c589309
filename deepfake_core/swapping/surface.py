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
RASTER_SIZE = 128


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


def vertex_normals(points: np.ndarray) -> np.ndarray:
    """Unit normals (504, 3) of vertices (504, 3) with y up, z to the camera."""
    a, b, c = (points[triangles()[:, k]] for k in range(3))
    face = np.cross(b - a, c - a)
    normals = np.empty_like(points)
    for axis in range(3):
        normals[:, axis] = np.bincount(triangles().ravel(), np.repeat(face[:, axis], 3), len(points))
    return normals / (np.linalg.norm(normals, axis=1, keepdims=True) + 1e-9)


@dataclass(frozen=True)
class Raster:
    """Which point of which triangle each covered pixel shows."""

    pixels: np.ndarray
    """int64 (P,): flat index of each covered pixel."""
    triangles: np.ndarray
    """int64 (P,): index into `triangles()`."""
    weights: np.ndarray
    """float32 (P, 3): barycentric coordinates."""
    size: int

    def interpolate(self, values: np.ndarray, fill: float = 0.0) -> np.ndarray:
        """Values at vertices (V, C) -> float32 (size, size, C), `fill` where nothing is drawn."""
        picture = np.full((self.size * self.size, values.shape[1]), fill, np.float32)
        corners = values.astype(np.float32)[triangles()[self.triangles]]
        picture[self.pixels] = np.einsum("pkc,pk->pc", corners, self.weights)
        return picture.reshape(self.size, self.size, -1)

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
    corners = points[triangles()].astype(np.float32)
    x, y = corners[..., 0], corners[..., 1]
    area = (x[:, 1] - x[:, 0]) * (y[:, 2] - y[:, 0]) - (x[:, 2] - x[:, 0]) * (y[:, 1] - y[:, 0])
    left = np.clip(np.ceil(x.min(1) - 0.01), 0, size).astype(np.int64)
    right = np.clip(np.floor(x.max(1) + 0.01) + 1, 0, size).astype(np.int64)
    top = np.clip(np.ceil(y.min(1) - 0.01), 0, size).astype(np.int64)
    bottom = np.clip(np.floor(y.max(1) + 0.01) + 1, 0, size).astype(np.int64)
    widths, heights = right - left, bottom - top
    # Counter-clockwise with y up is a negative area with y down.
    shown = np.flatnonzero((area < -1e-6) & (widths > 0) & (heights > 0))
    shown = shown[np.argsort(-corners[shown, :, 2].mean(1), kind="stable")]

    counts = widths[shown] * heights[shown]
    owner = np.repeat(np.arange(len(shown)), counts)
    step = np.arange(len(owner)) - np.repeat(np.cumsum(counts) - counts, counts)
    width = widths[shown][owner]
    row, column = step // width, step % width
    column += left[shown][owner]
    row += top[shown][owner]

    # Barycentric coordinates are linear in the pixel: w = a x + b y + c for two of them, the third is the rest.
    xs, ys, inverse = x[shown], y[shown], 1.0 / area[shown]
    first = np.column_stack([ys[:, 1] - ys[:, 2], xs[:, 2] - xs[:, 1], xs[:, 1] * ys[:, 2] - xs[:, 2] * ys[:, 1]])
    second = np.column_stack([ys[:, 2] - ys[:, 0], xs[:, 0] - xs[:, 2], xs[:, 2] * ys[:, 0] - xs[:, 0] * ys[:, 2]])
    linear = np.concatenate([first, second], 1) * inverse[:, None]
    per_pixel = linear.astype(np.float32)[owner]
    w0 = per_pixel[:, 0] * column + per_pixel[:, 1] * row + per_pixel[:, 2]
    w1 = per_pixel[:, 3] * column + per_pixel[:, 4] * row + per_pixel[:, 5]
    w2 = 1.0 - w0 - w1
    inside = np.flatnonzero((w0 > -1e-3) & (w1 > -1e-3) & (w2 > -1e-3))

    nearest = np.full(size * size, -1, np.int64)
    nearest[row[inside] * size + column[inside]] = inside
    pixels = np.flatnonzero(nearest >= 0)
    chosen = nearest[pixels]
    weights = np.stack([w0[chosen], w1[chosen], w2[chosen]], 1).astype(np.float32)
    return Raster(pixels, shown[owner[chosen]], weights, size)


@dataclass(frozen=True)
class Drawing:
    """The identity's surface, drawn."""

    bgr: np.ndarray
    """float32 (S, S, 3), 0..255; undefined where `coverage` is 0."""
    detail: np.ndarray
    """float32 (S, S), 0..1: where the texture's finest detail is to be kept (skin, not eyes or mouth)."""
    coverage: np.ndarray
    """float32 (S, S), 0..1."""


def draw(texture: np.ndarray, uv: np.ndarray, raster: Raster, size: int) -> Drawing:
    """Draw a texture through a raster, enlarged smoothly to `size` px.

    texture: uint8 (H, W, 4) BGR and detail; uv: float32 (504, 2), px of the texture.
    """
    where = raster.interpolate(uv)
    coverage = raster.coverage()
    # Uncovered pixels take the place of the nearest covered ones, or enlarging would mix in the texture's corner.
    filled = _push_outward(where, coverage)
    if size != raster.size:
        filled = cv2.resize(filled, (size, size), interpolation=cv2.INTER_LINEAR)
        coverage = cv2.resize(coverage, (size, size), interpolation=cv2.INTER_LINEAR)
    drawn = cv2.remap(texture, filled, None, cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE)
    drawn = drawn.astype(np.float32)
    return Drawing(drawn[..., :3], drawn[..., 3] / 255.0, coverage.astype(np.float32) / 255.0)


def _push_outward(where: np.ndarray, coverage: np.ndarray) -> np.ndarray:
    """Continue a map by two pixels beyond its covered part."""
    filled = where
    for _ in range(2):
        mask = (coverage > 0).astype(np.float32)
        sums = cv2.blur(np.dstack([filled * mask[..., None], mask]), (3, 3), borderType=cv2.BORDER_CONSTANT)
        new = (mask == 0) & (sums[..., 2] > 0)
        filled[new] = sums[new, :2] / sums[new, 2:]
        coverage = np.where(new, 255, coverage)
    return filled
