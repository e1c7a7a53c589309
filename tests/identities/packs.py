"""Packs, records and lists for the tests, signed with keys made on the spot."""

import json
from datetime import date, timedelta
from pathlib import Path
from typing import Any

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from deepfake_core.identities import pack, release, signature
from deepfake_core.identities.consent import ConsentRecord
from deepfake_core.identities.withdrawals import PROJECT_LIST, WithdrawalList

FILES = {"decoder.onnx": b"decoder", "portrait.png": b"portrait", "surface.png": b"surface"}
NAME = "somebody"
TODAY = date.today()
CROP = pack.Crop(alignment="head", extent=215)


class Keys:
    """The project's key and a subject's."""

    def __init__(self) -> None:
        self.project = Ed25519PrivateKey.from_private_bytes(b"project's test key".ljust(32))
        self.subject = Ed25519PrivateKey.from_private_bytes(b"subject's test key".ljust(32))
        self.stranger = Ed25519PrivateKey.from_private_bytes(b"stranger's test key".ljust(32))


KEYS = Keys()


def make_project_key_known(monkeypatch: Any) -> None:
    monkeypatch.setattr(release, "PUBLIC_KEY", signature.key_name(KEYS.project))


def subject_record(**changes: Any) -> ConsentRecord:
    values = {
        "record_id": "subject-0123456789ab",
        "kind": "subject",
        "signer": signature.key_name(KEYS.subject),
        "depicted": "Jane Roe",
        "granted_to": ["The Travelling Theatre"],
        "purposes": ["demonstration", "stage"],
        "contexts": ["Live on stage, no recordings"],
        "given_on": TODAY,
        "valid_from": TODAY,
        "valid_until": TODAY + timedelta(days=365),
        "withdrawal": "Write to jane@example.org",
        "terms_sha256": "1" * 64,
        "sentence": "I, Jane Roe, agree: amber river candle.",
        "video_sha256": "2" * 64,
        "footage_sha256": "3" * 64,
    }
    return ConsentRecord.model_validate({**values, **changes})


def synthetic_record(**changes: Any) -> ConsentRecord:
    values = {
        "record_id": "synthetic-nobody",
        "kind": "synthetic",
        "signer": signature.key_name(KEYS.project),
        "depicted": "Nobody: a rendered person",
        "granted_to": ["everybody"],
        "purposes": ["demonstration"],
        "given_on": TODAY,
        "valid_from": TODAY,
        "withdrawal": "none",
        "seed": 7,
        "command": "python tools/render_people.py",
    }
    return ConsentRecord.model_validate({**values, **changes})


def write_pack(
    models: Path,
    record: ConsentRecord | None = None,
    key: Ed25519PrivateKey | None = None,
    *,
    name: str = NAME,
    files: dict[str, bytes] | None = None,
    **options: Any,
) -> Path:
    """A signed pack below `models`; `key` signs, whoever should."""
    folder = models / "identities" / name
    settings = {"title": "Somebody", "description": "", "networks": "surface", "size": 128, "crop": CROP, **options}
    made = pack.write(folder, files=files or FILES, consent=record or subject_record(), **settings)
    signed = signature.sign(json.loads(made.draft()), key or KEYS.subject)
    (folder / pack.CONSENT).write_bytes(json.dumps(signed).encode())
    return folder


def empty_models(folder: Path) -> Path:
    """A models folder without identities and with the project's empty list of withdrawals."""
    identities = folder / "identities"
    identities.mkdir(parents=True, exist_ok=True)
    write_list(identities / PROJECT_LIST, KEYS.project)
    return folder


def write_list(path: Path, key: Ed25519PrivateKey, *withdrawn: str) -> None:
    path.write_bytes(WithdrawalList(signature.key_name(key), dict.fromkeys(withdrawn, TODAY)).sign(key))
