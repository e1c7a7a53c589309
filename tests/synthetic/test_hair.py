"""Hair, beards and brows that are grown. Needs the assets; the pictures need OpenGL (.venv-train)."""

from collections.abc import Callable
from dataclasses import replace

import cv2
import numpy as np
import numpy.typing as npt
import pytest

pytest.importorskip("moderngl", reason="rendering needs .venv-train (moderngl)")
pytest.importorskip("scipy", reason="rendering needs .venv-train (scipy)")

from deepfake_core.synthetic.camera import Framing
from deepfake_core.synthetic.environment import Environment
from deepfake_core.synthetic.facial_hair import FacialHairRecipe, facial_hair_parts, random_facial_hair
from deepfake_core.synthetic.hair import HairRecipe, hair_parts, random_hair
from deepfake_core.synthetic.hair_beards import BEARDS
from deepfake_core.synthetic.hair_styles import ASSETS, STYLES
from deepfake_core.synthetic.identities import IDENTITIES, identity_recipe
from deepfake_core.synthetic.labels import Label
from deepfake_core.synthetic.lighting import Light
from deepfake_core.synthetic.outfit import OutfitRecipe
from deepfake_core.synthetic.part import Surface
from deepfake_core.synthetic.person import HeadPose, Person, Wardrobe
from deepfake_core.synthetic.recipe import Recipe, random_recipe
from deepfake_core.synthetic.renderer import GraphicsMissing, Renderer
from deepfake_core.synthetic.traits import Traits

pytestmark = pytest.mark.train
SIZE = 128
Labels = npt.NDArray[np.uint8]
Look = Callable[..., Labels]


@pytest.fixture(scope="module")
def recipe(wardrobe: Wardrobe) -> Recipe:
    """A woman without anything on her head."""
    traits = Traits("female", 30.0, (0.3, 0.3, 0.4), 5)
    made = random_recipe(3, wardrobe.body.detail_axes, traits=traits)
    return replace(made, outfit=OutfitRecipe(), hair=HairRecipe())


@pytest.fixture(scope="module")
def bald(wardrobe: Wardrobe, recipe: Recipe) -> Person:
    return wardrobe.build(recipe)


@pytest.fixture(scope="module")
def look(wardrobe: Wardrobe, recipe: Recipe) -> Look:
    """Labels of the woman with some hair, seen at a yaw."""
    try:
        renderer = Renderer(wardrobe.body, SIZE)
    except GraphicsMissing as error:
        pytest.skip(str(error))
    light = Light(Environment.flat(16))

    def look(
        hair: HairRecipe, yaw: float = 0.0, *, hairless: bool = False, facial: FacialHairRecipe | None = None
    ) -> Labels:
        worn = replace(recipe, hair=hair, facial_hair=facial or recipe.facial_hair)
        person = wardrobe.build(worn, hairless=hairless)
        posed = person.pose({}, HeadPose(yaw=yaw))
        camera = Framing(height=3.6).camera(person, posed)
        return renderer.render(person, posed, light, camera, background=np.zeros(3, np.float32)).labels

    return look


@pytest.mark.parametrize("style", STYLES)
def test_every_style_grows_alike_from_the_same_seed(style: str, bald: Person) -> None:
    first, second, other = (hair_parts(HairRecipe(style, seed=seed), bald.fitting) for seed in (4, 4, 5))
    assert first
    for part, again in zip(first, second, strict=True):
        assert np.isfinite(part.rest).all()
        assert np.allclose(part.weights.sum(axis=1), 1, atol=1e-4)
        assert part.faces.max() < len(part.rest)
        assert np.array_equal(part.rest, again.rest)
        assert np.array_equal(part.texture.pixels, again.texture.pixels)
        assert part.material.surface == Surface.HAIR
        assert part.material.label == Label.HAIR
    assert not np.array_equal(first[1].rest[:100], other[1].rest[:100])  # the first lies on the scalp


def test_nobody_is_without_their_named_style(bald: Person) -> None:
    assert hair_parts(HairRecipe(None), bald.fitting) == []
    for name in IDENTITIES:
        assert identity_recipe(name).hair.style in {*STYLES, *ASSETS}
    for style in ASSETS:
        assert hair_parts(HairRecipe(style), bald.fitting)


def test_silhouettes_differ(look: Look) -> None:
    styles = ("buzz", "quiff", "afro", "round_afro", "bob", "long", "long_curly", "top_knot")
    masks = {style: look(HairRecipe(style)) == Label.HAIR for style in styles}
    for i, style in enumerate(styles):
        for other in styles[i + 1 :]:
            common = (masks[style] & masks[other]).sum() / (masks[style] | masks[other]).sum()
            assert common < 0.85, (style, other, common)
    areas = {style: int(mask.sum()) for style, mask in masks.items()}
    assert areas["buzz"] < areas["afro"] < areas["round_afro"]
    lowest = {style: np.nonzero(mask.any(axis=1))[0].max() for style, mask in masks.items()}
    assert lowest["buzz"] < lowest["bob"] < lowest["long"]


@pytest.mark.parametrize("style", ["crop", "side_part", "combed_back", "afro", "bob", "long", "long_curly", "ponytail"])
def test_no_scalp_shows_through_dense_hair(style: str, look: Look) -> None:
    for yaw in (0.0, 35.0):
        # Without hair the whole scalp is labelled as hair; away from its rim none of it may be skin again.
        scalp = cv2.erode((look(HairRecipe(None), yaw, hairless=True) == Label.HAIR).astype(np.uint8), np.ones((9, 9)))
        shown = (scalp > 0) & (look(HairRecipe(style), yaw) == Label.SKIN)
        assert shown.sum() <= 0.01 * scalp.sum(), (yaw, int(shown.sum()), int(scalp.sum()))


def test_long_hair_leaves_the_face_free(look: Look) -> None:
    face = cv2.erode((look(HairRecipe(None)) == Label.NOSE).astype(np.uint8), np.ones((3, 3))) > 0
    eyes = np.isin(look(HairRecipe(None)), (Label.L_EYE, Label.R_EYE))
    for style in ("long", "long_wavy", "long_curly", "box_braids", "bob"):
        hair = look(HairRecipe(style)) == Label.HAIR
        assert (hair & face).sum() == 0, style
        assert (hair & eyes).sum() <= 0.1 * eyes.sum(), style


def test_a_bare_crown_is_skin(look: Look) -> None:
    full = (look(HairRecipe("crop")) == Label.HAIR).sum()
    receded = (look(HairRecipe("crop", recession=1.0)) == Label.HAIR).sum()
    wreath = (look(HairRecipe("crop", wreath=True)) == Label.HAIR).sum()
    assert wreath < receded < 0.9 * full
    assert (look(HairRecipe(None)) == Label.HAIR).sum() == 0


@pytest.mark.parametrize("beard", BEARDS)
def test_beards_move_with_the_jaw(beard: str, wardrobe: Wardrobe, bald: Person) -> None:
    facial = FacialHairRecipe(beard=beard, seed=2)
    shaved = facial_hair_parts(replace(facial, beard=None), bald.fitting)
    parts = facial_hair_parts(facial, bald.fitting)[len(shaved) :]
    worn = bald.holding(parts)
    still, moved = (worn.pose(expression, HeadPose()).vertices[-len(parts) :] for expression in ({}, {"JawDrop": 1.0}))
    drop = np.concatenate(still)[:, 1] - np.concatenate(moved)[:, 1]
    if beard == "moustache":
        assert np.median(np.abs(drop)) < 0.08  # only its ends hang on the corners of the mouth
    else:
        assert drop.max() > 0.15  # dm: at the chin
    assert all(part.material.label == Label.SKIN for part in parts)  # as in CelebAMask-HQ


def test_a_beard_changes_no_label_but_to_skin(look: Look, recipe: Recipe) -> None:
    shaved = look(HairRecipe(None), facial=replace(recipe.facial_hair, beard=None))
    bearded = look(HairRecipe(None), facial=replace(recipe.facial_hair, beard="full"))
    changed = shaved != bearded
    assert changed.sum() > 20
    assert (bearded[changed] == Label.SKIN).all()


def test_brows_are_grown_where_brows_are(look: Look, recipe: Recipe) -> None:
    labels = look(HairRecipe(None), facial=replace(recipe.facial_hair, brows=0, brow_density=0.8))
    for brow, eye in ((Label.L_BROW, Label.L_EYE), (Label.R_BROW, Label.R_EYE)):
        assert (labels == brow).sum() > 15
        (y, x), (eye_y, eye_x) = (np.argwhere(labels == label).mean(axis=0) for label in (brow, eye))
        assert y < eye_y
        assert abs(x - eye_x) < 0.05 * SIZE


def drawn(traits: Traits, count: int = 300) -> list[HairRecipe]:
    return [random_hair(np.random.default_rng([seed, 5]), traits) for seed in range(count)]


def test_hair_leans_on_the_traits_but_never_exclusively() -> None:
    coily = ("coils", "afro", "round_afro", "locs", "short_locs", "box_braids", "puff")

    def share(ancestry: tuple[float, float, float], tone: int) -> float:
        hair = drawn(Traits("female", 30.0, ancestry, tone))
        return float(np.mean([recipe.style in coily for recipe in hair]))

    african, asian, caucasian = share((1.0, 0.0, 0.0), 9), share((0.0, 1.0, 0.0), 4), share((0.0, 0.0, 1.0), 2)
    assert 0.95 > african > 0.35 > asian > 0.0
    assert 0.25 > caucasian > 0.0


def test_age_makes_grey_and_bald() -> None:
    young, old = (drawn(Traits("male", age, (0.2, 0.2, 0.6), 4)) for age in (27.0, 78.0))
    assert np.mean([recipe.grey > 0.3 for recipe in young]) < 0.02
    assert np.mean([recipe.grey > 0.3 for recipe in old]) > 0.5
    bare = [np.mean([r.style is None or r.wreath or r.recession > 0.6 for r in hair]) for hair in (young, old)]
    assert bare[0] < 0.1
    assert 0.4 < bare[1] < 1


def test_every_style_and_beard_is_somebodys() -> None:
    styles: set[str | None] = set()
    beards: set[str | None] = set()
    for seed in range(1500):
        g = np.random.default_rng([seed, 6])
        sex = ("female", "male")[seed % 2]
        traits = Traits(sex, 35.0, (0.34, 0.33, 0.33), seed % 10 + 1)  # type: ignore[arg-type]
        styles.add(random_hair(g, traits).style)
        facial = random_facial_hair(g, traits, (0.1, 0.06, 0.04))
        beards.add(facial.beard)
        assert facial.beard is None or sex == "male"
    assert styles >= set(STYLES) | {None}
    assert beards == set(BEARDS) | {None}
