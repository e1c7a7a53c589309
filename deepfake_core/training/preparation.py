"""Preparing training samples: rendered pairs become aligned crops, templates and geometry."""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np

from deepfake_core.swapping import networks, regions, surface
from deepfake_core.swapping.alignment import (
    CROP_CENTIMETRES,
    crop_transform,
    fit_pose,
    similarity,
    transform_points,
)
from deepfake_core.swapping.identity_surface import IdentitySurface, TextureBlender
from deepfake_core.swapping.swapper import normals
from deepfake_core.training.pairs import Shard
from deepfake_core.training.still_landmarks import StillLandmarks

SAMPLE_SIZE = 160
"""Samples keep a margin around the networks' 128 px, at the same scale, so that training can move the crop."""
SAMPLE_CENTIMETRES = CROP_CENTIMETRES * SAMPLE_SIZE / networks.SIZE
CHANNELS = {
    "driver": 3,
    "driver_person": 1,
    "driver_skin": 1,
    "target": 3,
    "target_face": 1,
    "target_emphasis": 1,
    "template": 3,
    "coverage": 1,
    "identity_skin": 1,
    "normals": 3,
    "openings": 1,
}
_FACE_LABELS = (1, 2, 3, 4, 5, 10, 11, 12, 13)
_EYE_LABELS = (4, 5)
_MOUTH_LABELS = (11, 12, 13)
_MAX_POSE_DIFFERENCE = np.radians(14.0)


@dataclass(frozen=True)
class PairLandmarks:
    """Landmarks of the pairs of one shard, px of the pictures; NaN where no face was found."""

    actor: np.ndarray
    """float32 (N, 468, 3)."""
    identity: np.ndarray
    """float32 (N, 468, 3)."""

    def usable(self) -> np.ndarray:
        """Indices of the pairs whose two faces were found with about the same pose, so that no gross error trains."""
        return np.array(
            [
                k
                for k, (actor, identity) in enumerate(zip(self.actor, self.identity, strict=True))
                if np.isfinite(actor).all() and np.isfinite(identity).all() and _same_pose(actor, identity)
            ],
            dtype=np.int64,
        )


def _same_pose(actor: np.ndarray, identity: np.ndarray) -> bool:
    a, b = fit_pose(actor), fit_pose(identity)
    turn = np.arccos(np.clip((np.trace(a.rotation.T @ b.rotation) - 1) / 2, -1, 1))
    shift = np.linalg.norm(a.translation[:2] - b.translation[:2]) / b.scale
    return bool(turn < _MAX_POSE_DIFFERENCE and shift < 3.0 and abs(np.log(a.scale / b.scale)) < 0.2)


def find_landmarks(shard: Shard, find: StillLandmarks) -> PairLandmarks:
    """Landmarks of every pair of a shard."""

    def all_of(pictures: np.ndarray) -> np.ndarray:
        missing = np.full((468, 3), np.nan, np.float32)
        found = (find(np.ascontiguousarray(picture)) for picture in pictures)
        return np.stack([missing if landmarks is None else landmarks for landmarks in found])

    return PairLandmarks(all_of(shard.actor_bgr), all_of(shard.identity_bgr))


def normalised(landmarks: np.ndarray) -> np.ndarray:
    """Landmarks (N, 468, 3) px -> on the canonical head, (N, 468, 3) cm."""
    return np.stack([fit_pose(face).to_head(face) for face in landmarks])


def make_sample(
    shard: Shard, index: int, landmarks: PairLandmarks, identity: IdentitySurface, blender: TextureBlender
) -> dict[str, np.ndarray]:
    """One training sample, as CHANNELS lists: uint8 (160, 160[, 3]); normals and openings are the identity's."""
    actor = landmarks.actor[index]
    pose = fit_pose(actor)
    to_crop = crop_transform(pose, SAMPLE_SIZE, SAMPLE_CENTIMETRES)
    head = identity.retargeter(pose.to_head(actor))
    points = transform_points(to_crop, pose.to_picture(surface.extend(head)))
    raster = surface.rasterise(points, SAMPLE_SIZE)
    drawing = surface.draw(blender.blend(identity, head), identity.uv, raster, 2 * SAMPLE_SIZE)
    # The truth is laid under the template: where the two cannot match is left to the network to learn.
    scale, rotation, shift = similarity(landmarks.identity[index][:, :2].astype(np.float64), points[:468, :2])
    identity_to_crop = np.column_stack([scale * rotation, shift])
    labels = shard.identity_labels[index]

    def warp(picture: np.ndarray, matrix: np.ndarray) -> np.ndarray:
        return cv2.warpAffine(
            np.ascontiguousarray(picture),
            matrix,
            (SAMPLE_SIZE, SAMPLE_SIZE),
            flags=cv2.INTER_LINEAR,
            borderMode=cv2.BORDER_REPLICATE,
        )

    def labelled(wanted: tuple[int, ...], grow: int = 1) -> np.ndarray:
        mask = np.isin(labels, wanted).astype(np.uint8) * 255
        return warp(cv2.dilate(mask, np.ones((grow, grow), np.uint8)), identity_to_crop)

    eyes, mouth = labelled(_EYE_LABELS, 7), labelled(_MOUTH_LABELS, 3)
    return {
        "driver": warp(shard.actor_bgr[index], to_crop),
        "driver_person": warp(shard.actor_alpha[index], to_crop),
        "driver_skin": regions.skin(transform_points(to_crop, actor), SAMPLE_SIZE),
        "target": warp(shard.identity_bgr[index], identity_to_crop),
        "target_face": labelled(_FACE_LABELS),
        "target_emphasis": np.maximum(eyes, mouth // 2),
        "template": _as_uint8(cv2.resize(drawing.bgr, (SAMPLE_SIZE, SAMPLE_SIZE), interpolation=cv2.INTER_AREA)),
        "coverage": raster.coverage(),
        "identity_skin": regions.skin(points, SAMPLE_SIZE),
        "normals": _as_uint8(normals(points, raster) * 127.0 + 128.0),
        "openings": regions.eyes_and_mouth(points, SAMPLE_SIZE),
    }


def _as_uint8(picture: np.ndarray) -> np.ndarray:
    return np.clip(np.round(picture), 0, 255).astype(np.uint8)
