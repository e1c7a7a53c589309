import json
from datetime import date, timedelta
from pathlib import Path

import pytest

from deepfake_core.identities import pack
from deepfake_core.identities.consent import ConsentRecord
from deepfake_core.identities.errors import (
    ConsentMissing,
    ConsentRefused,
    IdentityCorrupt,
    IdentityError,
    IdentityMissing,
)
from deepfake_core.identities.library import Library
from deepfake_core.inference.manifest import Manifest

FILES = {"decoder.onnx": b"decoder", "portrait.png": b"portrait", "surface.png": b"surface"}
NAME = "nobody"


def consent(**changes: object) -> ConsentRecord:
    values = {
        "record_id": "synthetic-nobody",
        "kind": "synthetic",
        "depicted": "Nobody: a rendered person",
        "granted_to": "everybody",
        "purposes": ["demonstration"],
        "valid_from": date(2026, 1, 1),
        "withdrawal": "delete the folder",
        "decoder_sha256": pack.sha256(FILES["decoder.onnx"]),
        "seed": 7,
        "command": "python tools/train_swap.py",
    }
    return ConsentRecord.model_validate({**values, **changes})


def make(models: Path, record: ConsentRecord | None = None, *, listed: bool = True) -> Path:
    folder = models / "identities" / NAME
    path = pack.write(
        folder,
        title="Nobody",
        description="",
        encoder_sha256="0" * 64,
        files=FILES,
        consent=record or consent(),
    )
    if listed:
        Manifest.add(path, licence="CC0-1.0", made_by="test", source="test", models_dir=models)
    return folder


@pytest.fixture
def models(tmp_path: Path) -> Path:
    (tmp_path / "manifest.json").write_text(json.dumps({"format": 1, "models": []}))
    return tmp_path


def refusal(models: Path) -> IdentityError:
    """The error that keeps the identity closed; it must be one sentence, and nothing may be listed as usable."""
    with pytest.raises(IdentityError) as caught:
        Library(models).open(NAME)
    assert not any(line.usable for line in Library(models).summaries())
    assert str(caught.value).endswith(".")
    return caught.value


def test_a_whole_identity_opens_with_its_files(models: Path) -> None:
    make(models)
    identity = Library(models).open(NAME)
    assert dict(identity.files) == FILES
    assert Library(models).open().name == NAME
    assert Library(models).summaries()[0].consent_line.startswith("Nobody")
    Library(models).check(identity)


def test_an_empty_library_says_how_to_get_one(models: Path) -> None:
    with pytest.raises(IdentityMissing, match=r"train_swap\.py"):
        Library(models).open()


@pytest.mark.parametrize("name", ["..", "../nobody", "/etc", "a/b", "x" * 5000, "nul\0"])
def test_a_name_never_leads_out_of_the_library(models: Path, name: str) -> None:
    make(models)
    with pytest.raises(IdentityError):
        Library(models).open(name)


@pytest.mark.parametrize("file_name", [*FILES, "consent.json", "identity.json"])
@pytest.mark.parametrize("damage", ["missing", "truncated", "flipped", "longer", "link"])
def test_a_damaged_file_keeps_it_closed(models: Path, file_name: str, damage: str) -> None:
    path = make(models) / file_name
    data = path.read_bytes()
    path.unlink()
    if damage == "truncated":
        path.write_bytes(data[:-1])
    elif damage == "flipped":
        path.write_bytes(bytes([data[0] ^ 1]) + data[1:])
    elif damage == "longer":
        path.write_bytes(data + b" ")
    elif damage == "link":
        target = models / "elsewhere"
        target.write_bytes(data)
        path.symlink_to(target)
    refusal(models)


def test_an_unlisted_identity_stays_closed(models: Path) -> None:
    make(models, listed=False)
    assert isinstance(refusal(models), IdentityCorrupt)


def test_an_identity_without_consent_record_stays_closed(models: Path) -> None:
    folder = make(models)
    path = folder / pack.MANIFEST
    manifest = json.loads(path.read_text())
    del manifest["files"]["consent.json"]
    path.write_text(json.dumps(manifest))
    Manifest.add(path, licence="CC0-1.0", made_by="test", source="test", models_dir=models)
    assert isinstance(refusal(models), ConsentMissing)


@pytest.mark.parametrize(
    "changes",
    [
        {"kind": "subject"},
        {"valid_from": date.today() + timedelta(days=1)},
        {"valid_until": date.today() - timedelta(days=1)},
        {"decoder_sha256": "f" * 64},
        {"seed": None},
    ],
)
def test_consent_that_does_not_cover_the_use_keeps_it_closed(models: Path, changes: dict[str, object]) -> None:
    make(models, consent(**changes))
    assert isinstance(refusal(models), ConsentRefused)


@pytest.mark.parametrize("file_name", ["decoder.onnx", "consent.json", "identity.json"])
def test_removal_while_in_use_is_noticed(models: Path, file_name: str) -> None:
    folder = make(models)
    identity = Library(models).open(NAME)
    (folder / file_name).unlink()
    with pytest.raises(IdentityError):
        Library(models).check(identity)


def test_another_identity_in_the_same_folder_is_noticed(models: Path) -> None:
    make(models)
    identity = Library(models).open(NAME)
    make(models, consent(depicted="Somebody else"))
    with pytest.raises(IdentityCorrupt):
        Library(models).check(identity)
