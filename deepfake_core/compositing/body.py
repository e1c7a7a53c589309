"""The body that the performer's head hid: colours of neck and clothes, and the clothes' own folds and print."""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np

from deepfake_core.compositing import seam
from deepfake_core.compositing.inpainting import spread
from deepfake_core.compositing.masks import PAD, SIZE, SQUARE, WIDE, wide
from deepfake_core.compositing.removal import Removal
from deepfake_core.compositing.settling import followed
from deepfake_core.compositing.view import box_around, corners, inverse, resized, resized_target, shifted, warped
from deepfake_core.frame import Box, Frame
from deepfake_core.parsing.parsing import Parsing

_STEP = 2
"""Pixels of the masks a side per pixel of the pictures that the body is coloured from."""
_SIDE = WIDE // _STEP
_INNER = slice(PAD // _STEP, (PAD + SIZE) // _STEP)
_WHOLE = 250
"""Level from which one of its pixels shows nothing else."""
_LEAST_PURE = 8
"""Such pixels that are enough to tell a colour."""
_NEAR = (5, 5)
_GAP = 0.05
"""Such pixels around one in which neck and clothes are weighed against each other, and how little they count."""
_SETTLING = 0.3
"""s."""
_FOLDS = (9, 9)
"""Such pixels over which clothes are averaged: what is finer, about 4 cm, is texture, what is coarser is shading."""
_SAMPLES = 32
"""Colours that stand for a thing, at most."""
_LIKE = 40.0
"""Distance of levels in three channels from which a colour is none of a thing."""
_MOST_OF, _SHADING = 97, 6.0
"""Percentage of the clothes' pixels by whose texture its contrast is told, and levels more that it may have."""
_REACH = 36, 24
"""Such pixels to the side, and up or down, within which texture is looked for."""
_LEAST_HIDDEN = 24
"""Such pixels, 7 cm2: nobody misses folds on less."""
_MOST_COPIES = 2
_LEAST_COVERED = 0.15
"""Share of what is hidden that another copy must cover."""
_UNEVEN = 14.0
"""Levels by which a copy may miss the clothes next to it: twice as many are a mistake."""
_FAR = 0.004
"""What a pixel of distance costs, in shares covered."""
_WORSE = 0.7
"""Share of what they once covered under which copies are looked for anew."""
_HALF = 127
_NOTHING = 12
"""Level of a copy's share up to which it does not count."""


@dataclass
class _Copy:
    """Texture from elsewhere in the same picture: it moves with the clothes, because it is filmed."""

    offset: tuple[int, int]
    """(x, y) px of the frame, from what is hidden to what is copied there."""
    share: np.ndarray
    """uint8 (96, 96)."""
    change: np.ndarray
    """uint8 (96, 96, 3): what is added to it, above 128: the difference of the smooth colours there and here."""


class HiddenBody:
    """Neck and clothes of one performer, followed over time; pictures (96, 96) lie over the parser's crop and a quarter
    of it more on each side."""

    def __init__(self) -> None:
        self._colours: np.ndarray | None = None
        self._smooth = np.zeros((_SIDE, _SIDE, 3), np.float32)
        self._shown: np.ndarray = np.zeros((_SIDE, _SIDE), np.uint8)
        self._palette = np.zeros((0, 3), np.float32)
        self._detail = np.zeros((_SIDE, _SIDE, 3), np.float32)
        self._contrast = 0.0
        self._mixed: np.ndarray | None = None
        self._copies: list[_Copy] = []
        self._covered = 0.0
        self._scene = 0
        self._seconds = float("-inf")
        self._arranged = float("-inf")
        self.neck: np.ndarray | None = None
        """(3,) levels of the neck that is seen; None where none is."""

    def watch(
        self, cells: np.ndarray, to_cells: np.ndarray, parsing: Parsing, masks: Removal, *, scene: int, seconds: float
    ) -> None:
        """Learn from a picture.

        cells: uint8 (rows, columns, 3), the frame made small; to_cells: float (2, 3), px of the masks' crop to px of
        it; scene: another number where all that was seen is void.
        """
        way = resized(wide(to_cells), _STEP)
        filmed = warped(cells, inverse(way), (_SIDE, _SIDE), repeat=True)
        inside = warped(np.full(cells.shape[:2], 255, np.uint8), inverse(way), (_SIDE, _SIDE))
        seen = _Seen.of(filmed, inside, parsing, masks)
        since, self._seconds = seconds - self._seconds, seconds
        if scene != self._scene:
            self._colours, self._palette = None, self._palette[:0]
            self._copies.clear()
        self._scene = scene
        # Now this, now that part of the clothes is seen.
        self._palette = np.concatenate([_samples(filmed, seen.clothes), self._palette])[: 2 * _SAMPLES]
        shown = _beyond_like(seen, self._palette)
        if seen.pure or cv2.countNonZero(shown) < _LEAST_PURE:
            shown = np.asarray(cv2.max(seen.clothes, shown))
        self.neck = seen.mean(seen.neck) if seen.neck.any() else None
        neck = spread(filmed, seen.neck if seen.neck.any() else seen.left)
        if shown.any() or self._colours is None:
            measured = np.stack([spread(filmed, shown if shown.any() else seen.left), neck])
        else:
            measured = np.stack([self._colours[0], neck])
        smooth = _smooth(filmed, shown)
        if self._colours is not None:
            kept = np.float32(1.0 - followed(since, _SETTLING))
            measured = (measured + kept * (self._colours - measured.astype(np.float32)) + 0.5).astype(np.uint8)
            smooth += kept * (np.where(self._smooth > 0, self._smooth, smooth) - smooth)  # 0: nothing was near
        self._colours, self._smooth, self._shown = measured, smooth, shown
        self._detail = np.where(shown[..., None] > 0, filmed - smooth, np.float32(0))
        if shown.any():
            self._contrast = float(np.percentile(np.abs(self._detail[shown > 0]), _MOST_OF))

    def arrange(self, masks: Removal, to_frame: np.ndarray, seconds: float) -> None:
        """Make ready what lies behind the head; to_frame: px of the masks' crop to px of the frame."""
        if self._colours is None:
            return
        clothes, neck = self._colours
        # In a gap between the two each as far as it is nearer, so that nothing of what is behind the body shows.
        shares = []
        for mask in (masks.clothes, masks.neck):
            small = cv2.resize(mask, (SIZE // _STEP, SIZE // _STEP), interpolation=cv2.INTER_AREA)
            # Both go on beyond the crop.
            pad = PAD // _STEP
            small = cv2.copyMakeBorder(small, pad, pad, pad, pad, cv2.BORDER_REPLICATE)
            shares.append(cv2.addWeighted(small, 1.0, cv2.blur(small, _NEAR), _GAP, 0, dtype=cv2.CV_32F))
        of_neck = shares[1] / np.maximum(shares[0] + shares[1], np.float32(1.0))
        share = cv2.merge([of_neck] * 3)
        self._mixed = (clothes + share * (neck - clothes.astype(np.float32)) + 0.5).astype(np.uint8)
        body, removed = _half(masks.body), _half(masks.removed)
        hidden = ((body > _HALF) & (removed > _HALF) & (of_neck < 0.5)).astype(np.uint8)
        since, self._arranged = seconds - self._arranged, seconds
        self._copy(hidden, 1.0 - of_neck, resized(wide(to_frame), _STEP), followed(since, _SETTLING))

    def _copy(self, hidden: np.ndarray, of_clothes: np.ndarray, to_frame: np.ndarray, step: float) -> None:
        """Choose what is copied, anew only where the last choice no longer does, and how much of each shows."""
        assert self._mixed is not None
        count = cv2.countNonZero(hidden)
        if count < _LEAST_HIDDEN:
            self._copies, self._covered = [], 0.0
            return
        shown = cv2.blur(cv2.erode(self._shown, SQUARE), (3, 3))
        backwards = cv2.invertAffineTransform(to_frame)[:, :2]
        targets = _targets(shown, [backwards @ copy.offset for copy in self._copies])
        now = _covered(targets, hidden, count)
        if now < _WORSE * max(self._covered, _LEAST_COVERED):
            offsets = _chosen(hidden, (shown > _HALF).astype(np.uint8), self._detail)
            in_frame = [tuple(np.round(to_frame[:, :2] @ offset).astype(int).tolist()) for offset in offsets]
            chosen = _targets(shown, [backwards @ offset for offset in in_frame])
            better = _covered(chosen, hidden, count)
            if better > now + _LEAST_COVERED:
                nothing = np.zeros((_SIDE, _SIDE), np.uint8)
                before = {copy.offset: copy for copy in self._copies[:_MOST_COPIES]}
                fresh = [before.pop(offset, _Copy(offset, nothing, self._mixed)) for offset in in_frame]
                # What was copied until now passes away softly.
                self._copies = fresh + list(before.values())
                targets = chosen + [nothing] * len(before)
                now = better
            self._covered = now
        where = cv2.blur(cv2.dilate(hidden, SQUARE).astype(np.float32), (3, 3)) * of_clothes
        base = self._mixed.astype(np.float32) + np.float32(128.5)
        for copy, target in zip(self._copies, targets, strict=True):
            offset = backwards @ copy.offset
            share = copy.share + np.float32(step) * (target * where - copy.share)
            copy.share = np.minimum(share + np.float32(0.5), _moved(shown, offset) * of_clothes).astype(np.uint8)
            copy.change = np.clip(base - _moved(self._smooth, offset), 0, 255).astype(np.uint8)
        self._copies = [
            copy
            for copy, target in zip(self._copies, targets, strict=True)
            if max(copy.share.max(), target.max()) > _NOTHING
        ]

    @property
    def ready(self) -> bool:
        """Whether anything of the body has been seen."""
        return self._mixed is not None

    def picture(self, frame: Frame, box: Box, to_frame: np.ndarray, step: int) -> np.ndarray:
        """What lies behind the head in a box of the frame: uint8 (h, w, 3).

        to_frame: as for `arrange`; step: smooth colours are worked out at 1 / step of the resolution.
        """
        assert self._mixed is not None
        way = resized(wide(to_frame), _STEP)
        result = cv2.cvtColor(_laid(cv2.cvtColor(self._mixed, cv2.COLOR_BGR2BGRA), way, box, step), cv2.COLOR_BGRA2BGR)
        for copy in self._copies:
            x, y = copy.offset
            seen = Box(-x, -y, frame.width - x, frame.height - y)
            left, top, width, height = cv2.boundingRect(cv2.threshold(copy.share, _NOTHING, 255, cv2.THRESH_BINARY)[1])
            x0, y0, x1, y1 = box_around(corners(left, top, left + width, top + height), way)
            x0, y0 = max(box.x0, x0, seen.x0), max(box.y0, y0, seen.y0)
            x1, y1 = min(box.x1, x1, seen.x1), min(box.y1, y1, seen.y1)
            if not width or x0 >= x1 or y0 >= y1:
                continue
            filmed = frame.region(Box(x0 + x, y0 + y, x1 + x, y1 + y))
            lit = _laid(cv2.merge([*cv2.split(copy.change), copy.share]), way, Box(x0, y0, x1, y1), step)
            change, share = cv2.cvtColor(lit, cv2.COLOR_BGRA2BGR), cv2.extractChannel(lit, 3)
            part = slice(y0 - box.y0, y1 - box.y0), slice(x0 - box.x0, x1 - box.x0)
            # A hand or an arm may have come there since: it stands out more than folds do.
            smooth, most = result[part], self._contrast + _SHADING
            low, high = (cv2.addWeighted(smooth, 1.0, smooth, 0.0, by) for by in (-most, most))
            texture = cv2.max(cv2.min(cv2.addWeighted(filmed, 1.0, change, 1.0, -128.0), high), low)
            result[part] = seam.mixed(smooth, texture, cv2.cvtColor(share, cv2.COLOR_GRAY2BGR))
        return result


def _laid(picture: np.ndarray, way: np.ndarray, box: Box, step: int) -> np.ndarray:
    """A picture (96, 96, 4) laid into a box of the frame, first at 1 / step of the resolution."""
    matrix = shifted(way, box)
    size = -(-box.width // step), -(-box.height // step)
    small = cv2.warpAffine(picture, resized_target(matrix, 1 / step), size, borderMode=cv2.BORDER_REPLICATE)
    if step == 1:
        return small
    large = cv2.resize(small, (size[0] * step, size[1] * step), interpolation=cv2.INTER_LINEAR)
    return large[: box.height, : box.width]


def _half(mask: np.ndarray) -> np.ndarray:
    return cv2.resize(mask, (_SIDE, _SIDE), interpolation=cv2.INTER_AREA)


@dataclass(frozen=True)
class _Seen:
    """A picture and what of the body shows in it: uint8 (96, 96) each."""

    filmed: np.ndarray
    """uint8 (96, 96, 3)."""
    clothes: np.ndarray
    """Where it shows nothing else, or, where there is no such place, least of what goes."""
    pure: bool
    """Whether there is."""
    neck: np.ndarray
    others: list[np.ndarray]
    """Where surely something else is seen, but for hair, which clothes may look like."""
    left: np.ndarray
    """Where nothing is removed."""
    beyond: np.ndarray
    """Body, by its place, beyond the parser's crop."""

    @classmethod
    def of(cls, filmed: np.ndarray, inside: np.ndarray, parsing: Parsing, masks: Removal) -> _Seen:
        """inside: uint8 (96, 96), where the frame is."""
        gone = _half(masks.removed)
        left = cv2.min(cv2.erode(cv2.threshold(gone, 0, 255, cv2.THRESH_BINARY_INV)[1], SQUARE), inside)
        # On the neck the removal fades out over pixels that show nothing but neck.
        whole = cv2.min(cv2.threshold(gone, _WHOLE, 255, cv2.THRESH_BINARY_INV)[1], inside)
        sources, counts = [], []
        for visible in (_of_crop(parsing.cloth), cv2.max(_of_crop(parsing.neck), _half(masks.chest))):
            source = cv2.min(visible, whole)
            pure = np.asarray(cv2.erode(cv2.threshold(source, _WHOLE, 255, cv2.THRESH_BINARY)[1], SQUARE))
            counts.append(cv2.countNonZero(pure))
            sources.append(pure if counts[-1] >= _LEAST_PURE else _unlike(filmed, source, gone))
        others = [
            cv2.threshold(_of_crop(other), _WHOLE, 255, cv2.THRESH_BINARY)[1]
            for other in (parsing.skin, parsing.neck, parsing.occluder, masks.background)
        ]
        beyond = cv2.min(cv2.erode(cv2.threshold(_half(masks.body), _WHOLE, 255, cv2.THRESH_BINARY)[1], SQUARE), left)
        beyond[_INNER, _INNER] = 0
        return cls(filmed, sources[0], counts[0] >= _LEAST_PURE, sources[1], others, left, beyond)

    def mean(self, where: np.ndarray) -> np.ndarray:
        """(3,)"""
        return np.array(cv2.mean(self.filmed, where)[:3])


def _of_crop(mask: np.ndarray) -> np.ndarray:
    """A mask uint8 (p, p) of the parser's crop as one of what is around it: uint8 (96, 96)."""
    whole = np.zeros((_SIDE, _SIDE), np.uint8)
    whole[_INNER, _INNER] = cv2.resize(mask, (SIZE // _STEP, SIZE // _STEP), interpolation=cv2.INTER_AREA)
    return whole


def _beyond_like(seen: _Seen, clothes: np.ndarray) -> np.ndarray:
    """Where clothes go on beyond the parser's crop: uint8 (96, 96); clothes: float (n, 3), some of their colours.

    What comes nearer to one of these than to anything else that the parser saw.
    """
    found = np.zeros_like(seen.beyond)
    place = np.flatnonzero(seen.beyond)
    if len(clothes) and len(place):
        colours = seen.filmed.reshape(-1, 3)[place].astype(np.float32)
        others = np.concatenate([_samples(seen.filmed, other) for other in seen.others])
        away = [_nearest(colours, palette) for palette in (clothes, others)]
        found.ravel()[place[(away[0] < _LIKE**2) & (away[0] < away[1])]] = 255
    return cv2.medianBlur(found, 3)


def _nearest(colours: np.ndarray, palette: np.ndarray) -> np.ndarray:
    """Squared distance of colours (n, 3) to the nearest of a palette (m, 3): (n,), infinite without one."""
    if not len(palette):
        return np.full(len(colours), np.inf, np.float32)
    squares = (colours**2).sum(1)[:, None] - 2 * colours @ palette.T + (palette**2).sum(1)
    return np.asarray(squares.min(1))


def _samples(filmed: np.ndarray, where: np.ndarray) -> np.ndarray:
    """Some of the colours that a mask shows: float32 (n, 3)."""
    place = np.flatnonzero(where)
    return filmed.reshape(-1, 3)[place[:: max(1, -(-len(place) // _SAMPLES))]].astype(np.float32)


def _smooth(filmed: np.ndarray, shown: np.ndarray) -> np.ndarray:
    """The clothes without their texture, float32 (96, 96, 3), where they are shown."""
    weight = (shown > 0).astype(np.float32)
    sums = cv2.blur(cv2.blur(cv2.merge([*cv2.split(filmed * weight[..., None]), weight]), _FOLDS), _FOLDS)
    return np.asarray(sums[..., :3] / np.maximum(sums[..., 3:], np.float32(1e-4)), np.float32)


def _unlike(filmed: np.ndarray, source: np.ndarray, gone: np.ndarray) -> np.ndarray:
    """Of the pixels that show some of a thing the half that looks least like what goes: uint8 (96, 96)."""
    some = source > 127
    if not some.any():
        return np.zeros_like(source)
    mean = cv2.mean(filmed, cv2.threshold(gone, _WHOLE, 255, cv2.THRESH_BINARY)[1])[:3]
    apart = np.abs(filmed - np.array(mean, np.float32)).sum(2)
    return np.where(some & (apart >= np.median(apart[some])), 255, 0).astype(np.uint8)


def _moved(picture: np.ndarray, offset: np.ndarray) -> np.ndarray:
    """What a picture (96, 96[, C]) shows `offset` further on; 0 beyond it."""
    matrix = np.array([[1.0, 0.0, -offset[0]], [0.0, 1.0, -offset[1]]])
    return cv2.warpAffine(picture, matrix, (_SIDE, _SIDE))


def _targets(shown: np.ndarray, offsets: list[np.ndarray]) -> list[np.ndarray]:
    """How much of each copy is laid, the first above the next: float32 (96, 96) each, 0..255 in all."""
    left = np.full(shown.shape, 255.0, np.float32)
    targets = []
    for offset in offsets:
        targets.append(np.minimum(_moved(shown, offset).astype(np.float32), left))
        left = left - targets[-1]
    return targets


def _covered(targets: list[np.ndarray], hidden: np.ndarray, count: int) -> float:
    """Share of what is hidden that copies cover."""
    return float((sum(targets) * hidden).sum() / (255 * count)) if targets and count else 0.0


def _chosen(hidden: np.ndarray, shown: np.ndarray, detail: np.ndarray) -> list[np.ndarray]:
    """Offsets (x, y) in such pixels, each the best for what is still hidden after the ones before.

    Best is what covers much and goes on smoothly from the clothes next to it, and is not far (He and Sun, "Statistics
    of patch offsets for image completion", 2012). hidden, shown: uint8 (96, 96) 0 or 1; detail: float32 (96, 96, 3),
    0 where nothing is shown.
    """
    across, along = _REACH
    x, y = np.meshgrid(np.arange(-across, across + 1), np.arange(-along, along + 1))
    distance = np.hypot(x, y).astype(np.float32)
    total = cv2.countNonZero(hidden)
    beside = cv2.dilate(hidden, np.ones((5, 5), np.uint8)) & shown
    power = (detail**2).sum(2)

    def matched(picture: np.ndarray, pattern: np.ndarray) -> np.ndarray:
        left, top, width, height = cv2.boundingRect(used)
        part = slice(top, top + height), slice(left, left + width)
        padded = cv2.copyMakeBorder(
            picture.astype(np.float32), along, along, across, across, cv2.BORDER_CONSTANT, value=0
        )
        padded = padded[top : top + height + 2 * along, left : left + width + 2 * across]
        return cv2.matchTemplate(padded, pattern[part].astype(np.float32), cv2.TM_CCORR)

    used = cv2.max(hidden, beside)
    compared = matched(shown, beside)
    missed = matched(shown, beside * power) + matched(power, beside)
    missed -= 2 * sum(matched(detail[..., k], beside * detail[..., k]) for k in range(3))
    error = np.sqrt(np.maximum(missed / 3, 0) / np.maximum(compared, 1))
    fit = np.exp(-((error / _UNEVEN) ** 2))
    fit[compared < 4] = 0.5
    offsets: list[np.ndarray] = []
    while total and len(offsets) < _MOST_COPIES:
        used = hidden
        share = matched(shown, hidden) / total
        score = share * fit - _FAR * distance * share
        best = np.unravel_index(int(score.argmax()), score.shape)
        if share[best] < _LEAST_COVERED:
            break
        offsets.append(np.array([x[best], y[best]], np.float64))
        hidden = hidden & (1 - (_moved(shown, offsets[-1]) > 0).astype(np.uint8))
        if not hidden.any():
            break
    return offsets
