"""How finely the face is drawn, so that the picture keeps up with the camera."""

from deepfake_core.settings import Quality

BEST = 256
FAST = 128
_PATIENCE = 45
"""Frames in a row that must be too slow, or easily fast enough, before the resolution changes."""


class QualityGovernor:
    """Chooses the resolution of the drawn face in pixels: fixed, or the best one that keeps up (`Quality.AUTO`)."""

    def __init__(self) -> None:
        self._resolution = BEST
        self._streak = 0
        self._patience_up = _PATIENCE

    def resolution(self, quality: Quality) -> int:
        """The resolution for the next frame."""
        if quality is Quality.AUTO:
            return self._resolution
        return FAST if quality is Quality.FAST else BEST

    def report(self, work_seconds: float, interval_seconds: float) -> None:
        """Tell how long a frame took and how far apart the camera's frames are."""
        if interval_seconds <= 0:
            return
        if self._resolution == BEST:
            self._streak = self._streak + 1 if work_seconds > interval_seconds else 0
            if self._streak >= _PATIENCE:
                self._resolution, self._streak = FAST, 0
        else:
            self._streak = self._streak + 1 if work_seconds < 0.6 * interval_seconds else 0
            if self._streak >= self._patience_up:
                self._resolution, self._streak = BEST, 0
                # Each return to the finer picture is dearer, so that it does not flip for ever on a borderline machine.
                self._patience_up *= 4
