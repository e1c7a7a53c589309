"""The model manifest: the files under models/ with hash, licence and the command that made them."""

from __future__ import annotations

import hashlib
import tempfile
from collections.abc import Callable
from pathlib import Path, PurePosixPath
from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError, field_validator

from deepfake_core.inference.errors import ModelCorrupt, ModelError, ModelMissing

__all__ = ["MODELS_DIR", "Manifest", "ModelEntry", "ModelError"]

MODELS_DIR = Path(__file__).resolve().parents[2] / "models"
MANIFEST_NAME = "manifest.json"
MAX_MODEL_BYTES = 256 * 1024 * 1024
MAX_MANIFEST_BYTES = 1024 * 1024
CURE = "restore it with 'git checkout -- models' or make it again with the command in models/manifest.json"

_Text = Annotated[str, Field(min_length=1, max_length=2000)]


class ModelEntry(BaseModel):
    """One file of the manifest.

    `path` is relative to the models directory with forward slashes, and is the model's name;
    `sha256` is lower-case hex; `made_by` is the command that makes the file again.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    path: Annotated[str, Field(min_length=1, max_length=200)]
    sha256: Annotated[str, Field(pattern=r"^[0-9a-f]{64}$")]
    bytes: Annotated[int, Field(gt=0, le=MAX_MODEL_BYTES)]
    licence: _Text
    source: _Text
    made_by: _Text

    @field_validator("path")
    @classmethod
    def _stays_inside(cls, path: str) -> str:
        parts = PurePosixPath(path).parts
        if PurePosixPath(path).is_absolute() or ".." in parts or "\\" in path or ":" in path:
            raise ValueError("the path must stay inside the models directory")
        return path


class _Contents(BaseModel):
    model_config = ConfigDict(extra="forbid")

    format: Literal[1] = 1
    models: list[ModelEntry] = []


class Manifest:
    """models/manifest.json, opened; reads models only after checking their size and SHA-256."""

    def __init__(self, models_dir: Path, contents: _Contents) -> None:
        self.models_dir = models_dir
        self.entries = {entry.path: entry for entry in contents.models}

    @classmethod
    def load(cls, models_dir: Path = MODELS_DIR) -> Manifest:
        """Open `models_dir`/manifest.json; raises ModelMissing or ModelCorrupt."""
        path = models_dir / MANIFEST_NAME
        try:
            if path.stat().st_size > MAX_MANIFEST_BYTES:
                raise ModelCorrupt(f"The model manifest {path} is too large; {CURE}.")
            return cls(models_dir, _Contents.model_validate_json(path.read_bytes()))
        except OSError as error:
            raise ModelMissing(f"The model manifest {path} cannot be read; {CURE}.") from error
        except ValidationError as error:
            raise ModelCorrupt(f"The model manifest {path} is broken; {CURE}.") from error

    def entry(self, name: str) -> ModelEntry:
        """The manifest's entry of the model `name` (its path); raises ModelMissing."""
        try:
            return self.entries[name]
        except KeyError:
            raise ModelMissing(f"The model '{name}' is not listed in the manifest; {CURE}.") from None

    def read(self, name: str) -> bytes:
        """The bytes of the model `name`, size and hash verified; raises ModelMissing or ModelCorrupt."""
        entry = self.entry(name)
        path = self.models_dir / entry.path
        try:
            resolved = path.resolve(strict=True)
            if not resolved.is_relative_to(self.models_dir.resolve()) or not resolved.is_file():
                raise ModelCorrupt(f"The model {path} is not a file inside {self.models_dir}; {CURE}.")
            with resolved.open("rb") as file:
                # One byte more than expected shows a longer file without reading all of it.
                data = file.read(entry.bytes + 1)
        except OSError as error:
            raise ModelMissing(f"The model {path} cannot be read; {CURE}.") from error
        if len(data) != entry.bytes or hashlib.sha256(data).hexdigest() != entry.sha256:
            raise ModelCorrupt(f"The model {path} is not the one the manifest lists; {CURE}.")
        return data

    @staticmethod
    def add(path: Path, *, licence: str, made_by: str, source: str, models_dir: Path = MODELS_DIR) -> ModelEntry:
        """List the file `path` (below `models_dir`), replacing its former entry; for the build tools.

        The manifest is created if there is none, kept sorted by path and replaced in one step.
        """
        data = path.read_bytes()
        entry = ModelEntry(
            path=path.resolve().relative_to(models_dir.resolve()).as_posix(),
            sha256=hashlib.sha256(data).hexdigest(),
            bytes=len(data),
            licence=licence,
            source=source,
            made_by=made_by,
        )
        Manifest._change(models_dir, lambda entries: entries.update({entry.path: entry}))
        return entry

    @staticmethod
    def remove(name: str, *, models_dir: Path = MODELS_DIR) -> None:
        """Take a model out of the list, where it is in it; for the build tools."""
        Manifest._change(models_dir, lambda entries: entries.pop(name, None))

    @staticmethod
    def _change(models_dir: Path, change: Callable[[dict[str, ModelEntry]], object]) -> None:
        target = models_dir / MANIFEST_NAME
        entries = dict(Manifest.load(models_dir).entries) if target.exists() else {}
        change(entries)
        contents = _Contents(models=[entries[name] for name in sorted(entries)])
        with tempfile.NamedTemporaryFile(
            "w", encoding="utf-8", dir=models_dir, prefix=".manifest-", delete=False
        ) as file:
            file.write(contents.model_dump_json(indent=2) + "\n")
        temporary = Path(file.name)
        temporary.chmod(0o644)
        temporary.replace(target)
