"""Where the camera stands and how it frames a head."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from deepfake_core.synthetic.person import Person, Posed

Matrix = npt.NDArray[np.float64]
BELOW, BESIDE = 2.8, 2.75  # dm from the head's middle to where the figure ends
FACE_CENTRE = np.array([0.0, 0.25, 0.45])  # dm from the head bone: about the middle of the head


def look_at(eye: Matrix, target: Matrix, up: tuple[float, float, float] = (0, 1, 0)) -> Matrix:
    """View matrix (4, 4), scene to camera, looking along -z (as OpenGL's gluLookAt)."""
    forward = (target - eye) / np.linalg.norm(target - eye)
    right = np.cross(forward, up)
    right /= np.linalg.norm(right)
    matrix = np.eye(4)
    matrix[:3, :3] = right, np.cross(right, forward), -forward
    matrix[:3, 3] = -matrix[:3, :3] @ eye
    return matrix


def perspective(fov: float, aspect: float, near: float = 1.0, far: float = 200.0) -> Matrix:
    """Projection matrix (4, 4) of a vertical field of view in degrees (as OpenGL's gluPerspective)."""
    t = 1 / np.tan(np.radians(fov) / 2)
    depth = near - far
    return np.array(
        [
            [t / aspect, 0, 0, 0],
            [0, t, 0, 0],
            [0, 0, (far + near) / depth, 2 * far * near / depth],
            [0, 0, -1, 0],
        ]
    )


@dataclass(frozen=True)
class Camera:
    """Stands before the target and looks at it along -z, from `elevation` degrees above. Lengths in decimetres,
    fov (vertical) in degrees."""

    target: tuple[float, float, float]
    distance: float
    fov: float
    elevation: float = 0.0

    @property
    def eye(self) -> Matrix:
        """The camera's place."""
        angle = np.radians(self.elevation)
        return np.array(self.target) + self.distance * np.array([0, np.sin(angle), np.cos(angle)])

    @property
    def view(self) -> Matrix:
        """View matrix (4, 4)."""
        return look_at(self.eye, np.array(self.target))

    def clip(self, aspect: float = 1.0) -> Matrix:
        """Scene to clip space (4, 4)."""
        return perspective(self.fov, aspect) @ self.view


@dataclass(frozen=True)
class Framing:
    """How a head is framed: vertical field of view (degrees), height of the picture at the head (dm),
    where the head's middle lies from the picture's middle (dm to the right, dm up), and how far above eye level
    the camera stands (degrees)."""

    fov: float = 24.0
    height: float = 2.8
    offset: tuple[float, float] = (0.0, 0.0)
    elevation: float = 0.0

    def camera(self, person: Person, posed: Posed) -> Camera:
        """The camera that frames this head."""
        centre = (posed.head @ np.append(person.fitting.head + FACE_CENTRE, 1))[:3]
        target = (float(centre[0] - self.offset[0]), float(centre[1] - self.offset[1]), float(centre[2]))
        return Camera(target, self.height / 2 / np.tan(np.radians(self.fov / 2)), self.fov, self.elevation)


def random_framing(g: np.random.Generator) -> Framing:
    """A head before a webcam 0.4 to 2 m away: mostly as a crop around a face shows it, sometimes small in a wide
    picture, sometimes partly outside; the camera stands above or below eye level."""
    distance = float(np.exp(g.uniform(np.log(4), np.log(20))))
    height = float(g.uniform(2.4, 3.8) if g.random() < 0.75 else g.uniform(3.8, 5.2))
    x, y = g.normal(0, 0.1, 2)
    if g.random() < 0.1:  # the head leaves the picture
        x, y = g.uniform((-1.0, -0.9), (1.0, 0.9)) * height / 3
    y = min(float(y), BELOW - height / 2)  # the figure ends below its shoulders and beside them
    room = max(0.05, BESIDE - height / 2)
    elevation = float(np.clip(g.normal(3, 8), -18, 22))
    fov = float(np.degrees(2 * np.arctan(height / 2 / distance)))
    return Framing(fov, height, (float(np.clip(x, -room, room)), y), elevation)


def head_to_clip(person: Person, posed: Posed, camera: Camera, aspect: float = 1.0) -> npt.NDArray[np.float32]:
    """Matrix (4, 4): a point in dm from the head bone (x right, y up, z out of the face), as the head
    moves, to clip space; picture x = (x/w + 1)/2 * width, y = (1 - y/w)/2 * height."""
    to_bone = np.eye(4)
    to_bone[:3, 3] = person.fitting.head
    return (camera.clip(aspect) @ posed.head @ to_bone).astype(np.float32)
