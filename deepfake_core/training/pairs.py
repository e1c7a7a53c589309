"""Reading the rendered pairs: the same expression, pose, camera and light on an actor and on the identity."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np

from deepfake_core.synthetic import dataset
from deepfake_core.training.errors import TrainingError


class DatasetBroken(TrainingError):
    """The rendered pairs are not what they should be."""


@dataclass(frozen=True)
class InTone:
    """The same pairs once more: the identity's inner face on the actor's head, in the actor's skin tone."""

    bgr: np.ndarray
    """uint8 (N, S, S, 3)."""
    matte: np.ndarray
    """uint8 (N, S, S): the pixels of the inner face."""
    labels: np.ndarray
    """uint8 (N, S, S), as the other labels."""
    points: np.ndarray
    """float32 (N, 468, 3): the renderer's own landmarks in these pictures, px."""
    head_points: np.ndarray
    """The same in the pictures of the whole head."""


@dataclass(frozen=True)
class Shard:
    """Pairs as written by tools/render_people.py; pictures uint8 BGR, labels in CelebAMask-HQ's classes.

    name: the folder's and the file's, unlike that of any other shard of the training.
    """

    name: str
    actor_bgr: np.ndarray
    actor_alpha: np.ndarray
    head_bgr: np.ndarray
    """The identity's whole head on the actor's body: what is learned."""
    head_labels: np.ndarray
    head_head_matte: np.ndarray
    actor_seed: np.ndarray
    sequence: np.ndarray
    frame: np.ndarray
    yaw: np.ndarray
    pitch: np.ndarray
    monk_tone: np.ndarray
    """Of the actor, 1 to 10; 0 where it is the identity's own."""
    in_tone: InTone | None = None
    """None where the set was rendered without."""

    def __len__(self) -> int:
        return len(self.actor_seed)

    def most_frontal(self, count: int) -> list[int]:
        """The samples that look most towards the camera, in their order."""
        return sorted(np.argsort(np.hypot(self.yaw, self.pitch), kind="stable")[:count].tolist())


_NEEDED = (
    "actor_bgr",
    "actor_alpha",
    "head_bgr",
    "head_labels",
    "head_head_matte",
    "actor_seed",
    "sequence",
    "frame",
    "yaw",
    "pitch",
    "monk_tone",
)
_IN_TONE = ("face_in_tone_bgr", "swap_matte", "face_in_tone_labels", "face_in_tone_points", "head_points")


def read_shard(path: Path) -> Shard:
    """Open one shard of a data set; raises DatasetBroken naming the file."""
    description = _description(path.parent)
    in_tone = _IN_TONE if "face_in_tone" in description.views else ()
    try:
        arrays = dataset.read_shard(path, description, _NEEDED + in_tone)
    except dataset.ShardBroken as error:
        raise DatasetBroken(str(error)) from error
    toned = InTone(*(arrays.pop(name) for name in in_tone)) if in_tone else None
    return Shard(f"{path.parent.name}-{path.stem}", **arrays, in_tone=toned)


def identity_of(folder: Path) -> str:
    """Whose face a data set's pictures show; raises DatasetBroken."""
    return _description(folder).identity


def shard_paths(folder: Path, *, partial: bool = False) -> list[Path]:
    """The finished shards of a data set in order; raises DatasetBroken.

    partial: a renderer may still be adding more. Otherwise all must be there.
    """
    _description(folder)
    try:
        return dataset.shard_paths(folder, partial=partial)
    except dataset.DatasetIncomplete as error:
        raise DatasetBroken(str(error)) from error


def _description(folder: Path) -> dataset.Description:
    try:
        description = dataset.read_description(folder)
    except dataset.DatasetMismatch as error:
        raise DatasetBroken(str(error)) from error
    if "head" not in description.views:
        raise DatasetBroken(
            f"{folder} holds no pictures of an identity to learn from: render pairs with --views actor,head."
        )
    return description
