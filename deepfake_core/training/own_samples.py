"""Training samples of a person's own video: every frame is the truth of itself, driven by itself and by others.

Trained on its own pictures alone, a decoder learns to copy the driver, and would show any driver's face. So each
frame is also driven by other people with just this expression: the bundled identities, who do not exist, drawn by
their templates in the person's place and light. They are found and retargeted as a driver on camera is.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import cv2
import numpy as np

from deepfake_core.swapping.alignment import crop_transform
from deepfake_core.swapping.expression import EYES, MOUTH, ExpressionMatch, measures
from deepfake_core.swapping.identity_head import IdentityHead
from deepfake_core.swapping.retargeting import Neutral
from deepfake_core.swapping.template import TemplateDrawer
from deepfake_core.training.configuration import Configuration
from deepfake_core.training.fitting import neutral
from deepfake_core.training.own_video import MOST_PER_SECOND, SIDE, OwnFrame
from deepfake_core.training.own_views import head_matte, lit_square, skin_light
from deepfake_core.training.pairs import Shard
from deepfake_core.training.preparation import PairLandmarks, make_sample
from deepfake_core.training.still_landmarks import StillLandmarks
from deepfake_core.training.workspace import Workspace

Sample = dict[str, np.ndarray]
SHARD_FRAMES = 32
_DRAWN_SIZE = 320
_DRAWN_CENTIMETRES = 27.0
_SEGMENT_SECONDS = 2.0
_HELD_OUT_EVERY = 8


@dataclass(frozen=True)
class Known:
    """An identity that is there already."""

    name: str
    head: IdentityHead
    expression: ExpressionMatch


def seeds(frames: Sequence[OwnFrame], settings: Configuration) -> np.ndarray:
    """A number for each frame, int64 (N,), by which `Configuration.held_out` keeps out every eighth two seconds."""
    kept_out = next(seed for seed in range(10_000) if settings.held_out(seed))
    trained = next(seed for seed in range(10_000) if not settings.held_out(seed))
    segments = np.array([int(frame.seconds / _SEGMENT_SECONDS) for frame in frames])
    return np.where(segments % _HELD_OUT_EVERY == _HELD_OUT_EVERY - 1, kept_out, trained).astype(np.int64)


def heads(frames: Sequence[OwnFrame]) -> np.ndarray:
    """Pose-normalised landmarks (N, 468, 3), cm."""
    return np.stack([frame.pose().to_head(frame.landmarks.astype(np.float64)) for frame in frames])


class SampleMaker:
    """Makes the samples of one person's frames."""

    def __init__(
        self, frames: Sequence[OwnFrame], identity: IdentityHead, expression: ExpressionMatch, others: Sequence[Known]
    ) -> None:
        self._frames = frames
        self._identity = identity
        self._expression = expression
        self._others = others
        rest = expression.identity_rest
        self._rest = Neutral(neutral(heads(frames)).astype(np.float32), rest[EYES], float(rest[MOUTH]), 1.0)
        self._drawer = TemplateDrawer()
        self._find = StillLandmarks()

    def driven_by_itself(self, chosen: Sequence[int]) -> tuple[list[Sample], list[int]]:
        """Samples of frames whose driver is the person, and the frames that gave one."""
        frames = [self._frames[k] for k in chosen]
        return self._samples(chosen, [frame.bgr() for frame in frames], [frame.landmarks for frame in frames])

    def driven_by_others(self, chosen: Sequence[int], other: int) -> tuple[list[Sample], list[int]]:
        """The same with a bundled identity in the person's place."""
        known = self._others[other % len(self._others)]
        pictures = [self.drawn(self._frames[k], known) for k in chosen]
        return self._samples(chosen, pictures, [self._find(picture) for picture in pictures])

    def drawn(self, frame: OwnFrame, known: Known) -> np.ndarray:
        """Another identity with this frame's pose, expression, gaze and light, uint8 (SIDE, SIDE, 3)."""
        pose = frame.pose()
        driver = pose.to_head(frame.landmarks.astype(np.float64))
        told = known.head.retargeter(driver, self._rest)
        head = known.head.parted(known.expression(told, measures(driver), self._rest, pose))
        template = self._drawer.draw(
            known.head, pose, head, frame.gaze, size=_DRAWN_SIZE, centimetres=_DRAWN_CENTIMETRES
        )
        picture = frame.bgr()
        to_crop = crop_transform(pose, _DRAWN_SIZE, _DRAWN_CENTIMETRES)
        flags = cv2.INTER_LINEAR | cv2.WARP_INVERSE_MAP
        reflectance, alpha = (
            cv2.warpAffine(layer, to_crop, (SIDE, SIDE), flags=flags)
            for layer in (template.reflectance(), template.alpha)
        )
        lit = reflectance * lit_square(*skin_light(frame))
        mixed = picture + (lit - picture) * alpha[..., None]
        return np.clip(np.round(mixed), 0, 255).astype(np.uint8)

    def _samples(
        self, chosen: Sequence[int], drivers: Sequence[np.ndarray], landmarks: Sequence[np.ndarray | None]
    ) -> tuple[list[Sample], list[int]]:
        frames = [self._frames[k] for k in chosen]
        missing = np.full((468, 3), np.nan, np.float32)
        mattes = np.stack([head_matte(frame) for frame in frames])
        # What is not said is not asked for.
        nothing = np.zeros(len(frames))
        shard = Shard(
            "own",
            actor_bgr=np.stack(drivers),
            actor_alpha=np.stack([_person(frame) for frame in frames]),
            head_bgr=np.stack([frame.bgr() for frame in frames]),
            head_labels=np.stack([frame.labels for frame in frames]),
            head_head_matte=mattes,
            actor_seed=nothing,
            sequence=nothing,
            frame=nothing,
            yaw=nothing,
            pitch=nothing,
            monk_tone=nothing,
        )
        found = PairLandmarks(
            np.stack([missing if points is None else points for points in landmarks]),
            np.stack([frame.landmarks for frame in frames]),
            np.stack([frame.gaze for frame in frames]),
        )
        usable = [int(k) for k in found.usable()]
        made = [
            make_sample(shard, k, found, identity=self._identity, expression=self._expression, drawer=self._drawer)
            for k in usable
        ]
        return made, [chosen[k] for k in usable]


def _person(frame: OwnFrame) -> np.ndarray:
    """Whatever is not background, uint8 (SIDE, SIDE)."""
    return np.where(frame.labels > 0, 255, 0).astype(np.uint8)


def make_all(
    workspace: Workspace,
    name: str,
    maker: SampleMaker,
    frames: Sequence[OwnFrame],
    settings: Configuration,
    *,
    progress: Callable[[float], None] = lambda _share: None,
) -> int:
    """Write the samples of all frames that are not there yet into `workspace`; returns how many it made."""
    numbers = seeds(frames, settings)
    made = 0
    blocks = [range(k, min(k + SHARD_FRAMES, len(frames))) for k in range(0, len(frames), SHARD_FRAMES)]
    for block, chosen in enumerate(blocks):
        for kind in ("itself", "others"):
            target = workspace.samples / f"{name}-own-{kind}-{block:04d}"
            if target.exists():
                continue
            if kind == "itself":
                samples, kept = maker.driven_by_itself(list(chosen))
            else:
                samples, kept = maker.driven_by_others(list(chosen), block)
            if not samples:
                continue
            meta = {
                "identity_index": np.full(len(kept), workspace.index_of(name), np.int64),
                "actor_seed": numbers[kept],
                "sequence": np.full(len(kept), block, np.int64),
                # Frames of the video: those left out break the sequence.
                "frame": np.array([round(frames[k].seconds * MOST_PER_SECOND) for k in kept], np.int64),
            }
            workspace.keep_samples(target, samples, meta)
            made += len(kept)
        progress((block + 1) / len(blocks))
    return made
