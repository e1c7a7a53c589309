"""What a new identity starts from: the shared encoder, and the identities that are there with their decoders."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np

from deepfake_core.identities.library import Library
from deepfake_core.inference.manifest import MODELS_DIR
from deepfake_core.swapping.decoder import IdentityDecoder, load_decoder
from deepfake_core.training import checkpoint
from deepfake_core.training.consent_gate import FaceReader, Look, Person
from deepfake_core.training.errors import TrainingError
from deepfake_core.training.own_samples import Known
from deepfake_core.training.workspace import Workspace

SHIPPED = MODELS_DIR / "swap" / "base"
"""Folder of the trained weights in Keras's order, which the ONNX files no longer have."""
_ENCODER = "average.encoder."


class BaseMissing(TrainingError):
    """There are no trained networks to start from."""


@dataclass(frozen=True)
class Base:
    """Trained networks and the identities that they were trained on."""

    weights: Path
    """Folder of a checkpoint."""
    known: list[Known]
    embeddings: Mapping[str, np.ndarray]
    """Name -> float (128,), see `evaluation.embedding`."""

    def by_likeness(self, person: Person) -> list[Known]:
        """The identities, the one whose face is most like the person's first."""
        return sorted(self.known, key=lambda one: person.distance(self.embeddings[one.name]))

    def start(self, nearest: str, name: str, folder: Path) -> None:
        """Write into `folder` a checkpoint of the encoder, and of `nearest`'s decoder under the name `name`.

        Raises BaseMissing or the errors of `checkpoint`.
        """
        state = checkpoint.load(self.weights)
        own, theirs = _decoder(name), _decoder(nearest)
        weights = {key: np.asarray(value, np.float32) for key, value in state.items() if key.startswith(_ENCODER)}
        weights |= {
            own + key.removeprefix(theirs): np.asarray(value, np.float32)
            for key, value in state.items()
            if key.startswith(theirs)
        }
        if not any(key.startswith(own) for key in weights) or not any(key.startswith(_ENCODER) for key in weights):
            raise BaseMissing(
                f"{self.weights} holds no decoder of {nearest}; restore it with 'git checkout -- models'."
            )
        folder.mkdir(parents=True, exist_ok=True)
        checkpoint.save(folder, weights)


def _decoder(name: str) -> str:
    return f"average.decoder.{name}."


def shipped_base(reader: FaceReader, library: Library | None = None, weights: Path = SHIPPED) -> Base:
    """The base of this version's identities; raises BaseMissing, ModelError or an error of `identities`."""
    if not (weights / checkpoint.CHECKPOINT).exists():
        raise BaseMissing(f"{weights / checkpoint.CHECKPOINT} is missing; restore it with 'git checkout -- models'.")
    library = library or Library()
    trained = {key.split(".")[2] for key in checkpoint.load(weights) if key.startswith("average.decoder.")}
    known, embeddings = [], {}
    for name in sorted(trained):
        identity = library.open(name)
        decoder = load_decoder(identity, threads=1, provider="cpu")
        if isinstance(decoder, IdentityDecoder):
            known.append(Known(name, decoder.head, decoder.expression))
            embeddings[name] = _embedding(reader, identity.files["portrait.png"], name)
    return Base(weights, known, embeddings)


def workspace_base(workspace: Workspace, run: Path, portraits: Path, reader: FaceReader) -> Base:
    """The base of a training of our own that is not shipped yet; portraits: folder of NAME/portrait.png."""
    names = workspace.identities()
    known = [Known(name, *workspace.identity(name)) for name in names]
    data = {name: (portraits / name / "portrait.png").read_bytes() for name in names}
    return Base(run, known, {name: _embedding(reader, data[name], name) for name in names})


def keep_base(run: Path, folder: Path = SHIPPED) -> Path:
    """Write the averaged weights of a run, in half precision, for others to start from; returns the file."""
    state = checkpoint.load(run)
    averages = {key: value.astype(np.float16) for key, value in state.items() if key.startswith("average.")}
    folder.mkdir(parents=True, exist_ok=True)
    checkpoint.save(folder, averages)
    return folder / checkpoint.CHECKPOINT


def _embedding(reader: FaceReader, portrait: bytes, name: str) -> np.ndarray:
    bgr = cv2.imdecode(np.frombuffer(portrait, np.uint8), cv2.IMREAD_COLOR)
    found = reader(Look(name, name, bgr.astype(np.uint8))) if bgr is not None else []
    if not found:
        raise BaseMissing(f"The portrait of {name} shows no face; restore it with 'git checkout -- models'.")
    return found[0]
