"""What goes into the networks of the swap and what comes out: names, shapes, and how the inputs are made.

Training and run time both build their inputs here, so that they cannot drift apart.
"""

from __future__ import annotations

import numpy as np

from deepfake_core.inference.session import Shape

SIZE = 128
ENCODER_NAME = "swap/encoder.onnx"
FEATURES: dict[str, Shape] = {
    "features_32": (1, 32, 32, 48),
    "features_16": (1, 16, 16, 96),
    "features_8": (1, 8, 8, 192),
}
ENCODER_INPUTS: dict[str, Shape] = {"driver": (1, SIZE, SIZE, 3), "geometry": (1, SIZE, SIZE, 4)}
ENCODER_OUTPUTS: dict[str, Shape] = FEATURES
DECODER_INPUTS: dict[str, Shape] = {"template": (1, SIZE, SIZE, 3), **FEATURES}
DECODER_OUTPUTS: dict[str, Shape] = {"reflectance": (1, SIZE, SIZE, 3), "matte": (1, SIZE, SIZE, 1)}


def centre(reflectance: np.ndarray) -> np.ndarray:
    """Reflectance 0..2 as the networks take and give it: -1..1, 0 on plain skin."""
    return reflectance - np.float32(1.0)


def geometry_input(normals: np.ndarray, openings: np.ndarray) -> np.ndarray:
    """Encoder input "geometry" float32 (S, S, 4), -1..1.

    normals: float32 (S, S, 3), unit normals in camera axes, 0 off the face; openings: uint8 (S, S) from
    `regions.eyes_and_mouth`. Both are the identity's, at the driver's expression.
    """
    return np.dstack([normals, openings.astype(np.float32) / 192.0])
