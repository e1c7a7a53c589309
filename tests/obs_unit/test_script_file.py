"""obs_deepfake.py in a Python like the one inside OBS: what it says when its environment is missing or wrong."""

import json
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

REPOSITORY = Path(__file__).resolve().parents[2]
OURS = f"{sys.version_info.major}.{sys.version_info.minor}"

# As OBS does it: the script is imported by its name, described, loaded and unloaded. Only the registration itself is
# counted instead, for libobs cannot take a type before it is started.
PLAY_OBS = """
import ctypes, json, os, sys
if sys.argv[2] == "with libobs":
    ctypes.CDLL("libobs.so.0", mode=ctypes.RTLD_GLOBAL | os.RTLD_NOW)
sys.path.insert(0, sys.argv[1])
import obs_deepfake
said, registered, shown = obs_deepfake.script_description(), [], ""
registration = sys.modules.get("deepfake_core.obs.registration")
if registration:
    registration.register = lambda: registered.append(1)
obs_deepfake.script_load(None)
if registration:
    shown = registration._State.absence
obs_deepfake.script_unload()
print(json.dumps({"said": said, "registered": len(registered), "shown": shown}))
"""


def project(folder: Path, configuration: str | None) -> Path:
    """A copy of the project; configuration: the text of .venv/pyvenv.cfg, None for no environment."""
    shutil.copyfile(REPOSITORY / "obs_deepfake.py", folder / "obs_deepfake.py")
    ignored = shutil.ignore_patterns("__pycache__", "synthetic", "training")
    shutil.copytree(REPOSITORY / "deepfake_core", folder / "deepfake_core", ignore=ignored)
    if configuration is not None:
        (folder / ".venv" / "lib" / f"python{OURS}" / "site-packages").mkdir(parents=True)
        (folder / ".venv" / "pyvenv.cfg").write_text(configuration, encoding="utf-8")
    return folder


def played(folder: Path, libobs: str = "with libobs") -> dict[str, Any]:
    """What the script says and does, in a Python without any packages."""
    python = getattr(sys, "_base_executable", sys.executable)
    command = [python, "-I", "-S", "-c", PLAY_OBS, str(folder), libobs]
    done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=60)
    assert done.returncode == 0, done.stderr
    found: dict[str, Any] = json.loads(done.stdout.splitlines()[-1])
    return found


@pytest.mark.parametrize(
    ("configuration", "words"),
    [
        (None, "The environment .venv is missing."),
        ("home = /usr/bin\nversion_info = 3.8.1\n", f"is for Python 3.8.1, but OBS runs Python {OURS}."),
        ("\0 nonsense", f"is for Python unknown, but OBS runs Python {OURS}."),
        (f"home = /usr/bin\nversion_info = {OURS}.2\n", "The environment .venv is incomplete or damaged"),
    ],
    ids=["missing", "another Python", "nonsense", "empty"],
)
def test_a_wrong_environment_is_said_with_its_cure(tmp_path: Path, configuration: str | None, words: str) -> None:
    found = played(project(tmp_path, configuration))
    assert words in found["said"]
    assert "Run `python3 tools/start.py` in the project's folder, then press Reload Scripts." in found["said"]
    assert "stay hidden" in found["said"]
    # The type exists all the same: otherwise OBS would show the camera as if there were no filter.
    assert found["registered"] == 1
    assert words in found["shown"], "the filter's properties say it too"


def test_outside_of_obs_it_says_that_it_cannot_register(tmp_path: Path) -> None:
    said = played(project(tmp_path, None), "without libobs")["said"]
    assert "cannot be registered" in said
    assert "libobs is not loaded" in said


def test_a_project_that_lost_its_package_says_so(tmp_path: Path) -> None:
    shutil.copyfile(REPOSITORY / "obs_deepfake.py", tmp_path / "obs_deepfake.py")
    assert "Get the project again." in played(tmp_path)["said"]
