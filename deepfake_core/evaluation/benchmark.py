"""The benchmark folder: sequences with truths, and stills with labels."""

from __future__ import annotations

import hashlib
import json
from dataclasses import dataclass
from pathlib import Path
from typing import Literal, get_args

from deepfake_core.evaluation.errors import BenchmarkBroken
from deepfake_core.synthetic import dataset

Truth = Literal["face_in_tone", "face", "head"]
TRUTHS: tuple[Truth, ...] = get_args(Truth)
FILE = "benchmark.json"


@dataclass(frozen=True)
class Part:
    """One data set of the benchmark: every shard is there."""

    folder: Path
    description: dataset.Description
    shards: tuple[Path, ...]

    def read(self, shard: int) -> dataset.Arrays:
        """The arrays of a shard; raises BenchmarkBroken."""
        try:
            return dataset.read_shard(self.shards[shard], self.description)
        except dataset.ShardBroken as error:
            raise BenchmarkBroken(str(error)) from error


@dataclass(frozen=True)
class Benchmark:
    """A complete benchmark."""

    folder: Path
    version: str
    definition_sha256: str
    """Of benchmark.json: figures of two benchmarks are not to be compared."""
    sequences: Part
    stills: Part

    @property
    def identity(self) -> str:
        """The identity that the truths show."""
        return self.sequences.description.identity


def open_benchmark(folder: Path, truth: Truth) -> Benchmark:
    """Open a benchmark that holds this truth; raises BenchmarkBroken."""
    try:
        definition = (folder / FILE).read_bytes()
        version = str(json.loads(definition)["version"])
    except (OSError, ValueError, LookupError, TypeError) as error:
        raise BenchmarkBroken(
            f"{folder} is no benchmark (no readable {FILE}): render one with "
            f"'python3 tools/render_people.py benchmark --out {folder}'."
        ) from error
    sequences = _open_part(folder / "sequences", "sequences", ("actor", "identity", "plate", truth))
    stills = _open_part(folder / "parsing", "stills", ("actor",))
    return Benchmark(folder, version, hashlib.sha256(definition).hexdigest(), sequences, stills)


def _open_part(folder: Path, kind: str, views: tuple[str, ...]) -> Part:
    try:
        description = dataset.read_description(folder)
        shards = dataset.shard_paths(folder)
    except (dataset.DatasetMismatch, dataset.DatasetIncomplete) as error:
        raise BenchmarkBroken(str(error)) from error
    missing = [view for view in views if view not in description.views]
    if description.kind != kind or missing:
        problem = f"lack the views {', '.join(missing)}" if missing else f"are {description.kind}, not {kind}"
        raise BenchmarkBroken(f"The samples in {folder} {problem}: render the benchmark again.")
    return Part(folder, description, tuple(shards))
