"""Private keys: made once, readable by their owner alone, never overwritten, never shown."""

import os
import stat
from pathlib import Path

from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat, load_pem_private_key

_MAX_BYTES = 4096


class KeyRefused(Exception):
    """A key file cannot be made or used; the text names the cure and never holds any of the key."""


def make(path: Path) -> Ed25519PrivateKey:
    """A new key in a new file that only its owner may read (PKCS 8, PEM). Raises KeyRefused where a file is there."""
    key = Ed25519PrivateKey.generate()
    path.parent.mkdir(parents=True, exist_ok=True)
    try:
        # O_EXCL follows no link and opens nothing that exists; the rights are there from the first moment.
        descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    except FileExistsError:
        raise KeyRefused(
            f"{path} is there already; a key is never overwritten: use it, or name another file."
        ) from None
    except OSError as error:
        raise KeyRefused(f"{path} cannot be made ({error.strerror}); name a file in a folder of yours.") from None
    with os.fdopen(descriptor, "wb") as file:
        file.write(key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()))
        file.flush()
        os.fsync(file.fileno())
    return key


def load(path: Path) -> Ed25519PrivateKey:
    """The key in a file that `make` wrote; raises KeyRefused, also where others may read the file."""
    try:
        descriptor = os.open(path, os.O_RDONLY)
    except OSError as error:
        raise KeyRefused(f"The key {path} cannot be read ({error.strerror}); give the file that was made.") from None
    with os.fdopen(descriptor, "rb") as file:
        found = os.fstat(file.fileno())
        if not stat.S_ISREG(found.st_mode):
            raise KeyRefused(f"The key {path} is not a plain file; give the file that was made.")
        if os.name == "posix" and found.st_mode & 0o077:
            raise KeyRefused(f"Others may read the key {path}; run 'chmod 600' on it, or make a new one if they did.")
        data = file.read(_MAX_BYTES)
    try:
        key = load_pem_private_key(data, None)
    except (ValueError, TypeError, UnsupportedAlgorithm):
        key = None
    if not isinstance(key, Ed25519PrivateKey):
        raise KeyRefused(f"{path} holds no Ed25519 key; give the file that was made.")
    return key
