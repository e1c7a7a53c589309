"""What FaceMesh reads of a finished identity that is asked for an expression."""

from __future__ import annotations

from dataclasses import dataclass, field, replace

import cv2
import numpy as np

from deepfake_core.frame import Frame
from deepfake_core.inference.session import open_session
from deepfake_core.swapping import networks
from deepfake_core.swapping.alignment import Pose, fit_pose
from deepfake_core.swapping.decoder import IdentityDecoder
from deepfake_core.swapping.expression import EYES, MOUTH, SMILE, ExpressionMatch, Response, measures
from deepfake_core.swapping.identity_head import IdentityHead
from deepfake_core.swapping.swapper import DrawnHead, Swapper
from deepfake_core.training.errors import TrainingError
from deepfake_core.training.still_landmarks import StillLandmarks

_PITCHES = (-24.0, -12.0, 0.0)
"""Nods, degrees: a lowered head counts as a level one, which served rendered drivers better than its own readings."""
_TURNS = ((0.0, -3.0), (-12.0, 0.0), (12.0, 3.0))
"""Yaw and nod beyond each of the pitches, degrees, over which a reading is averaged."""
_EYES = np.array([0.6, 0.7, 0.74, 0.77, 0.8, 0.83, 0.86, 0.9, 0.94, 1.0, 1.05, 1.1])
"""Openings that are tried, as a share of the opening at rest: most happens near the end of the lids' way."""
_MOUTH = np.array([0.0, 0.02, 0.05, 0.08, 0.11, 0.15, 0.2, 0.25, 0.32, 0.42, 0.6, 0.95])
_SMILE = np.array([-0.5, -0.3, -0.1, 0.05, 0.2, 0.35, 0.5, 0.65, 0.8, 0.95, 1.1, 1.3])
_STEEPEST = np.array([4.0, 2.8, 2.8])
"""Of eyes, mouth and smile: how much more than is read may be drawn for it, or noise of the driver's readings shows."""
_PICTURE, _READ = 400, 0.43
"""Side of the pictures, px, and how much smaller they are read: faces on stage are rarely large."""
_PIXELS_PER_CENTIMETRE = 12.0


class ResponseUnread(TrainingError):
    """No face is found in what is drawn of the identity."""


@dataclass(frozen=True)
class _Told(ExpressionMatch):
    """Gives one face, whatever the driver's does."""

    head: np.ndarray = field(kw_only=True)

    def __call__(self, *_: object) -> np.ndarray:
        return self.head


def measured(name: str, identity: IdentityHead, expression: ExpressionMatch, decoder: bytes) -> ExpressionMatch:
    """The same match of expressions with the identity's `Response`, of what the networks draw of it.

    decoder: the file that a processor runs, of the encoder in models/. Raises ResponseUnread.
    """
    network = open_session(decoder, name=name, threads=1, provider="cpu", dimensions=networks.EXAMPLE)
    reader = _Reader(IdentityDecoder(name, identity, expression, network))
    rest = expression.identity_rest.astype(np.float64)
    asked_rows: list[np.ndarray] = []
    read_rows: list[np.ndarray] = []
    for part, tried in ((EYES, _EYES * rest[EYES].mean()), (MOUTH, _MOUTH), (SMILE, _SMILE)):
        asked = np.tile(rest, (len(tried), 1))
        asked[:, part] = tried[:, None] if part == EYES else tried
        read = np.array([[np.mean(reader(one, pitch)[part]) for one in asked] for pitch in _PITCHES])
        asked_rows.append(tried)
        read_rows.append(np.stack([_rising(tried, row, 1.0 / _STEEPEST[len(read_rows)]) for row in read]))
    found = Response(*(np.array(t, np.float32) for t in (_PITCHES, asked_rows, np.stack(read_rows, axis=1))))
    return replace(expression, response=found)


def _rising(asked: np.ndarray, read: np.ndarray, least: float) -> np.ndarray:
    """Readings that rise by at least `least` of what is asked for."""
    return np.append(0.0, np.cumsum(np.maximum(np.diff(read), least * np.diff(asked)))) + read[0]


class _Reader:
    """Draws an identity with asked measures and reads it."""

    def __init__(self, decoder: IdentityDecoder) -> None:
        self._decoder = decoder
        self._swapper = Swapper(threads=1, provider="cpu")
        self._find = StillLandmarks()
        self._neutral = decoder.head.retargeter.identity_neutral.reshape(-1, 3).astype(np.float64)

    def __call__(self, asked: np.ndarray, pitch: float) -> np.ndarray:
        """What is read of measures (4,), the mean over some turns of the head around a nod; raises ResponseUnread."""
        head = self._decoder.expression.control(self._neutral, asked)
        faces = [self._read(head, yaw, pitch + beyond) for yaw, beyond in _TURNS]
        found = [measures(fit_pose(face).to_head(face)) for face in faces if face is not None]
        if len(found) < len(_TURNS) / 2:
            raise ResponseUnread(
                f"FaceMesh finds no face in most drawn pictures of {self._decoder.name!r}; bake it from better views."
            )
        return np.asarray(np.mean(found, axis=0))

    def _read(self, head: np.ndarray, yaw: float, pitch: float) -> np.ndarray | None:
        pose = Pose(_PIXELS_PER_CENTIMETRE, _turned(yaw, pitch), np.array([_PICTURE / 2, -_PICTURE / 2, 0.0]))
        landmarks = pose.to_picture(head).astype(np.float32)
        told = replace(self._decoder, expression=_Told(**vars(self._decoder.expression), head=head.astype(np.float32)))
        # Before a blank driver: how far a driver's own mouth opens moves what the networks draw, and no driver's opens
        # just as far as what is asked for.
        blank = Frame.from_bgr(np.full((_PICTURE, _PICTURE, 3), 128, np.uint8))
        picture = _shown(self._swapper.swap(blank, landmarks, told, head_mode=True))
        return self._find(cv2.resize(picture, None, fx=_READ, fy=_READ, interpolation=cv2.INTER_AREA))


def _shown(drawn: DrawnHead) -> np.ndarray:
    """A drawn head in plain light before grey: uint8 (_PICTURE, _PICTURE, 3)."""
    share = drawn.head_matte[..., None] / np.float32(255.0)
    bgr = 128.0 + share * (drawn.reflectance * drawn.tone - 128.0)
    return cv2.warpAffine(
        cv2.convertScaleAbs(bgr),
        drawn.crop_to_frame,
        (_PICTURE, _PICTURE),
        borderMode=cv2.BORDER_CONSTANT,
        borderValue=(128, 128, 128),
    )


def _turned(yaw: float, pitch: float) -> np.ndarray:
    """float64 (3, 3): canonical head to camera."""
    (a, b), (c, d) = ((np.cos(r), np.sin(r)) for r in np.radians((yaw, pitch)))
    return np.array([[a, 0, b], [0, 1, 0], [-b, 0, a]]) @ np.array([[1, 0, 0], [0, c, -d], [0, d, c]])
