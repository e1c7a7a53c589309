"""BlazeFace, short range: where the faces are (Bazarevsky et al. 2019, arXiv:1907.05047).

Anchors, decoding and weighted non-maximum suppression as in mediapipe's face_detection_short_range graph.
"""

from __future__ import annotations

from typing import NamedTuple

import cv2
import numpy as np

from deepfake_core import inference
from deepfake_core.facemesh.region import Region, around

MODEL = "facemesh/face_detection_short_range.onnx"
SIDE = 128
MIN_SCORE = 0.5
OVERLAP = 0.3
MAX_FACES = 8
RIGHT_EYE, LEFT_EYE = 0, 1


class Detection(NamedTuple):
    """A face found: its box and six key points (eyes, nose, mouth, ears) in pixels of the picture."""

    low: np.ndarray
    high: np.ndarray
    keypoints: np.ndarray
    score: float

    @property
    def region(self) -> Region:
        """Where the landmark network should look."""
        return around(self.low, self.high, self.keypoints[RIGHT_EYE], self.keypoints[LEFT_EYE])


def anchors() -> np.ndarray:
    """The centres that box coordinates are relative to, float32 (896, 2) in 0..1: 2 per 16x16 cell, 6 per 8x8."""
    grids = []
    for cells, repeats in ((16, 2), (8, 6)):
        centres = (np.arange(cells, dtype=np.float32) + 0.5) / cells
        x, y = np.meshgrid(centres, centres)
        grids.append(np.repeat(np.stack([x, y], axis=-1).reshape(-1, 2), repeats, axis=0))
    return np.concatenate(grids)


def suppress(points: np.ndarray, scores: np.ndarray) -> list[tuple[np.ndarray, float]]:
    """Weighted non-maximum suppression: overlapping boxes are averaged by their scores.

    `points` is (N, 8, 2): box corners low and high, then six key points; `scores` is (N,).
    Returns averaged (8, 2) points and the best score of each group, best first.
    """
    groups: list[tuple[np.ndarray, float]] = []
    while len(scores) and len(groups) < MAX_FACES:
        best = int(scores.argmax())
        low, high = points[:, 0], points[:, 1]
        shared = np.clip(np.minimum(high, high[best]) - np.maximum(low, low[best]), 0, None).prod(axis=1)
        areas = (high - low).prod(axis=1)
        same = shared > OVERLAP * (areas + areas[best] - shared)
        # A box without area overlaps nothing, itself included; without this the loop would not end.
        same[best] = True
        weights = scores[same] / scores[same].sum()
        groups.append((np.tensordot(weights, points[same], axes=1), float(scores[best])))
        points, scores = points[~same], scores[~same]
    return groups


class FaceDetector:
    """The detection network with its reused buffers; one per tracker."""

    def __init__(self, *, threads: int, provider: str) -> None:
        self.session = inference.shared(MODEL, threads=threads, provider=provider)
        self._anchors = anchors()
        self._picture = np.empty((SIDE, SIDE, 3), np.uint8)
        self._tensor = np.empty((1, SIDE, SIDE, 3), np.float32)

    def detect(self, bgr: np.ndarray) -> list[Detection]:
        """The faces in `bgr`, uint8 (h, w, 3), best first; coordinates in its pixels. Raises NetworkFailed."""
        height, width = bgr.shape[:2]
        scale = SIDE / max(height, width)
        shift = (SIDE - scale * np.array([width, height])) / 2
        to_square = np.array([[scale, 0, shift[0]], [0, scale, shift[1]]])
        cv2.warpAffine(bgr, to_square, (SIDE, SIDE), dst=self._picture, flags=cv2.INTER_LINEAR)
        cv2.cvtColor(self._picture, cv2.COLOR_BGR2RGB, dst=self._picture)
        np.multiply(self._picture, np.float32(2 / 255), out=self._tensor[0])
        self._tensor -= 1
        boxes, logits = self.session.run(input=self._tensor)

        scores = 1 / (1 + np.exp(-np.clip(logits[0, :, 0], -80, 80)))
        found = scores >= MIN_SCORE
        points = boxes[0, found].reshape(-1, 8, 2) / SIDE
        points[:, [0, 2, 3, 4, 5, 6, 7]] += self._anchors[found, None]
        centre, half = points[:, 0].copy(), points[:, 1] / 2
        points[:, 0], points[:, 1] = centre - half, centre + half
        return [
            Detection(box[0], box[1], box[2:], score)
            for group, score in suppress(points, scores[found])
            for box in [(group * SIDE - shift) / scale]
        ]
