"""The template: the identity drawn at the driver's pose and expression from its pictures alone.

It is what the networks are given and what stands in for them. Run time and training both draw it here.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import cv2
import numpy as np

from deepfake_core.swapping import eyes, head_layer, light, mouth, regions, surface
from deepfake_core.swapping.alignment import CROP_CENTIMETRES, Pose
from deepfake_core.swapping.identity_head import IdentityHead, TextureBlender
from deepfake_core.swapping.square import Square, face_square, head_square, upright

RASTER_PER_CENTIMETRE = 96 / CROP_CENTIMETRES
_SMALLEST_RASTER = 64
_LIGHT_SIZE = 64
_BEYOND = np.float32(1e-3)


@dataclass(frozen=True)
class Placed:
    """Where an identity's face lies before it is drawn."""

    head: np.ndarray
    """float (468, 3): the identity's landmarks, cm of the canonical head."""
    rotation: np.ndarray
    """float64 (3, 3): canonical head to camera, without roll."""
    square: Square
    points: np.ndarray
    """float64 (504, 3): the identity's mesh, px of the face's crop."""
    raster: surface.Raster

    def scaled_points(self, size: int) -> np.ndarray:
        """The mesh (504, 3) in px of the face's crop when that is `size` px wide."""
        factor = size / self.square.side
        moved = self.points * factor
        moved[:, :2] += 0.5 * factor - 0.5
        return moved

    def skin(self, size: int) -> np.ndarray:
        """Where its light can be measured: uint8 (size, size), see `regions.skin`."""
        return regions.skin(self.scaled_points(size), size)

    def openings(self, size: int) -> np.ndarray:
        """What lids and lips leave open: uint8 (size, size), see `regions.eyes_and_mouth`."""
        return regions.eyes_and_mouth(self.scaled_points(size), size)

    def normals(self, size: int) -> np.ndarray:
        """Unit normals of the face in camera axes, float32 (size, size, 3), 0 off it."""
        coarse = self.raster.interpolate(surface.vertex_normals(self.points * np.array([1.0, -1.0, -1.0])))
        return np.asarray(cv2.resize(coarse, (size, size), interpolation=cv2.INTER_LINEAR), np.float32)


@dataclass(frozen=True)
class Template(Placed):
    """The same, drawn under flat light."""

    bgr: np.ndarray
    """uint8 (S, S, 3); undefined where `alpha` is 0."""
    alpha: np.ndarray
    """float32 (S, S), 0..1: how much of each pixel the head covers."""
    face: np.ndarray
    """float32 (S, S), 0..1: how much of that is the face's surface, not under hair."""
    hair: np.ndarray
    """float32 (S/4, S/4), 0..1: how much of the head behind the face's surface is hair."""
    shares: np.ndarray
    """See `IdentityHead.shares`."""

    def plain_skin(self) -> np.ndarray:
        """What may take another's tone: uint8 (S, S), 0 on eyes, between the lips and on hair, soft."""
        coarse = self.hair.shape[0]
        size = (coarse, coarse)
        face = np.asarray(cv2.resize(self.face, size, interpolation=cv2.INTER_AREA), np.float32)
        skin = 1.0 - self.hair * (1.0 - face)
        whole = (self.square.size, self.square.size)
        picture = cv2.convertScaleAbs(cv2.resize(skin, whole, interpolation=cv2.INTER_LINEAR), alpha=255.0)
        features = regions.features(self.points, self.square.side)
        inner = self.square.face
        picture[inner] = cv2.min(picture[inner], cv2.bitwise_not(features))
        return picture

    def lips(self) -> np.ndarray:
        """The lips: uint8 (S, S), soft."""
        picture = np.zeros((self.square.size, self.square.size), np.uint8)
        picture[self.square.face] = regions.lips(self.points, self.square.side)
        return picture

    def reflectance(self) -> np.ndarray:
        """Its colours without the light that it was drawn in: float32 (S, S, 3), 0..2, undefined where nothing is."""
        face = self.square.face
        size = (_LIGHT_SIZE, _LIGHT_SIZE)
        small = self.bgr[face]
        while small.shape[0] >= 2 * _LIGHT_SIZE and small.shape[0] % 2 == 0:
            # Halving is OpenCV's fast case.
            half = small.shape[0] // 2
            small = cv2.resize(small, (half, half), interpolation=cv2.INTER_AREA)
        small = cv2.resize(small, size, interpolation=cv2.INTER_AREA)
        shown = cv2.resize(self.face[face], size, interpolation=cv2.INTER_AREA)
        measured = light.measure(small, self.skin(_LIGHT_SIZE) * shown * np.float32(1.0 / 255.0))
        ratio = np.asarray(cv2.divide(self.bgr, _spread(measured, self.square), dtype=cv2.CV_32F), np.float32)
        cv2.threshold(ratio, 2.0, 2.0, cv2.THRESH_TRUNC, ratio)
        return ratio


def premultiplied(reflectance: np.ndarray, alpha: np.ndarray) -> np.ndarray:
    """Reflectance float32 (S, S, 3) drawn over plain 1 with alpha float32 (S, S)."""
    drawn = reflectance - np.float32(1.0)
    drawn *= cv2.cvtColor(alpha, cv2.COLOR_GRAY2BGR)
    drawn += np.float32(1.0)
    return drawn


def _spread(measured: np.ndarray, square: Square) -> np.ndarray:
    """A light measured on the face's crop, as a picture float32 (S, S, 3), at least 1, of the whole square."""
    side = square.side
    # So smooth a picture is enlarged as well by the cheaper way in the last step; the first may undershoot.
    coarse = np.maximum(light.enlarge(measured, side // 2 if side > _LIGHT_SIZE else side), np.float32(1.0))
    fine = np.asarray(cv2.resize(coarse, (side, side), interpolation=cv2.INTER_LINEAR), np.float32)
    if square.size == square.side:
        return fine
    rest = square.size - square.side
    return cv2.copyMakeBorder(
        fine, square.top, rest - square.top, square.left, rest - square.left, cv2.BORDER_REPLICATE
    )


class TemplateDrawer:
    """Draws templates; its buffers serve one thread."""

    def __init__(self) -> None:
        self._blender = TextureBlender()
        self._heads = head_layer.HeadDrawer()

    def draw(
        self,
        identity: IdentityHead,
        pose: Pose,
        head: np.ndarray,
        gaze: np.ndarray | None,
        *,
        size: int,
        head_mode: bool = False,
        centimetres: float = CROP_CENTIMETRES,
    ) -> Template:
        """Draw the identity's landmarks (468, 3), cm of the canonical head, at the driver's pose.

        gaze: see `eyes.draw`; size: side of the face's crop, px, which is `centimetres` wide; in head mode the whole
        head is drawn around it.
        """
        rotation = upright(pose)
        square = head_square(rotation, size) if head_mode else face_square(rotation, size, centimetres)
        return self.draw_placed(identity, place(head, rotation, square), lambda: gaze)

    def draw_placed(self, identity: IdentityHead, placed: Placed, gaze: Callable[[], np.ndarray | None]) -> Template:
        """Draw an identity where `place` put it; gaze: gives what `eyes.draw` takes, asked as late as can be."""
        head, rotation, square = placed.head, placed.rotation, placed.square
        crop = square.crop
        shares = identity.shares(head)
        behind, alpha, hair = self._heads.draw(identity.head, rotation, square)
        texture = self._blender.blend(identity, shares)
        drawn, face = surface.draw(texture, identity.uv, placed.raster, square.side)
        mouth.draw(drawn, identity.mouth, head, rotation, crop)
        eyes.draw(
            drawn,
            identity.eyeballs,
            head,
            gaze(),
            rotation=rotation,
            square=crop,
            lids=identity.lid_lines,
            shut=shares[:2],
        )

        inner = square.face
        rest = alpha[inner] * (1.0 - face)
        behind[inner] = cv2.blendLinear(behind[inner], drawn, rest + _BEYOND, face)
        alpha[inner] = rest + face
        whole = face
        if square.size != square.side:
            whole = np.zeros((square.size, square.size), np.float32)
            whole[inner] = face
        return Template(**vars(placed), bgr=behind, alpha=alpha, face=whole, hair=hair, shares=shares)


def place(head: np.ndarray, rotation: np.ndarray, square: Square) -> Placed:
    """Put an identity's landmarks (468, 3), cm of the canonical head, into a square.

    rotation: of the driver's head, from `upright`; square: from it by `face_square` or `head_square`.
    """
    size = square.side
    mesh = surface.extend(head) @ rotation.T
    points = np.column_stack([square.crop.to_pixels(mesh), mesh[:, 2] * (-size / square.centimetres)])
    # The surface is smooth, so that half of a small picture's pixels are enough.
    coarse = min(round(RASTER_PER_CENTIMETRE * square.centimetres), max(size // 2, _SMALLEST_RASTER))
    factor = coarse / size
    small = points * factor
    small[:, :2] += 0.5 * factor - 0.5
    return Placed(head, rotation, square, points, surface.rasterise(small, coarse))
