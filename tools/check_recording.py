"""Says whether every sampled frame of a recording carries the label; exit code 0 only if it does.

A frame counts as marked when the label, as `deepfake_core.disclosure` draws it, is found where it must be. Frames
without any picture (OBS's black canvas before the camera's first frame) need none.
"""

from environment import run_inside

run_inside("cpu")

import argparse
import json
import sys
from collections.abc import Iterator
from pathlib import Path

import av
import cv2
import numpy as np
from deepfake_core.disclosure.mark import Disclosure

from deepfake_core.frame import Frame
from deepfake_core.settings import LabelCorner

# Correlation with the drawn label; without a label footage stays below 0.4, an encoder's worst above 0.85.
LABEL_CORRELATION = 0.7
BLANK_LUMA = 24
MAX_SAMPLES = 300


class LabelFinder:
    """Finds the label in frames of one size."""

    def __init__(
        self, width: int, height: int, corner: str = "top_right", language: str = "en", canvas: tuple[int, int] = (0, 0)
    ) -> None:
        """Draws the label of a `width` x `height` camera; canvas: size of the frames if OBS scales them."""
        drawn = []
        for background in (0, 255):
            frame = Frame.from_bgr(np.full((height, width, 3), background, np.uint8))
            Disclosure(corner, language).mark(frame)
            drawn.append(
                cv2.resize(
                    cv2.cvtColor(frame.to_bgr(), cv2.COLOR_BGR2GRAY), canvas if any(canvas) else None, fx=1, fy=1
                ).astype(np.float32)
            )
        # Where both backgrounds are covered the label is what is seen.
        opaque = np.abs(drawn[1] - drawn[0]) < 128
        rows, columns = np.flatnonzero(opaque.any(1)), np.flatnonzero(opaque.any(0))
        self.box = (slice(rows[0], rows[-1] + 1), slice(columns[0], columns[-1] + 1))
        self._mask = opaque[self.box]
        self._expected = _normalised(((drawn[0] + drawn[1]) / 2)[self.box][self._mask])

    def correlation(self, bgr: np.ndarray) -> float:
        """How much the place of the label looks like it: -1 to 1. bgr: uint8 (h, w, 3)."""
        seen = cv2.cvtColor(np.ascontiguousarray(bgr[self.box]), cv2.COLOR_BGR2GRAY)[self._mask].astype(np.float32)
        return float(_normalised(seen) @ self._expected)

    def marked(self, bgr: np.ndarray) -> bool:
        """Whether a uint8 BGR frame carries the label or holds no picture at all."""
        return is_blank(bgr) or self.correlation(bgr) >= LABEL_CORRELATION


def is_blank(bgr: np.ndarray) -> bool:
    """Whether a frame is OBS's black canvas."""
    return int(bgr.max()) < BLANK_LUMA


def frames(path: Path) -> Iterator[np.ndarray]:
    """Every frame of a video file as uint8 BGR. Raises av.error.FFmpegError."""
    with av.open(str(path)) as container:
        for frame in container.decode(container.streams.video[0]):
            yield frame.to_ndarray(format="bgr24")


def check(path: Path, size: tuple[int, int], corner: str, language: str) -> dict[str, int]:
    """Counts frames, those with a picture, those looked at (the first 90, then every tenth) and the unmarked."""
    finder: LabelFinder | None = None
    counts = {"frames": 0, "pictures": 0, "sampled": 0, "unmarked": 0}
    for index, bgr in enumerate(frames(path)):
        finder = finder or LabelFinder(*size, corner, language, (bgr.shape[1], bgr.shape[0]))
        counts["frames"] += 1
        if is_blank(bgr):
            continue
        counts["pictures"] += 1
        if index < 90 or (index % 10 == 0 and counts["sampled"] < MAX_SAMPLES):
            counts["sampled"] += 1
            counts["unmarked"] += not finder.marked(bgr)
    return counts


def _normalised(values: np.ndarray) -> np.ndarray:
    centred = values - values.mean()
    length = np.linalg.norm(centred)
    return centred / length if length > 0 else centred


def main() -> int:
    """The command."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("recording", type=Path)
    parser.add_argument("--size", type=int, nargs=2, metavar=("WIDTH", "HEIGHT"), required=True, help="of the camera")
    parser.add_argument("--corner", choices=[*LabelCorner], default=LabelCorner.TOP_RIGHT)
    parser.add_argument("--language", default="en")
    options = parser.parse_args()
    try:
        counts = check(options.recording, tuple(options.size), options.corner, options.language)
    except (av.error.FFmpegError, OSError, IndexError) as error:
        print(f"{options.recording} cannot be read as a video: {error}", file=sys.stderr)
        return 2
    print(json.dumps(counts))
    return 0 if counts["sampled"] and not counts["unmarked"] else 1


if __name__ == "__main__":
    sys.exit(main())
