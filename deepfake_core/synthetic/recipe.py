"""What a random adult is made of: traits, and one recipe for each part of the figure."""

from __future__ import annotations

from dataclasses import dataclass, replace

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
    traits = traits or random_traits(_generator(seed, _TRAITS))
    hair = random_hair(_generator(seed, _HAIR), traits)
    return Recipe(
        seed=seed,
        traits=traits,
        shape=random_shape(_generator(seed, _SHAPE), traits, detail_axes),
        skin=random_skin(_generator(seed, _SKIN), traits),
        eyes=random_eyes(_generator(seed, _EYES), traits),
        mouth=random_mouth(_generator(seed, _MOUTH), traits),
        hair=hair,
        facial_hair=random_facial_hair(_generator(seed, _FACIAL_HAIR), traits, hair.colour),
        outfit=random_outfit(_generator(seed, _OUTFIT), traits),
    )


def in_tone(recipe: Recipe, monk_tone: int) -> Recipe:
    """A random adult in another skin: what comes with a tone changes (colour, relief, freckles), nothing else does."""
    traits = replace(recipe.traits, monk_tone=monk_tone)
    return replace(recipe, traits=traits, skin=random_skin(_generator(recipe.seed, _SKIN), traits))


def _generator(seed: int, part: int) -> np.random.Generator:
    return np.random.default_rng([seed, part])
