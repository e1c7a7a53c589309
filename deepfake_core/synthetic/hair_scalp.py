"""Where hair grows: the scalp of the base mesh, its hairline, and what hair must not sink into."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import Any, NamedTuple
from weakref import WeakKeyDictionary

import numpy as np
import numpy.typing as npt
from scipy.spatial import cKDTree

from deepfake_core.synthetic.body import Body
from deepfake_core.synthetic.fitting import Fitting
from deepfake_core.synthetic.mesh import Floats, Ints, vertex_normals

# The skull of the unshaped base mesh, about an ellipsoid (dm).
CENTRE = np.array([0.0, 7.6, 0.55], np.float32)
RADII = np.array([0.82, 0.9, 0.97], np.float32)
# The hairline: elevation above the skull's middle at azimuths from the face (0) to the nape (180), degrees.
_AZIMUTHS = (0, 15, 30, 42, 50, 56, 60, 68, 72, 90, 104, 118, 140, 180)
_ELEVATIONS = (32, 33, 31, 24, 12, 0, -22, -25, -11, -9, -18, -40, -51, -54)
_RECEDED = (16, 20, 34, 40, 30, 14, 4, 0, 0, 0, 0, 0, 0, 0)  # what full recession adds
Array = npt.NDArray[Any]  # of any float
LOWEST = 5.0  # dm: what hair lies on ends on the shoulders
DEGREE = 0.0155  # dm on the skull


@dataclass(frozen=True, eq=False)
class _Template:
    """What is the same for everybody: triangles and vertices of the skin about the head."""

    faces: Ints  # of the scalp and a margin around it
    solid: npt.NDArray[np.intp]  # vertices that hair lies on
    solid_faces: Ints  # their triangles, numbered as the base mesh
    skull: npt.NDArray[np.intp]  # vertices of the upper head, to measure a person's skull
    from_middle: Floats  # (V, 3) place from the skull's middle, in its radii


_templates: WeakKeyDictionary[Body, _Template] = WeakKeyDictionary()


def _template(body: Body) -> _Template:
    if body not in _templates:
        mesh = body.mesh
        skin = mesh.faces[mesh.groups == "body"]
        ears = np.zeros(len(mesh.vertices), bool)
        for name in ("ears/l-ear-trans-up", "ears/r-ear-trans-up"):
            moved, offsets = body.target(name)
            strength = np.linalg.norm(offsets, axis=1)
            ears[moved[strength > 0.8 * strength.max()]] = True
        place = mesh.vertices
        inside = np.zeros(len(place), bool)
        inside[np.unique(skin)] = True
        solid = inside & (place[:, 1] > LOWEST) & (np.abs(place[:, 0]) < 2.6)
        # Mouth, nostrils and eye sockets lie within the head: hair never meets them.
        radial = np.linalg.norm((place - CENTRE) / RADII, axis=1)
        solid &= ~((radial < 0.8) & (place[:, 2] > 0.2))
        from_middle = ((place - CENTRE) / RADII).astype(np.float32)
        azimuth, elevation = _angles(from_middle)
        grows = (elevation - np.interp(np.abs(azimuth), _AZIMUTHS, _ELEVATIONS) > -16) & (radial > 0.8) & inside
        grows &= ~ears
        _templates[body] = _Template(
            faces=skin[grows[skin].all(axis=1)],
            solid=np.nonzero(solid)[0],
            solid_faces=skin[solid[skin].all(axis=1)],
            skull=np.nonzero(inside & (elevation > 5) & (radial > 0.8))[0],
            from_middle=from_middle,
        )
    return _templates[body]


def _angles(q: Floats) -> tuple[Floats, Floats]:
    """Azimuth from the face (degrees, positive to x) and elevation of directions (N, 3)."""
    azimuth = np.degrees(np.arctan2(q[:, 0], q[:, 2]))
    return azimuth, np.degrees(np.arctan2(q[:, 1], np.hypot(q[:, 0], q[:, 2])))


@dataclass(frozen=True)
class Hairline:
    """Where hair grows: recession 0..1 of forehead and temples, bare crown 0..1 (at 1 only a wreath is left)."""

    recession: float = 0.0
    crown: float = 0.0
    wreath: bool = False


class Roots(NamedTuple):
    """Where strands stand: points (N, 3), normals, and their place from the skull's middle in its radii."""

    points: Floats
    normals: Floats
    place: Floats


@dataclass(eq=False)
class Scalp:
    """One person's scalp. All lengths in dm, rest pose."""

    fitting: Fitting
    hairline: Hairline

    def __post_init__(self) -> None:
        body, base = self.fitting.body, self.fitting.base
        self._template = _template(body)
        there, here = body.mesh.vertices[self._template.skull], base[self._template.skull]
        low, high = np.percentile(there, (2, 98), axis=0), np.percentile(here, (2, 98), axis=0)
        self.scale: Floats = ((high[1] - high[0]) / (low[1] - low[0])).astype(np.float32)
        self.shift: Floats = (high[0] - low[0] * self.scale).astype(np.float32)
        self.base_normals: Floats = vertex_normals(base, self._template.solid_faces)

    def template(self, points: Array) -> Floats:
        """Points (..., 3) of this person in the unshaped base mesh's measures."""
        return (points - self.shift) / self.scale

    def person(self, points: Array) -> Floats:
        """The other way round."""
        return (points * self.scale + self.shift).astype(np.float32)

    def skull(self, points: Array) -> Floats:
        """Points (N, 3) from the skull's middle, in its radii."""
        return ((self.template(points) - CENTRE) / RADII).astype(np.float32)

    def margin(self, q: Floats) -> Floats:
        """How far within the hairline skull points (N, 3) lie, degrees; negative outside."""
        azimuth, elevation = _angles(q)
        side = np.abs(azimuth)
        line = np.interp(side, _AZIMUTHS, _ELEVATIONS)
        line = line + self.hairline.recession * np.interp(side, _AZIMUTHS, _RECEDED)
        margin = elevation - line
        if self.hairline.wreath:
            margin = np.minimum(margin, np.interp(side, (0, 60, 120, 180), (-20, 14, 22, 8)) - elevation)
        elif self.hairline.crown > 0:
            whorl = np.array([0, np.sin(1.05), -np.cos(1.05)], np.float32)
            unit = q / np.linalg.norm(q, axis=1, keepdims=True)
            away = np.degrees(np.arccos(np.clip(unit @ whorl, -1, 1)))
            margin = np.minimum(margin, away - 48 * self.hairline.crown)
        return margin.astype(np.float32)

    @cached_property
    def _tree(self) -> cKDTree:
        return cKDTree(self.fitting.base[self._template.solid])

    def outside(self, points: Array, distance: Array, cling: Array | float = 0.0) -> tuple[Array, Floats]:
        """Points (N, 3) pushed out to `distance` (N,) from the skin, and the skin's normals there.

        What is farther away is drawn in by the share `cling` 0..1.
        """
        nearest = self._template.solid[self._tree.query(points)[1]]
        normals = self.base_normals[nearest]
        depth = ((points - self.fitting.base[nearest]) * normals).sum(axis=1)
        missing = distance - depth
        missing = np.where(missing > 0, missing, cling * missing)
        return points + normals * missing[:, None], normals

    def roots(self, g: np.random.Generator, count: int, inset: float = 1.0) -> Roots:
        """About `count` roots, evenly over the scalp.

        The hairline is frayed, and lies `inset` degrees further in.
        """
        faces, base = self._template.faces, self.fitting.base
        corners = base[faces]
        places = self._template.from_middle[faces]  # the hairline follows the shape of the head
        middles = places.mean(axis=1)
        area = np.linalg.norm(np.cross(corners[:, 1] - corners[:, 0], corners[:, 2] - corners[:, 0]), axis=1)
        area = area * (self.margin(middles) > -3)
        azimuth, elevation = _angles(middles)
        order = np.lexsort((azimuth, np.round(elevation / 12)))  # neighbours follow each other: no two share a place
        share = np.cumsum(area[order]) / area.sum()
        picked = order[np.searchsorted(share, (np.arange(count) + g.random(count)) / count).clip(max=len(order) - 1)]
        a, b = np.sqrt(g.random(count)), g.random(count)
        weights = np.stack([1 - a, a * (1 - b), a * b], axis=1).astype(np.float32)
        points = np.einsum("nk,nkc->nc", weights, corners[picked])
        normals = np.einsum("nk,nkc->nc", weights, self.base_normals[faces[picked]])
        normals /= np.linalg.norm(normals, axis=1, keepdims=True) + 1e-9
        q = np.einsum("nk,nkc->nc", weights, places[picked])
        thin = self.hairline.wreath or self.hairline.crown > 0
        kept = self.margin(q) > g.normal(inset + 5 * thin, 4.5 if thin else 1.6, count)
        return Roots(*(np.asarray(values[kept], np.float32) for values in (points, normals, q)))

    def cap(self, rounds: int = 1) -> tuple[Floats, Floats, Floats, Ints]:
        """The scalp as a mesh: vertices (N, 3), normals, places from the skull's middle, triangles.

        Each triangle is split in 4 `rounds` times.
        """
        used, inverse = np.unique(self._template.faces.ravel(), return_inverse=True)
        faces = inverse.reshape(-1, 3).astype(np.int32)
        points, normals, q = self.fitting.base[used], self.base_normals[used], self._template.from_middle[used]
        near = self.margin(q) > -9
        faces = faces[near[faces].any(axis=1)]
        for _ in range(rounds):
            points, normals, q, faces = _split(points, normals, q, faces)
        used, inverse = np.unique(faces.ravel(), return_inverse=True)
        return points[used], normals[used], q[used], inverse.reshape(-1, 3).astype(np.int32)

    def weights(self, points: Floats) -> Floats:
        """Bone weights (N, B): the head's, and more and more the neck's and the chest's further down."""
        bones = self.fitting.body.bone_index
        low = np.clip((6.5 - self.template(points)[:, 1]) / 1.4, 0, 1)
        low = low * low * (3 - 2 * low) * 0.75
        weights = np.zeros((len(points), len(bones)), np.float32)
        weights[:, bones["head"]] = 1 - low
        weights[:, bones["neck01"]] = weights[:, bones["spine01"]] = low / 2
        return weights


def _split(points: Floats, normals: Floats, q: Floats, faces: Ints) -> tuple[Floats, Floats, Floats, Ints]:
    """Every triangle in 4; new vertices bulge out as the normals bend (Phong tessellation)."""
    sides = np.sort(np.concatenate([faces[:, [0, 1]], faces[:, [1, 2]], faces[:, [2, 0]]]), axis=1)
    unique, inverse = np.unique(sides[:, 0].astype(np.int64) * len(points) + sides[:, 1], return_inverse=True)
    a, b = unique // len(points), unique % len(points)
    middle = (points[a] + points[b]) / 2
    bulged = [middle - ((middle - points[e]) * normals[e]).sum(axis=1, keepdims=True) * normals[e] for e in (a, b)]
    middle = 0.4 * middle + 0.3 * bulged[0] + 0.3 * bulged[1]
    normal = normals[a] + normals[b]
    normal /= np.linalg.norm(normal, axis=1, keepdims=True) + 1e-9
    ab, bc, ca = inverse.reshape(3, -1) + len(points)
    i, j, k = faces.T
    split = np.concatenate(
        [np.stack(corner, axis=1) for corner in ((i, ab, ca), (ab, j, bc), (ca, bc, k), (ab, bc, ca))]
    )
    return (
        np.concatenate([points, middle]).astype(np.float32),
        np.concatenate([normals, normal]).astype(np.float32),
        np.concatenate([q, (q[a] + q[b]) / 2]).astype(np.float32),
        split.astype(np.int32),
    )
