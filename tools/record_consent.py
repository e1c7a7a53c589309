"""Give consent to an identity, on camera: the person who will be depicted runs this.

    tools/record_consent.py --name "Jane Roe" --for-whom "The Travelling Theatre" --purpose stage \\
        --until 2027-06-30 --withdrawal "Write to jane@example.org" --out jane

shows the terms and a sentence with fresh random words, records the person reading it, looks at the recording, makes the
person's key and signs the record of consent. With --video FILE the sentence is recorded elsewhere (a phone) while this
waits. In --out are then:

    consent-video.mkv  stays with the person; whoever trains needs it for the training
    subject.key        stays with the person and is secret: signs the finished identity, and a withdrawal
    consent.json       goes to whoever trains the identity; docs/consent.md tells what comes next
    terms.txt          what was agreed to
"""

from __future__ import annotations

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent))

from environment import run_inside

run_inside("cpu")

import argparse
import threading
import time
import uuid
from datetime import date

from pydantic import ValidationError
from rich.console import Console
from rich.live import Live
from rich.panel import Panel
from rich.text import Text

from deepfake_core.identities import consent_video, keys, pack, signature
from deepfake_core.identities.consent import ConsentRecord
from deepfake_core.identities.purposes import WORDS, Purpose
from deepfake_core.identities.terms import sentence, terms

_FILE_TIMES_LAG = 2.0
"""s. A file's time is that of the kernel's last tick; memory cards keep it to two seconds."""

console = Console(emoji=False, highlight=False)


class Refused(Exception):
    """No consent was recorded; the text says why."""


def main(arguments: list[str] | None = None) -> int:
    """Record a consent; returns the exit status."""
    options = _parser().parse_args(arguments)
    try:
        _run(options)
    except (Refused, consent_video.VideoRefused, keys.KeyRefused, OSError) as error:
        print(f"record_consent: {error}", file=sys.stderr)
        return 1
    except ValidationError as error:
        problem = error.errors()[0]
        print(f"record_consent: {'.'.join(map(str, problem['loc']))} {problem['msg']}", file=sys.stderr)
        return 1
    return 0


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--name", required=True, help="who is depicted")
    parser.add_argument("--for-whom", action="append", required=True, help="who may use the identity; repeatable")
    purposes = "; ".join(f"{purpose}: {words}" for purpose, words in WORDS.items())
    parser.add_argument("--purpose", action="append", required=True, type=Purpose, choices=list(Purpose), help=purposes)
    parser.add_argument("--context", action="append", default=[], help="where and how, in words; repeatable")
    parser.add_argument("--from", dest="start", type=date.fromisoformat, default=date.today(), help="YYYY-MM-DD")
    parser.add_argument("--until", type=date.fromisoformat, required=True, help="YYYY-MM-DD, the last day")
    parser.add_argument("--withdrawal", required=True, help="how the person withdraws: whom to write to")
    parser.add_argument("--out", type=Path, required=True, help="folder of the person depicted")
    parser.add_argument("--key", type=Path, help="the person's key from an earlier consent (default: a new one)")
    parser.add_argument("--camera", default="0", help="number or device")
    parser.add_argument("--microphone", default="", help="device (default: the usual one)")
    parser.add_argument("--video", type=Path, help="file into which the sentence is recorded by other means meanwhile")
    return parser


def _run(options: argparse.Namespace) -> None:
    target = options.out / "consent.json"
    if target.exists():
        raise Refused(f"{target} is there already; a consent is never overwritten: choose another folder.")
    if options.key:
        keys.load(options.key)
    elif (options.out / "subject.key").exists():
        raise Refused(f"{options.out / 'subject.key'} is there already; give it with --key, or choose another folder.")
    text = terms(
        depicted=options.name,
        granted_to=options.for_whom,
        purposes=options.purpose,
        contexts=options.context,
        valid_from=options.start,
        valid_until=options.until,
        withdrawal=options.withdrawal,
    )
    console.print(Panel(Text(text), title="Terms"))
    if input(f"{options.name}, do you agree? Type yes: ").strip().lower() != "yes":
        raise Refused("Nothing was recorded.")
    spoken = sentence(options.name, date.today())
    options.out.mkdir(parents=True, exist_ok=True)
    shown = time.time()
    console.print(Panel(Text(spoken, style="bold"), title="Look into the camera and say"))
    video = _made_elsewhere(options.video, shown) if options.video else _recorded(options)
    with console.status("Looking at the video"):
        facts = consent_video.inspect(video)
    console.print(
        f"{facts.seconds:.0f} s, a face in {facts.face_share:.0%} of it, {facts.loud_seconds:.0f} s of sound."
    )
    draft = {
        "record_id": f"subject-{uuid.uuid4().hex[:16]}",
        "kind": "subject",
        "depicted": options.name,
        "granted_to": options.for_whom,
        "purposes": options.purpose,
        "contexts": options.context,
        "given_on": date.today(),
        "valid_from": options.start,
        "valid_until": options.until,
        "withdrawal": options.withdrawal,
        "terms_sha256": pack.sha256(text.encode()),
        "sentence": spoken,
        "video_sha256": facts.sha256,
    }
    # What no reader would take is refused before a key is made for it.
    ConsentRecord.model_validate({**draft, "signer": f"did:key:z6Mk{'1' * 44}"})
    key = keys.load(options.key) if options.key else keys.make(options.out / "subject.key")
    record = ConsentRecord.model_validate({**draft, "signer": signature.key_name(key)})
    pack.replace(options.out / "terms.txt", text.encode())
    pack.replace(target, record.sign(key))
    console.print(
        f"Consent {record.record_id} is signed: {target}. Keep {video} and the key for yourself; "
        f"the key's public name is {record.signer}.",
        soft_wrap=True,
    )


def _made_elsewhere(video: Path, shown: float) -> Path:
    input(f"Record it into {video}, then press Enter: ")
    if not video.is_file():
        raise Refused(f"There is no {video}.")
    if video.stat().st_mtime < shown - _FILE_TIMES_LAG:
        raise Refused(f"{video} is older than the sentence; record the sentence that is shown now.")
    return video


def _recorded(options: argparse.Namespace) -> Path:
    target: Path = options.out / "consent-video.mkv"
    if target.exists():
        raise Refused(f"{target} is there already; a video is never overwritten: choose another folder.")
    input("Press Enter to begin, and again when you have said it: ")
    done = threading.Event()

    def wait_for_enter() -> None:
        sys.stdin.readline()
        done.set()

    threading.Thread(target=wait_for_enter, daemon=True).start()
    with Live("Recording", console=console, refresh_per_second=4) as live:
        consent_video.record(
            options.camera,
            options.microphone,
            target,
            done.is_set,
            lambda seconds: live.update(f"Recording, {seconds:.0f} s; Enter ends it"),
        )
    target.chmod(0o600)
    return target


if __name__ == "__main__":
    sys.exit(main())
