"""Skin pictures: mixed from at least two sources, recoloured and painted, so that nobody is depicted."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np
import numpy.typing as npt

from deepfake_core.synthetic.assets import read_image
from deepfake_core.synthetic.labels import Label
from deepfake_core.synthetic.part import Material, Surface
from deepfake_core.synthetic.traits import Traits

Image = npt.NDArray[np.uint8]
NAMES = {
    ("light", "male"): (
        "young_lightskinned_male_diffuse", "young_lightskinned_male_diffuse2",
        "young_lightskinned_male_diffuse3", "middleage_lightskinned_male_diffuse",
        "middleage_lightskinned_male_diffuse2", "old_lightskinned_male_diffuse2",
    ),
    ("light", "female"): (
        "young_lightskinned_female_diffuse2", "young_lightskinned_female_diffuse3",
        "middleage_lightskinned_female_diffuse2",
    ),
    ("dark", "male"): (
        "young_darkskinned_male_diffuse", "middleage_darkskinned_male_diffuse",
        "old_darkskinned_male_diffuse",
    ),
    ("dark", "female"): ("middleage_darkskinned_female_diffuse", "old_darkskinned_female_diffuse"),
}  # fmt: skip


@dataclass(frozen=True)
class Paint:
    """Paint on the face: lips and eyelids as BGR 0..255 with a strength 0..1, freckles 0..1 strength."""

    lips: tuple[float, float, float] = (90.0, 70.0, 150.0)
    lips_strength: float = 0.0
    lids: tuple[float, float, float] = (90.0, 60.0, 70.0)
    lids_strength: float = 0.0
    freckles: float = 0.0


@dataclass(frozen=True)
class SkinRecipe:
    """Skins by name and their shares (sum 1), then saturation, gamma and a BGR factor; then paint."""

    sources: tuple[tuple[str, float], ...]
    saturation: float = 0.85
    gamma: float = 1.0
    tint: tuple[float, float, float] = (1.0, 1.0, 1.0)
    paint: Paint = Paint()
    roughness: float = 0.45


def random_skin(g: np.random.Generator, traits: Traits) -> SkinRecipe:
    """A skin of the Monk tone that the traits name."""
    darkness = (traits.monk_tone - 1) / 9
    dark = float(np.clip(darkness + g.normal(0, 0.12), 0, 1))  # share of a dark skin in the mixture
    mixed = float(g.uniform(0.15, 0.5))  # of two light skins
    return SkinRecipe(
        sources=(
            (str(g.choice(NAMES["light", traits.sex])), (1 - dark) * (1 - mixed)),
            (str(g.choice(NAMES["light", traits.sex])), (1 - dark) * mixed),
            (str(g.choice(NAMES["dark", traits.sex])), dark),
        ),
        saturation=float(g.uniform(0.8, 1.1)),
        gamma=float(g.uniform(1.05, 1.4)) - 0.45 * dark,
        tint=(float(g.uniform(0.92, 1.04)), float(g.uniform(0.96, 1.02)), 1.0),
        roughness=float(g.uniform(0.38, 0.52)),
    )


def skin_material(recipe: SkinRecipe) -> Material:
    """How light leaves this skin."""
    return Material(Surface.SKIN, Label.SKIN, roughness=recipe.roughness, specular=0.03, bump=0.05)


class SkinShop:
    """Reads the source skins once, at `size` px square, and mixes them."""

    def __init__(self, assets: Path, size: int) -> None:
        self._folder = assets / "makehuman" / "skins" / "textures"
        self._masks = assets / "makehuman" / "uv_masks"
        self._size = size
        self._sources: dict[str, Image] = {}

    def _source(self, name: str) -> Image:
        if name not in self._sources:
            image = read_image(self._folder / f"{name}.png", 4096)[..., :3]
            self._sources[name] = cv2.resize(image, (self._size, self._size), interpolation=cv2.INTER_AREA).astype(
                np.uint8
            )
        return self._sources[name]

    def mask(self, name: str) -> npt.NDArray[np.float32]:
        """A region of the skin ("lips", "eyelids", "face", ...) as float32 (size, size) in 0..1, upright."""
        image = read_image(self._masks / f"{name}.jpg", 4096)[..., 0]
        mask = cv2.resize(image, (self._size, self._size), interpolation=cv2.INTER_AREA)
        return (mask / 255.0).astype(np.float32)

    def mix(self, recipe: SkinRecipe) -> Image:
        """The skin picture, BGR (size, size, 3), upright."""
        skin = np.zeros((self._size, self._size, 3), np.float32)
        for name, share in recipe.sources:
            skin += np.float32(share) * self._source(name)
        grey = skin @ np.array([0.114, 0.587, 0.299], np.float32)
        skin = grey[..., None] * (1 - recipe.saturation) + skin * recipe.saturation
        skin = (255 * (np.clip(skin, 0, 255) / 255) ** recipe.gamma * np.array(recipe.tint)).astype(np.float32)
        self._apply_paint(skin, recipe.paint)
        return np.clip(skin, 0, 255).astype(np.uint8)

    def _apply_paint(self, skin: npt.NDArray[np.float32], paint: Paint) -> None:
        """Colour lips and lids, keeping their relief, and strew freckles over nose and cheeks; in place."""
        for region, colour, strength in (
            ("lips", paint.lips, paint.lips_strength),
            ("eyelids", paint.lids, paint.lids_strength),
        ):
            if strength > 0:
                mask = cv2.GaussianBlur(self.mask(region), (0, 0), self._size / 900) * strength
                relief = skin.mean(axis=2) / max(float(np.average(skin.mean(axis=2), weights=mask)), 1.0)
                skin += mask[..., None] * (relief[..., None] * np.array(colour, np.float32) - skin)
        if paint.freckles > 0:
            mask = self.mask("face") * (1 - self.mask("lips")) * self._freckles() * paint.freckles
            skin *= 1 - mask[..., None] * np.array([0.42, 0.36, 0.22], np.float32)

    def _freckles(self) -> npt.NDArray[np.float32]:
        """Where freckles are, 0..1 (size, size); the same ones at every size."""
        noise = np.random.default_rng(7).standard_normal((2048, 2048), np.float32)
        spots = cv2.GaussianBlur(noise, (0, 0), 1.3)
        spots = np.clip(spots / spots.std() - 2.0, 0, 1)
        return cv2.resize(spots, (self._size, self._size), interpolation=cv2.INTER_AREA).astype(np.float32)
