"""Every pixel format against textbook colour arithmetic in float."""

from dataclasses import dataclass

import cv2
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from deepfake_core.frame import MAX_SIDE, MIN_SIDE, Box, Colour, Frame, FrameLayoutError, PixelFormat

FORMATS = list(PixelFormat)
SUBSAMPLED_BOTH = (PixelFormat.I420, PixelFormat.NV12)
PACKED = {PixelFormat.YUY2: "YUYV", PixelFormat.YVYU: "YVYU", PixelFormat.UYVY: "UYVY"}
RGB = (PixelFormat.RGBA, PixelFormat.BGRA, PixelFormat.BGRX, PixelFormat.BGR3)
GREY = PixelFormat.Y800
KR_KB = {"601": (0.299, 0.114), "709": (0.2126, 0.0722)}


def colour(standard: str, full: bool) -> Colour:
    return Colour.bt601(full) if standard == "601" else Colour.bt709(full)


@dataclass(frozen=True)
class Layout:
    """Where a frame's samples lie in memory, and which ones."""

    pixel_format: PixelFormat
    width: int
    height: int
    extra: int = 0
    """Bytes at the end of every line that belong to no pixel."""
    flipped: bool = False
    seed: int = 0


LAYOUTS = st.builds(
    Layout,
    st.sampled_from(FORMATS),
    st.integers(MIN_SIDE, 41),
    st.integers(MIN_SIDE, 41),
    st.integers(0, 9),
    st.booleans(),
    st.integers(0, 2**20),
)


@dataclass
class Picture:
    """What the test put into memory, and where: the frame under test and the samples it was made of."""

    frame: Frame
    buffer: np.ndarray
    padding: np.ndarray
    """bool, of the buffer's size: bytes that belong to no plane."""


def packed_planes(pixel_format: PixelFormat, rng: np.random.Generator, width: int, height: int) -> list[np.ndarray]:
    """Rows of bytes of every plane, straight from the formats' definitions (fourcc.org)."""
    half_width, half_height = (width + 1) // 2, (height + 1) // 2
    shapes = {
        PixelFormat.I420: [(height, width), (half_height, half_width), (half_height, half_width)],
        PixelFormat.NV12: [(height, width), (half_height, 2 * half_width)],
        PixelFormat.I422: [(height, width), (height, half_width), (height, half_width)],
        PixelFormat.I444: [(height, width)] * 3,
        PixelFormat.Y800: [(height, width)],
        PixelFormat.BGR3: [(height, 3 * width)],
        **{packed: [(height, 4 * half_width)] for packed in PACKED},
        **{rgb: [(height, 4 * width)] for rgb in (PixelFormat.RGBA, PixelFormat.BGRA, PixelFormat.BGRX)},
    }[pixel_format]
    return [rng.integers(0, 256, shape, np.uint8) for shape in shapes]


def picture(layout: Layout, frame_colour: Colour) -> Picture:
    pixel_format, width, height = layout.pixel_format, layout.width, layout.height
    rng = np.random.default_rng(layout.seed)
    planes = packed_planes(pixel_format, rng, width, height)
    linesizes = [plane.shape[1] + layout.extra for plane in planes]
    sizes = [plane.shape[0] * linesize for plane, linesize in zip(planes, linesizes, strict=True)]
    offsets = [sum(sizes[:index]) + 7 * index for index in range(len(sizes))]
    buffer = rng.integers(0, 256, sum(sizes) + 7 * len(sizes), np.uint8)
    padding = np.ones(buffer.size, bool)
    for plane, offset, linesize in zip(planes, offsets, linesizes, strict=True):
        rows = plane[::-1] if layout.flipped else plane
        for row, samples in enumerate(rows):
            start = offset + row * linesize
            buffer[start : start + samples.size] = samples
            padding[start : start + samples.size] = False
    # OBS's arrays have 8 entries; those beyond the format's planes are not its own.
    memory = [*offsets, 0], [*linesizes, 0]
    frame = Frame.over(buffer, pixel_format, width, height, *memory, frame_colour, 5, layout.flipped)
    return Picture(frame, buffer, padding)


def components(frame: Frame) -> list[np.ndarray]:
    """Y, U, V as float arrays, chroma one value a site, read from the planes by the formats' definitions."""
    planes = [np.ascontiguousarray(plane).reshape(plane.shape[0], -1).astype(float) for plane in frame.planes]
    if frame.format is PixelFormat.NV12:
        return [planes[0], planes[1][:, 0::2], planes[1][:, 1::2]]
    if frame.format in PACKED:
        order = PACKED[frame.format]
        luma = np.empty((frame.height, planes[0].shape[1] // 2))
        first, second = (index for index, letter in enumerate(order) if letter == "Y")
        luma[:, 0::2], luma[:, 1::2] = planes[0][:, first::4], planes[0][:, second::4]
        return [luma[:, : frame.width], planes[0][:, order.index("U") :: 4], planes[0][:, order.index("V") :: 4]]
    return planes


def chroma_of_pixels(frame: Frame, part: np.ndarray) -> np.ndarray:
    if frame.format is PixelFormat.I444:
        return part
    part = part.repeat(2, axis=1)
    if frame.format in SUBSAMPLED_BOTH:
        part = part.repeat(2, axis=0)
    return part[: frame.height, : frame.width]


def reference_bgr(frame: Frame, standard: str, full: bool) -> np.ndarray:
    """float (h, w, 3): the picture by the equations of BT.601 and BT.709."""
    if frame.format in RGB:
        channels = np.ascontiguousarray(frame.planes[0]).astype(float)[..., :3]
        bgr = channels[..., ::-1] if frame.format is PixelFormat.RGBA else channels
        return np.clip(bgr if full else (bgr - 16) * 255 / 219, 0, 255)
    if frame.format is GREY:
        grey = np.ascontiguousarray(frame.planes[0]).astype(float)
        grey = np.clip(grey if full else (grey - 16) * 255 / 219, 0, 255)
        return np.dstack([grey] * 3)
    red, blue = KR_KB[standard]
    y, u, v = components(frame)
    u, v = chroma_of_pixels(frame, u), chroma_of_pixels(frame, v)
    if full:
        luma, cb, cr = y / 255, (u - 128) / 255, (v - 128) / 255
    else:
        y, u, v = np.clip(y, 16, 235), np.clip(u, 16, 240), np.clip(v, 16, 240)
        luma, cb, cr = (y - 16) / 219, (u - 128) / 224, (v - 128) / 224
    r = luma + 2 * (1 - red) * cr
    b = luma + 2 * (1 - blue) * cb
    g = (luma - red * r - blue * b) / (1 - red - blue)
    return np.clip(np.dstack([b, g, r]) * 255, 0, 255)


@pytest.mark.parametrize("standard", ["601", "709"])
@pytest.mark.parametrize("full", [False, True])
@pytest.mark.parametrize("pixel_format", FORMATS)
def test_pixels_follow_the_standards(pixel_format: PixelFormat, standard: str, full: bool) -> None:
    frame = picture(Layout(pixel_format, 34, 22), colour(standard, full)).frame
    # libobs scales full-range chroma by 127.5 but centres it on 128: not more than half a step away.
    assert np.abs(frame.to_bgr() - reference_bgr(frame, standard, full)).max() <= 1.0


@settings(max_examples=60, deadline=None)
@given(LAYOUTS, st.data())
def test_any_region_of_any_layout(layout: Layout, data: st.DataObject) -> None:
    frame = picture(layout, Colour.bt601(False)).frame
    box = draw_box(data, frame)
    expected = reference_bgr(frame, "601", False)[box.y0 : box.y1, box.x0 : box.x1]
    region = frame.region(box)
    assert region.dtype == np.uint8
    assert np.abs(region - expected).max() <= 1.0
    out = np.empty_like(region)
    assert frame.region(box, out) is out
    assert np.array_equal(out, region)


def draw_box(data: st.DataObject, frame: Frame) -> Box:
    x0, y0 = data.draw(st.integers(0, frame.width - 1)), data.draw(st.integers(0, frame.height - 1))
    return Box(x0, y0, data.draw(st.integers(x0 + 1, frame.width)), data.draw(st.integers(y0 + 1, frame.height)))


def test_a_bottom_up_picture_is_upright() -> None:
    upright = picture(Layout(PixelFormat.NV12, 20, 18), Colour.bt709(False)).frame
    flipped = picture(Layout(PixelFormat.NV12, 20, 18, flipped=True), Colour.bt709(False)).frame
    assert np.array_equal(upright.to_bgr(), flipped.to_bgr())
    assert flipped.timestamp_ns == 5


def site_means(frame: Frame, part: np.ndarray) -> np.ndarray:
    """Mean of ``part`` (h, w) over the pixels of each chroma site."""
    step_x = 1 if frame.format is PixelFormat.I444 else 2
    step_y = 2 if frame.format in SUBSAMPLED_BOTH else 1
    part = np.pad(part, ((0, -part.shape[0] % step_y), (0, -part.shape[1] % step_x)), mode="edge")
    return part.reshape(part.shape[0] // step_y, step_y, part.shape[1] // step_x, step_x).mean(axis=(1, 3))


def matte_and_colours(box: Box, seed: int) -> tuple[np.ndarray, np.ndarray]:
    rng = np.random.default_rng(seed)
    matte = rng.choice(np.array([0, 0, 0, 90, 255], np.uint8), (box.height, box.width))
    return rng.integers(0, 256, (box.height, box.width, 3), np.uint8), matte


@settings(max_examples=80, deadline=None)
@given(LAYOUTS, st.data())
def test_blending(layout: Layout, data: st.DataObject) -> None:
    made, untouched = (picture(layout, Colour.bt601(False)) for _ in range(2))
    frame, buffer, before = made.frame, made.buffer, untouched.frame
    pixel_format, width, height = layout.pixel_format, layout.width, layout.height
    box = draw_box(data, frame)
    bgr, matte = matte_and_colours(box, layout.seed)
    frame.blend(box, bgr, matte)

    assert np.array_equal(buffer[made.padding], untouched.buffer[made.padding]), "bytes between the planes changed"
    whole = np.zeros((height, width))
    whole[box.y0 : box.y1, box.x0 : box.x1] = matte
    new = np.zeros((height, width, 3))
    new[box.y0 : box.y1, box.x0 : box.x1] = bgr
    weight = whole / 255
    if pixel_format in RGB:
        shown, was = (np.ascontiguousarray(f.planes[0]).astype(float) for f in (frame, before))
        if pixel_format is PixelFormat.RGBA:
            new = new[..., ::-1]
        expected = was.copy()
        expected[..., :3] += weight[..., None] * (new * 219 / 255 + 16 - was[..., :3])
        assert np.abs(shown - expected).max() <= 1.5
        assert np.array_equal(shown[whole == 0], was[whole == 0])
        assert np.array_equal(shown[..., 3:], was[..., 3:]), "alpha changed"
        return
    red, blue = (0.299, 0.114)
    luma = new @ [blue, 1 - red - blue, red]
    targets = [luma * 219 / 255 + 16]
    if pixel_format is not GREY:
        targets += [
            (new[..., 0] - luma) / (2 * (1 - blue)) * 224 / 255 + 128,
            (new[..., 2] - luma) / (2 * (1 - red)) * 224 / 255 + 128,
        ]
    for index, (shown, was, target) in enumerate(zip(components(frame), components(before), targets, strict=True)):
        share = weight if index == 0 else site_means(frame, weight)
        added = weight * target if index == 0 else site_means(frame, weight * target)
        assert np.abs(shown - (was * (1 - share) + added)).max() <= 2.5
        assert np.array_equal(shown[share == 0], was[share == 0]), "a sample under matte 0 changed"


@pytest.mark.parametrize("pixel_format", FORMATS)
def test_what_is_written_opaquely_is_read_back(pixel_format: PixelFormat) -> None:
    frame = Frame.allocate(pixel_format, 33, 31)
    smooth = cv2.resize(np.random.default_rng(3).integers(90, 166, (3, 3, 3), np.uint8), (33, 31))
    frame.blend(frame.box, smooth, np.full((31, 33), 255, np.uint8))
    if pixel_format is GREY:
        smooth = np.repeat(cv2.cvtColor(smooth, cv2.COLOR_BGR2GRAY)[..., None], 3, axis=2)
    assert np.abs(frame.to_bgr().astype(int) - smooth).max() <= 8
    assert np.abs(frame.to_bgr().astype(int) - smooth).mean() <= 2


@pytest.mark.parametrize("box", [Box(0, 0, 0, 5), Box(-1, 0, 5, 5), Box(0, 0, 33, 5), Box(0, 0, 5, 21)])
def test_boxes_outside_are_refused(box: Box) -> None:
    frame = Frame.allocate(PixelFormat.I420, 32, 20)
    with pytest.raises(ValueError, match="clip it first"):
        frame.region(box)
    with pytest.raises(ValueError, match="clip it first"):
        frame.blend(box, np.zeros((1, 1, 3), np.uint8), np.zeros((1, 1), np.uint8))


def test_align_clips_and_grows_to_chroma_sites() -> None:
    frame = Frame.allocate(PixelFormat.I420, 33, 21)
    assert frame.align(Box(3, 5, 8, 9)) == Box(2, 4, 8, 10)
    assert frame.align(Box(-9, -9, 99, 99)) == Box(0, 0, 33, 21)
    outside = frame.align(Box(40, -20, 60, -10))
    assert not outside.width or not outside.height
    assert Frame.allocate(PixelFormat.BGRA, 33, 21).align(Box(3, 5, 8, 9)) == Box(3, 5, 8, 9)
    assert Frame.allocate(PixelFormat.YUY2, 33, 21).align(Box(3, 5, 8, 9)) == Box(2, 5, 8, 9)


def drawn(pixel_format: PixelFormat, bgr: np.ndarray) -> Frame:
    frame = Frame.allocate(pixel_format, bgr.shape[1], bgr.shape[0])
    frame.fill((0, 0, 0))
    frame.blend(frame.box, bgr, np.full(bgr.shape[:2], 255, np.uint8))
    return frame


@pytest.mark.parametrize("pixel_format", FORMATS)
@pytest.mark.parametrize(("width", "height"), [(256, 144), (91, 163)])
def test_thumbnails(pixel_format: PixelFormat, width: int, height: int) -> None:
    bgr = cv2.resize(np.random.default_rng(1).integers(40, 216, (4, 4, 3), np.uint8), (width, height))
    frame = drawn(pixel_format, bgr)
    small, scale = frame.thumbnail(64)
    assert max(small.shape) == 64
    assert scale == pytest.approx(64 / max(width, height))
    expected = cv2.resize(frame.to_bgr(), (small.shape[1], small.shape[0]), interpolation=cv2.INTER_AREA)
    assert np.abs(small.astype(int) - expected).max() <= 8
    assert np.abs(small.astype(int) - expected).mean() <= 1.5
    same, scale = frame.thumbnail(1000)
    assert scale == 1
    assert np.array_equal(same, frame.to_bgr())


def slopes(width: int, height: int) -> np.ndarray:
    """A BGR picture whose colours change so slowly that chroma's coarseness does not matter."""
    x, y = np.meshgrid(np.linspace(40, 200, width), np.linspace(60, 180, height))
    return np.dstack([x, y, 250 - x]).astype(np.uint8)


@pytest.mark.parametrize("pixel_format", FORMATS)
@pytest.mark.parametrize("flipped", [False, True])
@pytest.mark.parametrize(
    ("scale", "angle", "averaged"), [(1.0, 0.0, False), (1.7, 0.4, True), (0.55, -0.3, True), (0.12, 0.2, True)]
)
def test_a_square_shows_what_lies_there(
    pixel_format: PixelFormat, flipped: bool, scale: float, angle: float, averaged: bool
) -> None:
    frame = drawn(pixel_format, slopes(320, 240))
    if flipped:
        planes = tuple(np.ascontiguousarray(plane[::-1])[::-1] for plane in frame.planes)
        frame = Frame(pixel_format, 320, 240, planes, frame.colour)
    whole, size = frame.to_bgr(), 24
    a, b = scale * np.cos(angle), scale * np.sin(angle)
    linear = np.array([[a, -b], [b, a]])
    # Its middle in the middle of the picture.
    to_square = np.column_stack([linear, np.full(2, (size - 1) / 2) - linear @ (159.5, 119.5)])
    y, x = np.mgrid[:size, :size].reshape(2, -1)
    places = np.linalg.solve(linear, np.stack([x, y]) - to_square[:, 2:]).reshape(2, size, size).astype(np.float32)
    expected = cv2.remap(whole, places[0], places[1], cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE)
    seen = frame.square(to_square, size, averaged=averaged)
    assert np.abs(seen.astype(int) - expected).max() <= 4


@pytest.mark.parametrize("pixel_format", FORMATS)
def test_a_square_is_averaged_where_it_shrinks(pixel_format: PixelFormat) -> None:
    checks = np.indices((160, 160)).sum(0) % 2 * 200 + 27
    frame = drawn(pixel_format, np.dstack([checks] * 3).astype(np.uint8))
    to_square = np.array([[0.27, 0.0, 0.0], [0.0, 0.27, 0.0]])
    assert frame.square(to_square, 40)[2:-2, 2:-2].std() < 3
    assert frame.square(to_square, 40, averaged=False)[2:-2, 2:-2].std() > 30


@pytest.mark.parametrize("pixel_format", FORMATS)
@pytest.mark.parametrize("place", [(-500.0, 30.0), (30.0, 900.0), (1e6, -1e6)])
def test_a_square_beside_the_picture_repeats_its_edge(pixel_format: PixelFormat, place: tuple[float, float]) -> None:
    frame = drawn(pixel_format, slopes(64, 48))
    to_square = np.array([[1.0, 0.0, -place[0]], [0.0, 1.0, -place[1]]])
    x, y = (int(np.clip(value, 0, side - 1)) for value, side in zip(place, (64, 48), strict=True))
    assert np.abs(frame.square(to_square, 16)[0, 0].astype(int) - frame.to_bgr()[y, x]).max() <= 4


@pytest.mark.parametrize("pixel_format", FORMATS)
def test_a_blurred_picture_says_nothing_about_details(pixel_format: PixelFormat) -> None:
    rng = np.random.default_rng(2)
    coarse = cv2.resize(rng.integers(60, 196, (6, 8, 3), np.uint8), (320, 240), interpolation=cv2.INTER_NEAREST)
    # Bright and dark squares of a twelfth of the height: larger than the eyes of a face that fills the picture.
    square = np.kron(np.array([[50, -50], [-50, 50]]), np.ones((20, 20), int))
    results = []
    for _ in range(2):
        details = np.kron(rng.choice([-1, 1], (6, 8)), square)[..., None]
        frame = drawn(pixel_format, (coarse + details).astype(np.uint8))
        sharp = frame.to_bgr().astype(int)
        frame.blur()
        results.append((sharp, frame.to_bgr().astype(int)))
    (first, first_blurred), (second, second_blurred) = results
    assert np.abs(first - second).mean() > 20
    assert np.abs(first_blurred - second_blurred).max() <= 2
    assert np.abs(first_blurred.mean((0, 1)) - first.mean((0, 1))).max() < 3, "the picture's colours are kept"
    if frame.format in (PixelFormat.RGBA, PixelFormat.BGRA):
        assert (frame.planes[0][..., 3] == 255).all()


@pytest.mark.parametrize("pixel_format", FORMATS)
@pytest.mark.parametrize("full", [False, True])
def test_fill(pixel_format: PixelFormat, full: bool) -> None:
    made = picture(Layout(pixel_format, 19, 17, extra=3), Colour.bt601(full))
    before = made.buffer.copy()
    made.frame.fill((30, 90, 200))
    expected = 0.114 * 30 + 0.587 * 90 + 0.299 * 200 if pixel_format is GREY else np.array([30, 90, 200])
    assert np.abs(made.frame.to_bgr() - expected).max() <= 3
    assert np.array_equal(made.buffer[made.padding], before[made.padding])
    if pixel_format in (PixelFormat.RGBA, PixelFormat.BGRA, PixelFormat.BGRX):
        assert (made.frame.planes[0][..., 3] == 255).all()


@pytest.mark.parametrize("pixel_format", FORMATS)
def test_copies_between_layouts(pixel_format: PixelFormat) -> None:
    source = picture(Layout(pixel_format, 21, 19, extra=4, seed=1), Colour.bt709(False)).frame
    for target in (
        Frame.like(source),
        picture(Layout(pixel_format, 21, 19, extra=4, seed=2), Colour.bt709(False)).frame,
        picture(Layout(pixel_format, 21, 19, extra=1, flipped=True, seed=3), Colour.bt709(False)).frame,
    ):
        assert target.same_layout(source)
        target.copy_from(source)
        assert np.array_equal(target.to_bgr(), source.to_bgr())
        assert all(np.array_equal(mine, theirs) for mine, theirs in zip(target.planes, source.planes, strict=True))


@pytest.mark.parametrize(
    "other",
    [
        Frame.allocate(PixelFormat.NV12, 32, 20),
        Frame.allocate(PixelFormat.I420, 34, 20),
        Frame.allocate(PixelFormat.I420, 32, 20, Colour.bt601(False)),
        Frame.allocate(PixelFormat.I420, 32, 20, Colour.bt709(True)),
    ],
)
def test_another_layout_is_not_copied(other: Frame) -> None:
    frame = Frame.allocate(PixelFormat.I420, 32, 20)
    assert not frame.same_layout(other)
    with pytest.raises(FrameLayoutError, match="convert it first"):
        frame.copy_from(other)


def test_a_copy_owns_its_memory() -> None:
    source = picture(Layout(PixelFormat.BGRA, 20, 20), Colour.bt709(True)).frame
    copy = Frame.like(source)
    copy.copy_from(source)
    copy.fill((0, 0, 0))
    assert source.to_bgr().any()


def test_bgr_is_wrapped_not_copied() -> None:
    bgr = np.zeros((20, 30, 3), np.uint8)
    frame = Frame.from_bgr(bgr, 7)
    frame.fill((1, 2, 3))
    assert (bgr == [1, 2, 3]).all()
    assert (frame.format, frame.width, frame.height, frame.timestamp_ns) == (PixelFormat.BGR3, 30, 20, 7)
    with pytest.raises(FrameLayoutError, match="uint8"):
        Frame.from_bgr(bgr.astype(np.float32))


@pytest.mark.parametrize(("width", "height"), [(MIN_SIDE - 1, 100), (100, MAX_SIDE + 1), (0, 0), (-5, 20)])
def test_sizes_outside_the_bounds_are_refused(width: int, height: int) -> None:
    with pytest.raises(FrameLayoutError, match="camera resolution"):
        Frame.allocate(PixelFormat.I420, width, height)


@pytest.mark.parametrize(
    ("offsets", "linesizes"),
    [
        ((0, 640, 801), (32, 16, 16)),
        ((0, 640, 800), (31, 16, 16)),
        ((0, -1, 800), (32, 16, 16)),
        ((0, 640, 800), (32, 16, 17)),
    ],
)
def test_planes_that_leave_the_memory_are_refused(offsets: tuple[int, ...], linesizes: tuple[int, ...]) -> None:
    buffer = np.zeros(960, np.uint8)
    Frame.over(buffer, PixelFormat.I420, 32, 20, (0, 640, 800), (32, 16, 16), Colour.bt709(False))
    with pytest.raises(FrameLayoutError, match="does not fit its memory"):
        Frame.over(buffer, PixelFormat.I420, 32, 20, offsets, linesizes, Colour.bt709(False))


def obs_matrix(standard: str, full: bool) -> list[float]:
    """The 4x4 matrix libobs fills in: normalised YUV to normalised RGB."""
    red, blue = KR_KB[standard]
    low, luma, chroma = (0, 1, 1) if full else (16 / 255, 255 / 219, 255 / 224)
    green = 1 - red - blue
    rows = np.array(
        [
            [luma, 0, 2 * (1 - red) * chroma],
            [luma, -2 * blue * (1 - blue) / green * chroma, -2 * red * (1 - red) / green * chroma],
            [luma, 2 * (1 - blue) * chroma, 0],
        ]
    )
    offset = rows @ [-low, -128 / 255, -128 / 255]
    return [*np.hstack([rows, offset[:, None]]).ravel().tolist(), 0, 0, 0, 1]


@pytest.mark.parametrize("standard", ["601", "709"])
@pytest.mark.parametrize("full", [False, True])
def test_the_colour_obs_describes(standard: str, full: bool) -> None:
    # With full range libobs leaves the ranges as they were in memory.
    low, high = ((0.9, 0, 0.3), (0, 0, 0)) if full else ((16 / 255,) * 3, (235 / 255, 240 / 255, 240 / 255))
    described = Colour.from_obs(obs_matrix(standard, full), low, high, full)
    frame = picture(Layout(PixelFormat.I444, 40, 40), described).frame
    assert np.abs(frame.to_bgr() - reference_bgr(frame, standard, full)).max() <= 1.0


@pytest.mark.parametrize("matrix", [[0.0] * 16, [float("nan")] * 16, [1.0] * 16, [1e9, *[0.0] * 15]])
def test_a_matrix_that_is_none_becomes_the_default(matrix: list[float]) -> None:
    described = Colour.from_obs(matrix, (16 / 255,) * 3, (235 / 255, 240 / 255, 240 / 255), False)
    assert described == Colour.bt709(False)


@pytest.mark.parametrize("pixel_format", list(PixelFormat))
def test_mix_passes_over_into_the_other_picture(pixel_format: PixelFormat) -> None:
    one, other = (Frame.allocate(pixel_format, 34, 18) for _ in range(2))
    for plane, its in zip(one.planes, other.planes, strict=True):
        plane[...], its[...] = 100, 200
    for share, level in ((0.0, 100), (0.25, 125), (1.0, 200)):
        mixed = Frame.like(one)
        mixed.copy_from(one)
        mixed.mix(other, share)
        assert all((plane == level).all() for plane in mixed.planes)
    with pytest.raises(FrameLayoutError, match="layouts"):
        one.mix(Frame.allocate(pixel_format, 40, 18), 0.5)
