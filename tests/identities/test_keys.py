"""Key files: private from the first moment, never overwritten, never shown."""

import base64
import os
import stat
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from deepfake_core.identities import keys, signature

posix = pytest.mark.skipif(os.name != "posix", reason="rights are POSIX's")


def test_a_key_comes_back(tmp_path: Path) -> None:
    made = keys.make(tmp_path / "new folder" / "my.key")
    assert signature.key_name(keys.load(tmp_path / "new folder" / "my.key")) == signature.key_name(made)


@posix
def test_only_the_owner_may_read_it_whatever_the_umask(tmp_path: Path) -> None:
    before = os.umask(0)
    try:
        keys.make(tmp_path / "my.key")
    finally:
        os.umask(before)
    assert stat.S_IMODE((tmp_path / "my.key").stat().st_mode) == 0o600


@pytest.mark.parametrize("kind", ["file", "link", "dangling link", "folder"])
def test_nothing_is_ever_overwritten(tmp_path: Path, kind: str) -> None:
    path, other = tmp_path / "my.key", tmp_path / "other"
    if kind == "file":
        path.write_text("precious")
    elif kind == "folder":
        path.mkdir()
    else:
        path.symlink_to(other)
        if kind == "link":
            other.write_text("precious")
    with pytest.raises(keys.KeyRefused):
        keys.make(path)
    assert not other.exists() or other.read_text() == "precious"
    assert kind != "file" or path.read_text() == "precious"


@posix
def test_a_key_that_others_may_read_is_refused(tmp_path: Path) -> None:
    keys.make(tmp_path / "my.key")
    (tmp_path / "my.key").chmod(0o640)
    with pytest.raises(keys.KeyRefused, match="chmod 600"):
        keys.load(tmp_path / "my.key")


@pytest.mark.parametrize("data", [b"", b"secret", b"-----BEGIN PRIVATE KEY-----\nAAAA\n-----END PRIVATE KEY-----\n"])
def test_a_refusal_names_the_file_and_not_its_content(tmp_path: Path, data: bytes) -> None:
    path = tmp_path / "my.key"
    path.write_bytes(data)
    path.chmod(0o600)
    with pytest.raises(keys.KeyRefused) as caught:
        keys.load(path)
    assert "my.key" in str(caught.value)
    assert "secret" not in str(caught.value) and "AAAA" not in str(caught.value)


def secrets_of(key: Ed25519PrivateKey) -> list[bytes]:
    """How a key could look where it must not be seen."""
    raw = key.private_bytes_raw()
    return [raw, raw.hex().encode(), base64.b64encode(raw)[:40], base64.b64encode(b"\x04\x20" + raw)[4:40]]


def test_a_key_does_not_show_itself() -> None:
    key = Ed25519PrivateKey.generate()
    shown = f"{key!r} {key} {vars(key) if hasattr(key, '__dict__') else ''}".encode()
    assert not any(secret in shown for secret in secrets_of(key))
