"""Who may be made an identity of: the gate before a person's own video, passed once and looked at every time."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date
from pathlib import Path

import numpy as np

from deepfake_core.identities.consent import ConsentRecord
from deepfake_core.identities.consent_video import file_sha256
from deepfake_core.identities.files import read_bounded
from deepfake_core.training import consent_gate as gate
from deepfake_core.training import packing
from deepfake_core.training.own_video import OwnFrame

PASSED = "passed.json"
_MAX_BYTES = 10_000
_LOOKS = 12


@dataclass(frozen=True)
class Permission:
    """What a training on a video needs: a real person's record with the consent video, or a recipe of this project."""

    record: Path | None = None
    video: Path | None = None
    rendered: str = ""
    """Name of the recipe."""

    def __post_init__(self) -> None:
        """Refuse what is neither or both."""
        if bool(self.rendered) == bool(self.record and self.video) or bool(self.record) != bool(self.video):
            raise gate.FootageRefused(
                "Whose video is it? Give --consent consent.json and --consent-video FILE of the person, as "
                "tools/record_consent.py makes them, or --rendered NAME for a person that this project renders."
            )


def admit(permission: Permission, footage: Path, name: str, folder: Path) -> ConsentRecord:
    """The record of the identity `name` that is made of this video; raises as `consent_gate.require_consent` does.

    folder: of the training. The faces of a video are compared once; record, dates and withdrawals every time.
    """
    print_of = file_sha256(footage)
    known = _read(folder / PASSED)
    if permission.record and permission.video:
        consent = gate.consented(permission.record, permission.video)
        if known.get("video") == print_of and known.get("record") == consent.record_id:
            return ConsentRecord.model_validate(
                {**consent.model_dump(), "footage_sha256": gate.list_sha256(gate.footage_files([footage]))}
            )
        consent = gate.require_consent(permission.record, permission.video, [footage])
        _write(folder, print_of, consent.record_id)
        return consent
    if known.get("video") != print_of or known.get("record") != permission.rendered:
        reader = gate.FaceReader()
        gate.check_footage(gate.rendered_person(permission.rendered, reader), gate.looks(footage), reader)
        _write(folder, print_of, permission.rendered)
    command = f"python tools/render_people.py clip --person {permission.rendered} --rehearsal SECONDS"
    return packing.origin_record(name, packing.Origin(0, command, date.today()))


def person_of(frames: Sequence[OwnFrame], reader: gate.FaceReader) -> gate.Person:
    """Whose face the frames show, from some that look into the camera; the gate let them pass."""
    frontal = sorted(frames, key=lambda frame: abs(frame.pose().yaw_degrees))[: 4 * _LOOKS : 4]
    found = [reader(gate.Look("own", str(frame.number), frame.bgr(), follows=False)) for frame in frontal]
    return gate.Person(np.stack([faces[0] for faces in found if faces]), "own")


def _read(path: Path) -> dict[str, str]:
    if not path.exists():
        return {}
    try:
        read = json.loads(read_bounded(path, _MAX_BYTES))
    except ValueError:
        return {}
    return read if isinstance(read, dict) else {}


def _write(folder: Path, video: str, record: str) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    (folder / PASSED).write_text(json.dumps({"video": video, "record": record}) + "\n", encoding="utf-8")
