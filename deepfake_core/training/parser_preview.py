"""What a training of the face parser shows of itself: curves, and pictures beside their labels."""

from __future__ import annotations

import json
from collections.abc import Iterable
from pathlib import Path

import cv2
import numpy as np

from deepfake_core.parsing.classes import PALETTE_BGR, Label

CURVES = "parser-curves.png"
PREVIEW = "parser-preview.png"
_WIDTH, _HEIGHT, _MARGIN = 960, 480, 50
_COLOURS = {"cross_entropy": (200, 120, 20), "overlap": (30, 30, 200)}


def draw_curves(log: Path, out: Path) -> None:
    """Cross-entropy and overlap (1 - mean Dice) over the steps, from the lines of a training's log, as a PNG."""
    entries = [json.loads(line) for line in log.read_text(encoding="utf-8").splitlines()]
    if not entries:
        return
    picture = np.full((_HEIGHT, _WIDTH, 3), 255, np.uint8)
    steps = np.array([entry["step"] for entry in entries], np.float64)
    top = max(0.1, *(entry[name] for entry in entries[len(entries) // 20 :] for name in _COLOURS))
    for tenth in range(11):
        y = round(_HEIGHT - _MARGIN - tenth / 10 * (_HEIGHT - 2 * _MARGIN))
        cv2.line(picture, (_MARGIN, y), (_WIDTH - _MARGIN, y), (225, 225, 225), 1)
        _write(picture, f"{top * tenth / 10:.2f}", (8, y + 4), (90, 90, 90))
    for row, (name, colour) in enumerate(_COLOURS.items()):
        values = np.array([min(entry[name], top) for entry in entries])
        x = _MARGIN + steps / steps.max() * (_WIDTH - 2 * _MARGIN)
        y = _HEIGHT - _MARGIN - values / top * (_HEIGHT - 2 * _MARGIN)
        line = np.round(np.stack([x, y], 1) * 16).astype(np.int32)
        cv2.polylines(picture, [line], isClosed=False, color=colour, thickness=2, lineType=cv2.LINE_AA, shift=4)
        _write(picture, name.replace("_", "-"), (_WIDTH - 3 * _MARGIN, _MARGIN + 18 * row), colour)
    _write(picture, f"step {int(steps[-1])}", (_WIDTH - 3 * _MARGIN, _HEIGHT - 15), (90, 90, 90))
    save_picture(picture, out)


def draw_sheet(rows: Iterable[tuple[np.ndarray, ...]], out: Path, columns: int = 3) -> None:
    """A PNG of samples, each a row of pictures uint8 (n, n, 3) and label pictures uint8 (m, m)."""
    made = []
    for row in rows:
        size = row[0].shape[0]
        made.append(np.hstack([part if part.ndim == 3 else coloured(part, size) for part in row]))
    while len(made) % columns:
        made.append(np.zeros_like(made[0]))
    save_picture(np.vstack([np.hstack(made[k : k + columns]) for k in range(0, len(made), columns)]), out)


def coloured(labels: np.ndarray, size: int) -> np.ndarray:
    """Labels uint8 (m, m) as a picture uint8 (size, size, 3) BGR; grey where nobody knows."""
    palette = np.full((256, 3), 128, np.uint8)
    palette[: len(Label)] = PALETTE_BGR
    return cv2.resize(palette[labels], (size, size), interpolation=cv2.INTER_NEAREST).astype(np.uint8)


def save_picture(picture: np.ndarray, out: Path) -> None:
    """Write a PNG in one step."""
    done, data = cv2.imencode(".png", picture)
    assert done
    temporary = out.with_suffix(".new")
    temporary.write_bytes(data.tobytes())
    temporary.replace(out)


def _write(picture: np.ndarray, text: str, place: tuple[int, int], colour: tuple[int, int, int]) -> None:
    cv2.putText(picture, text, place, cv2.FONT_HERSHEY_SIMPLEX, 0.42, colour, 1, cv2.LINE_AA)
