"""What the tests in a real OBS share."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from pathlib import Path

import obs_install
import pytest


@pytest.fixture
def scratch(tmp_path: Path) -> Iterator[Path]:
    """A folder for gigabytes of raw video, removed at once; the OBS log stays in tmp_path."""
    if obs_install.program() is None:
        pytest.fail("OBS is not installed: python3 tools/test.py installs it")
    folder = tmp_path / "obs"
    folder.mkdir()
    yield folder
    if (folder / "obs.log").exists():
        shutil.copyfile(folder / "obs.log", tmp_path / "obs.log")
    shutil.rmtree(folder)
