"""Gaze read from the performer's clip beside where the renderer made the eyes look."""

import av
import numpy as np
import pytest

pytest.importorskip("scipy", reason="the synthetic people need .venv-train (scipy)")

from deepfake_core.facemesh.tracking import FaceTracker
from deepfake_core.frame import Frame
from deepfake_core.inference.manifest import MODELS_DIR
from deepfake_core.swapping.alignment import fit_pose
from deepfake_core.swapping.gaze import GazeReader
from deepfake_core.synthetic.expressions import gaze_of
from deepfake_core.synthetic.performance import moment

pytestmark = pytest.mark.train

PERFORMER = MODELS_DIR / "performer.mp4"
STEP_NS = 33_333_333


def test_the_rendered_performer_is_seen_to_look_where_it_looks() -> None:
    with av.open(str(PERFORMER)) as source:
        frames = [frame.to_ndarray(format="bgr24") for frame in source.decode(video=0)]
    reader, tracker = GazeReader(threads=1, provider="cpu"), FaceTracker(threads=1, provider="cpu", smoothing=0.0)
    read, true = [], []
    for k in range(0, len(frames), 8):
        frame = Frame.from_bgr(frames[k])
        landmarks = tracker.update(frame, (k + 1) * STEP_NS)[0].raw
        read.append(reader.still(frame, landmarks, fit_pose(landmarks))[0])
        true.append(gaze_of(moment(k / 30).expression))
    seen = np.isfinite(read).all(1)
    assert seen.mean() > 0.8
    found, wanted = np.array(read)[seen], np.array(true)[seen]
    assert np.corrcoef(found[:, 0], wanted[:, 0])[0, 1] > 0.95
    assert np.hypot(*(found - wanted).T).mean() < 4.5
