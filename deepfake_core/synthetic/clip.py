"""Renders a person before the camera to a video file."""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator
from fractions import Fraction
from pathlib import Path

import av
import numpy as np
import numpy.typing as npt
from scipy.spatial.transform import Rotation

from deepfake_core.synthetic.camera import Framing
from deepfake_core.synthetic.environment import Environment
from deepfake_core.synthetic.expressions import Expression
from deepfake_core.synthetic.identities import identity_recipe
from deepfake_core.synthetic.lighting import Light
from deepfake_core.synthetic.performance import SECONDS, moment
from deepfake_core.synthetic.person import HeadPose, Wardrobe
from deepfake_core.synthetic.rehearsal import Rehearsal
from deepfake_core.synthetic.renderer import Renderer

WIDTH, HEIGHT, RATE = 640, 480, 30
CRF = "23"  # constant quality of H.264
FRAMES = round(SECONDS * RATE)


def performance_frames(wardrobe: Wardrobe, name: str, every: int = 1) -> Iterator[npt.NDArray[np.uint8]]:
    """Frames (480, 640, 3) BGR of the performance, `every` n-th one; the camera stands still."""
    moments = (moment(index / RATE) for index in range(0, FRAMES, every))
    return _filmed(wardrobe, name, ((now.pose, now.expression) for now in moments))


def rehearsal_frames(
    wardrobe: Wardrobe, name: str, seconds: float, rate: int, seed: int = 0
) -> Iterator[npt.NDArray[np.uint8]]:
    """The same of what a person shows to become an identity, `rate` frames a second."""
    rehearsal = Rehearsal(seconds, seed)
    moments = (rehearsal.moment(index / rate) for index in range(round(seconds * rate)))
    return _filmed(wardrobe, name, ((now.pose, now.expression) for now in moments))


def _filmed(
    wardrobe: Wardrobe, name: str, moments: Iterable[tuple[HeadPose, Expression]]
) -> Iterator[npt.NDArray[np.uint8]]:
    person = wardrobe.build(identity_recipe(name))
    renderer = Renderer(wardrobe.body, WIDTH, HEIGHT, shadow_size=256)
    turn = Rotation.from_euler("y", 150, degrees=True).as_matrix()
    light = Light(Environment.load(wardrobe.assets, "interior", 48), turn, ambient=1.5)
    camera = Framing(fov=30, height=3.5, offset=(0.0, 0.1)).camera(person, person.pose({}, HeadPose()))
    exposure: float | None = None
    for pose, expression in moments:
        picture = renderer.render(person, person.pose(expression, pose), light, camera, exposure=exposure)
        exposure = picture.exposure
        yield picture.bgr


def write_video(path: Path, frames: Iterator[npt.NDArray[np.uint8]], rate: int = RATE) -> None:
    """Write BGR frames as H.264 in MP4, under a temporary name first."""
    temporary = path.with_name(f".{os.getpid()}-{path.name}")
    with av.open(str(temporary), "w", format="mp4", options={"movflags": "+faststart"}) as container:
        stream = container.add_stream("libx264", rate=Fraction(rate), options={"crf": CRF, "preset": "slow"})
        stream.width, stream.height, stream.pix_fmt = WIDTH, HEIGHT, "yuv420p"
        for frame in frames:
            container.mux(stream.encode(av.VideoFrame.from_ndarray(frame, format="bgr24")))
        container.mux(stream.encode(None))
    temporary.replace(path)
