"""Baking the identity's texture from pictures of its head from all sides."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import cv2
import numpy as np

from deepfake_core.facemesh import topology
from deepfake_core.swapping import surface
from deepfake_core.swapping.alignment import fit_pose

PAGE_SIZE = 512
_MARGIN = 6.0
_AXIS_DEPTH = -6.0
_FACING_POWER = 5.0
_EYE_REACH = np.array([1.15, 1.7])
_MOUTH_REACH = 1.05
_FEATHER = 3.0


@dataclass(frozen=True)
class View:
    """One picture of the identity in even light."""

    bgr: np.ndarray
    """uint8 (H, W, 3)."""
    usable: np.ndarray
    """uint8 (H, W): 255 where the picture shows the head's skin, eyes or mouth."""
    landmarks: np.ndarray
    """float32 (468, 3) px."""


def layout(head: np.ndarray, size: int = PAGE_SIZE) -> np.ndarray:
    """Place of each vertex on a texture page, float32 (504, 2) px: unrolled from a cylinder around the head.

    head: the identity's pose-normalised landmarks (468, 3) cm with eyes and mouth open, so that what lies between
    lids and lips has room of its own.
    """
    points = surface.extend(head.astype(np.float64))
    radius = 11.0
    unrolled = np.column_stack([radius * np.arctan2(points[:, 0], points[:, 2] - _AXIS_DEPTH), -points[:, 1]])
    low, high = unrolled.min(0), unrolled.max(0)
    factor = (size - 1 - 2 * _MARGIN) / float((high - low).max())
    return ((unrolled - (low + high) / 2) * factor + (size - 1) / 2).astype(np.float32)


def bake(views: Sequence[View], uv: np.ndarray, size: int = PAGE_SIZE) -> np.ndarray:
    """One texture page uint8 (size, size, 3) BGR: each texel from the views that face it; gaps filled smoothly."""
    depth = np.zeros((len(uv), 1))
    page = surface.rasterise(np.hstack([uv, depth]), size)
    total = np.zeros((size, size, 3), np.float32)
    mass = np.zeros((size, size), np.float32)
    for view in views:
        pose = fit_pose(view.landmarks)
        points = pose.to_picture(surface.extend(pose.to_head(view.landmarks)))
        facing = surface.vertex_normals(points * np.array([1.0, -1.0, -1.0]))[:, 2]
        drawn = page.interpolate(np.column_stack([points[:, :2], facing]), fill=-1.0)
        # Two maps: with one of both coordinates and an empty second one OpenCV 5 reads nonsense.
        x, y = (np.ascontiguousarray(drawn[..., axis]) for axis in (0, 1))
        colour = cv2.remap(view.bgr, x, y, cv2.INTER_CUBIC, borderMode=cv2.BORDER_REPLICATE)
        inner = cv2.erode(view.usable, np.ones((7, 7), np.uint8))
        seen = cv2.remap(inner, x, y, cv2.INTER_LINEAR, borderMode=cv2.BORDER_CONSTANT)
        weight = np.clip(drawn[..., 2], 0.0, 1.0) ** _FACING_POWER * (seen.astype(np.float32) / 255.0) ** 2
        weight = cv2.GaussianBlur(weight, (0, 0), 2.0) * (seen > 127)
        total += colour.astype(np.float32) * weight[..., None]
        mass += weight
    return fill_gaps(total, mass)


def fill_gaps(total: np.ndarray, mass: np.ndarray) -> np.ndarray:
    """Weighted colours float32 (S, S, 3) and their weights (S, S) -> uint8 (S, S, 3) without gaps (push-pull).

    Gortler et al., "The Lumigraph", 1996: averages at coarser scales fill what the finer ones do not know.
    """
    confidence = np.minimum(mass / 0.02, 1.0)
    colour = total / np.maximum(mass, 1e-6)[..., None] * confidence[..., None]
    return np.clip(np.round(_pull(colour, confidence)), 0, 255).astype(np.uint8)


def _pull(colour: np.ndarray, confidence: np.ndarray) -> np.ndarray:
    height, width = confidence.shape
    if min(height, width) <= 2:
        known = float(confidence.sum())
        return np.broadcast_to(colour.sum((0, 1)) / max(known, 1e-6), colour.shape).astype(np.float32)
    half = (max(1, width // 2), max(1, height // 2))
    sums = cv2.resize(colour, half, interpolation=cv2.INTER_AREA)
    weights = cv2.resize(confidence, half, interpolation=cv2.INTER_AREA)
    coarse_confidence = np.minimum(4.0 * weights, 1.0)
    scale = (coarse_confidence / np.maximum(weights, 1e-6))[..., None]
    coarse = _pull(sums * scale, coarse_confidence)
    filled = cv2.resize(coarse, (width, height), interpolation=cv2.INTER_LINEAR)
    return colour + (1.0 - confidence[..., None]) * filled


def detail_mask(uv: np.ndarray, size: int = PAGE_SIZE) -> np.ndarray:
    """uint8 (size, size): 255 on skin, 0 on eyes and mouth, whose finest detail must come from the network."""
    mask = np.full((size, size), 255, np.uint8)
    for loop in (topology.RIGHT_EYE, topology.LEFT_EYE, topology.LIPS_OUTER):
        cv2.fillPoly(mask, [np.round(uv[list(loop)]).astype(np.int32)], 0)
    return cv2.GaussianBlur(cv2.erode(mask, np.ones((9, 9), np.uint8)), (0, 0), 3.0)


def pages(first: np.ndarray, eyes_shut: np.ndarray, mouth_open: np.ndarray, uv: np.ndarray) -> np.ndarray:
    """The two pages of a surface, uint8 (2, S, S, 4): BGR and detail.

    first: baked with eyes open and mouth shut. The second page takes the eyes from `eyes_shut` and the mouth from
    `mouth_open` and repeats the first elsewhere, so that blending the two moves nothing else.
    """
    size = first.shape[0]
    mixed = first.astype(np.float32)
    for source, loops, reach in (
        (eyes_shut, (topology.RIGHT_EYE, topology.LEFT_EYE), _EYE_REACH),
        (mouth_open, (topology.LIPS_INNER,), _MOUTH_REACH),
    ):
        part = np.zeros((size, size), np.uint8)
        for loop in loops:
            points = uv[list(loop)]
            middle = points.mean(0)
            cv2.fillPoly(part, [np.round(middle + reach * (points - middle)).astype(np.int32)], 255)
        soft = cv2.GaussianBlur(part, (0, 0), _FEATHER).astype(np.float32)[..., None] / 255.0
        mixed += soft * (source - mixed)
    detail = detail_mask(uv, size)
    second = np.clip(np.round(mixed), 0, 255).astype(np.uint8)
    return np.stack([np.dstack([first, detail]), np.dstack([second, detail])])
