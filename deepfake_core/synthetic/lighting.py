"""Light on a person: an environment, how it is turned, and how the camera exposes in it."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np
import numpy.typing as npt

from deepfake_core.synthetic.environment import Environment


@dataclass(frozen=True, eq=False)
class Light:
    """An environment, its rotation (3, 3) scene to panorama, the strength of light from nowhere (bounced
    by walls and skin; softens shadows), and the strength of reflections (0 bakes the bare colour).

    kind: its name; exposure: how much brighter than well exposed skin the camera takes the picture (a dim room
    stays dim); backdrop: what is seen behind the person, linear RGB (h, w, 3); None shows the panorama.
    """

    environment: Environment
    rotation: npt.NDArray[np.float64] = field(default_factory=lambda: np.eye(3))
    ambient: float = 1.0
    reflections: float = 1.0
    kind: str = "environment"
    exposure: float = 1.0
    backdrop: npt.NDArray[np.float32] | None = None
