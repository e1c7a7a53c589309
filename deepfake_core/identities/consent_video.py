"""The consent video: recorded from camera and microphone, or made elsewhere, and looked at before it counts.

Only tools import this; nothing of it runs inside OBS.
"""

from __future__ import annotations

import hashlib
import os
import platform
import queue
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path

import av
import av.container
import cv2
import numpy as np
from av.container import InputContainer
from av.video.stream import VideoStream

from deepfake_core.facemesh.tracking import FaceTracker
from deepfake_core.frame import Frame
from deepfake_core.video_file import VideoUnreadable, open_video

MAX_BYTES = 2**31
MAX_SECONDS = 300.0
MIN_SECONDS = 5.0
LOOK_EVERY_SECONDS = 0.2
MIN_FACE_SHARE = 0.8
MAX_CROWD_SHARE = 0.1
MIN_LOUD_SECONDS = 1.0
LOUD = 10 ** (-45 / 20)
"""Root mean square of a tenth of a second, full scale 1, above which somebody may be speaking: -45 dBFS."""
_RATE = 48_000
_ALSA = {
    "ALSA_CONFIG_PATH": "/usr/share/alsa/alsa.conf",
    "ALSA_PLUGIN_DIR": f"/usr/lib/{platform.machine()}-linux-gnu/alsa-lib",
}
_MICROPHONES = {"linux": ("alsa", "default"), "darwin": ("avfoundation", ":default"), "win32": ("dshow", "")}


class VideoRefused(Exception):
    """The video cannot be a consent video, or none can be recorded; the text says why."""


@dataclass(frozen=True)
class Picture:
    """One picture of a video."""

    number: int
    """Counted from 0 in the order they are shown."""
    seconds: float
    bgr: np.ndarray
    """uint8 (H, W, 3)."""


@dataclass(frozen=True)
class VideoFacts:
    """What was seen and heard."""

    sha256: str
    seconds: float
    face_share: float
    """Share of the pictures looked at that show a face."""
    loud_seconds: float


def pictures(path: Path, every_seconds: float = 0.0, *, most_seconds: float = MAX_SECONDS) -> Iterator[Picture]:
    """The pictures of a video, at least so far apart; raises VideoRefused.

    For files from strangers: only self-contained formats, bounded sizes, one thread.
    """
    with _opened(path) as (container, stream):
        due = float("-inf")
        try:
            for number, frame in enumerate(container.decode(stream)):
                seconds = float(frame.time or 0.0)
                if seconds > most_seconds:
                    raise VideoRefused(f"{path.name} is longer than {most_seconds:.0f} s; give a shorter part.")
                if seconds >= due:
                    due = seconds + every_seconds
                    yield Picture(number, seconds, frame.to_ndarray(format="bgr24"))
        except (av.FFmpegError, ValueError) as error:
            raise VideoRefused(f"{path.name} cannot be read to its end ({error}); record it again.") from error


def inspect(path: Path) -> VideoFacts:
    """Look at a consent video; raises VideoRefused unless one person is seen and somebody is heard."""
    sha256 = file_sha256(path)
    tracker = FaceTracker(max_faces=2, threads=1, provider="cpu")
    tracker.eager = True
    looked = with_face = crowded = 0
    seconds = 0.0
    for picture in pictures(path, LOOK_EVERY_SECONDS):
        found = len(tracker.update(Frame.from_bgr(picture.bgr), round(picture.seconds * 1e9)))
        looked += 1
        with_face += found > 0
        crowded += found > 1
        seconds = picture.seconds
    if seconds < MIN_SECONDS:
        raise VideoRefused(f"{path.name} is shorter than {MIN_SECONDS:.0f} s; read the whole sentence.")
    if with_face < MIN_FACE_SHARE * looked:
        raise VideoRefused(
            f"{path.name} shows a face in {100 * with_face // looked} % of its pictures; keep it in view all the time."
        )
    if crowded > MAX_CROWD_SHARE * looked:
        raise VideoRefused(f"{path.name} shows more than one person; record it alone.")
    loud = _loud_seconds(path)
    if loud < MIN_LOUD_SECONDS:
        raise VideoRefused(f"In {path.name} nobody is heard to speak; check the microphone and record it again.")
    return VideoFacts(sha256, seconds, with_face / looked, loud)


def file_sha256(path: Path) -> str:
    """SHA-256 of a video file, lower-case hex; raises VideoRefused where there is none or it is too large."""
    try:
        if not path.is_file() or path.stat().st_size > MAX_BYTES:
            raise VideoRefused(f"{path} is not a video file of at most {MAX_BYTES >> 20} MiB.")
        with path.open("rb") as file:
            return hashlib.file_digest(file, "sha256").hexdigest()
    except OSError as error:
        raise VideoRefused(f"{path} cannot be read ({error.strerror}).") from error


@contextmanager
def _opened(path: Path) -> Iterator[tuple[InputContainer, VideoStream]]:
    if not path.is_file() or path.stat().st_size > MAX_BYTES:
        raise VideoRefused(f"{path} is not a video file of at most {MAX_BYTES >> 20} MiB.")
    try:
        container, video = open_video(path)
    except VideoUnreadable as error:
        raise VideoRefused(str(error)) from error
    video.codec_context.thread_count = 1
    with container:
        yield container, video


def _loud_seconds(path: Path) -> float:
    with _opened(path) as (container, _):
        if not container.streams.audio:
            raise VideoRefused(f"{path.name} has no sound; record it with a microphone.")
        resampler = av.AudioResampler(format="flt", layout="mono", rate=_RATE)
        block, loud, heard = _RATE // 10, 0, 0
        rest = np.zeros(0, np.float32)
        try:
            for frame in container.decode(audio=0):
                for plain in resampler.resample(frame):
                    rest = np.concatenate([rest, plain.to_ndarray().reshape(-1)])
                count = len(rest) // block
                blocks, rest = rest[: count * block].reshape(count, block), rest[count * block :]
                loud += int((np.sqrt(np.mean(np.square(blocks), axis=1)) > LOUD).sum())
                heard += count
                if heard > 10 * MAX_SECONDS:
                    break
        except (av.FFmpegError, ValueError) as error:
            raise VideoRefused(f"The sound of {path.name} cannot be read ({error}); record it again.") from error
    return loud / 10


def record(
    camera: str,
    microphone: str,
    target: Path,
    finished: Callable[[], bool],
    watch: Callable[[float], None] = lambda seconds: None,
) -> None:
    """Record camera and microphone into `target` (Matroska, H.264 and AAC) until `finished`; raises VideoRefused.

    camera: its number or device; microphone: a device of ALSA, AVFoundation or DirectShow, "" for the usual one. Both
    may also be files. The camera is OpenCV's, for PyAV's wheels know no Video4Linux.
    """
    source = cv2.VideoCapture(int(camera) if camera.isdigit() else camera)
    if not source.isOpened():
        raise VideoRefused(f"The camera {camera} does not open; close other programs that use it.")
    stop = threading.Event()
    sounds: queue.Queue[av.AudioFrame | Exception] = queue.Queue(64)
    listener = threading.Thread(target=_listen, args=(microphone, sounds, stop), daemon=True)
    listener.start()
    try:
        with av.open(str(target), "w", format="matroska") as out:
            _record(source, sounds, out, finished, watch)
    except BaseException:
        target.unlink(missing_ok=True)
        raise
    finally:
        stop.set()
        source.release()
        listener.join(2.0)


def _record(
    source: cv2.VideoCapture,
    sounds: queue.Queue[av.AudioFrame | Exception],
    out: av.container.OutputContainer,
    finished: Callable[[], bool],
    watch: Callable[[float], None],
) -> None:
    there, bgr = source.read()
    if not there:
        raise VideoRefused("The camera gives no picture; close other programs that use it.")
    picture = out.add_stream("libx264", rate=30, options={"preset": "veryfast", "crf": "20"})
    picture.height, picture.width = (side // 2 * 2 for side in bgr.shape[:2])
    picture.pix_fmt = "yuv420p"
    picture.codec_context.time_base = Fraction(1, 1000)
    voice = out.add_stream("aac", rate=_RATE, layout="mono")
    resampler = av.AudioResampler(format="fltp", layout="mono", rate=_RATE)
    started, last, samples = time.monotonic(), -1, 0
    while there and not finished():
        seconds = time.monotonic() - started
        if seconds > MAX_SECONDS:
            raise VideoRefused(f"The recording is longer than {MAX_SECONDS:.0f} s; read the sentence and stop.")
        even = np.ascontiguousarray(bgr[: picture.height, : picture.width], np.uint8)
        frame = av.VideoFrame.from_ndarray(even, "bgr24")
        frame.pts, frame.time_base = max(round(seconds * 1000), last + 1), Fraction(1, 1000)
        last = frame.pts
        out.mux(picture.encode(frame))
        # No more sound than picture: a file in the microphone's place runs as fast as it can be read.
        while samples < seconds * _RATE:
            try:
                sound = sounds.get(timeout=2.0 if samples == 0 else 0.01)
            except queue.Empty:
                if samples == 0:
                    raise VideoRefused("The microphone gives no sound; choose one with --microphone.") from None
                break
            if isinstance(sound, Exception):
                raise VideoRefused(f"The microphone does not work ({sound}); choose one with --microphone.")
            sound.pts = None
            for plain in resampler.resample(sound):
                plain.pts, plain.time_base = samples, Fraction(1, _RATE)
                samples += plain.samples
                out.mux(voice.encode(plain))
        watch(seconds)
        there, bgr = source.read()
    out.mux(picture.encode(None))
    out.mux(voice.encode(None))


def _listen(microphone: str, sounds: queue.Queue[av.AudioFrame | Exception], stop: threading.Event) -> None:
    kind, usual = _MICROPHONES.get(sys.platform, ("alsa", "default"))
    # The ALSA library inside PyAV's wheels looks for its configuration where it was built.
    for name, place in _ALSA.items():
        if Path(place).exists():
            os.environ.setdefault(name, place)
    try:
        device = None if Path(microphone).is_file() else kind
        with av.open(microphone or usual, format=device) as container:
            for frame in container.decode(audio=0):
                while not stop.is_set():
                    try:
                        sounds.put(frame, timeout=0.1)
                        break
                    except queue.Full:
                        continue
                if stop.is_set():
                    return
    except Exception as error:  # noqa: BLE001  Devices fail in any way; the recording ends with the reason.
        sounds.put(error)
