"""Baking the identity's texture from pictures of its head from all sides."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import cv2
import numpy as np

from deepfake_core.facemesh import topology
from deepfake_core.swapping import eyes, surface
from deepfake_core.swapping.alignment import CROP_CENTIMETRES, crop_transform, fit_pose, transform_points

PAGE_SIZE = 512
UPPER_LIP, LOWER_LIP = 128, 129
BETWEEN_LIPS = 255
_MARGIN = 6.0
_EDGE_SHARE, _RING_SHARE = 0.75, -1.3
_AXIS_DEPTH = -6.0
_FACING_POWER = 5.0
_DETAIL, _DETAIL_POWER = 8.0, 30.0
_EYE_REACH = np.array([1.15, 1.7])
_UPPER_LIP = (*topology.LIPS_OUTER[:11], *topology.LIPS_INNER[10:], topology.LIPS_INNER[0])
"""The upper lip and what lies between the lips: a loop of vertices."""
_MOUTH_REACH, _LIPS_REACH = 1.03, 1.1
_FEATHER = 3.0
_HOLE = 31
_LID_REACH = 1.25
_LID_WAY = (0.4, 1.0)
_BROW_REACH = 17
_BROW_WIDTH = 25
_STRANDS_APART = 4.0
_STRAND, _SOFTER = 2.5, 0.4
"""Width of a brow's strand, px of a page, and how much softer it becomes: on a soft camera's picture coarse strands
break into dots."""
_IRIS_REACH = 1.15
_LIPS_SIZE = 512
_SHADED = 5
_LEAST_BETWEEN, _LEAST_LIP = 500, 100
"""Pixels between the lips of a crop of that size from which on they are open, and of each lip that is seen."""
_WITH_LIPS = (0.3, 2.0)
"""Cm from the lips' outlines up to which all moves with them, and from which on nothing does."""
_NOSE = [6, 122, 351, 198, 420, 129, 358, 203, 423, 98, 327, 2, 64, 294, 48, 278]
_NOSE_FEATHER = 5.0


@dataclass(frozen=True)
class View:
    """One picture of the identity in even light."""

    bgr: np.ndarray
    """uint8 (H, W, 3)."""
    usable: np.ndarray
    """uint8 (H, W): 255 where the picture shows the head's skin, eyes or mouth."""
    landmarks: np.ndarray
    """float32 (468, 3) px."""
    iris: np.ndarray | None = None
    """float32 (2, 5, 2) px, see `facemesh.iris.Eyes`; only needed of the view that irises are taken from."""
    matte: np.ndarray | None = None
    """uint8 (H, W): how much of each pixel the head covers, hair included; only of views that show hair."""
    hair: np.ndarray | None = None
    """uint8 (H, W): 255 where the picture shows hair; only of views with a matte."""
    lips: np.ndarray | None = None
    """uint8 (H, W): `BETWEEN_LIPS`, `UPPER_LIP`, `LOWER_LIP`, else 0; needed of the views from the front with shut and
    with open lips."""


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
    """One texture page uint8 (size, size, 3) BGR: each texel from the views that face it; gaps filled smoothly.

    Colours are mixed of many views, details nearly from one: views never lie on each other to the pixel.
    """
    total, details = np.zeros((2, size, size, 3), np.float32)
    mass, detail_mass = np.zeros((2, size, size), np.float32)
    page = _page(uv, size)
    for view in views:
        x, y, facing = _texels(view, page)
        colour = cv2.remap(view.bgr, x, y, cv2.INTER_CUBIC, borderMode=cv2.BORDER_REPLICATE)
        # What shows between the lips is drawn, not baked: it would stand on them where they meet.
        skin = view.usable if view.lips is None else view.usable * (_near_opening(view.lips) == 0)
        inner = cv2.erode(skin, np.ones((7, 7), np.uint8))
        seen = cv2.remap(inner, x, y, cv2.INTER_LINEAR, borderMode=cv2.BORDER_CONSTANT)
        known = (seen > 127).astype(np.float32)
        # What is not used must not tinge what lies beside it.
        colour = fill_gaps(colour * known[..., None], known)
        weight = facing**_FACING_POWER * (seen.astype(np.float32) / 255.0) ** 2
        weight = cv2.GaussianBlur(weight, (0, 0), 2.0) * known
        smooth = cv2.GaussianBlur(colour, (0, 0), _DETAIL).astype(np.float32)
        total += smooth * weight[..., None]
        mass += weight
        weight = weight * facing**_DETAIL_POWER
        details += (colour - smooth) * weight[..., None]
        detail_mass += weight
    whole = fill_gaps(total, mass) + details / np.maximum(detail_mass, 1e-6)[..., None]
    return np.clip(np.round(whole), 0, 255).astype(np.uint8)


def seen_face(views: Sequence[View], uv: np.ndarray, size: int = PAGE_SIZE) -> np.ndarray:
    """How much of the face is seen at each texel, uint8 (size, size): 0 under hair and beyond the face's border.

    views: with hair; `usable` says where they show the face itself.
    """
    page = _page(uv, size)
    total = np.zeros((size, size), np.float32)
    mass = np.zeros((size, size), np.float32)
    for view in views:
        x, y, facing = _texels(view, page)
        seen = cv2.remap(view.usable, x, y, cv2.INTER_LINEAR, borderMode=cv2.BORDER_CONSTANT)
        weight = facing**_FACING_POWER
        total += weight * seen
        mass += weight
    # No view shows the inside of shut lips or all sides of the nose; what lies around them decides.
    filled = fill_gaps(cv2.merge([total] * 3), mass)[..., 0]
    closed = cv2.morphologyEx(filled, cv2.MORPH_CLOSE, cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (_HOLE, _HOLE)))
    seen = cv2.GaussianBlur(closed.astype(np.float32), (0, 0), 1.5)
    share = np.ones(len(uv))
    share[list(topology.FACE_OVAL)], share[468:] = _EDGE_SHARE, _RING_SHARE
    border = np.clip(page.plane(share, fill=0.0), 0.0, 1.0)
    return np.clip(np.round(seen * border), 0, 255).astype(np.uint8)


def _page(uv: np.ndarray, size: int) -> surface.Raster:
    return surface.rasterise(np.hstack([uv, np.zeros((len(uv), 1))]), size)


def _texels(view: View, page: surface.Raster) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Where a view shows each texel, x and y px, and how much that faces the camera, 0..1: float32 (size, size)."""
    pose = fit_pose(view.landmarks)
    points = pose.to_picture(surface.extend(pose.to_head(view.landmarks)))
    facing = surface.vertex_normals(points * np.array([1.0, -1.0, -1.0]))[:, 2]
    # Planes of their own: from a picture of both coordinates OpenCV 5 reads nonsense.
    x, y, facing = (page.plane(values, fill=-1.0) for values in (points[:, 0], points[:, 1], facing))
    return x, y, np.clip(facing, 0.0, 1.0)


def with_frontal_nose(first: np.ndarray, front: View, uv: np.ndarray) -> np.ndarray:
    """The page uint8 (S, S, 3) with the nose as the view from the front shows it.

    The sides of a nose face the views from the sides, but no two views' landmarks agree on its tip and its wings: mixed
    of many views it becomes a broad bulb without nostrils, and nothing else tells faces apart as the nose does.
    """
    size = first.shape[0]
    x, y, facing = _texels(front, _page(uv, size))
    colour = cv2.remap(front.bgr, x, y, cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE)
    nose = fill_gaps(colour * facing[..., None], facing)
    zone = np.zeros((size, size), np.uint8)
    cv2.fillConvexPoly(zone, cv2.convexHull(np.round(uv[_NOSE]).astype(np.int32)), 255)
    return _laid_in(first, nose, cv2.dilate(zone, np.ones((5, 5), np.uint8)), _NOSE_FEATHER)


def lips(between: np.ndarray, upper: np.ndarray, lower: np.ndarray) -> np.ndarray:
    """`View.lips` from where a picture shows what lies between the lips, and each lip: all bool (H, W).

    The dark line of lips that touch lies between them too.
    """
    beside = np.ones((3, 3), np.uint8)
    line = cv2.min(cv2.dilate(upper.astype(np.uint8), beside), cv2.dilate(lower.astype(np.uint8), beside))
    on = upper * np.uint8(UPPER_LIP) + lower * np.uint8(LOWER_LIP)
    return np.where(between | (line > 0), np.uint8(BETWEEN_LIPS), on)


def _near_opening(labels: np.ndarray) -> np.ndarray:
    """What lies between the lips, and the shade beside it: uint8 (H, W) of `View.lips`."""
    between = (labels == BETWEEN_LIPS).astype(np.uint8)
    return cv2.dilate(between, np.ones((_SHADED, _SHADED), np.uint8))


def with_seen_lips(view: View) -> View:
    """The view with its landmarks where its labels see the lips: FaceMesh takes the upper teeth for lip, and reads
    full lips apart that touch.

    The outline of shut lips stays where FaceMesh reads it, within the lips that are seen: shut lips are drawn where it
    reads them, and baked otherwise they would be drawn too thin.
    """
    if view.lips is None:
        return view
    to_crop = crop_transform(fit_pose(view.landmarks), _LIPS_SIZE)
    labels = cv2.warpAffine(view.lips, to_crop, (_LIPS_SIZE, _LIPS_SIZE), flags=cv2.INTER_NEAREST)
    between, upper, lower = (labels == value for value in (BETWEEN_LIPS, UPPER_LIP, LOWER_LIP))
    if min(np.count_nonzero(upper), np.count_nonzero(lower)) < _LEAST_LIP:
        return view
    points = transform_points(to_crop, view.landmarks)[:, :2]
    outer, inner = (list(loop) for loop in (topology.LIPS_OUTER, topology.LIPS_INNER))
    known = np.array([*outer, *inner])
    parted = np.count_nonzero(between) >= _LEAST_BETWEEN
    if parted:
        down = np.concatenate([_outline(labels >= UPPER_LIP, points[outer]), _outline(between, points[inner])])
    else:
        down = np.concatenate([points[outer, 1], _meeting(upper, lower, points[inner])])
    down -= points[known, 1]
    away = np.linalg.norm(points[:, None] - points[known], axis=-1)
    weight = 1.0 / (1.0 + away**2) ** 2
    near, far = np.array(_WITH_LIPS) * (_LIPS_SIZE / CROP_CENTIMETRES)
    shift = np.clip((far - away.min(1)) / (far - near), 0.0, 1.0) * (weight @ down) / weight.sum(1)
    shift[known] = down
    landmarks = view.landmarks.copy()
    landmarks[:, :2] += np.outer(shift, np.linalg.inv(to_crop[:, :2])[:, 1]).astype(np.float32)
    return replace(view, landmarks=landmarks)


def _outline(shown: np.ndarray, loop: np.ndarray) -> np.ndarray:
    """How far down the outline of `shown`, bool (S, S), lies at a loop's points (N, 2) px, of which the first half goes
    along its upper side from corner to corner: float (N,) px."""
    columns, side = np.flatnonzero(shown.any(0)), len(loop) // 2
    edges = shown[:, columns].argmax(0), shown.shape[0] - 1 - shown[::-1, columns].argmax(0)
    smooth = (cv2.blur(edge.astype(np.float32)[None], (5, 1))[0] for edge in edges)
    upper, lower = (np.interp(loop[:, 0], columns, edge) for edge in smooth)
    corners = np.isin(np.arange(len(loop)), (0, side))
    return np.where(corners, 0.5 * (upper + lower), np.where(np.arange(len(loop)) < side, upper, lower))


def _meeting(upper: np.ndarray, lower: np.ndarray, loop: np.ndarray) -> np.ndarray:
    """How far down lips, bool (S, S), meet at a loop's points (N, 2) px: float (N,) px."""
    columns = np.flatnonzero(upper.any(0) & lower.any(0))
    line = 0.5 * (upper.shape[0] - 1 - upper[::-1, columns].argmax(0) + lower[:, columns].argmax(0))
    return np.asarray(np.interp(loop[:, 0], columns, cv2.blur(line.astype(np.float32)[None], (5, 1))[0]))


def with_seen_mouth(first: np.ndarray, front: View, uv: np.ndarray) -> np.ndarray:
    """The page uint8 (S, S, 3) with the shut mouth of the view from the front, whose landmarks lie where its lips are
    seen: no two views' landmarks agree on the line where lips meet."""
    mouth = bake([front], uv, first.shape[0])
    zone = np.zeros(first.shape[:2], np.uint8)
    outline = uv[list(topology.LIPS_OUTER)]
    middle = outline.mean(0)
    cv2.fillPoly(zone, [np.round(middle + _LIPS_REACH * (outline - middle)).astype(np.int32)], 255)
    return _laid_in(first, mouth, zone, _FEATHER)


def _laid_in(page: np.ndarray, other: np.ndarray, zone: np.ndarray, feather: float) -> np.ndarray:
    """A page uint8 (S, S, 3) with another in a zone, uint8 (S, S), 255 inside; feather: softness of its edge, px."""
    share = cv2.GaussianBlur(zone, (0, 0), feather).astype(np.float32)[..., None] / 255.0
    return np.clip(np.round(page + share * (other - page.astype(np.float32))), 0, 255).astype(np.uint8)


def without_irises(first: np.ndarray, view: View, uv: np.ndarray, irises: np.ndarray) -> np.ndarray:
    """The page uint8 (S, S, 3) with nothing but the white of the eye between the lids.

    view: the one that looks straight ahead; irises: float (2, 3), middle and radius of its irises, px.
    """
    size = first.shape[0]
    x, y, _ = _texels(view, _page(uv, size))
    result = first.astype(np.float32)
    for eye, loop in enumerate((topology.RIGHT_EYE, topology.LEFT_EYE)):
        between = np.zeros((size, size), np.uint8)
        cv2.fillPoly(between, [np.round(uv[list(loop)]).astype(np.int32)], 255)
        centre, radius = irises[eye, :2], irises[eye, 2]
        white = (cv2.erode(between, np.ones((5, 5), np.uint8)) > 0) & (
            np.hypot(x - centre[0], y - centre[1]) > _IRIS_REACH * radius
        )
        mass = white.astype(np.float32)
        filled = fill_gaps(first * mass[..., None], mass)
        soft = cv2.GaussianBlur(between, (0, 0), 1.0).astype(np.float32)[..., None] / 255.0
        result += soft * (filled - result)
    return np.clip(np.round(result), 0, 255).astype(np.uint8)


def filled_brows(pages: np.ndarray, uv: np.ndarray) -> np.ndarray:
    """Pages uint8 (2, S, S, 4) with brows that have a body: short hairs between the few coarse ones.

    Rendered brows are some dozen strands on bare skin; where a skin takes a driver's tone, their outline alone stays.
    Between the strands the skin becomes as dark as their mean is around there.
    """
    size = pages.shape[1]
    zone, eyes = np.zeros((2, size, size), np.uint8)
    for brow in (topology.RIGHT_EYEBROW, topology.LEFT_EYEBROW):
        cv2.fillConvexPoly(zone, cv2.convexHull(np.round(uv[list(brow)]).astype(np.int32)), 255)
    for loop in (topology.RIGHT_EYE, topology.LEFT_EYE):
        middle = uv[list(loop)].mean(0)
        lids = middle + _LID_REACH * (uv[list(loop)] - middle)
        cv2.fillPoly(eyes, [np.round(lids).astype(np.int32)], 255)
    reach = cv2.dilate(zone, np.ones((_BROW_REACH, _BROW_REACH), np.uint8)) * (eyes == 0)
    share = cv2.GaussianBlur(reach, (0, 0), _FEATHER).astype(np.float32)[..., None] / 255.0
    kernel = cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (_BROW_WIDTH, _BROW_WIDTH))
    result = pages.copy()
    for page in result:
        shown = page[..., :3].astype(np.float32)
        skin = cv2.GaussianBlur(cv2.morphologyEx(shown, cv2.MORPH_CLOSE, kernel), (0, 0), 2.0 * _FEATHER)
        body = cv2.GaussianBlur(np.maximum(skin - shown, 0.0) * share, (0, 0), _STRANDS_APART)
        shown += share * (np.minimum(shown, skin - body) - shown)
        shown += share * _SOFTER * (cv2.GaussianBlur(shown, (0, 0), _STRAND) - shown)
        page[..., :3] = np.clip(np.round(shown), 0, 255).astype(np.uint8)
    return result


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


def lid_lines(eyes_shut: np.ndarray, uv: np.ndarray) -> np.ndarray:
    """Where shut lids meet, see `IdentityHead.lid_lines`: the darkest of the page uint8 (S, S, 3) with eyes shut."""
    dark = 255.0 - cv2.GaussianBlur(cv2.cvtColor(eyes_shut, cv2.COLOR_BGR2GRAY), (0, 0), 1.5).astype(np.float32)
    way = np.linspace(*_LID_WAY, 40)
    found = np.empty(eyes.UPPER.shape, np.float32)
    for eye in range(2):
        above, below = uv[eyes.UPPER[eye]], uv[eyes.LOWER[eye]]
        places = (above[:, None] + way[:, None] * (below - above)[:, None]).astype(np.float32)
        seen = cv2.remap(dark, places[..., 0], places[..., 1], cv2.INTER_LINEAR)
        line = way[seen.argmax(1)]
        # A bow through all of them: single places may show a wrinkle or the white between lids that hardly touch.
        across = np.linspace(-1.0, 1.0, len(line))
        found[eye] = np.polyval(np.polyfit(across, line, 2, w=seen.max(1) - seen.min(1) + 1.0), across)
    return np.clip(found, *_LID_WAY)


def pages(
    first: np.ndarray, eyes_shut: np.ndarray, mouth_open: np.ndarray, seen: np.ndarray, uv: np.ndarray
) -> np.ndarray:
    """The two pages of a surface, uint8 (2, S, S, 4): BGR and how much of the face is seen, from `seen_face`.

    first: baked with eyes open and mouth shut. The second page takes the eyes from `eyes_shut` and the mouth from
    `mouth_open` and repeats the first elsewhere, so that blending the two moves nothing else.
    """
    size = first.shape[0]
    mixed = first.astype(np.float32)
    for source, loops, reach in (
        (eyes_shut, (topology.RIGHT_EYE, topology.LEFT_EYE), _EYE_REACH),
        # FaceMesh takes upper teeth for lip: they are seen where it sees the upper lip of an open mouth.
        (mouth_open, (_UPPER_LIP,), _MOUTH_REACH),
    ):
        part = np.zeros((size, size), np.uint8)
        for loop in loops:
            points = uv[list(loop)]
            middle = points.mean(0)
            cv2.fillPoly(part, [np.round(middle + reach * (points - middle)).astype(np.int32)], 255)
        soft = cv2.GaussianBlur(part, (0, 0), _FEATHER).astype(np.float32)[..., None] / 255.0
        mixed += soft * (source - mixed)
    second = np.clip(np.round(mixed), 0, 255).astype(np.uint8)
    return np.stack([np.dstack([first, seen]), np.dstack([second, seen])])
