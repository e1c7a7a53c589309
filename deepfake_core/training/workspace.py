"""The folder of one training: what each command leaves there for the next."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

import numpy as np
from safetensors.numpy import load_file, save_file

from deepfake_core.swapping.expression import ExpressionMatch
from deepfake_core.swapping.identity_surface import IdentitySurface, TextureBlender
from deepfake_core.swapping.retargeting import Retargeter
from deepfake_core.training.configuration import Configuration
from deepfake_core.training.errors import TrainingError
from deepfake_core.training.fitting import fit, judge, match_expression
from deepfake_core.training.identity_views import BakedSurface
from deepfake_core.training.pairs import Shard, read_shard
from deepfake_core.training.preparation import PairLandmarks, find_landmarks, make_sample, normalised
from deepfake_core.training.still_landmarks import StillLandmarks


class StepMissing(TrainingError):
    """A command was called before the one that it builds on."""


@dataclass(frozen=True)
class Workspace:
    """Paths below one folder: person.npz, surface.npz, retargeter.safetensors, landmarks/, samples/, run/."""

    folder: Path

    @property
    def surface(self) -> Path:
        """Baked texture and layout."""
        return self.folder / "surface.npz"

    @property
    def person(self) -> Path:
        """Whose face this is, see `consent_gate.Person`; written where the gate let the views pass."""
        return self.folder / "person.npz"

    @property
    def retargeter(self) -> Path:
        """The fitted retargeter."""
        return self.folder / "retargeter.safetensors"

    @property
    def samples(self) -> Path:
        """Prepared samples, one file for each shard of pairs."""
        return self.folder / "samples"

    @property
    def run(self) -> Path:
        """Checkpoint, configuration and log of the training."""
        return self.folder / "run"

    def identity_surface(self) -> IdentitySurface:
        """The identity as training and export see it; raises StepMissing."""
        if not (self.surface.exists() and self.retargeter.exists()):
            raise StepMissing(f"{self.folder} holds no surface and retargeter yet; run 'bake' and 'prepare' first.")
        baked = BakedSurface.load(self.surface)
        return IdentitySurface(
            baked.pages, baked.uv, baked.page_openings, baked.tone, Retargeter(**load_file(self.retargeter))
        )

    def landmarks(self, path: Path, find: StillLandmarks) -> tuple[Shard, PairLandmarks]:
        """A shard of pairs with its landmarks, found once and kept."""
        shard = read_shard(path)
        kept = self.folder / "landmarks" / f"{shard.name}.npz"
        if kept.exists():
            with np.load(kept, allow_pickle=False) as file:
                return shard, PairLandmarks(file["actor"], file["identity"])
        found = find_landmarks(shard, find)
        _save(kept, actor=found.actor, identity=found.identity)
        return shard, found

    def fit_retargeter(self, paths: Sequence[Path], settings: Configuration, find: StillLandmarks) -> str:
        """Fit the retargeter on all pairs of these shards; returns its report as one line of JSON."""
        driver, identity, held_out = [], [], []
        for path in paths:
            shard, found = self.landmarks(path, find)
            usable = found.usable()
            driver.append(normalised(found.actor[usable]))
            identity.append(normalised(found.identity[usable]))
            held_out += [settings.held_out(int(seed)) for seed in shard.actor_seed[usable]]
        kept_out = np.array(held_out, bool)
        if kept_out.all() or not kept_out.any():
            raise StepMissing(
                f"Too few actors in {len(paths)} shards to fit the retargeter on some and judge it on others; "
                "render more pairs."
            )
        drivers, identities = np.concatenate(driver), np.concatenate(identity)
        retargeter = fit(drivers[~kept_out], identities[~kept_out])
        save_file(vars(retargeter), self.retargeter)
        report = asdict(judge(retargeter, drivers[kept_out], identities[kept_out]))
        return json.dumps({"fitted_on": int((~kept_out).sum()), "judged_on": int(kept_out.sum()), **report})

    def expression_match(self) -> ExpressionMatch:
        """The match of expressions, fitted on the kept landmarks of all prepared pairs."""
        driver, identity = [], []
        for path in sorted((self.folder / "landmarks").glob("*.npz")):
            with np.load(path, allow_pickle=False) as file:
                found = PairLandmarks(file["actor"], file["identity"])
            usable = found.usable()
            driver.append(normalised(found.actor[usable]))
            identity.append(normalised(found.identity[usable]))
        if not driver:
            raise StepMissing(f"{self.folder} holds no landmarks yet; run 'prepare' first.")
        return match_expression(np.concatenate(driver), np.concatenate(identity))

    def prepare(self, path: Path, find: StillLandmarks, identity: IdentitySurface, blender: TextureBlender) -> int:
        """Make the samples of one shard of pairs unless they are there; returns how many."""
        target = self.samples / f"sample-{path.parent.name}-{path.stem}.npz"
        if target.exists():
            return 0
        shard, found = self.landmarks(path, find)
        usable = found.usable()
        if not len(usable):
            return 0
        samples = [make_sample(shard, int(k), found, identity, blender) for k in usable]
        arrays = {name: np.stack([sample[name] for sample in samples]) for name in samples[0]}
        _save(target, **arrays, actor_seed=shard.actor_seed[usable])
        return len(usable)


def _save(path: Path, **arrays: np.ndarray) -> None:
    """Write an .npz in one step: a training that runs beside must never read half a file."""
    path.parent.mkdir(parents=True, exist_ok=True)
    temporary = path.with_name(f".{path.name}")
    with temporary.open("wb") as file:
        np.savez(file, allow_pickle=False, **arrays)
    temporary.replace(path)
