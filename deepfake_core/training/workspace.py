"""The folder of one training: what each command leaves there for the next."""

from __future__ import annotations

import json
import shutil
import tempfile
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import asdict, dataclass, replace
from functools import cache
from multiprocessing import get_context
from pathlib import Path

import cv2
import numpy as np
from safetensors.numpy import load_file, save_file

from deepfake_core.swapping.expression import FITTED, ExpressionMatch
from deepfake_core.swapping.identity_head import IdentityHead
from deepfake_core.swapping.retargeting import Retargeter
from deepfake_core.swapping.template import TemplateDrawer
from deepfake_core.training.configuration import Configuration
from deepfake_core.training.errors import TrainingError
from deepfake_core.training.fitting import fit, judge, match_expression
from deepfake_core.training.identity_views import BakedHead
from deepfake_core.training.pairs import read_shard
from deepfake_core.training.preparation import PairLandmarks, PairReader, make_sample, normalised
from deepfake_core.training.sample_format import CHANNELS


class StepMissing(TrainingError):
    """A command was called before the one that it builds on."""


@dataclass(frozen=True)
class Workspace:
    """Paths below one folder.

    identities.json (names, in the order of a sample's identity_index), identities/NAME/{person.npz, head.npz,
    retargeter.safetensors}, landmarks/NAME/SHARD.npz, samples/NAME-SHARD/{ARRAY.npy, meta.npz}, run/. Samples in a
    folder of another name are to judge by, never to train on.
    """

    folder: Path
    samples_name: str = "samples"

    def identities(self) -> list[str]:
        """The names, in the order of a sample's identity_index."""
        path = self.folder / "identities.json"
        return [str(name) for name in json.loads(path.read_text(encoding="utf-8"))] if path.exists() else []

    def index_of(self, name: str) -> int:
        """The identity's number; one that is not known yet is added."""
        names = self.identities()
        if name not in names:
            names.append(name)
            self.folder.mkdir(parents=True, exist_ok=True)
            path = self.folder / ".identities.json"
            path.write_text(json.dumps(names) + "\n", encoding="utf-8")
            path.replace(self.folder / "identities.json")
        return names.index(name)

    def head(self, name: str) -> Path:
        """What the template of an identity is drawn from, but for its retargeter."""
        return self.folder / "identities" / name / "head.npz"

    def person(self, name: str) -> Path:
        """Whose face this is, see `consent_gate.Person`; written where the gate let the views pass."""
        return self.folder / "identities" / name / "person.npz"

    def retargeter(self, name: str) -> Path:
        """The fitted retargeter and match of expressions."""
        return self.folder / "identities" / name / "retargeter.safetensors"

    @property
    def samples(self) -> Path:
        """Prepared samples, one folder for each shard of pairs."""
        return self.folder / self.samples_name

    @property
    def run(self) -> Path:
        """Checkpoint, configuration and log of the training."""
        return self.folder / "run"

    def save_head(self, name: str, baked: BakedHead) -> None:
        """Keep what was baked of an identity; gives it its number."""
        self.index_of(name)
        self.head(name).parent.mkdir(parents=True, exist_ok=True)
        baked.save(self.head(name))

    def identity(self, name: str) -> tuple[IdentityHead, ExpressionMatch]:
        """An identity as training and export see it; raises StepMissing."""
        if not (BakedHead.lies_in(self.head(name)) and self.retargeter(name).exists()):
            raise StepMissing(
                f"{self.folder} holds no {name} that this version baked and fitted; run 'bake', then 'prepare'."
            )
        tensors = load_file(self.retargeter(name))

        def part(prefix: str) -> dict[str, np.ndarray]:
            return {key.removeprefix(prefix): t for key, t in tensors.items() if key.startswith(prefix)}

        fitted = part("expression.")
        expression = ExpressionMatch(*(fitted[array] for array in FITTED))
        return BakedHead.load(self.head(name)).with_retargeter(Retargeter(**part("retargeter."))), expression

    def landmarks(self, name: str, path: Path) -> Path:
        """Where the landmarks of a shard of pairs are kept."""
        return self.folder / "landmarks" / name / f"{path.parent.name}-{path.stem}.npz"

    def read_landmarks(self, name: str, path: Path) -> PairLandmarks:
        """What `find_landmarks` left."""
        with np.load(self.landmarks(name, path), allow_pickle=False) as file:
            return PairLandmarks(file["actor"], file["identity"], file["gaze"])

    def find_landmarks(self, name: str, path: Path) -> None:
        """Find the landmarks of a shard of pairs unless they are there."""
        kept = self.landmarks(name, path)
        if not kept.exists():
            _save(kept, **vars(_tools()[0](read_shard(path))))

    def fit_retargeter(self, name: str, paths: Sequence[Path], settings: Configuration) -> str:
        """Fit retargeter and match of expressions on these shards' pairs; returns a report as one line of JSON."""
        driver, identity, held_out = [], [], []
        for path in paths:
            found = self.read_landmarks(name, path)
            usable = found.usable()
            if len(usable):
                driver.append(normalised(found.actor[usable]))
                identity.append(normalised(found.identity[usable]))
                with np.load(path, allow_pickle=False) as file:
                    held_out += [settings.held_out(int(seed)) for seed in file["actor_seed"][usable]]
        kept_out = np.array(held_out, bool)
        if kept_out.all() or not kept_out.any():
            raise StepMissing(
                f"Too few actors in {len(paths)} shards to fit the retargeter on some and judge it on others; "
                "render more pairs."
            )
        drivers, identities = np.concatenate(driver), np.concatenate(identity)
        retargeter = fit(drivers[~kept_out], identities[~kept_out])
        expression = match_expression(drivers[~kept_out], identities[~kept_out])
        self.keep_fit(name, retargeter, expression)
        report = asdict(judge(retargeter, drivers[kept_out], identities[kept_out]))
        return json.dumps({"fitted_on": int((~kept_out).sum()), "judged_on": int(kept_out.sum()), **report})

    def keep_fit(self, name: str, retargeter: Retargeter, expression: ExpressionMatch) -> None:
        """Keep what was fitted of an identity; its response is measured when its networks are done."""
        parts = {"retargeter": retargeter, "expression": expression}
        tensors = {
            f"{part}.{key}": t
            for part, holder in parts.items()
            for key, t in vars(holder).items()
            if isinstance(t, np.ndarray)
        }
        temporary = self.retargeter(name).with_name(".retargeter.safetensors")
        save_file(tensors, temporary)
        temporary.replace(self.retargeter(name))

    def prepared(self, name: str, path: Path, *, own_tone: bool = False) -> Path:
        """Folder of the samples of a shard of pairs."""
        return self.samples / f"{name}-{path.parent.name}-{path.stem}{'-own' if own_tone else ''}"

    def prepare(self, name: str, path: Path, *, own_tone: bool = False) -> int:
        """Make the samples of one shard of pairs unless they are there; returns how many.

        own_tone: of the identity's own head, also where the pairs show it in the driver's tone.
        """
        target = self.prepared(name, path, own_tone=own_tone)
        if target.exists():
            return 0
        shard, found = read_shard(path), self.read_landmarks(name, path)
        if own_tone:
            shard = replace(shard, in_tone=None)
        usable = found.usable()
        if not len(usable):
            return 0
        identity, expression = _opened(self, name)
        drawer = _tools()[1]
        samples = [
            make_sample(shard, int(k), found, identity=identity, expression=expression, drawer=drawer) for k in usable
        ]
        kept = ("actor_seed", "sequence", "frame", "yaw", "pitch", "monk_tone")
        meta = {key: getattr(shard, key)[usable] for key in kept}
        meta["identity_index"] = np.full(len(usable), self.index_of(name), np.int64)
        self.keep_samples(target, samples, meta)
        return len(usable)

    def keep_samples(self, target: Path, samples: Sequence[dict[str, np.ndarray]], meta: dict[str, np.ndarray]) -> None:
        """Write samples as one shard, with an entry of each array of `meta` for each of them."""
        self.samples.mkdir(parents=True, exist_ok=True)
        # Renamed when whole: a training that runs beside must never read half a shard.
        with tempfile.TemporaryDirectory(dir=self.folder, prefix=".samples-") as scratch:
            made = Path(scratch) / target.name
            made.mkdir()
            for array in CHANNELS:
                np.save(made / f"{array}.npy", np.stack([sample[array] for sample in samples]))
            np.savez(made / "meta.npz", allow_pickle=False, **meta)
            shutil.move(made, target)


def each(
    step: Callable[[str, Path], object], tasks: Iterable[tuple[str, Path]], processes: int
) -> Iterator[tuple[str, Path, object]]:
    """Run `Workspace.find_landmarks` or `Workspace.prepare` for (identity, shard), in some processes, in order."""
    listed = list(tasks)
    if processes <= 1:
        for name, path in listed:
            yield name, path, step(name, path)
        return
    with ProcessPoolExecutor(processes, mp_context=get_context("spawn"), initializer=_start) as pool:
        waiting = [pool.submit(step, name, path) for name, path in listed]
        for (name, path), future in zip(listed, waiting, strict=True):
            yield name, path, future.result()


def _start() -> None:
    cv2.setNumThreads(1)


@cache
def _tools() -> tuple[PairReader, TemplateDrawer]:
    """This process's networks and buffers."""
    return PairReader(), TemplateDrawer()


@cache
def _opened(workspace: Workspace, name: str) -> tuple[IdentityHead, ExpressionMatch]:
    return workspace.identity(name)


def _save(path: Path, **arrays: np.ndarray) -> None:
    """Write an .npz in one step: who reads beside must never read half a file."""
    path.parent.mkdir(parents=True, exist_ok=True)
    temporary = path.with_name(f".{path.name}")
    with temporary.open("wb") as file:
        np.savez(file, allow_pickle=False, **arrays)
    temporary.replace(path)
