"""From the identity's rendered views to its surface: layout, baked pages, tone."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass, fields
from pathlib import Path

import cv2
import numpy as np

from deepfake_core.facemesh import topology
from deepfake_core.facemesh.iris import IrisNetwork
from deepfake_core.frame import Frame
from deepfake_core.swapping.alignment import fit_pose
from deepfake_core.swapping.eyes import Eyeballs
from deepfake_core.swapping.head_layer import HeadPages
from deepfake_core.swapping.identity_head import OPENED, IdentityHead
from deepfake_core.swapping.mouth import Mouth
from deepfake_core.swapping.retargeting import Retargeter, openings
from deepfake_core.training import baking, head_baking
from deepfake_core.training.errors import TrainingError
from deepfake_core.training.fitting import with_nose
from deepfake_core.training.still_landmarks import StillLandmarks

MOUTH_OPEN = "mouth_open"
EYES_SHUT = "eyes_closed"
FRONT = "yaw+00"
# CelebAMask-HQ: skin, brows, eyes, nose, mouth, neck and shaved hair; the ring beyond the cheeks shows no ears.
_FACE_LABELS = (1, 2, 3, 4, 5, 10, 11, 12, 13)
_EYE_LABELS = (4, 5)
_HAIR_LABEL, _BETWEEN_LIPS, _UPPER_LIP, _LOWER_LIP = 17, 11, 12, 13
_OPEN = 0.93
"""Share of the opening in the view from the front from which on eyes are open: other light is read narrower."""
_HEAD_LABELS = (1, 2, 3, 4, 5, 10, 11, 12, 13, 14, 17)


class ViewsUnusable(TrainingError):
    """The views of the identity are incomplete or show no face."""


@dataclass(frozen=True)
class BakedHead:
    """What the views alone say about an identity; the retargeter comes from the pairs."""

    pages: np.ndarray
    uv: np.ndarray
    page_openings: np.ndarray
    lid_lines: np.ndarray
    lip_shifts: np.ndarray
    tone: np.ndarray
    head: HeadPages
    eyeballs: Eyeballs
    mouth: Mouth
    rest: np.ndarray
    """float32 (468, 3): the landmarks of the view from the front, cm of the canonical head."""

    def save(self, path: Path) -> None:
        """Write as .npz."""
        np.savez(path, allow_pickle=False, **flattened(self))

    @classmethod
    def lies_in(cls, path: Path) -> bool:
        """Whether a file is there that this version's `save` wrote."""
        if not path.exists():
            return False
        with np.load(path, allow_pickle=False) as file:
            return {name.split(".")[0] for name in file.files} == {field.name for field in fields(cls)}

    @classmethod
    def load(cls, path: Path) -> BakedHead:
        """Read what `save` wrote."""
        with np.load(path, allow_pickle=False) as file:
            arrays = {name: file[name] for name in file.files}

        def part(prefix: str) -> dict[str, np.ndarray]:
            return {name.removeprefix(prefix): a for name, a in arrays.items() if name.startswith(prefix)}

        return cls(
            **{name: array for name, array in arrays.items() if "." not in name},
            head=HeadPages(**part("head.")),
            eyeballs=Eyeballs(**part("eyeballs.")),
            mouth=Mouth(**part("mouth.")),
        )

    def with_retargeter(self, retargeter: Retargeter) -> IdentityHead:
        """All that the template is drawn from."""
        drawn = {name: value for name, value in vars(self).items() if name != "rest"}
        drawn["mouth"] = head_baking.with_teeth_behind_lip(self.mouth, retargeter.identity_neutral.reshape(-1, 3))
        return IdentityHead(**drawn, retargeter=with_nose(retargeter, self.rest))


def flattened(baked: BakedHead) -> dict[str, np.ndarray]:
    """Every array by its name; those of a part as PART.NAME."""
    arrays = {}
    for name, value in vars(baked).items():
        if isinstance(value, np.ndarray):
            arrays[name] = value
        else:
            arrays |= {f"{name}.{inner}": array for inner, array in vars(value).items()}
    return arrays


def read_views(folder: Path, find: StillLandmarks) -> dict[str, baking.View]:
    """The views listed in `folder`/views.json that show a face, by name; raises ViewsUnusable.

    `head_views` show the identity with its hair, and NAME_head.png is the head's matte there; `views` may be hairless.
    """
    try:
        listed = json.loads((folder / "views.json").read_text(encoding="utf-8"))
        bare = [str(view["name"]) for view in listed["views"]]
        haired = [str(view["name"]) for view in listed["head_views"]]
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise ViewsUnusable(f"{folder}/views.json cannot be read ({error}); render the views again.") from error
    irises = IrisNetwork(threads=1, provider="cpu")
    views = {}
    for name in (*bare, *haired):
        bgr = _picture(folder / f"{name}.png", cv2.IMREAD_COLOR)
        labels = _picture(folder / f"{name}_labels.png", cv2.IMREAD_GRAYSCALE)
        matte = _picture(folder / f"{name}_head.png", cv2.IMREAD_GRAYSCALE) if name in haired else None
        landmarks = find(bgr)
        if landmarks is None:
            continue
        shown: Sequence[int] = _HEAD_LABELS if matte is None else _FACE_LABELS
        if name == EYES_SHUT:
            # The white that stays between a rendered person's shut lids is none of the lid's skin.
            shown = [label for label in shown if label not in _EYE_LABELS]
        found = irises.read(Frame.from_bgr(bgr), landmarks)
        views[name] = baking.View(
            bgr,
            np.isin(labels, shown).astype(np.uint8) * 255,
            landmarks,
            None if found is None else found.iris,
            matte,
            None if matte is None else (labels == _HAIR_LABEL).astype(np.uint8) * 255,
            baking.lips(labels == _BETWEEN_LIPS, labels == _UPPER_LIP, labels == _LOWER_LIP) if matte is None else None,
        )
    missing = {FRONT, MOUTH_OPEN, EYES_SHUT} - views.keys()
    if missing:
        raise ViewsUnusable(f"No face was found in the views {sorted(missing)}; render the views again.")
    if views[FRONT].iris is None or not any(view.matte is not None for view in views.values()):
        raise ViewsUnusable(f"{folder} shows no eyes from the front or no whole head with hair; render it again.")
    return views


def _picture(path: Path, flags: int) -> np.ndarray:
    picture = cv2.imread(str(path), flags)
    if picture is None:
        raise ViewsUnusable(f"{path} is missing or no picture; render the views again.")
    return picture


def identity_name(folder: Path) -> str:
    """Name of the recipe that `folder`/views.json says it shows; raises ViewsUnusable."""
    try:
        return str(json.loads((folder / "views.json").read_text(encoding="utf-8"))["identity"])
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise ViewsUnusable(f"{folder}/views.json cannot be read ({error}); render the views again.") from error


def bake_head(views: dict[str, baking.View], *, fill_brows: bool = False) -> BakedHead:
    """Bake all that the template is drawn from; fill_brows: for rendered people, see `baking.filled_brows`."""
    haired = [view for view in views.values() if view.matte is not None]
    bare = {name: view for name, view in views.items() if view.matte is None}
    heads = {name: fit_pose(view.landmarks).to_head(view.landmarks) for name, view in bare.items()}
    parted, together = baking.with_seen_lips(views[MOUTH_OPEN]), baking.with_seen_lips(views[FRONT])
    seen_lips = fit_pose(parted.landmarks).to_head(parted.landmarks)
    touching = openings(fit_pose(together.landmarks).to_head(together.landmarks))[2:3]
    uv = baking.layout(seen_lips)
    neutral: Sequence[baking.View] = [v for name, v in bare.items() if name not in (MOUTH_OPEN, EYES_SHUT)]
    mixed = baking.with_frontal_nose(baking.bake(neutral, uv), views[FRONT], uv)
    mixed = baking.with_seen_mouth(mixed, together, uv)
    first = baking.without_irises(mixed, views[FRONT], uv, head_baking.irises(views[FRONT]))
    eyes_shut = baking.bake([views[EYES_SHUT]], uv)
    mouth_open = baking.bake([parted], uv)
    pages = baking.pages(first, eyes_shut, mouth_open, baking.seen_face(haired, uv), uv)
    if fill_brows:
        pages = baking.filled_brows(pages, uv)

    rest, shut = openings(heads[FRONT])[:3], openings(heads[EYES_SHUT])[:3]
    opened = openings(heads[MOUTH_OPEN])[:3]
    eyes = np.stack([_OPEN * rest[:2], 0.05 * rest[:2] + 0.95 * shut[:2]])
    tone = _tone(pages[0], uv)
    # Lips that part show teeth soon.
    mouth = np.stack([touching, touching + OPENED * (opened[2:] - touching)])
    return BakedHead(
        pages=pages,
        uv=uv,
        page_openings=np.hstack([eyes, mouth]).astype(np.float32),
        lid_lines=baking.lid_lines(eyes_shut, uv),
        lip_shifts=_raised(heads[MOUTH_OPEN], seen_lips),
        tone=tone,
        head=head_baking.head_pages(haired),
        eyeballs=head_baking.eyeballs(views[FRONT]),
        mouth=head_baking.within_light(head_baking.open_mouth(parted), tone),
        rest=heads[FRONT].astype(np.float32),
    )


def _raised(found: np.ndarray, seen: np.ndarray) -> np.ndarray:
    """How much higher landmarks (468, 3) cm of an open mouth were seen than found, float32 (468,) cm; the upper lip is
    never lowered: it would hide its teeth."""
    shifts = (seen - found)[:, 1]
    upper = found[:, 1] > found[[13, 14], 1].mean()
    return np.where(upper, np.maximum(shifts, 0.0), shifts).astype(np.float32)


def _tone(page: np.ndarray, uv: np.ndarray) -> np.ndarray:
    """The median of the face's skin, float32 (3,) BGR."""
    skin = np.zeros(page.shape[:2], np.uint8)
    cv2.fillConvexPoly(skin, cv2.convexHull(uv[:468].astype(np.int32)), 1)
    for loop in (topology.RIGHT_EYE, topology.LEFT_EYE, topology.LIPS_OUTER):
        cv2.fillPoly(skin, [np.round(uv[list(loop)]).astype(np.int32)], 0)
    inside = (cv2.erode(skin, np.ones((9, 9), np.uint8)) > 0) & (page[..., 3] > 200)
    return np.median(page[inside][:, :3].astype(np.float32), axis=0).astype(np.float32)
