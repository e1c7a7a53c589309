"""Skin and eyes: tones that are told apart as the Monk scale tells them, and details that belong to their owner."""

from dataclasses import replace
from itertools import pairwise
from pathlib import Path

import cv2
import numpy as np
import numpy.typing as npt
import pytest

pytest.importorskip("moderngl", reason="rendering needs .venv-train (moderngl)")
pytest.importorskip("scipy", reason="rendering needs .venv-train (scipy)")

from deepfake_core.synthetic.assets import find_assets
from deepfake_core.synthetic.camera import Framing
from deepfake_core.synthetic.environment import Environment
from deepfake_core.synthetic.eyes import CENTRES, IRIS, EyesRecipe, paint_eye, random_eyes
from deepfake_core.synthetic.identities import identity_recipe
from deepfake_core.synthetic.labels import Label
from deepfake_core.synthetic.lighting import Light
from deepfake_core.synthetic.monk_tones import lab_to_linear, skin_albedo, srgb_to_lab, swatch
from deepfake_core.synthetic.person import HeadPose, Wardrobe
from deepfake_core.synthetic.renderer import GraphicsMissing, Renderer
from deepfake_core.synthetic.shapes import LIMIT, random_shape
from deepfake_core.synthetic.skin import GAMMA, NO_DETAILS, SkinRecipe, SkinShop, metering, random_skin
from deepfake_core.synthetic.skin_details import SkinDetails
from deepfake_core.synthetic.traits import Traits, random_traits

pytestmark = pytest.mark.train
TONES = range(1, 11)
# What a picture of even light may differ from the published swatch, CIEDE2000: no skin is as white or black.
NEAR = 13.0


@pytest.fixture(scope="module")
def wardrobe(assets: Path) -> Wardrobe:
    return Wardrobe(assets, skin_size=512)


@pytest.fixture(scope="module")
def skins(wardrobe: Wardrobe) -> SkinShop:
    return wardrobe.skins


def traits(tone: int, *, sex: str = "female", age: float = 30.0, seed: int = 0) -> Traits:
    drawn = random_traits(np.random.default_rng(seed), monk_tone=tone, sex=sex)
    return replace(drawn, age=age)


def bare(tone: int, seed: int = 0) -> SkinRecipe:
    """A random skin of a tone without beard or make-up."""
    skin = random_skin(np.random.default_rng(seed), traits(tone))
    kept = replace(skin.details, lipstick=0.0, eyeshadow=0.0, blush=0.0, liner=0.0, stubble=0.0)
    return replace(skin, details=kept)


def mean_of_face(skins: SkinShop, recipe: SkinRecipe) -> npt.NDArray[np.float64]:
    """Mean linear RGB over the face of a mixed skin."""
    linear = (skins.mix(recipe).astype(np.float64) / 255) ** GAMMA
    return np.average(linear.reshape(-1, 3), axis=0, weights=skins.mask("face").ravel())[::-1]


def test_the_swatches_are_those_published() -> None:
    assert swatch(1) == (246, 237, 228)
    assert swatch(10) == (41, 36, 32)


def test_lab_and_linear_light_agree() -> None:
    srgb = np.array([160, 126, 86])
    linear = lab_to_linear(srgb_to_lab(srgb))
    coded = np.where(linear > 0.0031308, 1.055 * linear ** (1 / 2.4) - 0.055, 12.92 * linear)
    assert coded * 255 == pytest.approx(srgb, abs=0.01)


@pytest.mark.parametrize("tone", [1, 5, 10])
def test_the_mean_colour_of_the_face_is_the_drawn_tone(skins: SkinShop, tone: int) -> None:
    recipe = bare(tone, seed=tone)
    assert recipe.albedo is not None
    assert mean_of_face(skins, recipe) == pytest.approx(np.array(recipe.albedo), rel=0.05)
    assert recipe.albedo == pytest.approx(skin_albedo(tone), rel=0.35)


def test_pictures_order_the_tones_and_lie_near_them(wardrobe: Wardrobe) -> None:
    """Even, white light, one exposure: the mean colour of the face's skin."""
    try:
        renderer = Renderer(wardrobe.body, 64)
    except GraphicsMissing as error:
        pytest.skip(str(error))
    light = Light(Environment.flat(16))
    measured = []
    for tone in TONES:
        person = wardrobe.build(replace(identity_recipe("performer"), skin=bare(tone, seed=tone)), hairless=True)
        posed = person.pose({}, HeadPose())
        camera = Framing().camera(person, posed)
        picture = renderer.render(person, posed, light, camera, exposure=1.0, background=np.zeros(3, np.float32))
        face = np.isin(picture.labels, [Label.SKIN, Label.NOSE])
        measured.append(srgb_to_lab(picture.bgr[face].mean(axis=0)[::-1]))
    lightness = [lab[0] for lab in measured]
    assert all(darker < lighter - 0.8 for lighter, darker in pairwise(lightness))
    for tone, lab in zip(TONES, measured, strict=True):
        assert ciede2000(lab, srgb_to_lab(swatch(tone))) < NEAR
        assert lab[1] > 2  # no grey and no green skins
        assert lab[2] > 3


def ciede2000(first: npt.NDArray[np.float64], second: npt.NDArray[np.float64]) -> float:
    """Colour difference (scikit-image has it; only the training environment does)."""
    colour = pytest.importorskip("skimage.color")
    return float(colour.deltaE_ciede2000(first, second))


def test_a_camera_meters_on_the_face() -> None:
    gains = [metering(bare(tone)) for tone in TONES]
    assert gains == sorted(gains)
    assert 0.75 < gains[0] < 1
    assert 1.4 < gains[-1] < 1.9
    assert metering(identity_recipe("performer").skin) == 1


def test_every_random_skin_mixes_at_least_two_sources() -> None:
    for seed in range(30):
        g = np.random.default_rng(seed)
        recipe = random_skin(g, random_traits(g))
        shares = [share for _, share in recipe.sources]
        assert sum(shares) == pytest.approx(1)
        assert len({name for name, share in recipe.sources if share > 0.1}) >= 2
        assert max(shares) <= 0.65


def test_no_visible_skin_lies_under_the_mark_of_the_sources(wardrobe: Wardrobe) -> None:
    """The sources carry a CC0 mark in their lower right corner, beside all islands of the mesh."""
    mesh = wardrobe.body.mesh
    size = 512
    used = np.zeros((size, size), np.uint8)
    for triangle in mesh.uv[mesh.uv_faces[mesh.groups == "body"]]:
        cv2.fillConvexPoly(used, np.round(triangle * [size, -size] + [0, size]).astype(np.int32), 255)
    assert used[int(0.74 * size) :, int(0.972 * size) :].max() == 0
    assert used.mean() > 80


def test_details_stay_on_the_face_and_show(skins: SkinShop) -> None:
    plain = replace(bare(3), details=NO_DETAILS)
    for details in (
        SkinDetails(freckles=1.0),
        SkinDetails(wrinkles=1.0),
        SkinDetails(stubble=1.0),
        SkinDetails(moles=6),
    ):
        change = np.abs(skins.mix(replace(plain, details=details)).astype(int) - skins.mix(plain)).max(axis=2)
        assert (change[:, : int(0.6 * skins.size)] <= 1).all()
        assert change.max() > 12
    made_up = skins.mix(replace(plain, details=SkinDetails(lipstick=0.8))).astype(float)
    lips = skins.mask("lips") > 0.9
    assert made_up[lips].mean() < skins.mix(plain)[lips].mean() - 15


def test_palms_are_paler_than_the_face_on_dark_skin_only(skins: SkinShop) -> None:
    palms = np.zeros((skins.size, skins.size))
    palms[skins.hands] = skins.palms

    def contrast(tone: int) -> float:
        skin = skins.mix(replace(bare(tone), details=NO_DETAILS)).mean(axis=2)
        return float(skin[palms > 0.9].mean() / skin[skins.mask("face") > 0.9].mean())

    assert contrast(9) > 1.4
    assert contrast(1) < 1.15


def test_age_writes_wrinkles_and_only_men_have_stubble() -> None:
    young, old = (
        np.mean([random_skin(np.random.default_rng(seed), traits(4, age=age)).details.wrinkles for seed in range(12)])
        for age in (26.0, 80.0)
    )
    assert old > young + 0.5
    for seed in range(12):
        assert random_skin(np.random.default_rng(seed), traits(4)).details.stubble == 0
    assert any(
        random_skin(np.random.default_rng(seed), traits(4, sex="male")).details.stubble > 0 for seed in range(12)
    )


def test_a_face_can_take_the_tone_of_another(skins: SkinShop) -> None:
    mixed, dark = identity_recipe("performer").skin, bare(9)
    assert dark.albedo is not None
    lent = mean_of_face(skins, replace(mixed, albedo=dark.albedo))
    assert lent == pytest.approx(np.array(dark.albedo), rel=0.25)
    assert min(mean_of_face(skins, mixed)) > 2 * max(dark.albedo[2], 0.01)


def test_the_same_recipe_makes_the_same_skin(skins: SkinShop, wardrobe: Wardrobe) -> None:
    recipe = bare(6, seed=3)
    again = SkinShop(find_assets(), 512, wardrobe.body.mesh)
    assert np.array_equal(skins.mix(recipe), again.mix(recipe))


def test_irises_have_the_drawn_colour_and_a_pupil(wardrobe: Wardrobe) -> None:
    white = wardrobe.stock.texture("eyes/materials/grey_eye.png")
    colour = (0.2, 0.35, 0.6)
    picture = paint_eye(EyesRecipe(colour=colour, inner=colour), colour, white)
    size = len(picture)
    for u, v in CENTRES:
        row, column = int((1 - v) * size), int(u * size)
        iris = picture[row, column + int(0.62 * IRIS * size)].astype(float)
        assert picture[row, column].max() < 15
        assert iris[0] > iris[2] + 30  # blue
        assert picture[row, column + int(1.3 * IRIS * size)].min() > 100  # the white


def test_dark_people_have_brown_eyes_and_light_people_all_colours() -> None:
    def bluish(tone: int) -> float:
        drawn = [random_eyes(np.random.default_rng(seed), traits(tone, seed=seed)).colour for seed in range(60)]
        return float(np.mean([colour is not None and colour[2] > colour[0] for colour in drawn]))

    assert bluish(9) == 0
    assert 0.1 < bluish(2) < 0.7


def test_shapes_are_adults_and_keep_within_limits(wardrobe: Wardrobe) -> None:
    axes = wardrobe.body.detail_axes
    for seed in range(20):
        g = np.random.default_rng(seed)
        shape = random_shape(g, random_traits(g), axes)
        assert 0 <= shape.age <= 0.93
        assert 0 <= shape.gender <= 1
        assert max(shape.details.values()) <= LIMIT + 0.75
