"""Who and what a measure is told apart by, so that nobody hides in a mean."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

YAW_BANDS = ((0, 15), (15, 30), (30, 45), (45, 60), (60, 90))
"""Degrees to either side, the lower end included; the last band has no upper end."""
SEXES = ("female", "male")
OCCLUDERS = ("glasses", "hand", "microphone", "cup", "phone", "hat", "headset", "sunglasses", "beard")
"""Names of the bits of `occluded`, lowest first."""
TONES = range(1, 11)


@dataclass(frozen=True)
class Group:
    """Some of the frames or stills."""

    kind: str
    """"all", "tone", "sex", "yaw", "occluder" or "case"."""
    name: str
    rows: np.ndarray
    """bool (N,)."""


def groups(columns: dict[str, np.ndarray], cases: Sequence[str] = ()) -> list[Group]:
    """All groups that are not empty; a row is in one tone, sex and yaw band, and with each of its occluders.

    columns: `monk_tone` (1..10), `sex` (0 female, 1 male), `yaw` in degrees, `occluded` (bits of `OCCLUDERS`), each
    (N,), and `case`, an index into `cases`, where these are given.
    """
    tone, sex, yaw, occluded = (columns[name] for name in ("monk_tone", "sex", "yaw", "occluded"))
    found = [Group("all", "all", np.ones(len(tone), np.bool_))]
    found += [Group("tone", str(value), tone == value) for value in TONES]
    found += [Group("sex", name, sex == value) for value, name in enumerate(SEXES)]
    for low, high in YAW_BANDS:
        beyond = (low, high) == YAW_BANDS[-1]
        found.append(Group("yaw", f"{low}-{high}", (np.abs(yaw) >= low) & (beyond | (np.abs(yaw) < high))))
    found.append(Group("occluder", "none", occluded == 0))
    found += [Group("occluder", name, (occluded >> bit) & 1 == 1) for bit, name in enumerate(OCCLUDERS)]
    found += [Group("case", name, columns["case"] == value) for value, name in enumerate(cases)]
    return [group for group in found if group.rows.any()]
