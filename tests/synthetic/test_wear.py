"""What people wear and hold. Needs the assets and OpenGL (.venv-train)."""

from collections.abc import Callable
from dataclasses import replace
from functools import cache
from itertools import pairwise

import numpy as np
import numpy.typing as npt
import pytest

pytest.importorskip("moderngl", reason="rendering needs .venv-train (moderngl)")
pytest.importorskip("scipy", reason="rendering needs .venv-train (scipy)")

from deepfake_core.synthetic import occluders, outfit
from deepfake_core.synthetic.camera import Framing, head_to_clip
from deepfake_core.synthetic.clothes import PATTERNS, Dye
from deepfake_core.synthetic.environment import Environment
from deepfake_core.synthetic.glasses import CORNERS, POWERS, GlassesRecipe, glasses_parts
from deepfake_core.synthetic.head import SIDES, HeadFit
from deepfake_core.synthetic.headset import HeadsetRecipe, headset_parts, press_hair
from deepfake_core.synthetic.headwear import HatRecipe, cover, hat_parts
from deepfake_core.synthetic.identities import IDENTITIES, identity_recipe
from deepfake_core.synthetic.jewellery import EarringsRecipe, NecklaceRecipe
from deepfake_core.synthetic.labels import Label
from deepfake_core.synthetic.lighting import Light
from deepfake_core.synthetic.occluders import GESTURES, Occlusion, Stay, random_occlusion
from deepfake_core.synthetic.outfit import OutfitRecipe, random_outfit
from deepfake_core.synthetic.person import HeadPose, Person, Wardrobe
from deepfake_core.synthetic.recipe import random_recipe
from deepfake_core.synthetic.renderer import Picture, Renderer
from deepfake_core.synthetic.solids import ball, box, lathe, tube
from deepfake_core.synthetic.traits import random_traits

pytestmark = pytest.mark.train
SIZE = 128
SEEDS = (4, 8)  # of heads of different shape


Dressed = Callable[..., Person]
Shoot = Callable[..., Picture]


@pytest.fixture(scope="module")
def bare(wardrobe: Wardrobe) -> Callable[[int], Person]:
    """Hairless people of different shape who wear nothing but clothes."""

    @cache
    def bare(seed: int) -> Person:
        recipe = random_recipe(seed, wardrobe.body.detail_axes)
        return wardrobe.build(replace(recipe, outfit=OutfitRecipe(clothes="female_sportsuit01")), hairless=True)

    return bare


@pytest.fixture(scope="module")
def dressed(wardrobe: Wardrobe, bare: Callable[[int], Person]) -> Dressed:
    def dressed(seed: int = SEEDS[0], **worn: object) -> Person:
        person = bare(seed)
        recipe = replace(person.recipe, outfit=replace(person.recipe.outfit, **worn))  # type: ignore[arg-type]
        return wardrobe.assemble(recipe, person.fitting, hairless=True)

    return dressed


@pytest.fixture(scope="module")
def shoot(renderer: Renderer) -> Shoot:
    light = Light(Environment.flat(12), reflections=0.3)

    def shoot(person: Person, yaw: float = 0.0, *, height: float = 2.8, time: float = 0.0) -> Picture:
        posed = person.pose({}, HeadPose(yaw=yaw), time)
        camera = Framing(height=height).camera(person, posed)
        return renderer.render(person, posed, light, camera, background=np.zeros(3, np.float32))

    return shoot


def where(labels: npt.NDArray[np.uint8], label: Label) -> npt.NDArray[np.intp]:
    """Pixels (N, 2) of a label as x, y."""
    return np.argwhere(labels == label)[:, ::-1]


def on_picture(person: Person, point: npt.NDArray[np.float64], height: float = 2.8) -> npt.NDArray[np.float64]:
    """Where a point of the rest pose lies in the picture of a person who looks ahead."""
    posed = person.pose({}, HeadPose())
    matrix = head_to_clip(person, posed, Framing(height=height).camera(person, posed))
    x, y, _, w = matrix @ np.append(point - person.fitting.head, 1)
    return np.array([(x / w + 1) / 2 * SIZE, (1 - y / w) / 2 * SIZE])


# ------------------------------------------------------------------------------------------------ glasses


@pytest.mark.parametrize("seed", SEEDS)
def test_glasses_lie_over_the_eyes_of_every_head(dressed: Dressed, shoot: Shoot, seed: int) -> None:
    person = dressed(seed, glasses=GlassesRecipe(shape="square"))
    labels = shoot(person).labels
    glasses = where(labels, Label.GLASSES)
    head = HeadFit(person.fitting)
    for eye in (head.left_eye, head.right_eye):
        x, y = on_picture(person, eye)
        near = glasses[np.abs(glasses[:, 0] - x) < 10]
        assert near[:, 1].min() < y < near[:, 1].max()
    assert glasses[:, 1].min() > on_picture(person, np.array([0, head.top, 0.5]))[1]
    assert glasses[:, 1].max() < on_picture(person, head.mouth)[1]


@pytest.mark.parametrize("shape", [*POWERS, *CORNERS])
def test_no_glasses_cut_into_a_face(bare: Callable[[int], Person], shape: str) -> None:
    for seed in SEEDS:
        for size in (0.92, 1.1):
            fitting = bare(seed).fitting
            _, lenses = glasses_parts(GlassesRecipe(shape=shape, size=size), fitting)  # type: ignore[arg-type]
            head = HeadFit(fitting)
            assert head.height_over(lenses.rest.astype(float)).min() > 0
            assert lenses.rest[:, 2].min() > head.left_eye[2]


def test_an_eye_behind_a_clear_lens_is_seen_and_keeps_its_label(dressed: Dressed, shoot: Shoot) -> None:
    without, clear, dark = (
        shoot(dressed(glasses=glasses))
        for glasses in (
            None,
            GlassesRecipe(lens="clear", size=1.1, coating=0.01),
            GlassesRecipe(lens="tinted", size=1.1, coating=0.01),
        )
    )
    eyes = np.isin(without.labels, (Label.L_EYE, Label.R_EYE))
    assert eyes.sum() > 40
    assert np.isin(clear.labels[eyes], (Label.L_EYE, Label.R_EYE)).mean() > 0.95
    assert (dark.labels[eyes] == Label.GLASSES).all()
    assert (clear.labels == Label.GLASSES).sum() > 300  # the skin behind the lens is GLASSES, as in CelebAMask-HQ
    away = [np.abs(picture.bgr[eyes].astype(float) - without.bgr[eyes]).mean() for picture in (clear, dark)]
    assert away[0] < 25 < away[1]


# ------------------------------------------------------------------------------------------------ hats


@pytest.mark.parametrize("kind", ["beanie", "cap", "brim"])
@pytest.mark.parametrize("seed", SEEDS)
def test_hats_sit_above_the_brows(dressed: Dressed, shoot: Shoot, kind: str, seed: int) -> None:
    person = dressed(seed, hat=HatRecipe(kind=kind))  # type: ignore[arg-type]
    picture = shoot(person, height=3.6)
    hat = where(picture.labels, Label.HAT)
    head = HeadFit(person.fitting)
    brow = on_picture(person, np.array([head.eyes[0], head.brow, head.eyes[2] + 0.2]), 3.6)[1]
    middle = hat[np.abs(hat[:, 0] - SIZE / 2) < 4]
    assert middle[:, 1].max() < brow + 2
    assert len(hat) > 600
    above = np.argwhere(np.isin(picture.labels, (Label.SKIN, Label.HAIR)))[:, 0]
    assert above.min() > hat[:, 1].min()  # no crown sticks through


def test_hair_lies_under_a_hat(bare: Callable[[int], Person]) -> None:
    fitting = bare(SEEDS[0]).fitting
    hat = HatRecipe(kind="beanie")
    head = HeadFit(fitting)
    g = np.random.default_rng(0)
    ball = g.normal(size=(400, 3))
    ball = (1.9 * ball / np.linalg.norm(ball, axis=1, keepdims=True)).astype(np.float32)
    middle = np.array([head.eyes[0], head.brow + 0.2, head.root[2]], np.float32)
    covering = cover(hat, fitting)
    assert covering is not None
    assert not covering.whole
    pressed = covering.press(middle + ball)
    above = ball[:, 1] > 0.8
    crown = max(part.rest[:, 1].max() for part in hat_parts(hat, fitting))
    assert pressed[above][:, 1].max() < crown
    assert np.linalg.norm(pressed[above] - middle, axis=1).max() < 1.4
    below = ball[:, 1] < -1.2
    assert np.allclose(pressed[below], (middle + ball)[below])
    scarf = cover(replace(hat, kind="headscarf"), fitting)
    assert scarf is not None
    assert scarf.whole


@pytest.mark.parametrize("seed", SEEDS)
def test_a_headscarf_leaves_the_face_free(dressed: Dressed, shoot: Shoot, seed: int) -> None:
    labels = shoot(dressed(seed, hat=HatRecipe(kind="headscarf")), height=3.4).labels
    plain = shoot(dressed(seed), height=3.4).labels
    for label in (Label.L_EYE, Label.R_EYE, Label.NOSE, Label.UPPER_LIP, Label.LOWER_LIP):
        assert (labels[plain == label] == label).mean() > 0.95
    assert np.isin(labels, (Label.HAIR, Label.L_EAR, Label.R_EAR, Label.NECK)).sum() < 12


# ------------------------------------------------------------------------------------------------ jewellery, headset


@pytest.mark.parametrize("kind", ["stud", "hoop", "drop"])
@pytest.mark.parametrize("seed", SEEDS)
def test_earrings_hang_at_the_ears(dressed: Dressed, shoot: Shoot, kind: str, seed: int) -> None:
    person = dressed(seed, earrings=EarringsRecipe(kind=kind, size=0.7))  # type: ignore[arg-type]
    rings = where(shoot(person).labels, Label.EARRING)
    assert len(rings) > 3
    for side in SIDES:
        lobe = on_picture(person, HeadFit(person.fitting).lobe(side).mean(axis=0))
        of_side = rings[(rings[:, 0] - SIZE / 2) * side > 0]
        assert np.linalg.norm(of_side - lobe, axis=1).min() < 4


@pytest.mark.parametrize("kind", ["chain", "pendant", "beads"])
def test_necklaces_lie_below_the_chin(dressed: Dressed, shoot: Shoot, kind: str) -> None:
    person = dressed(necklace=NecklaceRecipe(kind=kind, length=0.3, thickness=0.03))  # type: ignore[arg-type]
    found = where(shoot(person, height=4.2).labels, Label.NECKLACE)
    assert len(found) > 15
    assert found[:, 1].min() > on_picture(person, HeadFit(person.fitting).mouth, 4.2)[1]


def test_a_headset_covers_the_ears_and_reaches_the_mouth(dressed: Dressed, shoot: Shoot) -> None:
    for seed in SEEDS:
        person = dressed(seed, headset=HeadsetRecipe(boom=1))
        labels = shoot(person).labels
        assert not np.isin(labels, (Label.L_EAR, Label.R_EAR)).any()
        headset = where(labels, Label.OCCLUDER)
        mouth = on_picture(person, HeadFit(person.fitting).mouth)
        assert np.linalg.norm(headset - mouth, axis=1).min() < 20
        assert headset[:, 1].min() < on_picture(person, HeadFit(person.fitting).eyes)[1] - 20  # the band


def test_hair_lies_under_a_headset(bare: Callable[[int], Person]) -> None:
    fitting = bare(SEEDS[0]).fitting
    recipe = HeadsetRecipe(boom=0)
    head = HeadFit(fitting)
    ear = head.ear(1)
    middle = ear.mean(axis=0)
    above, beside, before = (
        start + np.array(way) for start, way in ((head.eyes, (0, 2, 0)), (middle, (0.5, 0, 0)), (middle, (0.5, 0, 1.2)))
    )
    above[2] = middle[2]
    hair = np.stack([above, beside, before]).astype(np.float32)
    pressed = press_hair(recipe, fitting, hair)
    top = max(part.rest[:, 1].max() for part in headset_parts(recipe, fitting))
    assert pressed[0, 1] < top
    assert pressed[1, 0] < ear[:, 0].max()
    assert np.allclose(pressed[2], hair[2])


# ------------------------------------------------------------------------------------------------ clothes


def test_clothes_are_dyed(dressed: Dressed, shoot: Shoot) -> None:
    green = (0.05, 0.4, 0.05)
    picture = shoot(dressed(dye=Dye((green,))), height=3.4)
    cloth = picture.bgr[picture.labels == Label.CLOTH].astype(float)
    assert (cloth[:, 1] > cloth[:, 2] + 20).mean() > 0.95
    looks = {
        pattern: shoot(
            dressed(clothes="male_casualsuit02", dye=Dye((green,), pattern, (0.7, 0.7, 0.7))), height=3.4
        ).bgr
        for pattern in PATTERNS[:3]
    }
    for pattern in PATTERNS[1:3]:
        assert np.abs(looks[pattern].astype(int) - looks["plain"]).max() > 60


def test_nobody_is_hollow_at_the_bottom_of_a_wide_picture(dressed: Dressed, shoot: Shoot) -> None:
    alpha = shoot(dressed(), height=4.4).alpha
    filled = np.flatnonzero(alpha[-1] == 255)
    assert len(filled) > SIZE / 2
    assert np.diff(filled).max() == 1


# ------------------------------------------------------------------------------------------------ occluders


@pytest.mark.parametrize(("name", "side"), list(zip(GESTURES, (1, -1) * 6, strict=True)))
def test_a_hand_comes_from_outside_the_picture(
    bare: Callable[[int], Person], shoot: Shoot, name: str, side: int
) -> None:
    person = bare(SEEDS[0])
    thing = occluders.gesture(np.random.default_rng(2), person, name, side)
    picture = shoot(
        person.holding(Occlusion([(thing, Stay(), 0.0)], person.fitting.head.astype(float)).parts), height=3.2
    )
    labels = picture.labels
    assert (labels == Label.OCCLUDER).sum() > 200
    ends = np.concatenate([labels[-1], labels[:, 0], labels[:, -1]])
    assert (ends == Label.OCCLUDER).any()  # no stump inside the picture
    arm = thing.parts[0].rest
    if GESTURES[name].towards:
        over = HeadFit(person.fitting).height_over(arm[arm[:, 2] > person.fitting.head[2]].astype(float))
        assert over.min() > -0.08


@pytest.mark.parametrize("make", [occluders.hand_microphone, occluders.desk_microphone, occluders.cup, occluders.phone])
def test_things_held_before_the_face_are_labelled(
    bare: Callable[[int], Person], shoot: Shoot, make: Callable[..., occluders.Thing]
) -> None:
    person = bare(SEEDS[1])
    without = shoot(person)
    for seed, side in enumerate(SIDES):
        thing = make(np.random.default_rng(seed), person, side)
        occlusion = Occlusion([(thing, Stay(), 0.0)], person.fitting.head.astype(float))
        picture = shoot(person.holding(occlusion.parts))
        hidden = picture.labels == Label.OCCLUDER
        assert hidden.sum() > 100
        changed = np.abs(picture.bgr.astype(int) - without.bgr).max(axis=2) > 10
        assert changed[hidden].mean() > 0.5
        assert (without.labels == Label.OCCLUDER).sum() == 0


def test_what_comes_before_the_face_comes_and_goes(bare: Callable[[int], Person], shoot: Shoot) -> None:
    person = bare(SEEDS[0])
    thing = occluders.gesture(np.random.default_rng(2), person, "mouth", 1)
    occlusion = Occlusion([(thing, Stay(1.0, 2.0), 0.0)], person.fitting.head.astype(float))
    holding = person.holding(occlusion.parts)
    areas = [int((shoot(holding, time=t).labels == Label.OCCLUDER).sum()) for t in (0.0, 0.6, 1.5, 2.4, 3.0)]
    assert areas[0] == areas[4] == 0
    assert areas[2] > max(areas[1], areas[3])
    assert [occlusion.bits(t) for t in (0.0, 1.5, 3.0)] == [0, occluders.HAND, 0]
    steps = [holding.pose({}, HeadPose(), t).vertices[-1] for t in np.arange(0.2, 1.0, 1 / 10)]
    assert max(np.abs(b - a).max() for a, b in pairwise(steps)) < 1.5  # dm in a tenth of a second: no jump


def test_a_hand_on_the_face_turns_with_the_head(bare: Callable[[int], Person]) -> None:
    person = bare(SEEDS[0])
    thing = occluders.gesture(np.random.default_rng(2), person, "cheek", 1)
    person = person.holding(Occlusion([(thing, Stay(), 0.0)], person.fitting.head.astype(float)).parts)
    posed = person.pose({}, HeadPose(yaw=25, pitch=10))
    inverse = np.linalg.inv(posed.head)
    back = posed.vertices[-1] @ inverse[:3, :3].T + inverse[:3, 3]
    assert np.abs(back - person.parts[-1].rest).max() < 1e-3


# ------------------------------------------------------------------------------------------------ recipes


def test_outfits_are_worn_as_often_as_promised() -> None:
    drawn = []
    for seed in range(600):
        traits = random_traits(np.random.default_rng([seed, 0]))
        drawn.append((traits.sex, random_outfit(np.random.default_rng([seed, 1]), traits)))
    bits = np.array([outfit.bits(recipe) for _, recipe in drawn])
    for bit, share in ((1, 0.25), (128, 0.05), (32, 0.12), (64, 0.07)):
        assert (bits & bit > 0).mean() == pytest.approx(share, abs=0.035)
    women = [recipe for sex, recipe in drawn if sex == "female"]
    assert np.mean([recipe.earrings is not None for recipe in women]) == pytest.approx(0.44, abs=0.08)
    assert len({recipe.clothes for recipe in women}) >= 8
    assert len({recipe.glasses.shape for _, recipe in drawn if recipe.glasses}) >= 6


@pytest.mark.parametrize("name", IDENTITIES)
def test_identities_wear_clothes_alone(name: str) -> None:
    worn = identity_recipe(name).outfit
    assert outfit.bits(worn) == 0
    assert worn.earrings is worn.necklace is None


def test_the_same_seed_makes_the_same_things(wardrobe: Wardrobe) -> None:
    seed = next(s for s in range(500) if outfit.bits(random_recipe(s, wardrobe.body.detail_axes).outfit) & 33 == 33)
    first, second = (wardrobe.random_person(seed) for _ in range(2))
    for a, b in zip(first.groups["outfit"], second.groups["outfit"], strict=True):
        assert np.array_equal(a.rest, b.rest)
        assert np.array_equal(a.texture.pixels, b.texture.pixels)
    for draw in range(12):
        here, there = (random_occlusion(np.random.default_rng(draw), person).parts for person in (first, second))
        assert all(np.array_equal(a.rest, b.rest) for a, b in zip(here, there, strict=True))


# ------------------------------------------------------------------------------------------------ solids


def test_solids_show_their_outside() -> None:
    turns = np.arange(20) / 20 * 2 * np.pi
    ring = np.stack([np.cos(turns), np.sin(turns), 0 * turns], axis=1)
    for solid, volume in (
        (tube([[0, 0, 0], [0, 1, 0], [0, 2, 0]], 0.1, sides=24), 2 * np.pi * 0.01),
        (tube(ring, 0.1, closed=True, sides=24), 2 * np.pi * np.pi * 0.01),
        (lathe([(0.001, 0), (1, 0), (1, 1), (0.001, 1)], sides=48), np.pi),
        (ball((1.0, 2.0, 3.0), 1.0, sides=32, rings=24), 4 / 3 * np.pi),
        (box((1.0, 2.0, 0.5)), 1.0),
    ):
        a, b, c = (solid.vertices[solid.faces[:, k]] for k in range(3))
        assert np.einsum("nc,nc->n", a, np.cross(b, c)).sum() / 6 == pytest.approx(volume, rel=0.06)
