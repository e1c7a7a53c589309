"""The prepared samples of a training on disk, drawn in an order that only seed and step decide. Needs no TensorFlow."""

from __future__ import annotations

import struct
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

from deepfake_core.training.augmentation import Variation, network_sample
from deepfake_core.training.configuration import Configuration
from deepfake_core.training.errors import TrainingError
from deepfake_core.training.sample_format import CHANNELS, SAMPLE_SIZE

META = "meta.npz"
_BACKGROUNDS = 192
_MAX_SHARD = 100_000


class ShardBroken(TrainingError):
    """A shard of prepared samples does not hold what its names promise."""

    def __init__(self, path: Path, problem: str) -> None:
        super().__init__(f"{path} is no shard of samples: {problem}; delete the folder and run 'prepare' again.")


class SamplesMissing(TrainingError):
    """An identity has nothing to train on."""


@dataclass(frozen=True)
class SampleShard:
    """One folder of samples: an .npy file for each of CHANNELS, read row by row, and their meta.npz.

    Rows are read with plain file access: hundreds of memory maps would need more open files than a process has.
    """

    folder: Path
    offsets: dict[str, int]
    identity_index: np.ndarray
    actor_seed: np.ndarray
    sequence: np.ndarray
    frame: np.ndarray
    monk_tone: np.ndarray
    """Of the driver, 1 to 10; 0 where it is not known."""

    @classmethod
    def open(cls, folder: Path) -> SampleShard:
        """Check a folder and its headers; raises ShardBroken."""
        try:
            with np.load(folder / META, allow_pickle=False) as file:
                meta = [np.asarray(file[name]) for name in ("identity_index", "actor_seed", "sequence", "frame")]
                meta.append(np.asarray(file["monk_tone"]) if "monk_tone" in file else np.zeros_like(meta[0]))
        except (OSError, ValueError, KeyError, EOFError, struct.error) as error:
            raise ShardBroken(folder, f"its {META} cannot be read ({error})") from error
        count = len(meta[0]) if meta[0].ndim == 1 else 0
        if not 0 < count <= _MAX_SHARD or any(a.shape != (count,) or a.dtype.kind not in "iu" for a in meta):
            raise ShardBroken(folder, f"its {META} does not say the same number of samples everywhere")
        offsets = {name: cls._check(folder, name, channels, count) for name, channels in CHANNELS.items()}
        return cls(folder, offsets, *(array.astype(np.int64) for array in meta))

    @staticmethod
    def _check(folder: Path, name: str, channels: int, count: int) -> int:
        """Where the pictures of one array begin in its file."""
        path = folder / f"{name}.npy"
        wanted = (count, SAMPLE_SIZE, SAMPLE_SIZE) + ((channels,) if channels > 1 else ())
        try:
            with path.open("rb") as file:
                version = np.lib.format.read_magic(file)
                read = {(1, 0): np.lib.format.read_array_header_1_0, (2, 0): np.lib.format.read_array_header_2_0}
                shape, fortran, dtype = read[version](file)
                offset = file.tell()
            size = path.stat().st_size
        except (OSError, ValueError, KeyError, EOFError) as error:
            raise ShardBroken(folder, f"{path.name} cannot be read ({error})") from error
        if shape != wanted or fortran or dtype != np.uint8:
            raise ShardBroken(folder, f"{path.name} is {dtype} {shape}, not uint8 {wanted}")
        if size != offset + int(np.prod(wanted)):
            raise ShardBroken(folder, f"{path.name} is cut short or too long")
        return offset

    def sample(self, row: int) -> dict[str, np.ndarray]:
        """One sample: uint8 (208, 208[, 3]) by name; raises ShardBroken."""
        return {name: self._picture(name, channels, row) for name, channels in CHANNELS.items()}

    def _picture(self, name: str, channels: int, row: int) -> np.ndarray:
        shape = (SAMPLE_SIZE, SAMPLE_SIZE) + ((channels,) if channels > 1 else ())
        size = int(np.prod(shape))
        try:
            data = np.fromfile(self.folder / f"{name}.npy", np.uint8, size, offset=self.offsets[name] + row * size)
        except OSError as error:
            raise ShardBroken(self.folder, f"{name}.npy cannot be read any more ({error})") from error
        if data.size != size:
            raise ShardBroken(self.folder, f"{name}.npy became shorter while it was read")
        return data.reshape(shape)


@dataclass
class _Places:
    """Where the samples of one identity lie: shard and row."""

    all: list[tuple[int, int]] = field(default_factory=list)
    consecutive: list[tuple[tuple[int, int], tuple[int, int]]] = field(default_factory=list)


class SamplePool:
    """Prepared samples of the actors to train on, or of those held out, for each identity.

    `take_new` adds shards that appeared in the folder since.
    """

    def __init__(
        self,
        folder: Path,
        identities: Sequence[str],
        settings: Configuration,
        *,
        held_out: bool,
        only: Sequence[str] = (),
    ) -> None:
        """identities: in the order of the samples' identity_index; only: those whose rows a batch holds, all where none
        is named."""
        self._folder = folder
        self._settings = settings
        self._held_out = held_out
        self.identities = tuple(identities)
        self.drawn = tuple(k for k, name in enumerate(identities) if not only or name in only)
        """Numbers of the identities whose rows a batch holds."""
        self._shards: list[SampleShard] = []
        self._seen: set[str] = set()
        self._places = [_Places() for _ in identities]
        self._backgrounds: list[np.ndarray] = []
        self.take_new()

    @property
    def rows(self) -> int:
        """Rows of a batch."""
        return len(self.drawn) * self._settings.rows

    def __len__(self) -> int:
        return sum(self.count(identity) for identity in self.drawn)

    def count(self, identity: int) -> int:
        """How many samples an identity has."""
        return len(self._places[identity].all)

    def require(self) -> None:
        """Raises SamplesMissing unless every identity that is drawn has samples."""
        for identity in self.drawn:
            if not self.count(identity):
                name = self.identities[identity]
                raise SamplesMissing(f"{self._folder} holds no samples of {name} yet; run 'prepare' first.")

    def take_new(self) -> int:
        """Open shards that are not open yet; returns how many samples they brought. Raises ShardBroken."""
        before = len(self)
        for folder in sorted(path.parent for path in self._folder.glob(f"*/{META}")):
            if folder.name in self._seen or folder.name.startswith("."):
                continue
            shard = SampleShard.open(folder)
            if shard.identity_index.min() < 0 or shard.identity_index.max() >= len(self.identities):
                raise ShardBroken(folder, f"it belongs to none of the identities {', '.join(self.identities)}")
            self._seen.add(folder.name)
            self._shards.append(shard)
            self._note(len(self._shards) - 1, shard)
        return len(self) - before

    def _note(self, number: int, shard: SampleShard) -> None:
        wanted = [self._settings.held_out(int(seed)) == self._held_out for seed in shard.actor_seed]
        for row in np.flatnonzero(wanted):
            places = self._places[int(shard.identity_index[row])]
            places.all.append((number, int(row)))
            after = row + 1
            if after < len(wanted) and wanted[after] and self._follows(shard, int(row), int(after)):
                places.consecutive.append(((number, int(row)), (number, int(after))))
            if len(self._backgrounds) < _BACKGROUNDS:
                self._backgrounds.append(shard.sample(int(row))["driver"])

    @staticmethod
    def _follows(shard: SampleShard, row: int, after: int) -> bool:
        return bool(
            shard.sequence[row] >= 0
            and shard.sequence[row] == shard.sequence[after]
            and shard.frame[after] == shard.frame[row] + 1
        )

    def sample(self, identity: int, number: int) -> dict[str, np.ndarray]:
        """One prepared sample of an identity."""
        shard, row = self._places[identity].all[number]
        return self._shards[shard].sample(row)

    def driver(self, identity: int, number: int) -> tuple[int, int]:
        """Who drives that sample: the actor's seed and tone on the Monk scale, 0 where that is not known."""
        place, row = self._places[identity].all[number]
        shard = self._shards[place]
        return int(shard.actor_seed[row]), int(shard.monk_tone[row])

    def side(self, step: int) -> int:
        """Side n of the pictures of a step."""
        generator = np.random.default_rng([self._settings.seed, step])
        return int(generator.choice(self._settings.sides, p=self._settings.side_shares))

    def batch(self, step: int) -> dict[str, np.ndarray]:
        """The augmented batch of a step, the same for the same step, seed and pool; raises ShardBroken.

        Float32 (N, n, n, C) by name, N = `rows`, those of one identity after those of another, and "paired" float32
        (N / 2,).
        """
        side = self.side(step)
        generator = np.random.default_rng([self._settings.seed, step, 1])
        rows: list[dict[str, np.ndarray]] = []
        paired: list[float] = []
        for places in (self._places[identity] for identity in self.drawn):
            for _ in range(self._settings.rows // 2):
                both = bool(places.consecutive) and generator.random() < self._settings.sequence_share
                if both:
                    drawn = places.consecutive[int(generator.integers(len(places.consecutive)))]
                else:
                    first, second = generator.integers(0, len(places.all), 2)
                    drawn = (places.all[first], places.all[second])
                # Consecutive frames are varied alike, so that what changes between them is the face.
                seeds = np.repeat(generator.integers(2**62, size=1), 2) if both else generator.integers(2**62, size=2)
                for (shard, row), seed in zip(drawn, seeds, strict=True):
                    variation = Variation(
                        np.random.default_rng(int(seed)),
                        self._backgrounds,
                        self._settings.self_reconstruction,
                        self._settings.mirrored,
                        self._settings.relit,
                    )
                    sample = self._shards[shard].sample(row)
                    rows.append(network_sample(sample, side, variation, template=self._settings.template))
                paired.append(float(both))
        batch = {name: np.stack([row[name] for row in rows]) for name in rows[0]}
        return batch | {"paired": np.array(paired, np.float32)}
