"""An upright square cut out of a frame."""

from __future__ import annotations

import numpy as np

from deepfake_core.frame import Frame


def crop(frame: Frame, to_crop: np.ndarray, size: int) -> np.ndarray:
    """The pixels of an upright square around a face: uint8 (size, size, 3) BGR; edges repeat beyond the frame.

    to_crop: (2, 3) similarity, px of the frame -> px of the crop. Only the square's surroundings are read.
    """
    return frame.square(to_crop, size)
