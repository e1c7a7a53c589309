"""Every layer of the template lies where the head, the gaze and the jaw put it."""

import dataclasses

import cv2
import numpy as np
import pytest

from deepfake_core.facemesh import topology
from deepfake_core.swapping import head_layer
from deepfake_core.swapping.alignment import CROP_CENTRE, Pose, crop_transform
from deepfake_core.swapping.eyes import LOWER, UPPER
from deepfake_core.swapping.identity_head import IdentityHead
from deepfake_core.swapping.mouth import CHIN
from deepfake_core.swapping.square import face_square, head_square, upright
from deepfake_core.swapping.template import Template, TemplateDrawer
from tests.swapping.painted_identity import HAIR, IRIS, LID, SKIN, WHITE, canonical, painted, turned

SIZE = 256


@pytest.fixture(scope="module")
def identity() -> IdentityHead:
    return painted()


@pytest.fixture(scope="module")
def drawer() -> TemplateDrawer:
    return TemplateDrawer()


def posed(yaw: float = 0.0, pitch: float = 0.0, roll: float = 0.0) -> Pose:
    angle = np.radians(roll)
    rolled = np.array([[np.cos(angle), -np.sin(angle), 0], [np.sin(angle), np.cos(angle), 0], [0, 0, 1.0]])
    return Pose(9.0, rolled @ turned(yaw, pitch), np.array([300.0, -200.0, 0.0]))


def where(template: Template, colour: tuple[int, int, int], tolerance: int = 60) -> np.ndarray:
    """Pixels (N, 2), x and y, of the drawn square that have a colour."""
    close = np.abs(template.bgr.astype(int) - colour).max(-1) < tolerance
    return np.argwhere(close & (template.alpha > 0.9))[:, ::-1]


def opened(centimetres: float) -> np.ndarray:
    """The canonical face with its lower lip and jaw so much lower."""
    head = canonical()
    lower = [*topology.LIPS_INNER[11:], *topology.LIPS_OUTER[11:], 152, 148, 377, 176, 400, 199, 175]
    head[lower, 1] -= centimetres
    return head


@pytest.mark.parametrize("pose", [posed(), posed(30), posed(-50, 10, 25)])
def test_the_square_is_the_crop_and_its_inverse(pose: Pose) -> None:
    rotation = upright(pose)
    square = face_square(rotation, SIZE)
    points = canonical()
    to_crop = crop_transform(pose, SIZE)
    expected = pose.to_picture(points)[:, :2] @ to_crop[:, :2].T + to_crop[:, 2]
    pixels = square.to_pixels(points @ rotation.T)
    np.testing.assert_allclose(pixels, expected, atol=1e-6)
    across, up = square.to_camera(pixels[:, 0], pixels[:, 1])
    np.testing.assert_allclose(np.column_stack([across, up]), (points @ rotation.T)[:, :2], atol=1e-9)


@pytest.mark.parametrize("side", [128, 256, 320])
def test_the_face_lies_on_whole_pixels_in_the_heads_square(side: int) -> None:
    rotation = upright(posed(35, -15))
    head, face = head_square(rotation, side), face_square(rotation, side)
    assert 0 <= head.left <= head.size - side
    assert 0 <= head.top <= head.size - side
    shift = head.to_pixels((rotation @ CROP_CENTRE)[None]) - face.to_pixels((rotation @ CROP_CENTRE)[None])
    np.testing.assert_allclose(shift[0], (head.left, head.top), atol=1e-9)


def test_skin_lies_on_the_face_and_hair_around_it(identity: IdentityHead, drawer: TemplateDrawer) -> None:
    template = drawer.draw(identity, posed(), canonical(), None, size=SIZE, head_mode=True)
    offset = np.array([template.square.left, template.square.top])
    nose = np.round(template.points[4, :2]).astype(int) + offset
    assert np.abs(template.bgr[nose[1], nose[0]].astype(int) - SKIN).max() < 6
    assert template.face[nose[1], nose[0]] > 0.95
    hair = where(template, HAIR)
    assert len(hair) > 500
    assert template.face[hair[:, 1], hair[:, 0]].max() < 0.6
    skin = template.plain_skin()
    assert skin[nose[1], nose[0]] > 240
    assert np.median(skin[hair[:, 1], hair[:, 0]]) < 30


def test_head_mode_shows_the_same_face(identity: IdentityHead, drawer: TemplateDrawer) -> None:
    alone = drawer.draw(identity, posed(20), canonical(), None, size=SIZE)
    whole = drawer.draw(identity, posed(20), canonical(), None, size=SIZE, head_mode=True)
    inner = whole.square.face
    np.testing.assert_allclose(whole.face[inner], alone.face, atol=1e-6)
    sure = alone.face > 0.99
    np.testing.assert_array_equal(whole.bgr[inner][sure], alone.bgr[sure])


@pytest.mark.parametrize("axis, sign", [(0, 1.0), (1, -1.0)])
def test_irises_go_where_the_gaze_goes(identity: IdentityHead, drawer: TemplateDrawer, axis: int, sign: float) -> None:
    def middle(degrees: float) -> np.ndarray:
        gaze = np.zeros((2, 2), np.float32)
        gaze[:, axis] = degrees
        template = drawer.draw(identity, posed(), canonical(), gaze, size=SIZE)
        return where(template, (200, 0, 0), 70).mean(0)

    straight, turned_away, back = middle(0.0), middle(15.0), middle(-15.0)
    assert sign * (turned_away - straight)[axis] > 0.8
    assert sign * (back - straight)[axis] < -0.8


def test_a_gaze_that_was_not_seen_is_straight_ahead(identity: IdentityHead, drawer: TemplateDrawer) -> None:
    unknown = drawer.draw(identity, posed(), canonical(), np.full((2, 2), np.nan), size=SIZE)
    straight = drawer.draw(identity, posed(), canonical(), np.zeros((2, 2)), size=SIZE)
    np.testing.assert_array_equal(unknown.bgr, straight.bgr)


def test_upper_teeth_stay_and_lower_ones_go_with_the_jaw(identity: IdentityHead, drawer: TemplateDrawer) -> None:
    def rows(centimetres: float, *, upper: bool) -> np.ndarray:
        template = drawer.draw(identity, posed(), opened(centimetres), None, size=SIZE)
        top, bottom = template.points[13, 1], template.points[14, 1]
        part = template.bgr[int(top) : int(bottom), SIZE // 2 - 10 : SIZE // 2 + 10].astype(int)
        white = (part.min(-1) > 110) if upper else (part[..., 0] > 90) & (part[..., 2] < 60)
        return np.flatnonzero(white.any(1)) + int(top)

    wide, wider = rows(1.5, upper=True), rows(2.5, upper=True)
    assert abs(wide.max() - wider.max()) <= 2, "the upper teeth went with the jaw"
    wide, wider = rows(1.5, upper=False), rows(2.5, upper=False)
    assert wider.min() - wide.min() > 8, "the lower teeth stayed in the head"


def test_lower_teeth_stand_at_the_lip_wherever_the_chin_is_read(identity: IdentityHead, drawer: TemplateDrawer) -> None:
    def shown(lifted: float) -> int:
        head = opened(1.5)
        head[CHIN, 1] += lifted
        template = drawer.draw(identity, posed(), head, None, size=SIZE)
        x, bottom = int(template.points[14, 0]), int(template.points[14, 1])
        part = template.bgr[bottom - 30 : bottom, x - 5 : x + 6].astype(int)
        return int(((part[..., 0] > 70) & (part[..., 2] < 60)).any(1).sum())

    usual = shown(0.0)
    for lifted in (-1.0, 1.0):
        assert 1 <= shown(lifted) <= usual + 4


def test_teeth_lie_in_the_shade_of_lips_that_hardly_part(identity: IdentityHead, drawer: TemplateDrawer) -> None:
    def brightest(centimetres: float, pitch: float) -> int:
        template = drawer.draw(identity, posed(pitch=pitch), opened(centimetres), None, size=SIZE)
        x, top, bottom = int(template.points[13, 0]), template.points[13, 1], template.points[14, 1]
        return int(template.bgr[int(top) + 1 : int(bottom), x - 5 : x + 6].min(-1).max(initial=0))

    assert brightest(2.0, 0.0) > 220
    assert 120 < brightest(-0.2, 0.0) < 200
    assert brightest(-0.2, -30.0) < 60, "of a raised head the upper lip's underside hides them"


def test_a_tongue_lies_in_an_open_mouth(identity: IdentityHead, drawer: TemplateDrawer) -> None:
    teeth = np.zeros_like(identity.mouth.teeth)
    toothless = dataclasses.replace(identity, mouth=dataclasses.replace(identity.mouth, teeth=teeth))
    template = drawer.draw(toothless, posed(), opened(2.5), None, size=SIZE)
    (x, top), (_, bottom) = template.points[[13, 14], :2]
    left, _ = template.points[78, :2]
    upper, lower = (int(top + share * (bottom - top)) for share in (0.25, 0.85))
    red = template.bgr[..., 2].astype(int)
    assert red[lower, int(x)] > 1.4 * red[upper, int(x)]
    middle = (upper + lower) // 2
    assert red[middle, int(x)] > red[middle, int(0.7 * left + 0.3 * x)], "it is round"


def test_lips_that_part_go_where_they_were_seen(identity: IdentityHead) -> None:
    shifted = dataclasses.replace(identity, lip_shifts=np.full(468, 0.5, np.float32))
    shut, wide = canonical(), opened(3.0)
    shut[topology.LIPS_INNER[11:], 1] = shut[topology.LIPS_INNER[9:0:-1], 1]
    np.testing.assert_array_equal(shifted.parted(shut), shut)
    moved = shifted.parted(wide) - wide
    assert 0.2 < moved[13, 1] <= 0.6
    assert moved[:, [0, 2]].max() == 0.0


def test_shut_lips_show_no_teeth(identity: IdentityHead, drawer: TemplateDrawer) -> None:
    head = canonical()
    head[topology.LIPS_INNER[11:], 1] = head[topology.LIPS_INNER[9:0:-1], 1]
    template = drawer.draw(identity, posed(), head, None, size=SIZE)
    x, y = template.points[13, :2].astype(int)
    shown = template.bgr[y - 2 : y + 3, x - 5 : x + 6]
    assert shown.min(-1).max() < 130
    line, beside = shown.sum(-1).min(0), template.bgr[y - 6, x - 5 : x + 6].sum(-1)
    assert (line < 0.85 * beside).all(), "no line where they touch"


def test_pages_are_chosen_by_side_and_change_without_a_jump(identity: IdentityHead) -> None:
    def shares(yaw: float) -> np.ndarray:
        result = np.zeros(5)
        for page, share in head_layer.nearest(identity.head, turned(yaw)):
            result[page] = share
        return result

    assert shares(20.0).argmax() == 3
    assert shares(20.0).max() > 0.98
    np.testing.assert_allclose(shares(10.0)[[2, 3]], 0.5, atol=0.02)
    moving = np.stack([shares(yaw) for yaw in np.arange(-60, 60, 0.5)])
    np.testing.assert_allclose(moving.sum(1), 1.0, atol=0.03)
    assert np.abs(np.diff(moving, axis=0)).max() < 0.25


def test_between_two_outlines_lies_one_and_no_ghost_of_both(identity: IdentityHead) -> None:
    side = identity.head.pictures.shape[1]
    pictures = np.full((2, side, side, 4), 90, np.uint8)
    pictures[..., 3] = 0
    for picture, shift in zip(pictures, (-6, 6), strict=True):
        cv2.circle(picture, (side // 2 + shift, side // 2), 30, (90, 90, 90, 255), -1)
    straight = np.stack([turned(0.0), turned(0.0)]).astype(np.float32)
    pages = head_layer.HeadPages(pictures, identity.head.hair[:2], straight)
    wanted = head_square(turned(0.0), 160)
    _, alpha, _ = head_layer.HeadDrawer().draw(pages, turned(0.0), wanted)
    middle = alpha[alpha.shape[0] // 2]
    assert ((middle > 0.2) & (middle < 0.8)).sum() <= 10
    one = 60 / side * head_layer.PAGE_CENTIMETRES * wanted.side / wanted.centimetres
    assert (middle > 0.5).sum() == pytest.approx(one, abs=6)


@pytest.mark.parametrize("count", [1, 2])
def test_few_pages_are_enough(identity: IdentityHead, drawer: TemplateDrawer, count: int) -> None:
    pages = identity.head
    few = head_layer.HeadPages(pages.pictures[:count], pages.hair[:count], pages.rotations[:count])
    assert sum(share for _, share in head_layer.nearest(few, turned(35.0))) == pytest.approx(1.0, abs=0.02)
    template = drawer.draw(dataclasses.replace(identity, head=few), posed(35), canonical(), None, size=128)
    assert template.alpha.max() > 0.9


@pytest.mark.parametrize("yaw", [-85.0, 85.0])
def test_a_profile_is_drawn_too(identity: IdentityHead, drawer: TemplateDrawer, yaw: float) -> None:
    template = drawer.draw(identity, posed(yaw), opened(1.0), None, size=128, head_mode=True)
    assert template.alpha.max() > 0.9
    assert np.isfinite(template.reflectance()).all()


def test_reflectance_is_one_on_plain_skin(identity: IdentityHead, drawer: TemplateDrawer) -> None:
    template = drawer.draw(identity, posed(), canonical(), None, size=SIZE)
    skin = (template.face > 0.99) & (template.skin(SIZE) == 255)
    reflectance = template.reflectance()
    assert reflectance.shape == (SIZE, SIZE, 3)
    assert abs(float(np.median(reflectance[skin])) - 1.0) < 0.05


def narrowed(share: float) -> np.ndarray:
    """The canonical face with lids that are open by a share of the way from shut to open."""
    head = canonical()
    shut, open_ = painted().page_openings[1, 0], painted().page_openings[0, 0]
    for upper, lower, corners in ((UPPER[0], LOWER[0], [33, 133]), (UPPER[1], LOWER[1], [263, 362])):
        width = float(np.linalg.norm(head[corners[0]] - head[corners[1]]))
        factor = width * (shut + share * (open_ - shut)) / float(np.linalg.norm(head[upper[3]] - head[lower[3]]))
        middle = (head[upper] + head[lower]) / 2
        head[upper] = middle + factor * (head[upper] - middle)
        head[lower] = middle + factor * (head[lower] - middle)
    return head


def test_nothing_of_the_eyeball_shows_through_shut_lids(identity: IdentityHead, drawer: TemplateDrawer) -> None:
    awake, asleep = (
        drawer.draw(identity, posed(), narrowed(share), None, size=SIZE, centimetres=10.0) for share in (1.0, 0.0)
    )
    above_teeth = awake.points[1, 1]
    for colour in (IRIS, WHITE):
        assert (where(awake, colour)[:, 1] < above_teeth).sum() > 20
        assert (where(asleep, colour)[:, 1] < above_teeth).sum() == 0
    assert len(where(asleep, LID, 30)) > 20


def test_a_lid_slides_over_the_eyeball_and_is_never_seen_through(
    identity: IdentityHead, drawer: TemplateDrawer
) -> None:
    seen = []
    for share in (1.0, 0.75, 0.5, 0.25):
        template = drawer.draw(identity, posed(), narrowed(share), None, size=SIZE, centimetres=10.0)
        seen.append(len(where(template, IRIS)))
        middle = template.points[[159, 145], :2].mean(0)
        column = template.bgr[int(middle[1]) - 20 : int(middle[1]) + 20, int(middle[0])].astype(float)
        # On the way from lid to iris and on to the lower lid hardly a pixel is half of both.
        ways = (np.array(IRIS, float) * 0.6 + np.array(LID, float) * 0.4)[None]
        assert (np.abs(column - ways).max(1) < 25).sum() <= 2
    assert seen[0] > 1.25 * seen[1] > 1.25 * seen[2] > seen[3] > 0
