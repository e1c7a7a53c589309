"""What goes with the performer's head, and what of it had the body behind it: masks in the parser's crop."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace

import cv2
import numpy as np

from deepfake_core.compositing import shoulders
from deepfake_core.compositing.hair import Hair, beyond
from deepfake_core.compositing.masks import PAD, SIZE, SQUARE, WIDE, Parsed, wide, widened
from deepfake_core.parsing.classes import Label
from deepfake_core.parsing.parsing import Parsing

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
_BELOW_CHIN = 2.0
"""cm below the chin at which the face has ended, whatever the expression."""
_LONG_HAIR = 0.3
"""cm2 of hair below the chin from which it is long."""
_SHADING = 5.0
"""cm2 of it from which it shades the neck; twice as much surely does."""
_GOES_ON = 6.0
"""cm beyond the crop in which what leaves it may go on to the side."""
_SHOULDER_MARGIN = 2.0
"""cm above the shoulders, whose height beyond the crop is a guess."""
_STILL = 1.0
"""px of the masks: a head that has moved less since it was parsed is where it was."""


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
    chest: np.ndarray
    """(192, 192): where bare skin shows below the crop, under long hair."""
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
        padded = wide(way)
        padded[:, 2] += PAD
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


def removal(
    parsing: Parsing, points: np.ndarray, centimetre: float, film: Callable[[], np.ndarray] | None = None
) -> Removal:
    """The masks of one parsing.

    points: float (468, >= 2), the landmarks, px of the parser's crop; centimetre: of the head, px of the crop; film:
    gives uint8 (192, 192, 3), what the camera sees there, the crop in its middle: asked for where hair is long or
    something leaves the crop, it tells hair that the parser missed, clothes like the hair, and where hair and neck end.
    """
    parsed = Parsed.of(parsing, points, centimetre)
    labels = parsed.labels
    head, seen_neck = (
        cv2.resize(each, (SIZE, SIZE), interpolation=cv2.INTER_AREA) for each in (parsing.head, parsing.neck)
    )
    empty = 255 * parsed.only(Label.BACKGROUND)
    covered = cv2.threshold(head, _COVERED, 255, cv2.THRESH_BINARY)[1]
    # Below the chin there is hair, but no face: what is taken for skin there is a hand.
    low = parsed.below_chin(_BELOW_CHIN)
    covered[low:][labels[low:] != Label.HAIR] = 0
    # Of a raised head's throat the parser takes a part for its face.
    aside = np.abs(np.arange(SIZE) - parsed.chin[0])
    throat = (labels == Label.SKIN) & (aside < shoulders.NECK_HALF * parsed.centimetre)
    throat[:low] = False
    labels[throat] = Label.NECK
    worn = _worn(parsed, covered)
    covered = cv2.max(covered, worn)
    tainted = strands = np.zeros_like(covered)
    chest, bare = np.zeros((WIDE, WIDE), np.uint8), np.zeros(SIZE, np.bool_)
    hair_below = parsed.share(int(np.count_nonzero(labels[parsed.below_chin() :] == Label.HAIR)))
    long = hair_below > _LONG_HAIR
    leaves = bool(covered[-1].any() or covered[:, [0, -1]].any() or parsed.neck[-1].any())
    around = film() if film is not None and (long or leaves) else None
    hair = None if around is None else Hair(parsed, around)
    if hair is not None and long:
        tips = hair.taken_for_a_thing()
        worn, covered = cv2.max(worn, tips), cv2.max(covered, tips)
        missed, tainted = hair.missed(covered)
        covered = cv2.max(covered, missed)
        labels[cv2.max(missed, tips) > 0] = Label.HAIR
        strands = hair.strands(covered)
        if hair_below > _SHADING:
            on_neck, chest, bare = hair.on_neck(covered)
            covered = cv2.max(covered, on_neck)
    # Neck and clothes shall stay sharp; there only a pixel's rim of hair goes too.
    wisps = cv2.bitwise_and(cv2.dilate(covered, parsed.disc(_WISPS)), empty)
    removed = cv2.max(wisps, cv2.dilate(covered, SQUARE))
    tainted = cv2.dilate(tainted, SQUARE)
    background = cv2.erode(cv2.bitwise_and(empty, cv2.bitwise_not(covered)), parsed.disc(_MARGIN))
    background = cv2.subtract(background, tainted)
    # Nothing is known beyond the crop.
    cv2.rectangle(background, (0, 0), (SIZE - 1, SIZE - 1), 0)
    rows = shoulders.shoulder_rows(parsed)
    # Behind hair that the parser took for background is that.
    above, between = shoulders.hidden(parsed, (covered > 0) & (empty == 0), rows[PAD:-PAD], bare)
    # With what is seen of each, so that no soft edge lies between the two.
    neck, clothes = (
        cv2.blur(each.astype(np.uint8) * 255, (3, 3))
        for each in (above | parsed.neck, between | (labels == Label.CLOTH))
    )
    if hair is not None and long:
        hair.keep_on_clothes(removed, between)
    # On the neck nothing but a gradual change hides where a chin or a beard ended. Where it ends beside what is behind
    # it its own edge stays.
    fade = parsed.disc(_NECK_FADE)
    fading = cv2.blur(cv2.blur(cv2.dilate(covered, fade), fade.shape), fade.shape)
    inside = cv2.blur(cv2.erode(cv2.max(seen_neck, covered), fade), fade.shape)
    shown = cv2.max(cv2.blur(removed, (3, 3)), cv2.min(fading, cv2.min(seen_neck, inside)))
    alike = hair.alike() if hair is not None and hair.seen else None
    gone = beyond(shown, alike, rows, bare, parsed.centimetre)
    return Removal(
        gone,
        background,
        _visible(cv2.subtract(empty, tainted), gone, rows, parsed),
        neck,
        clothes,
        shoulders.body_beyond(cv2.max(neck, clothes), parsed, rows),
        # With its soft rim.
        cv2.dilate(worn, parsed.disc(_WORN_RIM)),
        shoulders.toned(cv2.max(neck, seen_neck), parsed, around),
        strands,
        chest,
        float(np.clip(hair_below / _SHADING - 1, 0, 1)),
    )


def _worn(parsed: Parsed, covered: np.ndarray) -> np.ndarray:
    """The things that touch the head, but neither the body nor the crop's edge: uint8 (128, 128). A hand has an arm,
    and a finger's tip a hand, though the parser may miss what is between the two."""
    things = parsed.only(Label.OCCLUDER)
    if not things.any():
        return things
    count, blobs = cv2.connectedComponents(cv2.dilate(things, parsed.disc(_FINGER)), ltype=cv2.CV_16U)
    blobs[things == 0] = 0
    body = cv2.dilate(parsed.only(Label.NECK, Label.NECKLACE, Label.CLOTH), np.ones((5, 5), np.uint8))
    cv2.rectangle(body, (0, 0), (SIZE - 1, SIZE - 1), 1, 2)
    worn = np.zeros(count, np.uint8)
    worn[np.unique(blobs[cv2.dilate(covered, SQUARE) > 0])] = 255
    worn[np.unique(blobs[body > 0])] = 0
    worn[0] = 0
    return worn[blobs]


def _visible(empty: np.ndarray, removed: np.ndarray, shoulder_rows: np.ndarray, parsed: Parsed) -> np.ndarray:
    """`Removal.visible`; empty: uint8 (128, 128), the parsed background; removed: uint8 (192, 192); shoulder_rows:
    float32 (192,)."""
    shown = widened(cv2.erode(empty, parsed.disc(_CLEAR)), 255)
    gone = cv2.threshold(removed, _COVERED, 255, cv2.THRESH_BINARY)[1]
    gone[PAD:-PAD, PAD:-PAD] = cv2.threshold(removed[PAD:-PAD, PAD:-PAD], 0, 255, cv2.THRESH_BINARY)[1]
    shown = cv2.bitwise_and(shown, cv2.bitwise_not(cv2.dilate(gone, SQUARE)))
    rows = np.arange(-PAD, SIZE + PAD)[:, None]
    ends = shoulder_rows - _SHOULDER_MARGIN * parsed.centimetre
    beyond = np.ones(shown.shape, np.bool_)
    beyond[PAD:-PAD, PAD:-PAD] = False
    # What the parser saw at the crop's edge goes on for a while.
    occupied = parsed.near(widened(cv2.bitwise_not(empty)), _GOES_ON)
    shown[beyond & ((rows > ends) | (occupied > 0))] = 0
    return shown
