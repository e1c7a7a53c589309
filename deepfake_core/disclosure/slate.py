"""The picture shown instead of the camera's: the product's name, what is wrong and what cures it."""

import math
from collections.abc import Sequence
from functools import lru_cache
from typing import NamedTuple

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
_LEAST_PX = 6
_SHRINK = 0.92
_MARGIN = 0.06
_GAP = 0.02
_DRAWN_WIDTH = 600

# Of a row, as parts of its text's size: capitals and accents above the baseline, the row, the last of a paragraph.
_ASCENT = 0.95
_LEADING = 1.25
_PARAGRAPH = 1.6

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
    across, along = round(_MARGIN * side), label_band(width, height) + round(_GAP * side)
    left, top = (width - side) // 2, (height - side) // 2
    return Box(left + across, top + along, left + side - across, top + side - along)


def _text_block(width: int, height: int, texts: tuple[str, ...]) -> np.ndarray:
    """uint8 (height, width, 3): the texts as large as they fit, in the middle of the height."""
    # A font of its own: workers draw their slates at the same time, and OpenCV does not promise to share one safely.
    font = cv2.FontFace("sans")
    # OpenCV sets letters on whole pixels: small ones collide unless they are drawn large and reduced.
    factor = math.ceil(_DRAWN_WIDTH / width)
    width, height, least = width * factor, height * factor, _LEAST_PX * factor
    size = max(least, round(width * _LARGEST))
    while _height(rows := _rows(font, texts, width, size)) > height and size > least:
        size = max(least, math.floor(size * _SHRINK))
    block = np.full((height, width, 3), _BACKGROUND, np.uint8)
    top = max(0, (height - _height(rows)) // 2)
    for row in rows:
        baseline = top + round(_ASCENT * row.size)
        cv2.putText(block, row.text, (0, baseline), row.colour, font, row.size, row.weight)
        top += row.height
    return cv2.resize(block, (width // factor, height // factor), interpolation=cv2.INTER_AREA)


class _Row(NamedTuple):
    text: str
    size: int
    height: int
    weight: int
    colour: tuple[int, int, int]


def _rows(font: cv2.FontFace, texts: tuple[str, ...], width: int, size: int) -> list[_Row]:
    rows = []
    for index, text in enumerate(texts):
        px, weight, colour = (
            (size, _REGULAR, _TEXT_COLOUR) if index else (round(size * _TITLE_SIZE), _BOLD, _TITLE_COLOUR)
        )
        wrapped = _wrapped(font, text, width, px, weight)
        rows += [_Row(part, px, round(px * _LEADING), weight, colour) for part in wrapped]
        rows[-1] = rows[-1]._replace(height=round(px * _PARAGRAPH))
    return rows


def _height(rows: list[_Row]) -> int:
    return sum(row.height for row in rows)


def _wrapped(font: cv2.FontFace, text: str, width: int, size: int, weight: int) -> list[str]:
    """``text`` in rows at most ``width`` px wide, broken between words and, where one is longer, inside it."""
    rows = [""]
    for word in text.split(" "):
        longer = f"{rows[-1]} {word}".strip()
        if _width(font, longer, size, weight) <= width:
            rows[-1] = longer
            continue
        if rows[-1]:
            rows.append("")
        for letter in word:
            if rows[-1] and _width(font, rows[-1] + letter, size, weight) > width:
                rows.append("")
            rows[-1] += letter
    return rows


def _width(font: cv2.FontFace, text: str, size: int, weight: int) -> int:
    return int(cv2.getTextSize((0, 0), text, (0, 0), font, size, weight)[2])


def _one_line(text: str) -> str:
    """``text`` without line breaks and tabs, which the font has no signs for, and of bounded length."""
    line = " ".join(text.split())
    return line if len(line) <= _MAX_CHARS else line[: _MAX_CHARS - 1] + "\N{HORIZONTAL ELLIPSIS}"
