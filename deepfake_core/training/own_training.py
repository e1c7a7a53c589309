"""Training the decoder of a person's own identity, from the best one that there is, for a given time.

The rate stays the same and the average of the weights grows with the run, so that it can end at any time.
"""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path

import numpy as np

from deepfake_core.training import checkpoint
from deepfake_core.training.configuration import Configuration
from deepfake_core.training.evaluation import Evaluation, evaluate
from deepfake_core.training.losses import Critics
from deepfake_core.training.own_base import Base
from deepfake_core.training.pool import SamplePool
from deepfake_core.training.report import Report
from deepfake_core.training.trainer import Networks, Trainer, averaged_networks
from deepfake_core.training.workspace import Workspace

STATE = "own.json"
_ROWS = 8
_RATE = 3e-4
_JUDGED = 96
_TRIED = 48
"""Samples on which the decoders that are there are tried."""
_LEARNT = 0.7
"""How far the weights go from those that the training started from to those that it reached. One person's video shows
one light and one background: what it teaches about the face is kept, and much of what it makes the decoder forget
comes back (Wortsman et al., "Robust fine-tuning of zero-shot models", 2022)."""
MARKS = (2.0, 5.0, 10.0, 20.0, 40.0, 60.0)
"""Minutes after which the identity is judged on frames held out, for the curve."""


@dataclass
class Progress:
    """What of the training is done; kept in `own.json`."""

    nearest: str
    """The identity with the nearest face."""
    start: str = ""
    """The one whose decoder the training starts from."""
    step: int = 0
    seconds: float = 0.0
    """Trained so far."""
    curve: list[dict[str, float]] = field(default_factory=list)

    def save(self, folder: Path) -> None:
        """Write in one step."""
        temporary = folder / f".{STATE}"
        temporary.write_text(json.dumps(asdict(self), indent=2) + "\n", encoding="utf-8")
        temporary.replace(folder / STATE)

    @classmethod
    def load(cls, folder: Path) -> Progress:
        """What `save` wrote."""
        return cls(**json.loads((folder / STATE).read_text(encoding="utf-8")))


def configuration(*, bfloat16: bool) -> Configuration:
    """Settings of a training on one person's video; the time given ends it, not its steps."""
    return Configuration(
        rows=_ROWS,
        steps=1_000_000,
        hold=1.0,
        learning_rate=_RATE,
        warm_up_steps=60,
        average_decay=0.9995,
        self_reconstruction=0.15,
        relit=0.6,
        # As the shipped networks were trained last: more like the truth pixel by pixel; detail comes at run time.
        structure_weight=2.0,
        contrast_weight=3.0,
        # Sharper edges, but flecks and a lower SSIM: docs/training.md.
        adversarial_weight=0.0,
        detail_from=0.0,
        bfloat16=bfloat16,
        judge_every=400,
    )


def train(
    workspace: Workspace,
    name: str,
    *,
    base: Base,
    minutes: float,
    settings: Configuration,
    critics: Critics | None = None,
    marks: Sequence[float] = MARKS,
    say: Callable[[str], None] = lambda _line: None,
) -> Progress:
    """Train until `minutes` of training are over, or go on with it; Ctrl-C ends it with a checkpoint.

    marks: minutes after which frames held out are judged, as at the end. The encoder stays as it is, for all
    identities share it: what learns is the whole decoder, from the one of those there that draws this person best.
    """
    run = workspace.run
    progress = Progress.load(workspace.folder)
    pools = [SamplePool(workspace.samples, [name], settings, held_out=held_out) for held_out in (False, True)]
    start = _start(workspace)
    if not (run / checkpoint.CHECKPOINT).exists():
        progress.start = best_start(base, pools[0])
        base.start(progress.start, name, start)
        progress.save(workspace.folder)
        say(f"starts from the decoder of {progress.start}")
    trainer = Trainer(run, [name], settings, critics, fork=start, train_encoder=False)
    budget = 60.0 * minutes
    for mark in sorted({*(60.0 * each for each in marks if each < minutes), budget}):
        if progress.seconds < mark:
            _train_until(mark, budget, trainer, pools, progress)
            progress.save(workspace.folder)
        if progress.seconds < mark:
            return progress  # Ctrl-C
        if not progress.curve or progress.curve[-1]["step"] < trainer.step:
            found = judge(workspace, name, settings)
            point = {"minutes": round(progress.seconds / 60, 1), "step": trainer.step, **asdict(found.networks)}
            progress.curve.append(point)
            progress.save(workspace.folder)
            say(f"after {point['minutes']:.0f} minutes: " + ", ".join(f"{k} {v:.3f}" for k, v in point.items()))
    return progress


def _train_until(mark: float, budget: float, trainer: Trainer, pools: Sequence[SamplePool], progress: Progress) -> None:
    """Train up to the second `mark` of `budget`, and note in `progress` how far it came.

    pools: to train on, and held out.
    """
    began = time.monotonic() - progress.seconds

    def seconds(_step: int = 0) -> float:
        return time.monotonic() - began

    report = Report(trainer.folder, trainer.settings, budget, done=seconds)
    trainer.train(
        pools[0],
        until=trainer.settings.steps,
        held_out=pools[1],
        report=report,
        stop=lambda: seconds() >= mark,
    )
    progress.seconds, progress.step = seconds(), trainer.step


def best_start(base: Base, pool: SamplePool) -> str:
    """The identity whose decoder, as it is, draws the samples of `pool` most like their truth.

    The nearest face is often not the best teacher: expression and light count more.
    """
    names = [one.name for one in base.known]
    networks, _ = averaged_networks(base.weights, names)
    similarity = [evaluate(networks.encoder, decoder, pool, _TRIED, 1).networks.ssim for decoder in networks.decoders]
    return names[int(np.argmax(similarity))]


def learnt_networks(workspace: Workspace, name: str) -> tuple[Networks, int]:
    """The encoder and the decoder to use and to export, and the step: see `_LEARNT`."""
    networks, step = averaged_networks(workspace.run, [name])
    before = checkpoint.load(_start(workspace))
    for key, variable in networks.variables().items():
        first = before[f"average.{key}"].astype(np.float32)
        variable.assign(first + _LEARNT * (variable.numpy() - first))
    return networks, step


def _start(workspace: Workspace) -> Path:
    return workspace.folder / "start"


def judge(workspace: Workspace, name: str, settings: Configuration) -> Evaluation:
    """Figures of the networks, and of the template alone, on frames held out."""
    networks, _ = learnt_networks(workspace, name)
    return evaluate(networks.encoder, networks.decoders[0], held_out(workspace, name, settings), _JUDGED)


def held_out(workspace: Workspace, name: str, settings: Configuration) -> SamplePool:
    """The frames that no step trains on."""
    return SamplePool(workspace.samples, [name], settings, held_out=True)
