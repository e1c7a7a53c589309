"""The part of the picture that the parser looks at."""

from __future__ import annotations

import numpy as np

from deepfake_core.parsing.parsing import SIZE
from deepfake_core.swapping.alignment import Pose

CENTIMETRES = 34.0
"""Side of the crop on the canonical face: long hair down to the shoulders, hands beside the head."""
_CENTRE = np.array([0.0, 0.5, 0.0])
"""Point of the canonical face (cm) in its middle: between the head's crown and the neck."""
FINE_CENTIMETRES = 20.0
"""Side of the fine crop: the face alone, for brows, eyes and lips, which are a few pixels thin in the other."""
_FINE_CENTRE = np.array([0.0, -0.5, 3.0])


def parsing_crop(pose: Pose, size: int = SIZE, *, fine: bool = False) -> np.ndarray:
    """Similarity float64 (2, 3) from px of the picture to px of the upright crop.

    Pixel centres lie on whole numbers, as in OpenCV.
    """
    point, centimetres = (_FINE_CENTRE, FINE_CENTIMETRES) if fine else (_CENTRE, CENTIMETRES)
    centre = pose.to_picture(point[None])[0, :2]
    up = pose.rotation[:, 1]
    # At a steep pitch the head's up axis hardly shows in the picture, yet keeps its direction there.
    length = max(float(np.hypot(up[0], up[1])), 1e-6)
    sine, cosine = up[0] / length, up[1] / length
    factor = size / (centimetres * pose.scale)
    linear = factor * np.array([[cosine, sine], [-sine, cosine]])
    return np.column_stack([linear, np.full(2, (size - 1) / 2) - linear @ centre])
