"""Lays drawn heads into the frame: light, what stays before them, noise, and the seam."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from deepfake_core.compositing import seam
from deepfake_core.compositing.face import FaceMode
from deepfake_core.compositing.head import HeadMode
from deepfake_core.compositing.view import ComposedFace, DriverView, FaceAstray, Layer, SeenFace
from deepfake_core.frame import Frame
from deepfake_core.settings import Mode, Settings
from deepfake_core.swapping.swapper import DrawnHead
from deepfake_core.threads import Beside

_KEPT_SECONDS = 2.0
"""What was learned of a face is kept this long after it was last seen."""


@dataclass(frozen=True)
class Looked:
    """What a frame says of the faces that are going to be replaced."""

    replaced: Mode
    layers: list[Callable[[DrawnHead], list[Layer]]]
    """For each face what makes its layers, once it is drawn."""


class Compositor:
    """One for each pipeline; keeps what it learns of each face from frame to frame. One thread at a time."""

    def __init__(self) -> None:
        self._modes: dict[tuple[int, Mode], FaceMode | HeadMode] = {}
        self._seen: dict[tuple[int, Mode], float] = {}
        self._checked: dict[int, object] = {}

    def composite(self, frame: Frame, faces: Sequence[ComposedFace], settings: Settings) -> Mode:
        """Lay the faces into the frame in place, see `look` and `lay`. What was replaced."""
        with Beside("", threads=1) as beside:
            return self.lay(frame, self.look(frame, faces, settings, beside), [face.drawn for face in faces])

    def look(self, frame: Frame, faces: Sequence[SeenFace], settings: Settings, beside: Beside) -> Looked:
        """Measure the frame, as far as nothing has to be drawn for it; to be called for every frame, also with no face.

        beside: is given what may still be done while the faces are lit; it must stay entered until they are laid.
        Whole heads are replaced one at a time, and where a parsing tells the performer's head from the background:
        elsewhere it is the face alone.
        Raises ValueError for a place that is not a number; FaceAstray where the landmarks are not on the face.
        """
        whole = len(faces) == 1 and faces[0].drawn.head_mode and faces[0].parsing is not None
        replaced = Mode.HEAD if whole and settings.mode is Mode.HEAD else Mode.FACE
        if replaced is Mode.HEAD:
            # A whole head has a neck to meet, which follows; the performer's tone on another's head is nobody's.
            settings = settings.model_copy(update={"colour_match": 0.0})
        layers = []
        for face in faces:
            mode = self._mode(face.track_id, replaced, frame.timestamp_ns / 1e9)
            driver = DriverView(frame, face, settings)
            # Between two runs of the parser's network what it sees moves with the landmarks.
            mattes = face.parsing and face.parsing.mattes
            checked = self._checked.get(face.track_id)
            self._checked[face.track_id] = mattes
            if mattes is not checked and driver.astray:
                raise FaceAstray("The landmarks are not on the face that the parser sees.")
            layers.append(mode.look(driver, beside))
        return Looked(replaced, layers)

    def lay(self, frame: Frame, looked: Looked, drawn: Sequence[DrawnHead]) -> Mode:
        """Lay the faces that were looked at into the same frame, once each is drawn. What was replaced.

        All that is measured in the frame is measured before the first face is written: of faces side by side, one's
        surroundings show the other's. Pixels that no matte reaches stay bit-exact.
        Raises ValueError, before anything is written, where a face would be left as it is: a matte that covers nothing.
        """
        made = [layers(head) for layers, head in zip(looked.layers, drawn, strict=True)]
        for layer in (layer for layers in made for layer in layers):
            seam.lay(frame, layer)
        return looked.replaced

    def _mode(self, track_id: int, mode: Mode, seconds: float) -> FaceMode | HeadMode:
        for key, seen in list(self._seen.items()):
            if not 0 <= seconds - seen <= _KEPT_SECONDS:
                del self._seen[key], self._modes[key]
                self._checked.pop(key[0], None)
        key = track_id, mode
        self._seen[key] = seconds
        if key not in self._modes:
            self._modes[key] = HeadMode() if mode is Mode.HEAD else FaceMode()
        return self._modes[key]
