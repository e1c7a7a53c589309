"""The views that an identity's template is baked from, chosen from a person's own video and freed of its light."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import cv2
import numpy as np

from deepfake_core.facemesh.iris import IrisNetwork
from deepfake_core.frame import Frame
from deepfake_core.parsing.classes import FACE, Label
from deepfake_core.swapping import light
from deepfake_core.swapping.alignment import CROP_CENTIMETRES, crop_transform
from deepfake_core.training import baking
from deepfake_core.training.coverage import Part, Traits
from deepfake_core.training.identity_views import EYES_SHUT, FRONT, MOUTH_OPEN, BakedHead
from deepfake_core.training.own_video import SIDE, OwnFrame, VideoUnusable

_FACE_YAWS = (-60, -45, -30, -15, 0, 15, 30, 45, 60)
_HEAD_YAWS = (-60, -40, -20, 0, 20, 40, 60)
_PITCHES = (-18, 18)
_REACH = 9.0
"""Degrees within which a frame stands for a pose asked for."""
_OPEN_MOUTH, _SHUT_EYES = 8.0, 2.0
"""What they count for against sharpness, 1 as usual, and a pose that is just within reach."""
_LEAST_MOUTH = 60
_SHUTTING = (0.95, 0.7)
"""Shares of the usual opening at which an eye is open, and shut."""
_LIGHT_SIZE = 192
_GAP = np.ones((11, 11), np.uint8)
_FRINGE = 0.08
"""How far the head's matte is drawn in, where the parser's soft border shows the background."""


def skin_light(frame: OwnFrame) -> tuple[np.ndarray, np.ndarray]:
    """The light on a face, float32 (32, 32, 3), and where it was measured: px of the frame's picture to px of a crop
    of 192 px, float64 (2, 3)."""
    to_crop = crop_transform(frame.pose(), _LIGHT_SIZE, CROP_CENTIMETRES)
    size = (_LIGHT_SIZE, _LIGHT_SIZE)
    crop = cv2.warpAffine(frame.bgr(), to_crop, size, flags=cv2.INTER_AREA, borderMode=cv2.BORDER_REPLICATE)
    skin = cv2.warpAffine(frame.labelled((Label.SKIN, Label.NOSE)), to_crop, size).astype(np.float32) / 255.0
    return light.measure(crop, skin), to_crop


def lit_square(measured: np.ndarray, to_crop: np.ndarray) -> np.ndarray:
    """A light from `skin_light` over the whole picture of a frame, float32 (SIDE, SIDE, 3)."""
    fine = light.enlarge(measured, _LIGHT_SIZE)
    flags = cv2.INTER_LINEAR | cv2.WARP_INVERSE_MAP
    spread = cv2.warpAffine(fine, to_crop, (SIDE, SIDE), flags=flags, borderMode=cv2.BORDER_REPLICATE)
    return np.maximum(spread, 1.0).astype(np.float32)


def usual_tone(frames: Sequence[OwnFrame]) -> np.ndarray:
    """The skin's colour in this video, float32 (3,) BGR, over frames from its whole length."""
    tones = []
    for frame in frames[:: max(1, len(frames) // 40)]:
        skin = frame.labelled((Label.SKIN, Label.NOSE)) > 0
        if skin.any():
            tones.append(np.median(frame.bgr()[skin].astype(np.float32), axis=0))
    return np.median(np.array(tones), axis=0).astype(np.float32)


def flattened(frame: OwnFrame, tone: np.ndarray) -> np.ndarray:
    """The picture as if under even white light: uint8 (SIDE, SIDE, 3)."""
    even = frame.bgr().astype(np.float32) / lit_square(*skin_light(frame)) * tone
    return np.clip(np.round(even), 0, 255).astype(np.uint8)


def choose_views(frames: Sequence[OwnFrame], seen: Traits, found: Sequence[Part]) -> dict[str, baking.View]:
    """The views to bake, named as `identity_views.bake_head` wants them; raises VideoUnusable."""
    missing = [part for part in found if part.required and not part.covered]
    if missing:
        raise VideoUnusable(
            f"The video does not show: {', '.join(part.name for part in missing)}. Record it again, and: "
            + " ".join(part.sentence for part in missing)
        )
    tone = usual_tone(frames)
    irises = IrisNetwork(threads=1, provider="cpu")
    by_name = {part.name: part for part in found}

    def best(score: np.ndarray, among: np.ndarray) -> int:
        return int(np.argmax(np.where(among, score, -np.inf)))

    sharp = seen.sharpness / np.median(seen.sharpness)
    straight = np.where(np.isfinite(seen.gaze), seen.gaze, 45.0) / 10.0 + np.abs(seen.yaw) / 8 + np.abs(seen.pitch) / 12
    chosen = {
        FRONT: best(sharp + np.minimum(seen.eyes, 1.0) - 8 * seen.mouth - straight, by_name["front"].chosen),
        MOUTH_OPEN: best(3 * seen.mouth + 2 * _teeth(frames) - np.abs(seen.yaw) / 12, by_name["mouth open"].chosen),
        EYES_SHUT: best(-3 * seen.eyes + 0.3 * sharp - np.abs(seen.yaw) / 20, by_name["eyes shut"].chosen),
    }
    poses = [(yaw, 0) for yaw in _FACE_YAWS] + [(0, pitch) for pitch in _PITCHES]
    for yaw, pitch in poses:
        index = _nearest(seen, sharp, yaw, pitch)
        if index is not None and index not in chosen.values():
            chosen[f"face {yaw:+d} {pitch:+d}"] = index
    views = {name: _view(frames[index], tone, irises, whole=False) for name, index in chosen.items()}
    taken: set[int] = set()
    for yaw, pitch in [(yaw, 0) for yaw in _HEAD_YAWS] + [(0, pitch) for pitch in _PITCHES]:
        index = _nearest(seen, sharp, yaw, pitch)
        if index is not None and index not in taken:
            taken.add(index)
            views[f"head {yaw:+d} {pitch:+d}"] = _view(frames[index], tone, irises, whole=True)
    if not taken:
        views["head"] = _view(frames[chosen[FRONT]], tone, irises, whole=True)
    if views[FRONT].iris is None:
        raise VideoUnusable(
            "The eyes are not seen when the face looks into the camera; record it again without glasses."
        )
    return views


def _teeth(frames: Sequence[OwnFrame]) -> np.ndarray:
    """How bright the brightest of what the open mouths show is, 0..1: teeth, if there are any. float64 (N,)."""
    found = np.zeros(len(frames))
    for index, frame in enumerate(frames):
        inside = frame.labels == Label.MOUTH
        if np.count_nonzero(inside) > _LEAST_MOUTH:
            found[index] = np.quantile(frame.bgr()[..., 0][inside], 0.85) / 255.0
    return found


def _nearest(seen: Traits, sharp: np.ndarray, yaw: float, pitch: float) -> int | None:
    """The frame that shows this pose best, mouth shut and eyes open, or None."""
    away = np.hypot(seen.yaw - yaw, seen.pitch - pitch)
    if away.min() > _REACH:
        return None
    calm = -_OPEN_MOUTH * np.maximum(seen.mouth - 0.05, 0.0) - _SHUT_EYES * np.maximum(0.7 - seen.eyes, 0.0)
    return int(np.argmax(np.where(away < _REACH, sharp + calm - away / _REACH, -np.inf)))


def _view(frame: OwnFrame, tone: np.ndarray, irises: IrisNetwork, *, whole: bool) -> baking.View:
    read = irises.read(Frame.from_bgr(frame.bgr()), frame.landmarks)
    return baking.View(
        flattened(frame, tone),
        # Small gaps, as between the lips, are face as well.
        cv2.morphologyEx(frame.labelled(FACE if whole else (*FACE, Label.NECK)), cv2.MORPH_CLOSE, _GAP),
        frame.landmarks,
        None if read is None else read.iris,
        head_matte(frame) if whole else None,
        frame.labelled((Label.HAIR,)) if whole else None,
        baking.lips(*(frame.labels == part for part in (Label.MOUTH, Label.UPPER_LIP, Label.LOWER_LIP))),
    )


def head_matte(frame: OwnFrame) -> np.ndarray:
    """The head's matte without the background's colour at its border, uint8 (SIDE, SIDE)."""
    drawn_in = np.clip((frame.matte.astype(np.float32) / 255.0 - _FRINGE) / (1 - 2 * _FRINGE), 0.0, 1.0)
    return np.round(drawn_in * 255.0).astype(np.uint8)


def with_plausible_lids(baked: BakedHead, rest: np.ndarray) -> BakedHead:
    """The same, its eyes shut no sooner than an eye is: FaceMesh keeps some people's lids apart when they are shut.

    rest: openings of right and left eye as they usually are, (2,).
    """
    openings = baked.page_openings.copy()
    openings[:, :2] = np.minimum(openings[:, :2], np.outer(_SHUTTING, rest))
    return replace(baked, page_openings=openings)


def portrait(frames: Sequence[OwnFrame], seen: Traits, found: Sequence[Part]) -> np.ndarray:
    """A picture for the list of identities: the sharpest frontal frame as filmed, uint8 (SIDE, SIDE, 3)."""
    front = next(part for part in found if part.name == "front")
    return frames[int(np.argmax(np.where(front.chosen, seen.sharpness, -1.0)))].bgr()
