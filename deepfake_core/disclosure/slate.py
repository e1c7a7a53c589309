"""The picture shown instead of the camera's: the product's name, what is wrong and what cures it."""

import math
from collections.abc import Sequence
from functools import lru_cache

import cv2
import numpy as np

from deepfake_core.disclosure.labels import label_band
from deepfake_core.frame import Box, Colour, Frame, PixelFormat

_BACKGROUND = (52, 40, 34)
_TITLE_COLOUR = (255, 255, 255)
_TEXT_COLOUR = (222, 214, 208)
_BOLD, _REGULAR = 700, 400
_TITLE_SIZE = 1.5

# Size of the text: as a part of the middle square's side where it fits, and in pixels below which nobody reads it.
_LARGEST = 1 / 16
_LEAST_PX = 7
_SHRINK = 0.92
_MARGIN = 0.06

# Longer texts are cut: a slate holds sentences, not logs.
_MAX_CHARS = 400


def slate(frame: Frame, title: str, lines: Sequence[str]) -> None:
    """Overwrite the whole of ``frame`` with a calm picture of ``title`` and, below it, ``lines``.

    Nothing of the former picture stays and alpha is opaque. The text is wrapped and sized to fit the middle square
    clear of the label; what does not fit a tiny picture even at the least size is cut off at the bottom. A slate is
    drawn once for each layout and text, further ones are copies.
    """
    texts = (_one_line(title), *(_one_line(line) for line in lines))
    frame.copy_from(_drawn(frame.format, frame.width, frame.height, frame.colour, texts))


@lru_cache(maxsize=4)
def _drawn(pixel_format: PixelFormat, width: int, height: int, colour: Colour, texts: tuple[str, ...]) -> Frame:
    frame = Frame.allocate(pixel_format, width, height, colour)
    frame.fill(_BACKGROUND)
    box = _text_box(width, height)
    block = _text_block(box.width, box.height, texts)
    frame.blend(box, block, np.full(block.shape[:2], 255, np.uint8))
    return frame


def _text_box(width: int, height: int) -> Box:
    """The middle square without the bands at its top and bottom in which a label may stand."""
    side = min(width, height)
    across, along = round(_MARGIN * side), label_band(width, height)
    left, top = (width - side) // 2, (height - side) // 2
    return Box(left + across, top + along, left + side - across, top + side - along)


def _text_block(width: int, height: int, texts: tuple[str, ...]) -> np.ndarray:
    """uint8 (height, width, 3): the texts as large as they fit, in the middle of the height."""
    size = max(_LEAST_PX, round(width * _LARGEST))
    while (needed := _set(None, 0, width, texts, size)) > height and size > _LEAST_PX:
        size = max(_LEAST_PX, math.floor(size * _SHRINK))
    block = np.full((height, width, 3), _BACKGROUND, np.uint8)
    _set(block, max(0, (height - needed) // 2), width, texts, size)
    return block


def _set(block: np.ndarray | None, top: int, width: int, texts: tuple[str, ...], size: int) -> int:
    """Set the texts below each other from row ``top``, into ``block`` where that is given; the row below the last."""
    font = cv2.FontFace("sans")
    flags = cv2.PUT_TEXT_WRAP | cv2.PUT_TEXT_ORIGIN_TL
    for index, text in enumerate(texts):
        px, weight, colour = (
            (size, _REGULAR, _TEXT_COLOUR) if index else (round(size * _TITLE_SIZE), _BOLD, _TITLE_COLOUR)
        )
        area = cv2.getTextSize((width, 0), text, (0, top), font, px, weight, flags, (0, width))
        if block is not None:
            cv2.putText(block, text, (0, top), colour, font, px, weight, flags, (0, width))
        top += area[3] + size // 2
    return top - size // 2


def _one_line(text: str) -> str:
    """``text`` without line breaks and tabs, which the font has no signs for, and of bounded length."""
    line = " ".join(text.split())
    return line if len(line) <= _MAX_CHARS else line[: _MAX_CHARS - 1] + "\N{HORIZONTAL ELLIPSIS}"
