"""Baking what lies beside the face's skin: irises, teeth, and pages of the whole head."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence

import cv2
import numpy as np

from deepfake_core.swapping import eyes, head_layer, mouth, square
from deepfake_core.swapping.alignment import Pose, crop_transform, fit_pose
from deepfake_core.training.baking import BETWEEN_LIPS, View, fill_gaps

HEAD_PAGE_SIZE = 448
_IRIS_SIZE = 64
_LOWER_LIP = 17
_BEFORE_EARS = [234, 93, 132, 58, 454, 323, 361, 288]
_STRAND, _SLIT = 13, 17
_TEETH_SIZE = 64
_CROP_SIZE = 1024
_LID_DEPTH = 0.1
_TEETH_DEPTH = 0.5
_UPPER_LIP = 13
_LASH = 40.0
"""Levels from the colour that is usual at its distance from the iris's middle."""
_REDDISH = 0.6
"""How much of red is taken from blue where teeth are looked for: a tongue has less blue than that."""
_LEAST_CONTRAST = 25.0
"""Levels between teeth and what is behind them, below which no teeth are seen."""
_LEAST_ROW = 0.15
"""Width of a row of teeth that is seen, over that of the open mouth, below which it is none."""
_CROWN, _ROOTED = 0.65, 0.15
"""Cm of a tooth that stand out of the gum, and over which it goes over into it."""
_GUM = 1.6
"""How much brighter the gum is than what is seen behind the teeth."""
_GAPS = 0.4
"""How much of the dark between two teeth shows: in small pictures all of it breaks a row into dots."""
_MOST_LIT, _WARMER = 1.9, 0.2
"""Times the skin that teeth may be as bright as, in each channel, and how much of what is cut off in blue stays in the
other channels."""
_HALF_ROW, _UNEVEN = 2.5, 0.15
"""Cm from the middle of a row of teeth to where it ends, across, and by which its edge may be higher or lower."""


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
    shown = cv2.erode(_between_lips(view, head, rotation, crop), np.ones((5, 5), np.uint8)) > 0
    columns = shown.any(0)
    middle = 0.5 * (shown.argmax(0) + len(shown) - 1 - shown[::-1].argmax(0))
    upper_half = np.arange(len(shown))[:, None] < middle
    white = _white(picture, shown)
    lips, least = head[[13, 14]], _LEAST_ROW * np.count_nonzero(columns)
    rows, places, cavity = [], [], []
    for row, (lip, half) in enumerate(zip(lips, (shown & upper_half, shown & ~upper_half), strict=True)):
        place = np.array([lips[:, 0].mean(), lip[1], lips[:, 2].mean() - _TEETH_DEPTH])
        teeth = white & half
        if np.count_nonzero(teeth.any(0)) < least:
            teeth = np.zeros_like(teeth)
        dark = half & ~white
        cavity.append(np.median(picture[dark], axis=0) if dark.any() else np.zeros(3))
        gum = np.minimum(_GUM * cavity[-1], 255.0)
        rows.append(_teeth(picture, teeth, place, rotation, crop, gum=gum, upper=row == 0))
        places.append(place - (mouth.chin(head) if row else 0.0))
    return mouth.Mouth(np.stack(rows), np.array(places, np.float32), np.array(cavity, np.float32))


def _between_lips(view: View, head: np.ndarray, rotation: np.ndarray, crop: square.Square) -> np.ndarray:
    """What shows between the lips in the view's upright crop: uint8 (S, S), by its labels or else by its landmarks."""
    size = (_CROP_SIZE, _CROP_SIZE)
    if view.lips is not None:
        between = (view.lips == BETWEEN_LIPS) * np.uint8(255)
        return np.asarray(cv2.warpAffine(between, crop_transform(fit_pose(view.landmarks), _CROP_SIZE), size))
    inside = np.zeros(size, np.uint8)
    cv2.fillPoly(inside, [np.round(crop.to_pixels(head[mouth.LOOP] @ rotation.T)).astype(np.int32)], 255)
    return inside


def with_teeth_behind_lip(baked: mouth.Mouth, rest: np.ndarray) -> mouth.Mouth:
    """The same with its upper teeth where those of a face at rest are, landmarks (468, 3) cm: they end at the
    upper lip. Of a mouth that is wide open FaceMesh's pose, and so their place, is less sure."""
    matte = baked.teeth[0, ..., 3]
    shown = np.flatnonzero((matte > 127).sum(1) > matte.shape[1] // 10)
    if not len(shown):
        return baked
    step = mouth.PATCH_CENTIMETRES[1] / len(matte)
    places = baked.places.copy()
    places[0, 1] = rest[_UPPER_LIP, 1] - ((len(matte) - 1) / 2 - shown[-1]) * step
    places[0, 2] = rest[_UPPER_LIP, 2] - _TEETH_DEPTH
    return dataclasses.replace(baked, places=places)


def within_light(baked: mouth.Mouth, tone: np.ndarray) -> mouth.Mouth:
    """The same with teeth that stand out of skin of this tone, (3,) BGR, no further than a reflectance can say: cut off
    in blue alone, a dark face's teeth would be orange."""
    bgr = baked.teeth[..., :3].astype(np.float32)
    cut = np.minimum(_MOST_LIT * tone / np.maximum(bgr, 1.0), 1.0)
    whole = cut.min(-1, keepdims=True)
    factor = whole + _WARMER * (cut - whole)
    teeth = np.concatenate([np.round(bgr * factor).astype(np.uint8), baked.teeth[..., 3:]], axis=-1)
    return dataclasses.replace(baked, teeth=teeth)


def _white(picture: np.ndarray, shown: np.ndarray) -> np.ndarray:
    """The teeth in an opening, bool (S, S): bright in blue beside red, as lips, gums and tongue and the dark behind are
    not."""
    if not shown.any():
        return shown
    blue, red = picture[..., 0].astype(np.float32), picture[..., 2].astype(np.float32)
    whiteness = np.clip(blue - _REDDISH * red, 0.0, 255.0).astype(np.uint8)
    threshold, _ = cv2.threshold(whiteness[shown].reshape(-1, 1), 0, 255, cv2.THRESH_BINARY + cv2.THRESH_OTSU)
    white = shown & (whiteness > threshold)
    rest = shown & ~white
    if not white.any() or not rest.any() or whiteness[white].mean() - whiteness[rest].mean() < _LEAST_CONTRAST:
        return np.zeros_like(shown)
    return white


def _teeth(
    picture: np.ndarray,
    teeth: np.ndarray,
    place: np.ndarray,
    rotation: np.ndarray,
    crop: square.Square,
    *,
    gum: np.ndarray,
    upper: bool,
) -> np.ndarray:
    """One row of teeth, uint8 (M, 2M, 4), in a gum of this colour, (3,) BGR; it goes on beneath the lip that hides its
    end."""
    height, width = _TEETH_SIZE, 2 * _TEETH_SIZE
    y_index = np.arange(height, dtype=np.float32)[:, None]
    step = mouth.PATCH_CENTIMETRES[1] / height
    x, y = np.meshgrid((np.arange(width) - (width - 1) / 2) * step, ((height - 1) / 2 - np.arange(height)) * step)
    points = np.stack([x, y, -mouth.ARCH * x**2], axis=-1) + place
    pixels = crop.to_pixels((points @ rotation.T).reshape(-1, 3)).reshape(height, width, 2).astype(np.float32)
    maps = np.ascontiguousarray(pixels[..., 0]), np.ascontiguousarray(pixels[..., 1])
    colour = cv2.remap(picture, *maps, cv2.INTER_AREA).astype(np.float32)
    closed = cv2.morphologyEx(teeth.astype(np.uint8), cv2.MORPH_CLOSE, np.ones((1, 11), np.uint8)).astype(np.float32)
    known = cv2.remap(closed, *maps, cv2.INTER_LINEAR) > 0.5
    known = cv2.morphologyEx(known.astype(np.uint8), cv2.MORPH_OPEN, np.ones((1, 3), np.uint8)) > 0
    # The dark at a row's edge is none of it; the dark between two teeth shows a little.
    inner, white = (
        cv2.remap(cv2.erode(part, np.ones((size, size), np.uint8)), *maps, cv2.INTER_LINEAR)
        for part, size in ((closed, 5), (teeth.astype(np.float32), 3))
    )
    between = np.minimum(inner, known)
    sure = (white > 0.7) & (between > 0.7)
    columns = np.flatnonzero(known.any(0))
    if not len(columns):
        return np.zeros((height, width, 4), np.uint8)
    # Lips and cheeks hide teeth at the sides: the row's edge goes on there as it is where it is seen last.
    ends = height - 1 - known[::-1, columns].argmax(0) if upper else known[:, columns].argmax(0)
    usual = np.median(ends)
    ends = np.clip(ends, usual - _UNEVEN / step, usual + _UNEVEN / step)
    edge = cv2.blur(np.interp(np.arange(width), columns, ends).astype(np.float32)[None], (5, 1))
    down = edge - y_index if upper else y_index - edge
    matte = np.clip(down + 1.0, 0.0, 1.0) * np.clip((_HALF_ROW - np.abs(x)) / step + 0.5, 0.0, 1.0)
    sure = sure if sure.any() else known
    bgr = fill_gaps(colour * sure[..., None], sure.astype(np.float32)).astype(np.float32)
    bgr += _GAPS * between[..., None] * (colour - bgr)
    rooted = np.clip((down * step - _CROWN) / _ROOTED, 0.0, 1.0)[..., None]
    bgr = np.round(bgr + rooted * (gum - bgr)).astype(np.uint8)
    return np.dstack([bgr, np.round(255.0 * matte).astype(np.uint8)])
