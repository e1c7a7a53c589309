import dataclasses
import struct
import uuid
import zlib

import cv2
import numpy as np
import pytest
from safetensors.numpy import load, save

from deepfake_core.identities.library import Identity, Library
from deepfake_core.identities.pack import Crop
from deepfake_core.swapping.decoder import IdentityBroken, IdentityDecoder, load_decoder


@pytest.fixture(scope="module")
def vesper() -> Identity:
    return Library().open("vesper")


def with_file(identity: Identity, name: str, data: bytes) -> Identity:
    return dataclasses.replace(identity, files={**identity.files, name: data})


def refusal(identity: Identity) -> str:
    # Other contents have another hash; with the same one, a decoder that is open already would be given.
    changed = dataclasses.replace(identity, content_sha256=uuid.uuid4().hex)
    with pytest.raises(IdentityBroken) as caught:
        load_decoder(changed, threads=1, provider="cpu")
    message = str(caught.value)
    assert "vesper" in message
    assert "\n" not in message
    assert message.endswith("(tools/train_identity.py, or tools/train_swap.py export).")
    return message


def test_the_shipped_identity_opens(vesper: Identity) -> None:
    decoder = load_decoder(vesper, threads=1, provider="cpu")
    assert isinstance(decoder, IdentityDecoder)
    assert decoder.name == "vesper"
    assert decoder.head.pages.shape[0] == 2
    assert decoder.head.tone.min() > 20
    assert decoder.head.head.pictures.shape[0] >= 5
    assert decoder.head.head.hair.shape[0] == decoder.head.head.pictures.shape[0]


def test_another_encoder_is_refused(vesper: Identity) -> None:
    manifest = vesper.manifest.model_copy(update={"encoder_sha256": "0" * 64})
    assert "another encoder" in refusal(dataclasses.replace(vesper, manifest=manifest))


def test_another_crop_is_refused(vesper: Identity) -> None:
    manifest = vesper.manifest.model_copy(update={"crop": Crop(alignment="head", extent=300)})
    assert "another crop" in refusal(dataclasses.replace(vesper, manifest=manifest))


@pytest.mark.parametrize(
    "name", ["surface.png", "head.png", "hair.png", "iris.png", "teeth.png", "geometry.safetensors", "decoder.onnx"]
)
def test_a_missing_file_is_named(vesper: Identity, name: str) -> None:
    left = {key: data for key, data in vesper.files.items() if key != name}
    assert name in refusal(dataclasses.replace(vesper, files=left))


def png_header(width: int, height: int) -> bytes:
    header = b"IHDR" + struct.pack(">IIBBBBB", width, height, 8, 6, 0, 0, 0)
    return b"\x89PNG\r\n\x1a\n" + struct.pack(">I", 13) + header + struct.pack(">I", zlib.crc32(header)) + b"\0" * 64


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"GIF89a" + b"\0" * 64,
        png_header(200_000, 100_000),
        png_header(0, 0),
        png_header(512, 512),
        png_header(1024, 512),
        cv2.imencode(".png", np.zeros((64, 128, 3), np.uint8))[1].tobytes(),
        cv2.imencode(".png", np.zeros((64, 128, 4), np.uint16))[1].tobytes(),
    ],
)
@pytest.mark.parametrize("file", ["surface.png", "head.png", "iris.png", "teeth.png"])
def test_a_hostile_picture_is_refused(vesper: Identity, file: str, data: bytes) -> None:
    assert file in refusal(with_file(vesper, file, data))


@pytest.mark.parametrize(
    "shape", [(64, 64), (64, 64 * 40), (64, 64 * 11, 4), (2000, 2000 * 11), (63, 63 * 11)], ids=str
)
def test_hostile_hair_is_refused(vesper: Identity, shape: tuple[int, ...]) -> None:
    data = cv2.imencode(".png", np.zeros(shape, np.uint8))[1].tobytes()
    assert "hair.png" in refusal(with_file(vesper, "hair.png", data))


def test_as_many_pages_of_the_head_as_rotations(vesper: Identity) -> None:
    fewer = cv2.imencode(".png", np.zeros((64, 64 * 3, 4), np.uint8))[1].tobytes()
    hair = cv2.imencode(".png", np.zeros((16, 16 * 3), np.uint8))[1].tobytes()
    assert "geometry.safetensors" in refusal(with_file(with_file(vesper, "head.png", fewer), "hair.png", hair))


def changed(identity: Identity, **tensors: np.ndarray | None) -> Identity:
    """The identity with tensors of its geometry replaced, or left out where None; names with _ for the dot."""
    kept = load(identity.files["geometry.safetensors"])
    for name, tensor in tensors.items():
        full = name.replace("__", ".")
        if tensor is None:
            del kept[full]
        else:
            kept[full] = tensor
    return with_file(identity, "geometry.safetensors", save(kept))


NAN = np.full(3, np.nan, np.float32)
ONE = np.zeros(1, np.float32)


@pytest.mark.parametrize(
    "tensors",
    [
        {"tone": None},
        {"tone": NAN},
        {"tone": np.full(3, 1e9, np.float32)},
        {"tone": np.ones(3, np.float64)},
        {"tone": np.ones(4, np.float32)},
        {"extra": NAN},
        {"page_openings": np.full((2, 3), 0.2, np.float32)},
        {"lid_lines": None},
        {"lid_lines": np.full((2, 7), np.nan, np.float32)},
        {"lid_lines": np.full((2, 7), 1.5, np.float32)},
        {"lid_lines": np.full((2, 7), -0.1, np.float32)},
        {"lid_lines": np.full((2, 8), 0.5, np.float32)},
        {"lip_shifts": None},
        {"lip_shifts": np.full(468, np.nan, np.float32)},
        {"lip_shifts": np.full(468, 9.0, np.float32)},
        {"lip_shifts": np.zeros(467, np.float32)},
        {"uv": np.full((504, 2), -50, np.float32)},
        {"uv": np.full((504, 2), 5000, np.float32)},
        {"retargeter__basis": np.zeros((0, 1404), np.float32)},
        {"retargeter__basis": np.zeros((300, 1404), np.float32)},
        {"retargeter__basis": np.zeros(1404, np.float32)},
        {"expression__directions": np.full((4, 1404), np.nan, np.float32)},
        {"response__asked": None},
        {"response__pitches": None},
        {"response__pitches": np.zeros(5, np.float32)},
        {"response__pitches": np.full(5, np.nan, np.float32)},
        {"response__pitches": np.arange(4, dtype=np.float32)},
        {"response__read": np.full((5, 3, 12), np.nan, np.float32)},
        {"response__read": np.zeros((5, 3, 12), np.float32)},
        {"response__read": np.tile(np.arange(12, dtype=np.float32), (3, 1))},
        {"response__read": np.tile(np.arange(12, dtype=np.float32), (1, 3, 1)), "response__pitches": ONE},
        {
            "response__read": np.tile(np.arange(12, dtype=np.float32), (40, 3, 1)),
            "response__pitches": np.arange(40, dtype=np.float32),
        },
        {"response__asked": np.tile(np.arange(12, 0, -1, dtype=np.float32), (3, 1))},
        {"response__asked": np.zeros((3, 0), np.float32), "response__read": np.zeros((5, 3, 0), np.float32)},
        {
            "response__asked": np.tile(np.arange(1000, dtype=np.float32), (3, 1)),
            "response__read": np.tile(np.arange(1000, dtype=np.float32), (5, 3, 1)),
        },
        {"head__rotations": np.zeros((11, 3, 3), np.float32)},
        {"head__rotations": np.full((11, 3, 3), np.inf, np.float32)},
        {"head__rotations": np.eye(3, dtype=np.float32)},
        {"eyeballs__iris_radius": np.array([500.0], np.float32)},
        {"eyeballs__iris_radius": np.array([0.0], np.float32)},
        {"eyeballs__offsets": NAN},
        {"mouth__places": np.full((2, 3), 1e9, np.float32)},
        {"mouth__cavity": None},
    ],
)
def test_a_hostile_geometry_is_refused(vesper: Identity, tensors: dict[str, np.ndarray | None]) -> None:
    assert "geometry.safetensors" in refusal(changed(vesper, **tensors))


def test_a_pack_of_an_older_version_says_what_it_is(vesper: Identity) -> None:
    assert "an older version" in refusal(changed(vesper, lip_shifts=None, response__pitches=None))


@pytest.mark.parametrize("data", [b"", b"\xff" * 100, struct.pack("<Q", 2**60) + b"{}", b"\x02\0\0\0\0\0\0\0{}"])
def test_a_damaged_geometry_is_refused(vesper: Identity, data: bytes) -> None:
    assert "geometry.safetensors" in refusal(with_file(vesper, "geometry.safetensors", data))


@pytest.mark.parametrize("bits", ["decoder.onnx", "decoder_int8.onnx"])
def test_a_network_of_other_inputs_is_refused(vesper: Identity, bits: str) -> None:
    from deepfake_core.inference.manifest import Manifest

    encoder = Manifest.load().read("swap/encoder.onnx")
    files = {name: data for name, data in vesper.files.items() if name != "decoder_int8.onnx"}
    assert bits in refusal(dataclasses.replace(vesper, files=files | {bits: encoder}))


def test_a_processor_takes_eight_bits(vesper: Identity) -> None:
    for name in ("decoder.onnx", "decoder_int8.onnx"):
        files = {key: data for key, data in vesper.files.items() if key != "decoder_int8.onnx"}
        changed = dataclasses.replace(
            vesper, files=files | {name: vesper.files["decoder.onnx"]}, content_sha256=uuid.uuid4().hex
        )
        decoder = load_decoder(changed, threads=1, provider="cpu")
        assert isinstance(decoder, IdentityDecoder)
        assert decoder.network.name.endswith(name)
