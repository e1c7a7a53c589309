"""tools/identity.py from a key to a withdrawal."""

import json
from datetime import date
from pathlib import Path

import identity
import packs
import pytest
from packs import KEYS, NAME, subject_record, write_pack

from deepfake_core.identities import keys, pack, signature
from deepfake_core.identities.library import Library
from tests.inference import tiny_onnx

FILES = {**packs.FILES, "decoder.onnx": tiny_onnx.one_operator("Sqrt")}


@pytest.fixture
def other(tmp_path: Path) -> Path:
    """Somebody else's library."""
    return packs.empty_models(tmp_path / "other")


@pytest.fixture
def key(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setattr(KEYS, "subject", keys.make(tmp_path / "subject.key"))
    return tmp_path / "subject.key"


def call(models: Path, *arguments: object) -> int:
    return identity.main(["--models", str(models), *map(str, arguments)])


@pytest.fixture
def unsigned(models: Path, key: Path) -> Path:
    """A pack as an export leaves it."""
    folder = write_pack(models, subject_record(signer=signature.key_name(keys.load(key))), files=FILES)
    path = folder / pack.CONSENT
    document = json.loads(path.read_text())
    del document["proof"]
    path.write_text(json.dumps(document))
    return folder


def test_the_whole_way(
    models: Path, other: Path, key: Path, unsigned: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert call(models, "verify", NAME) == 1
    assert "not signed" in capsys.readouterr().err
    assert call(models, "sign", unsigned, "--key", key, "--yes") == 0
    assert call(models, "verify", NAME, "--purpose", "stage") == 0
    assert "opens for stage" in capsys.readouterr().out
    assert call(models, "verify", NAME, "--purpose", "film") == 1
    assert "does not cover" in capsys.readouterr().err

    packed = key.with_name(f"{NAME}.identity")
    assert call(models, "pack", NAME, packed) == 0
    assert call(models, "pack", NAME, packed) == 1, "an existing file was overwritten"
    assert call(other, "install", packed) == 0
    assert call(other, "install", packed) == 1
    capsys.readouterr()
    assert call(other, "list") == 0
    assert call(other, "show", NAME) == 0
    shown = capsys.readouterr().out
    for words in ("Jane Roe", "Travelling", "yes", "jane@example.org", f"{subject_record().short_id:08x}"):
        assert words in shown

    assert call(models, "withdraw", NAME, "--key", key) == 0
    lists = list((models / "identities").glob("withdrawals-*.json"))
    assert len(lists) == 1
    assert call(models, "verify", NAME) == 1
    assert "withdrawn" in capsys.readouterr().err
    Library(other).open(NAME)
    (other / "identities" / lists[0].name).write_bytes(lists[0].read_bytes())
    assert call(other, "list") == 0
    shown = capsys.readouterr().out
    assert "withdrawn" in shown
    assert "Jane Roe" not in shown, "a refused pack's own words were shown"
    assert call(other, "show", NAME) == 1


def test_withdrawals_add_up(models: Path, key: Path, unsigned: Path) -> None:
    for record in ("subject-one-one-one", "subject-two-two-two"):
        assert call(models, "withdraw", record, "--key", key) == 0
    (path,) = (models / "identities").glob("withdrawals-*.json")
    document = json.loads(path.read_text())
    assert [entry["dct:identifier"] for entry in document["dpv:hasConsentStatus"]] == [
        "subject-one-one-one",
        "subject-two-two-two",
    ]
    assert document["dpv:hasConsentStatus"][0]["dpv:isIndicatedAtTime"] == str(date.today())
    before = path.read_bytes()
    assert call(models, "withdraw", "no such id!", "--key", key) == 1
    assert path.read_bytes() == before


def test_another_key_neither_signs_nor_withdraws(
    models: Path, unsigned: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    keys.make(tmp_path / "stranger.key")
    before = {path: path.read_bytes() for path in models.rglob("*") if path.is_file()}
    assert call(models, "sign", unsigned, "--key", tmp_path / "stranger.key", "--yes") == 1
    assert "has to be signed with the key" in capsys.readouterr().err
    assert call(models, "withdraw", NAME, "--key", tmp_path / "stranger.key") == 1
    assert {path: path.read_bytes() for path in models.rglob("*") if path.is_file()} == before


def test_nothing_is_signed_without_a_yes(
    models: Path, key: Path, unsigned: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    before = (unsigned / pack.CONSENT).read_bytes()
    monkeypatch.setattr("builtins.input", lambda _question: "no")
    assert call(models, "sign", unsigned, "--key", key) == 1
    assert (unsigned / pack.CONSENT).read_bytes() == before


def test_what_is_not_whole_is_not_signed(models: Path, key: Path, unsigned: Path) -> None:
    (unsigned / "surface.png").write_bytes(b"another")
    assert call(models, "sign", unsigned, "--key", key, "--yes") == 1


def test_a_decoder_that_asks_for_too_much_does_not_verify(
    models: Path, key: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    evil = tiny_onnx.model(tiny_onnx.node("Evil", ["x"], ["y"], (7, "com.evil")))
    record = subject_record(signer=signature.key_name(KEYS.subject))
    write_pack(models, record, files={**FILES, "decoder.onnx": evil})
    assert call(models, "verify", NAME) == 1
    assert "com.evil" in capsys.readouterr().err


def test_the_consent_video_is_known_by_its_hash(
    models: Path, key: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    video = tmp_path / "video.mkv"
    video.write_bytes(b"a video")
    record = subject_record(signer=signature.key_name(KEYS.subject), video_sha256=pack.sha256(b"a video"))
    write_pack(models, record, files=FILES)
    assert call(models, "verify", NAME, "--video", video) == 0
    assert "amber river candle" in capsys.readouterr().out
    video.write_bytes(b"another video")
    assert call(models, "verify", NAME, "--video", video) == 1


@pytest.mark.parametrize("arguments", [("verify", "nobody"), ("show", "/nowhere"), ("install", "/nowhere.identity")])
def test_what_is_not_there_is_a_sentence(
    models: Path, arguments: tuple[str, ...], capsys: pytest.CaptureFixture[str]
) -> None:
    assert call(models, *arguments) == 1
    assert capsys.readouterr().err.startswith("identity: ")
