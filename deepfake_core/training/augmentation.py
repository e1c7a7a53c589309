"""Augmentation: one prepared sample becomes one network input and its truth, a little different every time."""

from __future__ import annotations

from collections.abc import Mapping

import cv2
import numpy as np

from deepfake_core.swapping import light, networks
from deepfake_core.training.preparation import SAMPLE_SIZE

Sample = Mapping[str, np.ndarray]
_SIZE = networks.SIZE
_MARGIN = (SAMPLE_SIZE - _SIZE) // 2
INPUTS = {"driver": 3, "geometry": 4, "template": 3}
TRUTHS = {"target": 3, "face": 1, "emphasis": 1, "coverage": 1}


def network_sample(
    sample: Sample, generator: np.random.Generator | None, backgrounds: np.ndarray | None = None
) -> dict[str, np.ndarray]:
    """Inputs and truth of one sample, float32 (128, 128, C) as INPUTS and TRUTHS list.

    generator: source of the variation; None gives the sample as it is, for evaluation.
    backgrounds: uint8 (N, H, W, 3) pictures to put behind and in front of the driver; needed with a generator.
    Pictures come as centred reflectance (-1..1), masks as 0..1. The truth moves with the inputs but keeps its
    colours: only the driver is spoiled.
    """
    matrix = np.array([[1.0, 0, -_MARGIN], [0, 1.0, -_MARGIN]]) if generator is None else _jitter(generator)
    moved = {name: _warp(picture, matrix) for name, picture in sample.items()}
    if generator is not None:
        if backgrounds is None:
            raise ValueError("augmentation needs backgrounds")
        moved["driver"] = spoil(moved["driver"], moved["driver_person"], backgrounds, generator)

    def mask(name: str) -> np.ndarray:
        return moved[name].astype(np.float32) / 255.0

    def reflectance(name: str, skin: np.ndarray) -> np.ndarray:
        return networks.centre(light.reflectance(moved[name], light.measure(moved[name], skin)))

    coverage, identity_skin = mask("coverage"), mask("identity_skin")
    normals = (moved["normals"].astype(np.float32) - 128.0) / 127.0
    return {
        "driver": reflectance("driver", mask("driver_skin")),
        "geometry": networks.geometry_input(normals, moved["openings"]),
        "template": reflectance("template", identity_skin * (coverage > 0.99)) * coverage[..., None],
        "target": reflectance("target", identity_skin * mask("target_face")),
        "face": mask("target_face")[..., None],
        "emphasis": mask("target_emphasis")[..., None],
        "coverage": coverage[..., None],
    }


def _warp(picture: np.ndarray, matrix: np.ndarray) -> np.ndarray:
    return cv2.warpAffine(picture, matrix, (_SIZE, _SIZE), flags=cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE)


def _jitter(generator: np.random.Generator) -> np.ndarray:
    """Half of the samples move by whole pixels, so that they stay sharp; the others turn and scale as well."""
    shift = generator.normal(0.0, 2.5, 2)
    if generator.random() < 0.5:
        return np.column_stack([np.eye(2), np.clip(np.round(shift), -_MARGIN, _MARGIN) - _MARGIN])
    angle = np.radians(generator.normal(0.0, 3.5))
    scale = np.exp(generator.normal(0.0, 0.045))
    linear = scale * np.array([[np.cos(angle), -np.sin(angle)], [np.sin(angle), np.cos(angle)]])
    centre = (SAMPLE_SIZE - 1) / 2
    return np.column_stack([linear, (_SIZE - 1) / 2 + shift - linear @ np.array([centre, centre])])


def spoil(
    driver: np.ndarray, person: np.ndarray, backgrounds: np.ndarray, generator: np.random.Generator
) -> np.ndarray:
    """A driver as another camera, in another place, would show it: uint8 (S, S, 3)."""
    size = driver.shape[0]
    picture = driver.astype(np.float32)
    if generator.random() < 0.6:
        alpha = person.astype(np.float32)[..., None] / 255.0
        picture = picture * alpha + _scene(size, backgrounds, generator) * (1.0 - alpha)
    if generator.random() < 0.3:
        picture = _occlude(picture, backgrounds, generator)
    picture = _colour(picture, generator)
    return _camera(picture, generator)


def _scene(size: int, backgrounds: np.ndarray, generator: np.random.Generator) -> np.ndarray:
    kind = generator.random()
    if kind < 0.5:
        picture = backgrounds[generator.integers(len(backgrounds))]
        side = int(generator.integers(picture.shape[0] // 3, picture.shape[0] + 1))
        top, left = generator.integers(0, picture.shape[0] - side + 1, 2)
        part = np.ascontiguousarray(picture[top : top + side, left : left + side])
        return cv2.resize(part, (size, size)).astype(np.float32)
    if kind < 0.8:
        cells = int(generator.integers(2, 24))
        noise = generator.uniform(0, 255, (cells, cells, 3)).astype(np.float32)
        style = cv2.INTER_LINEAR if generator.random() < 0.6 else cv2.INTER_NEAREST
        picture = cv2.resize(noise, (size, size), interpolation=style)
        grey = picture.mean(-1, keepdims=True)
        return grey + (picture - grey) * np.float32(generator.uniform(0, 0.7))
    ends = generator.uniform(0, 255, (2, 3))
    ramp = np.linspace(0, 1, size)[:, None, None]
    picture = np.broadcast_to(ends[0] * (1 - ramp) + ends[1] * ramp, (size, size, 3)).astype(np.float32)
    return picture if generator.random() < 0.5 else np.ascontiguousarray(picture.transpose(1, 0, 2))


def _occlude(picture: np.ndarray, backgrounds: np.ndarray, generator: np.random.Generator) -> np.ndarray:
    size = picture.shape[0]
    mask = np.zeros((size, size), np.uint8)
    middle = generator.uniform(0, size, 2)
    if generator.random() < 0.5:
        axes = (int(generator.uniform(5, 28)), int(generator.uniform(5, 28)))
        angle = float(generator.uniform(0, 180))
        cv2.ellipse(mask, (int(middle[0]), int(middle[1])), axes, angle, 0, 360, 255, -1, cv2.LINE_AA)
    else:
        corners = middle + generator.normal(0, 24, (int(generator.integers(3, 7)), 2))
        cv2.fillPoly(mask, [np.round(corners).astype(np.int32)], 255, cv2.LINE_AA)
    stuff = _scene(size, backgrounds, generator)
    if generator.random() < 0.4:
        # Skin elsewhere in the picture, as a hand would be.
        shift = np.column_stack([np.eye(2), generator.normal(0, 40, 2)])
        stuff = cv2.warpAffine(picture, shift, (size, size), borderMode=cv2.BORDER_REFLECT)
        stuff = stuff * np.float32(generator.uniform(0.6, 1.3))
    alpha = mask.astype(np.float32)[..., None] / 255.0
    return picture * (1.0 - alpha) + stuff * alpha


def _colour(picture: np.ndarray, generator: np.random.Generator) -> np.ndarray:
    gain = np.exp(generator.normal(0, 0.2) + generator.normal(0, 0.07, 3)).astype(np.float32)
    gamma = np.float32(np.exp(generator.normal(0, 0.18)))
    picture = 255.0 * np.clip(np.clip(picture, 0, 255) / 255.0 * gain, 0, 1) ** gamma
    grey = picture.mean(-1, keepdims=True)
    picture = grey + (picture - grey) * np.float32(generator.uniform(0.5, 1.35))
    return (picture - 128.0) * np.float32(generator.uniform(0.8, 1.25)) + np.float32(128.0 + generator.normal(0, 6))


def _camera(picture: np.ndarray, generator: np.random.Generator) -> np.ndarray:
    size = picture.shape[0]
    picture = picture.astype(np.float32)
    if generator.random() < 0.3:
        factor = float(generator.uniform(0.3, 0.9))
        small = cv2.resize(picture, None, fx=factor, fy=factor, interpolation=cv2.INTER_AREA)
        picture = cv2.resize(small, (size, size), interpolation=cv2.INTER_LINEAR)
    if generator.random() < 0.4:
        picture = cv2.GaussianBlur(picture, (0, 0), float(generator.uniform(0.3, 1.6)))
    if generator.random() < 0.25:
        sharper = picture - cv2.GaussianBlur(picture, (0, 0), 1.2)
        picture = picture + np.float32(generator.uniform(0.2, 0.8)) * sharper
    picture = picture + generator.normal(0, generator.uniform(0, 7), picture.shape)
    spoiled = np.clip(picture, 0, 255).astype(np.uint8)
    if generator.random() < 0.6:
        quality = [cv2.IMWRITE_JPEG_QUALITY, int(generator.uniform(30, 95))]
        spoiled = cv2.imdecode(cv2.imencode(".jpg", spoiled, quality)[1], cv2.IMREAD_COLOR)
    return spoiled
