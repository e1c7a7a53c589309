"""Hair on the head: strands grown over the scalp, or a mesh of the assets."""

from __future__ import annotations

from deepfake_core.synthetic.fitting import Fitting
from deepfake_core.synthetic.hair_cuts import cut_parts
from deepfake_core.synthetic.hair_recipe import HairRecipe, random_hair
from deepfake_core.synthetic.hair_styles import ASSETS, STYLES
from deepfake_core.synthetic.labels import Label
from deepfake_core.synthetic.part import Material, Part, Surface

__all__ = ["HairRecipe", "hair_parts", "random_hair"]


def hair_parts(recipe: HairRecipe, fitting: Fitting) -> list[Part]:
    """The hair; nothing for a bald head."""
    if recipe.style is None:
        return []
    if recipe.style in ASSETS:
        texture = fitting.stock.texture(f"hair/{recipe.style}/{recipe.style}_diffuse.png")
        material = Material(Surface.HAIR, Label.HAIR, tint=recipe.colour, specular=0.012)
        return [fitting.wear(fitting.stock.garment("hair", recipe.style), texture, material)]
    return cut_parts(recipe, STYLES[recipe.style], fitting)
