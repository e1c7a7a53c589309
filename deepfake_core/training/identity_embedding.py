"""Who a face is, as a few numbers: a small network for the identity loss, trained on rendered people.

It is never shipped: run time does not know it. It looks at a face without its light (`swapping.light.reflectance`
halved, so that plain skin is about 0.5), and is blind to what is around the head. Trained to tell the people of a data
set apart with an additive angular margin (Deng et al., "ArcFace", 2019) and judged on people it never saw.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import cv2
import keras
import numpy as np
from keras import layers, ops

from deepfake_core.parsing.classes import HEAD, Label
from deepfake_core.swapping import light
from deepfake_core.swapping.alignment import crop_transform, fit_pose
from deepfake_core.synthetic import dataset
from deepfake_core.training.errors import TrainingError

SIZE = 96
"""Side of the picture that the network looks at."""
STORED = 104
"""Side of the prepared pictures: room to move the crop."""
NUMBERS = 96
"""Length of the embedding."""
_HELD_OUT = 16
_MARGIN = 0.2
_SCALE = 24.0
_WIDTHS = (16, 32, 64, 128)
_ARRAYS = ("actor_bgr", "actor_labels", "actor_points", "actor_seed")


class TooFewPeople(TrainingError):
    """A data set in which nobody can be told from anybody."""


@dataclass(frozen=True)
class Faces:
    """Pictures of known people."""

    pictures: np.ndarray
    """uint8 (N, STORED, STORED, 3), BGR: reflectance * 127.5."""
    head: np.ndarray
    """bool (N, STORED, STORED), where the head is."""
    people: np.ndarray
    """int64 (N,), seed of each person."""

    def of(self, chosen: np.ndarray) -> Faces:
        """Those of a mask or of indices."""
        return Faces(self.pictures[chosen], self.head[chosen], self.people[chosen])


def face_picture(bgr: np.ndarray, labels: np.ndarray, points: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """One aligned face without its light, uint8 (STORED, STORED, 3), and its head mask, bool (STORED, STORED).

    bgr: uint8 (S, S, 3); labels: uint8 (S, S) `Label`; points: float (468, 3), px.
    """
    matrix = crop_transform(fit_pose(points.astype(np.float64)), STORED)
    crop = cv2.warpAffine(bgr, matrix, (STORED, STORED), borderMode=cv2.BORDER_REPLICATE)
    classes = cv2.warpAffine(labels, matrix, (STORED, STORED), flags=cv2.INTER_NEAREST)
    skin = np.isin(classes, (Label.SKIN, Label.NOSE)).astype(np.float32)
    bare = light.reflectance(crop, light.measure(crop, skin))
    return np.round(bare * 127.5).astype(np.uint8), np.isin(classes, HEAD)


def read_faces(folder: Path, progress: Callable[[float], None] = lambda _share: None) -> Faces:
    """All faces of a set of rendered stills, the benchmark's people left alone.

    Raises TooFewPeople; errors of `dataset` for a folder or shard that cannot be read.
    """
    description = dataset.read_description(folder)
    if description.people != "training":
        raise TooFewPeople(f"{folder} is the benchmark: nothing may be trained on it.")
    pictures, heads, people = [], [], []
    paths = dataset.shard_paths(folder)
    for number, path in enumerate(paths):
        arrays = dataset.read_shard(path, description, _ARRAYS)
        for bgr, labels, points in zip(*(arrays[name] for name in _ARRAYS[:3]), strict=True):
            picture, head = face_picture(bgr, labels, points)
            pictures.append(picture)
            heads.append(head)
        people.append(arrays["actor_seed"])
        progress((number + 1) / len(paths))
    faces = Faces(np.stack(pictures), np.stack(heads), np.concatenate(people))
    if len(np.unique(faces.people)) < 4 or np.unique(faces.people, return_counts=True)[1].max() < 2:
        raise TooFewPeople(f"{folder} shows too few people, or each only once: render a larger set.")
    return faces


def split(faces: Faces) -> tuple[Faces, Faces]:
    """The people to train on, and those held out: one in 16, at least two."""
    people = np.unique(faces.people)
    held = people[:: min(_HELD_OUT, len(people) // 2)]
    judged = np.isin(faces.people, held)
    return faces.of(~judged), faces.of(judged)


def build_network() -> keras.Model:
    """Pictures float32 (B, h, w, 3) BGR 0..1 of the 21.5 cm crop, any size -> float32 (B, 96) unit vectors.

    About 0.08 GFLOP.
    """
    inputs = keras.Input((None, None, 3), name="picture")
    x = layers.Rescaling(4.0, offset=-2.0)(layers.Resizing(SIZE, SIZE)(inputs))
    x = _convolution(x, _WIDTHS[0], 2)
    for width in _WIDTHS[1:]:
        x = _convolution(x, width, 2)
        x = layers.Add()([x, _convolution(_convolution(x, width), width)])
    x = layers.Flatten()(x)
    x = layers.Dropout(0.2)(x)
    x = layers.Dense(NUMBERS, dtype="float32")(x)
    x = layers.BatchNormalization(dtype="float32")(x)
    return keras.Model(inputs, layers.UnitNormalization(dtype="float32", name="identity")(x), name="identity_embedding")


def _convolution(x: Any, width: int, stride: int = 1) -> Any:
    x = layers.Conv2D(width, 3, strides=stride, padding="same", use_bias=False)(x)
    return layers.LeakyReLU(negative_slope=0.1)(layers.BatchNormalization()(x))


@keras.saving.register_keras_serializable(package="obs_deepfake")
class AngularMargin(layers.Layer):
    """Unit vectors (B, d) and labels (B,) -> logits (B, people), the true one's angle enlarged by the margin."""

    def __init__(self, people: int, **options: Any) -> None:
        super().__init__(**options)
        self.people = people

    def build(self, shapes: Any) -> None:
        """Makes one direction for each of the people."""
        self.directions = self.add_weight(shape=(shapes[0][-1], self.people), initializer="glorot_normal")

    def call(self, inputs: Any) -> Any:
        """Logits."""
        vectors, labels = inputs
        cosine = ops.matmul(vectors, ops.normalize(self.directions, axis=0))
        cosine = ops.clip(cosine, -1.0 + 1e-6, 1.0 - 1e-6)
        enlarged = ops.cos(ops.minimum(ops.arccos(cosine) + _MARGIN, np.pi))
        true = ops.one_hot(labels, self.people)
        return _SCALE * ops.where(true > 0, enlarged, cosine)


class Batches(keras.utils.PyDataset):
    """Augmented batches of one pass: moved, mirrored, blurred, brightened faces before random backgrounds."""

    def __init__(self, faces: Faces, batch: int, seed: int) -> None:
        super().__init__(workers=1)
        self._faces = faces
        self._labels = np.unique(faces.people, return_inverse=True)[1].astype(np.int32)
        self._batch = batch
        self._random = np.random.default_rng(seed)
        self._order = self._random.permutation(len(faces.people))

    def __len__(self) -> int:
        return len(self._order) // self._batch

    def __getitem__(self, index: int) -> Any:
        rows = self._order[index * self._batch : (index + 1) * self._batch]
        pictures = np.stack([self._augmented(row) for row in rows])
        labels = self._labels[rows]
        return {"picture": pictures, "person": labels}, labels

    def on_epoch_end(self) -> None:
        """Another order for the next pass."""
        self._random.shuffle(self._order)

    def _augmented(self, row: int) -> np.ndarray:
        g = self._random
        picture = self._faces.pictures[row].astype(np.float32) / 255.0
        if g.random() < 0.8:
            hidden = (~self._faces.head[row])[..., None]
            picture = np.where(hidden, g.uniform(0.0, 1.0, 3).astype(np.float32), picture)
        factor = g.uniform(0.92, 1.08)
        turn = np.radians(g.uniform(-4, 4))
        linear = factor * np.array([[np.cos(turn), -np.sin(turn)], [np.sin(turn), np.cos(turn)]])
        middle = np.full(2, (STORED - 1) / 2)
        shift = np.full(2, (SIZE - 1) / 2) + g.uniform(-2.5, 2.5, 2) - linear @ middle
        moved = cv2.warpAffine(picture, np.column_stack([linear, shift]), (SIZE, SIZE), borderMode=cv2.BORDER_REPLICATE)
        if g.random() < 0.5:
            moved = moved[:, ::-1]
        if g.random() < 0.5:
            moved = cv2.GaussianBlur(moved, (0, 0), g.uniform(0.3, 1.6))
        moved = moved * g.uniform(0.9, 1.1, 3).astype(np.float32)
        return np.clip(moved + g.normal(0, g.uniform(0, 0.02), moved.shape), 0.0, 1.0).astype(np.float32)


@dataclass(frozen=True)
class Verification:
    """How well people are told apart."""

    equal_error_rate: float
    """Share of wrong answers where as many of the same are refused as others accepted, 0..1."""
    similarity_same: float
    """Mean cosine of two pictures of one person."""
    similarity_other: float
    """Mean cosine of pictures of two people."""


def verification(vectors: np.ndarray, people: np.ndarray) -> Verification:
    """Every picture against every other; vectors: float (N, d), unit; people: (N,)."""
    rows, columns = np.triu_indices(len(people), 1)
    similar = np.einsum("nd,nd->n", vectors[rows], vectors[columns])
    same = people[rows] == people[columns]
    accepted, refused = np.sort(similar[~same]), np.sort(similar[same])
    thresholds = np.linspace(-1.0, 1.0, 4001)
    false_refusals = np.searchsorted(refused, thresholds) / len(refused)
    false_acceptances = 1.0 - np.searchsorted(accepted, thresholds) / len(accepted)
    crossing = int(np.argmin(np.abs(false_refusals - false_acceptances)))
    rate = (false_refusals[crossing] + false_acceptances[crossing]) / 2
    return Verification(float(rate), float(similar[same].mean()), float(similar[~same].mean()))


def embed(network: keras.Model, faces: Faces) -> np.ndarray:
    """Unit vectors float32 (N, 96) of prepared faces, whatever is around the head made grey."""
    edge = (STORED - SIZE) // 2
    inner = slice(edge, edge + SIZE)
    pictures = np.where(faces.head[..., None], faces.pictures, np.uint8(128))[:, inner, inner]
    rows = range(0, len(pictures), 128)
    return np.concatenate([np.asarray(network(pictures[i : i + 128].astype(np.float32) / 255.0)) for i in rows])


def train(
    faces: Faces, *, epochs: int, batch: int = 64, seed: int = 0, say: Callable[[str], None] = lambda _line: None
) -> tuple[keras.Model, Verification]:
    """A trained network in float32, and what it knows of people that were held out."""
    known, judged = split(faces)
    batches = Batches(known, batch, seed)
    keras.utils.set_random_seed(seed)
    network = build_network()
    person = keras.Input((), dtype="int32", name="person")
    people = len(np.unique(known.people))
    logits = AngularMargin(people, dtype="float32")([network.output, person])
    student = keras.Model({"picture": network.input, "person": person}, logits)
    schedule = keras.optimizers.schedules.CosineDecay(
        1e-4, epochs * len(batches), warmup_target=3e-3, warmup_steps=max(1, epochs * len(batches) // 12)
    )
    student.compile(
        keras.optimizers.AdamW(schedule, weight_decay=1e-3),
        keras.losses.SparseCategoricalCrossentropy(from_logits=True),
        metrics=["accuracy"],
    )

    def report(epoch: int, logs: dict[str, float]) -> None:
        rate = verification(embed(network, judged), judged.people).equal_error_rate
        say(f"pass {epoch + 1}/{epochs}: loss {logs['loss']:.3f}, equal error rate {100 * rate:.2f} %")

    student.fit(batches, epochs=epochs, verbose=0, callbacks=[keras.callbacks.LambdaCallback(on_epoch_end=report)])
    policy = keras.mixed_precision.global_policy()
    keras.mixed_precision.set_global_policy("float32")
    exact = build_network()
    keras.mixed_precision.set_global_policy(policy)
    exact.set_weights(network.get_weights())
    return exact, verification(embed(exact, judged), judged.people)
