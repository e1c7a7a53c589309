"""What can be scored as a swap. Each output carries the marks, as everything that leaves this product."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable
from dataclasses import dataclass
from typing import Protocol

import cv2
import numpy as np

from deepfake_core.compositing.paste import Patch, paste
from deepfake_core.disclosure.mark import Disclosure
from deepfake_core.evaluation.errors import CandidateRefused
from deepfake_core.facemesh.tracking import FaceTracker
from deepfake_core.frame import Frame
from deepfake_core.identities.errors import IdentityError
from deepfake_core.identities.library import Library
from deepfake_core.pipeline import Pipeline
from deepfake_core.settings import Quality, Settings
from deepfake_core.swapping import regions, surface
from deepfake_core.swapping.alignment import crop_transform, fit_pose, similarity, transform_points
from deepfake_core.training.still_landmarks import StillLandmarks

_SIZE = 256
_REPEAT = cv2.BORDER_REPLICATE


@dataclass(frozen=True)
class Sample:
    """What the benchmark knows of a frame; only candidates that are to show a ceiling look at it."""

    truth: np.ndarray
    """uint8 (S, S, 3) BGR."""
    truth_points: np.ndarray
    """float32 (468, 3), px."""
    identity: np.ndarray
    """The identity alone in the same scene, hairless and with nothing before the face: uint8 (S, S, 3) BGR."""
    identity_points: np.ndarray
    """float32 (468, 3), px."""


class Candidate(Protocol):
    """A swap of one sequence, called with its frames in order."""

    def __call__(self, frame: Frame, sample: Sample, /) -> bool:
        """Swap and mark `frame` in place; False where nothing could be swapped and something else is shown."""


class LiveFilter:
    """The product: its pipeline with its default settings, at the best quality whatever the time."""

    template_only = False

    def __init__(self, identity: str) -> None:
        self._pipeline = Pipeline(
            Settings(identity=identity, quality=Quality.BEST),
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

    def __init__(self, _identity: str) -> None:
        self._disclosure = Disclosure()

    def __call__(self, frame: Frame, _sample: Sample) -> bool:
        """See `Candidate`."""
        self._disclosure.mark(frame)
        return True


class Truth:
    """The truth itself: the ceiling, lowered by the marks alone."""

    def __init__(self, _identity: str) -> None:
        self._disclosure = Disclosure()

    def __call__(self, frame: Frame, sample: Sample) -> bool:
        """See `Candidate`."""
        frame.planes[0][:] = sample.truth
        self._disclosure.mark(frame)
        return True


class _PastedFace(ABC):
    """Finds the actor's face, lays something over it as the product does, and marks."""

    def __init__(self) -> None:
        self._tracker = FaceTracker(max_faces=1, threads=1, provider="cpu")
        self._disclosure = Disclosure()

    def __call__(self, frame: Frame, sample: Sample) -> bool:
        """See `Candidate`."""
        faces = self._tracker.update(frame, frame.timestamp_ns)
        if faces:
            paste(frame, self._patch(faces[0].landmarks, sample))
        else:
            frame.blur()
        self._disclosure.mark(frame)
        return bool(faces)

    @abstractmethod
    def _patch(self, landmarks: np.ndarray, sample: Sample) -> Patch:
        """What is laid over the face whose landmarks are float32 (468, 3), px."""


class WarpedPortrait(_PastedFace):
    """The identity's portrait on the actor's mesh: what everybody can do without a network.

    No retargeting, no light, no other expression than the portrait's.
    """

    def __init__(self, identity: str) -> None:
        super().__init__()
        try:
            data = Library().open(identity).files["portrait.png"]
        except IdentityError as error:
            raise CandidateRefused(str(error)) from error
        portrait = cv2.imdecode(np.frombuffer(data, np.uint8), cv2.IMREAD_COLOR)
        points = None if portrait is None else StillLandmarks()(portrait)
        if portrait is None or points is None:
            raise CandidateRefused(f"The portrait of {identity!r} shows no face; make another one.")
        pose = fit_pose(points)
        # The mesh and a ring around it; where the portrait shows them is their place in the texture.
        self._uv = pose.to_picture(surface.extend(pose.to_head(points)))[:, :2].astype(np.float32)
        self._texture = np.dstack([portrait, np.zeros(portrait.shape[:2], np.uint8)])

    def _patch(self, landmarks: np.ndarray, sample: Sample) -> Patch:
        pose = fit_pose(landmarks)
        to_crop = crop_transform(pose, surface.RASTER_SIZE)
        mesh = pose.to_picture(surface.extend(pose.to_head(landmarks)))
        raster = surface.rasterise(transform_points(to_crop, mesh), surface.RASTER_SIZE)
        drawing = surface.draw(self._texture, self._uv, raster, _SIZE)
        to_patch = crop_transform(pose, _SIZE)
        matte = regions.matte(transform_points(to_patch, landmarks), _SIZE)
        matte[drawing.coverage < 0.5] = 0
        return Patch(drawing.bgr.astype(np.uint8), matte, cv2.invertAffineTransform(to_patch))


class Composite(_PastedFace):
    """A perfectly drawn face, the renderer's own, laid in with the product's matte and feather.

    What it loses is the composite's doing: hair, glasses and hands painted over, edges in the wrong place. The face has
    the identity's own tone: the truth to score it on is `face`.
    """

    def __init__(self, _identity: str) -> None:
        super().__init__()

    def _patch(self, landmarks: np.ndarray, sample: Sample) -> Patch:
        # The identity alone stands a little differently in the picture than its face on the actor's head.
        scale, rotation, shift = similarity(
            sample.identity_points[:, :2].astype(np.float64), sample.truth_points[:, :2].astype(np.float64)
        )
        to_patch = crop_transform(fit_pose(landmarks), _SIZE)
        lay = np.column_stack([to_patch[:, :2] @ (scale * rotation), to_patch[:, :2] @ shift + to_patch[:, 2]])
        return Patch(
            cv2.warpAffine(sample.identity, lay, (_SIZE, _SIZE), flags=cv2.INTER_CUBIC, borderMode=_REPEAT),
            regions.matte(transform_points(to_patch, landmarks), _SIZE),
            cv2.invertAffineTransform(to_patch),
        )


CANDIDATES: dict[str, Callable[[str], Candidate]] = {
    "filter": LiveFilter,
    "template": Template,
    "none": NoSwap,
    "portrait": WarpedPortrait,
    "composite": Composite,
    "truth": Truth,
}
"""Each is opened with an identity's name, anew for each sequence, and raises CandidateRefused."""
