"""Teeth and tongue."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from deepfake_core.synthetic.fitting import Fitting
from deepfake_core.synthetic.labels import Label
from deepfake_core.synthetic.part import Material, Part, Surface
from deepfake_core.synthetic.traits import Traits

TEETH = ("teeth_base", *(f"teeth_shape0{i}" for i in range(1, 5)))  # the fifth has fangs


@dataclass(frozen=True)
class MouthRecipe:
    """The teeth by their name in the assets."""

    teeth: str = "teeth_base"


def random_mouth(g: np.random.Generator, traits: Traits) -> MouthRecipe:
    """Random teeth."""
    return MouthRecipe(TEETH[g.integers(len(TEETH))])


def mouth_parts(recipe: MouthRecipe, fitting: Fitting) -> list[Part]:
    """Teeth with gums, and the tongue."""
    stock = fitting.stock
    teeth = Material(Surface.MOUTH, Label.MOUTH, tint=(0.95, 0.9, 0.82), roughness=0.25, specular=0.04)
    tongue = Material(Surface.MOUTH, Label.MOUTH, roughness=0.35, specular=0.03)
    return [
        fitting.wear(stock.garment("teeth", recipe.teeth), stock.texture("teeth/materials/teeth.png"), teeth),
        fitting.wear(
            stock.garment("tongue", "tongue01"), stock.texture("tongue/tongue01/tongue01_diffuse.png"), tongue
        ),
    ]
