"""The facial surface that the 468 landmarks span: mediapipe's canonical face, its triangles and its outlines.

Left and right are the subject's. Outlines are closed loops of landmark indices in drawing order, from
mediapipe's face_mesh_connections; the mesh is models/facemesh/canonical_face.safetensors (Apache-2.0).
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache

import numpy as np
from safetensors import SafetensorError
from safetensors.numpy import load

from deepfake_core.inference.errors import ModelCorrupt
from deepfake_core.inference.manifest import Manifest

MODEL = "facemesh/canonical_face.safetensors"
POINTS = 468

# fmt: off
FACE_OVAL = (
    10, 338, 297, 332, 284, 251, 389, 356, 454, 323, 361, 288, 397, 365, 379, 378, 400, 377,
    152, 148, 176, 149, 150, 136, 172, 58, 132, 93, 234, 127, 162, 21, 54, 103, 67, 109,
)
LIPS_OUTER = (61, 185, 40, 39, 37, 0, 267, 269, 270, 409, 291, 375, 321, 405, 314, 17, 84, 181, 91, 146)
LIPS_INNER = (78, 191, 80, 81, 82, 13, 312, 311, 310, 415, 308, 324, 318, 402, 317, 14, 87, 178, 88, 95)
LEFT_EYE = (263, 466, 388, 387, 386, 385, 384, 398, 362, 382, 381, 380, 374, 373, 390, 249)
RIGHT_EYE = (33, 246, 161, 160, 159, 158, 157, 173, 133, 155, 154, 153, 145, 144, 163, 7)
LEFT_EYEBROW = (276, 283, 282, 295, 285, 336, 296, 334, 293, 300)
RIGHT_EYEBROW = (46, 53, 52, 65, 55, 107, 66, 105, 63, 70)
# fmt: on
FEATURES = (*LEFT_EYEBROW, *RIGHT_EYEBROW, *LEFT_EYE, *RIGHT_EYE, *LIPS_OUTER)
"""Brows, eyes and mouth."""


@dataclass(frozen=True)
class FacialSurface:
    """The canonical face.

    vertices: float32 (468, 3), centimetres; x to the subject's left, y up, z towards the viewer.
    uv: float32 (468, 2), 0..1, the texture's x to the right and y DOWN, as pictures are stored.
    triangles: int32 (898, 3), landmark indices; wound counter-clockwise for the viewer, with y up. They close the
    eyes and the mouth; the only border is FACE_OVAL.
    """

    vertices: np.ndarray
    uv: np.ndarray
    triangles: np.ndarray


@cache
def canonical_face() -> FacialSurface:
    """The canonical face, read once; its arrays are read-only. Raises ModelMissing or ModelCorrupt."""
    try:
        arrays = load(Manifest.load().read(MODEL))
        vertices, uv, triangles = (arrays[name] for name in ("vertices", "uv", "triangles"))
    except (SafetensorError, KeyError) as error:
        raise ModelCorrupt(f"'{MODEL}' is no facial surface; make it again with its command.") from error
    surface = FacialSurface(
        vertices.astype(np.float32),
        np.stack([uv[:, 0], 1 - uv[:, 1]], axis=1).astype(np.float32),
        triangles.astype(np.int32),
    )
    for array in (surface.vertices, surface.uv, surface.triangles):
        array.flags.writeable = False
    return surface
