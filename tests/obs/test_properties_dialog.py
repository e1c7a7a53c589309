"""The filter's properties as OBS shows them to a person."""

from __future__ import annotations

from pathlib import Path

import obs_profile
import pytest
from obs_footage import PERFORMER
from obs_harness import Harness

pytestmark = pytest.mark.obs


def test_the_dialog_offers_everything_and_its_status_lives(scratch: Path) -> None:
    clip = obs_profile.video_file(PERFORMER, obs_profile.Picture(640, 480))
    with Harness(scratch, clip) as obs:
        report = obs.wait_for_swapped(30)
        obs.open_properties()
        said = "\n".join(obs.properties())
        for words in (
            "Identity",
            "Used for",
            "When there is no result",
            "Smoothing",
            "Colour match",
            "Matte size",
            "Matte softness",
            "Label corner",
            "Label language",
            "Quality",
        ):
            assert words in said
        status = [text for text in obs.properties() if "frames/s in" in text]
        assert len(status) == 1
        for words in (report["provider"], "p95", "dropped", "Last error: none"):
            assert words in status[0]
        obs.wait(lambda: status[0] not in obs.properties(), "another status text")
        assert any("frames/s in" in text for text in obs.properties())
        ended = obs.close()  # with the dialog open
    assert ended.exit_code == 0
    assert "failed" not in "\n".join(line for line in ended.log.splitlines() if "Deepfake" in line)


def test_the_script_describes_itself(scratch: Path) -> None:
    with Harness(scratch, obs_profile.video_file(PERFORMER, obs_profile.Picture(640, 480))) as obs:
        obs.open_scripts()
        said = "\n".join(obs.execute("result = texts('Scripts')"))
        assert "OBS Deepfake" in said
        obs.close()
