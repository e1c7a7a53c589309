"""tools/record_consent.py: the act on camera, with a file made so."""

import json
import logging
import os
import stat
import time
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import hostile
import pytest
import record_consent
from packs import TODAY
from test_keys import secrets_of

from deepfake_core.identities import consent_video, keys, pack
from deepfake_core.identities.consent import ConsentRecord
from deepfake_core.identities.terms import SPOKEN_WORDS, sentence


@pytest.fixture(scope="module")
def talking(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    path = tmp_path_factory.mktemp("video") / "talking.mp4"
    hostile.make_video(path)
    yield path


def run(
    monkeypatch: pytest.MonkeyPatch, out: Path, video: Path, content: bytes | None, *extra: str, say: str = "yes"
) -> int:
    """The tool's exit status; `content` is what is recorded into `video` while it waits."""

    def answer(question: str) -> str:
        if "agree" in question:
            return say
        if content is not None:
            video.write_bytes(content)
        return ""

    monkeypatch.setattr("builtins.input", answer)
    arguments = ["--name", "Jane Roe", "--for-whom", "The Travelling Theatre", "--purpose", "stage"]
    arguments += ["--until", str(TODAY + timedelta(days=99)), "--withdrawal", "jane@example.org"]
    return record_consent.main([*arguments, "--out", str(out), "--video", str(video), *extra])


def test_consent_given_on_camera_is_signed_by_the_persons_own_key(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, talking: Path, capfd: Any, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    out, video = tmp_path / "jane", tmp_path / "sentence.mp4"
    assert run(monkeypatch, out, video, talking.read_bytes()) == 0
    record = ConsentRecord.parse((out / "consent.json").read_bytes(), "jane")
    shown = capfd.readouterr()
    assert record.kind == "subject" and record.depicted == "Jane Roe"
    assert record.video_sha256 == pack.sha256(talking.read_bytes())
    assert record.terms_sha256 == pack.sha256((out / "terms.txt").read_bytes())
    assert record.decoder_sha256 is None
    assert record.sentence is not None
    # The terminal breaks the lines.
    plain = " ".join(shown.out.replace("│", " ").split())
    assert record.sentence in plain
    assert sum(word.strip(".") in SPOKEN_WORDS for word in record.sentence.split()) == 6
    assert not list(out.glob("*.mp4")), "the video stays where the person made it"

    made = keys.load(out / "subject.key")
    assert stat.S_IMODE((out / "subject.key").stat().st_mode) == 0o600
    seen = [shown.out.encode(), shown.err.encode(), caplog.text.encode()]
    seen += [path.read_bytes() for path in out.iterdir() if path.name != "subject.key"]
    assert not any(secret in text for secret in secrets_of(made) for text in seen)

    before = {path: path.read_bytes() for path in out.iterdir()}
    assert run(monkeypatch, out, video, talking.read_bytes()) == 1
    assert {path: path.read_bytes() for path in out.iterdir()} == before, "a consent was overwritten"
    again = tmp_path / "again"
    assert run(monkeypatch, again, video, talking.read_bytes(), "--key", str(out / "subject.key")) == 0
    assert ConsentRecord.parse((again / "consent.json").read_bytes(), "jane").signer == record.signer


@pytest.mark.parametrize(
    "reason", ["no", "nothing recorded", "recorded before", "no video", "too short", "silent", "no face"]
)
def test_without_the_act_there_is_no_consent_and_no_key(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, talking: Path, reason: str, capsys: pytest.CaptureFixture[str]
) -> None:
    out, video = tmp_path / "jane", tmp_path / "sentence.mp4"
    content: bytes | None = talking.read_bytes()
    if reason == "nothing recorded":
        content = None
    elif reason == "recorded before":
        video.write_bytes(talking.read_bytes())
        os.utime(video, (1, 1))
        content = None
    elif reason == "no video":
        content = b"not a video"
    elif reason == "too short":
        monkeypatch.setattr(consent_video, "MIN_SECONDS", 60.0)
    elif reason == "silent":
        monkeypatch.setattr(consent_video, "LOUD", 0.9)
    elif reason == "no face":
        monkeypatch.setattr(consent_video.FaceTracker, "update", lambda *_: [])
    assert run(monkeypatch, out, video, content, say="no" if reason == "no" else "yes") == 1
    assert capsys.readouterr().err.startswith("record_consent: ")
    assert not out.exists() or not list(out.iterdir())


def test_a_file_may_be_dated_to_two_seconds(monkeypatch: pytest.MonkeyPatch, tmp_path: Path, talking: Path) -> None:
    video = tmp_path / "sentence.mp4"
    video.write_bytes(talking.read_bytes())
    now = time.time()
    monkeypatch.setattr(time, "time", lambda: now)
    os.utime(video, (now - 1.5, now - 1.5))
    assert run(monkeypatch, tmp_path / "jane", video, None) == 0


def test_a_consent_without_end_in_time_is_refused_before_a_key_is_made(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, talking: Path
) -> None:
    out = tmp_path / "jane"
    late = str(TODAY + timedelta(days=500))
    assert run(monkeypatch, out, tmp_path / "sentence.mp4", talking.read_bytes(), "--from", late) == 1
    assert not (out / "subject.key").exists()


def test_no_sentence_comes_twice() -> None:
    assert len({sentence("Jane Roe", TODAY) for _ in range(100)}) == 100


def test_camera_and_microphone_become_a_consent_video(tmp_path: Path, talking: Path) -> None:
    """Files stand in for the devices."""
    target, seen = tmp_path / "recorded.mkv", []

    def watch(seconds: float) -> None:
        seen.append(seconds)
        time.sleep(0.02)

    consent_video.record(str(talking), str(talking), target, lambda: len(seen) >= 50, watch)
    pictures = list(consent_video.pictures(target))
    assert len(pictures) == 50
    assert abs(pictures[-1].seconds - seen[-1]) < 0.2
    assert consent_video._loud_seconds(target) > 0.5


def test_a_device_that_does_not_work_leaves_no_file(tmp_path: Path, talking: Path) -> None:
    target = tmp_path / "recorded.mkv"
    with pytest.raises(consent_video.VideoRefused, match="camera"):
        consent_video.record(str(tmp_path / "nowhere"), str(talking), target, lambda: False)
    with pytest.raises(consent_video.VideoRefused, match="microphone"):
        consent_video.record(str(talking), "no-such-device", target, lambda: False)
    assert not target.exists()


def test_the_record_is_json_ld_of_the_profile(monkeypatch: pytest.MonkeyPatch, tmp_path: Path, talking: Path) -> None:
    assert run(monkeypatch, tmp_path / "jane", tmp_path / "v.mp4", talking.read_bytes()) == 0
    document = json.loads((tmp_path / "jane" / "consent.json").read_text())
    assert document["@type"] == "dpv:ConsentRecord"
    assert "https://w3id.org/dpv/schema/dpv-27560#record" in document["dct:conformsTo"]
    wanted = {"dct:identifier", "dpv:hasDataSubject", "dpv:hasDataController", "dpv:hasProcess", "dpv:hasNotice"}
    wanted |= {"dpv:hasConsentControl", "dpv:hasConsentStatus", "dpv:hasLegalBasis", "dct:valid", "dct:language"}
    assert wanted <= set(document)
    prefixes = {name.split(":")[0] for name in document if ":" in name}
    assert prefixes <= set(document["@context"])
