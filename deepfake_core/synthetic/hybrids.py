"""Ground-truth swaps: figures that are partly the actor and partly the identity, on the mesh that both share.

Wherever the mask is 0 a hybrid's vertices and colours are the actor's to the bit, so that only the swapped part of a
picture changes (and the light and shadow that it throws on the rest).
"""

from __future__ import annotations

import copy
from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any

import cv2
import numpy as np
import numpy.typing as npt
from scipy import sparse
from scipy.spatial import cKDTree

from deepfake_core.synthetic.assets import read_image
from deepfake_core.synthetic.body import BODY_VERTICES, Body
from deepfake_core.synthetic.expressions import Expression
from deepfake_core.synthetic.fitting import Fitting
from deepfake_core.synthetic.labels import Label
from deepfake_core.synthetic.mesh import Floats
from deepfake_core.synthetic.part import Part, Texture
from deepfake_core.synthetic.person import HeadPose, Person, Posed, Wardrobe
from deepfake_core.synthetic.recipe import Recipe

INNER = (0.6, 6.9, 8.4, 0.45)  # dm: |x| below, y from, y to, z above: nostrils, sockets and the mouth's inside
FEATURES = ((13380, 13606), (14598, 15128))  # helper vertices of eyes, lashes, teeth and tongue
NECK = (5.45, 6.1)  # dm above the ground of the base mesh: below the actor's, above the identity's
# dm: where the inner face fades out on the forehead. Its shape ends early: the actor's hair fits no other forehead.
SHAPE_UP_TO, COLOUR_UP_TO = (7.6, 8.0), (7.9, 8.35)
ON_BODY = (Label.CLOTH, Label.NECKLACE)
EDGE = (0.12, 0.85)  # of MakeHuman's soft mask of the face: where the identity begins, and where it is alone
SMOOTHING = 4  # rounds over the mesh
MASK_SIZE = 1024  # px of the masks in texture space


@dataclass(frozen=True, eq=False)
class Mask:
    """Where the identity is: its shape, of_vertices (V, 1), and its colour, of_texture (1024, 1024); float32 0..1,
    first row at v = 0."""

    of_vertices: Floats
    of_texture: Floats


class Masks:
    """The masks of the inner face and of the head on the base mesh."""

    def __init__(self, body: Body) -> None:
        self._body = body

    @cached_property
    def face(self) -> Mask:
        """The inner face from forehead to chin, with all that lies behind lips, nostrils and lids."""
        place = self._body.mesh.vertices[:BODY_VERTICES]
        values = np.zeros(len(self._body.mesh.vertices), np.float32)
        values[:BODY_VERTICES] = self._read("face")
        surface = values[:BODY_VERTICES] > 0.02
        wide, low, high, front = INNER
        inside = ~surface & (np.abs(place[:, 0]) < wide) & (place[:, 1] > low) & (place[:, 1] < high)
        inside &= place[:, 2] > front
        inside |= self._read("inside-mouth") > 0.3
        _, nearest = cKDTree(place[surface][:, :2]).query(place[inside][:, :2])
        values[:BODY_VERTICES][inside] = values[:BODY_VERTICES][surface][nearest]
        shape, colour = (self._up_to(values, heights) for heights in (SHAPE_UP_TO, COLOUR_UP_TO))
        return Mask(shape[:, None], self._unwrapped(colour))

    @cached_property
    def head(self) -> Mask:
        """The whole head with ears and scalp; it fades out down the neck."""
        place = self._body.mesh.vertices
        low, high = NECK
        values = _step((place[:, 1] - low) / (high - low))
        values[np.abs(place[:, 0]) > 1.2] = 0
        values[BODY_VERTICES:] = place[BODY_VERTICES:, 1] > high
        return Mask(values[:, None], self._unwrapped(values))

    def _up_to(self, values: Floats, heights: tuple[float, float]) -> Floats:
        """The face's values (V,) with a soft edge, fading out between two heights."""
        low, high = heights
        cut = values.copy()
        cut[:BODY_VERTICES] *= _step((high - self._body.mesh.vertices[:BODY_VERTICES, 1]) / (high - low))
        low, high = EDGE
        cut = _step((self._smoothed(cut) - low) / (high - low))
        for first, after in FEATURES:
            cut[first:after] = 1
        return cut

    def _read(self, name: str) -> Floats:
        """One of MakeHuman's masks of the skin, 0..1 at each of the body's vertices."""
        mesh = self._body.mesh
        picture = read_image(self._body.folder / "uv_masks" / f"{name}.jpg", MASK_SIZE)[..., 0][::-1] / 255.0
        of_body = mesh.groups == "body"
        column, row = (mesh.uv[mesh.uv_faces[of_body].ravel()].clip(0, 1) * (len(picture) - 1)).astype(int).T
        values = np.zeros(len(mesh.vertices), np.float32)
        np.maximum.at(values, mesh.faces[of_body].ravel(), picture[row, column])
        return values[:BODY_VERTICES]

    def _smoothed(self, values: Floats) -> Floats:
        faces = self._body.mesh.faces
        edges = np.concatenate([faces[:, [0, 1]], faces[:, [1, 2]], faces[:, [2, 0]]])
        n = len(values)
        near = sparse.csr_matrix((np.ones(len(edges), np.float32), (edges[:, 0], edges[:, 1])), shape=(n, n))
        near = near + near.T + sparse.eye(n, dtype=np.float32)
        near.data[:] = 1
        near = sparse.diags(1 / np.asarray(near.sum(axis=1)).ravel()) @ near
        for _ in range(SMOOTHING):
            values = near @ values
        return values.astype(np.float32)

    def _unwrapped(self, values: Floats) -> Floats:
        """Values (V,) of the vertices spread over the texture, a little beyond the islands' rims."""
        mesh = self._body.mesh
        of_body = mesh.groups == "body"
        corners = np.round(mesh.uv[mesh.uv_faces[of_body]] * (MASK_SIZE - 1) * 16).astype(np.int32)
        total = np.zeros((MASK_SIZE, MASK_SIZE), np.float32)
        inside = np.zeros((MASK_SIZE, MASK_SIZE), np.float32)
        for triangle, value in zip(corners, values[mesh.faces[of_body]].mean(axis=1), strict=True):
            cv2.fillConvexPoly(total, triangle, float(value), shift=4)
            cv2.fillConvexPoly(inside, triangle, 1.0, shift=4)
        soft = cv2.GaussianBlur(total * inside, (0, 0), 3) / (cv2.GaussianBlur(inside, (0, 0), 3) + 1e-6)
        return np.clip(soft, 0, 1).astype(np.float32)


@dataclass(frozen=True, eq=False)
class Hybrid:
    """A figure made of two: `person` has all parts, of which those of `fresh` are posed on the hybrid's own measures
    and the others are the actor's; `mask` (N, 1): where the skin is not the actor's."""

    person: Person
    fresh: Person
    mask: Floats

    def pose(self, expression: Expression, pose: HeadPose, actor: Posed, actor_parts: list[Part]) -> Posed:
        """The hybrid in the pose that the actor has taken; further parts of the actor are taken over."""
        own = self.fresh.pose(expression, pose)
        of_actor = dict(zip(map(id, actor_parts), actor.vertices, strict=True))
        of_own = dict(zip(map(id, self.fresh.parts), own.vertices, strict=True))
        skin = id(self.fresh.parts[0])
        before = actor.vertices[0]
        of_own[skin] = before + self.mask * (of_own[skin] - before)
        return Posed([(of_own | of_actor)[id(part)] for part in self.person.parts], actor.head)

    def with_things(self, things: Sequence[Part]) -> Hybrid:
        """The same hybrid with what the actor holds."""
        return replace(self, person=self.person.holding(things))


class Swapper:
    """Puts one identity into the place of actors."""

    def __init__(self, wardrobe: Wardrobe, identity: Recipe) -> None:
        self.wardrobe = wardrobe
        self.identity = wardrobe.build(identity)
        self.alone = copy.copy(self.identity)
        clothes = [part for part in self.identity.groups["outfit"] if part.material.label in ON_BODY]
        self.alone.groups = dict(self.identity.groups) | {"hair": [], "outfit": clothes}
        self.alone.parts = [part for group in self.alone.groups.values() for part in group]
        self.alone.hairless = True
        self.masks = Masks(wardrobe.body)
        body = wardrobe.body
        head = body.bone_index["head"]
        self._of_face = np.array([self._hangs_on(bone, head) for bone in range(len(body.bones))])

    def _hangs_on(self, bone: int, ancestor: int) -> bool:
        parent = self.wardrobe.body.parents[bone]
        return parent == ancestor or (parent >= 0 and self._hangs_on(parent, ancestor))

    def alone_in(self, expression: Expression, pose: HeadPose, actor: Person, posed: Posed) -> Posed:
        """The identity alone, its head where the actor's is."""
        own = self.alone.pose(expression, pose)
        there, here = (
            (each.head @ np.append(person.fitting.head, 1))[:3] for each, person in ((posed, actor), (own, self.alone))
        )
        shift = (there - here).astype(np.float32)
        matrix = np.eye(4, dtype=np.float32)
        matrix[:3, 3] = shift
        return Posed([vertices + shift for vertices in own.vertices], matrix @ own.head)

    def face(self, actor: Person, *, in_tone: bool) -> Hybrid:
        """The actor with the identity's inner face: shape, skin, brows, eyes, teeth.

        in_tone: the face's skin is shifted to the tone of the actor's.
        """
        mask = self.masks.face
        other = self.identity.fitting
        surface = np.flatnonzero(mask.of_vertices[:BODY_VERTICES, 0] > 0.05)
        scale, rotation, shift = similarity(other.base[surface], actor.fitting.base[surface])
        fitting = self._blended(
            actor, mask, other.base @ (scale * rotation).T + shift, other.heads @ (scale * rotation).T + shift
        )
        fitting = replace(fitting, skin=self._blended_skin(actor, mask, in_tone=in_tone))
        of_identity = self.identity.recipe
        recipe = replace(
            actor.recipe, eyes=of_identity.eyes, mouth=of_identity.mouth, facial_hair=of_identity.facial_hair
        )
        return self._hybrid(actor, recipe, fitting, mask, ("eyes", "facial_hair", "mouth"))

    def head(self, actor: Person) -> Hybrid:
        """The identity's whole head with hair and ears on the actor's body and clothes."""
        mask = self.masks.head
        other = self.identity.fitting
        shift = actor.fitting.head - other.head
        fitting = self._blended(actor, mask, other.base + shift, other.heads + shift)
        fitting = replace(fitting, skin=self._blended_skin(actor, mask, in_tone=False))
        of_identity = self.identity.recipe
        own = of_identity.outfit
        worn = replace(
            actor.recipe.outfit, glasses=own.glasses, hat=own.hat, earrings=own.earrings, headset=own.headset
        )
        recipe = replace(of_identity, skin=actor.recipe.skin, outfit=worn)
        return self._hybrid(actor, recipe, fitting, mask, ("eyes", "facial_hair", "mouth", "hair", "outfit"))

    def _blended(self, actor: Person, mask: Mask, base: npt.NDArray[Any], heads: npt.NDArray[Any]) -> Fitting:
        """The actor's measures with others where the mask is; bones from the head's on are the others'."""
        own = actor.fitting
        return replace(
            own,
            base=(own.base + mask.of_vertices * (base - own.base)).astype(np.float32),
            heads=np.where(self._of_face[:, None], heads, own.heads).astype(np.float32),
        )

    def _blended_skin(self, actor: Person, mask: Mask, *, in_tone: bool) -> Texture:
        """The actor's skin with the identity's where the mask is."""
        own, other = (person.fitting.skin.pixels for person in (actor, self.identity))
        height, width = own.shape[:2]
        if other.shape != own.shape:
            other = cv2.resize(other, (width, height), interpolation=cv2.INTER_AREA).astype(np.uint8)
        share = cv2.resize(mask.of_texture, (width, height), interpolation=cv2.INTER_LINEAR)[..., None]
        new = other.astype(np.float32)
        if in_tone:
            inner = share[..., 0] > 0.95
            # The middle colour, not the mean: painted lips would take their red from the skin.
            tones = [np.median(each[inner][:, :3] / 255.0, axis=0) for each in (own, other)]
            new[..., :3] *= tones[0] / tones[1]
        mixed = own + share * (np.clip(new, 0, 255) - own)
        return Texture(np.where(share > 0, mixed + 0.5, own).astype(np.uint8))

    def _hybrid(self, actor: Person, recipe: Recipe, fitting: Fitting, mask: Mask, swapped: tuple[str, ...]) -> Hybrid:
        made = self.wardrobe.assemble(recipe, fitting)
        fresh = {name: parts for name, parts in made.groups.items() if name in ("skin", *swapped)}
        groups = dict(actor.groups) | fresh
        if "outfit" in swapped:  # what is worn on the head; the body stays dressed as it was
            fresh["outfit"] = [part for part in made.groups["outfit"] if part.material.label not in ON_BODY]
            kept = [part for part in actor.groups["outfit"] if part.material.label in ON_BODY]
            groups["outfit"] = [*kept, *fresh["outfit"]]
        skin = fresh["skin"][0]
        ramp = np.clip(mask.of_vertices[skin.used] / 0.15, 0, 1)
        return Hybrid(Person(recipe, fitting, groups, False), Person(recipe, fitting, fresh, False), ramp)


def _step(x: Floats) -> Floats:
    """0 below 0, 1 above 1, smooth between."""
    x = np.clip(x, 0, 1)
    return (x * x * (3 - 2 * x)).astype(np.float32)


def similarity(points: Floats, target: Floats) -> tuple[float, npt.NDArray[np.float64], npt.NDArray[np.float64]]:
    """Scale, rotation (3, 3) and shift (3,) that lay points (N, 3) onto others best (Umeyama 1991)."""
    middle, target_middle = points.mean(axis=0), target.mean(axis=0)
    a, b = (points - middle).astype(np.float64), (target - target_middle).astype(np.float64)
    u, s, vt = np.linalg.svd(b.T @ a)
    sign = np.array([1.0, 1.0, np.linalg.det(u @ vt)])
    rotation = (u * sign) @ vt
    scale = float((s * sign).sum() / (a**2).sum())
    return scale, rotation, target_middle - scale * rotation @ middle
