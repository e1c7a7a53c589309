"""Who a face looks like to a network that has nothing to do with ours: dlib's face recognition network."""

from __future__ import annotations

import importlib.util
from pathlib import Path

import dlib
import numpy as np

from deepfake_core.evaluation.errors import EvaluationError

_PACKAGE = "face_recognition_models"
_NETWORK = "models/dlib_face_recognition_resnet_model_v1.dat"
_CORNERS = np.array([263, 362, 33, 133, 2])
"""The points that dlib aligns a face by: outer and inner corners of the eye on the right of the picture and of the one
on the left, then the base of the nose."""


class FaceEmbedder:
    """dlib's ResNet (King 2017, 99.38 % on Labeled Faces in the Wild), CC0, from PyPI's face_recognition_models."""

    def __init__(self) -> None:
        # The package itself needs setuptools to be imported; only its file is wanted.
        found = importlib.util.find_spec(_PACKAGE)
        if found is None or not found.submodule_search_locations:
            raise EvaluationError(f"{_PACKAGE} is not installed: remove .venv-train and run the command again.")
        self._network = dlib.face_recognition_model_v1(str(Path(found.submodule_search_locations[0]) / _NETWORK))

    def __call__(self, bgr: np.ndarray, points: np.ndarray) -> np.ndarray:
        """Embedding float64 (128,) of the face at landmarks (468, >= 2), px of a uint8 BGR picture.

        The landmarks say where a face should be: a face that is somewhere else, or a blur, gets what stands there.
        """
        height, width = bgr.shape[:2]
        parts = dlib.points([dlib.point(round(float(x)), round(float(y))) for x, y in points[_CORNERS, :2]])
        shape = dlib.full_object_detection(dlib.rectangle(0, 0, width - 1, height - 1), parts)
        return np.array(self._network.compute_face_descriptor(np.ascontiguousarray(bgr[..., ::-1]), shape))


def resemblance(first: np.ndarray, second: np.ndarray) -> float:
    """1 - distance of two embeddings: 1 for the same picture; dlib takes two pictures for one person above 0.4."""
    return 1.0 - float(np.linalg.norm(first - second))
