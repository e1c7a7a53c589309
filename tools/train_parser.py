"""Train the face parser: on rendered people who do not exist, or further on CelebAMask-HQ.

    tools/render_people.py stills --count 14000 --out STILLS

    tools/train_parser.py train    --work WORK --stills STILLS --size 192 --until 4000
    tools/train_parser.py train    --work WORK2 --from WORK --fold --stills STILLS
    tools/train_parser.py evaluate --work WORK2 --stills STILLS
    tools/train_parser.py sheet    --work WORK2 --stills STILLS --out SHEET.png
    tools/train_parser.py export   --work WORK2

    tools/train_parser.py train    --work LARGE --from WORK2 --deepen --stills STILLS
    tools/train_parser.py export   --work LARGE

    tools/train_parser.py train    --work SMALL --from WORK2 --teacher LARGE --stills STILLS

    tools/train_parser.py transfer --work WORK3 --celebamask-hq CelebAMask-HQ

`train` and `transfer` go on from their last checkpoint and may be stopped with Ctrl-C; WORK holds the log, curves and a
preview. `transfer` starts from our weights (or from Keras's ImageNet weights with `--imagenet FILE`, or `--imagenet
download`), trains the decoder with the encoder frozen, then all. CelebAMask-HQ is for non-commercial research and
education: what was trained on it must not be shipped. See docs/face-parsing.md.
"""

from __future__ import annotations

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent))

from environment import run_inside

run_inside("train")

import argparse
import os
from typing import TYPE_CHECKING

os.environ.setdefault("KERAS_BACKEND", "tensorflow")
os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")

import cv2
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

from deepfake_core.inference.manifest import MODELS_DIR, Manifest
from deepfake_core.training.errors import TrainingError

if TYPE_CHECKING:
    import keras

    from deepfake_core.training.parser_data import ParserPool
    from deepfake_core.training.parser_trainer import ParserSettings

PREVIEWED = 12
LICENCE = "Apache-2.0"
RESEARCH = "for non-commercial research and education only, as CelebAMask-HQ"


class Unfinished(TrainingError):
    """A training did not come to its end."""


def main(arguments: list[str] | None = None) -> int:
    """Run one command; returns the exit status."""
    options = _parser().parse_args(arguments)
    cv2.setNumThreads(1)
    try:
        options.run(options)
    except (TrainingError, OSError) as error:
        print(f"train_parser: {error}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        print("Stopped; the same command goes on from the last checkpoint.", file=sys.stderr)
        return 130
    return 0


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    commands = parser.add_subparsers(required=True)

    def command(name: str, run: object, description: str) -> argparse.ArgumentParser:
        added = commands.add_parser(name, help=description)
        added.set_defaults(run=run)
        added.add_argument("--work", type=Path, required=True, help="folder of this training")
        return added

    def steps(added: argparse.ArgumentParser, count: int, rate: float) -> None:
        added.add_argument("--steps", type=int, default=count, help="length of the schedule (%(default)s)")
        added.add_argument("--until", type=int, help="stop at this step (default: the end of the schedule)")
        added.add_argument("--size", type=int, default=256, help="side of the pictures in px (%(default)s)")
        added.add_argument("--batch", type=int, default=16)
        added.add_argument("--rate", type=float, default=rate, help="highest learning rate (%(default)s)")
        added.add_argument("--decay", type=float, default=0.6, help="last part of the steps, in which it falls")
        added.add_argument("--seed", type=int, default=1)
        added.add_argument("--threads", type=int, default=2)
        added.add_argument("--bfloat16", action="store_true", help="faster on processors with AMX, slower on others")

    train = command("train", _train, "train on rendered stills, or go on with it")
    train.add_argument("--stills", type=Path, nargs="+", required=True, help="folders of tools/render_people.py stills")
    train.add_argument("--from", type=Path, dest="start", help="start from the weights of this training or file")
    train.add_argument("--fold", action="store_true", help="fold the batch normalisation of --from: twice as fast")
    train.add_argument("--deepen", action="store_true", help="the larger network: --from, folded and grown, or go on")
    train.add_argument("--guide", type=Path, help="for the fine crop: it also reads what this larger training says")
    train.add_argument("--teacher", type=Path, help="learn from this larger training as well as from the labels")
    train.add_argument("--taught", type=float, default=0.5, help="how much of it is the teacher's (%(default)s)")
    train.add_argument("--encoder", choices=("fused", "mobilenetv3"), default="fused")
    steps(train, 9000, 1e-3)

    transfer = command("transfer", _transfer, "go on with CelebAMask-HQ")
    transfer.add_argument("--celebamask-hq", type=Path, required=True, metavar="FOLDER", help="as it is handed out")
    transfer.add_argument(
        "--imagenet", metavar="FILE|download", help="start from Keras's ImageNet weights instead of ours"
    )
    transfer.add_argument("--weights", type=Path, help="start from this file instead of the one in models/")
    transfer.add_argument("--frozen-steps", type=int, default=1000, help="steps with the encoder frozen (%(default)s)")
    steps(transfer, 8000, 3e-4)

    evaluate = command("evaluate", _evaluate, "F1 of each class on people kept out of the training")
    evaluate.add_argument("--count", type=int, default=256, help="samples")
    sheet = command("sheet", _sheet, "picture, labels and truth of people kept out of the training")
    sheet.add_argument("--out", type=Path, required=True, help="PNG file")
    sheet.add_argument("--count", type=int, default=24, help="samples")
    for added in (evaluate, sheet):
        source = added.add_mutually_exclusive_group(required=True)
        source.add_argument("--stills", type=Path, nargs="+", help="rendered stills")
        source.add_argument("--celebamask-hq", type=Path, metavar="FOLDER", help="its test part")
        added.add_argument("--guide", type=Path, help="as in the training")

    export = command("export", _export, "write models/parsing")
    export.add_argument("--unfinished", action="store_true", help="also before the end of the schedule")
    export.add_argument("--research", action="store_true", help="also what was trained on CelebAMask-HQ")
    export.add_argument("--models", type=Path, default=MODELS_DIR, help="folder with manifest.json")
    return parser


def _train(options: argparse.Namespace) -> None:
    _set_threads(options.threads)
    from deepfake_core.training.backend import precision
    from deepfake_core.training.parser_data import StillPool
    from deepfake_core.training.parser_networks import deepened, folded, guided
    from deepfake_core.training.parser_trainer import averaged_parser
    from deepfake_core.training.parser_weights import is_normalised, read_weights

    start = None
    if options.start:
        start = read_weights(options.start) if options.start.is_file() else averaged_parser(options.start)[0]
    fold = options.fold or options.deepen
    if fold:
        if start is None or options.encoder != "fused":
            raise Unfinished("--fold and --deepen need --from a training of the encoder 'fused'.")
        start = folded(start) if is_normalised(start) else start
    if options.deepen:
        start = deepened(start)
    guide = None
    if options.guide:
        if start is None or not options.deepen:
            raise Unfinished("--guide needs --deepen and --from: it starts from a larger network.")
        start = guided(start)
        with precision("mixed_bfloat16" if options.bfloat16 else "float32"):
            guide = averaged_parser(options.guide)[0]
    pool = StillPool(options.stills, held_out=False)
    held_out = StillPool(options.stills, held_out=True)
    normalised = not fold and (start is None or is_normalised(start))
    teacher = None
    if options.teacher:
        with precision("mixed_bfloat16" if options.bfloat16 else "float32"):
            teacher = averaged_parser(options.teacher)[0]
    settings = _settings(
        options,
        kind="guided" if guide else "large" if options.deepen else options.encoder,
        normalised=normalised,
        taught=options.taught if teacher else 0.0,
    )
    _run(options, settings, pool, held_out, start, teacher=teacher, guide=guide)


def _transfer(options: argparse.Namespace) -> None:
    _set_threads(options.threads)
    from deepfake_core.training import parser_celebamask as celebamask
    from deepfake_core.training.parser_networks import build_parser
    from deepfake_core.training.parser_weights import WEIGHTS_NAME, is_normalised, load_imagenet, read_weights

    if options.imagenet:
        start = build_parser("mobilenetv3")
        load_imagenet(start, options.imagenet)
        kind, normalised = "mobilenetv3", True
    else:
        start = read_weights(options.weights or MODELS_DIR / WEIGHTS_NAME)
        kind, normalised = "fused", is_normalised(start)
    print("CelebAMask-HQ is for non-commercial research and education only: do not ship what comes out of it.")
    pools = []
    for split in ("train", "val"):
        with _progress() as progress:
            task = progress.add_task(f"looking at {split}", total=None)
            pools.append(
                celebamask.CelebAMaskPool(
                    options.celebamask_hq,
                    split,  # type: ignore[arg-type]
                    advance=lambda done, total: progress.update(task, completed=done, total=total),  # noqa: B023
                )
            )
    settings = _settings(
        options, kind=kind, normalised=normalised, frozen_steps=options.frozen_steps, unknown=celebamask.UNKNOWN
    )
    _run(options, settings, pools[0], pools[1], start)


def _evaluate(options: argparse.Namespace) -> None:
    from deepfake_core.training.parser_evaluation import score_parser
    from deepfake_core.training.parser_trainer import averaged_parser

    parser, step = averaged_parser(options.work)
    pool = _held_out(options)
    with _progress() as progress:
        task = progress.add_task("scoring", total=min(options.count, len(pool)))
        scores = score_parser(
            parser,
            pool,
            count=options.count,
            size=256,
            guide=_guide(options),
            advance=lambda: progress.advance(task),
        )
    print(f"step {step}\n{scores.table()}")


def _sheet(options: argparse.Namespace) -> None:
    from deepfake_core.training.parser_trainer import averaged_parser

    parser, _ = averaged_parser(options.work)
    _draw(parser, _held_out(options), options.count, options.out, _guide(options))


def _export(options: argparse.Namespace) -> None:
    from deepfake_core.training.parser_export import parser_onnx
    from deepfake_core.training.parser_trainer import averaged_parser, read_checkpoint
    from deepfake_core.training.parser_weights import WEIGHTS_NAME, save_weights

    settings, _ = read_checkpoint(options.work)
    parser, step = averaged_parser(options.work)
    if step < settings.steps and not options.unfinished:
        raise Unfinished(
            f"{options.work} stands at step {step} of {settings.steps}: call its command again, or add --unfinished."
        )
    if settings.unknown and not options.research:
        raise Unfinished(
            f"{options.work} was trained on CelebAMask-HQ, which is for non-commercial research only: add --research "
            "if that is what you do, and do not hand the network on."
        )
    from deepfake_core.parsing.parser import FINE_PARSER_NAME, LARGE_PARSER_NAME, PARSER_NAME

    larger = {"large": LARGE_PARSER_NAME, "guided": FINE_PARSER_NAME}
    network = options.models / larger.get(settings.kind, PARSER_NAME)
    data = parser_onnx(parser)
    network.parent.mkdir(parents=True, exist_ok=True)
    temporary = network.with_suffix(".new")
    temporary.write_bytes(data)
    temporary.replace(network)
    written = [network]
    if settings.kind not in larger:  # trainings start from the small network's weights
        written.append(options.models / WEIGHTS_NAME)
        save_weights(parser, written[-1], kind=settings.kind, normalised=settings.normalised)
    data_set = "CelebAMask-HQ" if settings.unknown else "rendered people who do not exist"
    for path in written:
        Manifest.add(
            path,
            licence=RESEARCH if settings.unknown else LICENCE,
            made_by="python3 tools/train_parser.py export --work WORK",
            source=f"trained by this project on {data_set}, {step} steps",
            models_dir=options.models,
        )
        print(f"{path}: {path.stat().st_size} bytes")


def _run(
    options: argparse.Namespace,
    settings: ParserSettings,
    pool: ParserPool,
    held_out: ParserPool,
    start: keras.Model | None,
    *,
    teacher: keras.Model | None = None,
    guide: keras.Model | None = None,
) -> None:
    from deepfake_core.training.parser_data import parser_batches
    from deepfake_core.training.parser_preview import CURVES, PREVIEW, draw_curves
    from deepfake_core.training.parser_trainer import LOG, ParserTrainer, alone_in, averaged_parser

    with alone_in(options.work):
        trainer = ParserTrainer(options.work, settings, start, teacher, guide)
        until = min(options.until or settings.steps, settings.steps)
        batches = parser_batches(
            pool,
            seed=settings.seed,
            batch=settings.batch,
            size=settings.size,
            first_step=trainer.step,
            pairs=guide is not None,
        )
        with _progress() as progress:
            task = progress.add_task("training", total=until, completed=trainer.step)

            def say(report: dict) -> None:
                progress.update(task, completed=report["step"])
                progress.console.print(", ".join(f"{name} {value}" for name, value in report.items()))

            def between() -> None:
                pool.take_new()
                draw_curves(options.work / LOG, options.work / CURVES)
                _draw(averaged_parser(options.work)[0], held_out, PREVIEWED, options.work / PREVIEW, guide)

            trainer.train(batches, until=until, say=say, between=between)
            between()


def _draw(parser: keras.Model, pool: ParserPool, count: int, out: Path, guide: keras.Model | None = None) -> None:
    from deepfake_core.training.parser_evaluation import predicted, unchanged
    from deepfake_core.training.parser_preview import draw_sheet

    samples = unchanged(pool, count, 256, pairs=guide is not None)
    rows = ((seen, predicted(parser, seen, guide), truth) for seen, truth in samples)
    draw_sheet(((seen[0] if isinstance(seen, tuple) else seen, said, truth) for seen, said, truth in rows), out)


def _guide(options: argparse.Namespace) -> keras.Model | None:
    from deepfake_core.training.parser_trainer import averaged_parser, read_checkpoint

    if (read_checkpoint(options.work)[0].kind == "guided") != bool(options.guide):
        raise Unfinished("--guide belongs to a training that had one, and to no other.")
    return averaged_parser(options.guide)[0] if options.guide else None


def _held_out(options: argparse.Namespace) -> ParserPool:
    from deepfake_core.training.parser_celebamask import CelebAMaskPool
    from deepfake_core.training.parser_data import StillPool

    if options.stills:
        return StillPool(options.stills, held_out=True)
    return CelebAMaskPool(options.celebamask_hq, "test")


def _settings(options: argparse.Namespace, **others: object) -> ParserSettings:
    from deepfake_core.training.parser_trainer import ParserSettings

    return ParserSettings(
        seed=options.seed,
        batch=options.batch,
        size=options.size,
        steps=options.steps,
        learning_rate=options.rate,
        decay=options.decay,
        bfloat16=options.bfloat16,
        **others,  # type: ignore[arg-type]
    )


def _set_threads(threads: int) -> None:
    import tensorflow as tf

    tf.config.threading.set_intra_op_parallelism_threads(threads)
    tf.config.threading.set_inter_op_parallelism_threads(2)


def _progress() -> Progress:
    return Progress(TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())


if __name__ == "__main__":
    sys.exit(main())
