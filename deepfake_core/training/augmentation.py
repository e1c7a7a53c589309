"""Augmentation: one prepared sample becomes one network input and its truth, a little different every time."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import cv2
import numpy as np

from deepfake_core.swapping import light, networks
from deepfake_core.training.sample_format import NETWORK_PART, SAMPLE_SIZE

Sample = Mapping[str, np.ndarray]
INPUTS = {"driver": 3, "geometry": 4, "template": 4}
TRUTHS = {"target": 3, "head": 1, "face": 1, "known": 1, "emphasis": 1}
_PLAIN = 128
"""Side of the pictures that the lengths below are meant for, px."""


@dataclass(frozen=True)
class Variation:
    """Where the differences come from."""

    generator: np.random.Generator
    backgrounds: Sequence[np.ndarray]
    """Pictures uint8 (H, H, 3) to put behind and in front of the driver."""
    self_reconstruction: float = 0.0
    """Probability that the identity's own picture, warped at random, takes the driver's place."""
    mirrored: float = 0.0
    """Probability that left and right change places everywhere."""
    relit: float = 0.0
    """Probability that one more lamp shines on the driver and on the truth alike."""


def network_sample(
    sample: Sample, side: int, variation: Variation | None = None, *, template: bool = True
) -> dict[str, np.ndarray]:
    """Inputs and truth of one sample, float32 (side, side, C) as INPUTS and TRUTHS list.

    variation: None gives the sample as it is, for evaluation. template: False blanks template and geometry, as for a
    plain autoencoder. Pictures come as centred reflectance (-1..1), masks as 0..1. The truth moves with the inputs but
    keeps its colours: only the driver is spoiled.
    """
    factor = side / NETWORK_PART
    margin = (SAMPLE_SIZE - NETWORK_PART) / 2
    # Middles of pixels stay where they are: the middle of pixel 0 is at 0.5.
    shift = (0.5 - margin) * factor - 0.5
    matrix = np.array([[factor, 0, shift], [0, factor, shift]])
    if variation is not None:
        matrix = _jittered(matrix, side, variation.generator)
        if variation.generator.random() < variation.mirrored:
            sample = _mirrored(sample)
    moved = _moved(sample, matrix, side)
    if variation is not None:
        if variation.generator.random() < variation.relit:
            moved |= _relit(moved, variation.generator)
        if variation.generator.random() < variation.self_reconstruction:
            moved |= _driven_by_itself(moved, variation.generator)
        moved["driver"] = spoil(moved["driver"], moved["driver_person"], variation.backgrounds, variation.generator)

    def mask(name: str) -> np.ndarray:
        return moved[name].astype(np.float32) * np.float32(1 / 255)

    def reflectance(name: str, skin: np.ndarray) -> np.ndarray:
        return light.reflectance(moved[name], light.measure(moved[name], skin))

    identity_skin, face, known = mask("identity_skin"), mask("target_face"), mask("target_known")
    made = {
        "driver": networks.centre(reflectance("driver", mask("driver_skin"))),
        "target": networks.centre(reflectance("target", identity_skin * face * known)),
        "head": mask("target_head")[..., None],
        "face": face[..., None],
        "known": known[..., None],
        "emphasis": mask("target_emphasis")[..., None],
    }
    if not template:
        blank = np.zeros((side, side, 3), np.float32)
        return made | {
            "geometry": np.zeros((side, side, 4), np.float32),
            "template": np.dstack([blank, blank[..., 0] - 1]),
        }
    normals = (moved["normals"].astype(np.float32) - 128.0) * np.float32(1 / 127)
    alpha = mask("template_alpha")
    drawn = reflectance("template", identity_skin * mask("template_face"))
    drawn = 1.0 + (drawn - 1.0) * alpha[..., None]
    return made | {
        "geometry": networks.geometry_input(normals, moved["openings"]),
        "template": networks.template_input(drawn, alpha),
    }


def _mirrored(sample: Sample) -> dict[str, np.ndarray]:
    """Left and right of every picture changed; the normals then point to the other side."""
    mirrored = {name: cv2.flip(picture, 1) for name, picture in sample.items()}
    # 128 is 0, and 0 is never stored for a unit normal: 256 - x stays within uint8.
    mirrored["normals"][..., 0] = 256 - mirrored["normals"][..., 0].astype(np.int16)
    return mirrored


def _relit(moved: Sample, generator: np.random.Generator) -> dict[str, np.ndarray]:
    """Driver and truth with the light of one more lamp on the face, by Lambert's law on the face's normals.

    A person's own video has one light only; the networks have to follow others. What a face's own parts shade of each
    other is left out.
    """
    normals = (moved["normals"].astype(np.float32) - 128.0) * np.float32(1 / 127)
    aside, above = generator.uniform(-1.0, 1.0), generator.uniform(-0.5, 1.0)
    lamp = np.array([aside, above, generator.uniform(0.05, 1.0)], np.float32)
    lit = np.maximum(normals @ (lamp / np.linalg.norm(lamp)), 0.0)
    side = lit.shape[0]
    there = cv2.blur(np.minimum(1.0, np.linalg.norm(normals, axis=2)), (side // 16, side // 16))
    colour = generator.uniform(0.3, 5.0) * np.exp(generator.normal(0.0, 0.3, 3)).astype(np.float32)
    # Levels are about the root of the light.
    gain = np.sqrt((1.0 + lit[..., None] * colour) / (1.0 + 0.5 * colour))
    gain = 1.0 + (gain - 1.0) * there[..., None]
    return {name: np.clip(moved[name] * gain, 0, 255).astype(np.uint8) for name in ("driver", "target")}


def _moved(sample: Sample, matrix: np.ndarray, side: int) -> dict[str, np.ndarray]:
    def warp(picture: np.ndarray) -> np.ndarray:
        return cv2.warpAffine(picture, matrix, (side, side), flags=cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE)

    moved = {name: warp(picture) for name, picture in sample.items() if picture.ndim == 3}
    masks = [name for name, picture in sample.items() if picture.ndim == 2]
    for start in range(0, len(masks), 4):  # four at once take little longer than one
        names = masks[start : start + 4]
        moved |= zip(names, cv2.split(warp(cv2.merge([sample[name] for name in names]))), strict=True)
    return moved


def _desaturated(picture: np.ndarray, saturation: float) -> np.ndarray:
    """Colours drawn towards (below 1) or away from the mean of the three channels."""
    matrix = np.full((3, 3), (1.0 - saturation) / 3.0) + saturation * np.eye(3)
    return cv2.transform(picture, matrix.astype(np.float32))


def _jittered(matrix: np.ndarray, side: int, generator: np.random.Generator) -> np.ndarray:
    """The crop a little moved, and half of the time turned and scaled as well."""
    shift = generator.normal(0.0, 2.5, 2) * (side / _PLAIN)
    if generator.random() < 0.5:
        angle, scale = 0.0, 1.0
    else:
        angle, scale = np.radians(generator.normal(0.0, 3.5)), np.exp(generator.normal(0.0, 0.045))
    turned = scale * np.array([[np.cos(angle), -np.sin(angle)], [np.sin(angle), np.cos(angle)]])
    centre = np.full(2, (side - 1) / 2)
    return np.column_stack([turned @ matrix[:, :2], turned @ (matrix[:, 2] - centre) + centre + shift])


def _driven_by_itself(moved: Sample, generator: np.random.Generator) -> dict[str, np.ndarray]:
    """The identity's own picture as the driver, bent at a coarse grid so that it cannot simply be copied."""
    side = moved["target"].shape[0]
    places = np.linspace(0, side - 1, 5, dtype=np.float32)
    grid = np.stack(np.meshgrid(places, places), -1) + generator.normal(0, side * 5 / 256, (5, 5, 2)).astype(np.float32)
    columns, rows = cv2.split(cv2.resize(grid, (side, side), interpolation=cv2.INTER_CUBIC))

    def bent(name: str) -> np.ndarray:
        return cv2.remap(moved[name], columns, rows, cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE)

    return {"driver": bent("target"), "driver_person": bent("target_head"), "driver_skin": bent("identity_skin")}


def spoil(
    driver: np.ndarray, person: np.ndarray, backgrounds: Sequence[np.ndarray], generator: np.random.Generator
) -> np.ndarray:
    """A driver as another camera, in another place, would show it: uint8 (S, S, 3)."""
    size = driver.shape[0]
    picture = driver.astype(np.float32)
    if generator.random() < 0.6:
        picture = _blend(_scene(size, backgrounds, generator), picture, person)
    if generator.random() < 0.3:
        picture = _occlude(picture, backgrounds, generator)
    picture = _colour(picture, generator)
    return _camera(picture, generator)


def _scene(size: int, backgrounds: Sequence[np.ndarray], generator: np.random.Generator) -> np.ndarray:
    kind = generator.random()
    if kind < 0.5:
        picture = backgrounds[int(generator.integers(len(backgrounds)))]
        side = int(generator.integers(picture.shape[0] // 3, picture.shape[0] + 1))
        top, left = generator.integers(0, picture.shape[0] - side + 1, 2)
        part = np.ascontiguousarray(picture[top : top + side, left : left + side])
        return cv2.resize(part, (size, size)).astype(np.float32)
    if kind < 0.8:
        cells = int(generator.integers(2, 24))
        noise = generator.uniform(0, 255, (cells, cells, 3)).astype(np.float32)
        style = cv2.INTER_LINEAR if generator.random() < 0.6 else cv2.INTER_NEAREST
        picture = cv2.resize(noise, (size, size), interpolation=style)
        return _desaturated(picture, generator.uniform(0, 0.7))
    ends = generator.uniform(0, 255, (2, 3))
    ramp = np.linspace(0, 1, size)[:, None, None]
    picture = np.broadcast_to(ends[0] * (1 - ramp) + ends[1] * ramp, (size, size, 3)).astype(np.float32)
    return picture if generator.random() < 0.5 else np.ascontiguousarray(picture.transpose(1, 0, 2))


def _occlude(picture: np.ndarray, backgrounds: Sequence[np.ndarray], generator: np.random.Generator) -> np.ndarray:
    size = picture.shape[0]
    scale = size / _PLAIN
    mask = np.zeros((size, size), np.uint8)
    middle = generator.uniform(0, size, 2)
    if generator.random() < 0.5:
        axes = (int(scale * generator.uniform(5, 28)), int(scale * generator.uniform(5, 28)))
        angle = float(generator.uniform(0, 180))
        cv2.ellipse(mask, (int(middle[0]), int(middle[1])), axes, angle, 0, 360, 255, -1, cv2.LINE_AA)
    else:
        corners = middle + generator.normal(0, 24 * scale, (int(generator.integers(3, 7)), 2))
        cv2.fillPoly(mask, [np.round(corners).astype(np.int32)], 255, cv2.LINE_AA)
    stuff = _scene(size, backgrounds, generator)
    if generator.random() < 0.4:
        # Skin elsewhere in the picture, as a hand would be.
        shift = np.column_stack([np.eye(2), generator.normal(0, 40 * scale, 2)])
        stuff = cv2.warpAffine(picture, shift, (size, size), borderMode=cv2.BORDER_REFLECT)
        stuff = stuff * np.float32(generator.uniform(0.6, 1.3))
    return _blend(picture, stuff, mask)


def _blend(below: np.ndarray, above: np.ndarray, mask: np.ndarray) -> np.ndarray:
    alpha = cv2.merge([mask.astype(np.float32) * np.float32(1 / 255)] * 3)
    return below + (above - below) * alpha


def _colour(picture: np.ndarray, generator: np.random.Generator) -> np.ndarray:
    gain = np.exp(generator.normal(0, 0.2) + generator.normal(0, 0.07, 3)).astype(np.float32)
    gamma = np.float32(np.exp(generator.normal(0, 0.18)))
    picture = cv2.pow(np.clip(picture * (gain / np.float32(255.0)), 0, 1), float(gamma))
    picture = _desaturated(picture, generator.uniform(0.5, 1.35))
    contrast = generator.uniform(0.8, 1.25)
    return picture * np.float32(255.0 * contrast) + np.float32(128.0 * (1.0 - contrast) + generator.normal(0, 6))


def _camera(picture: np.ndarray, generator: np.random.Generator) -> np.ndarray:
    size = picture.shape[0]
    picture = picture.astype(np.float32)
    if generator.random() < 0.3:
        factor = float(generator.uniform(0.3, 0.9))
        small = cv2.resize(picture, None, fx=factor, fy=factor, interpolation=cv2.INTER_AREA)
        picture = cv2.resize(small, (size, size), interpolation=cv2.INTER_LINEAR)
    if generator.random() < 0.4:
        picture = cv2.GaussianBlur(picture, (0, 0), float(generator.uniform(0.3, 1.6)) * size / _PLAIN)
    if generator.random() < 0.25:
        sharper = picture - cv2.GaussianBlur(picture, (0, 0), 1.2 * size / _PLAIN)
        picture = picture + np.float32(generator.uniform(0.2, 0.8)) * sharper
    noise = generator.standard_normal(picture.shape, np.float32)
    picture = picture + np.float32(generator.uniform(0, 7)) * noise
    spoiled = np.clip(picture, 0, 255).astype(np.uint8)
    if generator.random() < 0.6:
        quality = [cv2.IMWRITE_JPEG_QUALITY, int(generator.uniform(30, 95))]
        spoiled = cv2.imdecode(cv2.imencode(".jpg", spoiled, quality)[1], cv2.IMREAD_COLOR)
    return spoiled
