"""The identity pack: one folder that holds a decoder and all that belongs to it."""

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from types import MappingProxyType
from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from deepfake_core.identities.consent import ConsentRecord
from deepfake_core.identities.errors import ConsentMissing, IdentityCorrupt, IdentityMissing

MANIFEST = "identity.json"
CONSENT = "consent.json"
DECODER = "decoder.onnx"
PORTRAIT = "portrait.png"
NAME_PATTERN = r"^[a-z][a-z0-9-]{0,31}$"
MAX_JSON_BYTES = 65_536
MAX_FILE_BYTES = 16 * 2**20
MAX_FILES = 16

Sha256 = Annotated[str, Field(pattern=r"^[0-9a-f]{64}$")]
FileName = Annotated[str, Field(pattern=r"^[a-z0-9_]{1,40}\.(onnx|png|safetensors|json)$")]


class FileEntry(BaseModel):
    """Size in bytes and SHA-256 of one file of a pack."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    bytes: Annotated[int, Field(gt=0, le=MAX_FILE_BYTES)]
    sha256: Sha256


class IdentityManifest(BaseModel):
    """`identity.json`: what the pack holds and which shared encoder its decoder was trained with."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    format: Literal[1] = 1
    name: Annotated[str, Field(pattern=NAME_PATTERN)]
    title: Annotated[str, Field(min_length=1, max_length=60)]
    description: Annotated[str, Field(max_length=500)]
    encoder_sha256: Sha256
    files: Annotated[dict[FileName, FileEntry], Field(max_length=MAX_FILES)]


@dataclass(frozen=True)
class IdentityPack:
    """A verified pack: every file is there, of the listed size and hash."""

    manifest: IdentityManifest
    manifest_sha256: str
    consent: ConsentRecord
    files: Mapping[str, bytes]
    folder: Path


def sha256(data: bytes) -> str:
    """SHA-256 as lower-case hex."""
    return hashlib.sha256(data).hexdigest()


def read_bounded(path: Path, limit: int) -> bytes:
    """A regular file's bytes; raises OSError, and ValueError when it is a link or larger than `limit`."""
    if path.is_symlink() or not path.is_file():
        raise FileNotFoundError(path)
    with path.open("rb") as file:
        data = file.read(limit + 1)
    if len(data) > limit:
        raise ValueError(f"{path.name} is larger than {limit} bytes")
    return data


def read_manifest(folder: Path) -> tuple[IdentityManifest, str]:
    """The manifest of a pack and its SHA-256; raises IdentityMissing or IdentityCorrupt."""
    name = folder.name
    try:
        data = read_bounded(folder / MANIFEST, MAX_JSON_BYTES)
    except FileNotFoundError as error:
        raise IdentityMissing(
            f"There is no identity {name!r}; choose another one in the filter's properties."
        ) from error
    except (OSError, ValueError) as error:
        raise IdentityCorrupt(f"The identity {name!r} is not readable ({error}); install it again.") from error
    try:
        manifest = IdentityManifest.model_validate_json(data)
    except ValidationError as error:
        raise IdentityCorrupt(f"The {MANIFEST} of {name!r} is not valid; install the identity again.") from error
    if manifest.name != name:
        raise IdentityCorrupt(f"The folder {name!r} holds the identity {manifest.name!r}; rename the folder.")
    return manifest, sha256(data)


def read(folder: Path) -> IdentityPack:
    """Read and verify a pack; raises IdentityMissing, IdentityCorrupt or ConsentMissing.

    Nothing of a pack is parsed beyond its two JSON files: the caller asks the consent record first.
    """
    manifest, manifest_sha256 = read_manifest(folder)
    if CONSENT not in manifest.files:
        raise ConsentMissing(f"The identity {manifest.name!r} carries no consent record, so it stays closed.")
    for required in (DECODER, PORTRAIT):
        if required not in manifest.files:
            raise IdentityCorrupt(f"The identity {manifest.name!r} lists no {required}; install it again.")
    files: dict[str, bytes] = {}
    for file_name, entry in manifest.files.items():
        try:
            data = read_bounded(folder / file_name, entry.bytes)
        except (OSError, ValueError) as error:
            if file_name == CONSENT:
                raise ConsentMissing(
                    f"The consent record of {manifest.name!r} is missing, so the identity stays closed."
                ) from error
            raise IdentityCorrupt(
                f"{file_name} of the identity {manifest.name!r} is missing or has another size; install it again."
            ) from error
        if sha256(data) != entry.sha256:
            raise IdentityCorrupt(
                f"{file_name} of the identity {manifest.name!r} is not the file that was packed; install it again."
            )
        files[file_name] = data
    consent = ConsentRecord.parse(files[CONSENT], manifest.name)
    return IdentityPack(manifest, manifest_sha256, consent, MappingProxyType(files), folder)


def write(
    folder: Path,
    *,
    title: str,
    description: str,
    encoder_sha256: str,
    files: Mapping[str, bytes],
    consent: ConsentRecord,
) -> Path:
    """Write a pack into `folder` (its name is the identity's name) and return the path of its manifest.

    `files` holds everything but the two JSON files. Raises pydantic's ValidationError for what no reader would accept.
    """
    contents = {**files, CONSENT: consent.model_dump_json(indent=2).encode() + b"\n"}
    manifest = IdentityManifest(
        name=folder.name,
        title=title,
        description=description,
        encoder_sha256=encoder_sha256,
        files={name: FileEntry(bytes=len(data), sha256=sha256(data)) for name, data in contents.items()},
    )
    folder.mkdir(parents=True, exist_ok=True)
    for name, data in contents.items():
        (folder / name).write_bytes(data)
    path = folder / MANIFEST
    path.write_bytes(manifest.model_dump_json(indent=2).encode() + b"\n")
    return path
