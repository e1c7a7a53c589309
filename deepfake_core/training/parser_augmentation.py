"""What pictures of the face parser's training go through: other backgrounds, things in front, light and camera."""

from __future__ import annotations

import cv2
import numpy as np

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
    share = (alpha.astype(np.float32) / 255.0)[..., None]
    return (behind + share * (bgr.astype(np.float32) - behind) + 0.5).astype(np.uint8)


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

    own_skin: give it the colour of the person's skin.
    """
    mask = np.where(other_labels == Label.OCCLUDER, np.uint8(255), np.uint8(0))
    y, x = np.nonzero(mask)
    if len(x) < 64:
        return bgr, labels
    goal = _place(points, generator, low=own_skin and bool(generator.random() < 0.5))
    turn = cv2.getRotationMatrix2D(
        (float(x.mean()), float(y.mean())), generator.uniform(-180.0, 180.0), generator.uniform(0.6, 1.4)
    )
    if generator.random() < 0.5:
        turn = turn @ np.array([[-1.0, 0.0, 2 * x.mean()], [0.0, 1.0, 0.0], [0.0, 0.0, 1.0]])
    turn[:, 2] += goal - (x.mean(), y.mean())
    size = bgr.shape[1::-1]
    skin = labels == Label.SKIN
    if own_skin and skin.any():
        # The performer's own hand: otherwise another skin tone would give it away.
        gains = (bgr[skin].mean(0) + 8.0) / (other[mask > 0].mean(0) + 8.0) * np.exp(generator.normal(0.0, 0.1))
        other = np.clip(other * gains, 0, 255).astype(np.uint8)
    colour = cv2.warpAffine(other, turn, size, borderMode=cv2.BORDER_REFLECT)
    return _laid_on(bgr, labels, colour, cv2.warpAffine(mask, turn, size), generator)


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
    smooth = cv2.GaussianBlur(bgr, (0, 0), generator.uniform(1.0, 6.0)).astype(np.float32)
    grey = smooth.mean(axis=2, keepdims=True)
    tint = np.exp(generator.normal(0.0, 0.25, 3) * (1.0, 0.5, 1.0)) * np.exp(generator.normal(0.0, 0.6))
    smooth = (grey + generator.uniform(0.3, 1.2) * (smooth - grey)) * tint
    share = (hair.astype(np.float32) / 255.0 * generator.uniform(0.3, 1.0))[..., None]
    return np.clip(bgr + share * (smooth - bgr), 0, 255).astype(np.uint8)


def with_print(bgr: np.ndarray, labels: np.ndarray, other: np.ndarray, generator: np.random.Generator) -> np.ndarray:
    """Clothes with the pattern of another picture's corner, or with letters."""
    size = len(bgr)
    cloth = cv2.blur(np.where(labels == Label.CLOTH, np.uint8(255), np.uint8(0)), (3, 3)).astype(np.float32) / 255.0
    if generator.random() < 0.5:
        side = int(generator.integers(size // 8, size))
        x, y = generator.integers(0, size - side + 1, 2)
        pattern = cv2.resize(other[y : y + side, x : x + side], (size, size), interpolation=cv2.INTER_LINEAR)
        share = cloth[..., None] * generator.uniform(0.3, 1.0)
    else:
        letters = "".join(chr(code) for code in generator.integers(65, 91, int(generator.integers(3, 9))))
        pattern = np.zeros_like(bgr)
        mask = np.zeros((size, size), np.uint8)
        pattern[:] = generator.integers(0, 256, 3)
        place = (int(generator.integers(-20, size // 3)), int(generator.integers(size * 2 // 3, size + 10)))
        height, weight = float(generator.uniform(0.6, 2.0)), int(generator.integers(2, 8))
        cv2.putText(mask, letters, place, cv2.FONT_HERSHEY_DUPLEX, height, 255, weight)
        share = (cloth * mask / 255.0)[..., None]
    return np.clip(bgr + share * (pattern.astype(np.float32) - bgr), 0, 255).astype(np.uint8)


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
    if generator.random() < 0.4 * strength:
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
    soft = cv2.GaussianBlur(mask, (0, 0), generator.uniform(0.5, 1.5)).astype(np.float32)[..., None] / 255.0
    # Its own exposure, so that no edge tells which pixels were laid on.
    lit = colour * float(np.exp(generator.normal(0.0, 0.25)))
    made = np.clip(bgr + soft * (lit - bgr), 0, 255).astype(np.uint8)
    return made, np.where(soft[..., 0] > 0.5, np.uint8(Label.OCCLUDER), labels)
