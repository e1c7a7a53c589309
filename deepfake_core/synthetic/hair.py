"""Hair on the head."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from deepfake_core.synthetic.fitting import Fitting
from deepfake_core.synthetic.labels import Label
from deepfake_core.synthetic.part import Colour, Material, Part, Surface
from deepfake_core.synthetic.traits import Traits

STYLES = {
    "male": ("short01", "short02", "short03", "short04", "short01", "short02", None),
    "female": ("long01", "ponytail01", "braid01", "long01", "ponytail01", "bob02", "short02"),
}
COLOURS = (
    (0.5, 0.4, 0.3), (0.25, 0.17, 0.12), (0.12, 0.09, 0.08),
    (0.9, 0.75, 0.5), (0.75, 0.4, 0.22), (0.6, 0.6, 0.6),
)  # fmt: skip
SHARES = (0.22, 0.3, 0.28, 0.08, 0.05, 0.07)


@dataclass(frozen=True)
class HairRecipe:
    """The style (None: bald) and a linear RGB factor on its texture."""

    style: str | None = None
    colour: Colour = (0.25, 0.17, 0.12)


def random_hair(g: np.random.Generator, traits: Traits) -> HairRecipe:
    """Hair that suits the traits."""
    styles = STYLES[traits.sex]
    style = styles[g.integers(len(styles))]
    colour = np.array(COLOURS[g.choice(len(COLOURS), p=SHARES)]) * g.uniform(0.8, 1.2)
    if traits.monk_tone > 6 or traits.ancestry[1] > 0.6:
        colour = np.array([0.13, 0.1, 0.09])
    r, green, b = (float(x) for x in np.clip(colour * 1.7, 0, 1.3))
    return HairRecipe(style, (r, green, b))


def hair_parts(recipe: HairRecipe, fitting: Fitting) -> list[Part]:
    """The hair; nothing for a bald head."""
    if recipe.style is None:
        return []
    texture = fitting.stock.texture(f"hair/{recipe.style}/{recipe.style}_diffuse.png")
    material = Material(Surface.HAIR, Label.HAIR, tint=recipe.colour)
    return [fitting.wear(fitting.stock.garment("hair", recipe.style), texture, material)]
