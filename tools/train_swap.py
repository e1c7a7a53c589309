"""Train the swap: bake an identity's surface, prepare rendered pairs, train, export, look at the result.

The whole way, after `tools/render_people.py identity vesper --out VIEWS` and
`tools/render_people.py pairs --identity vesper --out PAIRS` (several sets: one folder of links to their shards):

    tools/train_swap.py bake     --work WORK --views VIEWS
    tools/train_swap.py prepare  --work WORK --pairs PAIRS
    tools/train_swap.py train    --work WORK
    tools/train_swap.py evaluate --work WORK --sheet SHEET.png
    tools/train_swap.py export   --work WORK --views VIEWS --name vesper --title Vesper \\
        --person-seed SEED --person-command COMMAND
    tools/train_swap.py sheet    --name vesper --out SHEET.png PICTURE_OR_VIDEO ...

`train` goes on from its last checkpoint; `export`, `evaluate` and `sheet` may run beside it.
"""

from __future__ import annotations

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent))

from environment import run_inside

run_inside("train")

import argparse
import os
import shlex
import time
from datetime import date

os.environ.setdefault("KERAS_BACKEND", "tensorflow")
os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")

import cv2

from deepfake_core.identities import keys, pack
from deepfake_core.identities.errors import IdentityError
from deepfake_core.inference.manifest import MODELS_DIR, Manifest
from deepfake_core.swapping.networks import ENCODER_NAME
from deepfake_core.training.configuration import Configuration
from deepfake_core.training.errors import TrainingError
from deepfake_core.training.identity_views import BakedSurface, bake_surface, read_views
from deepfake_core.training.pairs import shard_paths
from deepfake_core.training.still_landmarks import StillLandmarks
from deepfake_core.training.workspace import StepMissing, Workspace


def main(arguments: list[str] | None = None) -> int:
    """Run one step; returns the exit status."""
    options = _parser().parse_args(arguments)
    cv2.setNumThreads(1)
    try:
        options.run(options)
    except (TrainingError, IdentityError, keys.KeyRefused, OSError) as error:
        print(f"train_swap: {error}", file=sys.stderr)
        return 1
    return 0


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    commands = parser.add_subparsers(required=True)

    def command(name: str, run: object, description: str) -> argparse.ArgumentParser:
        added = commands.add_parser(name, help=description)
        added.set_defaults(run=run)
        return added

    bake = command("bake", _bake, "bake the identity's texture from its rendered views")
    bake.add_argument("--views", type=Path, required=True, help="folder with views.json")

    prepare = command("prepare", _prepare, "fit the retargeter and prepare samples from rendered pairs")
    prepare.add_argument("--pairs", type=Path, required=True, help="folder with shard-*.npz")
    prepare.add_argument(
        "--fit-shards", type=int, default=18, help="shards to wait for before the retargeter is fitted"
    )
    prepare.add_argument("--follow", type=float, default=0.0, metavar="MINUTES", help="wait so long for new shards")

    train = command("train", _train, "train encoder and decoder, or go on with it")
    train.add_argument("--steps", type=int, default=Configuration.steps, help="length of the schedule")
    train.add_argument("--until", type=int, help="stop at this step (default: the end of the schedule)")
    train.add_argument("--batch", type=int, default=Configuration.batch)
    train.add_argument("--seed", type=int, default=Configuration.seed)
    train.add_argument("--threads", type=int, default=2)

    export = command("export", _export, "write the encoder and the identity's pack into models/")
    export.add_argument("--views", type=Path, required=True, help="folder with portrait.png")
    export.add_argument("--name", required=True, help="folder of the identity below models/identities")
    export.add_argument("--title", required=True, help="what people read in the list")
    export.add_argument("--description", default="A rendered person who does not exist.")
    export.add_argument("--person-seed", type=int, required=True, help="seed that made the person")
    export.add_argument("--person-command", required=True, help="command that rendered the person")
    export.add_argument("--valid-from", type=date.fromisoformat, default=date.today(), help="YYYY-MM-DD")
    export.add_argument("--key", type=Path, help="key that signs the record (default: it is signed later)")

    sheet = command("sheet", _sheet, "picture of driver, bare texture and swap in real frames")
    sheet.add_argument("footage", type=Path, nargs="+", help="pictures or videos")
    sheet.add_argument("--name", required=True, help="folder of the identity below models/identities")
    sheet.add_argument("--out", type=Path, required=True, help="PNG file")
    sheet.add_argument("--frames", type=int, default=4, help="frames of each video")

    evaluate = command("evaluate", _evaluate, "figures and pictures on actors kept out of the training")
    evaluate.add_argument("--sheet", type=Path, required=True, help="PNG file: driver, texture, networks, truth")
    evaluate.add_argument("--count", type=int, default=256, help="samples")

    for added in (bake, prepare, train, export, evaluate):
        added.add_argument("--work", type=Path, required=True, help="folder of this training")
    return parser


def _bake(options: argparse.Namespace) -> None:
    workspace = Workspace(options.work)
    workspace.folder.mkdir(parents=True, exist_ok=True)
    baked: BakedSurface = bake_surface(read_views(options.views, StillLandmarks()))
    baked.save(workspace.surface)
    print(f"baked {workspace.surface}")


def _prepare(options: argparse.Namespace) -> None:
    from deepfake_core.swapping.identity_surface import TextureBlender

    workspace, find, blender = Workspace(options.work), StillLandmarks(), TextureBlender()
    deadline = time.monotonic() + 60.0 * options.follow
    while True:
        paths = shard_paths(options.pairs)
        for path in paths:
            workspace.landmarks(path, find)
        if not workspace.retargeter.exists() and len(paths) >= options.fit_shards:
            print("retargeter", workspace.fit_retargeter(options.pairs, Configuration(), find), flush=True)
        if workspace.retargeter.exists():
            identity = workspace.identity_surface()
            for path in paths:
                made = workspace.prepare(path, find, identity, blender)
                if made:
                    print(f"{path.name}: {made} samples", flush=True)
        if time.monotonic() > deadline:
            break
        time.sleep(5.0)
    if not workspace.retargeter.exists():
        raise StepMissing(f"{options.pairs} holds {len(paths)} shards, fewer than --fit-shards {options.fit_shards}.")


def _train(options: argparse.Namespace) -> None:
    import tensorflow as tf

    tf.config.threading.set_intra_op_parallelism_threads(options.threads)
    tf.config.threading.set_inter_op_parallelism_threads(1)
    from deepfake_core.training.pool import SamplePool
    from deepfake_core.training.trainer import Trainer

    workspace = Workspace(options.work)
    settings = Configuration(seed=options.seed, batch=options.batch, steps=options.steps)
    pool = SamplePool(workspace.samples, settings, held_out=False)
    if not len(pool):
        raise StepMissing(f"{workspace.samples} holds no samples yet; run 'prepare' first.")
    trainer = Trainer(workspace.run, settings)
    print(f"{len(pool)} samples, from step {trainer.step}: {shlex.join(sys.argv)}", flush=True)
    trainer.train(pool, until=min(options.until or settings.steps, settings.steps), say=_say)


def _export(options: argparse.Namespace) -> None:
    from deepfake_core.training import packing
    from deepfake_core.training.trainer import averaged_networks

    workspace = Workspace(options.work)
    encoder, decoder, step = averaged_networks(workspace.run)
    encoder_data = packing.encoder_file(encoder)
    files = packing.identity_files(
        decoder, workspace.identity_surface(), workspace.expression_match(), options.views / "portrait.png"
    )
    encoder_path = MODELS_DIR / ENCODER_NAME
    encoder_path.parent.mkdir(parents=True, exist_ok=True)
    encoder_path.write_bytes(encoder_data)
    folder = MODELS_DIR / "identities" / options.name
    origin = packing.Origin(options.person_seed, options.person_command, options.valid_from)
    record = packing.write_identity(
        folder,
        files,
        title=options.title,
        description=options.description,
        encoder_sha256=pack.sha256(encoder_data),
        consent=packing.origin_record(options.name, files["decoder.onnx"], origin),
    )
    identity_path = folder / pack.MANIFEST
    if options.key:
        pack.replace(folder / pack.CONSENT, record.sign(keys.load(options.key)))
    else:
        print(f"{folder} is not signed yet and stays closed: tools/identity.py sign {folder} --key FILE")
    for path in (encoder_path, identity_path):
        Manifest.add(
            path,
            licence="Apache-2.0",
            made_by=f"python tools/train_swap.py {shlex.join(sys.argv[1:])}",
            source=f"trained by this project on rendered people who do not exist, {step} steps",
        )
    print(f"exported step {step}: {encoder_path}, {identity_path.parent}")


def _evaluate(options: argparse.Namespace) -> None:
    import tensorflow as tf

    tf.config.threading.set_intra_op_parallelism_threads(1)
    from deepfake_core.training.evaluation import describe, evaluate
    from deepfake_core.training.pool import SamplePool
    from deepfake_core.training.trainer import SETTINGS, averaged_networks

    workspace = Workspace(options.work)
    encoder, decoder, step = averaged_networks(workspace.run)
    settings = Configuration.load(workspace.run / SETTINGS)
    result = evaluate(encoder, decoder, SamplePool(workspace.samples, settings, held_out=True), options.count)
    print(f"step {step}, {result.samples} samples of held-out actors")
    print(f"networks: {describe(result.networks)}")
    print(f"template: {describe(result.template)}")
    cv2.imwrite(str(options.sheet), result.sheet)


def _sheet(options: argparse.Namespace) -> None:
    from deepfake_core.identities.library import Library
    from deepfake_core.swapping.decoder import load_decoder
    from deepfake_core.training.driver_sheet import driver_sheet, frames

    decoder = load_decoder(Library().open(options.name), threads=1, provider="cpu")
    pictures = [frame for path in options.footage for frame in frames(path, options.frames)]
    cv2.imwrite(str(options.out), driver_sheet(pictures, decoder))


def _say(line: str) -> None:
    print(line, flush=True)


if __name__ == "__main__":
    sys.exit(main())
