"""The plain autoencoder, as a swap to compare with: a network that sees the driver's pixels alone and draws the
identity, composited by the product."""

from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np

from deepfake_core.compositing.compositor import Compositor
from deepfake_core.compositing.view import ComposedFace
from deepfake_core.crop import crop
from deepfake_core.disclosure.mark import Disclosure
from deepfake_core.evaluation.errors import CandidateRefused
from deepfake_core.facemesh.tracking import FaceTracker
from deepfake_core.frame import Frame
from deepfake_core.identities.errors import IdentityError
from deepfake_core.identities.library import Library
from deepfake_core.inference.errors import ModelError
from deepfake_core.inference.manifest import MAX_MODEL_BYTES
from deepfake_core.inference.session import Session, open_session
from deepfake_core.parsing.parser import FaceParser
from deepfake_core.settings import Mode, Settings
from deepfake_core.swapping import light, networks, regions
from deepfake_core.swapping.alignment import crop_transform, fit_pose, transform_points
from deepfake_core.swapping.decoder import IdentityDecoder, load_decoder
from deepfake_core.swapping.swapper import DrawnHead

_SIZE = networks.SIZES[1]
INPUTS = {"driver": networks.encoder_inputs()["driver"]}
OUTPUTS = networks.decoder_outputs()


class Autoencoder:
    """One network in the place of template, encoder and decoder; tracker, parser and compositor are the product's."""

    def __init__(self, network: Path, identity: str, mode: Mode = Mode.FACE) -> None:
        """network: ONNX file of `train_swap.py autoencoder`, made for `identity`. Raises CandidateRefused."""
        if mode is not Mode.FACE:
            raise CandidateRefused("The autoencoder draws no head: score it with --mode face.")
        try:
            decoder = load_decoder(Library().open(identity), threads=1, provider="cpu")
            self._tracker = FaceTracker(max_faces=1, threads=1, provider="cpu")
            self._parser = FaceParser(threads=1, provider="cpu")
        except (IdentityError, ModelError) as error:
            raise CandidateRefused(str(error)) from error
        if not isinstance(decoder, IdentityDecoder):
            raise CandidateRefused(f"{identity!r} is an imported model, which says nothing of its own tone.")
        self._tone = decoder.head.tone
        self._network = _open(network)
        self._compositor = Compositor()
        self._disclosure = Disclosure()

    def __call__(self, frame: Frame, _sample: object) -> bool:
        """See `candidates.Candidate`."""
        faces = self._tracker.update(frame, frame.timestamp_ns)
        if faces:
            face = faces[0]
            parsing = self._parser.parse(frame, face.landmarks, face.track_id)
            drawn = ComposedFace(self._drawn(frame, face.landmarks), parsing, face.track_id)
            self._compositor.composite(frame, [drawn], Settings())
        else:
            frame.blur()
        self._disclosure.mark(frame)
        return bool(faces)

    def _drawn(self, frame: Frame, landmarks: np.ndarray) -> DrawnHead:
        pose = fit_pose(landmarks)
        to_square = crop_transform(pose, _SIZE)
        points = transform_points(to_square, landmarks)
        driver, skin = crop(frame, to_square, _SIZE), regions.skin(points, _SIZE)
        unlit = light.reflectance(driver, light.measure(driver, skin.astype(np.float32) / np.float32(255.0)))
        outputs = self._network.run(driver=networks.centre(unlit)[None])
        made = dict(zip(self._network.outputs, outputs, strict=True))
        face_matte, head_matte = (
            cv2.convertScaleAbs(made[name][0, ..., 0], alpha=255.0) for name in ("face_matte", "head_matte")
        )
        return DrawnHead(
            reflectance=np.clip(made["reflectance"][0] + np.float32(1.0), 0.0, 2.0),
            face_matte=face_matte,
            head_matte=head_matte,
            skin=skin,
            driver_matte=regions.matte(points, _SIZE),
            tone=self._tone,
            crop_to_frame=cv2.invertAffineTransform(to_square),
            pose=pose,
            points=points,
            face_square=(0, 0, _SIZE),
            head_mode=False,
        )


def _open(path: Path) -> Session:
    """A network of a file from anywhere: its size is bounded, its operators and shapes are checked."""
    try:
        with path.open("rb") as file:
            data = file.read(MAX_MODEL_BYTES + 1)
        session = open_session(data, name=path.name, threads=1, provider="cpu", dimensions=networks.EXAMPLE)
    except (OSError, ModelError) as error:
        raise CandidateRefused(f"The autoencoder {path} does not open: {error}") from error
    if session.inputs != INPUTS or session.outputs != OUTPUTS:
        raise CandidateRefused(f"{path} is no autoencoder of this version: make it with train_swap.py autoencoder.")
    return session
