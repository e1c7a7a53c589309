"""Conversion between a frame's own YUV and BGR, exactly as libobs defines it."""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property, lru_cache

import numpy as np

# Luma weights of blue and red: ITU-R BT.601-7 section 2.5.1 and BT.709-6 section 3.2.
_BT601 = (0.114, 0.299)
_BT709 = (0.0722, 0.2126)

_LIMITED_LOW = (16.0, 16.0, 16.0)
_LIMITED_HIGH = (235.0, 240.0, 240.0)
_FULL_LOW = (0.0, 0.0, 0.0)
_FULL_HIGH = (255.0, 255.0, 255.0)


@dataclass(frozen=True)
class Colour:
    """How the samples of one frame become colours. Immutable, comparable, safe to share between threads.

    ``matrix`` is row-major 3x4 and turns (Y, U, V, 1) into (R, G, B), all in 8-bit units (0..255). YUV samples
    are first clipped to ``low``..``high``, as OBS's shader does. Formats without a matrix (RGB and grey) only
    use ``full_range``: limited means that 16..235 stands for 0..255.
    """

    matrix: tuple[float, ...]
    low: tuple[float, float, float]
    high: tuple[float, float, float]
    full_range: bool

    @classmethod
    def bt601(cls, full_range: bool) -> "Colour":
        """ITU-R BT.601, the matrix of SD video and JPEG."""
        return _standard(*_BT601, full_range)

    @classmethod
    def bt709(cls, full_range: bool) -> "Colour":
        """ITU-R BT.709, the matrix of HD video and libobs' default."""
        return _standard(*_BT709, full_range)

    @classmethod
    def from_obs(
        cls,
        color_matrix: Sequence[float],
        range_min: Sequence[float],
        range_max: Sequence[float],
        full_range: bool,
    ) -> "Colour":
        """The colour of an ``obs_source_frame``, from its fields of these names.

        ``color_matrix``: 16 floats, row-major 4x4, normalised YUV (0..1) to normalised RGB. ``range_min`` and
        ``range_max``: 3 floats in 0..1; libobs leaves them unset where ``full_range`` is true, so they are read
        only where it is false. A matrix that cannot be inverted (a source that set none) is taken as BT.709,
        libobs' own default.
        """
        return _from_obs(tuple(color_matrix), tuple(range_min), tuple(range_max), bool(full_range))

    @cached_property
    def yuv_to_bgr(self) -> np.ndarray:
        """float32 (3, 4): BGR = M (Y, U, V, 1), for ``cv2.transform``."""
        return np.array(self.matrix, np.float64).reshape(3, 4)[::-1].astype(np.float32)

    @cached_property
    def bgr_to_yuv(self) -> np.ndarray:
        """float32 (3, 4): YUV = M (B, G, R, 1), for ``cv2.transform``."""
        forward = np.array(self.matrix, np.float64).reshape(3, 4)[::-1]
        inverse = np.linalg.inv(forward[:, :3])
        return np.hstack([inverse, -inverse @ forward[:, 3:]]).astype(np.float32)

    @cached_property
    def expand(self) -> np.ndarray:
        """uint8 (256,) table from the samples of a format without matrix to 0..255."""
        return _table(self.full_range, 255 / 219, -16 * 255 / 219)

    @cached_property
    def compress(self) -> np.ndarray:
        """uint8 (256,) table from 0..255 to the samples of a format without matrix."""
        return _table(self.full_range, 219 / 255, 16)


def _table(identity: bool, scale: float, offset: float) -> np.ndarray:
    values = np.arange(256.0)
    return (values if identity else np.clip(np.rint(values * scale + offset), 0, 255)).astype(np.uint8)


@lru_cache(maxsize=8)
def _standard(blue: float, red: float, full_range: bool) -> Colour:
    # libobs/media-io/video-matrices.c, initialize_matrix(): full range scales chroma by 127.5 but centres it
    # on 128; limited range centres it on (16 + 240) / 2.
    low, high = (_FULL_LOW, _FULL_HIGH) if full_range else (_LIMITED_LOW, _LIMITED_HIGH)
    luma = 255.0 / (high[0] - low[0])
    chroma = 255.0 / ((high[1] - low[1]) / 2)
    green = 1 - blue - red
    rows = np.array(
        [
            [luma, 0, chroma * (1 - red)],
            [luma, chroma * (blue - 1) * blue / green, chroma * (red - 1) * red / green],
            [luma, chroma * (1 - blue), 0],
        ]
    )
    offsets = rows @ np.array([-low[0], -128.0, -128.0])
    matrix = np.hstack([rows, offsets[:, None]])
    return Colour(tuple(matrix.ravel().tolist()), low, high, full_range)


@lru_cache(maxsize=64)
def _from_obs(
    color_matrix: tuple[float, ...],
    range_min: tuple[float, ...],
    range_max: tuple[float, ...],
    full_range: bool,
) -> Colour:
    matrix = np.array(color_matrix, np.float64).reshape(4, 4)[:3]
    low, high = np.array([_FULL_LOW, _FULL_HIGH])
    if not full_range:
        low, high = np.rint(255 * np.array([range_min, range_max], np.float64))
    # The shipped matrices have determinants of 2.5 to 4.4; the bounds only refuse what cannot be a picture.
    usable = (
        np.isfinite(matrix).all()
        and np.abs(matrix).max() < 16
        and abs(np.linalg.det(matrix[:, :3])) > 1e-3
        and (low >= 0).all()
        and (low < high).all()
        and (high <= 255).all()
    )
    if not usable:
        return Colour.bt709(full_range)
    matrix[:, 3] *= 255
    return Colour(tuple(matrix.ravel().tolist()), tuple(low.tolist()), tuple(high.tolist()), full_range)
