"""Render people who do not exist: training pairs, identity views, contact sheets and the bundled clip.

pairs     folder with dataset.json and shard-*.npz (see deepfake_core/synthetic/dataset.py); resumes
identity  portrait.png, bake views with alpha and labels, views.json (see deepfake_core/synthetic/views.py)
sheet     one PNG: a row per random person, a column per expression, pose and light
clip      the performer of models/performer.mp4 (H.264, 640x480, 30 frames/s, loops)
"""

from __future__ import annotations

import argparse
import multiprocessing
import os
import shlex
import sys
from pathlib import Path

from environment import run_inside

run_inside("train")

# Several processes render side by side: threads within one would only get in each other's way.
for threads in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS"):
    os.environ.setdefault(threads, "1")

import cv2
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn, track

from deepfake_core.inference.manifest import MODELS_DIR, Manifest
from deepfake_core.synthetic import dataset
from deepfake_core.synthetic.assets import AssetsMissing, find_assets
from deepfake_core.synthetic.clip import FRAMES, performance_frames, write_video
from deepfake_core.synthetic.identities import IDENTITIES
from deepfake_core.synthetic.pairs import PairMaker
from deepfake_core.synthetic.person import Wardrobe
from deepfake_core.synthetic.renderer import GraphicsMissing
from deepfake_core.synthetic.sheet import people_sheet
from deepfake_core.synthetic.views import render_bake_views, render_portrait

_maker: PairMaker | None = None  # one per worker process


def main(arguments: list[str] | None = None) -> int:
    """Run the tool; returns the exit status."""
    options = _parser().parse_args(arguments)
    try:
        options.run(options)
    except (AssetsMissing, GraphicsMissing, dataset.DatasetMismatch, OSError) as error:
        print(f"render_people: {error}", file=sys.stderr)
        return 1
    return 0


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    commands = parser.add_subparsers(required=True)

    pairs = commands.add_parser("pairs", help="actor and identity in the same scene, for training a swap")
    pairs.add_argument("--identity", choices=sorted(IDENTITIES), required=True)
    pairs.add_argument("--out", type=Path, required=True)
    pairs.add_argument("--count", type=int, default=4480, help="samples; rounded up to whole shards of 64")
    pairs.add_argument("--size", type=int, default=192, help="side of the pictures in px")
    pairs.add_argument("--seed", type=int, default=0)
    pairs.add_argument("--processes", type=int, default=2)
    pairs.set_defaults(run=_pairs)

    identity = commands.add_parser("identity", help="portrait and bake views of an identity")
    identity.add_argument("name", choices=sorted(IDENTITIES))
    identity.add_argument("--out", type=Path, required=True)
    identity.set_defaults(run=_identity)

    sheet = commands.add_parser("sheet", help="contact sheet of random people")
    sheet.add_argument("--out", type=Path, required=True, help="PNG file")
    sheet.add_argument("--seed", type=int, default=0)
    sheet.add_argument("--rows", type=int, default=6)
    sheet.add_argument("--columns", type=int, default=8)
    sheet.add_argument("--size", type=int, default=192)
    sheet.add_argument("--labels", action="store_true", help="show the face-parsing labels below each row")
    sheet.set_defaults(run=_sheet)

    clip = commands.add_parser("clip", help="video of the synthetic performer")
    clip.add_argument("--out", type=Path, required=True, help="MP4 file")
    clip.add_argument("--person", choices=sorted(IDENTITIES), default="performer")
    clip.set_defaults(run=_clip)

    for command in (pairs, identity, sheet, clip):
        command.add_argument("--assets", type=Path, help="assets folder (default: ../shared/assets)")
    return parser


def _start_worker(assets: Path, identity: str, size: int, seed: int) -> None:
    global _maker  # noqa: PLW0603  (multiprocessing initialises workers this way)
    cv2.setNumThreads(1)
    _maker = PairMaker(assets, identity, size, seed)


def _render_shard(task: tuple[Path, int]) -> int:
    assert _maker is not None  # set by _start_worker
    folder, index = task
    dataset.write_shard(folder, index, _maker.shard(index))
    return index


def _pairs(options: argparse.Namespace) -> None:
    assets = find_assets(options.assets)
    description = dataset.Description(
        kind="pairs",
        identity=options.identity,
        size=options.size,
        seed=options.seed,
        count=options.count,
        command=f"python tools/render_people.py {shlex.join(sys.argv[1:])}",
    )
    missing = dataset.start_dataset(options.out, description)
    columns = (TextColumn("shards"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
    context = multiprocessing.get_context("spawn")
    settings = (assets, options.identity, options.size, options.seed)
    with Progress(*columns) as progress, context.Pool(options.processes, _start_worker, settings) as pool:
        task = progress.add_task("shards", total=description.shards, completed=description.shards - len(missing))
        for _ in pool.imap_unordered(_render_shard, [(options.out, index) for index in missing]):
            progress.advance(task)


def _identity(options: argparse.Namespace) -> None:
    wardrobe = Wardrobe(find_assets(options.assets), skin_size=2048)
    options.out.mkdir(parents=True, exist_ok=True)
    render_portrait(wardrobe, options.name, options.out)
    render_bake_views(wardrobe, options.name, options.out)


def _sheet(options: argparse.Namespace) -> None:
    wardrobe = Wardrobe(find_assets(options.assets))
    picture = people_sheet(wardrobe, options.seed, options.rows, options.columns, options.size, labels=options.labels)
    if not cv2.imwrite(str(options.out), picture):
        raise OSError(f"{options.out} cannot be written: check the folder and its free space.")


def _clip(options: argparse.Namespace) -> None:
    wardrobe = Wardrobe(find_assets(options.assets), skin_size=2048)
    frames = performance_frames(wardrobe, options.person)
    write_video(options.out, iter(track(frames, "frames", total=FRAMES)))
    if options.out.resolve().is_relative_to(MODELS_DIR):
        Manifest.add(
            options.out,
            licence="Apache-2.0",
            made_by=f"python tools/render_people.py {shlex.join(sys.argv[1:])}",
            source="rendered by this project from CC0 assets (MakeHuman, Blender studio lights)",
        )


if __name__ == "__main__":
    sys.exit(main())
