"""Every number of a training run, recorded beside what it made."""

from __future__ import annotations

import dataclasses
import json
import math
from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True)
class Configuration:
    """Settings of one training run; the defaults made the shipped networks."""

    seed: int = 1
    batch: int = 8
    steps: int = 14000
    """Length of the learning-rate schedule; training ends there."""
    learning_rate: float = 1.2e-3
    warm_up_steps: int = 120
    hold: float = 0.35
    """Part of the steps at the full rate, before the cosine."""
    weight_decay: float = 1e-3
    average_decay: float = 0.995
    """Decay of the exponential moving average of the weights, which is what gets exported."""
    clip_norm: float = 1.0
    colour_weight: float = 2.0
    gradient_weight: float = 2.0
    structure_weight: float = 0.25
    matte_weight: float = 0.15
    outside_weight: float = 0.05
    """Keeps the residual small where there is nothing to learn from."""
    emphasis: float = 3.0
    """Extra weight of eyes and mouth; skin has 1."""
    holdout_every: int = 16
    """One actor in so many is held out for the evaluation."""

    def learning_rate_at(self, step: int) -> float:
        """Warm-up, hold, cosine down to 3 %."""
        progress = min(1.0, step / self.steps)
        warm = min(1.0, (step + 1) / self.warm_up_steps)
        if progress <= self.hold:
            return self.learning_rate * warm
        turn = 0.5 * (1.0 + math.cos(math.pi * (progress - self.hold) / (1.0 - self.hold)))
        return self.learning_rate * warm * (0.97 * turn + 0.03)

    def held_out(self, actor_seed: int) -> bool:
        """Whether an actor belongs to the evaluation; no training step sees that actor."""
        # Knuth's multiplicative hash spreads consecutive seeds.
        return (actor_seed * 2654435761) % 2**32 // 64 % self.holdout_every == 0

    def save(self, path: Path) -> None:
        """Write as JSON."""
        path.write_text(json.dumps(dataclasses.asdict(self), indent=2) + "\n", encoding="utf-8")

    @classmethod
    def load(cls, path: Path) -> Configuration:
        """Read what `save` wrote; raises TypeError for unknown settings."""
        return cls(**json.loads(path.read_text(encoding="utf-8")))
