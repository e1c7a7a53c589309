"""What is before the face stays before it: hands and things, the performer's hair and glasses."""

from __future__ import annotations

import cv2
import numpy as np

from deepfake_core.compositing.view import FaceView
from deepfake_core.facemesh import topology
from deepfake_core.parsing.classes import Label
from deepfake_core.parsing.parsing import Parsing
from deepfake_core.settings import Glasses
from deepfake_core.swapping.alignment import transform_points

_EYES = (np.array(topology.RIGHT_EYE), np.array(topology.LEFT_EYE))
_LIPS = np.array(topology.LIPS_OUTER)
_HAND = 6.0
"""cm2: from this size on a blob may hide an eye or the mouth. Lashes, glasses and a tongue are smaller."""
_SPECK = 0.4
"""cm2: what is smaller is the parser's noise."""
_FEATURE_MARGIN = 0.35
"""cm around eyes and lips in which nothing smaller than a hand opens a hole."""
_RIM = 0.45
"""cm: how far inside the outline of glasses their frame can lie."""
_DARK = 0.45
"""Brightness through a lens, as a share of the skin's: below it the glasses are dark and stay whole."""
_STEADY_SECONDS = 0.5
_SUBPIXEL = 4


class Front:
    """Finds what stays before one performer's face, steady over time."""

    def __init__(self) -> None:
        self._dark = 0.0
        self._seconds = float("-inf")

    def __call__(self, view: FaceView, light: np.ndarray, *, hair: bool) -> np.ndarray:
        """How much of the picture as filmed stays before the drawn face: uint8 (h, w) of the box.

        light: float32 (32, 32, 3) over the drawn square, the skin's levels. hair: the performer's own stays (face mode).
        Without a parsing nothing is known to be before the face, and nothing stays.
        """
        parsing = view.parsing
        if parsing is None:
            return np.zeros(view.region.shape[:2], np.uint8)
        features = _features(view, parsing)
        front = solid(parsing.occluder, features, view.parsing_pixels_per_centimetre**2)
        if hair:
            hat = cv2.inRange(parsing.labels, int(Label.HAT), int(Label.HAT))
            worn = cv2.max(parsing.hair, cv2.blur(hat, (3, 3)))
            front = cv2.max(front, cv2.bitwise_and(worn, cv2.bitwise_not(features)))
        if view.settings.glasses is Glasses.TAKE:
            return view.from_parsing(front)
        shown = view.from_parsing(front)
        if cv2.countNonZero(parsing.glasses) > _SPECK * view.parsing_pixels_per_centimetre**2:
            shown = cv2.max(shown, self._glasses(view, parsing, light))
        return shown

    def _glasses(self, view: FaceView, parsing: Parsing, light: np.ndarray) -> np.ndarray:
        """Frames and reflections, by their contrast to the skin; dark glasses whole: uint8 (h, w)."""
        glasses = view.from_parsing(parsing.glasses)
        skin = view.from_drawn(light, repeat=True)
        ratio = cv2.divide(view.region, np.maximum(skin, 1.0), dtype=cv2.CV_32F)
        ratio = np.asarray(cv2.transform(ratio, np.array([[0.114, 0.587, 0.299]], np.float32)), np.float32)
        reach = max(1, round(_RIM * view.pixels_per_centimetre))
        kernel = cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (2 * reach + 1, 2 * reach + 1))
        lenses = cv2.erode(glasses, kernel, borderType=cv2.BORDER_CONSTANT, borderValue=0)
        self._watch_lenses(view, ratio, lenses)
        eyes = np.zeros(glasses.shape, np.uint8)
        for eye in _EYES:
            cv2.fillConvexPoly(eyes, _polygon(cv2.convexHull(view.points[eye, :2].astype(np.float32))[:, 0]), 255, cv2.LINE_8, _SUBPIXEL)
        eyes = cv2.dilate(eyes, kernel)
        # A frame is much darker, or much brighter, than the skin behind it.
        contrast = np.abs(cv2.log(np.maximum(ratio, np.float32(0.02))))
        frame = np.clip((contrast - np.float32(0.12)) * np.float32(1.0 / 0.25), 0, 1)
        rim = cv2.subtract(glasses, cv2.max(lenses, eyes))
        shown = frame * rim.astype(np.float32)
        # Reflections on the lenses; over the eyes themselves the white of the eye would pass for one.
        glints = cv2.subtract(lenses, eyes).astype(np.float32)
        shown = np.maximum(shown, np.clip((ratio - np.float32(1.35)) * np.float32(2.5), 0, 1) * glints)
        shown += np.float32(self._dark) * (glasses - shown)
        return shown.astype(np.uint8)

    def _watch_lenses(self, view: FaceView, ratio: np.ndarray, lenses: np.ndarray) -> None:
        """How surely the lenses are dark, 0..1, followed slowly: it must not flip from frame to frame."""
        inside = ratio[lenses > 127]
        if len(inside) < 16:
            return
        target = float(np.clip((_DARK - np.median(inside)) / 0.1 + 0.5, 0, 1))
        since, self._seconds = view.seconds - self._seconds, view.seconds
        share = 1.0 - np.exp(-since / _STEADY_SECONDS) if since >= 0 else 1.0
        self._dark += share * (target - self._dark)


def solid(occluder: np.ndarray, features: np.ndarray, per_square_centimetre: float) -> np.ndarray:
    """The parts of a matte that are no mistake: uint8 (P, P).

    occluder: uint8 (P, P); features: uint8 (P, P), 255 over eyes and mouth; per_square_centimetre: pixels. Specks go.
    Over eyes and mouth only a blob as large as fingers stays: there a wrong hole shows the performer.
    """
    present = cv2.threshold(occluder, 100, 255, cv2.THRESH_BINARY)[1]
    count, blobs, figures, _ = cv2.connectedComponentsWithStats(present, connectivity=4, ltype=cv2.CV_16U)
    if count == 1:
        return np.zeros_like(occluder)
    areas = figures[:, cv2.CC_STAT_AREA] / per_square_centimetre
    areas[0] = 0
    # Soft rims beyond the threshold belong to the blob beside them.
    sure = np.where(areas >= _SPECK, 255, 0).astype(np.uint8)[blobs]
    large = np.where(areas >= _HAND, 255, 0).astype(np.uint8)[blobs]
    kernel = np.ones((5, 5), np.uint8)
    kept = cv2.bitwise_and(occluder, cv2.dilate(sure, kernel))
    allowed = cv2.max(cv2.bitwise_not(features), cv2.dilate(large, kernel))
    return cv2.bitwise_and(kept, allowed)


def _features(view: FaceView, parsing: Parsing) -> np.ndarray:
    """Eyes and mouth with a margin in the parser's crop: uint8 (P, P), 255 there."""
    side = parsing.occluder.shape[0]
    points = transform_points(cv2.invertAffineTransform(view.parsing_to_drawn), view.drawn.points)[:, :2]
    mask = np.zeros((side, side), np.uint8)
    for part in (*_EYES, _LIPS):
        hull = cv2.convexHull(points[part].astype(np.float32))[:, 0]
        cv2.fillConvexPoly(mask, _polygon(hull), 255, cv2.LINE_8, _SUBPIXEL)
    reach = max(1, round(_FEATURE_MARGIN * view.parsing_pixels_per_centimetre))
    return cv2.dilate(mask, cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (2 * reach + 1, 2 * reach + 1)))


def _polygon(points: np.ndarray) -> np.ndarray:
    limit = 2.0**14
    return np.round(np.clip(points, -limit, limit) * 2**_SUBPIXEL).astype(np.int32)
