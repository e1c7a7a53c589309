"""Folders of rendered samples: a description (dataset.json) and shards (shard-00000.npz); see docs/data-format.md.

A shard appears under its name only when complete; a set whose shards are not all there is refused by readers.
"""

from __future__ import annotations

import errno
import hashlib
import math
import os
import re
import zipfile
from collections.abc import Collection, Mapping
from pathlib import Path
from typing import Any, Final, Literal, get_args

import numpy as np
import numpy.typing as npt
from pydantic import BaseModel, Field, ValidationError, model_validator

from deepfake_core.synthetic.traits import TONES

FORMAT: Final = 2
SHARD_SAMPLES = 64
MAX_SIZE = 1024  # px
MAX_SAMPLES = 10_000_000
MAX_FRAMES = 600  # of a sequence, so of its shard
POINTS = 468
SWAPPED_FACES = ("face", "face_in_tone")
Kind = Literal["stills", "pairs", "sequences"]
View = Literal["actor", "identity", "head", "face", "face_in_tone", "plate"]
VIEWS: tuple[View, ...] = get_args(View)
Arrays = dict[str, npt.NDArray[Any]]


class DatasetMismatch(ValueError):
    """The folder holds another data set than asked for, or none."""


class DatasetIncomplete(ValueError):
    """The rendering of the data set has not ended."""


class ShardBroken(ValueError):
    """A shard file is not what the description promises."""


class DiskFull(OSError):
    """A shard could not be written for want of space."""


class Description(BaseModel, frozen=True, extra="forbid", strict=True):
    """What a data set holds.

    count: samples, or sequences of `frames` frames each; identity: whose face the swaps show, "" without swaps;
    size: side of the pictures in px; views: the pictures of a sample; webcam: whether the actor's picture went
    through a webcam; units, lights, cases: what the numbers in `expression`, `light` and `case` stand for;
    people: those to train on or those of the benchmark; each_tone: of pairs, each person is shown in all ten tones, in
    one scene; tones: of pairs, the actors' Monk tones, () for all; command: what made it.
    """

    kind: Kind
    identity: str
    size: int = Field(ge=16, le=MAX_SIZE)
    seed: int = Field(ge=0)
    count: int = Field(ge=1, le=MAX_SAMPLES)
    frames: int = Field(default=1, ge=1, le=MAX_FRAMES)
    views: tuple[View, ...] = Field(min_length=1, strict=False)
    webcam: bool
    units: tuple[str, ...] = Field(max_length=256, strict=False)
    lights: tuple[str, ...] = Field(max_length=256, strict=False)
    cases: tuple[str, ...] = Field(default=("random",), min_length=1, max_length=256, strict=False)
    people: Literal["training", "benchmark"] = "training"
    each_tone: bool = False
    tones: tuple[int, ...] = Field(default=(), strict=False)
    command: str
    format: Literal[2] = FORMAT

    @model_validator(mode="after")
    def _fits(self) -> Description:
        if self.views != tuple(view for view in VIEWS if view in self.views) or "actor" not in self.views:
            raise ValueError(f"views must be the actor and others of {', '.join(VIEWS)}, each once, in this order")
        if (self.frames > 1) and self.kind != "sequences":
            raise ValueError("only sequences have more than one frame")
        if self.each_tone and (self.kind != "pairs" or self.count % TONES):
            raise ValueError(f"only pairs show each person in {TONES} tones, so many for everybody")
        if self.tones and (self.kind != "pairs" or self.each_tone):
            raise ValueError("only the people of pairs are chosen by their tones, and not those shown in each")
        if self.tones != tuple(sorted(set(self.tones) & set(range(1, TONES + 1)))):
            raise ValueError(f"tones must be of 1 to {TONES}, each once, in this order")
        return self

    def same_samples(self, other: Description) -> bool:
        """Whether both describe the same samples, but for how many there are."""
        but_for = {"count", "command"}
        return self.model_dump(exclude=but_for) == other.model_dump(exclude=but_for)

    @property
    def shard_samples(self) -> int:
        """Samples of a full shard: a sequence has a shard of its own, and nobody's tones lie in two."""
        if self.kind == "sequences":
            return self.frames
        return SHARD_SAMPLES // TONES * TONES if self.each_tone else SHARD_SAMPLES

    @property
    def samples(self) -> int:
        """Samples of the whole set."""
        return self.count * self.frames

    @property
    def shards(self) -> int:
        """Number of shards."""
        return -(-self.samples // self.shard_samples)

    def samples_of(self, index: int) -> int:
        """Samples of shard `index`; the last one may hold fewer than the others."""
        return min(self.shard_samples, self.samples - index * self.shard_samples)


def layout(description: Description, samples: int) -> dict[str, tuple[np.dtype[Any], tuple[int, ...]]]:
    """Names, types and shapes of a shard's arrays; docs/data-format.md says what each holds."""
    n, s = samples, description.size
    arrays: dict[str, tuple[Any, tuple[int, ...]]] = {}
    for view in description.views:
        arrays[f"{view}_bgr"] = np.uint8, (n, s, s, 3)
        if view != "plate":
            for name in ("alpha", "head_matte", "hair_matte", "labels"):
                arrays[f"{view}_{name}"] = np.uint8, (n, s, s)
            arrays[f"{view}_points"] = np.float32, (n, POINTS, 3)
            arrays[f"{view}_head"] = np.float32, (n, 4, 4)
    if any(view in SWAPPED_FACES for view in description.views):
        arrays["swap_matte"] = np.uint8, (n, s, s)
    for name in ("yaw", "pitch", "roll", "fov", "exposure", "time"):
        arrays[name] = np.float32, (n,)
    for name in ("sequence", "frame"):
        arrays[name] = np.int32, (n,)
    for name in ("actor_seed", "identity_seed"):
        arrays[name] = np.int64, (n,)
    for name in ("monk_tone", "sex", "light", "case"):
        arrays[name] = np.uint8, (n,)
    arrays["occluded"] = np.uint16, (n,)
    arrays["expression"] = np.float32, (n, len(description.units))
    arrays["gaze"] = np.float32, (n, 2)
    return {name: (np.dtype(dtype), shape) for name, (dtype, shape) in arrays.items()}


def size_in_bytes(description: Description, samples: int) -> int:
    """What the arrays of so many samples take on disk."""
    return sum(dtype.itemsize * math.prod(shape) for dtype, shape in layout(description, samples).values())


def shard_path(folder: Path, index: int) -> Path:
    """The file of a shard."""
    return folder / f"shard-{index:05d}.npz"


def read_description(folder: Path) -> Description:
    """Read dataset.json; raise `DatasetMismatch` when it is no description of this format."""
    path = folder / "dataset.json"
    try:
        text = path.read_bytes()
    except OSError as error:
        raise DatasetMismatch(f"{folder} holds no data set ({error}).") from error
    if re.search(rb'"format"\s*:\s*1\b', text):
        raise DatasetMismatch(f"{folder} holds a data set of format 1, which is no longer read: render it again.")
    try:
        return Description.model_validate_json(text)
    except ValidationError as error:
        raise DatasetMismatch(f"{path} describes no data set of format {FORMAT}: {error}.") from error


def missing_shards(folder: Path, description: Description) -> list[int]:
    """The shards that are not there."""
    return [i for i in range(description.shards) if not shard_path(folder, i).exists()]


def shard_paths(folder: Path, *, partial: bool = False) -> list[Path]:
    """The shards of a data set in order.

    partial: content with those that are there. Otherwise raises `DatasetIncomplete` when some are missing.
    """
    description = read_description(folder)
    missing = set(missing_shards(folder, description))
    if missing and not partial:
        raise DatasetIncomplete(
            f"{folder} is half-written, {len(missing)} of {description.shards} shards are missing: "
            f"finish it by calling its command again ({description.command})."
        )
    return [shard_path(folder, i) for i in range(description.shards) if i not in missing]


def start_dataset(folder: Path, description: Description) -> list[int]:
    """Create or resume a data set; returns the shards that are still to be rendered.

    Raises `DatasetMismatch` when the folder holds samples made with other settings.
    """
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / "dataset.json"
    if path.exists():
        present = read_description(folder)
        if not present.same_samples(description):
            raise DatasetMismatch(
                f"{folder} holds {present.kind} of {present.identity or 'random people'} at {present.size} px with "
                f"seed {present.seed}, views {', '.join(present.views)}, {present.frames} frames, "
                f"webcam {'on' if present.webcam else 'off'}, each tone {'on' if present.each_tone else 'off'}, "
                f"tones {', '.join(map(str, present.tones)) or 'all'}: "
                "use those settings, or another folder."
            )
        last = present.shards - 1
        if description.count > present.count and present.samples_of(last) < present.shard_samples:
            shard_path(folder, last).unlink(missing_ok=True)  # the longer set wants it full
        if description.count < present.count:
            description = present
    elif any(folder.glob("shard-*.npz")):
        raise DatasetMismatch(f"{folder} holds shards but no dataset.json: use another folder.")
    for leftover in folder.glob("*.partial"):
        leftover.unlink()
    temporary = path.with_suffix(".partial")
    try:
        temporary.write_text(description.model_dump_json(indent=2) + "\n")
    except OSError as error:
        raise _explained(error, folder) from error
    temporary.replace(path)
    return missing_shards(folder, description)


def write_shard(folder: Path, index: int, arrays: Mapping[str, npt.NDArray[Any]]) -> None:
    """Write a shard under a temporary name, then give it its own; raises `DiskFull`."""
    path = shard_path(folder, index)
    temporary = path.with_suffix(f".{os.getpid()}.partial")
    try:
        with temporary.open("wb") as file:
            np.savez(file, allow_pickle=False, **arrays)
            file.flush()
            os.fsync(file.fileno())
    except OSError as error:
        temporary.unlink(missing_ok=True)
        raise _explained(error, folder) from error
    temporary.replace(path)


def _explained(error: OSError, folder: Path) -> OSError:
    if error.errno in (errno.ENOSPC, errno.EDQUOT):
        return DiskFull(
            f"There is no space left for {folder}: free some and call the same command again; the shards that are "
            "complete are kept."
        )
    return error


def read_shard(path: Path, description: Description, names: Collection[str] | None = None) -> Arrays:
    """Read a shard, or only some of its arrays; raise `ShardBroken` when anything differs from `layout`.

    A shard counts as untrusted: nothing is unpickled, and no array is read before all headers were checked.
    """
    try:
        with zipfile.ZipFile(path) as archive:
            found = {name.removesuffix(".npy"): _header(archive, name) for name in archive.namelist()}
        samples = found["yaw"][1][0]
        if not 0 < samples <= description.shard_samples or found != layout(description, samples):
            raise ValueError("its arrays are not those of a shard of this set")
        with np.load(path, allow_pickle=False) as stored:
            return {name: stored[name] for name in found if names is None or name in names}
    except (OSError, zipfile.BadZipFile, ValueError, LookupError) as error:
        raise ShardBroken(f"{path} cannot be read ({error}): delete and render it again.") from error


def fingerprint(folder: Path) -> str:
    """SHA-256, in hex, of the checksums of all arrays: equal for two sets of the same pictures."""
    digest = hashlib.sha256()
    for path in shard_paths(folder):
        try:
            with zipfile.ZipFile(path) as archive:
                for entry in sorted(archive.infolist(), key=lambda each: each.filename):
                    digest.update(f"{path.name} {entry.filename} {entry.CRC:08x}\n".encode())
        except (OSError, zipfile.BadZipFile) as error:
            raise ShardBroken(f"{path} cannot be read ({error}): delete and render it again.") from error
    return digest.hexdigest()


def _header(archive: zipfile.ZipFile, name: str) -> tuple[np.dtype[Any], tuple[int, ...]]:
    """Type and shape that an array in an archive promises (NEP 1)."""
    with archive.open(name) as file:
        if np.lib.format.read_magic(file) != (1, 0):
            raise ValueError(f"{name} is of an unknown format")
        shape, _, dtype = np.lib.format.read_array_header_1_0(file)
    return dtype, shape
