"""What pictures of the face parser's training go through: other backgrounds, things in front, light and camera."""

from __future__ import annotations

import cv2
import numpy as np

from deepfake_core.facemesh import topology
from deepfake_core.parsing.classes import Label


def with_background(
    bgr: np.ndarray, alpha: np.ndarray, other: np.ndarray, generator: np.random.Generator
) -> np.ndarray:
    """The person before a blurred, magnified corner of another picture, or before a plain wall; uint8 (S, S, 3)."""
    size = len(bgr)
    if generator.random() < 0.7:
        side = int(generator.integers(size // 6, size // 2))
        x, y = generator.integers(0, size - side, 2)
        behind = cv2.resize(other[y : y + side, x : x + side], (size, size), interpolation=cv2.INTER_LINEAR)
        behind = behind[:, ::-1] if generator.random() < 0.5 else behind
    else:
        corners = generator.integers(0, 256, (2, 2, 3)) * generator.uniform(0.0, 1.0)
        mean = generator.integers(0, 256, 3)
        behind = cv2.resize(np.clip(mean + corners - corners.mean((0, 1)), 0, 255).astype(np.uint8), (size, size))
    return _blended(np.ascontiguousarray(behind), bgr, alpha.astype(np.float32) / 255.0)


def with_occluder(
    bgr: np.ndarray,
    labels: np.ndarray,
    points: np.ndarray,
    generator: np.random.Generator,
    *,
    other: np.ndarray,
    other_labels: np.ndarray,
    own_skin: bool,
) -> tuple[np.ndarray, np.ndarray]:
    """A hand or thing cut out of another picture, laid somewhere on or beside the face; picture and labels.

    own_skin: give it the colour of the person's skin, and now and then the end of its sleeve, which is
    clothes.
    """
    mask = np.where(other_labels == Label.OCCLUDER, np.uint8(255), np.uint8(0))
    y, x = np.nonzero(mask)
    if len(x) < 64:
        return bgr, labels
    goal = _place(points, generator, low=own_skin and bool(generator.random() < 0.7))
    turn = cv2.getRotationMatrix2D(
        (float(x.mean()), float(y.mean())), generator.uniform(-180.0, 180.0), generator.uniform(0.6, 1.4)
    )
    if generator.random() < 0.5:
        turn = turn @ np.array([[-1.0, 0.0, 2 * x.mean()], [0.0, 1.0, 0.0], [0.0, 0.0, 1.0]])
    turn[:, 2] += goal - (x.mean(), y.mean())
    size = bgr.shape[1::-1]
    skin = cv2.inRange(labels, int(Label.SKIN), int(Label.SKIN))
    sleeve = np.zeros_like(mask)
    if own_skin and skin.any():
        # The performer's own hand: otherwise another skin tone would give it away.
        gains = (np.array(cv2.mean(bgr, skin)) + 8.0) / (np.array(cv2.mean(other, mask)) + 8.0)
        other = cv2.transform(other, np.diag(gains[:3] * np.exp(generator.normal(0.0, 0.1))))
        if generator.random() < 0.6:
            reach = np.ptp(points[:, 1]) * generator.uniform(0.1, 1.0)
            near = cv2.distanceTransform(cv2.bitwise_not(mask), cv2.DIST_L2, 3) < reach
            sleeve[near & (other_labels == Label.CLOTH)] = 255
    colour = cv2.warpAffine(other, turn, size, borderMode=cv2.BORDER_REFLECT)
    mask, sleeve = cv2.warpAffine(mask, turn, size), cv2.warpAffine(sleeve, turn, size)
    before = labels
    bgr, labels = _laid_on(bgr, labels, colour, cv2.max(mask, sleeve), generator)
    return bgr, np.where((labels != before) & (sleeve > mask), np.uint8(Label.CLOTH), labels)


def with_thing(
    bgr: np.ndarray, labels: np.ndarray, other: np.ndarray, points: np.ndarray, generator: np.random.Generator
) -> tuple[np.ndarray, np.ndarray]:
    """A rounded or polygonal thing with the surface of another picture's corner; picture and labels."""
    size = len(bgr)
    goal = _place(points, generator)
    reach = np.ptp(points[:, 1]) * generator.uniform(0.12, 0.45)
    angles = np.sort(generator.uniform(0, 2 * np.pi, int(generator.integers(4, 12))))
    radii = reach * generator.uniform(0.6, 1.2, len(angles))[:, None]
    corners = goal + radii * np.stack([np.cos(angles), np.sin(angles) * generator.uniform(0.4, 1.0)], 1)
    mask = np.zeros((size, size), np.uint8)
    cv2.fillPoly(mask, [np.round(corners).astype(np.int32)], 255)
    side = int(generator.integers(8, size // 2))
    x, y = generator.integers(0, size - side, 2)
    colour = cv2.resize(other[y : y + side, x : x + side], (size, size), interpolation=cv2.INTER_LINEAR)
    tint = generator.uniform(0.5, 1.5, 3)
    return _laid_on(bgr, labels, cv2.convertScaleAbs(colour * tint), mask, generator)


def with_other_hair(bgr: np.ndarray, hair: np.ndarray, generator: np.random.Generator) -> np.ndarray:
    """Smoother hair of another colour: rendered strands are sharper than most cameras show them; hair: uint8 matte."""
    reach = int(generator.integers(1, 7))
    smooth = cv2.blur(cv2.blur(bgr, (2 * reach + 1, 2 * reach + 1)), (reach, reach))
    tint = np.exp(generator.normal(0.0, 0.25, 3) * (1.0, 0.5, 1.0)) * np.exp(generator.normal(0.0, 0.6))
    vivid = generator.uniform(0.3, 1.2)
    smooth = cv2.transform(smooth, tint[:, None] * (vivid * np.eye(3) + (1.0 - vivid) / 3.0))
    if generator.random() < 0.5:
        smooth = cv2.multiply(smooth, cv2.merge([_uneven(len(bgr), generator)] * 3), dtype=cv2.CV_8U)
    return _blended(bgr, smooth, hair.astype(np.float32) * (generator.uniform(0.3, 1.0) / 255.0))


def with_print(bgr: np.ndarray, labels: np.ndarray, other: np.ndarray, generator: np.random.Generator) -> np.ndarray:
    """Clothes with the pattern of another picture's corner, or with letters."""
    size = len(bgr)
    cloth = _cloth(labels)
    share: np.ndarray
    if generator.random() < 0.5:
        side = int(generator.integers(size // 8, size))
        x, y = generator.integers(0, size - side + 1, 2)
        pattern = cv2.resize(other[y : y + side, x : x + side], (size, size), interpolation=cv2.INTER_LINEAR)
        share = cloth * generator.uniform(0.3, 1.0)
    else:
        letters = "".join(chr(code) for code in generator.integers(65, 91, int(generator.integers(3, 9))))
        pattern = np.zeros_like(bgr)
        mask = np.zeros((size, size), np.uint8)
        pattern[:] = generator.integers(0, 256, 3)
        place = (int(generator.integers(-20, size // 3)), int(generator.integers(size * 2 // 3, size + 10)))
        height, weight = float(generator.uniform(0.6, 2.0)), int(generator.integers(2, 8))
        cv2.putText(mask, letters, place, cv2.FONT_HERSHEY_DUPLEX, height, 255, weight)
        share = cloth * mask * np.float32(1 / 255.0)
    return _blended(bgr, pattern, share)


def with_plain_cloth(
    bgr: np.ndarray, labels: np.ndarray, hair: np.ndarray, generator: np.random.Generator
) -> np.ndarray:
    """Clothes in the colour of the skin, of the hair, or dark, and with folds: only their shape tells them apart."""
    worn = labels == Label.CLOTH
    chance = generator.random()
    like = labels == Label.SKIN if chance < 0.35 else hair > 127
    if not worn.any():
        return bgr
    cloth = _cloth(labels)
    if chance < 0.7 and like.any():
        goal = np.array(cv2.mean(bgr, like.astype(np.uint8))[:3]) * np.exp(generator.normal(0.0, 0.15))
    else:
        goal = generator.uniform(5.0, 60.0) * np.exp(generator.normal(0.0, 0.2, 3))
    gains = (goal + 4.0) / (np.array(cv2.mean(bgr, worn.astype(np.uint8))[:3]) + 4.0)
    return _blended(bgr, cv2.transform(bgr, np.diag(np.minimum(gains, 4.0))), cloth)


def with_folds(bgr: np.ndarray, labels: np.ndarray, generator: np.random.Generator) -> np.ndarray:
    """Clothes with light and dark folds, which rendered ones have few of."""
    gains = _uneven(len(bgr), generator) ** _cloth(labels)
    return cv2.multiply(bgr, cv2.merge([gains, gains, gains]), dtype=cv2.CV_8U)


def with_shaded_eyes(
    bgr: np.ndarray, points: np.ndarray, generator: np.random.Generator, *, smeared: bool = False
) -> np.ndarray:
    """Dark eye sockets, as under light from above: no sunglasses.

    smeared: without detail, too, as compression leaves them in small faces.
    """
    shade: np.ndarray = np.zeros(bgr.shape[:2], np.float32)
    for outline in (topology.LEFT_EYE, topology.RIGHT_EYE):
        eye = points[list(outline), :2]
        width = float(np.ptp(eye[:, 0])) + 2.0
        axes = (round(width * generator.uniform(0.6, 1.0)), round(width * generator.uniform(0.3, 0.8)))
        middle = eye.mean(0) - (0.0, width * generator.uniform(0.0, 0.3))
        cv2.ellipse(shade, np.round(middle).astype(int).tolist(), axes, 0.0, 0.0, 360.0, 1.0, -1)
    reach = round(width * 0.5) | 1
    shade = cv2.blur(shade, (reach, reach))
    if smeared:
        reach = round(width * generator.uniform(0.15, 0.6)) | 1
        bgr = _blended(bgr, cv2.blur(cv2.blur(bgr, (reach, reach)), (reach, reach)), shade)
    return _blended(bgr, np.zeros_like(bgr), shade * np.float32(generator.uniform(0.2, 0.7)))


def with_gleams(bgr: np.ndarray, labels: np.ndarray, points: np.ndarray, generator: np.random.Generator) -> np.ndarray:
    """Lamps mirrored by forehead, nose and cheeks, which a camera shows white: nothing before the face."""
    bright = np.zeros(bgr.shape[:2], np.float32)
    side = float(np.ptp(points[:, 1])) + 2.0
    for _ in range(int(generator.integers(1, 4))):
        middle = points[int(generator.integers(len(points))), :2]
        axes = np.maximum(np.round(side * generator.uniform(0.01, 0.15, 2)), 1).astype(int).tolist()
        cv2.ellipse(bright, np.round(middle).astype(int).tolist(), axes, generator.uniform(0, 180), 0, 360, 1.0, -1)
    bright[(labels != Label.SKIN) & (labels != Label.NOSE)] = 0.0
    reach = round(side * generator.uniform(0.02, 0.08)) | 1
    bright = cv2.blur(bright, (reach, reach)) * np.float32(generator.uniform(0.2, 0.9))
    return _blended(bgr, np.full_like(bgr, 255), bright)


def with_camera(bgr: np.ndarray, generator: np.random.Generator, strength: float = 1.0) -> np.ndarray:
    """Light, colour, blur, noise and compression as of many cameras; uint8 (n, n, 3).

    strength: 0..1, how far and how often.
    """
    levels = np.arange(256, dtype=np.float32) / 255.0
    gamma = np.exp(strength * generator.normal(0.0, 0.22))
    gains = np.exp(strength * (generator.normal(0.0, 0.16) + generator.normal(0.0, 0.08, 3)))
    contrast = np.exp(strength * generator.normal(0.0, 0.15))
    tables = np.clip((levels[:, None] ** gamma * gains - 0.45) * contrast + 0.45, 0.0, 1.0)
    bgr = cv2.LUT(bgr, np.round(tables * 255.0).astype(np.uint8)[None])
    if generator.random() < 0.3 * strength:
        grey = cv2.cvtColor(cv2.cvtColor(bgr, cv2.COLOR_BGR2GRAY), cv2.COLOR_GRAY2BGR)
        share = generator.uniform(-0.4, 1.0)
        bgr = cv2.addWeighted(bgr, 1.0 - share, grey, share, 0.0)
    if generator.random() < 0.2 * strength:
        bgr = _half_lit(bgr, generator)
    if generator.random() < 0.1 + 0.35 * strength:
        # Heads are small in most pictures of webcams: the crop magnifies them.
        side = int(len(bgr) * generator.uniform(0.22, 0.8))
        small = cv2.resize(bgr, (side, side), interpolation=cv2.INTER_AREA)
        bgr = cv2.resize(small, bgr.shape[1::-1], interpolation=cv2.INTER_LINEAR)
    elif generator.random() < 0.25 * strength:
        bgr = cv2.addWeighted(bgr, 1.8, cv2.GaussianBlur(bgr, (0, 0), 1.5), -0.8, 0.0)
    if generator.random() < 0.4 * strength:
        noise: np.ndarray = np.empty(bgr.shape, np.int16)
        cv2.setRNGSeed(int(generator.integers(2**31)))
        deviation = np.full(3, generator.uniform(2.0, 12.0))
        cv2.randn(noise, np.zeros(3), deviation)
        bgr = cv2.add(bgr, noise, dtype=cv2.CV_8U)
    if generator.random() < 0.3 * strength:
        _, data = cv2.imencode(".jpg", bgr, [cv2.IMWRITE_JPEG_QUALITY, int(generator.integers(25, 85))])
        bgr = np.asarray(cv2.imdecode(data, cv2.IMREAD_COLOR))
    return bgr


def _half_lit(bgr: np.ndarray, generator: np.random.Generator) -> np.ndarray:
    """Lit from one side, in another colour from the other."""
    corners = np.exp(generator.normal(0.0, 0.25, (2, 2, 3)) + generator.normal(0.0, 0.3, (2, 2, 1)))
    gains = cv2.resize(corners.astype(np.float32), bgr.shape[1::-1], interpolation=cv2.INTER_LINEAR)
    return cv2.multiply(bgr, gains, dtype=cv2.CV_8U)


def _place(points: np.ndarray, generator: np.random.Generator, *, low: bool = False) -> np.ndarray:
    """A point on or around the face; low: before neck and chest, where hands are most of the time."""
    left_top, right_bottom = points[:, :2].min(0), points[:, :2].max(0)
    side = right_bottom - left_top
    if low:
        return generator.uniform(left_top + side * (-0.4, 1.0), right_bottom + side * (0.4, 0.7))
    return generator.uniform(left_top - 0.2 * side, right_bottom + side * (0.3, 0.6))


def _laid_on(
    bgr: np.ndarray, labels: np.ndarray, colour: np.ndarray, mask: np.ndarray, generator: np.random.Generator
) -> tuple[np.ndarray, np.ndarray]:
    if generator.random() < 0.25:
        # A hand that moves while the shutter is open.
        length, angle = int(generator.integers(5, 16)), generator.uniform(0.0, np.pi)
        kernel = np.zeros((length, length), np.float32)
        middle, way = (length - 1) / 2, (length / 2) * np.array([np.cos(angle), np.sin(angle)])
        ends = [np.round(middle + sign * way).astype(int).tolist() for sign in (-1, 1)]
        cv2.line(kernel, ends[0], ends[1], (1.0,))
        kernel /= kernel.sum()
        x, y, width, height = cv2.boundingRect(mask)
        part = np.s_[max(0, y - length) : y + height + length, max(0, x - length) : x + width + length]
        mask[part], colour[part] = cv2.filter2D(mask[part], -1, kernel), cv2.filter2D(colour[part], -1, kernel)
    soft = cv2.GaussianBlur(mask, (0, 0), generator.uniform(0.5, 1.5)).astype(np.float32) / 255.0
    # Its own exposure, so that no edge tells which pixels were laid on.
    lit = cv2.convertScaleAbs(colour, alpha=float(np.exp(generator.normal(0.0, 0.25))))
    return _blended(bgr, lit, soft), np.where(soft > 0.5, np.uint8(Label.OCCLUDER), labels)


def _uneven(size: int, generator: np.random.Generator) -> np.ndarray:
    """Random light and dark spots or stripes, float32 (size, size), about 1."""
    field = generator.normal(0.0, generator.uniform(0.1, 0.4), generator.integers(3, 16, 2)).astype(np.float32)
    return np.exp(cv2.resize(field, (size, size), interpolation=cv2.INTER_CUBIC))


def _cloth(labels: np.ndarray) -> np.ndarray:
    """Where clothes are, with a soft edge; float32 (S, S), 0..1."""
    return cv2.blur((labels == Label.CLOTH).astype(np.float32), (3, 3))


def _blended(under: np.ndarray, over: np.ndarray, share: np.ndarray) -> np.ndarray:
    """uint8 (S, S, 3): `over` by its share float32 (S, S), 0..1."""
    return cv2.blendLinear(under, over, 1.0 - share, share)
