"""The shipped networks on the bundled performer, who does not exist: plausible, and still where he is still."""

from __future__ import annotations

from itertools import pairwise

import av
import numpy as np
import pytest

from deepfake_core.facemesh.tracking import FaceTracker
from deepfake_core.frame import Frame
from deepfake_core.inference.manifest import MODELS_DIR
from deepfake_core.parsing.classes import Label
from deepfake_core.parsing.parser import FaceParser
from deepfake_core.parsing.parsing import Parsing

FRAME_NS = 33_000_000
NOISE = 5.0
"""Standard deviation of the added noise, of 255: a webcam in a dim room."""


@pytest.fixture(scope="module", params=[False, True], ids=["small", "best"])
def still(request: pytest.FixtureRequest) -> list[Parsing]:
    """One picture of the performer forty times, each with noise of its own, tracked and parsed like a camera's."""
    with av.open(str(MODELS_DIR / "performer.mp4")) as container:
        picture = next(container.decode(video=0)).to_ndarray(format="bgr24").astype(np.float32)
    generator = np.random.default_rng(0)
    tracker, parser = FaceTracker(threads=2, provider="cpu"), FaceParser(threads=2, provider="cpu", fine=request.param)
    found = []
    for number in range(40):
        noisy = picture + generator.standard_normal(picture.shape, np.float32) * NOISE
        frame = Frame.from_bgr(np.clip(noisy, 0, 255).astype(np.uint8), number * FRAME_NS)
        face = tracker.update(frame, number * FRAME_NS)[0]
        found.append(parser.parse(frame, face.landmarks, face.track_id))
        found[-1] = Parsing(found[-1].labels.copy(), dict(found[-1].mattes), found[-1].crop_to_frame)
    return found


def test_a_head_is_found_as_a_head(still: list[Parsing]) -> None:
    share = np.bincount(still[-1].labels.ravel(), minlength=20) / still[-1].labels.size
    assert 0.08 < share[Label.SKIN] < 0.4
    assert 0.03 < share[Label.HAIR] + share[Label.HAT] < 0.5  # his smooth hair passes for a cap
    assert 0.005 < share[Label.NOSE] < 0.05
    middle = still[-1].labels[120:136, 118:138]
    assert np.isin(middle, (Label.SKIN, Label.NOSE, Label.L_EYE, Label.R_EYE)).mean() > 0.9
    assert still[-1].occluder.mean() < 3


def test_masks_of_a_still_face_change_by_less_than_one_percent_of_their_area(still: list[Parsing]) -> None:
    settled = still[10:]
    for name in ("skin", "hair", "head", "neck", "cloth"):
        area = np.mean([each.mattes[name].mean() for each in settled])
        changes = [np.abs(a.mattes[name].astype(int) - b.mattes[name]).mean() / area for a, b in pairwise(settled)]
        assert np.mean(changes) < 0.01, name
    for group in ((Label.SKIN,), (Label.HAIR, Label.HAT)):
        masks = [np.isin(each.labels, group) for each in settled]
        area = np.mean(masks)
        changes = [(a != b).mean() / area for a, b in pairwise(masks)]
        assert np.mean(changes) < 0.01, group
        assert max(changes) < 0.03, group
