import os
import shutil
import subprocess
from typing import Any

import pytest
import system_packages


@pytest.fixture
def machine(monkeypatch: pytest.MonkeyPatch) -> dict[str, Any]:
    """A machine whose programs, user and apt the test chooses; `runs` holds the commands that were run."""
    state: dict[str, Any] = {
        "programs": {"apt-get", "dpkg-query", "sudo"},
        "user": 0,
        "installed": {"there"},
        "runs": [],
    }

    def run(command: list[str], **_: Any) -> subprocess.CompletedProcess[str]:
        if command[0] == "dpkg-query":
            status = "installed" if command[-1] in state["installed"] else "not-installed"
            return subprocess.CompletedProcess(command, 0, status, "")
        state["runs"].append(command)
        return subprocess.CompletedProcess(command, state.get("code", 0), "the words of apt", "")

    monkeypatch.setattr(subprocess, "run", run)
    monkeypatch.setattr(shutil, "which", lambda name: f"/bin/{name}" if name in state["programs"] else None)
    monkeypatch.setattr(os, "geteuid", lambda: state["user"])
    return state


def test_only_what_is_missing_is_installed(machine: dict[str, Any]) -> None:
    system_packages.install(["there", "new"])
    update, install = machine["runs"]
    assert update[-1] == "update"
    assert install[-1] == "new"
    assert "there" not in install
    assert "sudo" not in install
    assert "DEBIAN_FRONTEND=noninteractive" in install


def test_nothing_is_run_when_all_is_there(machine: dict[str, Any]) -> None:
    system_packages.install(["there"])
    assert machine["runs"] == []


def test_sudo_is_used_by_others_than_root(machine: dict[str, Any]) -> None:
    machine["user"] = 1000
    system_packages.install(["new"])
    assert machine["runs"][1][0] == "sudo"


def test_what_cannot_be_installed_is_said(machine: dict[str, Any]) -> None:
    machine["code"] = 100
    with pytest.raises(system_packages.PackagesMissing, match="apt could not install new"):
        system_packages.install(["new"])
    machine["user"], machine["programs"] = 1000, {"apt-get"}
    with pytest.raises(system_packages.PackagesMissing, match="as root, run: apt-get install new"):
        system_packages.install(["new"])
    machine["programs"] = set()
    with pytest.raises(system_packages.PackagesMissing, match="own package manager"):
        system_packages.install(["new"])
