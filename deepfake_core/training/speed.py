"""How fast training is: the whole step with its input beside the bare step on data that lies ready."""

from __future__ import annotations

import tempfile
import time
from dataclasses import dataclass
from pathlib import Path

from deepfake_core.training.configuration import Configuration
from deepfake_core.training.input_stream import batches
from deepfake_core.training.pool import SamplePool
from deepfake_core.training.trainer import Trainer


@dataclass(frozen=True)
class Speed:
    """Images a second; of both the same steps, so the same sides."""

    bare: float
    whole: float

    def __str__(self) -> str:
        return (
            f"bare step {self.bare:.1f} images/s, whole step {self.whole:.1f} images/s: "
            f"{100 * self.whole / self.bare:.0f} %"
        )


def measure(pool: SamplePool, settings: Configuration, *, steps: int, workers: int = 2) -> Speed:
    """Measure both in turn, in short blocks, so that other work on the machine slows both alike."""
    pool.require()
    with tempfile.TemporaryDirectory() as folder:
        trainer = Trainer(Path(folder), pool.identities, settings)
        ready = {}
        for step in range(200):
            if pool.side(step) not in ready:
                ready[pool.side(step)] = pool.batch(step)
        for batch in ready.values():
            trainer.advance(batch)
        stream = batches(pool, 0, workers)
        taken = {"bare": 0.0, "whole": 0.0}
        block = 10
        for start in range(0, steps, block):
            began = time.monotonic()
            for step in range(start, start + block):
                trainer.advance(ready[pool.side(step)])
            taken["bare"] += time.monotonic() - began
            began = time.monotonic()
            for _ in range(block):
                trainer.advance(next(stream))
            taken["whole"] += time.monotonic() - began
        images = trainer.rows * -(-steps // block) * block
    return Speed(*(images / taken[name] for name in ("bare", "whole")))
