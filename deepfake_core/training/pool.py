"""The pool of prepared samples on disk and in memory, growing while training runs."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from deepfake_core.training.augmentation import INPUTS, TRUTHS, network_sample
from deepfake_core.training.configuration import Configuration
from deepfake_core.training.preparation import CHANNELS

_BACKGROUNDS = 256


class SamplePool:
    """Prepared samples of the actors to train on, or of those held out.

    `take_new` adds shards that appeared in the folder since; samples keep their numbers.
    """

    def __init__(self, folder: Path, settings: Configuration, *, held_out: bool) -> None:
        self._folder = folder
        self._settings = settings
        self._held_out = held_out
        self._seen: set[str] = set()
        self._shards: list[dict[str, np.ndarray]] = []
        self._places: list[tuple[int, int]] = []
        self.backgrounds: np.ndarray = np.empty((0, 0, 0, 3), np.uint8)
        self.take_new()

    def __len__(self) -> int:
        return len(self._places)

    def take_new(self) -> int:
        """Read shards that are not read yet; returns how many samples they brought."""
        before = len(self._places)
        for path in sorted(self._folder.glob("sample-*.npz")):
            if path.name in self._seen:
                continue
            with np.load(path, allow_pickle=False) as file:
                shard = {name: file[name] for name in (*CHANNELS, "actor_seed")}
            self._seen.add(path.name)
            wanted = [self._settings.held_out(int(seed)) == self._held_out for seed in shard["actor_seed"]]
            chosen = np.flatnonzero(wanted)
            number = len(self._shards)
            self._shards.append({name: shard[name][chosen] for name in CHANNELS})
            self._places.extend((number, k) for k in range(len(chosen)))
            if len(self.backgrounds) < _BACKGROUNDS and len(chosen):
                found = self._shards[-1]["driver"]
                self.backgrounds = np.concatenate([self.backgrounds, found]) if len(self.backgrounds) else found
        return len(self._places) - before

    def sample(self, index: int) -> dict[str, np.ndarray]:
        """One prepared sample by its number."""
        shard, row = self._places[index]
        return {name: array[row] for name, array in self._shards[shard].items()}

    def drawn(self, counter: int) -> tuple[np.ndarray, ...]:
        """The `counter`-th augmented sample of the run: the same for the same counter, seed and pool.

        Returns the arrays of INPUTS and TRUTHS in their order, float32 (128, 128, C).
        """
        generator = np.random.default_rng([self._settings.seed, counter])
        sample = self.sample(int(generator.integers(len(self._places))))
        made = network_sample(sample, generator, self.backgrounds)
        return tuple(np.ascontiguousarray(made[name], np.float32) for name in (*INPUTS, *TRUTHS))
