"""A running OBS without a screen: its display, its start, its orderly end. Standard library only."""

from __future__ import annotations

import contextlib
import os
import re
import signal
import subprocess
import tempfile
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from types import TracebackType

import obs_install

UNATTENDED = ["--multi", "--disable-updater", "--disable-missing-files-check", "--disable-shutdown-check"]
# What only a settings folder of an unattended run may hold: no question may stop it.
UNATTENDED_SETTINGS = {
    "General": {"ConfirmOnExit": "false", "EnableAutoUpdates": "false"},
    "BasicWindow": {"SysTrayEnabled": "false", "PreviewEnabled": "false"},
}
_READY = "==== Startup complete"
_END_SECONDS = 5
"""That Xvfb and the window manager have to end by themselves."""


class ObsFailed(RuntimeError):
    """OBS did not start, ended by itself, or did not let itself be closed."""


class DisplayFailed(RuntimeError):
    """Xvfb did not start."""


class Display:
    """An X server without a screen and the window manager that can close windows on it."""

    def __init__(self, size: str = "1600x1000x24") -> None:
        """Starts Xvfb on the first free display number. Raises DisplayFailed."""
        read, write = os.pipe()
        command = ["Xvfb", "-displayfd", str(write), "-screen", "0", size, "-nolisten", "tcp", "-noreset"]
        self._server = subprocess.Popen(command, pass_fds=[write], stderr=subprocess.DEVNULL, start_new_session=True)
        os.close(write)
        with os.fdopen(read, encoding="ascii") as answer:  # ends without a line when Xvfb dies
            number = answer.readline().strip()
        if not number:
            raise DisplayFailed("Xvfb did not start: run Xvfb by hand to see its message.")
        self.name = f":{number}"
        self._windows = subprocess.Popen(
            ["openbox"],
            env=os.environ | {"DISPLAY": self.name},
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            start_new_session=True,
        )

    def __enter__(self) -> Display:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        for process in (self._windows, self._server):
            process.terminate()
            try:
                process.wait(_END_SECONDS)
            except subprocess.TimeoutExpired:  # nothing of theirs is worth waiting for
                process.kill()
                process.wait()


class Obs:
    """An OBS of ours on a display; its log is kept in a file."""

    def __init__(
        self,
        config_home: Path,
        display: str,
        arguments: Sequence[str],
        log: Path,
        variables: Mapping[str, str] | None = None,
    ) -> None:
        """Starts OBS.

        config_home: stands in for ~/.config. variables: added to its environment. Raises ObsFailed when there is none.
        """
        program = obs_install.program()
        if program is None:
            raise ObsFailed("OBS is not installed: python3 tools/start.py installs it.")
        self.log = log
        self._runtime = tempfile.TemporaryDirectory(prefix="obs-deepfake-")
        environment = obs_install.variables() | {
            "DISPLAY": display,
            "QT_QPA_PLATFORM": "xcb",
            "LIBGL_ALWAYS_SOFTWARE": "1",
            "LANG": "C.UTF-8",
            "XDG_CONFIG_HOME": str(config_home),
            "XDG_RUNTIME_DIR": self._runtime.name,
            "DBUS_SESSION_BUS_ADDRESS": "disabled:",  # else a dbus-daemon is started that outlives OBS
        }
        environment.pop("WAYLAND_DISPLAY", None)
        self._environment = environment | dict(variables or {})
        with log.open("wb") as output:
            self.process = subprocess.Popen(
                [program, *UNATTENDED, *arguments],
                env=self._environment,
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=subprocess.STDOUT,
                cwd=config_home,  # OBS imports scripts by name and looks in its working folder first
                start_new_session=True,  # Ctrl+C must not reach OBS: its handler for SIGINT can hang
            )

    def text(self) -> str:
        """The log so far."""
        return self.log.read_text(encoding="utf-8", errors="replace")

    def wait_for(self, pattern: str, timeout: float = 60) -> re.Match[str]:
        """Waits until the log holds `pattern` (a regular expression). Raises ObsFailed after `timeout` seconds."""
        deadline = time.monotonic() + timeout
        while True:
            found = re.search(pattern, self.text())
            if found:
                return found
            if self.process.poll() is not None:
                raise ObsFailed(f"OBS ended by itself (exit code {self.process.returncode}): see {self.log}.")
            if time.monotonic() > deadline:
                raise ObsFailed(f"OBS said nothing about {pattern!r} within {timeout:g} s: see {self.log}.")
            time.sleep(0.1)

    def wait_until_ready(self) -> None:
        """Waits until OBS has loaded scripts, scenes and outputs. Raises ObsFailed."""
        self.wait_for(_READY)

    def close(self, timeout: float = 60) -> int:
        """Closes OBS through its window, as a person does, and returns its exit code.

        Raises ObsFailed when it hangs; it is killed then.
        """
        deadline = time.monotonic() + timeout
        while self.process.poll() is None and time.monotonic() < deadline:
            close = ["wmctrl", "-c", "OBS "]
            subprocess.run(close, env=self._environment, capture_output=True, check=False)
            with contextlib.suppress(subprocess.TimeoutExpired):
                self.process.wait(3)
        if self.process.poll() is None:
            self.kill()
            raise ObsFailed(f"OBS did not close within {timeout:g} s: see {self.log}.")
        self._runtime.cleanup()
        return self.process.returncode

    def kill(self) -> None:
        """Ends OBS at once, without a clean-up: for errors only."""
        with contextlib.suppress(ProcessLookupError):
            os.killpg(self.process.pid, signal.SIGKILL)
        self.process.wait()
        self._runtime.cleanup()
