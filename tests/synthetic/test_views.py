"""What the bundled identities are baked from. Needs the assets and OpenGL (.venv-train)."""

import json
from itertools import combinations
from pathlib import Path

import cv2
import numpy as np
import pytest

pytest.importorskip("moderngl", reason="rendering needs .venv-train (moderngl)")
pytest.importorskip("scipy", reason="rendering needs .venv-train (scipy)")

from deepfake_core.facemesh.topology import FACE_OVAL
from deepfake_core.synthetic.environment import Environment
from deepfake_core.synthetic.identities import IDENTITIES, PERFORMER, identity_recipe
from deepfake_core.synthetic.landmarks import Correspondence
from deepfake_core.synthetic.lighting import Light
from deepfake_core.synthetic.person import HeadPose, Wardrobe
from deepfake_core.synthetic.renderer import Renderer
from deepfake_core.synthetic.views import (
    BAKE_VIEWS,
    HEAD_FRAMING,
    HEAD_VIEWS,
    MATTES,
    render_bake_views,
    render_portrait,
)

pytestmark = pytest.mark.train
BUNDLED = [name for name in IDENTITIES if name != PERFORMER]
SIZE = 160


@pytest.fixture(scope="module")
def views(renderer: Renderer, wardrobe: Wardrobe, tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("views")
    render_bake_views(wardrobe, "eos", folder, size=96)
    return folder


def read(path: Path) -> np.ndarray:
    picture = cv2.imread(str(path), cv2.IMREAD_UNCHANGED)
    assert picture is not None, path
    return np.asarray(picture)


def test_every_view_is_written_and_described(views: Path) -> None:
    described = json.loads((views / "views.json").read_text())
    assert described["identity"] == "eos"
    assert [view["name"] for view in described["views"]] == list(BAKE_VIEWS)
    assert [view["name"] for view in described["head_views"]] == list(HEAD_VIEWS)
    for view in described["views"] + described["head_views"]:
        assert read(views / f"{view['name']}.png").shape == (96, 96, 3)
        assert np.array(view["head_to_clip"]).shape == (4, 4)
        for matte in MATTES:
            assert read(views / f"{view['name']}_{matte}.png").shape == (96, 96)


def test_the_face_is_seen_without_hair_and_the_head_with_all_of_it(views: Path) -> None:
    for name in BAKE_VIEWS:
        assert not read(views / f"{name}_hair.png").any()
    for name in HEAD_VIEWS:
        head, hair = read(views / f"{name}_head.png"), read(views / f"{name}_hair.png")
        assert (hair > 127).mean() > 0.02
        rim = np.concatenate([head[0], head[-1], head[:, 0], head[:, -1]])
        assert not rim.any(), f"{name} is cut off"


def test_both_have_one_exposure(views: Path) -> None:
    def cheek(name: str) -> np.ndarray:
        """Median colour of the skin of the middle of the head."""
        bgr, labels, head = (read(views / f"{name}{end}.png") for end in ("", "_labels", "_head"))
        return np.asarray(np.median(bgr[(labels == 1) & (head > 250)], axis=0))

    assert cheek("head_yaw+00") == pytest.approx(cheek("yaw+00"), rel=0.12)


def test_a_portrait_is_well_exposed(renderer: Renderer, wardrobe: Wardrobe, tmp_path: Path) -> None:
    render_portrait(wardrobe, "zephyr", tmp_path, size=96)
    portrait = read(tmp_path / "portrait.png")
    middle = portrait[30:66, 30:66]
    assert 40 < middle.mean() < 200
    assert (middle > 250).mean() < 0.02


@pytest.mark.parametrize("name", BUNDLED)
def test_no_hair_hangs_into_the_face(renderer: Renderer, wardrobe: Wardrobe, name: str) -> None:
    """The face mode shows the identity's own forehead: nothing may hide it from any side."""
    person = wardrobe.build(identity_recipe(name))
    for yaw in (-35, 0, 35):
        posed = person.pose({}, HeadPose(yaw=yaw))
        camera = HEAD_FRAMING.camera(person, posed)
        picture = renderer.render(person, posed, Light(Environment.flat(16)), camera)
        points = Correspondence.load().points(person, posed, camera, SIZE)
        face: np.ndarray = np.zeros((SIZE, SIZE), np.uint8)
        cv2.fillPoly(face, [np.round(points[list(FACE_OVAL), :2]).astype(np.int32)], 255)
        face = cv2.erode(face, np.ones((3, 3), np.uint8))
        assert (picture.hair_matte[face > 0] > 127).mean() < 0.03


def test_the_bundled_four_are_unlike_each_other() -> None:
    recipes = [identity_recipe(name) for name in BUNDLED]
    assert sorted(recipe.traits.sex for recipe in recipes) == ["female", "female", "male", "male"]
    for one, other in combinations(recipes, 2):
        assert one.hair.style != other.hair.style
        assert one.traits.monk_tone != other.traits.monk_tone
    ages = sorted(recipe.traits.age for recipe in recipes)
    assert ages[-1] - ages[0] > 30
    for recipe in recipes:
        assert recipe.facial_hair.beard is None
