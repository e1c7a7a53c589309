"""The identity pack: one folder, or one `.identity` file, that holds a decoder and all that belongs to it.

A chain of hashes: `consent.json` is signed and names the hash of `identity.json`, which names that of every other file.
"""

import hashlib
import tempfile
import zipfile
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from types import MappingProxyType
from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from deepfake_core.identities import strict_json
from deepfake_core.identities.consent import ConsentRecord
from deepfake_core.identities.errors import ConsentMissing, HashMismatch, IdentityCorrupt, IdentityMissing
from deepfake_core.identities.files import SUFFIX, PackFiles, open_pack

MANIFEST = "identity.json"
CONSENT = "consent.json"
DECODER = "decoder.onnx"
PORTRAIT = "portrait.png"
FORMAT = 2
NAME_PATTERN = r"^[a-z][a-z0-9-]{0,31}$"
MAX_FILE_BYTES = 16 * 2**20
MAX_DECODER_BYTES = 256 * 2**20
MAX_FILES = 15

Sha256 = Annotated[str, Field(pattern=r"^[0-9a-f]{64}$")]
FileName = Annotated[str, Field(pattern=r"^[a-z0-9_]{1,40}\.(onnx|png|safetensors)$")]


class _Part(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class FileEntry(_Part):
    """Size in bytes and SHA-256 of one file of a pack."""

    bytes: Annotated[int, Field(gt=0, le=MAX_DECODER_BYTES)]
    sha256: Sha256


class Crop(_Part):
    """The square around a face that a decoder was taught: `alignment` names the rule, `extent` its reach.

    head: `swapping.alignment.crop_transform`, extent in millimetres of the canonical head. dfl: DeepFaceLive's, see
    `swapping.dfm`, extent in percent of the unit square of mediapipe's texture map.
    """

    alignment: Literal["head", "dfl"]
    extent: Annotated[int, Field(ge=10, le=1000)]


class IdentityManifest(_Part):
    """`identity.json`: what the pack holds and what runs it."""

    format: Literal[2] = 2
    name: Annotated[str, Field(pattern=NAME_PATTERN)]
    title: Annotated[str, Field(min_length=1, max_length=60)]
    description: Annotated[str, Field(max_length=500)]
    networks: Literal["surface", "dfm"]
    """surface: a decoder of this project with its drawn surface; dfm: a model imported from DeepFaceLive."""
    encoder_sha256: Sha256 | None = None
    """The shared encoder that a surface decoder was trained with."""
    size: Annotated[int, Field(ge=16, le=1024)]
    """Side of the decoder's picture in pixels."""
    crop: Crop
    files: Annotated[dict[FileName, FileEntry], Field(max_length=MAX_FILES)]

    def data(self) -> bytes:
        """The file."""
        return self.model_dump_json(indent=2, exclude_none=True).encode() + b"\n"


@dataclass(frozen=True)
class PackHead:
    """The two JSON files of a pack; the record's signature is checked, nothing else of the pack is read."""

    name: str
    manifest: IdentityManifest
    manifest_sha256: str
    consent: ConsentRecord
    consent_sha256: str
    source: PackFiles


def sha256(data: bytes) -> str:
    """SHA-256 as lower-case hex."""
    return hashlib.sha256(data).hexdigest()


def name_of(path: Path) -> str:
    """The name of the identity at a path."""
    return path.stem if path.suffix == SUFFIX else path.name


def read_manifest(path: Path) -> tuple[IdentityManifest, bytes]:
    """The manifest of a pack and its bytes; raises IdentityMissing or IdentityCorrupt."""
    name, source = name_of(path), open_pack(path)
    try:
        data = source.read(MANIFEST, strict_json.MAX_BYTES)
        document = strict_json.read(data)
    except FileNotFoundError as error:
        raise IdentityMissing(
            f"There is no identity {name!r}; choose another one in the filter's properties."
        ) from error
    except (OSError, ValueError) as error:
        raise IdentityCorrupt(
            f"The identity {name!r} is not readable ({str(error)[:150]}); install it again."
        ) from error
    if document.get("format") != FORMAT:
        raise IdentityCorrupt(
            f"The identity {name!r} has the pack format {str(document.get('format'))[:20]!r} and this version opens "
            f"format {FORMAT} alone, whose record is signed; get it again from its maker, or export it anew."
        )
    try:
        manifest = IdentityManifest.model_validate(document)
    except ValidationError as error:
        raise IdentityCorrupt(f"The {MANIFEST} of {name!r} is not valid; install the identity again.") from error
    if manifest.name != name:
        raise IdentityCorrupt(f"The pack {name!r} holds the identity {manifest.name!r}; rename the pack.")
    for required in (DECODER, PORTRAIT):
        if required not in manifest.files:
            raise IdentityCorrupt(f"The identity {name!r} lists no {required}; install it again.")
    return manifest, data


def read_consent(path: Path) -> bytes:
    """The pack's consent.json, unread; raises ConsentMissing."""
    try:
        return open_pack(path).read(CONSENT, strict_json.MAX_BYTES)
    except (OSError, ValueError) as error:
        raise ConsentMissing(
            f"The identity {name_of(path)!r} has no consent record, so it stays closed; get one from who is depicted."
        ) from error


def read_head(path: Path) -> PackHead:
    """The JSON files of a pack; raises IdentityMissing, IdentityCorrupt, ConsentMissing or SignatureInvalid."""
    manifest, data = read_manifest(path)
    consent = read_consent(path)
    record = ConsentRecord.parse(consent, manifest.name)
    return PackHead(manifest.name, manifest, sha256(data), record, sha256(consent), open_pack(path))


def read_files(head: PackHead) -> Mapping[str, bytes]:
    """Every file that the manifest lists, each of the listed size and hash; raises IdentityCorrupt or HashMismatch.

    Nothing is parsed: the caller has asked the consent record first.
    """
    return MappingProxyType(_read_files(head.manifest, head.source))


def check_files(path: Path) -> None:
    """Raise as `read_files` does where a pack, signed or not, lacks what its manifest lists."""
    _read_files(read_manifest(path)[0], open_pack(path))


def _read_files(manifest: IdentityManifest, source: PackFiles) -> dict[str, bytes]:
    files: dict[str, bytes] = {}
    for name, entry in manifest.files.items():
        if name != DECODER and entry.bytes > MAX_FILE_BYTES:
            raise IdentityCorrupt(f"{name} of the identity {manifest.name!r} is too large; get a whole one.")
        try:
            data = source.read(name, entry.bytes)
        except (OSError, ValueError) as error:
            raise IdentityCorrupt(
                f"{name} of the identity {manifest.name!r} is missing or has another size; install it again."
            ) from error
        if len(data) != entry.bytes or sha256(data) != entry.sha256:
            del data  # who keeps the error would keep it too
            raise HashMismatch(
                f"{name} of the identity {manifest.name!r} is not the file that was signed for; install it again."
            )
        files[name] = data
    return files


def write(
    folder: Path,
    *,
    title: str,
    description: str,
    networks: Literal["surface", "dfm"],
    size: int,
    crop: Crop,
    files: Mapping[str, bytes],
    consent: ConsentRecord,
    encoder_sha256: str | None = None,
) -> ConsentRecord:
    """Write an unsigned pack into `folder` (its name is the identity's name); returns the record that is to be signed.

    `files` holds everything but the two JSON files. `consent` is completed with the hashes of the pack; until it is
    signed (`sign`), the library refuses the pack. Raises pydantic's ValidationError for what no reader would accept.
    """
    manifest = IdentityManifest(
        name=folder.name,
        title=title,
        description=description,
        networks=networks,
        encoder_sha256=encoder_sha256,
        size=size,
        crop=crop,
        files={name: FileEntry(bytes=len(data), sha256=sha256(data)) for name, data in files.items()},
    )
    record = completed(consent, manifest)
    folder.mkdir(parents=True, exist_ok=True)
    for name, data in {**files, MANIFEST: manifest.data(), CONSENT: record.draft()}.items():
        replace(folder / name, data)
    return record


def completed(consent: ConsentRecord, manifest: IdentityManifest) -> ConsentRecord:
    """The record for the pack of this manifest."""
    hashes = {"decoder_sha256": manifest.files[DECODER].sha256, "pack_sha256": sha256(manifest.data())}
    return ConsentRecord.model_validate({**consent.model_dump(), **hashes})


def archive(folder: Path, target: Path) -> None:
    """Write the pack of a folder as one `.identity` file, which takes the identity's name; raises as the readers do."""
    head = read_head(folder)
    contents = {
        MANIFEST: head.source.read(MANIFEST, strict_json.MAX_BYTES),
        CONSENT: read_consent(folder),
        **read_files(head),
    }
    with tempfile.TemporaryDirectory(dir=target.parent, prefix=".pack-") as scratch:
        made = Path(scratch) / target.name
        with zipfile.ZipFile(made, "w", zipfile.ZIP_STORED) as zipped:
            for name, data in contents.items():
                entry = zipfile.ZipInfo(name)
                entry.external_attr = 0o100644 << 16
                zipped.writestr(entry, data)
        made.replace(target)


def replace(path: Path, data: bytes) -> None:
    """Write a file in one step: it is whole, or as it was."""
    with tempfile.NamedTemporaryFile(dir=path.parent, prefix=f".{path.name}-", delete=False) as file:
        file.write(data)
    made = Path(file.name)
    made.chmod(0o644)
    made.replace(path)
