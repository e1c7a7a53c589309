"""Says what is installed and what works, each line with ok or the cure; exit code 1 if something required is missing.

Standard library only; changes nothing.
"""

from __future__ import annotations

import json
import platform
import shutil
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import environment
import obs_install
import obs_profile
import v4l2
from start import IDENTITIES, LOOPBACK_CURE

START = "run: python3 tools/start.py"
RESTORE = "run: git checkout -- models"


@dataclass(frozen=True)
class Finding:
    """One line: what was looked at, what was found, and the cure where it is not well."""

    subject: str
    found: str
    cure: str = ""
    required: bool = True

    @property
    def well(self) -> bool:
        """Whether nothing needs a cure."""
        return not self.cure

    def __str__(self) -> str:
        if self.well:
            return f"  ok       {self.subject}: {self.found}"
        return f"  {'MISSING' if self.required else 'without'}  {self.subject}: {self.found}; {self.cure}"


def main() -> int:
    """The command; returns its exit code."""
    broken = 0
    for look in (system, obs, environments, camera, virtual_camera, collection, self_test):
        for finding in look():
            print(finding, flush=True)
            broken += finding.required and not finding.well
    print(
        f"{broken} required thing{' is' if broken == 1 else 's are'} missing."
        if broken
        else "All that is required is there."
    )
    return 1 if broken else 0


def system() -> Iterator[Finding]:
    """The machine."""
    yield Finding("System", f"{platform.system()} {platform.release()} on {platform.machine()}")


def obs() -> Iterator[Finding]:
    """OBS and the Python inside it."""
    program = obs_install.program()
    if platform.system() != "Linux":
        yield Finding("OBS", "cannot be asked here; its Python is set in Tools > Scripts > Python Settings")
        return
    if program is None:
        yield Finding("OBS", "not installed", START)
        return
    yield Finding("OBS", f"{'.'.join(map(str, obs_install.version() or ()))} ({program})")
    version = obs_install.embedded_python()
    if version is None:
        yield Finding("Python inside OBS", "none", "install your distribution's OBS package")
    elif version not in environment.supported_pythons():
        yield Finding("Python inside OBS", version, f"use an OBS with {' or '.join(environment.supported_pythons())}")
    else:
        yield Finding("Python inside OBS", version)


def environments() -> Iterator[Finding]:
    """The virtual environment that the filter uses."""
    version = obs_install.embedded_python()
    if environment.is_ready("cpu", version):
        yield Finding("Environment", f".venv, as uv.lock wants it{f', for Python {version}' if version else ''}")
    else:
        yield Finding("Environment", ".venv is missing, older than uv.lock or for another Python", START)
    if shutil.which("nvidia-smi") and not environment.is_ready("gpu", version):
        yield Finding("GPU", "NVIDIA driver present, unused", "run: python3 tools/start.py --gpu", required=False)


def camera() -> Iterator[Finding]:
    """Cameras and what each would deliver."""
    if platform.system() != "Linux":
        return
    found = v4l2.cameras()
    for each in found:
        yield Finding("Camera", f"{each.device} ({each.name}), {each.best_mode()}")
    if not found:
        yield Finding("Camera", "none", "connect one, or use start.py --video FILE", required=False)


def virtual_camera() -> Iterator[Finding]:
    """The kernel module behind OBS's virtual camera."""
    if platform.system() != "Linux":
        return
    if v4l2.loopback_loaded():
        yield Finding("Virtual camera", "v4l2loopback is loaded")
    else:
        yield Finding("Virtual camera", "v4l2loopback is not loaded", f"run: {LOOPBACK_CURE}", required=False)


def collection() -> Iterator[Finding]:
    """The scene collection that start.py writes."""
    if platform.system() != "Linux":
        return
    folder = obs_profile.folder()
    if (folder / "basic" / "scenes" / f"{obs_profile.NAME}.json").exists():
        yield Finding("Scene collection", f'"{obs_profile.NAME}" in {folder}')
    else:
        yield Finding("Scene collection", f'no "{obs_profile.NAME}" in {folder}', START, required=False)


def self_test() -> Iterator[Finding]:
    """Models, identities, the provider that really runs, and a picture through the pipeline."""
    python = environment.ENVIRONMENTS["cpu"].python
    if not environment.is_ready("cpu"):
        yield Finding("Self-test", "not run without the environment", START)
        return
    command = [str(python), str(environment.REPOSITORY / "tools" / "self_test.py")]
    answer = subprocess.run(command, capture_output=True, text=True, check=False)
    if answer.returncode != 0:
        reason = (answer.stderr.strip().splitlines() or ["no message"])[-1]
        yield Finding("Self-test", f"it failed ({reason})", "remove .venv, then " + START)
        return
    yield from report(json.loads(answer.stdout))


def report(facts: dict[str, Any]) -> Iterator[Finding]:
    """The lines of what tools/self_test.py found."""
    wrong = [f"{name} ({error})" for name, error in facts["models"] if error]
    if wrong:
        yield Finding("Models", "; ".join(wrong), RESTORE)
    else:
        yield Finding("Models", f"{len(facts['models'])} files, size and SHA-256 as in models/manifest.json")
    for name, usable, line in facts["identities"]:
        yield Finding(f"Identity {name}", line, "" if usable else "do not use it", required=False)
    if not any(usable for _, usable, _ in facts["identities"]):
        yield Finding("Identities", f"none in {IDENTITIES} can be used", RESTORE)
    if facts["provider"]:
        yield Finding("Provider", f"{facts['provider']} (the one that really runs)")
    if facts["picture"]:
        yield Finding("Self-test picture", facts["picture"], RESTORE)
    else:
        yield Finding("Self-test picture", f"swapped and marked, {facts['milliseconds']:.0f} ms a frame")


if __name__ == "__main__":
    sys.exit(main())
