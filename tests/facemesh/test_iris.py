"""Irises and lids: in mirrored pictures, at the frame's border, and beside mediapipe's."""

import importlib.util
import subprocess
import sys
from pathlib import Path

import av
import numpy as np
import pytest

from deepfake_core.facemesh.iris import CORNERS, IrisNetwork
from deepfake_core.facemesh.tracking import FaceTracker
from deepfake_core.frame import Frame

REPOSITORY = Path(__file__).resolve().parents[2]
PERFORMER = REPOSITORY / "models/performer.mp4"
EVERY = 15

LIDS = (
    (33, 7, 163, 144, 145, 153, 154, 155, 133, 246, 161, 160, 159, 158, 157, 173),
    (263, 249, 390, 373, 374, 380, 381, 382, 362, 466, 388, 387, 386, 385, 384, 398),
)
"""FaceMesh's landmarks of both lids, each beside the other eye's."""


@pytest.fixture(scope="module")
def clip() -> list[np.ndarray]:
    with av.open(str(PERFORMER)) as source:
        return [frame.to_ndarray(format="bgr24") for frame in source.decode(video=0)][::EVERY]


@pytest.fixture(scope="module")
def landmarks(clip: list[np.ndarray]) -> list[np.ndarray]:
    tracker = FaceTracker(threads=1, provider="cpu", smoothing=0.0)
    return [tracker.update(Frame.from_bgr(bgr.copy()), (k + 1) * 10**9)[0].raw for k, bgr in enumerate(clip)]


@pytest.fixture(scope="module")
def network() -> IrisNetwork:
    return IrisNetwork(threads=1, provider="cpu")


def width(points: np.ndarray) -> float:
    """Mean distance of the corners of the eyes, px."""
    return float(np.mean([np.linalg.norm(points[a, :2] - points[b, :2]) for a, b in CORNERS]))


def test_a_mirrored_face_has_mirrored_eyes(
    clip: list[np.ndarray], landmarks: list[np.ndarray], network: IrisNetwork
) -> None:
    distances = []
    for bgr, points in zip(clip, landmarks, strict=True):
        last = bgr.shape[1] - 1
        mirrored = points.copy()
        mirrored[:, 0] = last - mirrored[:, 0]
        for right, left in zip(*LIDS, strict=True):
            mirrored[[right, left]] = mirrored[[left, right]]
        eyes = network.read(Frame.from_bgr(bgr.copy()), points)
        other = network.read(Frame.from_bgr(bgr[:, ::-1].copy()), mirrored)
        assert eyes is not None
        assert other is not None
        back = other.iris[::-1] * (-1, 1) + (last, 0)
        distances.append((back - eyes.iris)[:, 0] / width(points))
    assert np.abs(np.mean(distances, axis=0)).max() < 0.015
    assert np.abs(distances).mean() < 0.03


def test_the_iris_lies_between_the_lids(
    clip: list[np.ndarray], landmarks: list[np.ndarray], network: IrisNetwork
) -> None:
    eyes = network.read(Frame.from_bgr(clip[0].copy()), landmarks[0])
    assert eyes is not None
    for iris, lids, corners in zip(eyes.iris, eyes.lids, CORNERS, strict=True):
        left, right = landmarks[0][list(corners), :2]
        assert left[0] < iris[0, 0] < right[0]
        assert lids[:, 1].min() - 2 < iris[0, 1] < lids[:, 1].max() + 2
        assert np.linalg.norm(iris[1:] - iris[0], axis=1).mean() < 0.4 * (right[0] - left[0])


def test_an_eye_outside_the_frame_is_not_read(landmarks: list[np.ndarray], network: IrisNetwork) -> None:
    away = landmarks[0] + np.array([5000, 0, 0], np.float32)
    assert network.read(Frame.from_bgr(np.zeros((480, 640, 3), np.uint8)), away) is None


@pytest.mark.reference
@pytest.mark.skipif(importlib.util.find_spec("mediapipe") is None, reason="runs in .venv-reference")
def test_mediapipe_sees_the_irises_there_too(
    clip: list[np.ndarray], landmarks: list[np.ndarray], network: IrisNetwork, tmp_path: Path
) -> None:
    np.save(tmp_path / "frames.npy", np.stack(clip))
    tool = str(REPOSITORY / "tools/mediapipe_reference.py")
    subprocess.run(
        [sys.executable, tool, "frames.npy", "result.npz", "--iris"], cwd=tmp_path, check=True, capture_output=True
    )
    with np.load(tmp_path / "result.npz", allow_pickle=False) as arrays:
        theirs = arrays["landmarks"]
    distances = []
    for bgr, points, other in zip(clip, landmarks, theirs, strict=True):
        eyes = network.read(Frame.from_bgr(bgr.copy()), points)
        assert eyes is not None
        if np.isfinite(other).all():
            distances.append(np.linalg.norm(eyes.iris[:, 0] - other[[468, 473], :2], axis=1) / width(points))
    # Since 0.8.9 mediapipe refines with another network than this one of its own.
    assert len(distances) > 10
    assert np.mean(distances) < 0.06
