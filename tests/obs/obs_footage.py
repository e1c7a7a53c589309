"""Numbered camera frames of real people, and the comparison of OBS's output with them, frame by frame."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import islice
from pathlib import Path

import av
import cv2
import numpy as np
import pytest
from check_recording import frames, is_blank
from obs_harness import FOOTAGE, REPOSITORY, Camera

from deepfake_core.disclosure.detection import is_labelled
from deepfake_core.facemesh.topology import FACE_OVAL
from deepfake_core.facemesh.tracking import FaceTracker
from deepfake_core.frame import Frame

BITS = 10
BLOCK = 16
# High-passed pixels of the same face correlate above this after OBS's conversions and encoder; swapped ones do not.
RAW_CORRELATION = 0.9
FRAME_NS = 33_333_333
PERFORMER = REPOSITORY / "models" / "performer.mp4"


def person(width: int, height: int, count: int) -> list[np.ndarray]:
    """`count` frames of somebody on camera, head and shoulders, `width` x `height`.

    One of the people of shared/footage; where that is absent the bundled clip of a synthetic performer.
    """
    if (FOOTAGE / "asl_help.mkv").is_file():
        return _cropped(FOOTAGE / "asl_help.mkv", 270, width, height, count)
    return _cropped(PERFORMER, 480, width, height, count)


def stranger(width: int, height: int, count: int) -> list[np.ndarray]:
    """Another one of the people of shared/footage; skips the test where that is absent."""
    path = FOOTAGE / "asl_want.mkv"
    if not path.is_file():
        pytest.skip(f"{path} is absent: a second person is needed here")
    return _cropped(path, 270, width, height, count)


def _cropped(path: Path, rows: int, width: int, height: int, count: int) -> list[np.ndarray]:
    """Frames of a 640x480 video: the middle of its upper `rows` rows, scaled."""
    scale = min(640 / width, rows / height)
    crop_width, crop_height = int(width * scale), int(height * scale)
    left = (640 - crop_width) // 2
    found = islice(frames(path), count)
    return [cv2.resize(frame[:crop_height, left : left + crop_width], (width, height)) for frame in found]


def to_and_fro(sequence: Sequence[np.ndarray]) -> list[np.ndarray]:
    """Forwards and back again, so that a camera that plays it over and over never jumps."""
    return [*sequence, *sequence[-2:0:-1]]


def numbered(sequence: Sequence[np.ndarray]) -> list[np.ndarray]:
    """Copies with their own number as black and white blocks in the lower left corner, outside any face."""
    stamped = []
    for index, frame in enumerate(sequence):
        copy = frame.copy()
        bits = [1, 0, *((index >> bit) & 1 for bit in range(BITS))]
        top = copy.shape[0] - 2 * BLOCK
        for place, bit in enumerate(bits):
            copy[top : top + BLOCK, (place + 1) * BLOCK : (place + 2) * BLOCK] = 255 * bit
        stamped.append(copy)
    return stamped


def number(frame: np.ndarray) -> int | None:
    """The number that `numbered` wrote; None where it is not there, as on a slate or in a blurred picture."""
    top = frame.shape[0] - 2 * BLOCK
    row = frame[top + 4 : top + BLOCK - 4, BLOCK : BLOCK * (BITS + 3)].mean(axis=(0, 2))
    levels = row.reshape(-1, BLOCK)[:, 4:-4].mean(axis=1)
    if levels[0] < 190 or levels[1] > 65 or ((levels > 65) & (levels < 190)).any():
        return None
    return sum(int(level > 128) << bit for bit, level in enumerate(levels[2:]))


def write_camera(folder: Path, fourcc: str, sequence: Sequence[np.ndarray], rate: int = 30) -> Camera:
    """The file that the emulated camera plays; sequence: uint8 BGR frames of one even size."""
    height, width = sequence[0].shape[:2]
    path = folder / f"camera.{fourcc.lower()}"
    with path.open("wb") as file:
        for frame in sequence:
            file.write(_encode(frame, fourcc))
    return Camera(path, fourcc, width, height, rate)


def write_video(path: Path, sequence: Sequence[np.ndarray], rate: int = 30) -> Path:
    """A file for a media source, H.264 at high quality."""
    height, width = sequence[0].shape[:2]
    with av.open(str(path), "w") as container:
        stream = container.add_stream("libx264", rate=rate, options={"crf": "12", "preset": "veryfast"})
        stream.width, stream.height, stream.pix_fmt = width, height, "yuv420p"
        for frame in sequence:
            container.mux(stream.encode(av.VideoFrame.from_ndarray(frame, format="bgr24")))
        container.mux(stream.encode())
    return path


@dataclass(frozen=True)
class Verdict:
    """What was found in a recording or in the virtual camera's frames."""

    pictures: int
    """Frames that hold a picture."""
    unmarked: list[int]
    """Their indices."""
    raw: list[tuple[int, int, float]]
    """Raw faces: index of the output frame, number of the camera's frame, correlation."""
    swapped: int
    """Frames that show the camera's room with another face."""
    numbers: list[int]
    """Numbers of the camera's frames that were seen, in order."""
    worst: float
    """Highest correlation of a face with the camera's own."""


class Judge:
    """Compares frames that left OBS with the camera's own."""

    def __init__(
        self, camera_frames: Sequence[np.ndarray], faces: Sequence[Sequence[np.ndarray]] | None = None
    ) -> None:
        """camera_frames: what the camera plays, numbered.

        faces: landmarks (468, 2) of the visible faces of each frame, where the test made the frames itself and knows
        better than a tracker; else they are found here, once.
        """
        tracked = zip(camera_frames, faces or track(camera_frames), strict=True)
        self._patches = [_inner_faces(frame, found) for frame, found in tracked]

    @property
    def faces(self) -> int:
        """How many faces the camera shows, over all its frames."""
        return sum(len(patches) for patches in self._patches)

    def judge(self, output: Sequence[np.ndarray]) -> Verdict:
        """Looks at every frame; those without a readable number are compared with all of the camera's frames."""
        unmarked, raw, numbers, worst = [], [], [], -1.0
        pictures = swapped = 0
        for index, frame in enumerate(output):
            if is_blank(frame):
                continue
            pictures += 1
            if not is_labelled(frame):
                unmarked.append(index)
            seen = number(frame)
            if seen is not None and seen >= len(self._patches):
                seen = None
            candidates = range(len(self._patches)) if seen is None else [seen]
            if seen is not None:
                numbers.append(seen)
                swapped += bool(self._patches[seen])
            grey = cv2.cvtColor(frame, cv2.COLOR_BGR2GRAY)
            for candidate in candidates:
                for patch in self._patches[candidate]:
                    likeness = patch.likeness(grey)
                    worst = max(worst, likeness)
                    if likeness > RAW_CORRELATION:
                        raw.append((index, candidate, round(likeness, 3)))
        return Verdict(pictures, unmarked, raw, swapped, numbers, worst)


@dataclass(frozen=True)
class _Patch:
    """The inside of one face of the camera, high-passed and normalised."""

    box: tuple[slice, slice]
    mask: np.ndarray
    sigma: float
    detail: np.ndarray

    def likeness(self, grey: np.ndarray) -> float:
        """Correlation of the same place of another frame with this face, -1 to 1."""
        return float(_detail(grey[self.box], self.sigma, self.mask) @ self.detail)


def track(sequence: Sequence[np.ndarray]) -> list[list[np.ndarray]]:
    """Landmarks float32 (468, 2) of the faces in each frame, in pixels."""
    tracker = FaceTracker(max_faces=4, smoothing=0.0)
    return [
        [face.landmarks[:, :2] for face in tracker.update(Frame.from_bgr(frame.copy()), index * FRAME_NS)]
        for index, frame in enumerate(sequence)
    ]


def _inner_faces(frame: np.ndarray, faces: Sequence[np.ndarray]) -> list[_Patch]:
    height, width = frame.shape[:2]
    grey = cv2.cvtColor(frame, cv2.COLOR_BGR2GRAY)
    found = []
    for landmarks in faces:
        oval = landmarks[list(FACE_OVAL)]
        inner = oval.mean(axis=0) + 0.7 * (oval - oval.mean(axis=0))
        low = np.floor(inner.min(axis=0)).astype(int)
        high = np.ceil(inner.max(axis=0)).astype(int)
        if (low < 0).any() or high[0] >= width or high[1] >= height:
            continue  # half out of the picture
        box = (slice(low[1], high[1]), slice(low[0], high[0]))
        mask = np.zeros((high[1] - low[1], high[0] - low[0]), np.uint8)
        cv2.fillConvexPoly(mask, np.round(inner - low).astype(np.int32), 1)
        sigma = float(high[0] - low[0]) / 10
        found.append(_Patch(box, mask > 0, sigma, _detail(grey[box], sigma, mask > 0)))
    return found


def _detail(grey: np.ndarray, sigma: float, mask: np.ndarray) -> np.ndarray:
    values = grey.astype(np.float32)
    values = (values - cv2.GaussianBlur(values, (0, 0), sigma))[mask]
    values -= values.mean()
    length = np.linalg.norm(values)
    return values / length if length > 0 else values


def _encode(frame: np.ndarray, fourcc: str) -> bytes:
    if fourcc == "YUYV":
        return cv2.cvtColor(frame, cv2.COLOR_BGR2YUV_YUY2).tobytes()
    if fourcc == "NV12":
        height = frame.shape[0]
        planar = cv2.cvtColor(frame, cv2.COLOR_BGR2YUV_I420)
        chroma = planar[height:].reshape(2, -1).T
        return planar[:height].tobytes() + chroma.tobytes()
    if fourcc == "MJPG":
        sampling = [cv2.IMWRITE_JPEG_SAMPLING_FACTOR, cv2.IMWRITE_JPEG_SAMPLING_FACTOR_422]
        return cv2.imencode(".jpg", frame, [cv2.IMWRITE_JPEG_QUALITY, 95, *sampling])[1].tobytes()
    raise ValueError(f"the emulated camera has no format {fourcc}")
