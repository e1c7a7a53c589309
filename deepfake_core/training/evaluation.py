"""How good the trained networks are on actors that no training step has seen, beside the bare texture."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, fields
from typing import Any

import numpy as np
import onnxruntime
from keras import ops

from deepfake_core.disclosure.mark import Disclosure
from deepfake_core.frame import Frame
from deepfake_core.training.augmentation import network_sample
from deepfake_core.training.errors import TrainingError
from deepfake_core.training.losses import WINDOW, structural_similarity
from deepfake_core.training.pool import SamplePool
from deepfake_core.training.report import as_picture

_BATCH = 8


class NothingHeldOut(TrainingError):
    """No prepared sample belongs to an actor that is kept for the evaluation."""


@dataclass(frozen=True)
class Figures:
    """Means over samples, on pictures without their light, inside the identity's true face.

    Neither PSNR nor SSIM tells a sharp face from a blurred one; the ratio of gradients does.
    """

    psnr: float
    """dB."""
    ssim: float
    gradient_ratio: float
    """Energy of the picture's gradients over that of the truth's: 1 is as sharp as the truth."""
    psnr_eyes_mouth: float
    """dB, over eyes and mouth alone."""
    head_difference: float
    """Mean difference of the head's matte from the true one."""


@dataclass(frozen=True)
class Evaluation:
    """Figures of the networks and of the texture alone, and some of the pictures."""

    samples: int
    networks: Figures
    template: Figures
    pictures: np.ndarray
    """uint8 (K, 4, n, n, 3), BGR: driver, template, networks, truth of some samples; all without light."""
    by_sample: np.ndarray
    """Figures of the networks, (N, 5), in the order of the fields of `Figures`."""
    actor_seeds: np.ndarray
    """int64 (N,): whose picture each sample is."""
    tones: np.ndarray
    """int64 (N,): the driver's tone on the Monk scale, 1 to 10; 0 where it is not known."""


Network = Callable[..., Mapping[str, Any]]
"""Called with a dict of arrays and `training=False`, as a keras.Model is."""


class Exported:
    """An exported network, called as the Keras model that it was."""

    def __init__(self, data: bytes) -> None:
        self._session = onnxruntime.InferenceSession(data, providers=["CPUExecutionProvider"])
        self._outputs = [value.name for value in self._session.get_outputs()]

    def __call__(self, inputs: Mapping[str, Any], *, training: bool) -> dict[str, np.ndarray]:
        """Any number of rows; the file takes one at a time. Raises ValueError for training."""
        if training:
            raise ValueError("An exported network learns nothing.")
        arrays = {name: ops.convert_to_numpy(x) for name, x in inputs.items()}
        rows = [
            self._session.run(self._outputs, {name: x[k : k + 1] for name, x in arrays.items()})
            for k in range(len(next(iter(arrays.values()))))
        ]
        return {name: np.concatenate(made) for name, made in zip(self._outputs, zip(*rows, strict=True), strict=True)}


def evaluate(
    encoder: Network,
    decoder: Network,
    pool: SamplePool,
    count: int,
    shown: int = 16,
    *,
    identity: int = 0,
    side: int = 128,
    template: bool = True,
) -> Evaluation:
    """Evaluate one identity's decoder on `count` samples spread over a pool of held-out actors.

    side: of the networks' pictures; template: as in `augmentation.network_sample`. Raises NothingHeldOut.
    """
    there = pool.count(identity)
    if not there:
        raise NothingHeldOut(
            f"No sample of {pool.identities[identity]} belongs to a held-out actor; prepare more pairs."
        )
    chosen = np.unique(np.linspace(0, there - 1, min(count, there)).round().astype(int))
    scores: dict[str, list[np.ndarray]] = {"networks": [], "template": []}
    rows = []
    for start in range(0, len(chosen), _BATCH):
        samples = [pool.sample(identity, int(k)) for k in chosen[start : start + _BATCH]]
        batch = _stacked([network_sample(sample, side, template=template) for sample in samples])
        drawn = batch if template else _stacked([network_sample(sample, side) for sample in samples])
        features = encoder({"driver": batch["driver"], "geometry": batch["geometry"]}, training=False)
        outputs = decoder({"template": ops.convert_to_tensor(batch["template"]), **features}, training=False)
        made, head = (ops.convert_to_numpy(outputs[name]) for name in ("reflectance", "head_matte"))
        bare, alpha = drawn["template"][..., :3], drawn["template"][..., 3:] / 2.0 + 0.5
        scores["networks"].append(_scores(made, head, batch))
        scores["template"].append(_scores(bare, alpha, batch))
        columns = (batch["driver"], bare, made, batch["target"])
        rows += [np.stack([as_picture(column[k]) for column in columns]) for k in range(len(samples))]
    networks, bare_figures = (Figures(*np.concatenate(scores[name]).mean(0).tolist()) for name in scores)
    spread = np.unique(np.linspace(0, len(rows) - 1, min(shown, len(rows))).round().astype(int))
    pictures = np.stack([rows[k] for k in spread])
    people = np.array([pool.driver(identity, int(k)) for k in chosen])
    by_sample = np.concatenate(scores["networks"])
    return Evaluation(len(chosen), networks, bare_figures, pictures, by_sample, people[:, 0], people[:, 1])


def _stacked(samples: list[dict[str, np.ndarray]]) -> dict[str, np.ndarray]:
    return {name: np.stack([sample[name] for sample in samples]) for name in samples[0]}


def _scores(pictures: np.ndarray, heads: np.ndarray, truth: dict[str, np.ndarray]) -> np.ndarray:
    """One row of `Figures` for each picture, (N, 5)."""
    made, target = (np.clip(p, -1.0, 1.0) / 2.0 for p in (pictures, truth["target"]))
    known = truth["known"] > 0.5
    face = ((truth["face"] > 0.5) & known).astype(np.float32)
    features = face * (truth["emphasis"] > 0.4)
    similarity = ops.convert_to_numpy(structural_similarity(made, target))
    # A window counts where its middle is inside the face.
    before = WINDOW // 2
    middles = face[:, before : before + similarity.shape[1], before : before + similarity.shape[2]]
    energy = [_masked_mean(_gradient_energy(p), face[:, 1:, 1:]) for p in (made, target)]
    return np.column_stack(
        [
            _psnr(made, target, face),
            _masked_mean(similarity, middles),
            energy[0] / np.maximum(energy[1], 1e-9),
            _psnr(made, target, features),
            _masked_mean(np.abs(heads - truth["head"]), known.astype(np.float32)),
        ]
    )


def _psnr(made: np.ndarray, target: np.ndarray, mask: np.ndarray) -> np.ndarray:
    return -10.0 * np.log10(np.maximum(_masked_mean((made - target) ** 2, mask), 1e-6))


def _gradient_energy(pictures: np.ndarray) -> np.ndarray:
    across, down = np.diff(pictures, axis=2)[:, 1:], np.diff(pictures, axis=1)[:, :, 1:]
    return across**2 + down**2


def _masked_mean(values: np.ndarray, mask: np.ndarray) -> np.ndarray:
    return (values * mask).sum((1, 2, 3)) / np.maximum(mask.sum((1, 2, 3)) * values.shape[-1], 1.0)


def sheet(results: Sequence[Evaluation]) -> np.ndarray:
    """uint8, BGR: driver, template, what each of the networks draws of the same samples, truth; two samples in a row.

    It shows fakes, so it is marked like every other picture of one.
    """
    first = results[0].pictures
    tiles = [first[:, 0], first[:, 1], *(result.pictures[:, 2] for result in results), first[:, 3]]
    rows = [np.hstack(row) for row in zip(*tiles, strict=True)]
    rows += [np.zeros_like(rows[0])] * (len(rows) % 2)
    picture = np.vstack([np.hstack(rows[k : k + 2]) for k in range(0, len(rows), 2)])
    return Disclosure().mark(Frame.from_bgr(picture)).frame.to_bgr()


def describe(figures: Figures) -> str:
    """The figures in one line."""
    return ", ".join(f"{field.name} {getattr(figures, field.name):.3f}" for field in fields(figures))
