"""Which of the faces in the picture are replaced."""

from collections.abc import Sequence
from dataclasses import dataclass

from deepfake_core.facemesh.tracking import Face

GRACE_SECONDS = 1.0
"""How long a lost face may come back before another one, or none, takes its place."""
LEAST_LOOKS = 8
"""And in how many pictures it is looked for at least: at four a second a face can be missed in each of a second's."""
LONGEST_GAP_SECONDS = 5.0
"""After it nothing is known any more, however few pictures came."""


@dataclass
class _Seen:
    face: Face
    seconds: float
    missed: int = 0
    """Pictures since then that do not show it."""

    def forgotten(self, now: float) -> bool:
        """Whether so much has passed that the face is not waited for."""
        gap = now - self.seconds
        return not 0 <= gap <= LONGEST_GAP_SECONDS or (gap > GRACE_SECONDS and self.missed >= LEAST_LOOKS)


class PerformerChoice:
    """Chooses the faces to replace and notices when one of them is lost.

    One performer: the largest face is taken and kept for as long as it is there, so that a passer-by who steps closer
    does not take over. A performer who is lost for a moment is waited for: replacing somebody else at once could
    leave the performer's own face visible.
    """

    def __init__(self) -> None:
        self._seen: dict[int, _Seen] = {}

    def reset(self) -> None:
        """Forget every face."""
        self._seen.clear()

    def choose(self, faces: Sequence[Face], seconds: float, *, all_faces: bool) -> list[Face]:
        """The faces to replace now; empty while there is none or one of the chosen is missing.

        `seconds` is the time of the frame; it may jump, which forgets every face.
        """
        self._seen = {track: seen for track, seen in self._seen.items() if not seen.forgotten(seconds)}
        current = {face.track_id: face for face in faces}
        for seen in self._seen.values():
            seen.missed += 1
        for track, seen in list(self._seen.items()):
            if track not in current:
                heir = next(
                    (face for face in faces if _overlap(face, seen.face) > 0.3 and face.track_id not in self._seen),
                    None,
                )
                if heir is None:
                    return []
                del self._seen[track]
                self._seen[heir.track_id] = _Seen(heir, seconds)
        if all_faces:
            chosen = list(faces)
        elif self._seen:
            chosen = [current[track] for track in self._seen][:1]
        else:
            chosen = sorted(faces, key=_area, reverse=True)[:1]
        self._seen = {face.track_id: _Seen(face, seconds) for face in chosen}
        return chosen


def _area(face: Face) -> float:
    x0, y0, x1, y1 = face.box
    return (x1 - x0) * (y1 - y0)


def _overlap(a: Face, b: Face) -> float:
    """Intersection over union of two faces' boxes."""
    width = min(a.box[2], b.box[2]) - max(a.box[0], b.box[0])
    height = min(a.box[3], b.box[3]) - max(a.box[1], b.box[1])
    if width <= 0 or height <= 0:
        return 0.0
    return width * height / (_area(a) + _area(b) - width * height)
