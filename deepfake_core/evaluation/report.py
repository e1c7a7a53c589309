"""What was measured, as figures by group, as one flat object, and as tables."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

from rich.box import SIMPLE
from rich.console import Group as Lines
from rich.console import RenderableType
from rich.table import Table

from deepfake_core.evaluation import plate
from deepfake_core.evaluation.groups import OCCLUDERS, TONES, groups
from deepfake_core.evaluation.judging import Judgement
from deepfake_core.evaluation.measures import MEASURES, Measure

KINDS = {
    "tone": "by the actor's Monk skin tone",
    "sex": "by the actor's sex",
    "yaw": "by yaw in degrees",
    "occluder": "by occluder",
    "case": "by case (stills)",
}
ORDER = ["none", *OCCLUDERS, *map(str, TONES)]
"""Of the groups that frames and stills do not show in one order; the sort keeps the others' own."""


@dataclass(frozen=True)
class Report:
    """Figures of one judgement."""

    values: dict[str, dict[str, dict[str, float]]]
    """Measure -> kind of group -> group -> value; the kind "all" has one group, "all"."""
    counts: dict[str, dict[str, dict[str, int]]]
    """"frames" or "stills" -> kind -> group -> how many."""
    about: dict[str, Any]
    """What was measured, on what."""

    def overall(self, measure: Measure) -> float:
        """The figure over everything."""
        return self.values[measure.key]["all"]["all"]

    def worst_tone(self, measure: Measure) -> tuple[str, float]:
        """The Monk tone that fares worst, and its figure."""
        return measure.worst(self.values[measure.key].get("tone", {}))

    def flat(self) -> dict[str, Any]:
        """One flat object: what was measured, each figure, and each again as `_worst_tone`; None: nothing was there."""
        figures: dict[str, Any] = dict(self.about)
        for measure in MEASURES:
            figures[measure.key] = _rounded(self.overall(measure))
            figures[f"{measure.key}_worst_tone"] = _rounded(self.worst_tone(measure)[1])
        return figures

    def by_group(self) -> dict[str, Any]:
        """All figures, nested; None where there was nothing to measure."""
        figures = {
            key: {kind: {name: _rounded(value) for name, value in named.items()} for kind, named in kinds.items()}
            for key, kinds in self.values.items()
        }
        return {"about": self.about, "counts": self.counts, "figures": figures}

    def tables(self) -> RenderableType:
        """The figures to read."""
        return Lines(self._overall_table(), *(self._table(kind, title) for kind, title in KINDS.items()))

    def _overall_table(self) -> Table:
        table = Table(title="overall", box=SIMPLE, title_justify="left")
        for heading in ("measure", "unit", "better"):
            table.add_column(heading, no_wrap=True)
        for heading in ("all", "worst tone", "tone"):
            table.add_column(heading, justify="right")
        for measure in MEASURES:
            tone, value = self.worst_tone(measure)
            table.add_row(
                measure.key, measure.unit, measure.better, _text(self.overall(measure)), _text(value), tone or "-"
            )
        return table

    def _table(self, kind: str, title: str) -> Table:
        table = Table(title=title, box=SIMPLE, title_justify="left")
        table.add_column("measure", no_wrap=True)
        names = list(dict.fromkeys(name for of in ("frames", "stills") for name in self.counts[of].get(kind, {})))
        names.sort(key=lambda name: ORDER.index(name) if name in ORDER else len(ORDER))
        for name in names:
            table.add_column(name, justify="right")
        for of in ("frames", "stills"):
            counts = self.counts[of].get(kind, {})
            table.add_row(of, *(str(counts.get(name, "-")) for name in names), style="dim")
        for measure in MEASURES:
            values = self.values[measure.key].get(kind, {})
            if measure.by_group and any(math.isfinite(value) for value in values.values()):
                table.add_row(measure.key, *(_text(values.get(name, math.nan)) for name in names))
        return table


def report(judgement: Judgement) -> Report:
    """Work out every figure for every group."""
    task = judgement.task
    columns = {"frames": judgement.frames, "stills": judgement.stills}
    cases = {"frames": (), "stills": task.benchmark.stills.description.cases}
    found = {of: groups(columns[of], cases[of]) for of in columns}
    values: dict[str, dict[str, dict[str, float]]] = {}
    for measure in MEASURES:
        kinds = values.setdefault(measure.key, {})
        for group in found[measure.of]:
            rows = {name: column[group.rows] for name, column in columns[measure.of].items()}
            kinds.setdefault(group.kind, {})[group.name] = measure.value(rows)
    counts: dict[str, dict[str, dict[str, int]]] = {of: {} for of in columns}
    for of, listed in found.items():
        for group in listed:
            counts[of].setdefault(group.kind, {})[group.name] = int(group.rows.sum())
    about = {
        "candidate": task.candidate,
        "identity": task.identity,
        "mode": str(task.mode),
        "truth": task.truth,
        "parser": task.parser,
        "matte": f"head classes of the parser '{task.parser}'",
        "plate": plate.PLATE,
        "benchmark_version": task.benchmark.version,
        "benchmark_sha256": task.benchmark.definition_sha256,
        "size": task.benchmark.sequences.description.size,
        "sequences": len(task.benchmark.sequences.shards),
        "frames": len(judgement.frames["yaw"]),
        "frames_without_swap": int((judgement.frames["coverage"] == 0).sum()),
        "stills": len(judgement.stills["yaw"]),
        "gaze_noise_deg": _rounded(judgement.gaze_noise_deg),
    }
    return Report(values, counts, about)


def _rounded(value: float) -> float | None:
    return round(value, 5) if math.isfinite(value) else None


def _text(value: float) -> str:
    return f"{value:.3f}" if math.isfinite(value) else "-"
