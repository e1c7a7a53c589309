"""The performer's long hair: what of it the parser missed, and where it goes on beyond the parser's crop."""

from __future__ import annotations

import cv2
import numpy as np

from deepfake_core.compositing.inpainting import spread
from deepfake_core.compositing.masks import MEAN, PAD, SIZE, SQUARE, WIDE, Parsed, widened
from deepfake_core.parsing.classes import Label

_STRANDS = 8.0
"""cm beyond the parsed head within which single strands are looked for on skin."""
_THIN = 7
"""Pixels: in a median over so many nothing is left of a strand."""
_ON_NECK = 2.0
"""cm beyond the parsed head within which hair is looked for that the parser takes for neck."""
_LIT = 75
"""Percentage of the neck that is darker than what surely is bare skin in no shade."""
_MOSTLY_HAIR, _OTHER_COLOUR = 0.3, 8.0
"""Share of hair from which it is that; mean difference of levels to skin from which the two can be told apart."""
_CHEST = 8.0
"""cm from the neck's middle within which a chest may be bare."""
_LIT_GAP = 0.8
"""Half the width in cm of a lit gap between strands that goes with them."""
_HUE, _DARKER, _BRIGHTER = 0.16, 0.6, 1.6
"""Spread of the three channels' ratios to the neck's levels up to which something is skin of it; and how much darker
and brighter it may be."""
_TINGE, _OTHER_THAN_HAIR, _DARK_SKIN = 0.04, 0.8, 0.5
"""How much a channel's share may differ from that of the skin; what of a strand's difference to the skin may be no way
to the hair's colour; and least brightness of skin against the mean of it."""
_GRAZES = 5.0
"""cm of the crop's side that hair must cover to go on beyond it."""
_ENDS = 2.0
"""cm above the crop's end over which the removal of such hair ends."""
_TIPS = 3.5
"""cm beyond the parsed head within which hair is looked for that the parser missed."""
_NEARER = 1.6
"""How much nearer to the colour of hair than to that of the background something must be to be hair."""
_END = 2.0
"""cm2 of what has the colour of hair from which a part of a thing may be an end of it."""
_NOT_BODY = Label.BACKGROUND, Label.EARRING, Label.NECKLACE
"""What the parser takes a strand for that hangs before the wall."""
_FAINT = 0.1
"""Share of hair in the faint end of a strand."""
_SOME_HAIR = 0.2
"""Share of hair in a pixel from which it must not pass for background."""
_APART = 35
"""Mean difference of levels from which hair can be told from the background."""
_LEAST_CLOTH = 40
"""Pixels: fewer do not tell the colour of clothes."""
_LIKE_CLOTHES = (8.0, 16.0)
"""Mean difference of levels between hair and clothes: up to the first they look alike, from the second they do not."""
_LIKE_HAIR = (25.0, 45.0)
"""Mean difference of levels from hair: up to the first something beyond the crop is hair, from the second it is not."""
_FADE, _FADE_FOLLOWED = (1.0, 5.0), (6.0, 8.0)
"""cm beyond the crop over which what is removed fades out; the same of hair that is followed to the side."""
_ROW = np.ones((1, 3), np.uint8)


class Hair:
    """Hair that the parser sees, and the colours of what is filmed there."""

    def __init__(self, parsed: Parsed, around: np.ndarray) -> None:
        """around: uint8 (192, 192, 3): what is filmed, the crop in its middle."""
        self._parsed = parsed
        self._around = around
        self._filmed = np.ascontiguousarray(around[PAD:-PAD, PAD:-PAD])
        self._inside = cv2.erode(parsed.only(Label.HAIR), SQUARE)
        self.seen = parsed.share(cv2.countNonZero(self._inside)) > 1
        """Whether there is enough to know its colour by."""
        self._colour = _spread_at_half(around, widened(self._inside)).astype(np.float32)
        """float32 (192, 192, 3): that of the hair next to it."""

    def taken_for_a_thing(self) -> np.ndarray:
        """Ends of it that the parser takes for something held before them: uint8 (128, 128).

        They touch hair, lie below the chin, and are nearer in colour to the hair than to the face's skin.
        """
        parsed = self._parsed
        whole = parsed.only(Label.OCCLUDER)
        low = whole.copy()
        low[: parsed.below_chin()] = 0
        skin = cv2.erode(parsed.only(Label.SKIN), SQUARE)
        found = np.zeros_like(whole)
        if not self.seen or not low.any() or parsed.share(cv2.countNonZero(skin)) < 1:
            return found
        to_hair, to_skin = self._away(), _away(self._filmed, np.array(cv2.mean(self._filmed, skin)[:3], np.float32))
        beside = cv2.dilate(parsed.only(Label.HAIR), SQUARE)
        like = (_NEARER * to_hair < to_skin).astype(np.uint8)
        _, blobs = cv2.connectedComponents(whole, connectivity=8, ltype=cv2.CV_16U)
        for blob in np.unique(blobs[cv2.min(beside, low) > 0]):
            inner = blobs == blob
            if like[inner].mean() > 0.5:
                found[inner] = 255
        # A thick end of it may be one blob with a sleeve or a hand.
        part = cv2.morphologyEx(cv2.min(low, like), cv2.MORPH_OPEN, SQUARE)
        _, blobs, figures, _ = cv2.connectedComponentsWithStats(part, connectivity=4, ltype=cv2.CV_16U)
        for blob in np.unique(blobs[cv2.min(beside, part) > 0]):
            if parsed.share(figures[blob, cv2.CC_STAT_AREA]) > _END:
                found[blobs == blob] = 255
        return found

    def missed(self, covered: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """What of it the parser takes for background or clothes, though its colour comes near to that of the hair
        around it: uint8 (128, 128) twice: ends that touch what is `covered`, and background that shows some hair.

        Hair ends low: above the chin's row, what is as dark as hair is a shelf behind it. It may stay, but is not
        learned.
        """
        tainted = np.zeros_like(covered)
        alike = tainted.copy()
        if not self.seen:
            return alike, tainted
        parsed, filmed = self._parsed, self._filmed
        near, to_hair = parsed.near(covered, _TIPS), self._away()
        for label in (Label.CLOTH, Label.BACKGROUND):
            taken = 255 * parsed.only(label)
            clear = cv2.bitwise_and(taken, cv2.bitwise_not(near))
            if parsed.share(cv2.countNonZero(clear)) < 1:
                tainted = np.zeros_like(covered)
                continue
            other = _spread_at_half(filmed, clear).astype(np.float32)
            share, apart, _ = _mixture(filmed, other, self._in_crop)
            tainted = ((share > _SOME_HAIR) & (apart > _APART)).astype(np.uint8) * cv2.bitwise_and(taken, near)
            # Fine ends before a wall are lighter than the hair is; of clothes as much is shade.
            surely = label == Label.BACKGROUND or _NEARER * to_hair < _away(filmed, other)
            alike[surely & (tainted > 0)] = 255
        alike[: parsed.below_chin()] = 0
        _, blobs = cv2.connectedComponents(cv2.max(alike, covered), connectivity=4, ltype=cv2.CV_16U)
        touching = np.zeros(int(blobs.max()) + 1, np.uint8)
        touching[np.unique(blobs[covered > 0])] = 255
        return cv2.bitwise_and(touching[blobs], alike), tainted

    def on_neck(self, covered: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """What of it the parser takes for neck, next to what is `covered`: uint8 (128, 128); where a bare chest shows
        below the crop: uint8 (192, 192); and in which columns it is the first thing there that is no hair: bool (128,).
        """
        parsed, columns = self._parsed, slice(PAD, PAD + SIZE)
        chest, bare = np.zeros((WIDE, WIDE), np.uint8), np.zeros(SIZE, np.bool_)
        found, top = np.zeros_like(covered), parsed.below_chin()
        neck = cv2.erode(parsed.neck.astype(np.uint8), SQUARE)
        if not self.seen or parsed.share(cv2.countNonZero(neck)) < 1:
            return found, chest, bare
        light = cv2.transform(self._filmed, MEAN)
        lit = cv2.min(neck, (light >= np.percentile(light[neck > 0], _LIT)).astype(np.uint8))
        usual = np.array(cv2.mean(self._filmed, lit)[:3], np.float32)
        filmed, colour = (each[PAD + top :, columns] for each in (self._around, self._colour))
        share, apart, _ = _mixture(filmed, np.broadcast_to(usual, filmed.shape), colour)
        hair = 255 * ((share > _MOSTLY_HAIR) & (apart > _OTHER_COLOUR)).astype(np.uint8)
        closed = cv2.morphologyEx(hair[: SIZE - top], cv2.MORPH_CLOSE, parsed.disc(_LIT_GAP))
        near = cv2.min(255 * parsed.neck.astype(np.uint8), parsed.near(covered, _ON_NECK))
        found[top:] = cv2.min(closed, near[top:])
        if (parsed.labels[-1] == Label.OCCLUDER).any():
            # What shows below it may be the arm.
            return found, chest, bare
        ratio = filmed[SIZE - top :] / np.maximum(usual, np.float32(1.0))
        most, least = ratio.max(2), ratio.min(2)
        skin = (most - least < _HUE) & (most < _BRIGHTER) & (least > _DARKER)
        skin &= np.abs(np.arange(SIZE) - parsed.axis) < _CHEST * parsed.centimetre
        chest[PAD + SIZE :, columns] = cv2.medianBlur(255 * skin.astype(np.uint8), 5)
        first = (hair[SIZE - top :] == 0).argmax(0)
        bare[:] = chest[PAD + SIZE + first, np.arange(PAD, PAD + SIZE)] > 0
        return found, chest, bare

    def strands(self, covered: np.ndarray) -> np.ndarray:
        """Single strands on bare neck and shoulders, which the parser may take for clothes, and before the wall: uint8
        (128, 128).

        They are thin, below the chin, not far from what is `covered`, and of a colour between that of what is around
        them and that of the hair.
        """
        parsed = self._parsed
        strands = np.zeros_like(covered)
        rows = slice(parsed.below_chin(), SIZE)
        near = parsed.near(covered, _STRANDS)[rows] > 0
        skin = cv2.erode(parsed.only(Label.SKIN, Label.NECK, Label.NECKLACE), SQUARE)
        if not self.seen or not near.any() or not skin.any():
            return strands
        usual = np.array(cv2.mean(self._filmed, skin)[:3], np.float32)
        filmed = self._filmed[rows]
        around = cv2.medianBlur(filmed, _THIN).astype(np.float32)
        total = cv2.transform(around, 3 * MEAN)
        tinge = np.abs(around / np.maximum(total, np.float32(1.0))[..., None] - usual / max(usual.sum(), 1.0)).max(2)
        on_skin = (tinge < _TINGE) & (total > _DARK_SKIN * usual.sum())
        body, others = (parsed.only(*labels)[rows] > 0 for labels in ((Label.CLOTH, Label.NECK), _NOT_BODY))
        found = near & (on_skin & body | others)
        share, apart, other = _mixture(filmed, around, self._in_crop[rows])
        found &= (share > _FAINT) & (apart > _APART) & (other < _OTHER_THAN_HAIR * share * apart)
        # Their ends are faint.
        _, lines = cv2.connectedComponents(found.astype(np.uint8), connectivity=8, ltype=cv2.CV_16U)
        sure = np.zeros(int(lines.max()) + 1, np.uint8)
        sure[np.unique(lines[share > _SOME_HAIR])] = 255
        sure[0] = 0
        strands[rows] = cv2.dilate(sure[lines], SQUARE)
        return strands

    def keep_on_clothes(self, removed: np.ndarray, between: np.ndarray) -> None:
        """Leave it where it is on clothes of its own colour, in place of `removed`: nobody can tell the two apart, and
        the filmed folds look better than invented ones.

        removed: uint8 (128, 128); between: bool (128, 128), where clothes are behind what goes.
        """
        parsed = self._parsed
        cloth = cv2.erode(parsed.only(Label.CLOTH), SQUARE)
        hair = cv2.min(between.astype(np.uint8), parsed.only(Label.HAIR))
        if cv2.countNonZero(cloth) < _LEAST_CLOTH or not hair.any():
            return
        colours = [np.array(cv2.mean(self._filmed, each)[:3]) for each in (cloth, hair)]
        alike, apart = _LIKE_CLOTHES
        share = float(np.clip((np.abs(colours[0] - colours[1]).mean() - alike) / (apart - alike), 0, 1))
        removed[between] = (removed[between] * share).astype(np.uint8)
        # Nor does it go on beyond the crop, where nothing is known of what is hair.
        ends = np.clip((SIZE - 3 - np.arange(SIZE)) / (_ENDS * parsed.centimetre), 0, 1)[:, None] * (1 - share) + share
        removed[:] = (removed * ends).astype(np.uint8)

    def alike(self) -> np.ndarray:
        """What has the colour of the hair next to it: uint8 (192, 192)."""
        like, unlike = _LIKE_HAIR
        away = _away(self._around, self._colour)
        return cv2.dilate(np.clip((unlike - away) * (255 / (unlike - like)), 0, 255).astype(np.uint8), SQUARE)

    @property
    def _in_crop(self) -> np.ndarray:
        return self._colour[PAD:-PAD, PAD:-PAD]

    def _away(self) -> np.ndarray:
        return _away(self._filmed, self._in_crop)


def beyond(
    removed: np.ndarray, alike: np.ndarray | None, shoulders: np.ndarray, bare: np.ndarray, centimetre: float
) -> np.ndarray:
    """What goes, uint8 (192, 192): hair that leaves the crop goes on for a while, or as far as something looks like it:
    below the shoulders no further.

    removed: uint8 (128, 128); alike: from `Hair.alike`; shoulders: float32 (192,), their rows; bare: bool (128,), from
    `Hair.on_neck`.
    """
    for edge in (removed[:, :2], removed[:, -2:]):
        # Hair that only grazes the crop's side does not go on beyond it.
        if np.count_nonzero(edge) < 2 * _GRAZES * centimetre:
            edge[:] = 0
    away = np.maximum(0, PAD - np.minimum(np.arange(WIDE), np.arange(WIDE)[::-1])) / centimetre
    near, far = (
        np.clip((end - away) / (end - begin), 0, 1).astype(np.float32) for begin, end in (_FADE, _FADE_FOLLOWED)
    )
    share = np.minimum.outer(near, near)
    share[:PAD] = near  # upwards the head ends soon
    repeated = cv2.copyMakeBorder(removed, PAD, PAD, PAD, PAD, cv2.BORDER_REPLICATE)
    repeated = (repeated * share).astype(np.uint8)
    if alike is None:
        return repeated
    followed = widened(removed)
    if removed[:, -1].any():
        followed = _followed(followed.T, alike.T).T
    if removed[:, 0].any():
        followed = _followed(followed[:, ::-1].T, alike[:, ::-1].T).T[:, ::-1]
    # Downwards it soon lies on clothes, which are better seen than invented, unless skin ends it.
    down = np.where(np.pad(bare, PAD), far[:, None], near[:, None])
    followed = (_followed(followed, alike) * np.minimum(down, far)).astype(np.uint8)
    rows = np.arange(-PAD, SIZE + PAD)[:, None]
    return np.where((rows >= SIZE) | (rows + 1 > shoulders), followed, cv2.max(repeated, followed))


def _followed(mask: np.ndarray, alike: np.ndarray) -> np.ndarray:
    """A mask uint8 (192, 192) that goes on below the crop, in each column and those beside it, down to where something
    is not `alike`, uint8 (192, 192), any more."""
    mask, alike = mask.copy(order="C"), np.ascontiguousarray(alike)
    for row in range(PAD + SIZE, WIDE):
        cv2.min(cv2.dilate(mask[row - 1 : row], _ROW), alike[row : row + 1], mask[row : row + 1])
    return mask


def _away(filmed: np.ndarray, colours: np.ndarray) -> np.ndarray:
    """Mean difference of levels: float32 (h, w)."""
    return np.asarray(cv2.transform(np.abs(filmed - colours), MEAN))


def _mixture(filmed: np.ndarray, other: np.ndarray, hair: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """What a picture is, if it is a mixture: the share of hair, how far apart the two are, and what neither explains;
    float32 (h, w) each, the latter two in levels. other, hair: float32 (h, w, 3)."""
    way, gone = hair - other, filmed - other
    share = cv2.transform(way * gone, MEAN) / np.maximum(cv2.transform(way * way, MEAN), np.float32(1.0))
    rest = np.abs(gone - share[..., None] * way)
    return share, cv2.transform(np.abs(way), MEAN), cv2.transform(rest, MEAN)


def _spread_at_half(filmed: np.ndarray, source: np.ndarray) -> np.ndarray:
    side = len(source)
    size = (side // 2, side // 2)
    small = spread(*(cv2.resize(each, size, interpolation=cv2.INTER_NEAREST) for each in (filmed, source)))
    return cv2.resize(small, (side, side), interpolation=cv2.INTER_LINEAR)
