"""Runs every check of the project, from lint to a real OBS; makes the environments and installs what they need.

    python3 tools/test.py            everything
    python3 tools/test.py --fast     the inner loop: lint, types and the fast tests

Standard library only. Exit code 0 only if every step passed.
"""

from __future__ import annotations

import argparse
import os
import subprocess
import sys
import time
from dataclasses import dataclass

import environment
import obs_install
import system_packages

# The C compiler builds the emulated camera; PyQt and xdotool press OBS's buttons; ImageMagick pictures its windows.
TEST_PACKAGES = (*obs_install.PACKAGES, *obs_install.HEADLESS_PACKAGES, "gcc", "libc6-dev", "xdotool", "imagemagick")

NO_TESTS = 5  # pytest's exit code


@dataclass(frozen=True)
class Step:
    """One line of the summary: a command inside one environment."""

    name: str
    environment: str
    arguments: tuple[str, ...]
    fast: bool = False
    may_be_empty: bool = False
    """Whether pytest may find no test at all."""

    def run(self) -> bool:
        """Runs it with its output shown; whether it passed."""
        python = environment.prepare(self.environment)
        command = [str(python), "-m", *self.arguments]
        print(
            f"\n== {self.name}: {' '.join(command[1:])} ({environment.ENVIRONMENTS[self.environment].folder})",
            flush=True,
        )
        # OpenBLAS's threads spin and stand in each other's way where tests share a machine; TensorFlow has its own.
        # TensorFlow's start-up chatter hides results.
        quiet = {"OPENBLAS_NUM_THREADS": "1", "TF_CPP_MIN_LOG_LEVEL": "2", "PYTHONDONTWRITEBYTECODE": "1"}
        variables = os.environ | quiet
        variables.pop("PYTHONPATH", None)
        code = subprocess.run(command, cwd=environment.REPOSITORY, env=variables, check=False).returncode
        return code == 0 or (self.may_be_empty and code == NO_TESTS)


# Quick answers first; a failure does not stop the later steps.
STEPS = (
    Step("lint", "cpu", ("ruff", "check", "."), fast=True),
    Step("format", "cpu", ("ruff", "format", "--check", "."), fast=True),
    Step("types", "cpu", ("mypy",), fast=True),
    Step("fast tests", "cpu", ("pytest", "-m", "not slow and not obs and not train and not reference"), fast=True),
    Step("slow tests", "cpu", ("pytest", "-m", "slow and not obs and not train and not reference"), may_be_empty=True),
    # Only the folders concerned: the others' imports do not exist there. The renderer and TensorFlow each bring an
    # LLVM and crash in one process.
    Step("tests against mediapipe", "reference", ("pytest", "-m", "reference", "tests/facemesh")),
    Step("tests of the renderer", "train", ("pytest", "-m", "train", "tests/synthetic")),
    Step("tests of the training", "train", ("pytest", "-m", "train", "tests/training")),
    Step("tests of the evaluation", "train", ("pytest", "-m", "train", "tests/evaluation")),
    Step("tests in a real OBS", "cpu", ("pytest", "-m", "obs", "--durations=10")),
)


def main() -> int:
    """The command; returns its exit code."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--fast", action="store_true", help="lint, types and the fast tests only")
    parser.add_argument("--only", choices=[step.name for step in STEPS], help="a single step")
    options = parser.parse_args()
    steps = [step for step in STEPS if (step.fast or not options.fast) and options.only in (None, step.name)]
    try:
        if not all(step.fast for step in steps):
            install_packages()
        results = [(step, *timed(step)) for step in steps]
    except environment.EXPECTED_ERRORS as error:
        print(error, file=sys.stderr)
        return 1
    print("\n== summary")
    for step, passed, seconds in results:
        print(f"  {'ok    ' if passed else 'FAILED'}  {seconds:6.1f} s  {step.name}")
    return 0 if all(passed for _, passed, _ in results) else 1


def install_packages() -> None:
    """OBS and what the tests drive it with."""
    system_packages.install(TEST_PACKAGES)
    system_packages.install([f"python3-pyqt{obs_install.qt_major()}"])


def timed(step: Step) -> tuple[bool, float]:
    """Whether a step passed, and its seconds."""
    started = time.monotonic()
    return step.run(), time.monotonic() - started


if __name__ == "__main__":
    sys.exit(main())
