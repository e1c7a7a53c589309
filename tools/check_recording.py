"""Says whether every sampled frame of a recording carries the label; exit code 0 only if it does.

Frames without any picture (OBS's black canvas before the camera's first frame) need none.
"""

from environment import run_inside

run_inside("cpu")

import argparse
import json
import sys
from collections.abc import Iterator
from pathlib import Path

import av
import numpy as np

from deepfake_core.disclosure.detection import is_labelled
from deepfake_core.settings import LabelCorner

BLANK_LUMA = 24
MAX_SAMPLES = 300


def is_blank(bgr: np.ndarray) -> bool:
    """Whether a frame is OBS's black canvas."""
    return int(bgr.max()) < BLANK_LUMA


def frames(path: Path) -> Iterator[np.ndarray]:
    """Every frame of a video file as uint8 BGR. Raises av.error.FFmpegError."""
    with av.open(str(path)) as container:
        for frame in container.decode(container.streams.video[0]):
            yield frame.to_ndarray(format="bgr24")


def check(path: Path, corner: str, language: str) -> dict[str, int]:
    """Counts frames, those with a picture, those looked at (the first 90, then every tenth) and the unmarked."""
    counts = {"frames": 0, "pictures": 0, "sampled": 0, "unmarked": 0}
    for index, bgr in enumerate(frames(path)):
        counts["frames"] += 1
        if is_blank(bgr):
            continue
        counts["pictures"] += 1
        if index < 90 or (index % 10 == 0 and counts["sampled"] < MAX_SAMPLES):
            counts["sampled"] += 1
            counts["unmarked"] += not is_labelled(bgr, corner=corner, language=language)
    return counts


def main() -> int:
    """The command."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("recording", type=Path)
    parser.add_argument("--corner", choices=[*LabelCorner], default=LabelCorner.TOP_RIGHT)
    parser.add_argument("--language", default="en")
    options = parser.parse_args()
    try:
        counts = check(options.recording, options.corner, options.language)
    except (av.error.FFmpegError, OSError, IndexError) as error:
        print(f"{options.recording} cannot be read as a video: {error}", file=sys.stderr)
        return 2
    print(json.dumps(counts))
    return 0 if counts["sampled"] and not counts["unmarked"] else 1


if __name__ == "__main__":
    sys.exit(main())
