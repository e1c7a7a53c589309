"""Pictures of the frames that came out best, middling and worst."""

from __future__ import annotations

import cv2
import numpy as np

from deepfake_core.evaluation.sequences import Shown

RANKS = ("best", "median", "worst")
_HEADINGS = ("actor", "truth", "output", "difference x 4")
_LINE = 18


def contact_sheet(shown: list[Shown], rows: int = 3) -> np.ndarray:
    """uint8 BGR: for each rank up to `rows` frames of different sequences; actor, truth, output and difference.

    The ranks go by `perceptual_face`. Each sequence brings its best, median and worst frame; of the medians those in
    the middle are shown.
    """
    lines: list[np.ndarray] = []
    for rank in RANKS:
        of_rank = sorted((frame for frame in shown if frame.rank == rank), key=lambda frame: frame.distance)
        if rank == "worst":
            of_rank.reverse()
        # The middling ones stand in the middle of what is sorted.
        first = max(0, (len(of_rank) - rows) // 2) if rank == "median" else 0
        lines += [_line(frame) for frame in of_rank[first : first + rows]]
    if not lines:
        return np.zeros((_LINE, _LINE, 3), np.uint8)
    side = lines[0].shape[1] // len(_HEADINGS)
    top = np.zeros((_LINE, lines[0].shape[1], 3), np.uint8)
    for k, heading in enumerate(_HEADINGS):
        _write(top, heading, k * side)
    return np.vstack([top, *lines])


def _line(frame: Shown) -> np.ndarray:
    _, truth, output = frame.pictures
    difference = cv2.convertScaleAbs(cv2.absdiff(output, truth), alpha=4)
    pictures = np.hstack([*frame.pictures, difference])
    caption = np.zeros((_LINE, pictures.shape[1], 3), np.uint8)
    words = f"{frame.rank} {frame.distance:.3f}, sequence {frame.sequence} frame {frame.frame}, tone {frame.monk_tone}"
    _write(caption, words, 0)
    return np.vstack([caption, pictures])


def _write(strip: np.ndarray, words: str, x: int) -> None:
    cv2.putText(strip, words, (x + 4, _LINE - 5), cv2.FONT_HERSHEY_SIMPLEX, 0.42, (255, 255, 255), 1, cv2.LINE_AA)
