"""Make an identity from a model of DeepFaceLive (.dfm), with the consent of the person it shows.

    tools/import_dfm.py MODEL.dfm --name jane --title "Jane" \\
        --consent jane/consent.json --consent-video jane/consent-video.mkv

The record and the video are those that tools/record_consent.py makes. The model then draws over the project's rendered
performer, and what it draws has to be the person of the video. What comes out is a pack in models/identities that the
person signs with tools/identity.py sign (or here, with --key). Nothing is downloaded.
"""

from __future__ import annotations

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent))

from environment import run_inside

run_inside("train")

import argparse
import itertools
from collections.abc import Iterator

import cv2
import numpy as np
from pydantic import ValidationError

from deepfake_core.crop import crop
from deepfake_core.facemesh.tracking import FaceTracker
from deepfake_core.frame import Frame
from deepfake_core.identities import consent_video, keys, pack
from deepfake_core.identities.errors import IdentityError
from deepfake_core.identities.files import read_bounded
from deepfake_core.identities.library import FOLDER
from deepfake_core.inference.errors import InferenceError
from deepfake_core.inference.manifest import MODELS_DIR
from deepfake_core.inference.session import open_session
from deepfake_core.swapping import dfm
from deepfake_core.training import consent_gate as gate
from deepfake_core.training.errors import TrainingError

PERFORMER = MODELS_DIR / "performer.mp4"
SAME_DRAWN = 0.5
"""A drawn face is a little less like the person than a filmed one."""


def main(arguments: list[str] | None = None) -> int:
    """Import one model; returns the exit status."""
    options = _parser().parse_args(arguments)
    try:
        print(_import(options))
    except (
        IdentityError,
        InferenceError,
        TrainingError,
        consent_video.VideoRefused,
        keys.KeyRefused,
        OSError,
        ValueError,
    ) as error:
        problem = error.errors()[0]["msg"] if isinstance(error, ValidationError) else error
        print(f"import_dfm: {problem}", file=sys.stderr)
        return 1
    return 0


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("model", type=Path, help=".dfm file")
    parser.add_argument("--name", required=True, help="folder of the identity: a-z, 0-9, -")
    parser.add_argument("--title", required=True, help="what people read in the list")
    parser.add_argument("--description", default="A model of DeepFaceLive, imported.")
    parser.add_argument("--consent", type=Path, required=True, help="consent.json of the person depicted")
    parser.add_argument("--consent-video", type=Path, required=True, help="the video that it names")
    parser.add_argument("--coverage", type=int, default=dfm.COVERAGE_PERCENT, help="width of the crop, percent")
    parser.add_argument("--key", type=Path, help="the person's key, if the person is here to sign at once")
    parser.add_argument("--models", type=Path, default=MODELS_DIR, help="models folder to write to")
    return parser


def _import(options: argparse.Namespace) -> str:
    folder = options.models / FOLDER / options.name
    if folder.exists():
        raise FileExistsError(f"{folder} is there already; choose another name.")
    record = gate.consented(options.consent, options.consent_video, models_dir=options.models)
    key = keys.load(options.key) if options.key else None
    data = read_bounded(options.model, pack.MAX_DECODER_BYTES)
    session = open_session(data, name=options.model.name, threads=1, provider="cpu")
    decoder = dfm.open_dfm(session, options.name, options.coverage)
    reader = gate.FaceReader()
    person = gate.person_of_video(options.consent_video, reader, record.record_id)
    drawn = list(_drawn(decoder))
    gate.check_footage(person, drawn, reader, same=SAME_DRAWN)
    portrait = min(drawn, key=lambda look: min(map(person.distance, reader(look)), default=np.inf))
    made = pack.write(
        folder,
        title=options.title,
        description=options.description,
        networks="dfm",
        size=decoder.size,
        crop=pack.Crop(alignment="dfl", extent=options.coverage),
        files={pack.DECODER: data, pack.PORTRAIT: cv2.imencode(".png", portrait.bgr)[1].tobytes()},
        consent=record,
    )
    if key is None:
        return f"{folder} stays closed until {record.depicted} signs it: tools/identity.py sign {folder} --key FILE"
    pack.replace(folder / pack.CONSENT, made.sign(key))
    return f"{folder} is signed and opens"


def _drawn(decoder: dfm.DfmDecoder) -> Iterator[gate.Look]:
    """What the model draws over the rendered performer, with some of the surroundings."""
    tracker = FaceTracker(max_faces=1, threads=1, provider="cpu")
    for picture in itertools.islice(consent_video.pictures(PERFORMER, gate.LOOK_EVERY_SECONDS), 12):
        frame = Frame.from_bgr(picture.bgr)
        for face in tracker.update(frame, round(picture.seconds * 1e9)):
            to_crop = dfm.crop_transform(face.raw, decoder.size, decoder.coverage_percent)
            bgr, _ = decoder.draw(crop(frame, to_crop, decoder.size))
            where = f"what the model draws over frame {picture.number}"
            yield gate.Look("drawn", where, bgr)


if __name__ == "__main__":
    sys.exit(main())
