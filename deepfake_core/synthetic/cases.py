"""Hard cases for face parsing: what is easily missed is rendered often."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace

import numpy as np

from deepfake_core.synthetic.expressions import add
from deepfake_core.synthetic.facial_hair import random_facial_hair
from deepfake_core.synthetic.glasses import random_glasses
from deepfake_core.synthetic.hair_recipe import COLOURS, CUTS
from deepfake_core.synthetic.headset import random_headset
from deepfake_core.synthetic.jewellery import random_earrings, random_necklace
from deepfake_core.synthetic.lighting import random_light
from deepfake_core.synthetic.occluders import (
    Occlusion,
    Stay,
    Thing,
    cup,
    desk_microphone,
    hand,
    hand_microphone,
    phone,
)
from deepfake_core.synthetic.outfit import random_hat
from deepfake_core.synthetic.person import HeadPose, Person
from deepfake_core.synthetic.recipe import Recipe
from deepfake_core.synthetic.scenes import Scene
from deepfake_core.synthetic.traits import Traits

HARD = 0.6  # share of hard cases in a set of stills

Dress = Callable[[np.random.Generator, Recipe], Recipe]
Make = Callable[[np.random.Generator, Person, int], Thing]
Play = Callable[[np.random.Generator, Person, Scene], Scene]


@dataclass(frozen=True)
class Case:
    """A name, what the person wears for it, and what the person does."""

    name: str
    dress: Dress = lambda g, recipe: recipe
    play: Play = lambda g, person, scene: scene
    only_men: bool = False

    def traits(self, traits: Traits) -> Traits:
        """Who may show this case."""
        return replace(traits, sex="male") if self.only_men else traits


def _open_mouth(g: np.random.Generator, person: Person, scene: Scene) -> Scene:
    mouth = {
        "JawDrop": float(g.uniform(0.35, 0.9)),
        "UpperLipUp": float(g.uniform(0.3, 0.9)),
        "lowerLipDown": float(g.uniform(0.2, 0.7)),
    }
    kept = {unit: weight for unit, weight in scene.expression.items() if "Lip" not in unit}
    return replace(scene, expression=add(kept, mouth))


def _profile(g: np.random.Generator, person: Person, scene: Scene) -> Scene:
    side = 1 if g.random() < 0.5 else -1
    pose = HeadPose(side * float(g.uniform(60, 90)), float(g.normal(0, 8)), float(g.normal(0, 6)))
    return replace(scene, pose=pose)


def _bent(g: np.random.Generator, person: Person, scene: Scene) -> Scene:
    sides = np.where(g.random(2) < 0.5, -1, 1)
    pitch, roll = sides * g.uniform((18, 12), (40, 40))
    return replace(scene, pose=HeadPose(float(g.normal(0, 22)), float(pitch), float(roll)))


def _with(make: Make) -> Play:
    """Before the face there is this, and nothing else."""

    def play(g: np.random.Generator, person: Person, scene: Scene) -> Scene:
        thing = make(g, person, 1 if g.random() < 0.5 else -1)
        phase = float(g.uniform(0, 2 * np.pi))
        return replace(scene, occlusion=Occlusion([(thing, Stay(), phase)], person.fitting.head.astype(float)))

    return play


def _microphone(g: np.random.Generator, person: Person, side: int) -> Thing:
    return (hand_microphone if g.random() < 0.5 else desk_microphone)(g, person, side)


def _dim(g: np.random.Generator, person: Person, scene: Scene) -> Scene:
    return replace(scene, light=random_light(g, (), kind="dim room"))


def _hat(g: np.random.Generator, recipe: Recipe) -> Recipe:
    hat = random_hat(g, female=_female(recipe))
    return replace(recipe, outfit=replace(recipe.outfit, hat=hat, headset=None))


def _headset(g: np.random.Generator, recipe: Recipe) -> Recipe:
    return replace(recipe, outfit=replace(recipe.outfit, headset=random_headset(g), hat=None))


def _sunglasses(g: np.random.Generator, recipe: Recipe) -> Recipe:
    return replace(recipe, outfit=replace(recipe.outfit, glasses=random_glasses(g, dark=True)))


def _jewellery(g: np.random.Generator, recipe: Recipe) -> Recipe:
    female = _female(recipe)
    earrings, necklace = random_earrings(g, both=female), random_necklace(g, plain=not female)
    return replace(recipe, outfit=replace(recipe.outfit, earrings=earrings, necklace=necklace, hat=None))


def _thin_glasses(g: np.random.Generator, recipe: Recipe) -> Recipe:
    while True:
        glasses = random_glasses(g, dark=False)
        if glasses.frame != "acetate":
            return replace(recipe, outfit=replace(recipe.outfit, glasses=glasses))


def _bearded(g: np.random.Generator, recipe: Recipe) -> Recipe:
    while True:
        facial_hair = random_facial_hair(g, recipe.traits, recipe.hair.colour)
        if facial_hair.beard:
            return replace(recipe, facial_hair=facial_hair)


def _long_dark_hair(g: np.random.Generator, recipe: Recipe) -> Recipe:
    styles = [style for (_, length), names in CUTS.items() if length == "long" for style in names]
    dark = float(g.uniform(0.8, 1.5)) * np.array(COLOURS[g.integers(2)])
    red, green, blue = (float(x) for x in dark)
    hair = replace(
        recipe.hair,
        style=str(g.choice(styles)),
        colour=(red, green, blue),
        tips=None,
        grey=0.0,
        recession=min(recipe.hair.recession, 0.3),
        crown=0.0,
        wreath=False,
    )
    return replace(recipe, hair=hair, outfit=replace(recipe.outfit, hat=None))


def _female(recipe: Recipe) -> bool:
    return recipe.traits.sex == "female"


CASES = (
    Case("random"),
    Case("hand", play=_with(hand)),
    Case("beard", _bearded, only_men=True),
    Case("hat", _hat),
    Case("thin glasses", _thin_glasses),
    Case("sunglasses", _sunglasses),
    Case("open mouth", play=_open_mouth),
    Case("long dark hair", _long_dark_hair),
    Case("profile", play=_profile),
    Case("bent head", play=_bent),
    Case("dim light", play=_dim),
    Case("microphone", play=_with(_microphone)),
    Case("cup", play=_with(cup)),
    Case("phone", play=_with(phone)),
    Case("headset", _headset),
    Case("jewellery", _jewellery),
)


def random_case(g: np.random.Generator) -> Case:
    """The plain case or one of the hard ones."""
    return CASES[1 + g.integers(len(CASES) - 1)] if g.random() < HARD else CASES[0]
