"""People who do not exist: what a picture must show. Needs the assets and OpenGL (.venv-train)."""

import gc
import hashlib
import inspect
import subprocess
import sys
import weakref
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import numpy.typing as npt
import pytest

pytest.importorskip("moderngl", reason="rendering needs .venv-train (moderngl)")
pytest.importorskip("scipy", reason="rendering needs .venv-train (scipy)")

from deepfake_core.synthetic.assets import REPOSITORY, AssetsMissing, find_assets
from deepfake_core.synthetic.camera import Framing, head_to_clip
from deepfake_core.synthetic.environment import Environment
from deepfake_core.synthetic.expressions import Expression, lids, random_expression
from deepfake_core.synthetic.identities import IDENTITIES, UnknownIdentity, identity_recipe
from deepfake_core.synthetic.labels import Label
from deepfake_core.synthetic.lighting import Light, random_light
from deepfake_core.synthetic.mesh import Mesh
from deepfake_core.synthetic.part import WHITE, Material, Part, Surface, Texture
from deepfake_core.synthetic.performance import SECONDS, moment
from deepfake_core.synthetic.person import HeadPose, Person, Wardrobe, random_recipe
from deepfake_core.synthetic.renderer import Picture, Renderer
from deepfake_core.synthetic.views import OPEN_MOUTH

pytestmark = pytest.mark.train
SIZE = 128


@pytest.fixture(scope="module")
def wardrobe(assets: Path) -> Wardrobe:
    return Wardrobe(assets, skin_size=512)


@pytest.fixture(scope="module")
def person(wardrobe: Wardrobe) -> Person:
    return wardrobe.build(identity_recipe("performer"))


@pytest.fixture(scope="module")
def flat() -> Light:
    return Light(Environment.flat(24))


Shoot = Callable[..., Picture]


@pytest.fixture
def shoot(renderer: Renderer, flat: Light) -> Shoot:
    def shoot(
        person: Person,
        pose: HeadPose = HeadPose(),  # noqa: B008  (immutable)
        expression: Expression | None = None,
        light: Light = flat,
        **options: Any,
    ) -> Picture:
        posed = person.pose(expression or {}, pose)
        camera = Framing().camera(person, posed)
        return renderer.render(person, posed, light, camera, **{"background": np.zeros(3, np.float32), **options})

    return shoot


def centre(labels: npt.NDArray[np.uint8], label: Label) -> tuple[float, float]:
    y, x = np.nonzero(labels == label)
    assert len(x) > 0, f"no pixel of {label.name}"
    return float(x.mean()), float(y.mean())


def area(labels: npt.NDArray[np.uint8], *wanted: Label) -> int:
    return int(np.isin(labels, wanted).sum())


def test_the_same_seed_makes_the_same_picture(wardrobe: Wardrobe, shoot: Shoot) -> None:
    first, second, other = (shoot(wardrobe.random_person(seed)).bgr for seed in (11, 11, 12))
    assert np.array_equal(first, second)
    assert np.abs(first.astype(int) - other).mean() > 5


def test_a_picture_does_not_depend_on_the_one_before(person: Person, shoot: Shoot, assets: Path) -> None:
    sun = Light(Environment.load(assets, "sunset", 16))
    shoot(person, light=sun)
    turned = shoot(person, HeadPose(yaw=40), light=sun)
    shoot(person, HeadPose(yaw=-40), OPEN_MOUTH, light=sun)
    assert np.array_equal(shoot(person, HeadPose(yaw=40), light=sun).bgr, turned.bgr)


def test_flat_light_leaves_no_shadow_on_one_side(person: Person, shoot: Shoot) -> None:
    picture = shoot(person)
    skin = picture.labels == Label.SKIN
    middle = centre(picture.labels, Label.NOSE)[0]
    left = skin & (np.arange(SIZE) < middle - 8)
    right = skin & (np.arange(SIZE) > middle + 8)
    assert picture.bgr[left].mean() == pytest.approx(picture.bgr[right].mean(), rel=0.04)


def test_light_from_one_side_lights_that_side(person: Person, shoot: Shoot) -> None:
    panorama = np.full((256, 512, 3), 0.05, np.float32)
    panorama[64:192, 448:] = 4.0  # u = 1 is behind the camera, a little below it lies to the picture's right
    picture = shoot(person, light=Light(Environment(panorama, 24)))
    skin = picture.labels == Label.SKIN
    middle = centre(picture.labels, Label.NOSE)[0]
    left = picture.bgr[skin & (np.arange(SIZE) < middle - 8)].mean()
    right = picture.bgr[skin & (np.arange(SIZE) > middle + 8)].mean()
    assert right > 1.3 * left


GREY = Material(Surface.CLOTH, Label.OCCLUDER, tint=(0.2, 0.2, 0.2), roughness=1.0, specular=0.0)


def card(
    person: Person,
    place: tuple[float, float, float] = (-1.3, 0.9, 0.5),
    texture: Texture = WHITE,
    material: Material = GREY,
) -> Part:
    """A card of 4 cm, grey and beside the head unless said otherwise; its place: dm from the head bone."""
    corners = np.array([[0, 0, 0], [0.4, 0, 0], [0.4, 0.4, 0], [0, 0.4, 0]])
    vertices = (person.fitting.head + place + corners).astype(np.float32)
    faces = np.array([[0, 1, 2], [0, 2, 3]], np.int32)
    mesh = Mesh(vertices, np.full((4, 2), 0.5, np.float32), faces, faces, np.full(2, "card"))
    weights = np.zeros((4, len(person.fitting.body.bones)), np.float32)
    weights[:, person.fitting.body.bone_index["head"]] = 1
    return Part(vertices, weights, mesh, texture, material)


def test_a_locked_exposure_shows_a_grey_card_alike_for_everybody(wardrobe: Wardrobe, shoot: Shoot) -> None:
    recipe = identity_recipe("performer")
    dark = replace(recipe, skin=replace(recipe.skin, sources=(("young_darkskinned_male_diffuse", 1.0),)))
    light = replace(recipe, skin=replace(recipe.skin, sources=(("young_lightskinned_male_diffuse", 1.0),)))
    people = [wardrobe.build(each) for each in (dark, light)]
    pictures = []
    exposure = None
    for each in people:
        pictures.append(shoot(each.holding([card(each)]), exposure=exposure))
        exposure = pictures[0].exposure
    cards = [picture.bgr[picture.labels == Label.OCCLUDER].mean() for picture in pictures]
    skins = [picture.bgr[picture.labels == Label.SKIN].mean() for picture in pictures]
    assert pictures[0].exposure == pictures[1].exposure
    assert cards[0] == pytest.approx(cards[1], abs=2)
    assert skins[1] - skins[0] > 20


def test_labels_lie_where_the_face_has_them(person: Person, shoot: Shoot) -> None:
    labels = shoot(person).labels
    assert labels.max() <= Label.OCCLUDER
    assert area(labels, Label.OCCLUDER) == area(labels, Label.GLASSES) == 0
    assert centre(labels, Label.L_EYE)[0] < centre(labels, Label.NOSE)[0] < centre(labels, Label.R_EYE)[0]
    assert centre(labels, Label.L_BROW)[0] < centre(labels, Label.R_BROW)[0]
    assert centre(labels, Label.L_EAR)[0] < centre(labels, Label.R_EAR)[0]
    down = [
        Label.HAIR, Label.L_BROW, Label.L_EYE, Label.NOSE, Label.UPPER_LIP, Label.LOWER_LIP, Label.NECK, Label.CLOTH,
    ]  # fmt: skip
    heights = [centre(labels, label)[1] for label in down]
    assert heights == sorted(heights)


def test_the_matte_covers_the_labels(person: Person, shoot: Shoot) -> None:
    picture = shoot(person)
    face = np.isin(picture.labels, [Label.SKIN, Label.NOSE, Label.MOUTH, Label.NECK])
    assert (picture.alpha[face] == 255).mean() > 0.97  # all but the outline
    assert picture.alpha[face].min() > 0
    assert picture.alpha[0, 0] == 0


def test_an_open_mouth_and_closed_eyes_show_in_the_labels(person: Person, shoot: Shoot) -> None:
    neutral, mouth, eyes = (shoot(person, HeadPose(), each).labels for each in ({}, OPEN_MOUTH, lids(1.0)))
    assert area(mouth, Label.MOUTH) > area(neutral, Label.MOUTH) + 100
    assert area(neutral, Label.L_EYE) > 15
    assert area(eyes, Label.L_EYE, Label.R_EYE) < 0.2 * area(neutral, Label.L_EYE, Label.R_EYE)


def test_the_scalp_is_hair_unless_the_person_is_bald(wardrobe: Wardrobe, shoot: Shoot) -> None:
    recipe = identity_recipe("performer")
    hairless = shoot(wardrobe.build(recipe, hairless=True)).labels
    bald = shoot(wardrobe.build(replace(recipe, hair=replace(recipe.hair, style=None)))).labels
    assert area(hairless, Label.HAIR) > 100
    assert area(bald, Label.HAIR) == 0
    assert area(bald, Label.SKIN) == pytest.approx(area(hairless, Label.SKIN, Label.HAIR), rel=0.01)


def test_poses_turn_the_way_they_say(person: Person, shoot: Shoot) -> None:
    def nose_from_eyes(pose: HeadPose) -> npt.NDArray[np.float64]:
        labels = shoot(person, pose).labels
        eyes = (np.array(centre(labels, Label.L_EYE)) + centre(labels, Label.R_EYE)) / 2
        return np.array(centre(labels, Label.NOSE)) - eyes

    assert nose_from_eyes(HeadPose(yaw=30))[0] > nose_from_eyes(HeadPose(yaw=-30))[0] + 2
    assert nose_from_eyes(HeadPose(pitch=20))[1] > nose_from_eyes(HeadPose(pitch=-20))[1] + 2
    # The top of the head goes to the picture's left, so the nose to the right of the eyes.
    assert nose_from_eyes(HeadPose(roll=20))[0] > nose_from_eyes(HeadPose(roll=-20))[0] + 2


def test_head_to_clip_finds_the_eyes(person: Person, renderer: Renderer, flat: Light) -> None:
    posed = person.pose({}, HeadPose(yaw=15, pitch=-5, roll=8))
    camera = Framing(offset=(0.2, -0.1)).camera(person, posed)
    labels = renderer.render(person, posed, flat, camera).labels
    matrix = head_to_clip(person, posed, camera)
    for bone, label in (("eye.R", Label.L_EYE), ("eye.L", Label.R_EYE)):
        centre_of_eye = person.fitting.heads[person.fitting.body.bone_index[bone]]
        x, y, _, w = matrix @ np.append(centre_of_eye - person.fitting.head, 1)
        projected = (x / w + 1) / 2 * SIZE, (1 - y / w) / 2 * SIZE
        assert np.linalg.norm(np.subtract(projected, centre(labels, label))) < 4


def test_the_head_matte_ends_at_the_neck(person: Person, shoot: Shoot) -> None:
    picture = shoot(person)
    head, labels = picture.head_matte, picture.labels
    of_head = np.isin(labels, [Label.SKIN, Label.NOSE, Label.L_EYE, Label.R_EYE, Label.HAIR, Label.L_EAR])
    assert head[of_head].mean() > 245
    assert head[np.isin(labels, [Label.CLOTH, Label.NECK, Label.BACKGROUND])].mean() < 5
    assert picture.hair_matte[labels == Label.HAIR].mean() > 220
    assert picture.hair_matte[labels == Label.NOSE].max() == 0
    assert (picture.hair_matte <= head).all()
    assert (head <= picture.alpha).all()
    rim = (head > 20) & (head < 235)  # soft, and nowhere but at edges
    assert 0.005 < rim.mean() < 0.1


def test_mattes_leave_out_what_is_in_front(person: Person, shoot: Shoot) -> None:
    before = card(person, place=(-0.2, 0.3, 1.6))
    picture = shoot(person.holding([before]), marked=[before])
    inside = cv2.erode((picture.labels == Label.OCCLUDER).astype(np.uint8), np.ones((3, 3))) > 0
    assert inside.sum() > 20
    assert picture.head_matte[inside].max() == 0
    assert picture.alpha[inside].min() == 255
    assert picture.marked_matte[inside].min() == 255
    assert picture.marked_matte.sum() / 255 == pytest.approx(area(picture.labels, Label.OCCLUDER), rel=0.1)
    hidden = card(person, place=(-0.2, 0.3, 0.2))
    assert shoot(person.holding([hidden]), marked=[hidden]).marked_matte.max() == 0


def test_a_marked_skin_counts_where_its_texture_says(person: Person, shoot: Shoot) -> None:
    whole = shoot(person, marked_skin=WHITE).marked_matte
    unmarked = shoot(person)
    assert whole[np.isin(unmarked.labels, [Label.SKIN, Label.NOSE, Label.NECK])].mean() > 240
    assert whole[unmarked.labels == Label.CLOTH].mean() < 10
    assert unmarked.marked_matte.max() == 0


def test_hair_of_a_share_of_opacity_covers_that_share(person: Person, shoot: Shoot) -> None:
    pixels = np.full((8, 8, 4), 255, np.uint8)
    pixels[..., 3] = 102
    veil = card(person, texture=Texture(pixels), material=Material(Surface.HAIR, Label.HAIR, casts_shadow=False))
    picture = shoot(person.holding([veil]))
    there = shoot(person.holding([card(person)])).labels == Label.OCCLUDER
    inside = cv2.erode(there.astype(np.uint8), np.ones((3, 3))) > 0
    assert inside.sum() > 20
    assert np.abs(picture.hair_matte[inside].astype(int) - 102).max() <= 2
    assert np.abs(picture.alpha[inside].astype(int) - 102).max() <= 2


def test_the_plate_is_what_is_seen_without_the_person(person: Person, shoot: Shoot) -> None:
    picture = shoot(person, background=np.array([0.5, 0.3, 0.1], np.float32))
    assert np.array_equal(picture.plate[picture.alpha == 0], picture.bgr[picture.alpha == 0])
    assert len(np.unique(picture.plate.reshape(-1, 3), axis=0)) == 1
    assert picture.plate[0, 0, 2] > picture.plate[0, 0, 1] > picture.plate[0, 0, 0]
    black = shoot(person, exposure=picture.exposure)
    inside = cv2.erode((picture.alpha == 255).astype(np.uint8), np.ones((3, 3))) > 0
    assert np.array_equal(picture.bgr[inside], black.bgr[inside])


def test_people_leave_the_graphics_card_when_they_go(
    wardrobe: Wardrobe, renderer: Renderer, person: Person, shoot: Shoot
) -> None:
    passer_by = wardrobe.random_person(77)
    shoot(passer_by)
    parts = [weakref.ref(part) for part in passer_by.parts]
    skin = weakref.ref(passer_by.parts[0].texture)
    del passer_by
    gc.collect()
    assert [part() for part in parts] == [None] * len(parts)
    assert skin() is None
    assert len(renderer.context.objects) > 0  # waiting for the next picture
    shoot(person)
    assert len(renderer.context.objects) == 0


def test_renderers_do_not_disturb_each_other(wardrobe: Wardrobe, person: Person, shoot: Shoot, flat: Light) -> None:
    before = shoot(person)
    for _ in range(2):
        other = Renderer(wardrobe.body, 48)
        posed = person.pose({}, HeadPose())
        small = other.render(person, posed, flat, Framing().camera(person, posed))
        assert small.bgr.shape == (48, 48, 3)
        assert np.array_equal(shoot(person).bgr, before.bgr)
        del other
        gc.collect()
    assert np.array_equal(shoot(person).head_matte, before.head_matte)


def digest(wardrobe: Wardrobe, seed: int) -> str:
    """Everything that a picture of this person holds, in one line."""
    person = wardrobe.random_person(seed)
    posed = person.pose({"JawDrop": 0.5}, HeadPose(20, 5, -3))
    light = random_light(np.random.default_rng(seed), [Environment.flat(8)])
    renderer = Renderer(wardrobe.body, 64)
    picture = renderer.render(person, posed, light, Framing().camera(person, posed))
    mattes = picture.labels, picture.alpha, picture.head_matte, picture.hair_matte, picture.plate
    return hashlib.sha256(b"".join(array.tobytes() for array in (picture.bgr, *mattes))).hexdigest()


@pytest.mark.usefixtures("renderer")  # skips where nothing can be rendered
def test_another_process_makes_the_same_picture_whoever_came_before(wardrobe: Wardrobe) -> None:
    script = f"""
import hashlib, numpy as np
from deepfake_core.synthetic.camera import Framing
from deepfake_core.synthetic.environment import Environment
from deepfake_core.synthetic.lighting import random_light
from deepfake_core.synthetic.person import HeadPose, Wardrobe
from deepfake_core.synthetic.renderer import Renderer
{inspect.getsource(digest)}
print(digest(Wardrobe(skin_size=512), 21))
"""
    printed = subprocess.run(
        [sys.executable, "-c", script], capture_output=True, text=True, check=True, cwd=REPOSITORY
    ).stdout
    assert printed.strip() == digest(wardrobe, 21)


@pytest.mark.parametrize("name", sorted(IDENTITIES))
def test_who_is_shipped_depicts_nobody(wardrobe: Wardrobe, name: str) -> None:
    recipe = identity_recipe(name)
    shares = [share for _, share in recipe.skin.sources]
    assert len(shares) >= 2
    assert max(shares) <= 0.5
    assert sum(shares) == pytest.approx(1)


def test_an_unknown_identity_is_named(wardrobe: Wardrobe) -> None:
    with pytest.raises(UnknownIdentity, match=r"No identity is called nobody: choose one of .*vesper"):
        identity_recipe("nobody")


def test_random_people_are_adults_of_mixed_skin(wardrobe: Wardrobe) -> None:
    for seed in range(20):
        recipe = random_recipe(seed, wardrobe.body.detail_axes)
        assert 0 <= recipe.shape.age <= 0.93
        assert sum(recipe.shape.ancestry) == pytest.approx(1)
        assert sum(share for _, share in recipe.skin.sources) == pytest.approx(1)
        assert {name for name in recipe.shape.details if not name.startswith("asym/")} <= {
            name for positive, negative in wardrobe.body.detail_axes for name in positive + negative
        }


def test_random_expressions_use_the_rig_within_its_range(wardrobe: Wardrobe) -> None:
    g = np.random.default_rng(0)
    for _ in range(50):
        expression = random_expression(g, wardrobe.body.expressions)
        assert set(expression) <= set(wardrobe.body.units)
        assert all(0 <= weight <= 1 for weight in expression.values())


def test_the_performance_loops_without_a_jump(wardrobe: Wardrobe) -> None:
    times = np.arange(0, SECONDS, 1 / 30)
    moments = [moment(float(t)) for t in times]
    yaws = np.array([each.pose.yaw for each in moments])
    assert 28 < np.abs(yaws).max() < 40
    assert np.abs(np.diff(np.append(yaws, yaws[0]))).max() < 3
    lid = np.array([each.expression["LeftUpperLidClosed"] for each in moments])
    assert lid.max() > 0.95
    assert np.median(lid) < 0.05
    start, end = moment(0.0), moment(SECONDS)
    assert end.pose.yaw == pytest.approx(start.pose.yaw)
    assert end.expression == pytest.approx(start.expression)
    for each in moments:
        assert set(each.expression) <= set(wardrobe.body.units)
        assert all(0 <= weight <= 1 for weight in each.expression.values())


def test_missing_assets_are_explained(tmp_path: Path) -> None:
    with pytest.raises(AssetsMissing, match="give the folder with --assets"):
        find_assets(tmp_path)
