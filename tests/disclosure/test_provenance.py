"""Signed manifests in video files: what they say, and what a changed file or a wrong certificate does."""

import stat
from pathlib import Path

import av
import numpy as np
import pytest

from deepfake_core.disclosure import provenance
from deepfake_core.disclosure.credentials import (
    CERTIFICATES,
    KEY,
    Credentials,
    CredentialsUnusable,
    local_credentials,
    own_credentials,
)
from deepfake_core.disclosure.provenance import SigningFailed, SwapFacts

FACTS = SwapFacts(("Vesper",), ("vesper-record-1",), {"vesper/decoder.onnx": "ab" * 32})


@pytest.fixture(scope="module")
def credentials(tmp_path_factory: pytest.TempPathFactory) -> Credentials:
    return local_credentials(tmp_path_factory.mktemp("keys"))


@pytest.fixture
def clip(tmp_path: Path) -> Path:
    path = tmp_path / "clip.mp4"
    with av.open(str(path), "w") as target:
        stream = target.add_stream("libx264", rate=10)
        stream.width = stream.height = 64
        stream.pix_fmt = "yuv420p"
        for shade in range(10):
            picture = np.full((64, 64, 3), shade * 20, np.uint8)
            target.mux(stream.encode(av.VideoFrame.from_ndarray(picture, format="bgr24")))
        target.mux(stream.encode(None))
    return path


def test_a_signed_file_says_what_was_done_and_by_whom(clip: Path, credentials: Credentials) -> None:
    signed = clip.with_name("signed.mp4")
    provenance.sign(clip, signed, FACTS, credentials)
    found = provenance.read(signed)
    assert found is not None
    assert found.ours
    assert found.intact
    assert found.facts == FACTS
    # Nobody vouches for a local certificate, and it is said so.
    assert not found.trusted
    assert "signingCredential.untrusted" in found.problems
    with av.open(str(signed)) as video:
        assert sum(1 for _ in video.decode(video=0)) == 10


def test_a_changed_file_is_not_intact(clip: Path, credentials: Credentials) -> None:
    signed = clip.with_name("signed.mp4")
    provenance.sign(clip, signed, FACTS, credentials)
    data = bytearray(signed.read_bytes())
    place = data.rindex(b"mdat") + 40
    data[place] ^= 0x01
    signed.write_bytes(data)
    found = provenance.read(signed)
    assert found is not None
    assert not found.intact


def test_the_manifest_of_the_input_is_kept(clip: Path, credentials: Credentials) -> None:
    before, after = clip.with_name("before.mp4"), clip.with_name("after.mp4")
    provenance.sign(clip, before, SwapFacts(("Earlier",), ("earlier-record",), {}), credentials)
    provenance.sign(clip, after, FACTS, credentials, parent=before)
    data = after.read_bytes()
    assert b"earlier-record" in data
    found = provenance.read(after)
    assert found is not None
    assert found.intact
    assert found.facts == FACTS


@pytest.mark.parametrize("data", [b"", b"\0" * 5000, b"\0\0\0\x18ftypmp42" + b"\xff" * 400])
def test_what_is_no_video_has_no_manifest_and_is_not_signed(
    tmp_path: Path, data: bytes, credentials: Credentials
) -> None:
    path = tmp_path / "noise.mp4"
    path.write_bytes(data)
    assert provenance.read(path) is None
    target = tmp_path / "signed.mp4"
    with pytest.raises(SigningFailed, match="cannot be signed"):
        provenance.sign(path, target, FACTS, credentials)
    assert not target.exists()


def test_the_local_certificate_is_made_once_and_its_key_is_private(tmp_path: Path) -> None:
    first = local_credentials(tmp_path)
    assert stat.S_IMODE((tmp_path / KEY).stat().st_mode) == 0o600
    assert local_credentials(tmp_path) == first
    assert "local certificate" in first.description
    (tmp_path / KEY).unlink()
    with pytest.raises(CredentialsUnusable, match="only one of"):
        local_credentials(tmp_path)


def test_a_certificate_of_ones_own_must_fit_its_key(tmp_path: Path) -> None:
    for name in ("a", "b"):
        local_credentials(tmp_path / name)
    mine = own_credentials(tmp_path / "a" / CERTIFICATES, tmp_path / "a" / KEY)
    assert mine.algorithm == "ed25519"
    assert not mine.local
    with pytest.raises(CredentialsUnusable, match="belongs together"):
        own_credentials(tmp_path / "a" / CERTIFICATES, tmp_path / "b" / KEY)
    with pytest.raises(CredentialsUnusable, match="PEM"):
        own_credentials(tmp_path / "a" / KEY, tmp_path / "a" / CERTIFICATES)
    with pytest.raises(CredentialsUnusable, match="cannot be read"):
        own_credentials(tmp_path / "missing.pem", tmp_path / "a" / KEY)
