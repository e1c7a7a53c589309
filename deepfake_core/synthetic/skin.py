"""Skin pictures: mixed from at least two sources, recoloured and painted, so that nobody is depicted."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

import cv2
import numpy as np
import numpy.typing as npt

from deepfake_core.synthetic.assets import read_image
from deepfake_core.synthetic.labels import Label
from deepfake_core.synthetic.mesh import Mesh
from deepfake_core.synthetic.monk_tones import skin_albedo
from deepfake_core.synthetic.part import Colour, Material, Surface
from deepfake_core.synthetic.skin_details import Field, HeadMap, SkinDetails
from deepfake_core.synthetic.traits import Traits

Image = npt.NDArray[np.uint8]
NO_DETAILS = SkinDetails()
GAMMA = 2.2  # of the textures, as the shaders read them
PALM_SOURCE, PALM = "middleage_darkskinned_male_diffuse", np.array([0.5, 0.5, 0.6], np.float32)  # BGR, linear
HANDS = (0.36, 0.75, 0.8)  # left, right and top of the hands in the texture
# The source skins by shade, age and sex.
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
    """Skins by name and their shares (sum 1).

    With an `albedo` (linear RGB, the mean over the face) only the relief of the sources is mixed, and coloured with
    it, keeping the share `flush` of their local changes of hue. Without one their colours are mixed, and changed by
    saturation, gamma and a BGR factor. Then follow paint and details.
    """

    sources: tuple[tuple[str, float], ...]
    saturation: float = 0.85
    gamma: float = 1.0
    tint: tuple[float, float, float] = (1.0, 1.0, 1.0)
    paint: Paint = Paint()
    roughness: float = 0.45
    albedo: Colour | None = None
    flush: float = 1.0
    details: SkinDetails = NO_DETAILS


LIP_COLOURS = (  # BGR, linear: reds, roses, plums and browns
    (0.04, 0.025, 0.32), (0.12, 0.09, 0.4), (0.13, 0.1, 0.33), (0.05, 0.035, 0.2), (0.08, 0.06, 0.2), (0.2, 0.16, 0.46),
)  # fmt: skip
LID_COLOURS = (
    (0.06, 0.06, 0.08), (0.12, 0.08, 0.12), (0.1, 0.12, 0.2), (0.2, 0.13, 0.08), (0.04, 0.07, 0.13), (0.12, 0.2, 0.35),
)  # fmt: skip
INSIDE_OF_MOUTH = (0.035, 0.03, 0.16)  # BGR, linear: the same whatever the skin's tone
WEIGHTS = np.array([0.1, 0.6, 0.3], np.float32)  # of BGR in luminance


def random_skin(g: np.random.Generator, traits: Traits) -> SkinRecipe:
    """A skin of the Monk tone that the traits name, of an age, with what life leaves on it."""
    darkness = (traits.monk_tone - 1) / 9
    ageing = float(np.clip((traits.age - 25) / 60, 0, 1))
    albedo = np.array(skin_albedo(traits.monk_tone, g.normal(0, 1, 3)))
    albedo += 0.2 * ageing * (albedo @ WEIGHTS[::-1] - albedo)  # old skin is greyer
    red, green, blue = (float(x) for x in albedo)
    return SkinRecipe(
        sources=_random_sources(g, traits, darkness),
        saturation=1.0,
        roughness=float(g.uniform(0.38, 0.52)),
        albedo=(red, green, blue),
        flush=1.0 - 0.45 * darkness,
        details=_random_details(g, traits, darkness, ageing),
    )


def _random_sources(g: np.random.Generator, traits: Traits, darkness: float) -> tuple[tuple[str, float], ...]:
    """Two to four source skins of about the right age, none of which has more than 0.6."""

    def choose(shade: str, count: int) -> list[str]:
        names = NAMES[shade, traits.sex]
        ages = np.array([28 if "young" in name else 48 if "middleage" in name else 72 for name in names])
        likely = np.exp(-(((ages - traits.age) / 22.0) ** 2)) + 0.02
        return [str(name) for name in g.choice(names, count, replace=False, p=likely / likely.sum())]

    light, dark = choose("light", 2), choose("dark", 2)
    dark_share = float(np.clip((darkness - 0.3) / 0.5 + g.normal(0, 0.1), 0, 0.8))
    uneven = float(g.uniform(0.4, 0.6))
    shares = {
        light[0]: (1 - dark_share) * uneven,
        light[1]: (1 - dark_share) * (1 - uneven),
        dark[0]: dark_share * (1 - uneven),
        dark[1]: dark_share * uneven,
    }
    return tuple((name, share) for name, share in shares.items() if share > 0)


def _random_details(g: np.random.Generator, traits: Traits, darkness: float, ageing: float) -> SkinDetails:
    freckled = g.random() < (0.35 if traits.monk_tone <= 4 else 0.12 if traits.monk_tone <= 6 else 0.03)
    shaved = traits.sex == "male" and g.random() < 0.65
    made_up = traits.sex == "female" and g.random() < 0.6
    brown = float(g.uniform(0.2, 1)) * (1 - darkness) ** 2 * (1 - ageing)  # share of light brown in the stubble
    grey = float(np.clip(2.2 * ageing - 0.9 + g.normal(0, 0.15), 0, 0.8))
    stubble = np.array([0.02, 0.024, 0.028]) + brown * np.array([0.03, 0.06, 0.1]) + grey * np.array([0.2, 0.2, 0.2])
    blue, green, red = (float(x) for x in stubble)

    def strength(likely: float, low: float, high: float) -> float:
        drawn, value = g.random(), float(g.uniform(low, high))
        return value if drawn < likely else 0.0

    return SkinDetails(
        seed=int(g.integers(2**31)),
        redness=float(g.uniform(0.1, 1.0)),
        blotches=float(g.uniform(0.4, 1.3)),
        pores=float(g.uniform(0.4, 1.0)),
        freckles=float(g.uniform(0.2, 1.0)) if freckled else 0.0,
        moles=int(g.poisson(1.2)),
        sun_spots=float(np.clip(ageing - 0.25, 0, 1) * g.uniform(0.2, 1.1)),
        wrinkles=float(np.clip(1.25 * ageing - 0.12 * darkness + g.normal(0.0, 0.08), 0, 1)),
        eye_rings=float(np.clip(g.uniform(0.0, 0.6) + 0.4 * ageing, 0, 1)),
        stubble=float(g.beta(1.2, 1.6)) if shaved else 0.0,
        stubble_colour=(blue, green, red),
        lipstick=strength(0.75, 0.3, 0.85) if made_up else 0.0,
        lipstick_colour=_darker(LIP_COLOURS[g.integers(len(LIP_COLOURS))], 1 - 0.55 * darkness),
        eyeshadow=strength(0.6, 0.1, 0.6) if made_up else 0.0,
        eyeshadow_colour=_darker(LID_COLOURS[g.integers(len(LID_COLOURS))], 1 - 0.7 * darkness),
        blush=strength(0.6, 0.2, 1.0) if made_up else 0.0,
        liner=strength(0.6, 0.3, 1.0) if made_up else 0.0,
    )


def _darker(colour: Colour, factor: float) -> Colour:
    first, second, third = colour
    return first * factor, second * factor, third * factor


def skin_material(recipe: SkinRecipe) -> Material:
    """How light leaves this skin."""
    bump = 0.05 if recipe.albedo is None else 0.035
    if recipe.albedo is not None:  # relief is read from brightness, which varies less on a dark skin
        bump *= float(np.clip((0.45 / max(recipe.albedo[1], 0.01)) ** 0.2, 0.8, 1.3))
    return Material(Surface.SKIN, Label.SKIN, roughness=recipe.roughness, specular=0.03, bump=bump)


def metering(recipe: SkinRecipe) -> float:
    """How much brighter than a middle skin a webcam takes this one: its automatic exposure meters on the face, and
    makes up for a part of what a dark skin swallows and a light one throws back."""
    if recipe.albedo is None:
        return 1.0
    red, green, blue = recipe.albedo
    return float((0.25 / (0.3 * red + 0.6 * green + 0.1 * blue)) ** 0.22)


class SkinShop:
    """Reads the source skins once, at `size` px square, and mixes them. `mesh`: the base mesh."""

    def __init__(self, assets: Path, size: int, mesh: Mesh) -> None:
        self._folder = assets / "makehuman" / "skins" / "textures"
        self._mask_folder = assets / "makehuman" / "uv_masks"
        self.size = size
        self._mesh = mesh
        self._sources: dict[str, Image] = {}
        self._masks: dict[str, Field] = {}
        self._relief_tables: dict[str, npt.NDArray[np.float32]] = {}
        # 12 bits of the square root of linear light to 8 bits of the texture's code.
        self._code = (255 * (np.arange(4096) / 4095) ** (2 / GAMMA) + 0.5).astype(np.uint8)

    def mask(self, name: str) -> Field:
        """A region of the skin ("lips", "eyelids", "face", ...) as float32 (size, size) in 0..1, upright."""
        if name not in self._masks:
            image = read_image(self._mask_folder / f"{name}.jpg", 4096)[..., 0]
            mask = cv2.resize(image, (self.size, self.size), interpolation=cv2.INTER_AREA)
            self._masks[name] = (mask / 255.0).astype(np.float32)
        return self._masks[name]

    @cached_property
    def head_map(self) -> HeadMap:
        """Where each texel of the head lies."""
        return HeadMap(self._mesh, self.size, {name: self.mask(name) for name in ("face", "lips", "eyelids", "ears")})

    def mix(self, recipe: SkinRecipe) -> Image:
        """The skin picture, BGR (size, size, 3), upright."""
        if recipe.albedo is not None:
            coloured = self._coloured_relief(recipe, recipe.albedo)
            if recipe.paint == Paint():
                return coloured
            skin = coloured.astype(np.float32)
        else:
            skin = self._mixed_colours(recipe)
        self._apply_paint(skin, recipe.paint)
        return np.clip(skin, 0, 255).astype(np.uint8)

    def _source(self, name: str) -> Image:
        if name not in self._sources:
            image = read_image(self._folder / f"{name}.png", 4096)[..., :3]
            self._sources[name] = cv2.resize(image, (self.size, self.size), interpolation=cv2.INTER_AREA).astype(
                np.uint8
            )
        return self._sources[name]

    def _relief_table(self, name: str) -> npt.NDArray[np.float32]:
        """For each 8-bit code of a source's blue, green and red: linear light as a multiple of the face's mean.

        (1, 256, 3). Contrast is lessened, most in the dark sources, where it is twice that of the
        light ones.
        """
        if name not in self._relief_tables:
            face = self.mask("face") > 0.5
            linear = (np.arange(256) / 255.0) ** GAMMA
            contrast = 0.55 if "dark" in name else 0.85
            table = np.empty((1, 256, 3), np.float32)
            for channel in range(3):
                codes = self._source(name)[..., channel][face]
                curve = np.maximum(linear / linear[codes].mean(), 0.02) ** contrast
                table[0, :, channel] = curve / curve[codes].mean()
            self._relief_tables[name] = table
        return self._relief_tables[name]

    def _coloured_relief(self, recipe: SkinRecipe, albedo: Colour) -> Image:
        """The sources' mixed relief in this colour, with details: BGR 0..255 in the texture's code."""
        relief = np.zeros((self.size, self.size, 3), np.float32)
        for name, share in recipe.sources:
            cv2.scaleAdd(cv2.LUT(self._source(name), self._relief_table(name)), share, relief, relief)
        hues = recipe.flush * np.eye(3) + (1 - recipe.flush) * WEIGHTS
        skin = np.asarray(cv2.transform(relief, np.diag(albedo[::-1]) @ hues), np.float32)
        self._pale_palms(skin, albedo)
        if recipe.details != NO_DETAILS:
            self.head_map.paint(skin, recipe.details)
        inside = self._mouth_rows
        wet = self.mask("inside-mouth")[inside, :, None]
        skin[inside] += wet * (
            np.array(INSIDE_OF_MOUTH, np.float32) * (relief[inside] @ WEIGHTS)[..., None] - skin[inside]
        )
        codes = cv2.sqrt(np.clip(skin, 0, 1, out=skin)) * np.float32(4095)
        return self._code.take(codes.astype(np.uint16))

    @cached_property
    def _mouth_rows(self) -> slice:
        rows = np.flatnonzero(self.mask("inside-mouth").max(axis=1) > 0)
        return slice(int(rows[0]), int(rows[-1]) + 1)

    @property
    def hands(self) -> tuple[slice, slice]:
        """Rows and columns of the texture with the hands."""
        left, right, top = (int(share * self.size) for share in HANDS)
        return slice(top, None), slice(left, right)

    @cached_property
    def palms(self) -> Field:
        """Where the `hands` are palms, 0..1: where a dark source is much lighter than its face."""
        relief = cv2.LUT(self._source(PALM_SOURCE)[self.hands], self._relief_table(PALM_SOURCE))
        mask = np.clip((relief @ WEIGHTS - 1.4) / 0.8, 0, 1)
        return cv2.GaussianBlur(mask, (0, 0), self.size / 500).astype(np.float32)

    def _pale_palms(self, skin: Field, albedo: Colour) -> None:
        """Palms hold little melanin, whatever the skin's tone; in place."""
        hands, face = skin[self.hands], np.array(albedo[::-1], np.float32)
        palm = np.maximum(np.sqrt(face * PALM), face).astype(np.float32)  # half way, as a ratio
        relief = hands / np.maximum((hands @ WEIGHTS)[..., None], 1e-4)
        hands += self.palms[..., None] * (palm * (relief * 0.3 + 0.7) - hands)

    def _mixed_colours(self, recipe: SkinRecipe) -> Field:
        """The sources' colours mixed in the texture's code: BGR 0..255."""
        skin = np.zeros((self.size, self.size, 3), np.float32)
        for name, share in recipe.sources:
            skin += np.float32(share) * self._source(name)
        grey = skin @ np.array([0.114, 0.587, 0.299], np.float32)
        skin = grey[..., None] * (1 - recipe.saturation) + skin * recipe.saturation
        return (255 * (np.clip(skin, 0, 255) / 255) ** recipe.gamma * np.array(recipe.tint)).astype(np.float32)

    def _apply_paint(self, skin: npt.NDArray[np.float32], paint: Paint) -> None:
        """Colour lips and lids, keeping their relief, and strew freckles over nose and cheeks; in place."""
        for region, colour, strength in (
            ("lips", paint.lips, paint.lips_strength),
            ("eyelids", paint.lids, paint.lids_strength),
        ):
            if strength > 0:
                mask = cv2.GaussianBlur(self.mask(region), (0, 0), self.size / 900) * strength
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
        return cv2.resize(spots, (self.size, self.size), interpolation=cv2.INTER_AREA).astype(np.float32)
