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
        image = cv2.resize(panorama, (WIDTH, HEIGHT), interpolation=cv2.INTER_AREA).astype(np.float32)
        # A sun of one pixel makes one razor-sharp shadow; clipped, it becomes a bright patch of sky.
        image = np.minimum(image, max(5.0, 14 * float(np.median(image))))
        theta = (np.arange(HEIGHT) + 0.5) / HEIGHT * np.pi
        phi = ((np.arange(WIDTH) + 0.5) / WIDTH - 0.5) * 2 * np.pi
        area = np.repeat(np.sin(theta)[:, None] * (np.pi / HEIGHT) * (2 * np.pi / WIDTH), WIDTH, axis=1)
        x = np.sin(theta)[:, None] * np.sin(phi)
        y = np.repeat(np.cos(theta)[:, None], WIDTH, axis=1)
        z = -np.sin(theta)[:, None] * np.cos(phi)
        image /= (image * area[..., None]).sum(axis=(0, 1)).mean() / (4 * np.pi)
        self.image: Floats = image.astype(np.float32)
        energy = image * area[..., None]
        basis = (
            np.full_like(x, 0.282095), 0.488603 * y, 0.488603 * z, 0.488603 * x, 1.092548 * x * y,
            1.092548 * y * z, 0.315392 * (3 * z * z - 1), 1.092548 * x * z, 0.546274 * (x * x - y * y),
        )  # fmt: skip
        self.harmonics = np.stack([(energy * f[..., None]).sum(axis=(0, 1)) for f in basis]).astype(np.float32)
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
        self.soft: Floats = cv2.GaussianBlur(self.image, (0, 0), 1.2).astype(np.float32)

    @classmethod
    def load(cls, assets: Path, name: str, lights: int = 16) -> Environment:
        """One of the bundled panoramas (`NAMES`)."""
        path = assets / "hdri" / f"{name}.exr"
        if not path.is_file():
            raise AssetsMissing(f"The panorama {path} is missing: restore the assets folder.")
        with av.open(str(path)) as container:  # OpenCV's wheels read no OpenEXR, FFmpeg does
            image = next(container.decode(video=0)).to_ndarray()  # (H, W, 3) RGB
        return cls(np.ascontiguousarray(image, np.float32), lights)

    @classmethod
    def flat(cls, lights: int = 48) -> Environment:
        """Even, white light from everywhere: for baking colours, not for portraits."""
        return cls(np.ones((HEIGHT, WIDTH, 3), np.float32), lights)

    @classmethod
    def softbox(cls, lights: int = 48) -> Environment:
        """A portrait studio: warm key light to the left, cool fill to the right, rim lights, grey walls."""
        theta = (np.arange(HEIGHT)[:, None] + 0.5) / HEIGHT * 180
        phi = ((np.arange(WIDTH)[None] + 0.5) / WIDTH - 0.5) * 360  # 0 behind the sitter, +-180 the camera
        wall = 0.16 + 0.1 * np.cos(np.radians(theta))
        image = np.repeat(np.repeat(wall, WIDTH, axis=1)[..., None], 3, axis=2)

        def lamp(azimuth: float, elevation: float, radius: float, colour: tuple[float, float, float]) -> None:
            away = (phi - azimuth + 180) % 360 - 180
            falloff = np.exp(-(((away / radius) ** 2) + ((90 - theta - elevation) / radius) ** 2))
            image[:] += falloff[..., None] * np.array(colour)

        lamp(-132, 32, 26, (6.2, 5.6, 4.9))
        lamp(130, 10, 34, (1.5, 1.7, 2.0))
        lamp(-28, 35, 16, (3.2, 3.2, 3.4))
        lamp(38, 30, 14, (3.4, 3.1, 2.8))
        return cls(image.astype(np.float32), lights)


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
