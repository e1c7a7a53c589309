"""A candidate is run over one sequence, and each of its frames is measured."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np

from deepfake_core.evaluation import expression, light_free, picture
from deepfake_core.evaluation.benchmark import Benchmark, Truth
from deepfake_core.evaluation.candidates import Candidate, Sample, open_candidate
from deepfake_core.evaluation.embedding import FaceEmbedder, resemblance
from deepfake_core.evaluation.gaze import eye_features
from deepfake_core.evaluation.masks import head_edge, masks, place_of_label
from deepfake_core.evaluation.perceptual import perceptual_distance
from deepfake_core.evaluation.plate import plate_scores
from deepfake_core.frame import Frame
from deepfake_core.settings import Mode
from deepfake_core.synthetic.dataset import Arrays

FRAME_NS = 33_333_333
LIKENESS_EVERY = 4
"""Likeness changes slowly and its network is slow: so many frames share one look."""
PLATE_EVERY = 6
FRONTAL_DEGREES = 30.0
"""Up to this yaw a frame serves as a picture of what its person looks like."""
ATTRIBUTES = ("monk_tone", "sex", "yaw", "occluded", "sequence", "frame", "gaze")
Columns = dict[str, np.ndarray]
"""One row for each frame or still."""


@dataclass(frozen=True)
class Shown:
    """A frame worth looking at."""

    rank: str
    """"best", "median" or "worst" of its sequence."""
    distance: float
    monk_tone: int
    sequence: int
    frame: int
    pictures: tuple[np.ndarray, np.ndarray, np.ndarray]
    """Actor, truth and output, uint8 (S, S, 3) BGR."""


@dataclass(frozen=True)
class SequenceScore:
    """Measures of each frame of one sequence, and the frames to look at."""

    columns: Columns
    shown: list[Shown]


def score_sequence(
    benchmark: Benchmark,
    index: int,
    candidate: str,
    identity: str,
    *,
    mode: Mode,
    truth: Truth,
    network: Path | None = None,
) -> SequenceScore:
    """Run and measure; network: see `open_candidate`. Raises BenchmarkBroken and CandidateRefused."""
    arrays = benchmark.sequences.read(index)
    outputs, swapped = _run(open_candidate(candidate, identity, mode, network), arrays, truth)
    columns: Columns = {name: arrays[name] for name in ATTRIBUTES}
    columns["coverage"] = swapped.astype(np.float64)
    seen = _without_label(outputs, arrays[f"{truth}_bgr"])
    columns |= _pictures(seen, arrays, truth)
    columns |= _landmarks(seen, arrays, truth)
    columns |= _likeness(seen, arrays, truth)
    columns |= _eyes(seen, arrays, truth)
    columns |= plate_scores(arrays, PLATE_EVERY)
    return SequenceScore(columns, _shown(outputs, arrays, truth, columns["perceptual_face"]))


def _run(candidate: Candidate, arrays: Arrays, truth: Truth) -> tuple[np.ndarray, np.ndarray]:
    """The outputs uint8 (F, S, S, 3) and whether each shows a swap, bool (F,)."""
    outputs = arrays["actor_bgr"].copy()
    swapped = np.zeros(len(outputs), np.bool_)
    for k, output in enumerate(outputs):
        swapped[k] = candidate(Frame.from_bgr(output, (k + 1) * FRAME_NS), Sample.of(arrays, k, truth))
    return outputs, swapped


def _without_label(outputs: np.ndarray, truth: np.ndarray) -> np.ndarray:
    """The outputs with the truth where the label stands, so that no window or network around a face sees it."""
    box = place_of_label(*outputs.shape[2:0:-1])
    seen = outputs.copy()
    seen[:, box.y0 : box.y1, box.x0 : box.x1] = truth[:, box.y0 : box.y1, box.x0 : box.x1]
    return seen


def _swapped_pixels(arrays: Arrays, truth: Truth) -> np.ndarray:
    """uint8 (F, S, S): what the swap must replace."""
    if truth == "head":
        return np.maximum(arrays["actor_head_matte"], arrays["head_head_matte"])
    return arrays["swap_matte"]


def _pictures(outputs: np.ndarray, arrays: Arrays, truth: Truth) -> Columns:
    rows = []
    replaced = _swapped_pixels(arrays, truth)
    previous: np.ndarray | None = None
    for k, (output, target) in enumerate(zip(outputs, arrays[f"{truth}_bgr"], strict=True)):
        points = arrays["actor_points"][k]
        where = masks(replaced[k], arrays["actor_labels"][k], points, expression.interocular_distance(points))
        colour = picture.colour_difference(output, target)
        residual = output.astype(np.int16) - target
        rows.append(
            {
                "psnr_face": picture.psnr(output, target, where.face),
                "ssim_face": picture.ssim(output, target, where.face),
                "perceptual_face": perceptual_distance(output, target, where.face),
                "sharpness_ratio": picture.sharpness_ratio(output, target, where.face),
                "delta_e_face": picture.mean_over(colour, where.face),
                "delta_e_seam": picture.mean_over(colour, where.seam),
                "delta_e_outside": picture.mean_over(colour, where.outside),
                "delta_e_occluder": picture.mean_over(colour, where.occluder),
                "psnr_seam": picture.psnr(output, target, where.seam),
                **_head_edge(output, target, arrays, truth, k),
                "flicker": np.nan
                if previous is None
                else picture.mean_over(np.abs(residual - previous).mean(2), where.face),
                **light_free.compare(output, target, where.face, arrays[f"{truth}_points"][k]),
            }
        )
        previous = residual
    return {name: np.array([row[name] for row in rows]) for name in rows[0]}


def _head_edge(output: np.ndarray, target: np.ndarray, arrays: Arrays, truth: Truth, k: int) -> dict[str, float]:
    """How well a new head sits; NaN where only the face is new."""
    if truth != "head":
        return {"delta_e_head_edge": np.nan, "psnr_head_edge": np.nan}
    unit = expression.interocular_distance(arrays["actor_points"][k])
    band = head_edge(arrays["head_head_matte"][k], arrays["actor_labels"][k], arrays["head_labels"][k], unit)
    return {
        "delta_e_head_edge": picture.mean_over(picture.colour_difference(output, target), band),
        "psnr_head_edge": picture.psnr(output, target, band),
    }


def _landmarks(outputs: np.ndarray, arrays: Arrays, truth: Truth) -> Columns:
    readings = []
    for pictures in (outputs, arrays[f"{truth}_bgr"]):
        read = expression.FaceReader()
        readings.append([read(bgr, (k + 1) * FRAME_NS) for k, bgr in enumerate(pictures)])
    made, true = readings
    unit = np.array([expression.interocular_distance(points) for points in arrays[f"{truth}_points"]])
    columns = {name: np.full(len(unit), np.nan) for name in ("mouth_error", "eye_error", "pose_error_deg", "found")}
    for k, (output, target) in enumerate(zip(made, true, strict=True)):
        if target is None:
            continue
        columns["found"][k] = output is not None
        if output is not None:
            columns["mouth_error"][k], columns["eye_error"][k] = expression.expression_errors(output, target)
            columns["pose_error_deg"][k] = expression.pose_error_degrees(output, target)
    shaking = np.array([expression.shakiness(points, unit) for points in (made, true)])
    shaking[:, np.isnan(shaking).any(0)] = np.nan
    columns["shakiness"], columns["true_shakiness"] = shaking
    return columns


def _likeness(outputs: np.ndarray, arrays: Arrays, truth: Truth) -> Columns:
    embed = FaceEmbedder()
    chosen = np.arange(0, len(outputs), LIKENESS_EVERY)
    persons = {}
    for who in ("identity", "actor"):
        frontal = chosen[np.abs(arrays["yaw"][chosen]) <= FRONTAL_DEGREES]
        seen = frontal if len(frontal) else chosen
        persons[who] = np.mean([embed(arrays[f"{who}_bgr"][k], arrays[f"{who}_points"][k]) for k in seen], axis=0)
    columns = {f"similarity_to_{who}": np.full(len(outputs), np.nan) for who in persons}
    for k in chosen:
        found = embed(outputs[k], arrays[f"{truth}_points"][k])
        for who, person in persons.items():
            columns[f"similarity_to_{who}"][k] = resemblance(found, person)
    return columns


def _eyes(outputs: np.ndarray, arrays: Arrays, truth: Truth) -> Columns:
    places = [(arrays[f"{truth}_labels"][k], arrays[f"{truth}_points"][k]) for k in range(len(outputs))]
    return {
        "eyes": np.array([eye_features(bgr, *where) for bgr, where in zip(outputs, places, strict=True)]),
        "true_eyes": np.array(
            [eye_features(bgr, *where) for bgr, where in zip(arrays[f"{truth}_bgr"], places, strict=True)]
        ),
        "actor_eyes": np.array(
            [
                eye_features(bgr, labels, points)
                for bgr, labels, points in zip(
                    arrays["actor_bgr"], arrays["actor_labels"], arrays["actor_points"], strict=True
                )
            ]
        ),
    }


def _shown(outputs: np.ndarray, arrays: Arrays, truth: Truth, distance: np.ndarray) -> list[Shown]:
    order = np.argsort(distance)[: int(np.isfinite(distance).sum())]  # NaN is sorted last
    if not len(order):
        return []
    places = {"best": order[0], "median": order[len(order) // 2], "worst": order[-1]}
    return [
        Shown(
            rank,
            float(distance[k]),
            int(arrays["monk_tone"][k]),
            int(arrays["sequence"][k]),
            int(arrays["frame"][k]),
            (arrays["actor_bgr"][k].copy(), arrays[f"{truth}_bgr"][k].copy(), outputs[k].copy()),
        )
        for rank, k in places.items()
    ]
