"""Contact sheets: many people at one glance, as the networks see them."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

import cv2
import numpy as np
import numpy.typing as npt

from deepfake_core.synthetic import environment
from deepfake_core.synthetic.camera import Framing
from deepfake_core.synthetic.environment import Environment
from deepfake_core.synthetic.labels import PALETTE_BGR
from deepfake_core.synthetic.lighting import random_light
from deepfake_core.synthetic.occluders import Occlusion
from deepfake_core.synthetic.person import HeadPose, Person, Wardrobe
from deepfake_core.synthetic.renderer import Picture, Renderer
from deepfake_core.synthetic.scenes import Scene, random_scene
from deepfake_core.synthetic.webcam import random_webcam

Image = npt.NDArray[np.uint8]
YAWS = (0, 15, -20, 30, -10, 45, -35, 5)
HEAD_GREEN, HAIR_BLUE = np.array([0, 160, 0]), np.array([200, 0, 0])


def crowd_sheet(
    wardrobe: Wardrobe, seed: int, people: int, columns: int, size: int, *, labels: bool = False
) -> Iterator[Image]:
    """Rows of a contact sheet, BGR: random people, each once, in a random scene through a random webcam.

    With `labels` each row is followed by its face-parsing labels in colour, and by the mattes (head green, hair
    blue) over the picture.
    """
    renderer = Renderer(wardrobe.body, size)
    environments = [Environment.load(wardrobe.assets, name) for name in environment.NAMES]
    for first in range(seed, seed + people, columns):
        row, beside, mattes = [], [], []
        for each in range(first, min(first + columns, seed + people)):
            g = np.random.default_rng([each, 99])
            person = wardrobe.random_person(each)
            picture = _shoot(renderer, person, random_scene(g, person, environments))
            webcam = random_webcam(g)
            seen = webcam.apply(picture.bgr, each)
            row.append(_named(seen, str(each)))
            beside.append(PALETTE_BGR[webcam.lens.labels(picture.labels)])
            mattes.append(
                _tinted(seen, webcam.lens.picture(picture.head_matte), webcam.lens.picture(picture.hair_matte))
            )
        for shown in (row, beside, mattes) if labels else (row,):
            filler = [np.zeros((size, size, 3), np.uint8)] * (columns - len(shown))
            yield np.hstack([*shown, *filler])


def people_sheet(wardrobe: Wardrobe, seed: int, rows: int, columns: int, size: int, *, labels: bool = False) -> Image:
    """A BGR picture: a random person per row (its seed is written there), first neutral, then in random scenes, seen
    by a perfect camera.

    With `labels` each row is followed by its face-parsing labels in colour.
    """
    renderer = Renderer(wardrobe.body, size)
    environments = [Environment.load(wardrobe.assets, name) for name in environment.NAMES]
    lines = []
    for row in range(rows):
        g = np.random.default_rng([seed, row])
        person = wardrobe.random_person(seed + row)
        line = []
        for column in range(columns):
            scene = random_scene(g, person, environments)
            pose = HeadPose(yaw=YAWS[column % len(YAWS)])
            if column:
                scene = replace(scene, pose=pose, framing=Framing(), gain=1.0)
            else:
                room = random_light(g, environments, kind="room")
                scene = Scene(pose, {}, room, Framing(), 1.0, Occlusion([], person.fitting.head.astype(np.float64)))
            line.append(_shoot(renderer, person, scene))
        _named(line[0].bgr, str(seed + row))
        lines.append(np.hstack([picture.bgr for picture in line]))
        if labels:
            lines.append(np.hstack([PALETTE_BGR[picture.labels] for picture in line]))
    return np.vstack(lines)


def _shoot(renderer: Renderer, person: Person, scene: Scene) -> Picture:
    dressed = person.holding(scene.occlusion.parts)
    posed = dressed.pose(scene.expression, scene.pose, scene.time)
    return renderer.render(dressed, posed, scene.light, scene.framing.camera(dressed, posed), gain=scene.gain)


def _named(picture: Image, text: str) -> Image:
    cv2.putText(picture, text, (4, 14), cv2.FONT_HERSHEY_SIMPLEX, 0.42, (0, 0, 0), 3, cv2.LINE_AA)
    cv2.putText(picture, text, (4, 14), cv2.FONT_HERSHEY_SIMPLEX, 0.42, (255, 255, 255), 1, cv2.LINE_AA)
    return picture


def _tinted(picture: Image, head: Image, hair: Image) -> Image:
    """A dimmed picture with its mattes in colour."""
    head_share, hair_share = (matte[..., None].astype(np.float32) / 255 for matte in (head, hair))
    return np.clip(picture * 0.35 + head_share * HEAD_GREEN + hair_share * HAIR_BLUE, 0, 255).astype(np.uint8)
