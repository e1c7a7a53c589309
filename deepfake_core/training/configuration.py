"""Every number of a training run, recorded beside what it made."""

from __future__ import annotations

import dataclasses
import json
import math
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from deepfake_core.training.errors import TrainingError


class ConfigurationBroken(TrainingError):
    """A configuration file does not hold what this version reads."""


@dataclass(frozen=True)
class Configuration:
    """Settings of one training run; the defaults made the shipped networks."""

    seed: int = 1
    rows: int = 6
    """Samples of each identity in a step, an even number."""
    sides: tuple[int, ...] = (96, 128, 192)
    """Sides n of the networks' pictures; each step draws one."""
    side_shares: tuple[float, ...] = (0.3, 0.55, 0.15)
    steps: int = 14000
    """Length of the learning-rate schedule; training ends there."""
    learning_rate: float = 1.2e-3
    warm_up_steps: int = 120
    hold: float = 0.35
    """Part of the steps at the full rate, before the cosine."""
    weight_decay: float = 1e-3
    muon: bool = False
    """Whether Muon changes the kernels, not AdamW."""
    average_decay: float = 0.995
    """Decay of the exponential moving average of the weights, which is what gets exported."""
    clip_norm: float = 1.0
    bfloat16: bool = False
    """Whether the networks compute in bfloat16 (weights, losses and optimiser stay float32)."""

    colour_weight: float = 2.0
    edges_weight: float = 2.0
    structure_weight: float = 0.5
    contrast_weight: float = 6.0
    matte_weight: float = 0.2
    outside_weight: float = 0.05
    """Keeps the residual small where there is nothing to learn from."""
    temporal_weight: float = 0.5
    emphasis: float = 3.0
    """Extra weight of eyes and mouth; skin has 1."""

    detail_from: float = 0.55
    """Part of the steps after which the losses of detail join: perceptual, identity and adversarial."""
    perceptual_weight: float = 0.1
    identity_weight: float = 0.1
    adversarial_weight: float = 0.1
    discriminator_rate: float = 4e-4

    sequence_share: float = 0.25
    """Part of the rows that are two consecutive frames."""
    self_reconstruction: float = 0.0
    """Part of the rows in which the identity itself drives, its picture warped at random (Faceswap's autoencoder)."""
    mirrored: float = 0.5
    """Part of the rows of which all is mirrored: driver, template and truth."""
    relit: float = 0.0
    """Part of the rows on whose driver and truth one more lamp shines."""
    template: bool = True
    """False trains the plain autoencoder to compare with: the same networks see neither template nor geometry."""

    holdout_every: int = 16
    """One actor in so many is held out for the evaluation."""
    judge_every: int = 500
    """Steps between looks at the held-out actors."""
    patience: int = 0
    """Looks without a better figure after which training stops early; 0: it never does."""

    def __post_init__(self) -> None:
        """Refuse what cannot train."""
        if self.rows < 2 or self.rows % 2:
            raise ConfigurationBroken(f"rows is {self.rows}; it has to be an even number of 2 or more.")
        if len(self.sides) != len(self.side_shares) or any(side % 16 for side in self.sides):
            raise ConfigurationBroken(f"sides {self.sides} need as many shares, and 16 has to divide each.")

    def changed(self, numbers: Sequence[str]) -> Configuration:
        """The same with some numbers set by "name=number"; raises ConfigurationBroken."""
        kinds = {field.name: type(field.default) for field in dataclasses.fields(self)}
        values: dict[str, Any] = {}
        for text in numbers:
            name, _, number = text.partition("=")
            kind = kinds.get(name)
            if kind not in (int, float):
                raise ConfigurationBroken(f"{text!r} sets no number of the configuration.")
            try:
                values[name] = kind(number)
            except ValueError as error:
                raise ConfigurationBroken(f"{text!r}: {number!r} is no {kind.__name__}.") from error
        return dataclasses.replace(self, **values)

    def autoencoder(self) -> Configuration:
        """The same for the plain autoencoder: pictures alone, no template.

        Half of the rows are the classic's (each identity reconstructed from itself, warped); the other half are our
        pairs, which the classic never had: without them its encoder would know no driver.
        """
        return dataclasses.replace(
            self,
            template=False,
            self_reconstruction=0.5,
            sequence_share=0.0,
            temporal_weight=0.0,
            adversarial_weight=0.0,
        )

    def learning_rate_at(self, step: int) -> float:
        """Warm-up, hold, cosine down to 3 %."""
        progress = min(1.0, step / self.steps)
        warm = min(1.0, (step + 1) / self.warm_up_steps)
        if progress <= self.hold:
            return self.learning_rate * warm
        turn = 0.5 * (1.0 + math.cos(math.pi * (progress - self.hold) / (1.0 - self.hold)))
        return self.learning_rate * warm * (0.97 * turn + 0.03)

    def details_at(self, step: int) -> bool:
        """Whether the losses of detail count in this step."""
        return step >= self.detail_from * self.steps

    def held_out(self, actor_seed: int) -> bool:
        """Whether an actor belongs to the evaluation; no training step sees that actor."""
        # Knuth's multiplicative hash spreads consecutive seeds.
        return (actor_seed * 2654435761) % 2**32 // 64 % self.holdout_every == 0

    def save(self, path: Path) -> None:
        """Write as JSON."""
        path.write_text(json.dumps(dataclasses.asdict(self), indent=2) + "\n", encoding="utf-8")

    @classmethod
    def load(cls, path: Path) -> Configuration:
        """Read what `save` wrote; raises ConfigurationBroken."""
        try:
            values = json.loads(path.read_text(encoding="utf-8"))
            values |= {name: tuple(values[name]) for name in ("sides", "side_shares") if name in values}
            return cls(**values)
        except (OSError, ValueError, TypeError) as error:
            raise ConfigurationBroken(f"{path} is no configuration of this version: {error}") from error
