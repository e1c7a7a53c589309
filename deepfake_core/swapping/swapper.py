"""The swap of one face in one frame."""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np

from deepfake_core.frame import Box, Frame
from deepfake_core.inference.errors import ModelRefused, NetworkFailed
from deepfake_core.inference.session import Session, shared
from deepfake_core.swapping import dfm, identity_surface, light, networks, regions, surface
from deepfake_core.swapping.alignment import Pose, crop_transform, fit_pose, transform_points
from deepfake_core.swapping.decoder import IdentityDecoder
from deepfake_core.swapping.expression import DriverCalibration
from deepfake_core.swapping.identity_surface import TextureBlender

_COARSE = 5
_LEAST_DRAWN = 0.5
"""Share of the driver's inner face that an imported model has to draw."""
_MOVED = 0.15
"""Difference between the networks' picture and the template at which the texture's detail no longer fits."""


@dataclass(frozen=True)
class DrawnHead:
    """A drawn head without its light, ready to be lit and composited."""

    reflectance: np.ndarray
    """float32 (S, S, 3) BGR, 0..2, about 1 on plain skin; see `swapping.light`."""
    face_matte: np.ndarray
    """uint8 (S, S): the identity's inner face, hairline to jaw, without hair, soft at its border."""
    head_matte: np.ndarray
    """uint8 (S, S): the identity's whole head with hair and ears: how much of each pixel it covers."""
    driver_matte: np.ndarray
    """uint8 (S, S): 255 over the driver's whole inner face, soft at its border, without holes."""
    tone: np.ndarray
    """float32 (3,) BGR 0..255: the identity's own skin under white light."""
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


class Swapper:
    """Draws an identity with a driver's pose, expression and light.

    One for each filter: its buffers serve one thread. The networks behind it are shared.
    """

    def __init__(self, *, threads: int = 2, provider: str = "auto") -> None:
        """Open the shared encoder; raises ModelError where it is missing, damaged or another network."""
        self._encoder: Session = shared(networks.ENCODER_NAME, threads=threads, provider=provider)
        if self._encoder.inputs != networks.ENCODER_INPUTS or self._encoder.outputs != networks.ENCODER_OUTPUTS:
            raise ModelRefused(
                f"'{networks.ENCODER_NAME}' is another network than expected; restore it with 'git checkout -- models'."
            )
        self.provider = self._encoder.provider
        self.network_failures = 0
        """How many pictures show the bare texture because a network gave no usable result."""
        self._blender = TextureBlender()
        self._calibration = DriverCalibration()

    def swap(
        self,
        frame: Frame,
        face_landmarks: np.ndarray,
        decoder: IdentityDecoder | dfm.DfmDecoder,
        *,
        resolution: int = 256,
        template_only: bool = False,
        driver_id: int = 0,
    ) -> DrawnHead:
        """Draw the identity over the face whose landmarks are float (468, 3), px of the frame.

        resolution: side of the patch, px, a multiple of 128. template_only: skip the networks.
        driver_id: the face's track, for what is learned about each driver from picture to picture.
        Where a network fails, the bare texture is drawn: the driver's own face never shows instead. An imported model
        has its own resolution and no texture: where it fails, NetworkFailed is raised.
        """
        if isinstance(decoder, dfm.DfmDecoder):
            return _swap_with_model(frame, face_landmarks, decoder)
        identity = decoder.surface
        pose = fit_pose(face_landmarks)
        to_crop = crop_transform(pose, networks.SIZE)
        driver = crop(frame, to_crop, networks.SIZE)
        driver_points = transform_points(to_crop, face_landmarks)
        driver_head = pose.to_head(face_landmarks)
        measured = self._calibration(driver_head, driver_id, decoder.expression.driver_median)
        head = decoder.expression(identity.retargeter(driver_head), measured)
        points = transform_points(to_crop, pose.to_picture(surface.extend(head)))

        driver_skin = regions.skin(driver_points, networks.SIZE).astype(np.float32) / 255.0
        driver_light = light.measure(driver, driver_skin)
        raster = surface.rasterise(points, identity_surface.RASTER_SIZE)
        drawing = identity_surface.draw(self._blender.blend(identity, head), identity.uv, raster, resolution)
        identity_skin = regions.skin(points, networks.SIZE).astype(np.float32) / 255.0
        template, template_fine, shown = template_reflectance(drawing, identity_skin)

        openings = regions.eyes_and_mouth(points, networks.SIZE)
        relief = template
        if not template_only:
            driver_input = networks.centre(light.reflectance(driver, driver_light))
            geometry = networks.geometry_input(normals(points, raster), openings)
            try:
                relief = self._decode(decoder, driver_input, geometry, template)
            except NetworkFailed:
                self.network_failures += 1

        weight, features = detail_weight(relief, template, drawing.detail, openings)
        relief = sharpen(relief, template, features)
        weight *= shown > 0.99
        finished = _finish(relief, template, template_fine, weight)
        to_square = crop_transform(pose, resolution)
        driver_square = transform_points(to_square, face_landmarks)
        identity_square = transform_points(to_square, pose.to_picture(head))
        face_matte = regions.matte(identity_square, resolution)
        return DrawnHead(
            reflectance=finished,
            face_matte=face_matte,
            head_matte=face_matte,
            driver_matte=regions.matte(driver_square, resolution),
            tone=identity.tone,
            crop_to_frame=cv2.invertAffineTransform(to_square),
            pose=pose,
            points=driver_square,
            face_square=(0, 0, resolution),
            head_mode=False,
        )

    def _decode(
        self, decoder: IdentityDecoder, driver: np.ndarray, geometry: np.ndarray, template: np.ndarray
    ) -> np.ndarray:
        """The identity's reflectance float32 (128, 128, 3), 0..2."""
        features = dict(
            zip(self._encoder.outputs, self._encoder.run(driver=driver[None], geometry=geometry[None]), strict=True)
        )
        outputs = dict(
            zip(
                decoder.network.outputs,
                decoder.network.run(template=networks.centre(template)[None], **features),
                strict=True,
            )
        )
        # Off the identity's face the network was taught nothing: there the drawn surface stays as it is.
        change = outputs["reflectance"][0] + np.float32(1.0)
        change -= template
        change *= cv2.merge([outputs["matte"][0]] * 3)
        change += template
        return np.clip(change, 0.0, 2.0, out=change)


def _swap_with_model(frame: Frame, face_landmarks: np.ndarray, decoder: dfm.DfmDecoder) -> DrawnHead:
    """The same for a model imported from DeepFaceLive."""
    size = decoder.size
    to_crop = dfm.crop_transform(face_landmarks, size, decoder.coverage_percent)
    driver = crop(frame, to_crop, size)
    points = transform_points(to_crop, face_landmarks)
    drawn, mask = decoder.draw(driver)
    matte = regions.matte(points, size)
    if mask[matte > 127].sum() < _LEAST_DRAWN * (matte > 127).sum():
        raise NetworkFailed(f"The model of {decoder.name!r} drew too little of the face.")
    own_skin = regions.skin(points, size).astype(np.float32) / 255.0 * mask
    tone = np.average(drawn.reshape(-1, 3), axis=0, weights=own_skin.reshape(-1) + 1e-6).astype(np.float32)
    own_matte = np.minimum((mask * 255.0 + 0.5).astype(np.uint8), matte)
    return DrawnHead(
        reflectance=light.reflectance(drawn, light.measure(drawn, own_skin)),
        face_matte=own_matte,
        head_matte=own_matte,
        driver_matte=matte,
        tone=tone,
        crop_to_frame=cv2.invertAffineTransform(to_crop),
        pose=fit_pose(face_landmarks),
        points=points,
        face_square=(0, 0, size),
        head_mode=False,
    )


def crop(frame: Frame, to_crop: np.ndarray, size: int) -> np.ndarray:
    """The pixels of an upright square around a face: uint8 (size, size, 3) BGR; edges repeat beyond the frame.

    to_crop: (2, 3) similarity, px of the frame -> px of the crop. Only the square's surroundings are converted.
    """
    to_frame = cv2.invertAffineTransform(to_crop)
    corners = np.array([[0, 0], [size, 0], [0, size], [size, size]], np.float64) @ to_frame[:, :2].T + to_frame[:, 2]
    x0, y0 = np.floor(corners.min(0) - 2)
    x1, y1 = np.ceil(corners.max(0) + 2)
    box = Box(
        int(np.clip(x0, 0, frame.width - 1)),
        int(np.clip(y0, 0, frame.height - 1)),
        int(np.clip(x1, 1, frame.width)),
        int(np.clip(y1, 1, frame.height)),
    )
    box = frame.align(Box(box.x0, box.y0, max(box.x1, box.x0 + 1), max(box.y1, box.y0 + 1)))
    region = frame.region(box)
    matrix = to_crop.copy()
    matrix[:, 2] += to_crop[:, :2] @ np.array([box.x0, box.y0], np.float64)
    factor = float(np.sqrt(abs(np.linalg.det(to_crop[:, :2]))))
    if factor < 0.6:
        # Averaging first: a large face warped down in one step would flicker.
        shrunk = (max(1, round(region.shape[1] * factor)), max(1, round(region.shape[0] * factor)))
        kx, ky = shrunk[0] / region.shape[1], shrunk[1] / region.shape[0]
        region = cv2.resize(region, shrunk, interpolation=cv2.INTER_AREA)
        # Pixel centres: x_small = (x + 0.5) k - 0.5.
        matrix[:, 2] += matrix[:, :2] @ np.array([0.5 / kx - 0.5, 0.5 / ky - 0.5])
        matrix[:, :2] = matrix[:, :2] / np.array([kx, ky])
    return cv2.warpAffine(region, matrix, (size, size), flags=cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE)


def normals(points: np.ndarray, raster: surface.Raster) -> np.ndarray:
    """Unit normals in camera axes, float32 (S, S, 3), 0 off the surface; points: (504, 3) px of the crop."""
    return raster.interpolate(surface.vertex_normals(points * np.array([1.0, -1.0, -1.0])))


def template_reflectance(drawing: identity_surface.Drawing, skin: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """A drawn surface without its light: at the networks' size, float32 (128, 128, 3), 0..2, 1 off the surface; at its
    own, (S, S, 3), undefined off the surface; and where it is shown, (128, 128), 0..1.

    skin: float32 (128, 128), where its light is measured.
    """
    size = (networks.SIZE, networks.SIZE)
    small = cv2.resize(drawing.bgr, size, interpolation=cv2.INTER_AREA)
    shown = cv2.resize(drawing.coverage, size, interpolation=cv2.INTER_AREA)
    measured = light.measure(small, skin * (shown > 0.99))
    fine = light.reflectance(drawing.bgr, measured)
    template = np.asarray(cv2.resize(fine, size, interpolation=cv2.INTER_AREA), np.float32)
    template -= 1.0
    template *= cv2.merge([shown] * 3)
    template += 1.0
    return template, fine, shown


def detail_weight(
    relief: np.ndarray, template: np.ndarray, detail: np.ndarray, openings: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    """Where the texture's detail, which the networks cannot draw, fits: two weights float32 (128, 128), 0..1.

    relief, template: float32 (128, 128, 3), what the networks made of what; detail: float32 (S, S), 1 on skin, where
    the finest detail always fits, 0 on eyes and lips; openings: uint8 (128, 128) from `regions.eyes_and_mouth`.
    On eyes and lips it fits where the networks, seen coarsely, left the texture in its place; in the mouth, whose
    teeth stay put while lips move, it never does. The second weight is that of eyes and lips alone, for `sharpen`.
    """
    size = (networks.SIZE, networks.SIZE)
    blue, green, red = cv2.split(np.abs(cv2.blur(relief - template, (_COARSE, _COARSE))))
    moved = cv2.blur(blue + green + red, (_COARSE, _COARSE))
    fits = np.exp(-((moved * np.float32(1.0 / (3.0 * _MOVED))) ** 2))
    mouth = cv2.dilate((openings == regions.MOUTH_VALUE).astype(np.float32), np.ones((3, 9), np.uint8))
    always = cv2.resize(detail, size, interpolation=cv2.INTER_AREA)
    features = (1.0 - always) * fits * (1.0 - mouth)
    return always + features, features


def sharpen(relief: np.ndarray, template: np.ndarray, weight: np.ndarray) -> np.ndarray:
    """`relief` with the template's detail where `weight` says so: float32 (128, 128, 3).

    The template has pupils and the lips' outline; the networks have learned the mean of many gazes and mouths.
    """
    difference = template - relief
    difference -= cv2.blur(difference, (_COARSE, _COARSE))
    difference *= cv2.merge([weight] * 3)
    difference += relief
    return difference


def _finish(relief: np.ndarray, template: np.ndarray, template_fine: np.ndarray, weight: np.ndarray) -> np.ndarray:
    """Enlarge and add the texture's fine detail: float32 (S, S, 3), 0..2."""
    size = template_fine.shape[0]
    coarse = relief - cv2.merge([weight] * 3) * template
    blue, green, red, weight = cv2.split(
        cv2.resize(cv2.merge([*cv2.split(coarse), weight]), (size, size), interpolation=cv2.INTER_LINEAR)
    )
    fine = cv2.merge([weight] * 3)
    fine *= template_fine
    fine += np.asarray(cv2.merge([blue, green, red]), np.float32)
    return np.clip(fine, 0.0, 2.0, out=fine)
