"""Brows, lashes and beards."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from deepfake_core.synthetic.fitting import Fitting
from deepfake_core.synthetic.hair_beards import BEARDS, beard_parts
from deepfake_core.synthetic.hair_brows import brow_parts
from deepfake_core.synthetic.hair_texture import dyed
from deepfake_core.synthetic.labels import Label
from deepfake_core.synthetic.part import Colour, Material, Part, Surface
from deepfake_core.synthetic.traits import Traits

BLACK: Colour = (0.012, 0.009, 0.008)


@dataclass(frozen=True)
class FacialHairRecipe:
    """Brows and lashes by their number in the assets, brows 0: grown of single hairs; linear RGB of the brows'
    hair and how dense it is (0..1); of grown brows a factor on their height, and how arched they are, -1..1;
    opacity of the lashes 0..1.

    beard: its cut by its name in `BEARDS`, None: shaved; its colour, share of white hair, density 0..1 and
    factor on its lengths; seed: of the hairs' places.
    """

    brows: int = 1
    brow_colour: Colour = BLACK
    lashes: int = 1
    brow_density: float = 0.9
    brow_thickness: float = 1.0
    brow_arch: float = 0.0
    lash_density: float = 1.0
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
    grey = float(1 / (1 + np.exp((g.normal(60, 8) - traits.age) / 6)))
    brow = brow + 0.6 * max(0.0, grey - 0.35) * (0.22 - brow)
    share = np.array([0.34, 0.24, 0.14, 0.1, 0.03, 0.05, 0.04, 0.06])
    african, asian, _ = traits.ancestry
    share[0] *= 1 + asian
    kind = (None, *BEARDS)[int(g.choice(len(BEARDS) + 1, p=share / share.sum()))]
    beard = hair * g.uniform(0.7, 1.1) * (1.0, g.uniform(0.75, 1.0), g.uniform(0.65, 1.0))
    return FacialHairRecipe(
        brows=0,
        brow_colour=_rgb(brow),
        lashes=int(g.integers(1, 5)),
        brow_density=float(g.uniform(0.45, 1.0) if male else g.uniform(0.35, 0.9)),
        brow_thickness=float(np.clip(g.normal(1.15 if male else 0.85, 0.2), 0.5, 1.6)),
        brow_arch=float(np.clip(g.normal(-0.2 if male else 0.3, 0.4), -1, 1)),
        lash_density=float(g.uniform(0.25, 0.45) if male else g.uniform(0.35, 0.85)),
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
        fitting.wear(
            garment, picture, Material(Surface.HAIR, label, cutout=0.25, casts_shadow=False), side=side
        )
        for side, label in ((-1, Label.L_BROW), (1, Label.R_BROW))
    ]
