"""Teeth and tongue."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from deepfake_core.synthetic.fitting import Fitting
from deepfake_core.synthetic.labels import Label
from deepfake_core.synthetic.part import Colour, Material, Part, Surface
from deepfake_core.synthetic.traits import Traits

TEETH = ("teeth_base", *(f"teeth_shape0{i}" for i in range(1, 5)))  # the fifth has fangs


@dataclass(frozen=True)
class MouthRecipe:
    """The teeth by their name in the assets, how yellow they are, 0..1, and the linear RGB factor on the tongue."""

    teeth: str = "teeth_base"
    yellow: float = 0.5
    tongue: Colour = (0.85, 0.66, 0.64)


def random_mouth(g: np.random.Generator, traits: Traits) -> MouthRecipe:
    """Random teeth, yellower with age."""
    teeth = TEETH[g.integers(len(TEETH))]
    yellow = float(np.clip(g.uniform(0.0, 0.6) + 0.4 * (traits.age - 25) / 60, 0, 1))
    bright = float(g.uniform(0.75, 1.0))
    return MouthRecipe(teeth, yellow, (0.85 * bright, 0.64 * bright, 0.62 * bright))


def mouth_parts(recipe: MouthRecipe, fitting: Fitting) -> list[Part]:
    """Teeth with gums, and the tongue."""
    stock = fitting.stock
    tint = (0.9, 0.88 - 0.06 * recipe.yellow, 0.85 - 0.2 * recipe.yellow)
    teeth = Material(Surface.MOUTH, Label.MOUTH, tint=tint, roughness=0.25, specular=0.04)
    tongue = Material(Surface.MOUTH, Label.MOUTH, tint=recipe.tongue, roughness=0.3, specular=0.04)
    return [
        fitting.wear(stock.garment("teeth", recipe.teeth), stock.texture("teeth/materials/teeth.png"), teeth),
        fitting.wear(
            stock.garment("tongue", "tongue01"), stock.texture("tongue/tongue01/tongue01_diffuse.png"), tongue
        ),
    ]
