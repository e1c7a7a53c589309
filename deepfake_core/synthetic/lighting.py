"""Light on a person: an environment, how it is turned, and how the camera exposes in it."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

import numpy as np
import numpy.typing as npt
from scipy.spatial.transform import Rotation

from deepfake_core.synthetic.backdrops import random_backdrop
from deepfake_core.synthetic.environment import Environment, Panorama

KINDS = ("environment", "room", "window", "monitor", "back light", "dim room", "stage")
SHARES = (0.28, 0.14, 0.16, 0.14, 0.11, 0.11, 0.06)  # how often each kind is drawn
LIGHTS = 16
Colour = npt.NDArray[np.float64]


@dataclass(frozen=True, eq=False)
class Light:
    """An environment, its rotation (3, 3) scene to panorama, the strength of light from nowhere (bounced
    by walls and skin; softens shadows), and the strength of reflections (0 bakes the bare colour).

    kind: its name, of `KINDS` when it was drawn; exposure: how much brighter than well exposed skin the camera
    takes the picture (a dim room stays dim); backdrop: what is seen behind the person, linear RGB (h, w, 3), in
    the panorama's units; None shows the panorama.
    """

    environment: Environment
    rotation: npt.NDArray[np.float64] = field(default_factory=lambda: np.eye(3))
    ambient: float = 1.0
    reflections: float = 1.0
    kind: str = "environment"
    exposure: float = 1.0
    backdrop: npt.NDArray[np.float32] | None = None


def random_light(g: np.random.Generator, environments: Sequence[Environment], *, kind: str | None = None) -> Light:
    """A light of a random kind, or of the one that is given.

    environments: the panoramas that `environment` turns around the person. All other kinds are made up: lamps,
    windows and screens in rooms, with a backdrop that fits.
    """
    drawn = KINDS[g.choice(len(KINDS), p=SHARES)]
    kind = kind or drawn
    if kind == "environment":
        return _outside(g, environments)
    return _MAKERS[kind](g)


def _outside(g: np.random.Generator, environments: Sequence[Environment]) -> Light:
    environment = environments[int(g.integers(len(environments)))]
    turn = Rotation.from_euler("yx", [g.uniform(0, 360), g.normal(0, 6)], degrees=True).as_matrix()
    return Light(
        environment,
        turn,
        ambient=_between(g, 0.6, 2.5),
        exposure=float(np.exp(g.normal(0, 0.15))),
        backdrop=_backdrop(g, environment, turn, g.uniform(0.3, 1.0)) if g.random() < 0.25 else None,
    )


def _room(g: np.random.Generator) -> Light:
    """An office or living room: even light from panels in the ceiling and a window somewhere."""
    panorama = _walls(g, 0.35, 0.9)
    white = _temperature(g.uniform(3300, 6500))
    for _ in range(g.integers(1, 5)):
        size = g.uniform(12, 35), g.uniform(8, 20)
        panorama.box(g.uniform(-180, 180), g.uniform(50, 80), size, white * g.uniform(3, 9))
    if g.random() < 0.6:
        panorama.box(g.uniform(-180, 180), g.uniform(0, 25), (30, 30), _temperature(6500) * g.uniform(1, 5))
    return _indoors(g, panorama, "room", ambient=_between(g, 1, 3), behind=g.uniform(0.3, 1.0))


def _window(g: np.random.Generator) -> Light:
    """A large window on one side; the other side of the face is dim."""
    panorama = _walls(g, 0.02, 0.14)
    side = g.choice((-1, 1))
    colour = _temperature(g.uniform(5000, 7500)) * g.uniform(6, 14)
    height, width = g.uniform(35, 60), g.uniform(25, 55)
    azimuth, elevation = side * g.uniform(65, 130), g.uniform(5, 28)
    panorama.box(azimuth, elevation, (width, height), colour)
    if g.random() < 0.5:  # a bar across
        panorama.box(azimuth, elevation, (width, 3), colour * -0.9)
    return _indoors(g, panorama, "window", ambient=_between(g, 0.25, 0.9), behind=g.uniform(0.2, 0.8), bright_side=side)


def _monitor(g: np.random.Generator) -> Light:
    """A screen below the camera in a dim room, its picture in patches of colour."""
    panorama = _walls(g, 0.02, 0.09)
    azimuth, elevation = 180 + g.normal(0, 14), g.uniform(-28, -4)
    width, height = g.uniform(35, 62), g.uniform(20, 34)
    blue = np.array([0.75, 0.9, 1.25]) ** g.uniform(0.2, 1.4) * g.uniform(2, 4)
    panorama.box(azimuth, elevation, (width, height), blue)
    for _ in range(g.integers(0, 7)):
        patch = g.uniform(0.15, 0.6) * width, g.uniform(0.15, 0.6) * height
        place = azimuth + g.uniform(-0.3, 0.3) * width, elevation + g.uniform(-0.3, 0.3) * height
        panorama.box(*place, patch, blue * g.uniform(-0.7, 0.8, 3))
    if g.random() < 0.4:  # a lamp somewhere in the room
        panorama.lamp(g.uniform(-150, 150), g.uniform(0, 45), g.uniform(6, 14), _temperature(2900) * g.uniform(0.5, 3))
    return _indoors(
        g,
        panorama,
        "monitor",
        ambient=_between(g, 0.5, 1.5),
        behind=g.uniform(0.02, 0.25),
        exposure=g.uniform(0.6, 1.05),
    )


def _back_light(g: np.random.Generator) -> Light:
    """A bright window or sky behind: the camera takes the face dark."""
    panorama = _walls(g, 0.12, 0.4)
    azimuth, elevation = g.normal(0, 30), g.uniform(5, 30)
    panorama.box(azimuth, elevation, (g.uniform(40, 110), g.uniform(35, 70)), _temperature(6500) * g.uniform(5, 10))
    panorama.lamp(180 + g.normal(0, 50), g.uniform(0, 40), 40, _temperature(5000) * g.uniform(0.1, 0.7))
    return _indoors(
        g, panorama, "back light", ambient=_between(g, 0.6, 2), behind=g.uniform(1.0, 4.0),
        exposure=g.uniform(0.4, 0.9), bright_side=0,
    )  # fmt: skip


def _dim_room(g: np.random.Generator) -> Light:
    """An evening room with one or two warm lamps."""
    panorama = _walls(g, 0.02, 0.1)
    warm = _temperature(g.uniform(2500, 3400))
    for _ in range(g.integers(1, 3)):
        azimuth = 180 + g.choice((-1, 1)) * g.uniform(15, 120)
        panorama.lamp(azimuth, g.uniform(5, 60), g.uniform(7, 18), warm * g.uniform(5, 14))
    return _indoors(
        g, panorama, "dim room", ambient=_between(g, 0.6, 2), behind=g.uniform(0.05, 0.5), exposure=g.uniform(0.4, 0.9)
    )


def _stage(g: np.random.Generator) -> Light:
    """Coloured lamps and LED strips from the sides, some white light from the front."""
    panorama = _walls(g, 0.01, 0.05)
    hue = g.random()
    for side in (-1, 1):
        colour = _hue(hue) * g.uniform(4, 10)
        panorama.lamp(side * g.uniform(50, 140), g.uniform(-5, 45), g.uniform(10, 20), colour)
        hue = (hue + g.uniform(0.25, 0.6)) % 1
    front = _temperature(g.uniform(3200, 5600)) * g.uniform(0.5, 4)
    panorama.lamp(180 + g.normal(0, 40), g.uniform(10, 50), 20, front)
    return _indoors(
        g, panorama, "stage", ambient=_between(g, 0.5, 1.5), behind=g.uniform(0.03, 0.4), exposure=g.uniform(0.6, 1.0)
    )


_MAKERS: dict[str, Callable[[np.random.Generator], Light]] = {
    "room": _room, "window": _window, "monitor": _monitor,
    "back light": _back_light, "dim room": _dim_room, "stage": _stage,
}  # fmt: skip


def _indoors(
    g: np.random.Generator,
    panorama: Panorama,
    kind: str,
    *,
    ambient: float,
    behind: float,
    exposure: float = 1.0,
    bright_side: int | None = None,
) -> Light:
    """The finished light; `behind`: how bright white things behind the person are against white ones before the
    camera; bright_side: -1 or 1 when light falls on the backdrop from there, 0 when the backdrop is a window."""
    environment = Environment(panorama.image, LIGHTS)
    backdrop = _backdrop(g, environment, np.eye(3), behind, bright_side)
    exposure *= float(np.exp(g.normal(0, 0.12)))
    return Light(environment, ambient=ambient, kind=kind, exposure=exposure, backdrop=backdrop)


def _backdrop(
    g: np.random.Generator,
    environment: Environment,
    turn: npt.NDArray[np.float64],
    behind: float,
    bright_side: int | None = None,
) -> npt.NDArray[np.float32]:
    """A made-up backdrop, as bright as the light on a face that looks at the camera lets it be."""
    before = environment.irradiance(turn @ np.array([0.0, 0.0, 1.0])) / np.pi
    colour = before / max(float(before.mean()), 1e-6)
    return random_backdrop(g, bright_side) * (before.mean() * behind * colour**0.7).astype(np.float32)


def _walls(g: np.random.Generator, low: float, high: float) -> Panorama:
    """A room by its walls, a lighter ceiling and a darker floor."""
    colour = 1 + g.uniform(-0.15, 0.15, 3)
    level = _between(g, low, high)
    return Panorama.room(level * colour, level * colour * g.uniform(1, 1.6), level * colour * g.uniform(0.3, 0.8))


def _between(g: np.random.Generator, low: float, high: float) -> float:
    """A factor, evenly over its logarithm."""
    return float(np.exp(g.uniform(np.log(low), np.log(high))))


def _temperature(kelvin: float) -> Colour:
    """Linear RGB of a black body, of mean 1, seen by a camera that half adapts to it (a fit by eye)."""
    warmth = (6500 - kelvin) / 4000
    colour = np.array([1 + 0.35 * warmth, 1.0, 1 - 0.5 * warmth])
    return colour / colour.mean()


def _hue(hue: float) -> Colour:
    """A strong colour of the wheel, of mean 1."""
    colour = 0.06 + np.clip(np.abs((hue * 6 + np.array([0.0, 4.0, 2.0])) % 6 - 3) - 1, 0, 1)
    return np.asarray(colour / colour.mean(), np.float64)
