"""An upright square cut out of a frame."""

from __future__ import annotations

import cv2
import numpy as np

from deepfake_core.frame import Box, Frame


def crop(frame: Frame, to_crop: np.ndarray, size: int) -> np.ndarray:
    """The pixels of an upright square around a face: uint8 (size, size, 3) BGR; edges repeat beyond the frame.

    to_crop: (2, 3) similarity, px of the frame -> px of the crop. Only the square's surroundings are converted.
    """
    to_frame = cv2.invertAffineTransform(to_crop)
    corners = np.array([[0, 0], [size, 0], [0, size], [size, size]], np.float64) @ to_frame[:, :2].T + to_frame[:, 2]
    x0, y0 = np.floor(corners.min(0) - 2)
    x1, y1 = np.ceil(corners.max(0) + 2)
    box = Box(
        int(np.clip(x0, 0, frame.width - 1)),
        int(np.clip(y0, 0, frame.height - 1)),
        int(np.clip(x1, 1, frame.width)),
        int(np.clip(y1, 1, frame.height)),
    )
    box = frame.align(Box(box.x0, box.y0, max(box.x1, box.x0 + 1), max(box.y1, box.y0 + 1)))
    region = frame.region(box)
    matrix = to_crop.copy()
    matrix[:, 2] += to_crop[:, :2] @ np.array([box.x0, box.y0], np.float64)
    factor = float(np.sqrt(abs(np.linalg.det(to_crop[:, :2]))))
    if factor < 0.6:
        # Averaging first: a large face warped down in one step would flicker.
        shrunk = (max(1, round(region.shape[1] * factor)), max(1, round(region.shape[0] * factor)))
        kx, ky = shrunk[0] / region.shape[1], shrunk[1] / region.shape[0]
        region = cv2.resize(region, shrunk, interpolation=cv2.INTER_AREA)
        # Pixel centres: x_small = (x + 0.5) k - 0.5.
        matrix[:, 2] += matrix[:, :2] @ np.array([0.5 / kx - 0.5, 0.5 / ky - 0.5])
        matrix[:, :2] = matrix[:, :2] / np.array([kx, ky])
    return cv2.warpAffine(region, matrix, (size, size), flags=cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE)
