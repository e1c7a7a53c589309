"""Differences between an output and the truth, pixel by pixel."""

from __future__ import annotations

import cv2
import numpy as np
from skimage.color import deltaE_ciede2000, rgb2lab
from skimage.metrics import structural_similarity

MOST_PSNR = 99.0
"""dB, given to equal pictures, whose PSNR is infinite."""


def psnr(output: np.ndarray, truth: np.ndarray, mask: np.ndarray) -> float:
    """Peak signal-to-noise ratio over `mask`, dB; NaN for an empty mask.

    output, truth: uint8 (H, W, 3); mask: bool (H, W).
    """
    if not mask.any():
        return float("nan")
    error = np.mean((output[mask].astype(np.float64) - truth[mask]) ** 2)
    return float(min(MOST_PSNR, 10 * np.log10(255.0**2 / error))) if error else MOST_PSNR


def ssim(output: np.ndarray, truth: np.ndarray, mask: np.ndarray) -> float:
    """Structural similarity of the brightness over `mask`, -1..1; NaN for an empty mask.

    Wang et al., "Image quality assessment: from error visibility to structural similarity", 2004: Gaussian window of
    sigma 1.5 px. output, truth: uint8 (H, W, 3) BGR; mask: bool (H, W).
    """
    if not mask.any():
        return float("nan")
    _, similarity = structural_similarity(
        cv2.cvtColor(output, cv2.COLOR_BGR2GRAY),
        cv2.cvtColor(truth, cv2.COLOR_BGR2GRAY),
        data_range=255,
        gaussian_weights=True,
        sigma=1.5,
        use_sample_covariance=False,
        full=True,
    )
    return float(similarity[mask].mean())


def colour_difference(output: np.ndarray, truth: np.ndarray) -> np.ndarray:
    """CIEDE2000 of each pixel, float64 (H, W): 1 is about the least difference that is seen; sRGB under D65.

    Luo, Cui, Rigg, "The development of the CIE 2000 colour-difference formula", 2001. uint8 (H, W, 3) BGR.
    """
    return np.asarray(deltaE_ciede2000(rgb2lab(output[..., ::-1]), rgb2lab(truth[..., ::-1])))


def sharpness_ratio(output: np.ndarray, truth: np.ndarray, mask: np.ndarray) -> float:
    """Energy of the output's gradients over the truth's inside `mask`: below 1 is blurred; NaN for an empty mask.

    output, truth: uint8 (H, W, 3); mask: bool (H, W).
    """
    energies = [_gradient_energy(picture)[mask[1:, 1:]].sum() for picture in (output, truth)]
    return float(energies[0] / energies[1]) if energies[1] else float("nan")


def gradients(bgr: np.ndarray, mask: np.ndarray) -> float:
    """Absolute differences of neighbouring pixels inside `mask`, summed; uint8 (H, W, 3), bool (H, W)."""
    values = bgr.astype(np.int32)
    across, down = np.abs(np.diff(values, axis=1)), np.abs(np.diff(values, axis=0))
    return float(across[mask[:, 1:] & mask[:, :-1]].sum() + down[mask[1:] & mask[:-1]].sum())


def mean_over(values: np.ndarray, mask: np.ndarray) -> float:
    """Mean of `values` where the bool `mask` is set; NaN where it is empty."""
    return float(values[mask].mean()) if mask.any() else float("nan")


def _gradient_energy(picture: np.ndarray) -> np.ndarray:
    grey = cv2.cvtColor(picture, cv2.COLOR_BGR2GRAY).astype(np.float64)
    return np.diff(grey, axis=1)[1:] ** 2 + np.diff(grey, axis=0)[:, 1:] ** 2
