"""The whole benchmark: every sequence and every still, on several processes."""

from __future__ import annotations

import multiprocessing
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import cv2
import numpy as np

from deepfake_core.evaluation.benchmark import Benchmark, Truth
from deepfake_core.evaluation.gaze import GazeReader
from deepfake_core.evaluation.sequences import Columns, SequenceScore, Shown, score_sequence
from deepfake_core.evaluation.stills import score_stills
from deepfake_core.settings import Mode

GAZE_EVERY = 4
"""So many frames of a sequence share one from which gaze is learned: neighbours look alike."""


@dataclass(frozen=True)
class Task:
    """What is to be measured."""

    benchmark: Benchmark
    candidate: str
    identity: str
    mode: Mode
    truth: Truth
    parser: str
    network: Path | None = None
    """The autoencoder's file."""


@dataclass(frozen=True)
class Judgement:
    """Everything that was measured."""

    task: Task
    frames: Columns
    """A row for each frame of each sequence."""
    stills: Columns
    shown: list[Shown]
    gaze_noise_deg: float


def judge(task: Task, processes: int, advance: Callable[[], None] = lambda: None) -> Judgement:
    """Measure; `advance` is called after each part of `parts(task)`. Raises EvaluationError."""
    scores: list[SequenceScore] = []
    stills: list[Columns] = []
    with mapping(processes) as run:
        for result in run(_part, [(task, kind, index) for kind, index in _parts(task)]):
            (scores if isinstance(result, SequenceScore) else stills).append(result)
            advance()
    frames = _joined([score.columns for score in scores])
    of_stills = _joined(stills)
    reader = _gaze_reader(frames, of_stills)
    difference = reader(frames.pop("eyes")) - reader(frames.pop("true_eyes"))
    frames["gaze_error_deg"] = np.hypot(*difference.T)
    del frames["actor_eyes"], of_stills["actor_eyes"]
    return Judgement(task, frames, of_stills, [row for score in scores for row in score.shown], reader.noise_degrees)


def parts(task: Task) -> int:
    """How many parts the work has."""
    return len(_parts(task))


def _parts(task: Task) -> list[tuple[str, int]]:
    benchmark = task.benchmark
    return [("sequence", k) for k in range(len(benchmark.sequences.shards))] + [
        ("stills", k) for k in range(len(benchmark.stills.shards))
    ]


def _part(work: tuple[Task, str, int]) -> SequenceScore | Columns:
    task, kind, index = work
    if kind == "stills":
        return score_stills(task.benchmark, index, task.parser)
    return score_sequence(
        task.benchmark,
        index,
        task.candidate,
        task.identity,
        mode=task.mode,
        truth=task.truth,
        network=task.network,
    )


@contextmanager
def mapping(processes: int) -> Iterator[Callable[..., Any]]:
    """`map` over worker processes, or in this one; results come in order."""
    if processes == 1:
        yield map
        return
    with multiprocessing.get_context("spawn").Pool(processes, cv2.setNumThreads, (1,)) as pool:
        yield pool.imap


def _joined(columns: list[Columns]) -> Columns:
    return {name: np.concatenate([part[name] for part in columns]) for name in columns[0]}


def _gaze_reader(frames: Columns, stills: Columns) -> GazeReader:
    learned = frames["frame"] % GAZE_EVERY == 0
    # A sequence's actor and its truth are held out together, and never with a still: seeds are not negative.
    sequence = -1 - frames["sequence"][learned].astype(np.int64)
    return GazeReader(
        np.concatenate([frames["true_eyes"][learned], frames["actor_eyes"][learned], stills["actor_eyes"]]),
        np.concatenate([frames["gaze"][learned], frames["gaze"][learned], stills["gaze"]]).astype(np.float64),
        np.concatenate([sequence, sequence, stills["actor_seed"]]),
    )
