"""Folders of rendered samples: a description (dataset.json) and shards (shard-00000.npz).

A shard holds at most 64 samples as uncompressed arrays; it appears under its name only when complete.
Samples 2k and 2k+1 of a shard are two actors in the same pose, light and camera; their identity
picture is the same one, stored twice.
"""

from __future__ import annotations

import os
import zipfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final, Literal

import numpy as np
import numpy.typing as npt
from pydantic import BaseModel, Field, ValidationError

FORMAT: Final = 1
SHARD_SAMPLES = 64
MAX_SIZE = 1024  # px
MAX_SAMPLES = 10_000_000
Arrays = dict[str, npt.NDArray[Any]]


class DatasetMismatch(ValueError):
    """The folder holds a data set that was made with other settings."""


class ShardBroken(ValueError):
    """A shard file is not what the description promises."""


class Description(BaseModel, frozen=True, extra="forbid", strict=True):
    """What a data set holds: kind ("pairs"), identity, picture side in px, seed; and the command behind it."""

    kind: str
    identity: str
    size: int = Field(ge=16, le=MAX_SIZE)
    seed: int = Field(ge=0)
    count: int = Field(ge=1, le=MAX_SAMPLES)
    command: str
    format: Literal[1] = FORMAT

    def same_samples(self, other: Description) -> bool:
        """Whether both describe the same samples, but for how many there are."""
        keys = ("kind", "identity", "size", "seed", "format")
        return all(getattr(self, key) == getattr(other, key) for key in keys)

    @property
    def shards(self) -> int:
        """Number of shards; the last one is full too."""
        return -(-self.count // SHARD_SAMPLES)


def layout(samples: int, size: int) -> dict[str, tuple[np.dtype[Any], tuple[int, ...]]]:
    """Names, types and shapes of a shard's arrays.

    *_bgr: pictures; *_alpha: matte of the person 0..255; *_labels: `labels.Label`;
    *_head: head bone (dm) to clip space, see `camera.head_to_clip`; yaw, pitch, roll: degrees, see
    `person.HeadPose`; fov: vertical, degrees; actor_seed: seed of the actor's recipe; occluded: bits
    1 glasses, 2 hand, 4 microphone; exposure: shared by both pictures of a pair.
    """
    n, s = samples, size
    arrays: dict[str, tuple[Any, tuple[int, ...]]] = {}
    for who in ("actor", "identity"):
        arrays[f"{who}_bgr"] = np.uint8, (n, s, s, 3)
        arrays[f"{who}_alpha"] = np.uint8, (n, s, s)
        arrays[f"{who}_labels"] = np.uint8, (n, s, s)
        arrays[f"{who}_head"] = np.float32, (n, 4, 4)
    for name in ("yaw", "pitch", "roll", "fov", "exposure"):
        arrays[name] = np.float32, (n,)
    arrays["actor_seed"] = np.int64, (n,)
    arrays["occluded"] = np.uint8, (n,)
    return {name: (np.dtype(dtype), shape) for name, (dtype, shape) in arrays.items()}


def shard_path(folder: Path, index: int) -> Path:
    """The file of a shard."""
    return folder / f"shard-{index:05d}.npz"


def read_description(folder: Path) -> Description:
    """Read dataset.json; raise `DatasetMismatch` when it is no description of this format."""
    path = folder / "dataset.json"
    try:
        return Description.model_validate_json(path.read_bytes())
    except (OSError, ValidationError) as error:
        raise DatasetMismatch(f"{path} describes no data set of format {FORMAT}: {error}.") from error


def start_dataset(folder: Path, description: Description) -> list[int]:
    """Create or resume a data set; returns the shards that are still missing.

    Raises `DatasetMismatch` when the folder holds samples made with other settings.
    """
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / "dataset.json"
    if path.exists():
        present = read_description(folder)
        if not present.same_samples(description):
            raise DatasetMismatch(
                f"{folder} holds {present.kind} of {present.identity} at {present.size} px with seed "
                f"{present.seed}: use those settings, or another folder."
            )
    elif any(folder.glob("shard-*.npz")):
        raise DatasetMismatch(f"{folder} holds shards but no dataset.json: use another folder.")
    temporary = path.with_suffix(".partial")
    temporary.write_text(description.model_dump_json(indent=2) + "\n")
    temporary.replace(path)
    return [i for i in range(description.shards) if not shard_path(folder, i).exists()]


def write_shard(folder: Path, index: int, arrays: Mapping[str, npt.NDArray[Any]]) -> None:
    """Write a shard under a temporary name, then give it its own."""
    path = shard_path(folder, index)
    temporary = path.with_suffix(f".{os.getpid()}.partial")
    with temporary.open("wb") as file:
        np.savez(file, allow_pickle=False, **arrays)
    temporary.replace(path)


def read_shard(path: Path, size: int) -> Arrays:
    """Read a shard of `size` px pictures; raise `ShardBroken` when anything differs from `layout`.

    A shard counts as untrusted: nothing is unpickled, and no array is read before all headers were checked.
    """
    try:
        with zipfile.ZipFile(path) as archive:
            found = {name.removesuffix(".npy"): _header(archive, name) for name in archive.namelist()}
        samples = found["yaw"][1][0]
        if not 0 < samples <= SHARD_SAMPLES or found != layout(samples, size):
            raise ValueError("its arrays are not those of a shard")
        with np.load(path, allow_pickle=False) as stored:
            return {name: stored[name] for name in found}
    except (OSError, zipfile.BadZipFile, ValueError, LookupError) as error:
        raise ShardBroken(f"{path} cannot be read ({error}): delete and render it again.") from error


def _header(archive: zipfile.ZipFile, name: str) -> tuple[np.dtype[Any], tuple[int, ...]]:
    """Type and shape that an array in an archive promises (NEP 1)."""
    with archive.open(name) as file:
        if np.lib.format.read_magic(file) != (1, 0):
            raise ValueError(f"{name} is of an unknown format")
        shape, _, dtype = np.lib.format.read_array_header_1_0(file)
    return dtype, shape
