"""Preparing training samples: rendered pairs become aligned crops, templates and geometry."""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np

from deepfake_core.facemesh import topology
from deepfake_core.frame import Frame
from deepfake_core.swapping import light, regions
from deepfake_core.swapping.alignment import (
    CROP_CENTIMETRES,
    crop_transform,
    fit_pose,
    similarity,
    transform_points,
)
from deepfake_core.swapping.expression import ExpressionMatch, measures
from deepfake_core.swapping.gaze import GazeReader
from deepfake_core.swapping.identity_head import IdentityHead
from deepfake_core.swapping.template import TemplateDrawer
from deepfake_core.training.pairs import InTone, Shard
from deepfake_core.training.sample_format import NETWORK_PART, SAMPLE_SIZE
from deepfake_core.training.still_landmarks import StillLandmarks

SAMPLE_CENTIMETRES = CROP_CENTIMETRES * SAMPLE_SIZE / NETWORK_PART
_FINER = 2
"""So many times finer than a sample the template is drawn, as at run time."""
_FACE_LABELS = (1, 2, 3, 4, 5, 10, 11, 12, 13)
_EYE_LABELS = (4, 5)
_MOUTH_LABELS = (11, 12, 13)
_HIDING_LABELS = (6, 18, 19)
_RIM = 11
"""Px of a rendered picture."""
_BRIGHTEST = 150.0
"""Level of a target's brightest light: a highlight 1.7 times as bright as the skin still fits."""
_MAX_POSE_DIFFERENCE = np.radians(14.0)
_FEATURES = np.array(topology.FEATURES)


@dataclass(frozen=True)
class PairLandmarks:
    """Landmarks of the pairs of one shard, px of the pictures; NaN where no face was found."""

    actor: np.ndarray
    """float32 (N, 468, 3)."""
    identity: np.ndarray
    """float32 (N, 468, 3)."""
    gaze: np.ndarray
    """float32 (N, 2, 2), degrees: the actor's, see `gaze.GazeReader`; NaN where not seen."""

    def usable(self) -> np.ndarray:
        """Indices of the pairs whose two faces were found with about the same pose, so that no gross error trains."""
        return np.array(
            [
                k
                for k, (actor, identity) in enumerate(zip(self.actor, self.identity, strict=True))
                if np.isfinite(actor).all() and np.isfinite(identity).all() and _same_pose(actor, identity)
            ],
            dtype=np.int64,
        )


def _same_pose(actor: np.ndarray, identity: np.ndarray) -> bool:
    a, b = fit_pose(actor), fit_pose(identity)
    turn = np.arccos(np.clip((np.trace(a.rotation.T @ b.rotation) - 1) / 2, -1, 1))
    shift = np.linalg.norm(a.translation[:2] - b.translation[:2]) / b.scale
    return bool(turn < _MAX_POSE_DIFFERENCE and shift < 3.0 and abs(np.log(a.scale / b.scale)) < 0.2)


class PairReader:
    """Reads landmarks and gaze of pairs; one for each process."""

    def __init__(self) -> None:
        self._find = StillLandmarks()
        self._gaze = GazeReader(threads=1, provider="cpu")

    def __call__(self, shard: Shard) -> PairLandmarks:
        """Landmarks of every pair of a shard."""
        actor, identity = self._landmarks(shard.actor_bgr), self._landmarks(shard.head_bgr)
        gaze = np.full((len(shard), 2, 2), np.nan, np.float32)
        for index in np.flatnonzero(np.isfinite(actor).all((1, 2))):
            frame = Frame.from_bgr(np.ascontiguousarray(shard.actor_bgr[index]))
            gaze[index] = self._gaze.still(frame, actor[index])
        return PairLandmarks(actor, identity, gaze)

    def _landmarks(self, pictures: np.ndarray) -> np.ndarray:
        missing = np.full((468, 3), np.nan, np.float32)
        found = (self._find(np.ascontiguousarray(picture)) for picture in pictures)
        return np.stack([missing if landmarks is None else landmarks for landmarks in found])


def normalised(landmarks: np.ndarray) -> np.ndarray:
    """Landmarks (N, 468, 3) px -> on the canonical head, (N, 468, 3) cm."""
    return np.stack([fit_pose(face).to_head(face) for face in landmarks])


def make_sample(
    shard: Shard,
    index: int,
    landmarks: PairLandmarks,
    *,
    identity: IdentityHead,
    expression: ExpressionMatch,
    drawer: TemplateDrawer,
) -> dict[str, np.ndarray]:
    """One training sample, as `sample_format.CHANNELS` lists."""
    actor = landmarks.actor[index]
    pose = fit_pose(actor)
    to_crop = crop_transform(pose, SAMPLE_SIZE, SAMPLE_CENTIMETRES)
    driver_head = pose.to_head(actor)
    # At run time lids, lips and smile follow the driver's; here they are the truth's, so that the networks learn to
    # keep what the template says of them.
    truth = fit_pose(landmarks.identity[index]).to_head(landmarks.identity[index])
    head = identity.parted(expression.control(identity.retargeter(driver_head), measures(truth)))
    fine = _FINER * SAMPLE_SIZE
    template = drawer.draw(identity, pose, head, landmarks.gaze[index], size=fine, centimetres=SAMPLE_CENTIMETRES)
    points = template.scaled_points(SAMPLE_SIZE)
    # The truth is laid under the template: where the two cannot match is left to the network to learn.
    scale, rotation, shift = similarity(landmarks.identity[index][:, :2].astype(np.float64), points[:468, :2])
    identity_to_crop = np.column_stack([scale * rotation, shift])
    labels = shard.head_labels[index]

    def labelled(wanted: tuple[int, ...], grow: int = 1) -> np.ndarray:
        mask = np.isin(labels, wanted).astype(np.uint8) * 255
        return _warped(cv2.dilate(mask, np.ones((grow, grow), np.uint8)), identity_to_crop)

    def shrunk(picture: np.ndarray) -> np.ndarray:
        return _as_uint8(cv2.resize(picture, (SAMPLE_SIZE, SAMPLE_SIZE), interpolation=cv2.INTER_AREA))

    known = np.minimum(_warped(np.full_like(labels, 255), identity_to_crop), 255 - labelled(_HIDING_LABELS, 5))
    eyes, mouth = labelled(_EYE_LABELS, 7), labelled(_MOUTH_LABELS, 3)
    sample = {
        "driver": _warped(shard.actor_bgr[index], to_crop),
        "driver_person": _warped(shard.actor_alpha[index], to_crop),
        "driver_skin": regions.skin(transform_points(to_crop, actor), SAMPLE_SIZE),
        "target": _warped(shard.head_bgr[index], identity_to_crop),
        "target_head": _warped(shard.head_head_matte[index], identity_to_crop),
        "target_face": labelled(_FACE_LABELS),
        "target_known": known,
        "target_emphasis": np.maximum(eyes, mouth // 2),
        "template": shrunk(template.bgr),
        "template_alpha": shrunk(template.alpha * np.float32(255.0)),
        "template_face": shrunk(template.face * np.float32(255.0)),
        "identity_skin": template.skin(SAMPLE_SIZE),
        "normals": _as_uint8(template.normals(SAMPLE_SIZE) * 127.0 + 128.0),
        "openings": template.openings(SAMPLE_SIZE),
    }
    if shard.in_tone is not None:
        sample["target"] = _in_drivers_tone(sample, points, shard.in_tone, index, identity_to_crop)
    elif shard.monk_tone[index]:  # else the driver has the identity's own tone, or was drawn in it
        sample["driver"] = _subdued(sample["driver"], sample["driver_skin"], identity.tone)
    return sample


def _subdued(driver: np.ndarray, skin: np.ndarray, tone: np.ndarray) -> np.ndarray:
    """The driver as the networks see it where the identity keeps its own tone, uint8 (208, 208, 3)."""
    own = light.enlarge(light.measure(driver, skin * np.float32(1.0 / 255.0)), len(driver))
    return _as_uint8(light.subdued(light.without(driver, own), tone) * own)


def _in_drivers_tone(
    sample: dict[str, np.ndarray], points: np.ndarray, other: InTone, index: int, to_crop: np.ndarray
) -> np.ndarray:
    """The target with the skin as it looks in the driver's tone: uint8 (208, 208, 3).

    points: of the template, px of the sample; to_crop: px of the picture of the whole head -> of the sample.
    """
    scale, rotation, shift = similarity(*(p[index, _FEATURES, :2] for p in (other.points, other.head_points)))
    to_crop = np.column_stack([scale * to_crop[:, :2] @ rotation, to_crop[:, :2] @ shift + to_crop[:, 2]])
    own = other.matte[index] * np.isin(other.labels[index], _FACE_LABELS)
    # Away from the actor's hair, glasses and jaw.
    own = cv2.blur(cv2.erode(own, np.ones((_RIM, _RIM), np.uint8)), (_RIM // 2, _RIM // 2))
    own = np.minimum(_warped(own, to_crop), np.minimum(sample["target_face"], sample["target_known"]))
    # What the run time gives the driver's tone: neither eyes nor the inside of the mouth.
    share = np.minimum(own, cv2.bitwise_not(regions.features(points, SAMPLE_SIZE)))
    return relit(sample["target"], _warped(other.bgr[index], to_crop), np.minimum(own, sample["identity_skin"]), share)


def relit(picture: np.ndarray, other: np.ndarray, skin: np.ndarray, share: np.ndarray) -> np.ndarray:
    """`picture` with the reflectance of `other` under its own light where `share` says so: uint8 (S, S, 3).

    picture, other: uint8 (S, S, 3) BGR of one face; skin: uint8 (S, S), 255 where both show skin to measure light on;
    share: uint8 (S, S), soft. A highlight stands further above dark skin than above pale skin in the same light, and
    reflectance tells everything against the skin: who is to be shown in another tone must be learned in that tone.
    A pale face exposed for a dark one leaves no room for such highlights: all of it is darkened then, which takes
    nothing from its reflectance.
    """
    weight = skin * np.float32(1.0 / 255.0)
    ratio = light.reflectance(other, light.measure(other, weight))
    own = light.enlarge(light.measure(picture, weight), len(picture))
    amount = cv2.merge([share * np.float32(1.0 / 255.0)] * 3)
    return _as_uint8((picture + amount * (ratio * own - picture)) * min(1.0, _BRIGHTEST / float(own.max())))


def _warped(picture: np.ndarray, matrix: np.ndarray) -> np.ndarray:
    # Colours go on beyond the picture, as at run time; what is said about them does not.
    border = cv2.BORDER_REPLICATE if picture.ndim == 3 else cv2.BORDER_CONSTANT
    size = (SAMPLE_SIZE, SAMPLE_SIZE)
    return cv2.warpAffine(np.ascontiguousarray(picture), matrix, size, flags=cv2.INTER_LINEAR, borderMode=border)


def _as_uint8(picture: np.ndarray) -> np.ndarray:
    return np.clip(np.round(picture), 0, 255).astype(np.uint8)
