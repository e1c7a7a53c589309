"""What happens in a picture, apart from who is in it: expression, pose, light, camera, things before the face."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np

from deepfake_core.synthetic.camera import Framing, random_framing
from deepfake_core.synthetic.environment import Environment
from deepfake_core.synthetic.expressions import Expression, gaze_of, random_expression
from deepfake_core.synthetic.lighting import Light, random_light
from deepfake_core.synthetic.motion import Motion, random_pose
from deepfake_core.synthetic.occluders import Occlusion, random_occlusion
from deepfake_core.synthetic.person import HeadPose, Person
from deepfake_core.synthetic.skin import metering

RATE = 30  # frames/s of a sequence
ROOM, STEP = 3.0, 0.35  # dm: least height of a sequence's picture, farthest start from its middle: room to move


@dataclass(frozen=True, eq=False)
class Scene:
    """One moment before the camera. gaze: degrees of the eyes against the head, right and up; gain: brightness
    against a well-exposed face; occlusion: what comes before the face; time: in seconds, for what moves by itself."""

    pose: HeadPose
    expression: Expression
    light: Light
    framing: Framing
    gain: float
    occlusion: Occlusion
    time: float = 0.0

    @property
    def gaze(self) -> tuple[float, float]:
        """Where the eyes look, against the head: degrees to the picture's right and up."""
        return gaze_of(self.expression)


def random_scene(
    g: np.random.Generator, person: Person, environments: Sequence[Environment], *, farthest_yaw: float = 90.0
) -> Scene:
    """A scene for a still of a person."""
    pose = random_pose(g)
    pose = replace(pose, yaw=float(np.clip(pose.yaw, -farthest_yaw, farthest_yaw)))
    expression = random_expression(g, person.fitting.body.expressions)
    light = random_light(g, environments)
    return Scene(pose, expression, light, random_framing(g), random_gain(g, person), random_occlusion(g, person))


def random_gain(g: np.random.Generator, person: Person) -> float:
    """How well a camera's automatic exposure hits: a factor."""
    return metering(person.recipe.skin) * float(np.exp(g.normal(-0.05, 0.2)))


def random_sequence(
    g: np.random.Generator, person: Person, environments: Sequence[Environment], frames: int
) -> list[Scene]:
    """Scenes of consecutive frames at `RATE`: the person moves, camera and light stand still."""
    motion = Motion(int(g.integers(2**31)), max(60.0, frames / RATE + 1))
    start = float(g.uniform(0, motion.seconds - frames / RATE))
    light, framing, gain = random_light(g, environments), random_framing(g), random_gain(g, person)
    while framing.height < ROOM or abs(framing.offset[0]) > STEP:
        framing = random_framing(g)
    occlusion = random_occlusion(g, person, frames / RATE)
    times = [frame / RATE for frame in range(frames)]
    moments = [motion.moment(start + time) for time in times]
    return [
        Scene(each.pose, each.expression, light, framing, gain, occlusion, time)
        for each, time in zip(moments, times, strict=True)
    ]
