"""Neck and shoulders behind what goes with the performer's head: where they are, and what tone the neck takes."""

from __future__ import annotations

import cv2
import numpy as np

from deepfake_core.compositing.masks import PAD, SIZE, SQUARE, Parsed, widened
from deepfake_core.parsing.classes import Label

_SHOULDERS = 4.5
"""cm from the chin down to shoulders of which nothing is seen."""
_FALL = 0.25
"""Slope of shoulders."""
_SLOPE, _RISE = 9.0, 2.5
"""cm from the neck's middle from which shoulders rise towards it, and by how much they do."""
_ARM, _ARM_FALL = 17.0, 1.2
"""cm from the neck's middle at which shoulders end, and the slope from there on."""
NECK_HALF = 5.5
"""Half the width of a neck, cm."""
SLIM = 4.6
"""Half the width of the slimmest neck: what hair hides of it so far to the side is neck."""
_FOOT = 4.0
"""How far the neck's foot reaches down between shoulders that hair hides, cm."""
_NECK_CORE = 4.4
"""cm from the chin to the side in which hair surely hangs before a neck that is seen below it."""
_NECK_REACH = 6.0
"""How far up behind the chin the neck goes on, cm."""
_TAPER = 0.35
"""How much slimmer on each side it becomes there."""
_NECK_BESIDE = 2.5
"""The same further to the side than a neck is wide."""
_TONED_FROM, _TONED_TO = 5.0, 10.0
"""cm below the chin over which the new head's tone passes into the performer's own."""
_SHRED = 0.6
"""Half the width in cm of what is too thin for a body."""
_GAP = 1.0
"""Half the width in cm of the widest gap that is closed between neck and clothes, or in either."""
_COLLAR = 1.5
"""cm above the crop's end at which a neck must have ended to take that tone as a whole."""
_RIM = 4
"""Rows at the crop's end in which the parser is not asked."""
_NECK_BEYOND = 4.0
"""cm below the crop over which the new head's tone ends on a neck that goes on there."""
_ALONG = 9
"""Columns over which the neck's colour at the crop's end is averaged."""
_OTHER, _BRIGHTER, _DARKER = 0.4, 1.1, 0.6
"""Spread of the three channels' ratios to the neck's levels from which something is no skin of it; and how much
brighter and darker it may be."""
_HALF = 127
_LEAST = 8
"""Levels of the neck's matte that are the parser's doubt about clothes."""


def shoulder_rows(parsed: Parsed) -> np.ndarray:
    """Below which row shoulders are, in each column, float32 (192,), where long hair hides them.

    The crop is the middle. They fall off from the neck to the sides: fast at first, then by a quarter, and end where
    arms begin. How high they are is seen at clothes beside the neck, or else guessed from the chin's row.
    """
    cloth, centimetre = parsed.labels == Label.CLOTH, parsed.centimetre
    aside = np.abs(np.arange(-PAD, SIZE + PAD) - parsed.axis) / centimetre
    falling = np.maximum(aside - NECK_HALF, 0) * _FALL + np.maximum(aside - _ARM, 0) * _ARM_FALL
    falling -= _RISE * np.clip((_SLOPE - aside) / (_SLOPE - SLIM), 0, 1) ** 2
    falling *= centimetre
    inside = slice(PAD, PAD + SIZE)
    top = np.where(cloth.any(0), cloth.argmax(0), SIZE) - falling[inside]
    seen = cloth.any(0) & (aside[inside] > NECK_HALF) & (top > parsed.chin[1])
    height = float(np.median(top[seen])) if seen.sum() > centimetre else parsed.chin[1] + _SHOULDERS * centimetre
    return np.asarray(height + falling, np.float32)


def hidden(parsed: Parsed, gone: np.ndarray, shoulders: np.ndarray, bare: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Where what is removed lies before the neck, and where before clothes: bool (128, 128) each.

    gone: bool (128, 128); shoulders: float32 (128,), their rows; bare: bool (128,), in which columns bare skin shows
    below hair that leaves the crop.

    The neck goes on above what is seen of it, behind chin and jaw; where nothing is seen of it, above the collar.
    Clothes go on between two of their parts in a row, or one and the neck, and below the shoulders: long hair lies on
    them.
    """
    labels, chin, axis, centimetre = parsed.labels, parsed.chin, parsed.axis, parsed.centimetre
    neck = parsed.neck
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
    beside = hair if parsed.share(neck.sum()) > 1 else np.zeros_like(gone)
    # Below the ears the neck reaches up far, behind the jaw; below the chin of a turned head it does not.
    before_neck, before_body = (np.take_along_axis(each, below, 0) for each in (neck, body))
    above = np.where(before_neck, (aside < _NECK_CORE) | ~hair, before_body & (aside < NECK_HALF) & ~beside)
    reach = np.where(np.abs(column - axis) < NECK_HALF * centimetre, _NECK_REACH, _NECK_BESIDE) * centimetre
    above |= bare & gone[-1] & (below == height - 1) & (row > shoulders)
    above &= gone & (below - row < reach)
    above &= _tapered(neck, axis, centimetre)
    if parsed.share(neck.sum()) > 1:
        # Of a neck between curtains of hair, or behind a hand, more is hidden than its middle.
        hiding = hair | np.take_along_axis(blind, below, 0)
        slim = np.sqrt(np.clip(1 - ((column - axis) / (SLIM * centimetre)) ** 2, 0, 1))
        foot = shoulders + slim * _FOOT * centimetre
        above |= gone & hiding & (slim > 0) & (row > chin[1] - _NECK_REACH * centimetre) & (row < foot)
    # Between columns that tell something there are some that do not.
    slits = np.ones((1, len(parsed.disc(_GAP))), np.uint8)
    above = gone & (cv2.morphologyEx((above | neck).astype(np.uint8), cv2.MORPH_CLOSE, slits) > 0)
    between = gone & np.take_along_axis(body, left, 1) & np.take_along_axis(body, right, 1)
    return above, (between | gone & (row > shoulders)) & ~above


def _tapered(neck: np.ndarray, axis: float, centimetre: float) -> np.ndarray:
    """Where a neck may go on above what is seen of it: bool (128, 128): on each side it becomes slimmer upwards from
    where it comes out from behind the jaw."""
    row, column = np.indices(neck.shape)
    allowed = np.ones(neck.shape, np.bool_)
    for side in (-1, 1):
        aside = side * (column - axis)
        widest = np.where(neck, aside, 0).max(1)
        rows = np.flatnonzero(widest > 0)
        if len(rows):
            top = rows[0]
            width = widest[top : top + round(centimetre / 2) + 1].max() - _TAPER * (top - row)
            allowed &= (row >= top) | (aside < np.maximum(width, SLIM * centimetre))
    return allowed


def body_beyond(body: np.ndarray, parsed: Parsed, shoulders: np.ndarray) -> np.ndarray:
    """The body, uint8 (192, 192), from neck and clothes in the crop, uint8 (128, 128): it goes on downwards, and below
    the shoulders; without shreds between strands of hair, and without the gap between the two."""
    disc = parsed.disc(_SHRED)
    longer = cv2.copyMakeBorder(body, 0, len(disc), 0, 0, cv2.BORDER_REPLICATE)
    solid = cv2.morphologyEx(longer, cv2.MORPH_OPEN, disc)[: len(body)]
    near = cv2.min(body, cv2.dilate(solid, SQUARE))
    closed = cv2.morphologyEx(near, cv2.MORPH_CLOSE, parsed.disc(_GAP))
    wide = cv2.copyMakeBorder(closed, PAD, 0, PAD, PAD, cv2.BORDER_CONSTANT, value=0)
    wide = cv2.copyMakeBorder(wide, 0, PAD, 0, 0, cv2.BORDER_REPLICATE)
    shoulders = shoulders.copy()
    for side, beyond in ((0, slice(0, PAD)), (SIZE - 1, slice(PAD + SIZE, None))):
        # Higher ones that are known at the crop's side go on from there.
        known = np.flatnonzero(closed[:, side] > _HALF)
        if len(known):
            shoulders[beyond] += min(0.0, known[0] - shoulders[PAD + side])
    low = np.clip(128 + 100 * (np.arange(-PAD, SIZE + PAD, dtype=np.float32)[:, None] - shoulders), 0, 255)
    low[PAD:-PAD, PAD:-PAD] = 0
    return cv2.max(wide, low.astype(np.uint8))


def toned(neck: np.ndarray, parsed: Parsed, filmed: np.ndarray | None) -> np.ndarray:
    """How much of the new head's tone the neck takes: uint8 (192, 192): all where it ends at a collar in view, else
    less and less downwards.

    neck: uint8 (128, 128); filmed: uint8 (192, 192, 3), or None where nothing is known beyond the crop: there it fades
    out, on what looks like the neck at the crop's end.
    """
    centimetre = parsed.centimetre
    below = (np.arange(SIZE, dtype=np.float32)[:, None] - np.float32(parsed.chin[1])) / np.float32(centimetre)
    height = (below - np.float32(_TONED_FROM)) / np.float32(_TONED_TO - _TONED_FROM)
    # Of a neck that ends at a collar in view nothing keeps the performer's tone.
    across = np.count_nonzero(parsed.neck, axis=1) > centimetre
    last = int(np.flatnonzero(across).max(initial=0))
    whole = np.clip((SIZE - _RIM - last) / (_COLLAR * centimetre), 0.0, 1.0)
    share = (neck * np.clip(1.0 - height, whole, 1.0)).astype(np.uint8)
    wide = widened(cv2.threshold(share, _LEAST, 255, cv2.THRESH_TOZERO)[1])
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
