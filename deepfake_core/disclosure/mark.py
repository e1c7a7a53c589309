"""The pipeline's last stage: the only place where a MarkedFrame can come from."""

from typing import NoReturn, final

from deepfake_core.disclosure.labels import CORNERS, label_picture
from deepfake_core.disclosure.languages import LANGUAGES
from deepfake_core.disclosure.watermark import Watermark
from deepfake_core.frame import Frame

_MADE_HERE = object()


@final
class MarkedFrame:
    """A frame that carries label and watermark. Only ``Disclosure.mark`` makes one; what shows pictures asks for it."""

    __slots__ = ("_frame",)

    def __init__(self, frame: Frame, made_here: object = None):
        if made_here is not _MADE_HERE:
            raise TypeError("A MarkedFrame is made by Disclosure.mark() alone, which draws label and watermark.")
        self._frame = frame

    def __init_subclass__(cls) -> NoReturn:
        raise TypeError("MarkedFrame has no subclasses: they could skip the marks.")

    @property
    def frame(self) -> Frame:
        """The marked picture."""
        return self._frame


class Disclosure:
    """Draws the label and adds the watermark. It has no switch: corner, language and record are all it is told."""

    def __init__(self, corner: str = "top_right", language: str = "en", *, record: int = 0):
        """Keep the arguments; an unknown corner or language becomes top right or English, for a label there must be.

        record: the short id of the consent record of the identity that the frames show; 0 where they show none.
        """
        self._corner = str(corner) if corner in CORNERS else CORNERS[0]
        self._language = language if language in LANGUAGES else "en"
        self._watermark = Watermark(record)

    def mark(self, frame: Frame) -> MarkedFrame:
        """Draw the label into ``frame`` and add the watermark to it, in place."""
        frame.blend(*label_picture(frame.width, frame.height, self._corner, self._language))
        self._watermark.add(frame)
        return MarkedFrame(frame, _MADE_HERE)
