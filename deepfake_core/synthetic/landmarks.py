"""FaceMesh's 468 points on a posed figure, by a fixed correspondence to the base mesh."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from safetensors import SafetensorError
from safetensors.numpy import load, save

from deepfake_core.inference.errors import ModelCorrupt
from deepfake_core.inference.manifest import Manifest
from deepfake_core.synthetic.camera import Camera
from deepfake_core.synthetic.mesh import Floats, Ints
from deepfake_core.synthetic.person import Person, Posed

MODEL = "facemesh/base_mesh_points.safetensors"
POINTS = 468


@dataclass(frozen=True, eq=False)
class Correspondence:
    """Where the points lie on the base mesh: vertices (468, 3) of a triangle each, and their shares (468, 3) float32,
    sum 1."""

    vertices: Ints
    shares: Floats

    @classmethod
    def load(cls) -> Correspondence:
        """Read the file that `tools/render_people.py landmarks` made; raises ModelMissing or ModelCorrupt."""
        try:
            arrays = load(Manifest.load().read(MODEL))
            found = cls(arrays["vertices"], arrays["shares"])
        except (SafetensorError, KeyError) as error:
            raise ModelCorrupt(f"'{MODEL}' holds no correspondence; make it again with its command.") from error
        if found.vertices.shape != (POINTS, 3) or found.shares.shape != (POINTS, 3):
            raise ModelCorrupt(f"'{MODEL}' holds no correspondence; make it again with its command.")
        return found

    def to_bytes(self) -> bytes:
        """What `load` reads."""
        return save({"vertices": self.vertices.astype(np.int32), "shares": self.shares.astype(np.float32)})

    def places(self, person: Person, posed: Posed) -> Floats:
        """The points on a posed figure, (468, 3) dm in the scene."""
        used = person.parts[0].used
        row = np.searchsorted(used, self.vertices).clip(max=len(used) - 1)
        if not np.array_equal(used[row], self.vertices):
            raise ValueError("The clothes hide skin that carries landmarks.")
        return np.einsum("nk,nkc->nc", self.shares, posed.vertices[0][row]).astype(np.float32)

    def points(self, person: Person, posed: Posed, camera: Camera, size: int) -> Floats:
        """The points in a square picture of `size` px, (468, 3) px: x to the right, y down, z away from the camera
        as mediapipe has it (negative nearer, weak perspective, 0 in the points' mean as in FaceMesh's own)."""
        return project(self.places(person, posed), camera, size)


def project(places: Floats, camera: Camera, size: int) -> Floats:
    """Places of the 468 points (468, 3) in dm -> (468, 3) px, see `Correspondence.points`."""
    xy, depth = project_places(places, camera, size)
    centre = float(depth.mean())
    pixels = size / (2 * np.tan(np.radians(camera.fov) / 2) * centre)  # of a dm at that depth
    return np.column_stack([xy, (depth - centre) * pixels]).astype(np.float32)


def project_places(
    places: Floats, camera: Camera, size: int
) -> tuple[npt.NDArray[np.float64], npt.NDArray[np.float64]]:
    """Places (N, 3) in dm -> (N, 2) px of a square picture, and their depths (N,) in dm before the camera."""
    clip = np.column_stack([places, np.ones(len(places))]) @ camera.clip().T
    w = clip[:, 3]
    return np.stack([(clip[:, 0] / w + 1) / 2 * size, (1 - clip[:, 1] / w) / 2 * size], axis=1), w
