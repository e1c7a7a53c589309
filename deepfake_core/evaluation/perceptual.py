"""How different two pictures look: the normalised Laplacian pyramid distance.

Laparra, Ballé, Berardino, Simoncelli, "Perceptual image quality assessment using a normalized Laplacian pyramid",
Electronic Imaging 2016: six scales, each divided by its local contrast as the eye does it, with the authors' filters
and constants. Like LPIPS it compares features on several scales, yet it needs no weights from the internet.
"""

from __future__ import annotations

import cv2
import numpy as np

_LEVELS = 6
_LOW_PASS = np.array([0.05, 0.25, 0.4, 0.25, 0.05])
_BORDER = cv2.BORDER_REFLECT
_OFFSETS = (0.0248, 0.0185, 0.0179, 0.0191, 0.0220, 0.2782)
_NEIGHBOURS = (
    # Weights of the neighbours above, left, right and below, for each scale.
    (0.1011, 0.1493, 0.1460, 0.1015),
    (0.0757, 0.1986, 0.1846, 0.0837),
    (0.0477, 0.2138, 0.2243, 0.0467),
    (0.0, 0.2503, 0.2616, 0.0),
    (0.0, 0.2598, 0.2552, 0.0),
    (0.0, 0.2215, 0.0717, 0.0),
)


def perceptual_distance(first: np.ndarray, second: np.ndarray, mask: np.ndarray) -> float:
    """Mean over the scales of the RMS difference inside `mask`: 0 for equal pictures, NaN for an empty mask.

    first, second: uint8 (H, W, 3) BGR; mask: bool (H, W), averaged down for the coarser scales. Compares brightness.
    """
    if not mask.any():
        return float("nan")
    weight = mask.astype(np.float64)
    distances = []
    for a, b in zip(_normalised_pyramid(first), _normalised_pyramid(second), strict=True):
        here = cv2.resize(weight, (a.shape[1], a.shape[0]), interpolation=cv2.INTER_AREA)
        distances.append(np.sqrt((here * (a - b) ** 2).sum() / here.sum()))
    return float(np.mean(distances))


def _normalised_pyramid(bgr: np.ndarray) -> list[np.ndarray]:
    """Six float64 arrays, fine to coarse: band-pass differences and the rest, each over its local contrast."""
    picture: np.ndarray = cv2.cvtColor(bgr, cv2.COLOR_BGR2GRAY).astype(np.float64) / 255.0
    bands = []
    for _ in range(_LEVELS - 1):
        coarse = cv2.sepFilter2D(picture, -1, _LOW_PASS, _LOW_PASS, borderType=_BORDER)[::2, ::2]
        bands.append(picture - _enlarged(coarse, picture.shape))
        picture = coarse
    bands.append(picture)
    return [
        band / (offset + cv2.filter2D(np.abs(band), -1, _kernel(weights), borderType=cv2.BORDER_CONSTANT))
        for band, offset, weights in zip(bands, _OFFSETS, _NEIGHBOURS, strict=True)
    ]


def _enlarged(coarse: np.ndarray, shape: tuple[int, ...]) -> np.ndarray:
    fine = np.zeros(shape)
    fine[::2, ::2] = coarse
    return np.asarray(cv2.sepFilter2D(fine, -1, 2 * _LOW_PASS, 2 * _LOW_PASS, borderType=_BORDER))


def _kernel(weights: tuple[float, float, float, float]) -> np.ndarray:
    above, left, right, below = weights
    # The authors convolve, OpenCV correlates: the kernel is turned by half a turn.
    return np.array([[0.0, below, 0.0], [right, 0.0, left], [0.0, above, 0.0]])
