"""The face parser at run time: the head's crop, the network on every second picture, steady masks."""

from __future__ import annotations

import logging
from dataclasses import replace

import cv2
import numpy as np

from deepfake_core.crop import crop
from deepfake_core.frame import Frame
from deepfake_core.inference.errors import InferenceError, ModelRefused
from deepfake_core.inference.session import Session, shared
from deepfake_core.parsing.classes import HEAD, Label
from deepfake_core.parsing.crop import is_fine_enough, parsing_crop
from deepfake_core.parsing.parsing import SIZE, Parsing
from deepfake_core.parsing.steadying import SHARES_SIZE, Steadying
from deepfake_core.swapping.alignment import Pose, fit_pose
from deepfake_core.threads import Run

_log = logging.getLogger(__name__)

PARSER_NAME = "parsing/parser.onnx"
LARGE_PARSER_NAME = "parsing/parser_large.onnx"
"""Three times the work: for the best quality."""
FINE_PARSER_NAME = "parsing/parser_fine.onnx"
"""As large again, for the fine crop: it also reads what the larger one said of the same place, and saw more around."""
GROUPS: dict[str, tuple[Label, ...]] = {
    "skin": (Label.SKIN, Label.NOSE, Label.L_EAR, Label.R_EAR),
    "hair": (Label.HAIR, Label.HAT),
    "occluder": (Label.OCCLUDER,),
    "glasses": (Label.GLASSES,),
    "head": HEAD,
    "neck": (Label.NECK, Label.NECKLACE),
    "cloth": (Label.CLOTH,),
}
"""The mattes of a `Parsing`, and the classes that each adds up."""
EVERY = 2
"""The network runs on one picture in so many; between them the masks move with the landmarks."""
_FAR = 0.12
"""A head that moved by more of the crop's side, in place or size, is parsed at once."""
_NOISE = 0.002
"""Part of the crop's side by which it lags behind the landmarks: they are never quite still, masks should be."""
FINE_BORDER = SIZE // 128
"""Px of the fine crop that are not used on each side: hardly any, as its network is told what lies around it."""
_LATE_NS = 150_000_000
_FACES = 8
"""So many faces are remembered."""


class _Face:
    """What is kept of one face from picture to picture."""

    def __init__(self, crops: int) -> None:
        self.steadyings = [Steadying() for _ in range(crops)]
        self.crops: list[np.ndarray] = []
        self.parsing: Parsing | None = None
        self.age = 0
        self.timestamp_ns = 0


class FaceParser:
    """Parses the surroundings of faces. For one thread. `provider` is the active one.

    `fine` may be changed at any time: then the larger network runs, and another on the face alone, for brows, eyes
    and lips, where the head is not too small in the picture. Asked for between two pictures they are opened beside
    them, and the small one runs until they are there.
    """

    def __init__(self, *, threads: int = 2, provider: str = "auto", fine: bool = False) -> None:
        """Raises ModelMissing, ModelCorrupt or ModelRefused."""
        self._threads, self._provider = threads, provider
        self._small = self._opened(PARSER_NAME)
        self._larger = self._opened_larger() if fine else None
        self._opening: Run | None = None
        self.provider = self._small.provider
        self.fine = fine
        self.reset()

    def reset(self) -> None:
        """Forget every face."""
        self._faces: dict[int, _Face] = {}

    def parse(self, frame: Frame, landmarks: np.ndarray, track_id: int, pose: Pose | None = None) -> Parsing:
        """The parsing of the face with `landmarks` float32 (468, 3), px of the frame. Raises NetworkFailed.

        pose: the face's, where it is known already.
        """
        face = self._faces.pop(track_id, None) or _Face(2)
        self._faces[track_id] = face  # the last of the dict is the newest
        if len(self._faces) > _FACES:
            del self._faces[next(iter(self._faces))]
        pose = pose or fit_pose(landmarks.astype(np.float64))
        late = not 0 <= frame.timestamp_ns - face.timestamp_ns <= _LATE_NS
        crops = [parsing_crop(pose, fine=fine) for fine in (False, True)]
        jumped = late or face.parsing is None or _moved(face.parsing.crop_to_frame, crops[0]) > _FAR
        if not jumped:
            crops = [_followed(last, crop) for last, crop in zip(face.crops, crops, strict=True)]
        face.crops = crops
        to_crop, to_fine = crops
        to_frame = cv2.invertAffineTransform(to_crop)
        if face.parsing is None or jumped or face.age >= EVERY:
            picture = crop(frame, to_crop, SIZE)
            larger = self._larger_if_open() if self.fine else None
            coarse = network_shares(larger[0] if larger else self._small, picture)
            shares, labels = face.steadyings[0].update(coarse, picture)
            mattes = group_mattes(shares)
            if larger and is_fine_enough(to_crop):
                between = to_fine @ np.vstack([to_frame, [0.0, 0.0, 1.0]])
                picture = crop(frame, to_fine, SIZE)
                fine = network_shares(larger[1], picture, around=shares_in(coarse, between))
                shares, finer = face.steadyings[1].update(fine, picture)
                labels, mattes = _laid_in(labels, mattes, finer, group_mattes(shares), between)
            face.parsing, face.age = Parsing(labels, mattes, to_frame), 0
        face.age += 1
        face.timestamp_ns = frame.timestamp_ns
        return replace(face.parsing, crop_to_frame=to_frame)

    def _larger_if_open(self) -> tuple[Session, Session] | None:
        """The networks of the crop and the fine one once they are open; None until then, and where they do not open."""
        if self._larger is None and self._opening is None:
            self._opening = Run(self._open_larger, "larger parser")
        return self._larger

    def _open_larger(self) -> None:
        try:
            self._larger = self._opened_larger()
        except InferenceError as error:
            _log.error("The larger face parser does not open, so the small one goes on: %s", error)

    def _opened_larger(self) -> tuple[Session, Session]:
        return self._opened(LARGE_PARSER_NAME), self._opened(FINE_PARSER_NAME, guided=True)

    def _opened(self, name: str, *, guided: bool = False) -> Session:
        return checked(shared(name, threads=self._threads, provider=self._provider), guided=guided)


def shares_in(coarse: np.ndarray, to_fine: np.ndarray) -> np.ndarray:
    """Shares of the crop float32 (20, 128, 128), as they lie in the fine crop.

    to_fine: (2, 3), px of the crop -> px of the fine crop, both of 256 px.
    """
    half = between_shares(to_fine)
    size = (SHARES_SIZE, SHARES_SIZE)
    return np.stack([cv2.warpAffine(each, half, size, borderMode=cv2.BORDER_REPLICATE) for each in coarse])


def between_shares(to_fine: np.ndarray) -> np.ndarray:
    """(2, 3), px of the crop -> px of the fine crop, for shares at half of both sizes."""
    half = to_fine.copy()  # their px are twice as large, and the middles of these lie between four others
    half[:, 2] = 0.5 * (to_fine @ (0.5, 0.5, 1.0)) - 0.25
    return half


def _laid_in(
    labels: np.ndarray,
    mattes: dict[str, np.ndarray],
    fine_labels: np.ndarray,
    fine_mattes: dict[str, np.ndarray],
    to_fine: np.ndarray,
) -> tuple[np.ndarray, dict[str, np.ndarray]]:
    """Labels and mattes of the crop, those of the fine crop in its middle; to_fine as in `shares_in`."""
    labels = labels.copy()
    inner = to_fine.copy()
    inner[:, 2] -= FINE_BORDER
    part = slice(FINE_BORDER, SIZE - FINE_BORDER)
    pairs = [(fine_labels, labels, cv2.INTER_NEAREST)]
    pairs += [(fine_mattes[name], matte, cv2.INTER_LINEAR) for name, matte in mattes.items()]
    for source, target, how in pairs:
        flags = how | cv2.WARP_INVERSE_MAP
        cv2.warpAffine(source[part, part], inner, (SIZE, SIZE), target, flags, cv2.BORDER_TRANSPARENT)
    return labels, mattes


def checked(session: Session, *, guided: bool = False) -> Session:
    """The session, if its network has the inputs and outputs of a parser; guided: of the fine crop's.

    Raises ModelRefused.
    """
    shares = (1, len(Label), SHARES_SIZE, SHARES_SIZE)
    inputs = {"picture": (1, SIZE, SIZE, 3), **({"around": shares} if guided else {})}
    if session.inputs != inputs or session.outputs != {"shares": shares}:
        raise ModelRefused(f"'{session.name}' is no face parser: export it again with tools/train_parser.py.")
    return session


def network_shares(session: Session, picture: np.ndarray, around: np.ndarray | None = None) -> np.ndarray:
    """Share of each class, float32 (20, 128, 128), 0..1, in a picture uint8 (256, 256, 3) BGR.

    around: shares of the same, for the network of the fine crop. Raises NetworkFailed.
    """
    given = {} if around is None else {"around": around[None]}
    return session.run(picture=picture[None], **given)[0][0]


def group_mattes(shares: np.ndarray) -> dict[str, np.ndarray]:
    """The mattes of `GROUPS`, uint8 (256, 256), of shares float32 (20, 128, 128)."""
    mattes = {}
    for name, group in GROUPS.items():
        # Added plane by plane: a matrix product would wake numpy's own threads, which fight with ONNX Runtime's.
        share = shares[group[0]].copy()
        for label in group[1:]:
            share += shares[label]
        mattes[name] = cv2.resize(cv2.convertScaleAbs(share, alpha=255.0), (SIZE, SIZE), interpolation=cv2.INTER_LINEAR)
    return mattes


def _followed(last: np.ndarray, to_crop: np.ndarray) -> np.ndarray:
    """The last crop, led after this one as by a string of the length `_NOISE`."""
    moved = _moved(cv2.invertAffineTransform(last), to_crop)
    return last + (to_crop - last) * max(0.0, 1.0 - _NOISE / moved) if moved else last


def _moved(before_to_frame: np.ndarray, to_crop: np.ndarray) -> float:
    """How far the corners of the last crop lie from the corners of this one, in its sides."""
    corners = np.array([[0.0, 0.0, 1.0], [SIZE, 0.0, 1.0], [0.0, SIZE, 1.0], [SIZE, SIZE, 1.0]])
    there = np.column_stack([corners @ before_to_frame.T, np.ones(4)]) @ to_crop.T
    return float(np.abs(there - corners[:, :2]).max()) / SIZE
