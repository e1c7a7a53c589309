"""One face of one frame as the compositor sees it: what was filmed, what was drawn, and the ways between them."""

from __future__ import annotations

from collections.abc import Sequence
from copy import copy
from dataclasses import dataclass
from functools import cached_property

import cv2
import numpy as np

from deepfake_core.frame import Box, Frame
from deepfake_core.parsing.classes import Label
from deepfake_core.parsing.parsing import Parsing
from deepfake_core.settings import Settings
from deepfake_core.swapping.alignment import CROP_CENTIMETRES, transform_points
from deepfake_core.swapping.swapper import DrawnHead, DriverSquare

_REDUCE_BELOW = 0.5
"""Below this many pixels of the target per pixel of the source a warp skips pixels, which flickers."""
_FINER = 1.33
"""The source is then averaged, but not down to less than this per pixel of the target: that would blur the seam."""
_FEATURES = np.zeros(256, np.uint8)
"""255 for the labels of brows, eyes and mouth."""
_FEATURES[[Label.L_BROW, Label.R_BROW, Label.L_EYE, Label.R_EYE, Label.MOUTH, Label.UPPER_LIP, Label.LOWER_LIP]] = 255
SMALL = 64
"""Side of the pictures in which light is measured."""

_ASTRAY = 2.0
"""cm2 of the performer's features beside what is covered: an eye with its brow is larger. On faces that are followed it
stays below 0.2, so a face is lost, not noise seen."""


class FaceAstray(ValueError):
    """The landmarks lie beside the face: what is drawn there would not cover it."""


@dataclass(frozen=True)
class SeenFace:
    """A face that is going to be replaced."""

    drawn: DriverSquare
    """Where."""
    parsing: Parsing | None
    """None: nothing is known but the landmarks; then nothing stands before the face."""
    track_id: int


@dataclass(frozen=True)
class ComposedFace(SeenFace):
    """A face to be laid into a frame."""

    drawn: DrawnHead


@dataclass(frozen=True)
class Layer:
    """A part of the picture to be laid over what is there."""

    box: Box
    """Of the frame."""
    bgr: np.ndarray
    """uint8 (h, w, 3)."""
    matte: np.ndarray
    """uint8 (h, w): 255 replaces the picture."""
    below: np.ndarray | None = None
    """uint8 (h, w, 3): what is there, where that is known."""


class DriverView:
    """A face in its surroundings, as far as nothing of what is drawn over it is needed; pixels are read from the frame
    when they are asked for, and kept: ask before anything is written."""

    drawn: DriverSquare

    def __init__(self, frame: Frame, face: SeenFace, settings: Settings) -> None:
        """Raises ValueError where the drawn square has no place in a picture."""
        check_place(face.drawn)
        self.drawn = face.drawn
        self.parsing = face.parsing
        self.track_id = face.track_id
        self.settings = settings
        self.seconds = frame.timestamp_ns / 1e9
        self.frame = frame

    @cached_property
    def centimetres(self) -> float:
        """Side of the drawn square on the canonical head."""
        return CROP_CENTIMETRES * self._side / self.drawn.face_square[2]

    @property
    def pixels_per_centimetre(self) -> float:
        """Of the frame, on the driver's head."""
        return self.drawn.pose.scale

    @cached_property
    def parsing_pixels_per_centimetre(self) -> float:
        """Of the parser's crop, on the driver's head; only with `parsing`."""
        assert self.parsing is not None
        return self.drawn.pose.scale / _scale(self.parsing.crop_to_frame)

    @cached_property
    def parsing_to_drawn(self) -> np.ndarray:
        """float64 (2, 3): px of the parser's crop -> px of the drawn square; only with `parsing`."""
        assert self.parsing is not None
        return after(inverse(self.drawn.crop_to_frame), self.parsing.crop_to_frame)

    @cached_property
    def filmed_small(self) -> np.ndarray:
        """uint8 (64, 64, 3): what was filmed, over the drawn square; edges repeat beyond the frame."""
        return self.frame.square(resized_target(inverse(self.drawn.crop_to_frame), SMALL / self._side), SMALL)

    @cached_property
    def parsed_small(self) -> Sequence[np.ndarray]:
        """Bare skin, head, what is before it, and brows, eyes and mouth: uint8 (128, 128) each, over the drawn square;
        only with `parsing`."""
        assert self.parsing is not None
        features = cv2.LUT(self.parsing.labels, _FEATURES)
        parsed = cv2.merge([self.parsing.skin, self.parsing.head, self.parsing.occluder, features])
        size = 2 * SMALL
        matrix = resized_target(self.parsing_to_drawn, size / self._side)
        return cv2.split(warped(parsed, matrix, (size, size)))

    @cached_property
    def skin_small(self) -> np.ndarray:
        """uint8 (64, 64): what the parser calls bare skin, over the drawn square; only with `parsing`."""
        return cv2.resize(self.parsed_small[0], (SMALL, SMALL), interpolation=cv2.INTER_AREA)

    @cached_property
    def astray(self) -> bool:
        """Whether the landmarks are not on the face: the parser sees much of brows, eyes or mouth elsewhere."""
        if self.parsing is None:
            return False
        parsed = cv2.LUT(self.parsing.labels, _FEATURES)
        covered = warped(self.drawn.driver_matte, inverse(self.parsing_to_drawn), parsed.shape[::-1])
        beside = cv2.subtract(parsed, cv2.threshold(covered, 127, 255, cv2.THRESH_BINARY)[1])
        return cv2.countNonZero(beside) > _ASTRAY * self.parsing_pixels_per_centimetre**2

    @property
    def _side(self) -> int:
        return len(self.drawn.driver_matte)


class FaceView(DriverView):
    """The same with what is drawn, and the box of the frame that it is laid into."""

    drawn: DrawnHead

    def __init__(self, driver: DriverView, drawn: DrawnHead, box: Box) -> None:
        vars(self).update(vars(driver))  # with all that was looked at already
        self.drawn = drawn
        self.box = box

    def within(self, box: Box) -> FaceView:
        """The same face in a part of its box, another box of the frame; what is measured stays that of all of it."""
        part = copy(self)
        for name in ("drawn_to_box", "points", "region"):
            part.__dict__.pop(name, None)
        part.box = box
        if "region" in self.__dict__:
            top, left = box.y0 - self.box.y0, box.x0 - self.box.x0
            part.region = np.ascontiguousarray(self.region[top : top + box.height, left : left + box.width])
        return part

    @property
    def empty(self) -> bool:
        """Whether the face lies beyond the picture."""
        return not self.box.width or not self.box.height

    @cached_property
    def region(self) -> np.ndarray:
        """uint8 (h, w, 3): what was filmed."""
        return np.zeros((0, 0, 3), np.uint8) if self.empty else self.frame.region(self.box)

    @cached_property
    def drawn_to_box(self) -> np.ndarray:
        """float64 (2, 3): px of the drawn square -> px of the box."""
        return self._in_box(self.drawn.crop_to_frame)

    @cached_property
    def scale(self) -> float:
        """Pixels of the frame per pixel of the drawn square."""
        return _scale(self.drawn_to_box)

    @cached_property
    def points(self) -> np.ndarray:
        """float64 (468, 3): the driver's landmarks, px of the box."""
        return transform_points(self.drawn_to_box, self.drawn.points)

    def from_drawn(self, picture: np.ndarray, *, repeat: bool = False, matrix: np.ndarray | None = None) -> np.ndarray:
        """A picture (s, s[, C]) of the drawn square, at whatever resolution, laid into the box: (h, w[, C]).

        Beyond the square it is 0, or its edge repeated. matrix: another way from the square into the box, at the
        square's own resolution.
        """
        own = resized(self.drawn_to_box if matrix is None else matrix, self._side / picture.shape[0])
        return warped(picture, own, (self.box.width, self.box.height), repeat=repeat)

    def from_parsing(self, picture: np.ndarray, *, repeat: bool = False) -> np.ndarray:
        """A picture (P, P) of the parser's crop, laid into the box; beyond the crop it is 0, or its edge repeated."""
        assert self.parsing is not None
        size = self.box.width, self.box.height
        return warped(picture, self._in_box(self.parsing.crop_to_frame), size, repeat=repeat)

    def _in_box(self, to_frame: np.ndarray) -> np.ndarray:
        return shifted(to_frame, self.box)


def check_place(drawn: DriverSquare) -> None:
    """Raises ValueError where a drawn face has no place in a picture."""
    if not np.isfinite(drawn.crop_to_frame).all() or not np.isfinite(drawn.points).all():
        raise ValueError("The drawn face covers nothing: its place is not a number.")


def warped(picture: np.ndarray, matrix: np.ndarray, size: tuple[int, int], *, repeat: bool = False) -> np.ndarray:
    """A picture (h, w[, C]) moved by (2, 3) `matrix` into (width, height) px; averaged down first where it is finer.

    Beyond the picture it is 0, or its edge repeated.
    """
    factor = _scale(matrix)
    style = cv2.INTER_LINEAR
    if factor < _REDUCE_BELOW:
        # Halving is OpenCV's fast case.
        while factor * 2 * _FINER <= 1 and min(picture.shape[:2]) > 1:
            height, width = picture.shape[0] // 2, picture.shape[1] // 2
            picture = cv2.resize(picture[: 2 * height, : 2 * width], (width, height), interpolation=cv2.INTER_AREA)
            matrix = after(matrix, _stretch(2, 2))
            factor *= 2
    elif factor < 1:
        style = cv2.INTER_CUBIC
    elif picture.ndim == 3 and picture.shape[2] >= 3:  # colours; mattes are soft
        # As sharp as a cubic warp at a third of its price.
        height, width = picture.shape[:2]
        picture = cv2.resize(picture, (2 * width, 2 * height), interpolation=cv2.INTER_CUBIC)
        matrix = after(matrix, _stretch(0.5, 0.5))
    border = cv2.BORDER_REPLICATE if repeat else cv2.BORDER_CONSTANT
    if picture.ndim == 3 and picture.shape[2] == 3:
        # Four channels are warped in less than half the time of three.
        four = cv2.warpAffine(cv2.cvtColor(picture, cv2.COLOR_BGR2BGRA), matrix, size, flags=style, borderMode=border)
        return cv2.cvtColor(four, cv2.COLOR_BGRA2BGR)
    return cv2.warpAffine(picture, matrix, size, flags=style, borderMode=border)


def resized(matrix: np.ndarray, step: float) -> np.ndarray:
    """`matrix` for a source whose pixels are `step` times as wide."""
    return after(matrix, _stretch(step, step))


def resized_target(matrix: np.ndarray, factor: float) -> np.ndarray:
    """`matrix` into a target with `factor` times as many pixels a side."""
    return after(_stretch(factor, factor), matrix)


def shifted(to_frame: np.ndarray, box: Box) -> np.ndarray:
    """A transform (2, 3) into the frame as one into a box of it."""
    matrix = to_frame.copy()
    matrix[:, 2] -= box.x0, box.y0
    return matrix


def corners(x0: float, y0: float, x1: float, y1: float) -> np.ndarray:
    """Of a rectangle: float64 (4, 2)."""
    return np.array([[x0, y0], [x1, y0], [x0, y1], [x1, y1]], np.float64)


def after(second: np.ndarray, first: np.ndarray) -> np.ndarray:
    """The affine transform (2, 3) that does `first`, then `second`."""
    both = second[:, :2] @ first
    both[:, 2] += second[:, 2]
    return np.asarray(both)


def inverse(matrix: np.ndarray) -> np.ndarray:
    """The affine transform (2, 3) backwards."""
    return cv2.invertAffineTransform(matrix)


def square_element(radius: int) -> np.ndarray:
    """A square to dilate or erode by: uint8 (2 radius + 1, 2 radius + 1) of ones."""
    return np.ones((2 * radius + 1, 2 * radius + 1), np.uint8)


def _stretch(x: float, y: float) -> np.ndarray:
    # Centre of pixel i of one picture in the other: (i + 0.5) * step - 0.5.
    return np.array([[x, 0, (x - 1) / 2], [0, y, (y - 1) / 2]])


def _scale(matrix: np.ndarray) -> float:
    return abs(float(matrix[0, 0] * matrix[1, 1] - matrix[0, 1] * matrix[1, 0])) ** 0.5


def box_around(points: np.ndarray, to_frame: np.ndarray) -> Box:
    """The whole pixels around points (N, 2) that `to_frame` (2, 3) moves, and one more on each side."""
    placed = points @ to_frame[:, :2].T + to_frame[:, 2]
    # What lies far outside only has to stay outside.
    low = np.clip(np.floor(placed.min(0)) - 1, -1e6, 1e6).astype(int)
    high = np.clip(np.ceil(placed.max(0)) + 2, -1e6, 1e6).astype(int)
    return Box(int(low[0]), int(low[1]), int(high[0]), int(high[1]))
