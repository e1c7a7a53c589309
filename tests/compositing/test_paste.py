import cv2
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from deepfake_core.compositing.paste import Patch, paste
from deepfake_core.frame import Frame, PixelFormat

SIDE = 128
CENTRE = 63.5
WIDTH, HEIGHT = 320, 240
FACE = (20, 180, 60)


def patch(
    x: float = 160, y: float = 120, scale: float = 1.0, degrees: float = 0.0, *, side: int = SIDE, radius: float = 40
) -> Patch:
    """A disc of one colour whose centre comes to (x, y) and whose radius to ``scale * radius`` px of the frame."""
    bgr = np.full((side, side, 3), FACE, np.uint8)
    rows, columns = np.mgrid[:side, :side]
    centre = (side - 1) / 2
    distance = np.hypot(rows - centre, columns - centre) * SIDE / side
    matte = (255 * np.clip(radius - distance + 0.5, 0, 1)).astype(np.uint8)
    return Patch(bgr=bgr, matte=matte, crop_to_frame=placed(side, x, y, scale * SIDE / side, degrees))


def placed(side: int, x: float, y: float, scale: float, degrees: float = 0.0) -> np.ndarray:
    transform = cv2.getRotationMatrix2D((0, 0), degrees, scale)
    transform[:, 2] = np.array([x, y]) - transform[:, :2] @ np.full(2, (side - 1) / 2)
    return transform


def noise(pixel_format: PixelFormat = PixelFormat.BGR3, seed: int = 0) -> Frame:
    frame = Frame.allocate(pixel_format, WIDTH, HEIGHT)
    rng = np.random.default_rng(seed)
    for plane in frame.planes:
        plane[...] = rng.integers(0, 256, plane.shape)
    return frame


def coverage(pasted: Patch, **options: float) -> np.ndarray:
    """float (h, w): how much of the patch is seen in each pixel."""
    frame = Frame.from_bgr(np.zeros((HEIGHT, WIDTH, 3), np.uint8))
    pasted.bgr[...] = 255
    paste(frame, pasted, **options)
    return frame.to_bgr()[..., 0] / 255.0


def radius_of(covered: np.ndarray) -> float:
    return float(np.sqrt(covered.sum() / np.pi))


def centre_of(covered: np.ndarray) -> tuple[float, float]:
    rows, columns = np.mgrid[: covered.shape[0], : covered.shape[1]]
    return float((columns * covered).sum() / covered.sum()), float((rows * covered).sum() / covered.sum())


def distance_from(x: float, y: float) -> np.ndarray:
    rows, columns = np.mgrid[:HEIGHT, :WIDTH]
    return np.hypot(columns - x, rows - y)


@pytest.mark.parametrize("pixel_format", list(PixelFormat))
def test_the_face_covers_its_place_and_nothing_else(pixel_format: PixelFormat) -> None:
    frame, before = noise(pixel_format), noise(pixel_format)
    paste(frame, patch(150.3, 99.6, 1.3, 20), softness=0.5)
    distance = distance_from(150.3, 99.6)
    expected = np.array(FACE)
    if pixel_format is PixelFormat.Y800:
        expected = np.full(3, np.dot(FACE, (0.114, 0.587, 0.299)))
    shown = frame.to_bgr().astype(int)
    # 52 px is the radius; the feather takes 8 % of the diameter, half on each side, and chroma up to two pixels more.
    assert np.abs(shown - expected)[distance < 52 - 8].max() <= 4
    assert np.array_equal(shown[distance > 52 + 10], before.to_bgr().astype(int)[distance > 52 + 10])


@pytest.mark.parametrize("scale", [0.25, 0.6, 0.9, 1.0, 1.7])
@pytest.mark.parametrize("side", [128, 256])
def test_place_and_size_hold_at_every_scale(scale: float, side: int) -> None:
    covered = coverage(patch(140.25, 118.75, scale, 30, side=side), softness=0)
    assert centre_of(covered) == pytest.approx((140.25, 118.75), abs=0.1)
    assert radius_of(covered) == pytest.approx(40 * scale, abs=0.35)


@pytest.mark.parametrize("size", [0.8, 0.9, 1.1, 1.2])
def test_size_scales_the_matte_about_its_centre(size: float) -> None:
    covered = coverage(patch(160, 120), size=size)
    assert radius_of(covered) == pytest.approx(size * radius_of(coverage(patch(160, 120))), rel=0.015)
    assert centre_of(covered) == pytest.approx((160, 120), abs=0.2)


def test_size_does_not_scale_the_face() -> None:
    pasted = patch()
    rng = np.random.default_rng(0)
    pasted.bgr[...] = cv2.resize(rng.integers(0, 256, (8, 8, 3), np.uint8), (SIDE, SIDE))
    small, large = noise(), noise()
    paste(small, pasted, size=0.8, softness=0)
    paste(large, pasted, size=1.2, softness=0)
    inner = distance_from(160, 120) < 28
    assert np.array_equal(small.to_bgr()[inner], large.to_bgr()[inner])


def edge_width(covered: np.ndarray) -> int:
    """Pixels between 5 % and 95 % along the row through the centre's right edge."""
    row = covered[120, 160:]
    return int(np.count_nonzero((row > 0.05) & (row < 0.95)))


def test_softness_widens_the_feather_and_keeps_the_size() -> None:
    covered = [coverage(patch(), softness=softness) for softness in (0.0, 0.5, 1.0)]
    widths = [edge_width(part) for part in covered]
    assert widths[0] <= 2
    assert widths[0] + 2 < widths[1] < widths[2]
    assert [radius_of(part) for part in covered] == pytest.approx([40] * 3, abs=0.7)
    row = covered[2][120, 160:]
    assert (np.diff(row) <= 1 / 255).all(), "the feather falls steadily"
    assert np.abs(np.diff(row)).max() < 0.15


@settings(max_examples=60, deadline=None)
@given(
    st.sampled_from(list(PixelFormat)),
    st.tuples(st.floats(-400, 700), st.floats(-400, 700)),
    st.floats(0.05, 6),
    st.floats(-180, 180),
    st.tuples(st.floats(0.8, 1.2), st.floats(0, 1)),
)
def test_faces_at_and_beyond_the_edges(
    pixel_format: PixelFormat,
    place: tuple[float, float],
    scale: float,
    degrees: float,
    options: tuple[float, float],
) -> None:
    frame, before = noise(pixel_format), noise(pixel_format)
    size, softness = options
    paste(frame, patch(*place, scale, degrees), size=size, softness=softness)
    distance = distance_from(*place)
    inside = distance < 40 * scale * size - 8 * scale - 3
    outside = distance > 40 * scale * size + 12 * scale + 4
    shown = frame.to_bgr().astype(int)
    expected = np.array(FACE)
    if pixel_format is PixelFormat.Y800:
        expected = np.full(3, np.dot(FACE, (0.114, 0.587, 0.299)))
    assert np.abs(shown[inside] - expected).max(initial=0) <= 4
    assert np.array_equal(shown[outside], before.to_bgr().astype(int)[outside])


def test_a_fine_patch_is_averaged_not_sampled() -> None:
    pasted = patch(scale=0.5, degrees=20, side=256, radius=60)
    pasted.bgr[...] = 0
    # One stripe for each pixel of the frame: picked ones would be black here and white there.
    pasted.bgr[:, ::4] = pasted.bgr[:, 1::4] = 255
    frame = noise()
    paste(frame, pasted, softness=0)
    inner = frame.to_bgr()[distance_from(160, 120) < 10].astype(int)
    assert np.abs(inner - 127).max() <= 4


def test_the_patch_is_not_changed() -> None:
    pasted, same = patch(degrees=10), patch(degrees=10)
    paste(noise(), pasted, size=1.2, softness=1)
    assert np.array_equal(pasted.bgr, same.bgr)
    assert np.array_equal(pasted.matte, same.matte)
    assert np.array_equal(pasted.crop_to_frame, same.crop_to_frame)


def test_a_patch_that_covers_nothing_is_an_error() -> None:
    # Returning quietly would show the performer's own face.
    empty = patch(radius=-1)
    nowhere = patch(x=float("nan"))
    for pasted in (empty, nowhere):
        with pytest.raises(ValueError, match="covers nothing"):
            paste(noise(), pasted)
