"""How well a parser's labels and the matte made of them fit the truth."""

from __future__ import annotations

import numpy as np

from deepfake_core.parsing.classes import HEAD, Label

CLASSES = len(Label)


def confusion(output: np.ndarray, truth: np.ndarray) -> np.ndarray:
    """int64 (20, 3): hits, false alarms and misses of each class in pixels; labels uint8 of one shape."""
    pairs = np.bincount(truth.ravel().astype(np.int64) * CLASSES + output.ravel(), minlength=CLASSES**2)
    table = pairs.reshape(CLASSES, CLASSES)
    hits = np.diag(table)
    return np.column_stack([hits, table.sum(0) - hits, table.sum(1) - hits])


def f1(counts: np.ndarray) -> np.ndarray:
    """F1 of each class, float64 (20,), 0..1, of summed counts (20, 3); NaN for a class that the truth never shows."""
    hits, alarms, misses = counts.astype(np.float64).T
    with np.errstate(invalid="ignore"):
        return np.where(hits + misses > 0, 2 * hits / (2 * hits + alarms + misses), np.nan)


def head_matte(labels: np.ndarray) -> np.ndarray:
    """uint8 (S, S): 255 over the visible head in labels uint8 (S, S)."""
    return np.where(np.isin(labels, HEAD), 255, 0).astype(np.uint8)


def matte_error(output: np.ndarray, truth: np.ndarray) -> float:
    """Summed absolute difference over the truth's area: 0 for the same matte, 1 for an empty one; uint8 (S, S).

    NaN where the truth is empty.
    """
    area = truth.sum(dtype=np.int64)
    return float(np.abs(output.astype(np.int64) - truth).sum() / area) if area else float("nan")
