from pathlib import Path

import packs
import pytest


@pytest.fixture
def models(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A library's models folder whose project key the tests hold."""
    packs.make_project_key_known(monkeypatch)
    return packs.empty_models(tmp_path / "models")
