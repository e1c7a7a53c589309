"""tools/test.py must not forget a test."""

import re
import runpy
from pathlib import Path

import environment
import pytest

TESTS = environment.REPOSITORY / "tests"


@pytest.mark.parametrize("mark", ["train", "reference"])
def test_every_marked_test_lies_in_a_folder_that_a_step_runs(mark: str) -> None:
    # By its path: the standard library has a module of the name "test" too.
    steps = runpy.run_path(str(environment.REPOSITORY / "tools" / "test.py"))["STEPS"]
    folders = [environment.REPOSITORY / step.arguments[-1] for step in steps if step.environment == mark]
    marked = [path for path in TESTS.rglob("test_*.py") if has_mark(path, mark)]
    assert marked
    assert [path for path in marked if not any(path.is_relative_to(folder) for folder in folders)] == []


def has_mark(path: Path, mark: str) -> bool:
    return re.search(rf"pytest\.mark\.{mark}\b", path.read_text(encoding="utf-8")) is not None
