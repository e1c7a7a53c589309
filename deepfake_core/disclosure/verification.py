"""Says whether pictures carry this project's marks: watermark, label and signed manifest.

For platforms, teachers and anybody else: plain functions, no network, no training, nothing but numpy, OpenCV, PyAV
and c2pa. See docs/for-platforms.md.
"""

from __future__ import annotations

import enum
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

import av
import numpy as np

from deepfake_core.disclosure import provenance
from deepfake_core.disclosure.detection import is_labelled
from deepfake_core.disclosure.labels import CORNERS
from deepfake_core.disclosure.watermark_detection import WatermarkDetector, WatermarkFound
from deepfake_core.video_file import VideoUnreadable, open_video

TRACE = 9.0
"""Standard deviations of the known chips that make an unread watermark likely: of unmarked pictures, text and stripes
alone come near it."""
LABEL_EVERY = 1.0
"""Seconds between two frames in which the visible label is looked for."""
LABELLED = 0.5
"""Share of the looked-at frames with a label from which no watermark is needed to be uncertain."""


class Answer(enum.StrEnum):
    """What the pictures say."""

    MARKED = "marked"
    UNMARKED = "unmarked"
    UNCERTAIN = "uncertain"


@dataclass(frozen=True)
class Verdict:
    """What was found in some pictures.

    confidence: of the answer "marked"; for the others how near a mark is, 0..1; watermarks: one for each message, in
    order; label_share: of the looked-at frames, those with the visible label in its own place (0..1; a cropped or
    mirrored picture has none there); provenance: the file's manifest; frames, seconds: how much was looked at.
    """

    answer: Answer
    confidence: float
    watermarks: tuple[WatermarkFound, ...]
    label_share: float
    provenance: provenance.Provenance | None
    frames: int
    seconds: float


def verify_video(path: Path, *, longest: float | None = None, filmed: bool = False) -> Verdict:
    """Look at a video file, at most its first `longest` seconds; raises VideoUnreadable.

    filmed: look for pictures of a screen too, turned and anywhere in the picture; takes longer.
    """
    return verify_frames(read_frames(path, longest), manifest=provenance.read(path), filmed=filmed)


def verify_frames(
    frames: Iterable[tuple[float, np.ndarray]],
    *,
    manifest: provenance.Provenance | None = None,
    filmed: bool = False,
) -> Verdict:
    """Look at (seconds, uint8 BGR) pictures of one stream, in order; `filmed` as in `verify_video`."""
    detector = WatermarkDetector(filmed=filmed)
    count = labelled = looked = 0
    first = last = label_due = None
    for seconds, bgr in frames:
        if first is None or label_due is None:
            first = label_due = seconds
        count, last = count + 1, seconds
        detector.add(bgr, seconds)
        if seconds >= label_due:
            looked, label_due = looked + 1, seconds + LABEL_EVERY
            labelled += any(is_labelled(bgr, corner=corner) for corner in CORNERS)
    detector.found()  # searches what is not searched yet
    marks = tuple(sorted(detector.messages.values(), key=lambda mark: mark.first_seconds))
    share = labelled / looked if looked else 0.0
    signed = manifest is not None and manifest.ours and manifest.intact
    trace = min(1.0, detector.strongest_trace / TRACE)
    if marks or signed:
        answer, confidence = Answer.MARKED, max([1.0 if signed else 0.0, *(mark.confidence for mark in marks)])
    else:
        answer = Answer.UNCERTAIN if trace >= 1.0 or share >= LABELLED else Answer.UNMARKED
        confidence = max(trace, share)
    length = 0.0 if first is None or last is None else last - first
    return Verdict(answer, confidence, marks, share, manifest, count, length)


def read_frames(path: Path, longest: float | None = None) -> Iterator[tuple[float, np.ndarray]]:
    """(seconds, uint8 BGR) of each picture of a video file; a damaged end is left out; raises VideoUnreadable."""
    container, video = open_video(path)
    with container:
        video.codec_context.thread_count = 2  # each thread keeps large pictures of its own
        number = 0
        try:
            for picture in container.decode(video):
                seconds = float(picture.time) if picture.time is not None else number / 30.0
                if longest is not None and seconds > longest:
                    return
                number += 1
                yield seconds, picture.to_ndarray(format="bgr24")
        except av.FFmpegError as error:
            if not number:
                raise VideoUnreadable(f"{path} holds no picture that can be decoded ({error.strerror}).") from error
