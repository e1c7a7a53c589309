"""Runs the real pipeline on a few frames of the bundled clip and says what is true, as one JSON object.

`tools/doctor.py` reads it. Keys: models (list of [name, error]), identities (list of [name, usable, line]), provider,
picture (error or ""), milliseconds (median of a frame).
"""

from environment import REPOSITORY, run_inside

run_inside("cpu")

import json
import statistics
import time
from itertools import islice
from pathlib import Path
from typing import Any

from check_recording import frames

from deepfake_core.disclosure.detection import is_labelled
from deepfake_core.frame import Frame
from deepfake_core.identities.library import Library
from deepfake_core.inference.errors import InferenceError
from deepfake_core.inference.manifest import Manifest
from deepfake_core.pipeline import Pipeline

CLIP = REPOSITORY / "models" / "performer.mp4"
FRAMES = 20


def models() -> list[tuple[str, str]]:
    """Each listed model and what is wrong with it; empty text: size and hash are right."""
    try:
        manifest = Manifest.load()
    except InferenceError as error:
        return [("manifest.json", str(error))]
    found = []
    for name in manifest.entries:
        try:
            manifest.read(name)
        except InferenceError as error:
            found.append((name, str(error)))
        else:
            found.append((name, ""))
    return found


def picture(clip: Path) -> dict[str, Any]:
    """Swaps the first frames of `clip`; provider, picture (what is wrong, or "") and median milliseconds."""
    pipeline = Pipeline()
    pipeline.load()
    milliseconds = []
    label = True
    for index, bgr in enumerate(islice(frames(clip), FRAMES)):
        frame = Frame.from_bgr(bgr, timestamp_ns=index * 33_333_333)
        started = time.perf_counter()
        marked = pipeline.process(frame)
        milliseconds.append((time.perf_counter() - started) * 1000)
        label = label and is_labelled(marked.frame.to_bgr())
    status = pipeline.status()
    pipeline.close()
    problem = ""
    if status.frames_swapped < FRAMES // 2:
        problem = status.last_error or f"only {status.frames_swapped} of {len(milliseconds)} frames were swapped"
    elif not label:
        problem = "a frame came out without its label"
    return {
        "provider": status.provider,
        "picture": problem,
        "milliseconds": statistics.median(milliseconds) if milliseconds else 0,
    }


def main() -> None:
    """The command."""
    report: dict[str, Any] = {
        "models": models(),
        "identities": [(line.name, line.usable, line.consent_line) for line in Library().summaries()],
    }
    if CLIP.is_file():
        report |= picture(CLIP)
    else:
        report |= {"provider": "", "picture": f"{CLIP} is missing", "milliseconds": 0}
    print(json.dumps(report))


if __name__ == "__main__":
    main()
