"""What was measured on films of drivers, as one flat object, by film, and as tables."""

from __future__ import annotations

import math
from collections import Counter
from typing import Any

from rich.box import SIMPLE
from rich.console import Group, RenderableType
from rich.table import Table

from deepfake_core.evaluation.drivers import KEYS, ClipScore, by_identity, overall


def flat(scores: list[ClipScore], candidate: str) -> dict[str, Any]:
    """Each figure over all identities, and again as `<identity>_<key>`; None: no driver says anything about it."""
    figures: dict[str, Any] = {"drivers_candidate": candidate, "drivers_films": len({one.clip for one in scores})}
    figures |= _rounded(overall(scores))
    for name, values in by_identity(scores).items():
        figures |= {f"{name}_{key}": value for key, value in _rounded(values).items()}
    return figures


def by_clip(scores: list[ClipScore]) -> dict[str, Any]:
    """Identity -> film -> figures, and how often it was taken for whom."""
    nested: dict[str, Any] = {}
    for one in scores:
        taken_for = dict(Counter(one.taken_for).most_common())
        figures = {"frames": one.frames, "taken_for": taken_for} | _rounded(one.figures())
        nested.setdefault(one.identity, {})[one.clip] = figures
    return nested


def tables(scores: list[ClipScore]) -> RenderableType:
    """The figures to read: one row for each identity, then one for each film."""
    names = by_identity(scores)
    first = _table("films of drivers, by identity", [*names.items(), ("all", overall(scores))])
    films = [(one.clip, one.identity, one.figures()) for one in scores]
    return Group(
        first,
        *(
            _table(f"by film, {name}", [(clip, values) for clip, identity, values in films if identity == name])
            for name in names
        ),
    )


def _table(title: str, rows: list[tuple[str, dict[str, float]]]) -> Table:
    table = Table(title=title, box=SIMPLE, title_justify="left")
    table.add_column("", no_wrap=True)
    for key in KEYS:
        table.add_column(key, justify="right")
    for name, values in rows:
        table.add_row(name, *(f"{values[key]:.2f}" if math.isfinite(values[key]) else "-" for key in KEYS))
    return table


def _rounded(values: dict[str, float]) -> dict[str, float | None]:
    return {key: round(value, 4) if math.isfinite(value) else None for key, value in values.items()}
