"""An identity painted in plain colours on the canonical face: each of its layers can be told by its colour."""

import cv2
import numpy as np

from deepfake_core.facemesh import topology
from deepfake_core.swapping.eyes import LOOPS, Eyeballs
from deepfake_core.swapping.head_layer import HeadPages
from deepfake_core.swapping.identity_head import IdentityHead
from deepfake_core.swapping.mouth import Mouth, chin
from deepfake_core.swapping.retargeting import Retargeter
from deepfake_core.training import baking

SKIN, HAIR, IRIS, UPPER, LOWER, CAVITY, WHITE, LID = (
    (90, 120, 160),
    (20, 200, 20),
    (250, 0, 0),
    (255, 255, 255),
    (200, 200, 0),
    (0, 0, 60),
    (240, 240, 240),
    (60, 100, 220),
)
YAWS = (-40, -20, 0, 20, 40)


def canonical() -> np.ndarray:
    """The canonical face, float64 (468, 3) cm."""
    return topology.canonical_face().vertices.astype(np.float64)


def turned(yaw: float = 0.0, pitch: float = 0.0) -> np.ndarray:
    """Rotation (3, 3), canonical head to camera; a positive yaw looks to the picture's right, a positive pitch down."""
    return cv2.Rodrigues(np.radians([0.0, yaw, 0.0]))[0] @ cv2.Rodrigues(np.radians([pitch, 0.0, 0.0]))[0]


def painted(size: int = 128) -> IdentityHead:
    """Skin on the mesh, hair all around it in every page, blue irises, white upper and other lower teeth."""
    head = canonical()
    uv = baking.layout(head, size)
    page = np.full((size, size, 4), (*SKIN, 255), np.uint8)
    side = 96
    picture = np.full((side, side, 4), (*HAIR, 0), np.uint8)
    cv2.circle(picture, (side // 2, side // 2), 30, (*HAIR, 255), -1)
    iris = np.full((32, 32, 4), (*IRIS, 0), np.uint8)
    cv2.circle(iris, (16, 16), 12, (*IRIS, 255), -1)
    teeth = np.stack([np.full((24, 48, 4), (*colour, 255), np.uint8) for colour in (UPPER, LOWER)])
    teeth[0, 12:, :, 3] = teeth[1, :12, :, 3] = 0
    middle = head[[13, 14]].mean(0) - (0.0, 0.0, 0.7)
    flat = np.zeros(1404, np.float32)
    lids = page.copy()
    for loop in LOOPS:
        centre = uv[loop].mean(0)
        cv2.fillPoly(page, [np.round(uv[loop]).astype(np.int32)], (*WHITE, 255))
        cv2.fillPoly(lids, [np.round(centre + 1.5 * (uv[loop] - centre)).astype(np.int32)], (*LID, 255))
    return IdentityHead(
        pages=np.stack([page, lids]),
        uv=uv,
        lid_lines=np.full((2, 7), 0.9, np.float32),
        lip_shifts=np.zeros(468, np.float32),
        page_openings=np.array([[0.2, 0.2, 0.1], [0.05, 0.05, 0.4]], np.float32),
        tone=np.array(SKIN, np.float32),
        retargeter=Retargeter(
            driver_mean=head.ravel().astype(np.float32),
            basis=np.zeros((1, 1404), np.float32),
            openings_mean=np.zeros(5, np.float32),
            openings_scale=np.ones(5, np.float32),
            coefficients=np.zeros((6, 1404), np.float32),
            identity_mean=head.ravel().astype(np.float32) + flat,
            identity_neutral=head.ravel().astype(np.float32),
        ),
        head=HeadPages(
            pictures=np.stack([picture] * len(YAWS)),
            hair=np.full((len(YAWS), side // 4, side // 4), 255, np.uint8),
            rotations=np.stack([turned(yaw) for yaw in YAWS]).astype(np.float32),
        ),
        eyeballs=Eyeballs(
            iris=iris,
            iris_radius=np.array([0.55], np.float32),
            offsets=np.array([[0.0, 0.1, -0.7]] * 2, np.float32),
        ),
        mouth=Mouth(
            teeth=teeth,
            places=np.stack([middle, middle - chin(head)]).astype(np.float32),
            cavity=np.array([CAVITY, CAVITY], np.float32),
        ),
    )
