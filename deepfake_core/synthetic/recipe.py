"""What a random adult is made of: traits, and one recipe for each part of the figure."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from deepfake_core.synthetic.body import BodyShape
from deepfake_core.synthetic.eyes import EyesRecipe, random_eyes
from deepfake_core.synthetic.facial_hair import FacialHairRecipe, random_facial_hair
from deepfake_core.synthetic.hair import HairRecipe, random_hair
from deepfake_core.synthetic.mouth import MouthRecipe, random_mouth
from deepfake_core.synthetic.outfit import OutfitRecipe, random_outfit
from deepfake_core.synthetic.shapes import DetailAxes, random_shape
from deepfake_core.synthetic.skin import SkinRecipe, random_skin
from deepfake_core.synthetic.traits import Traits, random_traits

# Each part draws from a generator of its own: a change in one part leaves the others as they were.
_TRAITS, _SHAPE, _SKIN, _EYES, _MOUTH, _HAIR, _FACIAL_HAIR, _OUTFIT = range(8)


@dataclass(frozen=True)
class Recipe:
    """Everything that makes a person."""

    seed: int
    traits: Traits
    shape: BodyShape
    skin: SkinRecipe
    eyes: EyesRecipe
    mouth: MouthRecipe
    hair: HairRecipe
    facial_hair: FacialHairRecipe
    outfit: OutfitRecipe


def random_recipe(seed: int, detail_axes: DetailAxes, *, traits: Traits | None = None) -> Recipe:
    """A random adult; `detail_axes` is `Body.detail_axes`. The same seed and traits make the same person."""

    def generator(part: int) -> np.random.Generator:
        return np.random.default_rng([seed, part])

    traits = traits or random_traits(generator(_TRAITS))
    hair = random_hair(generator(_HAIR), traits)
    return Recipe(
        seed=seed,
        traits=traits,
        shape=random_shape(generator(_SHAPE), traits, detail_axes),
        skin=random_skin(generator(_SKIN), traits),
        eyes=random_eyes(generator(_EYES), traits),
        mouth=random_mouth(generator(_MOUTH), traits),
        hair=hair,
        facial_hair=random_facial_hair(generator(_FACIAL_HAIR), traits, hair.colour),
        outfit=random_outfit(generator(_OUTFIT), traits),
    )
