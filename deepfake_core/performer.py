"""Which of the faces in the picture are replaced."""

from collections.abc import Sequence

from deepfake_core.facemesh.tracking import Face

GRACE_SECONDS = 1.0
"""How long a lost face may come back before another one, or none, takes its place."""


class PerformerChoice:
    """Chooses the faces to replace and notices when one of them is lost.

    One performer: the largest face is taken and kept for as long as it is there, so that a passer-by who steps closer
    does not take over. A performer who is lost for a moment is waited for: replacing somebody else at once could
    leave the performer's own face visible.
    """

    def __init__(self) -> None:
        self._seen: dict[int, tuple[float, Face]] = {}

    def reset(self) -> None:
        """Forget every face."""
        self._seen.clear()

    def choose(self, faces: Sequence[Face], seconds: float, *, all_faces: bool) -> list[Face]:
        """The faces to replace now; empty while there is none or one of the chosen is missing.

        `seconds` is the time of the frame; it may jump, which forgets every face.
        """
        if any(not 0 <= seconds - last <= GRACE_SECONDS for last, _ in self._seen.values()):
            self._seen = {
                track: (last, face)
                for track, (last, face) in self._seen.items()
                if 0 <= seconds - last <= GRACE_SECONDS
            }
        current = {face.track_id: face for face in faces}
        for track, (_, lost) in list(self._seen.items()):
            if track not in current:
                heir = next(
                    (face for face in faces if _overlap(face, lost) > 0.3 and face.track_id not in self._seen),
                    None,
                )
                if heir is None:
                    return []
                del self._seen[track]
                self._seen[heir.track_id] = (seconds, heir)
        if all_faces:
            chosen = list(faces)
        elif self._seen:
            chosen = [current[track] for track in self._seen][:1]
        else:
            chosen = sorted(faces, key=_area, reverse=True)[:1]
        self._seen = {face.track_id: (seconds, face) for face in chosen}
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
