"""The swap of one face in one frame."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import lru_cache

import cv2
import numpy as np

from deepfake_core.crop import crop
from deepfake_core.frame import Frame
from deepfake_core.inference import providers
from deepfake_core.inference.errors import ModelRefused, NetworkFailed
from deepfake_core.inference.manifest import Manifest
from deepfake_core.inference.session import Session, shared
from deepfake_core.swapping import dfm, light, networks, regions
from deepfake_core.swapping.alignment import Pose, crop_transform, fit_pose, transform_points
from deepfake_core.swapping.decoder import IdentityDecoder
from deepfake_core.swapping.expression import DriverReader
from deepfake_core.swapping.gaze import GazeReader
from deepfake_core.swapping.square import face_square, head_square, upright
from deepfake_core.swapping.template import Template, TemplateDrawer, place, premultiplied
from deepfake_core.threads import Beside

_COARSE = 5
_LEAST_DRAWN = 0.5
"""Share of the driver's inner face that an imported model has to draw."""
_MOVED = 0.3
"""Difference between the networks' picture and the template at which the template's detail no longer fits."""
_CRISPNESS = 0.775
"""How much of what is finer than 3 px of the networks' picture is added once more: with it, faces of people never seen
have as much of it as their truth."""
_DETAIL = np.float32(0.75)
"""How much of the template's detail is laid on: with all of it, pores and brows stand out of a webcam's soft picture;
with this much, drawn faces have about as much detail as their truth."""
_FACE_REACH, _HEAD_REACH = 0.02, 0.04
"""How far the networks may draw beyond the template, as a part of their crop."""
_RIM = 0.02
"""Width of the rim inside the head's edge, as a part of the networks' crop, in which the template takes over."""
_SUM = np.ones((1, 3), np.float32)
_AROUND_MOUTH = np.ones((3, 9), np.uint8)
_GAZE_EVERY = 2
_DRIVERS = 8
_SLIT = 0.025
"""Half the width of the gaps in the head's matte that are closed, as a part of the networks' crop."""
_WINDOW = 0.06
"""Width of the rim of the networks' crop, as a part of its side, in which the drawn head takes over."""


@dataclass(frozen=True)
class DriverSquare:
    """The square that a head is drawn in, laid over the driver's: known before anything is drawn."""

    driver_matte: np.ndarray
    """uint8 (S, S): 255 over the driver's whole inner face, soft at its border, without holes."""
    crop_to_frame: np.ndarray
    """float64 (2, 3): px of the drawn square -> px of the frame."""
    pose: Pose
    """The driver's head in the frame."""
    points: np.ndarray
    """float64 (468, 3): the driver's landmarks, px of the drawn square."""
    face_square: tuple[int, int, int]
    """Left, top and side, px, of the 21.5 cm around the face in the drawn square."""
    head_mode: bool
    """Whether the square holds the whole head with its hair, else the face alone."""


@dataclass(frozen=True)
class DrawnHead(DriverSquare):
    """A drawn head without its light, ready to be lit and composited."""

    reflectance: np.ndarray
    """float32 (S, S, 3) BGR, 0..2, about 1 on plain skin; see `swapping.light`."""
    face_matte: np.ndarray
    """uint8 (S, S): the identity's inner face, hairline to jaw, without hair, soft at its border."""
    head_matte: np.ndarray
    """uint8 (S, S): the identity's whole head with hair and ears: how much of each pixel it covers."""
    skin: np.ndarray
    """uint8 (S, S): 255 on skin, which may take the driver's tone; 0 on eyes, mouth and hair, soft."""
    tone: np.ndarray
    """float32 (3,) BGR 0..255: the identity's own skin under white light."""
    lips: np.ndarray | None = None
    """uint8 (S, S): 255 on lips, which keep some of their own hue, soft; None where they are not known."""


@dataclass(frozen=True)
class StartedSwap:
    """A swap of which so much is known as needs no drawing."""

    square: DriverSquare
    draw: Callable[[], DrawnHead]
    """Does the rest; raises what `Swapper.swap` does."""


class Swapper:
    """Draws an identity with a driver's pose and expression.

    One for each filter: its buffers serve one thread. The networks behind it are shared.
    """

    def __init__(self, *, threads: int = 2, provider: str = "auto") -> None:
        """Open the shared networks; raises ModelError where one is missing, damaged or another network."""
        self._beside = Beside("OBS Deepfake, looks at the driver", threads=threads)
        name = networks.ENCODER_NAME
        if providers.only_cpu(provider) and networks.ENCODER_INT8_NAME in Manifest.load().entries:
            # So small a network is done before a second thread has woken up; the same is true of the iris's.
            name, threads = networks.ENCODER_INT8_NAME, 1
        self._encoder: Session = shared(name, threads=threads, provider=provider, dimensions=networks.EXAMPLE)
        if self._encoder.inputs != networks.encoder_inputs() or self._encoder.outputs != networks.features():
            raise ModelRefused(f"'{name}' is another network than expected; restore it with 'git checkout -- models'.")
        self.provider = self._encoder.provider
        self.network_failures = 0
        """How many pictures show the bare template because a network gave no usable result."""
        self._drawer = TemplateDrawer()
        self._drivers = DriverReader()
        self._gaze_reader = GazeReader(threads=1, provider=provider)
        self._gazes: dict[int, tuple[int, np.ndarray | None]] = {}

    def swap(
        self,
        frame: Frame,
        face_landmarks: np.ndarray,
        decoder: IdentityDecoder | dfm.DfmDecoder,
        *,
        resolution: int = 256,
        network_size: int = networks.SIZES[1],
        head_mode: bool = False,
        own_tone: float = 0.0,
        template_only: bool = False,
        driver_id: int = 0,
        pose: Pose | None = None,
    ) -> DrawnHead:
        """Draw the identity over the face whose landmarks are float (468, 3), px of the frame.

        resolution: side of the face's crop in the drawn square, px. network_size: one of `networks.SIZES`.
        head_mode: draw the whole head. own_tone: how far it will keep the identity's tone, 0 to 1: then the driver's
        highlights are only as strong as that skin shows them. template_only: skip the networks.
        driver_id: the face's track, for what is learned about each driver from picture to picture; pose: the face's,
        where it is known already.
        Where a network fails, the bare template is drawn: the driver's own face never shows instead. An imported model
        has its own resolution, no template and no head: where it fails, NetworkFailed is raised.
        """
        with self._beside as beside:
            return self.start(
                frame,
                face_landmarks,
                decoder,
                beside,
                resolution=resolution,
                network_size=network_size,
                head_mode=head_mode,
                own_tone=own_tone,
                template_only=template_only,
                driver_id=driver_id,
                pose=pose,
            ).draw()

    def start(
        self,
        frame: Frame,
        face_landmarks: np.ndarray,
        decoder: IdentityDecoder | dfm.DfmDecoder,
        beside: Beside,
        *,
        resolution: int,
        network_size: int,
        head_mode: bool,
        own_tone: float,
        template_only: bool,
        driver_id: int,
        pose: Pose | None,
    ) -> StartedSwap:
        """The same in two steps. beside: a second thread, which is given the networks that look at the driver; it must
        stay entered until all is drawn."""
        if isinstance(decoder, dfm.DfmDecoder):
            return _start_with_model(frame, face_landmarks, decoder)
        known = pose or fit_pose(face_landmarks)
        gaze = beside.submit(lambda: self._read_gaze(frame, face_landmarks, known, driver_id))
        rotation = upright(known)
        square = head_square(rotation, resolution) if head_mode else face_square(rotation, resolution)
        to_square = crop_transform(known, resolution)
        to_square[:, 2] += square.left, square.top
        points = transform_points(to_square, face_landmarks)
        started = DriverSquare(
            driver_matte=regions.matte(points, square.size, resolution),
            crop_to_frame=cv2.invertAffineTransform(to_square),
            pose=known,
            points=points,
            face_square=(square.left, square.top, square.side),
            head_mode=head_mode,
        )

        def draw() -> DrawnHead:
            driver_head = known.to_head(face_landmarks)
            measured, neutral = self._drivers(driver_head, known, driver_id)
            told = decoder.head.retargeter(driver_head, neutral)
            head = decoder.head.parted(decoder.expression(told, measured, neutral, known))
            placed = place(head, rotation, square)
            if not template_only:
                seen = _driver_input(
                    frame, face_landmarks, known, network_size, tone=decoder.head.tone, own_tone=own_tone
                )
                geometry = networks.geometry_input(placed.normals(network_size), placed.openings(network_size))
                # A second thread gains nothing from Python's own many short calls: it runs the network alone.
                features = beside.submit(lambda: self._encoder.run(driver=seen[None], geometry=geometry[None]))
            template = self._drawer.draw_placed(decoder.head, placed, gaze.result)
            skin, lips = template.plain_skin(), template.lips()
            reflectance, face_matte, head_matte = template.reflectance(), template.face, template.alpha
            if not template_only:
                try:
                    reflectance, face_matte, head_matte = self._refine(
                        decoder, template, reflectance, features.result, network_size
                    )
                except NetworkFailed:
                    self.network_failures += 1
            return DrawnHead(
                **vars(started),
                reflectance=reflectance,
                face_matte=_as_matte(face_matte),
                head_matte=_as_matte(head_matte),
                skin=skin,
                tone=decoder.head.tone,
                lips=lips,
            )

        return StartedSwap(started, draw)

    def _read_gaze(self, frame: Frame, face_landmarks: np.ndarray, pose: Pose, driver_id: int) -> np.ndarray | None:
        """The driver's gaze, read in every other picture: eyes jump, but rest longer than two pictures between.

        The first and second are read, and so every one in which the parser, which began with the first, rests.
        """
        age, gaze = self._gazes.pop(driver_id, (None, None))
        if age is None or age >= _GAZE_EVERY:
            age = 0 if age else _GAZE_EVERY - 1
            try:
                gaze = self._gaze_reader.follow(frame, face_landmarks, pose, driver_id)
            except NetworkFailed:
                gaze = None
        self._gazes[driver_id] = age + 1, gaze
        while len(self._gazes) > _DRIVERS:
            self._gazes.pop(next(iter(self._gazes)))
        return gaze

    def _refine(
        self,
        decoder: IdentityDecoder,
        template: Template,
        fine: np.ndarray,
        features: Callable[[], tuple[np.ndarray, ...]],
        n: int,
    ) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """What the networks make of a template whose reflectance is `fine`: reflectance float32 (S, S, 3) and the
        mattes of face and head (S, S). features: gives what the encoder says. Raises NetworkFailed."""
        inner, side = template.square.face, template.square.side
        head_mode = template.square.size != side
        alpha, face = template.alpha[inner], template.face[inner]
        drawn = premultiplied(fine[inner], alpha)
        small, small_alpha, small_face = (
            np.asarray(cv2.resize(picture, (n, n), interpolation=cv2.INTER_AREA), np.float32)
            for picture in (drawn, alpha, face)
        )
        given = networks.template_input(small, small_alpha)
        # What needs no network is done while the driver is still looked at.
        bounds = _Bounds.of(small_alpha, small_face, head_mode=head_mode)
        points = template.scaled_points(n)
        always = regions.detail(points, n) * np.float32(1.0 / 255.0) * small_face
        openings = template.openings(n)
        kept = regions.mouth(points, n) * np.float32(template.shares[2] / 255.0)
        made, own_face, own_head = self._decode(decoder, given, features())

        # Off the identity's head the networks were taught nothing, and at its edge they draw some of that: there what
        # was drawn stays as it is.
        sure = _shrunk(cv2.min(own_head, small_alpha), _RIM)
        own_face, own_head = bounds.face(own_face), bounds.head(own_head)
        made -= small
        # Nor where lips and teeth lie: of a mouth that is wide open they draw the mean of many, one over the other.
        made *= cv2.cvtColor(sure * (np.float32(1.0) - kept), cv2.COLOR_GRAY2BGR)
        made += small
        relief = np.clip(made, 0.0, 2.0, out=made)
        weight = detail_weight(relief, small, always, openings, kept)
        relief = sharpen(relief, small, weight, kept)
        refined = _enlarged(relief, small, drawn, weight)
        own_face, own_head, seen_alpha, hair = (
            np.asarray(cv2.resize(matte, (size, size), interpolation=cv2.INTER_LINEAR), np.float32)
            for matte, size in (
                (own_face, side),
                (own_head, side),
                (small_alpha, side),
                (template.hair, template.square.size),
            )
        )
        # Where the networks are in doubt, as of ears and hair from angles that they hardly know, the drawing decides:
        # their word counts twice. Single hairs are drawn finer than they see; skin ends where they say: a line of its
        # drawn border would be left within or beyond it.
        own_head = np.clip(2.0 * own_head + seen_alpha + hair[inner] * (alpha - seen_alpha) - 1.0, 0.0, 1.0)
        if not head_mode:
            return refined, own_face, own_head
        window = _window(side)
        whole_face, whole_head = template.face.copy(), template.alpha.copy()
        whole_face[inner] += window * (own_face - face)
        whole_head[inner] += window * (own_head - whole_head[inner])
        # A chin at the lower rim has no rest of a neck below it.
        above = side - 2 * round(_WINDOW * side)
        most = np.minimum.accumulate(np.minimum(2.0 * own_head[above:], 1.0))
        left, top, bottom = template.square.left, template.square.top, template.square.top + side
        part = whole_head[top + above :, left : left + side]
        np.minimum(part[: len(most)], most, out=part[: len(most)])
        whole_head[bottom:, left : left + side] *= most[-1]
        refined -= fine[inner]
        sure = np.asarray(cv2.resize(sure, (side, side), interpolation=cv2.INTER_LINEAR), np.float32)
        refined *= cv2.cvtColor(window * sure, cv2.COLOR_GRAY2BGR)
        fine[inner] += refined
        return fine, whole_face, whole_head

    def _decode(
        self, decoder: IdentityDecoder, template: np.ndarray, features: tuple[np.ndarray, ...]
    ) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """The identity's reflectance float32 (n, n, 3), 0..2, and the mattes of its face and head (n, n), 0..1."""
        inputs = dict(zip(self._encoder.outputs, features, strict=True))
        outputs = decoder.network.run(template=template[None], **inputs)
        made = dict(zip(decoder.network.outputs, outputs, strict=True))
        n = template.shape[0]
        if any(made[name].shape != shape for name, shape in networks.decoder_outputs(n).items()):
            raise NetworkFailed(f"The decoder of {decoder.name!r} gave pictures of another size than {n} px.")
        return made["reflectance"][0] + np.float32(1.0), made["face_matte"][0, ..., 0], made["head_matte"][0, ..., 0]


def _driver_input(
    frame: Frame, face_landmarks: np.ndarray, pose: Pose, n: int, *, tone: np.ndarray, own_tone: float
) -> np.ndarray:
    """What the encoder is given of the driver: float32 (n, n, 3).

    tone: float32 (3,) BGR levels of the identity's skin; own_tone: how far it keeps that, 0 to 1.
    """
    to_crop = crop_transform(pose, n)
    driver = crop(frame, to_crop, n)
    driver_skin = regions.skin(transform_points(to_crop, face_landmarks), n) * np.float32(1.0 / 255.0)
    reflectance = light.reflectance(driver, light.measure(driver, driver_skin))
    if own_tone:
        reflectance += own_tone * (light.subdued(reflectance, tone) - reflectance)
    return networks.centre(reflectance)


@dataclass(frozen=True)
class _Bounds:
    """How far the networks may move the borders of the template: uint8 (n, n) mattes."""

    most_face: np.ndarray
    most_head: np.ndarray
    least_head: np.ndarray | None
    """None where only the face will be shown."""
    most_closed: np.ndarray | None

    @classmethod
    def of(cls, alpha: np.ndarray, face: np.ndarray, *, head_mode: bool) -> _Bounds:
        """Around a template's mattes of head and face, float32 (n, n)."""
        whole, inner = _as_matte(alpha), _as_matte(face)
        most_face, most_head = _grown(inner, _FACE_REACH), _grown(whole, _HEAD_REACH)
        if not head_mode:
            return cls(most_face, most_head, None, None)
        # A driver's long hair makes the networks doubt the identity's; only its border is theirs to move.
        least = cv2.bitwise_not(_grown(cv2.bitwise_not(whole), _HEAD_REACH))
        return cls(most_face, most_head, least, _grown(inner, 2 * _SLIT))

    def face(self, made: np.ndarray) -> np.ndarray:
        """The networks' matte of the face within its bounds, float32 (n, n)."""
        return cv2.min(_as_matte(made), self.most_face) * np.float32(1.0 / 255.0)

    def head(self, made: np.ndarray) -> np.ndarray:
        """The networks' matte of the head within its bounds, float32 (n, n)."""
        share = _as_matte(made)
        if self.least_head is not None and self.most_closed is not None:
            # No slits beside the face: the neck is not to be seen between ear and jaw.
            closed = cv2.morphologyEx(share, cv2.MORPH_CLOSE, _disc(2 * round(_SLIT * share.shape[0]) + 1))
            share = cv2.max(cv2.max(share, cv2.min(closed, self.most_closed)), self.least_head)
        return cv2.min(share, self.most_head) * np.float32(1.0 / 255.0)


def _grown(share: np.ndarray, reach: float) -> np.ndarray:
    """A matte uint8 (n, n) that reaches further by a part of its side."""
    width = 2 * max(1, round(reach * share.shape[0])) + 1
    return cv2.blur(cv2.dilate(share, _disc(width)), (3, 3))


def _shrunk(share: np.ndarray, rim: float) -> np.ndarray:
    """A matte float32 (n, n) that ends softly within a rim, a part of its side wide, inside its edge."""
    radius = max(1, round(rim * share.shape[0] / 2))
    size = 2 * radius + 1, 2 * radius + 1
    return np.asarray(cv2.blur(cv2.erode(share, np.ones(size, np.uint8)), size), np.float32)


@lru_cache(maxsize=16)
def _disc(width: int) -> np.ndarray:
    return cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (width, width))


def _as_matte(share: np.ndarray) -> np.ndarray:
    return cv2.convertScaleAbs(share, alpha=255.0)


@lru_cache(maxsize=4)
def _window(side: int) -> np.ndarray:
    """float32 (side, side): 1 in the networks' crop, falling to 0 at its rim."""
    place = (np.arange(side) + 0.5) / side
    ramp = np.clip(np.minimum(place, 1.0 - place) / _WINDOW, 0.0, 1.0)
    ramp = ramp * ramp * (3.0 - 2.0 * ramp)
    return np.outer(ramp, ramp).astype(np.float32)


def _start_with_model(frame: Frame, face_landmarks: np.ndarray, decoder: dfm.DfmDecoder) -> StartedSwap:
    """The same for a model imported from DeepFaceLive."""
    size = decoder.size
    to_crop = dfm.crop_transform(face_landmarks, size, decoder.coverage_percent)
    points = transform_points(to_crop, face_landmarks)
    matte = regions.matte(points, size)
    square = DriverSquare(
        driver_matte=matte,
        crop_to_frame=cv2.invertAffineTransform(to_crop),
        pose=fit_pose(face_landmarks),
        points=points,
        face_square=(0, 0, size),
        head_mode=False,
    )

    def draw() -> DrawnHead:
        drawn, mask = decoder.draw(crop(frame, to_crop, size))
        if mask[matte > 127].sum() < _LEAST_DRAWN * (matte > 127).sum():
            raise NetworkFailed(f"The model of {decoder.name!r} drew too little of the face.")
        own_skin = regions.skin(points, size).astype(np.float32) / 255.0 * mask
        tone = np.average(drawn.reshape(-1, 3), axis=0, weights=own_skin.reshape(-1) + 1e-6).astype(np.float32)
        own_matte = np.minimum((mask * 255.0 + 0.5).astype(np.uint8), matte)
        return DrawnHead(
            **vars(square),
            reflectance=light.reflectance(drawn, light.measure(drawn, own_skin)),
            face_matte=own_matte,
            head_matte=own_matte,
            skin=(own_skin * 255.0).astype(np.uint8),
            tone=tone,
        )

    return StartedSwap(square, draw)


def detail_weight(
    relief: np.ndarray, template: np.ndarray, always: np.ndarray, openings: np.ndarray, kept: np.ndarray
) -> np.ndarray:
    """Where the template's detail, which the networks cannot draw, fits: float32 (n, n), 0..1.

    relief, template: float32 (n, n, 3), what the networks made of what; always: float32 (n, n), 1 on skin, where the
    finest detail always fits, 0 on eyes, lips and hair; openings: uint8 (n, n) from `regions.eyes_and_mouth`; kept:
    float32 (n, n), how much of the template was kept in the mouth.
    On eyes, lips and hair it fits where the networks, seen coarsely, left the template in its place; in the mouth where
    it was kept.
    """
    moved = cv2.transform(np.abs(cv2.blur(relief - template, (_COARSE, _COARSE))), _SUM)
    moved = cv2.blur(moved, (_COARSE, _COARSE))
    fits = np.asarray(cv2.exp(moved * moved * np.float32(-1.0 / (3.0 * _MOVED) ** 2)), np.float32)
    inside = cv2.dilate(cv2.inRange(openings, regions.MOUTH_VALUE, regions.MOUTH_VALUE), _AROUND_MOUTH) > 0
    fits[inside] = kept[inside]
    return (always + (np.float32(1.0) - always) * fits) * _DETAIL


def sharpen(relief: np.ndarray, template: np.ndarray, weight: np.ndarray, kept: np.ndarray) -> np.ndarray:
    """`relief` with the template's detail where `weight` says so, and crisper: float32 (n, n, 3).

    kept: float32 (n, n), 0..1: how much of the template was kept in the mouth, which is crisp already.

    The template has pores, pupils and the lips' outline; the networks have learned the mean of many lights, gazes and
    mouths, which is softer than each.
    """
    difference = template - relief
    difference -= cv2.blur(difference, (_COARSE, _COARSE))
    difference *= cv2.cvtColor(weight, cv2.COLOR_GRAY2BGR)
    difference += relief
    soft = cv2.blur(difference, (3, 3))
    crisp = np.asarray(cv2.addWeighted(difference, 1.0 + _CRISPNESS, soft, -_CRISPNESS, 0.0), np.float32)
    x, y, width, height = cv2.boundingRect(cv2.convertScaleAbs(kept, alpha=255.0))
    if width:
        part = slice(y, y + height), slice(x, x + width)
        share = kept[part]
        crisp[part] = cv2.blendLinear(
            np.ascontiguousarray(difference[part]), np.ascontiguousarray(crisp[part]), share, np.float32(1.0) - share
        )
    return crisp


def _enlarged(relief: np.ndarray, template: np.ndarray, template_fine: np.ndarray, weight: np.ndarray) -> np.ndarray:
    """The networks' picture as large as the fine template, with its detail: float32 (S, S, 3), 0..2."""
    size = template_fine.shape[0]
    coarse = relief - cv2.cvtColor(weight, cv2.COLOR_GRAY2BGR) * template
    coarse = np.asarray(cv2.resize(coarse, (size, size), interpolation=cv2.INTER_LINEAR), np.float32)
    share = cv2.resize(weight, (size, size), interpolation=cv2.INTER_LINEAR)
    fine = np.asarray(cv2.cvtColor(share, cv2.COLOR_GRAY2BGR), np.float32)
    fine *= template_fine
    fine += coarse
    return np.clip(fine, 0.0, 2.0, out=fine)
