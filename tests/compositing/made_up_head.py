"""A made-up performer: a head before a wall, its landmarks, its parsing, and something drawn over it."""

from __future__ import annotations

import cv2
import numpy as np

from deepfake_core.compositing.face import FaceMode
from deepfake_core.compositing.view import ComposedFace, DriverView, FaceView
from deepfake_core.facemesh import topology
from deepfake_core.frame import Frame, PixelFormat
from deepfake_core.parsing.classes import Label
from deepfake_core.parsing.crop import parsing_crop
from deepfake_core.parsing.parser import GROUPS
from deepfake_core.parsing.parsing import SIZE, Parsing
from deepfake_core.settings import Settings
from deepfake_core.swapping import regions
from deepfake_core.swapping.alignment import Pose, crop_transform, transform_points
from deepfake_core.swapping.swapper import DrawnHead

WIDTH, HEIGHT = 320, 240
STEP_NS = 33_333_333
SKIN, WALL = (110, 140, 190), (120, 90, 60)
SIDE = 128


def pose(x: float = 160, y: float = 120, scale: float = 9.0, yaw: float = 0.0) -> Pose:
    """A head whose origin is at (x, y) px, `scale` px per cm."""
    turn = np.radians(yaw)
    rotation = np.array([[np.cos(turn), 0, np.sin(turn)], [0, 1, 0], [-np.sin(turn), 0, np.cos(turn)]])
    return Pose(scale, rotation, np.array([x, -y, 0.0]))


def landmarks(place: Pose) -> np.ndarray:
    """The canonical face there: float64 (468, 3), px of the frame."""
    return place.to_picture(topology.canonical_face().vertices.astype(np.float64))


def labels(place: Pose) -> np.ndarray:
    """uint8 (240, 320) of the bare head: the inner face is skin, nothing else is told apart."""
    found = np.zeros((HEIGHT, WIDTH), np.uint8)
    hull = cv2.convexHull(landmarks(place)[:, :2].astype(np.float32))
    cv2.fillConvexPoly(found, np.round(hull).astype(np.int32), int(Label.SKIN))
    return found


def picture(place: Pose, skin: tuple[int, int, int] = SKIN) -> np.ndarray:
    """uint8 (240, 320, 3): the bare head before the wall."""
    bgr = np.full((HEIGHT, WIDTH, 3), WALL, np.uint8)
    bgr[labels(place) == Label.SKIN] = skin
    return bgr


def parsing(place: Pose, of_frame: np.ndarray) -> Parsing:
    """What a perfect parser says of labels uint8 (240, 320)."""
    to_crop = parsing_crop(place)

    def laid(part: np.ndarray) -> np.ndarray:
        return cv2.warpAffine(part, to_crop, (SIZE, SIZE), flags=cv2.INTER_NEAREST)

    mattes = {name: laid(np.where(np.isin(of_frame, group), 255, 0).astype(np.uint8)) for name, group in GROUPS.items()}
    return Parsing(laid(of_frame), mattes, cv2.invertAffineTransform(to_crop))


def drawn(
    place: Pose, side: int = SIDE, reflectance: float = 1.0, tone: tuple[float, float, float] = (150, 170, 210)
) -> DrawnHead:
    """An identity of one plain colour over the whole inner face."""
    to_square = crop_transform(place, side)
    points = transform_points(to_square, landmarks(place))
    matte = regions.matte(points, side)
    return DrawnHead(
        reflectance=np.full((side, side, 3), reflectance, np.float32),
        face_matte=matte,
        head_matte=matte.copy(),
        skin=np.full_like(matte, 255),
        driver_matte=matte.copy(),
        tone=np.array(tone, np.float32),
        crop_to_frame=cv2.invertAffineTransform(to_square),
        pose=place,
        points=points,
        face_square=(0, 0, side),
        head_mode=False,
    )


def face(place: Pose, of_frame: np.ndarray | None, **options: float) -> ComposedFace:
    """The face to lay in; without labels, no parser has run."""
    return ComposedFace(drawn(place, **options), None if of_frame is None else parsing(place, of_frame), track_id=1)  # type: ignore[arg-type]


def view(made: Frame, one: ComposedFace, settings: Settings) -> FaceView:
    """A face as face mode sees it."""
    return FaceMode.view(DriverView(made, one, settings), one.drawn)


def frame(bgr: np.ndarray, number: int = 0) -> Frame:
    """A frame over its own copy."""
    return Frame.from_bgr(bgr.copy(), number * STEP_NS)


def noise(pixel_format: PixelFormat, seed: int = 0) -> Frame:
    """A frame of any format, full of noise."""
    made = Frame.allocate(pixel_format, WIDTH, HEIGHT)
    random = np.random.default_rng(seed)
    for plane in made.planes:
        plane[...] = random.integers(0, 256, plane.shape)
    return made
