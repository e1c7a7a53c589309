import hashlib
import json
from pathlib import Path

import pytest

from deepfake_core.inference.errors import ModelCorrupt, ModelMissing
from deepfake_core.inference.manifest import MODELS_DIR, Manifest

DATA = b"weights"


@pytest.fixture
def models(tmp_path: Path) -> Path:
    folder = tmp_path / "models"
    (folder / "net").mkdir(parents=True)
    (folder / "net/a.onnx").write_bytes(DATA)
    Manifest.add(folder / "net/a.onnx", licence="CC0-1.0", made_by="test", source="test", models_dir=folder)
    return folder


def rewrite(models: Path, **changes: object) -> None:
    path = models / "manifest.json"
    contents = json.loads(path.read_text())
    contents["models"][0].update(changes)
    path.write_text(json.dumps(contents))


def test_every_shipped_model_is_listed_with_its_hash() -> None:
    manifest = Manifest.load()
    files = {
        path.relative_to(MODELS_DIR).as_posix()
        for path in MODELS_DIR.rglob("*")
        if path.is_file() and path.suffix in {".onnx", ".safetensors", ".mp4"} and "identities" not in path.parts
    }
    assert files <= set(manifest.entries)
    for name in manifest.entries:
        manifest.read(name)


def test_a_model_is_read_back(models: Path) -> None:
    assert Manifest.load(models).read("net/a.onnx") == DATA


@pytest.mark.parametrize("data", [DATA[:-1], DATA + b"!", b"WEIGHTS", b""])
def test_a_changed_model_is_refused(models: Path, data: bytes) -> None:
    (models / "net/a.onnx").write_bytes(data)
    with pytest.raises(ModelCorrupt, match="git checkout"):
        Manifest.load(models).read("net/a.onnx")


def test_a_missing_model_is_named(models: Path) -> None:
    (models / "net/a.onnx").unlink()
    with pytest.raises(ModelMissing, match=r"a\.onnx"):
        Manifest.load(models).read("net/a.onnx")
    with pytest.raises(ModelMissing, match="other"):
        Manifest.load(models).read("other")


@pytest.mark.parametrize("path", ["../secret", "/etc/passwd", "a/../../b", "C:\\b", "net\\a.onnx"])
def test_an_entry_never_leads_out_of_the_folder(models: Path, path: str) -> None:
    rewrite(models, path=path)
    with pytest.raises(ModelCorrupt):
        Manifest.load(models)


def test_a_link_out_of_the_folder_is_refused(models: Path, tmp_path: Path) -> None:
    (tmp_path / "secret").write_bytes(DATA)
    (models / "net/a.onnx").unlink()
    (models / "net/a.onnx").symlink_to(tmp_path / "secret")
    with pytest.raises(ModelCorrupt):
        Manifest.load(models).read("net/a.onnx")


@pytest.mark.parametrize("text", ["", "[]", '{"format": 2, "models": []}', "[" * 10_000, '{"models": [{}]}'])
def test_a_broken_manifest_is_refused(models: Path, text: str) -> None:
    (models / "manifest.json").write_text(text)
    with pytest.raises(ModelCorrupt):
        Manifest.load(models)


def test_absurd_sizes_are_refused(models: Path) -> None:
    rewrite(models, bytes=10**15)
    with pytest.raises(ModelCorrupt):
        Manifest.load(models)


def test_adding_again_replaces_the_entry(models: Path) -> None:
    (models / "net/a.onnx").write_bytes(b"new")
    Manifest.add(models / "net/a.onnx", licence="CC0-1.0", made_by="again", source="test", models_dir=models)
    manifest = Manifest.load(models)
    assert len(manifest.entries) == 1
    assert manifest.entry("net/a.onnx").sha256 == hashlib.sha256(b"new").hexdigest()


def test_a_model_is_taken_out_of_the_list(models: Path) -> None:
    for _ in range(2):
        Manifest.remove("net/a.onnx", models_dir=models)
        assert not Manifest.load(models).entries
