"""tools/test.py must not forget a test."""

import importlib.util
import re
from pathlib import Path
from types import ModuleType

import environment
import pytest

TESTS = environment.REPOSITORY / "tests"


@pytest.fixture(scope="module")
def runner() -> ModuleType:
    """tools/test.py, whose plain name the standard library has too."""
    spec = importlib.util.spec_from_file_location("test_runner", environment.REPOSITORY / "tools" / "test.py")
    assert spec is not None and spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.mark.parametrize("mark", ["train", "reference"])
def test_every_marked_test_lies_in_a_folder_that_a_step_runs(runner: ModuleType, mark: str) -> None:
    folders = [environment.REPOSITORY / step.arguments[-1] for step in runner.STEPS if step.environment == mark]
    marked = [path for path in TESTS.rglob("test_*.py") if has_mark(path, mark)]
    assert marked
    assert [path for path in marked if not any(path.is_relative_to(folder) for folder in folders)] == []


def has_mark(path: Path, mark: str) -> bool:
    return re.search(rf"pytest\.mark\.{mark}\b", path.read_text(encoding="utf-8")) is not None
