"""Hand-labelled masks of real people, and how well a parser meets them.

    .venv/bin/python -m tests.parsing.footage_masks [--best] [--overlays FOLDER]

prints the IoU of each frame; the overlays show real people and are for looking only.

`footage_masks.json` holds polygons of 41 frames of `../shared/footage` (8 clips with hands before the face, one with
turned heads, one portrait), drawn by hand on enlarged pictures, in px of the frame; pixel centres lie on whole
numbers. Each counts inside its `box` only, which ends 0.3 of the face's height below the chin: a hand before the
chest hides nothing of a head. Later polygons lie on earlier ones: neck, ear, face (skin with brows, eyes, nose, lips
and glasses, up to the hairline), hair, occluder (hands), and at last `ignore`, where a person could not say what it
is: blurred fingers, loose strands, dark hair on dark cloth. Where a head hardly moved from one frame to another, its
outlines were carried along and corrected by eye. They are good to about 2 px, of faces 60 px wide.
"""

from __future__ import annotations

import argparse
import hashlib
import json
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING

import cv2
import numpy as np

from deepfake_core.facemesh.tracking import FaceTracker
from deepfake_core.frame import Frame
from deepfake_core.parsing import classes
from deepfake_core.video_file import open_video

if TYPE_CHECKING:
    from deepfake_core.parsing.parser import FaceParser

FOOTAGE = Path(__file__).resolve().parents[3] / "shared/footage"
MASKS = Path(__file__).with_suffix(".json")
NAMES = ("nothing", "neck", "ear", "face", "hair", "occluder", "ignore")
JUDGED = {
    "face": (*classes.FACE, classes.Label.GLASSES),
    "hair": (classes.Label.HAIR,),
    "occluder": (classes.Label.OCCLUDER,),
}
"""Names of the masks that a parser is judged by, and its classes in them."""
LEAST_SHARE = 0.01
"""A mask that covers less of its frame's box has no IoU: a pixel more or less would decide."""
WARM_UP = 4
"""Frames before the labelled one that the parser sees, as it would live; even, so that the labelled one is parsed and
not only carried along."""


@dataclass(frozen=True)
class LabelledFrame:
    """Polygons of one frame."""

    clip: str
    number: int
    box: tuple[int, int, int, int]
    polygons: list[tuple[str, np.ndarray]]
    size: tuple[int, int]
    """Width, height."""

    def truth(self) -> np.ndarray:
        """uint8 (H, W), index into `NAMES`; `ignore` outside the box."""
        width, height = self.size
        labels = np.zeros((height, width), np.uint8)
        for name, points in self.polygons:
            cv2.fillPoly(labels, [np.round(points * 16).astype(np.int32)], NAMES.index(name), shift=4)
        x0, y0, x1, y1 = self.box
        outside = np.ones(labels.shape, np.bool_)
        outside[y0:y1, x0:x1] = False
        labels[outside] = NAMES.index("ignore")
        return labels


class FootageChanged(ValueError):
    """A clip is not the one that was labelled."""


def labelled_frames() -> list[LabelledFrame]:
    """All of them."""
    data = json.loads(MASKS.read_text(encoding="utf-8"))
    return [
        LabelledFrame(
            entry["clip"],
            entry["frame"],
            tuple(entry["box"]),
            [(name, np.array(points, np.float64)) for name, points in entry["polygons"]],
            (data["clips"][entry["clip"]]["width"], data["clips"][entry["clip"]]["height"]),
        )
        for entry in data["frames"]
    ]


@cache
def pictures(clip: str) -> list[np.ndarray]:
    """The clip's frames, uint8 (H, W, 3) BGR. Raises FootageChanged."""
    path = FOOTAGE / clip
    known = json.loads(MASKS.read_text(encoding="utf-8"))["clips"][clip]["sha256"]
    if hashlib.sha256(path.read_bytes()).hexdigest() != known:
        raise FootageChanged(f"{path} is not the clip that was labelled.")
    if path.suffix == ".jpeg":
        picture = cv2.imread(str(path), cv2.IMREAD_COLOR)
        assert picture is not None
        return [picture.astype(np.uint8)]
    container, stream = open_video(path)
    with container:
        return [frame.to_ndarray(format="bgr24") for frame in container.decode(stream)]


@cache
def followed(clip: str) -> list[np.ndarray | None]:
    """Landmarks of each frame up to the last labelled one, float32 (468, 3), as they would be live."""
    tracker = FaceTracker(max_faces=1, threads=2, provider="cpu")
    last = max(frame.number for frame in labelled_frames() if frame.clip == clip)
    found = []
    for number, picture in enumerate(pictures(clip)[: last + 1]):
        faces = tracker.update(_frame(picture, number), _time_ns(number))
        found.append(faces[0].landmarks if faces else None)
    return found


def _time_ns(number: int) -> int:
    return (number + 1) * 33_333_333


def _frame(picture: np.ndarray, number: int) -> Frame:
    return Frame.from_bgr(picture, timestamp_ns=_time_ns(number))


def parsed(labelled: LabelledFrame, parser: FaceParser) -> np.ndarray | None:
    """uint8 (H, W), the parser's `Label`, 255 beyond its crop; None where no face is found."""
    parser.reset()
    clip, landmarks = pictures(labelled.clip), followed(labelled.clip)
    parsing = None
    for number in range(max(0, labelled.number - WARM_UP), labelled.number + 1):
        found = landmarks[number]
        parsing = None if found is None else parser.parse(_frame(clip[number], number), found, 0)
    if parsing is None:
        return None
    return cv2.warpAffine(
        parsing.labels, parsing.crop_to_frame, labelled.size, flags=cv2.INTER_NEAREST, borderValue=255
    ).astype(np.uint8)


def scores(output: np.ndarray, truth: np.ndarray) -> dict[str, float]:
    """IoU of each judged mask, 0..1; NaN where the truth shows too little of it.

    output: uint8 (H, W) from `parsed`; truth: uint8 (H, W) from `LabelledFrame.truth`.
    """
    known = (truth != NAMES.index("ignore")) & (output != 255)
    result = {}
    for name, labels in JUDGED.items():
        there = (truth == NAMES.index(name)) & known
        said = np.isin(output, labels) & known
        enough = there.sum() >= LEAST_SHARE * known.sum()
        result[name] = float((there & said).sum() / (there | said).sum()) if enough else float("nan")
    return result


def judge(parser: FaceParser) -> Iterator[tuple[LabelledFrame, np.ndarray, dict[str, float]]]:
    """Each labelled frame, the parser's labels of it (255 where it was not asked), and its scores."""
    for labelled in labelled_frames():
        output = parsed(labelled, parser)
        if output is None:  # a face that is not found is not parsed
            output = np.full(labelled.size[::-1], 255, np.uint8)
            yield labelled, output, dict.fromkeys(JUDGED, 0.0)
        else:
            yield labelled, output, scores(output, labelled.truth())


def means(table: list[dict[str, float]]) -> dict[str, float]:
    """Mean over the frames that show a mask."""
    return {name: float(np.nanmean([row[name] for row in table])) for name in JUDGED}


def overlay(labelled: LabelledFrame, output: np.ndarray) -> np.ndarray:
    """The box, enlarged: the parser's classes as colours, the polygons as lines. uint8 (H, W, 3) BGR."""
    x0, y0, x1, y1 = labelled.box
    palette = np.zeros((256, 3), np.uint8)
    palette[: len(classes.PALETTE_BGR)] = classes.PALETTE_BGR
    picture = pictures(labelled.clip)[labelled.number][y0:y1, x0:x1]
    factor = 480 / (x1 - x0)
    size = (480, round((y1 - y0) * factor))
    coloured = cv2.resize(palette[output[y0:y1, x0:x1]], size, interpolation=cv2.INTER_NEAREST)
    drawn = cv2.addWeighted(cv2.resize(picture, size, interpolation=cv2.INTER_CUBIC), 0.6, coloured, 0.4, 0)
    for name, points in labelled.polygons:
        outline = np.round((points - [x0, y0] + 0.5) * factor).astype(np.int32)
        colour = (128, 128, 128) if name == "ignore" else (255, 255, 255)
        cv2.polylines(drawn, [outline], True, colour, 1, cv2.LINE_AA)
    return drawn.astype(np.uint8)


def main() -> None:
    """The command."""
    from deepfake_core.parsing.parser import FaceParser

    arguments = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    arguments.add_argument("--overlays", type=Path, help="folder for enlarged pictures to look at")
    arguments.add_argument("--best", action="store_true", help="the larger network with the fine crop")
    options = arguments.parse_args()
    table = []
    for labelled, output, row in judge(FaceParser(threads=2, provider="cpu", fine=options.best)):
        table.append(row)
        figures = "  ".join(f"{name} {value:.3f}" for name, value in row.items())
        print(f"{labelled.clip:24s} {labelled.number:4d}  {figures}")
        if options.overlays:
            options.overlays.mkdir(parents=True, exist_ok=True)
            name = f"{Path(labelled.clip).stem}_{labelled.number:03d}.png"
            cv2.imwrite(str(options.overlays / name), overlay(labelled, output))
    print("mean  " + "  ".join(f"{name} {value:.3f}" for name, value in means(table).items()))


if __name__ == "__main__":
    main()
