"""Packages of the operating system: which are missing, and installing them with apt. Standard library only."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from collections.abc import Iterable


class PackagesMissing(RuntimeError):
    """Packages are needed that this machine lacks and that could not be installed from here."""


def missing(packages: Iterable[str]) -> list[str]:
    """Those of `packages` (Debian names) that dpkg does not list as installed; all of them without dpkg."""
    return [package for package in packages if not _installed(package)]


def install(packages: Iterable[str]) -> None:
    """Installs those of `packages` that are missing, without a question but sudo's own.

    Raises PackagesMissing, with the command to type, where there is no apt, no sudo, or apt fails.
    """
    wanted = missing(packages)
    if not wanted:
        return
    names = " ".join(wanted)
    if shutil.which("apt-get") is None:
        raise PackagesMissing(f"This system has no apt: install {names} with its own package manager.")
    as_root: list[str] = []
    if os.geteuid() != 0:
        if shutil.which("sudo") is None:
            raise PackagesMissing(f"Neither root nor sudo here: as root, run: apt-get install {names}")
        as_root = ["sudo"]
    print(f"Installing {names} (apt)", flush=True)
    command = [*as_root, "env", "DEBIAN_FRONTEND=noninteractive", "apt-get", "-q", "-o", "Dpkg::Use-Pty=0"]
    # A fresh machine has no package lists, an old one stale ones; a source that does not answer may not matter.
    subprocess.run([*command, "update"], stdout=subprocess.DEVNULL, check=False)
    done = subprocess.run(
        [*command, "install", "-y", "--no-install-recommends", *wanted],
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        check=False,
    )
    if done.returncode != 0:
        print(done.stdout, file=sys.stderr)
        raise PackagesMissing(f"apt could not install {names}: see its words above, then try again.")


def _installed(package: str) -> bool:
    if shutil.which("dpkg-query") is None:
        return False
    query = ["dpkg-query", "--show", "--showformat=${db:Status-Status}", package]
    return subprocess.run(query, capture_output=True, text=True, check=False).stdout == "installed"
