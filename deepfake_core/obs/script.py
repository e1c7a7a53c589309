"""What the OBS script does once its environment stands: bring the filters to life and let them go again."""

import logging
import sys
from typing import Any

from deepfake_core.obs import memory, recordings, registration
from deepfake_core.obs.live_filters import LiveFilters
from deepfake_core.obs.log_handler import ObsLogHandler

SWITCH_SECONDS = 0.0005
"""How long a thread may run Python while another waits for the GIL.

With Python's 5 ms a worker's Python code makes OBS's graphics thread miss frames; see README, measurements.
"""

_handler = ObsLogHandler()
_signer = recordings.RecordingSigner()
_previous_switch_seconds = sys.getswitchinterval()


def load() -> None:
    """Register the filter type, once, and start its implementation."""
    global _previous_switch_seconds  # noqa: PLW0603  Put back by `unload`.
    unload()
    core = logging.getLogger("deepfake_core")
    core.addHandler(_handler)
    core.setLevel(logging.INFO)
    core.propagate = False
    _previous_switch_seconds = sys.getswitchinterval()
    sys.setswitchinterval(SWITCH_SECONDS)
    memory.share_arenas()
    filters = LiveFilters()
    filters.start()
    registration.set_implementation(filters)
    registration.register()
    _signer.start()


def properties() -> Any:
    """What OBS shows below the list of scripts (an obs_properties_t of obspython)."""
    return recordings.properties()


def update(settings: Any) -> None:
    """The script's settings (an obs_data_t of obspython) were loaded or changed."""
    _signer.update(settings)


def unload() -> None:
    """Stop the implementation; the type stays, its filters show nothing until the next `load`."""
    filters = registration.take_implementation()
    if filters is None:
        return
    filters.close()
    sys.setswitchinterval(_previous_switch_seconds)
    logging.getLogger("deepfake_core").removeHandler(_handler)
