"""The part of the picture that the parser looks at."""

from __future__ import annotations

import numpy as np

from deepfake_core.parsing.parsing import SIZE
from deepfake_core.swapping.alignment import Pose, crop_transform

CENTIMETRES = 34.0
"""Side of the crop on the canonical face: long hair down to the shoulders, hands beside the head."""
_CENTRE = np.array([0.0, 0.5, 0.0])
"""Point of the canonical face (cm) in its middle: between the head's crown and the neck."""
FINE_CENTIMETRES = 20.0
"""Side of the fine crop: the face alone, for brows, eyes and lips, which are a few pixels thin in the other."""
_FINE_FROM = 80.0
"""Side of the crop in px of the picture from which on the fine crop is worth its time; smaller heads are a blur."""
_FINE_CENTRE = np.array([0.0, -0.5, 3.0])


def parsing_crop(pose: Pose, size: int = SIZE, *, fine: bool = False) -> np.ndarray:
    """Similarity float64 (2, 3) from px of the picture to px of the upright crop.

    Pixel centres lie on whole numbers, as in OpenCV.
    """
    middle, centimetres = (_FINE_CENTRE, FINE_CENTIMETRES) if fine else (_CENTRE, CENTIMETRES)
    return crop_transform(pose, size, centimetres, middle)


def is_fine_enough(to_crop: np.ndarray) -> bool:
    """Whether the head is large enough in the picture for the fine crop; `parsing_crop`'s similarity into 256 px."""
    return bool(np.hypot(*to_crop[:, 0]) * _FINE_FROM < SIZE)
