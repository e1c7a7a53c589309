"""How finely the face is drawn, so that the picture keeps up with the camera."""

from dataclasses import dataclass

from deepfake_core.settings import Quality

_PATIENCE = 45
"""Frames in a row that must be too slow, or easily fast enough, before the level changes."""
_EASILY = 0.5
"""Share of a frame's time below which the next finer level, about twice as dear, may be tried."""


@dataclass(frozen=True)
class Level:
    """What a quality stands for."""

    resolution: int
    """Side of the drawn face's crop, px."""
    network_size: int
    """Side of what the networks see of it, px; see `swapping.networks.SIZES`."""
    fine_parsing: bool = False
    """Whether the larger parser runs, once more on the face alone; see `parsing.parser.FaceParser`."""


LEVELS = {
    Quality.FAST: Level(resolution=128, network_size=96),
    Quality.BALANCED: Level(resolution=256, network_size=128),
    Quality.BEST: Level(resolution=320, network_size=192, fine_parsing=True),
}
"""From the cheapest to the finest."""
_LADDER = tuple(LEVELS.values())


class QualityGovernor:
    """Chooses how finely a face is drawn: fixed, or the finest level that keeps up (`Quality.AUTO`)."""

    def __init__(self) -> None:
        self._step = _LADDER.index(LEVELS[Quality.BALANCED])
        self._streak = 0
        self._patience_up = _PATIENCE

    def level(self, quality: Quality) -> Level:
        """The level for the next frame."""
        return _LADDER[self._step] if quality is Quality.AUTO else LEVELS[quality]

    def report(self, work_seconds: float, interval_seconds: float) -> None:
        """Tell how long a frame took and how far apart the camera's frames are."""
        if interval_seconds <= 0:
            return
        share = work_seconds / interval_seconds
        direction = -1 if share > 1 else 1 if share < _EASILY else 0
        if not direction or not 0 <= self._step + direction < len(_LADDER):
            self._streak = 0
            return
        # Frames of the other direction begin a new streak.
        self._streak = direction if self._streak * direction < 0 else self._streak + direction
        if self._streak == -_PATIENCE:
            self._step, self._streak = self._step - 1, 0
        elif self._streak >= self._patience_up:
            self._step, self._streak = self._step + 1, 0
            # Each return to a finer picture is dearer, so that it does not flip for ever on a borderline machine.
            self._patience_up *= 4
