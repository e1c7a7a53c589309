"""Fifty rendered people and the identities that the product brings: among whom a swap has to be recognised."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from deepfake_core.evaluation.embedding import FaceEmbedder
from deepfake_core.evaluation.errors import EvaluationError
from deepfake_core.evaluation.portrait import open_portrait
from deepfake_core.synthetic import dataset
from deepfake_core.training.still_landmarks import StillLandmarks

PEOPLE = 50
_FRONTAL_DEGREES = 20.0
_CACHE = "gallery.npz"


@dataclass(frozen=True)
class Gallery:
    """Embeddings of known people."""

    names: tuple[str, ...]
    """Of the identities and, as "stranger 0" and so on, of the people of the stills."""
    embeddings: np.ndarray
    """float64 (P, 128)."""

    def nearest(self, embedding: np.ndarray) -> str:
        """Whom a face with this embedding (128,) looks like most."""
        return self.names[int(np.linalg.norm(self.embeddings - embedding, axis=1).argmin())]


def open_gallery(stills: Path, identities: Sequence[str]) -> Gallery:
    """49 people of a folder of rendered stills and one of the identities each time; raises EvaluationError.

    The strangers' embeddings are kept beside the stills. An identity is known by its portrait.
    """
    strangers = _strangers(stills)
    embed = FaceEmbedder()
    known = np.stack([embed(*open_portrait(name)) for name in identities])
    names = tuple(f"stranger {k}" for k in range(len(strangers))) + tuple(identities)
    return Gallery(names, np.concatenate([strangers, known]))


def _strangers(stills: Path) -> np.ndarray:
    kept = stills / _CACHE
    if kept.exists():
        try:
            with np.load(kept, allow_pickle=False) as file:
                found = np.asarray(file["embeddings"], np.float64)
            if found.shape != (PEOPLE - 1, 128):
                raise ValueError(f"it holds {found.shape}")
        except (OSError, ValueError, KeyError) as error:
            raise EvaluationError(f"{kept} is damaged: delete it, and it is made again. ({error})") from error
        return found
    embeddings = np.stack(_embedded(stills))
    temporary = kept.with_name(f".{_CACHE}")
    with temporary.open("wb") as file:
        np.savez(file, allow_pickle=False, embeddings=embeddings)
    temporary.replace(kept)
    return embeddings


def _embedded(stills: Path) -> list[np.ndarray]:
    """Of the first people that look into the camera with nothing before their faces."""
    embed, found, seen = FaceEmbedder(), [], set()
    find = StillLandmarks()
    try:
        description = dataset.read_description(stills)
        for path in dataset.shard_paths(stills, partial=True):
            arrays = dataset.read_shard(path, description, ("actor_bgr", "actor_seed", "yaw", "pitch", "occluded"))
            turned = np.hypot(arrays["yaw"], arrays["pitch"])
            for k in np.flatnonzero((turned < _FRONTAL_DEGREES) & (arrays["occluded"] == 0)):
                seed = int(arrays["actor_seed"][k])
                landmarks = None if seed in seen else find(arrays["actor_bgr"][k])
                if landmarks is not None:
                    seen.add(seed)
                    found.append(embed(arrays["actor_bgr"][k], landmarks))
                if len(found) == PEOPLE - 1:
                    return found
    except (dataset.DatasetMismatch, dataset.DatasetIncomplete, dataset.ShardBroken) as error:
        raise EvaluationError(str(error)) from error
    raise EvaluationError(
        f"{stills} shows only {len(found)} people from the front: make more with "
        f"'python3 tools/render_people.py stills --out {stills} --count 2600'."
    )
