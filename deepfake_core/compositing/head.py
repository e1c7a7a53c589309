"""Head mode: the performer's head goes, the identity's with its hair and ears comes, neck and clothes stay.

From back to front: the background where the old head was (seen before, or invented), the body that the old head hid,
the neck in the new head's tone, the new head, and whatever the performer holds before it.
"""

from __future__ import annotations

import cv2
import numpy as np

from deepfake_core.compositing import colour, seam
from deepfake_core.compositing.background import Background
from deepfake_core.compositing.grain import Grain, with_noise
from deepfake_core.compositing.inpainting import spread
from deepfake_core.compositing.occlusion import Front
from deepfake_core.compositing.plate import Seen
from deepfake_core.compositing.removal import SIZE, Removal, removal
from deepfake_core.compositing.view import (
    ComposedFace,
    FaceView,
    Layer,
    after,
    inverse,
    resized,
    resized_target,
    warped,
)
from deepfake_core.frame import Box, Frame
from deepfake_core.parsing.parsing import Parsing
from deepfake_core.settings import Settings
from deepfake_core.swapping.alignment import transform_points

_BEYOND = 0.15
"""Part of the parser's crop by which the box is larger where hair leaves the crop."""
_FADE = 4.0
"""cm from the box's rim over which the removal of such hair fades out."""
_CUT_OFF = 127
"""Level of the head's matte at the crop's edge at which it does."""
_JAW = np.array([50, 280, 172, 397, 136, 365, 176, 400, 152])
"""Landmarks on cheeks, jaw and chin."""
_LEAST_SKIN = 50
"""Pixels of the new face's lower half: fewer tell nothing of its tone."""
_MOST_TONE = 4.0
_TONE_SETTLING = 0.3
"""s."""
_SAME_TONE = 0.01
"""Relative difference of two tones that nobody sees."""
_BODY_SIZE = 64
"""Side of the picture in the parser's crop that the hidden body is coloured from, px."""
_WHOLE = 250
"""Level from which one of its pixels shows nothing else."""
_AT_SIZES = np.array([1.0, 0.62])
"""A camera's noise at full size and at half, against that at full size."""
_SQUARE = np.ones((3, 3), np.uint8)


class HeadMode:
    """Replaces one performer's head; what it learns of background, light and noise stays with it."""

    def __init__(self) -> None:
        self._light = colour.DriverLight()
        self._front = Front()
        self._grain = Grain()
        self._background = Background()
        self._masks: tuple[object, Removal] | None = None
        self._frame_size = (0, 0)
        self._tone = np.ones(3)
        self._tone_seconds = float("-inf")

    def view(self, frame: Frame, face: ComposedFace, settings: Settings) -> FaceView:
        """Everything that is read from the frame: the parser's crop and what the new head covers.

        Raises ValueError where the head has no place or covers nothing.
        """
        assert face.parsing is not None  # the compositor falls back to face mode without one
        head = face.parsing.head
        # Hair beyond the parser's crop goes on there for a while.
        leaves = max(head[[0, -1]].max(), head[:, [0, -1]].max()) > _CUT_OFF
        low, high = np.array([0.0, head.shape[0]]) + (np.array([-1.0, 1.0]) * head.shape[0] * _BEYOND if leaves else 0)
        matrix = after(inverse(face.drawn.crop_to_frame), face.parsing.crop_to_frame)
        parsed = _corners(low, low, high, high) @ matrix[:, :2].T + matrix[:, 2]
        x, y, width, height = cv2.boundingRect(face.drawn.head_matte)
        if not width:
            raise ValueError("The drawn head covers nothing: its matte is empty.")
        self._frame_size = frame.width, frame.height
        return FaceView(frame, face, settings, np.vstack([parsed, _corners(x, y, x + width, y + height)]))

    def layers(self, view: FaceView) -> list[Layer]:
        """The new head and all that changes around it, as one layer."""
        light = self._light(view)
        masks = self._removal(view)
        laid = cv2.merge([masks.removed, cv2.max(masks.neck, masks.clothes), masks.background, masks.toned])
        to_box = _shifted(resized(_parsing(view).crop_to_frame, _parsing(view).labels.shape[0] / SIZE), view.box)
        # Hair goes on beyond the crop, so its edge is repeated.
        removed, body, background, toned = cv2.split(_warped(laid, to_box, view.box, cv2.BORDER_REPLICATE))
        drawn = [view.drawn.head_matte, view.drawn.face_matte, seam.driver_face(view)]
        head, face, driver = cv2.split(_warped(cv2.merge(drawn), view.drawn_to_box, view.box, cv2.BORDER_CONSTANT))
        # Whatever the parser says, nothing of the performer's face is left.
        removed = cv2.max(self._faded(view, removed), driver)

        seen = self._background.watch(self._frame_size, view.box, view.region, background)
        picture = view.region.copy()
        self._remove(view, picture, seen, masks, (removed, body))
        new = self._grain(view, self._lit(view, light), face, self._background.plate.noise)
        touched = cv2.max(removed, _tone_neck(picture, toned, self._follow_tone(view, light, new, face)))
        part = _bounds(head)
        picture[part] = seam.mix(picture[part], new[part], head[part])
        touched = cv2.threshold(cv2.max(touched, head), 0, 255, cv2.THRESH_BINARY)[1]
        front = self._front(view, light, hair=False)
        if masks.worn.any():
            worn = _warped(cv2.dilate(masks.worn, _SQUARE), to_box, view.box, cv2.BORDER_CONSTANT)
            front = cv2.min(front, cv2.bitwise_not(worn))
        matte = cv2.min(touched, cv2.bitwise_not(front))
        return [Layer(view.box, picture, matte, view.region)]

    def _faded(self, view: FaceView, removed: np.ndarray) -> np.ndarray:
        """The removal, uint8 (h, w), fading out towards the rim of the box: long hair that goes on is cut nowhere."""
        (height, width), box = removed.shape, view.box
        # Where the frame ends nothing goes on; upwards the head ends soon, and its edge is repeated instead.
        rims = (
            box.x0 > 0 and removed[:, 0].any(),
            box.x1 < self._frame_size[0] and removed[:, -1].any(),
            False,
            box.y1 < self._frame_size[1] and removed[-1].any(),
        )
        if not any(rims):
            return removed
        reach = max(2.0, _FADE * view.pixels_per_centimetre)
        shares = []
        for size, (low, high) in ((width, rims[:2]), (height, rims[2:])):
            place, far = np.arange(size, dtype=np.float32), np.full(size, reach, np.float32)
            distance = np.minimum(place if low else far, place[::-1] if high else far)
            shares.append(np.minimum(distance * np.float32(255.0 / reach), 255.0).astype(np.uint8))
        rim = cv2.min(np.tile(shares[0], (height, 1)), np.tile(shares[1][:, None], (1, width)))
        return cv2.multiply(removed, rim, scale=1 / 255)

    def _removal(self, view: FaceView) -> Removal:
        """The masks of the parsing, worked out once for each run of the parser's network."""
        parsing = _parsing(view)
        if self._masks is None or self._masks[0] is not parsing.mattes:
            points = transform_points(inverse(view.parsing_to_drawn), view.drawn.points)
            self._masks = parsing.mattes, removal(parsing, points, view.parsing_pixels_per_centimetre)
        return self._masks[1]

    def _remove(
        self, view: FaceView, picture: np.ndarray, seen: Seen, masks: Removal, laid: tuple[np.ndarray, np.ndarray]
    ) -> None:
        """Put background and body where the head was, in place.

        picture: uint8 (h, w, 3) of the box; laid: what is removed, and where the body is, uint8 (h, w) each.
        """
        removed, body = laid
        part = _bounds(removed)
        box = _within(view.box, part)
        if not box.width:
            return
        fill, _ = self._background.read(box)
        hidden = cv2.min(body[part], removed[part])
        inner = _bounds(hidden)
        if hidden[inner].size:
            place = _within(box, inner)
            fill[inner] = seam.mixed(
                fill[inner], self._body(view, seen, masks, place), cv2.merge([body[part][inner]] * 3)
            )
        fill = with_noise(fill, self._background.plate.noise * _AT_SIZES, round(view.seconds * 1000))
        picture[part] = seam.mixed(picture[part], fill, cv2.merge([removed[part]] * 3))

    def _body(self, view: FaceView, seen: Seen, masks: Removal, box: Box) -> np.ndarray:
        """Neck and clothes as they may go on behind the head: uint8 (h, w, 3) of a box of the frame."""
        parsing = _parsing(view)
        size = (_BODY_SIZE, _BODY_SIZE)
        to_frame = resized(parsing.crop_to_frame, parsing.labels.shape[0] / _BODY_SIZE)
        to_cells = resized_target(_shifted(to_frame, seen.place), 1 / self._background.plate.cell)
        filmed = warped(seen.filmed, inverse(to_cells), size, repeat=True)
        gone = cv2.resize(masks.removed, size, interpolation=cv2.INTER_AREA)
        left = cv2.erode(cv2.threshold(gone, 0, 255, cv2.THRESH_BINARY_INV)[1], _SQUARE)
        colours = spread(filmed, left)
        # On the neck the removal fades out over pixels that show nothing but neck.
        left = cv2.threshold(gone, _WHOLE, 255, cv2.THRESH_BINARY_INV)[1]
        for visible, whole in ((parsing.cloth, masks.clothes), (parsing.neck, masks.neck)):
            source = cv2.min(cv2.resize(visible, size, interpolation=cv2.INTER_AREA), left)
            pure = cv2.erode(cv2.threshold(source, _WHOLE, 255, cv2.THRESH_BINARY)[1], _SQUARE)
            source = pure if pure.any() else cv2.threshold(source, 127, 255, cv2.THRESH_BINARY)[1]
            if source.any():
                share = cv2.resize(whole, size, interpolation=cv2.INTER_AREA)
                colours = seam.mixed(colours, spread(filmed, source), cv2.merge([share] * 3))
        return _warped(colours, _shifted(to_frame, box), box, cv2.BORDER_REPLICATE)

    def _lit(self, view: FaceView, light: np.ndarray) -> np.ndarray:
        """The head under the driver's light: uint8 (h, w, 3) of the box."""
        return colour.lit(view, light, None, view.drawn.head_matte)

    def _follow_tone(self, view: FaceView, light: np.ndarray, new: np.ndarray, face: np.ndarray) -> np.ndarray:
        """The new head's skin against the driver's, as it is shown: (3,) factors on BGR levels, followed slowly.

        new: uint8 (h, w, 3), the lit head; face: uint8 (h, w), its inner face.
        """
        x, y, width, height = cv2.boundingRect(face)
        low = slice(y + height // 2, y + height), slice(x, x + width)  # what is next to the neck
        mask = cv2.threshold(face[low], _WHOLE, 255, cv2.THRESH_BINARY)[1] if width else face[low]
        if width and cv2.countNonZero(mask) >= _LEAST_SKIN:
            size = view.drawn.reflectance.shape[0]
            place = np.clip(view.drawn.points[_JAW, :2] * (len(light) / size), 0, len(light) - 1).astype(int)
            driver = light[place[:, 1], place[:, 0]].mean(0)
            measured = np.clip(np.array(cv2.mean(new[low], mask)[:3]) / driver, 1 / _MOST_TONE, _MOST_TONE)
            since, self._tone_seconds = view.seconds - self._tone_seconds, view.seconds
            share = 1.0 - np.exp(-since / _TONE_SETTLING) if 0 <= since <= 1.0 else 1.0
            self._tone += share * (measured - self._tone)
        return self._tone


def _tone_neck(picture: np.ndarray, toned: np.ndarray, tone: np.ndarray) -> np.ndarray:
    """Give the neck of a picture uint8 (h, w, 3) another tone, in place; returns where it changed, uint8 (h, w).

    toned: uint8 (h, w), how much; tone: (3,) factors on BGR levels.
    """
    if np.abs(tone - 1.0).max() < _SAME_TONE:
        return np.zeros_like(toned)
    part = _bounds(toned)
    if toned[part].size:
        table = np.clip(np.arange(256.0)[None, :, None] * tone, 0, 255).astype(np.uint8)
        picture[part] = seam.mixed(picture[part], cv2.LUT(picture[part], table), cv2.merge([toned[part]] * 3))
    return toned


def _warped(picture: np.ndarray, matrix: np.ndarray, box: Box, border: int) -> np.ndarray:
    """Masks need no better than a bilinear warp, which is many times faster than a cubic one."""
    return cv2.warpAffine(picture, matrix, (box.width, box.height), flags=cv2.INTER_LINEAR, borderMode=border)


def _bounds(mask: np.ndarray) -> tuple[slice, slice]:
    """Rows and columns around all of a mask that is not 0."""
    x, y, width, height = cv2.boundingRect(mask)
    return slice(y, y + height), slice(x, x + width)


def _within(box: Box, part: tuple[slice, slice]) -> Box:
    rows, columns = part
    return Box(box.x0 + columns.start, box.y0 + rows.start, box.x0 + columns.stop, box.y0 + rows.stop)


def _corners(x0: float, y0: float, x1: float, y1: float) -> np.ndarray:
    return np.array([[x0, y0], [x1, y0], [x0, y1], [x1, y1]], np.float64)


def _parsing(view: FaceView) -> Parsing:
    assert view.parsing is not None  # the compositor falls back to face mode without one
    return view.parsing


def _shifted(to_frame: np.ndarray, box: Box) -> np.ndarray:
    """A transform (2, 3) into the frame as one into a box of it."""
    matrix = to_frame.copy()
    matrix[:, 2] -= box.x0, box.y0
    return matrix
