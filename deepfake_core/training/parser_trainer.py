"""Training of the face parser, with progress, checkpoints and exact resume."""

from __future__ import annotations

import contextlib
import dataclasses
import fcntl
import json
import os
import time
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TypeAlias

import keras
import numpy as np
import tensorflow as tf
from safetensors import SafetensorError
from safetensors.numpy import load_file, save_file

from deepfake_core.training.backend import precision
from deepfake_core.training.errors import TrainingError
from deepfake_core.training.muon import ConvolutionMuon
from deepfake_core.training.parser_losses import CLASSES, parsing_loss
from deepfake_core.training.parser_networks import ENCODER, LOGITS, Kind, build_parser

CHECKPOINT = "parser-checkpoint.safetensors"
SETTINGS = "parser-settings.json"
LOG = "parser-log.jsonl"
_REPORT_EVERY = 50

Seen: TypeAlias = "tf.Tensor | tuple[tf.Tensor, tf.Tensor, tf.Tensor]"
"""Pictures, or both crops of each and how they lie, see `parser_data.Pair`."""
Batches = Iterable[tuple[Seen, tf.Tensor]]


class TrainingRuns(TrainingError):
    """Another process trains in this folder."""


class CheckpointUnusable(TrainingError):
    """There is no trained state, or none that fits."""


@dataclass(frozen=True)
class ParserSettings:
    """Every number of a training, kept beside its checkpoint."""

    kind: Kind = "fused"
    seed: int = 1
    batch: int = 16
    size: int = 256
    """Side of the pictures in px."""
    steps: int = 9000
    """Where the learning rate reaches its end."""
    learning_rate: float = 2e-3
    warm_up_steps: int = 300
    decay: float = 0.4
    """Last part of the steps, in which the rate falls in a line to 2 %."""
    weight_decay: float = 1e-2
    average_decay: float = 0.998
    clip_norm: float = 1.0
    normalised: bool = True
    """Whether the network has batch normalisation; a training without it starts from one with it."""
    bfloat16: bool = False
    """Calculates in bfloat16: with AMX twice as fast, without it slower. The weights are float32 in any case."""
    frozen_steps: int = 0
    """So many steps only the decoder learns."""
    unknown: tuple[int, ...] = ()
    """Classes that the data set does not label."""
    taught: float = 0.0
    """What a teacher's shares count for in the cross-entropy; the rest is the labels'."""

    def learning_rate_at(self, step: int) -> float:
        """Warm-up, level, a line down."""
        warm = min(1.0, (step + 1) / self.warm_up_steps)
        left = max(0.0, 1.0 - step / self.steps) / self.decay
        return self.learning_rate * warm * max(0.02, min(1.0, left))


@contextlib.contextmanager
def alone_in(folder: Path) -> Iterator[None]:
    """While this lasts no other training may use `folder`; raises TrainingRuns where one does."""
    folder.mkdir(parents=True, exist_ok=True)
    handle = os.open(folder, os.O_RDONLY)
    try:
        fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        yield
    except BlockingIOError:
        raise TrainingRuns(f"Another training runs in {folder}: wait for its end or name another folder.") from None
    finally:
        os.close(handle)


def averaged_parser(folder: Path) -> tuple[keras.Model, int]:
    """The parser with the averaged weights of the checkpoint in `folder`, and its step: what is evaluated, exported
    and shipped. A training that runs beside is not disturbed. Raises CheckpointUnusable."""
    settings, state = read_checkpoint(folder)
    parser = build_parser(settings.kind, normalised=settings.normalised)
    for k, variable in enumerate(parser.weights):
        variable.assign(state[f"average.{k:03d}"])
    return parser, int(state["step"][0])


def read_checkpoint(folder: Path) -> tuple[ParserSettings, dict[str, np.ndarray]]:
    """Settings and arrays of a checkpoint; raises CheckpointUnusable."""
    path = folder / CHECKPOINT
    if not path.exists():
        raise CheckpointUnusable(f"{folder} holds no checkpoint yet: run 'train' first.")
    try:
        found = json.loads((folder / SETTINGS).read_text(encoding="utf-8"))
        settings = ParserSettings(**{**found, "unknown": tuple(found["unknown"])})
        return settings, load_file(path)
    except (OSError, ValueError, TypeError, KeyError, SafetensorError) as error:
        raise CheckpointUnusable(f"{path} cannot be read ({error}): train in another folder.") from error


class ParserTrainer:
    """The parser, its optimiser and the moving average of its weights; goes on from the checkpoint in its folder."""

    def __init__(
        self,
        folder: Path,
        settings: ParserSettings,
        start: keras.Model | None = None,
        teacher: keras.Model | None = None,
        guide: keras.Model | None = None,
    ) -> None:
        """start: takes its weights where there is no checkpoint yet; teacher: needed where `settings.taught` is not 0;
        guide: reads the crop around the fine one, for a "guided" network.

        Raises CheckpointUnusable.
        """
        self.folder = folder
        self.settings = settings
        keras.utils.set_random_seed(settings.seed)
        with precision("mixed_bfloat16" if settings.bfloat16 else "float32"):
            self.parser = build_parser(settings.kind, normalised=settings.normalised)
        if start is not None:
            try:
                self.parser.set_weights(start.get_weights())
            except ValueError as error:
                raise CheckpointUnusable(
                    "The weights to start from belong to another network than the one to train: --encoder, --fold and "
                    "--deepen must fit them."
                ) from error
        self._teacher = teacher
        self._guide = guide
        self._trained = self.parser.trainable_variables
        encoder = {id(variable) for variable in self.parser.get_layer(ENCODER).trainable_variables}
        self._of_encoder = [id(variable) in encoder for variable in self._trained]
        self._optimiser = ConvolutionMuon(
            settings.learning_rate,
            weight_decay=settings.weight_decay,
            adamw_layers=[LOGITS],
            bfloat16=settings.bfloat16,
        )
        self._optimiser.exclude_from_weight_decay(var_names=["bias", "gamma", "beta"])
        self._optimiser.build(self._trained)
        self._average = [tf.Variable(v.value, trainable=False) for v in self.parser.weights]
        self.step = 0
        folder.mkdir(parents=True, exist_ok=True)
        if (folder / CHECKPOINT).exists():
            self._restore()
        text = json.dumps(dataclasses.asdict(settings), indent=2) + "\n"
        (folder / SETTINGS).write_text(text, encoding="utf-8")
        self._compiled = {
            frozen: tf.function(lambda *batch, frozen=frozen: self._train_step(*batch, frozen=frozen))
            for frozen in (False, True)
        }

    def train(
        self,
        batches: Batches,
        *,
        until: int,
        checkpoint_seconds: float = 120.0,
        say: Callable[[dict], None] = print,
        between: Callable[[], None] = lambda: None,
    ) -> None:
        """Train up to step `until`; `say` gets a report now and then, `between` is called after each checkpoint."""
        sums: dict[str, float] = {}
        counted = 0
        since = last_checkpoint = time.monotonic()
        for seen, labels in batches:
            if self.step >= until:
                break
            self._optimiser.learning_rate.assign(self.settings.learning_rate_at(self.step))
            frozen = self.step < self.settings.frozen_steps
            losses = self._compiled[frozen](seen, labels, tf.constant(self._decay(), tf.float32))
            self.step += 1
            counted += 1
            for name, value in losses.items():
                sums[name] = sums.get(name, 0.0) + float(value)
            if self.step % _REPORT_EVERY == 0 or self.step == until:
                rate = counted * self.settings.batch / (time.monotonic() - since)
                means = {name: round(value / counted, 4) for name, value in sums.items()}
                self._log({"step": self.step, "per_second": round(rate, 1), **means}, say)
                sums, counted, since = {}, 0, time.monotonic()
            if time.monotonic() - last_checkpoint > checkpoint_seconds:
                self.save()
                between()
                last_checkpoint = time.monotonic()
        self.save()

    def save(self) -> None:
        """Write the checkpoint in one step."""
        temporary = self.folder / (CHECKPOINT + ".new")
        state = {name: np.array(keras.ops.convert_to_numpy(v)) for name, v in self._variables().items()}
        state["step"] = np.array([self.step], np.int64)
        save_file(state, temporary)
        temporary.replace(self.folder / CHECKPOINT)

    def _train_step(self, seen: Seen, labels: tf.Tensor, decay: tf.Tensor, *, frozen: bool) -> dict[str, tf.Tensor]:
        # A frozen encoder keeps the statistics of its normalisation, too.
        self.parser.get_layer(ENCODER).trainable = not frozen
        known = ~np.isin(np.arange(CLASSES), self.settings.unknown)
        taught = None
        given = network_input(seen, self._guide)
        if self._teacher is not None:
            shares = tf.nn.softmax(tf.cast(self._teacher(given, training=False), tf.float32))
            taught = (self.settings.taught, shares)
        with tf.GradientTape() as tape:
            logits = self.parser(given, training=True)
            losses = parsing_loss(logits, labels, known=known, taught=taught)
        gradients = tape.gradient(losses["total"], [v.value for v in self._trained])
        if frozen:
            gradients = [
                tf.zeros_like(v.value) if of_encoder else gradient
                for v, gradient, of_encoder in zip(self._trained, gradients, self._of_encoder, strict=True)
            ]
        gradients, _ = tf.clip_by_global_norm(gradients, self.settings.clip_norm)
        before = [v.value + 0.0 for v in self._trained] if frozen else []
        self._optimiser.apply(gradients, self._trained)
        for old, v, of_encoder in zip(before, self._trained, self._of_encoder, strict=False):
            if of_encoder:  # weight decay would move them even so
                v.assign(old)
        for average, variable in zip(self._average, self.parser.weights, strict=True):
            average.assign_sub((1.0 - decay) * (average - variable.value))
        return losses

    def _decay(self) -> float:
        # A young average forgets the random start quickly.
        return min(self.settings.average_decay, (self.step + 1) / (self.step + 21))

    def _variables(self) -> dict[str, object]:
        named: dict[str, object] = {}
        for kind, variables in (
            ("weight", self.parser.weights),
            ("average", self._average),
            ("optimiser", self._optimiser.variables),
        ):
            named.update({f"{kind}.{k:03d}": variable for k, variable in enumerate(variables)})
        return named

    def _restore(self) -> None:
        _, state = read_checkpoint(self.folder)
        try:
            for name, variable in self._variables().items():
                variable.assign(state[name])  # type: ignore[attr-defined]
            self.step = int(state["step"][0])
        except (KeyError, ValueError) as error:
            raise CheckpointUnusable(
                f"{self.folder} holds a training of another network or by another rule: use another folder."
            ) from error

    def _log(self, entry: dict, say: Callable[[dict], None]) -> None:
        with (self.folder / LOG).open("a", encoding="utf-8") as file:
            file.write(json.dumps(entry) + "\n")
        say(entry)


def centred(pictures: tf.Tensor) -> tf.Tensor:
    """Pictures uint8 BGR -> float32 RGB -1..1, what the network takes."""
    return tf.cast(pictures[..., ::-1], tf.float32) / 127.5 - 1.0


def network_input(seen: Seen, guide: keras.Model | None = None) -> tf.Tensor | list[tf.Tensor]:
    """What a parser takes: pictures; of pairs the fine ones, and what `guide` says of them in the crops around."""
    if not isinstance(seen, tuple):
        return centred(seen)
    fine, coarse, between = seen
    assert guide is not None
    shares = tf.nn.softmax(tf.cast(guide(centred(coarse), training=False), tf.float32))
    rows = tf.concat([tf.reshape(between, (-1, 6)), tf.zeros_like(between[:, 0, :2])], axis=1)
    around = tf.raw_ops.ImageProjectiveTransformV3(
        images=shares,
        transforms=rows,
        output_shape=tf.shape(shares)[1:3],
        fill_value=0.0,
        interpolation="BILINEAR",
        fill_mode="NEAREST",
    )
    return [centred(fine), tf.ensure_shape(around, shares.shape)]
