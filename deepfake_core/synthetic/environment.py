"""Light from panoramas (HDRI): a picture for reflections, spherical harmonics, and a few distant lights."""

from __future__ import annotations

from pathlib import Path

import av
import cv2
import numpy as np
import numpy.typing as npt

from deepfake_core.synthetic.assets import AssetsMissing

NAMES = ("city", "courtyard", "forest", "interior", "night", "studio", "sunrise", "sunset")
WIDTH, HEIGHT = 512, 256
LUMINANCE = np.array([0.3, 0.6, 0.1], np.float32)  # of RGB

Floats = npt.NDArray[np.float32]


class Environment:
    """A panorama, normalised to a mean radiance of 1.

    image (256, 512, 3) float32 linear RGB, equirectangular, its middle looking along -z;
    harmonics (9, 3): spherical harmonics of degree 0..2 (Ramamoorthi and Hanrahan 2001);
    light_directions (L, 3), light_colours (L, 3), light_spreads (L,) radians: median cut lights (Debevec 2005);
    soft: the image out of focus.
    """

    def __init__(self, panorama: Floats, lights: int) -> None:
        image = np.asarray(cv2.resize(panorama, (WIDTH, HEIGHT), interpolation=cv2.INTER_AREA), np.float32)
        coarse = np.asarray(cv2.resize(image, (WIDTH // 4, HEIGHT // 4), interpolation=cv2.INTER_AREA), np.float64)
        height, width = coarse.shape[:2]
        theta = (np.arange(height) + 0.5) / height * np.pi
        phi = ((np.arange(width) + 0.5) / width - 0.5) * 2 * np.pi
        area = np.repeat(np.sin(theta)[:, None] * (np.pi / height) * (2 * np.pi / width), width, axis=1)
        x = np.sin(theta)[:, None] * np.sin(phi)
        y = np.repeat(np.cos(theta)[:, None], width, axis=1)
        z = -np.sin(theta)[:, None] * np.cos(phi)
        mean = float((coarse * area[..., None]).sum(axis=(0, 1)).mean()) / (4 * np.pi)
        self.image: Floats = (image / np.float32(mean)).astype(np.float32)
        energy = coarse * area[..., None] / mean
        basis = np.stack(
            [
                np.full_like(x, 0.282095), 0.488603 * y, 0.488603 * z, 0.488603 * x, 1.092548 * x * y,
                1.092548 * y * z, 0.315392 * (3 * z * z - 1), 1.092548 * x * z, 0.546274 * (x * x - y * y),
            ]
        )  # fmt: skip
        self.harmonics = np.tensordot(basis, energy, axes=((1, 2), (0, 1))).astype(np.float32)
        directions = np.stack([x, y, z], axis=-1)
        luminance = energy @ LUMINANCE
        aims, colours, spreads = [], [], []
        for rows, columns in _median_cut(luminance, theta, lights):
            aim = (directions[rows, columns] * luminance[rows, columns, None]).sum(axis=(0, 1))
            length = float(np.linalg.norm(aim)) + 1e-9
            aims.append(aim / length)
            together = length / (float(luminance[rows, columns].sum()) + 1e-9)
            spreads.append(np.sqrt(max(0.0, 2 - 2 * together)))
            colours.append(energy[rows, columns].sum(axis=(0, 1)))
        self.light_directions: Floats = np.array(aims, np.float32)
        self.light_colours: Floats = np.array(colours, np.float32)
        self.light_spreads: Floats = np.array(spreads, np.float32)
        self.soft: Floats = np.asarray(cv2.GaussianBlur(self.image, (0, 0), 1.2), np.float32)

    def irradiance(self, normal: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
        """Light (3,) on a surface with this normal (3,) in the panorama's axes, nothing in the way."""
        cosine = np.clip(self.light_directions @ normal, 0, None)
        return np.asarray(cosine @ self.light_colours, np.float64)

    @classmethod
    def load(cls, assets: Path, name: str, lights: int = 16) -> Environment:
        """One of the bundled panoramas (`NAMES`)."""
        path = assets / "hdri" / f"{name}.exr"
        if not path.is_file():
            raise AssetsMissing(f"The panorama {path} is missing: restore the assets folder.")
        with av.open(str(path)) as container:  # OpenCV's wheels read no OpenEXR, FFmpeg does
            image = next(container.decode(video=0)).to_ndarray()  # (H, W, 3) RGB
        image = np.asarray(cv2.resize(image, (WIDTH, HEIGHT), interpolation=cv2.INTER_AREA), np.float32)
        # A sun of one pixel makes one razor-sharp shadow; held down, it becomes a bright patch of sky.
        brightest = image.max(axis=2, keepdims=True)
        image *= np.minimum(1, max(5.0, 14 * float(np.median(image))) / np.maximum(brightest, 1e-6))
        return cls(image, lights)

    @classmethod
    def flat(cls, lights: int = 48) -> Environment:
        """Even, white light from everywhere: for baking colours, not for portraits."""
        return cls(np.ones((HEIGHT, WIDTH, 3), np.float32), lights)

    @classmethod
    def softbox(cls, lights: int = 48) -> Environment:
        """A portrait studio: warm key light to the left, cool fill to the right, rim lights, grey walls."""
        panorama = Panorama.room(np.full(3, 0.16), np.full(3, 0.26), np.full(3, 0.06))
        panorama.lamp(-132, 32, 26, np.array([6.2, 5.6, 4.9]))
        panorama.lamp(130, 10, 34, np.array([1.5, 1.7, 2.0]))
        panorama.lamp(-28, 35, 16, np.array([3.2, 3.2, 3.4]))
        panorama.lamp(38, 30, 14, np.array([3.4, 3.1, 2.8]))
        return cls(panorama.image, lights)


class Panorama:
    """A panorama that is painted; image (128, 256, 3) float32 linear RGB.

    Azimuths in degrees: 0 is behind the sitter, 90 to the picture's right, 180 where the camera stands;
    elevations: 0 is level, 90 above.
    """

    def __init__(self, image: Floats) -> None:
        self.image = image
        height, width = image.shape[:2]
        self._elevation = 90 - (np.arange(height)[:, None] + 0.5) / height * 180
        self._azimuth = ((np.arange(width)[None] + 0.5) / width - 0.5) * 360

    @classmethod
    def room(
        cls, walls: npt.NDArray[np.float64], ceiling: npt.NDArray[np.float64], floor: npt.NDArray[np.float64]
    ) -> Panorama:
        """Linear RGB (3,) of what surrounds the sitter."""
        height = np.sin(np.radians(90 - (np.arange(HEIGHT // 2) + 0.5) / (HEIGHT // 2) * 180))[:, None, None]
        rows = walls + np.maximum(height, 0) * (ceiling - walls) + np.maximum(-height, 0) * (floor - walls)
        return cls(np.repeat(rows, WIDTH // 2, axis=1).astype(np.float32))

    def lamp(self, azimuth: float, elevation: float, radius: float, colour: npt.NDArray[np.float64]) -> None:
        """Add a soft round light; radius in degrees."""
        away = self._away(azimuth)
        falloff = np.exp(-((away / radius) ** 2) - ((self._elevation - elevation) / radius) ** 2)
        self.image += (falloff[..., None] * colour).astype(np.float32)

    def box(self, azimuth: float, elevation: float, size: tuple[float, float], colour: npt.NDArray[np.float64]) -> None:
        """Add a bright rectangle of size (width, height) degrees; a negative colour takes away, down to nothing."""
        away = np.abs(self._away(azimuth)) * np.cos(np.radians(np.clip(self._elevation, -80, 80)))
        inside = np.clip((size[0] / 2 - away) / 1.5 + 0.5, 0, 1)
        inside = inside * np.clip((size[1] / 2 - np.abs(self._elevation - elevation)) / 1.5 + 0.5, 0, 1)
        self.image = np.maximum(self.image + inside[..., None] * colour, 0).astype(np.float32)

    def _away(self, azimuth: float) -> npt.NDArray[np.float64]:
        return np.asarray((self._azimuth - azimuth + 180) % 360 - 180)


def _median_cut(
    luminance: npt.NDArray[np.float64], theta: npt.NDArray[np.float64], count: int
) -> list[tuple[slice, slice]]:
    """Cut the panorama into regions of about equal energy, the brightest first, across its longer side."""
    regions = [(0, len(luminance), 0, luminance.shape[1])]
    while len(regions) < count:
        energies = [luminance[a:b, c:d].sum() if b - a > 1 and d - c > 1 else -1.0 for a, b, c, d in regions]
        a, b, c, d = regions.pop(int(np.argmax(energies)))
        region = luminance[a:b, c:d]
        wide = (d - c) * np.sin(theta[(a + b) // 2]) >= b - a
        along = np.cumsum(region.sum(axis=0 if wide else 1))
        cut = int(np.clip(np.searchsorted(along, along[-1] / 2) + 1, 1, len(along) - 1))
        if wide:
            regions += [(a, b, c, c + cut), (a, b, c + cut, d)]
        else:
            regions += [(a, a + cut, c, d), (a + cut, b, c, d)]
    return [(slice(a, b), slice(c, d)) for a, b, c, d in regions]
