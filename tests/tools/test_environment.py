import json
import subprocess
import sys
from pathlib import Path

import environment
import obs_install
import pytest


@pytest.fixture
def repository(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A repository with a lock file and one finished environment, .venv for Python 3.11."""
    (tmp_path / "uv.lock").write_text("one", encoding="utf-8")
    (tmp_path / "pyproject.toml").write_text('requires-python = ">=3.11,<3.13"', encoding="utf-8")
    monkeypatch.setattr(environment, "REPOSITORY", tmp_path)
    finish("cpu", "3.11")
    return tmp_path


def finish(name: str, python: str) -> None:
    made = environment.ENVIRONMENTS[name]
    made.python.parent.mkdir(parents=True, exist_ok=True)
    made.python.touch()
    stamp = {"lock": environment._lock_hash(), "extra": made.extra, "python": python}
    (made.path / environment.STAMP).write_text(json.dumps(stamp), encoding="utf-8")


def test_a_finished_environment_is_left_alone(repository: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(subprocess, "run", lambda *_, **__: pytest.fail("nothing is to be run"))
    assert environment.prepare("cpu", "3.11") == repository / ".venv/bin/python"
    assert environment.is_ready("cpu")


def test_another_python_lock_or_extra_makes_it_anew(repository: Path) -> None:
    assert not environment.is_ready("cpu", "3.12")
    assert not environment.is_ready("gpu")
    assert not environment.is_ready("train")
    (repository / "uv.lock").write_text("two", encoding="utf-8")
    assert not environment.is_ready("cpu", "3.11")


def test_an_environment_for_the_gpu_serves_the_tools(repository: Path) -> None:
    finish("gpu", "3.11")
    assert environment.is_ready("cpu", "3.11")


@pytest.mark.parametrize("stamp", ["", "[]", "{", '{"lock": 3}'])
def test_a_broken_stamp_counts_as_none(repository: Path, stamp: str) -> None:
    (repository / ".venv" / environment.STAMP).write_text(stamp, encoding="utf-8")
    assert not environment.is_ready("cpu")


def test_an_unsupported_python_is_refused_with_the_cure(repository: Path) -> None:
    assert environment.supported_pythons() == ["3.11", "3.12"]
    for version in ("3.10", "3.13"):
        with pytest.raises(environment.PythonUnsupported, match=rf"{version}.*3\.11 or 3\.12.*Debian 12"):
            environment.prepare("cpu", version)


def test_a_sync_that_fails_is_said_and_leaves_no_stamp(repository: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (repository / ".venv" / environment.STAMP).unlink()
    monkeypatch.setattr(environment, "_find_uv", lambda: "false")
    with pytest.raises(environment.SyncFailed):
        environment.prepare("cpu", "3.11")
    assert not environment.is_ready("cpu")


def test_the_python_inside_obs_decides(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(obs_install, "embedded_python", lambda: "3.12")
    assert environment.default_python() == "3.12"
    monkeypatch.setattr(obs_install, "embedded_python", lambda: None)
    assert environment.default_python() in environment.supported_pythons()


def test_a_tool_runs_inside_the_environment_from_any_folder(tmp_path: Path) -> None:
    tool = tmp_path / "tool.py"
    tools = Path(environment.__file__).parent
    tool.write_text(
        f"import sys; sys.path.insert(0, {str(tools)!r})\n"
        "from environment import run_inside\nrun_inside('cpu')\n"
        "import deepfake_core, numpy\nprint(sys.prefix, *sys.argv[1:])\n",
        encoding="utf-8",
    )
    system = sys._base_executable  # type: ignore[attr-defined]
    done = subprocess.run([system, str(tool), "a b"], cwd=tmp_path, capture_output=True, text=True, check=True)
    assert done.stdout.strip() == f"{environment.REPOSITORY / '.venv'} a b"
