"""A swapped face beside the truth with the smooth light taken out of both: what the networks themselves draw."""

from __future__ import annotations

import cv2
import numpy as np

from deepfake_core.evaluation import picture
from deepfake_core.swapping import light, regions
from deepfake_core.swapping.alignment import crop_transform, fit_pose, transform_points

SIZE = 128
"""px for the 21.5 cm around the face, whatever the size of the picture."""
_LEAST_SHARE = 0.01
NAMES = ("ssim_face_light_normalised", "psnr_face_light_normalised", "gradients", "true_gradients")


def compare(output: np.ndarray, truth: np.ndarray, face: np.ndarray, points: np.ndarray) -> dict[str, float]:
    """The figures named in `NAMES` of one frame; NaN where too little of the face is seen.

    output, truth: uint8 (H, W, 3) BGR; face: bool (H, W), what the swap must replace; points: float (468, 3), px, the
    truth's landmarks. `gradients` are summed over the face, to be divided over many frames.
    """
    to_crop = crop_transform(fit_pose(points), SIZE)
    inside = cv2.warpAffine(face.astype(np.float32), to_crop, (SIZE, SIZE), flags=cv2.INTER_LINEAR) > 0.5
    if inside.mean() < _LEAST_SHARE:
        return dict.fromkeys(NAMES, float("nan"))
    skin = regions.skin(transform_points(to_crop, points), SIZE).astype(np.float32) / 255.0 * inside

    def plain(bgr: np.ndarray) -> np.ndarray:
        style = cv2.INTER_AREA if abs(np.linalg.det(to_crop[:, :2])) < 0.3 else cv2.INTER_LINEAR
        crop = cv2.warpAffine(bgr, to_crop, (SIZE, SIZE), flags=style, borderMode=cv2.BORDER_REPLICATE)
        return np.round(light.reflectance(crop, light.measure(crop, skin)) * 127.5).astype(np.uint8)

    drawn, true = plain(output), plain(truth)
    return {
        "ssim_face_light_normalised": picture.ssim(drawn, true, inside),
        "psnr_face_light_normalised": picture.psnr(drawn, true, inside),
        "gradients": picture.gradients(drawn, inside),
        "true_gradients": picture.gradients(true, inside),
    }
