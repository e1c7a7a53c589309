"""The ways hair is cut and combed."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from deepfake_core.synthetic.hair_texture import Kind

Flow = Literal["whorl", "forward", "back", "part", "quiff", "tousled", "tie"]


@dataclass(frozen=True)
class Style:
    """One cut. Lengths in dm: of the fringe, the top, the sides and the back.

    flow: how it is combed; cling: 0 stands free .. 1 follows the head; part: where it parts (share of the half
    width, 0 in the middle); lift: 0 lies on the head .. 1 stands off it; fall: how soon it hangs down; volume:
    how far it stands off (dm); curl: its swing and wavelength (dm); strands are drawn by cards of `width` dm with
    `knots` points; `roll` turns them (radians).
    `shape` "puff" grows cards on a ball of `volume`, "ropes" makes tubes instead of cards.
    tied: what happens where the hair is tied together; tie: where (in the unshaped mesh's dm).
    """

    flow: Flow = "whorl"
    lengths: tuple[float, float, float, float] = (0.4, 0.4, 0.3, 0.3)
    lift: float = 0.3
    fall: float = 0.3
    volume: float = 0.1
    cling: float = 0.8
    part: float = 0.35
    curl: tuple[float, float] = (0.0, 1.0)
    picture: Kind = "straight"
    cards: int = 1100
    width: float = 0.12
    knots: int = 4
    roll: float = 0.35
    shape: Literal["cards", "puff", "ropes"] = "cards"
    tied: Literal["", "tail", "bun", "plait"] = ""
    tie: tuple[float, float, float] = (0.0, 7.75, -0.42)
    tail: float = 0.0


def _short(**changes: object) -> Style:
    values: dict[str, object] = {
        "lift": 0.45, "fall": 0.2, "cards": 1900, "width": 0.07, "knots": 3, "roll": 0.5, "picture": "short",
    }  # fmt: skip
    return Style(**(values | changes))  # type: ignore[arg-type]


def _long(**changes: object) -> Style:
    values: dict[str, object] = {
        "flow": "part", "lengths": (2.6, 2.8, 2.6, 2.6), "lift": 0.18, "fall": 0.5, "volume": 0.13, "part": 0.0,
        "cling": 0.95, "cards": 620, "width": 0.17, "knots": 8, "roll": 0.3,
    }  # fmt: skip
    return Style(**(values | changes))  # type: ignore[arg-type]


def _tied(**changes: object) -> Style:
    values: dict[str, object] = {
        "flow": "tie", "lift": 0.05, "volume": 0.035, "cards": 620, "width": 0.16, "knots": 7, "roll": 0.18,
        "tied": "tail", "tail": 2.2,
    }  # fmt: skip
    return Style(**(values | changes))  # type: ignore[arg-type]


STYLES: dict[str, Style] = {
    # Short
    "buzz": _short(lengths=(0.06, 0.07, 0.05, 0.05), lift=0.75, volume=0.02, cards=1800, width=0.04, knots=2),
    "crew": _short(lengths=(0.24, 0.2, 0.07, 0.07), flow="forward", lift=0.8, volume=0.06, cling=0.3),
    "crop": _short(lengths=(0.4, 0.38, 0.14, 0.16), flow="forward", volume=0.09),
    "caesar": _short(lengths=(0.5, 0.6, 0.3, 0.3), flow="forward", lift=0.3, volume=0.1, knots=4),
    "side_part": _short(
        lengths=(0.9, 0.85, 0.3, 0.28), flow="part", lift=0.35, volume=0.16, knots=4, width=0.09, cards=1600
    ),
    "combed_back": _short(
        lengths=(1.0, 1.0, 0.5, 0.45), flow="back", lift=0.3, volume=0.13, knots=4, width=0.09, cards=1600
    ),
    "quiff": _short(
        lengths=(0.75, 0.6, 0.12, 0.14), flow="quiff", lift=0.55, fall=0.35, volume=0.28, knots=5, cling=0.6,
        width=0.08, cards=1500,
    ),
    "tousled": _short(
        lengths=(0.65, 0.6, 0.4, 0.4), flow="tousled", lift=0.5, volume=0.2, curl=(0.02, 0.5), knots=4, cling=0.6,
        width=0.09, cards=1600,
    ),
    "pixie": _short(
        lengths=(0.9, 0.85, 0.5, 0.42), flow="part", part=0.5, lift=0.4, volume=0.17, knots=4, width=0.09, cards=1600
    ),
    "short_curls": _short(
        lengths=(0.4, 0.4, 0.2, 0.2), flow="tousled", lift=0.9, volume=0.22, picture="curly", width=0.13, knots=4,
        roll=0.9, cling=0.5,
    ),
    "curly_top": _short(
        lengths=(0.6, 0.6, 0.09, 0.09), flow="tousled", lift=0.85, volume=0.3, curl=(0.03, 0.4), picture="curly",
        width=0.14, knots=5, roll=0.9, cling=0.5,
    ),
    # Coily
    "coils": Style(
        lengths=(0.1, 0.1, 0.08, 0.08), lift=1.0, volume=0.06, picture="coily", cards=1700, width=0.15, knots=2,
        roll=1.2, shape="puff",
    ),
    "afro": Style(
        lengths=(0.16, 0.16, 0.14, 0.14), lift=1.0, volume=0.36, picture="coily", cards=2300, width=0.14, knots=2,
        roll=1.2, shape="puff",
    ),
    "round_afro": Style(
        lengths=(0.2, 0.2, 0.2, 0.2), lift=1.0, volume=0.72, picture="coily", cards=2800, width=0.16, knots=2,
        roll=1.2, shape="puff",
    ),
    "locs": Style(
        "part", (1.7, 1.7, 1.6, 1.5), 0.35, 0.55, 0.14, part=0.15, picture="braid", cards=170, width=0.085, knots=9,
        shape="ropes",
    ),
    "short_locs": Style(
        "tousled", (0.75, 0.75, 0.5, 0.5), 0.75, 0.4, 0.2, picture="braid", cards=210, width=0.085, knots=6,
        shape="ropes",
    ),
    "box_braids": Style(
        "part", (3.0, 3.0, 2.8, 2.6), 0.25, 0.6, 0.12, part=0.0, picture="braid", cards=190, width=0.065, knots=10,
        shape="ropes",
    ),
    # To the chin
    "bob": _long(lengths=(1.45, 1.5, 1.2, 0.95), volume=0.16, part=0.35, knots=8, lift=0.25),
    "bob_fringe": _long(lengths=(0.62, 1.5, 1.2, 0.95), volume=0.16, flow="forward", knots=8, lift=0.25),
    "wavy_bob": _long(
        lengths=(1.5, 1.55, 1.3, 1.05), volume=0.2, part=0.3, curl=(0.06, 0.8), picture="wavy", knots=9, lift=0.3
    ),
    "curly_bob": _long(
        lengths=(1.2, 1.3, 1.1, 1.0), volume=0.3, part=0.2, curl=(0.09, 0.45), picture="curly", knots=9, lift=0.6,
        width=0.2, cards=1000, roll=0.8,
    ),
    "chin_length": _long(lengths=(1.3, 1.3, 0.9, 0.85), flow="back", volume=0.14, curl=(0.04, 0.8), picture="wavy"),
    # Long
    "long": _long(),
    "long_side": _long(part=0.45, lengths=(2.7, 2.8, 2.5, 2.4)),
    "long_fringe": _long(flow="forward", lengths=(0.6, 2.7, 2.5, 2.5)),
    "long_wavy": _long(curl=(0.09, 0.95), picture="wavy", volume=0.18, part=0.2, lift=0.25, knots=11),
    "long_curly": _long(
        curl=(0.11, 0.5), picture="curly", volume=0.3, part=0.1, lift=0.55, width=0.21, knots=12, roll=0.8,
        lengths=(2.0, 2.1, 2.0, 2.0),
    ),
    "long_back": _long(flow="back", lengths=(2.4, 2.3, 1.8, 1.6), curl=(0.05, 1.0), picture="wavy"),
    # Tied
    "ponytail": _tied(),
    "low_ponytail": _tied(tie=(0.0, 7.0, -0.42), tail=1.7),
    "puff": _tied(tie=(0.0, 8.3, -0.15), tail=0.55, picture="coily", width=0.15),
    "bun": _tied(tied="bun", tie=(0.0, 7.55, -0.45), tail=0.3),
    "top_knot": _tied(tied="bun", tie=(0.0, 8.62, 0.2), tail=0.25),
    "plait": _tied(tied="plait", tie=(0.0, 7.2, -0.45), tail=2.4),
}  # fmt: skip

# Meshes of the assets, which named identities wear.
ASSETS = ("bob02", "braid01", "long01", "ponytail01", "short01", "short02", "short03", "short04")
