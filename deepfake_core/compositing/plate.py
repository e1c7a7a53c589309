"""The background behind the performer, learned where it shows while the performer moves.

Each pixel of the plate follows the median of what was filmed there (McFarlane & Schofield, "Segmentation and tracking
of piglets in images", 1995: a step of one level towards each observation), and counts how often it was confirmed: what
contradicts it is not believed before it has been seen as often. All of it is uint8 arithmetic in OpenCV, and of a box
only so many rows are looked at in one frame that the time stays the same for faces near and far.
"""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np

from deepfake_core.frame import Box

_PIXELS_A_FRAME = 80_000
"""Of a larger box the rows take turns: a webcam's rate leaves every background in view for several frames."""
_LIKE = 26
"""Levels between an observation and the plate up to which both may show the same thing through a webcam's noise."""
KNOWN = 3
"""Confirmations from which the plate is believed."""
_SURE = 20
"""Confirmations that are counted at most: half as many contradictions overturn them, about 1.5 s of a change."""
_LONGEST_SIDE = 160
"""Cells of the coarse grid along the frame's longer side."""
_LEAST_CELLS = 40
"""Fewer cells of background tell neither a change of light nor a moved camera."""
_CUT_SHARE = 0.4
"""Share of the visible background that has become another: a cut, or a camera that was turned."""
_CUT_LEVELS = 30
_MOVED_CELLS = 0.35
"""Shift of the background against the plate, in cells, that lasts for `_MOVED_FRAMES`: the camera moved."""
_MOVED_FRAMES = 4
_STEP = 0.008
"""Relative change of the light that is followed at once, so that what is seen does not learn what the gain must do."""
_CALM = 0.1
"""Share of smaller ones that is followed."""
_LEAST_PIXELS = 1000
"""Well known and visible ones: fewer tell nothing of noise."""
_NOISE_RATE = 0.1
_FIELD_SIGMA = 4.0
"""Cells over which what the light does here and there is smoothed."""
_FIELD_MOST = 40.0
_SQUARE = np.ones((3, 3), np.uint8)


@dataclass(frozen=True)
class Seen:
    """A part of the frame on the plate's coarse grid of cells: h x w cells."""

    place: Box
    """px of the frame; on whole cells, so at the far edges it may exceed the frame by a part of one."""
    cells: tuple[slice, slice]
    """Rows and columns of the frame's grid."""
    filmed: np.ndarray
    """uint8 (h, w, 3): this frame."""
    bgr: np.ndarray
    """uint8 (h, w, 3): the background in today's light; undefined where it is not known."""
    known: np.ndarray
    """bool (h, w): whether the whole cell is known, or background in this very frame."""


class Plate:
    """What was seen behind the performer, for one source."""

    def __init__(self) -> None:
        self._size = (0, 0)
        self.cell = 1
        """Side of a cell of the coarse grid, px of the frame."""
        self.grid = (0, 0)
        """Rows and columns of cells over the whole frame."""
        self.resets = 0
        """How often everything was forgotten: another picture size, a cut, a moved camera."""
        self.noise = 0.0
        """Standard deviation of the camera's noise in levels, which the plate itself does not have."""
        self._bgr = np.zeros((0, 0, 3), np.uint8)
        self._confirmed = np.zeros((0, 0), np.uint8)
        self._forget()

    def watch(self, size: tuple[int, int], box: Box, region: np.ndarray, background: np.ndarray) -> Seen:
        """Learn from a part of a frame.

        size: width and height of the frame, px; box: its part; region: uint8 (h, w, 3) BGR as filmed; background:
        uint8 (h, w), 255 where nothing of the performer is or may be (leave a margin), else less.
        """
        if size != self._size:
            self._start(size)
        cell = self.cell
        x0, y0, x1, y1 = box.x0 // cell, box.y0 // cell, -(-box.x1 // cell), -(-box.y1 // cell)
        place = Box(x0 * cell, y0 * cell, x1 * cell, y1 * cell)
        margins = box.y0 - place.y0, place.y1 - box.y1, box.x0 - place.x0, place.x1 - box.x1
        region = cv2.copyMakeBorder(region, *margins, cv2.BORDER_REPLICATE)
        background = cv2.copyMakeBorder(background, *margins, cv2.BORDER_CONSTANT, value=0)
        background = _above(background, 254)

        cells = x1 - x0, y1 - y0
        filmed = cv2.resize(region, cells, interpolation=cv2.INTER_AREA)
        clear = cv2.resize(background, cells, interpolation=cv2.INTER_AREA) == 255
        learned, sure = self._coarse(place, cells)
        self._follow_light(filmed, learned, clear & sure)
        plate: np.ndarray = cv2.LUT(learned, self._table(self._gain))
        if self._is_other_scene(filmed, plate, clear & sure):
            self._forget()
            plate, sure = filmed, np.zeros(clear.shape, np.bool_)
        field = _difference(filmed, plate, clear & sure)
        self._field = place, field
        self._learn(place, region, background)
        bgr = np.where(clear[..., None], filmed, cv2.addWeighted(plate, 1.0, field, 1.0, -128.0))
        return Seen(place, (slice(y0, y1), slice(x0, x1)), filmed, bgr, clear | sure)

    def read(self, box: Box) -> tuple[np.ndarray, np.ndarray]:
        """The plate in a part of what was just watched: uint8 (h, w, 3) BGR in today's light, and uint8 (h, w), 255
        where it is known, softly falling to 0 where it never was."""
        part = slice(box.y0, box.y1), slice(box.x0, box.x1)
        bgr: np.ndarray = self._bgr[part]
        if self._changed_light:
            bgr = cv2.LUT(bgr, self._table(self._gain))
        place, field = self._field
        known = _above(self._confirmed[part], KNOWN - 1)
        # Eroded first, so that what was never seen has no share.
        known = cv2.blur(cv2.erode(known, _SQUARE), (3, 3))
        return cv2.addWeighted(bgr, 1.0, self.enlarged(field, place, box), 1.0, -128.0), known

    def enlarged(self, cells: np.ndarray, place: Box, box: Box) -> np.ndarray:
        """A picture (h, w, 3) of the cells of `place` as pixels of `box` inside it."""
        cell = self.cell
        # A cell more on each side, so that the edge is no edge.
        x0, y0 = (max(0, (low - start) // cell - 1) for low, start in ((box.x0, place.x0), (box.y0, place.y0)))
        x1, y1 = (-(-(high - start) // cell) + 1 for high, start in ((box.x1, place.x0), (box.y1, place.y0)))
        part = cells[y0:y1, x0:x1]
        large = cv2.resize(part, (part.shape[1] * cell, part.shape[0] * cell), interpolation=cv2.INTER_LINEAR)
        left, top = box.x0 - place.x0 - x0 * cell, box.y0 - place.y0 - y0 * cell
        return large[top : top + box.height, left : left + box.width]

    def _start(self, size: tuple[int, int]) -> None:
        self._size = size
        self.cell = cell = max(1, -(-max(size) // _LONGEST_SIDE))
        self.grid = -(-size[1] // cell), -(-size[0] // cell)
        padded = self.grid[0] * cell, self.grid[1] * cell
        self._bgr = np.zeros((*padded, 3), np.uint8)
        self._confirmed = np.zeros(padded, np.uint8)
        self._forget()

    def _forget(self) -> None:
        self.resets += 1
        self._confirmed[:] = 0
        self._gain = np.ones(3)
        self._moved = 0
        self._turn = 0
        self.noise = 0.0
        self._field = Box(0, 0, 0, 0), np.zeros((0, 0, 3), np.uint8)

    @property
    def _changed_light(self) -> bool:
        return bool(np.abs(self._gain - 1.0).max() > 1 / 255)

    def _coarse(self, box: Box, cells: tuple[int, int]) -> tuple[np.ndarray, np.ndarray]:
        """The box's cells uint8 (h, w, 3) in the light in which they were learned, and bool (h, w): wholly known."""
        bgr = cv2.resize(self._bgr[box.y0 : box.y1, box.x0 : box.x1], cells, interpolation=cv2.INTER_AREA)
        known = _above(self._confirmed[box.y0 : box.y1, box.x0 : box.x1], KNOWN - 1)
        return bgr, cv2.resize(known, cells, interpolation=cv2.INTER_AREA) == 255

    def _follow_light(self, filmed: np.ndarray, learned: np.ndarray, where: np.ndarray) -> None:
        """Exposure and white balance that the camera changed: a factor for each channel on all that was learned."""
        before, now = learned[where].astype(np.float32), filmed[where].astype(np.float32)
        if len(now) < _LEAST_CELLS:
            return
        # Neither black nor burnt out: there a factor shows nothing.
        usable = (before > 12) & (now > 12) & (before < 240) & (now < 240)
        for channel in range(3):
            rows = usable[:, channel]
            if rows.sum() >= _LEAST_CELLS:
                ratio = float(np.median(now[rows, channel] / before[rows, channel]))
                change = np.clip(ratio, 0.25, 4.0) - self._gain[channel]
                self._gain[channel] += change if abs(change) > _STEP * self._gain[channel] else _CALM * change

    def _is_other_scene(self, filmed: np.ndarray, plate: np.ndarray, where: np.ndarray) -> bool:
        """Whether the visible background is another than the plate: after a cut, or because the camera moves."""
        if where.sum() < _LEAST_CELLS:
            return False
        change = np.asarray(cv2.absdiff(filmed, plate)).max(2)
        if (change[where] > _CUT_LEVELS).mean() > _CUT_SHARE:
            return True
        self._moved = self._moved + 1 if _shift(filmed, plate, where) > _MOVED_CELLS else 0
        return self._moved >= _MOVED_FRAMES

    def _learn(self, box: Box, region: np.ndarray, background: np.ndarray) -> None:
        turns = -(-box.width * box.height // _PIXELS_A_FRAME)
        self._turn = (self._turn + 1) % turns
        rows = slice(box.height * self._turn // turns, box.height * (self._turn + 1) // turns)
        new, seen = region[rows], background[rows]
        if self._changed_light:
            new = cv2.LUT(new, self._table(1.0 / self._gain))
        place = slice(box.y0 + rows.start, box.y0 + rows.stop), slice(box.x0, box.x1)
        plate, confirmed = self._bgr[place], self._confirmed[place]

        difference = cv2.absdiff(new, plate)
        blue, green, red = cv2.split(difference)
        unlike = _above(cv2.max(cv2.max(blue, green), red), _LIKE)
        agreed = cv2.bitwise_and(seen, cv2.bitwise_not(unlike))
        cv2.subtract(confirmed, _above(cv2.bitwise_and(seen, unlike), 0, 2), confirmed)
        self._follow_noise(difference, cv2.bitwise_and(agreed, _above(confirmed, _SURE - 1)))
        unknown = cv2.subtract(seen, _above(confirmed, 0))
        cv2.copyTo(new, unknown, plate)
        cv2.subtract(agreed, unknown, agreed)
        cv2.add(plate, _above(cv2.subtract(new, plate), 0, 1), plate, mask=agreed)
        cv2.subtract(plate, _above(cv2.subtract(plate, new), 0, 1), plate, mask=agreed)
        cv2.add(confirmed, _above(cv2.bitwise_or(agreed, unknown), 0, 1), confirmed)
        cv2.threshold(confirmed, _SURE, 255, cv2.THRESH_TRUNC, confirmed)

    def _follow_noise(self, difference: np.ndarray, where: np.ndarray) -> None:
        if cv2.countNonZero(where) >= _LEAST_PIXELS:
            # Of a normal distribution the mean distance from the middle is 0.8 standard deviations.
            measured = float(np.mean(cv2.mean(difference, where)[:3])) / 0.8
            self.noise += _NOISE_RATE * (measured - self.noise)

    @staticmethod
    def _table(gain: np.ndarray) -> np.ndarray:
        """For cv2.LUT: each channel times its gain, uint8 (1, 256, 3)."""
        return np.clip(np.rint(np.arange(256.0)[None, :, None] * gain), 0, 255).astype(np.uint8)


def _above(values: np.ndarray, limit: int, mark: int = 255) -> np.ndarray:
    """`mark` where uint8 values are above a limit, else 0."""
    return cv2.threshold(values, limit, mark, cv2.THRESH_BINARY)[1]


def _difference(filmed: np.ndarray, plate: np.ndarray, where: np.ndarray) -> np.ndarray:
    """What the plate lacks in today's light, smooth and carried on to where nothing shows: levels + 128, uint8."""
    weight = where.astype(np.float32)
    change = filmed.astype(np.float32) - plate
    # A thing that moved is no light.
    weight *= np.abs(change).max(2) < _FIELD_MOST
    sums = cv2.GaussianBlur(cv2.merge([*cv2.split(change * weight[..., None]), weight]), (0, 0), _FIELD_SIGMA)
    return np.clip(sums[..., :3] / (sums[..., 3:] + 0.02) + 128.5, 0, 255).astype(np.uint8)


def _shift(filmed: np.ndarray, plate: np.ndarray, where: np.ndarray) -> float:
    """How far the picture has moved against the plate, in cells: one step of Lucas & Kanade 1981 over all of it."""
    now, before = (cv2.cvtColor(each, cv2.COLOR_BGR2GRAY).astype(np.float32) for each in (filmed, plate))
    # Derivatives reach into neighbours, which must be known as well.
    inner = cv2.erode(where.astype(np.uint8), _SQUARE) > 0
    across = cv2.Sobel(before, cv2.CV_32F, 1, 0, scale=1 / 8)[inner]
    down = cv2.Sobel(before, cv2.CV_32F, 0, 1, scale=1 / 8)[inner]
    change = (now - before)[inner]
    slopes = np.stack([across, down])
    normal = slopes @ slopes.T
    # Without structure in both directions nothing tells a move; 4 levels a cell in every tenth cell would.
    if len(change) < _LEAST_CELLS or np.linalg.eigvalsh(normal)[0] < 1.6 * len(change):
        return 0.0
    return float(np.hypot(*np.linalg.solve(normal, slopes @ change)))
