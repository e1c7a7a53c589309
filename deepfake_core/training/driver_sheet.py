"""A picture of what the run-time stage makes of real drivers: driver, bare texture, swap, side by side."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import cv2
import numpy as np

from deepfake_core.compositing.compositor import Compositor
from deepfake_core.compositing.view import ComposedFace
from deepfake_core.disclosure.mark import Disclosure
from deepfake_core.frame import Frame
from deepfake_core.settings import Settings
from deepfake_core.swapping.alignment import CROP_CENTIMETRES, crop_transform, fit_pose
from deepfake_core.swapping.decoder import IdentityDecoder
from deepfake_core.swapping.dfm import DfmDecoder
from deepfake_core.swapping.swapper import Swapper
from deepfake_core.training.errors import TrainingError
from deepfake_core.training.still_landmarks import StillLandmarks

TILE = 256
TILE_CENTIMETRES = 1.15 * CROP_CENTIMETRES


class FootageUnreadable(TrainingError):
    """A picture or video holds no frame that can be decoded."""


def frames(path: Path, count: int) -> list[np.ndarray]:
    """`count` frames uint8 (H, W, 3) BGR spread evenly over a video, or the one of a picture."""
    video = cv2.VideoCapture(str(path))
    every = list(_all_frames(video))
    video.release()
    if not every:
        raise FootageUnreadable(f"{path} holds no frame that can be decoded; give a picture or a video.")
    return [every[k] for k in sorted({round(k) for k in np.linspace(0, len(every) - 1, count)})]


def _all_frames(video: cv2.VideoCapture) -> Iterator[np.ndarray]:
    while True:
        there, frame = video.read()
        if not there:
            return
        yield frame


class _Tiles:
    """Makes the tiles of one frame after the other."""

    def __init__(self, decoder: IdentityDecoder | DfmDecoder, record: int) -> None:
        self._decoder = decoder
        self._disclosure = Disclosure(record=record)
        self._swapper = Swapper(threads=1, provider="cpu")
        self._find = StillLandmarks()
        self._number = 0

    def of(self, bgr: np.ndarray) -> np.ndarray | None:
        """Driver, bare texture and swap, uint8 (256, 768, 3), the two fakes marked; None where no face is found."""
        landmarks = self._find(bgr)
        if landmarks is None:
            return None
        # Each frame is taken for another driver: the sheet jumps from one to the next.
        self._number += 1
        to_tile = crop_transform(fit_pose(landmarks), TILE, TILE_CENTIMETRES)
        style = cv2.INTER_AREA if abs(np.linalg.det(to_tile[:, :2])) < 0.3 else cv2.INTER_LINEAR
        tiles = [cv2.warpAffine(bgr, to_tile, (TILE, TILE), flags=style)]
        for template_only in (True, False):
            frame = Frame.from_bgr(bgr.copy())
            drawn = self._swapper.swap(
                frame, landmarks, self._decoder, template_only=template_only, driver_id=self._number
            )
            Compositor().composite(frame, [ComposedFace(drawn, None, self._number)], Settings())
            tile = Frame.from_bgr(cv2.warpAffine(frame.to_bgr(), to_tile, (TILE, TILE), flags=style))
            tiles.append(self._disclosure.mark(tile).frame.to_bgr())
        return np.hstack(tiles)


def driver_sheet(
    pictures: list[np.ndarray], decoder: IdentityDecoder | DfmDecoder, *, record: int, columns: int = 2
) -> np.ndarray:
    """All frames in which a face is found, `columns` of them in a row; raises FootageUnreadable if there is none.

    record: the short id of the identity's consent record, for the watermark.
    """
    tiles = _Tiles(decoder, record)
    made = [row for row in map(tiles.of, pictures) if row is not None]
    if not made:
        raise FootageUnreadable("No face was found in these frames; give others.")
    made += [np.zeros_like(made[0])] * (-len(made) % columns)
    return np.vstack([np.hstack(made[k : k + columns]) for k in range(0, len(made), columns)])
