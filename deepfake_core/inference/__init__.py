"""ONNX Runtime sessions: the model manifest, the choice of provider, its self-check."""

from deepfake_core.inference.errors import (
    InferenceError,
    ModelCorrupt,
    ModelError,
    ModelMissing,
    ModelRefused,
    NetworkFailed,
)
from deepfake_core.inference.manifest import MODELS_DIR, Manifest, ModelEntry
from deepfake_core.inference.session import Session, open_session, shared

__all__ = [
    "MODELS_DIR",
    "InferenceError",
    "Manifest",
    "ModelCorrupt",
    "ModelEntry",
    "ModelError",
    "ModelMissing",
    "ModelRefused",
    "NetworkFailed",
    "Session",
    "open_session",
    "shared",
]
