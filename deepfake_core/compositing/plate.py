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

from deepfake_core.compositing.view import resized_target
from deepfake_core.frame import Box, Frame

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
"""Shift of the background against the plate, in cells, that lasts for `_MOVED_LOOKS`: the camera moved."""
_MOVED_LOOKS = 2
_NEWS = 0.002
"""Share of a strip's pixels that has come to be known, or is no longer, which is news."""
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

    filmed: np.ndarray
    """uint8 (rows, columns, 3): this frame, all of the grid."""
    cells: tuple[slice, slice]
    """Rows and columns of the part."""
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
        self.field = np.zeros((0, 0, 3), np.uint8)
        """uint8 (rows, columns, 3) of the grid: what the plate lacks in today's light, levels + 128."""
        self.gain = np.ones(3)
        """(3,) BGR: today's exposure and white balance against those in which the plate was learned."""
        self.passes = 0
        """How often all of it was learned from."""
        self._turn = 0
        self._start((0, 0))

    def watch(
        self,
        frame: Frame,
        box: Box,
        background: np.ndarray,
        to_frame: np.ndarray,
        *,
        wider: Box | None = None,
        look: bool = True,
    ) -> tuple[Seen | None, Box, bool]:
        """Learn from a part of a frame; what was looked at, a wider part, which part of the plate has changed, and
        whether by more than a level.

        background: uint8 (P, P), 255 where nothing of the performer is or may be (leave a margin), else less; to_frame:
        (2, 3), from its px to those of the frame. look: follow light, cuts and a moving camera, for which every fourth
        frame is enough; where the background has become another, that is done anyway. Else nothing is seen.
        """
        size = frame.width, frame.height
        if size != self._size:
            self._start(size)
        cell = self.cell
        rows, columns = self._cells(box)
        (y0, y1), (x0, x1) = (rows.start, rows.stop), (columns.start, columns.stop)
        if x1 <= x0 or y1 <= y0:
            return None, Box(0, 0, 0, 0), False
        turns = min(y1 - y0, -(-(x1 - x0) * (y1 - y0) * cell**2 // _PIXELS_A_FRAME))
        self._turn = (self._turn + 1) % turns
        self.passes += self._turn == 0
        first, last = (y0 + (y1 - y0) * turn // turns for turn in (self._turn, self._turn + 1))
        strip = Box(x0 * cell, first * cell, x1 * cell, last * cell)
        new = self._filmed(frame, strip)
        to_strip = to_frame.copy()
        to_strip[:, 2] -= strip.x0, strip.y0
        clear = _above(cv2.warpAffine(background, to_strip, (strip.width, strip.height)), 254)
        seen = None
        if look or self._contradicts(strip, new, clear):
            seen = self._look(frame, (rows, columns) if wider is None else self._cells(wider), background, to_frame)
        return seen, strip, self._learn(strip, new, clear)

    def read(self, box: Box) -> tuple[np.ndarray, np.ndarray]:
        """The plate in a part of the frame: uint8 (h, w, 3) BGR in today's light, and uint8 (h, w), 255 where it is
        known, softly falling to 0 where it never was."""
        part = slice(box.y0, box.y1), slice(box.x0, box.x1)
        known = _above(self._confirmed[part], KNOWN - 1)
        # Eroded first, so that what was never seen has no share.
        known = cv2.blur(cv2.erode(known, _SQUARE), (3, 3))
        field = self.enlarged(self.field, box)
        return cv2.addWeighted(self._in_light(self._bgr[part], self.gain), 1.0, field, 1.0, -128.0), known

    def enlarged(self, cells: np.ndarray, box: Box) -> np.ndarray:
        """A picture (rows, columns, 3) of the grid's cells as pixels of a box of the frame."""
        cell = self.cell
        # A cell more on each side, so that the edge is no edge.
        x0, y0 = (max(0, low // cell - 1) for low in (box.x0, box.y0))
        part = cells[y0 : -(-box.y1 // cell) + 1, x0 : -(-box.x1 // cell) + 1]
        large = cv2.resize(part, (part.shape[1] * cell, part.shape[0] * cell), interpolation=cv2.INTER_LINEAR)
        left, top = box.x0 - x0 * cell, box.y0 - y0 * cell
        return large[top : top + box.height, left : left + box.width]

    def on_cells(self, mask: np.ndarray, to_frame: np.ndarray) -> np.ndarray:
        """Where a mask uint8 (P, P) is 255 over all of a cell: bool (rows, columns) of the grid; beyond it, it is 0."""
        rows, columns = self.grid
        # Four samples of each cell.
        sampled = cv2.warpAffine(mask, resized_target(to_frame, 2 / self.cell), (2 * columns, 2 * rows))
        return np.asarray(cv2.resize(sampled, (columns, rows), interpolation=cv2.INTER_AREA) == 255)

    def _cells(self, box: Box) -> tuple[slice, slice]:
        """Rows and columns of the cells of a box: without those that it cuts, but those that the frame's end cuts."""
        cell, (width, height) = self.cell, self._size
        parts = []
        for low, high, end in ((box.y0, box.y1, height), (box.x0, box.x1, width)):
            parts.append(slice(-(-low // cell), -(-high // cell) if high == end else high // cell))
        return parts[0], parts[1]

    def _start(self, size: tuple[int, int]) -> None:
        self._size = size
        self.cell = cell = max(1, -(-max(size) // _LONGEST_SIDE))
        self.grid = -(-size[1] // cell), -(-size[0] // cell)
        padded = self.grid[0] * cell, self.grid[1] * cell
        self._bgr = np.zeros((*padded, 3), np.uint8)
        self._confirmed = np.zeros(padded, np.uint8)
        self._coarse = np.zeros((*self.grid, 3), np.uint8)
        self._sure = np.zeros(self.grid, np.bool_)
        self._forget()

    def _forget(self) -> None:
        self.resets += 1
        self._confirmed[:] = 0
        self._sure[:] = False
        self.gain = np.ones(3)
        self._moved = 0
        self.noise = 0.0
        self.field = np.full((*self.grid, 3), 128, np.uint8)

    def _filmed(self, frame: Frame, box: Box) -> np.ndarray:
        """A box of whole cells, which may exceed the frame by a part of one: uint8 (h, w, 3)."""
        inside = Box(box.x0, box.y0, min(box.x1, frame.width), min(box.y1, frame.height))
        region = frame.region(inside)
        if inside == box:
            return region
        return cv2.copyMakeBorder(region, 0, box.y1 - inside.y1, 0, box.x1 - inside.x1, cv2.BORDER_REPLICATE)

    def _look(self, frame: Frame, cells: tuple[slice, slice], background: np.ndarray, to_frame: np.ndarray) -> Seen:
        """Follow what the camera does, on some cells of the grid; arguments as in `watch`."""
        cell, (rows, columns) = self.cell, self.grid
        if (columns * cell, rows * cell) == self._size:
            whole = frame.thumbnail(max(self.grid))[0]
        else:
            whole = reduced(self._filmed(frame, Box(0, 0, columns * cell, rows * cell)), (columns, rows))
        filmed = whole[cells]
        clear = self.on_cells(background, to_frame)[cells]
        learned, sure = self._coarse[cells], self._sure[cells]
        self._follow_light(filmed, learned, clear & sure)
        plate = self._in_light(learned, self.gain)
        if self._is_other_scene(filmed, plate, clear & sure):
            self._forget()
            plate, sure = filmed, np.zeros(clear.shape, np.bool_)
        field = self.field[cells] = _difference(filmed, plate, clear & sure)
        bgr = np.where(clear[..., None], filmed, cv2.addWeighted(plate, 1.0, field, 1.0, -128.0))
        return Seen(whole, cells, bgr, clear | sure)

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
                change = np.clip(ratio, 0.25, 4.0) - self.gain[channel]
                self.gain[channel] += change if abs(change) > _STEP * self.gain[channel] else _CALM * change

    def _is_other_scene(self, filmed: np.ndarray, plate: np.ndarray, where: np.ndarray) -> bool:
        """Whether the visible background is another than the plate: after a cut, or because the camera moves."""
        if where.sum() < _LEAST_CELLS:
            return False
        change = np.asarray(cv2.absdiff(filmed, plate)).max(2)
        if (change[where] > _CUT_LEVELS).mean() > _CUT_SHARE:
            return True
        self._moved = self._moved + 1 if _shift(filmed, plate, where) > _MOVED_CELLS else 0
        return self._moved >= _MOVED_LOOKS

    def _contradicts(self, strip: Box, new: np.ndarray, clear: np.ndarray) -> bool:
        """Whether so much of a strip is unlike what is known of it that all must be looked at."""
        part = slice(strip.y0, strip.y1), slice(strip.x0, strip.x1)
        known = cv2.bitwise_and(clear, _above(self._confirmed[part], KNOWN - 1))
        change = cv2.absdiff(new, self._in_light(self._bgr[part], self.gain))
        unlike = cv2.bitwise_and(known, _above(_most(change), _CUT_LEVELS))
        return cv2.countNonZero(unlike) > _CUT_SHARE * max(cv2.countNonZero(known), _LEAST_PIXELS)

    def _learn(self, strip: Box, new: np.ndarray, clear: np.ndarray) -> bool:
        """Take in a strip of the frame, uint8 (h, w, 3), where it is background: uint8 (h, w), 255. Whether that was
        news."""
        place = slice(strip.y0, strip.y1), slice(strip.x0, strip.x1)
        new = self._in_light(new, 1.0 / self.gain)
        plate, confirmed = self._bgr[place], self._confirmed[place]

        before = _above(confirmed, KNOWN - 1)
        difference = cv2.absdiff(new, plate)
        unlike = _above(_most(difference), _LIKE)
        agreed = cv2.bitwise_and(clear, cv2.bitwise_not(unlike))
        cv2.subtract(confirmed, _above(cv2.bitwise_and(clear, unlike), 0, 2), confirmed)
        self._follow_noise(difference, cv2.bitwise_and(agreed, _above(confirmed, _SURE - 1)))
        unknown = cv2.subtract(clear, _above(confirmed, 0))
        cv2.copyTo(new, unknown, plate)
        cv2.subtract(agreed, unknown, agreed)
        cv2.add(plate, _above(cv2.subtract(new, plate), 0, 1), plate, mask=agreed)
        cv2.subtract(plate, _above(cv2.subtract(plate, new), 0, 1), plate, mask=agreed)
        cv2.add(confirmed, _above(cv2.bitwise_or(agreed, unknown), 0, 1), confirmed)
        cv2.threshold(confirmed, _SURE, 255, cv2.THRESH_TRUNC, confirmed)

        cell = self.cell
        cells = slice(strip.y0 // cell, strip.y1 // cell), slice(strip.x0 // cell, strip.x1 // cell)
        size = strip.width // cell, strip.height // cell
        self._coarse[cells] = reduced(plate, size)
        # A cell is sure where all of it is: the mean of its knowledge is then 255.
        known = _above(confirmed, KNOWN - 1)
        self._sure[cells] = reduced(known, size) == 255
        return cv2.countNonZero(cv2.absdiff(known, before)) > _NEWS * known.size

    def _follow_noise(self, difference: np.ndarray, where: np.ndarray) -> None:
        if cv2.countNonZero(where) >= _LEAST_PIXELS:
            # Of a normal distribution the mean distance from the middle is 0.8 standard deviations.
            measured = float(np.mean(cv2.mean(difference, where)[:3])) / 0.8
            self.noise += _NOISE_RATE * (measured - self.noise)

    @staticmethod
    def _in_light(bgr: np.ndarray, gain: np.ndarray) -> np.ndarray:
        """uint8 (h, w, 3) with each channel times its gain."""
        if np.abs(gain - 1.0).max() <= 1 / 255:
            return bgr
        return cv2.transform(bgr, np.diag(gain).astype(np.float32))


def reduced(picture: np.ndarray, size: tuple[int, int]) -> np.ndarray:
    """The mean over whole numbers of pixels, uint8, at (width, height): halved first, which is OpenCV's fast case."""
    while picture.shape[1] % (2 * size[0]) == 0 and picture.shape[0] % (2 * size[1]) == 0:
        half = picture.shape[1] // 2, picture.shape[0] // 2
        picture = cv2.resize(picture, half, interpolation=cv2.INTER_AREA)
    return cv2.resize(picture, size, interpolation=cv2.INTER_AREA)


def _most(bgr: np.ndarray) -> np.ndarray:
    """The largest of three channels, uint8 (h, w)."""
    blue, green, red = cv2.split(bgr)
    return cv2.max(cv2.max(blue, green), red)


def _above(values: np.ndarray, limit: int, mark: int = 255) -> np.ndarray:
    """`mark` where uint8 values are above a limit, else 0."""
    return cv2.threshold(values, limit, mark, cv2.THRESH_BINARY)[1]


def _difference(filmed: np.ndarray, plate: np.ndarray, where: np.ndarray) -> np.ndarray:
    """What the plate lacks in today's light, smooth and carried on to where nothing shows: levels + 128, uint8."""
    weight = where.astype(np.float32)
    change = filmed.astype(np.float32) - plate
    # A thing that moved is no light.
    weight *= np.abs(change).max(2) < _FIELD_MOST
    size = where.shape[::-1]
    # So smooth a picture is as good at half its size.
    half = max(1, size[0] // 2), max(1, size[1] // 2)
    small = cv2.resize(cv2.merge([*cv2.split(change * weight[..., None]), weight]), half, interpolation=cv2.INTER_AREA)
    sums = cv2.GaussianBlur(small, (0, 0), _FIELD_SIGMA / 2)
    field = np.clip(sums[..., :3] / (sums[..., 3:] + np.float32(0.02)) + np.float32(128.5), 0, 255).astype(np.uint8)
    return np.asarray(cv2.resize(field, size, interpolation=cv2.INTER_LINEAR))


def _shift(filmed: np.ndarray, plate: np.ndarray, where: np.ndarray) -> float:
    """How far the picture has moved against the plate, in cells: one step of Lucas & Kanade 1981 over all of it."""
    now, before = (cv2.cvtColor(each, cv2.COLOR_BGR2GRAY).astype(np.float32) for each in (filmed, plate))
    # Derivatives reach into neighbours, which must be known as well.
    inner = cv2.erode(where.astype(np.uint8), _SQUARE) > 0
    across = cv2.Sobel(before, cv2.CV_32F, 1, 0, scale=1 / 8)[inner]
    down = cv2.Sobel(before, cv2.CV_32F, 0, 1, scale=1 / 8)[inner]
    # A thing that came or went is brighter or darker by more than a small move makes.
    change = np.clip((now - before)[inner], -_CUT_LEVELS, _CUT_LEVELS)
    slopes = np.stack([across, down])
    normal = slopes @ slopes.T
    # Without structure in both directions nothing tells a move; 4 levels a cell in every tenth cell would.
    if len(change) < _LEAST_CELLS or np.linalg.eigvalsh(normal)[0] < 1.6 * len(change):
        return 0.0
    return float(np.hypot(*np.linalg.solve(normal, slopes @ change)))
