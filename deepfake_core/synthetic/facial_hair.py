"""Brows, lashes and beards."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from deepfake_core.synthetic.beard import BEARDS, beard_parts
from deepfake_core.synthetic.fitting import Fitting
from deepfake_core.synthetic.hair_texture import dyed
from deepfake_core.synthetic.labels import Label
from deepfake_core.synthetic.part import Colour, Material, Part, Surface
from deepfake_core.synthetic.traits import Traits

BLACK: Colour = (0.012, 0.009, 0.008)


@dataclass(frozen=True)
class FacialHairRecipe:
    """Brows and lashes by their number in the assets; linear RGB of the brows' hair and how dense it is (0..1).

    beard: its cut by its name in `BEARDS`, None: shaved; its colour, share of white hair, density 0..1 and
    factor on its lengths; seed: of the hairs' places.
    """

    brows: int = 1
    brow_colour: Colour = BLACK
    lashes: int = 1
    brow_density: float = 0.9
    beard: str | None = None
    beard_colour: Colour = BLACK
    beard_grey: float = 0.0
    beard_density: float = 1.0
    beard_size: float = 1.0
    seed: int = 0


def random_facial_hair(g: np.random.Generator, traits: Traits, hair_colour: Colour) -> FacialHairRecipe:
    """Brows and lashes; men's beards. Their colour takes after the hair's, unless that is dyed."""
    red, green, blue = hair_colour
    natural = red >= green >= blue and red < 0.5 and (red - blue) / red < 0.93
    hair = np.array(hair_colour if natural else (0.04, 0.026, 0.018))
    brow = np.minimum(hair * g.uniform(0.4, 0.75), 0.1)
    male = traits.sex == "male"
    grey = float(1 / (1 + np.exp((g.normal(57, 8) - traits.age) / 6)))
    brow = brow + 0.6 * max(0.0, grey - 0.35) * (0.22 - brow)
    share = np.array([0.34, 0.24, 0.14, 0.1, 0.03, 0.05, 0.04, 0.06])
    african, asian, _ = traits.ancestry
    share[0] *= 1 + asian
    kind = (None, *BEARDS)[int(g.choice(len(BEARDS) + 1, p=share / share.sum()))]
    beard = hair * g.uniform(0.7, 1.1) * (1.0, g.uniform(0.75, 1.0), g.uniform(0.65, 1.0))
    return FacialHairRecipe(
        brows=int(g.integers(1, 13)),
        brow_colour=_rgb(brow),
        lashes=int(g.integers(1, 5)),
        brow_density=float(g.uniform(0.7, 1.0) if male else g.uniform(0.5, 0.95)),
        beard=kind if male else None,
        beard_colour=_rgb(beard),
        beard_grey=grey if grey > 0.08 else 0.0,
        beard_density=float(g.uniform(0.6, 1.0) * (1 - 0.35 * asian) * (1 - 0.1 * african)),
        beard_size=float(np.exp(g.normal(0, 0.2))),
        seed=int(g.integers(2**31)),
    )


def _rgb(colour: np.ndarray) -> Colour:
    red, green, blue = (float(x) for x in np.clip(colour, 0.004, 0.6))
    return red, green, blue


def facial_hair_parts(recipe: FacialHairRecipe, fitting: Fitting) -> list[Part]:
    """Both brows, the lashes and the beard."""
    stock = fitting.stock
    name = f"eyebrow{recipe.brows:03d}"
    picture = dyed(stock.texture(f"eyebrows/{name}/{name}.png"), recipe.brow_colour, recipe.brow_density)
    parts = [
        fitting.wear(
            stock.garment("eyebrows", name),
            picture,
            Material(Surface.HAIR, label, cutout=0.25, casts_shadow=False),
            side=side,
        )
        for side, label in ((-1, Label.L_BROW), (1, Label.R_BROW))
    ]
    name = f"eyelashes{recipe.lashes:02d}"
    lashes = Material(Surface.HAIR, -1, tint=(0.25, 0.2, 0.18), casts_shadow=False)
    texture = stock.texture(f"eyelashes/{name}/{name}.png")
    parts.append(fitting.wear(stock.garment("eyelashes", name), texture, lashes))
    return parts if recipe.beard is None else parts + beard_parts(recipe, BEARDS[recipe.beard], fitting)
