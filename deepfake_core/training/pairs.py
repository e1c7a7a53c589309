"""Reading the rendered pairs: the same expression, pose, camera and light on an actor and on the identity."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np

from deepfake_core.training.errors import TrainingError

MAX_SHARD_SAMPLES = 64


class DatasetBroken(TrainingError):
    """A shard of rendered pairs does not hold what it should."""


@dataclass(frozen=True)
class Shard:
    """Up to 64 pairs as written by tools/render_people.py; pictures uint8 BGR, labels in CelebAMask-HQ's classes."""

    name: str
    actor_bgr: np.ndarray
    actor_alpha: np.ndarray
    identity_bgr: np.ndarray
    identity_labels: np.ndarray
    actor_seed: np.ndarray

    def __len__(self) -> int:
        return len(self.actor_seed)


_NEEDED = ("actor_bgr", "actor_alpha", "identity_bgr", "identity_labels", "actor_seed")


def read_shard(path: Path) -> Shard:
    """Open one shard; raises DatasetBroken naming the file."""
    try:
        with np.load(path, allow_pickle=False) as file:
            arrays = {name: file[name] for name in _NEEDED}
    except (OSError, ValueError, KeyError) as error:
        raise DatasetBroken(f"{path} is not a shard of rendered pairs ({error}); render it again.") from error
    count = len(arrays["actor_seed"])
    sizes = {arrays[name].shape[1:3] for name in _NEEDED[:4]}
    if not 0 < count <= MAX_SHARD_SAMPLES or len(sizes) != 1 or any(len(a) != count for a in arrays.values()):
        raise DatasetBroken(f"{path} holds arrays that do not fit each other; render it again.")
    return Shard(path.stem, **arrays)


def shard_paths(folder: Path) -> list[Path]:
    """The finished shards of a data set in order; a renderer may still be adding more."""
    return sorted(folder.glob("shard-*.npz"))
