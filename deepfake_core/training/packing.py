"""Packing a trained swap: the shared encoder, and the identity with all that belongs to it."""

from __future__ import annotations

import uuid
from collections.abc import Callable
from dataclasses import dataclass
from datetime import date
from pathlib import Path

import cv2
import keras
import numpy as np
from safetensors.numpy import save as save_tensors

from deepfake_core.identities import pack, release
from deepfake_core.identities.consent import NOBODY, ConsentRecord
from deepfake_core.identities.purposes import Purpose
from deepfake_core.inference.session import Shape
from deepfake_core.swapping import networks
from deepfake_core.swapping.decoder import CROP, SIZE
from deepfake_core.swapping.expression import ExpressionMatch
from deepfake_core.swapping.identity_head import IdentityHead
from deepfake_core.training.errors import TrainingError
from deepfake_core.training.export import largest_difference, to_onnx
from deepfake_core.training.quantisation import HeldOut, small_decoder, small_encoder

MAX_PORTRAIT_SIDE = 512
Say = Callable[[str], object]
_SAME = 1e-5


class PortraitMissing(TrainingError):
    """There is no picture to show in the list of identities."""


@dataclass(frozen=True)
class Origin:
    """Where an identity that depicts nobody comes from; goes into its consent record."""

    seed: int
    command: str
    """The command that rendered the person."""
    valid_from: date


@dataclass(frozen=True)
class Encoders:
    """The shared encoder's files."""

    full: Path
    small: Path | None
    """In 8 bits; None where that is not worth having."""

    @property
    def used(self) -> Path:
        """What a processor runs."""
        return self.small or self.full


def encoder_files(encoder: keras.Model, decoder: bytes, folder: Path, samples: HeldOut, say: Say = print) -> Encoders:
    """Write the shared encoder into `folder` as encoder.onnx and, where it is worth having, in 8 bits.

    A file that computes the same already stays: exports of the same weights differ in their bytes, and identities name
    the encoder by its hash. decoder: one that the 8-bit encoder is tried with.
    Raises ExportMismatch.
    """
    full, small = folder / "encoder.onnx", folder / "encoder_int8.onnx"
    inputs, outputs = networks.encoder_inputs(), networks.features()
    if not (full.exists() and _computes(full.read_bytes(), encoder, inputs, outputs)):
        data = to_onnx(encoder, inputs, outputs, "encoder")
        folder.mkdir(parents=True, exist_ok=True)
        small.unlink(missing_ok=True)
        pack.replace(full, data)
    if not small.exists():
        made, trial = small_encoder(full.read_bytes(), decoder, samples)
        say(f"encoder in 8 bits {trial}")
        if made is None:
            return Encoders(full, None)
        pack.replace(small, made)
    return Encoders(full, small)


def decoder_files(
    decoder: bytes, encoder: bytes, encoder_used: bytes, samples: HeldOut, say: Say = print
) -> dict[str, bytes]:
    """A pack's decoder and, where it is worth having, its 8-bit variant, as `quantisation.small_decoder` tells."""
    small, trial = small_decoder(encoder, encoder_used, decoder, samples)
    say(f"decoder in 8 bits {trial}")
    return {networks.DECODER_FILE: decoder} | ({networks.DECODER_INT8_FILE: small} if small else {})


def _computes(data: bytes, encoder: keras.Model, inputs: dict[str, Shape], outputs: dict[str, Shape]) -> bool:
    try:
        return largest_difference(encoder, data, inputs, outputs) < _SAME
    except (RuntimeError, ValueError, KeyError):  # an encoder of another version takes other inputs
        return False


def exported_decoder(decoder: keras.Model) -> bytes:
    """decoder.onnx; raises ExportMismatch."""
    return to_onnx(decoder, networks.decoder_inputs(), networks.decoder_outputs(), "decoder")


def drawn_files(identity: IdentityHead, expression: ExpressionMatch, portrait: Path) -> dict[str, bytes]:
    """The files of a pack that the template is drawn from, and its portrait; raises PortraitMissing."""
    geometry = {name: getattr(identity, name) for name in ("uv", "page_openings", "lid_lines", "lip_shifts", "tone")}
    geometry |= {"head.rotations": identity.head.rotations}
    geometry |= {f"eyeballs.{name}": getattr(identity.eyeballs, name) for name in ("iris_radius", "offsets")}
    geometry |= {f"mouth.{name}": getattr(identity.mouth, name) for name in ("places", "cavity")}
    fitted = {"retargeter": identity.retargeter, "expression": expression, "response": expression.response}
    for part, holder in fitted.items():
        geometry |= {f"{part}.{name}": t for name, t in vars(holder).items() if isinstance(t, np.ndarray)}
    teeth = identity.mouth.teeth
    return {
        "portrait.png": _png(_portrait(portrait)),
        "surface.png": _png(np.hstack(list(identity.pages))),
        "head.png": _png(np.hstack(list(identity.head.pictures))),
        "hair.png": _png(np.hstack(list(identity.head.hair))),
        "iris.png": _png(identity.eyeballs.iris),
        "teeth.png": _png(teeth.reshape(-1, teeth.shape[2], 4)),
        "geometry.safetensors": save_tensors(
            {name: np.ascontiguousarray(tensor, np.float32) for name, tensor in geometry.items()}
        ),
    }


def origin_record(name: str, origin: Origin) -> ConsentRecord:
    """The record of an identity that depicts nobody; it counts once the project's release key has signed it."""
    return ConsentRecord(
        record_id=f"synthetic-{name}-{uuid.uuid4().hex[:12]}",
        kind="synthetic",
        signer=release.PUBLIC_KEY,
        depicted=NOBODY,
        granted_to=("everybody",),
        purposes=tuple(Purpose),
        contexts=("Every picture stays marked as AI-modified.",),
        given_on=origin.valid_from,
        valid_from=origin.valid_from,
        withdrawal="Nobody is depicted; the project can withdraw it with models/identities/withdrawals.json.",
        seed=origin.seed,
        command=origin.command,
    )


def write_identity(
    folder: Path, files: dict[str, bytes], *, title: str, description: str, encoder_sha256: str, consent: ConsentRecord
) -> ConsentRecord:
    """Write an unsigned pack; returns the record to be signed, see `pack.write`."""
    return pack.write(
        folder,
        title=title,
        description=description,
        networks="surface",
        size=SIZE,
        crop=CROP,
        encoder_sha256=encoder_sha256,
        files=files,
        consent=consent,
    )


def _portrait(path: Path) -> np.ndarray:
    picture = cv2.imread(str(path), cv2.IMREAD_COLOR)
    if picture is None:
        raise PortraitMissing(f"{path} is not a readable picture; render the identity's views again.")
    factor = MAX_PORTRAIT_SIDE / max(picture.shape[:2])
    return picture if factor >= 1.0 else cv2.resize(picture, None, fx=factor, fy=factor, interpolation=cv2.INTER_AREA)


def _png(picture: np.ndarray) -> bytes:
    return cv2.imencode(".png", picture, [cv2.IMWRITE_PNG_COMPRESSION, 9])[1].tobytes()
