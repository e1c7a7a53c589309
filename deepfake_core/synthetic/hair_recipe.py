"""What is drawn of a random adult's hair."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from deepfake_core.synthetic.hair_styles import ASSETS
from deepfake_core.synthetic.part import Colour
from deepfake_core.synthetic.traits import Traits

KINDS = ("straight", "wavy", "curly", "coily")
# Of MakeHuman's african, asian and caucasian shapes, the share of each kind: leaning, never exclusive.
KIND_SHARES = np.array([[0.12, 0.1, 0.2, 0.58], [0.66, 0.24, 0.07, 0.03], [0.43, 0.36, 0.17, 0.04]])
LENGTHS = ("short", "chin", "long", "tied")
LENGTH_SHARES = {"male": (0.8, 0.09, 0.06, 0.05), "female": (0.2, 0.22, 0.36, 0.22)}
CUTS = {
    ("straight", "short"): (
        "buzz", "crew", "crop", "caesar", "side_part", "side_part", "combed_back", "quiff", "tousled", "pixie", "pixie",
    ),
    ("wavy", "short"): ("crew", "side_part", "combed_back", "quiff", "tousled", "tousled", "pixie", "pixie", "buzz"),
    ("curly", "short"): ("short_curls", "short_curls", "curly_top", "curly_top", "buzz"),
    ("coily", "short"): ("coils", "coils", "buzz", "afro", "short_locs"),
    ("straight", "chin"): ("bob", "bob", "bob_fringe", "chin_length"),
    ("wavy", "chin"): ("wavy_bob", "wavy_bob", "bob", "chin_length"),
    ("curly", "chin"): ("curly_bob", "curly_bob", "wavy_bob"),
    ("coily", "chin"): ("afro", "afro", "round_afro", "locs", "short_locs"),
    ("straight", "long"): ("long", "long", "long_side", "long_side", "long_fringe", "long_back"),
    ("wavy", "long"): ("long_wavy", "long_wavy", "long_side", "long_back", "long_fringe"),
    ("curly", "long"): ("long_curly", "long_curly", "long_wavy"),
    ("coily", "long"): ("box_braids", "box_braids", "locs", "round_afro", "long_curly"),
    ("straight", "tied"): ("ponytail", "low_ponytail", "bun", "top_knot", "plait"),
    ("wavy", "tied"): ("ponytail", "low_ponytail", "bun", "top_knot", "plait"),
    ("curly", "tied"): ("puff", "bun", "top_knot", "low_ponytail"),
    ("coily", "tied"): ("puff", "puff", "bun", "top_knot"),
}  # fmt: skip
MOSTLY_MALE = ("buzz", "crew", "caesar", "crop", "quiff", "curly_top")
COLOURS = (
    (0.012, 0.0105, 0.01), (0.032, 0.021, 0.015), (0.07, 0.039, 0.022),
    (0.13, 0.077, 0.042), (0.3, 0.195, 0.1), (0.46, 0.34, 0.2), (0.15, 0.045, 0.016),
)  # fmt: skip  # black, dark brown, brown, light brown, dark blond, blond, red
COLOUR_SHARES = np.array([
    [0.62, 0.25, 0.08, 0.02, 0.01, 0.01, 0.01],
    [0.6, 0.27, 0.09, 0.02, 0.01, 0.005, 0.005],
    [0.08, 0.22, 0.27, 0.16, 0.12, 0.08, 0.07],
])  # fmt: skip
DYES = (
    (0.04, 0.1, 0.38), (0.5, 0.13, 0.27), (0.14, 0.05, 0.26), (0.04, 0.2, 0.13),
    (0.3, 0.02, 0.02), (0.6, 0.54, 0.42), (0.42, 0.4, 0.45), (0.34, 0.06, 0.012),
)  # fmt: skip


@dataclass(frozen=True)
class HairRecipe:
    """The style (None: bald) by its name in `STYLES`, or the name of a mesh of the assets.

    colour: linear RGB of a strand near its root (of an asset: a factor on its texture); tips: at its tip, None as
    the root; grey: share of white strands; recession 0..1 of the forehead's hairline; crown: 0..1 bare crown;
    wreath: only a wreath around the head is left; size: factor on all lengths; mirrored: parted on the other
    side; seed: of the strands' places.
    """

    style: str | None = None
    colour: Colour = (0.25, 0.17, 0.12)
    tips: Colour | None = None
    grey: float = 0.0
    recession: float = 0.0
    crown: float = 0.0
    wreath: bool = False
    size: float = 1.0
    mirrored: bool = False
    seed: int = 0

    @property
    def covers_scalp(self) -> bool:
        """Whether the whole scalp counts as hair: grown hair brings parts that show where it grows."""
        return self.style in ASSETS


def random_hair(g: np.random.Generator, traits: Traits) -> HairRecipe:
    """Hair that suits the traits: ancestry and tone lean on its kind and colour, age makes it grey and thin."""
    male = traits.sex == "male"
    african, asian, caucasian = traits.ancestry
    african += 0.5 * max(0.0, (traits.monk_tone - 6) / 4)
    peoples = np.array([african, asian, caucasian]) / (african + asian + caucasian)
    kind = KINDS[_draw(g, peoples @ KIND_SHARES)]
    length = LENGTHS[_draw(g, LENGTH_SHARES[traits.sex])]
    recession, crown, wreath, bald = _balding(g, traits)
    colour = np.array(COLOURS[_draw(g, peoples @ COLOUR_SHARES)])
    if wreath or recession > 0.55 or crown > 0.25:
        length = "short" if g.random() < 0.9 else length
    names = CUTS[kind, length]
    if length == "short" and not male:
        names = tuple(name for name in names if name not in MOSTLY_MALE) if g.random() < 0.75 else names
    style = str(names[g.integers(len(names))])
    if wreath:
        style = ("buzz", "crew", "crop")[g.integers(3)]
    grey = _greying(g, traits, peoples)
    colour = colour * float(np.exp(g.normal(0, 0.18)))
    tips = colour * float(g.uniform(1.0, 1.35))
    lighter = np.array([0.34, 0.22, 0.11])  # bleached ends
    if length in ("chin", "long", "tied") and g.random() < (0.2 if not male else 0.04):
        tips = tips + float(g.uniform(0.3, 0.9)) * (lighter - tips) * (lighter > tips)
    if g.random() < (0.025 if male else 0.06):
        tips = np.array(DYES[g.integers(len(DYES))]) * float(np.exp(g.normal(0, 0.2)))
        grey = 0.0
        colour = tips if g.random() < 0.65 else colour
    return HairRecipe(
        style=None if bald else style,
        colour=_rgb(colour),
        tips=_rgb(tips),
        grey=grey,
        recession=recession,
        crown=crown,
        wreath=wreath,
        size=float(np.exp(g.normal(0, 0.13))),
        mirrored=bool(g.random() < 0.4),
        seed=int(g.integers(2**31)),
    )


def _draw(g: np.random.Generator, shares: npt.ArrayLike) -> int:
    p = np.asarray(shares, float)
    return int(g.choice(len(p), p=p / p.sum()))


def _rgb(colour: npt.NDArray[np.float64]) -> Colour:
    red, green, blue = (float(x) for x in np.clip(colour, 0.004, 0.85))
    return red, green, blue


def _balding(g: np.random.Generator, traits: Traits) -> tuple[float, float, bool, bool]:
    """Recession, bare crown, only a wreath left, all gone (or shaved)."""
    years = max(0.0, traits.age - 28)
    a, b, c = g.random(3)
    if traits.sex == "female":
        return float(np.clip(0.1 + years / 400 + 0.06 * g.normal(), 0, 0.35)), 0.0, False, bool(a < 0.012)
    recession = float(np.clip(g.normal(0.12 + years / 75, 0.22), 0, 1))
    wreath = a < years / 260
    crown = float(g.uniform(0.2, 0.6)) if b < years / 170 and not wreath else 0.0
    return recession, crown, bool(wreath), bool(c < 0.05 + years / 420)


def _greying(g: np.random.Generator, traits: Traits, peoples: npt.NDArray[np.float64]) -> float:
    """Share of white strands; some people dye them."""
    onset = g.normal(59 + 4 * (peoples[0] + peoples[1]), 8)
    share = float(1 / (1 + np.exp((onset - traits.age) / 5)))
    dyed = g.random() < (0.12 if traits.sex == "male" else 0.45)
    return 0.0 if dyed or share < 0.06 else round(share, 3)
