"""The project's virtual environments: made from uv.lock, entered by the tools. Standard library only.

A tool begins with

    from environment import run_inside

    run_inside("cpu")

and everything after these lines runs inside `.venv` (or `.venv-train`, `.venv-reference`). Run by itself, it makes
`.venv` for the Python inside OBS.
"""

from __future__ import annotations

import hashlib
import json
import os
import re
import shutil
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

import obs_install
import system_packages

REPOSITORY = Path(__file__).resolve().parent.parent
# The version that wrote uv.lock, and the oldest that reads its conflicting extras.
PINNED_UV = "0.13.9"
OLDEST_UV = (0, 6)
STAMP = ".obs-deepfake.json"
SYSTEM_CERTIFICATES = Path("/etc/ssl/certs/ca-certificates.crt")


class PythonUnsupported(RuntimeError):
    """The Python that OBS embeds has no wheels of the libraries that the filter needs."""


class UvMissing(RuntimeError):
    """There is no uv, and it could not be installed."""


class SyncFailed(RuntimeError):
    """uv could not make the environment."""


# Each has one sentence with the cure as its text.
EXPECTED_ERRORS = (PythonUnsupported, UvMissing, SyncFailed, system_packages.PackagesMissing)


@dataclass(frozen=True)
class Environment:
    """A folder in the repository and the extra of pyproject.toml that fills it."""

    folder: str
    extra: str

    @property
    def path(self) -> Path:
        """Absolute path of the environment."""
        return REPOSITORY / self.folder

    @property
    def python(self) -> Path:
        """Its interpreter, which exists once the environment was made."""
        return self.path / ("Scripts/python.exe" if sys.platform == "win32" else "bin/python")


ENVIRONMENTS = {
    "cpu": Environment(".venv", "cpu"),
    "gpu": Environment(".venv", "gpu"),
    "train": Environment(".venv-train", "train"),
    "reference": Environment(".venv-reference", "reference"),
}


def run_inside(name: str) -> None:
    """Runs the current command again inside environment `name`; returns when it already is inside.

    The environment is made first where it is missing or older than uv.lock. "cpu" is content with a `.venv`
    made for the GPU. Puts the repository on sys.path, so that `deepfake_core` is found from any folder.
    A tool that is imported, as by a test, stays where it is.
    """
    environment = ENVIRONMENTS[name]
    imported = sys._getframe(1).f_globals["__name__"] != "__main__"
    if imported or Path(sys.prefix).resolve() == environment.path.resolve():
        sys.path.insert(0, str(REPOSITORY))
        return
    try:
        python = prepare(name)
    except EXPECTED_ERRORS as error:
        sys.exit(str(error))
    command = [str(python), *sys.orig_argv[1:]]
    if sys.platform == "win32":  # execv would return to the shell at once there
        sys.exit(subprocess.call(command))
    os.execv(command[0], command)


def prepare(name: str, python: str | None = None) -> Path:
    """Makes environment `name` where it is missing or older than uv.lock; returns its interpreter.

    python: minor version such as "3.11"; by default the one that the installed OBS embeds, else this one.
    Raises PythonUnsupported, UvMissing, SyncFailed, system_packages.PackagesMissing.
    """
    environment = ENVIRONMENTS[name]
    if is_ready(name, python):
        return environment.python
    version = python or default_python()
    check_supported(version)
    print(f"Preparing {environment.folder} (Python {version}, extra {environment.extra})", flush=True)
    variables = {key: value for key, value in os.environ.items() if key not in ("VIRTUAL_ENV", "PYTHONPATH")}
    variables["UV_PROJECT_ENVIRONMENT"] = str(environment.path)
    if SYSTEM_CERTIFICATES.exists():  # a company's or campus's proxy signs with one that only the system knows
        variables |= {"UV_SYSTEM_CERTS": "1", "UV_NATIVE_TLS": "1"}  # the new and the old name
    command = [_find_uv(), "sync", "--frozen", "--quiet", "--extra", environment.extra]
    command += ["--python", _interpreter(version), "--python-preference", "system"]
    done = subprocess.run(command, cwd=REPOSITORY, env=variables, capture_output=True, text=True, check=False)
    if done.returncode != 0:
        print(done.stderr, file=sys.stderr)
        raise SyncFailed(f"uv could not make {environment.folder}: see its words above, then try again.")
    stamp = {"lock": _lock_hash(), "extra": environment.extra, "python": version}
    (environment.path / STAMP).write_text(json.dumps(stamp), encoding="utf-8")
    return environment.python


def is_ready(name: str, python: str | None = None) -> bool:
    """Whether environment `name` exists as uv.lock and `python` (minor version, None: any) want it."""
    environment = ENVIRONMENTS[name]
    stamp = _stamp(environment)
    extras = ("cpu", "gpu") if name == "cpu" else (environment.extra,)
    return (
        environment.python.exists()
        and stamp.get("extra") in extras
        and stamp.get("lock") == _lock_hash()
        and stamp.get("python") == (python or stamp.get("python"))
    )


def default_python() -> str:
    """Minor version of the Python inside the installed OBS, else this interpreter's, else the oldest supported."""
    embedded = obs_install.embedded_python()
    if embedded is not None:
        return embedded
    running = f"{sys.version_info.major}.{sys.version_info.minor}"
    return running if running in supported_pythons() else supported_pythons()[0]


def supported_pythons() -> list[str]:
    """The minor versions that pyproject.toml's `requires-python = ">=3.A,<3.B"` allows, oldest first."""
    text = (REPOSITORY / "pyproject.toml").read_text(encoding="utf-8")
    bounds = re.search(r'requires-python = ">=3\.(\d+),<3\.(\d+)"', text)
    if bounds is None:
        raise PythonUnsupported("pyproject.toml names no Python range: restore it from the repository.")
    return [f"3.{minor}" for minor in range(int(bounds[1]), int(bounds[2]))]


def check_supported(version: str) -> None:
    """Raises PythonUnsupported, with the cure, where the libraries do not exist for minor version `version`."""
    supported = supported_pythons()
    if version not in supported:
        raise PythonUnsupported(
            f"This OBS embeds Python {version}, but the filter's libraries need {' or '.join(supported)}: "
            "install an OBS built for one of these (Debian 12 has 3.11, Ubuntu 24.04 has 3.12)."
        )


def _stamp(environment: Environment) -> dict[str, str]:
    try:
        stamp = json.loads((environment.path / STAMP).read_text(encoding="utf-8"))
    except (OSError, ValueError):  # never finished, or not ours: made again
        return {}
    return stamp if isinstance(stamp, dict) else {}


def _lock_hash() -> str:
    return hashlib.sha256((REPOSITORY / "uv.lock").read_bytes()).hexdigest()


def _interpreter(version: str) -> str:
    """The system's own interpreter where there is one; else the bare version, which uv finds or downloads."""
    system = Path(f"/usr/bin/python{version}")
    return str(system) if system.exists() else version


def _find_uv() -> str:
    """A uv that runs and is new enough: the one on PATH, else one of our own in `.uv/`."""
    private = REPOSITORY / (".uv/Scripts/uv.exe" if sys.platform == "win32" else ".uv/bin/uv")
    for candidate in (shutil.which("uv"), str(private)):
        if candidate is not None and _uv_version(candidate) >= OLDEST_UV:
            return candidate
    if not _ensurepip_works():
        system_packages.install(["python3-venv"])
    python = private.parent / ("python.exe" if sys.platform == "win32" else "python")
    for command in (
        [sys.executable, "-m", "venv", "--clear", str(REPOSITORY / ".uv")],
        [str(python), "-m", "pip", "install", "--quiet", "--disable-pip-version-check", f"uv=={PINNED_UV}"],
    ):
        done = subprocess.run(command, capture_output=True, text=True, check=False)
        if done.returncode != 0:
            print(done.stdout + done.stderr, file=sys.stderr)
            raise UvMissing("uv could not be installed: see above, or install it (https://docs.astral.sh/uv).")
    return str(private)


def _ensurepip_works() -> bool:
    """Debian's python3 has no ensurepip until python3-venv is installed."""
    check = [sys.executable, "-c", "import ensurepip, venv"]
    return subprocess.run(check, capture_output=True, check=False).returncode == 0


def _uv_version(uv: str) -> tuple[int, int]:
    """(major, minor) of this uv; (0, 0) where it does not run, as a shim without its program does."""
    try:
        answer = subprocess.run([uv, "--version"], capture_output=True, text=True, check=False).stdout
    except OSError:
        return (0, 0)
    numbers = re.search(r"uv (\d+)\.(\d+)", answer)
    return (int(numbers[1]), int(numbers[2])) if numbers else (0, 0)


def main() -> int:
    """Makes `.venv` for the Python inside OBS; for those who set up OBS by hand."""
    try:
        print(f"Ready: {prepare('cpu', default_python())}")
    except EXPECTED_ERRORS as error:
        print(error, file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
