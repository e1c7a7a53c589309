import dataclasses

import numpy as np
import pytest

from deepfake_core.facemesh import topology
from deepfake_core.frame import Frame, PixelFormat
from deepfake_core.identities.library import Library
from deepfake_core.inference.errors import NetworkFailed
from deepfake_core.inference.session import Session
from deepfake_core.swapping import alignment
from deepfake_core.swapping.decoder import IdentityDecoder, load_decoder
from deepfake_core.swapping.swapper import Patch, Swapper, crop


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


def test_the_patch_lies_on_the_face_and_the_frame_stays(
    swapper: Swapper, decoder: IdentityDecoder, frame: Frame
) -> None:
    before = frame.to_bgr().copy()
    patch = swapper.swap(frame, landmarks(), decoder)
    assert patch.bgr.shape == (256, 256, 3)
    assert patch.bgr.dtype == patch.matte.dtype == np.uint8
    np.testing.assert_array_equal(frame.to_bgr(), before)
    rows, columns = np.nonzero(patch.matte > 128)
    middle = patch.crop_to_frame @ np.array([columns.mean(), rows.mean(), 1.0])
    np.testing.assert_allclose(middle, landmarks()[:, :2].mean(0), atol=10)


def seen(patch: Patch) -> np.ndarray:
    return patch.bgr[patch.matte > 250].astype(np.float32)


@pytest.mark.parametrize("resolution", [128, 256, 384])
def test_every_resolution_shows_the_same_face(
    swapper: Swapper, decoder: IdentityDecoder, frame: Frame, resolution: int
) -> None:
    patch = swapper.swap(frame, landmarks(), decoder, resolution=resolution, driver_id=1)
    assert patch.bgr.shape == (resolution, resolution, 3)
    full = swapper.swap(frame, landmarks(), decoder, driver_id=1)
    np.testing.assert_allclose(seen(patch).mean(0), seen(full).mean(0), atol=4)


def test_the_light_is_the_drivers(swapper: Swapper, decoder: IdentityDecoder) -> None:
    dark, bright = (
        seen(swapper.swap(Frame.from_bgr(np.full((240, 320, 3), level, np.uint8)), landmarks(), decoder)).mean()
        for level in (60, 180)
    )
    assert 2.0 < bright / dark < 4.0


def test_colour_match_moves_the_tone(swapper: Swapper, decoder: IdentityDecoder) -> None:
    blue = Frame.from_bgr(np.full((240, 320, 3), (200, 120, 100), np.uint8))
    drivers, own = (seen(swapper.swap(blue, landmarks(), decoder, colour_match=m)).mean(0) for m in (1.0, 0.0))
    assert drivers[0] > drivers[2]
    assert own[0] < own[2]


def test_a_failing_network_leaves_the_bare_texture(decoder: IdentityDecoder, frame: Frame) -> None:
    class Failing(Session):
        def __init__(self) -> None:
            self.inputs, self.outputs = decoder.network.inputs, decoder.network.outputs

        def run(self, **inputs: np.ndarray) -> tuple[np.ndarray, ...]:
            raise NetworkFailed("no result")

    swapper = Swapper(threads=1, provider="cpu")
    template = swapper.swap(frame, landmarks(), decoder, template_only=True, driver_id=1)
    assert swapper.network_failures == 0
    broken = dataclasses.replace(decoder, network=Failing())
    patch = swapper.swap(frame, landmarks(), broken, driver_id=2)
    assert swapper.network_failures == 1
    np.testing.assert_array_equal(patch.bgr, template.bgr)
    assert np.abs(swapper.swap(frame, landmarks(), decoder, driver_id=3).bgr.astype(int) - template.bgr).max() > 20


@pytest.mark.parametrize("place", [(-40, 120, 9), (330, 250, 9), (160, 120, 1.2), (160, 120, 60), (9000, 0, 9)])
def test_faces_at_the_border_tiny_or_huge_give_a_patch(
    swapper: Swapper, decoder: IdentityDecoder, frame: Frame, place: tuple[float, float, float]
) -> None:
    patch = swapper.swap(frame, landmarks(*place), decoder)
    assert np.isfinite(patch.crop_to_frame).all()
    assert patch.matte.any()


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
