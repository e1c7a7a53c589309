"""Render people who do not exist: data sets to train and measure on, identity views, sheets and the bundled clip.

stills      pictures of random people with labels, mattes and landmarks, as a webcam takes them; hard cases often
pairs       random actors and the ground truth of their swaps
sequences   the same in motion, 30 frames/s
benchmark   the frozen benchmark: 12 sequences with swaps, 300 stills of hard cases
look        one PNG of samples of a data set, with labels, mattes and landmarks
identity    portrait.png, bake views with alpha and labels, views.json (see deepfake_core/synthetic/views.py)
sheet       one PNG of random people, each once in a random scene (--rows: a row for each)
clip        the performer of models/performer.mp4 (H.264, 640x480, 30 frames/s, loops), or a person's rehearsal
landmarks   where FaceMesh's points lie on the base mesh: models/facemesh/base_mesh_points.safetensors

Data sets are folders of dataset.json and shard-*.npz, see docs/data-format.md. Ctrl-C stops; the same command goes
on. The same seed gives the same pictures.
"""

from __future__ import annotations

import argparse
import json
import multiprocessing
import os
import shlex
import shutil
import signal
import sys
import threading
from collections.abc import Callable
from pathlib import Path

from environment import run_inside

run_inside("train")

# Several processes render side by side: threads within one would only get in each other's way.
for threads in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS"):
    os.environ.setdefault(threads, "1")

import cv2
import numpy as np
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn, track

from deepfake_core.inference.errors import ModelError
from deepfake_core.inference.manifest import MODELS_DIR, Manifest
from deepfake_core.synthetic import benchmark, dataset, landmark_fitting, landmarks
from deepfake_core.synthetic.assets import AssetsMissing, find_assets
from deepfake_core.synthetic.body import Body
from deepfake_core.synthetic.cases import CASES
from deepfake_core.synthetic.clip import FRAMES, RATE, performance_frames, rehearsal_frames, write_video
from deepfake_core.synthetic.dataset import Description
from deepfake_core.synthetic.dataset_sheet import dataset_sheet
from deepfake_core.synthetic.identities import IDENTITIES
from deepfake_core.synthetic.lighting import KINDS
from deepfake_core.synthetic.person import Wardrobe
from deepfake_core.synthetic.renderer import GraphicsMissing
from deepfake_core.synthetic.samples import SampleMaker
from deepfake_core.synthetic.sheet import crowd_sheet, people_sheet
from deepfake_core.synthetic.traits import TONES
from deepfake_core.synthetic.views import render_bake_views, render_portrait


class TonesUneven(ValueError):
    """Not everybody would be shown in all tones."""


EXPECTED_ERRORS = (
    AssetsMissing, GraphicsMissing, ModelError, OSError,
    dataset.DatasetMismatch, dataset.DatasetIncomplete, dataset.ShardBroken, TonesUneven,
)  # fmt: skip
INTERRUPTED = 130
FITTED_ON, JUDGED_ON = range(1000, 1060), range(1060, 1080)  # seeds of people

SHARDS_OF_PROCESS = 32
"""Then a worker process is replaced: the memory of long runs stays bounded, whatever the heap does."""

_maker: SampleMaker | None = None  # one per worker process


class SpaceMissing(OSError):
    """The data set would not fit on the disk."""


def main(arguments: list[str] | None = None) -> int:
    """Run the tool; returns the exit status."""
    options = _parser().parse_args(arguments)
    try:
        options.run(options)
    except EXPECTED_ERRORS as error:
        print(f"render_people: {error}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        print("render_people: stopped; the same command goes on where it was.", file=sys.stderr)
        return INTERRUPTED
    return 0


def _number(least: int, most: int | None = None) -> Callable[[str], int]:
    """A whole number within bounds."""

    def read(text: str) -> int:
        try:
            number = int(text)
        except ValueError:
            raise argparse.ArgumentTypeError(f"{text} is no whole number") from None
        if number < least:
            raise argparse.ArgumentTypeError(f"{number} is too small: at least {least}")
        if most is not None and number > most:
            raise argparse.ArgumentTypeError(f"{number} is too large: at most {most}")
        return number

    return read


def _views(text: str) -> tuple[str, ...]:
    asked = set(text.split(","))
    unknown = asked - set(dataset.VIEWS)
    if unknown:
        raise argparse.ArgumentTypeError(f"no view is called {min(unknown)}: choose of {','.join(dataset.VIEWS)}")
    return tuple(view for view in dataset.VIEWS if view in asked | {"actor"})


def _parser() -> argparse.ArgumentParser:  # noqa: PLR0915  (a list of what there is)
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    commands = parser.add_subparsers(required=True)

    stills = commands.add_parser("stills", help="pictures with labels, mattes and landmarks")
    stills.add_argument("--count", type=_number(1, dataset.MAX_SAMPLES), default=4096, help="pictures")
    stills.add_argument("--clean", action="store_true", help="without the webcam's traces")
    stills.set_defaults(run=_stills)

    pairs = commands.add_parser("pairs", help="actors and the ground truth of their swaps")
    pairs.add_argument("--count", type=_number(1, dataset.MAX_SAMPLES), default=4480, help="samples")
    pairs.add_argument(
        "--each-tone", action="store_true", help="each person in all ten Monk tones, in one scene: ten samples each"
    )
    pairs.add_argument(
        "--tones", type=_number(1, TONES), nargs="+", default=(), metavar="TONE", help="actors of these Monk tones only"
    )
    pairs.set_defaults(run=_pairs)

    sequences = commands.add_parser("sequences", help="pairs in motion")
    sequences.add_argument("--count", type=_number(1, dataset.MAX_SAMPLES), default=64, help="sequences")
    sequences.add_argument(
        "--frames", type=_number(1, dataset.MAX_FRAMES), default=60, help="frames of each, 30 a second"
    )
    sequences.set_defaults(run=_sequences)

    for command in (pairs, sequences):
        command.add_argument("--identity", choices=sorted(IDENTITIES), required=True)
        command.add_argument(
            "--views", type=_views, default=dataset.VIEWS, help=f"of {','.join(dataset.VIEWS)} (default: all)"
        )
        command.add_argument("--webcam", action="store_true", help="with noise, white balance... but no lens")

    frozen = commands.add_parser("benchmark", help="the frozen benchmark")
    frozen.add_argument("--identity", choices=sorted(IDENTITIES), default="vesper")
    frozen.set_defaults(run=_benchmark)

    for command, size in ((stills, 256), (pairs, 192), (sequences, 256)):
        command.add_argument(
            "--size", type=_number(16, dataset.MAX_SIZE), default=size, help="side of the pictures in px"
        )
        command.add_argument("--seed", type=_number(0), default=0)
    for command in (stills, pairs, sequences, frozen):
        command.add_argument("--out", type=Path, required=True, help="folder")
        command.add_argument("--processes", type=_number(1), default=os.cpu_count() or 1)

    look = commands.add_parser("look", help="sheet of a data set")
    look.add_argument("folder", type=Path)
    look.add_argument("--out", type=Path, required=True, help="PNG file")
    look.add_argument("--samples", type=_number(1), default=16, help="rows, spread over the set")
    look.add_argument("--partial", action="store_true", help="accept a half-written set")
    look.set_defaults(run=_look)

    identity = commands.add_parser("identity", help="portrait and bake views of an identity")
    identity.add_argument("name", choices=sorted(IDENTITIES))
    identity.add_argument("--out", type=Path, required=True)
    identity.set_defaults(run=_identity)

    sheet = commands.add_parser("sheet", help="contact sheet of random people")
    sheet.add_argument("--out", type=Path, required=True, help="PNG file")
    sheet.add_argument("--seed", type=_number(0), default=0, help="of the first person")
    sheet.add_argument("--people", type=_number(1), default=100, help="each once, through a webcam")
    sheet.add_argument("--rows", type=_number(1), help="instead: so many people, a row each, by a perfect camera")
    sheet.add_argument("--columns", type=_number(1), default=10)
    sheet.add_argument("--size", type=_number(16, dataset.MAX_SIZE), default=192)
    sheet.add_argument("--labels", action="store_true", help="show the face-parsing labels below each row")
    sheet.set_defaults(run=_sheet)

    clip = commands.add_parser("clip", help="video of the synthetic performer")
    clip.add_argument("--out", type=Path, required=True, help="MP4 file")
    clip.add_argument("--person", choices=sorted(IDENTITIES), default="performer")
    clip.add_argument(
        "--rehearsal", type=_number(10, 600), metavar="SECONDS", help="what `tools/train_identity.py` wants to see"
    )
    clip.add_argument("--rate", type=_number(5, 60), default=RATE, help="frames a second of a rehearsal")
    clip.set_defaults(run=_clip)

    points = commands.add_parser("landmarks", help="fit FaceMesh's points to the base mesh")
    points.set_defaults(run=_landmarks)

    for command in (stills, pairs, sequences, frozen, identity, sheet, clip, points):
        command.add_argument("--assets", type=Path, help="assets folder (default: ../shared/assets)")
    return parser


def _stills(options: argparse.Namespace) -> None:
    _render(options, options.out, kind="stills", count=options.count, webcam=not options.clean)


def _pairs(options: argparse.Namespace) -> None:
    if options.each_tone and options.count % TONES:
        raise TonesUneven(f"With --each-tone everybody takes {TONES} samples: --count must be a multiple of {TONES}.")
    if options.each_tone and options.tones:
        raise TonesUneven("With --each-tone everybody is shown in all tones: --tones cannot choose among them.")
    _render(
        options,
        options.out,
        kind="pairs",
        identity=options.identity,
        count=options.count,
        each_tone=options.each_tone,
        tones=tuple(sorted(set(options.tones))),
        views=options.views,
        webcam=options.webcam,
    )


def _sequences(options: argparse.Namespace) -> None:
    _render(
        options,
        options.out,
        kind="sequences",
        identity=options.identity,
        count=options.count,
        frames=options.frames,
        views=options.views,
        webcam=options.webcam,
    )


def _benchmark(options: argparse.Namespace) -> None:
    options.size, options.seed = benchmark.SIZE, 0
    path = options.out / "benchmark.json"
    path.unlink(missing_ok=True)
    _render(
        options,
        options.out / "sequences",
        kind="sequences",
        identity=options.identity,
        count=benchmark.SEQUENCES,
        frames=benchmark.FRAMES,
        views=dataset.VIEWS,
        people="benchmark",
    )
    _render(options, options.out / "parsing", kind="stills", count=benchmark.STILLS, webcam=True, people="benchmark")
    pictures = {name: dataset.fingerprint(options.out / name) for name in ("sequences", "parsing")}
    about = benchmark.definition() | {"identity": options.identity, "pictures": pictures}
    path.write_text(json.dumps(about, indent=2) + "\n")  # last: readers take its presence for the whole


def _render(options: argparse.Namespace, folder: Path, **settings: object) -> None:
    """Render what is missing of a data set, in `options.processes` processes."""
    assets = find_assets(options.assets)
    described: dict[str, object] = {"identity": "", "views": ("actor",), "webcam": False} | settings
    description = Description.model_validate(
        described
        | {
            "size": options.size,
            "seed": options.seed,
            "units": tuple(Body(assets).units),
            "lights": KINDS,
            "cases": tuple(case.name for case in CASES),
            "command": f"python tools/render_people.py {shlex.join(sys.argv[1:])}",
        }
    )
    missing = dataset.start_dataset(folder, description)
    needed = sum(dataset.size_in_bytes(description, description.samples_of(index)) for index in missing)
    free = shutil.disk_usage(folder).free
    if needed > free:
        raise SpaceMissing(
            f"The pictures take {needed / 1e9:.1f} GB, but {folder} has {free / 1e9:.1f} GB left: ask for fewer or "
            "smaller ones, or for another folder."
        )
    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
    context = multiprocessing.get_context("spawn")
    tasks = [(assets, description, folder, index) for index in missing]
    processes = min(options.processes, max(len(tasks), 1))
    with Progress(*columns) as progress, context.Pool(processes, _start, maxtasksperchild=SHARDS_OF_PROCESS) as pool:
        done = description.samples - sum(description.samples_of(index) for index in missing)
        bar = progress.add_task(f"{folder.name}, pictures", total=description.samples, completed=done)
        for index in pool.imap_unordered(_render_shard, tasks):
            progress.advance(bar, description.samples_of(index))


def _start() -> None:
    cv2.setNumThreads(1)
    threading.Thread(target=_end_with_parent, daemon=True).start()
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C reaches every process of the group: the parent ends them


def _end_with_parent() -> None:
    """A worker whose parent was killed would render its shard to the end, for nobody."""
    parent = multiprocessing.parent_process()
    if parent is not None:
        parent.join()
        os._exit(1)


def _render_shard(task: tuple[Path, Description, Path, int]) -> int:
    global _maker  # noqa: PLW0603  (kept from one shard to the next)
    assets, description, folder, index = task
    if _maker is None:
        _maker = SampleMaker(assets, description)
    dataset.write_shard(folder, index, _maker.shard(index))
    return index


def _look(options: argparse.Namespace) -> None:
    _write_picture(options.out, dataset_sheet(options.folder, options.samples, partial=options.partial))


def _identity(options: argparse.Namespace) -> None:
    wardrobe = Wardrobe(find_assets(options.assets), skin_size=2048)
    options.out.mkdir(parents=True, exist_ok=True)
    render_portrait(wardrobe, options.name, options.out)
    render_bake_views(wardrobe, options.name, options.out)


def _sheet(options: argparse.Namespace) -> None:
    wardrobe = Wardrobe(find_assets(options.assets))
    settings = options.columns, options.size
    if options.rows:
        picture = people_sheet(wardrobe, options.seed, options.rows, *settings, labels=options.labels)
    else:
        rows = crowd_sheet(wardrobe, options.seed, options.people, *settings, labels=options.labels)
        lines = -(-options.people // options.columns) * (3 if options.labels else 1)
        picture = np.vstack(list(track(rows, "rows", total=lines)))
    _write_picture(options.out, picture)


def _write_picture(path: Path, picture: object) -> None:
    if not cv2.imwrite(str(path), picture):  # type: ignore[call-overload]
        raise OSError(f"{path} cannot be written: check the folder and its free space.")


def _clip(options: argparse.Namespace) -> None:
    wardrobe = Wardrobe(find_assets(options.assets), skin_size=2048)
    if options.rehearsal:
        frames = rehearsal_frames(wardrobe, options.person, options.rehearsal, options.rate)
        write_video(options.out, iter(track(frames, "frames", total=options.rehearsal * options.rate)), options.rate)
    else:
        frames = performance_frames(wardrobe, options.person)
        write_video(options.out, iter(track(frames, "frames", total=FRAMES)))
    if options.out.resolve().is_relative_to(MODELS_DIR):
        Manifest.add(
            options.out,
            licence="Apache-2.0",
            made_by=f"python tools/render_people.py {shlex.join(sys.argv[1:])}",
            source="rendered by this project from CC0 assets (MakeHuman, Blender studio lights)",
        )


def _landmarks(options: argparse.Namespace) -> None:
    wardrobe = Wardrobe(find_assets(options.assets))
    people = [*FITTED_ON, *JUDGED_ON]
    seen = [
        (seed, each)
        for seed in track(people, "people")
        for each in landmark_fitting.observe(wardrobe, range(seed, seed + 1))
    ]
    fitted, judged = ([each for seed, each in seen if seed in seeds and each] for seeds in (FITTED_ON, JUDGED_ON))
    found = landmark_fitting.fit(wardrobe, fitted)
    path = MODELS_DIR / landmarks.MODEL
    path.write_bytes(found.to_bytes())
    Manifest.add(
        path,
        licence="Apache-2.0",
        made_by="python tools/render_people.py landmarks",
        source="fitted by this project: FaceMesh on rendered people, MakeHuman's CC0 base mesh",
    )
    print(f"{len(seen)} pictures, {sum(each is None for _, each in seen)} without a face found")
    print("error on people not fitted on, % of the distance between the eyes' outer corners:")
    print(landmark_fitting.report(found, judged))


if __name__ == "__main__":
    sys.exit(main())
