"""Says whether a video, a camera's picture or the screen carries this project's marks.

    python3 tools/verify.py FILE            a video file
    python3 tools/verify.py --camera 0      what a camera sees, say a phone's or one that films a screen
    python3 tools/verify.py --screen        what this screen shows, say a call's window

Looks for the watermark, the visible label and a signed C2PA manifest; says which identity and consent record made the
pictures, how sure that is and over which seconds. Exit code: 0 marked, 1 unmarked, 3 uncertain, 2 nothing to look at.
"""

from __future__ import annotations

from environment import run_inside

run_inside("cpu")

import argparse
import json
import sys
import time
from collections.abc import Iterator
from dataclasses import asdict
from datetime import timedelta
from pathlib import Path
from typing import Any

import cv2
import mss
import numpy as np
from rich.console import Console
from rich.table import Table

from deepfake_core.disclosure.provenance import Provenance
from deepfake_core.disclosure.verification import Answer, Verdict, verify_frames, verify_video
from deepfake_core.disclosure.watermark import EPOCH
from deepfake_core.disclosure.watermark_detection import WatermarkFound
from deepfake_core.identities.library import Library
from deepfake_core.video_file import VideoUnreadable

EXIT = {Answer.MARKED: 0, Answer.UNMARKED: 1, Answer.UNCERTAIN: 3}
UNREADABLE = 2
RATE = 10.0  # pictures a second from the screen


def main(arguments: list[str] | None = None) -> int:
    """The command; returns its exit code."""
    options = _parser().parse_args(arguments)
    try:
        if options.file is not None:
            verdict = verify_video(options.file, longest=options.seconds, filmed=options.filmed)
        else:
            seconds = options.seconds or 20.0
            frames = _screen(seconds) if options.screen else _camera(options.camera, seconds)
            verdict = verify_frames(frames, filmed=options.filmed or options.camera is not None)
    except VideoUnreadable as error:
        print(error, file=sys.stderr)
        return UNREADABLE
    if not verdict.frames:
        print("There was no picture to look at; give another video, camera or screen.", file=sys.stderr)
        return UNREADABLE
    if options.json:
        print(json.dumps(as_json(verdict), indent=1))
    else:
        show(verdict, Console())
    return EXIT[verdict.answer]


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    source = parser.add_mutually_exclusive_group(required=True)
    source.add_argument("file", type=Path, nargs="?", metavar="FILE", help="video file")
    source.add_argument("--camera", type=int, metavar="N", help="number of a camera")
    source.add_argument("--screen", action="store_true", help="the first screen")
    parser.add_argument("--filmed", action="store_true", help="FILE is a camera's film of a screen; takes longer")
    parser.add_argument("--seconds", type=float, help="how long to look (default: the whole file, 20 s live)")
    parser.add_argument("--json", action="store_true", help="print one JSON object instead of a table")
    return parser


def as_json(verdict: Verdict) -> dict[str, Any]:
    """The verdict as plain data, with the identities' titles where this library knows them."""
    data = asdict(verdict)
    data["watermarks"] = [asdict(mark) | _meaning(mark) for mark in verdict.watermarks]
    return data


def show(verdict: Verdict, console: Console) -> None:
    """Print the verdict for a person."""
    colour = {Answer.MARKED: "green", Answer.UNMARKED: "red", Answer.UNCERTAIN: "yellow"}[verdict.answer]
    console.print(
        f"[{colour} bold]{verdict.answer.upper()}[/], {_how_sure(verdict)}, after {verdict.frames} pictures, "
        f"{verdict.seconds:.1f} s",
        highlight=False,
    )
    table = Table("seconds", "identity", "consent record", "day", "confidence", title="Watermarks")
    for mark in verdict.watermarks:
        meaning = _meaning(mark)
        span = f"{mark.first_seconds:.1f} - {mark.last_seconds:.1f}"
        table.add_row(span, meaning["identity"], meaning["consent"], meaning["date"], f"{mark.confidence:.6f}")
    if verdict.watermarks:
        console.print(table)
    else:
        console.print("No watermark was found.")
    console.print(f"The visible label stood in {verdict.label_share:.0%} of the pictures looked at for it.")
    manifest = verdict.provenance
    if manifest is None:
        console.print("There is no C2PA manifest that can be read.")
    else:
        _show_manifest(manifest, console)
    console.print("An unmarked picture may still be a fake: only this project's marks were looked for.")


def _show_manifest(manifest: Provenance, console: Console) -> None:
    state = "intact" if manifest.intact else f"NOT intact ({', '.join(manifest.problems)})"
    vouched = "a known authority vouches for the signer" if manifest.trusted else "nobody vouches for the signer's name"
    console.print(
        f"C2PA manifest by {manifest.software}, signed by {manifest.signer}: {state}; {vouched}.", markup=False
    )
    if manifest.facts:
        facts = manifest.facts
        console.print(
            f"It says: face of {', '.join(facts.identities) or 'unknown'}, "
            f"consent {', '.join(facts.consent_records) or 'unknown'}.",
            markup=False,
        )


def _how_sure(verdict: Verdict) -> str:
    if verdict.answer is Answer.MARKED:
        return f"by chance in at most one of {1 / max(1 - verdict.confidence, 1e-12):.0e} unmarked films"
    return "no trace of a mark" if verdict.answer is Answer.UNMARKED else "a trace of a mark that cannot be read"


def _meaning(mark: WatermarkFound) -> dict[str, str]:
    """What the numbers of a watermark stand for."""
    if not mark.record:
        known = "none (a slate, or a picture without a face)"
        return {"identity": known, "consent": "none", "date": _day(mark.day)}
    identity = Library().by_short_id(mark.record)
    if identity is None:
        return {"identity": "not in this library", "consent": f"{mark.record:08x}...", "date": _day(mark.day)}
    return {"identity": identity.title, "consent": identity.consent.record_id, "date": _day(mark.day)}


def _day(days: int) -> str:
    return (EPOCH + timedelta(days=days)).isoformat()


def _screen(seconds: float) -> Iterator[tuple[float, np.ndarray]]:
    try:
        with mss.mss() as screens:
            began = time.monotonic()
            while (now := time.monotonic() - began) < seconds:
                picture = np.asarray(screens.grab(screens.monitors[1]))
                yield now, np.ascontiguousarray(picture[..., :3])
                time.sleep(max(0.0, 1 / RATE - (time.monotonic() - began - now)))
    except (mss.ScreenShotError, IndexError) as error:
        raise VideoUnreadable(f"The screen cannot be read ({error}); record it to a file and give that.") from error


def _camera(number: int, seconds: float) -> Iterator[tuple[float, np.ndarray]]:
    camera = cv2.VideoCapture(number)
    try:
        if not camera.isOpened():
            raise VideoUnreadable(f"Camera {number} does not open; give another number, or close what uses it.")
        began = time.monotonic()
        while (now := time.monotonic() - began) < seconds:
            good, picture = camera.read()
            if not good:
                break
            yield now, picture
    finally:
        camera.release()


if __name__ == "__main__":
    sys.exit(main())
