"""Pictures of one identity: a portrait, and even-lit views from all sides, with and without hair, to bake from."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import cv2
import numpy as np

from deepfake_core.synthetic.camera import Framing, head_to_clip
from deepfake_core.synthetic.environment import Environment
from deepfake_core.synthetic.expressions import Expression, lids
from deepfake_core.synthetic.identities import identity_recipe
from deepfake_core.synthetic.lighting import Light
from deepfake_core.synthetic.person import HeadPose, Wardrobe
from deepfake_core.synthetic.renderer import Renderer

SMILE: Expression = {
    "MouthLeftPullUp": 0.25, "MouthRightPullUp": 0.25, "LeftLowerLidUp": 0.15, "RightLowerLidUp": 0.15,
}  # fmt: skip
OPEN_MOUTH: Expression = {
    "JawDrop": 0.5, "UpperLipUp": 0.95, "lowerLipDown": 0.6,
    "MouthLeftPullUp": 0.5, "MouthRightPullUp": 0.5,
}  # fmt: skip
GREY = np.array([0.2, 0.2, 0.2], np.float32)
FACE_FRAMING, HEAD_FRAMING = Framing(fov=14, height=2.7), Framing(fov=14, height=4.6)
BAKE_VIEWS: dict[str, tuple[HeadPose, Expression]] = {
    **{f"yaw{yaw:+03d}": (HeadPose(yaw=yaw), {}) for yaw in (-60, -40, -20, 0, 20, 40, 60)},
    **{f"pitch{pitch:+03d}": (HeadPose(pitch=pitch), {}) for pitch in (-15, 15)},
    "mouth_open": (HeadPose(), OPEN_MOUTH),
    "eyes_closed": (HeadPose(), lids(1.0)),
}
HEAD_VIEWS: dict[str, tuple[HeadPose, Expression]] = {
    **{f"head_yaw{yaw:+03d}": (HeadPose(yaw=yaw), {}) for yaw in (-75, -60, -40, -20, 0, 20, 40, 60, 75)},
    **{f"head_pitch{pitch:+03d}": (HeadPose(pitch=pitch), {}) for pitch in (-20, 20)},
}
MATTES = ("alpha", "labels", "head", "hair")
"""What is written beside a view NAME, as NAME_alpha.png and so on."""


def render_portrait(wardrobe: Wardrobe, name: str, folder: Path, size: int = 512) -> None:
    """Write portrait.png: with hair and clothes, in studio light."""
    person = wardrobe.build(identity_recipe(name))
    renderer = Renderer(wardrobe.body, size, supersampling=3, shadow_size=512)
    posed = person.pose(SMILE, HeadPose(yaw=14, roll=-2))
    camera = Framing(fov=18, height=3.3, offset=(0.0, -0.1)).camera(person, posed)
    picture = renderer.render(person, posed, Light(Environment.softbox(96), ambient=1.5), camera)
    _write(folder / "portrait.png", picture.bgr)


def render_bake_views(wardrobe: Wardrobe, name: str, folder: Path, size: int = 1024) -> None:
    """Write the views of `BAKE_VIEWS` (hairless) and `HEAD_VIEWS` (with hair, the whole head and its shoulders), in
    even light without reflections, all of one exposure.

    For each view NAME.png (BGR) and its `MATTES`; views.json describes those of the face ("views") and of the head
    ("head_views"): pose in degrees, expression, camera (fov in degrees, distance in dm) and `head_to_clip` (4 x 4).
    """
    recipe = identity_recipe(name)
    renderer = Renderer(wardrobe.body, size, shadow_size=512)
    light = Light(Environment.flat(96), ambient=3.0, reflections=0.0)
    exposure: float | None = None
    described: dict[str, list[dict[str, Any]]] = {}
    for kind, person, views, framing in (
        ("views", wardrobe.build(recipe, hairless=True), BAKE_VIEWS, FACE_FRAMING),
        ("head_views", wardrobe.build(recipe), HEAD_VIEWS, HEAD_FRAMING),
    ):
        described[kind] = []
        for view, (pose, expression) in views.items():
            posed = person.pose(expression, pose)
            camera = framing.camera(person, posed)
            picture = renderer.render(person, posed, light, camera, exposure=exposure, background=GREY)
            exposure = picture.exposure
            _write(folder / f"{view}.png", picture.bgr)
            for matte, pixels in zip(
                MATTES, (picture.alpha, picture.labels, picture.head_matte, picture.hair_matte), strict=True
            ):
                _write(folder / f"{view}_{matte}.png", pixels)
            described[kind].append(
                {
                    "name": view,
                    "yaw": pose.yaw,
                    "pitch": pose.pitch,
                    "roll": pose.roll,
                    "expression": expression,
                    "fov": camera.fov,
                    "distance": camera.distance,
                    "head_to_clip": head_to_clip(person, posed, camera).tolist(),
                }
            )
    text = json.dumps({"identity": name, "size": size, "exposure": exposure} | described, indent=1)
    (folder / "views.json").write_text(text + "\n")


def _write(path: Path, image: np.ndarray) -> None:
    if not cv2.imwrite(str(path), image):
        raise OSError(f"{path} cannot be written: check the folder and its free space.")
