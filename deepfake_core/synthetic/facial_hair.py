"""Brows, lashes and beards."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from deepfake_core.synthetic.fitting import Fitting
from deepfake_core.synthetic.labels import Label
from deepfake_core.synthetic.part import Colour, Material, Part, Surface
from deepfake_core.synthetic.traits import Traits


@dataclass(frozen=True)
class FacialHairRecipe:
    """Brows and lashes by their number in the assets; the brows' linear RGB factor."""

    brows: int = 1
    brow_colour: Colour = (0.16, 0.11, 0.08)
    lashes: int = 1


def random_facial_hair(g: np.random.Generator, traits: Traits, hair_colour: Colour) -> FacialHairRecipe:
    """Brows and lashes; the brows take after the hair."""
    red, green, blue = (float(np.clip(x * 1.4, 0, 0.4)) for x in hair_colour)
    return FacialHairRecipe(int(g.integers(1, 13)), (red, green, blue), int(g.integers(1, 5)))


def facial_hair_parts(recipe: FacialHairRecipe, fitting: Fitting) -> list[Part]:
    """Both brows and the lashes."""
    stock = fitting.stock
    name = f"eyebrow{recipe.brows:03d}"
    parts = [
        fitting.wear(
            stock.garment("eyebrows", name),
            stock.texture(f"eyebrows/{name}/{name}.png"),
            Material(Surface.HAIR, label, tint=recipe.brow_colour, cutout=0.25, casts_shadow=False),
            side=side,
        )
        for side, label in ((-1, Label.L_BROW), (1, Label.R_BROW))
    ]
    name = f"eyelashes{recipe.lashes:02d}"
    lashes = Material(Surface.HAIR, -1, tint=(0.25, 0.2, 0.18), casts_shadow=False)
    texture = stock.texture(f"eyelashes/{name}/{name}.png")
    return [*parts, fitting.wear(stock.garment("eyelashes", name), texture, lashes)]
