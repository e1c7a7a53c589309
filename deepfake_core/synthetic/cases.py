"""Hard cases for face parsing: what is easily missed is rendered often."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace

import numpy as np

from deepfake_core.synthetic.expressions import add
from deepfake_core.synthetic.person import HeadPose, Person
from deepfake_core.synthetic.recipe import Recipe
from deepfake_core.synthetic.scenes import Scene
from deepfake_core.synthetic.traits import Traits

HARD = 0.6  # share of hard cases in a set of stills

Dress = Callable[[np.random.Generator, Recipe], Recipe]
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


CASES = (
    Case("random"),
    Case("open mouth", play=_open_mouth),
    Case("profile", play=_profile),
    Case("bent head", play=_bent),
)


def random_case(g: np.random.Generator) -> Case:
    """The plain case or one of the hard ones."""
    return CASES[1 + g.integers(len(CASES) - 1)] if g.random() < HARD else CASES[0]
