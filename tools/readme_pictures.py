"""Takes the README's pictures out of a real OBS: the emulated camera plays the bundled clip, OBS does the rest.

    python3 tools/readme_pictures.py     writes docs/pictures/live.jpg and properties.png

Needs what tools/test.py installs (OBS, Xvfb, ImageMagick, a C compiler).
"""

from environment import REPOSITORY, run_inside

run_inside("cpu")

import argparse
import subprocess
import sys
import tempfile
import time
from itertools import islice
from pathlib import Path

import cv2
import numpy as np

sys.path.append(str(REPOSITORY / "tests" / "obs"))
from check_recording import frames
from obs_footage import BLOCK, number, numbered, write_camera
from obs_harness import PROPERTIES, Harness

CLIP = REPOSITORY / "models" / "performer.mp4"
MOMENTS = 3
# The properties from the identity to the status, without scrolling: little preview, much form.
TALL = f"""
for window in QtWidgets.QApplication.topLevelWidgets():
    if window.isVisible() and window.windowTitle() == {PROPERTIES!r}:
        window.setGeometry(20, 30, 900, 940)
        for splitter in window.findChildren(QtWidgets.QSplitter):
            if splitter.orientation() == QtCore.Qt.Orientation.Vertical:
                splitter.setSizes([260, 680])
"""


def side_by_side(camera: list[np.ndarray], output: list[np.ndarray]) -> np.ndarray:
    """Rows of camera and virtual camera at moments spread over the run; without the rows that hold the number."""
    known = [(index, frame) for frame in output if (index := number(frame)) is not None and index < len(camera)]
    if len(known) < MOMENTS:
        raise RuntimeError("too few frames came out of the virtual camera")
    rows = []
    for place in np.linspace(len(known) // 4, len(known) - 1, MOMENTS).astype(int):
        index, frame = known[place]
        kept = frame.shape[0] - 3 * BLOCK
        rows.append(np.hstack([camera[index][:kept], frame[:kept]]))
    return np.vstack(rows)


def save(path: Path, picture: np.ndarray) -> None:
    """Writes a JPEG or PNG."""
    path.parent.mkdir(parents=True, exist_ok=True)
    options = [cv2.IMWRITE_JPEG_QUALITY, 88] if path.suffix == ".jpg" else []
    if not cv2.imwrite(str(path), picture, options):
        raise RuntimeError(f"{path} could not be written")
    print(f"Wrote {path}")


def main() -> None:
    """The command."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--clip", type=Path, default=CLIP, help="video that the camera plays")
    parser.add_argument("--folder", type=Path, default=REPOSITORY / "docs" / "pictures")
    options = parser.parse_args()
    camera = numbered(list(islice(frames(options.clip), 300)))
    with tempfile.TemporaryDirectory() as scratch:
        folder = Path(scratch)
        with Harness(folder, camera=write_camera(folder, "YUYV", camera), virtual_camera=True) as obs:
            obs.wait_for_swapped(30)
            time.sleep(len(camera) / 30)
            obs.open_properties()
            obs.execute(TALL)
            time.sleep(3)  # the status text refreshes once a second
            dialog = folder / "dialog.png"
            subprocess.run(["import", "-display", obs.display, "-window", PROPERTIES, str(dialog)], check=True)
            obs.close()
        save(options.folder / "live.jpg", side_by_side(camera, list(obs.virtual_frames())))
        picture = cv2.imread(str(dialog))
        if picture is None:
            raise RuntimeError("ImageMagick took no picture of the dialog")
        save(options.folder / "properties.png", picture)


if __name__ == "__main__":
    main()
