"""The state of a training on disk: written in one step, so that the last good one survives whatever happens."""

from __future__ import annotations

from collections.abc import Sequence
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


def mean(folders: Sequence[Path]) -> State:
    """The mean of the averaged weights of several runs of one start, and their largest step: what `load` gives, but
    without what a training needs to go on. Raises CheckpointMissing or CheckpointBroken.

    Networks that were trained on from one start lie in one valley, and the middle of it generalises better (Wortsman et
    al., "Model soups", 2022).
    """
    states = [load(folder) for folder in folders]
    weights = [{name: array for name, array in state.items() if name.startswith("average.")} for state in states]
    for folder, each in zip(folders, weights, strict=True):
        if {name: array.shape for name, array in each.items()} != {n: a.shape for n, a in weights[0].items()}:
            raise CheckpointBroken(
                f"{folder} holds other networks than {folders[0]}; give runs of the same identities."
            )
    together = {
        name: (sum(each[name] for each in weights[1:]) + first) / np.float32(len(weights))
        for name, first in weights[0].items()
    }
    steps = [state["step"] for state in states if "step" in state]  # what ships says none
    return together | ({"step": np.max(steps, axis=0)} if steps else {})
