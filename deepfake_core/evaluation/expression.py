"""Whether an output moves as the truth does: landmarks found by the same FaceMesh in both."""

from __future__ import annotations

import numpy as np

from deepfake_core.facemesh import topology
from deepfake_core.facemesh.tracking import FaceTracker
from deepfake_core.frame import Frame
from deepfake_core.swapping.alignment import RIGID, fit_pose, similarity

MOUTH = np.array([*topology.LIPS_OUTER, *topology.LIPS_INNER])
EYES = np.array([*topology.LEFT_EYE, *topology.RIGHT_EYE])


class FaceReader:
    """Finds the face in the frames of one sequence, in order and without smoothing."""

    def __init__(self) -> None:
        self._tracker = FaceTracker(max_faces=1, threads=1, provider="cpu", smoothing=0.0)

    def __call__(self, bgr: np.ndarray, timestamp_ns: int) -> np.ndarray | None:
        """Landmarks float32 (468, 3), px, of a uint8 BGR frame; None where no face is found."""
        faces = self._tracker.update(Frame.from_bgr(bgr), timestamp_ns)
        return faces[0].raw if faces else None


def interocular_distance(points: np.ndarray) -> float:
    """Distance between the middles of the eyes of landmarks (468, 3), in their unit, in space: turning keeps it."""
    eyes = [points[list(eye)].mean(0) for eye in (topology.LEFT_EYE, topology.RIGHT_EYE)]
    return float(np.linalg.norm(eyes[0] - eyes[1]))


def expression_errors(output: np.ndarray, truth: np.ndarray) -> tuple[float, float]:
    """Mean distance of mouth and of eye landmarks in the picture, in interocular distances of the truth.

    output, truth: (468, 3), px. The output's head is laid on the truth's first, by the landmarks that no expression
    moves, so that a wrong pose is not counted here.
    """
    scale, rotation, translation = similarity(output[RIGID].astype(np.float64), truth[RIGID].astype(np.float64))
    laid = scale * output @ rotation.T + translation
    distance = np.linalg.norm((laid - truth)[:, :2], axis=1) / interocular_distance(truth)
    return float(distance[MOUTH].mean()), float(distance[EYES].mean())


def pose_error_degrees(output: np.ndarray, truth: np.ndarray) -> float:
    """Angle of the one turn that leads from the truth's head pose to the output's; landmarks (468, 3), px."""
    turn = fit_pose(output).rotation @ fit_pose(truth).rotation.T
    return float(np.degrees(np.arccos(np.clip((np.trace(turn) - 1) / 2, -1.0, 1.0))))


def shakiness(landmarks: list[np.ndarray | None], interocular: np.ndarray) -> np.ndarray:
    """Mean second difference of the landmarks' places over each frame and its two neighbours, float64 (F,).

    landmarks: (468, 3) px, or None where there is no face; interocular: (F,) px, the unit of the result. NaN where
    one of the three frames has no face.
    """
    shaking = np.full(len(landmarks), np.nan)
    for k in range(1, len(landmarks) - 1):
        before, here, after = landmarks[k - 1 : k + 2]
        if before is not None and here is not None and after is not None:
            bend = (before - 2 * here + after)[:, :2]
            shaking[k] = np.linalg.norm(bend, axis=1).mean() / interocular[k]
    return shaking
