"""Retargeting: the driver's expression on the identity's face shape."""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np

_OPENINGS = np.array(
    [
        # (upper, lower, corner, other corner): the opening is measured against the width, so it is free of size
        [159, 145, 33, 133],
        [386, 374, 263, 362],
        [13, 14, 61, 291],
        [105, 159, 33, 133],
        [334, 386, 263, 362],
    ]
)
_ENDS = np.stack([_OPENINGS[:, [0, 2]].T.ravel(), _OPENINGS[:, [1, 3]].T.ravel()])
"""Both ends of all five openings, then of their widths."""


def openings(head: np.ndarray) -> np.ndarray:
    """How far eyes, mouth and brows are open: (..., 468, 3) cm -> (..., 5), in widths of eye or mouth."""
    apart = head[..., _ENDS[0], :] - head[..., _ENDS[1], :]
    lengths = np.sqrt((apart * apart).sum(-1))
    return lengths[..., :5] / np.maximum(lengths[..., 5:], 1e-3)


def _product(rows: np.ndarray, matrix: np.ndarray, *, transposed: bool = False) -> np.ndarray:
    """rows @ matrix, or @ its transpose, on this thread: numpy wakes others for it, which costs far more on a busy
    machine."""
    flags = cv2.GEMM_2_T if transposed else 0
    nothing = np.empty((0, 0), matrix.dtype)
    return np.asarray(cv2.gemm(np.ascontiguousarray(rows, matrix.dtype), matrix, 1.0, nothing, 0.0, flags=flags))


@dataclass(frozen=True)
class Neutral:
    """What is known of a driver's face at rest."""

    head: np.ndarray
    """float32 (468, 3), cm of the canonical head."""
    lids: np.ndarray
    """float (2,): openings of the right and left eye."""
    lips: float
    """Opening of the mouth when its lips touch: FaceMesh reads more than 0."""
    trust: float
    """0 where nothing was seen yet, 1 after some calm pictures."""


@dataclass(frozen=True)
class Retargeter:
    """Linear map from a driver's pose-normalised landmarks to the identity's, learned from rendered pairs.

    Ridge regression on principal components, joined by the openings, which say the same for every shape of face. From
    one picture it cannot tell a wide nose from a widened one; what a driver's face at rest would give is therefore
    replaced by the identity's own face at rest, as far as the former is known.
    """

    driver_mean: np.ndarray
    """float32 (1404,), cm."""
    basis: np.ndarray
    """float32 (K, 1404): weighted principal components."""
    openings_mean: np.ndarray
    """float32 (5,)."""
    openings_scale: np.ndarray
    """float32 (5,)."""
    coefficients: np.ndarray
    """float32 (K + 5, 1404)."""
    identity_mean: np.ndarray
    """float32 (1404,), cm: over all expressions."""
    identity_neutral: np.ndarray
    """float32 (1404,), cm: at rest."""

    def features(self, head: np.ndarray) -> np.ndarray:
        """(N, 468, 3) cm -> (N, K + 5)."""
        components = _product(head.reshape(len(head), -1) - self.driver_mean, self.basis, transposed=True)
        return np.concatenate([components, (openings(head) - self.openings_mean) * self.openings_scale], axis=1)

    def __call__(self, head: np.ndarray, neutral: Neutral | None = None) -> np.ndarray:
        """A driver's landmarks (468, 3) cm on the canonical head -> the identity's, float32 (468, 3) cm."""
        # In double precision numpy would first copy every matrix.
        faces = [head.astype(np.float32)] if neutral is None else [head.astype(np.float32), neutral.head]
        features, *resting = self.features(np.stack(faces))
        start = self.identity_mean
        if neutral is not None:
            trust = np.float32(neutral.trust)
            features = features - trust * resting[0]
            start = start + trust * (self.identity_neutral - start)
        return (_product(features[None], self.coefficients)[0] + start).reshape(-1, 3)
