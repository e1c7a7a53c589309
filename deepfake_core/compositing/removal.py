"""What goes with the performer's head, and what of it had the body behind it: masks in the parser's crop."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace

import cv2
import numpy as np

from deepfake_core.compositing.inpainting import spread
from deepfake_core.parsing.classes import Label
from deepfake_core.parsing.parsing import Parsing

SIZE = 128
"""Side of the masks, px: the parser knows no more."""
_WISPS = 0.7
"""cm beyond the parsed head that go with it: single hairs, and what a lens spreads of the head's edge."""
_FINGER = 1.1
"""Half the width in cm of a gap between two parts of one thing."""
_WORN_RIM = 0.5
"""cm around a thing that goes with the head which go too."""
_CLEAR = 0.6
"""cm between what is parsed as anything else and what the rest is invented from."""
_MARGIN = 0.9
"""cm between what is taken for background and everything else."""
_COVERED = 24
"""Level of the soft head matte from which a pixel counts as part of the head."""
_NECK_FADE = 0.45
"""Half the width in cm of the soft end on the neck."""
_CHIN = 152
"""Landmark at the chin's lowest point."""
_BELOW_CHIN = 2.0
"""cm below the chin at which the face has ended, whatever the expression."""
_SHOULDERS = 4.5
"""cm from the chin down to shoulders of which nothing is seen."""
_FALL = 0.25
"""Slope of shoulders."""
_SLOPE, _RISE = 9.0, 2.5
"""cm from the neck's middle from which shoulders rise towards it, and by how much they do."""
_ARM, _ARM_FALL = 17.0, 1.2
"""cm from the neck's middle at which shoulders end, and the slope from there on."""
_EARS = [234, 454]
"""Landmarks before the ears: the neck stands below the middle between them, also where the head is turned."""
_NECK_HALF = 5.5
"""Half the width of a neck, cm."""
_SLIM = 4.6
"""Half the width of the slimmest neck: what hair hides of it so far to the side is neck."""
_FOOT = 4.0
"""How far the neck's foot reaches down between shoulders that hair hides, cm."""
_NECK_CORE = 4.4
"""cm from the chin to the side in which hair surely hangs before a neck that is seen below it."""
_NECK_REACH = 6.0
"""How far up behind the chin the neck goes on, cm."""
_NECK_BESIDE = 2.5
"""The same further to the side than a neck is wide."""
_TONED_FROM, _TONED_TO = 5.0, 10.0
"""cm below the chin over which the new head's tone passes into the performer's own."""
_SHRED = 0.6
"""Half the width in cm of what is too thin for a body."""
_GAP = 1.0
"""Half the width in cm of the widest gap between neck and clothes that is closed."""
_COLLAR = 1.5
"""cm above the crop's end at which a neck must have ended to take that tone as a whole."""
_RIM = 4
"""Rows at the crop's end in which the parser is not asked."""
PAD = 32
"""How much further than the crop some masks reach on each side."""
WIDE = SIZE + 2 * PAD
_LONG_HAIR = 1.5
"""cm2 of hair below the chin from which it is long."""
_SHADING = 5.0
"""cm2 of it from which it shades the neck; twice as much surely does."""
_STRANDS = 6.5
"""cm beyond the parsed head within which single strands are looked for on skin."""
_THIN = 7
"""Pixels: in a median over so many nothing is left of a strand."""
_TINGE, _OTHER_THAN_HAIR, _DARK_SKIN = 0.04, 0.8, 0.5
"""How much a channel's share may differ from that of the skin; what of a strand's difference to the skin may be no way
to the hair's colour; and least brightness of skin against the mean of it."""
_SOME_STRAND = 0.15
_STRAND_APART = 25
_GRAZES = 5.0
"""cm of the crop's side that hair must cover to go on beyond it."""
_ENDS = 2.0
"""cm above the crop's end over which the removal of such hair ends."""
_TIPS = 3.5
"""cm beyond the parsed head within which hair is looked for that the parser missed."""
_NEARER = 1.6
"""How much nearer to the colour of hair than to that of the background something must be to be hair."""
_SOME_HAIR = 0.2
"""Share of hair in a pixel from which it must not pass for background."""
_APART = 35
"""Mean difference of levels from which hair can be told from the background."""
_LEAST_CLOTH = 40
"""Pixels: fewer do not tell the colour of clothes."""
_LIKE_CLOTHES = (8.0, 16.0)
"""Mean difference of levels between hair and clothes: up to the first they look alike, from the second they do not."""
_GOES_ON = 6.0
"""cm beyond the crop in which what leaves it may go on to the side."""
_SHOULDER_MARGIN = 2.0
"""cm above the shoulders, whose height beyond the crop is a guess."""
_STILL = 1.0
"""px of the masks: a head that has moved less since it was parsed is where it was."""
_LIKE_HAIR = (25.0, 45.0)
"""Mean difference of levels from hair: up to the first something beyond the crop is hair, from the second it is not."""
_FADE, _FADE_FOLLOWED = (1.0, 5.0), (6.0, 8.0)
"""cm beyond the crop over which what is removed fades out; the same of hair that is followed to the side."""
_NECK_BEYOND = 4.0
"""cm below the crop over which the new head's tone ends on a neck that goes on there."""
_ALONG = 9
"""Columns over which the neck's colour at the crop's end is averaged."""
_OTHER, _BRIGHTER, _DARKER = 0.4, 1.1, 0.6
"""Spread of the three channels' ratios to the neck's levels from which something is no skin of it; and how much
brighter and darker it may be."""
_MEAN = np.full((1, 3), 1 / 3, np.float32)
_LEAST = 8
"""Levels of the neck's matte that are the parser's doubt about clothes."""
_SQUARE = np.ones((3, 3), np.uint8)
_ROW = np.ones((1, 3), np.uint8)


@dataclass(frozen=True)
class Removal:
    """uint8 (128, 128) each, in the parser's crop; or, where it says so, uint8 (192, 192), of which the crop is the
    middle."""

    removed: np.ndarray
    """(192, 192): where nothing of the performer may be left: the head and a little beyond."""
    background: np.ndarray
    """255 where surely nothing of the performer is."""
    visible: np.ndarray
    """(192, 192): 255 where background shows well enough to invent the rest from it. Beyond the crop that is a guess:
    above the shoulders, and away from hair that leaves the crop."""
    neck: np.ndarray
    """The neck, also where it was behind what goes."""
    clothes: np.ndarray
    """Clothes, also where they were behind what goes, as behind long hair."""
    body: np.ndarray
    """(192, 192): neck and clothes, and the gap that the two leave where they meet."""
    worn: np.ndarray
    """What the parser takes for a thing in front, but is none: a headset, which nobody holds, or hair. It goes too."""
    toned: np.ndarray
    """(192, 192): how much of the new head's tone the neck takes: all where it ends at a collar in view, else less and
    less downwards."""
    strands: np.ndarray
    """Around single hairs on bare neck and shoulders."""
    shaded: float
    """How surely hair hung beside the neck, and kept light from it, 0..1."""

    def where_it_was(self, way: np.ndarray) -> Removal:
        """For a head that has moved since it was parsed: its hair may have come along, or hang where it hung.

        way: float (2, 3), px of the masks when they were parsed -> the same place's px now. What is removed goes in
        both places, and what is background must be that in both.
        """
        ends = np.array([[0.0, 0.0], [SIZE, 0.0], [0.0, SIZE], [SIZE, SIZE]])
        if np.abs(ends @ way[:, :2].T + way[:, 2] - ends).max() < _STILL:
            return self
        padded = way.copy()
        padded[:, 2] += PAD - way[:, :2] @ (PAD, PAD)
        removed, visible = (
            cv2.warpAffine(each, padded, (WIDE, WIDE), borderMode=cv2.BORDER_REPLICATE)
            for each in (self.removed, self.visible)
        )
        return replace(
            self,
            removed=cv2.max(self.removed, removed),
            background=cv2.min(self.background, cv2.warpAffine(self.background, way, (SIZE, SIZE))),
            visible=cv2.min(self.visible, visible),
        )


def wide(matrix: np.ndarray) -> np.ndarray:
    """A transform (2, 3) of masks of the crop as one of those that reach beyond it."""
    matrix = matrix.copy()
    matrix[:, 2] -= matrix[:, :2] @ (PAD, PAD)
    return matrix


def removal(
    parsing: Parsing, points: np.ndarray, centimetre: float, film: Callable[[], np.ndarray] | None = None
) -> Removal:
    """The masks of one parsing.

    points: float (468, >= 2), the landmarks, px of the parser's crop; centimetre: of the head, px of the crop; film:
    gives uint8 (192, 192, 3), what the camera sees there, the crop in its middle: asked for where hair is long or
    something leaves the crop, it tells hair that the parser missed, clothes like the hair, and where hair and neck end.
    """
    step = parsing.labels.shape[0] // SIZE
    centimetre /= step
    labels = parsing.labels[step // 2 :: step, step // 2 :: step].copy()
    # Smooth hair and caps look alike, and go alike.
    labels[labels == Label.HAT] = Label.HAIR
    head, seen_neck = (
        cv2.resize(each, (SIZE, SIZE), interpolation=cv2.INTER_AREA) for each in (parsing.head, parsing.neck)
    )
    empty = (labels == Label.BACKGROUND).astype(np.uint8) * 255
    chin = (points[_CHIN, :2] + 0.5) / step - 0.5
    covered = cv2.threshold(head, _COVERED, 255, cv2.THRESH_BINARY)[1]
    # Below the chin there is hair, but no face: what is taken for skin there is a hand.
    low = int(np.clip(chin[1] + _BELOW_CHIN * centimetre, 0, SIZE))
    covered[low:][labels[low:] != Label.HAIR] = 0
    # Of a raised head's throat the parser takes a part for its face.
    throat = (labels == Label.SKIN) & (np.abs(np.arange(SIZE) - chin[0]) < _NECK_HALF * centimetre)
    throat[:low] = False
    labels[throat] = Label.NECK
    worn = _worn(labels, covered, centimetre)
    covered = cv2.max(covered, worn)
    tainted = strands = np.zeros_like(covered)
    hair_below = np.count_nonzero(labels[int(np.clip(chin[1], 0, SIZE)) :] == Label.HAIR)
    long = hair_below > _LONG_HAIR * centimetre**2
    leaves = bool(covered[-1].any() or covered[:, [0, -1]].any() or _is_neck(labels[-1]).any())
    around = film() if film is not None and (long or leaves) else None
    filmed = np.ascontiguousarray(around[PAD:-PAD, PAD:-PAD]) if around is not None and long else None
    if filmed is not None:
        tips = _hair_taken_for_a_thing(filmed, labels, int(chin[1]), centimetre)
        worn, covered = cv2.max(worn, tips), cv2.max(covered, tips)
        missed, tainted = _missed_hair(filmed, labels, covered, int(chin[1]), centimetre)
        covered = cv2.max(covered, missed)
        labels[cv2.max(missed, tips) > 0] = Label.HAIR
        rows = slice(max(0, int(chin[1])), SIZE)
        strands = np.zeros_like(covered)
        strands[rows] = _strands(filmed, labels, _near(covered, _STRANDS * centimetre), rows)
    # Neck and clothes shall stay sharp; there only a pixel's rim of hair goes too.
    wisps = cv2.bitwise_and(cv2.dilate(covered, _disc(_WISPS * centimetre)), empty)
    removed = cv2.max(wisps, cv2.dilate(covered, _SQUARE))
    # On the neck nothing but a gradual change hides where a chin or a beard ended.
    fade = _disc(_NECK_FADE * centimetre)
    fading = cv2.blur(cv2.blur(cv2.dilate(covered, fade), fade.shape), fade.shape)
    background = cv2.erode(cv2.bitwise_and(empty, cv2.bitwise_not(covered)), _disc(_MARGIN * centimetre))
    tainted = cv2.dilate(tainted, _SQUARE)
    background = cv2.subtract(background, tainted)
    # Nothing is known beyond the crop.
    cv2.rectangle(background, (0, 0), (SIZE - 1, SIZE - 1), 0)
    axis = float((points[_EARS, 0].mean() + 0.5) / step - 0.5)
    shoulders = _shoulders(labels == Label.CLOTH, axis, chin[1], centimetre)
    above, between = _hidden_body(labels, covered > 0, (chin, axis), shoulders[PAD:-PAD], centimetre)
    # With what is seen of each, so that no soft edge lies between the two.
    neck, clothes = (
        cv2.blur(each.astype(np.uint8) * 255, (3, 3))
        for each in (above | _is_neck(labels), between | (labels == Label.CLOTH))
    )
    if filmed is not None:
        _keep_what_looks_like_clothes(removed, filmed, labels, between, centimetre)
    toned = _toned(labels, cv2.max(neck, seen_neck), chin[1], centimetre)
    # Where it ends beside what is behind it the neck's own edge stays.
    inside = cv2.blur(cv2.erode(cv2.max(seen_neck, covered), fade), fade.shape)
    shown = cv2.max(cv2.blur(removed, (3, 3)), cv2.min(fading, cv2.min(seen_neck, inside)))
    alike = None if around is None else _like_hair(labels, around)
    gone = _removed_beyond(shown, alike, shoulders, centimetre)
    return Removal(
        gone,
        background,
        _visible(cv2.subtract(empty, tainted), gone, shoulders, centimetre),
        neck,
        clothes,
        _body_beyond(_whole(cv2.max(neck, clothes), centimetre), shoulders),
        # With its soft rim.
        cv2.dilate(worn, _disc(_WORN_RIM * centimetre)),
        _toned_beyond(toned, around, centimetre),
        strands,
        float(np.clip(hair_below / (_SHADING * centimetre**2) - 1, 0, 1)),
    )


def _toned(labels: np.ndarray, neck: np.ndarray, chin: float, centimetre: float) -> np.ndarray:
    """`Removal.toned` in the crop, uint8 (128, 128), from the neck's matte; chin: its row."""
    begin, end = chin + _TONED_FROM * centimetre, chin + _TONED_TO * centimetre
    height = (np.arange(SIZE, dtype=np.float32)[:, None] - np.float32(begin)) / np.float32(max(end - begin, 1.0))
    # Of a neck that ends at a collar in view nothing keeps the performer's tone.
    across = np.count_nonzero(_is_neck(labels), axis=1) > centimetre
    last = int(np.flatnonzero(across).max(initial=0))
    whole = np.clip((SIZE - _RIM - last) / (_COLLAR * centimetre), 0.0, 1.0)
    toned = (neck * np.clip(1.0 - height, whole, 1.0)).astype(np.uint8)
    return cv2.threshold(toned, _LEAST, 255, cv2.THRESH_TOZERO)[1]


def _like_hair(labels: np.ndarray, filmed: np.ndarray) -> np.ndarray | None:
    """What has the colour of the hair next to it, uint8 (192, 192), of `filmed` (192, 192, 3); None without hair."""
    hair = cv2.erode((labels == Label.HAIR).astype(np.uint8), _SQUARE)
    if not hair.any():
        return None
    hair = cv2.copyMakeBorder(hair, PAD, PAD, PAD, PAD, cv2.BORDER_CONSTANT, value=0)
    away = cv2.transform(np.abs(filmed - _spread_at_half(filmed, hair).astype(np.float32)), _MEAN)
    alike = np.clip((_LIKE_HAIR[1] - away) * (255 / (_LIKE_HAIR[1] - _LIKE_HAIR[0])), 0, 255).astype(np.uint8)
    return cv2.dilate(alike, _SQUARE)


def _removed_beyond(
    removed: np.ndarray, alike: np.ndarray | None, shoulders: np.ndarray, centimetre: float
) -> np.ndarray:
    """What goes, uint8 (192, 192): hair that leaves the crop goes on for a while, or as far as something looks like it:
    below the shoulders no further.

    removed: uint8 (128, 128); alike: from `_like_hair`; shoulders: float32 (192,), their rows.
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
    followed = cv2.copyMakeBorder(removed, PAD, PAD, PAD, PAD, cv2.BORDER_CONSTANT, value=0)
    if removed[:, -1].any():
        followed = _followed(followed.T, alike.T).T
    if removed[:, 0].any():
        followed = _followed(followed[:, ::-1].T, alike[:, ::-1].T).T[:, ::-1]
    # Downwards it soon lies on clothes, which are better seen than invented.
    followed = (_followed(followed, alike) * np.minimum.outer(near, far)).astype(np.uint8)
    rows = np.arange(-PAD, SIZE + PAD)[:, None]
    return np.where((rows >= SIZE) | (rows + 1 > shoulders), followed, cv2.max(repeated, followed))


def _followed(mask: np.ndarray, alike: np.ndarray) -> np.ndarray:
    """A mask uint8 (192, 192) that goes on below the crop, in each column and those beside it, down to where something
    is not `alike`, uint8 (192, 192), any more."""
    mask, alike = mask.copy(order="C"), np.ascontiguousarray(alike)
    for row in range(PAD + SIZE, WIDE):
        cv2.min(cv2.dilate(mask[row - 1 : row], _ROW), alike[row : row + 1], mask[row : row + 1])
    return mask


def _body_beyond(body: np.ndarray, shoulders: np.ndarray) -> np.ndarray:
    """The body, uint8 (192, 192), from the crop's, uint8 (128, 128): it goes on downwards, and below the shoulders."""
    wide = cv2.copyMakeBorder(body, PAD, 0, PAD, PAD, cv2.BORDER_CONSTANT, value=0)
    wide = cv2.copyMakeBorder(wide, 0, PAD, 0, 0, cv2.BORDER_REPLICATE)
    low = np.clip(128 + 100 * (np.arange(-PAD, SIZE + PAD, dtype=np.float32)[:, None] - shoulders), 0, 255)
    low[PAD:-PAD, PAD:-PAD] = 0
    return cv2.max(wide, low.astype(np.uint8))


def _toned_beyond(toned: np.ndarray, filmed: np.ndarray | None, centimetre: float) -> np.ndarray:
    """The tone's share, uint8 (192, 192), from the crop's, uint8 (128, 128): below it fades out, on what looks like the
    neck at the crop's end; filmed: uint8 (192, 192, 3)."""
    wide = cv2.copyMakeBorder(toned, PAD, PAD, PAD, PAD, cv2.BORDER_CONSTANT, value=0)
    end = PAD + SIZE
    x, _, width, _ = cv2.boundingRect(wide[end - 1 : end])
    if not width or filmed is None:
        return wide
    columns = slice(x, x + width)
    ends = np.ascontiguousarray(wide[end - round(centimetre) : end, columns])
    part = np.ascontiguousarray(filmed[end - len(ends) :, columns])
    # The neck's colours at the crop's end, in each column.
    weight = cv2.merge([cv2.reduce(ends, 0, cv2.REDUCE_SUM, dtype=cv2.CV_32F)] * 3)
    colours = cv2.reduce(cv2.multiply(part[: len(ends)], cv2.merge([ends] * 3), dtype=cv2.CV_32F), 0, cv2.REDUCE_SUM)
    colours, weight = (cv2.blur(each, (_ALONG, 1), borderType=cv2.BORDER_CONSTANT) for each in (colours, weight))
    ratio = part / (colours / np.maximum(weight, np.float32(1.0)) + np.float32(1.0))
    most, least = ratio.max(2), ratio.min(2)
    unlike = cv2.max(most - least, cv2.max(most / _BRIGHTER - 1, 1 - least / _DARKER))
    like = cv2.blur(np.clip((_OTHER - unlike) * np.float32(2 / _OTHER), 0, 1), (3, 3))[len(ends) :]
    fade = np.clip(1 - np.arange(len(like), dtype=np.float32) / np.float32(_NECK_BEYOND * centimetre), 0, 1)
    wide[end:, columns] = wide[end - 1, columns] * like * fade[:, None]
    return wide


def _hair_taken_for_a_thing(filmed: np.ndarray, labels: np.ndarray, chin: int, centimetre: float) -> np.ndarray:
    """Ends of long hair that the parser takes for something held before them: uint8 (128, 128).

    They touch hair, lie below the chin, and are nearer in colour to the hair than to the face's skin.
    """
    things = (labels == Label.OCCLUDER).astype(np.uint8)
    things[: max(0, chin)] = 0
    hair = (labels == Label.HAIR).astype(np.uint8)
    inside, skin = cv2.erode(hair, _SQUARE), cv2.erode((labels == Label.SKIN).astype(np.uint8), _SQUARE)
    found = np.zeros_like(things)
    if not things.any() or min(cv2.countNonZero(inside), cv2.countNonZero(skin)) < centimetre**2:
        return found
    to_hair = cv2.transform(np.abs(filmed - _spread_at_half(filmed, inside).astype(np.float32)), _MEAN)
    to_skin = cv2.transform(np.abs(filmed - np.array(cv2.mean(filmed, skin)[:3], np.float32)), _MEAN)
    whole = (labels == Label.OCCLUDER).astype(np.uint8)
    _, blobs = cv2.connectedComponents(whole, connectivity=8, ltype=cv2.CV_16U)
    for blob in np.unique(blobs[cv2.min(cv2.dilate(hair, _SQUARE), things) > 0]):
        inner = blobs == blob
        if np.median(to_hair[inner]) * _NEARER < np.median(to_skin[inner]):
            found[inner] = 255
    return found


def _missed_hair(
    filmed: np.ndarray, labels: np.ndarray, covered: np.ndarray, chin: int, centimetre: float
) -> tuple[np.ndarray, np.ndarray]:
    """What of long hair the parser takes for background or clothes, though its colour comes near to that of the hair
    around it: uint8 (128, 128) twice: ends that touch what is covered, and background that shows some hair.

    Hair ends low: above the chin's row, what is as dark as hair is a shelf behind it. It may stay, but is not learned.
    """
    near = _near(covered, _TIPS * centimetre)
    hair = cv2.erode((labels == Label.HAIR).astype(np.uint8), _SQUARE)
    nothing = np.zeros_like(covered)
    if cv2.countNonZero(hair) < centimetre**2:
        return nothing, nothing
    of_hair = _spread_at_half(filmed, hair).astype(np.float32)
    to_hair = cv2.transform(np.abs(filmed - of_hair), _MEAN)
    alike, tainted = np.zeros(covered.shape, np.bool_), nothing
    for label in (Label.CLOTH, Label.BACKGROUND):
        taken = (labels == label).astype(np.uint8) * 255
        clear = cv2.bitwise_and(taken, cv2.bitwise_not(near))
        if cv2.countNonZero(clear) < centimetre**2:
            tainted = nothing
            continue
        other = _spread_at_half(filmed, clear).astype(np.float32)
        way, gone = of_hair - other, filmed - other
        told_apart = cv2.transform(np.abs(way), _MEAN) > _APART
        # How much of it is hair, if it is a mixture of the two.
        share = cv2.transform(way * gone, _MEAN) / np.maximum(cv2.transform(way * way, _MEAN), np.float32(1.0))
        tainted = ((share > _SOME_HAIR) & told_apart).astype(np.uint8) * cv2.bitwise_and(taken, near)
        alike |= (_NEARER * to_hair < cv2.transform(np.abs(gone), _MEAN)) & (tainted > 0)
    alike[: max(0, chin)] = False
    _, blobs = cv2.connectedComponents(alike.astype(np.uint8) | (covered > 0), connectivity=4, ltype=cv2.CV_16U)
    touching = np.zeros(int(blobs.max()) + 1, np.uint8)
    touching[np.unique(blobs[covered > 0])] = 255
    return cv2.bitwise_and(touching[blobs], alike.astype(np.uint8) * 255), tainted


def _strands(filmed: np.ndarray, labels: np.ndarray, near: np.ndarray, rows: slice) -> np.ndarray:
    """Single strands on bare neck and shoulders, which the parser may take for clothes: uint8 (n, 128), in some rows.

    They are thin, near to the head, and of a colour between that of the skin around them and that of the hair.
    """
    hair, skin = (labels == Label.HAIR).astype(np.uint8), ((labels == Label.SKIN) | _is_neck(labels)).astype(np.uint8)
    dark, usual = (np.array(cv2.mean(filmed, cv2.erode(each, _SQUARE))[:3], np.float32) for each in (hair, skin))
    filmed, labels, near = filmed[rows], labels[rows], near[rows]
    around = cv2.medianBlur(filmed, _THIN).astype(np.float32)
    total = cv2.transform(around, 3 * _MEAN)
    tinge = np.abs(around / np.maximum(total, np.float32(1.0))[..., None] - usual / max(usual.sum(), 1.0)).max(2)
    bare = (tinge < _TINGE) & (total > _DARK_SKIN * usual.sum()) & ((labels == Label.CLOTH) | _is_neck(labels))
    found = bare & (near > 0)
    if not dark.any() or not found.any():
        return np.zeros_like(labels)
    way, gone = dark - around, filmed - around
    length = cv2.transform(np.abs(way), _MEAN)
    share = cv2.transform(way * gone, _MEAN) / np.maximum(cv2.transform(way * way, _MEAN), np.float32(1.0))
    other = cv2.transform(np.abs(gone - share[..., None] * way), _MEAN)
    found &= (share > _SOME_STRAND) & (length > _STRAND_APART) & (other < _OTHER_THAN_HAIR * share * length)
    return cv2.dilate(found.astype(np.uint8) * 255, _SQUARE)


def _keep_what_looks_like_clothes(
    removed: np.ndarray, filmed: np.ndarray, labels: np.ndarray, between: np.ndarray, centimetre: float
) -> None:
    """Leave hair on clothes of its own colour where it is, in place of `removed`: nobody can tell the two apart, and
    the filmed folds look better than invented ones."""
    cloth = cv2.erode((labels == Label.CLOTH).astype(np.uint8), _SQUARE)
    hair = (between & (labels == Label.HAIR)).astype(np.uint8)
    if cv2.countNonZero(cloth) < _LEAST_CLOTH or not hair.any():
        return
    apart = np.abs(np.array(cv2.mean(filmed, cloth)[:3]) - cv2.mean(filmed, hair)[:3]).mean()
    share = float(np.clip((apart - _LIKE_CLOTHES[0]) / (_LIKE_CLOTHES[1] - _LIKE_CLOTHES[0]), 0, 1))
    removed[between] = (removed[between] * share).astype(np.uint8)
    # Nor does it go on beyond the crop, where nothing is known of what is hair.
    reach = _ENDS * centimetre
    ends = np.clip((SIZE - 3 - np.arange(SIZE)) / reach, 0, 1)[:, None] * (1 - share) + share
    removed[:] = (removed * ends).astype(np.uint8)


def _visible(empty: np.ndarray, removed: np.ndarray, shoulders: np.ndarray, centimetre: float) -> np.ndarray:
    """`Removal.visible`; empty: uint8 (128, 128), the parsed background; removed: uint8 (192, 192); shoulders: their
    row in each column."""
    shown = cv2.erode(empty, _disc(_CLEAR * centimetre))
    shown = cv2.copyMakeBorder(shown, PAD, PAD, PAD, PAD, cv2.BORDER_CONSTANT, value=255)
    gone = cv2.threshold(removed, _COVERED, 255, cv2.THRESH_BINARY)[1]
    gone[PAD:-PAD, PAD:-PAD] = cv2.threshold(removed[PAD:-PAD, PAD:-PAD], 0, 255, cv2.THRESH_BINARY)[1]
    shown = cv2.bitwise_and(shown, cv2.bitwise_not(cv2.dilate(gone, _SQUARE)))
    rows = np.arange(-PAD, SIZE + PAD)[:, None]
    ends = shoulders - _SHOULDER_MARGIN * centimetre
    beyond = np.ones(shown.shape, np.bool_)
    beyond[PAD:-PAD, PAD:-PAD] = False
    # What the parser saw at the crop's edge goes on for a while.
    occupied = cv2.copyMakeBorder(cv2.bitwise_not(empty), PAD, PAD, PAD, PAD, cv2.BORDER_CONSTANT, value=0)
    occupied = _near(occupied, _GOES_ON * centimetre)
    shown[beyond & ((rows > ends) | (occupied > 0))] = 0
    return shown


def _whole(body: np.ndarray, centimetre: float) -> np.ndarray:
    """Neck and clothes uint8 (128, 128) without shreds between strands of hair, and without the gap between the two."""
    disc = _disc(_SHRED * centimetre)
    # The body goes on below the crop.
    longer = cv2.copyMakeBorder(body, 0, len(disc), 0, 0, cv2.BORDER_REPLICATE)
    solid = cv2.morphologyEx(longer, cv2.MORPH_OPEN, disc)[: len(body)]
    near = cv2.min(body, cv2.dilate(solid, _SQUARE))
    return cv2.morphologyEx(near, cv2.MORPH_CLOSE, _disc(_GAP * centimetre))


def _near(mask: np.ndarray, distance: float) -> np.ndarray:
    """255 within so many px of a mask, uint8: for distances at which dilating takes long."""
    far = cv2.distanceTransform(cv2.threshold(mask, 0, 255, cv2.THRESH_BINARY_INV)[1], cv2.DIST_L2, 3)
    return cv2.threshold(far, distance, 255, cv2.THRESH_BINARY_INV)[1].astype(np.uint8)


def _spread_at_half(filmed: np.ndarray, source: np.ndarray) -> np.ndarray:
    side = len(source)
    size = (side // 2, side // 2)
    small = spread(*(cv2.resize(each, size, interpolation=cv2.INTER_NEAREST) for each in (filmed, source)))
    return cv2.resize(small, (side, side), interpolation=cv2.INTER_LINEAR)


def _worn(labels: np.ndarray, covered: np.ndarray, centimetre: float) -> np.ndarray:
    """The things that touch the head, but neither the body nor the crop's edge: uint8 (128, 128). A hand has an arm,
    and a finger's tip a hand, though the parser may miss what is between the two."""
    things = (labels == Label.OCCLUDER).astype(np.uint8)
    if not things.any():
        return np.zeros_like(labels)
    count, blobs = cv2.connectedComponents(cv2.dilate(things, _disc(_FINGER * centimetre)), ltype=cv2.CV_16U)
    blobs[things == 0] = 0
    body = cv2.dilate((_is_neck(labels) | (labels == Label.CLOTH)).astype(np.uint8), np.ones((5, 5), np.uint8))
    cv2.rectangle(body, (0, 0), (SIZE - 1, SIZE - 1), 1, 2)
    worn = np.zeros(count, np.uint8)
    worn[np.unique(blobs[cv2.dilate(covered, _SQUARE) > 0])] = 255
    worn[np.unique(blobs[body > 0])] = 0
    worn[0] = 0
    return worn[blobs]


def _hidden_body(
    labels: np.ndarray, gone: np.ndarray, place: tuple[np.ndarray, float], shoulders: np.ndarray, centimetre: float
) -> tuple[np.ndarray, np.ndarray]:
    """Where what is removed lies before the neck, and where before clothes: bool (P, P) each; place: the chin, (2,),
    and the neck's column.

    The neck goes on above what is seen of it, behind chin and jaw; where nothing is seen of it, above the collar.
    Clothes go on between two of their parts in a row, or one and the neck, and below the shoulders: long hair lies on
    them.
    """
    chin, axis = place
    neck = _is_neck(labels)
    body = neck | (labels == Label.CLOTH)
    height, width = gone.shape
    column = np.broadcast_to(np.arange(width), gone.shape)
    row = np.broadcast_to(np.arange(height)[:, None], gone.shape)
    # Nor does a hand tell what is behind it.
    blind = gone | (labels == Label.OCCLUDER)
    left = np.maximum.accumulate(np.where(blind, 0, column), axis=1)
    right = np.minimum.accumulate(np.where(blind, width - 1, column)[:, ::-1], axis=1)[:, ::-1]
    below = np.minimum.accumulate(np.where(blind, height - 1, row)[::-1], axis=0)[::-1]
    hair = labels == Label.HAIR
    aside = np.abs(column - chin[0]) / centimetre
    # Hair beside a neck that is seen hangs before something else; a chin always hides the neck, or the collar.
    beside = hair if neck.sum() > centimetre**2 else np.zeros_like(gone)
    # Below the ears the neck reaches up far, behind the jaw; below the chin of a turned head it does not.
    before_neck, before_body = (np.take_along_axis(each, below, 0) for each in (neck, body))
    above = np.where(before_neck, (aside < _NECK_CORE) | ~hair, before_body & (aside < _NECK_HALF) & ~beside)
    reach = np.where(np.abs(column - axis) < _NECK_HALF * centimetre, _NECK_REACH, _NECK_BESIDE) * centimetre
    above &= gone & (below - row < reach)
    if neck.sum() > centimetre**2:
        # Of a neck between curtains of hair, or behind a hand, more is hidden than its middle.
        hiding = hair | np.take_along_axis(blind, below, 0)
        slim = np.sqrt(np.clip(1 - ((column - axis) / (_SLIM * centimetre)) ** 2, 0, 1))
        foot = shoulders + slim * _FOOT * centimetre
        above |= gone & hiding & (slim > 0) & (row > chin[1] - _NECK_REACH * centimetre) & (row < foot)
    between = gone & np.take_along_axis(body, left, 1) & np.take_along_axis(body, right, 1)
    return above, (between | gone & (row > shoulders)) & ~above


def _shoulders(cloth: np.ndarray, axis: float, chin: float, centimetre: float) -> np.ndarray:
    """Below which row shoulders are, in each column, float32 (192,), where long hair hides them.

    The crop is the middle. They fall off from the neck, at `axis`, to the sides: fast at first, then by a quarter, and
    end where arms begin. How high they are is seen at clothes beside the neck, or else guessed from the chin's row.
    """
    aside = np.abs(np.arange(-PAD, SIZE + PAD) - axis) / centimetre
    falling = np.maximum(aside - _NECK_HALF, 0) * _FALL + np.maximum(aside - _ARM, 0) * _ARM_FALL
    falling -= _RISE * np.clip((_SLOPE - aside) / (_SLOPE - _SLIM), 0, 1) ** 2
    falling *= centimetre
    inside = slice(PAD, PAD + SIZE)
    top = np.where(cloth.any(0), cloth.argmax(0), SIZE) - falling[inside]
    seen = cloth.any(0) & (aside[inside] > _NECK_HALF) & (top > chin)
    height = float(np.median(top[seen])) if seen.sum() > centimetre else chin + _SHOULDERS * centimetre
    return np.asarray(height + falling, np.float32)


def _is_neck(labels: np.ndarray) -> np.ndarray:
    return np.asarray((labels == Label.NECK) | (labels == Label.NECKLACE))


def _disc(radius: float) -> np.ndarray:
    side = 2 * max(1, round(radius)) + 1
    return cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (side, side))
