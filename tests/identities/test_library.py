"""What opens, and each reason why something does not: one sentence, and nothing of the pack is given out."""

import dataclasses
import hashlib
import json
import zipfile
from datetime import date, timedelta
from pathlib import Path
from typing import Any

import packs
import pytest
from packs import FILES, KEYS, NAME, TODAY, subject_record, synthetic_record, write_list, write_pack

from deepfake_core.identities import library, pack, signature
from deepfake_core.identities.errors import (
    ConsentExpired,
    ConsentMissing,
    ConsentNotYetValid,
    ConsentRefused,
    ConsentWithdrawn,
    HashMismatch,
    IdentityCorrupt,
    IdentityError,
    IdentityMissing,
    PurposeNotCovered,
    SignatureInvalid,
    WithdrawalsUnreadable,
)
from deepfake_core.identities.library import Library
from deepfake_core.identities.purposes import Purpose

DAY = timedelta(days=1)


def refusal(models: Path, purpose: Purpose = Purpose.DEMONSTRATION) -> IdentityError:
    """The error that keeps the identity closed; it must be one sentence, and nothing may be listed as usable."""
    with pytest.raises(IdentityError) as caught:
        Library(models).open(NAME, purpose)
    lines = Library(models).summaries(purpose)
    assert not any(line.usable or line.title != line.name for line in lines)
    message = str(caught.value)
    assert message.endswith(".")
    assert "\n" not in message
    return caught.value


@pytest.mark.parametrize("kind", ["subject", "synthetic"])
@pytest.mark.parametrize("form", ["folder", "file"])
def test_a_consented_identity_opens_with_its_files(models: Path, kind: str, form: str) -> None:
    if kind == "subject":
        folder = write_pack(models)
    else:
        folder = write_pack(models, synthetic_record(), KEYS.project)
    if form == "file":
        pack.archive(folder, folder.with_suffix(".identity"))
        for path in folder.iterdir():
            path.unlink()
        folder.rmdir()
    opened = Library(models)
    identity = opened.open(NAME)
    assert dict(identity.files) == FILES
    assert opened.open().name == NAME
    assert opened.summaries()[0].usable
    opened.check(identity)
    found = opened.by_short_id(identity.consent.short_id)
    assert found is not None and found.consent == identity.consent
    assert opened.by_short_id(1) is None


def test_the_shipped_identity_opens_for_every_purpose() -> None:
    for purpose in Purpose:
        assert Library().open("vesper", purpose).consent.kind == "synthetic"


def test_nothing_but_the_library_makes_an_identity(models: Path) -> None:
    write_pack(models)
    identity = Library(models).open(NAME)
    values = {field.name: getattr(identity, field.name) for field in dataclasses.fields(identity)}
    with pytest.raises(TypeError):
        library.Identity(**{**values, "_made_here": object()})


def test_a_short_id_is_found_whatever_the_purpose(models: Path) -> None:
    write_pack(models, subject_record(purposes=["film"]))
    found = Library(models).by_short_id(subject_record().short_id)
    assert found is not None
    assert found.purpose is Purpose.FILM
    write_list(models / "identities/withdrawals-jane.json", KEYS.subject, "subject-0123456789ab")
    assert Library(models).by_short_id(subject_record().short_id) is None


def test_an_empty_library_says_how_to_get_one(models: Path) -> None:
    with pytest.raises(IdentityMissing, match=r"train_swap\.py"):
        Library(models).open()


@pytest.mark.parametrize("name", ["..", "../somebody", "/etc", "a/b", "x" * 5000, "nul\0", ".", "..\\x"])
def test_a_name_never_leads_out_of_the_library(models: Path, name: str) -> None:
    write_pack(models)
    with pytest.raises(IdentityError):
        Library(models).open(name)


def test_two_packs_of_one_name_are_refused(models: Path) -> None:
    folder = write_pack(models)
    pack.archive(folder, folder.with_suffix(".identity"))
    assert "two identities" in str(refusal(models))


@pytest.mark.parametrize("file_name", [*FILES, "consent.json", "identity.json"])
@pytest.mark.parametrize("damage", ["missing", "truncated", "flipped", "longer", "link"])
def test_a_damaged_file_keeps_it_closed(models: Path, file_name: str, damage: str) -> None:
    path = write_pack(models) / file_name
    data = path.read_bytes()
    path.unlink()
    if damage == "truncated":
        path.write_bytes(data[:-1])
    elif damage == "flipped":
        path.write_bytes(data[:-3] + bytes([data[-3] ^ 1]) + data[-2:])
    elif damage == "longer":
        path.write_bytes(data + b".")
    elif damage == "link":
        target = models / "elsewhere"
        target.write_bytes(data)
        path.symlink_to(target)
    if path.name == "identity.json" and damage == "missing":
        with pytest.raises(IdentityMissing):
            Library(models).open(NAME)
    else:
        refusal(models)


def test_a_folder_that_is_a_link_stays_closed(models: Path, tmp_path: Path) -> None:
    folder = write_pack(models)
    folder.rename(tmp_path / NAME)
    folder.symlink_to(tmp_path / NAME)
    refusal(models)


def test_an_identity_without_consent_record_stays_closed(models: Path) -> None:
    (write_pack(models) / pack.CONSENT).unlink()
    assert isinstance(refusal(models), ConsentMissing)


def test_an_identity_of_the_first_format_is_refused_by_its_number(models: Path) -> None:
    path = write_pack(models) / pack.MANIFEST
    path.write_text(json.dumps({**json.loads(path.read_text()), "format": 1}))
    error = refusal(models)
    assert isinstance(error, IdentityCorrupt)
    assert "format '1'" in str(error)


def edit_record(folder: Path, edit: Any) -> None:
    path = folder / pack.CONSENT
    document = json.loads(path.read_text())
    edit(document)
    path.write_text(json.dumps(document))


def test_another_layout_of_the_same_record_opens(models: Path) -> None:
    """The signature is over what the record says, not over its blanks."""
    folder = write_pack(models)
    document = json.loads((folder / pack.CONSENT).read_text())
    turned = dict(reversed(document.items()))
    (folder / pack.CONSENT).write_text(json.dumps(turned, indent=7))
    assert Library(models).open(NAME).consent == subject_record(
        decoder_sha256=pack.sha256(FILES["decoder.onnx"]),
        pack_sha256=pack.sha256((folder / pack.MANIFEST).read_bytes()),
    )


@pytest.mark.parametrize(
    "member, value",
    [
        ("dct:valid", f"{TODAY}/{TODAY + 9 * 365 * DAY}"),
        ("dct:identifier", "subject-ffffffffffff"),
        ("odf:decoder", "urn:sha256:" + "4" * 64),
        ("odf:kind", "synthetic"),
        ("odf:more", "anything"),
        ("dpv:hasDataSubject", {"@type": "dpv:DataSubject", "dpv:hasName": "Somebody else"}),
    ],
)
def test_a_changed_record_does_not_count(models: Path, member: str, value: Any) -> None:
    edit_record(write_pack(models), lambda document: document.update({member: value}))
    assert isinstance(refusal(models), SignatureInvalid | ConsentMissing)


def test_a_changed_word_breaks_the_signature(models: Path) -> None:
    def widen(document: dict[str, Any]) -> None:
        document["dpv:hasProcess"]["dpv:hasPurpose"].append("odf:film")

    edit_record(write_pack(models), widen)
    assert isinstance(refusal(models, Purpose.FILM), SignatureInvalid)


def test_a_record_without_signature_does_not_count(models: Path) -> None:
    edit_record(write_pack(models), lambda document: document.pop("proof"))
    assert isinstance(refusal(models), SignatureInvalid)


def test_strangers_sign_for_nobody(models: Path) -> None:
    write_pack(models, subject_record(), KEYS.stranger)
    assert isinstance(refusal(models), SignatureInvalid)
    write_pack(models, synthetic_record(), KEYS.stranger)
    assert "release key" in str(refusal(models))
    write_pack(models, synthetic_record(signer=signature.key_name(KEYS.stranger)), KEYS.stranger)
    assert "release key" in str(refusal(models))


def test_files_of_another_identity_are_not_covered(models: Path) -> None:
    """Whoever puts a signed record beside other pictures gets nowhere."""
    record = (write_pack(models) / pack.CONSENT).read_bytes()
    folder = write_pack(models, files={**FILES, "surface.png": b"somebody else's face"})
    (folder / pack.CONSENT).write_bytes(record)
    assert isinstance(refusal(models), HashMismatch)


def test_a_consent_to_training_opens_nothing(models: Path) -> None:
    folder = write_pack(models)
    (folder / pack.CONSENT).write_bytes(subject_record().sign(KEYS.subject))
    error = refusal(models)
    assert isinstance(error, ConsentRefused)
    assert "Jane Roe" in str(error)


@pytest.mark.parametrize(
    "changes, kind",
    [
        ({"valid_from": TODAY + DAY}, ConsentNotYetValid),
        ({"valid_from": TODAY - 2 * DAY, "valid_until": TODAY - DAY}, ConsentExpired),
        ({"purposes": ["film"]}, PurposeNotCovered),
    ],
)
def test_consent_that_does_not_cover_the_use_keeps_it_closed(
    models: Path, changes: dict[str, object], kind: type[IdentityError]
) -> None:
    write_pack(models, subject_record(**changes))
    assert isinstance(refusal(models), kind)


def test_the_first_and_the_last_day_count(models: Path) -> None:
    write_pack(models, subject_record(valid_from=TODAY, valid_until=TODAY))
    Library(models).open(NAME)


def test_the_stated_purpose_decides(models: Path) -> None:
    write_pack(models)
    assert Library(models).open(NAME, Purpose.STAGE).purpose is Purpose.STAGE
    assert "Film" in str(refusal(models, Purpose.FILM))
    with pytest.raises(PurposeNotCovered):
        Library(models).open("", Purpose.FILM)


@pytest.mark.parametrize("by", ["subject", "project"])
def test_a_withdrawn_identity_stays_closed(models: Path, by: str) -> None:
    write_pack(models)
    folder = models / "identities"
    if by == "subject":
        write_list(folder / "withdrawals-jane.json", KEYS.subject, "subject-0123456789ab")
    else:
        write_list(folder / "withdrawals.json", KEYS.project, "subject-0123456789ab")
    error = refusal(models)
    assert isinstance(error, ConsentWithdrawn)
    assert str(TODAY) in str(error)


def test_a_strangers_list_and_other_records_withdraw_nothing(models: Path) -> None:
    write_pack(models)
    write_list(models / "identities/withdrawals-1.json", KEYS.stranger, "subject-0123456789ab")
    write_list(models / "identities/withdrawals-2.json", KEYS.subject, "subject-another")
    Library(models).open(NAME)


@pytest.mark.parametrize("damage", ["missing", "empty", "flipped", "stranger", "link", "too many"])
def test_without_the_list_of_withdrawals_nothing_opens(models: Path, damage: str) -> None:
    write_pack(models)
    path = models / "identities" / "withdrawals.json"
    data = path.read_bytes()
    path.unlink()
    if damage == "empty":
        path.write_bytes(b"")
    elif damage == "flipped":
        path.write_bytes(data.replace(b"WithdrawalList", b"WithdrawalLisp"))
    elif damage == "stranger":
        write_list(path, KEYS.stranger)
    elif damage == "link":
        (models / "list").write_bytes(data)
        path.symlink_to(models / "list")
    elif damage == "too many":
        path.write_bytes(data)
        for index in range(70):
            write_list(path.with_name(f"withdrawals-{index}.json"), KEYS.subject)
    assert isinstance(refusal(models), WithdrawalsUnreadable)


def test_a_damaged_list_of_a_subject_closes_the_library_too(models: Path) -> None:
    write_pack(models)
    path = models / "identities" / "withdrawals-jane.json"
    write_list(path, KEYS.subject, "subject-another")
    path.write_bytes(path.read_bytes().replace(b"subject-another", b"subject-anybody"))
    assert isinstance(refusal(models), WithdrawalsUnreadable)


@pytest.mark.parametrize("file_name", ["decoder.onnx", "consent.json", "identity.json", "../withdrawals.json"])
def test_removal_while_in_use_is_noticed(models: Path, file_name: str) -> None:
    folder = write_pack(models)
    identity = Library(models).open(NAME)
    (folder / file_name).unlink()
    with pytest.raises(IdentityError):
        Library(models).check(identity)


def test_another_identity_in_the_same_folder_is_noticed(models: Path) -> None:
    write_pack(models)
    identity = Library(models).open(NAME)
    write_pack(models, subject_record(depicted="Somebody else"))
    with pytest.raises(IdentityCorrupt):
        Library(models).check(identity)


def test_withdrawal_and_end_are_noticed_while_in_use(models: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    write_pack(models)
    opened = Library(models)
    identity = opened.open(NAME)
    opened.check(identity)
    write_list(models / "identities/withdrawals-jane.json", KEYS.subject, "subject-0123456789ab")
    with pytest.raises(ConsentWithdrawn):
        opened.check(identity)
    (models / "identities/withdrawals-jane.json").unlink()
    opened.check(identity)

    later = type("Later", (date,), {"today": staticmethod(lambda: TODAY + 366 * DAY)})
    monkeypatch.setattr(library, "date", later)
    with pytest.raises(ConsentExpired):
        opened.check(identity)


def test_a_pack_may_not_be_compressed(models: Path) -> None:
    folder = write_pack(models)
    with zipfile.ZipFile(folder.with_suffix(".identity"), "w", zipfile.ZIP_DEFLATED) as zipped:
        for path in sorted(folder.iterdir()):
            zipped.write(path, path.name)
            path.unlink()
    folder.rmdir()
    assert "compressed" in str(refusal(models))


def test_packing_an_unsigned_identity_leaves_no_file(models: Path, tmp_path: Path) -> None:
    folder = write_pack(models)
    edit_record(folder, lambda document: document.pop("proof"))
    before = sorted(tmp_path.rglob("*"))
    with pytest.raises(SignatureInvalid):
        pack.archive(folder, tmp_path / "somebody.identity")
    assert sorted(tmp_path.rglob("*")) == before


def test_the_short_id_is_the_beginning_of_a_hash() -> None:
    record = packs.subject_record()
    wanted = hashlib.sha256(record.record_id.encode()).hexdigest()[:8]
    assert f"{record.short_id:08x}" == wanted
