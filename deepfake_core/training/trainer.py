"""Training the shared encoder and the decoders of several identities together."""

from __future__ import annotations

import dataclasses
import math
import signal
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import keras
import numpy as np
from keras import ops

from deepfake_core.training import adversarial, checkpoint, losses
from deepfake_core.training.augmentation import network_sample
from deepfake_core.training.backend import adapter, precision
from deepfake_core.training.configuration import Configuration
from deepfake_core.training.errors import TrainingError
from deepfake_core.training.input_stream import Batch, batches
from deepfake_core.training.keras_networks import LAST_LAYER, build_decoder, build_encoder
from deepfake_core.training.muon import ConvolutionMuon
from deepfake_core.training.pool import SamplePool
from deepfake_core.training.report import Report

SETTINGS = "configuration.json"
_JUDGED = 8
"""Held-out samples of each identity."""
_JUDGED_SIDE = 128


class TrainingDiverged(TrainingError):
    """A loss or a weight is no number any more."""


class Networks:
    """The shared encoder and a decoder for each identity."""

    def __init__(self, identities: Sequence[str]) -> None:
        self.identities = tuple(identities)
        self.encoder = build_encoder()
        self.decoders = [build_decoder(name=f"decoder_{k}") for k in range(len(self.identities))]

    def variables(self) -> dict[str, keras.Variable]:
        """Every weight by a name that stays the same from run to run."""
        named = {f"encoder.{k:03d}": v for k, v in enumerate(self.encoder.trainable_variables)}
        for identity, decoder in zip(self.identities, self.decoders, strict=True):
            named |= {f"decoder.{identity}.{k:03d}": v for k, v in enumerate(decoder.trainable_variables)}
        return named

    def draw(self, batch: dict[str, Any], *, training: bool, only: Sequence[str] = ()) -> dict[str, Any]:
        """The outputs of all decoders, or of those of the identities `only`; the rows of `batch` are grouped by
        identity, as many for each."""
        given = {name: ops.convert_to_tensor(batch[name]) for name in ("driver", "geometry", "template")}
        template = given.pop("template")
        inputs = {"template": template, **self.encoder(given, training=training)}
        named = zip(self.identities, self.decoders, strict=True)
        decoders = [decoder for name, decoder in named if not only or name in only]
        rows = template.shape[0] // len(decoders)
        drawn = [
            decoder({name: x[k * rows : (k + 1) * rows] for name, x in inputs.items()}, training=training)
            for k, decoder in enumerate(decoders)
        ]
        return {name: ops.concatenate([made[name] for made in drawn], axis=0) for name in drawn[0]}


def averaged_networks(folder: Path, identities: Sequence[str]) -> tuple[Networks, int]:
    """Networks with the averaged weights of the checkpoint in `folder`, and its step (0 where it is not told).

    They are what is evaluated and exported. A training that runs beside is not disturbed.
    """
    state = checkpoint.load(folder)
    networks = Networks(identities)
    _assign({f"average.{name}": v for name, v in networks.variables().items()}, state, folder)
    return networks, int(state["step"][0]) if "step" in state else 0


class Trainer:
    """Networks, optimisers and the moving average of the weights, with exact resume from a folder."""

    def __init__(
        self,
        folder: Path,
        identities: Sequence[str],
        settings: Configuration,
        critics: losses.Critics | None = None,
        *,
        fork: Path | None = None,
        train_encoder: bool = True,
        only: Sequence[str] = (),
    ) -> None:
        """Start in `folder`, or go on from the checkpoint that lies there.

        fork: folder of another run whose weights a new run starts from (decoders of the same name, and its encoder).
        train_encoder: False keeps the encoder as it is. only: identities whose decoders learn, all where none is named;
        the batches then hold rows of these alone.
        """
        self.folder = folder
        self.settings = settings
        self.step = 0
        self._critics = critics or losses.Critics()
        keras.utils.set_random_seed(settings.seed)
        with precision("mixed_bfloat16" if settings.bfloat16 else "float32"):
            self.networks = Networks(identities)
            self._discriminator = adversarial.build_discriminator()
        self.averaged = Networks(identities)
        self._only = tuple(name for name in identities if not only or name in only)
        learning = ["encoder."] * train_encoder + [f"decoder.{name}." for name in self._only]
        self._trained = [v for name, v in self.networks.variables().items() if name.startswith(tuple(learning))]
        self._average = self.averaged.variables()
        self._optimiser = _optimiser(settings, self._trained)
        self._judging_optimiser = _optimiser(
            dataclasses.replace(settings, muon=False), self._discriminator.trainable_variables
        )
        self._best = np.array([math.inf, 0.0])
        """Best held-out figure, and looks since."""
        folder.mkdir(parents=True, exist_ok=True)
        settings.save(folder / SETTINGS)
        if (folder / checkpoint.CHECKPOINT).exists():
            self._restore(folder)
        elif fork is not None:
            self._start_from(fork)
        else:
            self._copy_average()
        backend = adapter([*self._state_variables().values()])
        self._gradients = backend.gradients
        self._plain_step = backend.compiled(lambda inputs: self._train_step(inputs, details=False))
        self._detailed_step = backend.compiled(lambda inputs: self._train_step(inputs, details=True))

    def train(
        self,
        pool: SamplePool,
        *,
        until: int,
        held_out: SamplePool | None = None,
        report: Report | None = None,
        checkpoint_seconds: float = 45.0,
        workers: int = 2,
        follow: bool = False,
        stop: Callable[[], bool] = lambda: False,
    ) -> None:
        """Train up to step `until`; Ctrl-C and `stop` end it after a step, with a checkpoint.

        held_out: samples that are looked at now and then, for the report and for stopping early.
        follow: take in new samples with every checkpoint. Raises TrainingDiverged, ShardBroken,
        CheckpointNotWritten; the last checkpoint stays good.
        """
        pool.require()
        report = report or Report(self.folder, self.settings, until)
        judged = _judged(held_out, self.settings) if held_out is not None else None
        saved = time.monotonic()
        stream = batches(pool, self.step, workers)
        try:
            with _interruptible() as interrupted, report.running(self.step):
                while self.step < until and not interrupted() and not stop():
                    values = self.advance(next(stream))
                    report.step(self.step, self.rows, values)
                    if judged and self.step % self.settings.judge_every == 0 and self._stale(judged, report):
                        break
                    if time.monotonic() - saved > checkpoint_seconds:
                        self.save()
                        saved = time.monotonic()
                        if follow and pool.take_new():
                            stream.close()
                            stream = batches(pool, self.step, workers)
                    if judged and report.preview_due():
                        report.preview(self.step, judged, self._drawn(judged))
                self.save()
                if judged:
                    report.preview(self.step, judged, self._drawn(judged))
        finally:
            # Left to the end of the process, tf.data's threads would wait for an interpreter that is gone.
            stream.close()

    @property
    def rows(self) -> int:
        """Samples in a step."""
        return len(self._only) * self.settings.rows

    def advance(self, batch: Batch) -> dict[str, float]:
        """One step; returns its losses by name, "total" among them. Raises TrainingDiverged."""
        self._optimiser.learning_rate.assign(self.settings.learning_rate_at(self.step))
        details = self.settings.details_at(self.step) and self._has_details()
        inputs = dict(batch) | {"decay": np.float32(self._decay())}
        if details:
            generator = np.random.default_rng([self.settings.seed, self.step, 2])
            rows, *sides = batch["target"].shape[:3]
            shape = (rows // 2, *sides, 8)
            inputs["noise"] = generator.standard_normal(shape, np.float32)
        values = (self._detailed_step if details else self._plain_step)(inputs)
        self.step += 1
        numbers = {name: float(value) for name, value in values.items()}
        if not all(map(math.isfinite, numbers.values())):
            wrong = ", ".join(name for name, value in numbers.items() if not math.isfinite(value))
            raise TrainingDiverged(
                f"The loss ({wrong}) of step {self.step} is not a number; the last checkpoint is from before it: "
                "start the same command again, with a lower learning rate if it stops here again."
            )
        return numbers

    def save(self) -> None:
        """Write the checkpoint; raises TrainingDiverged or CheckpointNotWritten, and the old one stays."""
        state = {name: np.array(v.numpy()) for name, v in self._state_variables().items()}
        for name, array in state.items():
            if not np.isfinite(array).all():
                raise TrainingDiverged(
                    f"The weights ({name}) hold no usable numbers after step {self.step}; the last checkpoint is good: "
                    "start the same command again, with a lower learning rate if it stops here again."
                )
        state |= {"step": np.array([self.step], np.int64), "best": self._best}
        checkpoint.save(self.folder, state)

    def held_out_loss(self, batch: Batch) -> float:
        """Loss of the averaged networks' pictures on unvaried samples."""
        values = losses.picture_losses(self._drawn(batch), batch, batch["template"], self.settings)
        return float(sum(float(value) for value in values.values()))

    def _drawn(self, batch: Batch) -> dict[str, Any]:
        return self.averaged.draw(batch, training=False, only=self._only)

    def _stale(self, judged: Batch, report: Report) -> bool:
        """Whether the held-out figure has not become better for too long."""
        figure = self.held_out_loss(judged)
        best, looks = self._best
        self._best = np.array([figure, 0.0] if figure < best else [best, looks + 1.0])
        report.judged(self.step, figure)
        return 0 < self.settings.patience <= self._best[1]

    def _has_details(self) -> bool:
        settings = self.settings
        return bool(
            settings.adversarial_weight
            or (settings.perceptual_weight and self._critics.perceptual)
            or (settings.identity_weight and self._critics.identity)
        )

    def _decay(self) -> float:
        # A young average forgets the random start quickly.
        return min(self.settings.average_decay, (self.step + 1) / (self.step + 21))

    def _train_step(self, batch: dict[str, Any], *, details: bool) -> dict[str, Any]:
        def drawing() -> tuple[Any, Any]:
            outputs = self.networks.draw(batch, training=True, only=self._only)
            outputs = {name: ops.cast(x, "float32") for name, x in outputs.items()}
            values = losses.picture_losses(outputs, batch, batch["template"], self.settings)
            if details:
                values |= self._detail_losses(outputs, batch)
            total = sum(values.values())
            return total, ({"total": total, **values}, outputs)

        (values, outputs), gradients = self._gradients(drawing, self._trained)
        norm = ops.sqrt(sum(ops.sum(ops.square(g)) for g in gradients))
        scale = ops.minimum(1.0, self.settings.clip_norm / (norm + 1e-6))
        self._optimiser.apply([g * scale for g in gradients], self._trained)
        for average, weight in zip(self._average.values(), self.networks.variables().values(), strict=True):
            average.assign(average + (1.0 - batch["decay"]) * (weight - average))
        if details and self.settings.adversarial_weight:
            values["discriminator"] = self._judge(outputs, batch)
        return values

    def _detail_losses(self, outputs: dict[str, Any], batch: dict[str, Any]) -> dict[str, Any]:
        settings, critics, values = self.settings, self._critics, {}
        # Half of the rows are enough for the frozen networks, which cost as much as the trained ones.
        part = {name: batch[name][::2] for name in ("target", "head", "known")}
        drawn, true = (losses.shown(x, part) for x in (outputs["reflectance"][::2], part["target"]))
        if critics.perceptual and settings.perceptual_weight:
            values["perceptual"] = settings.perceptual_weight * losses.perceptual(critics.perceptual, drawn, true)
        if critics.identity and settings.identity_weight:
            values["identity"] = settings.identity_weight * losses.identity(critics.identity, drawn, true)
        if settings.adversarial_weight:
            seen = _seen(outputs["reflectance"], outputs["head_matte"], batch)
            values["adversarial"] = settings.adversarial_weight * adversarial.fooled(self._discriminator, seen)
        return values

    def _judge(self, outputs: dict[str, Any], batch: dict[str, Any]) -> Any:
        """The discriminator's own step; returns its loss."""
        # Half of the rows: true, drawn and noisy heads are three times the discriminator's work.
        drawn = ops.stop_gradient(_seen(outputs["reflectance"], outputs["head_matte"], batch))[::2]
        true = _seen(batch["target"], batch["head"], batch)[::2]

        def judging() -> tuple[Any, Any]:
            loss = adversarial.judged(self._discriminator, drawn, true, batch["noise"])
            return loss, loss

        variables = self._discriminator.trainable_variables
        loss, gradients = self._gradients(judging, variables)
        self._judging_optimiser.apply(gradients, variables)
        return loss

    def _state_variables(self) -> dict[str, keras.Variable]:
        """All that a step changes, by name."""
        named = dict(self.networks.variables())
        named |= {f"average.{name}": v for name, v in self._average.items()}
        named |= self._judging_variables()
        for kind, optimiser in (("optimiser", self._optimiser), ("judging", self._judging_optimiser)):
            named |= {f"{kind}.{k:03d}": v for k, v in enumerate(optimiser.variables)}
        return named

    def _restore(self, folder: Path) -> None:
        state = checkpoint.load(folder)
        _assign(self._state_variables(), state, folder)
        self.step = int(state["step"][0])
        self._best = state["best"]

    def _start_from(self, folder: Path) -> None:
        """Take over another run's averaged weights and its discriminator, where there are such; the rest is fresh."""
        state = checkpoint.load(folder)
        weights = {name: v for name, v in self.networks.variables().items() if f"average.{name}" in state}
        if not any(name.startswith("encoder.") for name in weights):
            raise checkpoint.CheckpointBroken(f"{folder} holds no encoder to start from.")
        _assign({f"average.{name}": v for name, v in weights.items()}, state, folder)
        judging = self._judging_variables()
        if judging.keys() <= state.keys():
            _assign(judging, state, folder)
        self._copy_average()

    def _judging_variables(self) -> dict[str, keras.Variable]:
        return {f"discriminator.{k:03d}": v for k, v in enumerate(self._discriminator.trainable_variables)}

    def _copy_average(self) -> None:
        for average, weight in zip(self._average.values(), self.networks.variables().values(), strict=True):
            average.assign(weight.value)


def _seen(reflectance: Any, matte: Any, batch: dict[str, Any]) -> Any:
    return adversarial.view(reflectance, matte, batch["template"], batch["known"])


def _optimiser(settings: Configuration, variables: Sequence[keras.Variable]) -> keras.optimizers.Optimizer:
    if settings.muon:
        optimiser = ConvolutionMuon(
            settings.learning_rate,
            weight_decay=settings.weight_decay,
            adamw_layers=[f"{LAST_LAYER}/"],
            bfloat16=settings.bfloat16,
        )
    else:
        optimiser = keras.optimizers.AdamW(
            settings.learning_rate, beta_1=0.9, beta_2=0.98, weight_decay=settings.weight_decay
        )
    optimiser.exclude_from_weight_decay(var_names=["bias"])
    optimiser.build(variables)
    return optimiser


def _assign(variables: dict[str, keras.Variable], state: checkpoint.State, folder: Path) -> None:
    for name, variable in variables.items():
        if name not in state or tuple(state[name].shape) != tuple(variable.shape):
            raise checkpoint.CheckpointBroken(
                f"The checkpoint in {folder} has no {name} of shape {tuple(variable.shape)}: it was made by another "
                "version or for other identities; train into a new folder."
            )
        variable.assign(state[name])


def _judged(pool: SamplePool, settings: Configuration) -> Batch | None:
    """Fixed samples of actors that no step trains on, grouped by identity; None where an identity has none."""
    rows: list[dict[str, np.ndarray]] = []
    for identity in pool.drawn:
        count = pool.count(identity)
        if not count:
            return None
        for number in np.linspace(0, count - 1, _JUDGED).round().astype(int):
            rows.append(network_sample(pool.sample(identity, int(number)), _JUDGED_SIDE, template=settings.template))
    batch = {name: np.stack([row[name] for row in rows]) for name in rows[0]}
    return batch | {"paired": np.zeros(len(rows) // 2, np.float32)}


@contextmanager
def _interruptible() -> Iterator[Callable[[], bool]]:
    """Ctrl-C and SIGTERM end the training between two steps, not within one; a second one ends it at once."""
    asked = threading.Event()
    if threading.current_thread() is not threading.main_thread():
        yield asked.is_set
        return
    before = {number: signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM)}

    def ask(number: int, _frame: object) -> None:
        asked.set()
        signal.signal(number, before[signal.Signals(number)])

    for number in before:
        signal.signal(number, ask)
    try:
        yield asked.is_set
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
