"""Face mode: the identity's inner face, the performer's own hair."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from functools import partial

import cv2
import numpy as np

from deepfake_core.compositing import colour, seam
from deepfake_core.compositing.grain import Grain
from deepfake_core.compositing.occlusion import Front
from deepfake_core.compositing.view import DriverView, FaceView, Layer, box_around, square_element
from deepfake_core.facemesh import topology
from deepfake_core.frame import Box
from deepfake_core.swapping import regions
from deepfake_core.swapping.alignment import CROP_CENTIMETRES
from deepfake_core.swapping.swapper import DrawnHead
from deepfake_core.threads import Beside

_FEATURES = np.array(topology.FEATURES)
"""What is no skin between them is no hair."""
_BESIDE_EYES, _RIM = 0.4, 0.9
"""cm around them that are no hair either, and around hair that are its rim."""
_COARSER = 4
"""px of the drawn square per px in which hair is looked for."""


class FaceMode:
    """Lays the inner face over one performer's; what it learns of light, noise and glasses stays with it."""

    def __init__(self) -> None:
        self._light = colour.DriverLight()
        self._front = Front()
        self._grain = Grain()

    def look(self, driver: DriverView, _beside: Beside) -> Callable[[DrawnHead], list[Layer]]:
        """Do what needs no drawing: the driver's light, and what stays before the face. Gives what makes the layers."""
        light = self._light(driver)
        front = self._front.over_square(driver, hair=True)
        return partial(self._layers, driver, light, front, seam.driver_face(driver))

    @staticmethod
    def view(driver: DriverView, drawn: DrawnHead) -> FaceView:
        """The face where its soft edge may reach."""
        drawn = _bare(drawn)
        x, y, width, height = cv2.boundingRect(cv2.max(drawn.face_matte, drawn.driver_matte))
        settings = driver.settings
        margin = settings.matte_softness * seam.WIDEST / 2 * min(width, height) + 2
        half = settings.matte_size * np.array([width, height]) / 2 + margin
        middle = np.array([x + (width - 1) / 2, y + (height - 1) / 2])
        corners = middle + half * np.array([[-1, -1], [-1, 1], [1, -1], [1, 1]])
        return FaceView(driver, drawn, driver.frame.align(box_around(corners, drawn.crop_to_frame)))

    def _layers(
        self, driver: DriverView, light: np.ndarray, front: np.ndarray | None, features: np.ndarray, drawn: DrawnHead
    ) -> list[Layer]:
        """The face, lit, dressed in the camera's noise, behind what stays before it.

        light: float32 (32, 32, 3); front, features: uint8 (S, S), what stays before the face and what must be covered.
        """
        view = self.view(driver, drawn)
        if view.empty:
            return []
        covered = seam.covered(view.drawn.face_matte, features)
        correction = self._light.at_seam(view, light, covered)
        matte = seam.matte(view, covered)
        if front is not None:
            # The lesser, not the product: where both end at the same edge, it must not count twice.
            matte = cv2.min(matte, cv2.bitwise_not(front))
        part = _shown(view, matte)
        if not part.width or not part.height:
            return []
        view = view.within(part)
        lit, matte = self._lit(view, light, correction, matte)
        glasses = np.zeros_like(matte)
        self._front.add_glasses(glasses, view, light, hair=True)
        matte = cv2.min(matte, cv2.bitwise_not(glasses))
        return [Layer(view.box, self._grain(view, lit, matte), matte, view.region)]

    def _lit(
        self, view: FaceView, light: np.ndarray, correction: np.ndarray, matte: np.ndarray
    ) -> tuple[np.ndarray, np.ndarray]:
        return colour.lit(view, light, correction, matte)


def _shown(view: FaceView, matte: np.ndarray) -> Box:
    """The part of the view's box where a matte uint8 (S, S) shows anything, in even steps as chroma needs them."""
    x, y, width, height = cv2.boundingRect(matte)
    corners = np.array([x, y]) + np.array([[-1, -1], [-1, height], [width, -1], [width, height]], np.float64)
    around, box = box_around(corners, view.drawn.crop_to_frame), view.box
    left, top = max(box.x0, around.x0 // 2 * 2), max(box.y0, around.y0 // 2 * 2)
    right, bottom = min(box.x1, (around.x1 + 1) // 2 * 2), min(box.y1, (around.y1 + 1) // 2 * 2)
    return Box(left, top, max(left, right), max(top, bottom)) if width else Box(left, top, left, top)


def _bare(drawn: DrawnHead) -> DrawnHead:
    """The drawn head with plain skin for all but its inner face: its hair has no place on the performer's temples."""
    matte = cv2.min(drawn.face_matte, cv2.bitwise_not(_hairline(drawn)))
    share = matte.astype(np.float32)
    share *= np.float32(1 / 255)
    reflectance = drawn.reflectance - np.float32(1.0)
    reflectance *= cv2.merge([share] * 3)
    reflectance += np.float32(1.0)
    return replace(drawn, reflectance=reflectance, skin=cv2.max(drawn.skin, cv2.bitwise_not(matte)))


def _hairline(drawn: DrawnHead) -> np.ndarray:
    """Where the drawn hair is, and begins: uint8 (S, S), soft. Its rim would be a dark line on a pale temple."""
    hair = cv2.bitwise_not(np.ascontiguousarray(drawn.skin[::_COARSER, ::_COARSER]))
    inner = np.zeros_like(hair)
    regions.fill_hull(inner, drawn.points[_FEATURES, :2] / _COARSER)
    unit = drawn.face_square[2] / _COARSER / CROP_CENTIMETRES
    beside, rim = (square_element(max(1, round(distance * unit))) for distance in (_BESIDE_EYES, _RIM))
    inner = cv2.dilate(inner, beside)
    grown = cv2.dilate(cv2.subtract(hair, inner), rim)
    shown = cv2.blur(cv2.subtract(grown, inner), (3, 3))
    return cv2.resize(shown, drawn.skin.shape[::-1], interpolation=cv2.INTER_LINEAR)
