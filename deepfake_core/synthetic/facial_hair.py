"""Brows, lashes and beards."""

from __future__ import annotations

from deepfake_core.synthetic.facial_hair_recipe import BLACK, FacialHairRecipe, random_facial_hair
from deepfake_core.synthetic.fitting import Fitting
from deepfake_core.synthetic.hair_beards import BEARDS, beard_parts
from deepfake_core.synthetic.hair_brows import brow_parts
from deepfake_core.synthetic.hair_texture import dyed
from deepfake_core.synthetic.labels import Label
from deepfake_core.synthetic.part import Material, Part, Surface

__all__ = ["FacialHairRecipe", "facial_hair_parts", "random_facial_hair"]


def facial_hair_parts(recipe: FacialHairRecipe, fitting: Fitting) -> list[Part]:
    """Both brows, the lashes and the beard."""
    stock = fitting.stock
    parts = brow_parts(recipe, fitting) if recipe.brows == 0 else _painted_brows(recipe, fitting)
    name = f"eyelashes{recipe.lashes:02d}"
    texture = stock.texture(f"eyelashes/{name}/{name}.png")
    if recipe.lash_density < 1:
        texture = dyed(texture, BLACK, recipe.lash_density)
    lashes = Material(Surface.HAIR, -1, tint=(0.25, 0.2, 0.18), casts_shadow=False)
    parts.append(fitting.wear(stock.garment("eyelashes", name), texture, lashes))
    return parts if recipe.beard is None else parts + beard_parts(recipe, BEARDS[recipe.beard], fitting)


def _painted_brows(recipe: FacialHairRecipe, fitting: Fitting) -> list[Part]:
    """Brows of the assets."""
    name = f"eyebrow{recipe.brows:03d}"
    garment = fitting.stock.garment("eyebrows", name)
    picture = fitting.stock.texture(f"eyebrows/{name}/{name}.png")
    picture = dyed(picture, recipe.brow_colour, recipe.brow_density)
    return [
        fitting.wear(garment, picture, Material(Surface.HAIR, label, cutout=0.25, casts_shadow=False), side=side)
        for side, label in ((-1, Label.L_BROW), (1, Label.R_BROW))
    ]
