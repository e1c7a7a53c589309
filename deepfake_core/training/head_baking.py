"""Baking what lies beside the face's skin: irises, teeth, and pages of the whole head."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence

import cv2
import numpy as np

from deepfake_core.swapping import eyes, head_layer, mouth, square
from deepfake_core.swapping.alignment import Pose, crop_transform, fit_pose
from deepfake_core.training.baking import View, fill_gaps

HEAD_PAGE_SIZE = 448
_IRIS_SIZE = 64
_LOWER_LIP = 17
_BEFORE_EARS = [234, 93, 132, 58, 454, 323, 361, 288]
_STRAND, _SLIT = 13, 17
_TEETH_SIZE = 48
_CROP_SIZE = 1024
_LID_DEPTH = 0.1
_TEETH_DEPTH = 0.5
_UPPER_LIP, _BELOW_LIP = 13, 0.05
"""How far upper teeth reach below the upper lip of a face at rest, cm: usual are 0 to 0.3."""
_LASH = 40.0
"""Levels from the colour that is usual at its distance from the iris's middle."""
_LEAST_CONTRAST = 25.0
"""Levels between teeth and what is behind them, below which no teeth are seen."""
_LEAST_ROW = 0.6
"""Width of a row of teeth over that of the open mouth below which it would look like a block in the mouth."""
_MOST_REDNESS = 55.0
"""Levels by which red may exceed blue in teeth."""


def head_pages(views: Sequence[View], size: int = HEAD_PAGE_SIZE) -> head_layer.HeadPages:
    """Pages of the whole head from views with a matte."""
    pictures, hair, rotations = [], [], []
    for view in views:
        assert view.matte is not None  # the caller chose views of the whole head
        pose = fit_pose(view.landmarks)
        to_page = _page_transform(pose, size)
        matte = cv2.warpAffine(view.matte, to_page, (size, size), flags=cv2.INTER_LINEAR)
        matte = _without_strands(matte, float((view.landmarks[_LOWER_LIP, :2] @ to_page[:, :2].T + to_page[:, 2])[1]))
        bgr = cv2.warpAffine(view.bgr, to_page, (size, size), flags=cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE)
        # The background must not shine through where the matte is soft.
        inner = np.clip((matte.astype(np.float32) / 255.0 - 0.8) / 0.2, 0.0, 1.0)
        continued = fill_gaps(bgr.astype(np.float32) * inner[..., None], inner)
        edge = view.landmarks[_BEFORE_EARS, :2] @ to_page[:, :2].T + to_page[:, 2]
        pictures.append(np.dstack([continued, _without_slit(matte, edge)]))
        shown = np.zeros_like(view.matte) if view.hair is None else view.hair
        covered = cv2.warpAffine(shown, to_page, (size, size), flags=cv2.INTER_LINEAR)
        small = (size // head_layer.COARSER,) * 2
        hair.append(cv2.resize(covered, small, interpolation=cv2.INTER_AREA))
        rotations.append(square.upright(pose))
    return head_layer.HeadPages(np.stack(pictures), np.stack(hair), np.stack(rotations).astype(np.float32))


def _without_slit(matte: np.ndarray, edge: np.ndarray) -> np.ndarray:
    """A head's matte closed around points (N, 2) of the face's edge: the neck comes up in a slit before the ear."""
    near = np.zeros_like(matte)
    for x, y in np.round(edge).astype(int).tolist():
        cv2.circle(near, (x, y), _SLIT, 255, -1)
    closed = cv2.morphologyEx(matte, cv2.MORPH_CLOSE, cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (_SLIT, _SLIT)))
    return np.maximum(matte, np.minimum(closed, near))


def _without_strands(matte: np.ndarray, below: float) -> np.ndarray:
    """A head's matte without what is thin below a row: hair in the nape, which stands beside the neck as strokes."""
    kernel = cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (_STRAND, _STRAND))
    thick = cv2.dilate(cv2.morphologyEx(matte, cv2.MORPH_OPEN, kernel), np.ones((3, 3), np.uint8))
    row = int(np.clip(round(below), 0, len(matte)))
    return np.vstack([matte[:row], np.minimum(matte, thick)[row:]])


def _page_transform(pose: Pose, size: int) -> np.ndarray:
    matrix = crop_transform(pose, size, head_layer.PAGE_CENTIMETRES)
    centre = pose.to_picture(head_layer.PAGE_CENTRE[None])[0, :2]
    matrix[:, 2] = (size - 1) / 2 - matrix[:, :2] @ centre
    return matrix


def _upright_crop(view: View) -> tuple[np.ndarray, np.ndarray, np.ndarray, square.Square]:
    """A view's face as a fine upright picture, the landmarks in cm, the pose's rotation without roll, the square."""
    pose = fit_pose(view.landmarks)
    to_crop = crop_transform(pose, _CROP_SIZE)
    picture = cv2.warpAffine(view.bgr, to_crop, (_CROP_SIZE, _CROP_SIZE), flags=cv2.INTER_CUBIC)
    rotation = square.upright(pose)
    return picture, pose.to_head(view.landmarks.astype(np.float64)), rotation, square.face_square(rotation, _CROP_SIZE)


def irises(view: View) -> np.ndarray:
    """Middle and radius of both irises, float64 (2, 3), px of the view."""
    assert view.iris is not None  # the caller chose a view whose eyes were read
    picture, _, _, _ = _upright_crop(view)
    to_crop = crop_transform(fit_pose(view.landmarks), _CROP_SIZE)
    found = view.iris @ to_crop[:, :2].T + to_crop[:, 2]
    pixels = float(np.linalg.norm(found[:, 1:] - found[:, :1], axis=-1).mean())
    centres = np.stack([_pupil(picture, eye[0], pixels) for eye in found])
    radius = float(np.mean([_rim(picture, centre, pixels) for centre in centres]))
    back = cv2.invertAffineTransform(to_crop)
    placed = centres @ back[:, :2].T + back[:, 2]
    return np.column_stack([placed, np.full(2, radius * np.sqrt(np.linalg.det(back[:, :2])))])


def eyeballs(view: View) -> eyes.Eyeballs:
    """Both eyes of a view that looks straight ahead: one picture of an iris made of both."""
    pose = fit_pose(view.landmarks)
    picture, head, rotation, crop = _upright_crop(view)
    to_crop = crop_transform(pose, _CROP_SIZE)
    circles = irises(view)
    centres = circles[:, :2] @ to_crop[:, :2].T + to_crop[:, 2]
    radius = float(circles[0, 2]) / pose.scale
    offsets = np.zeros((2, 3))
    for eye, lids in enumerate(([159, 145], [386, 374])):
        depth = head[lids, 2].mean() - _LID_DEPTH
        across, up = crop.to_camera(*centres[eye])
        seen = np.array([across, up]) - rotation[:2, 2] * depth
        place = np.append(np.linalg.solve(rotation[:2, :2], seen), depth)
        offsets[eye] = place - (0.0, 0.0, eyes.RADIUS) - head[eyes.CORNERS[eye]].mean(0)

    plain = eyes.Eyeballs(
        np.zeros((_IRIS_SIZE, _IRIS_SIZE, 4), np.uint8),
        np.array([radius], np.float32),
        offsets.astype(np.float32),
    )
    total = np.zeros((_IRIS_SIZE, _IRIS_SIZE, 3), np.float32)
    mass = np.zeros((_IRIS_SIZE, _IRIS_SIZE), np.float32)
    for eye in range(2):
        between = np.zeros(picture.shape[:2], np.uint8)
        cv2.fillPoly(between, [np.round(crop.to_pixels(head[eyes.LOOPS[eye]] @ rotation.T)).astype(np.int32)], 255)
        # Lashes and the lids' shadow stay out.
        open_part = cv2.erode(between, np.ones((9, 9), np.uint8))
        to_crop = eyes.iris_transform(plain, eye, head, np.zeros(2), rotation=rotation, square=crop)
        flags = cv2.INTER_AREA | cv2.WARP_INVERSE_MAP
        size = (_IRIS_SIZE, _IRIS_SIZE)
        seen = cv2.warpAffine(open_part, to_crop, size, flags=flags).astype(np.float32) / 255.0
        total += cv2.warpAffine(picture, to_crop, size, flags=flags).astype(np.float32) * seen[..., None]
        mass += seen
    iris = _completed(total, mass)
    return eyes.Eyeballs(iris, plain.iris_radius, plain.offsets)


def _pupil(picture: np.ndarray, centre: np.ndarray, radius: float) -> np.ndarray:
    """The middle (2,) of the dark around `centre`, px: the network is off by up to a fifth of a radius."""
    grey = cv2.cvtColor(picture, cv2.COLOR_BGR2GRAY).astype(np.float32)
    y, x = np.mgrid[: grey.shape[0], : grey.shape[1]]
    place = centre.astype(np.float64)
    for _ in range(4):
        near = np.hypot(x - place[0], y - place[1]) < 0.6 * radius
        darkness = np.clip(np.median(grey[near]) - grey, 0.0, None) * near
        total = darkness.sum()
        if total < 1.0:
            break
        place = np.array([(x * darkness).sum(), (y * darkness).sum()]) / total
    return place


def _rim(picture: np.ndarray, centre: np.ndarray, radius: float) -> float:
    """The iris's radius, px: where the picture brightens most to both sides, near the radius that the network gave."""
    grey = cv2.GaussianBlur(cv2.cvtColor(picture, cv2.COLOR_BGR2GRAY), (0, 0), 1.0)
    distances = np.linspace(0.8, 1.35, 56, dtype=np.float32) * np.float32(radius)
    angles = np.radians(np.concatenate([np.arange(-25, 26, 5), np.arange(155, 206, 5)])).astype(np.float32)
    x = centre[0] + np.cos(angles)[:, None] * distances
    y = centre[1] + np.sin(angles)[:, None] * distances
    seen = cv2.remap(grey, x.astype(np.float32), y.astype(np.float32), cv2.INTER_LINEAR).astype(np.float32)
    brightening = cv2.blur(np.diff(np.median(seen, axis=0))[None], (7, 1))[0]
    return float(distances[int(np.argmax(brightening))])


def _completed(total: np.ndarray, mass: np.ndarray) -> np.ndarray:
    """The iris uint8 (I, I, 4): what the lids hid has the colour that is usual at its distance from the middle."""
    side = mass.shape[0]
    place = np.arange(side) - (side - 1) / 2
    distance = np.hypot(*np.meshgrid(place, place))
    known = mass > 0.5
    colour = total / np.maximum(mass, 1e-6)[..., None]
    rings = np.arange(int(distance.max()) + 2)
    usual = np.zeros((len(rings), 3), np.float32)
    for ring in range(len(rings)):
        chosen = known & (np.abs(distance - ring) < 1.0)
        usual[ring] = np.median(colour[chosen], axis=0) if chosen.any() else usual[max(ring - 1, 0)]
    whole = np.stack([np.interp(distance, rings, usual[:, channel]) for channel in range(3)], axis=-1)
    # A lash before the iris is far from what is usual.
    known &= np.abs(colour - whole).max(-1) < _LASH
    sure = cv2.GaussianBlur(known.astype(np.float32), (0, 0), 1.0)[..., None] * known[..., None]
    bgr = whole + sure * (colour - whole)
    radius = side / (2 * eyes.PATCH_REACH)
    matte = np.clip((1.12 - distance / radius) / 0.14, 0.0, 1.0) * 255.0
    return np.clip(np.round(np.dstack([bgr, matte])), 0, 255).astype(np.uint8)


def open_mouth(view: View) -> mouth.Mouth:
    """Teeth and cavity from a view with the mouth wide open."""
    picture, head, rotation, crop = _upright_crop(view)
    inside = np.zeros(picture.shape[:2], np.uint8)
    cv2.fillPoly(inside, [np.round(crop.to_pixels(head[mouth.LOOP] @ rotation.T)).astype(np.int32)], 255)
    shown = cv2.erode(inside, np.ones((7, 7), np.uint8)) > 0
    lips, width = head[[13, 14]], _LEAST_ROW * float(np.ptp(head[mouth.LOOP, 0]))
    middle = crop.to_pixels((lips.mean(0) @ rotation.T)[None])[0, 1]
    down = np.arange(picture.shape[0])[:, None] > middle
    rows, places, cavity = [], [], []
    for row, lip in enumerate(lips):
        half = shown & (down if row else ~down)
        bright = _bright(picture, half)
        place = np.array([lips[:, 0].mean(), lip[1], lips[:, 2].mean() - _TEETH_DEPTH])
        rows.append(_whole(_teeth(picture, bright, place, rotation, crop, upper=row == 0), width))
        places.append(place - (mouth.chin(head) if row else 0.0))
        dark = half & ~bright
        cavity.append(np.median(picture[dark], axis=0) if dark.any() else np.zeros(3))
    return mouth.Mouth(np.stack(rows), np.array(places, np.float32), np.array(cavity, np.float32))


def with_teeth_behind_lip(baked: mouth.Mouth, rest: np.ndarray) -> mouth.Mouth:
    """The same with its upper teeth where those of a face at rest are, landmarks (468, 3) cm: they end a little below
    the upper lip. Of a mouth that is wide open FaceMesh's pose, and so their place, is less sure."""
    matte = baked.teeth[0, ..., 3]
    shown = np.flatnonzero((matte > 127).sum(1) > matte.shape[1] // 10)
    if not len(shown):
        return baked
    step = mouth.PATCH_CENTIMETRES[1] / len(matte)
    places = baked.places.copy()
    places[0, 1] = rest[_UPPER_LIP, 1] - _BELOW_LIP - ((len(matte) - 1) / 2 - shown[-1]) * step
    places[0, 2] = rest[_UPPER_LIP, 2] - _TEETH_DEPTH
    return dataclasses.replace(baked, places=places)


def _bright(picture: np.ndarray, half: np.ndarray) -> np.ndarray:
    """The teeth in one half of an opening: bright in blue, as lips, gums and tongue and the dark behind are not."""
    if not half.any():
        return half
    blue, red = picture[..., 0], picture[..., 2]
    threshold, _ = cv2.threshold(blue[half].reshape(-1, 1), 0, 255, cv2.THRESH_BINARY + cv2.THRESH_OTSU)
    bright = half & (blue > threshold)
    dark = half & ~bright
    if not bright.any() or not dark.any() or blue[bright].mean() - blue[dark].mean() < _LEAST_CONTRAST:
        return np.zeros_like(half)
    if red[bright].mean() - blue[bright].mean() > _MOST_REDNESS:  # the tongue, or the lip
        return np.zeros_like(half)
    return bright


def _whole(row: np.ndarray, least: float) -> np.ndarray:
    """A row of teeth, without any matte where it is less wide than `least` cm."""
    shown = (row[..., 3] > 127).any(0).sum() * mouth.PATCH_CENTIMETRES[0] / row.shape[1]
    row[..., 3] *= shown >= least
    return row


def _teeth(
    picture: np.ndarray,
    teeth: np.ndarray,
    place: np.ndarray,
    rotation: np.ndarray,
    crop: square.Square,
    *,
    upper: bool,
) -> np.ndarray:
    """One row of teeth, uint8 (M, 2M, 4); it goes on beneath the lip that hides its end."""
    height, width = _TEETH_SIZE, 2 * _TEETH_SIZE
    step = mouth.PATCH_CENTIMETRES[1] / height
    x, y = np.meshgrid((np.arange(width) - (width - 1) / 2) * step, ((height - 1) / 2 - np.arange(height)) * step)
    points = np.stack([x, y, -mouth.ARCH * x**2], axis=-1) + place
    pixels = crop.to_pixels((points @ rotation.T).reshape(-1, 3)).reshape(height, width, 2).astype(np.float32)
    maps = np.ascontiguousarray(pixels[..., 0]), np.ascontiguousarray(pixels[..., 1])
    colour = cv2.remap(picture, *maps, cv2.INTER_AREA).astype(np.float32)
    known = cv2.remap(teeth.astype(np.float32), *maps, cv2.INTER_LINEAR)
    sure = (known > 0.7).astype(np.float32)
    bgr = fill_gaps(colour * sure[..., None], sure)
    matte = cv2.morphologyEx(known, cv2.MORPH_CLOSE, np.ones((3, 7), np.uint8))
    matte = cv2.morphologyEx(matte, cv2.MORPH_OPEN, np.ones((3, 5), np.uint8))
    matte = np.maximum.accumulate(matte[::-1])[::-1] if upper else np.maximum.accumulate(matte)
    matte = cv2.morphologyEx(matte, cv2.MORPH_CLOSE, np.ones((1, 21), np.uint8))
    matte = cv2.GaussianBlur(matte, (0, 0), 0.7) * 255.0
    return np.dstack([bgr, np.clip(np.round(matte), 0, 255).astype(np.uint8)])
