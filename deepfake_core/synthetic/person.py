"""A random adult: recipe (what the person is) and figure (posable parts)."""

from __future__ import annotations

import copy
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
from scipy.spatial.transform import Rotation

from deepfake_core.synthetic.assets import find_assets, read_image
from deepfake_core.synthetic.body import Body, BodyShape, skin_vertices
from deepfake_core.synthetic.garment import Garment
from deepfake_core.synthetic.labels import Label
from deepfake_core.synthetic.mesh import Floats
from deepfake_core.synthetic.part import Material, Part, Surface, Texture
from deepfake_core.synthetic.skin import NAMES, SkinRecipe, SkinShop

SHOULDERS = 5.2  # dm: what lies lower is never in the picture
ARMS = 2.9  # dm from the middle
HAIR = {
    "male": ("short01", "short02", "short03", "short04", "short01", "short02", None),
    "female": ("long01", "ponytail01", "braid01", "long01", "ponytail01", "bob02", "short02"),
}
CLOTHES = {
    "male": (
        "male_casualsuit02", "male_casualsuit03", "male_casualsuit04", "male_casualsuit05",
        "male_casualsuit06", "male_elegantsuit01", "male_worksuit01",
    ),
    "female": ("female_casualsuit01", "female_elegantsuit01", "female_sportsuit01"),
}  # fmt: skip
EYES = ("blue", "bluegreen", "brownlight", "deepblue", "green", "grey", "brown", "brown", "brown")
HAIR_COLOURS = (
    (0.5, 0.4, 0.3), (0.25, 0.17, 0.12), (0.12, 0.09, 0.08),
    (0.9, 0.75, 0.5), (0.75, 0.4, 0.22), (0.6, 0.6, 0.6),
)  # fmt: skip
HAIR_SHARES = (0.22, 0.3, 0.28, 0.08, 0.05, 0.07)
TEETH = ("teeth_base", *(f"teeth_shape0{i}" for i in range(1, 5)))  # the fifth has fangs
NECK_SHARES = (("neck01", 0.2), ("neck02", 0.2), ("neck03", 0.2), ("head", 0.4))
SUBTLE = ("fat", "age-", "ear-shape", "double-neck", "neck-scale-vert", "trans-")

Colour = tuple[float, float, float]


@dataclass(frozen=True)
class Recipe:
    """Everything that makes a person; colours are linear RGB factors on the texture."""

    seed: int
    sex: str
    shape: BodyShape
    skin: SkinRecipe
    skin_roughness: float
    hair: str | None
    hair_colour: Colour
    brows: int
    brow_colour: Colour
    lashes: int
    eyes: str
    teeth: str
    clothes: str
    clothes_colour: Colour


def random_recipe(
    seed: int,
    detail_axes: Sequence[tuple[list[str], list[str]]],
    *,
    sex: str | None = None,
    ancestry: tuple[float, float, float] | None = None,
) -> Recipe:
    """A random adult; `detail_axes` is `Body.detail_axes`. The same seed makes the same person."""
    g = np.random.default_rng(seed)
    random_sex = ("male", "female")[g.integers(2)]
    sex = sex or random_sex
    random_ancestry = g.dirichlet([0.4, 0.4, 0.4])
    ancestry = ancestry or (float(random_ancestry[0]), float(random_ancestry[1]), float(random_ancestry[2]))
    details: dict[str, float] = {}
    for positive, negative in detail_axes:
        x = float(np.clip(g.normal(0, 0.22), -0.6, 0.6))
        if any(word in positive[0] for word in SUBTLE):
            x *= 0.35
        if not negative:  # a one-sided trait: absent in most people
            x = abs(x) * 0.5 if g.random() < 0.3 else 0.0
        for name in positive if x >= 0 else negative:
            details[name] = abs(x)
    shape = BodyShape(
        gender=(0.88 if sex == "male" else 0.1) + float(g.normal(0, 0.05)),
        age=float(np.clip(g.beta(1.2, 2.2), 0, 0.85)),
        ancestry=ancestry,
        muscle=float(g.uniform(0.3, 0.75)),
        weight=float(g.uniform(0.3, 0.75)),
        details=details,
    )
    darkness = ancestry[0] + 0.15 * ancestry[1]
    dark = float(np.clip(darkness + g.normal(0, 0.12), 0, 1))  # share of a dark skin in the mixture
    mixed = float(g.uniform(0.15, 0.5))  # of two light skins
    skin = SkinRecipe(
        sources=(
            (str(g.choice(NAMES["light", sex])), (1 - dark) * (1 - mixed)),
            (str(g.choice(NAMES["light", sex])), (1 - dark) * mixed),
            (str(g.choice(NAMES["dark", sex])), dark),
        ),
        saturation=float(g.uniform(0.8, 1.1)),
        gamma=float(g.uniform(1.05, 1.4)) - 0.45 * dark,
        tint=(float(g.uniform(0.92, 1.04)), float(g.uniform(0.96, 1.02)), 1.0),
    )
    hair_colour = np.array(HAIR_COLOURS[g.choice(len(HAIR_COLOURS), p=HAIR_SHARES)]) * g.uniform(0.8, 1.2)
    eyes = EYES[g.integers(len(EYES))]
    if darkness > 0.4 or ancestry[1] > 0.5:
        eyes = "brown"
    if darkness > 0.6 or ancestry[1] > 0.6:
        hair_colour = np.array([0.13, 0.1, 0.09])
    return Recipe(
        seed=seed,
        sex=sex,
        shape=shape,
        skin=skin,
        skin_roughness=float(g.uniform(0.38, 0.52)),
        hair=HAIR[sex][g.integers(len(HAIR[sex]))],
        hair_colour=_colour(np.clip(hair_colour * 1.7, 0, 1.3)),
        brows=int(g.integers(1, 13)),
        brow_colour=_colour(np.clip(hair_colour * 1.1, 0, 1)),
        lashes=int(g.integers(1, 5)),
        eyes=eyes,
        teeth=TEETH[g.integers(len(TEETH))],
        clothes=CLOTHES[sex][g.integers(len(CLOTHES[sex]))],
        clothes_colour=_colour(g.uniform(0.3, 1.1, 3)),
    )


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
    """A figure that can be posed. `base` (V, 3): the shaped base mesh; `heads` (B, 3): where the bones begin.

    `hairless`: the hair that the recipe asks for was left away.
    """

    def __init__(self, recipe: Recipe, body: Body, base: Floats, parts: list[Part], hairless: bool) -> None:
        self.recipe = recipe
        self.body = body
        self.base = base
        self.parts = parts
        self.hairless = hairless
        self.heads = body.bone_heads(base)
        self.head = self.heads[body.bone_index["head"]]

    def holding(self, things: Sequence[Part]) -> Person:
        """The same person with further parts (glasses, a hand, a microphone)."""
        other = copy.copy(self)
        other.parts = [*self.parts, *things]
        return other

    def pose(self, expression: Mapping[str, float], pose: HeadPose) -> Posed:
        """Pose the figure: an expression (pose unit -> weight) and a head pose shared by neck and head."""
        turns = {
            bone: Rotation.from_euler("YXZ", [pose.yaw * share, pose.pitch * share, pose.roll * share], degrees=True)
            for bone, share in NECK_SHARES
        }
        matrices = self.body.pose(self.heads, expression, turns)
        vertices = [skin_vertices(part.rest, part.weights, matrices) for part in self.parts]
        return Posed(vertices, matrices[self.body.bone_index["head"]])


@dataclass
class Wardrobe:
    """Everything that people are made of, read once per process. `skin_size` is the skin's side in px."""

    assets: Path = field(default_factory=find_assets)
    skin_size: int = 1024

    def __post_init__(self) -> None:
        self.body = Body(self.assets)
        self.skins = SkinShop(self.assets, self.skin_size)
        self._folder = self.assets / "makehuman"
        self._garments: dict[str, Garment] = {}
        self._textures: dict[str, Texture] = {}
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

    def garment(self, kind: str, name: str) -> Garment:
        """A garment by its kind (folder: hair, clothes, eyes, ...) and name."""
        path = self._folder / kind / name / f"{name}.mhclo"
        if name not in self._garments:
            self._garments[name] = Garment(path, self.body)
        return self._garments[name]

    def texture(self, relative: str) -> Texture:
        """A picture of the assets as a texture of at most 1024 px."""
        if relative not in self._textures:
            self._textures[relative] = Texture.from_bgr(read_image(self._folder / relative, 1024))
        return self._textures[relative]

    def build(self, recipe: Recipe, *, hairless: bool = False) -> Person:
        """Build the figure of a recipe."""
        base = self.body.shape(recipe.shape)
        skin = Texture.from_bgr(self.skins.mix(recipe.skin))
        mesh = self.body.mesh
        clothes = self.garment("clothes", recipe.clothes)
        faces = self._visible & ~clothes.hidden[mesh.faces].all(axis=1)
        skin_material = Material(Surface.SKIN, Label.SKIN, roughness=recipe.skin_roughness, specular=0.03, bump=0.05)
        parts = [Part(base, self.body.weights, mesh.of_faces(faces), skin, skin_material)]

        def wear(garment: Garment, texture: str, material: Material, side: int = 0, crop: bool = False) -> None:
            """Add a garment; `side` -1 or 1 takes only the half on the picture's left or right."""
            worn = garment.mesh
            rest = garment.fit(mesh.vertices)[worn.faces]
            chosen = np.ones(len(worn.faces), bool)
            if side:
                chosen &= np.sign(rest[:, :, 0].mean(axis=1)) == side
            if crop:
                chosen &= (rest[:, :, 1].max(axis=1) > SHOULDERS) & (np.abs(rest[:, :, 0]).max(axis=1) < ARMS)
            parts.append(
                Part(garment.fit(base), garment.weights, worn.of_faces(chosen), self.texture(texture), material)
            )

        wear(
            clothes,
            f"clothes/{recipe.clothes}/{recipe.clothes}_diffuse.png",
            Material(Surface.CLOTH, Label.CLOTH, tint=recipe.clothes_colour, roughness=0.8, specular=0.02),
            crop=True,
        )
        brows = f"eyebrow{recipe.brows:03d}"
        for side, eye, brow in ((-1, Label.L_EYE, Label.L_BROW), (1, Label.R_EYE, Label.R_BROW)):
            wear(
                self.garment("eyes", "high-poly"),
                f"eyes/materials/{recipe.eyes}_eye.png",
                Material(Surface.EYE, eye),
                side,
            )
            wear(
                self.garment("eyebrows", brows),
                f"eyebrows/{brows}/{brows}.png",
                Material(Surface.HAIR, brow, tint=recipe.brow_colour, cutout=0.25, casts_shadow=False),
                side,
            )
        lashes = f"eyelashes{recipe.lashes:02d}"
        wear(
            self.garment("eyelashes", lashes),
            f"eyelashes/{lashes}/{lashes}.png",
            Material(Surface.HAIR, -1, tint=(0.25, 0.2, 0.18), casts_shadow=False),
        )
        wear(
            self.garment("teeth", recipe.teeth),
            "teeth/materials/teeth.png",
            Material(Surface.MOUTH, Label.MOUTH, tint=(0.95, 0.9, 0.82), roughness=0.25, specular=0.04),
        )
        wear(
            self.garment("tongue", "tongue01"),
            "tongue/tongue01/tongue01_diffuse.png",
            Material(Surface.MOUTH, Label.MOUTH, roughness=0.35, specular=0.03),
        )
        if recipe.hair and not hairless:
            wear(
                self.garment("hair", recipe.hair),
                f"hair/{recipe.hair}/{recipe.hair}_diffuse.png",
                Material(Surface.HAIR, Label.HAIR, tint=recipe.hair_colour),
            )
        return Person(recipe, self.body, base, parts, hairless)


def _colour(values: np.ndarray) -> Colour:
    return float(values[0]), float(values[1]), float(values[2])
