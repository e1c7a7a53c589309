"""An identity's portrait, and the face in it."""

from __future__ import annotations

import cv2
import numpy as np

from deepfake_core.evaluation.errors import CandidateRefused
from deepfake_core.identities.errors import IdentityError
from deepfake_core.identities.library import Library
from deepfake_core.training.still_landmarks import StillLandmarks


def open_portrait(identity: str) -> tuple[np.ndarray, np.ndarray]:
    """Picture uint8 (H, W, 3) BGR and landmarks float32 (468, 3) px; raises CandidateRefused."""
    try:
        data = Library().open(identity).files["portrait.png"]
    except IdentityError as error:
        raise CandidateRefused(str(error)) from error
    portrait = cv2.imdecode(np.frombuffer(data, np.uint8), cv2.IMREAD_COLOR)
    points = None if portrait is None else StillLandmarks()(portrait)
    if portrait is None or points is None:
        raise CandidateRefused(f"The portrait of {identity!r} shows no face; make another one.")
    return portrait.astype(np.uint8), points
