"""Recordings are signed when they end, where the user switched that on; OBS is not held up."""

from pathlib import Path

import obs_profile
import pytest
from check_recording import frames
from obs_footage import PERFORMER
from obs_harness import Harness

from deepfake_core.disclosure import provenance

pytestmark = pytest.mark.obs


@pytest.mark.parametrize("wanted", [True, False])
def test_a_recording_is_signed_if_the_user_wants_it(scratch: Path, wanted: bool) -> None:
    source = obs_profile.video_file(PERFORMER, obs_profile.Picture(640, 480))
    with Harness(scratch, source, script_settings={"sign_recordings": wanted}) as obs:
        obs.wait_for_swapped(30)
        obs.request("StartRecord")
        obs.wait_for_swapped(120)
        obs.request("StopRecord")
        recording = obs.recording()
        signed = recording.with_suffix(".mp4")
        if wanted:
            obs.wait(signed.exists, "the signed copy", 120)
        else:
            obs.wait_for_swapped(60)
        ended = obs.close()
    assert ended.exit_code == 0
    if not wanted:
        assert not signed.exists()
        return
    found = provenance.read(signed)
    assert found is not None
    assert found.intact
    assert found.facts is not None
    assert len(found.facts.consent_records) == 1
    assert found.facts.identities == ("Boreas",)
    assert sum(1 for _ in frames(signed)) == sum(1 for _ in frames(recording))
