"""A figure that can be posed, built from a recipe."""

from __future__ import annotations

import copy
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
from scipy.spatial.transform import Rotation

from deepfake_core.synthetic.assets import find_assets
from deepfake_core.synthetic.body import Body, skin_vertices
from deepfake_core.synthetic.eyes import eyes_parts
from deepfake_core.synthetic.facial_hair import facial_hair_parts
from deepfake_core.synthetic.fitting import ARMS, SHOULDERS, Fitting, Stock
from deepfake_core.synthetic.hair import hair_parts
from deepfake_core.synthetic.headset import press_hair
from deepfake_core.synthetic.headwear import cover
from deepfake_core.synthetic.mesh import Floats
from deepfake_core.synthetic.mouth import mouth_parts
from deepfake_core.synthetic.outfit import covered, outfit_parts
from deepfake_core.synthetic.part import Part, Texture
from deepfake_core.synthetic.recipe import Recipe, random_recipe
from deepfake_core.synthetic.skin import SkinShop, skin_material

NECK_SHARES = (("neck01", 0.2), ("neck02", 0.2), ("neck03", 0.2), ("head", 0.4))


@dataclass(frozen=True)
class HeadPose:
    """Turn of the head in degrees: yaw to the picture's right, pitch down, roll to the picture's left."""

    yaw: float = 0.0
    pitch: float = 0.0
    roll: float = 0.0


@dataclass(frozen=True, eq=False)
class Posed:
    """Vertices of each part (N, 3) in the scene, and the head bone's matrix (4, 4), rest pose to scene."""

    vertices: list[Floats]
    head: Floats


class Person:
    """A figure that can be posed: a recipe, its fitting, and parts of which the first is the skin.

    `groups`: the parts by what they are ("skin", "outfit", "eyes", "facial_hair", "mouth", "hair"), without what
    the person holds; `hairless`: the hair that the recipe asks for was left away.
    """

    def __init__(self, recipe: Recipe, fitting: Fitting, groups: Mapping[str, list[Part]], hairless: bool) -> None:
        self.recipe = recipe
        self.fitting = fitting
        self.groups = groups
        self.parts = [part for group in groups.values() for part in group]
        self.hairless = hairless

    def holding(self, things: Sequence[Part]) -> Person:
        """The same person with further parts (glasses, a hand, a microphone)."""
        other = copy.copy(self)
        other.parts = [*self.parts, *things]
        return other

    def pose(self, expression: Mapping[str, float], pose: HeadPose, time: float = 0.0) -> Posed:
        """Pose the figure: an expression (pose unit -> weight) and a head pose shared by neck and head; things
        that move by themselves stand where they are at `time` seconds."""
        turns = {
            bone: Rotation.from_euler("YXZ", [pose.yaw * share, pose.pitch * share, pose.roll * share], degrees=True)
            for bone, share in NECK_SHARES
        }
        body = self.fitting.body
        matrices = body.pose(self.fitting.heads, expression, turns)
        head = matrices[body.bone_index["head"]]
        vertices = [
            skin_vertices(part.rest, part.weights, matrices)
            if part.motion is None
            else moved_vertices(part.rest, part.motion(head, time))
            for part in self.parts
        ]
        return Posed(vertices, head)


def _under_hat(hair: list[Part], recipe: Recipe, fitting: Fitting) -> list[Part]:
    """The hair as far as hat and headset let it be seen."""
    hat = cover(recipe.outfit.hat, fitting)
    if recipe.outfit.headset:
        for part in hair:
            part.rest = press_hair(recipe.outfit.headset, fitting, part.rest)
    if hat is None:
        return hair
    for part in hair:
        part.rest = hat.press(part.rest)
    return [] if hat.whole else hair


def moved_vertices(vertices: Floats, matrix: npt.NDArray[np.floating[Any]]) -> Floats:
    """Vertices (N, 3) moved by one matrix (4, 4)."""
    return (vertices @ matrix[:3, :3].T + matrix[:3, 3]).astype(np.float32)


@dataclass
class Wardrobe:
    """Everything that people are made of, read once per process. `skin_size` is the skin's side in px."""

    assets: Path = field(default_factory=find_assets)
    skin_size: int = 1024

    def __post_init__(self) -> None:
        self.body = Body(self.assets)
        self.stock = Stock(self.assets, self.body)
        self.skins = SkinShop(self.assets, self.skin_size, self.body.mesh)
        mesh = self.body.mesh
        corners = mesh.vertices[mesh.faces]
        self._visible = (
            (mesh.groups == "body")
            & (corners[:, :, 1].max(axis=1) > SHOULDERS)
            & (np.abs(corners[:, :, 0]).max(axis=1) < ARMS)
        )

    def random_person(self, seed: int) -> Person:
        """Build the person of `random_recipe(seed)`."""
        return self.build(random_recipe(seed, self.body.detail_axes))

    def build(self, recipe: Recipe, *, hairless: bool = False) -> Person:
        """Build the figure of a recipe."""
        base = self.body.shape(recipe.shape)
        skin = Texture.from_bgr(self.skins.mix(recipe.skin))
        fitting = Fitting(self.stock, base, self.body.bone_heads(base), skin)
        return self.assemble(recipe, fitting, hairless=hairless)

    def assemble(self, recipe: Recipe, fitting: Fitting, *, hairless: bool = False) -> Person:
        """Build the figure of a recipe on measures that may be another's."""
        mesh = self.body.mesh
        faces = self._visible & ~covered(recipe.outfit, fitting)[mesh.faces].all(axis=1)
        groups = {
            "skin": [
                Part(fitting.base, self.body.weights, mesh.of_faces(faces), fitting.skin, skin_material(recipe.skin))
            ],
            "outfit": outfit_parts(recipe.outfit, fitting),
            "eyes": eyes_parts(recipe.eyes, fitting),
            "facial_hair": facial_hair_parts(recipe.facial_hair, fitting),
            "mouth": mouth_parts(recipe.mouth, fitting),
            "hair": [] if hairless else _under_hat(hair_parts(recipe.hair, fitting), recipe, fitting),
        }
        return Person(recipe, fitting, groups, hairless)
