"""Finds the watermark in pictures that were encoded, scaled, cropped, mirrored or filmed off a screen since.

    detector = WatermarkDetector()
    for seconds, bgr in pictures:
        detector.add(bgr, seconds)
    print(detector.found())

The mark is the same in every frame, so a second of frames is averaged: what moves and what an encoder lost here and
there fades, the mark stays. From the average goes what a chip's surroundings foretell, and busy places count less.
What is left is folded onto one tile for each scale that comes into question and correlated, by Fourier transform, with
the chips that every mark has: the highest peak says scale, place and mirroring. There the other chips are read, over
ever longer averages, until `watermark_code` finds a message in them.
"""

from collections.abc import Iterable
from dataclasses import dataclass, replace
from functools import lru_cache
from typing import NamedTuple

import cv2
import numpy as np

from deepfake_core.disclosure import watermark_code
from deepfake_core.disclosure.watermark import CHIPS, chip_weights
from deepfake_core.disclosure.watermark_code import TILE, Payload

# Frames of so many seconds are averaged into one picture; so many of these are kept.
_BIN_SECONDS = 1.0
_BINS = 32
# Larger pictures are halved: a chip has pixels enough.
_LARGEST_SIDE = 1200
_SMALLEST_SIDE = 64

# Pixels of a chip in the picture that is folded: less holds no chip, more only costs time.
_CHIP_PX = 2.0
# Sizes of the picture in an octave: each serves the scales up to the next.
_LEVELS = 4
# The marked picture's shorter side, in pixels of the shown one: the least, and the most as a part of the shown one's.
_LEAST_SIDE = 150.0
_MOST_SIDE = 2.0
# From one scale to the next: at the edge of a marked picture, 80 chips from its middle, 0.3 chips.
_SCALE_STEP = 1.0075
_WHOLE_PICTURE = (1.0, 1.25)
# Degrees by which a camera may be turned that films a screen, and by how much the screen then fills its picture.
_TURNS = tuple(0.75 * turn for turn in range(-4, 5) if turn)
_FILMED_SIDES = 0.5, 1.2

# Correlation with the known chips, in standard deviations, below which no message is worth looking for, and how many
# of the best places are tried.
_LEAST_SYNC = 4.2
_TRIES = 4
# Text around a window has high peaks of its own: from this correlation on, more are tried.
_CLEAR_SYNC = 5.0
_MOST_TRIES = 32
# The chance that no message at all is read as one: what Reed-Solomon lets pass, and 16 fixed bits.
_CHANCE = (1 + 12 * 255) / 2**32 / 2**16
# By how much busy places are held back: the detail's standard deviation to this power, and the least of it, in levels.
_RESTRAINT = 1.2
_STILL = 1.0
# Of the bilateral filter: levels, and pixels.
_BILATERAL = 6.0, 3.0


@dataclass(frozen=True)
class WatermarkFound:
    """A message that was read."""

    record: int
    """Short id of the consent record; 0 where no identity was shown."""
    day: int
    """Days since 2020-01-01."""
    confidence: float
    """1 minus the chance that any unmarked pictures would have given a message so far."""
    first_seconds: float
    last_seconds: float
    """The first and the last pictures that it was read from."""
    sync: float
    """Correlation with the known chips, in standard deviations, at its best."""
    scale: float
    """The marked picture's shorter side by the shown one's: 1 where that is the whole, 0.5 for a window half."""
    mirrored: bool


def find_watermark(pictures: Iterable[tuple[float, np.ndarray]], *, filmed: bool = False) -> WatermarkFound | None:
    """Look at (seconds, uint8 (h, w, 3) BGR) pictures of one stream, in order, until a message is read.

    filmed: a camera filmed a screen, so the picture may be turned.
    """
    detector = WatermarkDetector(filmed=filmed)
    for seconds, bgr in pictures:
        detector.add(bgr, seconds)
        if detector.messages:
            break
    return detector.found()


class WatermarkDetector:
    """Looks at the pictures of one stream, one after the other. For one thread."""

    def __init__(self, *, filmed: bool = False) -> None:
        """filmed: look for turned pictures too, as a hand-held camera takes them of a screen; takes much longer."""
        self._filmed = filmed
        self.messages: dict[Payload, WatermarkFound] = {}
        """What was read so far; more than one where the identity or the day changed, or a mark lies over another."""
        self.traces: list[float] = []
        """Of each search, the highest correlation with the known chips anywhere, in standard deviations."""
        self._bins: list[_Bin] = []
        self._open: _Bin | None = None
        self._places: list[_Geometry] = []
        self._tries = 0

    @property
    def strongest_trace(self) -> float:
        """The highest of all traces: where no message was read, an unusual one means a mark too weak to read."""
        return max(self.traces, default=0.0)

    def add(self, bgr: np.ndarray, seconds: float) -> None:
        """Take the next picture, uint8 (h, w, 3), shown at ``seconds``; another size begins a new search.

        Pictures of less than 64 pixels a side hold no tile and are passed over.
        """
        while max(bgr.shape[:2]) > 2 * _LARGEST_SIDE or min(bgr.shape[:2]) > _LARGEST_SIDE:
            bgr = cv2.resize(bgr, (bgr.shape[1] // 2, bgr.shape[0] // 2), interpolation=cv2.INTER_AREA)
        if min(bgr.shape[:2]) < _SMALLEST_SIDE:
            return
        luma = cv2.cvtColor(bgr, cv2.COLOR_BGR2GRAY)
        if self._open is not None and (
            self._open.total.shape != luma.shape or not 0 <= seconds - self._open.first < _BIN_SECONDS
        ):
            self._close()
        if self._bins and self._bins[0].total.shape != luma.shape:
            self._bins, self._places = [], []
        if self._open is None:
            self._open = _Bin(seconds, seconds, np.zeros(luma.shape, np.float32))
        cv2.accumulate(luma, self._open.total)
        self._open.frames += 1
        self._open.last = max(self._open.last, seconds)

    def found(self) -> WatermarkFound | None:
        """The message that was read most clearly from all pictures so far; None where there is none."""
        self._close()
        return max(self.messages.values(), key=lambda message: message.sync, default=None)

    def _close(self) -> None:
        """End the second that is being averaged, and search."""
        if self._open is None:
            return
        self._bins.append(self._open)
        self._open = None
        count = len(self._bins)
        for power in range(_BINS.bit_length()):
            length = 1 << power
            # Every second the last two; every two seconds the last four; and so on.
            if length <= count and count % max(1, length // 2) == 0:
                self._search(self._bins[-length:])
        # Thorough searches take as long as some seconds of pictures: after 1, 2, 4, 8 ... of them.
        if not self.messages and count & (count - 1) == 0:
            self._search(self._bins, thorough=True)
            if self._filmed and not self.messages:
                self._search(self._bins, thorough=True, turns=_TURNS)
        del self._bins[:-_BINS]

    def _search(self, bins: "list[_Bin]", *, thorough: bool = False, turns: tuple[float, ...] = ()) -> None:
        """Search the average of some seconds: at every scale, or only where a mark is likely; as it is, or turned."""
        average = _average(bins)
        shorter = min(average.shape)
        if thorough:
            least, most = (shorter * part for part in _FILMED_SIDES) if turns else (_LEAST_SIDE, _MOST_SIDE * shorter)
            steps = int(np.log(most / least) / np.log(_SCALE_STEP)) + 1
            wanted = [(turn, [least * _SCALE_STEP**step for step in range(steps)]) for turn in turns or (0.0,)]
        else:
            wanted = [(0.0, [shorter * part for part in _WHOLE_PICTURE])]
            wanted += [(place.turn, [place.side]) for place in self._places]
        peaks = []
        for turn, sides in wanted:
            picture = _Residuals(average, turn)
            peaks += [(peak, picture) for side in sides for peak in picture.peaks(side, fine=not thorough)]
        if not peaks:
            return
        peaks.sort(key=lambda found: -found[0].sync)
        self.traces.append(peaks[0][0].sync)
        tried: list[_Geometry] = []
        for peak, picture in peaks:
            if peak.sync < (_LEAST_SYNC if len(tried) < _TRIES else _CLEAR_SYNC) or len(tried) == _MOST_TRIES:
                break
            if len(tried) >= _TRIES and self.messages:
                break
            if any(peak.is_near(other) for other in tried):
                continue
            tried.append(peak)
            self._read(picture, peak, bins)

    def _read(self, picture: "_Residuals", peak: "_Geometry", bins: "list[_Bin]") -> None:
        """Read the chips at a peak, and note the message if there is one."""
        place, soft = picture.refined(peak)
        self._tries += 1
        message = watermark_code.read(soft)
        if message is None:
            return
        first, last = bins[0].first, bins[-1].last
        before = self.messages.get(message)
        found = WatermarkFound(
            message.record,
            message.day,
            1.0 - self._tries * _CHANCE,
            first,
            last,
            place.sync,
            place.side / min(picture.shape),
            place.mirrored,
        )
        if before is not None:
            better = found if found.sync > before.sync else before
            found = replace(better, first_seconds=min(first, before.first_seconds), last_seconds=last)
        self.messages[message] = found
        if not any(place.is_near(other) for other in self._places):
            self._places.append(place)


def _average(bins: "list[_Bin]") -> np.ndarray:
    """float32 (h, w): mean luma of some seconds."""
    total = bins[0].total.copy()
    for part in bins[1:]:
        total += part.total
    return np.asarray(total / np.float32(sum(part.frames for part in bins)))


@dataclass
class _Bin:
    """The sum of some frames' luma."""

    first: float
    last: float
    total: np.ndarray
    frames: int = 0


class _Geometry(NamedTuple):
    """Where the tiles lie: a hypothesis and how well it fits."""

    turn: float
    """Degrees by which the shown picture was turned before."""
    side: float
    """The marked picture's shorter side, in pixels of the shown picture."""
    mirrored: bool
    x: float
    y: float
    """The tile's corner, in chips from the (mirrored) picture's."""
    sync: float

    def is_near(self, other: "_Geometry") -> bool:
        """Whether both are the same peak, seen at neighbouring scales."""
        alike = self.mirrored == other.mirrored and abs(self.turn - other.turn) < 1
        far_x, far_y = (
            abs((mine - its + TILE / 2) % TILE - TILE / 2) for mine, its in zip(self[3:5], other[3:5], strict=True)
        )
        return alike and max(far_x, far_y) < 2 and abs(np.log(self.side / other.side)) < 2.5 * np.log(_SCALE_STEP)


class _Residuals:
    """A picture without what its surroundings foretell, at the sizes in which chips are about two pixels."""

    def __init__(self, luma: np.ndarray, turn: float = 0.0) -> None:
        self.shape = height, width = luma.shape
        self._turn = turn
        if turn:
            matrix = cv2.getRotationMatrix2D((width / 2, height / 2), turn, 1)
            luma = cv2.warpAffine(luma, matrix, (width, height), borderMode=cv2.BORDER_REPLICATE)
        self._luma = luma
        self._levels: dict[tuple[int, bool], tuple[float, np.ndarray]] = {}

    def peaks(self, side: float, *, fine: bool) -> "list[_Geometry]":
        """The best two places for this scale, as it is and mirrored."""
        chip, residual = self._level(side, fine=fine)
        spectrum = np.fft.rfft2(_fold(residual, chip, chip))
        # In the mirrored picture a tile begins where, in this one, its mirror image ends.
        width = residual.shape[1] / chip
        found = []
        for mirrored, known in zip((False, True), _sync_spectra(), strict=True):
            match = np.fft.irfft2(spectrum * known, (2 * TILE, 2 * TILE))
            spread = match.std() + 1e-9
            # The second peak may be another mark, over which this one was laid.
            for _ in range(2):
                y, x = _highest(match)
                corner = (width - x / 2) % TILE if mirrored else x / 2
                found.append(_Geometry(self._turn, side, mirrored, corner, y / 2, float(match[y, x] / spread)))
                match[np.ix_(np.arange(y - 3, y + 4) % len(match), np.arange(x - 3, x + 4) % len(match))] = 0
        return found

    def refined(self, rough: _Geometry) -> tuple[_Geometry, np.ndarray]:
        """The best place around a rough one, and its soft chips, float (TILE, TILE)."""
        chip, residual = self._level(rough.side, fine=True)
        if rough.mirrored:
            residual = np.ascontiguousarray(residual[:, ::-1])
        best, tiles, stretches = rough._replace(sync=0.0), np.zeros((2 * TILE, 2 * TILE)), (1.0, 1.0)
        for stretch_x, stretch_y in _STRETCHES:
            folded = _fold(residual, chip * stretch_x, chip * stretch_y)
            match = np.fft.irfft2(np.fft.rfft2(folded) * _sync_spectra()[0], folded.shape)
            x, y = _highest_near(match, 2 * rough.x, 2 * rough.y)
            sync = float(match[round(y) % len(match), round(x) % len(match)] / (match.std() + 1e-9))
            if sync > best.sync:
                side = rough.side * float(np.sqrt(stretch_x * stretch_y))
                best, tiles = rough._replace(side=side, x=x / 2, y=y / 2, sync=sync), folded
                stretches = stretch_x, stretch_y
        if best.side < _WINDOW * min(self.shape):
            chip_x, chip_y = (chip * stretch for stretch in stretches)
            tiles = _fold(residual * _share(residual, chip_x, chip_y, best.x, best.y), chip_x, chip_y)
        halves = (np.arange(2 * TILE) + 0.5) / 2
        return best, chip_weights(halves - best.y).T @ tiles @ chip_weights(halves - best.x)

    def _level(self, side: float, *, fine: bool) -> tuple[float, np.ndarray]:
        """Pixels of a chip, and the residual in which it has so many."""
        chip = side / CHIPS
        level = max(0, int(np.floor(_LEVELS * np.log2(chip / _CHIP_PX))))
        if (level, fine) not in self._levels:
            height, width = (max(8, round(length * 2 ** (-level / _LEVELS))) for length in self.shape)
            small = cv2.resize(self._luma, (width, height), interpolation=cv2.INTER_AREA) if level else self._luma
            self._levels[level, fine] = width / self.shape[1], _residual(small, fine=fine)
        factor, residual = self._levels[level, fine]
        return chip * factor, residual


# A marked picture of less than this part of the shown one's is a window: what lies around it is left out.
_WINDOW = 0.75
# Half chips around a peak in which it is looked for again.
_REACH = 4

# Scales around a rough one: alike in both directions, then each direction alone.
_STRETCHES = [
    (1.0, 1.0),
    *((stretch, stretch) for stretch in (0.996, 0.998, 1.002, 1.004)),
    *((stretch, 1.0) for stretch in (0.996, 1.004)),
    *((1.0, stretch) for stretch in (0.996, 1.004)),
]


def _residual(luma: np.ndarray, *, fine: bool) -> np.ndarray:
    """float32 (h, w): what a chip's surroundings do not foretell; busy places, where that is the picture's own, weaker.

    Foretold is the mean of the middle two of the four neighbours one chip away. ``fine``: half of the result comes
    from another forecast, the bilateral filter (Tomasi and Manduchi 1998), which errs elsewhere and takes much longer.
    """
    reach = round(_CHIP_PX)
    padded = cv2.copyMakeBorder(luma, reach, reach, reach, reach, cv2.BORDER_REFLECT_101)
    height, width = luma.shape
    inner_x, inner_y = slice(reach, reach + width), slice(reach, reach + height)
    left, right = padded[inner_y, :width], padded[inner_y, 2 * reach :]
    above, below = padded[:height, inner_x], padded[2 * reach :, inner_x]
    low = cv2.min(cv2.min(left, right), cv2.min(above, below))
    high = cv2.max(cv2.max(left, right), cv2.max(above, below))
    residual = _weighted(luma - (left + right + above + below - low - high) / 2)
    if fine:
        residual += _weighted(luma - cv2.bilateralFilter(luma, 7, *_BILATERAL))
    return residual


def _weighted(detail: np.ndarray) -> np.ndarray:
    """float32 (h, w): detail, held back where there is much of it."""
    spread = np.sqrt(np.maximum(cv2.blur(detail * detail, (5, 5)), 0)) + np.float32(_STILL)
    return np.asarray(detail / cv2.pow(spread, _RESTRAINT), np.float32)


def _share(residual: np.ndarray, chip_x: float, chip_y: float, x: float, y: float) -> np.ndarray:
    """float32 (h, w), 0..1: how much of the mark is around each place, by the known chips: most of it in its window."""
    height, width = residual.shape
    across = chip_weights((np.arange(width) + 0.5) / chip_x - x)
    down = chip_weights((np.arange(height) + 0.5) / chip_y - y)
    fitting = residual * (down @ watermark_code.sync_tile() @ across.T)
    around = cv2.blur(fitting, (round(CHIPS / 2 * chip_x), round(CHIPS / 2 * chip_y)), borderType=cv2.BORDER_CONSTANT)
    return np.clip(around / max(float(around.max()), 1e-9) * 2 - 0.5, 0, 1)


def _fold(residual: np.ndarray, chip_x: float, chip_y: float) -> np.ndarray:
    """float32 (2 TILE, 2 TILE): all tiles laid over each other, two samples to a chip."""
    height, width = residual.shape
    side = 2 * TILE
    columns, rows = (-(-int(2 * length / chip) // side) or 1 for length, chip in ((width, chip_x), (height, chip_y)))
    step_x, step_y = chip_x / 2, chip_y / 2
    # From the middle of a half chip to its place in the picture; beyond the edge there is nothing.
    places = np.array([[step_x, 0, step_x / 2 - 0.5], [0, step_y, step_y / 2 - 0.5]])
    halves = cv2.warpAffine(
        residual, places, (columns * side, rows * side), flags=cv2.INTER_LINEAR | cv2.WARP_INVERSE_MAP
    )
    return np.asarray(halves.reshape(rows, side, columns, side).sum((0, 2)))


@lru_cache(maxsize=1)
def _sync_spectra() -> tuple[np.ndarray, np.ndarray]:
    """Conjugate spectra of the known chips at two samples to a chip: as they are, and mirrored."""
    weights = chip_weights((np.arange(2 * TILE) + 0.5) / 2)
    known = weights @ watermark_code.sync_tile() @ weights.T
    return np.conj(np.fft.rfft2(known)), np.conj(np.fft.rfft2(known[:, ::-1]))


def _highest(match: np.ndarray) -> tuple[int, int]:
    """Row and column of the highest correlation."""
    return divmod(int(match.argmax()), match.shape[1])


def _highest_near(match: np.ndarray, x: float, y: float) -> tuple[float, float]:
    """Where, within two chips, the correlation is highest: between its samples, by a parabola through three of them."""
    window = np.roll(match, (_REACH - round(y), _REACH - round(x)), (0, 1))[: 2 * _REACH + 1, : 2 * _REACH + 1]
    row, column = _highest(window)
    return (
        round(x) - _REACH + column + _vertex(window[row], column),
        round(y) - _REACH + row + _vertex(window[:, column], row),
    )


def _vertex(line: np.ndarray, at: int) -> float:
    """How far from a sample the top of a parabola through it and its neighbours lies, -0.5..0.5."""
    if not 0 < at < len(line) - 1:
        return 0.0
    before, after = line[at - 1], line[at + 1]
    curve = before - 2 * line[at] + after
    return float(np.clip(0.5 * (before - after) / curve, -0.5, 0.5)) if curve < 0 else 0.0
