"""Train the swap: bake identities, prepare rendered pairs, train encoder and decoders together, look, export.

The whole way, after `tools/render_people.py identity NAME --out VIEWS/NAME` and
`tools/render_people.py pairs --identity NAME --views actor,head --out PAIRS/NAME` for each identity:

    tools/train_swap.py bake      --work WORK --views VIEWS/NAME            (once for each identity)
    tools/train_swap.py prepare   --work WORK --pairs PAIRS/*
    tools/train_swap.py benchmark --work WORK
    tools/train_swap.py train     --work WORK
    tools/train_swap.py evaluate  --work WORK --sheet SHEET.png
    tools/train_swap.py export    --work WORK --views VIEWS/NAME --name NAME --title TITLE \\
        --person-seed SEED --person-command COMMAND                        (once for each identity)
    tools/train_swap.py sheet     --name NAME --out SHEET.png PICTURE_OR_VIDEO ...

Whose face it is, `bake` finds out: a recipe of this project is rendered again and has to look like the views; for
everybody else it wants `--consent consent.json --consent-video FILE` (see docs/consent.md), as `prepare` and `export`
check that all pictures show that person. Without the person's consent nothing is trained.

`train` goes on from its last checkpoint; `evaluate`, `export` and `sheet` may run beside it. `--run NAME` keeps several
runs in one folder, `--fork RUN` starts one from another's weights, and `average` makes one of the mean of others. It
trains on TensorFlow, or with KERAS_BACKEND=jax in an environment that has JAX.
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
from collections.abc import Callable, Iterator, Sequence
from datetime import date
from functools import partial
from typing import TYPE_CHECKING

os.environ.setdefault("KERAS_BACKEND", "tensorflow")
os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")

import cv2
import numpy as np

from deepfake_core.identities import keys, pack
from deepfake_core.identities.consent_video import VideoRefused
from deepfake_core.identities.errors import IdentityError
from deepfake_core.inference.manifest import MODELS_DIR, Manifest
from deepfake_core.swapping.networks import ENCODER_INT8_NAME
from deepfake_core.training.configuration import Configuration
from deepfake_core.training.errors import TrainingError
from deepfake_core.training.identity_views import bake_head, identity_name, read_views
from deepfake_core.training.pairs import identity_of, read_shard, shard_paths
from deepfake_core.training.still_landmarks import StillLandmarks
from deepfake_core.training.workspace import StepMissing, Workspace, each

if TYPE_CHECKING:
    from deepfake_core.identities.consent import ConsentRecord
    from deepfake_core.training.consent_gate import Look, Person
    from deepfake_core.training.evaluation import Evaluation, Network

LOOKS_PER_SHARD = 8
SAMPLES = Workspace.samples_name


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

    bake = command("bake", _bake, "bake an identity's head, texture, eyes and teeth from its views")
    bake.add_argument("--views", type=Path, required=True, help="folder with views.json")

    bake.add_argument("--consent", type=Path, help="consent.json of the person depicted, unless we rendered the person")
    bake.add_argument("--consent-video", type=Path, help="the video that it names")

    prepare = command("prepare", _prepare, "fit the retargeters and prepare samples from rendered pairs")
    prepare.add_argument("--pairs", type=Path, nargs="+", required=True, help="data sets with the views actor and head")
    prepare.add_argument(
        "--fit-shards", type=int, default=14, help="shards to wait for before an identity's retargeter is fitted"
    )
    prepare.add_argument("--processes", type=int, default=2, help="shards prepared at once")
    prepare.add_argument(
        "--follow", type=float, default=0.0, metavar="MINUTES", help="wait so long for new shards, of sets half-written"
    )

    prepare.add_argument("--into", metavar="NAME", default=SAMPLES, help="folder of the samples, for those to judge by")
    prepare.add_argument("--own-tone", action="store_true", help="learn the own tone from pairs with face_in_tone, too")

    train, bench = _training(command)
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

    evaluate = _judging(command)
    average = command("average", _average, "make a run of the mean weights of others that had one start")
    average.add_argument("--runs", nargs="+", required=True, help="names of the runs")

    plain = command("autoencoder", _autoencoder, "write a run of --baseline autoencoder for tools/evaluate.py")
    plain.add_argument("--name", required=True, help="the identity whose decoder it is")
    plain.add_argument("--out", type=Path, required=True, help="ONNX file")

    for added in (bake, prepare, train, bench, export, evaluate, average, plain):
        added.add_argument("--work", type=Path, required=True, help="folder of this training")
    for added in (train, export, evaluate, average, plain):
        added.add_argument("--run", dest="run_name", default="run", help="name of the run in that folder")
    return parser


def _judging(command: Callable[..., argparse.ArgumentParser]) -> argparse.ArgumentParser:
    evaluate = command("evaluate", _evaluate, "figures and pictures on actors kept out of the training")
    evaluate.add_argument("--sheet", type=Path, required=True, help="PNG file: driver, template, networks, truth")
    evaluate.add_argument("--count", type=int, default=96, help="samples of each identity")
    evaluate.add_argument("--side", type=int, default=128, help="of the networks' pictures, px")
    evaluate.add_argument("--shown", type=int, default=8, help="samples of each identity on the sheet")
    evaluate.add_argument("--only", nargs="+", default=[], metavar="NAME", help="these identities (default: all)")
    evaluate.add_argument("--beside", nargs="+", default=[], metavar="RUN", help="other runs, on the same samples")
    evaluate.add_argument("--exported", action="store_true", help="what lies in models/, not the run's own networks")
    evaluate.add_argument("--samples", metavar="NAME", default=SAMPLES, help="all of those that `prepare --into` made")
    evaluate.add_argument("--by-tone", action="store_true", help="print a table by the drivers' tones")
    evaluate.add_argument("--threads", type=int, default=1)
    return evaluate


def _training(command: Callable[..., argparse.ArgumentParser]) -> tuple[argparse.ArgumentParser, ...]:
    """Options of the commands that take steps of training."""
    train = command("train", _train, "train encoder and decoders, or go on with it")
    train.add_argument("--steps", type=int, default=Configuration.steps, help="length of the schedule")
    train.add_argument("--until", type=int, help="stop at this step (default: the end of the schedule)")
    train.add_argument("--rows", type=int, default=Configuration.rows, help="samples of each identity in a step")
    train.add_argument("--seed", type=int, default=Configuration.seed)
    train.add_argument("--patience", type=int, default=Configuration.patience, help="stop early, see Configuration")
    train.add_argument("--fork", metavar="RUN", help="start from the weights of this run")
    train.add_argument(
        "--only",
        nargs="+",
        default=[],
        metavar="NAME",
        help="train these decoders alone, on --fork's encoder",
    )
    train.add_argument("--baseline", choices=["autoencoder"], help="train a plain autoencoder to compare with")
    train.add_argument("--adversarial", choices=["on", "off"], default="on", help="the loss that sharpens, late")
    train.add_argument("--detail-from", type=float, default=Configuration.detail_from, help="part of the schedule")
    train.add_argument("--muon", action="store_true", help="let Muon change the kernels, not AdamW")
    train.add_argument("--set", nargs="+", default=[], metavar="NAME=NUMBER", help="other numbers of Configuration")
    train.add_argument("--perceptual", type=Path, help="the face parser's weights, for the perceptual loss")
    train.add_argument("--embedding", type=Path, help="a network of train_embedding.py, for the identity loss")
    train.add_argument("--follow", action="store_true", help="take in samples that are prepared meanwhile")

    bench = command("benchmark", _benchmark, "speed of the whole step beside that of the bare step")
    bench.add_argument("--steps", type=int, default=60, help="steps of each")
    bench.add_argument("--rows", type=int, default=Configuration.rows, help="samples of each identity in a step")

    for added in (train, bench):
        added.add_argument("--threads", type=int, default=max(1, (os.cpu_count() or 2) - 1), help="of the step")
        added.add_argument("--workers", type=int, default=2, help="threads that make batches")
        added.add_argument("--precision", choices=["auto", "float32", "bfloat16"], default="auto")
    return train, bench


def _bake(options: argparse.Namespace) -> None:
    from deepfake_core.training import consent_gate as gate

    workspace, reader, name = Workspace(options.work), gate.FaceReader(), identity_name(options.views)
    workspace.folder.mkdir(parents=True, exist_ok=True)
    if options.consent:
        if not options.consent_video:
            raise gate.FootageRefused("--consent needs the video that it names: add --consent-video.")
        record = gate.consented(options.consent, options.consent_video)
        person = gate.person_of_video(options.consent_video, reader, record.record_id)
    else:
        person = gate.rendered_person(name, reader)
    gate.check_footage(person, _views(options.views), reader, together=5)
    kept = workspace.person(name)
    kept.parent.mkdir(parents=True, exist_ok=True)
    person.save(kept)
    workspace.save_head(name, bake_head(read_views(options.views, StillLandmarks()), fill_brows=True))
    print(f"baked {name}, the face of {person.origin}")


def _views(folder: Path) -> Iterator[Look]:
    """Every picture of the views, as one stream."""
    from deepfake_core.training import consent_gate as gate

    for path in sorted(folder.glob("*.png")):
        if not path.stem.endswith(("_alpha", "_labels")):
            yield from (dataclasses.replace(look, stream=str(folder), follows=False) for look in gate.looks(path))


def _pairs(path: Path) -> Iterator[Look]:
    """The most frontal pictures of the identity in a shard of pairs, as one stream: no embedding knows a face that
    looks far up or aside."""
    from deepfake_core.training import consent_gate as gate

    shard = read_shard(path)
    for index in shard.most_frontal(LOOKS_PER_SHARD):
        where = f"{path.name} sample {index}"
        yield gate.Look(path.name, where, shard.head_bgr[index], follows=False)


def _person(workspace: Workspace, name: str) -> Person:
    from deepfake_core.training import consent_gate as gate

    if not workspace.person(name).exists():
        raise StepMissing(f"{workspace.folder} does not say whose face {name} has; run 'bake' first.")
    return gate.Person.load(workspace.person(name))


def _prepare(options: argparse.Namespace) -> None:
    from deepfake_core.training import consent_gate as gate

    workspace, reader = Workspace(options.work, options.into), gate.FaceReader()
    if not workspace.identities():
        raise StepMissing(f"{workspace.folder} holds no identity yet; run 'bake' first.")
    shown = {folder: identity_of(folder) for folder in options.pairs}
    people = {name: _person(workspace, name) for name in sorted(set(shown.values()))}
    passed: set[Path] = set()
    deadline = time.monotonic() + 60.0 * options.follow
    prepare = partial(workspace.prepare, own_tone=options.own_tone)
    while True:
        shards = [
            (name, path) for folder, name in shown.items() for path in shard_paths(folder, partial=options.follow > 0)
        ]
        for name, path in shards:
            if path not in passed:
                gate.check_footage(people[name], _pairs(path), reader, together=LOOKS_PER_SHARD)
                passed.add(path)
        for _ in each(workspace.find_landmarks, shards, options.processes):
            pass
        for name in people:
            own = [path for owner, path in shards if owner == name]
            if not workspace.retargeter(name).exists() and len(own) >= options.fit_shards:
                print(name, workspace.fit_retargeter(name, own, Configuration()), flush=True)
        fitted = [(name, path) for name, path in shards if workspace.retargeter(name).exists()]
        for name, path, made in each(prepare, fitted, options.processes):
            if made:
                print(f"{name}, {path.parent.name}/{path.name}: {made} samples", flush=True)
        if time.monotonic() > deadline:
            break
        time.sleep(5.0)
    for name in people:
        if not workspace.retargeter(name).exists():
            raise StepMissing(f"The pairs of {name} have fewer shards than --fit-shards {options.fit_shards}.")


def _train(options: argparse.Namespace) -> None:
    from deepfake_core.training.backend import use_threads
    from deepfake_core.training.critics import frozen
    from deepfake_core.training.losses import Critics
    from deepfake_core.training.pool import SamplePool
    from deepfake_core.training.trainer import Trainer

    workspace = Workspace(options.work)
    names = workspace.identities()
    if options.only and not (options.fork and set(options.only) <= set(names)):
        raise StepMissing(f"--only takes names out of {', '.join(names)}, and --fork the run whose encoder stays.")
    use_threads(options.threads)
    settings = Configuration(
        seed=options.seed,
        rows=options.rows,
        steps=options.steps,
        patience=options.patience,
        bfloat16=_bfloat16(options.precision),
        muon=options.muon,
        detail_from=options.detail_from,
    )
    settings = settings.changed(options.set)
    if options.adversarial == "off":
        settings = dataclasses.replace(settings, adversarial_weight=0.0)
    if options.baseline:
        settings = settings.autoencoder()
    critics = Critics(
        perceptual=frozen(options.perceptual) if options.perceptual else None,
        identity=frozen(options.embedding) if options.embedding else None,
    )
    pools = [
        SamplePool(workspace.samples, names, settings, held_out=held_out, only=options.only)
        for held_out in (False, True)
    ]
    fork = options.work / options.fork if options.fork else None
    trainer = Trainer(
        options.work / options.run_name,
        names,
        settings,
        critics,
        fork=fork,
        train_encoder=not options.only,
        only=options.only,
    )
    learning = ", ".join(options.only or names)
    print(f"{len(pools[0])} samples of {learning}, from step {trainer.step}: {shlex.join(sys.argv)}", flush=True)
    until = min(options.until or settings.steps, settings.steps)
    trainer.train(pools[0], until=until, held_out=pools[1], workers=options.workers, follow=options.follow)
    print(f"stopped at step {trainer.step} of {settings.steps}; the same command goes on from there")


def _average(options: argparse.Namespace) -> None:
    from deepfake_core.training import checkpoint
    from deepfake_core.training.trainer import SETTINGS

    made = options.work / options.run_name
    if (made / checkpoint.CHECKPOINT).exists():
        raise StepMissing(f"{made} exists; give --run the name of a run that does not.")
    state = checkpoint.mean([options.work / run for run in options.runs])
    made.mkdir(parents=True, exist_ok=True)
    Configuration.load(options.work / options.runs[-1] / SETTINGS).save(made / SETTINGS)
    checkpoint.save(made, state)
    print(f"{made}: mean of {', '.join(options.runs)}")


def _benchmark(options: argparse.Namespace) -> None:
    from deepfake_core.training.backend import use_threads
    from deepfake_core.training.pool import SamplePool
    from deepfake_core.training.speed import measure

    use_threads(options.threads)
    workspace = Workspace(options.work)
    settings = Configuration(rows=options.rows, bfloat16=_bfloat16(options.precision))
    pool = SamplePool(workspace.samples, workspace.identities(), settings, held_out=False)
    print(measure(pool, settings, steps=options.steps, workers=options.workers))


def _bfloat16(precision: str) -> bool:
    from deepfake_core.training.backend import has_bfloat16

    return has_bfloat16() if precision == "auto" else precision == "bfloat16"


def _export(options: argparse.Namespace) -> None:
    from deepfake_core.swapping.networks import DECODER_FILE, DECODER_INT8_FILE
    from deepfake_core.training import consent_gate as gate
    from deepfake_core.training import own_base, packing, quantisation, response
    from deepfake_core.training.pool import SamplePool
    from deepfake_core.training.trainer import SETTINGS, averaged_networks

    workspace = Workspace(options.work)
    person = _person(workspace, options.name)
    gate.check_footage(person, gate.looks(options.views / "portrait.png"), gate.FaceReader(), same=gate.SURELY_ANOTHER)
    consent = _consent(options, person)
    names = workspace.identities()
    run = options.work / options.run_name
    networks, step = averaged_networks(run, names)
    pool = SamplePool(workspace.samples, names, Configuration.load(run / SETTINGS), held_out=True)
    pool.require()
    number = names.index(options.name)
    decoder = packing.exported_decoder(networks.decoders[number])
    # All identities share the encoder: its steps in 8 bits are chosen by all of them.
    shared = quantisation.HeldOut.of(pool, number, others=range(len(names)))
    encoders = packing.encoder_files(networks.encoder, decoder, MODELS_DIR / "swap", shared)
    learnt_from = "rendered people who do not exist"
    if consent.kind == "subject":
        learnt_from = f"footage of {consent.depicted}, who consented ({consent.record_id})"

    def entered(path: Path) -> Path:
        Manifest.add(
            path,
            licence="Apache-2.0",
            made_by=f"python tools/train_swap.py {shlex.join(sys.argv[1:])}",
            source=f"trained by this project on {learnt_from}, as docs/training.md says",
        )
        return path

    made = [entered(encoders.full)]
    if encoders.small:
        made.append(entered(encoders.small))
    else:
        Manifest.remove(ENCODER_INT8_NAME)
    full, used = encoders.full.read_bytes(), encoders.used.read_bytes()
    files = packing.decoder_files(decoder, full, used, quantisation.HeldOut.of(pool, number))
    head, expression = workspace.identity(options.name)
    smallest = files.get(DECODER_INT8_FILE, files[DECODER_FILE])
    expression = response.measured(options.name, head, expression, smallest)
    files |= packing.drawn_files(head, expression, options.views / "portrait.png")
    folder = MODELS_DIR / "identities" / options.name
    record = packing.write_identity(
        folder,
        files,
        title=options.title,
        description=options.description,
        encoder_sha256=pack.sha256(full),
        consent=consent,
    )
    if options.key:
        pack.replace(folder / pack.CONSENT, record.sign(keys.load(options.key)))
    else:
        print(f"{folder} is not signed yet and stays closed: tools/identity.py sign {folder} --key FILE")
    made += [entered(folder / pack.MANIFEST), entered(own_base.keep_base(run, MODELS_DIR / "swap" / "base"))]
    print(f"exported step {step}: " + ", ".join(str(path) for path in made))


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
    from deepfake_core.training.backend import use_threads
    from deepfake_core.training.evaluation import describe, evaluate, sheet
    from deepfake_core.training.pool import SamplePool
    from deepfake_core.training.tones import tone_table
    from deepfake_core.training.trainer import SETTINGS, averaged_networks

    use_threads(options.threads)
    workspace, folder = Workspace(options.work, options.samples), options.work / options.run_name
    names = workspace.identities()
    if not set(options.only) <= set(names):
        raise StepMissing(f"--only takes names out of {', '.join(names)}.")
    settings = Configuration.load(folder / SETTINGS)
    if options.samples != SAMPLES:
        settings = dataclasses.replace(settings, holdout_every=1)  # nobody there was trained on
    pool = SamplePool(workspace.samples, names, settings, held_out=True)
    judged: dict[str, tuple[Network, Sequence[Network]]] = {}
    if options.exported:
        judged["exported"] = _exported(names)
    for run in [options.run_name] * (not options.exported) + options.beside:
        networks, step = averaged_networks(options.work / run, names)
        judged[f"{run}, step {step}"] = networks.encoder, networks.decoders
    sheets: list[np.ndarray] = []
    firsts: dict[str, Evaluation] = {}
    for number, name in enumerate(names):
        if options.only and name not in options.only:
            continue
        results: list[Evaluation] = []
        for origin, (encoder, decoders) in judged.items():
            result = evaluate(
                encoder,
                decoders[number],
                pool,
                options.count,
                shown=options.shown,
                identity=number,
                side=options.side,
                template=settings.template,
            )
            if not results:
                print(f"{name}, {result.samples} samples of held-out actors at {options.side} px")
                print(f"  template: {describe(result.template)}")
            print(f"  {origin}: {describe(result.networks)}", flush=True)
            results.append(result)
        sheets.append(sheet(results))
        firsts[name] = results[0]
    _write(options.sheet, cv2.vconcat(sheets))
    if options.by_tone:
        print("\n".join(tone_table(firsts)))


def _exported(names: Sequence[str]) -> tuple[Network, list[Network]]:
    """The networks in models/ that a processor runs."""
    from deepfake_core.identities.library import Library
    from deepfake_core.swapping.networks import DECODER_FILE, DECODER_INT8_FILE, ENCODER_NAME
    from deepfake_core.training.evaluation import Exported

    manifest = Manifest.load()
    encoder = ENCODER_INT8_NAME if ENCODER_INT8_NAME in manifest.entries else ENCODER_NAME
    packs = [Library().open(name).files for name in names]
    decoders = [files.get(DECODER_INT8_FILE, files[DECODER_FILE]) for files in packs]
    return Exported(manifest.read(encoder)), [Exported(data) for data in decoders]


def _autoencoder(options: argparse.Namespace) -> None:
    from deepfake_core.evaluation import autoencoder
    from deepfake_core.training.export import to_onnx
    from deepfake_core.training.keras_networks import plain_autoencoder
    from deepfake_core.training.trainer import SETTINGS, averaged_networks

    names, run = Workspace(options.work).identities(), options.work / options.run_name
    if options.name not in names or Configuration.load(run / SETTINGS).template:
        raise StepMissing(f"{run} is no training of an autoencoder of {options.name}: add --baseline autoencoder.")
    networks, step = averaged_networks(run, names)
    model = plain_autoencoder(networks.encoder, networks.decoders[names.index(options.name)])
    pack.replace(options.out, to_onnx(model, autoencoder.INPUTS, autoencoder.OUTPUTS, "autoencoder"))
    print(f"wrote {options.out}, step {step}")


def _sheet(options: argparse.Namespace) -> None:
    from deepfake_core.identities.library import Library
    from deepfake_core.swapping.decoder import load_decoder
    from deepfake_core.training.driver_sheet import driver_sheet, frames

    identity = Library().open(options.name)
    decoder = load_decoder(identity, threads=1, provider="cpu")
    pictures = [frame for path in options.footage for frame in frames(path, options.frames)]
    _write(options.out, driver_sheet(pictures, decoder, record=identity.consent.short_id))


def _write(path: Path, picture: object) -> None:
    if not cv2.imwrite(str(path), picture):  # type: ignore[call-overload]
        raise OSError(f"{path} cannot be written: check the folder and its free space.")


if __name__ == "__main__":
    sys.exit(main())
