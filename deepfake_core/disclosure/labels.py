"""The visible label: what it looks like and where it stands.

EU AI Act, Art. 50, and the Commission's Code of Practice on marking: text with a capital "AI" (or the language's
own abbreviation) as the main element, in an unobstructed place, top right suggested.
"""

import logging
import math
from functools import lru_cache

import cv2
import numpy as np

from deepfake_core.disclosure.languages import LANGUAGES
from deepfake_core.inference.manifest import Manifest, ModelError
from deepfake_core.pixel_format import Box

__all__ = ["CORNERS", "LANGUAGES", "label_band", "label_box", "label_picture"]

CORNERS = ("top_right", "top_left", "bottom_right", "bottom_left")

PLATE_HEIGHT = 0.085
"""Height of the plate, as a part of the picture's; capitals take 0.6 of it, so they are 5 % of the picture."""

_SMALLEST_PLATE = 16
_MARGIN = 0.025
# A picture narrower than the label is wide gets a lower one: nothing of it may leave the middle square.
_WIDEST = 0.95

_log = logging.getLogger(__name__)


def label_box(width: int, height: int, corner: str, language: str) -> Box:
    """Where the label stands in a ``width`` x ``height`` picture: inside its middle square, on even pixels."""
    side = min(width, height)
    plate = _plate(language)
    aspect = plate.shape[1] / plate.shape[0]
    wanted = max(height * PLATE_HEIGHT, _SMALLEST_PLATE)
    label_height = min(wanted, side * _WIDEST / aspect)
    label_width = label_height * aspect
    margin = min(_MARGIN * side, (side - label_width) / 2)
    left, top = (width - side) / 2 + margin, (height - side) / 2 + margin
    right, bottom = width - left, height - top
    x0 = _even(left if corner.endswith("left") else right - label_width)
    y0 = _even(bottom - label_height if corner.startswith("bottom") else top)
    return Box(x0, y0, x0 + max(2, _even(label_width)), y0 + max(2, _even(label_height)))


def label_band(width: int, height: int) -> int:
    """Rows at the top and at the bottom of the middle square in which a label may stand, in any language."""
    side = min(width, height)
    # Rounding to even pixels takes up to two.
    return math.ceil(_MARGIN * side + min(max(height * PLATE_HEIGHT, _SMALLEST_PLATE), side / 4)) + 2


@lru_cache(maxsize=32)
def label_picture(width: int, height: int, corner: str, language: str) -> tuple[Box, np.ndarray, np.ndarray]:
    """The label of such a picture: its box, uint8 (h, w, 3) BGR and uint8 (h, w) matte; read only, cached."""
    box = label_box(width, height, corner, language)
    plate = cv2.resize(_plate(language), (box.width, box.height), interpolation=cv2.INTER_AREA)
    bgr = cv2.cvtColor(plate, cv2.COLOR_GRAY2BGR)
    matte = np.full_like(plate, 255)
    bgr.flags.writeable = matte.flags.writeable = False
    return box, bgr, matte


@lru_cache(maxsize=32)
def _plate(language: str) -> np.ndarray:
    """uint8 (h, w) grey master of the language's plate, larger than any label; English for an unknown language.

    Where its file is missing or damaged it is drawn with OpenCV's stroke font, in English: a label there must be.
    """
    code = language if language in LANGUAGES else "en"
    try:
        data = Manifest.load().read(f"labels/{code}.png")
    except ModelError as error:
        _log.warning("%s The label is drawn plainly in English until then.", error)
        return _plain_plate()
    return np.asarray(cv2.imdecode(np.frombuffer(data, np.uint8), cv2.IMREAD_GRAYSCALE), np.uint8)


def _plain_plate() -> np.ndarray:
    text, font, scale, thickness = LANGUAGES["en"].text, cv2.FONT_HERSHEY_SIMPLEX, 7.0, 24
    (width, capitals), _ = cv2.getTextSize(text, font, scale, thickness)
    height = round(capitals / 0.6)
    plate = np.zeros((height, width + height // 2), np.uint8)
    cv2.putText(plate, text, (height // 4, (height + capitals) // 2), font, scale, 255, thickness, cv2.LINE_AA)
    return plate


def _even(value: float) -> int:
    return int(value) // 2 * 2
