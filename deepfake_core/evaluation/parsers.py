"""What can be scored as a parser: so far a trivial one, to say what a number means."""

from __future__ import annotations

from collections.abc import Callable

import cv2
import numpy as np

from deepfake_core.facemesh import topology
from deepfake_core.synthetic.labels import Label
from deepfake_core.training.still_landmarks import StillLandmarks

Parser = Callable[[np.ndarray, np.ndarray], np.ndarray]
"""uint8 (S, S, 3) BGR and the true labels, which only a ceiling looks at -> `Label` uint8 (S, S)."""

_NOSE = (168, 417, 465, 357, 350, 277, 371, 358, 327, 326, 2, 97, 98, 129, 142, 47, 121, 128, 245, 193)
# Left and right of the labels are the picture's, those of the topology the subject's.
_POLYGONS = (
    (Label.SKIN, topology.FACE_OVAL),
    (Label.NOSE, _NOSE),
    (Label.L_BROW, topology.RIGHT_EYEBROW),
    (Label.R_BROW, topology.LEFT_EYEBROW),
    (Label.L_EYE, topology.RIGHT_EYE),
    (Label.R_EYE, topology.LEFT_EYE),
)


class LandmarkPolygons:
    """Fills the outlines of FaceMesh's landmarks: no hair, no glasses, nothing in front of the face."""

    def __init__(self) -> None:
        self._landmarks = StillLandmarks()

    def __call__(self, bgr: np.ndarray, _truth: np.ndarray) -> np.ndarray:
        """The labels; background alone where no face is found."""
        points = self._landmarks(bgr)
        labels = np.zeros(bgr.shape[:2], np.uint8)
        if points is None:
            return labels
        corners = np.round(points[:, :2]).astype(np.int32)
        for label, outline in _POLYGONS:
            cv2.fillPoly(labels, [corners[list(outline)]], int(label))
        upper, lower = _lips()
        cv2.fillPoly(labels, [corners[lower]], int(Label.LOWER_LIP))
        cv2.fillPoly(labels, [corners[upper]], int(Label.UPPER_LIP))
        cv2.fillPoly(labels, [corners[list(topology.LIPS_INNER)]], int(Label.MOUTH))
        return labels


def _lips() -> tuple[list[int], list[int]]:
    """Outlines of the upper and the lower lip: outer border one way, inner border back."""
    outer, inner = list(topology.LIPS_OUTER), list(topology.LIPS_INNER)
    upper = outer[:11] + inner[:11][::-1]
    lower = [*outer[10:], outer[0], inner[0], *inner[10:][::-1]]
    return upper, lower


def _true_labels(_bgr: np.ndarray, truth: np.ndarray) -> np.ndarray:
    return truth


PARSERS: dict[str, Callable[[], Parser]] = {"landmarks": LandmarkPolygons, "truth": lambda: _true_labels}
"""`landmarks`: polygons of FaceMesh's landmarks; `truth`: the ceiling."""
