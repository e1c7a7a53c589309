"""The identity's teeth and the dark behind them, in the opening of its lips."""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np

from deepfake_core.facemesh import topology
from deepfake_core.swapping.square import Square

LOOP = np.array(topology.LIPS_INNER)
_LOWER_LIP = 14
CHIN = np.array([152, 148, 377, 176, 400, 199, 175])
"""Landmarks that go with the jaw."""
PATCH_CENTIMETRES = np.array([6.0, 3.0])
"""Width and height of a row of teeth's picture."""
ARCH = 0.2
"""How a row of teeth bends back: depth in cm is this times the squared distance from the middle."""
_ROUNDS = 4
_TOUCHING = 0.4
"""Mean height in px of the opening between lips that touch."""
_LEAST_FACING = 0.2
"""Cosine of the turn beyond which the teeth are not seen."""
_DARKEST, _REACH = 0.5, 0.6
"""How bright teeth are at the border of the opening, and the width, cm, of the surroundings that light reaches them
from: in lips that hardly part they lie in the shade."""
_ROOF, _TONGUE = 0.68, 1.15
"""How bright the mouth is behind the teeth, and its tongue. Brighter slits are nearer to the renderer's truth, but
FaceMesh, and people, see lips part by the dark between them."""
_TONGUE_TOP, _TONGUE_SIDES, _TONGUE_EDGE = 0.4, 0.4, 0.3
"""Where the tongue begins, as a part of the opening's height: in the middle, how much lower at the corners, and how
soft."""
_ABOVE_LIP = (0.15, 0.3)
"""Cm by which lower teeth stand above the lower lip: FaceMesh places the chin less surely than that."""
_LIP_DEPTH = np.array([0.0, 0.0, 0.35])
"""Cm from the front of the lips to their back: of a raised head the upper lip's underside is seen before the teeth."""
_SUBPIXEL = 4


@dataclass(frozen=True)
class Mouth:
    """What an open mouth shows; rows are the upper and the lower teeth."""

    teeth: np.ndarray
    """uint8 (2, M, 2M, 4): BGR and matte."""
    places: np.ndarray
    """float32 (2, 3): the middle of each picture, cm of the canonical head; the lower one's from `chin`."""
    cavity: np.ndarray
    """float32 (2, 3) BGR: behind the teeth, at the top and at the bottom of the opening."""


def chin(head: np.ndarray) -> np.ndarray:
    """Where the jaw is: (3,) cm, of landmarks (468, 3) cm."""
    return head[CHIN].mean(0)


def draw(picture: np.ndarray, mouth: Mouth, head: np.ndarray, rotation: np.ndarray, square: Square) -> None:
    """Draw what shows between the lips into `picture`, uint8 (S, S, 3).

    head: the identity's landmarks (468, 3) cm; rotation: canonical head to camera, without roll. The upper teeth keep
    their place in the head, the lower ones in the jaw.
    """
    opening = square.to_pixels(head[LOOP] @ rotation.T)
    low, high = np.floor(opening.min(0)).astype(int) - 1, np.ceil(opening.max(0)).astype(int) + 2
    x0, y0 = np.clip(low, 0, square.size)
    x1, y1 = np.clip(high, 0, square.size)
    # Of lips that touch, which leave a line a pixel wide too, no teeth show.
    mean_height = cv2.contourArea(opening.astype(np.float32)) / max(float(np.ptp(opening[:, 0])), 1.0)
    apart = min(max(mean_height - _TOUCHING, 0.0), 1.0)
    if x1 - x0 < 4 or y1 - y0 < 4 or np.linalg.det(rotation[:2, :2]) < _LEAST_FACING:
        return
    width, height = int(x1 - x0), int(y1 - y0)
    mask, behind = np.zeros((2, height, width), np.uint8)
    for part, loop in ((mask, opening), (behind, square.to_pixels((head[LOOP] - _LIP_DEPTH) @ rotation.T))):
        outline = np.round((loop - (x0, y0)) * 2**_SUBPIXEL).astype(np.int32)
        cv2.fillPoly(part, [outline], 255, cv2.LINE_AA, _SUBPIXEL)
    behind = np.minimum(mask, behind, out=behind)
    inside = cv2.blur(mask, (3, 3)).astype(np.float32) * np.float32(1.0 / 255.0)
    reach = max(3, round(_REACH / 2 * square.side / square.centimetres) * 2 + 1)
    lit = cv2.blur(behind, (reach, reach), borderType=cv2.BORDER_CONSTANT)
    lit = cv2.cvtColor(lit * np.float32((1.0 - _DARKEST) / 255.0) + np.float32(_DARKEST), cv2.COLOR_GRAY2BGR)
    down = np.linspace(0.0, 1.0 / _TONGUE_EDGE, height, dtype=np.float32)[:, None]
    top = (_TONGUE_TOP + _TONGUE_SIDES * np.linspace(-1.0, 1.0, width, dtype=np.float32) ** 2) / _TONGUE_EDGE
    tongue = cv2.cvtColor(np.clip(down - top, 0.0, 1.0), cv2.COLOR_GRAY2BGR)
    roof = _ROOF * mouth.cavity[0]
    shown = tongue * (_TONGUE * mouth.cavity[1] - roof) + roof
    across, up = square.to_camera(
        np.arange(x0, x1, dtype=np.float32)[None], np.arange(y0, y1, dtype=np.float32)[:, None]
    )
    places = [(1, _lower_place(mouth, head)), (0, mouth.places[0])] if apart else []
    for row, place in places:
        maps = patch_maps(across, up, place, rotation, mouth.teeth.shape[1])
        teeth = cv2.remap(mouth.teeth[row], *maps, cv2.INTER_LINEAR, borderMode=cv2.BORDER_CONSTANT)
        share = cv2.multiply(cv2.extractChannel(teeth, 3), behind, scale=apart / 255.0**2, dtype=cv2.CV_32F)
        difference = np.asarray(
            cv2.multiply(cv2.cvtColor(teeth, cv2.COLOR_BGRA2BGR), lit, dtype=cv2.CV_32F), np.float32
        )
        difference -= shown
        difference *= cv2.cvtColor(share, cv2.COLOR_GRAY2BGR)
        shown += difference
    part = picture[y0:y1, x0:x1]
    shown -= part
    shown *= cv2.cvtColor(inside, cv2.COLOR_GRAY2BGR)
    shown += part
    part[:] = cv2.convertScaleAbs(shown)


def _lower_place(mouth: Mouth, head: np.ndarray) -> np.ndarray:
    """The middle of the lower teeth's picture, (3,) cm: in the jaw, but no deeper in the lip than teeth are."""
    height, width = mouth.teeth.shape[1:3]
    place = mouth.places[1] + chin(head)
    first = int((mouth.teeth[1, :, width // 2, 3] > 127).argmax())
    edge = ((height - 1) / 2 - first) * PATCH_CENTIMETRES[1] / height
    least, most = _ABOVE_LIP
    lip = head[_LOWER_LIP, 1]
    place[1] = min(max(place[1] + edge, lip + least), lip + most) - edge
    return np.asarray(place)


def patch_maps(
    across: np.ndarray, up: np.ndarray, place: np.ndarray, rotation: np.ndarray, height: int
) -> tuple[np.ndarray, np.ndarray]:
    """Where on a row of teeth's picture, `height` px high, a ray meets the arch: two float32 maps.

    across, up: cm in the camera's axes, float32, of whole pictures or of a row and a column; place: the picture's
    middle, (3,) cm; rotation: canonical head to camera.
    """
    (a, b, c), (d, e, f) = rotation[:2].tolist()
    inverse = 1.0 / (a * e - b * d)
    left, top, away = place.tolist()
    # Where the ray meets the plane of the middle, and how it goes on from there with depth.
    right, above = across - c * away, up - f * away
    x0, y0 = (e * right - b * above) * inverse - left, (a * above - d * right) * inverse - top
    xd, yd = (b * f - e * c) * inverse, (d * c - a * f) * inverse
    x = x0
    depth = -ARCH * np.minimum(x * x, 9.0)
    for _ in range(_ROUNDS - 2):
        x = x0 + xd * depth
        depth = -ARCH * np.minimum(x * x, 9.0)
    x, y = x0 + xd * depth, y0 + yd * depth
    factor = float(height / PATCH_CENTIMETRES[1])
    return x * factor + (2 * height - 1) / 2, (height - 1) / 2 - y * factor
