"""From the identity's rendered views to its surface: layout, baked pages, tone."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np

from deepfake_core.swapping.alignment import fit_pose
from deepfake_core.swapping.retargeting import openings
from deepfake_core.training import baking
from deepfake_core.training.errors import TrainingError
from deepfake_core.training.still_landmarks import StillLandmarks

MOUTH_OPEN = "mouth_open"
EYES_SHUT = "eyes_closed"
FRONT = "yaw+00"
# CelebAMask-HQ: skin, brows, eyes, nose, mouth, neck and shaved hair; the ring beyond the cheeks shows no ears.
_HEAD_LABELS = (1, 2, 3, 4, 5, 10, 11, 12, 13, 14, 17)


class ViewsUnusable(TrainingError):
    """The views of the identity are incomplete or show no face."""


@dataclass(frozen=True)
class BakedSurface:
    """What the views alone say about an identity; the retargeter comes from the pairs."""

    pages: np.ndarray
    """uint8 (2, H, H, 4)."""
    uv: np.ndarray
    """float32 (504, 2) px."""
    page_openings: np.ndarray
    """float32 (2, 3)."""
    tone: np.ndarray
    """float32 (3,) BGR."""

    def save(self, path: Path) -> None:
        """Write as .npz."""
        np.savez(path, pages=self.pages, uv=self.uv, page_openings=self.page_openings, tone=self.tone)

    @classmethod
    def load(cls, path: Path) -> BakedSurface:
        """Read what `save` wrote."""
        with np.load(path, allow_pickle=False) as file:
            return cls(**{name: file[name] for name in ("pages", "uv", "page_openings", "tone")})


def read_views(folder: Path, find: StillLandmarks) -> dict[str, baking.View]:
    """The views listed in `folder`/views.json that show a face, by name; raises ViewsUnusable."""
    try:
        names = [view["name"] for view in json.loads((folder / "views.json").read_text(encoding="utf-8"))["views"]]
    except (OSError, ValueError, KeyError) as error:
        raise ViewsUnusable(f"{folder}/views.json cannot be read ({error}); render the views again.") from error
    views = {}
    for name in names:
        bgr = cv2.imread(str(folder / f"{name}.png"), cv2.IMREAD_COLOR)
        labels = cv2.imread(str(folder / f"{name}_labels.png"), cv2.IMREAD_GRAYSCALE)
        if bgr is None or labels is None:
            raise ViewsUnusable(f"The view {name} is missing in {folder}; render the views again.")
        landmarks = find(bgr)
        if landmarks is not None:
            views[name] = baking.View(bgr, np.isin(labels, _HEAD_LABELS).astype(np.uint8) * 255, landmarks)
    missing = {FRONT, MOUTH_OPEN, EYES_SHUT} - views.keys()
    if missing:
        raise ViewsUnusable(f"No face was found in the views {sorted(missing)}; render the views again.")
    return views


def identity_name(folder: Path) -> str:
    """Name of the recipe that `folder`/views.json says it shows; raises ViewsUnusable."""
    try:
        return str(json.loads((folder / "views.json").read_text(encoding="utf-8"))["identity"])
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise ViewsUnusable(f"{folder}/views.json cannot be read ({error}); render the views again.") from error


def bake_surface(views: dict[str, baking.View]) -> BakedSurface:
    """Bake both pages; every view but the two special ones feeds the first."""
    heads = {name: fit_pose(view.landmarks).to_head(view.landmarks) for name, view in views.items()}
    uv = baking.layout(heads[MOUTH_OPEN])
    neutral: Sequence[baking.View] = [v for name, v in views.items() if name not in (MOUTH_OPEN, EYES_SHUT)]
    first = baking.bake(neutral, uv)
    eyes_shut = baking.bake([views[EYES_SHUT]], uv)
    mouth_open = baking.bake([views[MOUTH_OPEN]], uv)
    pages = baking.pages(first, eyes_shut, mouth_open, uv)

    rest, shut = openings(heads[FRONT])[:3], openings(heads[EYES_SHUT])[:3]
    opened = openings(heads[MOUTH_OPEN])[:3]
    # A lid covers the eye only near the end of its way; teeth show soon after the lips part.
    eyes = np.stack([0.4 * rest[:2] + 0.6 * shut[:2], 0.05 * rest[:2] + 0.95 * shut[:2]])
    mouth = np.stack([0.95 * rest[2:] + 0.05 * opened[2:], 0.6 * rest[2:] + 0.4 * opened[2:]])
    skin = pages[0][..., 3] > 250
    inside = np.zeros(skin.shape, np.uint8)
    cv2.fillConvexPoly(inside, cv2.convexHull(uv[:468].astype(np.int32)), 1)
    tone = np.median(pages[0][skin & (inside > 0)][:, :3].astype(np.float32), axis=0)
    return BakedSurface(pages, uv, np.hstack([eyes, mouth]).astype(np.float32), tone.astype(np.float32))
