"""Shows the bundled identities on drivers, for docs/identities.md: one film and one sheet of each.

    python3 tools/identity_films.py                        writes docs/pictures/identities/NAME.mp4 and NAME.jpg
    python3 tools/identity_films.py --identity vesper --out FOLDER

Every picture is the live filter's own marked output, and nothing else is shown: no driver's picture stands beside it.
Films: face mode on the left, head mode on the right. Sheets: pairs of rows, face mode above head mode. Drivers are the
bundled performer, who does not exist, and the people of ../shared/footage (or --footage), who may be shown only like
this; see its LICENSES.md.
"""

from __future__ import annotations

from environment import REPOSITORY, run_inside

run_inside("cpu")

import argparse
import sys
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path

import av
import cv2
import numpy as np
from rich.progress import track

from deepfake_core.disclosure.credentials import CredentialsUnusable, chosen_credentials
from deepfake_core.disclosure.provenance import SigningFailed, SwapFacts, sign
from deepfake_core.facemesh.tracking import FaceTracker
from deepfake_core.frame import Frame
from deepfake_core.identities.errors import IdentityError
from deepfake_core.identities.library import Identity, Library
from deepfake_core.pipeline import Pipeline
from deepfake_core.settings import Mode, NoResult, Quality, Settings

TILE = 288
"""Side of one picture in px."""
RATE = 30
COLUMNS = 6
SETTLE = 12
"""Pictures before a sheet's moment: landmarks and light are smoothed over time."""
ROOM = 2.4
"""Side of the part of the driver's picture that is used, in heights of the face."""
PERFORMER = REPOSITORY / "models" / "performer.mp4"
FOOTAGE = REPOSITORY.parent / "shared" / "footage"


class FilmRefused(Exception):
    """No film can be made; the text is one sentence with the cure."""


@dataclass(frozen=True)
class Take:
    """A part of a file: the number of its first picture, and how many there are."""

    path: Path
    first: int
    count: int


@dataclass(frozen=True)
class Driver:
    """Somebody before a camera: pictures uint8 (TILE, TILE, 3) BGR and how far they lie apart in seconds."""

    name: str
    pictures: list[np.ndarray]
    step: float


def takes(footage: Path) -> tuple[list[Take], list[Take]]:
    """What the films show one after the other, and the moments of the sheets (each take's last picture)."""

    def asl(sign: str) -> Path:
        return footage / f"asl_{sign}.mkv"

    turning = footage / "head_pose_female.gif"
    film = [Take(PERFORMER, 30, 105), Take(asl("help"), 0, 58), Take(asl("book"), 20, 60), Take(turning, 0, 23)]
    moments = {
        "again": 45, "book": 60, "eat": 30, "help": 40, "sister": 50, "sorry": 45, "thanks": 30, "want": 30,
    }  # fmt: skip
    sheet = [Take(PERFORMER, moment - SETTLE, SETTLE) for moment in (75, 190)]
    sheet += [Take(asl(sign), max(0, moment - SETTLE), SETTLE) for sign, moment in moments.items()]
    return film, [*sheet, Take(turning, 4, SETTLE), Take(footage / "portrait_neutral.jpeg", 0, SETTLE)]


def driver(take: Take, size: int) -> Driver:
    """The pictures of a take around the face; a still is repeated. Raises FilmRefused."""
    video = cv2.VideoCapture(str(take.path))
    rate = video.get(cv2.CAP_PROP_FPS) or RATE
    every = list(_all_pictures(video))
    video.release()
    pictures = every * take.count if len(every) == 1 else every[take.first : take.first + take.count]
    if not pictures:
        raise FilmRefused(f"{take.path} holds no picture that can be decoded; give --footage another folder.")
    x, y, side = _around_face(pictures, take.path)
    shown = [
        cv2.resize(picture[y : y + side, x : x + side], (size, size), interpolation=cv2.INTER_CUBIC)
        for picture in pictures
    ]
    return Driver(take.path.name, shown, 1 / rate)


def _all_pictures(video: cv2.VideoCapture) -> Iterator[np.ndarray]:
    while True:
        there, picture = video.read()
        if not there:
            return
        yield picture


def _around_face(pictures: list[np.ndarray], path: Path) -> tuple[int, int, int]:
    """A square x, y, side in px that holds the head throughout."""
    tracker = FaceTracker(threads=1, provider="cpu")
    boxes = [
        face.box
        for number, picture in enumerate(pictures[:: max(1, len(pictures) // 12)])
        for face in tracker.update(Frame.from_bgr(picture.copy()), number * 200_000_000)[:1]
    ]
    if not boxes:
        raise FilmRefused(f"{path} shows no face; give --footage another folder.")
    corners = np.array(boxes)
    low, high = corners[:, :2].min(axis=0), corners[:, 2:].max(axis=0)
    height, width = pictures[0].shape[:2]
    tall = float(np.median(corners[:, 3] - corners[:, 1]))
    side = int(min(max(ROOM * tall, 1.15 * float((high - low).max())), height, width))
    middle = (low + high) / 2 + (0.0, 0.05 * side)
    x, y = (
        int(np.clip(centre - side / 2, 0, length - side))
        for centre, length in zip(middle, (width, height), strict=True)
    )
    return x, y, side


def swapped(person: Driver, identity: str, mode: Mode) -> tuple[list[np.ndarray], int]:
    """The filter's marked pictures of a driver, and on how many of them the identity was drawn without complaint."""
    settings = Settings(identity=identity, mode=mode, quality=Quality.BEST, no_result=NoResult.SLATE)
    pipeline = Pipeline(settings, threads=2)
    pipeline.load()
    if pipeline.status().last_error:
        raise FilmRefused(pipeline.status().last_error)
    shown, complaints = [], Counter[str]()
    for number, picture in enumerate(person.pictures):
        marked = pipeline.process(Frame.from_bgr(picture.copy(), round(number * person.step * 1e9)))
        shown.append(marked.frame.to_bgr())
        complaints[pipeline.status().last_error] += 1
    count = min(pipeline.status().frames_swapped, complaints.pop("", 0))
    for complaint, times in complaints.items():
        print(f"{identity} on {person.name}, {mode} mode, {times} pictures: {complaint}", file=sys.stderr)
    pipeline.close()
    return shown, count


def write_film(path: Path, pictures: Iterator[tuple[np.ndarray, float]], identity: Identity) -> None:
    """Write pictures (H, W, 3) BGR, each with its time in seconds, as a signed MP4; nothing half-written is left."""
    partial, signed = path.with_name(f".{path.stem}.part.mp4"), path.with_name(f".{path.stem}.signed.mp4")
    try:
        with av.open(str(partial), "w", options={"movflags": "+faststart"}) as container:
            stream = container.add_stream("libx264", rate=RATE, options={"crf": "25", "preset": "slow"})
            stream.width, stream.height, stream.pix_fmt = 2 * TILE, TILE, "yuv420p"
            stream.codec_context.time_base = Fraction(1, 1000)
            for picture, seconds in pictures:
                frame = av.VideoFrame.from_ndarray(picture, format="bgr24")
                frame.pts, frame.time_base = round(seconds * 1000), Fraction(1, 1000)
                container.mux(stream.encode(frame))
            container.mux(stream.encode(None))
        sign(partial, signed, SwapFacts.of([identity]), chosen_credentials(None, None))
        signed.replace(path)
    finally:
        partial.unlink(missing_ok=True)
        signed.unlink(missing_ok=True)


def film(drivers: Sequence[Driver], identity: str, tally: dict[str, list[int]]) -> Iterator[tuple[np.ndarray, float]]:
    """Both modes side by side, one driver after the other, with times; `tally` counts pictures and swaps."""
    begins = 0.0
    for person in drivers:
        columns = [_counted(person, identity, mode, tally) for mode in Mode]
        for number, row in enumerate(zip(*columns, strict=True)):
            yield np.hstack(row), begins + number * person.step
        begins += len(person.pictures) * person.step


def sheet(drivers: Sequence[Driver], identity: str, tally: dict[str, list[int]]) -> np.ndarray:
    """The last picture of each driver in both modes, `COLUMNS` in a row."""
    tiles = {mode: [_counted(person, identity, mode, tally)[-1] for person in drivers] for mode in Mode}
    rows = []
    for first in range(0, len(drivers), COLUMNS):
        for mode in Mode:
            row = tiles[mode][first : first + COLUMNS]
            rows.append(np.hstack([*row, *[np.zeros_like(row[0])] * (COLUMNS - len(row))]))
    return np.vstack(rows)


def _counted(person: Driver, identity: str, mode: Mode, tally: dict[str, list[int]]) -> list[np.ndarray]:
    shown, count = swapped(person, identity, mode)
    total = tally.setdefault(mode, [0, 0])
    total[0] += count
    total[1] += len(shown)
    return shown


def main(arguments: list[str] | None = None) -> int:
    """Run the command."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--identity", nargs="+", help="names (default: every one that opens)")
    parser.add_argument("--footage", type=Path, default=FOOTAGE, help="folder with the drivers' clips")
    parser.add_argument("--out", type=Path, default=REPOSITORY / "docs" / "pictures" / "identities")
    parser.add_argument("--no-film", action="store_true", help="sheets alone")
    options = parser.parse_args(arguments)
    try:
        return _make(options)
    except (FilmRefused, IdentityError, CredentialsUnusable, SigningFailed, OSError) as error:
        print(error, file=sys.stderr)
        return 1


def _make(options: argparse.Namespace) -> int:
    library = Library()
    names = options.identity or [summary.name for summary in library.summaries() if summary.usable]
    opened = [library.open(name) for name in names]
    in_films, in_sheets = takes(options.footage)
    moving = [] if options.no_film else [driver(take, TILE) for take in in_films]
    moments = [driver(take, TILE) for take in in_sheets]
    options.out.mkdir(parents=True, exist_ok=True)
    for identity in track(opened, "identities"):
        tally: dict[str, list[int]] = {}
        if moving:
            write_film(options.out / f"{identity.name}.mp4", film(moving, identity.name, tally), identity)
        picture = sheet(moments, identity.name, tally)
        done, data = cv2.imencode(".jpg", picture, [cv2.IMWRITE_JPEG_QUALITY, 84])
        if not done:
            raise FilmRefused(f"The sheet of {identity.name} cannot be written as JPEG.")
        (options.out / f"{identity.name}.jpg").write_bytes(data.tobytes())
        said = ", ".join(f"{mode} mode: {count} of {total} pictures swapped" for mode, (count, total) in tally.items())
        print(f"{identity.title}: {said}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
