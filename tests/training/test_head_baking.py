"""What is baked of a painted head is drawn again as it was painted."""

import cv2
import numpy as np
import pytest

from deepfake_core.swapping import eyes, head_layer
from deepfake_core.swapping.alignment import Pose, crop_transform, fit_pose
from deepfake_core.swapping.mouth import Mouth
from deepfake_core.swapping.square import head_square, upright
from deepfake_core.swapping.template import TemplateDrawer
from deepfake_core.training import head_baking
from deepfake_core.training.baking import View
from tests.swapping.painted_identity import canonical, painted, turned

SIDE = 512


def pictured(head: np.ndarray, yaw: float = 0.0, *, hair: bool = False) -> View:
    """The painted identity, drawn, as a view of 512 px."""
    pose = Pose(14.0, turned(yaw), np.array([SIDE / 2, -SIDE / 2, 0.0]))
    template = TemplateDrawer().draw(painted(256), pose, head, None, size=384, head_mode=True)
    to_square = crop_transform(pose, 384)
    to_square[:, 2] += template.square.left, template.square.top
    back = cv2.invertAffineTransform(to_square)
    bgr, alpha = (
        cv2.warpAffine(picture, back, (SIDE, SIDE))
        for picture in (template.bgr, (template.alpha * 255).astype(np.uint8))
    )
    landmarks = pose.to_picture(head).astype(np.float32)
    middles = landmarks[eyes.CORNERS].mean(1)[:, :2] - (0.0, 0.1 * 14.0)
    outline = 0.5 * 14.0 * np.array([[1, 0], [0, -1], [-1, 0], [0, 1]])
    iris = np.concatenate([middles[:, None], middles[:, None] + outline], axis=1).astype(np.float32)
    usable = np.full((SIDE, SIDE), 255, np.uint8)
    return View(bgr, usable, landmarks, iris, alpha if hair else None, alpha if hair else None)


def opened(centimetres: float) -> np.ndarray:
    head = canonical()
    inner = [308, 324, 318, 402, 317, 14, 87, 178, 88, 95]
    head[[*inner, 17, 84, 181, 91, 314, 405, 321, 152, 148, 377, 176, 400, 199, 175], 1] -= centimetres
    head[[308, 78], 1] += centimetres / 2
    return head


def test_an_iris_keeps_its_colour_size_and_place() -> None:
    view = pictured(canonical())
    circles = head_baking.irises(view)
    np.testing.assert_allclose(circles[:, :2], view.iris[:, 0], atol=2.5)  # type: ignore[index]
    baked = head_baking.eyeballs(view)
    assert baked.iris_radius[0] == pytest.approx(0.55 * 12 / 12.8, rel=0.25)
    middle = baked.iris[28:36, 28:36, :3].reshape(-1, 3).mean(0)
    assert middle[0] > 150
    assert middle[2] < 90
    assert baked.iris[0, 0, 3] == 0
    assert baked.iris[32, 32, 3] == 255


def test_teeth_are_found_above_and_below_with_the_dark_between() -> None:
    baked = head_baking.open_mouth(pictured(opened(2.6)))
    upper, lower = baked.teeth
    height = upper.shape[0]
    assert (upper[: height // 3, 50:78, 3] > 200).all(), "teeth go on beneath the upper lip"
    assert upper[-4:, :, 3].max() < 60
    assert lower[:4, :, 3].max() < 60
    edge = int(np.flatnonzero(upper[:, 64, 3] > 200).max())
    white = upper[edge - 7 : edge - 1, 50:78, :3].reshape(-1, 3).mean(0)
    assert white.min() > 110
    assert upper[edge - 20, 64, :3].mean() < white.mean() - 40, "teeth stand in gum"
    assert (upper[edge - 4, 20:108, 3] > 200).all(), "cheeks hide teeth that are there"
    assert baked.cavity.mean() < 80


def test_a_dark_faces_teeth_keep_their_hue_in_what_a_reflectance_can_say() -> None:
    teeth = np.full((2, 8, 16, 4), 220, np.uint8)
    white = Mouth(teeth, np.zeros((2, 3), np.float32), np.zeros((2, 3), np.float32))
    tone = np.array([50.0, 75.0, 110.0], np.float32)
    blue, green, red = head_baking.within_light(white, tone).teeth[0, 0, 0, :3].astype(float)
    assert blue < 2 * tone[0]
    assert red / blue < 1.5
    assert green < red
    pale = head_baking.within_light(white, np.full(3, 180.0, np.float32))
    np.testing.assert_array_equal(pale.teeth, teeth)


def test_a_mouth_without_teeth_has_none() -> None:
    view = pictured(opened(2.6))
    view.bgr[:] = (40, 40, 120)
    assert head_baking.open_mouth(view).teeth[..., 3].max() == 0


def test_pages_give_back_the_view_that_they_were_made_of() -> None:
    views = [pictured(canonical(), yaw, hair=True) for yaw in (-20.0, 0.0, 20.0)]
    pages = head_baking.head_pages(views, 256)
    assert pages.pictures.shape == (3, 256, 256, 4)
    assert pages.hair.shape == (3, 64, 64)
    pose = fit_pose(views[1].landmarks)
    square = head_square(upright(pose), 192)
    bgr, alpha, hair = head_layer.HeadDrawer().draw(pages, upright(pose), square)
    to_square = crop_transform(pose, 192)
    to_square[:, 2] += square.left, square.top
    expected = cv2.warpAffine(views[1].bgr, to_square, (square.size, square.size))
    sure = alpha > 0.97
    assert sure.mean() > 0.08
    assert np.abs(bgr.astype(int) - expected)[sure].mean() < 12
    small = cv2.resize(alpha, hair.shape, interpolation=cv2.INTER_AREA)
    assert hair[small > 0.99].mean() > 0.97


def test_the_background_does_not_shine_through_soft_edges() -> None:
    view = pictured(canonical(), hair=True)
    view.bgr[view.matte == 0] = (255, 0, 255)
    (page,) = head_baking.head_pages([view], 256).pictures
    edge = (page[..., 3] > 5) & (page[..., 3] < 250)
    assert not ((page[edge][:, 0] > 200) & (page[edge][:, 2] > 200)).any()


def test_strands_in_the_nape_are_left_out() -> None:
    view = pictured(canonical(), hair=True)
    assert view.matte is not None
    chin = int(view.landmarks[152, 1])
    matte = view.matte.copy()
    matte[chin + 20 : chin + 90, 200:205] = 255
    (page,) = head_baking.head_pages([View(view.bgr, view.usable, view.landmarks, None, matte, None)]).pictures
    (plain,) = head_baking.head_pages([view]).pictures
    assert page[..., 3].astype(int).sum() - plain[..., 3].sum() < 20 * 255
