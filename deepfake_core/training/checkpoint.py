"""The state of a training on disk: written in one step, so that the last good one survives whatever happens."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from safetensors import SafetensorError
from safetensors.numpy import load_file, save_file

from deepfake_core.training.errors import TrainingError

CHECKPOINT = "checkpoint.safetensors"
State = dict[str, np.ndarray]


class CheckpointMissing(TrainingError):
    """There is no trained state to take networks from."""


class CheckpointBroken(TrainingError):
    """A checkpoint does not fit the networks that it is read for."""


class CheckpointNotWritten(TrainingError):
    """The disk did not take a checkpoint."""


def save(folder: Path, state: State) -> None:
    """Write the state in one step; raises CheckpointNotWritten, and what was there stays."""
    temporary = folder / f"{CHECKPOINT}.new"
    try:
        save_file(state, temporary)
        temporary.replace(folder / CHECKPOINT)
    except (OSError, SafetensorError) as error:
        temporary.unlink(missing_ok=True)
        raise CheckpointNotWritten(
            f"The checkpoint could not be written to {folder} ({error}); the one before it is good: make room and "
            "start the same command again."
        ) from error


def load(folder: Path) -> State:
    """Read a state; raises CheckpointMissing or CheckpointBroken."""
    path = folder / CHECKPOINT
    if not path.exists():
        raise CheckpointMissing(f"{folder} holds no checkpoint yet; run 'train' first.")
    try:
        return load_file(path)
    except (OSError, SafetensorError) as error:
        raise CheckpointBroken(f"{path} cannot be read: {error}") from error
