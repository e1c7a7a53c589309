"""Finds the correspondence of FaceMesh's points to the base mesh: where on the skin they lie in many renderings."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
from scipy.spatial import cKDTree

from deepfake_core.facemesh import topology
from deepfake_core.synthetic.camera import Framing
from deepfake_core.synthetic.environment import Environment
from deepfake_core.synthetic.expressions import random_expression
from deepfake_core.synthetic.landmarks import POINTS, Correspondence, project_places
from deepfake_core.synthetic.lighting import Light
from deepfake_core.synthetic.mesh import Floats
from deepfake_core.synthetic.person import HeadPose, Wardrobe
from deepfake_core.synthetic.renderer import Renderer
from deepfake_core.training.still_landmarks import StillLandmarks

SIZE = 320  # px
YAWS = (-32.0, -16.0, 0.0, 0.0, 16.0, 32.0)
PITCHES = (0.0, -10.0, 8.0)
CLIP = 0.25  # of the distance between the eyes: what is farther off counts no more
STEPS = 10  # of a triangle's side
NEAR = 24  # triangles that are looked at around the best vertex
EYES = (33, 263)  # outer corners
REGIONS: dict[str, tuple[int, ...]] = {
    "eyes": (*topology.LEFT_EYE, *topology.RIGHT_EYE),
    "brows": (*topology.LEFT_EYEBROW, *topology.RIGHT_EYEBROW),
    "nose": (1, 2, 4, 5, 6, 48, 64, 98, 115, 129, 168, 195, 197, 278, 294, 327, 344, 358),
    "lips": (*topology.LIPS_OUTER, *topology.LIPS_INNER),
    "oval": topology.FACE_OVAL,
}


@dataclass(frozen=True, eq=False)
class Observation:
    """One rendering: FaceMesh's points (468, 3) px, the skin's vertices (V, 2) px where it has one, else NaN,
    and the head's yaw in degrees."""

    found: Floats
    skin: npt.NDArray[np.float64]
    yaw: float

    @property
    def apart(self) -> float:
        """Distance of the outer corners of the eyes in the picture, as if seen from the front; px."""
        a, b = self.found[list(EYES)]
        return float(np.linalg.norm(a - b))


def observe(wardrobe: Wardrobe, seeds: range, pictures: int = len(YAWS)) -> Iterator[Observation | None]:
    """Render each person from several sides, every second time with an expression; None: no face was found."""
    renderer = Renderer(wardrobe.body, SIZE)
    find = StillLandmarks()
    light = Light(Environment.load(wardrobe.assets, "studio"), ambient=2.0)
    for seed in seeds:
        g = np.random.default_rng(seed)
        person = wardrobe.random_person(seed)
        used = person.parts[0].used
        for k in range(pictures):
            expression = random_expression(g, wardrobe.body.expressions) if k % 2 else {}
            yaw = YAWS[k % len(YAWS)]
            posed = person.pose(expression, HeadPose(yaw=yaw, pitch=PITCHES[(seed + k) % len(PITCHES)]))
            camera = Framing(fov=20, height=3.0).camera(person, posed)
            found = find(renderer.render(person, posed, light, camera).bgr)
            if found is None:
                yield None
                continue
            skin = np.full((len(wardrobe.body.mesh.vertices), 2), np.nan)
            skin[used] = project_places(posed.vertices[0], camera, SIZE)[0]
            yield Observation(found, skin, yaw)


def fit(wardrobe: Wardrobe, observations: list[Observation]) -> Correspondence:
    """For each point the place on the mesh whose picture lies nearest to it, over all observations."""
    mesh = wardrobe.body.mesh
    skin = np.logical_and.reduce([np.isfinite(each.skin[:, 0]) for each in observations])
    place = mesh.vertices
    candidates = np.flatnonzero(skin & (place[:, 2] > 0.0) & (place[:, 1] > 6.3))
    of_body = (mesh.groups == "body") & skin[mesh.faces].all(axis=1)
    faces = mesh.faces[of_body]
    middles = cKDTree(place[faces].mean(axis=1))
    best = candidates[_costs(observations, lambda each: each.skin[candidates][:, None]).argmin(axis=0)]
    i, j = np.meshgrid(np.arange(STEPS + 1), np.arange(STEPS + 1), indexing="ij")
    i, j = i[i + j <= STEPS], j[i + j <= STEPS]
    grid = np.stack([i, j, STEPS - i - j], axis=1) / STEPS
    _, near = middles.query(place[best], NEAR)
    corners = faces[near]  # (468, NEAR, 3)

    def spread(each: Observation) -> npt.NDArray[np.float64]:
        return np.einsum("gk,pnkc->ngpc", grid, each.skin[corners]).reshape(-1, POINTS, 2)

    chosen = _costs(observations, spread).argmin(axis=0)
    triangle, share = np.divmod(chosen, len(grid))
    vertices = corners[np.arange(POINTS), triangle]
    return Correspondence(vertices.astype(np.int32), grid[share].astype(np.float32))


def errors(found: Correspondence, observations: list[Observation]) -> npt.NDArray[np.float64]:
    """Distances (N, 468) of the correspondence's points from FaceMesh's, as shares of the eyes' distance."""
    return np.stack(
        [
            np.linalg.norm(np.einsum("nk,nkc->nc", found.shares, each.skin[found.vertices]) - each.found[:, :2], axis=1)
            / each.apart
            for each in observations
        ]
    )


def report(found: Correspondence, observations: list[Observation]) -> str:
    """Mean error in % of the distance between the outer corners of the eyes, by region and by yaw."""
    off = errors(found, observations) * 100
    yaws = np.abs([each.yaw for each in observations])
    lines = ["region     " + "".join(f"yaw {yaw:3.0f}  " for yaw in sorted(set(yaws))) + "all"]
    for name, points in {"all": tuple(range(POINTS)), **REGIONS}.items():
        part = off[:, list(points)]
        cells = [f"{part[yaws == yaw].mean():7.2f}  " for yaw in sorted(set(yaws))]
        lines.append(f"{name:10} " + "".join(cells) + f"{part.mean():.2f}")
    return "\n".join(lines)


def _costs(observations: list[Observation], places: Callable[[Observation], npt.NDArray[Any]]) -> npt.NDArray[Any]:
    """Mean clipped distance of every candidate place to every point: places(observation) gives (C, 468 or 1, 2) px."""
    total: npt.NDArray[Any] = np.zeros(1, np.float32)
    for each in observations:
        away = np.linalg.norm(places(each) - each.found[:, :2], axis=-1) / each.apart
        total = total + np.minimum(away, CLIP).astype(np.float32)
    return total / len(observations)
