"""What can be scored as a swap. Each output carries the marks, as everything that leaves this product."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, fields
from pathlib import Path
from typing import Protocol

import cv2
import numpy as np

from deepfake_core.compositing.compositor import Compositor
from deepfake_core.compositing.seam import lay
from deepfake_core.compositing.view import ComposedFace, DriverView, Layer, SeenFace, warped
from deepfake_core.disclosure.mark import Disclosure
from deepfake_core.evaluation.autoencoder import Autoencoder
from deepfake_core.evaluation.errors import CandidateRefused
from deepfake_core.evaluation.ground_truth import TrueFace, true_face, true_parsing, unlit_face
from deepfake_core.evaluation.portrait import open_portrait
from deepfake_core.evaluation.true_head import TrueHead, true_head
from deepfake_core.facemesh.tracking import FaceTracker
from deepfake_core.frame import Frame
from deepfake_core.identities.library import Library
from deepfake_core.pipeline import Pipeline
from deepfake_core.settings import Glasses, Mode, Quality, Settings
from deepfake_core.swapping import regions, surface
from deepfake_core.swapping.alignment import crop_transform, fit_pose, transform_points
from deepfake_core.threads import Beside

_SIZE = 256
_RASTER = 128


def _nothing() -> np.ndarray:
    return np.zeros((0, 0), np.uint8)


@dataclass(frozen=True)
class Sample:
    """What the benchmark knows of a frame; only candidates that are to show a ceiling look at it."""

    truth: np.ndarray
    """uint8 (S, S, 3) BGR."""
    truth_points: np.ndarray
    """float32 (468, 3), px."""
    truth_labels: np.ndarray = field(default_factory=_nothing)
    """uint8 (S, S) `Label`."""
    truth_alpha: np.ndarray = field(default_factory=_nothing)
    """uint8 (S, S): matte of the person."""
    truth_head_matte: np.ndarray = field(default_factory=_nothing)
    """uint8 (S, S)."""
    plate_bgr: np.ndarray = field(default_factory=_nothing)
    """uint8 (S, S, 3) BGR: the background alone."""
    swap_matte: np.ndarray = field(default_factory=_nothing)
    """uint8 (S, S): where the truths with the identity's inner face differ from the actor."""
    actor_points: np.ndarray = field(default_factory=_nothing)
    """float32 (468, 3), px."""
    actor_labels: np.ndarray = field(default_factory=_nothing)
    """uint8 (S, S) `Label`."""
    actor_hair_matte: np.ndarray = field(default_factory=_nothing)
    """uint8 (S, S)."""
    actor_head_matte: np.ndarray = field(default_factory=_nothing)
    """uint8 (S, S)."""

    @classmethod
    def of(cls, arrays: Mapping[str, np.ndarray], frame: int, truth: str) -> Sample:
        """A frame of the benchmark's arrays, to be scored on this truth."""
        names = {one.name: one.name.replace("truth", truth) for one in fields(cls)} | {"truth": f"{truth}_bgr"}
        return cls(**{name: arrays[source][frame] for name, source in names.items()})


class Candidate(Protocol):
    """A swap of one sequence, called with its frames in order."""

    def __call__(self, frame: Frame, sample: Sample, /) -> bool:
        """Swap and mark `frame` in place; False where nothing could be swapped and something else is shown."""


class LiveFilter:
    """The product: its pipeline with its default settings, at the balanced quality whatever the time."""

    template_only = False

    def __init__(self, identity: str, mode: Mode = Mode.FACE) -> None:
        self._pipeline = Pipeline(
            Settings(identity=identity, mode=mode, quality=Quality.BALANCED),
            library=Library(),
            threads=1,
            provider="cpu",
            template_only=self.template_only,
        )
        self._pipeline.load()
        if self._pipeline.status().last_error:
            raise CandidateRefused(self._pipeline.status().last_error)

    def __call__(self, frame: Frame, _sample: Sample) -> bool:
        """See `Candidate`."""
        before = self._pipeline.status().frames_swapped
        self._pipeline.process(frame)
        return self._pipeline.status().frames_swapped > before


class Template(LiveFilter):
    """The product without the swap's networks: the identity drawn from its pictures alone, what they must beat."""

    template_only = True


class NoSwap:
    """The actor as filmed: the floor for likeness, and no bad one for all else."""

    def __init__(self, _identity: str, _mode: Mode = Mode.FACE) -> None:
        self._disclosure = Disclosure()

    def __call__(self, frame: Frame, _sample: Sample) -> bool:
        """See `Candidate`."""
        self._disclosure.mark(frame)
        return True


class Truth:
    """The truth itself: the ceiling, lowered by the marks alone."""

    def __init__(self, _identity: str, _mode: Mode = Mode.FACE) -> None:
        self._disclosure = Disclosure()

    def __call__(self, frame: Frame, sample: Sample) -> bool:
        """See `Candidate`."""
        frame.planes[0][:] = sample.truth
        self._disclosure.mark(frame)
        return True


class WarpedPortrait:
    """The identity's portrait on the actor's mesh: what everybody can do without a network.

    No retargeting, no light, no other expression than the portrait's.
    """

    def __init__(self, identity: str, _mode: Mode = Mode.FACE) -> None:
        self._tracker = FaceTracker(max_faces=1, threads=1, provider="cpu")
        self._disclosure = Disclosure()
        portrait, points = open_portrait(identity)
        pose = fit_pose(points)
        # The mesh and a ring around it; where the portrait shows them is their place in the texture.
        self._uv = pose.to_picture(surface.extend(pose.to_head(points)))[:, :2].astype(np.float32)
        self._texture = np.dstack([portrait, np.full(portrait.shape[:2], 255, np.uint8)])

    def __call__(self, frame: Frame, _sample: Sample) -> bool:
        """See `Candidate`."""
        faces = self._tracker.update(frame, frame.timestamp_ns)
        if faces:
            lay(frame, self._layer(frame, faces[0].landmarks))
        else:
            frame.blur()
        self._disclosure.mark(frame)
        return bool(faces)

    def _layer(self, frame: Frame, landmarks: np.ndarray) -> Layer:
        pose = fit_pose(landmarks)
        mesh = pose.to_picture(surface.extend(pose.to_head(landmarks)))
        raster = surface.rasterise(transform_points(crop_transform(pose, _RASTER), mesh), _RASTER)
        bgr, seen = surface.draw(self._texture, self._uv, raster, _SIZE)
        to_square = crop_transform(pose, _SIZE)
        matte = regions.matte(transform_points(to_square, landmarks), _SIZE)
        matte[seen < 0.5] = 0
        to_frame, size = cv2.invertAffineTransform(to_square), (frame.width, frame.height)
        return Layer(frame.box, warped(bgr, to_frame, size, repeat=True), warped(matte, to_frame, size))


class Composite:
    """A perfectly drawn face, the renderer's own picture under its own light, and a perfect parser, composited by the
    product: what it loses is lost at the seam, to what stays before the face, and to grain.
    """

    def __init__(self, _identity: str, mode: Mode = Mode.FACE) -> None:
        self._mode: TrueFace | TrueHead = TrueFace() if mode is Mode.FACE else TrueHead()
        # The truth shows the head without the actor's glasses, the face with them.
        self._settings = Settings(mode=mode, glasses=Glasses.KEEP if mode is Mode.FACE else Glasses.TAKE)
        self._disclosure = Disclosure()

    def __call__(self, frame: Frame, sample: Sample) -> bool:
        """See `Candidate`."""
        points = sample.actor_points
        if isinstance(self._mode, TrueFace):
            self._mode.show(sample.truth, frame.to_bgr(), sample.swap_matte, sample.truth_labels)
            drawn = true_face(sample.swap_matte, points)
        else:
            self._mode.show(sample.truth, sample.plate_bgr, sample.truth_alpha, sample.truth_head_matte)
            drawn = true_head(sample.truth_head_matte, sample.truth_labels, points)
        parsing = true_parsing(sample.actor_labels, sample.actor_hair_matte, sample.actor_head_matte, points)
        driver = DriverView(frame, SeenFace(drawn, parsing, track_id=0), self._settings)
        with Beside("", threads=1) as beside:
            for layer in self._mode.look(driver, beside)(drawn):
                lay(frame, layer)
        self._disclosure.mark(frame)
        return True


class Relit:
    """The renderer's own face without its light, as the swapper draws one, and a perfect parser: the product measures
    the light on the actor's skin, puts it back and composites.
    """

    def __init__(self, _identity: str, mode: Mode = Mode.FACE) -> None:
        if mode is not Mode.FACE:
            raise CandidateRefused("The true head is not relit: score it with --mode face.")
        self._compositor = Compositor()
        self._disclosure = Disclosure()

    def __call__(self, frame: Frame, sample: Sample) -> bool:
        """See `Candidate`."""
        points, actor = sample.actor_points, frame.to_bgr()
        drawn = unlit_face(sample.truth, actor, sample.swap_matte, sample.truth_labels, points)
        parsing = true_parsing(sample.actor_labels, sample.actor_hair_matte, sample.actor_head_matte, points)
        self._compositor.composite(frame, [ComposedFace(drawn, parsing, track_id=0)], Settings())
        self._disclosure.mark(frame)
        return True


class OnPlate(Composite):
    """A perfect head before the true background: what a composite of whole heads loses besides what it must invent."""

    def __init__(self, identity: str, mode: Mode = Mode.FACE) -> None:
        super().__init__(identity, mode)
        if mode is not Mode.HEAD:
            raise CandidateRefused("Only a whole head lays the background bare: score it with --mode head.")
        self._mode = TrueHead(before_truth=True)


CANDIDATES: dict[str, Callable[[str, Mode], Candidate]] = {
    "filter": LiveFilter,
    "template": Template,
    "none": NoSwap,
    "portrait": WarpedPortrait,
    "composite": Composite,
    "relit": Relit,
    "on_plate": OnPlate,
    "truth": Truth,
}
"""Each is opened with an identity's name and what is replaced, anew for each sequence, and raises CandidateRefused."""
AUTOENCODER = "autoencoder"
"""Another, which is no part of the product: its network comes from a file."""
NAMES = (*CANDIDATES, AUTOENCODER)


def open_candidate(name: str, identity: str, mode: Mode, network: Path | None = None) -> Candidate:
    """One of NAMES; network: the autoencoder's file. Raises CandidateRefused."""
    if (name == AUTOENCODER) != (network is not None):
        raise CandidateRefused(f"--candidate {AUTOENCODER} and --network FILE belong together: give both, or neither.")
    return CANDIDATES[name](identity, mode) if network is None else Autoencoder(network, identity, mode)
