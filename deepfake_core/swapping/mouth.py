"""The identity's teeth and the dark behind them, in the opening of its lips."""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np

from deepfake_core.facemesh import topology
from deepfake_core.swapping.square import Square

LOOP = np.array(topology.LIPS_INNER)
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
_DARKEST = 0.45
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
    # A line of lips that touch is a pixel wide too, so the mean height decides.
    mean_height = cv2.contourArea(opening.astype(np.float32)) / max(float(np.ptp(opening[:, 0])), 1.0)
    apart = min(max(mean_height - _TOUCHING, 0.0), 1.0)
    if x1 - x0 < 4 or y1 - y0 < 4 or apart == 0.0 or np.linalg.det(rotation[:2, :2]) < _LEAST_FACING:
        return
    width, height = int(x1 - x0), int(y1 - y0)
    mask = np.zeros((height, width), np.uint8)
    outline = np.round((opening - (x0, y0)) * 2**_SUBPIXEL).astype(np.int32)
    cv2.fillPoly(mask, [outline], 255, cv2.LINE_AA, _SUBPIXEL)
    inside = cv2.blur(mask, (3, 3)).astype(np.float32) * np.float32(apart / 255.0)
    down = np.linspace(0.0, 1.0, height, dtype=np.float32)[:, None, None]
    shown = np.broadcast_to(mouth.cavity[0] + down * (mouth.cavity[1] - mouth.cavity[0]), (height, width, 3))
    across, up = square.to_camera(
        *np.meshgrid(np.arange(x0, x1, dtype=np.float32), np.arange(y0, y1, dtype=np.float32))
    )
    for row in (1, 0):
        place = mouth.places[row] + (chin(head) if row else 0.0)
        maps = patch_maps(across, up, place, rotation, mouth.teeth.shape[1])
        teeth = cv2.remap(mouth.teeth[row], *maps, cv2.INTER_LINEAR, borderMode=cv2.BORDER_CONSTANT)
        share = cv2.merge([teeth[..., 3].astype(np.float32) / 255.0] * 3)
        shown = shown + share * (teeth[..., :3] - shown)
    reach = max(3, round(0.2 * height) * 2 + 1)
    lit = _DARKEST + (1.0 - _DARKEST) * cv2.blur(inside, (reach, reach), borderType=cv2.BORDER_CONSTANT)
    part = picture[y0:y1, x0:x1]
    drawn = part + cv2.merge([inside] * 3) * (shown * cv2.merge([lit] * 3) - part)
    part[:] = np.clip(drawn + 0.5, 0, 255)


def patch_maps(
    across: np.ndarray, up: np.ndarray, place: np.ndarray, rotation: np.ndarray, height: int
) -> tuple[np.ndarray, np.ndarray]:
    """Where on a row of teeth's picture, `height` px high, a ray meets the arch: two float32 maps.

    across, up: cm in the camera's axes; place: the picture's middle, (3,) cm; rotation: canonical head to camera.
    """
    inverse = np.linalg.inv(rotation[:2, :2])
    x = y = depth = np.zeros_like(across)
    for _ in range(_ROUNDS):
        right, top = across - rotation[0, 2] * (place[2] + depth), up - rotation[1, 2] * (place[2] + depth)
        x = inverse[0, 0] * right + inverse[0, 1] * top - place[0]
        y = inverse[1, 0] * right + inverse[1, 1] * top - place[1]
        depth = -ARCH * np.minimum(x * x, 9.0)
    factor = height / PATCH_CENTIMETRES[1]
    return (x * factor + (2 * height - 1) / 2).astype(np.float32), ((height - 1) / 2 - y * factor).astype(np.float32)
