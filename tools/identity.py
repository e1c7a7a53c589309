"""Identities and their consent: look, check, pack, sign, install, withdraw.

    tools/identity.py list
    tools/identity.py show NAME
    tools/identity.py verify NAME [--purpose stage] [--video CONSENT_VIDEO]
    tools/identity.py pack NAME FILE.identity
    tools/identity.py install FILE.identity
    tools/identity.py sign FOLDER --key FILE
    tools/identity.py withdraw NAME --key FILE

NAME is an identity of models/identities, a folder or a .identity file. docs/consent.md tells the whole way.
"""

from __future__ import annotations

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent))

from environment import run_inside

run_inside("cpu")

import argparse
import hashlib
from datetime import date

from rich.console import Console
from rich.markup import escape
from rich.table import Table

from deepfake_core.identities import keys, pack, release, signature
from deepfake_core.identities.consent import ConsentRecord
from deepfake_core.identities.errors import IdentityError
from deepfake_core.identities.files import SUFFIX, read_bounded
from deepfake_core.identities.library import FOLDER, Library
from deepfake_core.identities.purposes import WORDS, Purpose
from deepfake_core.identities.withdrawals import MAX_BYTES, PROJECT_LIST, WithdrawalList
from deepfake_core.inference.errors import InferenceError
from deepfake_core.inference.manifest import MODELS_DIR

EXPECTED = (IdentityError, InferenceError, keys.KeyRefused, OSError, ValueError)
console = Console(emoji=False, highlight=False)


class Refused(ValueError):
    """What was asked for is not done; the text says why."""


def main(arguments: list[str] | None = None) -> int:
    """Run one command; returns the exit status."""
    options = _parser().parse_args(arguments)
    try:
        options.run(options)
    except EXPECTED as error:
        print(f"identity: {error}", file=sys.stderr)
        return 1
    return 0


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--models", type=Path, default=MODELS_DIR, help="the models folder (default: the project's)")
    commands = parser.add_subparsers(required=True, metavar="COMMAND")

    def command(name: str, run: object, description: str, *, identity: str = "") -> argparse.ArgumentParser:
        added = commands.add_parser(name, help=description, description=description)
        added.set_defaults(run=run)
        if identity:
            added.add_argument("identity", metavar="NAME", help=identity)
        return added

    pack_help = "name in models/identities, folder or .identity file"
    listing = command("list", _list, "every identity, what its consent covers and whether it opens")
    listing.add_argument("--purpose", type=Purpose, choices=list(Purpose), default=Purpose.DEMONSTRATION)
    command("show", _show, "what a pack and its record say", identity=pack_help)
    verify = command("verify", _verify, "check a pack as the filter does; 0 only if it opens", identity=pack_help)
    verify.add_argument("--purpose", type=Purpose, choices=list(Purpose), default=Purpose.DEMONSTRATION)
    verify.add_argument("--video", type=Path, help="the consent video: is it the one of the record?")
    packing = command("pack", _pack, "write a signed folder as one .identity file", identity=pack_help)
    packing.add_argument("file", type=Path, help="NAME.identity")
    install = command("install", _install, "check a .identity file and put it into models/identities")
    install.add_argument("file", type=Path)
    sign = command("sign", _sign, "sign the record of a finished pack: consent to just these files", identity="folder")
    sign.add_argument("--key", type=Path, required=True, help="key file of the person depicted, or of the release")
    sign.add_argument("--yes", action="store_true", help="do not ask")
    withdraw = command("withdraw", _withdraw, "withdraw a consent for good", identity=f"{pack_help}, or a record's id")
    withdraw.add_argument("--key", type=Path, required=True, help="key file of the person depicted, or of the release")
    withdraw.add_argument("--out", type=Path, help="list to add it to (default: the one in models/identities)")
    key = command("key", _key, "make a key; tools/record_consent.py does it by itself")
    key.add_argument("file", type=Path, help="a file that is not there yet")
    return parser


def _find(options: argparse.Namespace) -> Path:
    """The pack that was named: a path where there is one, else an identity of the library."""
    given = Path(options.identity)
    if given.suffix == SUFFIX or (given / pack.MANIFEST).is_file():
        return given.absolute()
    return Library(options.models).path(options.identity)


def _list(options: argparse.Namespace) -> None:
    library = Library(options.models)
    table = Table(title=f"Identities for: {WORDS[options.purpose]}")
    for column in ("name", "title", "depicted", "may be used by", "until", "record", "opens"):
        table.add_column(column, overflow="fold")
    for name, line in zip(library.names(), library.summaries(options.purpose), strict=True):
        if not line.usable:
            # Nothing that a refused pack says about itself is shown.
            table.add_row(escape(name), "-", "-", "-", "-", "-", f"[red]no: {escape(line.consent_line)}")
            continue
        record = library.open(name, options.purpose).consent
        until = str(record.valid_until or "no end")
        cells = (name, line.title, record.depicted, ", ".join(record.granted_to), until, record.record_id)
        table.add_row(*map(escape, cells), "[green]yes")
    console.print(table)


def _rows(record: ConsentRecord) -> list[tuple[str, str]]:
    """The terms of a record in words."""
    return [
        ("record", f"{record.record_id} (in the watermark: {record.short_id:08x})"),
        ("kind", record.kind),
        ("depicted", record.depicted),
        ("may be used by", "; ".join(record.granted_to)),
        ("for", "; ".join(WORDS[purpose] for purpose in record.purposes)),
        ("contexts", "; ".join(record.contexts) or "-"),
        ("given on", str(record.given_on)),
        ("valid", f"{record.valid_from} to {record.valid_until or 'no end'}"),
        ("how to withdraw", record.withdrawal),
        ("to be signed by", record.signer + (" (the project)" if record.signer == release.PUBLIC_KEY else "")),
        ("read aloud", record.sentence or "-"),
        ("consent video, SHA-256", record.video_sha256 or "-"),
        ("training footage, SHA-256", record.footage_sha256 or "-"),
        ("made by", f"seed {record.seed}: {record.command}" if record.command else "-"),
        ("decoder, SHA-256", record.decoder_sha256 or "not signed for yet"),
    ]


def _show(options: argparse.Namespace) -> None:
    path = _find(options)
    # Nothing is shown of a pack that would not open for any use.
    head = Library(options.models).examine(path, _any_purpose(path))
    manifest = head.manifest
    table = Table(title=f"{escape(manifest.title)} ({head.name})", show_header=False)
    table.add_column(style="bold")
    table.add_column(overflow="fold")
    for name, value in _rows(head.consent):
        table.add_row(name, escape(value))
    table.add_section()
    crop = f"{manifest.crop.alignment}, {manifest.crop.extent}"
    table.add_row("networks", f"{manifest.networks}, {manifest.size} px, crop {crop}")
    for name, entry in manifest.files.items():
        table.add_row(name, f"{entry.bytes} bytes, {entry.sha256}")
    console.print(table)


def _verify(options: argparse.Namespace) -> None:
    head = Library(options.models).examine(_find(options), options.purpose)
    if options.video:
        with options.video.open("rb") as file:
            found = hashlib.file_digest(file, "sha256").hexdigest()
        if found != head.consent.video_sha256:
            raise Refused(f"{options.video} is not the consent video of {head.consent.record_id!r}.")
        console.print(
            f"{options.video} is the consent video; watch it: it must say {head.consent.sentence!r}.", soft_wrap=True
        )
    console.print(
        f"[green]{head.name} opens for {options.purpose}[/]: {escape(head.consent.summary())}; "
        f"signed by {head.consent.signer}.",
        soft_wrap=True,
    )


def _pack(options: argparse.Namespace) -> None:
    path = _find(options)
    if options.file.suffix != SUFFIX or options.file.stem != pack.name_of(path):
        raise Refused(f"The file has to be called {pack.name_of(path)}{SUFFIX}: the name is part of what was signed.")
    if options.file.exists():
        raise Refused(f"{options.file} is there already.")
    pack.archive(path, options.file)
    console.print(f"{options.file}: {options.file.stat().st_size} bytes", soft_wrap=True)


def _install(options: argparse.Namespace) -> None:
    head = Library(options.models).examine(options.file, _any_purpose(options.file))
    target = options.models / FOLDER / f"{head.name}{SUFFIX}"
    if target.exists() or target.with_suffix("").exists():
        raise Refused(f"There is an identity {head.name!r} already; remove it first.")
    pack.replace(target, read_bounded(options.file, options.file.stat().st_size))
    _print_terms(head.consent, f"Installed: {head.name}")


def _any_purpose(path: Path) -> Purpose:
    return pack.read_head(path).consent.purposes[0]


def _print_terms(record: ConsentRecord, title: str) -> None:
    table = Table(title=escape(title), show_header=False)
    table.add_column(style="bold")
    table.add_column(overflow="fold")
    for name, value in _rows(record):
        table.add_row(name, escape(value))
    console.print(table)


def _sign(options: argparse.Namespace) -> None:
    folder = _find(options)
    if folder.suffix == SUFFIX:
        raise Refused("A folder is signed, then packed; give the folder.")
    manifest, _ = pack.read_manifest(folder)
    draft = ConsentRecord.parse_draft(pack.read_consent(folder), manifest.name)
    record = pack.completed(draft, manifest)
    pack.check_files(folder)
    key = keys.load(options.key)
    _print_terms(record, f"To be signed for {manifest.name}")
    if not options.yes and input("Sign this? Type yes: ").strip().lower() != "yes":
        raise Refused("Nothing was signed.")
    pack.replace(folder / pack.CONSENT, record.sign(key))
    console.print(f"[green]{folder / pack.CONSENT} is signed.", soft_wrap=True)


def _withdraw(options: argparse.Namespace) -> None:
    key = keys.load(options.key)
    name = signature.key_name(key)
    record_id = options.identity
    path = _find(options) if _is_pack(options) else None
    if path is not None:
        record = ConsentRecord.parse_draft(pack.read_consent(path), pack.name_of(path))
        if name not in (record.signer, release.PUBLIC_KEY):
            raise Refused(f"{options.key} is neither the key that signed {record.record_id!r} nor the project's.")
        record_id = record.record_id
    ending = "" if name == release.PUBLIC_KEY else f"-{hashlib.sha256(name.encode()).hexdigest()[:12]}"
    target = options.out or options.models / FOLDER / PROJECT_LIST.replace(".json", f"{ending}.json")
    days: dict[str, date] = {}
    if target.exists():
        former = WithdrawalList.parse(read_bounded(target, MAX_BYTES))
        if former.signer != name:
            raise Refused(f"{target} is the list of another key; name another file with --out.")
        days = former.days
    withdrawn = WithdrawalList(name, {record_id: date.today(), **days})
    WithdrawalList.parse(withdrawn.sign(key))  # an id that no reader takes must not replace a good list
    pack.replace(target, withdrawn.sign(key))
    console.print(
        f"[green]{escape(record_id)} is withdrawn[/]: give {target} to everybody who has the identity; it belongs into "
        "their models/identities. A filter that shows it stops within a minute.",
        soft_wrap=True,
    )


def _is_pack(options: argparse.Namespace) -> bool:
    try:
        path = _find(options)
    except IdentityError:
        return False
    return path.exists()


def _key(options: argparse.Namespace) -> None:
    key = keys.make(options.file)
    console.print(
        f"{options.file} is made; only you may read it. Its public name: {signature.key_name(key)}", soft_wrap=True
    )


if __name__ == "__main__":
    sys.exit(main())
