"""What a face does in a picture, read by the same eyes in driver and output, and how well the two agree."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import cv2
import numpy as np

from deepfake_core.evaluation.expression import FaceReader, interocular_distance
from deepfake_core.facemesh import topology
from deepfake_core.frame import Frame
from deepfake_core.parsing.parser import FaceParser
from deepfake_core.parsing.parsing import Parsing
from deepfake_core.swapping.alignment import RIGID, Pose, fit_pose
from deepfake_core.swapping.expression import corners
from deepfake_core.swapping.gaze import GazeReader
from deepfake_core.swapping.retargeting import openings

LEAST = {
    "mouth": 0.02,
    "smile": 0.05,
    "eye_left": 0.025,
    "eye_right": 0.025,
    "gaze": 4.0,
    "yaw": 3.0,
    "pitch": 3.0,
}
"""What is compared, and the standard deviation that a driver's readings need for it to have moved: openings in widths
of mouth or eye, the smile in cm, degrees. About three times the noise of the readings of a face that keeps still."""
SHAPES = ("nose_length", "nose_width", "chin_length", "eye_distance")
_LEAST_FRAMES = 15
_ASTRAY = 0.35
"""Mean distance of the landmarks that no expression moves, in eye distances, at which two readings are not of one
face."""
_CALM_YAW, _CALM_MOUTH = 25.0, 0.1
_SHAPE_ENDS = (([168], [1]), ([98], [327]), ([17], [152]), ([33, 133], [362, 263]))
_LIPS = (13, 14)
"""The middles of the upper and of the lower lip, inside."""
_BY_POSE = np.array(
    [[-0.005, 0.050, -0.101], [-0.024, 0.007, -0.175], [-0.410, 0.319, -0.057], [-0.078, 0.014, -0.080]]
)
"""By how many cm FaceMesh reads each of `SHAPES` longer on a head that nods by 20 degrees, for the square of that, and
on one that turns by 20 degrees: least squares over 2,263 rendered people, each shape and pose drawn by itself."""
Readings = dict[str, np.ndarray]
"""Float64 (F,) for each name in `LEAST` and `SHAPES`, and `scale`, px per cm of the canonical head; NaN where it cannot
be read; and `landmarks` (F, 468, 3), px."""


_PARTS = {
    ("mouth", "smile"): topology.LIPS_OUTER,
    ("eye_left", "gaze"): topology.LEFT_EYE,
    ("eye_right", "gaze"): topology.RIGHT_EYE,
}
_HIDDEN = 0.25
"""Share of a part's outline behind a hand or thing from which on nothing can be read of it."""


class MovementReader:
    """Reads the frames of one clip, in order."""

    def __init__(self, parser: FaceParser | None = None) -> None:
        """parser: finds hands and things before the face; what they hide is not read. None reads all."""
        self._find = FaceReader()
        self._parser = parser
        self._gaze = GazeReader(threads=1, provider="cpu")
        self._rows: list[dict[str, np.ndarray | float]] = []

    def read(self, bgr: np.ndarray, timestamp_ns: int) -> None:
        """Read one more frame, uint8 (H, W, 3) BGR."""
        landmarks = self._find(bgr, timestamp_ns)
        row: dict[str, np.ndarray | float] = dict.fromkeys([*LEAST, *SHAPES, "scale"], float("nan"))
        row["landmarks"] = np.full((468, 3), np.nan) if landmarks is None else landmarks
        if landmarks is not None:
            pose = fit_pose(landmarks)
            row |= _expression(pose, landmarks)
            frame = Frame.from_bgr(bgr, timestamp_ns)
            row["gaze"] = float(self._gaze.still(frame, landmarks, pose)[0, 0])
            if self._parser is not None:
                parsing = self._parser.parse(frame, landmarks, 0)
                row |= dict.fromkeys(_hidden(parsing, landmarks), float("nan"))
        self._rows.append(row)

    @property
    def last(self) -> np.ndarray | None:
        """Landmarks (468, 3), px, of the last frame read; None where it shows no face."""
        landmarks = np.asarray(self._rows[-1]["landmarks"])
        return landmarks if np.isfinite(landmarks).all() else None

    def readings(self) -> Readings:
        """Of all frames so far."""
        return {name: np.array([row[name] for row in self._rows]) for name in self._rows[0]}


def _expression(pose: Pose, landmarks: np.ndarray) -> dict[str, np.ndarray | float]:
    head = pose.to_head(landmarks)
    right, left, mouth = openings(head)[:3]
    shape = [float(np.linalg.norm(head[a].mean(0) - head[b].mean(0))) for a, b in _SHAPE_ENDS]
    return {
        "mouth": mouth,
        "smile": corners(head),
        "eye_left": left,
        "eye_right": right,
        "yaw": pose.yaw_degrees,
        "pitch": pose.pitch_degrees,
        "scale": pose.scale,
        **dict(zip(SHAPES, shape, strict=True)),
    }


def _hidden(parsing: Parsing, landmarks: np.ndarray) -> list[str]:
    """The names of what cannot be read of a face with these landmarks, px of the frame."""
    to_crop = cv2.invertAffineTransform(parsing.crop_to_frame)
    places = np.round(landmarks[:, :2] @ to_crop[:, :2].T + to_crop[:, 2]).astype(int)
    x, y = np.clip(places, 0, np.array(parsing.occluder.shape[::-1]) - 1).T
    shares = parsing.occluder[y, x] / 255.0
    return [name for names, loop in _PARTS.items() if shares[list(loop)].mean() > _HIDDEN for name in names]


def followed(driver: Readings, output: Readings) -> Readings:
    """`output` without the frames in which what was read in it is no face where the driver's is.

    Behind a hand FaceMesh takes hold of anything; how that moves says nothing about the swap.
    """
    apart = np.linalg.norm((output["landmarks"] - driver["landmarks"])[:, RIGID, :2], axis=-1).mean(1)
    unit = np.array([interocular_distance(face) for face in driver["landmarks"]])
    lost = ~(apart < _ASTRAY * unit)
    return {
        name: np.where(lost.reshape(-1, *(1,) * (values.ndim - 1)), np.nan, values) for name, values in output.items()
    }


def moved(driver: Readings, output: Readings, name: str) -> np.ndarray:
    """The frames bool (F,) in which `name` can be compared; none of them where the driver hardly moves that part."""
    both = np.isfinite(driver[name]) & np.isfinite(output[name])
    return both & (both.sum() >= _LEAST_FRAMES and driver[name][both].std() >= LEAST[name])


def agreement(clips: Sequence[tuple[Readings, Readings]], name: str) -> float:
    """Correlation of output with driver over all clips in which the driver moves; NaN where none does.

    Each clip is taken against its own means: what differs between people is no movement.
    """
    columns: list[np.ndarray] = []
    for driver, output in clips:
        rows = moved(driver, output, name)
        if rows.any():
            pair = np.stack([driver[name][rows], output[name][rows]])
            columns.append(pair - pair.mean(1, keepdims=True))
    return _correlation(*np.concatenate(columns, axis=1)) if columns else float("nan")


def mouth_error(clips: Sequence[tuple[Readings, Readings]]) -> float:
    """Mean difference of the gap between the lips in output and driver, cm of a head fitted to each; NaN for no frame.

    Unlike `agreement` it knows how far a mouth opens, and where it is shut, in drivers that hardly move it as well.
    """
    differences = [np.abs(_gap(output) - _gap(driver)) for driver, output in clips]
    found = np.concatenate([each[np.isfinite(each)] for each in differences])
    return float(found.mean()) if found.size else float("nan")


def _gap(readings: Readings) -> np.ndarray:
    """Between the lips (F,), cm; NaN where they are hidden."""
    upper, lower = (readings["landmarks"][:, end, :2] for end in _LIPS)
    gap = np.linalg.norm(upper - lower, axis=-1) / readings["scale"]
    return np.where(np.isfinite(readings["mouth"]), gap, np.nan)


def jerk(clips: Sequence[tuple[Readings, Readings]]) -> float:
    """Mean second difference of the output's landmarks over that of the driver's, each in its own eye distance."""
    bends = np.zeros(2)
    for pair in clips:
        found = [side["landmarks"] for side in pair]
        second = np.stack([np.linalg.norm((f[:-2] - 2 * f[1:-1] + f[2:])[..., :2], axis=-1).mean(1) for f in found])
        unit = np.array([[interocular_distance(face) for face in f[1:-1]] for f in found])
        bend = second / unit
        bends += bend[:, np.isfinite(bend).all(0)].sum(1)
    return float(bends[1] / bends[0]) if bends[0] else float("nan")


def shape_leak(clips: Sequence[tuple[Readings, Readings]], *, drivers_unit: bool = False) -> dict[str, float]:
    """Correlation over clips of the output's lengths with the driver's, for each of `SHAPES`; NaN for under 5 clips.

    A clip's length is the median over its calm frames: frontal, lips together. Each face's unit is a head fitted to its
    landmarks, among them the outline; with drivers_unit both have the driver's: a face swapped into a driver's head has
    the driver's size, and its outline may stay the driver's own.
    """
    return _over_clips(clips, _correlation, drivers_unit=drivers_unit)


def shape_share(clips: Sequence[tuple[Readings, Readings]]) -> dict[str, float]:
    """Of each cm by which a driver's length differs from others', how much stands in the output; as `shape_leak`.

    What FaceMesh's lengths owe to nod and turn is taken out of both: an output nods as its driver does. Unlike a
    correlation this is small for an output whose lengths hardly vary.
    """
    return _over_clips(clips, _slope, level=True)


def _over_clips(
    clips: Sequence[tuple[Readings, Readings]],
    compare: Callable[[np.ndarray, np.ndarray], float],
    *,
    drivers_unit: bool = False,
    level: bool = False,
) -> dict[str, float]:
    rows = []
    for driver, output in clips:
        calm = (np.abs(driver["yaw"]) < _CALM_YAW) & (driver["mouth"] < _CALM_MOUTH) & np.isfinite(output["yaw"])
        if calm.any():
            unit = output["scale"][calm] / driver["scale"][calm] if drivers_unit else 1.0
            sides = _shapes(driver, calm, level=level), _shapes(output, calm, level=level) * unit
            rows.append([np.median(side, axis=1) for side in sides])
    if len(rows) < 5:
        return dict.fromkeys(SHAPES, float("nan"))
    table = np.array(rows)
    return {name: compare(*table[:, :, k].T) for k, name in enumerate(SHAPES)}


def _shapes(readings: Readings, frames: np.ndarray, *, level: bool) -> np.ndarray:
    """Lengths of `SHAPES` (4, F), cm; with level as on a head that neither nods nor turns."""
    lengths = np.stack([readings[name][frames] for name in SHAPES])
    if not level:
        return lengths
    nod, turn = readings["pitch"][frames] / 20, np.abs(readings["yaw"][frames]) / 20
    return lengths - _BY_POSE @ np.stack([nod, nod**2, turn])


def _correlation(driver: np.ndarray, output: np.ndarray) -> float:
    """NaN where either stands still."""
    if driver.std() < 1e-9 or output.std() < 1e-9:
        return float("nan")
    return float(np.corrcoef(driver, output)[0, 1])


def _slope(driver: np.ndarray, output: np.ndarray) -> float:
    """NaN where the driver stands still."""
    return float(np.cov(driver, output)[0, 1] / np.var(driver, ddof=1)) if driver.std() > 1e-9 else float("nan")
