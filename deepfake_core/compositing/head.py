"""Head mode: the performer's head goes, the identity's with its hair and ears comes, neck and clothes stay.

From back to front: the background where the old head was (seen before, or invented), the body that the old head hid,
the neck in the new head's tone, the new head, and whatever the performer holds before it.
"""

from __future__ import annotations

from collections.abc import Callable
from copy import copy
from dataclasses import dataclass
from functools import partial

import cv2
import numpy as np

from deepfake_core.compositing import colour, seam
from deepfake_core.compositing.background import Background
from deepfake_core.compositing.body import HiddenBody
from deepfake_core.compositing.grain import Grain, with_noise
from deepfake_core.compositing.masks import EARS, PAD, SIZE, SQUARE, WIDE, wide, widened
from deepfake_core.compositing.occlusion import Front
from deepfake_core.compositing.removal import Removal, removal
from deepfake_core.compositing.settling import followed
from deepfake_core.compositing.shoulders import SLIM
from deepfake_core.compositing.view import (
    DriverView,
    FaceView,
    Layer,
    after,
    corners,
    inverse,
    resized,
    resized_target,
    shifted,
    warped,
)
from deepfake_core.frame import Box, Frame
from deepfake_core.parsing.parsing import Parsing
from deepfake_core.scratch import scratch
from deepfake_core.swapping.alignment import transform_points
from deepfake_core.swapping.light import enlarge
from deepfake_core.swapping.swapper import DrawnHead, DriverSquare
from deepfake_core.threads import Beside, Task

_BEYOND = 0.15
"""Part of the parser's crop by which the box is larger where hair leaves the crop."""
_CUT_OFF = 127
"""Level of the head's matte at the crop's edge at which it does."""
_JAW = np.array([50, 280, 172, 397, 136, 365, 176, 400, 152])
"""Landmarks on cheeks, jaw and chin."""
_LEAST_SKIN = 50
"""Pixels of the new face's lower half: fewer tell nothing of its tone."""
_MOST_TONE = 4.0
_LIT, _MOST_LIFTED = 0.8, 1.35
"""Brightness against the face to which a neck is lifted that lay in the shade of hair, which goes; or so many times at
most."""
_UNDER_CHIN, _MOST_SHADE = 0.74, 0.24
"""Brightness against the face of a neck right below the chin, and the share of its light that the new chin takes at
most to make it so."""
_SHADE_FALLS, _SHADE_SOFT = 1.6, 1.0
"""cm that this shade lies below the drawn face, and half the width over which it ends."""
_TONE_SETTLING = 0.3
"""s."""
_WALL_SETTLING = 1.0
"""s."""
_SAME_TONE = 0.01
"""Relative difference of two tones that nobody sees."""
_FILMED = 320
"""Longer side of the small picture in which hair is told from what is behind it, px: a quarter of many a camera's."""
_WHOLE = 250
"""Level from which one of its pixels shows nothing else."""
_COARSE_FROM = 8.0
"""px per cm of the frame from which the masks are laid in at half its resolution."""
_NOSE = 2
"""Landmark below the nose."""
_THIN = 0.3
"""Half the width in cm of a curl that is thin."""
_CRUMB = 60
"""Level of the matte from which a curl hangs together with the next."""
_TIGHTEST = 2.5
"""How much steeper the edge of a head's matte is made at most, where the networks left it soft."""
_LIP_TO_CHIN = [14, 152]
"""Landmarks of lower lip and chin: the neck is below the middle between them."""
_UNDER_JAW = 0.4
"""cm below the drawn face from which, and half the width over which, its neck passes into the filmed one."""
_STRAND = 0.5
"""cm: no strand is wider."""
_ON_SKIN = 1.2, 1.0, 0.75
"""BGR: how much more a shade takes of one colour than of another."""
_CRISP = np.clip((np.arange(256) - 127.5) * 1.6 + 127.5, 0, 255).astype(np.uint8)
"""The outline of the hidden body as sharp as a filmed one: the masks know it to a quarter of a centimetre."""
_AT_SIZES = np.array([1.0, 0.62])
"""A camera's noise at full size and at half, against that at full size."""


@dataclass(frozen=True)
class Lamps:
    """What light and camera do to the head."""

    light: np.ndarray
    """float32 (32, 32, 3) over the drawn square: the driver's."""
    wall: np.ndarray | None
    """From `colour.wall_colour`."""
    noise: float
    """Of the camera, levels."""


@dataclass(frozen=True)
class _Ground:
    """The picture without the performer's head."""

    box: Box
    """Of the frame."""
    bgr: np.ndarray
    """uint8 (h, w, 3) of the box."""
    removed: np.ndarray
    """uint8 at 1 / step of its resolution: where it is not as filmed."""
    toned: np.ndarray
    """uint8 (h/step, w/step): how much of the new head's tone the neck takes."""
    body: np.ndarray
    """uint8 (h/step, w/step): where the body is."""
    step: int
    masks: Removal

    @classmethod
    def as_filmed(cls, frame: Frame, box: Box, step: int, masks: Removal) -> _Ground:
        """With nothing removed."""
        size = -(-box.height // step), -(-box.width // step)
        removed, toned, body = (np.zeros(size, np.uint8) for _ in range(3))
        bgr = frame.region(box) if box.width and box.height else np.zeros((box.height, box.width, 3), np.uint8)
        return cls(box, bgr, removed, toned, body, step, masks)

    def holding(self, inner: Box, frame: Frame) -> _Ground:
        """The same in a box that holds another one too."""
        if not self.box.width or not self.box.height:
            return self.as_filmed(frame, inner, self.step, self.masks)
        box = Box(*map(min, self.box[:2], inner[:2]), *map(max, self.box[2:], inner[2:]))
        if box == self.box:
            return self
        larger = self.as_filmed(frame, box, self.step, self.masks)
        part = _part(box, self.box)
        larger.bgr[part] = self.bgr
        coarse = tuple(slice(each.start // self.step, -(-each.stop // self.step)) for each in part)
        for name in ("removed", "toned", "body"):
            getattr(larger, name)[coarse] = getattr(self, name)
        return larger


class HeadMode:
    """Replaces one performer's head; what it learns of background, light and noise stays with it."""

    def __init__(self) -> None:
        self._light = colour.DriverLight()
        self._front = Front()
        self._grain = Grain()
        self._background = Background()
        self._parsed: tuple[object, Removal, np.ndarray] | None = None
        self._light_due = True
        self._body = HiddenBody()
        self._wall: np.ndarray | None = None
        self._wall_seconds = float("-inf")
        self._tone = np.ones(3)
        self._shade = 0.0
        self._reach = np.zeros((0, 2))
        self._tone_seconds = float("-inf")

    def look(self, driver: DriverView, beside: Beside) -> Callable[[DrawnHead], list[Layer]]:
        """Do what needs no drawing. Gives what makes the layers.

        The light is needed first. Background and body are looked at after it, while the new head is lit: what they say
        of the light and the noise, both of which change slowly, is heeded in the next frame.
        """
        first = self._parsed is None
        new = self._parsed is None or self._parsed[0] is not _parsing(driver).mattes
        # In a frame that is costly already the light is the last one's: it follows slowly anyway.
        self._light_due = not new or not self._light_due
        light = self._light(driver) if self._light_due or self._light.value is None else self._light.value
        lamps = Lamps(light, self._wall, self._background.plate.noise)
        beneath = beside.submit(partial(self._ground, copy(driver), self._reach))
        if first:
            beneath.result()
            lamps = Lamps(light, self._wall, self._background.plate.noise)
        return partial(self._layers, driver, lamps, beneath)

    def _ground(self, driver: DriverView, reach: np.ndarray) -> _Ground:
        """Learn the background that shows, and take the performer's head out of the picture where it is, and where the
        new one may be: float (4, 2), corners in sides of the drawn square."""
        frame, square, parsing = driver.frame, driver.drawn, _parsing(driver)
        masks, new = self._removal(frame, square, parsing)
        side = parsing.labels.shape[0]
        # Hair beyond the parser's crop goes on there for a while.
        leaves = max(parsing.head[[0, -1]].max(), parsing.head[:, [0, -1]].max()) > _CUT_OFF
        far = side * _BEYOND if leaves else 0
        crop = _around(frame.box, _moved(parsing.crop_to_frame, corners(-far, -far, side + far, side + far)))
        masks_to_frame = resized(parsing.crop_to_frame, side / SIZE)
        seen = self._background.watch(
            frame, crop, masks.background, masks_to_frame, visible=masks.visible, margin=PAD, busy=new
        )
        if seen is not None:
            to_cells = resized_target(masks_to_frame, 1 / self._background.plate.cell)
            scene = self._background.plate.resets
            self._body.watch(seen.filmed, to_cells, parsing, masks, scene=scene, seconds=driver.seconds)
            self._follow_wall(colour.wall_colour(seen.bgr[seen.known]), driver.seconds)
        if new or not self._body.ready:
            self._body.arrange(masks, masks_to_frame, driver.seconds)
        removing = _around(frame.box, _moved(wide(masks_to_frame), _changed_corners(masks)))
        x0, y0, x1, y1 = removing
        shown = np.vstack([_matte_corners(square.driver_matte), reach * len(square.driver_matte)])
        removed_corners = [corners(x0, y0, x1, y1)] if removing.width else []
        box = _around(frame.box, np.vstack([*removed_corners, _moved(square.crop_to_frame, shown)]))
        # What stays before the head is found while it is drawn.
        self._front.of_parsing(driver, hair=False, worn=masks.worn)
        step = _step(driver)
        if not box.width or not box.height:
            return _Ground.as_filmed(frame, box, step, masks)
        small = -(-box.width // step), -(-box.height // step)
        to_small = resized_target(shifted(wide(masks_to_frame), box), 1 / step)
        # Four channels are warped more than twice as fast as three, or two.
        laid = cv2.merge([masks.removed, masks.toned, masks.body, widened(masks.strands)])
        removed, toned, body, strands = cv2.split(_warped(laid, to_small, small, cv2.BORDER_CONSTANT))
        body = cv2.LUT(body, _CRISP)
        # Pixel k of a half is pixel 2 k.
        to_box = resized_target(shifted(square.crop_to_frame, box), 1 / step)
        face = _warped(
            seam.driver_face(driver, 2), after(to_box, np.diag([2.0, 2.0, 1.0])[:2]), small, cv2.BORDER_CONSTANT
        )
        # Whatever the parser says, nothing of the performer's face is left.
        removed = cv2.max(removed, face)
        picture = frame.region(box)
        _comb(picture, strands, round(_STRAND * driver.pixels_per_centimetre), step)
        self._remove(driver, box, picture, removed, body, step=step)
        return _Ground(box, picture, cv2.max(removed, strands), toned, body, step, masks)

    def _layers(self, driver: DriverView, lamps: Lamps, beneath: Task[_Ground], drawn: DrawnHead) -> list[Layer]:
        """The new head and all that changes around it, as one layer.

        Raises ValueError where the head covers nothing.
        """
        if not cv2.countNonZero(drawn.head_matte):
            raise ValueError("The drawn head covers nothing: its matte is empty.")
        # Two pixels more than the matte reaches, for the warp.
        reach = _matte_corners(drawn.head_matte)
        self._reach = reach / len(drawn.head_matte)
        heading = _around(driver.frame.box, _moved(drawn.crop_to_frame, reach))
        if not heading.width or not heading.height:
            return []
        view = FaceView(driver, drawn, heading)
        step = _step(view)
        face_to_part = resized_target(view.drawn_to_box, 1 / step)
        small = -(-heading.width // step), -(-heading.height // step)
        face = _warped(drawn.face_matte, face_to_part, small, cv2.BORDER_CONSTANT)
        skin = _enlarged(face, step, _whole(heading))
        new_head, head = self._lit(view, lamps)
        new_head = self._grain(view, new_head, skin, lamps.noise)

        ground = beneath.result().holding(heading, driver.frame)
        self._follow_tone(view, lamps.light, new_head, skin, shaded=ground.masks.shaded)
        front = self._front(FaceView(driver, drawn, ground.box), lamps.light, hair=False, worn=ground.masks.worn)
        picture, removed, part = ground.bgr, ground.removed, _part(ground.box, heading)
        if _tone_neck(picture, ground.toned, self._tone, step):
            removed = cv2.max(removed, ground.toned)
        corner = part[0].start // step, part[1].start // step
        shade = _under_chin(face, removed.shape, corner, view.pixels_per_centimetre / step)
        shade = cv2.min(shade, cv2.min(ground.toned, ground.body))
        _darken(picture, shade, self._shade, step)
        removed = cv2.max(removed, shade)
        touched = _enlarged(removed, step, _whole(ground.box))
        _lay_over(picture[part], new_head, seam.for_levels(picture[part], new_head, head, step))
        touched[part] = cv2.max(touched[part], head)
        matte = cv2.threshold(touched, 0, 255, cv2.THRESH_BINARY)[1]
        if cv2.countNonZero(front):
            matte = cv2.min(matte, cv2.bitwise_not(front, front), matte)
        return [Layer(ground.box, picture, matte)]

    def _removal(self, frame: Frame, square: DriverSquare, parsing: Parsing) -> tuple[Removal, bool]:
        """The masks of the parsing, worked out once for each run of the parser's network; whether just now."""
        step = len(parsing.labels) / SIZE
        if self._parsed is not None and self._parsed[0] is parsing.mattes:
            _, masks, crop_to_frame = self._parsed
            way = after(inverse(resized(parsing.crop_to_frame, step)), resized(crop_to_frame, step))
            return masks.where_it_was(way), False
        to_crop = after(inverse(parsing.crop_to_frame), square.crop_to_frame)
        centimetre = square.pose.scale / float(np.sqrt(abs(np.linalg.det(parsing.crop_to_frame[:, :2]))))

        def film() -> np.ndarray:
            small, scale = frame.thumbnail(_FILMED)
            to_small = resized_target(resized(parsing.crop_to_frame, step), scale)
            return warped(small, inverse(wide(to_small)), (WIDE, WIDE), repeat=True)

        masks = removal(parsing, transform_points(to_crop, square.points), centimetre, film)
        self._parsed = parsing.mattes, masks, parsing.crop_to_frame.copy()
        return masks, True

    def _remove(
        self, driver: DriverView, box: Box, picture: np.ndarray, removed: np.ndarray, body: np.ndarray, *, step: int
    ) -> None:
        """Put background and body where the head was, in place.

        picture: uint8 (h, w, 3) of the box; removed, body: uint8 at the box's resolution / step: what is removed, and
        where the body is.
        """
        part = _bounds(removed, step, box)
        inside = _within(box, part)
        if not inside.width:
            return
        fill = self._background.read(inside)[0]
        inner = _bounds(cv2.min(body, removed), step, box)
        place = _within(box, inner)
        if place.width and self._body.ready:
            fill = fill.copy()
            masks_to_frame = resized(_parsing(driver).crop_to_frame, _parsing(driver).labels.shape[0] / SIZE)
            share = _enlarged(body, step, inner)
            _lay_over(fill[_part(inside, place)], self._body.picture(driver.frame, place, masks_to_frame, step), share)
        fill = with_noise(fill, self._background.plate.noise * _AT_SIZES, round(driver.seconds * 1000))
        share = _enlarged(removed, step, part)
        _lay_over(picture[part], fill, share)

    def _lit(self, view: FaceView, lamps: Lamps) -> tuple[np.ndarray, np.ndarray]:
        """The head under the driver's light, uint8 (h, w, 3) of the box, and its matte, uint8 (h, w)."""
        drawn, light, wall = view.drawn, lamps.light, lamps.wall
        x, y, width, height = cv2.boundingRect(drawn.head_matte)
        # A little more for the warp, from whole quarters on.
        x1, y1 = min(drawn.head_matte.shape[1], x + width + 4), min(len(drawn.head_matte), y + height + 4)
        x, y = max(0, x - 2) // 4 * 4, max(0, y - 2) // 4 * 4
        part = slice(y, y1), slice(x, x1)
        # Smooth as it is, a cubic may end at a quarter of the size.
        quarter = -(-len(drawn.head_matte) // 4)
        large = enlarge(colour.given(light, drawn.tone, 0.0, wall), quarter)
        if wall is not None:
            # The two differ by a factor.
            flat = light.mean((0, 1), keepdims=True)
            skin, other = (
                colour.given(flat, drawn.tone, 0.0, wall, share)
                for share in (colour.WALL_ON_SKIN, colour.WALL_ELSEWHERE)
            )
            other = large * (other / skin)
            weight = drawn.skin[::4, ::4] * np.float32(1 / 255)
            large = np.asarray(cv2.blendLinear(large, other, weight, np.float32(1.0) - weight), np.float32)
        large = _enlarged(large, 4, part)
        bgr = cv2.multiply(drawn.reflectance[part], large, dtype=cv2.CV_8U)
        matrix = after(view.drawn_to_box, np.array([[1.0, 0.0, x], [0.0, 1.0, y]]))
        unit = len(drawn.head_matte) / view.centimetres
        matte = _without_crumbs(seam.tightened(drawn.head_matte[part], _TIGHTEST), drawn.points[_NOSE, 1] - y, unit)
        matte = cv2.subtract(matte, _own_neck(view, part))
        # Colours go on beyond the square, the matte does not.
        matte = cv2.copyMakeBorder(matte[1:-1, 1:-1], 1, 1, 1, 1, cv2.BORDER_CONSTANT, value=0)
        both = warped(cv2.merge([bgr, matte]), matrix, (view.box.width, view.box.height), repeat=True)
        return cv2.cvtColor(both, cv2.COLOR_BGRA2BGR), cv2.extractChannel(both, 3)

    def _follow_wall(self, measured: np.ndarray | None, seconds: float) -> None:
        """The tint of a wall, slowly: no head may change its colour at once where a wall comes into view."""
        since, self._wall_seconds = seconds - self._wall_seconds, seconds
        if measured is None:
            return
        share = np.float32(followed(since, _WALL_SETTLING))
        self._wall = measured if self._wall is None else self._wall + share * (measured - self._wall)

    def _follow_tone(
        self, view: FaceView, light: np.ndarray, new: np.ndarray, face: np.ndarray, *, shaded: float
    ) -> None:
        """What the neck takes, followed slowly: the new head's skin against the driver's, as it is shown, (3,) factors
        on BGR levels; light, where hair that goes shaded it; and the new chin's shade, as far as it is none yet.

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
            neck = 1.0 if self._body.neck is None else float(self._body.neck.mean() / max(driver.mean(), 1.0))
            lift = 1.0 + shaded * float(np.clip(_LIT / max(neck, 0.01) - 1.0, 0.0, _MOST_LIFTED - 1.0))
            measured *= lift
            since, self._tone_seconds = view.seconds - self._tone_seconds, view.seconds
            share = followed(since, _TONE_SETTLING)
            self._tone += share * (measured - self._tone)
            self._shade += share * (np.clip(1.0 - _UNDER_CHIN / max(lift * neck, 0.01), 0.0, _MOST_SHADE) - self._shade)


def _step(view: DriverView) -> int:
    """Pixels of the frame a side per pixel of the masks laid into it: they know nothing fine, and half is as good."""
    return 2 if view.pixels_per_centimetre > _COARSE_FROM else 1


def _own_neck(view: FaceView, part: tuple[slice, slice]) -> np.ndarray:
    """How much of the drawn head is its neck, below the jaw, in a part of the drawn square from whole quarters on.

    uint8 (h, w). The drawn neck ends somewhere, and is not as wide as the filmed one.
    """
    rows, columns = part
    size = -(-(columns.stop - columns.start) // 4), -(-(rows.stop - rows.start) // 4)
    # Both are soft.
    face, skin = (np.ascontiguousarray(each[part][::4, ::4]) for each in (view.drawn.face_matte, view.drawn.skin))
    radius = max(1, round(_UNDER_JAW * len(view.drawn.head_matte) / view.centimetres / 4))
    # To the sides the jaw's edge is to stay as sharp as it is.
    disc = cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (4 * radius + 1, 2 * radius + 1))
    jaw = cv2.blur(cv2.blur(cv2.dilate(face, disc), (3, 2 * radius + 1)), (3, 2 * radius + 1))
    begin = (view.drawn.points[_LIP_TO_CHIN, 1].mean() - rows.start) / 4
    below = np.arange(size[1], dtype=np.float32) - np.float32(begin)
    share = np.clip(below * (255 / radius), 0, 255).astype(np.uint8)
    neck = cv2.min(cv2.min(cv2.bitwise_not(jaw), skin), np.tile(share[:, None], (1, size[0])))
    # Beside the neck what ends above the chin is none, but a turned head's jaw.
    points, centimetre = view.drawn.points, len(view.drawn.head_matte) / view.centimetres / 4
    chin = int(np.clip((points[_LIP_TO_CHIN, 1].max() - rows.start) / 4 + 2 * radius, 0, size[1] - 1))
    below_chin = cv2.reduce(np.ascontiguousarray(view.drawn.head_matte[part][4 * chin :: 4, ::4]), 0, cv2.REDUCE_MAX)
    aside = np.abs(np.arange(size[0]) - (points[EARS, 0].mean() - columns.start) / 4) / centimetre
    of_neck = np.clip(255 * (SLIM - aside), 0, 255).astype(np.uint8)[None]
    of_neck = cv2.max(of_neck, cv2.dilate(below_chin, np.ones((1, 4 * radius + 1), np.uint8)))
    neck = cv2.min(neck, np.tile(of_neck, (size[1], 1)))
    return _enlarged(
        cv2.blur(neck, (3, 3)), 4, (slice(0, rows.stop - rows.start), slice(0, columns.stop - columns.start))
    )


def _without_crumbs(matte: np.ndarray, nose: float, centimetre: float) -> np.ndarray:
    """A head's matte, uint8 (h, w), without curls that the networks did not wholly draw: what hangs apart from it, and
    below the nose's row what is thin. centimetre: px."""
    half = cv2.threshold(matte[::2, ::2], _CRUMB, 255, cv2.THRESH_BINARY)[1]
    low = int(np.clip(nose / 2, 0, len(half)))
    radius = max(1, round(_THIN * centimetre / 2))
    disc = cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (2 * radius + 1, 2 * radius + 1))
    solid = half.copy()
    # The head's edge is not to become any rounder.
    solid[low:] = cv2.min(half[low:], cv2.dilate(cv2.morphologyEx(half[low:], cv2.MORPH_OPEN, disc), SQUARE))
    count, blobs, figures, _ = cv2.connectedComponentsWithStats(solid, connectivity=8, ltype=cv2.CV_16U)
    if count < 2:
        return matte
    crumbs = half
    crumbs[blobs == 1 + int(figures[1:, cv2.CC_STAT_AREA].argmax())] = 0
    if not cv2.countNonZero(crumbs):
        return matte
    crumbs = cv2.dilate(crumbs, SQUARE)  # with their soft rims
    return cv2.subtract(matte, cv2.resize(crumbs, matte.shape[::-1], interpolation=cv2.INTER_NEAREST))


def _comb(picture: np.ndarray, strands: np.ndarray, width: int, step: int) -> None:
    """Take dark lines up to `width` px wide from a picture uint8 (h, w, 3), in place, where `strands` may be.

    strands: uint8 at the picture's resolution / step.
    """
    part = _bounds(strands, step, Box(0, 0, picture.shape[1], picture.shape[0]))
    if picture[part].size:
        side = 2 * max(1, width // 2) + 1
        combed = cv2.morphologyEx(picture[part], cv2.MORPH_CLOSE, np.ones((side, side), np.uint8))
        _lay_over(picture[part], combed, cv2.blur(_enlarged(strands, step, part), (3, 3)))


def _tone_neck(picture: np.ndarray, toned: np.ndarray, tone: np.ndarray, step: int) -> bool:
    """Give the neck of a picture uint8 (h, w, 3) another tone, in place; whether it changed.

    toned: uint8 at the picture's resolution / step, how much; tone: (3,) factors on BGR levels.
    """
    if np.abs(tone - 1.0).max() < _SAME_TONE:
        return False
    part = _bounds(toned, step, Box(0, 0, picture.shape[1], picture.shape[0]))
    if picture[part].size:
        other = cv2.transform(picture[part], np.diag(tone).astype(np.float32))
        _lay_over(picture[part], other, _enlarged(toned, step, part))
    return True


def _under_chin(face: np.ndarray, shape: tuple[int, ...], corner: tuple[int, int], centimetre: float) -> np.ndarray:
    """Where the new head shades its neck: uint8 `shape`.

    face: uint8 (h, w), its inner face, whose corner lies at `corner`, row and column; centimetre: px.
    """
    y, x = corner
    y += round(_SHADE_FALLS * centimetre)
    height, width = min(len(face), shape[0] - y), min(face.shape[1], shape[1] - x)
    lower = np.zeros(shape, np.uint8)
    lower[y : y + height, x : x + width] = face[:height, :width]
    side = 2 * max(1, round(_SHADE_SOFT * centimetre / 2)) + 1
    return cv2.blur(cv2.blur(lower, (side, side)), (side, side))


def _darken(picture: np.ndarray, where: np.ndarray, share: float, step: int) -> None:
    """Shade a picture uint8 (h, w, 3), in place: of its green so much goes; of blue more and of red less, as where
    skin is lit through skin. where: uint8 at its resolution / step."""
    part = _bounds(where, step, Box(0, 0, picture.shape[1], picture.shape[0]))
    if share > _SAME_TONE and picture[part].size:
        where = _enlarged(where, step, part)
        left = cv2.merge([cv2.convertScaleAbs(where, alpha=-share * much, beta=255) for much in _ON_SKIN])
        cv2.multiply(picture[part], left, picture[part], scale=1 / 255)


def _lay_over(below: np.ndarray, above: np.ndarray, share: np.ndarray) -> None:
    """`seam.mixed` in place, uint8 (h, w, 3), share uint8 (h, w): fresh memory would cost more than the arithmetic."""
    weight, kept, added = (scratch(f"laid over {name}", below.shape) for name in ("weight", "kept", "added"))
    cv2.cvtColor(share, cv2.COLOR_GRAY2BGR, weight)
    cv2.multiply(above, weight, added, scale=1 / 255)
    cv2.bitwise_not(weight, weight)
    cv2.multiply(below, weight, kept, scale=1 / 255)
    cv2.add(kept, added, below)


def _warped(picture: np.ndarray, matrix: np.ndarray, size: tuple[int, int], border: int) -> np.ndarray:
    """Masks need no better than a bilinear warp, which is many times faster than a cubic one."""
    return cv2.warpAffine(picture, matrix, size, flags=cv2.INTER_LINEAR, borderMode=border)


def _enlarged(small: np.ndarray, step: int, part: tuple[slice, slice]) -> np.ndarray:
    """Rows and columns of a picture that is given at 1 / step of its resolution; they begin on whole steps."""
    rows, columns = part
    small = small[rows.start // step : -(-rows.stop // step), columns.start // step : -(-columns.stop // step)]
    if step > 1:
        small = cv2.resize(small, (small.shape[1] * step, small.shape[0] * step), interpolation=cv2.INTER_LINEAR)
    return small[: rows.stop - rows.start, : columns.stop - columns.start]


def _whole(box: Box) -> tuple[slice, slice]:
    return slice(0, box.height), slice(0, box.width)


def _bounds(mask: np.ndarray, step: int = 1, box: Box | None = None) -> tuple[slice, slice]:
    """Rows and columns around all of a mask that is not 0, in a box of `step` times its resolution."""
    x, y, width, height = cv2.boundingRect(mask)
    if box is None or not width:
        return slice(y, y + height), slice(x, x + width)
    rows = slice(max(0, (y - 1) * step), min(box.height, (y + height + 1) * step))
    return rows, slice(max(0, (x - 1) * step), min(box.width, (x + width + 1) * step))


def _within(box: Box, part: tuple[slice, slice]) -> Box:
    rows, columns = part
    return Box(box.x0 + columns.start, box.y0 + rows.start, box.x0 + columns.stop, box.y0 + rows.stop)


def _part(box: Box, inner: Box) -> tuple[slice, slice]:
    """Rows and columns of a box inside another."""
    return slice(inner.y0 - box.y0, inner.y1 - box.y0), slice(inner.x0 - box.x0, inner.x1 - box.x0)


def _around(within: Box, points: np.ndarray) -> Box:
    """The box around points (N, 2), as far as it lies in another, on even pixels from that one's corner."""
    low, high = np.floor(points.min(0)).astype(int), np.ceil(points.max(0)).astype(int) + 1
    x0, y0 = within.x0 + max(0, low[0] - within.x0) // 2 * 2, within.y0 + max(0, low[1] - within.y0) // 2 * 2
    x1 = min(within.x1, within.x0 + max(0, -(-(high[0] - within.x0) // 2)) * 2)
    y1 = min(within.y1, within.y0 + max(0, -(-(high[1] - within.y0) // 2)) * 2)
    return Box(min(x0, x1), min(y0, y1), x1, y1)


def _changed_corners(masks: Removal) -> np.ndarray:
    """Corners around what is removed or toned, px of the wide masks."""
    rows, columns = _bounds(cv2.max(masks.removed, masks.toned))
    return corners(columns.start - 2, rows.start - 2, columns.stop + 2, rows.stop + 2)


def _matte_corners(matte: np.ndarray) -> np.ndarray:
    """Corners around a matte, px, a little wider for the warp."""
    x, y, width, height = cv2.boundingRect(matte)
    return corners(x - 2, y - 2, x + width + 2, y + height + 2)


def _moved(matrix: np.ndarray, points: np.ndarray) -> np.ndarray:
    return points @ matrix[:, :2].T + matrix[:, 2]


def _parsing(view: DriverView) -> Parsing:
    assert view.parsing is not None  # the compositor falls back to face mode without one
    return view.parsing
