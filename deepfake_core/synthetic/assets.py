"""Where the free assets of the synthetic people live, and reading their pictures."""

from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np
import numpy.typing as npt

REPOSITORY = Path(__file__).resolve().parents[2]
DEFAULT_ASSETS = REPOSITORY.parent / "shared" / "assets"


class AssetsMissing(FileNotFoundError):
    """The assets folder, or a file in it, is not there."""


def find_assets(folder: Path | None = None) -> Path:
    """Return the assets folder; raise `AssetsMissing` when it does not hold MakeHuman's base mesh."""
    folder = DEFAULT_ASSETS if folder is None else folder
    if not (folder / "makehuman" / "3dobjs" / "base.obj").is_file():
        raise AssetsMissing(
            f"The assets folder {folder} holds no makehuman/3dobjs/base.obj: give the folder with --assets."
        )
    return folder


def read_image(path: Path, max_side: int) -> npt.NDArray[np.uint8]:
    """Read a picture as uint8 BGR or BGRA, (H, W, 3|4), its longer side at most `max_side` px."""
    image = cv2.imread(str(path), cv2.IMREAD_UNCHANGED)
    if image is None:
        raise AssetsMissing(f"The asset {path} is missing or is no picture: restore the assets folder.")
    if image.dtype == np.uint16:
        image = (image // 256).astype(np.uint8)
    if image.ndim == 2:
        image = cv2.cvtColor(image, cv2.COLOR_GRAY2BGR)
    scale = max_side / max(image.shape[:2])
    if scale < 1:
        image = cv2.resize(image, None, fx=scale, fy=scale, interpolation=cv2.INTER_AREA)
    return image.astype(np.uint8)
