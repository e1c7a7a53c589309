"""What a perfect swap network and a perfect parser would give the compositor for a frame of the benchmark."""

from __future__ import annotations

import cv2
import numpy as np

from deepfake_core.parsing.classes import HEAD, Label
from deepfake_core.parsing.parsing import SIZE, Parsing
from deepfake_core.swapping import light, regions
from deepfake_core.swapping.alignment import crop_transform, fit_pose, transform_points
from deepfake_core.swapping.swapper import DrawnHead

DRAWN = 256
PARSED_CENTIMETRES = 34.0
_SURE = 0.25
"""Share of a pixel from which its foreground colour can be told."""
_LENS = 180
_GROUPS = {
    "skin": (Label.SKIN, Label.NOSE, Label.L_EAR, Label.R_EAR),
    "hair": (Label.HAIR,),
    "occluder": (Label.OCCLUDER,),
    "glasses": (Label.GLASSES,),
    "head": HEAD,
    "neck": (Label.NECK, Label.NECKLACE),
    "cloth": (Label.CLOTH,),
}


def true_parsing(labels: np.ndarray, hair_matte: np.ndarray, head_matte: np.ndarray, points: np.ndarray) -> Parsing:
    """The renderer's labels as a parser's answer: uint8 (S, S) each; points: (468, 3) px, the driver's landmarks."""
    to_crop = crop_transform(fit_pose(points), SIZE, PARSED_CENTIMETRES)

    def laid(picture: np.ndarray, how: int = cv2.INTER_LINEAR) -> np.ndarray:
        return cv2.warpAffine(picture, to_crop, (SIZE, SIZE), flags=how)

    mattes = {
        name: laid(np.where(np.isin(labels, group), 255, 0).astype(np.uint8)) for name, group in _GROUPS.items()
    }
    mattes |= {"hair": laid(hair_matte), "head": laid(head_matte)}
    return Parsing(laid(labels, cv2.INTER_NEAREST), mattes, cv2.invertAffineTransform(to_crop))


def true_face(
    actor: np.ndarray, truth: np.ndarray, matte: np.ndarray, labels: np.ndarray, points: np.ndarray, tone: np.ndarray
) -> DrawnHead:
    """The renderer's own inner face as a drawn one, without its light.

    actor, truth: uint8 (S, S, 3); matte: uint8 (S, S), where they differ; labels: uint8 (S, S), the truth's; points:
    (468, 3) px, the driver's landmarks; tone: (3,) BGR, the identity's skin.
    """
    pose = fit_pose(points)
    to_square = crop_transform(pose, DRAWN)

    def laid(picture: np.ndarray, border: int = cv2.BORDER_CONSTANT) -> np.ndarray:
        return cv2.warpAffine(picture, to_square, (DRAWN, DRAWN), flags=cv2.INTER_CUBIC, borderMode=border)

    # Through a lens the truth shows the identity as the lens lets it be seen.
    through = np.where((labels == Label.GLASSES) & (matte > _LENS), 255, matte).astype(np.uint8)
    face = laid(foreground(truth, actor, through), cv2.BORDER_REPLICATE)
    placed = transform_points(to_square, points)
    bare = np.where(np.isin(labels, (Label.SKIN, Label.NOSE)), matte, 0).astype(np.uint8)
    skin = cv2.min(regions.skin(placed, DRAWN), laid(bare)).astype(np.float32) / 255.0
    face_matte = laid(matte)
    return DrawnHead(
        reflectance=light.reflectance(face, light.measure(face, skin)),
        face_matte=face_matte,
        head_matte=face_matte,
        driver_matte=regions.matte(placed, DRAWN),
        tone=tone,
        crop_to_frame=cv2.invertAffineTransform(to_square),
        pose=pose,
        points=placed,
        face_square=(0, 0, DRAWN),
        head_mode=False,
    )


def foreground(picture: np.ndarray, background: np.ndarray, matte: np.ndarray) -> np.ndarray:
    """What a picture shows before a known background: uint8 (S, S, 3); beyond the matte its colours go on smoothly.

    Light is mixed as its squared levels, as in `compositing.seam`.
    """
    share = (matte.astype(np.float32) / 255.0)[..., None]
    mixed, behind = picture.astype(np.float32) ** 2, background.astype(np.float32) ** 2
    weighted = np.clip(mixed - (1 - share) * behind, 0, share * 255.0**2)
    known = np.where(share >= _SURE, share, 0)
    weighted = np.where(share >= _SURE, weighted, 0)
    light_there = weighted / np.maximum(known, 1e-3)
    sums, mass = weighted, known
    missing = known[..., 0] == 0
    for sigma in (2, 4, 8, 16, 32):
        spread = cv2.GaussianBlur(mass[..., 0], (0, 0), sigma)
        near = missing & (spread > 0.02)
        blurred = cv2.GaussianBlur(sums, (0, 0), sigma)
        light_there[near] = blurred[near] / spread[near][:, None]
        missing &= ~near
    return np.clip(np.sqrt(light_there) + 0.5, 0, 255).astype(np.uint8)
