"""The files of a pack, in a folder or in one `.identity` file: a zip archive that compresses nothing.

Without compression an archive holds no more than its own size, so no entry can grow when it is read.
"""

import io
import os
import re
import stat
import struct
import zipfile
from pathlib import Path
from typing import Protocol

SUFFIX = ".identity"
MAX_ENTRIES = 17
MAX_ARCHIVE_BYTES = 320 * 2**20
_END = struct.Struct("<4s4HIIH")
_MAX_DIRECTORY = 16_384
_NAME = re.compile(r"[a-z0-9_]{1,40}\.(onnx|png|safetensors|json)")


class PackFiles(Protocol):
    """Bounded access to a pack's files by name."""

    def read(self, name: str, limit: int) -> bytes:
        """The file's bytes; raises OSError where it is missing, ValueError where it is too large or odd."""

    def has(self, name: str) -> bool:
        """Whether there is such a file, without reading it."""


def read_bounded(path: Path, limit: int) -> bytes:
    """A regular file's bytes; raises OSError, also for a link, and ValueError when it is larger than `limit`."""
    if path.is_symlink():
        raise OSError("it is a link")
    # A named pipe must not block; what is opened is looked at, not what was there a moment before.
    descriptor = os.open(path, os.O_RDONLY | getattr(os, "O_NOFOLLOW", 0) | getattr(os, "O_NONBLOCK", 0))
    # Unbuffered: a buffer would hold a large file twice.
    with os.fdopen(descriptor, "rb", buffering=0) as file:
        found = os.fstat(file.fileno())
        if not stat.S_ISREG(found.st_mode):
            raise OSError("it is not a plain file")
        if found.st_size > limit:
            raise ValueError(f"it is larger than {limit} bytes")
        data: bytes = file.read(found.st_size + 1)
    if len(data) != found.st_size:
        raise ValueError("it changed while it was read")
    return data


class Folder:
    """A pack whose files lie in a folder, which is no link."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def read(self, name: str, limit: int) -> bytes:
        """As `PackFiles.read`."""
        if self.path.is_symlink():
            raise OSError("the folder is a link")
        return read_bounded(self.path / name, limit)

    def has(self, name: str) -> bool:
        """As `PackFiles.has`."""
        return not self.path.is_symlink() and (self.path / name).is_file()


class Archive:
    """A pack in one file. Nothing is ever unpacked to the disk, so names that lead elsewhere lead nowhere."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def read(self, name: str, limit: int) -> bytes:
        """As `PackFiles.read`."""
        if self.path.is_symlink() or not self.path.is_file():
            raise FileNotFoundError("it is no plain file")
        try:
            with self.path.open("rb", buffering=0) as file:
                size = _checked_size(file)
                with zipfile.ZipFile(file) as archive:
                    entry = _entry(archive.infolist(), name, size)
                    if entry.file_size > limit:
                        raise ValueError(f"{name} is larger than {limit} bytes")
                    with archive.open(entry) as content:
                        return content.read(entry.file_size)
        except (zipfile.BadZipFile, NotImplementedError, RuntimeError, EOFError, OverflowError, struct.error) as error:
            raise ValueError(f"it is not a whole archive: {error}") from error

    def has(self, name: str) -> bool:
        """As `PackFiles.has`."""
        return self.path.is_file() and not self.path.is_symlink()


def _checked_size(file: io.FileIO) -> int:
    """The archive's size; raises ValueError where its directory is large enough to take long to read."""
    size = file.seek(0, os.SEEK_END)
    if not _END.size <= size <= MAX_ARCHIVE_BYTES:
        raise ValueError(f"it has {size} bytes; a pack has at most {MAX_ARCHIVE_BYTES}")
    start = max(0, size - _END.size - 20)
    file.seek(start)
    tail = file.read()
    mark, *_, total, directory, _, comment = _END.unpack(tail[-_END.size :])
    if mark != b"PK\5\6" or comment or total > MAX_ENTRIES or directory > _MAX_DIRECTORY or tail[:4] == b"PK\6\7":
        raise ValueError("it does not end as the archives of tools/identity.py do")
    return size


def _entry(entries: list[zipfile.ZipInfo], name: str, size: int) -> zipfile.ZipInfo:
    if len(entries) > MAX_ENTRIES or len({entry.filename for entry in entries}) != len(entries):
        raise ValueError("it has too many entries")
    for entry in entries:
        kind = stat.S_IFMT(entry.external_attr >> 16)
        if not _NAME.fullmatch(entry.filename):
            raise ValueError(f"{entry.filename[:60]!r} does not belong into a pack")
        if entry.compress_type != zipfile.ZIP_STORED or entry.compress_size != entry.file_size:
            raise ValueError(f"{entry.filename[:60]!r} is compressed; pack it with tools/identity.py")
        if kind not in (0, stat.S_IFREG) or entry.flag_bits & 1 or entry.file_size > size:
            raise ValueError(f"{entry.filename[:60]!r} is not a plain entry")
    found = next((entry for entry in entries if entry.filename == name), None)
    if found is None:
        raise FileNotFoundError(f"there is no {name}")
    return found


def open_pack(path: Path) -> PackFiles:
    """The files of the pack at `path`: a folder, or a file that ends in `.identity`."""
    return Archive(path) if path.suffix == SUFFIX else Folder(path)
