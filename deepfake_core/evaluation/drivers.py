"""The live filter on films of real drivers: whether its output moves as they do, and whom it looks like."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np

from deepfake_core.evaluation import movement
from deepfake_core.evaluation.candidates import CANDIDATES, Sample
from deepfake_core.evaluation.embedding import FaceEmbedder
from deepfake_core.evaluation.errors import EvaluationError
from deepfake_core.evaluation.gallery import Gallery
from deepfake_core.evaluation.judging import mapping
from deepfake_core.evaluation.movement import LEAST, Readings
from deepfake_core.frame import Frame
from deepfake_core.parsing.parser import FaceParser
from deepfake_core.settings import Mode

ENDINGS = (".mkv", ".mp4", ".mov", ".webm", ".avi", ".gif", ".jpg", ".jpeg", ".png")
BLIND = ("filter", "template", "none")
"""The candidates that look at no truth."""
FRAME_NS = 33_333_333
MOST_FRAMES = 900
MOST_PIXELS = 4096 * 2304
RETRIEVAL_EVERY = 5
WARMING = 60
"""Frames that the filter sees before it is measured."""
_NO_TRUTH = Sample(*(np.zeros((0, 0), np.uint8),) * 4)
KEYS = (
    *(f"{name}_r" for name in LEAST),
    "mouth_error_cm",
    "jerk_ratio",
    "shape_leak_r",
    "shape_leak_drivers_unit_r",
    "shape_leak_share",
    "identity_retrieval",
)


class FootageUnreadable(EvaluationError):
    """A folder or a film of drivers cannot be read."""


@dataclass(frozen=True)
class Task:
    """What is to be measured: a candidate of `BLIND`, what it replaces, and among whom it is to be recognised."""

    candidate: str
    mode: Mode
    gallery: Gallery | None


@dataclass(frozen=True)
class ClipScore:
    """One driver's film with one identity."""

    clip: str
    identity: str
    frames: int
    swapped: float
    """Share of the frames that show a swap."""
    driver: Readings
    output: Readings
    taken_for: tuple[str, ...]
    """Of the frames looked at, who of the gallery is nearest; "" where no face is found."""

    def figures(self) -> dict[str, float]:
        """The keys of `KEYS`, for this film alone; NaN where it says nothing."""
        return _figures([self])


def clips(folder: Path) -> list[Path]:
    """The films and pictures of a folder, by name; raises FootageUnreadable."""
    try:
        found = sorted(path for path in folder.iterdir() if path.suffix.lower() in ENDINGS)
    except OSError as error:
        raise FootageUnreadable(f"{folder} is no folder of films that can be read ({error}).") from error
    if not found:
        raise FootageUnreadable(f"{folder} holds no film or picture ({', '.join(ENDINGS)}): give another folder.")
    return found


def frames(path: Path) -> list[np.ndarray]:
    """The film's frames, uint8 (H, W, 3) BGR, at most 900; raises FootageUnreadable."""
    video = cv2.VideoCapture(str(path))
    every: list[np.ndarray] = []
    while len(every) < MOST_FRAMES:
        there, frame = video.read()
        if not there:
            break
        if frame.shape[0] * frame.shape[1] > MOST_PIXELS:
            raise FootageUnreadable(f"{path} is larger than {MOST_PIXELS} px: make it smaller.")
        # The filter's formats halve colour: odd sides lose a line.
        every.append(np.ascontiguousarray(frame[: frame.shape[0] // 2 * 2, : frame.shape[1] // 2 * 2]))
    video.release()
    if not every:
        raise FootageUnreadable(f"{path} holds no frame that can be decoded; take it out of the folder.")
    return every


def score_clip(path: Path, identity: str, task: Task) -> ClipScore:
    """Run and measure one film; raises EvaluationError.

    The filter sees the film's beginning once backwards before it is measured: it has then known its driver for two
    seconds, as in any use but such short films.
    """
    film = frames(path)
    swap = CANDIDATES[task.candidate](identity, task.mode)
    embed = FaceEmbedder() if task.gallery else None
    readers = movement.MovementReader(FaceParser(threads=1, provider="cpu")), movement.MovementReader()
    swapped, taken_for = 0, []
    clock = 0
    for bgr in reversed(film[1:WARMING]):
        clock += FRAME_NS
        swap(Frame.from_bgr(bgr.copy(), clock), _NO_TRUTH)
    for k, bgr in enumerate(film):
        clock += FRAME_NS
        output = Frame.from_bgr(bgr.copy(), clock)
        shown = swap(output, _NO_TRUTH)
        swapped += shown
        readers[0].read(bgr, clock)
        seen = output.to_bgr() if shown else np.zeros_like(bgr)
        readers[1].read(seen, clock)
        landmarks = readers[1].last
        if task.gallery and embed and shown and k % RETRIEVAL_EVERY == 0:
            taken_for.append("" if landmarks is None else task.gallery.nearest(embed(seen, landmarks)))
    driver = readers[0].readings()
    return ClipScore(
        path.name,
        identity,
        len(film),
        swapped / len(film),
        driver,
        movement.followed(driver, readers[1].readings()),
        tuple(taken_for),
    )


def score(
    paths: list[Path],
    identities: list[str],
    task: Task,
    processes: int,
    advance: Callable[[], None] = lambda: None,
) -> list[ClipScore]:
    """Run and measure every film with every identity; `advance` is called after each. Raises EvaluationError."""
    scores = []
    with mapping(processes) as run:
        for result in run(_score, [(path, identity, task) for identity in identities for path in paths]):
            scores.append(result)
            advance()
    return scores


def _score(work: tuple[Path, str, Task]) -> ClipScore:
    return score_clip(*work)


def overall(scores: list[ClipScore]) -> dict[str, float]:
    """The keys of `KEYS`: the mean over the identities of what each has over all films."""
    each = list(by_identity(scores).values())
    return {key: _mean([figures[key] for figures in each]) for key in each[0]}


def by_identity(scores: list[ClipScore]) -> dict[str, dict[str, float]]:
    """The same for each identity."""
    names = dict.fromkeys(one.identity for one in scores)
    return {name: _figures([one for one in scores if one.identity == name]) for name in names}


def _figures(scores: list[ClipScore]) -> dict[str, float]:
    pairs = [(one.driver, one.output) for one in scores]
    figures = {f"{name}_r": movement.agreement(pairs, name) for name in LEAST}
    leaks = {
        "shape_leak": movement.shape_leak(pairs),
        "shape_leak_drivers_unit": movement.shape_leak(pairs, drivers_unit=True),
    }
    shares = movement.shape_share(pairs)
    found = [name == one.identity for one in scores for name in one.taken_for]
    return figures | {
        "mouth_error_cm": movement.mouth_error(pairs),
        "jerk_ratio": movement.jerk(pairs),
        **{f"{kind}_r": _mean(list(each.values())) for kind, each in leaks.items()},
        **{f"{kind}_{name}_r": value for kind, each in leaks.items() for name, value in each.items()},
        "shape_leak_share": _mean(list(shares.values())),
        **{f"shape_leak_share_{name}": value for name, value in shares.items()},
        "identity_retrieval": float(np.mean(found)) if found else float("nan"),
        "read": _share_read(scores),
        "swapped": float(np.average([one.swapped for one in scores], weights=[one.frames for one in scores])),
    }


def _share_read(scores: list[ClipScore]) -> float:
    """Of the frames with a driver's face, those in whose output it is found again."""
    known = np.concatenate([np.isfinite(one.driver["yaw"]) for one in scores])
    again = np.concatenate([np.isfinite(one.output["yaw"]) for one in scores])
    return float(again[known].mean()) if known.any() else float("nan")


def _mean(values: list[float]) -> float:
    finite = [value for value in values if np.isfinite(value)]
    return float(np.mean(finite)) if finite else float("nan")
