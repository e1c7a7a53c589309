"""The identity's whole head, with hair and ears: pictures of it from several sides, turned to the pose asked for."""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np

from deepfake_core.swapping.square import Square

PAGE_CENTIMETRES = 42.0
"""Side of a page on the canonical head."""
PAGE_CENTRE = np.array([0.0, -1.5, -3.0])
"""Point of the canonical head (cm) in the middle of every page."""
_PROXY_CENTRE = np.array([0.0, 1.0, -3.5])
_PROXY_RADII = np.array([8.5, 11.0, 10.0])
"""The ellipsoid that stands for a head's shape, cm."""
COARSER = 4
"""So many times coarser than the pictures the hair is known, and drawn."""
_CELLS = 32
_TAKE_OVER = 5.0
_SHARPNESS = np.radians(2.0)
_SOFT = 2.0
"""Width of the border of an outline between those of two pages, px."""


@dataclass(frozen=True)
class HeadPages:
    """Pictures of a head in flat light."""

    pictures: np.ndarray
    """uint8 (K, P, P, 4): BGR, continued smoothly beyond the head, and the head's matte; the head upright."""
    hair: np.ndarray
    """uint8 (K, P/4, P/4): where that is hair."""
    rotations: np.ndarray
    """float32 (K, 3, 3): canonical head to camera, without roll."""


def nearest(pages: HeadPages, rotation: np.ndarray) -> list[tuple[int, float]]:
    """The one or two pages seen from about the same side, and their shares; continuous in the pose.

    rotation: float (3, 3), canonical head to camera.
    """
    cosines = pages.rotations[:, 2] @ rotation[2]
    angles = np.arccos(np.clip(cosines, -1.0, 1.0))
    weights = 1.0 / (angles + _SHARPNESS)
    order = np.argsort(-weights)[:3]
    # Less the third's weight: where second and third change places, both have none.
    kept = weights[order[:2]] - (weights[order[2]] if len(order) == 3 else 0.0)
    # Two outlines of hair shine through each other while both pages count, so one takes over soon.
    kept = np.maximum(kept, 1e-6) ** _TAKE_OVER
    kept /= kept.sum()
    return [(int(page), float(share)) for page, share in zip(order[:2], kept, strict=True) if share > 0.01]


class HeadDrawer:
    """Draws heads; remembers the outlines of the pages drawn last."""

    def __init__(self) -> None:
        self._pages: HeadPages | None = None
        self._distances: list[np.ndarray | None] = []

    def draw(self, pages: HeadPages, rotation: np.ndarray, square: Square) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """The head turned to a pose: uint8 (S, S, 3) BGR, its matte float32 (S, S), 0..1, and where that is hair,
        float32 (S/4, S/4), 0..1.

        rotation: float (3, 3), canonical head to camera, without roll, as `square` is. Each page is laid over an
        ellipsoid and seen from the new side; what stands out beyond the ellipsoid (hair, ears) lies in the plane
        through its outline.
        """
        # Beside the face alone little of it is seen, and less is enough.
        size = square.size if square.size > square.side else square.size // 2
        coarse = (square.size // COARSER,) * 2
        points = _on_proxy(rotation, square, size)
        side = pages.pictures.shape[1]
        drawn, distances = [], []
        hair = np.zeros(coarse, np.float32)
        chosen = nearest(pages, rotation)
        for page, share in chosen:
            right, up = (points.onto(axis) * (side / PAGE_CENTIMETRES) for axis in pages.rotations[page, :2])
            maps = _enlarged((side - 1) / 2 + right, size), _enlarged((side - 1) / 2 - up, size)
            drawn.append(cv2.remap(pages.pictures[page], *maps, cv2.INTER_LINEAR, borderMode=cv2.BORDER_CONSTANT))
            few_x, few_y = (
                cv2.resize(plane, coarse, interpolation=cv2.INTER_LINEAR) * np.float32(1.0 / COARSER) for plane in maps
            )
            seen = cv2.remap(pages.hair[page], few_x, few_y, cv2.INTER_LINEAR, borderMode=cv2.BORDER_CONSTANT)
            hair += seen * np.float32(share / 255.0)
            if len(chosen) == 2:
                outline = self._distance(pages, page)
                beyond = float(outline.min())
                distances.append(
                    cv2.remap(
                        outline, few_x, few_y, cv2.INTER_LINEAR, borderMode=cv2.BORDER_CONSTANT, borderValue=beyond
                    )
                    * np.float32(share)
                )
        blended = drawn[0]
        if len(chosen) == 2:
            # The pages' colours go on beyond the head, and so do those of their mixture.
            blended = cv2.addWeighted(drawn[0], chosen[0][1], drawn[1], chosen[1][1], 0.0)
        alpha = _as_share(cv2.extractChannel(blended, 3))
        if len(chosen) == 2:
            # Where one page has hair and the other none, half of it would be a ghost: its outline lies between theirs.
            outline = cv2.resize(distances[0] + distances[1], (size, size), interpolation=cv2.INTER_CUBIC)
            between = np.asarray(outline * np.float32(size / coarse[0] / _SOFT) + np.float32(0.5), np.float32)
            np.clip(between, 0.0, 1.0, out=between)
            between -= alpha
            between *= _as_share(cv2.absdiff(*(cv2.extractChannel(each, 3) for each in drawn)))
            alpha += between
        bgr = cv2.cvtColor(blended, cv2.COLOR_BGRA2BGR)
        if size != square.size:
            whole = (square.size, square.size)
            bgr = cv2.resize(bgr, whole, interpolation=cv2.INTER_LINEAR)
            alpha = np.asarray(cv2.resize(alpha, whole, interpolation=cv2.INTER_LINEAR), np.float32)
        return np.asarray(bgr), alpha, hair

    def _distance(self, pages: HeadPages, page: int) -> np.ndarray:
        """How far each pixel of a page, COARSER times smaller, lies inside of the head's outline: float32, px."""
        if self._pages is not pages:
            self._pages, self._distances = pages, [None] * len(pages.pictures)
        found = self._distances[page]
        if found is None:
            inside = np.where(pages.pictures[page][..., 3] > 127, 255, 0).astype(np.uint8)
            signed = cv2.distanceTransform(inside, cv2.DIST_L2, 3) - cv2.distanceTransform(~inside, cv2.DIST_L2, 3)
            small = pages.hair.shape[1:]
            found = cv2.resize(signed, small, interpolation=cv2.INTER_AREA) * np.float32(1.0 / COARSER)
            self._distances[page] = found
        return found


@dataclass(frozen=True)
class _Proxy:
    """Where on the ellipsoid the points of a coarse grid lie: `across` x + `up` y + `along` depth, cm of the head."""

    x: np.ndarray
    """float64 (33,), cm to the right in the camera's axes, of the grid's columns."""
    y: np.ndarray
    """float64 (33, 1), cm up, of its rows."""
    depth: np.ndarray
    """float64 (33, 33), cm to the camera."""
    rotation: np.ndarray

    def onto(self, axis: np.ndarray) -> np.ndarray:
        """float64 (33, 33): how far the points lie along a unit vector (3,) from `PAGE_CENTRE`."""
        across, up, along = (self.rotation @ axis).tolist()
        return across * self.x + (up * self.y - float(PAGE_CENTRE @ axis)) + along * self.depth


def _on_proxy(rotation: np.ndarray, square: Square, size: int) -> _Proxy:
    """See where rays through a coarse grid meet the ellipsoid, or the plane through its outline.

    size: side of the picture that the grid is enlarged to, px; it shows the whole square.
    """
    # The points that `_enlarged` takes them for.
    cell = -(-size // _CELLS)
    pixels = np.arange(_CELLS + 1) * cell + ((cell - 1) / 2 - (cell - 1) // 2)
    pixels = (pixels + 0.5) * (square.size / size) - 0.5
    x, y = square.to_camera(pixels, pixels[:, None])
    # |start + depth along| = 1, with start = across x + up y - centre, all in radii of the ellipsoid.
    across, up, along = rotation / _PROXY_RADII
    centre = _PROXY_CENTRE / _PROXY_RADII
    a = float(along @ along)
    b = float(across @ along) * x + (float(up @ along) * y - float(centre @ along))
    beside = float(across @ across) * x * x - 2.0 * float(across @ centre) * x
    above = float(up @ up) * y * y - 2.0 * float(up @ centre) * y + float(centre @ centre) - 1.0
    c = beside + above + (2.0 * float(across @ up)) * x * y
    depth = (np.sqrt(np.maximum(b * b - a * c, 0.0)) - b) * (1.0 / a)
    return _Proxy(x, y, depth, rotation)


def _as_share(matte: np.ndarray) -> np.ndarray:
    """A matte uint8 (h, w) as float32 (h, w), 0..1."""
    share = matte.astype(np.float32)
    share *= np.float32(1.0 / 255.0)
    return share


def _enlarged(grid: np.ndarray, size: int) -> np.ndarray:
    """A coarse grid linearly enlarged: float32 (size, size)."""
    # cv2.resize takes the grid's points for middles of cells, so the grid is given a rim that is cut off again.
    cell = -(-size // (len(grid) - 1))
    wide = cv2.resize(grid.astype(np.float32), (cell * len(grid),) * 2, interpolation=cv2.INTER_LINEAR)
    first = (cell - 1) // 2
    return np.asarray(wide[first : first + size, first : first + size])
