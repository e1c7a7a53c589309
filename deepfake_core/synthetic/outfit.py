"""What a person wears: clothes."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from deepfake_core.synthetic.fitting import Fitting
from deepfake_core.synthetic.labels import Label
from deepfake_core.synthetic.part import Colour, Material, Part, Surface
from deepfake_core.synthetic.traits import Traits

CLOTHES = {
    "male": (
        "male_casualsuit02", "male_casualsuit03", "male_casualsuit04", "male_casualsuit05",
        "male_casualsuit06", "male_elegantsuit01", "male_worksuit01",
    ),
    "female": ("female_casualsuit01", "female_elegantsuit01", "female_sportsuit01"),
}  # fmt: skip


@dataclass(frozen=True)
class OutfitRecipe:
    """Clothes by their name in the assets, and a linear RGB factor on their texture."""

    clothes: str = "male_casualsuit02"
    clothes_colour: Colour = (1.0, 1.0, 1.0)


def random_outfit(g: np.random.Generator, traits: Traits) -> OutfitRecipe:
    """Clothes that suit the traits."""
    names = CLOTHES[traits.sex]
    red, green, blue = (float(x) for x in g.uniform(0.3, 1.1, 3))
    return OutfitRecipe(names[g.integers(len(names))], (red, green, blue))


def outfit_parts(recipe: OutfitRecipe, fitting: Fitting) -> list[Part]:
    """The clothes."""
    texture = fitting.stock.texture(f"clothes/{recipe.clothes}/{recipe.clothes}_diffuse.png")
    cloth = Material(Surface.CLOTH, Label.CLOTH, tint=recipe.clothes_colour, roughness=0.8, specular=0.02)
    return [fitting.wear(fitting.stock.garment("clothes", recipe.clothes), texture, cloth, crop=True)]


def covered(recipe: OutfitRecipe, fitting: Fitting) -> npt.NDArray[np.bool_]:
    """Which vertices of the base mesh (V,) the clothes hide."""
    return fitting.stock.garment("clothes", recipe.clothes).hidden
