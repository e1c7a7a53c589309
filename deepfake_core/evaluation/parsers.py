"""What can be scored as a parser: the product's network, and a trivial one to say what a number means."""

from __future__ import annotations

from collections.abc import Callable

import cv2
import numpy as np

from deepfake_core.crop import crop
from deepfake_core.facemesh import topology
from deepfake_core.frame import Frame
from deepfake_core.inference.session import shared
from deepfake_core.parsing.classes import Label
from deepfake_core.parsing.crop import is_fine_enough, parsing_crop
from deepfake_core.parsing.parser import (
    FINE_BORDER,
    FINE_PARSER_NAME,
    LARGE_PARSER_NAME,
    PARSER_NAME,
    checked,
    network_shares,
    shares_in,
)
from deepfake_core.parsing.parsing import SIZE
from deepfake_core.swapping.alignment import fit_pose
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


class NetworkParser:
    """The product's network in the crops of the run time, each picture for itself.

    What lies beyond the crop, and pictures in which FaceMesh finds no face, are parsed as a whole.
    """

    def __init__(self, *, fine: bool) -> None:
        """fine: the larger network and that of the fine crop of the face, as at the best quality."""
        self._landmarks = StillLandmarks()
        self._session = checked(shared(LARGE_PARSER_NAME if fine else PARSER_NAME, threads=1, provider="cpu"))
        self._fine = checked(shared(FINE_PARSER_NAME, threads=1, provider="cpu"), guided=True) if fine else None

    def __call__(self, bgr: np.ndarray, _truth: np.ndarray) -> np.ndarray:
        """The labels."""
        height, width = bgr.shape[:2]
        square = np.array([[SIZE / width, 0.0, 0.0], [0.0, SIZE / height, 0.0]])
        square[:, 2] = 0.5 * np.diag(square[:, :2]) - 0.5
        shares = np.zeros((len(Label), height, width), np.float32)
        _lay(shares, self._shares(bgr, square), square, 0)
        points = self._landmarks(bgr)
        if points is not None:
            pose = fit_pose(points.astype(np.float64))
            to_crop = parsing_crop(pose)
            coarse = self._shares(bgr, to_crop)
            _lay(shares, coarse, to_crop, 0)
            if self._fine and is_fine_enough(to_crop):
                to_fine = parsing_crop(pose, fine=True)
                between = to_fine @ np.vstack([cv2.invertAffineTransform(to_crop), [0.0, 0.0, 1.0]])
                picture = crop(Frame.from_bgr(bgr), to_fine, SIZE)
                fine = network_shares(self._fine, picture, around=shares_in(coarse, between))
                _lay(shares, fine, to_fine, FINE_BORDER // 2)
        return shares.argmax(axis=0).astype(np.uint8)

    def _shares(self, bgr: np.ndarray, to_crop: np.ndarray) -> np.ndarray:
        return network_shares(self._session, crop(Frame.from_bgr(bgr), to_crop, SIZE))


def _lay(shares: np.ndarray, found: np.ndarray, to_crop: np.ndarray, border: int) -> None:
    """Write what was found in a crop, float32 (20, 128, 128), into the picture's shares, but for its border (px)."""
    to_shares = to_crop * 0.5
    to_shares[:, 2] -= 0.25 + border
    part = slice(border, found.shape[1] - border)
    flags = cv2.INTER_LINEAR | cv2.WARP_INVERSE_MAP
    for mine, theirs in zip(shares, found, strict=True):
        cv2.warpAffine(theirs[part, part], to_shares, mine.shape[::-1], mine, flags, cv2.BORDER_TRANSPARENT)


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


PARSERS: dict[str, Callable[[], Parser]] = {
    "network": lambda: NetworkParser(fine=False),
    "network_fine": lambda: NetworkParser(fine=True),
    "landmarks": LandmarkPolygons,
    "truth": lambda: _true_labels,
}
"""`network`: the product's; `network_fine`: the larger ones, with the fine crop; `landmarks`: polygons of
FaceMesh's landmarks; `truth`: the ceiling."""
