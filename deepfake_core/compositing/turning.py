"""How far a head may turn: beyond it, the picture fades to that for "no result", and back, without a pop."""

from __future__ import annotations

import numpy as np

from deepfake_core.swapping.alignment import Pose

YAW_DEGREES = (56.0, 60.0)
"""Beyond the second the fade begins, below the first it goes back: a head held at the limit must not flicker."""
PITCH_DEGREES = (38.0, 43.0)
FADE_SECONDS = 0.3
_LONGEST_STEP = 0.1
"""Seconds: a pause of the camera must not end the fade in one step."""


class Turning:
    """Follows the head's turn; `share` is how much of the picture for "no result" shows, 0..1."""

    def __init__(self) -> None:
        self.share = 0.0
        self._away = False
        self._seconds = float("-inf")

    def update(self, poses: list[Pose], seconds: float) -> float:
        """The share for a frame at `seconds` whose swapped heads stand so; with none, the fade stays where it is."""
        step = float(np.clip(seconds - self._seconds, 0.0, _LONGEST_STEP)) / FADE_SECONDS
        self._seconds = seconds
        if poses:
            # The head that is turned furthest decides: none may show what the networks cannot draw.
            yaw = max(abs(pose.yaw_degrees) for pose in poses)
            pitch = max(abs(pitch_degrees(pose)) for pose in poses)
            limit = 0 if self._away else 1
            self._away = yaw > YAW_DEGREES[limit] or pitch > PITCH_DEGREES[limit]
            self.share = float(np.clip(self.share + (step if self._away else -step), 0.0, 1.0))
        return self.share

    def lost(self) -> None:
        """A head that was lost while it was turned away fades in again when it comes back."""
        if self.share > 0:
            self.share = 1.0


def smooth(share: float) -> float:
    """The share as it is shown: it sets in and ends gently."""
    return share * share * (3.0 - 2.0 * share)


def pitch_degrees(pose: Pose) -> float:
    """Nod of the head; positive looks up."""
    forward = pose.rotation[:, 2]
    return float(np.degrees(np.arctan2(forward[1], np.hypot(forward[0], forward[2]))))
