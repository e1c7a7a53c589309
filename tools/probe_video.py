"""Size and rate of a video file, as one line of JSON; one clear sentence and exit code 2 where it is none."""

from environment import run_inside

run_inside("cpu")

import argparse
import json
import sys
from pathlib import Path

import av

MAX_SIDE = 4096


class VideoUnusable(RuntimeError):
    """The file cannot play the camera's part."""


def probe(path: Path) -> dict[str, int]:
    """Width, height (pixels) and rate_numerator / rate_denominator (frames per second) of the first video stream.

    Raises VideoUnusable with the cause.
    """
    if not path.is_file():
        raise VideoUnusable(f"There is no file {path}.")
    try:
        with av.open(str(path)) as container:
            if not container.streams.video:
                raise VideoUnusable(f"{path} has no video stream: choose a video file.")
            frame = next(container.decode(container.streams.video[0]), None)
            rate = container.streams.video[0].average_rate
    except (av.error.FFmpegError, OSError) as error:
        raise VideoUnusable(f"{path} is not a video that can be read ({error}): choose another file.") from error
    if frame is None:
        raise VideoUnusable(f"{path} holds no picture: choose another file.")
    if max(frame.width, frame.height) > MAX_SIDE:
        raise VideoUnusable(f"{path} is larger than {MAX_SIDE} pixels: scale it down first.")
    usable = rate is not None and 1 <= rate <= 120
    return {
        "width": frame.width,
        "height": frame.height,
        "rate_numerator": rate.numerator if usable and rate is not None else 30,
        "rate_denominator": rate.denominator if usable and rate is not None else 1,
    }


def main() -> int:
    """The command."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("video", type=Path)
    try:
        print(json.dumps(probe(parser.parse_args().video)))
    except VideoUnusable as error:
        print(error, file=sys.stderr)
        return 2
    return 0


if __name__ == "__main__":
    sys.exit(main())
