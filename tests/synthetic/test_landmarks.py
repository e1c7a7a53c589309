"""FaceMesh's points on the mesh. Needs the assets and OpenGL (.venv-train)."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

pytest.importorskip("moderngl", reason="rendering needs .venv-train (moderngl)")

from deepfake_core.facemesh import topology
from deepfake_core.synthetic.camera import Camera, Framing
from deepfake_core.synthetic.environment import Environment
from deepfake_core.synthetic.identities import identity_recipe
from deepfake_core.synthetic.labels import Label
from deepfake_core.synthetic.landmark_fitting import Observation, errors, fit, report
from deepfake_core.synthetic.landmarks import Correspondence, project, project_places
from deepfake_core.synthetic.lighting import Light
from deepfake_core.synthetic.person import HeadPose, Person, Posed, Wardrobe
from deepfake_core.synthetic.renderer import Picture, Renderer
from deepfake_core.synthetic.views import OPEN_MOUTH
from deepfake_core.training.still_landmarks import StillLandmarks

pytestmark = pytest.mark.train
SIZE = 192
RIGHT_EYE, LEFT_EYE = 33, 263  # outer corners, the subject's


@pytest.fixture(scope="module")
def wardrobe(assets: Path) -> Wardrobe:
    return Wardrobe(assets, skin_size=512)


@pytest.fixture(scope="module")
def person(wardrobe: Wardrobe) -> Person:
    return wardrobe.build(identity_recipe("performer"))


@pytest.fixture(scope="module")
def points() -> Correspondence:
    return Correspondence.load()


def shoot(renderer: Renderer, person: Person, posed: Posed) -> tuple[Picture, Camera]:
    camera = Framing(fov=18, height=2.8).camera(person, posed)
    return renderer.render(person, posed, Light(Environment.flat(16)), camera), camera


def test_every_point_lies_on_the_mesh_and_on_its_side(wardrobe: Wardrobe, points: Correspondence) -> None:
    assert points.shares.min() >= 0
    assert np.allclose(points.shares.sum(axis=1), 1, atol=1e-6)
    on_mesh = np.einsum("nk,nkc->nc", points.shares, wardrobe.body.mesh.vertices[points.vertices])
    # The subject's left is the mesh's positive x; the canonical face has the same axes.
    canonical = topology.canonical_face().vertices
    sideways = np.abs(canonical[:, 0]) > 1.5
    assert (np.sign(on_mesh[sideways, 0]) == np.sign(canonical[sideways, 0])).all()
    assert np.corrcoef(on_mesh[:, 1], canonical[:, 1])[0, 1] > 0.99


def test_the_points_lie_on_what_the_labels_name(renderer: Renderer, person: Person, points: Correspondence) -> None:
    posed = person.pose(OPEN_MOUTH, HeadPose(yaw=10))
    picture, camera = shoot(renderer, person, posed)
    found = points.points(person, posed, camera, SIZE)

    def labels(which: tuple[int, ...]) -> np.ndarray:
        x, y = found[list(which), :2].astype(int).T
        return picture.labels[y, x]

    assert np.isin(labels((4, 5, 195, 197)), [Label.NOSE]).all()
    lips = labels(topology.LIPS_OUTER)
    assert np.isin(lips, [Label.UPPER_LIP, Label.LOWER_LIP, Label.SKIN]).all()
    middle = found[list(topology.LIPS_INNER), :2].mean(axis=0).astype(int)
    assert picture.labels[middle[1], middle[0]] == Label.MOUTH
    for loop, label in ((topology.RIGHT_EYE, Label.L_EYE), (topology.LEFT_EYE, Label.R_EYE)):
        y, x = np.nonzero(picture.labels == label)
        assert np.linalg.norm(found[list(loop), :2].mean(axis=0) - (x.mean() + 0.5, y.mean() + 0.5)) < 3


def test_the_points_agree_with_facemesh(renderer: Renderer, person: Person, points: Correspondence) -> None:
    find = StillLandmarks()
    for pose in (HeadPose(), HeadPose(yaw=25, pitch=-8)):
        posed = person.pose({}, pose)
        picture, camera = shoot(renderer, person, posed)
        seen = find(picture.bgr)
        assert seen is not None
        found = points.points(person, posed, camera, SIZE)
        apart = np.linalg.norm(seen[RIGHT_EYE, :2] - seen[LEFT_EYE, :2])
        off = np.linalg.norm(seen[:, :2] - found[:, :2], axis=1) / apart
        assert off.mean() < 0.055
        assert off[[*topology.LIPS_OUTER, *topology.LEFT_EYE, *topology.RIGHT_EYE]].mean() < 0.05
        assert np.corrcoef(seen[:, 2], found[:, 2])[0, 1] > 0.85
        slope, offset = np.polyfit(seen[:, 2], found[:, 2], 1)
        assert slope == pytest.approx(1, abs=0.25)
        assert offset == pytest.approx(0, abs=0.02 * SIZE)


def test_depth_has_mediapipes_sign_and_scale() -> None:
    """A camera far away: a dm in depth is as many px as a dm across."""
    places = np.zeros((468, 3), np.float32)
    places[4] = (0, 0, 2)  # the nose, towards the camera
    places[LEFT_EYE] = (1, 0, 0)
    places[RIGHT_EYE] = (-1, 0, 0)
    camera = Camera((0, 0, 0), 2000.0, 0.1)
    projected = project(places, camera, 100)
    assert projected[4, 2] == pytest.approx(-2 * (projected[LEFT_EYE, 0] - 50), rel=1e-2)
    assert projected[LEFT_EYE, 0] > 50 > projected[RIGHT_EYE, 0]
    assert projected[:, 2].mean() == pytest.approx(0, abs=1e-3)


def test_points_are_there_when_nobody_sees_them(renderer: Renderer, person: Person, points: Correspondence) -> None:
    posed = person.pose({}, HeadPose(yaw=85))
    camera = Framing(fov=18, height=2.8).camera(person, posed)
    found = points.points(person, posed, camera, SIZE)
    assert np.isfinite(found).all()
    assert found[LEFT_EYE, 2] < found[4, 2] + 60  # both are within the head


def test_a_fit_finds_points_again(wardrobe: Wardrobe, person: Person, points: Correspondence) -> None:
    """Observations made from the correspondence itself lead back to it."""
    observations = []
    for yaw in (-25.0, 0.0, 25.0):
        posed = person.pose({}, HeadPose(yaw=yaw))
        camera = Framing(fov=18, height=2.8).camera(person, posed)
        skin = np.full((len(wardrobe.body.mesh.vertices), 2), np.nan)
        skin[person.parts[0].used] = project_places(posed.vertices[0], camera, SIZE)[0]
        observations.append(Observation(points.points(person, posed, camera, SIZE), skin, yaw))
    found = fit(wardrobe, observations)
    assert errors(found, observations).mean() < 0.01
    assert "lips" in report(found, observations)
