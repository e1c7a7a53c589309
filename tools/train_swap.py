"""Train the swap: bake an identity's surface, prepare rendered pairs, train, export, look at the result.

The whole way, after `tools/render_people.py identity vesper --out VIEWS` and
`tools/render_people.py pairs --identity vesper --views actor,identity --out PAIRS`:

    tools/train_swap.py bake     --work WORK --views VIEWS
    tools/train_swap.py prepare  --work WORK --pairs PAIRS [MORE_PAIRS ...]
    tools/train_swap.py train    --work WORK
    tools/train_swap.py evaluate --work WORK --sheet SHEET.png
    tools/train_swap.py export   --work WORK --views VIEWS --name vesper --title Vesper \\
        --person-seed SEED --person-command COMMAND
    tools/train_swap.py sheet    --name vesper --out SHEET.png PICTURE_OR_VIDEO ...

Whose face it is, `bake` finds out: a recipe of this project is rendered again and has to look like the views; for
everybody else it wants `--consent consent.json --consent-video FILE` (see docs/consent.md), as `prepare` and `export`
check that all pictures show that person. Without the person's consent nothing is trained.

`train` goes on from its last checkpoint; `export`, `evaluate` and `sheet` may run beside it.
"""

from __future__ import annotations

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent))

from environment import run_inside

run_inside("train")

import argparse
import dataclasses
import os
import shlex
import time
from collections.abc import Iterator
from datetime import date
from typing import TYPE_CHECKING

os.environ.setdefault("KERAS_BACKEND", "tensorflow")
os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")

import cv2

from deepfake_core.identities import keys, pack
from deepfake_core.identities.consent_video import VideoRefused
from deepfake_core.identities.errors import IdentityError
from deepfake_core.inference.manifest import MODELS_DIR, Manifest
from deepfake_core.swapping.networks import ENCODER_NAME
from deepfake_core.training.configuration import Configuration
from deepfake_core.training.errors import TrainingError
from deepfake_core.training.identity_views import BakedSurface, bake_surface, identity_name, read_views
from deepfake_core.training.pairs import read_shard, shard_paths
from deepfake_core.training.still_landmarks import StillLandmarks
from deepfake_core.training.workspace import StepMissing, Workspace

if TYPE_CHECKING:
    from deepfake_core.identities.consent import ConsentRecord
    from deepfake_core.training.consent_gate import Look, Person

LOOKS_PER_SHARD = 8


def main(arguments: list[str] | None = None) -> int:
    """Run one step; returns the exit status."""
    options = _parser().parse_args(arguments)
    cv2.setNumThreads(1)
    try:
        options.run(options)
    except (TrainingError, IdentityError, VideoRefused, keys.KeyRefused, OSError) as error:
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

    bake.add_argument("--consent", type=Path, help="consent.json of the person depicted, unless we rendered the person")
    bake.add_argument("--consent-video", type=Path, help="the video that it names")

    prepare = command("prepare", _prepare, "fit the retargeter and prepare samples from rendered pairs")
    prepare.add_argument(
        "--pairs", type=Path, nargs="+", required=True, help="data sets with the views actor and identity"
    )
    prepare.add_argument(
        "--fit-shards", type=int, default=18, help="shards to wait for before the retargeter is fitted"
    )
    prepare.add_argument(
        "--follow", type=float, default=0.0, metavar="MINUTES", help="wait so long for new shards, of sets half-written"
    )

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
    export.add_argument("--person-seed", type=int, help="seed that made a rendered person")
    export.add_argument("--person-command", help="command that rendered the person")
    export.add_argument("--consent", type=Path, help="consent.json of a real person")
    export.add_argument("--consent-video", type=Path, help="the video that it names")
    export.add_argument("--footage", type=Path, nargs="+", help="the real person's footage, for its list's hash")
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
    from deepfake_core.training import consent_gate as gate

    workspace, reader = Workspace(options.work), gate.FaceReader()
    workspace.folder.mkdir(parents=True, exist_ok=True)
    if options.consent:
        if not options.consent_video:
            raise gate.FootageRefused("--consent needs the video that it names: add --consent-video.")
        record = gate.consented(options.consent, options.consent_video)
        person = gate.person_of_video(options.consent_video, reader, record.record_id)
    else:
        person = gate.rendered_person(identity_name(options.views), reader)
    gate.check_footage(person, _views(options.views), reader, together=5)
    person.save(workspace.person)
    baked: BakedSurface = bake_surface(read_views(options.views, StillLandmarks()))
    baked.save(workspace.surface)
    print(f"baked {workspace.surface}, the face of {person.origin}")


def _views(folder: Path) -> Iterator[Look]:
    """Every picture of the views, as one stream."""
    from deepfake_core.training import consent_gate as gate

    for path in sorted(folder.glob("*.png")):
        if not path.stem.endswith(("_alpha", "_labels")):
            yield from (dataclasses.replace(look, stream=str(folder)) for look in gate.looks(path))


def _pairs(path: Path) -> Iterator[Look]:
    """The most frontal pictures of the identity in a shard of pairs, as one stream: no embedding knows a face that
    looks far up or aside."""
    from deepfake_core.training import consent_gate as gate

    shard = read_shard(path)
    for index in shard.most_frontal(LOOKS_PER_SHARD):
        yield gate.Look(path.name, f"{path.name} sample {index}", 0.0, shard.identity_bgr[index])


def _person(workspace: Workspace) -> Person:
    from deepfake_core.training import consent_gate as gate

    if not workspace.person.exists():
        raise StepMissing(f"{workspace.folder} does not say whose face it is; run 'bake' first.")
    return gate.Person.load(workspace.person)


def _prepare(options: argparse.Namespace) -> None:
    from deepfake_core.swapping.identity_surface import TextureBlender
    from deepfake_core.training import consent_gate as gate

    workspace, find, blender = Workspace(options.work), StillLandmarks(), TextureBlender()
    person, reader = _person(workspace), gate.FaceReader()
    passed: set[Path] = set()
    deadline = time.monotonic() + 60.0 * options.follow
    while True:
        partial = options.follow > 0
        paths = [path for folder in options.pairs for path in shard_paths(folder, partial=partial)]
        for path in [path for path in paths if path not in passed]:
            gate.check_footage(person, _pairs(path), reader, together=LOOKS_PER_SHARD)
            passed.add(path)
        for path in paths:
            workspace.landmarks(path, find)
        if not workspace.retargeter.exists() and len(paths) >= options.fit_shards:
            print("retargeter", workspace.fit_retargeter(paths, Configuration(), find), flush=True)
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
        folders = ", ".join(map(str, options.pairs))
        raise StepMissing(f"{folders}: {len(paths)} shards, fewer than --fit-shards {options.fit_shards}.")


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
    from deepfake_core.training import consent_gate as gate
    from deepfake_core.training import packing
    from deepfake_core.training.trainer import averaged_networks

    workspace = Workspace(options.work)
    person = _person(workspace)
    gate.check_footage(person, gate.looks(options.views / "portrait.png"), gate.FaceReader(), same=gate.SURELY_ANOTHER)
    consent = _consent(options, person)
    encoder, decoder, step = averaged_networks(workspace.run)
    encoder_data = packing.encoder_file(encoder)
    files = packing.identity_files(
        decoder, workspace.identity_surface(), workspace.expression_match(), options.views / "portrait.png"
    )
    encoder_path = MODELS_DIR / ENCODER_NAME
    encoder_path.parent.mkdir(parents=True, exist_ok=True)
    encoder_path.write_bytes(encoder_data)
    folder = MODELS_DIR / "identities" / options.name
    record = packing.write_identity(
        folder,
        files,
        title=options.title,
        description=options.description,
        encoder_sha256=pack.sha256(encoder_data),
        consent=consent,
    )
    identity_path = folder / pack.MANIFEST
    if options.key:
        pack.replace(folder / pack.CONSENT, record.sign(keys.load(options.key)))
    else:
        print(f"{folder} is not signed yet and stays closed: tools/identity.py sign {folder} --key FILE")
    learnt_from = "rendered people who do not exist"
    if record.kind == "subject":
        learnt_from = f"footage of {record.depicted}, who consented ({record.record_id})"
    for path in (encoder_path, identity_path):
        Manifest.add(
            path,
            licence="Apache-2.0",
            made_by=f"python tools/train_swap.py {shlex.join(sys.argv[1:])}",
            source=f"trained by this project on {learnt_from}, {step} steps",
        )
    print(f"exported step {step}: {encoder_path}, {identity_path.parent}")


def _consent(options: argparse.Namespace, person: Person) -> ConsentRecord:
    """The record of the identity that is exported: the person's own, or the origin of a rendered one."""
    from deepfake_core.training import consent_gate as gate
    from deepfake_core.training import packing

    if person.origin.startswith("rendered:"):
        if options.person_seed is None or not options.person_command:
            raise StepMissing("A rendered person's record needs --person-seed and --person-command.")
        origin = packing.Origin(options.person_seed, options.person_command, options.valid_from)
        return packing.origin_record(options.name, origin)
    if not (options.consent and options.consent_video and options.footage):
        raise StepMissing("A real person's identity needs --consent, --consent-video and --footage.")
    record = gate.require_consent(options.consent, options.consent_video, options.footage)
    if record.record_id != person.origin:
        raise StepMissing(f"{options.consent} is not the consent that 'bake' was given.")
    return record


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

    identity = Library().open(options.name)
    decoder = load_decoder(identity, threads=1, provider="cpu")
    pictures = [frame for path in options.footage for frame in frames(path, options.frames)]
    cv2.imwrite(str(options.out), driver_sheet(pictures, decoder, record=identity.consent.short_id))


def _say(line: str) -> None:
    print(line, flush=True)


if __name__ == "__main__":
    sys.exit(main())
