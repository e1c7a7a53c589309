"""What makes a face's skin somebody's: freckles, moles, blotches, stubble, wrinkles, spots of age, and make-up.

Details are strewn and drawn where they belong on the head of the base mesh, whose coordinates (dm, see `mesh`) every
texel of the face knows. Skin darkens by two pigments: melanin and blood (their absorption in red, green and blue
after Donner and Jensen 2006, roughly).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property

import cv2
import numpy as np
import numpy.typing as npt
from scipy.interpolate import LinearNDInterpolator

from deepfake_core.synthetic.mesh import Mesh

Field = npt.NDArray[np.floating]  # one value per texel of the head

# The head in texture space, as shares of the texture's side from the left and from the top.
LEFT, RIGHT, TOP, BOTTOM = 0.63, 1.0, 0.17, 0.86
MELANIN = np.array([1.0, 0.72, 0.42], np.float32)  # BGR absorption per unit of pigment
BLOOD = np.array([0.8, 1.0, 0.14], np.float32)
# Places on the left half of the base mesh, in dm; the right half mirrors them.
INNER_CORNER = np.array([0.178, 7.314, 1.36])
BELOW_EYE = np.array([0.308, 7.164, 1.36])
CORNER_OF_EYE = np.array([0.46, 7.27, 1.24])
CHEEK = np.array([0.43, 7.0, 1.34])
BLUSH = np.array([0.49, 7.03, 1.29])
NOSE = np.array([0.0, 6.99, 1.72])
CHIN = np.array([0.0, 6.5, 1.45])
FOREHEAD = np.array([0.0, 7.62, 1.42])


@dataclass(frozen=True)
class SkinDetails:
    """Strengths 0..1 of what is painted on the face, each 0 for none; `seed` places it.

    redness: of cheeks, nose and ears; stubble: density of a shaved beard, in `stubble_colour` (BGR, linear);
    make-up: lips, lids, blush and liner with their colours (BGR, linear).
    """

    seed: int = 0
    redness: float = 0.0
    blotches: float = 0.0
    pores: float = 0.0
    freckles: float = 0.0
    moles: int = 0
    sun_spots: float = 0.0
    wrinkles: float = 0.0
    eye_rings: float = 0.0
    stubble: float = 0.0
    stubble_colour: tuple[float, float, float] = (0.02, 0.025, 0.03)
    lipstick: float = 0.0
    lipstick_colour: tuple[float, float, float] = (0.08, 0.04, 0.35)
    eyeshadow: float = 0.0
    eyeshadow_colour: tuple[float, float, float] = (0.1, 0.06, 0.1)
    blush: float = 0.0
    liner: float = 0.0


class HeadMap:
    """Where each texel of the head lies: fields (h, w) over the head's rectangle of a texture of `size` px."""

    def __init__(self, mesh: Mesh, size: int, masks: Mapping[str, Field]) -> None:
        """`masks` are regions of the whole texture, 0..1: "face", "lips", "eyelids" and "ears"."""
        self.size = size
        self.rows, self.columns = slice(int(TOP * size), int(BOTTOM * size)), slice(int(LEFT * size), size)
        skin = mesh.groups == "body"
        corners, vertices = mesh.uv[mesh.uv_faces[skin]].reshape(-1, 2), mesh.faces[skin].ravel()
        corners = np.stack([corners[:, 0], 1 - corners[:, 1]], axis=1)  # upright
        inside = (corners[:, 0] > LEFT) & (corners[:, 1] > TOP - 0.02) & (corners[:, 1] < BOTTOM)
        corners, first = np.unique(corners[inside], axis=0, return_index=True)
        place = LinearNDInterpolator(corners, mesh.vertices[vertices[inside][first]])
        y, x = (np.mgrid[self.rows, self.columns] + 0.5) / size
        self.place: npt.NDArray[np.float32] = np.nan_to_num(place(x, y), nan=-9.0).astype(np.float32)
        self.lips, self.lids, self.ears, mean = (
            masks[name][self.rows, self.columns] for name in ("lips", "eyelids", "ears", "face")
        )
        self._mean = (mean / mean.sum()).astype(np.float32)

    @cached_property
    def across(self) -> Field:
        """Distance from the face's middle in dm."""
        return np.abs(self.place[..., 0])

    def blob(self, centre: npt.NDArray[np.float64], radius: float) -> Field:
        """A soft spot around a point and its mirror image, 1 in its middle."""
        away = np.stack([self.across, self.place[..., 1], self.place[..., 2]], -1) - centre.astype(np.float32)
        return np.exp(-(away**2).sum(-1) / np.float32(2 * radius**2))

    @cached_property
    def face(self) -> Field:
        """1 on the front of the face, down to the throat."""
        x, y, z = self.across, self.place[..., 1], self.place[..., 2]
        return _rise(z, 0.75, 0.15) * _rise(y, 6.4, 0.06) * _rise(-y, -7.75, 0.06) * _rise(-x, -0.72, 0.06)

    @cached_property
    def ruddy(self) -> Field:
        """Where blood shows: cheeks, nose, ears, chin."""
        total = 0.9 * self.blob(CHEEK, 0.17) + self.blob(NOSE, 0.13) + 0.45 * self.blob(CHIN, 0.13)
        return np.clip(total + 0.7 * self.ears, 0, 1).astype(np.float32)

    @cached_property
    def beard(self) -> Field:
        """Where a man's beard grows: moustache, cheeks below a line to the ear, chin and throat."""
        x, y, z = self.across, self.place[..., 1], self.place[..., 2]
        line = 6.82 + 0.1 * np.clip(x / 0.3, 0, 1) ** 2 + 0.36 * np.clip(x - 0.35, 0, 0.4)
        jaw = _rise(line - y, 0.0, 0.03) * _rise(y, 6.22, 0.08) * _rise(z, 0.45, 0.1)
        moustache = _rise(-x, -0.27, 0.03) * _rise(y, 6.78, 0.02) * _rise(-y, -6.94, 0.018) * _rise(z, 1.3, 0.05)
        return (np.maximum(jaw, moustache) * (1 - self.lips) * (1 - self.ears)).astype(np.float32)

    @cached_property
    def _wrinkles(self) -> list[tuple[float, Field]]:
        """Lines of age: (wrinkles 0..1 from which they appear, depth 0..1)."""
        x, y, z = self.across, self.place[..., 1], self.place[..., 2]
        signed = self.place[..., 0]
        wave = 0.014 * np.sin(9 * signed + 1) + 0.008 * np.sin(23 * signed)
        front = _rise(z, 1.0, 0.1)
        fields: list[tuple[float, Field]] = []
        for k, height in enumerate((7.5, 7.58, 7.66, 7.74)):
            arc = height - 0.16 * x**2 + wave * (1 + 0.3 * k)
            fields.append((0.25 + 0.08 * k, _line(y - arc, 0.011) * _rise(-x, -0.36 + 0.03 * k, 0.06) * front))
        corner = np.hypot(x - 0.44, y - 7.27)
        angle = np.degrees(np.arctan2(y - 7.27, x - 0.44))
        reach = _rise(corner, 0.05, 0.015) * _rise(-corner, -0.19, 0.03) * _rise(z, 0.8, 0.05)
        for k, ray in enumerate((-28.0, -8.0, 12.0, 32.0)):
            bent = angle - ray - 40 * (corner - 0.1)
            fields.append((0.2 + 0.07 * k, _line(np.radians(bent) * corner, 0.009) * reach))
        down = np.clip((7.02 - y) / 0.34, 0, 1)
        fold = _rise(-y, -7.02, 0.03) * _rise(y, 6.66, 0.04)
        fields.append((0.1, 1.4 * _line(x - 0.155 - 0.16 * down**0.8, 0.015) * fold * front))
        mouth = _rise(-y, -6.73, 0.03) * _rise(y, 6.52, 0.04)
        fields.append((0.4, _line(x - 0.285 - 0.05 * np.clip((6.73 - y) / 0.2, 0, 1), 0.013) * mouth * front))
        brow = _rise(y, 7.3, 0.03) * _rise(-y, -7.47, 0.03)
        fields.append((0.3, _line(x - 0.055 - 0.02 * np.sin(20 * y), 0.011) * brow * front))
        under = np.hypot(x - 0.308, y - 7.3)
        below = _rise(7.24 - y, 0.0, 0.02)
        for k, radius in enumerate((0.165, 0.215)):
            fields.append((0.15 + 0.25 * k, 0.8 * _line(under - radius, 0.011) * below * front))
        lip = _rise(y, 6.82, 0.015) * _rise(-y, -6.92, 0.02) * _rise(-x, -0.2, 0.03)
        fields.append((0.6, 0.5 * np.clip(np.sin(2 * np.pi * x / 0.045), 0, 1) ** 3 * lip * front))
        for k, ring in enumerate((6.32, 6.14, 5.98)):
            fields.append((0.2 + 0.1 * k, 0.7 * _line(y - ring - 0.25 * x**2 - wave, 0.016) * _rise(z, 0.2, 0.1)))
        return [(onset, field.astype(np.float32)) for onset, field in fields]

    @cached_property
    def _eye_ring(self) -> Field:
        x, y, z = self.across, self.place[..., 1], self.place[..., 2]
        bag = np.exp(-(((x - 0.29) / 0.12) ** 2) - ((y - 7.185) / 0.055) ** 2) * _rise(z, 1.0, 0.05)
        return (bag + 0.35 * self.blob(INNER_CORNER, 0.06)).astype(np.float32)

    @cached_property
    def _lid_area(self) -> Field:
        """Between the upper lashes and the brow."""
        x, y = self.across, self.place[..., 1]
        crease = np.exp(-(((x - 0.32) / 0.13) ** 2) - ((y - 7.345) / 0.045) ** 2) * _rise(self.place[..., 2], 1.0, 0.05)
        return np.maximum(self.lids, crease).astype(np.float32)

    @cached_property
    def _lash_line(self) -> Field:
        soft = cv2.GaussianBlur(self.lids, (0, 0), self.size / 450)
        return np.clip(3.5 * soft * (1 - soft) - 0.1, 0, 1).astype(np.float32)

    def paint(self, skin: npt.NDArray[np.float32], details: SkinDetails) -> None:
        """Paint details on a whole skin texture, BGR linear (size, size, 3), in place."""
        g = np.random.default_rng(details.seed)
        head = skin[self.rows, self.columns]
        melanin = np.zeros(head.shape[:2], np.float32)
        blood = np.zeros_like(melanin)
        face = self.face
        cloudy = self._noise(g, 0.05)
        mottled = self._noise(g, 0.012)
        grain = self._noise(g, 2.2 / self.size)
        blood += 0.2 * details.redness * self.ruddy * (1 + 0.15 * mottled)
        blood += details.blotches * (0.02 * cloudy + 0.012 * mottled)
        melanin += details.blotches * (0.018 * self._noise(g, 0.03) + 0.008 * mottled)
        melanin += details.pores * 0.025 * grain * (0.4 + 0.6 * face)
        if details.freckles > 0:
            area = np.clip(self.blob(CHEEK, 0.25) + self.blob(NOSE, 0.2) + 0.4 * self.blob(FOREHEAD, 0.3), 0, 1)
            spots = cv2.GaussianBlur(
                self._spots(g, 1.1, 1.5), (0, 0), self.size / 1100
            )  # sharp ones would look like pits
            melanin += 1.0 * details.freckles * spots * area * (0.7 + 0.3 * cloudy) * (1 - self.lips)
        if details.sun_spots > 0:
            melanin += (
                0.45 * details.sun_spots * self._spots(g, 4.0, 1.9) * (0.3 + 0.7 * _rise(self.place[..., 1], 6.5, 0.1))
            )
        for _ in range(details.moles):
            self._mole(g, melanin)
        if details.eye_rings > 0:
            blood += 0.3 * details.eye_rings * self._eye_ring
            melanin += 0.22 * details.eye_rings * self._eye_ring
        if details.wrinkles > 0:
            for onset, field in self._wrinkles:
                depth = float(np.clip((details.wrinkles - onset) / 0.5, 0, 1) * g.uniform(0.5, 1.0))
                if depth > 0:
                    melanin += 0.2 * depth * field
                    blood += 0.14 * depth * field
            melanin += details.wrinkles * 0.05 * self._noise(g, 3.5 / self.size) * self._sagging
        absorbed = np.exp(-(melanin[..., None] * MELANIN + blood[..., None] * BLOOD))
        head *= absorbed / (absorbed * self._mean[..., None]).sum(axis=(0, 1))  # the face's mean colour stays
        if details.stubble > 0:
            hairs = np.clip(0.95 + 0.12 * self._noise(g, 1.0 / self.size) + 0.15 * cloudy, 0, 1.5)
            cover = np.clip(0.4 * details.stubble * self.beard * hairs, 0, 0.85)
            _blend(head, details.stubble_colour, cover)
        self._make_up(head, details)

    @cached_property
    def _sagging(self) -> Field:
        """Where fine creases show: around the eyes, on the cheeks and the throat."""
        total = self.blob(CORNER_OF_EYE, 0.12) + 0.5 * self.blob(CHEEK, 0.2) + 0.6 * self.blob(BELOW_EYE, 0.1)
        return np.clip(total + 0.6 * _rise(-self.place[..., 1], -6.4, 0.1), 0, 1).astype(np.float32)

    def _make_up(self, head: npt.NDArray[np.float32], details: SkinDetails) -> None:
        """Paint that keeps the relief below it."""
        if details.blush > 0:
            cheeks = self.blob(BLUSH, 0.14) * 0.3 * details.blush
            head *= np.exp(-cheeks[..., None] * BLOOD)
        relief = head @ np.full((3, 1), 1 / 3, np.float32)
        for strength, colour, mask in (
            (details.lipstick, details.lipstick_colour, cv2.GaussianBlur(self.lips, (0, 0), self.size / 900)),
            (details.eyeshadow, details.eyeshadow_colour, self._lid_area),
        ):
            if strength > 0:
                usual = max(float(np.average(relief[..., 0], weights=mask)), 1e-4)
                share = np.clip(strength * mask, 0, 0.9)[..., None]
                head += share * (relief / usual * np.array(colour, np.float32) - head)
        if details.liner > 0:
            _blend(head, (0.008, 0.008, 0.01), np.clip(details.liner * self._lash_line, 0, 0.85))

    def _noise(self, g: np.random.Generator, scale: float) -> Field:
        """Smooth noise of standard deviation 1; `scale` as a share of the texture's side."""
        height, width = self.place.shape[:2]
        step = max(scale * self.size, 1.0)
        # Always the same count of numbers for a texture size, whatever came before.
        coarse = g.standard_normal((int(height / step) + 3, int(width / step) + 3), np.float32)
        noise = cv2.resize(coarse, (width, height), interpolation=cv2.INTER_CUBIC)
        return np.asarray(noise / noise.std(), np.float32)

    def _spots(self, g: np.random.Generator, width: float, rare: float) -> Field:
        """Strewn spots of about `width` thousandths of the texture, 0..1."""
        spread = self._noise(g, width / 1000)
        return np.clip((spread - rare) * 1.4, 0, 1)

    def _mole(self, g: np.random.Generator, melanin: Field) -> None:
        """One dark spot on face or throat."""
        flat = np.flatnonzero(self.face > 0.6)
        row, column = divmod(int(flat[g.integers(len(flat))]), melanin.shape[1])
        if self.lips[row, column] > 0.1 or self.lids[row, column] > 0.1:
            return
        radius = float(g.uniform(0.9, 2.6)) * self.size / 1024
        reach = int(4 * radius) + 1
        rows = np.arange(max(row - reach, 0), min(row + reach + 1, melanin.shape[0]))
        columns = np.arange(max(column - reach, 0), min(column + reach + 1, melanin.shape[1]))
        away = (rows[:, None] - row) ** 2 + ((columns[None] - column) * float(g.uniform(0.8, 1.25))) ** 2
        depth = float(g.uniform(0.5, 1.5))
        melanin[rows[0] : rows[-1] + 1, columns[0] : columns[-1] + 1] += depth * np.exp(-((away / radius**2) ** 1.5))


def _rise(x: Field, at: float, width: float) -> Field:
    """0 below `at`, 1 above it, smoothly over about `width`."""
    return 1 / (1 + np.exp(np.clip((at - x) / (0.4 * width), -40, 40)))


def _line(away: Field, width: float) -> Field:
    """A groove with a faint ridge on both sides."""
    q = (away / width) ** 2
    return np.exp(-0.5 * q) - 0.35 * np.exp(-0.125 * q)


def _blend(head: npt.NDArray[np.float32], colour: tuple[float, float, float], share: Field) -> None:
    head += share[..., None] * (np.array(colour, np.float32) - head)
