"""Imported models: a made-up one of the same signature really swaps, and odd ones are refused."""

import cv2
import numpy as np
import pytest

from deepfake_core.facemesh import topology
from deepfake_core.frame import Frame
from deepfake_core.inference.errors import ModelRefused, NetworkFailed
from deepfake_core.inference.session import open_session
from deepfake_core.swapping import dfm
from deepfake_core.swapping.alignment import Pose
from deepfake_core.swapping.swapper import Swapper
from tests.inference import tiny_onnx
from tests.swapping.tiny_dfm import tiny_dfm

SIDE = 96


def landmarks(x: float = 160.0, y: float = 120.0, scale: float = 9.0, roll: float = 0.0) -> np.ndarray:
    turned = cv2.Rodrigues(np.radians([0.0, 0.0, roll]))[0]
    pose = Pose(scale, turned, np.array([x, -y, 0.0]))
    return pose.to_picture(topology.canonical_face().vertices.astype(np.float64)).astype(np.float32)


def opened(data: bytes) -> dfm.DfmDecoder:
    return dfm.open_dfm(open_session(data, name="tiny", threads=1, provider="cpu"), "tiny")


def picture(colour: tuple[int, int, int]) -> np.ndarray:
    face = np.full((SIDE, SIDE, 3), colour, np.uint8)
    cv2.circle(face, (SIDE // 2, SIDE // 2), 6, (0, 0, 255), -1)  # a clown's nose
    return face


@pytest.mark.parametrize("morph", [False, True])
def test_an_imported_model_is_drawn(morph: bool) -> None:
    frame = Frame.from_bgr(np.full((240, 320, 3), (110, 140, 190), np.uint8))
    decoder = opened(tiny_dfm(picture((60, 160, 90)), morph=morph))
    drawn = Swapper(threads=1, provider="cpu").swap(frame, landmarks(), decoder, head_mode=True)
    assert not drawn.head_mode, "an imported model has no head"
    blue, green, red = drawn.tone
    assert green > red > blue, "the drawn face's own tone is lost"
    middle = drawn.reflectance[SIDE // 2, SIDE // 2]
    assert middle[2] > middle[1] + 0.5, "the drawn nose is not in the middle of the crop"
    column, row = drawn.crop_to_frame @ np.array([SIDE / 2, SIDE / 2, 1.0])
    assert np.hypot(column - 160, row - 120) < 60
    assert drawn.face_square == (0, 0, SIDE)
    for matte in (drawn.face_matte, drawn.head_matte, drawn.skin):
        assert matte.shape == drawn.driver_matte.shape == (SIDE, SIDE)


def test_its_light_is_taken_out() -> None:
    plain = []
    for level in (50, 150):
        decoder = opened(tiny_dfm(np.full((SIDE, SIDE, 3), level, np.uint8)))
        frame = Frame.from_bgr(np.full((240, 320, 3), 120, np.uint8))
        drawn = Swapper(threads=1, provider="cpu").swap(frame, landmarks(), decoder)
        plain.append(drawn.reflectance[drawn.face_matte > 250])
    np.testing.assert_allclose(np.concatenate(plain), 1.0, atol=0.1)


@pytest.mark.parametrize("x, y, scale, roll", [(160, 120, 9, 0), (40, 200, 3, 0), (300, 220, 20, 25)])
def test_the_crop_is_deepfacelives(x: float, y: float, scale: float, roll: float) -> None:
    """The canonical texture map lies in the crop upright, 2.2 of its sides wide, its middle 0.08 below the crop's."""
    face = landmarks(x, y, scale, roll)
    to_crop = dfm.crop_transform(face, 220)
    placed = face[:, :2] @ to_crop[:, :2].T + to_crop[:, 2]
    expected = (topology.canonical_face().uv - np.array([0.5, 0.42])) * 100 + 109.5
    # The map is the face laid flat: only its middle part agrees with a view from the front.
    middle = [168, 6, 197, 195, 5, 4, 133, 362]
    np.testing.assert_allclose(placed[middle], expected[middle], atol=6)


def test_beyond_its_mask_nothing_of_the_model_shows() -> None:
    """A model's border holds what it was trained on; it is filled from within."""
    face = np.full((SIDE, SIDE, 3), (200, 20, 20), np.uint8)
    decoder = opened(tiny_dfm(face))
    half = np.zeros((1, SIDE, SIDE, 1), np.float32)
    half[:, :, : SIDE // 2] = 1.0

    class Half:
        inputs, outputs = decoder.network.inputs, decoder.network.outputs

        def run(self, **inputs: np.ndarray) -> tuple[np.ndarray, ...]:
            drawn = np.where(half > 0, 0.2, 0.9) * np.ones(3)
            return half, drawn[...].astype(np.float32), half

    drawn, mask = dfm.DfmDecoder("tiny", Half(), SIDE, 220).draw(face)  # type: ignore[arg-type]
    assert mask[:, 0].min() == 1.0 and mask[:, -1].max() == 0.0
    assert abs(int(drawn[SIDE // 2, SIDE // 2 + 4, 0]) - 51) < 4


def test_a_model_that_draws_nothing_is_no_result() -> None:
    frame = Frame.from_bgr(np.full((240, 320, 3), 128, np.uint8))
    with pytest.raises(NetworkFailed, match="too little"):
        Swapper(threads=1, provider="cpu").swap(frame, landmarks(), opened(tiny_dfm(picture((9, 9, 9)), mask=0.1)))


@pytest.mark.parametrize("data", [tiny_onnx.one_operator("Sqrt"), tiny_dfm(np.zeros((16, 16, 3), np.uint8))])
def test_other_networks_are_refused(data: bytes) -> None:
    with pytest.raises(ModelRefused):
        opened(data)
