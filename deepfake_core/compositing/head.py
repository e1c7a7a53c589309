"""Head mode: the performer's head goes, the identity's with its hair and ears comes, neck and clothes stay.

From back to front: the background where the old head was (seen before, or invented), the body that the old head hid,
the neck in the new head's tone, the new head, and whatever the performer holds before it.
"""

from __future__ import annotations

import cv2
import numpy as np

from deepfake_core.compositing import colour, seam
from deepfake_core.compositing.grain import Grain, with_noise
from deepfake_core.compositing.inpainting import Inpainting, spread
from deepfake_core.compositing.occlusion import Front
from deepfake_core.compositing.plate import Plate, Seen
from deepfake_core.compositing.removal import Removal, removal
from deepfake_core.compositing.view import ComposedFace, FaceView, Layer, after, inverse, resized_target, warped
from deepfake_core.frame import Box, Frame
from deepfake_core.settings import Settings
from deepfake_core.swapping.alignment import transform_points
from deepfake_core.swapping.light import LIGHT_SIZE, enlarge

_SAME_TONE = 0.01
"""Relative difference of two tones that nobody sees."""
_BEYOND = 0.15
"""Part of the parser's crop by which the box is larger where hair leaves the crop."""
_CUT_OFF = 127
"""Level of the head's matte at the crop's edge at which it does."""
_WHOLE = 250
"""Level from which a cell is all body."""
_AT_SIZES = np.array([1.0, 0.62])
"""A camera's noise at full size and at half, against that at full size."""
_TONE_SIZE = 64
_SQUARE = np.ones((3, 3), np.uint8)


class HeadMode:
    """Replaces one performer's head; what it learns of background, light and noise stays with it."""

    def __init__(self) -> None:
        self._light = colour.DriverLight()
        self._front = Front()
        self._grain = Grain()
        self._plate = Plate()
        self._inpainting = Inpainting()

    def view(self, frame: Frame, face: ComposedFace, settings: Settings) -> FaceView:
        """Everything that is read from the frame: the parser's crop and what the new head covers.

        Raises ValueError where the head has no place.
        """
        assert face.parsing is not None
        x, y, width, height = cv2.boundingRect(face.drawn.head_matte)
        drawn = np.array([[x, y], [x + width, y], [x, y + height], [x + width, y + height]], np.float64)
        head = face.parsing.head
        side = head.shape[0]
        # Hair beyond the parser's crop goes on there for a while.
        beyond = side * _BEYOND if max(head[0].max(), head[:, 0].max(), head[:, -1].max()) > _CUT_OFF else 0.0
        low, high = -beyond, side + beyond
        corners = np.array([[low, low], [high, low], [low, high], [high, high]])
        matrix = after(inverse(face.drawn.crop_to_frame), face.parsing.crop_to_frame)
        parsed = corners @ matrix[:, :2].T + matrix[:, 2]
        self._frame_size = frame.width, frame.height
        return FaceView(frame, face, settings, np.vstack([drawn, parsed]))

    def layers(self, view: FaceView) -> list[Layer]:
        """The new head and all that changes around it, as one layer."""
        assert view.parsing is not None
        light = self._light(view)
        lit = self._lit(view, light)
        masks = self._masks(view)
        removed = view.from_parsing(masks.removed, repeat=True)
        picture = self._without_head(view, masks, removed)
        neck = self._tone_neck(view, masks, picture, _tone(view, lit, light))
        head = view.from_drawn(view.drawn.head_matte)
        skin = view.from_drawn(view.drawn.face_matte)
        picture = seam.mix(picture, self._grain(view, view.from_drawn(lit, repeat=True), skin), head)
        touched = cv2.threshold(cv2.max(cv2.max(removed, head), neck), 0, 255, cv2.THRESH_BINARY)[1]
        front = self._front(view, light, hair=False)
        return [Layer(view.box, picture, cv2.multiply(touched, cv2.bitwise_not(front), scale=1 / 255))]

    def _masks(self, view: FaceView) -> Removal:
        parsing = view.parsing
        assert parsing is not None
        to_parsing = inverse(view.parsing_to_drawn)
        side = parsing.labels.shape[0]
        driver = warped(view.drawn.driver_matte, to_parsing, (side, side))
        points = transform_points(to_parsing, view.drawn.points)
        return removal(parsing, driver, points, view.parsing_pixels_per_centimetre)

    def _without_head(self, view: FaceView, masks: Removal, removed: np.ndarray) -> np.ndarray:
        """The picture of the box with background and body where the head was: uint8 (h, w, 3)."""
        assert view.parsing is not None
        plate, box = self._plate, view.box
        seen = plate.watch(self._frame_size, box, view.region, view.from_parsing(masks.background))
        invented = self._inpainting.fill(seen.cells, plate.grid, seen.bgr, seen.known)
        x, y, width, height = cv2.boundingRect(removed)
        if not width:
            return view.region
        part = Box(box.x0 + x, box.y0 + y, box.x0 + x + width, box.y0 + y + height)
        inside = slice(y, y + height), slice(x, x + width)

        invented = self._with_body(view, masks, seen, invented)
        background, known = plate.read(part)
        known = cv2.multiply(known, cv2.bitwise_not(view.from_parsing(masks.body, repeat=True)[inside]), scale=1 / 255)
        filled = seam.mixed(plate.enlarged(invented, seen.place, part), background, cv2.merge([known] * 3))
        filled = with_noise(filled, plate.noise * _AT_SIZES, round(view.seconds * 1000))
        picture = view.region.copy()
        picture[inside] = seam.mixed(picture[inside], filled, cv2.merge([removed[inside]] * 3))
        return picture

    def _with_body(self, view: FaceView, masks: Removal, seen: Seen, cells: np.ndarray) -> np.ndarray:
        """The cells of the background uint8 (h, w, 3) with neck and clothes where they were behind the head."""
        parsing = view.parsing
        assert parsing is not None
        to_cells = parsing.crop_to_frame.copy()
        to_cells[:, 2] -= seen.place.x0, seen.place.y0
        to_cells = resized_target(to_cells, 1 / self._plate.cell)
        size = seen.known.shape[::-1]
        gone = warped(masks.removed, to_cells, size)
        for visible, hidden in ((parsing.cloth, masks.clothes), (parsing.neck, masks.neck)):
            share = warped(hidden, to_cells, size)
            if not share.any():
                continue
            source = cv2.subtract(warped(visible, to_cells, size), gone)
            source = cv2.erode(cv2.threshold(source, _WHOLE, 255, cv2.THRESH_BINARY)[1], _SQUARE)
            if source.any():
                cells = seam.mixed(cells, spread(seen.filmed, source), cv2.merge([share] * 3))
        return cells

    def _tone_neck(self, view: FaceView, masks: Removal, picture: np.ndarray, tone: np.ndarray) -> np.ndarray:
        """Give the neck of `picture` the new head's tone, in place, less and less downwards: how much, uint8 (h, w).

        tone: (3,) BGR factor on the levels of the driver's skin.
        """
        assert view.parsing is not None
        if np.abs(tone - 1.0).max() < _SAME_TONE:
            return np.zeros(picture.shape[:2], np.uint8)
        skin = cv2.max(view.parsing.neck, masks.neck)
        share = view.from_parsing(cv2.multiply(skin, masks.ramp, scale=1 / 255))
        table = np.clip(np.arange(256.0)[None, :, None] * tone, 0, 255).astype(np.uint8)
        np.copyto(picture, seam.mixed(picture, cv2.LUT(picture, table), cv2.merge([share] * 3)))
        return share

    def _lit(self, view: FaceView, light: np.ndarray) -> np.ndarray:
        """The head under the driver's light: uint8 (S, S, 3), px of the drawn square."""
        reflectance = view.drawn.reflectance
        given = colour.given(light, view.drawn.tone, view.settings.colour_match)
        return cv2.multiply(reflectance, enlarge(given, reflectance.shape[0]), dtype=cv2.CV_8U)


def _tone(view: FaceView, lit: np.ndarray, light: np.ndarray) -> np.ndarray:
    """The new head's skin against the driver's: factor (3,) on BGR levels."""
    size = (_TONE_SIZE, _TONE_SIZE)
    skin = cv2.resize(view.drawn.face_matte, size, interpolation=cv2.INTER_AREA)
    sigma = colour.SIGMA_CENTIMETRES * LIGHT_SIZE / view.centimetres
    small = cv2.resize(lit, size, interpolation=cv2.INTER_AREA)
    new = colour.measure(small, skin.astype(np.float32) / np.float32(255.0), sigma)
    return np.asarray(new.mean((0, 1)) / light.mean((0, 1)))
