"""Contact sheets: many people at one glance."""

from __future__ import annotations

import cv2
import numpy as np
import numpy.typing as npt
from scipy.spatial.transform import Rotation

from deepfake_core.synthetic import environment
from deepfake_core.synthetic.camera import Framing
from deepfake_core.synthetic.environment import Environment
from deepfake_core.synthetic.expressions import random_expression
from deepfake_core.synthetic.labels import PALETTE_BGR
from deepfake_core.synthetic.occluders import random_occluders
from deepfake_core.synthetic.person import HeadPose, Wardrobe
from deepfake_core.synthetic.renderer import Light, Renderer

YAWS = (0, 15, -20, 30, -10, 45, -35, 5)


def people_sheet(
    wardrobe: Wardrobe, seed: int, rows: int, columns: int, size: int, *, labels: bool = False
) -> npt.NDArray[np.uint8]:
    """A BGR picture: a random person per row (its seed is written there), first neutral, then random.

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
            things, _ = random_occluders(g, person) if column else ([], 0)
            dressed = person.holding(things)
            expression = random_expression(g, wardrobe.body.expressions) if column else {}
            posed = dressed.pose(expression, HeadPose(yaw=YAWS[column % len(YAWS)]))
            turn = Rotation.from_euler("y", g.uniform(0, 360), degrees=True).as_matrix()
            light = Light(environments[column % len(environments)], turn)
            line.append(renderer.render(dressed, posed, light, Framing().camera(dressed, posed)))
        cv2.putText(line[0].bgr, str(seed + row), (4, 14), cv2.FONT_HERSHEY_SIMPLEX, 0.45, (255, 255, 255), 1)
        lines.append(np.hstack([picture.bgr for picture in line]))
        if labels:
            lines.append(np.hstack([PALETTE_BGR[picture.labels] for picture in line]))
    return np.vstack(lines)
