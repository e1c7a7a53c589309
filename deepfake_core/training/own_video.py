"""From a person's video to the pictures that an identity is made of: every face found, judged, cut out and parsed."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, replace
from pathlib import Path

import av
import cv2
import numpy as np

from deepfake_core.facemesh import topology
from deepfake_core.facemesh.tracking import FaceTracker
from deepfake_core.frame import Frame
from deepfake_core.parsing.classes import HEAD, Label
from deepfake_core.parsing.parser import FaceParser
from deepfake_core.parsing.parsing import Parsing
from deepfake_core.swapping.alignment import Pose, crop_transform, fit_pose
from deepfake_core.swapping.gaze import GazeReader
from deepfake_core.training.errors import TrainingError
from deepfake_core.video_file import open_video

SIDE = 512
CENTIMETRES = 42.0
"""Side of what is kept of a frame: the upright head with its hair."""
CENTRE = np.array([0.0, -1.5, -3.0])
"""Point of the canonical head (cm) in its middle."""
MOST_PER_SECOND = 12
"""Neighbouring frames of a faster video show the same."""
MOST_FRAMES = 1800
LEAST_SECONDS = 20.0
LEAST_FRAMES = 150
MOST_CROWDED = 0.1
"""Share of frames with a second face above which the video is refused."""
_LEAST_WIDTH = 60.0
"""Width of the face in px."""
_DARK, _BURNT = 32.0, 0.25
_COVERED = 0.04
_LEAST_PRESENCE = 0.7
_SHARPNESS = 0.4
"""Of the usual one of this video, below which a frame counts as blurred."""
_QUALITY = 96

NO_FACE, SMALL, DARK, BURNT, COVERED, BLURRED = "no face", "face too small", "dark", "burnt out", "covered", "blurred"


class VideoUnusable(TrainingError):
    """A video out of which no identity can be made; the text says why, and how to record it."""


@dataclass(frozen=True)
class OwnFrame:
    """The head of one frame."""

    number: int
    """Of the frame among those that were looked at, counted from 0."""
    seconds: float
    picture: np.ndarray
    """uint8 (N,): JPEG of the upright head, SIDE px = 42 cm; see `bgr`."""
    labels: np.ndarray
    """uint8 (SIDE, SIDE), `parsing.classes.Label`."""
    matte: np.ndarray
    """uint8 (SIDE, SIDE): how much of each pixel the head covers."""
    landmarks: np.ndarray
    """float32 (468, 3), px of the picture."""
    gaze: np.ndarray
    """float32 (2, 2) degrees, see `swapping.gaze.GazeReader`; NaN where it is not seen."""
    sharpness: float

    def bgr(self) -> np.ndarray:
        """The picture, uint8 (SIDE, SIDE, 3)."""
        decoded = cv2.imdecode(self.picture, cv2.IMREAD_COLOR)
        assert decoded is not None  # this program wrote it
        return decoded.astype(np.uint8)

    def pose(self) -> Pose:
        """Of the head in the picture."""
        return fit_pose(self.landmarks.astype(np.float64))

    def labelled(self, wanted: Iterable[Label]) -> np.ndarray:
        """uint8 (SIDE, SIDE), 255 where the picture shows one of these."""
        return np.isin(self.labels, tuple(wanted)).astype(np.uint8) * 255


@dataclass(frozen=True)
class OwnVideo:
    """What a video gave."""

    frames: list[OwnFrame]
    """In the order of time."""
    looked_at: int
    rejected: dict[str, int]
    """Reason -> frames."""

    def summary(self) -> str:
        """One line for people."""
        reasons = ", ".join(f"{count} {reason}" for reason, count in sorted(self.rejected.items()) if count)
        return f"{len(self.frames)} of {self.looked_at} frames are usable" + (f" ({reasons})" if reasons else "")

    def save(self, path: Path) -> None:
        """Write as .npz, in one step."""
        temporary = path.with_name(f".{path.name}")
        lengths = [len(frame.picture) for frame in self.frames]
        with temporary.open("wb") as file:
            np.savez(
                file,
                allow_pickle=False,
                pictures=np.concatenate([frame.picture for frame in self.frames]),
                lengths=np.array(lengths, np.int64),
                **{
                    name: np.stack([np.asarray(getattr(frame, name)) for frame in self.frames])
                    for name in ("number", "seconds", "labels", "matte", "landmarks", "gaze", "sharpness")
                },
                looked_at=self.looked_at,
                reasons=np.array(list(self.rejected)),
                counts=np.array(list(self.rejected.values()), np.int64),
            )
        temporary.replace(path)

    @classmethod
    def load(cls, path: Path) -> OwnVideo:
        """Read what `save` wrote."""
        with np.load(path, allow_pickle=False) as file:
            arrays = {name: file[name] for name in file.files}
        pictures = np.split(arrays["pictures"], np.cumsum(arrays["lengths"])[:-1])
        frames = [
            OwnFrame(
                int(arrays["number"][k]),
                float(arrays["seconds"][k]),
                pictures[k],
                arrays["labels"][k],
                arrays["matte"][k],
                arrays["landmarks"][k],
                arrays["gaze"][k],
                float(arrays["sharpness"][k]),
            )
            for k in range(len(pictures))
        ]
        return cls(frames, int(arrays["looked_at"]), _counts(arrays))


def _counts(arrays: dict[str, np.ndarray]) -> dict[str, int]:
    return dict(zip(arrays["reasons"].tolist(), arrays["counts"].tolist(), strict=True))


def read_own_video(path: Path, progress: Callable[[int], None] = lambda _looked: None, threads: int = 2) -> OwnVideo:
    """Look at a video of one person; raises VideoUnreadable, or VideoUnusable where too little of it can be used.

    Whose face it is, `consent_gate` has to say before.
    """
    tracker = FaceTracker(max_faces=2, threads=threads, provider="cpu", smoothing=0.0)
    tracker.eager = True
    parser, gaze = FaceParser(threads=threads, provider="cpu"), GazeReader(threads=threads, provider="cpu")
    rejected: Counter[str] = Counter()
    frames: list[OwnFrame] = []
    looked = crowded = 0
    seconds = 0.0
    for number, (seconds, bgr) in enumerate(_pictures(path)):
        frame = Frame.from_bgr(bgr, timestamp_ns=round(seconds * 1e9))
        faces = tracker.update(frame, frame.timestamp_ns)
        looked += 1
        crowded += len(faces) > 1
        progress(looked)
        if not faces:
            rejected[NO_FACE] += 1
            continue
        face = max(faces, key=lambda one: np.ptp(one.raw[:, 0]))
        parser.reset()  # each frame by itself: nothing is carried along
        parsing = parser.parse(frame, face.raw, face.track_id)
        own, reason = _cut((number, seconds), bgr, face.raw, parsing)
        reason = NO_FACE if face.presence < _LEAST_PRESENCE else reason
        if reason:
            rejected[reason] += 1
        else:
            frames.append(replace(own, gaze=gaze.still(frame, face.raw)))
    _check_length(path, seconds)
    _check(path, looked, crowded, rejected)
    usual = float(np.median([frame.sharpness for frame in frames])) if frames else 0.0
    sharp = [frame for frame in frames if frame.sharpness >= _SHARPNESS * usual]
    rejected[BLURRED] += len(frames) - len(sharp)
    video = OwnVideo(sharp, looked, dict(rejected))
    if len(sharp) < LEAST_FRAMES:
        worst = max(rejected, key=lambda reason: rejected[reason], default=BLURRED)
        raise VideoUnusable(f"Of {path.name}, {video.summary()}, and {LEAST_FRAMES} are needed: {_CURES[worst]}")
    return video


_CURES = {
    NO_FACE: "keep the face in view all the time.",
    SMALL: "sit closer to the camera, so that the head fills a third of the picture's height.",
    DARK: "turn on a light in front of you.",
    BURNT: "turn away from the sun or the lamp, or lower the camera's exposure.",
    COVERED: "keep hands, cups and microphones away from the face.",
    BLURRED: "hold the camera still, wipe its lens, and record in more light.",
}


def _check_length(path: Path, seconds: float) -> None:
    if seconds < LEAST_SECONDS:
        raise VideoUnusable(
            f"{path.name} lasts {seconds:.0f} s: record about two minutes, at least {LEAST_SECONDS:.0f} s."
        )


def _check(path: Path, looked: int, crowded: int, rejected: Counter[str]) -> None:
    if rejected[NO_FACE] == looked:
        raise VideoUnusable(f"{path.name} shows no face: give a video of one person who looks at the camera.")
    if crowded > MOST_CROWDED * looked:
        raise VideoUnusable(f"{path.name} shows more than one person: record yourself alone.")


def _pictures(path: Path) -> Iterator[tuple[float, np.ndarray]]:
    """Time and upright picture of the frames that are looked at; raises VideoUnreadable or VideoUnusable."""
    container, stream = open_video(path)
    with container:
        if container.duration is not None:  # better said now than after minutes
            _check_length(path, container.duration / av.time_base)
        due, given = 0.0, 0
        try:
            for frame in container.decode(stream):
                seconds = float(frame.time or 0.0)
                if seconds < due - 1e-3:
                    continue
                due = max(due + 1.0 / MOST_PER_SECOND, seconds + 0.5 / MOST_PER_SECOND)
                bgr = frame.to_ndarray(format="bgr24")
                # Phones write a rotation (counter-clockwise) instead of turning the picture.
                yield seconds, np.rot90(bgr, round(frame.rotation / 90) % 4).copy() if frame.rotation else bgr
                given += 1
                if given == MOST_FRAMES:
                    return
        except (av.FFmpegError, ValueError) as error:
            if given < LEAST_FRAMES:
                raise VideoUnusable(f"{path.name} cannot be read to its end ({error}); record it again.") from error


def _cut(when: tuple[int, float], bgr: np.ndarray, landmarks: np.ndarray, parsing: Parsing) -> tuple[OwnFrame, str]:
    """The head of a frame of this number and time, and why it cannot be used ("" if it can)."""
    to_square = head_transform(fit_pose(landmarks.astype(np.float64)))
    size = (SIDE, SIDE)
    picture = cv2.warpAffine(bgr, to_square, size, flags=_flags(to_square), borderMode=cv2.BORDER_REPLICATE)
    to_parsed = np.vstack([to_square, [0, 0, 1]]) @ np.vstack([parsing.crop_to_frame, [0, 0, 1]])
    own_labels, matte = _one_head(
        cv2.warpAffine(parsing.labels, to_parsed[:2], size, flags=cv2.INTER_NEAREST).astype(np.uint8),
        cv2.warpAffine(parsing.head, to_parsed[:2], size).astype(np.uint8),
    )
    points = landmarks.astype(np.float64).copy()
    points[:, :2] = points[:, :2] @ to_square[:, :2].T + to_square[:, 2]
    points[:, 2] *= np.sqrt(abs(np.linalg.det(to_square[:, :2])))
    face = np.zeros(size, np.uint8)
    cv2.fillPoly(face, [np.round(points[list(topology.FACE_OVAL), :2]).astype(np.int32)], 1)
    inside = face > 0
    skin = inside & np.isin(own_labels, (Label.SKIN, Label.NOSE))
    grey = cv2.cvtColor(picture, cv2.COLOR_BGR2GRAY)
    luminance = grey[skin] if skin.any() else np.zeros(1, np.uint8)
    own = OwnFrame(
        *when,
        cv2.imencode(".jpg", picture, [cv2.IMWRITE_JPEG_QUALITY, _QUALITY])[1],
        own_labels,
        matte,
        points.astype(np.float32),
        np.full((2, 2), np.nan, np.float32),
        _sharpness(grey, inside),
    )
    hidden = ~np.isin(own_labels, (*HEAD, Label.NECK, Label.BACKGROUND)) & inside
    if np.ptp(landmarks[:, 0]) < _LEAST_WIDTH:
        return own, SMALL
    if float(np.median(luminance)) < _DARK:
        return own, DARK
    if float((luminance > 250).mean()) > _BURNT:
        return own, BURNT
    return own, COVERED if hidden.sum() > _COVERED * inside.sum() else ""


def _one_head(labels: np.ndarray, matte: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Labels and matte without what the parser takes for parts of a head elsewhere."""
    count, parts, stats, _ = cv2.connectedComponentsWithStats((matte > 127).astype(np.uint8))
    if count < 2:
        return labels, matte
    largest = parts == 1 + int(np.argmax(stats[1:, cv2.CC_STAT_AREA]))
    elsewhere = cv2.dilate(largest.astype(np.uint8), np.ones((9, 9), np.uint8)) == 0
    labels[elsewhere & np.isin(labels, HEAD)] = Label.BACKGROUND
    matte[elsewhere] = 0
    return labels, matte


def head_transform(pose: Pose) -> np.ndarray:
    """Similarity float64 (2, 3) from px of the frame to px of the upright head's square."""
    matrix = crop_transform(pose, SIDE, CENTIMETRES)
    centre = pose.to_picture(CENTRE[None])[0, :2]
    matrix[:, 2] = (SIDE - 1) / 2 - matrix[:, :2] @ centre
    return matrix


def _flags(matrix: np.ndarray) -> int:
    return cv2.INTER_AREA if abs(np.linalg.det(matrix[:, :2])) < 0.5 else cv2.INTER_CUBIC


def _sharpness(grey: np.ndarray, inside: np.ndarray) -> float:
    """Detail against contrast inside the face, free of brightness."""
    small = cv2.resize(grey, (SIDE // 2, SIDE // 2), interpolation=cv2.INTER_AREA).astype(np.float32)
    mask = cv2.erode(cv2.resize(inside.astype(np.uint8), (SIDE // 2, SIDE // 2)), np.ones((9, 9), np.uint8)) > 0
    if not mask.any():
        return 0.0
    return float(np.abs(cv2.Laplacian(small, cv2.CV_32F))[mask].mean() / (small[mask].std() + 1.0))
