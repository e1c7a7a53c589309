"""An upright square cut out of a frame."""

from __future__ import annotations

import math

import cv2
import numpy as np

from deepfake_core.frame import Box, Frame

_LEAST = 0.6
"""Scale below which plain bilinear sampling would leave pixels out."""


def crop(frame: Frame, to_crop: np.ndarray, size: int) -> np.ndarray:
    """The pixels of an upright square around a face: uint8 (size, size, 3) BGR; edges repeat beyond the frame.

    to_crop: (2, 3) similarity, px of the frame -> px of the crop. Only the square's surroundings are converted.
    """
    to_frame = cv2.invertAffineTransform(to_crop)
    middle = to_frame[:, :2] @ np.full(2, size / 2) + to_frame[:, 2]
    reach = 0.5 * size * np.abs(to_frame[:, :2]).sum(1) + 2
    x0, y0 = np.floor(middle - reach).tolist()
    x1, y1 = np.ceil(middle + reach).tolist()
    x0, y0 = min(max(int(x0), 0), frame.width - 1), min(max(int(y0), 0), frame.height - 1)
    box = frame.align(Box(x0, y0, max(min(int(x1), frame.width), x0 + 1), max(min(int(y1), frame.height), y0 + 1)))
    region = frame.region(box)
    matrix = to_crop.copy()
    matrix[:, 2] += to_crop[:, :2] @ (box.x0, box.y0)
    factor = math.hypot(to_crop[0, 0], to_crop[1, 0])
    while factor < _LEAST and min(region.shape[:2]) >= 4:
        # Averaging first: a large face warped down in one step would flicker. Halving is OpenCV's fast case.
        height, width = region.shape[0] // 2, region.shape[1] // 2
        region = cv2.resize(region[: 2 * height, : 2 * width], (width, height), interpolation=cv2.INTER_AREA)
        # Pixel centres: x_small = (x + 0.5) / 2 - 0.5.
        matrix[:, 2] += 0.5 * matrix[:, :2].sum(1)
        matrix[:, :2] *= 2.0
        factor *= 2.0
    return cv2.warpAffine(region, matrix, (size, size), flags=cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE)
