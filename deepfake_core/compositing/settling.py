"""How fast what is measured anew in each picture is followed."""

from __future__ import annotations

import numpy as np

_GAP_SECONDS = 1.0
"""After which what was followed is no longer heeded."""


def followed(since: float, settling: float) -> float:
    """How much of a new measure is taken, `since` seconds after the last one: all of it after a gap."""
    return 1.0 - float(np.exp(-since / settling)) if 0 <= since <= _GAP_SECONDS else 1.0
