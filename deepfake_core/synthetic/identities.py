"""Recipes of the identities that the project ships: people who do not exist, made to be recognised."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace

from deepfake_core.synthetic.person import Recipe, random_recipe
from deepfake_core.synthetic.skin import Paint, SkinRecipe

DetailAxes = Sequence[tuple[list[str], list[str]]]


class UnknownIdentity(KeyError):
    """No recipe has this name."""

    def __str__(self) -> str:
        return str(self.args[0])


def _vesper(detail_axes: DetailAxes) -> Recipe:
    """High cheekbones, strong dark brows, pale eyes, dark red lips: three skins, repainted."""
    random = random_recipe(827702, detail_axes, sex="female", ancestry=(0.2, 0.35, 0.45))
    details = {
        name: 0.75 * weight
        for name, weight in random.shape.details.items()
        if not name.startswith("eyebrows/")  # they made the neutral face frown
    } | {
        "eyebrows/eyebrows-trans-up": 0.25,
        "cheek/l-cheek-bones-incr": 0.5,
        "cheek/r-cheek-bones-incr": 0.5,
        "mouth/mouth-lowerlip-volume-incr": 0.3,
        "mouth/mouth-upperlip-volume-incr": 0.3,
    }
    return replace(
        random,
        shape=replace(random.shape, gender=0.15, age=0.12, weight=0.4, details=details),
        skin=SkinRecipe(
            sources=(
                ("young_lightskinned_female_diffuse3", 0.4),
                ("middleage_darkskinned_female_diffuse", 0.35),
                ("young_lightskinned_female_diffuse2", 0.25),
            ),
            saturation=0.9,
            gamma=0.9,
            tint=(0.95, 0.97, 1.05),
            paint=Paint(lips=(60, 40, 140), lips_strength=0.5, lids=(80, 40, 60), lids_strength=0.4, freckles=0.35),
        ),
        skin_roughness=0.516,
        hair="braid01",
        hair_colour=(0.5, 0.12, 0.06),
        brows=8,
        brow_colour=(0.12, 0.05, 0.03),
        lashes=2,
        eyes="ice",
        teeth="teeth_base",
        clothes="female_elegantsuit01",
        clothes_colour=(0.35, 0.1, 0.14),
    )


def _performer(detail_axes: DetailAxes) -> Recipe:
    """The performer of the bundled clip: nobody's identity, a stand-in for the person on camera."""
    random = random_recipe(502, detail_axes, sex="male", ancestry=(0.37, 0.63, 0.0))
    return replace(
        random,
        skin=SkinRecipe(
            sources=(
                ("young_lightskinned_male_diffuse2", 0.4),
                ("young_darkskinned_male_diffuse", 0.35),
                ("middleage_lightskinned_male_diffuse", 0.25),
            ),
            saturation=0.95,
            gamma=0.95,
        ),
        hair="short02",
        hair_colour=(0.2, 0.15, 0.12),
        brows=12,
        brow_colour=(0.1, 0.07, 0.05),
        lashes=1,
        eyes="brown",
        teeth="teeth_base",
        clothes="male_casualsuit04",
        clothes_colour=(0.45, 0.7, 0.75),
    )


IDENTITIES: dict[str, Callable[[DetailAxes], Recipe]] = {"vesper": _vesper, "performer": _performer}


def identity_recipe(name: str, detail_axes: DetailAxes) -> Recipe:
    """The recipe of a named identity; `detail_axes` is `Body.detail_axes`."""
    if name not in IDENTITIES:
        raise UnknownIdentity(f"No identity is called {name}: choose one of {', '.join(IDENTITIES)}.")
    return IDENTITIES[name](detail_axes)
