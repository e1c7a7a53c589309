"""What goes into the networks of the swap and what comes out: names, shapes, and how the inputs are made.

Training and run time both build their inputs here, so that they cannot drift apart. The networks are fully
convolutional: one set of weights serves every side n in SIZES, all over the same 21.5 cm of the head.
"""

from __future__ import annotations

import cv2
import numpy as np

from deepfake_core.inference.session import Shape

SIZES = (96, 128, 192)
"""Sides of the networks' pictures: fast, balanced, best."""
ENCODER_NAME = "swap/encoder.onnx"
ENCODER_INT8_NAME = "swap/encoder_int8.onnx"
DECODER_FILE, DECODER_INT8_FILE = "decoder.onnx", "decoder_int8.onnx"
"""The same networks in 8 bits are twice as fast on a processor, and no faster on anything else."""
ENCODER_GIGAFLOPS = 0.283
"""What the encoder computes for a picture of 128 px."""
FEATURE_CHANNELS = {"features_4": 48, "features_8": 96, "features_16": 192}
"""Channels of the features at a fourth, an eighth and a sixteenth of the side."""
_STRIDES = {"features_4": 4, "features_8": 8, "features_16": 16}


EXAMPLE = {"n": 128, "n4": 32, "n8": 16, "n16": 8}
"""What the free dimensions of the ONNX files are called, and what they are for pictures of 128 px."""


def side_name(tensor: str) -> str:
    """The name in EXAMPLE of a tensor's free sides."""
    return f"n{_STRIDES[tensor]}" if tensor in _STRIDES else "n"


def features(n: int | None = None) -> dict[str, Shape]:
    """What the encoder tells the decoder of pictures of n px; None leaves the side free."""
    sides = {name: None if n is None else n // stride for name, stride in _STRIDES.items()}
    return {name: (1, sides[name], sides[name], count) for name, count in FEATURE_CHANNELS.items()}


def encoder_inputs(n: int | None = None) -> dict[str, Shape]:
    """The driver's centred reflectance, and `geometry_input`."""
    return {"driver": (1, n, n, 3), "geometry": (1, n, n, 4)}


def decoder_inputs(n: int | None = None) -> dict[str, Shape]:
    """`template_input`, and the encoder's features."""
    return {"template": (1, n, n, 4), **features(n)}


def decoder_outputs(n: int | None = None) -> dict[str, Shape]:
    """The identity's centred reflectance; mattes 0..1 of its inner face and of its whole head."""
    return {"reflectance": (1, n, n, 3), "face_matte": (1, n, n, 1), "head_matte": (1, n, n, 1)}


def centre(reflectance: np.ndarray) -> np.ndarray:
    """Reflectance 0..2 as the networks take and give it: -1..1, 0 on plain skin."""
    return reflectance - np.float32(1.0)


def geometry_input(normals: np.ndarray, openings: np.ndarray) -> np.ndarray:
    """Encoder input "geometry" float32 (n, n, 4), -1..1.

    normals: float32 (n, n, 3), unit normals in camera axes, 0 off the face; openings: uint8 (n, n) from
    `regions.eyes_and_mouth`. Both are the identity's, at the driver's expression.
    """
    return _stacked(normals, openings * np.float32(1.0 / 192.0))


def template_input(reflectance: np.ndarray, alpha: np.ndarray) -> np.ndarray:
    """Decoder input "template" float32 (n, n, 4), -1..1.

    reflectance: float32 (n, n, 3), 0..2, 1 where nothing is drawn; alpha: float32 (n, n), 0..1, what is drawn.
    """
    given = _stacked(reflectance, alpha * np.float32(2.0))
    given -= np.float32(1.0)
    return given


def _stacked(three: np.ndarray, one: np.ndarray) -> np.ndarray:
    """float32 (n, n, 3) and float32 (n, n) as float32 (n, n, 4)."""
    four = np.empty((*one.shape, 4), np.float32)
    cv2.mixChannels([three, one], [four], [0, 0, 1, 1, 2, 2, 3, 3])
    return four
