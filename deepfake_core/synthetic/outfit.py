"""What a person wears: clothes, glasses, hat, earrings, necklace and headset."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from deepfake_core.synthetic.clothes import PATTERNS, Dye
from deepfake_core.synthetic.fitting import Fitting
from deepfake_core.synthetic.glasses import GlassesRecipe, glasses_parts, random_glasses
from deepfake_core.synthetic.headset import HeadsetRecipe, headset_parts, random_headset
from deepfake_core.synthetic.headwear import HatRecipe, hat_parts
from deepfake_core.synthetic.jewellery import (
    EarringsRecipe,
    NecklaceRecipe,
    earring_parts,
    necklace_parts,
    random_earrings,
    random_necklace,
)
from deepfake_core.synthetic.labels import Label
from deepfake_core.synthetic.part import Colour, Material, Part, Surface, Texture
from deepfake_core.synthetic.traits import Traits

GLASSES, HAT, HEADSET, SUNGLASSES = 1, 32, 64, 128  # bits of a sample's `occluded`
# Garments and how often a (woman, man) wears them; the suit is the same cut for both.
CLOTHES = {
    "female_casualsuit01": (2.0, 0.5),  # T-shirt with a wide neck
    "female_elegantsuit01": (1.5, 0.3),  # blouse
    "female_sportsuit01": (2.0, 0.8),  # V-neck
    "male_casualsuit02": (1.2, 1.5),  # T-shirt
    "male_casualsuit03": (0.8, 1.3),  # shirt
    "male_casualsuit04": (0.8, 1.3),  # T-shirt
    "male_casualsuit05": (0.8, 1.2),  # jacket over a shirt
    "male_casualsuit06": (1.0, 1.5),  # long-sleeved T-shirt
    "male_elegantsuit01": (0.8, 1.3),  # suit and tie
    "male_worksuit01": (0.3, 0.4),  # dungarees
}
SUIT, JACKET = "male_elegantsuit01", "male_casualsuit05"
NEUTRALS: tuple[Colour, ...] = (
    (0.015, 0.015, 0.016), (0.015, 0.015, 0.016), (0.04, 0.04, 0.043), (0.12, 0.12, 0.125), (0.35, 0.35, 0.36),
    (0.72, 0.72, 0.71), (0.72, 0.72, 0.71), (0.65, 0.6, 0.5), (0.012, 0.02, 0.06), (0.012, 0.02, 0.06),
    (0.05, 0.09, 0.19), (0.35, 0.26, 0.16), (0.06, 0.035, 0.02), (0.06, 0.07, 0.035),
)  # fmt: skip
BRIGHTS: tuple[Colour, ...] = (
    (0.2, 0.012, 0.02), (0.55, 0.03, 0.03), (0.02, 0.11, 0.35), (0.25, 0.42, 0.65), (0.02, 0.14, 0.08),
    (0.2, 0.38, 0.22), (0.65, 0.38, 0.05), (0.7, 0.55, 0.25), (0.5, 0.2, 0.3), (0.75, 0.5, 0.52), (0.15, 0.06, 0.28),
    (0.5, 0.42, 0.65), (0.03, 0.25, 0.28), (0.5, 0.16, 0.06),
)  # fmt: skip


@dataclass(frozen=True)
class OutfitRecipe:
    """Clothes by their name in the assets, a linear RGB factor on their texture, and new colours for it (None:
    as they are in the assets); and what else is worn, if anything."""

    clothes: str = "male_casualsuit02"
    clothes_colour: Colour = (1.0, 1.0, 1.0)
    dye: Dye | None = None
    glasses: GlassesRecipe | None = None
    hat: HatRecipe | None = None
    earrings: EarringsRecipe | None = None
    necklace: NecklaceRecipe | None = None
    headset: HeadsetRecipe | None = None


def random_outfit(g: np.random.Generator, traits: Traits) -> OutfitRecipe:
    """An outfit that suits the traits: glasses 25 % and sunglasses 5 %, a hat 12 %, a headset 8 %, earrings
    45 % of women and 10 % of men, a necklace 35 % and 15 %."""
    # What is worn draws from generators of its own, so that no choice moves the others.
    of_clothes, of_glasses, of_hat, of_ears, of_neck, of_headset = g.spawn(6)
    female = traits.sex == "female"
    shares = np.array([share[0 if female else 1] for share in CLOTHES.values()])
    clothes = str(of_clothes.choice(list(CLOTHES), p=shares / shares.sum()))
    eyewear = of_glasses.random()
    hat = random_hat(of_hat, female=female) if of_hat.random() < 0.12 else None
    scarf = hat is not None and hat.kind == "headscarf"
    return OutfitRecipe(
        clothes=clothes,
        dye=_random_dye(of_clothes, clothes),
        glasses=random_glasses(of_glasses, dark=eyewear < 0.05) if eyewear < 0.3 else None,
        hat=hat,
        earrings=random_earrings(of_ears, both=female)
        if of_ears.random() < (0.45 if female else 0.1) and not scarf
        else None,
        necklace=random_necklace(of_neck, plain=not female)
        if of_neck.random() < (0.35 if female else 0.15) and not scarf and clothes != SUIT
        else None,
        headset=random_headset(of_headset) if of_headset.random() < 0.08 and hat is None else None,
    )


def bits(recipe: OutfitRecipe) -> int:
    """The bits of a sample's `occluded` for what is worn."""
    found = 0
    if recipe.glasses:
        found |= SUNGLASSES if recipe.glasses.dark else GLASSES
    if recipe.hat:
        found |= HAT
    if recipe.headset:
        found |= HEADSET
    return found


def outfit_parts(recipe: OutfitRecipe, fitting: Fitting) -> list[Part]:
    """The clothes first, then all that is worn."""
    garment = fitting.stock.garment("clothes", recipe.clothes)
    parts = [fitting.wear(garment, clothes_texture(recipe, fitting), cloth_material(recipe), crop=True)]
    if recipe.necklace:
        parts += necklace_parts(recipe.necklace, fitting, parts[0].rest.astype(float))
    if recipe.earrings:
        parts += earring_parts(recipe.earrings, fitting)
    if recipe.hat:
        parts += hat_parts(recipe.hat, fitting)
    if recipe.headset:
        parts += headset_parts(recipe.headset, fitting)
    if recipe.glasses:
        parts += glasses_parts(recipe.glasses, fitting)
    return parts


def cloth_material(recipe: OutfitRecipe) -> Material:
    """How light leaves the clothes."""
    return Material(Surface.CLOTH, Label.CLOTH, tint=recipe.clothes_colour, roughness=0.8, specular=0.02)


def clothes_texture(recipe: OutfitRecipe, fitting: Fitting) -> Texture:
    """The clothes' picture."""
    picture = fitting.stock.texture(f"clothes/{recipe.clothes}/{recipe.clothes}_diffuse.png")
    if recipe.dye is None:
        return picture
    return fitting.stock.dyer.dyed(fitting.stock.garment("clothes", recipe.clothes), picture, recipe.dye)


def covered(recipe: OutfitRecipe, fitting: Fitting) -> npt.NDArray[np.bool_]:
    """Which vertices of the base mesh (V,) the clothes hide."""
    return fitting.stock.garment("clothes", recipe.clothes).hidden


def _random_colour(g: np.random.Generator, bright: float) -> Colour:
    """A colour that cloth has: bright with this probability, else a neutral one."""
    colours = BRIGHTS if g.random() < bright else NEUTRALS
    red, green, blue = (
        float(x) for x in np.clip(np.array(colours[g.integers(len(colours))]) * g.uniform(0.8, 1.2, 3), 0, 0.8)
    )
    return red, green, blue


def _random_dye(g: np.random.Generator, clothes: str) -> Dye:
    if clothes == SUIT:  # jacket, shirt, tie
        shirt = (0.72, 0.72, 0.71) if g.random() < 0.6 else _random_colour(g, 0.5)
        return Dye(
            (NEUTRALS[g.choice((0, 2, 3, 8, 10, 11))], shirt, _random_colour(g, 0.7)),
            pattern=("plain", "pinstripes")[g.choice(2, p=(0.75, 0.25))],
            colour=(0.3, 0.3, 0.32), size=float(g.uniform(0.3, 0.6)),
        )  # fmt: skip
    main = _random_colour(g, 0.45)
    if g.random() < 0.45 and clothes != JACKET:  # all of one colour
        zones = (main, main, main)
    else:
        zones = (main, _random_colour(g, 0.4), _random_colour(g, 0.4))
    shares = np.array((0.55, 0.15, 0.05, 0.12, 0.05, 0.08))
    pattern = PATTERNS[g.choice(len(PATTERNS), p=shares)]
    return Dye(zones, pattern, _random_colour(g, 0.4), float(g.uniform(0.2, 0.9)))


def random_hat(g: np.random.Generator, *, female: bool) -> HatRecipe:
    """A hat or a headscarf; scarves are worn by women only."""
    kind = ("beanie", "cap", "brim", "headscarf")[
        g.choice(4, p=(0.3, 0.3, 0.15, 0.25) if female else (0.4, 0.45, 0.15, 0))
    ]
    colour = _random_colour(g, 0.4)
    return HatRecipe(
        kind=kind,  # type: ignore[arg-type]
        colour=colour,
        trim=colour if g.random() < 0.5 else _random_colour(g, 0.4),
        size=float(g.uniform(0, 1)),
        height=float(g.uniform(0, 1)),
        backwards=bool(kind == "cap" and g.random() < 0.15),
    )
