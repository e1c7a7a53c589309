"""Rendered stills for the training of the face parser: kept on disk, drawn in any order, augmented, as tf.data."""

from __future__ import annotations

import zipfile
from collections.abc import Iterator
from pathlib import Path
from typing import Protocol

import cv2
import numpy as np
import tensorflow as tf

from deepfake_core.parsing.classes import MIRRORED, Label
from deepfake_core.parsing.crop import parsing_crop
from deepfake_core.parsing.parser import between_shares
from deepfake_core.swapping.alignment import fit_pose
from deepfake_core.synthetic import dataset
from deepfake_core.training.errors import TrainingError
from deepfake_core.training.parser_augmentation import (
    with_background,
    with_camera,
    with_folds,
    with_gleams,
    with_occluder,
    with_other_hair,
    with_plain_cloth,
    with_print,
    with_shaded_eyes,
    with_thing,
)

_ARRAYS = ("actor_bgr", "actor_labels", "actor_alpha", "actor_hair_matte", "actor_points", "occluded", "actor_seed")
_THINGS_KEPT = 512
_SEEN = 1.375
"""Side of the picture that both crops of a pair are cut out of, in sides of the crop."""
Pair = tuple[np.ndarray, np.ndarray, np.ndarray]
"""A fine crop uint8 (n, n, 3) BGR, the crop that it is a part of, as large, and float32 (2, 3): px of the fine one's
shares -> px of the other's, both n/2 a side."""
UNLABELLED = 255
"""Marks pixels whose class nobody knows, such as those outside the picture: no loss there."""


class RenderedDataUnusable(TrainingError):
    """A folder does not hold what is to be trained on."""


class ParserPool(Protocol):
    """Where samples come from."""

    def __len__(self) -> int: ...

    def take_new(self) -> int:
        """Take in what appeared since; returns how many samples that brought."""

    def drawn(self, seed: int, counter: int, size: int) -> tuple[np.ndarray, np.ndarray]:
        """The `counter`-th augmented sample of a run: the same for the same seed, counter and pool.

        Returns the picture uint8 (size, size, 3) BGR and the labels uint8 (size, size).
        """

    def aligned(self, number: int, size: int) -> tuple[np.ndarray, np.ndarray]:
        """Sample `number` as it is: the picture and its labels at half its side, which is the network's."""


class StillPool:
    """The stills of data sets, also of such that are still being rendered; samples keep their numbers."""

    def __init__(self, folders: list[Path], *, held_out: bool, holdout_every: int = 32) -> None:
        """held_out: one person in `holdout_every`, on whom nothing is trained. Raises RenderedDataUnusable."""
        self._folders = folders
        self._held_out = held_out
        self._holdout_every = holdout_every
        self._seen: set[Path] = set()
        self._shards: list[dict[str, np.ndarray]] = []
        self._places: list[tuple[int, int]] = []
        self._with_things: list[int] = []
        self._with_sleeves: list[int] = []
        self.take_new()
        if not self._places:
            raise RenderedDataUnusable(f"{', '.join(map(str, folders))}: there is no sample yet.")

    def __len__(self) -> int:
        return len(self._places)

    def take_new(self) -> int:
        """Take in the shards that appeared since; returns how many samples they brought."""
        before = len(self._places)
        for folder in self._folders:
            try:
                description = dataset.read_description(folder)
                paths = dataset.shard_paths(folder, partial=True)
            except (dataset.DatasetMismatch, dataset.DatasetIncomplete) as error:
                raise RenderedDataUnusable(str(error)) from error
            if description.people != "training":
                raise RenderedDataUnusable(f"{folder} is the benchmark: nothing may be trained on it.")
            for path in sorted(set(paths) - self._seen):
                self._take(path, description)
        return len(self._places) - before

    def sample(self, number: int) -> dict[str, np.ndarray]:
        """One still: the arrays of docs/data-format.md without `actor_`."""
        shard, row = self._places[number]
        return {name.removeprefix("actor_"): array[row] for name, array in self._shards[shard].items()}

    def drawn(self, seed: int, counter: int, size: int) -> tuple[np.ndarray, np.ndarray]:
        """The `counter`-th augmented sample, see `ParserPool`."""
        generator = np.random.default_rng([seed, counter])
        bgr, labels, points, strength = self._scene(generator)
        matrix = _jittered(points, size, generator)
        picture = cv2.warpAffine(bgr, matrix, (size, size), flags=cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE)
        target = labels_in(labels, matrix, size)
        if generator.random() < 0.5:
            picture, target = picture[:, ::-1], MIRRORED_OR_UNLABELLED[target[:, ::-1]]
        return np.ascontiguousarray(with_camera(picture, generator, strength)), np.ascontiguousarray(target)

    def drawn_pair(self, seed: int, counter: int, size: int) -> tuple[Pair, np.ndarray]:
        """The `counter`-th augmented sample in both crops, and its labels uint8 (size, size) in the fine one."""
        generator = np.random.default_rng([seed, counter])
        bgr, labels, points, strength = self._scene(generator)
        pose = fit_pose(points.astype(np.float64))
        plain = parsing_crop(pose, size)
        between = parsing_crop(pose, size, fine=True) @ _inverted(plain)
        scale = np.exp(generator.normal(0.0, 0.08))
        to_crop = turned(plain, size, scale, generator.normal(0.0, 6.0), generator.normal(0.0, 0.025, 2))
        if generator.random() < 0.5:
            mirror = np.array([[-1.0, 0.0, bgr.shape[1] - 1.0], [0.0, 1.0, 0.0], [0.0, 0.0, 1.0]])
            across = np.array([[-1.0, 0.0, size - 1.0], [0.0, 1.0, 0.0], [0.0, 0.0, 1.0]])
            bgr, labels = bgr[:, ::-1], MIRRORED_OR_UNLABELLED[labels[:, ::-1]]
            to_crop = (across @ np.vstack([to_crop, [0.0, 0.0, 1.0]]) @ mirror)[:2]
            between = (across @ np.vstack([between, [0.0, 0.0, 1.0]]) @ across)[:2]
        # One camera took both: a picture as fine as most webcams show a head.
        side = round(_SEEN * size)
        enlarged = np.diag([_SEEN, _SEEN, 1.0])
        enlarged[:2, 2] = 0.5 * (_SEEN - 1.0)
        seen = cv2.warpAffine(
            np.ascontiguousarray(bgr),
            (enlarged @ np.vstack([to_crop, [0.0, 0.0, 1.0]]))[:2],
            (side, side),
            borderMode=cv2.BORDER_REPLICATE,
        )
        seen = with_camera(seen, generator, strength)
        back = np.linalg.inv(enlarged)
        crops = [
            cv2.warpAffine(seen, matrix, (size, size), borderMode=cv2.BORDER_REPLICATE)
            for matrix in (between @ back, back[:2])
        ]
        to_fine = between @ np.vstack([to_crop, [0.0, 0.0, 1.0]])
        return (crops[0], crops[1], _between_shares(between)), labels_in(labels, to_fine, size)

    def _scene(self, generator: np.random.Generator) -> tuple[np.ndarray, np.ndarray, np.ndarray, float]:
        """A still with its background, clothes, light and things changed: picture, labels, landmarks, how much."""
        still = self.sample(int(generator.integers(len(self._places))))
        if generator.random() < 0.6 and (still["labels"] == Label.HAT).any():
            # Hats are rarer before cameras than among the rendered people.
            still = self.sample(int(generator.integers(len(self._places))))
        if generator.random() < 0.04 and self._with_sleeves:
            # Arms in sleeves before the face are one in a hundred of the rendered people, and hard.
            still = self.sample(self._with_sleeves[int(generator.integers(len(self._with_sleeves)))])
        bgr, labels = still["bgr"], still["labels"]
        # Most pictures stay close to what was rendered, the others go far from it, towards the real world.
        strength = 1.0 if generator.random() < 0.33 else 0.3
        if generator.random() < 0.6 * strength:
            other = self.sample(int(generator.integers(len(self._places))))
            bgr = with_background(bgr, still["alpha"], other["bgr"], generator)
        if generator.random() < max(0.4, 0.7 * strength):
            bgr = with_other_hair(bgr, still["hair_matte"], generator)
        if generator.random() < 0.4 * strength:
            other = self.sample(int(generator.integers(len(self._places))))
            bgr = with_print(bgr, labels, other["bgr"], generator)
        elif generator.random() < 0.4 * strength:
            bgr = with_plain_cloth(bgr, labels, still["hair_matte"], generator)
        if generator.random() < 0.4 * strength:
            bgr = with_folds(bgr, labels, generator)
        if generator.random() < max(0.35, 0.7 * strength):
            smeared = generator.random() < 0.4 and not (labels == Label.GLASSES).any()
            bgr = with_shaded_eyes(bgr, still["points"], generator, smeared=smeared)
        if generator.random() < max(0.3, 0.5 * strength):
            bgr = with_gleams(bgr, labels, still["points"], generator)
        chance = generator.random()
        if chance < 0.40 and self._with_things:
            for _ in range(2 if generator.random() < 0.3 else 1):  # hands often come in pairs
                among = self._with_sleeves if generator.random() < 0.3 and self._with_sleeves else self._with_things
                other = self.sample(among[int(generator.integers(len(among)))])
                own_skin = int(other["occluded"]) & _HAND > 0 and generator.random() < 0.7
                bgr, labels = with_occluder(
                    bgr,
                    labels,
                    still["points"],
                    generator,
                    other=other["bgr"],
                    other_labels=other["labels"],
                    own_skin=own_skin,
                )
        elif chance < 0.43:
            other = self.sample(int(generator.integers(len(self._places))))
            bgr, labels = with_thing(bgr, labels, other["bgr"], still["points"], generator)
        return bgr, labels, still["points"], strength

    def aligned(self, number: int, size: int) -> tuple[np.ndarray, np.ndarray]:
        """One still in the crop of the run time, unchanged: picture, and labels at half its side."""
        still = self.sample(number)
        matrix = parsing_crop(fit_pose(still["points"].astype(np.float64)), size)
        return cv2.warpAffine(still["bgr"], matrix, (size, size), borderMode=cv2.BORDER_REPLICATE), labels_in(
            still["labels"], halved(matrix), size // 2
        )

    def aligned_pair(self, number: int, size: int) -> tuple[Pair, np.ndarray]:
        """One still in both crops, unchanged, and its labels at half the side of the fine one."""
        still = self.sample(number)
        pose = fit_pose(still["points"].astype(np.float64))
        to_crop, to_fine = (parsing_crop(pose, size, fine=fine) for fine in (False, True))
        crops = [
            cv2.warpAffine(still["bgr"], matrix, (size, size), borderMode=cv2.BORDER_REPLICATE)
            for matrix in (to_fine, to_crop)
        ]
        between = to_fine @ _inverted(to_crop)
        return (crops[0], crops[1], _between_shares(between)), labels_in(still["labels"], halved(to_fine), size // 2)

    def _take(self, path: Path, description: dataset.Description) -> None:
        self._seen.add(path)
        try:
            arrays = mapped_shard(path, description, _ARRAYS)
        except (OSError, ValueError, TypeError, KeyError, zipfile.BadZipFile) as error:
            raise RenderedDataUnusable(f"{path} cannot be read ({error}): delete and render it again.") from error
        number = len(self._shards)
        self._shards.append(arrays)
        for row, (person, bits) in enumerate(zip(arrays["actor_seed"], arrays["occluded"], strict=True)):
            # Knuth's multiplicative hash spreads consecutive seeds.
            held_out = (int(person) * 2654435761) % 2**32 // 64 % self._holdout_every == 0
            if held_out == self._held_out:
                if int(bits) & _HELD_THINGS and len(self._with_things) < _THINGS_KEPT:
                    self._with_things.append(len(self._places))
                if int(bits) & _HAND and _sleeved(arrays["actor_labels"][row], arrays["actor_points"][row]):
                    self._with_sleeves.append(len(self._places))
                self._places.append((number, row))


_HAND = 2
_HELD_THINGS = _HAND | 4 | 8 | 16
"""Bits of `occluded`: hand, microphone, cup, phone."""
MIRRORED_OR_UNLABELLED = np.full(256, UNLABELLED, np.uint8)
MIRRORED_OR_UNLABELLED[: len(Label)] = MIRRORED


def mapped_shard(path: Path, description: dataset.Description, names: tuple[str, ...]) -> dict[str, np.ndarray]:
    """Arrays of a shard as memory maps: thousands of stills cost no memory but the system's cache.

    Raises OSError, ValueError, TypeError, KeyError or zipfile.BadZipFile for a broken shard.
    """
    arrays: dict[str, np.ndarray] = {}
    whole = np.memmap(path, np.uint8, "r")
    with zipfile.ZipFile(path) as archive:
        for name in names:
            entry = archive.getinfo(f"{name}.npy")
            with archive.open(entry) as file:
                np.lib.format.read_magic(file)
                shape, _, dtype = np.lib.format.read_array_header_1_0(file)
                header = file.tell()
            expected = dataset.layout(description, shape[0])[name]
            if entry.compress_type != zipfile.ZIP_STORED or (dtype, shape) != expected:
                raise ValueError(f"{name} is not what the description promises")
            # The local header of the archive's entry: 30 bytes, then its name and extra field, then the data.
            lengths = whole[entry.header_offset + 26 : entry.header_offset + 30].view("<u2")
            start = entry.header_offset + 30 + int(lengths.sum()) + header
            arrays[name] = np.ndarray(shape, dtype, whole, start)  # TypeError where the file ends before it does
    return arrays


def parser_batches(
    pool: ParserPool, *, seed: int, batch: int, size: int, first_step: int, workers: int = 2, pairs: bool = False
) -> Iterator[tuple[tf.Tensor | tuple[tf.Tensor, ...], tf.Tensor]]:
    """Endless batches: uint8 pictures (batch, size, size, 3) BGR, or `Pair`s of them, and labels (batch, size, size).

    Batch n holds samples n * batch ... of the run, so that a resumed run sees what the first would have seen.
    Raises the TrainingError of the sample that cannot be read.
    """
    failures: list[TrainingError] = []
    picture = tf.TensorSpec((size, size, 3), tf.uint8)
    given = [picture, picture, tf.TensorSpec((2, 3), tf.float32)] if pairs else [picture]
    specs = [*given, tf.TensorSpec((size, size), tf.uint8)]

    def make(counter: np.int64) -> tuple[np.ndarray, ...]:
        try:
            if pairs:
                seen, labels = pool.drawn_pair(seed, int(counter), size)  # type: ignore[attr-defined]
                return (*seen, labels)
            return pool.drawn(seed, int(counter), size)
        except TrainingError as error:
            failures.append(error)
            raise

    def load(counter: tf.Tensor) -> tuple[tf.Tensor | tuple[tf.Tensor, ...], tf.Tensor]:
        made = tf.numpy_function(make, [counter], [spec.dtype for spec in specs], stateful=False)
        for each, spec in zip(made, specs, strict=True):
            each.set_shape(spec.shape)
        return (tuple(made[:-1]) if pairs else made[0]), made[-1]

    numbers = tf.data.Dataset.range(first_step * batch, np.iinfo(np.int64).max)
    stream = numbers.map(load, num_parallel_calls=workers, deterministic=True)
    try:
        yield from stream.batch(batch, drop_remainder=True).prefetch(4)
    except tf.errors.OpError:
        if failures:  # TensorFlow wraps it in pages of its own
            raise failures[0] from None
        raise


def labels_in(labels: np.ndarray, matrix: np.ndarray, side: int) -> np.ndarray:
    """Labels uint8 (side, side) in a crop, px of the labels -> px of the crop by `matrix`; unlabelled beyond them."""
    return cv2.warpAffine(
        labels, matrix, (side, side), flags=cv2.INTER_NEAREST, borderMode=cv2.BORDER_CONSTANT, borderValue=UNLABELLED
    )


def halved(matrix: np.ndarray) -> np.ndarray:
    """Into a crop of half the side: its pixels lie in the middle of 2 x 2 of the other's."""
    half = matrix * 0.5
    half[:, 2] -= 0.25
    return half


def _sleeved(labels: np.ndarray, points: np.ndarray) -> bool:
    """Whether clothes hide a part of the face."""
    face: np.ndarray = np.zeros(labels.shape, np.uint8)
    cv2.fillConvexPoly(face, cv2.convexHull(np.round(points[:, :2]).astype(np.int32)), 1)
    return bool((labels[face > 0] == Label.CLOTH).mean() > 0.03)


def _inverted(matrix: np.ndarray) -> np.ndarray:
    """(3, 3), the way back."""
    return np.vstack([cv2.invertAffineTransform(matrix), [0.0, 0.0, 1.0]])


def _between_shares(to_fine: np.ndarray) -> np.ndarray:
    """Of `Pair`, from (2, 3): px of the crop -> px of the fine crop."""
    return cv2.invertAffineTransform(between_shares(to_fine)).astype(np.float32)


def _jittered(points: np.ndarray, size: int, generator: np.random.Generator) -> np.ndarray:
    """A crop of the run time, or now and then any part of the picture; moved, turned and enlarged a little."""
    chance = generator.random()
    if chance < 0.9:
        matrix = parsing_crop(fit_pose(points.astype(np.float64)), size, fine=bool(chance < 0.3))
        scale = np.exp(generator.normal(0.0, 0.1))
        degrees, shift = generator.normal(0.0, 6.0), generator.normal(0.0, 0.035, 2)
    else:
        matrix = np.array([[size / 256.0, 0.0, 0.0], [0.0, size / 256.0, 0.0]])
        scale = np.exp(generator.uniform(-0.15, 0.5))
        degrees, shift = generator.normal(0.0, 12.0), generator.normal(0.0, 0.08, 2)
    return turned(matrix, size, scale, degrees, shift)


def turned(matrix: np.ndarray, size: int, scale: float, degrees: float, shift: np.ndarray) -> np.ndarray:
    """The (2, 3) similarity `matrix` into a square of `size` px, then enlarged, turned and shifted by so many sides."""
    turn = cv2.getRotationMatrix2D(((size - 1) / 2, (size - 1) / 2), degrees, float(scale))
    turn[:, 2] += shift * size
    return turn @ np.vstack([matrix, [0, 0, 1]])
