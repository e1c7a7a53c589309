"""What can be scored as a swap. Each output carries the marks, as everything that leaves this product."""

from __future__ import annotations

from collections.abc import Callable
from typing import Protocol

import cv2
import numpy as np

from deepfake_core.compositing.paste import paste
from deepfake_core.disclosure.mark import Disclosure
from deepfake_core.evaluation.errors import CandidateRefused
from deepfake_core.facemesh.tracking import FaceTracker
from deepfake_core.frame import Frame
from deepfake_core.identities.errors import IdentityError
from deepfake_core.identities.library import Library
from deepfake_core.pipeline import Pipeline
from deepfake_core.settings import Quality, Settings
from deepfake_core.swapping import regions, surface
from deepfake_core.swapping.alignment import crop_transform, fit_pose, transform_points
from deepfake_core.swapping.swapper import Patch
from deepfake_core.training.still_landmarks import StillLandmarks

_SIZE = 256


class Candidate(Protocol):
    """A swap of one sequence, called with its frames in order."""

    def __call__(self, frame: Frame, truth: np.ndarray, /) -> bool:
        """Swap and mark `frame` in place; False where nothing could be swapped and something else is shown.

        truth: uint8 (S, S, 3) BGR, which only the ceiling looks at.
        """


class LiveFilter:
    """The product: its pipeline with its default settings, at the best quality whatever the time."""

    def __init__(self, identity: str) -> None:
        self._pipeline = Pipeline(
            Settings(identity=identity, quality=Quality.BEST), library=Library(), threads=1, provider="cpu"
        )
        self._pipeline.load()
        if self._pipeline.status().last_error:
            raise CandidateRefused(self._pipeline.status().last_error)

    def __call__(self, frame: Frame, _truth: np.ndarray) -> bool:
        """See `Candidate`."""
        before = self._pipeline.status().frames_swapped
        self._pipeline.process(frame)
        return self._pipeline.status().frames_swapped > before


class NoSwap:
    """The actor as filmed: the floor for likeness, and no bad one for all else."""

    def __init__(self, _identity: str) -> None:
        self._disclosure = Disclosure()

    def __call__(self, frame: Frame, _truth: np.ndarray) -> bool:
        """See `Candidate`."""
        self._disclosure.mark(frame)
        return True


class Truth:
    """The truth itself: the ceiling, lowered by the marks alone."""

    def __init__(self, _identity: str) -> None:
        self._disclosure = Disclosure()

    def __call__(self, frame: Frame, truth: np.ndarray) -> bool:
        """See `Candidate`."""
        frame.planes[0][:] = truth
        self._disclosure.mark(frame)
        return True


class WarpedPortrait:
    """The identity's portrait on the actor's mesh: what everybody can do without a network.

    No retargeting, no light, no other expression than the portrait's; found, laid in and softened like the product's.
    """

    def __init__(self, identity: str) -> None:
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
        self._tracker = FaceTracker(max_faces=1, threads=1, provider="cpu")
        self._disclosure = Disclosure()

    def __call__(self, frame: Frame, _truth: np.ndarray) -> bool:
        """See `Candidate`."""
        faces = self._tracker.update(frame, frame.timestamp_ns)
        if faces:
            paste(frame, self._patch(faces[0].landmarks))
        else:
            frame.blur()
        self._disclosure.mark(frame)
        return bool(faces)

    def _patch(self, landmarks: np.ndarray) -> Patch:
        pose = fit_pose(landmarks)
        to_crop = crop_transform(pose, surface.RASTER_SIZE)
        mesh = pose.to_picture(surface.extend(pose.to_head(landmarks)))
        raster = surface.rasterise(transform_points(to_crop, mesh), surface.RASTER_SIZE)
        drawing = surface.draw(self._texture, self._uv, raster, _SIZE)
        to_patch = crop_transform(pose, _SIZE)
        matte = regions.matte(transform_points(to_patch, landmarks), _SIZE)
        matte[drawing.coverage < 0.5] = 0
        return Patch(drawing.bgr.astype(np.uint8), matte, cv2.invertAffineTransform(to_patch))


CANDIDATES: dict[str, Callable[[str], Candidate]] = {
    "filter": LiveFilter,
    "none": NoSwap,
    "portrait": WarpedPortrait,
    "truth": Truth,
}
"""Each is opened with an identity's name, anew for each sequence, and raises CandidateRefused."""
