"""Where in a frame each measure looks."""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np

from deepfake_core.disclosure.labels import CORNERS, label_box
from deepfake_core.parsing.classes import Label
from deepfake_core.pixel_format import Box

SEAM = 0.06
"""Half the width of the seam band, in interocular distances."""
_LEAST_SEAM = 2
_NECK = (Label.NECK, Label.NECKLACE)


@dataclass(frozen=True)
class Masks:
    """Parts of a frame, bool (S, S) each; the label that marks the output is in none of them."""

    face: np.ndarray
    """What the swap must replace: where the truth shows the identity."""
    seam: np.ndarray
    """A band on both sides of the face's edge."""
    outside: np.ndarray
    """Neither face nor seam: where nothing may change."""
    occluder: np.ndarray
    """Hands and things before the face: inside the hull of its landmarks, and kept by the truth."""


def head_edge(head: np.ndarray, labels: np.ndarray, of_truth: np.ndarray, interocular: float) -> np.ndarray:
    """A band on both sides of the new head's edge, bool (S, S), without the neck: there the truth shows a neck that is
    partly the identity's, which nobody asked the compositor for.

    head: uint8 (S, S), the truth's head matte; labels, of_truth: uint8 (S, S) `Label`, the actor's and the truth's;
    interocular: px.
    """
    kernel = _disc(interocular)
    edge = cv2.morphologyEx((head > 127).astype(np.uint8), cv2.MORPH_GRADIENT, kernel, borderType=cv2.BORDER_REPLICATE)
    neck = np.isin(labels, _NECK) | np.isin(of_truth, _NECK)
    band = (edge > 0) & (cv2.dilate(neck.astype(np.uint8), kernel) == 0)
    box = place_of_label(*head.shape[::-1])
    band[box.y0 : box.y1, box.x0 : box.x1] = False
    return np.asarray(band)


def place_of_label(width: int, height: int) -> Box:
    """Where the label of an output stands."""
    return label_box(width, height, CORNERS[0], "en")


def masks(swapped: np.ndarray, labels: np.ndarray, points: np.ndarray, interocular: float) -> Masks:
    """The masks of one frame.

    swapped: uint8 (S, S) matte of the swapped pixels; labels: uint8 (S, S) `Label`, the actor's; points: float
    (468, >= 2), the actor's landmarks, px; interocular: px.
    """
    height, width = swapped.shape
    box = place_of_label(width, height)
    visible = np.ones(swapped.shape, np.bool_)
    visible[box.y0 : box.y1, box.x0 : box.x1] = False
    face = swapped > 127
    kernel = _disc(interocular)
    # Beyond the picture the face goes on: its frame is no seam.
    edge = cv2.morphologyEx(face.astype(np.uint8), cv2.MORPH_GRADIENT, kernel, borderType=cv2.BORDER_REPLICATE)
    seam = edge > 0
    hull = np.zeros(swapped.shape, np.uint8)
    outline = cv2.convexHull(np.clip(points[:, :2], -1e4, 1e4).astype(np.float32))
    cv2.fillConvexPoly(hull, np.round(outline).astype(np.int32), 1)
    occluder = (labels == Label.OCCLUDER) & (hull > 0) & (swapped == 0)
    return Masks(face & visible, seam & visible, ~(face | seam) & visible, occluder & visible)


def _disc(interocular: float) -> np.ndarray:
    """As wide as the seam's half."""
    reach = max(_LEAST_SEAM, round(SEAM * interocular))
    return cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (2 * reach + 1, 2 * reach + 1))
