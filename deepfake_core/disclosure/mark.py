"""The pipeline's last stage: the only place where a MarkedFrame can come from."""

from typing import NoReturn, final

from deepfake_core.disclosure.labels import CORNERS, label_picture
from deepfake_core.disclosure.languages import LANGUAGES
from deepfake_core.frame import Frame

_MADE_HERE = object()


@final
class MarkedFrame:
    """A frame that carries the label. Only ``Disclosure.mark`` makes one; whatever shows pictures asks for it."""

    __slots__ = ("_frame",)

    def __init__(self, frame: Frame, made_here: object = None):
        if made_here is not _MADE_HERE:
            raise TypeError("A MarkedFrame is made by Disclosure.mark() alone, which draws the label.")
        self._frame = frame

    def __init_subclass__(cls) -> NoReturn:
        raise TypeError("MarkedFrame has no subclasses: they could skip the label.")

    @property
    def frame(self) -> Frame:
        """The labelled picture."""
        return self._frame


class Disclosure:
    """Draws the label. It has no switch: a corner and a language are all that can be chosen."""

    def __init__(self, corner: str = "top_right", language: str = "en"):
        """Keep corner and language; an unknown one becomes top right or English, for a label there must be."""
        self._corner = str(corner) if corner in CORNERS else CORNERS[0]
        self._language = language if language in LANGUAGES else "en"

    def mark(self, frame: Frame) -> MarkedFrame:
        """Draw the label into ``frame``, in place."""
        frame.blend(*label_picture(frame.width, frame.height, self._corner, self._language))
        return MarkedFrame(frame, _MADE_HERE)
