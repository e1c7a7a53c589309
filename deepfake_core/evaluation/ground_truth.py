"""What perfect swap networks and a perfect parser would give the compositor for a frame of the benchmark."""

from __future__ import annotations

import cv2
import numpy as np

from deepfake_core.compositing import colour
from deepfake_core.compositing.face import FaceMode
from deepfake_core.compositing.view import FaceView
from deepfake_core.parsing.classes import Label
from deepfake_core.parsing.crop import parsing_crop
from deepfake_core.parsing.parser import GROUPS
from deepfake_core.parsing.parsing import SIZE, Parsing
from deepfake_core.swapping import light, regions
from deepfake_core.swapping.alignment import CROP_CENTIMETRES, fit_pose
from deepfake_core.swapping.swapper import DrawnHead

_SURE = 0.25
"""Share of a pixel from which its foreground colour can be told."""
_LENS = 180
"""Through a lens the swap's matte is at least this."""


class TrueFace(FaceMode):
    """Face mode that is shown the renderer's own face."""

    def __init__(self, *, relit: bool) -> None:
        """relit: without its own light, which is measured as on the driver's skin and replaced by the driver's."""
        super().__init__()
        self._relit = relit
        self._face = np.zeros((0, 0, 3), np.uint8)
        self._bare = np.zeros((0, 0), np.uint8)

    def show(self, truth: np.ndarray, actor: np.ndarray, matte: np.ndarray, labels: np.ndarray) -> None:
        """The next frame's: uint8 (S, S, 3) twice, uint8 (S, S): where they differ, and the truth's labels."""
        # Through a lens the truth shows the identity as the lens lets it be seen.
        through = np.where((labels == Label.GLASSES) & (matte > _LENS), 255, matte).astype(np.uint8)
        self._face = foreground(truth, actor, through)
        self._bare = np.where(np.isin(labels, (Label.SKIN, Label.NOSE)), matte, 0).astype(np.uint8)

    def _lit(self, view: FaceView, there: np.ndarray, correction: np.ndarray, covered: np.ndarray) -> np.ndarray:
        part = slice(view.box.y0, view.box.y1), slice(view.box.x0, view.box.x1)
        if not self._relit:
            return np.ascontiguousarray(self._face[part])
        side = len(self._face)
        skin = cv2.min(regions.skin(view.drawn.points, side), self._bare).astype(np.float32) / np.float32(255.0)
        sigma = colour.SIGMA_CENTIMETRES * light.LIGHT_SIZE / view.centimetres
        plain = light.reflectance(self._face, colour.measure(self._face, skin, sigma))
        lit = cv2.multiply(plain, light.enlarge(there * correction, side), dtype=cv2.CV_8U)
        return np.ascontiguousarray(lit[part])


def true_parsing(labels: np.ndarray, hair_matte: np.ndarray, head_matte: np.ndarray, points: np.ndarray) -> Parsing:
    """The renderer's labels as a parser's answer: uint8 (S, S) each; points: (468, 3) px, the driver's landmarks."""
    to_crop = parsing_crop(fit_pose(points.astype(np.float64)))

    def laid(picture: np.ndarray, how: int = cv2.INTER_LINEAR) -> np.ndarray:
        return cv2.warpAffine(picture, to_crop, (SIZE, SIZE), flags=how)

    mattes = {name: laid(np.where(np.isin(labels, group), 255, 0).astype(np.uint8)) for name, group in GROUPS.items()}
    mattes |= {"hair": laid(hair_matte), "head": laid(head_matte)}
    return Parsing(laid(labels, cv2.INTER_NEAREST), mattes, cv2.invertAffineTransform(to_crop))


def true_face(matte: np.ndarray, points: np.ndarray) -> DrawnHead:
    """The place of the renderer's own inner face: the drawn square is the frame, so that nothing is resampled.

    matte: uint8 (S, S), where the truth shows the identity; points: (468, 3) px, the driver's landmarks.
    """
    points = points.astype(np.float64)
    pose = fit_pose(points)
    return DrawnHead(
        reflectance=np.ones((*matte.shape, 3), np.float32),
        face_matte=matte,
        head_matte=matte,
        skin=np.full_like(matte, 255),
        driver_matte=regions.matte(points, len(matte)),
        tone=np.full(3, 128.0, np.float32),
        crop_to_frame=np.eye(2, 3),
        pose=pose,
        points=points,
        face_square=(0, 0, round(CROP_CENTIMETRES * pose.scale)),
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
    found = weighted / np.maximum(known, 1e-3)
    missing = known[..., 0] == 0
    for sigma in (2, 4, 8, 16, 32):
        spread = cv2.GaussianBlur(known[..., 0], (0, 0), sigma)
        near = missing & (spread > 0.02)
        found[near] = cv2.GaussianBlur(weighted, (0, 0), sigma)[near] / spread[near][:, None]
        missing &= ~near
    return np.clip(np.sqrt(found) + 0.5, 0, 255).astype(np.uint8)
