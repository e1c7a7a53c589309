"""What is before the face stays before it: hands and things, the performer's hair and glasses."""

from __future__ import annotations

import cv2
import numpy as np

from deepfake_core.compositing.glasses import FilmedGlasses
from deepfake_core.compositing.masks import CHIN
from deepfake_core.compositing.view import DriverView, FaceView, square_element, warped
from deepfake_core.facemesh import topology
from deepfake_core.parsing.classes import Label
from deepfake_core.parsing.parsing import Parsing
from deepfake_core.settings import Glasses
from deepfake_core.swapping import regions
from deepfake_core.swapping.alignment import transform_points

_EYES = (np.array(topology.RIGHT_EYE), np.array(topology.LEFT_EYE))
_LIPS = np.array(topology.LIPS_OUTER)
_OVAL = np.array(topology.FACE_OVAL)
_INNER = 0.94
"""Share of the face's outline that is surely the face."""
_LONG_HAIR = 2.0
"""cm2 of hair below it from which it is long; twice as much surely is."""
_HALF = 127
_STRAND = 1.3
"""cm: how far a strand that falls into the face is followed beyond it."""
_HAND = 6.0
"""cm2: from this size on a blob may hide an eye or the mouth. Lashes, glasses and a tongue are smaller."""
_SPECK, _INSIDE = 1.0, 0.4
"""cm2: what is smaller, or reaches less into the face, is the parser's noise."""
_GAP = 0.5
"""Half the width in cm of a gap that is closed where the parser sees some of a thing in it."""
_HALF_SEEN = 4.0
"""How many times as much it may count there."""
_FIRM = np.clip((np.arange(256) - 140) * 2 + 127, 0, 255).astype(np.uint8)
"""The edge of what stays, by level: it is made half as wide as the parser's, and lies a little further inside."""
_LEAST_GLASSES = 2.0
"""cm2: what is smaller is no pair of glasses."""
_FEATURE_MARGIN = 0.35
"""cm around eyes and lips in which nothing smaller than a hand opens a hole."""


class Front:
    """Finds what stays before one performer's face, steady over time."""

    def __init__(self) -> None:
        self._glasses = FilmedGlasses()
        self._parsed: tuple[dict[str, np.ndarray], bool, np.ndarray | None, np.ndarray | None] | None = None

    def __call__(self, view: FaceView, light: np.ndarray, *, hair: bool, worn: np.ndarray | None = None) -> np.ndarray:
        """How much of the picture as filmed stays before the drawn face: uint8 (h, w) of the box.

        light: float32 (32, 32, 3) over the drawn square, the skin's levels. hair: the performer's own stays, as in face
        mode. worn: uint8 (p, p) over the parser's crop, things that do not stay. Without a parsing nothing is known to
        be before the face, and nothing stays.
        """
        front, _ = self.of_parsing(view, hair=hair, worn=worn)
        shown = np.zeros((view.box.height, view.box.width), np.uint8) if front is None else view.from_parsing(front)
        self.add_glasses(shown, view, light, hair=hair, worn=worn)
        return shown

    def over_square(self, view: DriverView, *, hair: bool) -> np.ndarray | None:
        """The same without glasses, for the drawn square: uint8 (S, S), or None where there is nothing."""
        front, _ = self.of_parsing(view, hair=hair)
        return None if front is None else warped(front, view.parsing_to_drawn, view.drawn.driver_matte.shape[::-1])

    def add_glasses(
        self, shown: np.ndarray, view: FaceView, light: np.ndarray, *, hair: bool, worn: np.ndarray | None = None
    ) -> None:
        """Add the glasses to what stays, uint8 (h, w) of the box, in place, where they are to be kept."""
        _, glasses = self.of_parsing(view, hair=hair, worn=worn)
        if glasses is not None and view.settings.glasses is Glasses.KEEP:
            self._glasses.add(shown, view.from_parsing(glasses), view, light)

    def of_parsing(
        self, view: DriverView, *, hair: bool, worn: np.ndarray | None = None
    ) -> tuple[np.ndarray | None, np.ndarray | None]:
        """What stays but for glasses, and glasses with their lenses: uint8 (P, P) of the parser's crop, or None."""
        parsing = view.parsing
        if parsing is None:
            return None, None
        if self._parsed is None or self._parsed[0] is not parsing.mattes or self._parsed[1] is not hair:
            # Between two runs of the parser's network its crop moves, and with it all that is in it.
            found = before_face(view, parsing, hair=hair, worn=worn)
            self._parsed = parsing.mattes, hair, found if found.any() else None, glasses_of(view, parsing)
        return self._parsed[2:]


def before_face(view: DriverView, parsing: Parsing, *, hair: bool, worn: np.ndarray | None = None) -> np.ndarray:
    """What stays before the face but for glasses: uint8 (P, P) of the parser's crop; hair: the performer's own too;
    worn: uint8 (p, p) over it, what does not."""
    per_centimetre = view.parsing_pixels_per_centimetre
    points = transform_points(cv2.invertAffineTransform(view.parsing_to_drawn), view.drawn.points)[:, :2]
    features = _features(points, parsing.occluder.shape, per_centimetre)
    inner = _inner(points, parsing.occluder.shape)
    # A sleeve before the face is cloth.
    occluder = cv2.max(parsing.occluder, cv2.min(parsing.cloth, inner))
    if worn is not None and worn.any():
        occluder = cv2.subtract(occluder, cv2.resize(worn, occluder.shape[::-1]))
    front = solid(occluder, inner, features, per_centimetre**2)
    if hair:
        # Where the parser hesitates between hair and hat, neither has a whole share.
        both = cv2.erode(cv2.inRange(parsing.labels, int(Label.HAIR), int(Label.HAT)), square_element(2))
        worn = cv2.max(parsing.hair, cv2.blur(both, (5, 5)))
        eyes, chin = (
            round(float(np.clip(points[part, 1].mean(), 0, len(worn)))) for part in (np.concatenate(_EYES), [CHIN])
        )
        long = np.count_nonzero(worn[chin:] > _HALF) / per_centimetre**2 / _LONG_HAIR - 1
        worn = falling(worn, inner, eyes, max(1, round(_STRAND * per_centimetre)), float(np.clip(long, 0, 1)))
        front = cv2.max(front, cv2.bitwise_and(worn, cv2.bitwise_not(features)))
    return front


def glasses_of(view: DriverView, parsing: Parsing) -> np.ndarray | None:
    """Glasses with their lenses: uint8 (P, P) of the parser's crop; None where there are none to speak of."""
    if cv2.sumElems(parsing.glasses)[0] < 255 * _LEAST_GLASSES * view.parsing_pixels_per_centimetre**2:
        return None
    # A frame's soft edge is labelled skin.
    return cv2.max(parsing.glasses, cv2.min(cv2.dilate(parsing.glasses, square_element(1)), parsing.skin))


def solid(occluder: np.ndarray, inner: np.ndarray, features: np.ndarray, per_square_centimetre: float) -> np.ndarray:
    """The parts of a matte that are before the face and no mistake: uint8 (P, P).

    occluder: uint8 (P, P); inner: uint8 (P, P), 255 inside the face; features: uint8 (P, P), 255 over eyes and mouth;
    per_square_centimetre: pixels. Specks go, and what is only beside the face, as headphones are. Over eyes and mouth
    only a blob as large as fingers stays: there a wrong hole shows the performer.
    """
    present = cv2.threshold(occluder, 100, 255, cv2.THRESH_BINARY)[1]
    count, blobs, figures, _ = cv2.connectedComponentsWithStats(present, connectivity=4, ltype=cv2.CV_16U)
    if count == 1:
        return np.zeros_like(occluder)
    inside = np.bincount(blobs[inner > 0], minlength=count) / per_square_centimetre
    areas = figures[:, cv2.CC_STAT_AREA] / per_square_centimetre
    inside[0] = areas[0] = 0
    # Soft rims beyond the threshold belong to the blob beside them.
    sure, large = (
        np.where((inside >= _INSIDE) & (areas >= least), 255, 0).astype(np.uint8)[blobs] for least in (_SPECK, _HAND)
    )
    kept = cv2.bitwise_and(occluder, cv2.dilate(sure, square_element(2)))
    # What the parser half sees between a hand and its finger's tip is finger.
    gap = square_element(max(1, round(_GAP * per_square_centimetre**0.5)))
    kept = cv2.max(
        kept, cv2.min(cv2.morphologyEx(kept, cv2.MORPH_CLOSE, gap), cv2.convertScaleAbs(occluder, alpha=_HALF_SEEN))
    )
    allowed = cv2.max(cv2.bitwise_not(features), cv2.dilate(large, square_element(2)))
    # What the parser is hardly sure of would stay as a veil over a face of another tone.
    return np.asarray(cv2.LUT(cv2.bitwise_and(kept, allowed), _FIRM))


def falling(hair: np.ndarray, inner: np.ndarray, eyes: int, strand: int, long: float = 0.0) -> np.ndarray:
    """Hair that is before the face: uint8 (P, P).

    hair: uint8 (P, P); inner: uint8 (P, P), 255 inside the face; eyes: their row; strand: px; long: 0..1. It is what is
    above the eyes, what falls into the face, and what goes on from there. Beside the jaw short hair is behind it, and
    covered; long hair hangs before it.
    """
    before = cv2.dilate(cv2.min(hair, inner), square_element(strand))
    # Softly, so that no edge runs through the hair beside the eyes.
    rows = np.arange(len(hair))
    above = np.clip(255.0 * (eyes + 2 * strand - rows) / (2 * strand), 0, 255).astype(np.uint8)
    np.maximum(before, np.maximum(above, np.uint8(255 * long))[:, None], out=before)
    return cv2.min(hair, before)


def _features(points: np.ndarray, shape: tuple[int, ...], per_centimetre: float) -> np.ndarray:
    """Eyes and mouth with a margin: uint8 `shape`, 255 there; points: (468, 2) px."""
    mask = np.zeros(shape, np.uint8)
    for part in (*_EYES, _LIPS):
        regions.fill_hull(mask, points[part], cv2.LINE_8)
    return cv2.dilate(mask, square_element(max(1, round(_FEATURE_MARGIN * per_centimetre))))


def _inner(points: np.ndarray, shape: tuple[int, ...]) -> np.ndarray:
    """Surely inside the face: uint8 `shape`, 255 there; points: (468, 2) px."""
    mask = np.zeros(shape, np.uint8)
    oval = cv2.convexHull(points[_OVAL].astype(np.float32))[:, 0]
    middle = oval.mean(0)
    regions.fill_hull(mask, middle + _INNER * (oval - middle), cv2.LINE_8)
    return mask
