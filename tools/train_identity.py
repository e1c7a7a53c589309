"""Make an identity of a person's own video: two minutes of talking, turning, opening the mouth, shutting the eyes.

    tools/train_identity.py --video ME.mp4 --consent consent.json --consent-video consent-video.mkv --name me

The consent record is made by the person in the video, see docs/consent.md; without it nothing is read. What the video
should show, and how long a training takes, docs/own-identity.md says; `--look` only says what is covered and what is
missing. Ctrl-C stops; the same command goes on. The finished identity stays closed until the person signs it with
`tools/identity.py sign`.
"""

from __future__ import annotations

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent))

from environment import run_inside

run_inside("train")

import argparse
import os
import re

os.environ.setdefault("KERAS_BACKEND", "tensorflow")
os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")

import cv2
from rich.progress import BarColumn, Progress, TextColumn, TimeElapsedColumn

from deepfake_core.identities.consent_video import VideoRefused
from deepfake_core.identities.errors import IdentityError
from deepfake_core.inference.errors import ModelError
from deepfake_core.inference.manifest import MODELS_DIR
from deepfake_core.training.errors import TrainingError
from deepfake_core.training.own_consent import Permission, admit
from deepfake_core.video_file import VideoUnreadable

_NAME = re.compile(r"[a-z][a-z0-9-]{1,30}")
INTERRUPTED = 130


def main(arguments: list[str] | None = None) -> int:
    """Run the tool; returns the exit status."""
    options = _parser().parse_args(arguments)
    cv2.setNumThreads(1)
    try:
        _run(options)
    except (TrainingError, IdentityError, ModelError, VideoRefused, VideoUnreadable, OSError) as error:
        print(f"train_identity: {error}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        print("train_identity: stopped; the same command goes on where it was.", file=sys.stderr)
        return INTERRUPTED
    return 0


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--video", type=Path, required=True, help="the person, alone, for about two minutes")
    parser.add_argument("--name", type=_name, required=True, help="folder of the identity below models/identities")
    parser.add_argument("--title", help="what people read in the list (default: the name)")
    parser.add_argument("--description", default="Made from the person's own video.")
    parser.add_argument("--consent", type=Path, help="consent.json of the person")
    parser.add_argument("--consent-video", type=Path, help="the video that it names")
    parser.add_argument("--rendered", default="", metavar="RECIPE", help="the video shows this person of our renderer")
    parser.add_argument("--minutes", type=float, default=10.0, help="of training (%(default).0f); more gains little")
    parser.add_argument("--work", type=Path, help="folder of this training (default: build/identities/NAME)")
    parser.add_argument("--out", type=Path, default=MODELS_DIR / "identities", help="where the identity goes")
    parser.add_argument("--look", action="store_true", help="only say what the video covers")
    parser.add_argument("--threads", type=int, default=max(1, (os.cpu_count() or 2) - 1))
    parser.add_argument("--embedding", type=Path, help="frozen network of the identity loss (.keras)")
    parser.add_argument("--perceptual", type=Path, help="frozen network of the perceptual loss (.keras)")
    parser.add_argument("--base", type=Path, help="workspace of train_swap.py to start from (default: what is shipped)")
    parser.add_argument("--portraits", type=Path, help="folder of NAME/portrait.png of that workspace's identities")
    return parser


def _name(text: str) -> str:
    if not _NAME.fullmatch(text):
        raise argparse.ArgumentTypeError(f"{text!r} is no name: use a-z, 0-9 and -, beginning with a letter")
    return text


def _run(options: argparse.Namespace) -> None:
    if options.minutes <= 0:
        raise TrainingError("--minutes has to be more than 0.")
    folder = options.work or MODELS_DIR.parent / "build" / "identities" / options.name
    permission = Permission(options.consent, options.consent_video, options.rendered)
    if options.video.is_dir() or not options.video.exists():
        raise VideoUnreadable(f"{options.video} is not a file; give the path of a video.")
    with _bar("consent: comparing the faces"):
        record = admit(permission, options.video, options.name, folder)
    from deepfake_core.training import own_identity
    from deepfake_core.training.backend import use_threads

    own = own_identity.OwnIdentity(folder, options.name, print)
    with _bar("reading the video"):
        own.read(options.video)
    if options.look:
        return
    own.bake()
    with _bar("finding the nearest identity"):
        base = own_identity.base(options.base, options.portraits)
        own.fit(base)
    with _bar("preparing samples"):
        own.prepare(base)
    use_threads(options.threads)
    own.train(base, options.minutes, embedding=options.embedding, perceptual=options.perceptual)
    own.export(options.out / options.name, record, title=options.title or options.name, about=options.description)


def _bar(what: str) -> Progress:
    """A moving bar for a step whose length nobody knows before."""
    progress = Progress(TextColumn("{task.description}"), BarColumn(), TimeElapsedColumn(), transient=True)
    progress.add_task(what, total=None)
    return progress


if __name__ == "__main__":
    sys.exit(main())
