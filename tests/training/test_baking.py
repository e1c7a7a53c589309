import cv2
import numpy as np

from deepfake_core.facemesh import topology
from deepfake_core.swapping import alignment, eyes, surface
from deepfake_core.training import baking

SIZE = 96


def head() -> np.ndarray:
    return topology.canonical_face().vertices.astype(np.float64)


def view(yaw: float, colour: tuple[int, int, int]) -> baking.View:
    """A picture of one colour with the canonical face in its middle."""
    turned = cv2.Rodrigues(np.radians([0.0, yaw, 0.0]))[0]
    pose = alignment.Pose(9.0, turned, np.array([150.0, -150.0, 0.0]))
    return baking.View(
        np.full((300, 300, 3), colour, np.uint8),
        np.full((300, 300), 255, np.uint8),
        pose.to_picture(head()).astype(np.float32),
    )


def test_the_layout_keeps_every_vertex_on_the_page_and_apart() -> None:
    uv = baking.layout(head(), SIZE)
    assert uv.shape == (surface.VERTEX_COUNT, 2)
    assert uv.min() > 0
    assert uv.max() < SIZE - 1
    # The picture's right is the page's right, up is up.
    assert uv[454, 0] > uv[4, 0] > uv[234, 0]
    assert uv[10, 1] < uv[152, 1]


def test_each_side_takes_the_colour_of_the_view_that_faces_it() -> None:
    uv = baking.layout(head(), SIZE)
    left, right = view(-55, (0, 0, 255)), view(55, (255, 0, 0))
    page = baking.bake([left, right], uv, SIZE)
    sides = {name: page[tuple(np.round(uv[vertex][::-1]).astype(int))] for name, vertex in (("r", 50), ("l", 280))}
    assert {tuple((colour > 128).tolist()) for colour in sides.values()} == {(True, False, False), (False, False, True)}


def test_gaps_are_filled_from_around_and_known_colours_stay() -> None:
    total, mass = np.zeros((64, 64, 3), np.float32), np.zeros((64, 64), np.float32)
    total[:, :20], mass[:, :20] = 80.0, 1.0
    total[:, 44:], mass[:, 44:] = 160.0, 1.0
    filled = baking.fill_gaps(total, mass)
    assert (filled[:, :20] == 80).all()
    assert (filled[:, 44:] == 160).all()
    assert (filled[:, 20:44] >= 79).all()
    assert 90 < filled[:, 32].mean() < 150


def test_the_second_page_differs_only_at_eyes_and_mouth() -> None:
    uv = baking.layout(head(), 128)
    first, seen = np.full((128, 128, 3), 100, np.uint8), np.full((128, 128), 255, np.uint8)
    pages = baking.pages(first, np.full_like(first, 200), np.full_like(first, 20), seen, uv)
    forehead, nose = (np.round(uv[vertex][::-1]).astype(int) for vertex in (10, 4))
    for y, x in (forehead, nose):
        assert (pages[1][y, x, :3] == 100).all()
    assert pages[1][..., :3].max() > 120
    assert (pages[0][..., :3] == 100).all()
    np.testing.assert_array_equal(pages[0][..., 3], pages[1][..., 3])


def test_lips_are_moved_to_where_labels_show_them() -> None:
    """FaceMesh sees the upper teeth as lip: the labels show the lips' edges 0.4 cm higher than it does."""
    opened = head()
    opened[[*topology.LIPS_INNER[11:], *topology.LIPS_OUTER[11:]], 1] -= 1.5
    pose = alignment.Pose(20.0, np.eye(3), np.array([250.0, -250.0, 0.0]))
    points = pose.to_picture(opened)
    lips = labelled(points - (0, 8, 0), points[[13, 14], 1].mean() - 8)
    blank = np.zeros((500, 500, 3), np.uint8)
    seen = baking.View(blank, lips, points.astype(np.float32), lips=lips)
    moved = baking.with_seen_lips(seen).landmarks - seen.landmarks
    np.testing.assert_allclose(moved[[0, 13, 14, 17], 1], -8, atol=1.5)
    np.testing.assert_allclose(moved[alignment.RIGID], 0, atol=1e-3)
    assert np.abs(moved[:, 0]).max() < 0.2
    hidden = baking.View(blank, lips, seen.landmarks, lips=np.zeros_like(lips))
    assert baking.with_seen_lips(hidden) is hidden


def test_lips_that_touch_are_moved_to_their_line() -> None:
    """FaceMesh reads full lips half a centimetre apart that touch."""
    read, shut = head(), head()
    upper, lower = list(topology.LIPS_INNER[1:10]), list(topology.LIPS_INNER[:10:-1])
    line = 0.5 * (read[upper, 1] + read[lower, 1])
    read[upper, 1], read[lower, 1] = line + 0.25, line - 0.25
    shut[upper, 1] = shut[lower, 1] = line
    pose = alignment.Pose(20.0, np.eye(3), np.array([250.0, -250.0, 0.0]))
    points = pose.to_picture(shut)
    lips = labelled(points, points[14, 1])
    landmarks = pose.to_picture(read).astype(np.float32)
    found = baking.with_seen_lips(baking.View(np.zeros((500, 500, 3), np.uint8), lips, landmarks, lips=lips)).landmarks
    np.testing.assert_allclose(found[upper, 1], found[lower, 1], atol=0.5)
    np.testing.assert_allclose(found[[13, 14], 1], points[[13, 14], 1], atol=1.5)


def test_shut_lips_keep_the_outline_that_facemesh_reads() -> None:
    """It reads full lips thinner than they are; baked at the outline that is seen, they would be drawn as thin."""
    shut = head()
    shut[topology.LIPS_INNER[1:10], 1] = shut[topology.LIPS_INNER[:10:-1], 1]
    pose = alignment.Pose(20.0, np.eye(3), np.array([250.0, -250.0, 0.0]))
    points = pose.to_picture(shut)
    full = points.copy()
    outer = list(topology.LIPS_OUTER)
    full[outer, 1] += 6 * np.sign(points[outer, 1] - points[14, 1])
    lips = labelled(full, points[14, 1])
    view = baking.View(np.zeros((500, 500, 3), np.uint8), lips, points.astype(np.float32), lips=lips)
    np.testing.assert_allclose(baking.with_seen_lips(view).landmarks[outer], points[outer], atol=0.5)


def labelled(points: np.ndarray, middle: float) -> np.ndarray:
    """`View.lips` uint8 (500, 500) of landmarks (468, 3) px: the upper lip above a row, the lower one below it."""
    on, between = np.zeros((2, 500, 500), np.uint8)
    for part, loop in ((on, topology.LIPS_OUTER), (between, topology.LIPS_INNER)):
        cv2.fillPoly(part, [np.round(points[list(loop), :2]).astype(np.int32)], 1)
    above = np.arange(500)[:, None] < middle
    opened = (between > 0) & (np.ptp(points[[13, 14], 1]) > 1)
    return baking.lips(opened, (on > 0) & above, (on > 0) & ~above)


def test_nothing_of_what_shows_between_lips_is_baked() -> None:
    opened = head()
    opened[topology.LIPS_INNER[11:], 1] -= 1.0
    pose = alignment.Pose(20.0, np.eye(3), np.array([250.0, -250.0, 0.0]))
    points = pose.to_picture(opened)
    lips = labelled(points, points[[13, 14], 1].mean())
    picture = np.where(lips[..., None] == baking.BETWEEN_LIPS, 255, 100).astype(np.uint8).repeat(3, axis=2)
    view = baking.View(picture, np.full_like(lips, 255), points.astype(np.float32), lips=lips)
    page = baking.bake([view], baking.layout(opened, 256), 256)
    assert np.abs(page.astype(int) - 100).max() < 10


def test_brows_of_few_strands_get_a_body_and_nothing_else_changes() -> None:
    uv = baking.layout(head(), 256)
    skin = np.full((2, 256, 256, 4), 200, np.uint8)
    strands = skin.copy()
    left, top = np.round(uv[list(topology.LEFT_EYEBROW)].min(0)).astype(int)
    right, bottom = np.round(uv[list(topology.LEFT_EYEBROW)].max(0)).astype(int)
    strands[:, top:bottom, left:right:4, :3] = 40
    between = (slice(None), slice(top + 3, bottom - 3), slice(left + 6, right - 6, 4), slice(0, 3))
    filled = baking.filled_brows(strands, uv)
    assert filled[between].mean() < 190
    np.testing.assert_array_equal(baking.filled_brows(skin, uv), skin)
    changed = np.argwhere((filled != strands).any(axis=(0, 3)))
    assert (abs(changed - [(top + bottom) / 2, (left + right) / 2]) < 60).all()
    np.testing.assert_array_equal(filled[..., 3], strands[..., 3])


def test_details_come_from_the_view_that_faces_them_and_are_not_mixed() -> None:
    """Stripes that two views show shifted by half a stripe must not cancel out."""
    uv = baking.layout(head(), 256)
    stripes = np.repeat(np.tile(np.repeat(np.array([60, 200], np.uint8), 3), 50)[None, :300], 300, axis=0)
    front, side = view(0, (0, 0, 0)), view(20, (0, 0, 0))
    front.bgr[:] = stripes[..., None]
    side.bgr[:] = np.roll(stripes, 3, axis=1)[..., None]
    alone, both = (baking.bake(views, uv, 256)[100:140, 118:138, 0] for views in ([front], [front, side]))
    assert both.std() > 0.8 * alone.std()


def test_hair_hides_the_face_and_its_border_fades() -> None:
    uv = baking.layout(head(), SIZE)
    seen = view(0, (0, 0, 0))
    seen.usable[:120] = 0  # a fringe down to the brows
    share = baking.seen_face([seen], uv, SIZE)
    forehead, chin, nose = (tuple(np.round(uv[vertex][::-1]).astype(int)) for vertex in (151, 200, 4))
    assert share[forehead] < 40
    assert share[chin] > 200
    assert share[nose] > 240
    border = np.round(uv[468:][:, ::-1]).astype(int)
    assert share[border[:, 0], border[:, 1]].max() == 0


def test_the_nose_is_the_front_views_whatever_the_sides_show() -> None:
    uv = baking.layout(head(), SIZE)
    first = baking.bake([view(-55, (0, 0, 255)), view(55, (255, 0, 0))], uv, SIZE)
    page = baking.with_frontal_nose(first, view(0, (0, 255, 0)), uv)
    for vertex in (4, 2, 49, 279):
        y, x = np.round(uv[vertex][::-1]).astype(int)
        assert page[y, x].argmax() == 1, vertex
    for vertex in (127, 356, 152):
        y, x = np.round(uv[vertex][::-1]).astype(int)
        np.testing.assert_array_equal(page[y, x], first[y, x])


def test_the_line_of_shut_lids_is_found_where_it_is_dark() -> None:
    uv = baking.layout(head(), 512)
    page = np.full((512, 512, 3), 150, np.uint8)
    expected = np.linspace(0.55, 0.8, 7)
    for upper, lower in zip(eyes.UPPER, eyes.LOWER, strict=True):
        line = uv[upper] + expected[:, None] * (uv[lower] - uv[upper])
        cv2.polylines(page, [np.round(line).astype(np.int32)], False, (40, 40, 40), 2)
        # A wrinkle, darker still.
        x, y = np.round(uv[upper[2]] + 0.45 * (uv[lower[2]] - uv[upper[2]])).astype(int)
        page[y, x - 1 : x + 2] = 0
    np.testing.assert_allclose(baking.lid_lines(page, uv), np.tile(expected, (2, 1)), atol=0.12)
    assert (baking.lid_lines(np.full_like(page, 150), uv) <= 1.0).all()
