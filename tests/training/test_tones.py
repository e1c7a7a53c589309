from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pytest

if TYPE_CHECKING:
    from deepfake_core.training.evaluation import Evaluation

pytestmark = pytest.mark.train


def evaluation(rows: list[tuple[int, int, float]]) -> Evaluation:
    """Samples of (actor, tone, SSIM); all other figures are 1."""
    from deepfake_core.training.evaluation import Evaluation, Figures

    seeds, tones, ssim = (np.array(column) for column in zip(*rows, strict=True))
    by_sample = np.ones((len(rows), 5))
    by_sample[:, 1] = ssim
    none = Figures(*[0.0] * 5)
    return Evaluation(len(rows), none, none, np.empty((0, 4, 8, 8, 3), np.uint8), by_sample, seeds, tones)


def table(**results: list[tuple[int, int, float]]) -> dict[tuple[str, str], list[str]]:
    """Mean and tones of each identity and figure."""
    from deepfake_core.training.tones import tone_table

    rows = [[cell.strip() for cell in row.strip("|").split("|")] for row in tone_table(list_of(results))]
    return {(row[0], row[1]): row[2:] for row in rows}


def list_of(results: dict[str, list[tuple[int, int, float]]]) -> dict[str, Evaluation]:
    return {name: evaluation(rows) for name, rows in results.items()}


def test_everybody_counts_as_much_and_a_bad_tone_is_bold() -> None:
    rows = table(eos=[(1, 3, 0.9), (1, 3, 0.7), (2, 3, 0.8), (4, 10, 0.5)], boreas=[(7, 3, 0.6), (8, 3, 0.6)])
    assert rows["identity", "figure"] == ["mean", "3", "10"]
    assert rows["eos", "people"] == ["3", "2", "1"]
    assert rows["eos", "SSIM"] == ["0.7", "1.143", "**0.714**"]
    assert rows["eos", "PSNR dB"] == ["1", "1.000", "1.000"]
    assert rows["boreas", "people"] == ["2", "2", "0"]
    assert rows["boreas", "SSIM"] == ["0.6", "1.000", "-"]
    assert rows["all", "SSIM"] == ["1", "1.071", "**0.714**"]


def test_the_same_people_are_compared_where_they_show_in_several_tones() -> None:
    rows = table(eos=[(1, 1, 0.8), (1, 2, 0.8), (2, 1, 0.6), (2, 2, 0.6), (3, 2, 0.1), (4, 0, 0.1)])
    assert rows["eos", "people"] == ["2", "2", "2"]
    assert rows["eos", "SSIM"] == ["0.7", "1.000", "1.000"]


def test_samples_that_name_no_tone_make_no_table() -> None:
    from deepfake_core.training.tones import TonesUnknown

    with pytest.raises(TonesUnknown, match="prepare them again"):
        table(eos=[(1, 0, 0.8)])
