"""Signing of OBS's recordings, where the user switched it on, in a process of its own when one ends."""

import logging
import os
import subprocess
import threading
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[2]
SETTING = "sign_recordings"
SECONDS = 3600
"""A signing that takes longer has gone wrong."""

_log = logging.getLogger(__name__)


class RecordingSigner:
    """Starts tools/sign_recording.py for each recording that ends while `wanted`.

    `on_event` is for OBS's main thread and returns at once.
    """

    def __init__(self) -> None:
        self.wanted = False

    def start(self) -> None:
        """Listen; OBS itself forgets the listener when the script is unloaded."""
        import obspython

        # OBS takes a plain function and drops anything else, such as the bound method alone, without a word.
        def on_event(event: int) -> None:
            self.on_event(event)

        obspython.obs_frontend_add_event_callback(on_event)

    def update(self, settings: Any) -> None:
        """Take the script's settings (an obs_data_t)."""
        import obspython

        self.wanted = obspython.obs_data_get_bool(settings, SETTING)

    def on_event(self, event: int) -> None:
        """OBS's frontend reports an event."""
        import obspython

        if not self.wanted or event != obspython.OBS_FRONTEND_EVENT_RECORDING_STOPPED:
            return
        recording = obspython.obs_frontend_get_last_recording()
        if recording:
            threading.Thread(target=_sign, args=(Path(recording),), name="sign recording", daemon=True).start()


def properties() -> Any:
    """The script's properties (an obs_properties_t of obspython)."""
    import obspython

    listed = obspython.obs_properties_create()
    text = "Sign recordings (C2PA) when they end"
    switch = obspython.obs_properties_add_bool(listed, SETTING, text)
    obspython.obs_property_set_long_description(
        switch,
        "Recordings that show the filter's marks get a signed statement on how they were made. MKV files get an "
        "MP4 copy for it. Without a certificate of yours a local one signs; see docs/responsible-use.md.",
    )
    return listed


def _sign(recording: Path) -> None:
    """Run the tool and log what it says; on a thread of its own."""
    command = [str(_interpreter()), str(ROOT / "tools" / "sign_recording.py"), str(recording)]
    environment = {key: value for key, value in os.environ.items() if key not in ("PYTHONHOME", "PYTHONPATH")}
    try:
        done = subprocess.run(
            command, capture_output=True, text=True, timeout=SECONDS, check=False, cwd=ROOT, env=environment
        )
    except (OSError, subprocess.TimeoutExpired) as error:
        _log.error("The recording %s was not signed: %s.", recording, error)
        return
    said = (done.stdout + done.stderr).strip()
    _log.log(logging.ERROR if done.returncode else logging.INFO, "%s", said or f"{recording}: exit {done.returncode}")


def _interpreter() -> Path:
    """The environment's own Python: the program that runs this is OBS."""
    folder = ROOT / ".venv"
    return folder / "Scripts" / "python.exe" if os.name == "nt" else folder / "bin" / "python"
