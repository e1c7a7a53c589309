"""The library: the only way to an identity's decoder leads through here."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date
from pathlib import Path

from deepfake_core.identities import pack
from deepfake_core.identities.errors import IdentityCorrupt, IdentityError, IdentityMissing
from deepfake_core.inference.errors import InferenceError
from deepfake_core.inference.manifest import MODELS_DIR, Manifest

FOLDER = "identities"


@dataclass(frozen=True)
class Summary:
    """One line of the list of identities."""

    name: str
    title: str
    consent_line: str
    """Who is depicted and who consented, or why the identity does not open."""
    usable: bool


@dataclass(frozen=True)
class Identity:
    """An identity whose files and consent were checked; only `Library.open` makes one."""

    name: str
    title: str
    files: Mapping[str, bytes]
    """Verified contents by file name: decoder.onnx, surface.png, geometry.safetensors, portrait.png."""
    encoder_sha256: str
    content_sha256: str
    """Differs between any two packs that differ in any file."""
    _pack: pack.IdentityPack


class Library:
    """The identities of one models folder.

    An identity opens when `models/manifest.json` lists its `identity.json`, each file has the listed hash, and the
    consent record covers this decoder today.
    """

    def __init__(self, models_dir: Path = MODELS_DIR) -> None:
        self._models_dir = models_dir

    def names(self) -> list[str]:
        """Names of the folders that look like identities, in alphabetical order."""
        folder = self._models_dir / FOLDER
        if not folder.is_dir():
            return []
        return sorted(child.name for child in folder.iterdir() if (child / pack.MANIFEST).is_file())

    def summaries(self) -> list[Summary]:
        """One line for each identity, refused ones included with the reason."""
        lines = []
        for name in self.names():
            try:
                identity = self.open(name)
            except IdentityError as error:
                lines.append(Summary(name, name, str(error), usable=False))
            else:
                lines.append(Summary(name, identity.title, identity._pack.consent.summary(), usable=True))
        return lines

    def open(self, name: str = "") -> Identity:
        """Open an identity, or with an empty name the first one that opens.

        Raises IdentityMissing, IdentityCorrupt, ConsentMissing or ConsentRefused, each with its cure.
        """
        if name:
            return self._open(name)
        refusal: IdentityError | None = None
        for candidate in self.names():
            try:
                return self._open(candidate)
            except IdentityError as error:
                refusal = error
        raise refusal or IdentityMissing(
            "There is no identity in models/identities; get the project again or train one with tools/train_swap.py."
        )

    def check(self, identity: Identity) -> None:
        """Raise what `open` would raise if the identity was removed, changed or its consent ended since it was opened.

        Reads two small files, so that it can be asked about once a second while live.
        """
        opened = identity._pack
        _, manifest_sha256 = pack.read_manifest(opened.folder)
        if manifest_sha256 != opened.manifest_sha256:
            raise IdentityCorrupt(f"The identity {identity.name!r} was changed while in use; choose it again.")
        consent_entry = opened.manifest.files[pack.CONSENT]
        try:
            consent = pack.read_bounded(opened.folder / pack.CONSENT, consent_entry.bytes)
        except (OSError, ValueError):
            consent = b""
        if pack.sha256(consent) != consent_entry.sha256 or not (opened.folder / pack.DECODER).is_file():
            raise IdentityCorrupt(
                f"Files of the identity {identity.name!r} were removed while in use; install it again."
            )
        self._check_consent(opened)

    def _open(self, name: str) -> Identity:
        folder = self._models_dir / FOLDER / name
        if folder.parent != self._models_dir / FOLDER or name in (".", ".."):
            raise IdentityMissing(f"{name!r} is not a name of an identity; choose one in the filter's properties.")
        opened = pack.read(folder)
        try:
            listed = Manifest.load(self._models_dir).entry(f"{FOLDER}/{name}/{pack.MANIFEST}").sha256
        except InferenceError as error:
            raise IdentityCorrupt(
                f"The identity {name!r} is not listed in models/manifest.json, so nobody vouches for it; "
                "use an identity that came with the project."
            ) from error
        if listed != opened.manifest_sha256:
            raise IdentityCorrupt(f"The identity {name!r} is not the one in models/manifest.json; install it again.")
        self._check_consent(opened)
        files = {name: data for name, data in opened.files.items() if name != pack.CONSENT}
        manifest = opened.manifest
        return Identity(name, manifest.title, files, manifest.encoder_sha256, opened.manifest_sha256, opened)

    def _check_consent(self, opened: pack.IdentityPack) -> None:
        decoder = opened.manifest.files[pack.DECODER].sha256
        opened.consent.check(opened.manifest.name, decoder, date.today())
