"""Measures of one person's head, for whatever must sit on it without cutting into it."""

from __future__ import annotations

from functools import cached_property

import numpy as np
import numpy.typing as npt
from scipy.spatial import cKDTree

from deepfake_core.synthetic.body import BODY_VERTICES
from deepfake_core.synthetic.fitting import Fitting
from deepfake_core.synthetic.mesh import vertex_normals
from deepfake_core.synthetic.solids import Points

Indices = npt.NDArray[np.intp]
SIDES = (1, -1)  # the person's left (x > 0, the picture's right) and right
ABOVE_SHOULDERS = 0.75  # dm below the head bone: what lies lower is no part of the head


class HeadFit:
    """Where eyes, ears, mouth, chin and skull of a person lie, in rest pose, in dm."""

    def __init__(self, fitting: Fitting) -> None:
        body = fitting.body
        self._body = body
        self.skin: Points = fitting.base[:BODY_VERTICES].astype(float)
        self.left_eye, self.right_eye = (
            fitting.heads[body.bone_index[bone]].astype(float) for bone in ("eye.L", "eye.R")
        )
        self.eyes: Points = (self.left_eye + self.right_eye) / 2
        self.apart = float(np.linalg.norm(self.left_eye - self.right_eye))
        self.root: Points = fitting.head.astype(float)
        self._faces = body.mesh.faces[body.mesh.groups == "body"]

    def _moved_by(self, target: str, share: float) -> Indices:
        """The skin's vertices that a shape target moves by more than `share` of its farthest move."""
        vertices, offsets = self._body.target(target)
        far = np.linalg.norm(offsets, axis=1)
        return vertices[(far > share * far.max()) & (vertices < BODY_VERTICES)]

    def ear(self, side: int) -> Points:
        """Vertices (N, 3) of an ear."""
        return self.skin[self._moved_by(f"ears/{'l' if side > 0 else 'r'}-ear-wing-incr", 0.1)]

    def lobe(self, side: int) -> Points:
        """Vertices (N, 3) of an ear's lobe."""
        return self.skin[self._moved_by(f"ears/{'l' if side > 0 else 'r'}-ear-lobe-incr", 0.3)]

    @cached_property
    def mouth(self) -> Points:
        """Where the lips meet, (3,)."""
        return self._front_of("mouth/mouth-lowerlip-height-incr", 100)

    @cached_property
    def chin(self) -> Points:
        """The chin's foremost point, (3,)."""
        return self._front_of("chin/chin-cleft-incr", 50)

    @cached_property
    def nose(self) -> Points:
        """The nose's tip, (3,)."""
        tip = self.skin[self._moved_by("nose/nose-scale-depth-incr", 0.5)]
        return tip[np.argmax(tip[:, 2])]

    def _front_of(self, target: str, height: float) -> Points:
        chosen = self.skin[self._moved_by(target, 0.3)]
        return np.array([self.eyes[0], np.percentile(chosen[:, 1], height), chosen[:, 2].max()])

    @cached_property
    def brow(self) -> float:
        """Height of the brows."""
        return float(self.eyes[1] + 0.33 * self.apart)

    @cached_property
    def top(self) -> float:
        """Height of the crown."""
        return float(self.skin[:, 1].max())

    @cached_property
    def _normals(self) -> Points:
        return vertex_normals(self.skin.astype(np.float32), self._faces).astype(float)

    @cached_property
    def near(self) -> Indices:
        """Vertices of head and neck."""
        return np.flatnonzero(
            (self.skin[:, 1] > self.root[1] - ABOVE_SHOULDERS) & (np.abs(self.skin[:, 0] - self.eyes[0]) < 1.3)
        )

    @cached_property
    def _ears(self) -> Indices:
        return np.concatenate([self._moved_by(f"ears/{side}-ear-wing-incr", 0.1) for side in "lr"])

    @cached_property
    def skull(self) -> Indices:
        """Vertices of head and neck but for the ears."""
        return np.setdiff1d(self.near, self._ears)

    @cached_property
    def _tree(self) -> cKDTree:
        return cKDTree(self.skin[self.near])

    def height_over(self, points: Points) -> npt.NDArray[np.float64]:
        """How far points (N, 3) lie outside the skin of the head (below 0: inside), as far as its nearest
        vertices tell; only meant for what is near it."""
        _, nearest = self._tree.query(points, k=3)
        vertices = self.near[nearest]
        away = np.einsum("nkc,nkc->nk", points[:, None] - self.skin[vertices], self._normals[vertices])
        return away.mean(axis=1)

    @cached_property
    def _faceward(self) -> tuple[cKDTree, Points]:
        chosen = self.skull[(self._normals[self.skull, 2] > 0.1) & (self.skin[self.skull, 2] > self.root[2])]
        return cKDTree(self.skin[chosen][:, :2]), self.skin[chosen]

    def front(self, xy: Points) -> npt.NDArray[np.float64]:
        """z of the face before the places (N, 2)."""
        tree, points = self._faceward
        return points[tree.query(xy, k=3)[1], 2].max(axis=1)

    def side(self, yz: Points, side: int) -> npt.NDArray[np.float64]:
        """How far (in |x| from x = 0) the head without its ears reaches at the places (N, 2) of y and z."""
        chosen = self.skin[self.skull]
        chosen = chosen[(chosen[:, 0] - self.eyes[0]) * side > 0.25]
        return (chosen[cKDTree(chosen[:, 1:]).query(yz, k=5)[1], 0] * side).max(axis=1)
