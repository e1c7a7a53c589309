"""Training the encoder and a decoder together."""

from __future__ import annotations

import json
import time
from collections.abc import Callable
from pathlib import Path

import keras
import numpy as np
import tensorflow as tf
from safetensors.numpy import load_file, save_file

from deepfake_core.training.configuration import Configuration
from deepfake_core.training.errors import TrainingError
from deepfake_core.training.input_stream import batches
from deepfake_core.training.keras_networks import build_decoder, build_encoder
from deepfake_core.training.losses import swap_loss
from deepfake_core.training.pool import SamplePool

CHECKPOINT = "checkpoint.safetensors"
SETTINGS = "configuration.json"
_REPORT_EVERY = 50


class CheckpointMissing(TrainingError):
    """There is no trained state to take networks from."""


def averaged_networks(folder: Path) -> tuple[keras.Model, keras.Model, int]:
    """Encoder and decoder with the averaged weights of the checkpoint in `folder`, and its step.

    They are what is evaluated and exported. A training that runs beside is not disturbed.
    """
    if not (folder / CHECKPOINT).exists():
        raise CheckpointMissing(f"{folder} holds no checkpoint yet; run 'train' first.")
    state = load_file(folder / CHECKPOINT)
    encoder, decoder = build_encoder(), build_decoder()
    for k, variable in enumerate([*encoder.trainable_variables, *decoder.trainable_variables]):
        variable.assign(state[f"average.{k:03d}"])
    return encoder, decoder, int(state["step"][0])


class Trainer:
    """Encoder, decoder, optimiser and the moving average of the weights, with exact resume from a folder."""

    def __init__(self, folder: Path, settings: Configuration) -> None:
        """Start in `folder`, or go on from the checkpoint that lies there."""
        self.folder = folder
        self.settings = settings
        keras.utils.set_random_seed(settings.seed)
        self.encoder = build_encoder()
        self.decoder = build_decoder()
        self._trained = [*self.encoder.trainable_variables, *self.decoder.trainable_variables]
        self._optimiser = keras.optimizers.AdamW(
            settings.learning_rate, beta_1=0.9, beta_2=0.98, weight_decay=settings.weight_decay
        )
        self._optimiser.exclude_from_weight_decay(var_names=["bias"])
        self._optimiser.build(self._trained)
        self._average = [tf.Variable(v.value, trainable=False) for v in self._trained]
        self.step = 0
        folder.mkdir(parents=True, exist_ok=True)
        settings.save(folder / SETTINGS)
        if (folder / CHECKPOINT).exists():
            self._restore()
        self._compiled = tf.function(self._train_step, jit_compile=False, reduce_retracing=True)

    def train(
        self, pool: SamplePool, *, until: int, checkpoint_seconds: float = 180.0, say: Callable[[str], None] = print
    ) -> None:
        """Train up to step `until`, taking in new samples and saving a checkpoint every few minutes."""
        sums: dict[str, float] = {}
        started = last_checkpoint = time.monotonic()
        first = self.step
        for batch in batches(pool, self.settings.batch, self.step):
            if self.step >= until:
                break
            self._optimiser.learning_rate.assign(self.settings.learning_rate_at(self.step))
            losses = self._compiled(batch, tf.constant(self._decay(), tf.float32))
            self.step += 1
            for name, value in losses.items():
                sums[name] = sums.get(name, 0.0) + float(value)
            if self.step % _REPORT_EVERY == 0:
                rate = (self.step - first) * self.settings.batch / (time.monotonic() - started)
                # After a resume the first report covers fewer steps.
                steps = min(_REPORT_EVERY, self.step - first)
                report = {name: round(value / steps, 4) for name, value in sums.items()}
                self._log({"step": self.step, "samples": len(pool), "per_second": round(rate, 1), **report}, say)
                sums = {}
            if time.monotonic() - last_checkpoint > checkpoint_seconds:
                self.save()
                pool.take_new()
                last_checkpoint = time.monotonic()
        self.save()

    def save(self) -> None:
        """Write the checkpoint in one step."""
        temporary = self.folder / (CHECKPOINT + ".new")
        save_file(self._state(), temporary, metadata={"step": str(self.step)})
        temporary.replace(self.folder / CHECKPOINT)

    def _decay(self) -> float:
        # A young average forgets the random start quickly.
        return min(self.settings.average_decay, (self.step + 1) / (self.step + 21))

    def _train_step(self, batch: dict[str, tf.Tensor], decay: tf.Tensor) -> dict[str, tf.Tensor]:
        with tf.GradientTape() as tape:
            features = self.encoder([batch["driver"], batch["geometry"]], training=True)
            outputs = self.decoder({"template": batch["template"], **features}, training=True)
            losses = swap_loss(outputs, batch, batch["template"], self.settings)
        gradients = tape.gradient(losses["total"], [v.value for v in self._trained])
        gradients, _ = tf.clip_by_global_norm(gradients, self.settings.clip_norm)
        self._optimiser.apply(gradients, self._trained)
        for average, variable in zip(self._average, self._trained, strict=True):
            average.assign_sub((1.0 - decay) * (average - variable.value))
        return losses

    def _variables(self) -> dict[str, object]:
        named: dict[str, object] = {}
        for kind, variables in (
            ("weight", self._trained),
            ("average", self._average),
            ("optimiser", self._optimiser.variables),
        ):
            named.update({f"{kind}.{k:03d}": variable for k, variable in enumerate(variables)})
        return named

    def _state(self) -> dict[str, np.ndarray]:
        state = {name: np.array(keras.ops.convert_to_numpy(v)) for name, v in self._variables().items()}
        state["step"] = np.array([self.step], np.int64)
        return state

    def _restore(self) -> None:
        state = load_file(self.folder / CHECKPOINT)
        self.step = int(state["step"][0])
        for name, variable in self._variables().items():
            variable.assign(state[name])  # type: ignore[attr-defined]

    def _log(self, entry: dict, say: Callable[[str], None]) -> None:
        line = json.dumps(entry)
        with (self.folder / "log.jsonl").open("a", encoding="utf-8") as file:
            file.write(line + "\n")
        say(line)
