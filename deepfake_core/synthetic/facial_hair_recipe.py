"""What is drawn of a random adult's brows, lashes and beard."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from deepfake_core.synthetic.hair_scalp import Array
from deepfake_core.synthetic.part import Colour
from deepfake_core.synthetic.traits import Traits

# Shares of the beards of men (None: shaved).
BEARD_SHARES: dict[str | None, float] = {
    None: 0.36, "stubble": 0.24, "short": 0.14, "full": 0.1, "long": 0.03, "goatee": 0.04, "circle": 0.04,
    "moustache": 0.05,
}  # fmt: skip
BLACK: Colour = (0.012, 0.009, 0.008)


@dataclass(frozen=True)
class FacialHairRecipe:
    """Brows and lashes by their number in the assets, brows 0: grown of single hairs; linear RGB of the brows'
    hair and how dense it is (0..1); of grown brows a factor on their height, and how arched they are, -1..1;
    opacity of the lashes 0..1.

    beard: its cut by its name in `hair_beards.BEARDS`, None: shaved; its colour, share of white hair, density 0..1 and
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
    african, asian, _ = traits.ancestry
    share = np.array(list(BEARD_SHARES.values())) * np.where(np.arange(len(BEARD_SHARES)) == 0, 1 + asian, 1)
    kind = list(BEARD_SHARES)[int(g.choice(len(share), p=share / share.sum()))]
    beard = hair * g.uniform(0.7, 1.1) * (1.0, g.uniform(0.75, 1.0), g.uniform(0.65, 1.0))
    return FacialHairRecipe(
        brows=0,
        brow_colour=_rgb(brow),
        lashes=int(g.integers(1, 5)),
        brow_density=float(g.uniform(0.4, 0.85) if male else g.uniform(0.3, 0.7)),
        brow_thickness=float(np.clip(g.normal(1.15 if male else 0.85, 0.2), 0.5, 1.6)),
        brow_arch=float(np.clip(g.normal(-0.2 if male else 0.3, 0.4), -1, 1)),
        lash_density=float(g.uniform(0.25, 0.45) if male else g.uniform(0.35, 0.85)),
        beard=kind if male else None,
        beard_colour=_rgb(beard),
        beard_grey=grey if grey > 0.08 else 0.0,
        beard_density=float(g.uniform(0.75, 1.0) * (1 - 0.2 * asian) * (1 - 0.05 * african)),
        beard_size=float(np.exp(g.normal(0, 0.2))),
        seed=int(g.integers(2**31)),
    )


def _rgb(colour: Array) -> Colour:
    red, green, blue = (float(x) for x in np.clip(colour, 0.004, 0.6))
    return red, green, blue
