"""mediapipe's iris network (Ablavatski et al. 2020, arXiv:2006.11341): iris and lids of both eyes."""

from __future__ import annotations

from typing import NamedTuple

import cv2
import numpy as np

from deepfake_core import inference
from deepfake_core.facemesh.region import Region, around
from deepfake_core.frame import Frame

MODEL = "facemesh/iris_landmark.onnx"
SIDE = 64
SCALE = 2.3
"""Side of the square that the network looks at, over the distance of the eye's corners."""
CORNERS = ((33, 133), (362, 263))
"""The corners of the subject's right and left eye, from left to right in the picture."""
_CONTOUR = 71


class Eyes(NamedTuple):
    """Both eyes of a face, the subject's right one first; pixels of the frame.

    iris float32 (2, 5, 2): centre, then four points of its outline; lids float32 (2, 16, 2): the lower lid from the
    outer corner to the inner one, then the upper lid between them likewise.
    """

    iris: np.ndarray
    lids: np.ndarray


class IrisNetwork:
    """The iris network with its reused buffers; for one thread."""

    def __init__(self, *, threads: int, provider: str) -> None:
        self.session = inference.shared(MODEL, threads=threads, provider=provider)
        self._crop = np.empty((SIDE, SIDE, 3), np.uint8)
        self._tensor = np.empty((2, SIDE, SIDE, 3), np.float32)

    def read(self, frame: Frame, landmarks: np.ndarray) -> Eyes | None:
        """The eyes of the face with `landmarks` (468, 3), px of the frame; None where one lies outside it.

        Raises NetworkFailed.
        """
        maps = []
        for eye, corners in enumerate(CORNERS):
            region = _region(landmarks[list(corners)])
            if region.bounds(frame.width, frame.height) is None:
                return None
            to_frame = region.to_frame(SIDE)
            crop = frame.square(cv2.invertAffineTransform(to_frame), SIDE, averaged=False)
            cv2.cvtColor(crop, cv2.COLOR_BGR2RGB, dst=self._crop)
            # The network knows right eyes; the left one is shown to it mirrored.
            seen = self._crop if eye == 0 else self._crop[:, ::-1]
            np.multiply(seen, np.float32(1 / 255), out=self._tensor[eye])
            maps.append(to_frame)
        contours, irises = self.session.run(input_1=self._tensor)
        points = np.concatenate([irises.reshape(2, 5, 3), contours.reshape(2, _CONTOUR, 3)[:, :16]], axis=1)[..., :2]
        # Pixel 0 of a mirrored crop is its last one.
        points[1, :, 0] = SIDE - 1 - points[1, :, 0]
        placed = np.stack([points[k] @ maps[k][:, :2].T + maps[k][:, 2] for k in range(2)]).astype(np.float32)
        return Eyes(placed[:, :5], placed[:, 5:])


def _region(corners: np.ndarray) -> Region:
    """The square around an eye with these corners (2, 3), px, from left to right in the picture."""
    region = around(corners.min(0), corners.max(0), corners[0], corners[1])
    size = float(np.abs(corners[1, :2] - corners[0, :2]).max()) * SCALE
    return region._replace(size=size)
