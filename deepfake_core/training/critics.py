"""Frozen networks that judge what is drawn."""

from __future__ import annotations

from pathlib import Path

import keras

from deepfake_core.training.errors import TrainingError


class CriticUnusable(TrainingError):
    """A file is no Keras network that could judge pictures."""


def frozen(path: Path) -> keras.Model:
    """A network kept as it is, from a .keras file of this project's own making; raises CriticUnusable."""
    try:
        model = keras.saving.load_model(path, compile=False, safe_mode=True)
    except (OSError, ValueError, TypeError) as error:
        raise CriticUnusable(f"{path} is no Keras network of this version: {error}") from error
    model.trainable = False
    return model
