"""An identity's decoder, opened: network, texture and retargeter, each checked before use."""

from __future__ import annotations

import struct
import threading
from collections import OrderedDict
from dataclasses import dataclass

import cv2
import numpy as np
from safetensors import SafetensorError
from safetensors.numpy import load as load_tensors

from deepfake_core.identities.errors import IdentityError
from deepfake_core.identities.library import Identity
from deepfake_core.identities.pack import Crop
from deepfake_core.inference import providers
from deepfake_core.inference.manifest import Manifest
from deepfake_core.inference.session import Session, open_session
from deepfake_core.swapping import eyes, networks, surface
from deepfake_core.swapping.alignment import CROP_CENTIMETRES
from deepfake_core.swapping.dfm import DfmDecoder, open_dfm
from deepfake_core.swapping.expression import FITTED, MEASURES, RESPONSE_ROWS, ExpressionMatch, Response
from deepfake_core.swapping.eyes import Eyeballs
from deepfake_core.swapping.head_layer import HeadPages
from deepfake_core.swapping.identity_head import IdentityHead
from deepfake_core.swapping.mouth import Mouth
from deepfake_core.swapping.retargeting import Retargeter

MAX_TEXTURE_SIDE = 1024
MAX_HEAD_SIDE = 768
MAX_HEAD_PAGES = 16
MAX_SMALL_SIDE = 256
MAX_COMPONENTS = 256
MAX_KNOTS = 64
MAX_PITCHES = 16
SIZE = networks.SIZES[1]
"""Side of the networks' pictures that a manifest names; they take the others too."""
CROP = Crop(alignment="head", extent=round(10 * CROP_CENTIMETRES))
"""What this version's encoder and decoders see of a face."""
_PAGES = 2
_SMALLEST_IRIS, _LARGEST_IRIS = 0.2, 2.0
"""Cm."""
_MOST_SHIFTED = 3.0
_LEAST_APART = 1e-3
"""Openings by which the pages of a surface differ, in widths of eye or mouth."""
_PNG_HEADER = b"\x89PNG\r\n\x1a\n"


class IdentityBroken(IdentityError):
    """A file of the identity does not hold what its name promises."""

    def __init__(self, identity: str, problem: str) -> None:
        super().__init__(
            f"The identity {identity!r} cannot be used: {problem}; install it again, or run the command that made it "
            "once more (tools/train_identity.py, or tools/train_swap.py export)."
        )


@dataclass(frozen=True)
class IdentityDecoder:
    """All that draws one identity; immutable, so that several filters can share it."""

    name: str
    head: IdentityHead
    expression: ExpressionMatch
    network: Session


KEPT = 6
"""So many decoders stay open: filters share them, and going back to one, or a reload of the script, costs nothing."""
_kept: OrderedDict[tuple[str, int, str], IdentityDecoder | DfmDecoder] = OrderedDict()
_kept_lock = threading.Lock()


def load_decoder(identity: Identity, *, threads: int = 2, provider: str = "auto") -> IdentityDecoder | DfmDecoder:
    """An identity's decoder, opened once for all filters that show it.

    threads, provider: as in `inference.session.open_session`, whose errors pass through.
    Raises IdentityBroken for a file that is damaged, hostile or of another encoder.
    """
    key = (identity.content_sha256, threads, provider)
    with _kept_lock:
        if key not in _kept:
            _kept[key] = _open(identity, threads, provider)
        _kept.move_to_end(key)
        while len(_kept) > KEPT:
            _kept.popitem(last=False)
        return _kept[key]


def _open(identity: Identity, threads: int, provider: str) -> IdentityDecoder | DfmDecoder:
    manifest = identity.manifest
    if manifest.networks == "dfm":
        name = f"identities/{identity.name}/{networks.DECODER_FILE}"
        network = open_session(_file(identity, networks.DECODER_FILE), name=name, threads=threads, provider=provider)
        decoder = open_dfm(network, identity.name, manifest.crop.extent)
        if manifest.crop.alignment != "dfl" or decoder.size != manifest.size:
            raise IdentityBroken(identity.name, "its model has another size or crop than it says")
        return decoder
    return _open_surface(identity, threads, provider)


def _open_surface(identity: Identity, threads: int, provider: str) -> IdentityDecoder:
    name, manifest = identity.name, identity.manifest
    if Manifest.load().entry(networks.ENCODER_NAME).sha256 != manifest.encoder_sha256:
        raise IdentityBroken(name, "it was trained with another encoder than this version's")
    if manifest.crop != CROP or manifest.size != SIZE:
        raise IdentityBroken(name, "it was trained with another crop of the face than this version's")
    pages = _read_row(identity, "surface.png", MAX_TEXTURE_SIDE, _PAGES, _PAGES)
    head_pages = _read_row(identity, "head.png", MAX_HEAD_SIDE, 1, MAX_HEAD_PAGES)
    hair = _read_row(identity, "hair.png", MAX_HEAD_SIDE, len(head_pages), len(head_pages), channels=1)
    (iris,) = _read_row(identity, "iris.png", MAX_SMALL_SIDE, 1, 1)
    (teeth,) = _read_row(identity, "teeth.png", MAX_SMALL_SIDE, 1, 1)
    tensors = _read_geometry(name, _file(identity, "geometry.safetensors"), len(head_pages))
    if not ((tensors["uv"] >= 0).all() and (tensors["uv"] <= pages.shape[1] - 1).all()):
        raise IdentityBroken(name, "its geometry.safetensors points outside of surface.png")
    file = networks.DECODER_FILE
    _file(identity, file)
    if providers.only_cpu(provider) and networks.DECODER_INT8_FILE in identity.files:
        # So small a network is done before a second thread has woken up.
        file, threads = networks.DECODER_INT8_FILE, 1
    network = open_session(
        _file(identity, file),
        name=f"identities/{name}/{file}",
        threads=threads,
        provider=provider,
        dimensions=networks.EXAMPLE,
    )
    if network.inputs != networks.decoder_inputs() or network.outputs != networks.decoder_outputs():
        raise IdentityBroken(name, f"its {file} does not take or give what this version's decoders do")
    return IdentityDecoder(
        name=name,
        head=IdentityHead(
            pages=pages,
            uv=tensors["uv"],
            page_openings=tensors["page_openings"],
            lid_lines=tensors["lid_lines"],
            lip_shifts=tensors["lip_shifts"],
            tone=tensors["tone"],
            retargeter=Retargeter(**_part(tensors, "retargeter")),
            head=HeadPages(pictures=head_pages, hair=hair, **_part(tensors, "head")),
            eyeballs=Eyeballs(iris=iris, **_part(tensors, "eyeballs")),
            mouth=Mouth(teeth=teeth.reshape(2, -1, teeth.shape[1], 4), **_part(tensors, "mouth")),
        ),
        expression=ExpressionMatch(
            *(tensors[f"expression.{array}"] for array in FITTED), response=Response(**_part(tensors, "response"))
        ),
        network=network,
    )


def _file(identity: Identity, name: str) -> bytes:
    try:
        return identity.files[name]
    except KeyError:
        raise IdentityBroken(identity.name, f"it has no {name}") from None


def _part(tensors: dict[str, np.ndarray], prefix: str) -> dict[str, np.ndarray]:
    """The tensors called PREFIX.NAME, by NAME."""
    return {key.removeprefix(f"{prefix}."): t for key, t in tensors.items() if key.startswith(f"{prefix}.")}


def _read_row(identity: Identity, file: str, largest: int, fewest: int, most: int, *, channels: int = 4) -> np.ndarray:
    """Square pictures beside each other: uint8 (N, H, H, 4), or (N, H, H) of one channel; `largest` bounds H, `fewest`
    and `most` N."""
    # The size is read from the header first: a small file can claim a picture that fills the memory.
    data = _file(identity, file)
    if len(data) < 33 or not data.startswith(_PNG_HEADER):
        raise IdentityBroken(identity.name, f"its {file} is not a PNG picture")
    width, height = struct.unpack(">II", data[16:24])
    if not 16 <= height <= largest or height % 2 or width % height or not fewest <= width // height <= most:
        raise IdentityBroken(identity.name, f"its {file} is {width} x {height} px, not what it should be")
    picture = cv2.imdecode(np.frombuffer(data, np.uint8), cv2.IMREAD_UNCHANGED)
    if picture is None or picture.dtype != np.uint8 or picture.size != height * width * channels:
        raise IdentityBroken(identity.name, f"its {file} is damaged or not 8-bit with {channels} channels")
    shape = (height, -1, height, channels) if channels > 1 else (height, -1, height)
    return np.ascontiguousarray(picture.reshape(shape).swapaxes(0, 1))


def _read_geometry(name: str, data: bytes, head_pages: int) -> dict[str, np.ndarray]:
    try:
        tensors = load_tensors(data)
    except (SafetensorError, ValueError, KeyError, TypeError) as error:
        raise IdentityBroken(name, "its geometry.safetensors is damaged") from error
    basis = tensors.get("retargeter.basis")
    components = basis.shape[0] if basis is not None and basis.ndim == 2 else 0
    read = tensors.get("response.read")
    pitches, _, knots = read.shape if read is not None and read.ndim == 3 else (0, 0, 0)
    shapes = {
        "uv": (surface.VERTEX_COUNT, 2),
        "page_openings": (2, 3),
        "lid_lines": eyes.UPPER.shape,
        "lip_shifts": (468,),
        "tone": (3,),
        "head.rotations": (head_pages, 3, 3),
        "eyeballs.iris_radius": (1,),
        "eyeballs.offsets": (2, 3),
        "mouth.places": (2, 3),
        "mouth.cavity": (2, 3),
        "retargeter.driver_mean": (1404,),
        "retargeter.basis": (components, 1404),
        "retargeter.openings_mean": (5,),
        "retargeter.openings_scale": (5,),
        "retargeter.coefficients": (components + 5, 1404),
        "retargeter.identity_mean": (1404,),
        "retargeter.identity_neutral": (1404,),
        "expression.driver_rest": (MEASURES,),
        "expression.identity_rest": (MEASURES,),
        "expression.directions": (MEASURES, 1404),
        "response.pitches": (pitches,),
        "response.asked": (RESPONSE_ROWS, knots),
        "response.read": (pitches, RESPONSE_ROWS, knots),
    }
    if tensors.keys() < shapes.keys():
        raise IdentityBroken(name, "an older version of this program made its geometry.safetensors")
    counted = 1 <= components <= MAX_COMPONENTS and 2 <= knots <= MAX_KNOTS and 2 <= pitches <= MAX_PITCHES
    if not counted or {key: t.shape for key, t in tensors.items()} != shapes:
        raise IdentityBroken(name, "its geometry.safetensors holds other tensors than expected")
    for key, tensor in tensors.items():
        if tensor.dtype != np.float32 or not np.isfinite(tensor).all() or np.abs(tensor).max() > 1e4:
            raise IdentityBroken(name, f"the tensor {key} of its geometry.safetensors holds no usable numbers")
    rotations = tensors["head.rotations"]
    if np.abs(rotations @ rotations.swapaxes(1, 2) - np.eye(3)).max() > 1e-2:
        raise IdentityBroken(name, "the tensor head.rotations of its geometry.safetensors holds no rotations")
    if any((np.diff(tensors[f"response.{kind}"]) <= 0).any() for kind in ("pitches", "asked", "read")):
        raise IdentityBroken(name, "the response in its geometry.safetensors does not rise")
    if not ((tensors["lid_lines"] >= 0.0) & (tensors["lid_lines"] <= 1.0)).all():
        raise IdentityBroken(name, "the lids in its geometry.safetensors meet outside of the eyes")
    if np.abs(tensors["lip_shifts"]).max() > _MOST_SHIFTED:
        raise IdentityBroken(name, "the lips in its geometry.safetensors lie far from the mouth")
    if np.abs(np.diff(tensors["page_openings"], axis=0)).min() < _LEAST_APART:
        raise IdentityBroken(name, "both pages in its geometry.safetensors are equally open")
    if not _SMALLEST_IRIS <= tensors["eyeballs.iris_radius"][0] <= _LARGEST_IRIS:
        raise IdentityBroken(name, "the iris in its geometry.safetensors is no iris's size")
    return tensors
