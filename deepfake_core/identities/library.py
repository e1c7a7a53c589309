"""The library: the only way to an identity's decoder leads through here.

`Library.open` reads the pack's two JSON files, asks `_refuse_unless_covered`, and only then reads the rest. Nothing
else makes an `Identity`, and nothing but an `Identity` opens a decoder (`swapping.decoder.load_decoder`).
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date
from pathlib import Path

from deepfake_core.identities import pack
from deepfake_core.identities.consent import ConsentRecord
from deepfake_core.identities.errors import IdentityCorrupt, IdentityError, IdentityMissing
from deepfake_core.identities.files import SUFFIX
from deepfake_core.identities.purposes import Purpose
from deepfake_core.identities.withdrawals import Withdrawals
from deepfake_core.inference import onnx_guard
from deepfake_core.inference.manifest import MODELS_DIR

FOLDER = "identities"
_MADE_HERE = object()


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
    manifest: pack.IdentityManifest
    consent: ConsentRecord
    purpose: Purpose
    """What it was opened for."""
    files: Mapping[str, bytes]
    """Verified contents by file name."""
    content_sha256: str
    """Differs between any two packs that differ in any file."""
    _head: pack.PackHead = field(repr=False)
    _made_here: object = field(default=None, repr=False)

    def __post_init__(self) -> None:
        if self._made_here is not _MADE_HERE:
            raise TypeError("An Identity is made by Library.open() alone, which asks for consent.")


class Library:
    """The identities of one models folder: folders, and `.identity` files."""

    def __init__(self, models_dir: Path = MODELS_DIR) -> None:
        self._folder = models_dir / FOLDER
        self._withdrawals = Withdrawals(self._folder)

    def names(self) -> list[str]:
        """Names of what looks like an identity, in alphabetical order."""
        if not self._folder.is_dir():
            return []
        return sorted(
            {
                pack.name_of(child)
                for child in self._folder.iterdir()
                if child.suffix == SUFFIX or (child / pack.MANIFEST).is_file()
            }
        )

    def summaries(self, purpose: Purpose = Purpose.DEMONSTRATION) -> list[Summary]:
        """One line for each identity, refused ones included with the reason."""
        lines = []
        for name in self.names():
            try:
                identity = self.open(name, purpose)
            except IdentityError as error:
                lines.append(Summary(name, name, str(error), usable=False))
            else:
                lines.append(Summary(name, identity.title, identity.consent.summary(), usable=True))
        return lines

    def open(self, name: str = "", purpose: Purpose = Purpose.DEMONSTRATION) -> Identity:
        """Open an identity for a purpose, or with an empty name the first one that opens.

        Raises one of `identities.errors`, each with its cure.
        """
        if name:
            return self._open(name, purpose)
        refusal: IdentityError | None = None
        for candidate in self.names():
            try:
                return self._open(candidate, purpose)
            except IdentityError as error:
                refusal = error
        raise refusal or IdentityMissing(
            "There is no identity in models/identities; get the project again or train one with tools/train_swap.py."
        )

    def by_short_id(self, short_id: int) -> Identity | None:
        """The identity whose record has this short id, if it is here and opens for anything; for who found the id."""
        for name in self.names():
            try:
                record = pack.read_head(self.path(name)).consent
                if record.short_id == short_id:
                    return self.open(name, record.purposes[0])
            except IdentityError:
                continue
        return None

    def examine(self, path: Path, purpose: Purpose = Purpose.DEMONSTRATION) -> pack.PackHead:
        """Raise what `open` would raise for the pack at `path`, which may lie anywhere; gives out no decoder."""
        head = pack.read_head(path)
        self._refuse_unless_covered(head, purpose)
        onnx_guard.check(pack.read_files(head)[pack.DECODER], f"{head.name}/{pack.DECODER}")
        return head

    def path(self, name: str) -> Path:
        """Where the pack of this name is, or would be as a folder; raises IdentityMissing or IdentityCorrupt."""
        folder, file = self._folder / name, self._folder / f"{name}{SUFFIX}"
        if folder.parent != self._folder or file.parent != self._folder or name in (".", ".."):
            raise IdentityMissing(f"{name[:64]!r} is not a name of an identity; choose one in the filter's properties.")
        try:
            as_file = file.is_file()
            if as_file and folder.exists():
                raise IdentityCorrupt(f"There are two identities {name!r}, a folder and a file; take one away.")
        except (OSError, ValueError) as error:
            raise IdentityMissing(f"{name[:64]!r} is not a name of an identity; choose another one.") from error
        return file if as_file else folder

    def check(self, identity: Identity) -> None:
        """Raise what `open` would raise if the identity was removed, changed or its consent ended since it was opened.

        Reads a few small files, so that it can be asked about once a second while live.
        """
        opened = identity._head
        path = self.path(identity.name)
        _, data = pack.read_manifest(path)
        if pack.sha256(data) != opened.manifest_sha256:
            raise IdentityCorrupt(f"The identity {identity.name!r} was changed while in use; choose it again.")
        if pack.sha256(pack.read_consent(path)) != opened.consent_sha256 or not opened.source.has(pack.DECODER):
            raise IdentityCorrupt(
                f"Files of the identity {identity.name!r} were changed or removed while in use; install it again."
            )
        self._refuse_unless_covered(opened, identity.purpose)

    def _open(self, name: str, purpose: Purpose) -> Identity:
        head = pack.read_head(self.path(name))
        self._refuse_unless_covered(head, purpose)
        files = pack.read_files(head)
        return Identity(
            name,
            head.manifest.title,
            head.manifest,
            head.consent,
            purpose,
            files,
            head.manifest_sha256,
            head,
            _MADE_HERE,
        )

    def _refuse_unless_covered(self, head: pack.PackHead, purpose: Purpose) -> None:
        head.consent.check(
            head.name,
            decoder_sha256=head.manifest.files[pack.DECODER].sha256,
            pack_sha256=head.manifest_sha256,
            purpose=purpose,
            today=date.today(),
        )
        self._withdrawals.check(head.name, head.consent)
