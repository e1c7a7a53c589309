"""The status of the properties dialog lives without getting into its user's way."""

from __future__ import annotations

import os
import subprocess
import time
from pathlib import Path
from typing import Any

import obs_profile
import pytest
from obs_footage import PERFORMER
from obs_harness import FILTER, SOURCE, Harness

pytestmark = pytest.mark.obs

# Visible sliders from top to bottom: value, and the middle of each on the screen.
SLIDERS = """
level = QtCore.Qt.Orientation.Horizontal
found = [w for w in QtWidgets.QApplication.allWidgets() if isinstance(w, QtWidgets.QSlider) and w.isVisible()]
places = [(w.mapToGlobal(w.rect().center()), w) for w in found if w.orientation() == level and w.maximum() == 100]
result = [[w.value(), p.x(), p.y()] for p, w in sorted(places, key=lambda place: place[0].y())]
"""
FOCUS = """
widget = QtWidgets.QApplication.focusWidget()
result = widget and [type(widget).__name__, widget.mapToGlobal(widget.rect().topLeft()).y()]
"""


def xdotool(obs: Harness, *arguments: Any) -> None:
    environment = os.environ | {"DISPLAY": obs.display}
    subprocess.run(["xdotool", *map(str, arguments)], env=environment, check=True, capture_output=True)


def status(obs: Harness) -> str:
    return next(text for text in obs.properties() if "frames/s in" in text)


def texts_within(obs: Harness, seconds: float) -> set[str]:
    deadline = time.monotonic() + seconds
    seen = set()
    while time.monotonic() < deadline:
        seen.add(status(obs))
        time.sleep(0.1)
    return seen


def test_neither_a_slider_nor_the_focus_is_taken_away(scratch: Path) -> None:
    with Harness(scratch, obs_profile.video_file(PERFORMER, obs_profile.Picture(640, 480))) as obs:
        obs.wait_for_swapped(10)
        obs.open_properties()
        assert len(texts_within(obs, 4)) >= 3
        value, x, y = obs.execute(SLIDERS)[0]
        xdotool(obs, "mousemove", x, y, "mousedown", 1)
        for step in range(1, 11):
            xdotool(obs, "mousemove", x + 4 * step, y)
            time.sleep(0.05)
        dragged = obs.execute(SLIDERS)[0][0]
        assert dragged > value
        assert len(texts_within(obs, 3.5)) == 1, "the dialog was rebuilt under the mouse"
        xdotool(obs, "mousemove", x + 60, y, "sleep", 0.2, "mouseup", 1)
        time.sleep(0.3)
        released = obs.execute(SLIDERS)[0][0]
        assert released > dragged, "the slider no longer followed the mouse"
        focus = obs.execute(FOCUS)
        assert focus[0] == "QSlider"
        assert len(texts_within(obs, 5)) >= 2, "the status did not go on"
        assert obs.execute(FOCUS) == focus
        xdotool(obs, "key", "Right")
        obs.wait(lambda: obs.execute(SLIDERS)[0][0] == released + 1, "the key's effect")
        saved = obs.request("GetSourceFilter", sourceName=SOURCE, filterName=FILTER)["filterSettings"]
        assert saved["smoothing"] == pytest.approx((released + 1) / 100)
        ended = obs.close()
    assert ended.exit_code == 0
