"""Glasses that stay on: their frame and reflections, found by their contrast to the skin."""

from __future__ import annotations

import cv2
import numpy as np

from deepfake_core.compositing.view import FaceView, after, resized, square_element, warped
from deepfake_core.facemesh import topology
from deepfake_core.swapping.regions import fill_hull

_EYES = (np.array(topology.RIGHT_EYE), np.array(topology.LEFT_EYE))
_BROWS_AND_EYES = (
    np.array([*topology.RIGHT_EYEBROW, *topology.RIGHT_EYE]),
    np.array([*topology.LEFT_EYEBROW, *topology.LEFT_EYE]),
)
_CHANNELS = np.array([[0.25, 0.4, 0.35]], np.float32)
_EYE_MARGIN = 0.35
"""cm around brows and lids in which nothing is learned of a frame's width and no reflection is looked for."""
_LID_MARGIN = 0.12
"""cm around the lids' opening in which no frame is looked for."""
_WIDEST = 0.9
"""cm inside the glasses' outline: no frame is wider."""
_USUAL = 0.4
"""cm: its width until it is known."""
_SOFT = 2.5
"""px: its inner edge is soft."""
_BEYOND = 0.12
"""cm outside the outline: how far off it may be."""
_SURROUNDINGS = 0.5
"""cm: the skin so near says how bright it is behind the frame."""
_PLAIN = 0.3
"""Up to this difference to the driver's light, as a share of it, a pixel shows skin."""
_CONTRAST = 0.25
"""Difference to the skin, as a share of its light, from which something at the rim of glasses is their frame."""
_LEAST_SHARE = 0.4
"""Mean share of the frame in a layer along the outline from which on there is one."""
_FALL = 0.6
"""Up to where the share is this part of the most, it reaches inwards."""
_LEAST_SEEN = 0.1
"""Part of the longest layer that must be seen of another."""
_PARTLY = 0.45
"""Share from which a pixel at the rim tells whether the frame is darker than the skin."""
_AT_ODDS, _AGREED = 0.4, 0.7
"""How much more of it is the one than the other: up to here no frame is seen, from here one surely."""
_DARK = 0.45
"""Brightness through a lens, as a share of the skin's: below it the glasses are dark and stay whole."""
_GLINT = 1.35
"""Brightness on a lens, as a share of the skin's, from which it is a reflection."""
_STEADY_SECONDS = 0.5


class FilmedGlasses:
    """Finds what of one performer's glasses stays before the drawn face, steady over time."""

    def __init__(self) -> None:
        self._dark = 0.0
        self._clear = 1.0
        self._width = _USUAL
        self._seconds = float("-inf")

    def add(self, shown: np.ndarray, whole: np.ndarray, view: FaceView, light: np.ndarray) -> None:
        """Add frame and reflections to `shown`, in place; dark glasses are whole.

        A frame is darker than the skin, or it is lighter. What is both, here and there, is clear plastic, of which only
        shreds are found: nothing of it stays.

        shown, whole: uint8 (h, w) of the box; whole: glasses with their lenses; light: float32 (32, 32, 3) over the
        drawn square, the skin's levels.
        """
        unit = view.pixels_per_centimetre
        x, y, width, height = cv2.boundingRect(whole)
        if not width:
            return
        margin = round(_BEYOND * unit) + 2
        part = slice(max(0, y - margin), y + height + margin), slice(max(0, x - margin), x + width + margin)
        glasses = whole[part]
        eyes, around_eyes = self._eyes(view, part, glasses.shape)
        light_share = self._light_share(view, part, light)
        inside = cv2.threshold(glasses, 127, 255, cv2.THRESH_BINARY)[1]
        depth = cv2.distanceTransform(inside, cv2.DIST_L2, 3)
        step = self._step(view.seconds)
        share, against_skin = _share_of_frame(light_share, unit)
        self._watch_width(share, depth, around_eyes, unit, step)
        rim = (depth > 0) & (depth <= self._width * unit + 1)
        self._watch_frame(against_skin[rim & (share > _PARTLY)], step)
        light_share = cv2.cvtColor(light_share, cv2.COLOR_BGR2GRAY)
        lenses = np.where(depth > (self._width + _BEYOND) * unit, np.uint8(255), np.uint8(0))
        self._watch_lenses(light_share, lenses, step)
        # What lies further inside than the frame is wide is the performer's brow or lid, however dark.
        inner = np.clip(np.float32(self._width * unit + _SOFT) - depth, 0, 1)
        # The outline is soft, and what is half frame must not count a quarter.
        kept = share * inner * cv2.subtract(cv2.dilate(glasses, square_element(1)), eyes)
        brighter = (np.sqrt(light_share) - np.float32(_GLINT)) * np.float32(2.5)
        # Over eyes and lids the white of the eye would pass for a reflection.
        kept = np.maximum(kept, np.clip(brighter, 0, 1) * cv2.subtract(lenses, around_eyes))
        kept *= np.float32(self._clear)
        kept += np.float32(self._dark) * np.maximum(glasses - kept, 0)
        np.maximum(shown[part], kept.astype(np.uint8), out=shown[part])

    def _step(self, seconds: float) -> float:
        since, self._seconds = seconds - self._seconds, seconds
        return float(1.0 - np.exp(-since / _STEADY_SECONDS)) if since >= 0 else 1.0

    def _eyes(self, view: FaceView, part: tuple[slice, slice], shape: tuple[int, ...]) -> tuple[np.ndarray, np.ndarray]:
        """The lids' openings, and brows and eyes, each with its margin: uint8 `shape`."""
        corner = np.array([part[1].start, part[0].start])
        masks = []
        for groups, margin in ((_EYES, _LID_MARGIN), (_BROWS_AND_EYES, _EYE_MARGIN)):
            mask: np.ndarray = np.zeros(shape, np.uint8)
            for group in groups:
                fill_hull(mask, view.points[group, :2] - corner)
            masks.append(cv2.dilate(mask, square_element(max(1, round(margin * view.pixels_per_centimetre)))))
        return masks[0], masks[1]

    def _light_share(self, view: FaceView, part: tuple[slice, slice], light: np.ndarray) -> np.ndarray:
        """Light of the picture against that of plain skin in its place: float32 (h, w, 3) BGR.

        Light mixes by its squared levels, see `seam.for_levels`.
        """
        filmed = view.region[part]
        moved = after(np.array([[1.0, 0, -part[1].start], [0, 1.0, -part[0].start]]), view.drawn_to_box)
        to_part = resized(moved, len(view.drawn.face_matte) / len(light))
        behind = warped(np.maximum(light, np.float32(1.0)), to_part, filmed.shape[1::-1], repeat=True)
        ratio = cv2.divide(filmed, behind, dtype=cv2.CV_32F)
        return np.asarray(cv2.multiply(ratio, ratio), np.float32)

    def _watch_lenses(self, light_share: np.ndarray, lenses: np.ndarray, step: float) -> None:
        """How surely the lenses are dark, 0..1, followed slowly: it must not flip from frame to frame."""
        inside = light_share[lenses > 127]
        if len(inside) >= 16:
            target = float(np.clip((_DARK - np.sqrt(np.median(inside))) / 0.1 + 0.5, 0, 1))
            self._dark += step * (target - self._dark)

    def _watch_frame(self, against_skin: np.ndarray, step: float) -> None:
        """How surely a frame is seen, 0..1, followed slowly; against_skin: (n,), its light against the skin's."""
        if len(against_skin) >= 16:
            agreed = abs(2 * float((against_skin < 1).mean()) - 1)
            target = float(np.clip((agreed - _AT_ODDS) / (_AGREED - _AT_ODDS), 0, 1))
            self._clear += step * (target - self._clear)

    def _watch_width(
        self, share: np.ndarray, depth: np.ndarray, around_eyes: np.ndarray, unit: float, step: float
    ) -> None:
        """The frame's width in cm, followed slowly, where no brow can be taken for it."""
        used = (depth > 0) & (depth < _WIDEST * unit) & (around_eyes == 0)
        layers = np.round(depth[used]).astype(np.int64)
        if not len(layers):
            return
        counts = np.bincount(layers, minlength=2)
        means = np.where(counts >= _LEAST_SEEN * counts.max(), np.bincount(layers, share[used], 2), 0)
        means /= np.maximum(counts, 1)
        strongest = int(means.argmax())
        if means[strongest] >= _LEAST_SHARE:
            less = np.append(means[strongest:] < _FALL * means[strongest], True)
            width = strongest + int(less.argmax()) - 1
            self._width += step * (width / unit - self._width)


def _share_of_frame(light_share: np.ndarray, unit: float) -> tuple[np.ndarray, np.ndarray]:
    """How much of each pixel is no skin, float32 (h, w), 0..1: of the contrast that what is near has to the skin.

    And its brightness against the skin near it, float32 (h, w).
    """
    # The light is smooth; next to a nose, and behind a lens, the skin is another.
    grey = cv2.cvtColor(light_share, cv2.COLOR_BGR2GRAY)
    weight = (np.abs(grey - np.float32(1.0)) < _PLAIN).astype(np.float32)
    kernel = (2 * max(1, round(_SURROUNDINGS * unit)) + 1,) * 2
    prior = np.float32(0.02)
    skin = (cv2.blur(light_share * cv2.merge([weight] * 3), kernel) + prior) / cv2.merge(
        [cv2.blur(weight, kernel) + prior] * 3
    )
    # A frame of the skin's brightness has another colour.
    against_skin = cv2.divide(light_share, skin)
    contrast = cv2.transform(cv2.absdiff(against_skin, np.ones_like(skin)), _CHANNELS)
    strongest = np.maximum(cv2.dilate(contrast, square_element(2)), np.float32(0.55))
    share = (contrast - np.float32(0.05)) / np.maximum(strongest - np.float32(0.1), np.float32(0.1))
    share *= np.clip((strongest - np.float32(_CONTRAST)) * np.float32(5.0), 0, 1)
    return np.clip(share, 0, 1), cv2.cvtColor(against_skin, cv2.COLOR_BGR2GRAY)
