import dataclasses

import numpy as np
import pytest

from deepfake_core.crop import crop
from deepfake_core.facemesh import topology
from deepfake_core.frame import Frame, PixelFormat
from deepfake_core.identities.library import Library
from deepfake_core.inference.errors import NetworkFailed
from deepfake_core.inference.session import Session
from deepfake_core.swapping import alignment
from deepfake_core.swapping.decoder import IdentityDecoder, load_decoder
from deepfake_core.swapping.expression import ExpressionMatch
from deepfake_core.swapping.swapper import DrawnHead, Swapper, sharpen


@pytest.fixture(scope="module")
def decoder() -> IdentityDecoder:
    opened = load_decoder(Library().open("vesper"), threads=1, provider="cpu")
    assert isinstance(opened, IdentityDecoder)
    return opened


@pytest.fixture(scope="module")
def swapper() -> Swapper:
    return Swapper(threads=1, provider="cpu")


def landmarks(x: float = 160.0, y: float = 120.0, scale: float = 9.0) -> np.ndarray:
    pose = alignment.Pose(scale, np.eye(3), np.array([x, -y, 0.0]))
    return pose.to_picture(topology.canonical_face().vertices.astype(np.float64)).astype(np.float32)


@pytest.fixture
def frame() -> Frame:
    picture = np.full((240, 320, 3), (110, 140, 190), np.uint8)
    return Frame.from_bgr(picture)


def test_the_drawing_lies_on_the_face_and_the_frame_stays(
    swapper: Swapper, decoder: IdentityDecoder, frame: Frame
) -> None:
    before = frame.to_bgr().copy()
    drawn = swapper.swap(frame, landmarks(), decoder)
    assert drawn.reflectance.shape == (256, 256, 3)
    assert drawn.reflectance.dtype == np.float32
    for matte in (drawn.face_matte, drawn.head_matte, drawn.driver_matte, drawn.skin):
        assert matte.shape == (256, 256)
        assert matte.dtype == np.uint8
    np.testing.assert_array_equal(frame.to_bgr(), before)
    rows, columns = np.nonzero(drawn.driver_matte > 128)
    middle = drawn.crop_to_frame @ np.array([columns.mean(), rows.mean(), 1.0])
    np.testing.assert_allclose(middle, landmarks()[:, :2].mean(0), atol=10)
    nose = drawn.crop_to_frame @ np.array([*drawn.points[4, :2], 1.0])
    np.testing.assert_allclose(nose, landmarks()[4, :2], atol=1e-3)


def seen(drawn: DrawnHead) -> np.ndarray:
    return drawn.reflectance[(drawn.driver_matte > 250) & (drawn.face_matte > 250)]


@pytest.mark.parametrize("resolution, network_size", [(128, 96), (256, 128), (320, 192)])
def test_every_quality_shows_the_same_face(
    swapper: Swapper, decoder: IdentityDecoder, frame: Frame, resolution: int, network_size: int
) -> None:
    drawn = swapper.swap(frame, landmarks(), decoder, resolution=resolution, network_size=network_size, driver_id=1)
    assert drawn.reflectance.shape == (resolution, resolution, 3)
    full = swapper.swap(frame, landmarks(), decoder, driver_id=1)
    np.testing.assert_allclose(seen(drawn).mean(0), seen(full).mean(0), atol=0.04)


@pytest.mark.parametrize("template_only", [True, False])
def test_the_whole_head_is_drawn_around_the_same_face(
    swapper: Swapper, decoder: IdentityDecoder, frame: Frame, template_only: bool
) -> None:
    for _ in range(8):
        # Until the driver's face at rest is known, each picture changes what is drawn.
        swapper.swap(frame, landmarks(), decoder, template_only=True, driver_id=4)
    alone = swapper.swap(frame, landmarks(), decoder, template_only=template_only, driver_id=4)
    whole = swapper.swap(frame, landmarks(), decoder, template_only=template_only, driver_id=4, head_mode=True)
    assert whole.head_mode
    assert not alone.head_mode
    left, top, side = whole.face_square
    assert side == 256
    assert whole.reflectance.shape == (480, 480, 3)
    crop_of = slice(top + 64, top + 192), slice(left + 64, left + 192)
    sure = alone.face_matte[64:192, 64:192] > 250
    difference = np.abs(whole.reflectance[crop_of] - alone.reflectance[64:192, 64:192])[sure]
    assert difference.mean() < 0.01
    # The place in the frame is the same for both.
    np.testing.assert_allclose(
        whole.crop_to_frame @ np.array([left + 100.0, top + 50.0, 1.0]), alone.crop_to_frame @ np.array([100, 50, 1.0])
    )
    # Hair stands above the face's crop or beside the face, and is no skin.
    beyond = whole.head_matte > 200
    assert beyond.sum() > 1.2 * (whole.face_matte > 200).sum()
    assert whole.skin[beyond].min() < 60


def test_the_skin_ends_at_mouth_and_eyes(swapper: Swapper, decoder: IdentityDecoder, frame: Frame) -> None:
    drawn = swapper.swap(frame, landmarks(), decoder, driver_id=5)
    left, top = np.round(drawn.points[[50, 280], :2].min(0)).astype(int)
    right = round(drawn.points[280, 0])
    assert drawn.skin[top, left] > 200
    assert drawn.skin[top, right] > 200
    mouth, eye = (np.round(drawn.points[pair, :2].mean(0)).astype(int) for pair in ([13, 14], [159, 145]))
    assert drawn.skin[mouth[1] - 4 : mouth[1] + 5, mouth[0]].min() < 160
    assert drawn.skin[eye[1], eye[0]] < 60


class Other(Session):
    """A decoder that fails, or gives what it is told to."""

    def __init__(self, decoder: IdentityDecoder, head: float | None = None) -> None:
        self.inputs, self.outputs = decoder.network.inputs, decoder.network.outputs
        self._head = head

    def run(self, **inputs: np.ndarray) -> tuple[np.ndarray, ...]:
        if self._head is None:
            raise NetworkFailed("no result")
        shape = inputs["template"].shape[:3]
        made = {"reflectance": np.full((*shape, 3), 0.5, np.float32)}
        matte = np.full((*shape, 1), self._head, np.float32)
        return tuple((made | {"face_matte": matte, "head_matte": matte})[name] for name in self.outputs)


@dataclasses.dataclass(frozen=True)
class Told(ExpressionMatch):
    """Gives one face, whatever the driver's does."""

    head: np.ndarray = dataclasses.field(kw_only=True)

    def __call__(self, *_: object) -> np.ndarray:
        return self.head


def test_a_failing_network_leaves_the_bare_template(decoder: IdentityDecoder, frame: Frame) -> None:
    swapper = Swapper(threads=1, provider="cpu")
    template = swapper.swap(frame, landmarks(), decoder, template_only=True, driver_id=1)
    assert swapper.network_failures == 0
    broken = dataclasses.replace(decoder, network=Other(decoder))
    drawn = swapper.swap(frame, landmarks(), broken, driver_id=2)
    assert swapper.network_failures == 1
    np.testing.assert_array_equal(drawn.reflectance, template.reflectance)
    np.testing.assert_array_equal(drawn.head_matte, template.head_matte)
    refined = swapper.swap(frame, landmarks(), decoder, driver_id=3)
    assert np.abs(seen(refined) - seen(template)[: len(seen(refined))].mean()).max() > 0.1
    assert not np.array_equal(refined.reflectance, template.reflectance)


def test_who_keeps_the_own_tone_is_not_asked_for_the_highlights_of_darker_skin(
    decoder: IdentityDecoder, monkeypatch: pytest.MonkeyPatch
) -> None:
    picture = np.full((240, 320, 3), (30, 40, 60), np.uint8)
    picture[::16] = picture[1::16] = (60, 80, 110)
    seen_of_driver: list[np.ndarray] = []
    run = Session.run

    def recorded(self: Session, **inputs: np.ndarray) -> tuple[np.ndarray, ...]:
        if "driver" in inputs:
            seen_of_driver.append(inputs["driver"])
        return run(self, **inputs)

    monkeypatch.setattr(Session, "run", recorded)
    swapper = Swapper(threads=1, provider="cpu")
    for own_tone in (0.0, 0.5, 1.0):
        swapper.swap(Frame.from_bgr(picture), landmarks(), decoder, own_tone=own_tone)
    in_drivers_tone, between, in_own = (np.percentile(given, 99) - np.median(given) for given in seen_of_driver)
    assert in_own < 0.5 * in_drivers_tone
    assert in_own < between < in_drivers_tone


@pytest.mark.parametrize("drop, kept", [(0.0, False), (2.5, True)])
def test_of_a_mouth_that_is_wide_open_the_drawn_one_is_kept(
    decoder: IdentityDecoder, frame: Frame, drop: float, kept: bool
) -> None:
    """The networks would lay the mean of many mouths over it."""
    head = decoder.head.retargeter.identity_neutral.reshape(-1, 3).astype(np.float64)
    asked = np.append(decoder.expression.identity_rest[:2], (drop / 5.0, decoder.expression.identity_rest[3]))
    shown = decoder.expression.control(head, asked)
    told = dataclasses.replace(
        decoder, network=Other(decoder, 1.0), expression=Told(**vars(decoder.expression), head=shown)
    )
    swapper = Swapper(threads=1, provider="cpu")
    network, template = (swapper.swap(frame, landmarks(), told, template_only=bare) for bare in (False, True))
    changed = np.abs(network.reflectance - template.reflectance).mean(-1)
    pose = alignment.Pose(9.0, np.eye(3), np.array([160.0, -120.0, 0.0]))
    place = alignment.crop_transform(pose, 256) @ np.append(pose.to_picture(shown)[14, :2], 1.0)
    x, y = np.round(place).astype(int)
    lip = changed[y - 10 : y + 4, x - 12 : x + 12].mean()
    assert (lip < 0.3 * np.median(changed[template.skin > 250])) == kept


def test_what_is_kept_of_the_drawn_mouth_is_not_made_crisper() -> None:
    g = np.random.default_rng(0)
    relief = g.uniform(0.5, 1.5, (32, 32, 3)).astype(np.float32)
    kept = np.zeros((32, 32), np.float32)
    kept[20:28, 10:22] = 1.0
    plain, held = (sharpen(relief, relief, np.zeros_like(kept), part) for part in (np.zeros_like(kept), kept))
    np.testing.assert_allclose(held[kept > 0], relief[kept > 0], atol=1e-4)
    np.testing.assert_array_equal(held[kept == 0], plain[kept == 0])
    assert plain.std() > 1.3 * relief.std()


def test_a_raving_network_draws_no_box(decoder: IdentityDecoder, frame: Frame) -> None:
    """Its mattes stay near the template's, whatever they say."""
    swapper = Swapper(threads=1, provider="cpu")
    template = swapper.swap(frame, landmarks(), decoder, template_only=True, head_mode=True)
    raving = dataclasses.replace(decoder, network=Other(decoder, 1.0))
    drawn = swapper.swap(frame, landmarks(), raving, head_mode=True)
    assert (drawn.head_matte > 30).mean() < 1.35 * (template.head_matte > 30).mean()
    assert (drawn.face_matte > 30).mean() < 1.35 * (template.face_matte > 30).mean()


def test_skin_ends_where_the_networks_say(decoder: IdentityDecoder, frame: Frame) -> None:
    """No line of the drawn jaw is left inside a wider one."""
    wider = dataclasses.replace(decoder, network=Other(decoder, 1.0))
    swapper = Swapper(threads=1, provider="cpu")
    drawn, template = (
        swapper.swap(frame, landmarks(), wider, head_mode=True, template_only=bare) for bare in (False, True)
    )
    x, y = np.round(drawn.points[[4, 152], :2].mean(0)).astype(int)  # the middle between nose and chin
    outwards, before = (each.head_matte[y - 4 : y + 4, x:].astype(int) for each in (drawn, template))
    assert np.diff(outwards, axis=1).max() <= 0
    assert ((outwards > 127).sum(1) > (before > 127).sum(1) + 5).all()


def test_where_the_networks_are_in_doubt_the_drawing_decides(decoder: IdentityDecoder, frame: Frame) -> None:
    doubtful = dataclasses.replace(decoder, network=Other(decoder, 0.5))
    swapper = Swapper(threads=1, provider="cpu")
    drawn, template = (
        swapper.swap(frame, landmarks(), doubtful, head_mode=True, template_only=bare) for bare in (False, True)
    )
    left, top, side = drawn.face_square
    inner = np.s_[top : top + side * 3 // 4, left : left + side]  # below is where a neck ends
    difference = np.abs(drawn.head_matte[inner].astype(int) - template.head_matte[inner])
    assert np.count_nonzero(difference > 60) < 0.01 * difference.size


def test_at_the_head_s_edge_the_drawn_colours_stay(decoder: IdentityDecoder, frame: Frame) -> None:
    """The networks, which see coarsely, mix what is beyond it into theirs."""
    sure = dataclasses.replace(decoder, network=Other(decoder, 1.0))
    swapper = Swapper(threads=1, provider="cpu")
    drawn, template = (
        swapper.swap(frame, landmarks(), sure, head_mode=True, template_only=bare) for bare in (False, True)
    )
    edge = (template.head_matte > 20) & (template.head_matte < 160)
    changed = np.abs(drawn.reflectance - template.reflectance).max(-1)
    assert np.median(changed[edge]) < 0.05
    assert np.percentile(changed[edge], 99) < 0.2
    assert changed[drawn.face_matte > 250].mean() > 0.2


def test_a_timid_network_moves_the_border_of_the_head_alone(decoder: IdentityDecoder, frame: Frame) -> None:
    swapper = Swapper(threads=1, provider="cpu")
    template = swapper.swap(frame, landmarks(), decoder, template_only=True, head_mode=True)
    timid = dataclasses.replace(decoder, network=Other(decoder, 0.0))
    drawn = swapper.swap(frame, landmarks(), timid, head_mode=True)
    left, top, side = drawn.face_square
    inner = np.s_[top : top + side, left : left + side]
    whole, kept = ((matte[inner] > 127).sum() for matte in (template.head_matte, drawn.head_matte))
    assert 0.7 * whole < kept < 0.97 * whole


@pytest.mark.parametrize("head_mode", [False, True])
@pytest.mark.parametrize("place", [(-40, 120, 9), (330, 250, 9), (160, 120, 1.2), (160, 120, 60), (9000, 0, 9)])
def test_faces_at_the_border_tiny_or_huge_are_drawn(
    swapper: Swapper, decoder: IdentityDecoder, frame: Frame, place: tuple[float, float, float], head_mode: bool
) -> None:
    drawn = swapper.swap(frame, landmarks(*place), decoder, head_mode=head_mode)
    assert np.isfinite(drawn.crop_to_frame).all()
    assert np.isfinite(drawn.reflectance).all()
    assert drawn.driver_matte.any()


@pytest.mark.parametrize("pixels", [PixelFormat.NV12, PixelFormat.I420, PixelFormat.BGRA])
def test_the_crop_is_taken_from_every_kind_of_frame(pixels: PixelFormat) -> None:
    frame = Frame.allocate(pixels, 320, 240)
    frame.fill((40, 80, 160))
    to_crop = alignment.crop_transform(alignment.fit_pose(landmarks()), 128)
    np.testing.assert_allclose(crop(frame, to_crop, 128).reshape(-1, 3).mean(0), (40, 80, 160), atol=4)


@pytest.mark.parametrize("scale", [4.0, 9.0, 25.0])
def test_the_crop_shows_the_place_it_was_asked_for(scale: float) -> None:
    """A mark on the nose must come out where the transform says, shrunk or enlarged."""
    face = landmarks(200, 200, scale)
    to_crop = alignment.crop_transform(alignment.fit_pose(face), 128)
    picture = np.zeros((600, 600, 3), np.uint8)
    x, y = np.round(face[4, :2]).astype(int)
    side = max(1, int(scale / 4))
    picture[y - side : y + side + 1, x - side : x + side + 1] = 255
    rows, columns = np.nonzero(crop(Frame.from_bgr(picture), to_crop, 128)[..., 0] > 60)
    np.testing.assert_allclose(
        [columns.mean(), rows.mean()], to_crop @ np.array([x, y, 1.0]), atol=0.35 * max(1.0, 6 / scale)
    )
