"""An identity from a person's own video, step by step; each step that is done already is left as it is."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import cv2
import keras
import numpy as np

from deepfake_core.identities.consent import ConsentRecord
from deepfake_core.inference.manifest import Manifest
from deepfake_core.swapping import networks
from deepfake_core.swapping.expression import EYES, MOUTH, measures
from deepfake_core.training import (
    coverage,
    own_base,
    own_samples,
    own_training,
    own_views,
    packing,
    quantisation,
    response,
)
from deepfake_core.training.backend import has_bfloat16
from deepfake_core.training.consent_gate import FaceReader
from deepfake_core.training.critics import frozen
from deepfake_core.training.errors import TrainingError
from deepfake_core.training.evaluation import describe
from deepfake_core.training.export import TOLERANCE, largest_difference
from deepfake_core.training.fitting import own_fit
from deepfake_core.training.identity_views import BakedHead, bake_head
from deepfake_core.training.losses import Critics
from deepfake_core.training.own_base import Base
from deepfake_core.training.own_consent import person_of
from deepfake_core.training.own_video import OwnVideo, read_own_video
from deepfake_core.training.workspace import Workspace

_SAME_ENCODER = 100 * TOLERANCE
_LIPS_TOGETHER = 0.04
"""Share of the frames."""


class OtherEncoder(TrainingError):
    """The base was trained with another encoder than the one that is shipped."""


def base(work: Path | None, portraits: Path | None) -> Base:
    """What a new identity starts from: what is shipped, or a workspace of train_swap.py; raises BaseMissing."""
    reader = FaceReader()
    if work is None:
        return own_base.shipped_base(reader)
    if portraits is None:
        raise own_base.BaseMissing("--base needs --portraits: a folder of NAME/portrait.png of its identities.")
    workspace = Workspace(work)
    return own_base.workspace_base(workspace, workspace.run, portraits, reader)


class OwnIdentity:
    """The steps; what they leave lies in one folder, a `Workspace` with video.npz, coverage.png and portrait.png."""

    def __init__(self, folder: Path, name: str, say: Callable[[str], None]) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        self._workspace = Workspace(folder)
        self._name = name
        self._say = say
        self.settings = own_training.configuration(bfloat16=has_bfloat16())

    @property
    def _video_path(self) -> Path:
        return self._workspace.folder / "video.npz"

    @property
    def portrait(self) -> Path:
        """The picture for the list of identities."""
        return self._workspace.folder / "portrait.png"

    def read(self, video: Path) -> None:
        """Read the video and say what it covers; raises VideoUnreadable or own_video.VideoUnusable."""
        if not self._video_path.exists():
            read_own_video(video).save(self._video_path)
        own = OwnVideo.load(self._video_path)
        seen = coverage.traits(own.frames)
        parts = coverage.parts(seen)
        _write(self._workspace.folder / "coverage.png", coverage.sheet(own.frames, parts, seen))
        self._say(f"{own.summary()}; see {self._workspace.folder / 'coverage.png'}")
        missing = coverage.advice(parts)
        self._say(f"Missing: {missing}" if missing else "All poses and expressions are covered.")

    def bake(self) -> None:
        """Bake what the template is drawn from; raises own_video.VideoUnusable."""
        if BakedHead.lies_in(self._workspace.head(self._name)):
            return
        own = OwnVideo.load(self._video_path)
        seen = coverage.traits(own.frames)
        parts = coverage.parts(seen)
        views = own_views.choose_views(own.frames, seen, parts)
        _write(self.portrait, own_views.portrait(own.frames, seen, parts))
        rest = np.quantile(measures(own_samples.heads(own.frames))[:, EYES], 0.6, axis=0)
        self._workspace.save_head(self._name, own_views.with_plausible_lids(bake_head(views), rest))
        self._say(f"baked from {len(views)} views")

    def fit(self, start: Base) -> None:
        """Fit the retargeter, from that of the identity whose face is nearest."""
        if self._workspace.retargeter(self._name).exists():
            return
        own = OwnVideo.load(self._video_path)
        nearest = start.by_likeness(person_of(own.frames, FaceReader()))[0]
        heads = own_samples.heads(own.frames)
        retargeter, expression = own_fit(heads, nearest.head.retargeter, nearest.expression)
        # Who talks all the time has the lips together seldom, but has them together at rest.
        at_rest = expression.identity_rest.copy()
        at_rest[MOUTH] = np.quantile(measures(heads)[:, MOUTH], _LIPS_TOGETHER)
        own_training.Progress(nearest.name).save(self._workspace.folder)
        self._workspace.keep_fit(self._name, retargeter, replace(expression, identity_rest=at_rest))
        self._say(f"nearest identity: {nearest.name}")

    def prepare(self, start: Base) -> None:
        """Make the samples."""
        own = OwnVideo.load(self._video_path)
        maker = own_samples.SampleMaker(own.frames, *self._workspace.identity(self._name), start.known)
        made = own_samples.make_all(self._workspace, self._name, maker, own.frames, self.settings)
        if made:
            self._say(f"{made} samples")

    def train(self, start: Base, minutes: float, *, embedding: Path | None, perceptual: Path | None) -> None:
        """Train the decoder, or go on with it, and say how good it is on frames held out.

        embedding, perceptual: frozen networks for these losses. Ctrl-C raises KeyboardInterrupt after a checkpoint.
        """
        critics = Critics(
            perceptual=frozen(perceptual) if perceptual else None, identity=frozen(embedding) if embedding else None
        )
        progress = own_training.train(
            self._workspace,
            self._name,
            base=start,
            minutes=minutes,
            settings=self.settings,
            critics=critics,
            say=self._say,
        )
        if progress.seconds < 60 * minutes:
            raise KeyboardInterrupt

    def export(self, folder: Path, record: ConsentRecord, *, title: str, about: str) -> None:
        """Write the pack, unsigned, and say its score; raises OtherEncoder and what `packing` raises."""
        trained, step = own_training.learnt_networks(self._workspace, self._name)
        manifest = Manifest.load()
        encoder = manifest.read(networks.ENCODER_NAME)
        _check_encoder(trained.encoder, encoder)
        small = networks.ENCODER_INT8_NAME
        files = packing.decoder_files(
            packing.exported_decoder(trained.decoders[0]),
            encoder,
            manifest.read(small) if small in manifest.entries else encoder,
            quantisation.HeldOut.of(own_training.held_out(self._workspace, self._name, self.settings), 0),
            self._say,
        )
        identity, expression = self._workspace.identity(self._name)
        used = files.get(networks.DECODER_INT8_FILE, files[networks.DECODER_FILE])
        expression = response.measured(self._name, identity, expression, used)
        signed_by = packing.write_identity(
            folder,
            files | packing.drawn_files(identity, expression, self.portrait),
            title=title,
            description=about,
            encoder_sha256=manifest.entry(networks.ENCODER_NAME).sha256,
            consent=record,
        )
        found = own_training.judge(self._workspace, self._name, self.settings)
        self._say(f"step {step}, {found.samples} frames held out, inside the face and without light:")
        self._say(f"  networks: {describe(found.networks)}")
        self._say(f"  template: {describe(found.template)}")
        size = sum(path.stat().st_size for path in folder.iterdir()) / 1e6
        signer = "the project" if signed_by.kind == "synthetic" else signed_by.depicted
        self._say(
            f"{folder}: {size:.1f} MB, closed until {signer} signs it: tools/identity.py sign {folder} --key FILE"
        )


def _check_encoder(encoder: keras.Model, shipped: bytes) -> None:
    difference = largest_difference(encoder, shipped, networks.encoder_inputs(), networks.features())
    if difference > _SAME_ENCODER:
        raise OtherEncoder(
            f"The encoder that was trained on differs from {networks.ENCODER_NAME} by {difference:.2g}: no version "
            "would open this identity. Start from the base that belongs to the shipped encoder."
        )


def _write(path: Path, picture: object) -> None:
    if not cv2.imwrite(str(path), picture):  # type: ignore[call-overload]
        raise OSError(f"{path} cannot be written: check the folder and its free space.")
