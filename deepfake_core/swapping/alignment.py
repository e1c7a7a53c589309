"""Head pose from landmarks, and the square crop that the swap works in."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache

import numpy as np

from deepfake_core.facemesh import topology

CROP_CENTIMETRES = 21.5
"""Side of the crop on the canonical face: forehead to chin with a margin at every pose."""
CROP_CENTRE = np.array([0.0, -0.8, 3.0])
"""Point of the canonical face (cm) that lies in the middle of the crop."""
RIGID = np.array(
    [168, 6, 197, 195, 5, 4, 33, 133, 362, 263, 10, 109, 338, 67, 297, 127, 356, 21, 251, 162, 389, 234, 454]
)
"""Landmarks that neither jaw, lips nor brows move: with them the crop does not breathe when the mouth does."""

_TO_RIGHT_HANDED = np.array([1.0, -1.0, -1.0])


@dataclass(frozen=True)
class Pose:
    """Similarity between the canonical head (cm, y up, z to the camera) and a picture (px, y down, z away)."""

    scale: float
    """Pixels per centimetre."""
    rotation: np.ndarray
    """float64 (3, 3), canonical head to camera."""
    translation: np.ndarray
    """float64 (3,), px, y up."""

    def to_head(self, landmarks: np.ndarray) -> np.ndarray:
        """(N, 3) px of the picture -> (N, 3) cm of the canonical head."""
        return ((landmarks * _TO_RIGHT_HANDED - self.translation) @ self.rotation) / self.scale

    def to_picture(self, points: np.ndarray) -> np.ndarray:
        """(N, 3) cm of the canonical head -> (N, 3) px of the picture."""
        return (self.scale * (points @ self.rotation.T) + self.translation) * _TO_RIGHT_HANDED

    @property
    def yaw_degrees(self) -> float:
        """Turn of the head; positive shows more of the picture's right half of the face outline."""
        return float(np.degrees(np.arctan2(self.rotation[0, 2], self.rotation[2, 2])))

    @property
    def pitch_degrees(self) -> float:
        """Nod of the head; positive looks down."""
        return float(-np.degrees(np.arcsin(np.clip(self.rotation[1, 2], -1.0, 1.0))))


def similarity(source: np.ndarray, target: np.ndarray) -> tuple[float, np.ndarray, np.ndarray]:
    """Least-squares scale, rotation and translation from (N, D) `source` to (N, D) `target` points.

    Umeyama, "Least-squares estimation of transformation parameters between two point patterns", 1991.
    """
    source_mean, target_mean = source.mean(0), target.mean(0)
    centred, aim = source - source_mean, target - target_mean
    u, singular, vt = np.linalg.svd(aim.T @ centred)
    signs = np.ones(len(singular))
    signs[-1] = np.sign(np.linalg.det(u @ vt))
    rotation = (u * signs) @ vt
    scale = float((singular * signs).sum() / (centred**2).sum())
    return scale, rotation, target_mean - scale * rotation @ source_mean


@cache
def _rigid_canonical() -> np.ndarray:
    return topology.canonical_face().vertices[RIGID].astype(np.float64)


def fit_pose(landmarks: np.ndarray) -> Pose:
    """Pose of a face with landmarks float (468, 3): x, y px of the picture, z px."""
    return Pose(*similarity(_rigid_canonical(), landmarks[RIGID] * _TO_RIGHT_HANDED))


def crop_transform(
    pose: Pose, size: int, centimetres: float = CROP_CENTIMETRES, middle: np.ndarray = CROP_CENTRE
) -> np.ndarray:
    """Similarity float64 (2, 3) from picture px to px of an upright square crop of `size` px.

    centimetres: side of the crop on the canonical face; middle: the point (3,) of it, cm, in the crop's middle.
    Pixel centres lie on whole numbers, as in OpenCV.
    """
    centre = pose.to_picture(middle[None])[0, :2]
    up = pose.rotation[:, 1]
    # At a steep pitch the head's up axis hardly shows in the picture, yet keeps its direction there.
    length = max(float(np.hypot(up[0], up[1])), 1e-6)
    sine, cosine = up[0] / length, up[1] / length
    factor = size / (centimetres * pose.scale)
    linear = factor * np.array([[cosine, sine], [-sine, cosine]])
    return np.column_stack([linear, np.full(2, (size - 1) / 2) - linear @ centre])


def transform_points(matrix: np.ndarray, points: np.ndarray) -> np.ndarray:
    """Apply a (2, 3) similarity to (N, 3) points; z is scaled alike."""
    moved = np.empty_like(points, dtype=np.float64)
    moved[:, :2] = points[:, :2] @ matrix[:, :2].T + matrix[:, 2]
    moved[:, 2] = points[:, 2] * np.sqrt(abs(np.linalg.det(matrix[:, :2])))
    return moved
