"""Models of DeepFaceLive (.dfm): one network that takes an aligned face and gives another person's.

A .dfm file is an ONNX graph, as DeepFaceLab exports it (tf2onnx) and DeepFaceLive's DFMModel.py reads it: input
`in_face:0` float32 (N, S, S, 3) BGR 0..1, for some `morph_value:0` float32 (1,); outputs, in this order, the mask of
the face given (N, S, S, 1), the face drawn (N, S, S, 3) BGR 0..1, and its mask (N, S, S, 1). DeepFaceLive cuts the face
with a similarity from mediapipe's landmarks to their places in the canonical texture map, 2.2 of the map's sides wide,
the middle moved up by 0.08 of them. Both were read in https://github.com/iperov/DeepFaceLive; no code is from there.
"""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np

from deepfake_core.facemesh import topology
from deepfake_core.inference.errors import ModelRefused, NetworkFailed
from deepfake_core.inference.session import Session
from deepfake_core.swapping.alignment import RIGID, similarity

FACE, MORPH = "in_face:0", "morph_value:0"
COVERAGE_PERCENT = 220
MAX_SIZE = 1024
_CENTRE = np.array([0.5, 0.42])
_MORPH_VALUE = np.array([0.75], np.float32)
"""DeepFaceLive's default: how much of the person depicted shows in a model that blends two faces."""


@dataclass(frozen=True)
class DfmDecoder:
    """An imported model, opened; immutable, so that several filters can share it."""

    name: str
    network: Session
    size: int
    """Side of the pictures in and out, px."""
    coverage_percent: int
    """Side of the crop in percent of the texture map's."""

    def draw(self, driver: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """The person depicted with the driver's expression, uint8 (S, S, 3) BGR, and where, float32 (S, S), 0..1.

        driver: uint8 (S, S, 3) BGR. Beyond the mask the picture is filled from within: it shows no edge and nothing of
        what the model was trained on. Raises NetworkFailed.
        """
        inputs = {FACE: driver[None].astype(np.float32) / np.float32(255.0)}
        if MORPH in self.network.inputs:
            inputs[MORPH] = _MORPH_VALUE
        _, face, mask = self.network.run(**inputs)
        side = self.size
        if face.shape != (1, side, side, 3) or mask.shape != (1, side, side, 1):
            raise NetworkFailed(f"The model of {self.name!r} gave pictures of another size than {side} px.")
        drawn = np.clip(face[0].astype(np.float32), 0.0, 1.0)
        weight = np.clip(mask[0, ..., 0].astype(np.float32), 0.0, 1.0)
        colours = cv2.merge([weight] * 3)
        around = cv2.GaussianBlur(np.dstack([drawn * colours, weight]), (0, 0), side / 12)
        filled = around[..., :3] / np.maximum(around[..., 3:], 1e-3)
        picture = drawn * colours + filled * (1.0 - colours)
        return np.clip(picture * 255.0 + 0.5, 0, 255).astype(np.uint8), weight


def open_dfm(network: Session, name: str, coverage_percent: int = COVERAGE_PERCENT) -> DfmDecoder:
    """The model behind a session; raises ModelRefused where it is none of DeepFaceLive's."""
    inputs = dict(network.inputs)
    shape = inputs.pop(FACE, ())
    inputs.pop(MORPH, None)
    side = shape[1] if len(shape) == 4 else None
    channels = [output[-1] if len(output) == 4 else 0 for output in network.outputs.values()]
    if inputs or side is None or shape[1:] != (side, side, 3) or channels not in ([1, 3, 1], [None, None, None]):
        raise ModelRefused(f"The model of {name!r} does not take and give what DeepFaceLive's models do.")
    if not 32 <= side <= MAX_SIZE:
        raise ModelRefused(f"The model of {name!r} draws {side} px; 32 to {MAX_SIZE} are accepted.")
    return DfmDecoder(name, network, side, coverage_percent)


def crop_transform(landmarks: np.ndarray, size: int, coverage_percent: int = COVERAGE_PERCENT) -> np.ndarray:
    """Similarity float64 (2, 3) from px of the frame to px of DeepFaceLive's crop.

    landmarks: float (468, >= 2), px. Pixel centres lie on whole numbers, as in OpenCV.
    """
    scale, rotation, translation = similarity(
        landmarks[RIGID, :2].astype(np.float64), topology.canonical_face().uv[RIGID].astype(np.float64)
    )
    factor = size / (coverage_percent / 100.0)
    linear = factor * scale * rotation
    return np.column_stack([linear, factor * (translation - _CENTRE) + (size - 1) / 2])
