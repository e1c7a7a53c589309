"""The background behind the head: what a head replacement must know or invent, given a perfect parser."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np

from deepfake_core.compositing.background import Background
from deepfake_core.compositing.masks import PAD, SIZE, WIDE, wide
from deepfake_core.compositing.removal import Removal, removal
from deepfake_core.compositing.view import inverse, resized, warped
from deepfake_core.evaluation import picture
from deepfake_core.evaluation.errors import BenchmarkBroken
from deepfake_core.evaluation.ground_truth import true_parsing
from deepfake_core.frame import Box, Frame
from deepfake_core.swapping.alignment import fit_pose, transform_points
from deepfake_core.synthetic import dataset
from deepfake_core.synthetic.dataset import Arrays

PLATE = "the product's plate and inpainting, given the true labels"
MEASURES = (
    "plate_psnr",
    "plate_psnr_inpainting",
    "plate_seen",
    "plate_seen_psnr",
    "plate_seen_psnr_inpainting",
)
WARM_SECONDS = 8.0
"""Of a long sequence the frames from here on are scored: 8 to 10 s of movement."""
SWAYS = (0.0, 4.0)
"""cm to each side: the renderer turns heads on bodies that stand still; people sway."""
_PERIODS = ((0.6, 7.3, 0.0), (0.4, 3.1, 1.0))
"""Share, seconds and phase of the waves of a swaying body."""
_RATE = 30.0
_RADIUS = 3
_MARGIN = np.ones((5, 5), np.uint8)


def inpaint(bgr: np.ndarray, head: np.ndarray) -> np.ndarray:
    """Fill the place of the head from its border: Telea 2004, what a plate has to beat.

    bgr: uint8 (S, S, 3); head: uint8 (S, S) matte. Returns uint8 (S, S, 3).
    """
    hole = cv2.dilate((head > 0).astype(np.uint8), _MARGIN)
    return np.asarray(cv2.inpaint(bgr, hole, _RADIUS, cv2.INPAINT_TELEA))


def plate_scores(arrays: Arrays, every: int, first: int = 0) -> dict[str, np.ndarray]:
    """`MEASURES` over the pixels of the actor's head, float64 (F,): of each `every`th frame from `first` on, else NaN.

    The product watches all frames in order and gets the true labels. `seen`: the share of the head's pixels that its
    plate knows, and the scores on those alone.
    """
    frames, size = arrays["actor_labels"].shape[:2]
    scores = {name: np.full(frames, np.nan) for name in MEASURES}
    background, whole = Background(), Box(0, 0, size, size)
    for k in range(frames):
        bgr, head, true = arrays["actor_bgr"][k], arrays["actor_head_matte"][k], arrays["plate_bgr"][k]
        masks, to_frame = _masks(arrays, k)
        frame = Frame.from_bgr(bgr)
        background.watch(frame, whole, masks.background, to_frame, visible=masks.visible, margin=PAD)
        if k < first or k % every:
            continue
        filled, known = background.read(whole)
        baseline = inpaint(bgr, head)
        hidden = head > 0
        seen = hidden & (known > 127)
        scores["plate_psnr"][k] = picture.psnr(filled, true, hidden)
        scores["plate_psnr_inpainting"][k] = picture.psnr(baseline, true, hidden)
        scores["plate_seen"][k] = seen.sum() / hidden.sum() if hidden.any() else np.nan
        scores["plate_seen_psnr"][k] = picture.psnr(filled, true, seen)
        scores["plate_seen_psnr_inpainting"][k] = picture.psnr(baseline, true, seen)
    return scores


@dataclass(frozen=True)
class PlateScore:
    """Means over the scored frames of one long sequence."""

    sequence: int
    sway: float
    """cm to each side."""
    scores: dict[str, float]


def count(folder: Path) -> int:
    """How many long sequences a folder holds; raises BenchmarkBroken."""
    return len(_open(folder)[1])


def score_long_sequence(folder: Path, index: int, sway: float) -> PlateScore:
    """Score one of a folder's long sequences; raises BenchmarkBroken."""
    description, paths = _open(folder)
    try:
        arrays = dataset.read_shard(paths[index], description)
    except dataset.ShardBroken as error:
        raise BenchmarkBroken(str(error)) from error
    found = plate_scores(swaying(arrays, sway), every=6, first=round(WARM_SECONDS * _RATE))
    return PlateScore(index, sway, {name: float(np.nanmean(values)) for name, values in found.items()})


def _open(folder: Path) -> tuple[dataset.Description, list[Path]]:
    try:
        description = dataset.read_description(folder)
        paths = dataset.shard_paths(folder)
    except (dataset.DatasetMismatch, dataset.DatasetIncomplete) as error:
        raise BenchmarkBroken(str(error)) from error
    lacking = {"actor", "plate"} - set(description.views)
    if description.kind != "sequences" or lacking or description.frames <= WARM_SECONDS * _RATE:
        raise BenchmarkBroken(
            f"{folder} holds no sequences of 10 s with the views actor and plate: render some with 'python3 "
            f"tools/render_people.py sequences --identity vesper --views actor,plate --frames 300 --count 3 --out DIR'."
        )
    return description, paths


def swaying(arrays: Arrays, centimetres: float) -> Arrays:
    """The same sequence with the actor swaying to the sides before the plate, which stands still."""
    if centimetres == 0:
        return arrays
    moved = dict(arrays)
    for name in ("actor_bgr", "actor_labels", "actor_head_matte", "actor_hair_matte", "actor_points"):
        moved[name] = arrays[name].copy()
    for k, (bgr, plate) in enumerate(zip(arrays["actor_bgr"], arrays["plate_bgr"], strict=True)):
        reach = centimetres * fit_pose(arrays["actor_points"][k].astype(np.float64)).scale
        seconds = k / _RATE
        x = reach * sum(share * np.sin(2 * np.pi * seconds / period + phase) for share, period, phase in _PERIODS)
        shift = np.array([[1.0, 0.0, x], [0.0, 1.0, 0.0]])
        alpha = arrays["actor_alpha"][k].astype(np.float32)[..., None] / np.float32(255)
        person = _shifted(bgr - (1 - alpha) * plate, shift)
        behind = (1 - _shifted(alpha, shift)[..., None]) * plate
        moved["actor_bgr"][k] = np.clip(person + behind + 0.5, 0, 255)
        for name in ("actor_labels", "actor_head_matte", "actor_hair_matte"):
            moved[name][k] = _shifted(arrays[name][k], shift)
        moved["actor_points"][k] = arrays["actor_points"][k] + np.array([x, 0, 0], np.float32)
    return moved


def _masks(arrays: Arrays, k: int) -> tuple[Removal, np.ndarray]:
    """What the product takes frame k for, as head mode does; and from the masks' px to the frame's, (2, 3)."""
    points = arrays["actor_points"][k].astype(np.float64)
    labels, hair, head = (arrays[f"actor_{name}"][k] for name in ("labels", "hair_matte", "head_matte"))
    parsing = true_parsing(labels, hair, head, points)
    to_crop = inverse(parsing.crop_to_frame)
    scale = fit_pose(points).scale * float(np.sqrt(abs(np.linalg.det(to_crop[:, :2]))))
    to_frame = resized(parsing.crop_to_frame, parsing.labels.shape[0] / SIZE)

    def film() -> np.ndarray:
        return warped(arrays["actor_bgr"][k], inverse(wide(to_frame)), (WIDE, WIDE), repeat=True)

    return removal(parsing, transform_points(to_crop, points), scale, film), to_frame


def _shifted(values: np.ndarray, shift: np.ndarray) -> np.ndarray:
    whole = values.shape[1::-1]
    how = cv2.INTER_NEAREST if values.dtype == np.uint8 else cv2.INTER_LINEAR
    return cv2.warpAffine(values, shift, whole, flags=how, borderMode=cv2.BORDER_REPLICATE)
