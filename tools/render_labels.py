"""Make models/labels/*.png: the label's plate in every language, as grey pictures.

    python3 tools/render_labels.py [--font DejaVuSansCondensed-Bold.ttf]

They are made beforehand so that Greek and Cyrillic look alike with every OpenCV, font or system, and a detector
knows every pixel. DejaVu Sans Condensed Bold (Debian: fonts-dejavu-extra) is free and has every letter needed.
"""

from __future__ import annotations

from environment import run_inside

run_inside("cpu")

import argparse
import sys
from pathlib import Path

import cv2
import numpy as np

from deepfake_core.disclosure.languages import LANGUAGES, LabelText
from deepfake_core.inference.manifest import MODELS_DIR, Manifest

FONT = Path("/usr/share/fonts/truetype/dejavu/DejaVuSansCondensed-Bold.ttf")
# As high as the label of the largest picture (4096 px), so that it is only ever reduced.
PLATE_HEIGHT = 348
CAPITALS = 0.6
BLACK, WHITE = 0, 255


def main() -> int:
    """Draw and list every plate."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--font", type=Path, default=FONT)
    font_path = parser.parse_args().font
    if not font_path.is_file():
        print(f"The font {font_path} is missing: apt-get install fonts-dejavu-extra.", file=sys.stderr)
        return 1
    font = cv2.FontFace(str(font_path))
    folder = MODELS_DIR / "labels"
    folder.mkdir(parents=True, exist_ok=True)
    for code, label in LANGUAGES.items():
        path = folder / f"{code}.png"
        if not cv2.imwrite(str(path), plate(label, font), [cv2.IMWRITE_PNG_COMPRESSION, 9]):
            print(f"{path} cannot be written: check the folder's permissions.", file=sys.stderr)
            return 1
        Manifest.add(
            path,
            licence="Apache-2.0",
            made_by="python3 tools/render_labels.py",
            source="Own drawing with the font DejaVu Sans Condensed Bold 2.37 (Bitstream Vera licence)",
        )
    return 0


def plate(label: LabelText, font: cv2.FontFace) -> np.ndarray:
    """uint8 (PLATE_HEIGHT, w) grey: the abbreviation black on a white block, the word white on black."""
    size = font_size(font)
    mark, word = ink(label.mark, font, size), ink(label.word, font, size)
    padding = round(PLATE_HEIGHT * 0.2)
    border = round(PLATE_HEIGHT * 0.06)
    picture = np.full((PLATE_HEIGHT, mark.shape[1] + word.shape[1] + 4 * padding + border), BLACK, np.uint8)
    block = picture[border:-border, border : border + mark.shape[1] + 2 * padding]
    block[:] = WHITE
    block[:, padding:-padding] = WHITE - mark[border:-border]
    picture[:, border + mark.shape[1] + 3 * padding : -padding] = word
    return picture


def font_size(font: cv2.FontFace) -> int:
    """Size at which capitals are CAPITALS of the plate."""
    probe = 1000
    canvas = np.zeros((2 * probe, 2 * probe), np.uint8)
    cv2.putText(canvas, "H", (probe // 2, 3 * probe // 2), (WHITE,), font, probe, 0)
    return round(probe * CAPITALS * PLATE_HEIGHT / np.count_nonzero(canvas.max(1) > WHITE // 2))


def ink(text: str, font: cv2.FontFace, size: int) -> np.ndarray:
    """uint8 (PLATE_HEIGHT, w) white on black, cut to the letters' width, capitals in the middle of the height."""
    canvas = np.zeros((PLATE_HEIGHT, len(text) * size * 2), np.uint8)
    baseline = round(PLATE_HEIGHT * (1 + CAPITALS) / 2)
    cv2.putText(canvas, text, (size // 2, baseline), (WHITE,), font, size, 0)
    columns = np.flatnonzero(canvas.max(0) > WHITE // 8)
    return canvas[:, columns[0] : columns[-1] + 1]


if __name__ == "__main__":
    sys.exit(main())
