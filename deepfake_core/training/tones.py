"""A table of how well the networks do by the tone of the driver's skin."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np

from deepfake_core.training.errors import TrainingError
from deepfake_core.training.evaluation import Evaluation

FIGURES = ("PSNR dB", "SSIM", "gradient energy", "PSNR eyes and mouth dB")
"""The first of `evaluation.Figures`: those of which more is better."""
TOLERATED = 0.05
"""How much worse than the mean a tone may be."""

People = dict[int, dict[int, np.ndarray]]
"""Seed of a person -> tone -> figures."""


class TonesUnknown(TrainingError):
    """No sample says which tone its driver has."""


def tone_table(results: Mapping[str, Evaluation]) -> list[str]:
    """Rows of a Markdown table: for each identity the mean of each figure, and each tone's as a part of that mean; last
    the mean over all identities. What lies below 1 - TOLERATED is bold.

    results: by the identity's name. Everybody counts as much, however many samples show them. Where people were
    rendered in several tones, only those count who are there in all of them, so that nothing but the skin differs.
    Raises TonesUnknown.
    """
    judged = {name: _people(result) for name, result in results.items()}
    tones = sorted({tone for people in judged.values() for seen in people.values() for tone in seen})
    if not all(judged.values()):
        raise TonesUnknown("The samples do not say which tone their drivers have: prepare them again.")
    table = [["identity", "figure", "mean", *map(str, tones)], ["---"] * (len(tones) + 3)]
    together: list[list[np.ndarray]] = [[] for _ in tones]
    for name, people in judged.items():
        found = {tone: [seen[tone] for seen in people.values() if tone in seen] for tone in tones}
        mean = np.concatenate([figures for figures in found.values() if figures]).mean(0)
        parts = [[figures / mean for figures in found[tone]] for tone in tones]
        table.append([name, "people", str(len(people)), *(str(len(part)) for part in parts)])
        table += _figures(name, [f"{value:.3g}" for value in mean], parts)
        for gathered, part in zip(together, parts, strict=True):
            gathered.extend([np.mean(part, axis=0)] if part else [])
    table += _figures("all", ["1"] * len(FIGURES), together)
    return [f"| {' | '.join(row)} |" for row in table]


def _people(result: Evaluation) -> People:
    people: People = {}
    for seed, tone in np.unique(np.column_stack([result.actor_seeds, result.tones]), axis=0).tolist():
        if tone:
            shown = (result.actor_seeds == seed) & (result.tones == tone)
            people.setdefault(seed, {})[tone] = result.by_sample[shown].mean(0)[: len(FIGURES)]
    most = max((len(seen) for seen in people.values()), default=0)
    return {seed: seen for seed, seen in people.items() if len(seen) == most}


def _figures(name: str, means: Sequence[str], of_tones: Sequence[Sequence[np.ndarray]]) -> list[list[str]]:
    """A row for each figure; of_tones: for each tone everybody's figures as parts of the mean."""
    cells = [[_cell(share) for share in np.mean(part, axis=0)] if part else ["-"] * len(FIGURES) for part in of_tones]
    return [[name, figure, means[k], *(cell[k] for cell in cells)] for k, figure in enumerate(FIGURES)]


def _cell(share: float) -> str:
    return f"**{share:.3f}**" if share < 1.0 - TOLERATED else f"{share:.3f}"
