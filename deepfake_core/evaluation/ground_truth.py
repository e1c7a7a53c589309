"""What perfect swap networks and a perfect parser would give the compositor for a frame of the benchmark."""

from __future__ import annotations

from dataclasses import replace

import cv2
import numpy as np

from deepfake_core.compositing.face import FaceMode
from deepfake_core.compositing.view import FaceView
from deepfake_core.parsing.classes import Label
from deepfake_core.parsing.crop import parsing_crop
from deepfake_core.parsing.parser import GROUPS
from deepfake_core.parsing.parsing import SIZE, Parsing
from deepfake_core.swapping import light, regions
from deepfake_core.swapping.alignment import CROP_CENTIMETRES, crop_transform, fit_pose, transform_points
from deepfake_core.swapping.swapper import DrawnHead

DRAWN = 256
"""Side of the square that a swapper draws, px."""
_SURE = 0.25
"""Share of a pixel from which its foreground colour can be told."""
_LENS = 180
"""Through a lens the swap's matte is at least this."""


class TrueFace(FaceMode):
    """Face mode that is shown the renderer's own face under its own light."""

    def __init__(self) -> None:
        super().__init__()
        self._face = np.zeros((0, 0, 3), np.uint8)

    def show(self, truth: np.ndarray, actor: np.ndarray, matte: np.ndarray, labels: np.ndarray) -> None:
        """The next frame's: uint8 (S, S, 3) twice, uint8 (S, S): where they differ, and the truth's labels."""
        self._face = _shown(truth, actor, matte, labels)

    def _lit(
        self, view: FaceView, light: np.ndarray, correction: np.ndarray, matte: np.ndarray
    ) -> tuple[np.ndarray, np.ndarray]:
        box = view.box
        # The drawn square is the frame.
        rows, columns = slice(box.y0, box.y1), slice(box.x0, box.x1)
        return np.ascontiguousarray(self._face[rows, columns]), np.ascontiguousarray(matte[rows, columns])


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


def unlit_face(
    truth: np.ndarray, actor: np.ndarray, matte: np.ndarray, labels: np.ndarray, points: np.ndarray
) -> DrawnHead:
    """The renderer's own inner face without its light, as the swapper draws one: `points` as for `true_face`, the rest
    as for `TrueFace.show`."""
    points = points.astype(np.float64)
    pose = fit_pose(points)
    to_square = crop_transform(pose, DRAWN)

    def laid(picture: np.ndarray, border: int = cv2.BORDER_CONSTANT) -> np.ndarray:
        return cv2.warpAffine(picture, to_square, (DRAWN, DRAWN), flags=cv2.INTER_CUBIC, borderMode=border)

    face = laid(_shown(truth, actor, matte, labels), cv2.BORDER_REPLICATE)
    placed = transform_points(to_square, points)
    bare = np.where(np.isin(labels, (Label.SKIN, Label.NOSE)), matte, 0).astype(np.uint8)
    skin = cv2.min(regions.skin(placed, DRAWN), laid(bare)).astype(np.float32) / np.float32(255.0)
    whole = true_face(matte, points)
    return replace(
        whole,
        reflectance=light.reflectance(face, light.measure(face, skin)),
        face_matte=laid(matte),
        head_matte=laid(matte),
        skin=np.full((DRAWN, DRAWN), 255, np.uint8),
        driver_matte=regions.matte(placed, DRAWN),
        crop_to_frame=cv2.invertAffineTransform(to_square),
        points=placed,
        face_square=(0, 0, DRAWN),
    )


def _shown(truth: np.ndarray, actor: np.ndarray, matte: np.ndarray, labels: np.ndarray) -> np.ndarray:
    # Through a lens the truth shows the identity as the lens lets it be seen.
    through = np.where((labels == Label.GLASSES) & (matte > _LENS), 255, matte).astype(np.uint8)
    return foreground(truth, actor, through)


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
