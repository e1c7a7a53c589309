"""The measures by name: what each is made of, its unit, and which way is better; docs/evaluation.md explains them."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal

import numpy as np

from deepfake_core.evaluation.parsing import f1
from deepfake_core.parsing.classes import Label

Columns = dict[str, np.ndarray]


@dataclass(frozen=True)
class Measure:
    """One figure."""

    key: str
    unit: str
    better: Literal["higher", "lower", "near 1"]
    of: Literal["frames", "stills"]
    value: Callable[[Columns], float]
    """From the rows of a group; NaN where none of them says anything."""
    by_group: bool = True
    """Whether it stands in the tables by group, not in the overall one alone."""

    def worst(self, values: dict[str, float]) -> tuple[str, float]:
        """Name and value of the worst group; ("", NaN) where no group has a value."""
        known = {name: value for name, value in values.items() if np.isfinite(value)}
        if not known:
            return "", float("nan")
        badness = {"higher": lambda v: -v, "lower": lambda v: v, "near 1": lambda v: abs(np.log(max(v, 1e-9)))}
        name = max(known, key=lambda name: badness[self.better](known[name]))
        return name, known[name]


def mean(column: str) -> Callable[[Columns], float]:
    """Mean of the finite values of a column."""

    def value(rows: Columns) -> float:
        finite = rows[column][np.isfinite(rows[column])]
        return float(finite.mean()) if len(finite) else float("nan")

    return value


def ratio(above: str, below: str) -> Callable[[Columns], float]:
    """Sum of one column over the sum of another."""

    def value(rows: Columns) -> float:
        total = float(np.nansum(rows[below]))
        return float(np.nansum(rows[above])) / total if total else float("nan")

    return value


def _f1_of(label: Label) -> Callable[[Columns], float]:
    return lambda rows: float(f1(rows["confusion"].sum(0))[label])


def _f1_mean(rows: Columns) -> float:
    scores = f1(rows["confusion"].sum(0))[1:]
    shown = scores[np.isfinite(scores)]
    return float(shown.mean()) if len(shown) else float("nan")


MEASURES = (
    Measure("coverage", "share", "higher", "frames", mean("coverage")),
    Measure("psnr_face", "dB", "higher", "frames", mean("psnr_face")),
    Measure("ssim_face", "", "higher", "frames", mean("ssim_face")),
    *(
        Measure(f"{name}_face_light_normalised", unit, "higher", "frames", mean(f"{name}_face_light_normalised"))
        for name, unit in (("ssim", ""), ("psnr", "dB"))
    ),
    Measure("gradient_energy_ratio", "of truth", "near 1", "frames", ratio("gradients", "true_gradients")),
    Measure("perceptual_face", "NLPD", "lower", "frames", mean("perceptual_face")),
    Measure("sharpness_ratio", "of truth", "near 1", "frames", mean("sharpness_ratio")),
    Measure("delta_e_face", "ΔE00", "lower", "frames", mean("delta_e_face")),
    Measure("delta_e_seam", "ΔE00", "lower", "frames", mean("delta_e_seam")),
    Measure("psnr_seam", "dB", "higher", "frames", mean("psnr_seam")),
    Measure("delta_e_head_edge", "ΔE00", "lower", "frames", mean("delta_e_head_edge")),
    Measure("psnr_head_edge", "dB", "higher", "frames", mean("psnr_head_edge")),
    Measure("delta_e_outside", "ΔE00", "lower", "frames", mean("delta_e_outside")),
    Measure("delta_e_occluder", "ΔE00", "lower", "frames", mean("delta_e_occluder")),
    Measure("mouth_error", "eye distances", "lower", "frames", mean("mouth_error")),
    Measure("eye_error", "eye distances", "lower", "frames", mean("eye_error")),
    Measure("pose_error_deg", "°", "lower", "frames", mean("pose_error_deg")),
    Measure("gaze_error_deg", "°", "lower", "frames", mean("gaze_error_deg")),
    Measure("similarity_to_identity", "1 - distance", "higher", "frames", mean("similarity_to_identity")),
    Measure("similarity_to_actor", "1 - distance", "lower", "frames", mean("similarity_to_actor")),
    Measure("jitter_ratio", "of truth", "near 1", "frames", ratio("shakiness", "true_shakiness")),
    Measure("flicker", "of 255", "lower", "frames", mean("flicker")),
    Measure("landmarks_found", "share", "higher", "frames", mean("found")),
    Measure("plate_psnr", "dB", "higher", "frames", mean("plate_psnr")),
    Measure("plate_psnr_inpainting", "dB", "higher", "frames", mean("plate_psnr_inpainting")),
    Measure("plate_seen", "of head", "higher", "frames", mean("plate_seen")),
    Measure("plate_seen_psnr", "dB", "higher", "frames", mean("plate_seen_psnr")),
    Measure("plate_seen_psnr_inpainting", "dB", "higher", "frames", mean("plate_seen_psnr_inpainting")),
    Measure("matte_error", "of head", "lower", "stills", mean("matte_error")),
    Measure("parsing_f1_mean", "", "higher", "stills", _f1_mean),
    *(
        Measure(f"parsing_f1_{label.name.lower()}", "", "higher", "stills", _f1_of(label), label == Label.OCCLUDER)
        for label in Label
        if label != Label.BACKGROUND
    ),
)
