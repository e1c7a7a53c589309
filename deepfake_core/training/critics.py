"""Frozen networks that judge what is drawn: the face parser's features, and who a face is."""

from __future__ import annotations

from pathlib import Path

import keras

from deepfake_core.training.errors import TrainingError


class CriticUnusable(TrainingError):
    """A file is no network that could judge pictures."""


def frozen(path: Path) -> keras.Model:
    """A network that takes pictures BGR (B, n, n, 3), 0..1, and stays as it is.

    path: our parser's weights (.safetensors), whose first features it then gives, or a Keras network of
    `identity_embedding` (.keras). Raises CriticUnusable or WeightsUnusable.
    """
    if path.suffix == ".safetensors":
        from deepfake_core.training.parser_weights import feature_extractor, read_weights

        model = feature_extractor(read_weights(path))
    else:
        try:
            model = keras.saving.load_model(path, compile=False, safe_mode=True)
        except (OSError, ValueError, TypeError) as error:
            raise CriticUnusable(f"{path} is no Keras network of this version: {error}") from error
    model.trainable = False
    return model
