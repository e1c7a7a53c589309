"""The eyeballs."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from deepfake_core.synthetic.fitting import Fitting
from deepfake_core.synthetic.labels import Label
from deepfake_core.synthetic.part import Material, Part, Surface
from deepfake_core.synthetic.traits import Traits

COLOURS = ("blue", "bluegreen", "brownlight", "deepblue", "green", "grey", "brown", "brown", "brown")
BROWN_FROM_TONE = 6  # on the Monk scale


@dataclass(frozen=True)
class EyesRecipe:
    """The iris by the name of its picture in the assets."""

    iris: str = "brown"


def random_eyes(g: np.random.Generator, traits: Traits) -> EyesRecipe:
    """Eyes that suit the traits."""
    iris = COLOURS[g.integers(len(COLOURS))]
    if traits.monk_tone >= BROWN_FROM_TONE or traits.ancestry[1] > 0.5:
        iris = "brown"
    return EyesRecipe(iris)


def eyes_parts(recipe: EyesRecipe, fitting: Fitting) -> list[Part]:
    """Both eyeballs."""
    balls = fitting.stock.garment("eyes", "high-poly")
    texture = fitting.stock.texture(f"eyes/materials/{recipe.iris}_eye.png")
    return [
        fitting.wear(balls, texture, Material(Surface.EYE, label), side=side)
        for side, label in ((-1, Label.L_EYE), (1, Label.R_EYE))
    ]
