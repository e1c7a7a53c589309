"""What a person's video shows of poses and expressions, and what to record in addition."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import cv2
import numpy as np

from deepfake_core.parsing.classes import Label
from deepfake_core.swapping.expression import measures
from deepfake_core.training.own_video import OwnFrame

_CELL = 160
_COLUMNS = 6
_TEXT_HEIGHT = 40


@dataclass(frozen=True)
class Traits:
    """What is seen in each of N frames."""

    yaw: np.ndarray
    """float64 (N,), degrees, to the picture's right: the person's left."""
    pitch: np.ndarray
    """float64 (N,), degrees, down."""
    eyes: np.ndarray
    """float64 (N,): how open they are, 1 as this person's usually are, about 0.3 and less when shut."""
    mouth: np.ndarray
    """float64 (N,): opening of the lips, in widths of the mouth."""
    smile: np.ndarray
    """float64 (N,), cm: how much higher the mouth's corners are than usual."""
    gaze: np.ndarray
    """float64 (N,): degrees away from straight ahead; NaN where it is not seen."""
    sharpness: np.ndarray
    """float64 (N,), see `own_video.OwnFrame`."""


def traits(frames: Sequence[OwnFrame]) -> Traits:
    """Of all frames of a video."""
    poses = [frame.pose() for frame in frames]
    heads = [pose.to_head(frame.landmarks.astype(np.float64)) for pose, frame in zip(poses, frames, strict=True)]
    found = measures(np.stack(heads))
    # An eye that is turned away is seen narrow: the more open of the two counts.
    lids = found[:, :2].max(1)
    seen = np.array([[np.count_nonzero(frame.labels == eye) for eye in (Label.L_EYE, Label.R_EYE)] for frame in frames])
    area = seen.max(1) / max(float(np.median(seen.max(1))), 1.0)
    return Traits(
        yaw=np.array([pose.yaw_degrees for pose in poses]),
        pitch=np.degrees(np.arcsin([-np.clip(pose.rotation[1, 2], -1.0, 1.0) for pose in poses])),
        # FaceMesh keeps some people's lids apart when they are shut; what is seen of the eyes tells as well.
        eyes=lids / np.quantile(lids, 0.6) * np.minimum(area, 1.0),
        mouth=found[:, 2],
        smile=found[:, 3] - np.quantile(found[:, 3], 0.3),
        gaze=np.array([np.hypot(*frame.gaze[0]) for frame in frames], np.float64),
        sharpness=np.array([frame.sharpness for frame in frames]),
    )


@dataclass(frozen=True)
class Part:
    """Something that a video should show."""

    name: str
    sentence: str
    """What to do where it is missing."""
    chosen: np.ndarray
    """bool (N,): the frames that show it."""
    needed: int
    required: bool = False
    """Whether no identity can be made without it."""

    @property
    def covered(self) -> bool:
        """Whether enough frames show it."""
        return int(self.chosen.sum()) >= self.needed


def parts(seen: Traits) -> list[Part]:
    """All that a video should show, and which frames do."""
    calm = (seen.mouth < 0.15) & (seen.eyes > 0.6)
    level = np.abs(seen.pitch) < 14
    ahead = (np.abs(seen.yaw) < 12) & level
    return [
        Part("front", "Look straight into the camera, mouth shut.", ahead & calm, 8, required=True),
        Part("left", "Turn your head to the left.", (seen.yaw > 18) & (seen.yaw <= 38) & level, 8),
        Part("far left", "Turn your head further to the left.", seen.yaw > 38, 5),
        Part("right", "Turn your head to the right.", (seen.yaw < -18) & (seen.yaw >= -38) & level, 8),
        Part("far right", "Turn your head further to the right.", seen.yaw < -38, 5),
        Part("up", "Lift your chin.", seen.pitch < -10, 5),
        Part("down", "Lower your chin.", seen.pitch > 13, 5),
        Part("mouth open", "Open your mouth wide.", (seen.mouth > 0.3) & ahead, 4, required=True),
        Part(
            "mouth open, turned", "Turn your head with your mouth open.", (seen.mouth > 0.3) & (abs(seen.yaw) > 15), 4
        ),
        Part(
            "eyes shut", "Shut your eyes for a second.", (seen.eyes < 0.5) & (np.abs(seen.yaw) < 20), 3, required=True
        ),
        Part("smile", "Smile so that your teeth show.", (seen.smile > 0.2) & (np.abs(seen.yaw) < 25), 6),
        Part("talking", "Talk.", (seen.mouth > 0.1) & (seen.mouth < 0.4), 40),
    ]


def advice(found: Sequence[Part]) -> str:
    """What to record in addition, one line; "" where all is there."""
    return " ".join(part.sentence for part in found if not part.covered)


def sheet(frames: Sequence[OwnFrame], found: Sequence[Part], seen: Traits) -> np.ndarray:
    """A picture for the person: a frame of each part with the number of frames, or what to do. uint8 (H, W, 3) BGR."""
    cells = []
    for part in found:
        cell = np.full((_CELL + _TEXT_HEIGHT, _CELL, 3), 255, np.uint8)
        if part.chosen.any():
            sharpest = int(np.argmax(np.where(part.chosen, seen.sharpness, -1.0)))
            cell[:_CELL] = cv2.resize(frames[sharpest].bgr(), (_CELL, _CELL), interpolation=cv2.INTER_AREA)
        else:
            cell[:_CELL] = 225
        colour = (40, 130, 40) if part.covered else (30, 30, 200)
        cv2.rectangle(cell, (0, 0), (_CELL - 1, _CELL - 1), colour, 3)
        _write(cell, part.name, 14, colour)
        _write(cell, f"{int(part.chosen.sum())} frames" if part.covered else "missing", 32, colour)
        cells.append(cell)
    while len(cells) % _COLUMNS:
        cells.append(np.full_like(cells[0], 255))
    return np.vstack([np.hstack(cells[k : k + _COLUMNS]) for k in range(0, len(cells), _COLUMNS)])


def _write(cell: np.ndarray, text: str, below: int, colour: tuple[int, int, int]) -> None:
    cv2.putText(cell, text, (4, _CELL + below), cv2.FONT_HERSHEY_SIMPLEX, 0.42, colour, 1, cv2.LINE_AA)
