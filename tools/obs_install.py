"""The installed OBS Studio: its program, version and embedded Python; installing it. Standard library only."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from functools import cache
from pathlib import Path

import system_packages

PACKAGES = ("obs-studio", "obs-plugins")
# What a screenless run needs besides: a display, its software GL, and a window manager that closes windows.
HEADLESS_PACKAGES = ("xvfb", "libgl1-mesa-dri", "libgl1", "libegl1", "openbox", "wmctrl")
# Distribution builds link the Python of their release; asked only where the library cannot be read.
PYTHON_OF_RELEASE = {("debian", "12"): "3.11", ("ubuntu", "24.04"): "3.12", ("ubuntu", "22.04"): "3.10"}


def program() -> str | None:
    """Path of the `obs` program, or None."""
    return shutil.which("obs")


@cache
def version() -> tuple[int, int, int] | None:
    """(major, minor, patch) of the installed OBS, or None."""
    obs = program()
    if obs is None:
        return None
    answer = subprocess.run([obs, "--version"], capture_output=True, text=True, check=False).stdout
    numbers = re.search(r"(\d+)\.(\d+)\.(\d+)", answer)
    return (int(numbers[1]), int(numbers[2]), int(numbers[3])) if numbers else None


def variables() -> dict[str, str]:
    """The environment to start OBS in: the Python inside it takes its library from the first `python3` on PATH.

    So the folder of OBS comes first, whose python3 belongs to the same distribution, ahead of pyenv's or a venv's.
    """
    return os.environ | {"PATH": f"{Path(program() or '/usr/bin/obs').parent}{os.pathsep}{os.environ.get('PATH', '')}"}


def embedded_python() -> str | None:
    """Minor version, such as "3.11", of the Python inside the installed OBS, or None.

    Read from what the scripting library is linked with; where that cannot be read, from the release.
    Elsewhere than on Linux OBS embeds none: the user points it at one.
    """
    if sys.platform != "linux" or program() is None:
        return None
    for library in _scripting_libraries():
        linked = subprocess.run(["ldd", library], capture_output=True, text=True, check=False).stdout
        found = re.search(r"libpython(3\.\d+)", linked)
        if found:
            return found[1]
    return PYTHON_OF_RELEASE.get(_release())


def install() -> None:
    """Installs OBS with apt where it is missing. Raises system_packages.PackagesMissing."""
    if program() is None:
        system_packages.install(PACKAGES)
        version.cache_clear()


def qt_major() -> int:
    """Major version of the Qt that the installed OBS is linked with."""
    linked = subprocess.run(["ldd", str(program())], capture_output=True, text=True, check=False).stdout
    return 5 if "libQt5Core" in linked else 6


def _scripting_libraries() -> list[str]:
    cached = subprocess.run(
        [shutil.which("ldconfig") or "/sbin/ldconfig", "-p"], capture_output=True, text=True, check=False
    ).stdout
    return re.findall(r"=> (\S*/libobs-scripting\.so\S*)", cached)


def _release() -> tuple[str, str]:
    try:
        lines = Path("/etc/os-release").read_text(encoding="utf-8").splitlines()
    except OSError:
        return ("", "")
    values = dict(line.split("=", 1) for line in lines if "=" in line)
    return values.get("ID", "").strip('"'), values.get("VERSION_ID", "").strip('"')
