"""Score a swap, a parser and a plate on the frozen benchmark of people who do not exist; docs/evaluation.md explains
the figures.

    python3 tools/render_people.py benchmark --out DIR     makes the benchmark
    python3 tools/evaluate.py DIR                          scores the live filter
    python3 tools/evaluate.py DIR --candidate none         scores doing nothing
    python3 tools/evaluate.py --drivers FILMS              scores how the output moves with the drivers in films
    python3 tools/evaluate.py DIR --plate                  scores the plate alone, on long sequences in DIR
"""

from environment import run_inside

run_inside("train")

import argparse
import json
import multiprocessing
import os
import sys
from pathlib import Path
from typing import Any

# Several processes measure side by side: threads within one would only get in each other's way.
for threads in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS"):
    os.environ.setdefault(threads, "1")

import cv2
from rich.box import SIMPLE
from rich.console import Console, RenderableType
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn
from rich.table import Table

from deepfake_core.evaluation import driver_report, drivers, plate
from deepfake_core.evaluation.benchmark import TRUTHS, Truth, open_benchmark
from deepfake_core.evaluation.candidates import NAMES, open_candidate
from deepfake_core.evaluation.errors import CandidateRefused, EvaluationError
from deepfake_core.evaluation.gallery import open_gallery
from deepfake_core.evaluation.judging import Judgement, Task, judge, parts
from deepfake_core.evaluation.parsers import PARSERS
from deepfake_core.evaluation.report import Report, report
from deepfake_core.evaluation.sheet import contact_sheet
from deepfake_core.identities.library import Library
from deepfake_core.settings import Mode

TABLE_WIDTH = 150
DEFAULT_TRUTHS: dict[Mode, Truth] = {Mode.FACE: "face_in_tone", Mode.HEAD: "head"}


def main(arguments: list[str] | None = None) -> int:
    """Run the tool; returns the exit status."""
    options = parse_arguments(arguments)
    console = Console(width=None if sys.stdout.isatty() else TABLE_WIDTH)
    try:
        check_places(options)
        if options.plate:
            score_plates(options, console)
            return 0
        figures: dict[str, Any] = {}
        if options.benchmark:
            judgement = measure(options)
            result = report(judgement)
            console.print(result.tables())
            console.print(summary(result), highlight=False)
            write_benchmark(options, judgement, result)
            figures |= result.flat()
        if options.drivers:
            scores = measure_drivers(options)
            tables = driver_report.tables(scores)
            console.print(tables)
            write_drivers(options, scores, tables)
            figures |= driver_report.flat(scores, options.candidate)
        if options.json:
            write_json(options.json, figures)
    except (EvaluationError, OSError) as error:
        print(f"evaluate: {error}", file=sys.stderr)
        return 2
    return 0


def parse_arguments(arguments: list[str] | None) -> argparse.Namespace:
    """The command line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument(
        "benchmark", type=Path, nargs="?", metavar="BENCHMARK", help="folder of tools/render_people.py benchmark"
    )
    parser.add_argument("--drivers", type=Path, metavar="FOLDER", help="score films of people too, or alone")
    parser.add_argument(
        "--gallery",
        type=Path,
        metavar="STILLS",
        help="folder of tools/render_people.py stills: the people among whom --drivers looks for the identity",
    )
    parser.add_argument("--candidate", choices=NAMES, default="filter", help="the swap (default: %(default)s)")
    parser.add_argument(
        "--network", type=Path, metavar="FILE", help="for --candidate autoencoder: what train_swap.py autoencoder wrote"
    )
    parser.add_argument(
        "--mode", type=Mode, choices=list(Mode), default=Mode.FACE, help="what is replaced (default: %(default)s)"
    )
    parser.add_argument(
        "--truth", choices=TRUTHS, help="what it should look like (default: face_in_tone; for --mode head: head)"
    )
    parser.add_argument("--parser", choices=list(PARSERS), default="network", help="the parser: %(choices)s")
    parser.add_argument(
        "--plate",
        action="store_true",
        help="score the background plate alone: BENCHMARK is a folder of sequences of 10 s with the views actor, plate",
    )
    parser.add_argument("--identity", help="name of the identity (default: the benchmark's; with --drivers every one)")
    parser.add_argument("--json", type=Path, metavar="FILE", help="write the figures as one flat object")
    parser.add_argument("--out", type=Path, metavar="FOLDER", help="write tables, figures by group and pictures")
    parser.add_argument("--processes", type=int, choices=range(1, 65), default=2, metavar="N")
    options = parser.parse_args(arguments)
    if not (options.benchmark or options.drivers):
        parser.error("give a BENCHMARK, --drivers FOLDER, or both")
    if options.drivers and options.candidate not in drivers.BLIND:
        parser.error(f"--drivers has no truth: give --candidate {', '.join(drivers.BLIND)}")
    options.truth = options.truth or DEFAULT_TRUTHS[options.mode]
    return options


def check_places(options: argparse.Namespace) -> None:
    """Say before the long run, not after it, that a result cannot be written; raises OSError."""
    if options.out:
        options.out.mkdir(parents=True, exist_ok=True)
    if options.json and (options.json.is_dir() or not os.access(options.json.absolute().parent, os.W_OK)):
        raise OSError(f"{options.json} cannot be written: give another FILE for --json.")


def measure(options: argparse.Namespace) -> Judgement:
    """Run everything; raises EvaluationError."""
    benchmark = open_benchmark(options.benchmark, options.truth)
    identity = options.identity or benchmark.identity
    if identity != benchmark.identity:
        raise CandidateRefused(
            f"The truths of {options.benchmark} show {benchmark.identity!r}, not {identity!r}: render a benchmark with "
            f"--identity {identity}."
        )
    # One that does not open is refused before anything is computed.
    open_candidate(options.candidate, identity, options.mode, options.network)
    task = Task(
        benchmark, options.candidate, identity, options.mode, options.truth, options.parser, network=options.network
    )
    with progress_bar() as progress:
        bar = progress.add_task(f"Measuring {options.candidate}", total=parts(task))
        return judge(task, options.processes, lambda: progress.advance(bar))


def measure_drivers(options: argparse.Namespace) -> list[drivers.ClipScore]:
    """Run every film with every identity; raises EvaluationError."""
    films = drivers.clips(options.drivers)
    identities = [options.identity] if options.identity else Library().names()
    people = open_gallery(options.gallery, identities) if options.gallery else None
    for identity in identities:
        open_candidate(options.candidate, identity, options.mode)
    task = drivers.Task(options.candidate, options.mode, people)
    with progress_bar() as progress:
        bar = progress.add_task(f"Driving {options.candidate}", total=len(films) * len(identities))
        return drivers.score(films, identities, task, options.processes, lambda: progress.advance(bar))


def progress_bar() -> Progress:
    """A bar with the time left."""
    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
    return Progress(*columns, console=Console(stderr=True))


def score_plates(options: argparse.Namespace, console: Console) -> None:
    """Print, and write where asked, what the plate is worth after 8 to 10 s; raises EvaluationError and OSError."""
    work = [(options.benchmark, index, sway) for index in range(plate.count(options.benchmark)) for sway in plate.SWAYS]
    with multiprocessing.get_context("spawn").Pool(options.processes, cv2.setNumThreads, (1,)) as pool:
        scores = pool.starmap(plate.score_long_sequence, work)
    table = Table("sequence", "sway, cm", *plate.MEASURES, box=SIMPLE)
    for score in scores:
        table.add_row(str(score.sequence), f"{score.sway:g}", *(f"{score.scores[name]:.2f}" for name in plate.MEASURES))
    console.print(table)
    if options.json:
        write_json(options.json, {f"{s.sequence}, sway {s.sway:g} cm": s.scores for s in scores})


def summary(result: Report) -> str:
    """What must be known to read the tables."""
    about = result.about
    shown = about["frames"] - about["frames_without_swap"]
    return (
        f"{about['candidate']} against the truth '{about['truth']}' of {about['identity']}: {shown} of "
        f"{about['frames']} frames show a swap; the others are scored as what came out.\n"
        f"Parser and matte: {about['parser']}; plate: {about['plate']}; gaze is read with a noise of "
        f"{about['gaze_noise_deg']} degrees."
    )


def write_benchmark(options: argparse.Namespace, judgement: Judgement, result: Report) -> None:
    """Write what was asked for, each file whole or not at all; raises OSError."""
    if options.out:
        write_json(options.out / "groups.json", result.by_group())
        write_text(options.out / "tables.txt", result.tables(), summary(result))
        encoded, data = cv2.imencode(".png", contact_sheet(judgement.shown))
        if not encoded:
            raise OSError("The pictures cannot be encoded as PNG.")
        write_bytes(options.out / "best_median_worst.png", data.tobytes())


def write_drivers(options: argparse.Namespace, scores: list[drivers.ClipScore], tables: RenderableType) -> None:
    """Write what was asked for, each file whole or not at all; raises OSError."""
    if options.out:
        write_json(options.out / "drivers.json", driver_report.by_clip(scores))
        write_text(options.out / "drivers.txt", tables)


def write_text(path: Path, *parts: RenderableType) -> None:
    """Write tables by way of a temporary name."""
    with path.with_suffix(".partial").open("w", encoding="utf-8") as file:
        console = Console(file=file, width=TABLE_WIDTH)
        for part in parts:
            console.print(part, highlight=False)
    path.with_suffix(".partial").replace(path)


def write_json(path: Path, value: dict[str, Any]) -> None:
    """Write JSON by way of a temporary name."""
    write_bytes(path, (json.dumps(value, indent=2, ensure_ascii=False, allow_nan=False) + "\n").encode())


def write_bytes(path: Path, data: bytes) -> None:
    """Write a file by way of a temporary name."""
    temporary = path.with_name(f".{path.name}.partial")
    temporary.write_bytes(data)
    temporary.replace(path)


if __name__ == "__main__":
    cv2.setNumThreads(1)
    sys.exit(main())
