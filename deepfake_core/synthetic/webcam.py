"""A webcam's traces on a clean picture: lens, exposure, blur, noise and its removal, sharpening, compression.

Lengths are for a picture of 256 px height and grow with it.
"""

from __future__ import annotations

from dataclasses import dataclass
from fractions import Fraction

import av
import cv2
import numpy as np
import numpy.typing as npt

Image = npt.NDArray[np.uint8]
Floats = npt.NDArray[np.float32]
HEIGHT = 256.0  # px that lengths are given for
LUMA = np.array([0.114, 0.587, 0.299], np.float32)  # of BGR (ITU-R BT.601)


@dataclass(frozen=True)
class Lens:
    """Where a picture's pixels come from: a part of the undistorted picture, bent by the lens.

    k1, k2: radial distortion (Brown 1966) over half the picture's height, positive bends straight lines outwards
    (barrel); zoom >= 1 crops; shift (x, y): what the crop's middle is off, in shares of what it cut away, -1..1.
    """

    k1: float = 0.0
    k2: float = 0.0
    zoom: float = 1.0
    shift: tuple[float, float] = (0.0, 0.0)

    def picture(self, image: npt.NDArray[np.uint8]) -> Image:
        """A picture or a soft matte (H, W[, 3]) as the lens shows it."""
        return self._remap(image, cv2.INTER_LINEAR)

    def labels(self, image: npt.NDArray[np.uint8]) -> Image:
        """A label picture (H, W) as the lens shows it."""
        return self._remap(image, cv2.INTER_NEAREST)

    def points(self, points: npt.NDArray[np.float32], width: int, height: int) -> npt.NDArray[np.float32]:
        """Points (..., 2 or more) in px, moved as the picture is; further columns are scaled by the crop."""
        middle, half = _frame(width, height)
        stretch, shift = self._crop(width, height)
        straight = (points[..., :2].astype(np.float64) - middle) / half
        aim = (straight - shift) / stretch
        bent = aim.copy()
        for _ in range(20):  # the distortion has no closed inverse
            r2 = (bent**2).sum(axis=-1, keepdims=True)
            bent = aim / (1 + self.k1 * r2 + self.k2 * r2**2)
        moved = np.array(points, np.float32)
        moved[..., :2] = bent * half + middle
        moved[..., 2:] /= stretch
        return moved

    def _crop(self, width: int, height: int) -> tuple[float, npt.NDArray[np.float64]]:
        """Factor and offset from bent to straight coordinates, such that no corner falls outside."""
        corner2 = 1 + (width / height) ** 2
        edges = [1.0, (width / height) ** 2, corner2]
        most = max(1.0, *(1 + self.k1 * r2 + self.k2 * r2**2 for r2 in edges))
        stretch = 1 / (most * self.zoom)
        spare = np.array([width / height, 1.0]) * (1 - stretch * most)
        return stretch, spare * np.array(self.shift)

    def _remap(self, image: npt.NDArray[np.uint8], interpolation: int) -> Image:
        if self == Lens():
            return image
        height, width = image.shape[:2]
        middle, half = _frame(width, height)
        stretch, shift = self._crop(width, height)
        x, y = np.meshgrid((np.arange(width) - middle[0]) / half, (np.arange(height) - middle[1]) / half)
        r2 = x * x + y * y
        factor = stretch * (1 + self.k1 * r2 + self.k2 * r2**2)
        map_x = ((x * factor + shift[0]) * half + middle[0]).astype(np.float32)
        map_y = ((y * factor + shift[1]) * half + middle[1]).astype(np.float32)
        return np.asarray(cv2.remap(image, map_x, map_y, interpolation, borderMode=cv2.BORDER_REPLICATE), np.uint8)


@dataclass(frozen=True)
class Webcam:
    """A camera's habits; the defaults change nothing.

    exposure: stops; white_balance: linear BGR factors; gamma, contrast, saturation: factors around 1;
    vignette: light lost in the corners 0..1; flicker: depth of the bands that mains light leaves 0..1;
    defocus, motion: blur in px (motion along `motion_angle`, degrees); ghost: share of an older, shifted picture
    that temporal noise reduction leaves 0..1; noise: standard deviation of the dark, shot: variance per linear
    light, chroma: colour blotches, both of linear light; denoise: smear 0..1; scale: share of the pixels' side
    that the sensor has; sharpen: halo's strength; jpeg: quality 1..100, 0: none; h264: constant rate factor 1..51,
    0: none.
    """

    lens: Lens = Lens()
    exposure: float = 0.0
    white_balance: tuple[float, float, float] = (1.0, 1.0, 1.0)
    gamma: float = 1.0
    contrast: float = 1.0
    saturation: float = 1.0
    vignette: float = 0.0
    flicker: float = 0.0
    defocus: float = 0.0
    motion: float = 0.0
    motion_angle: float = 0.0
    ghost: float = 0.0
    noise: float = 0.0
    shot: float = 0.0
    chroma: float = 0.0
    denoise: float = 0.0
    scale: float = 1.0
    sharpen: float = 0.0
    jpeg: int = 0
    h264: int = 0

    def apply(self, bgr: Image, seed: int, *, photometric_only: bool = False) -> Image:
        """The picture (H, W, 3) uint8 BGR as this camera gives it; noise comes from `seed` alone.

        photometric_only: each pixel stays where it is and changes by itself (no lens, blur, sharpening or
        compression), so that two pictures stay equal wherever they were. What stands beside the picture (mattes,
        labels, points) moves with `lens`.
        """
        g = np.random.default_rng([seed, 77])
        unit = bgr.shape[0] / HEIGHT
        spread = not photometric_only
        light = _to_linear(self.lens.picture(bgr) if spread else bgr)
        light *= self._shading(g, *bgr.shape[:2])
        if spread:
            light = self._blur(light, unit)
        light = self._noise(light, g, unit)
        picture = self._tone(light)
        if spread:
            picture = self._process(picture, unit)
        done = (np.clip(picture, 0, 1) * 255 + 0.5).astype(np.uint8)
        return self._compress(done) if spread else done

    def _shading(self, g: np.random.Generator, height: int, width: int) -> Floats:
        """Factors of linear light (H, W, 3): exposure, white balance, vignette, bands of flicker."""
        x, y = np.meshgrid(np.linspace(-1, 1, width) * width / height, np.linspace(-1, 1, height))
        r2 = (x * x + y * y) / (1 + (width / height) ** 2)
        factor = 2.0**self.exposure * (1 - self.vignette * r2)
        bands = np.sin(2 * np.pi * (y[:, :1] * 0.5 * g.uniform(0.8, 3) + g.random()))
        factor = factor * (1 + self.flicker * 0.5 * (bands - 1))
        return (factor[..., None] * np.array(self.white_balance)).astype(np.float32)

    def _blur(self, light: Floats, unit: float) -> Floats:
        if self.defocus > 0:
            light = cv2.GaussianBlur(light, (0, 0), self.defocus * unit).astype(np.float32)
        direction = np.array([np.cos(np.radians(self.motion_angle)), np.sin(np.radians(self.motion_angle))])
        length = self.motion * unit
        if length > 0.5:
            steps = (np.arange(9) - 4) / 8 * length
            light = np.mean([_moved(light, direction * step) for step in steps], axis=0, dtype=np.float32)
        if self.ghost > 0:
            light += np.float32(self.ghost) * (_moved(light, direction * (length + 2 * unit)) - light)
        return light

    def _noise(self, light: Floats, g: np.random.Generator, unit: float) -> Floats:
        if self.noise == self.shot == self.chroma == 0:
            return light
        shape = light.shape
        grain = g.standard_normal(shape, np.float32)
        if self.scale < 1:  # coarse pixels, coarse grain
            grain = _grain(grain, 0.5 / self.scale)
        blotch = _grain(g.standard_normal(shape, np.float32), 1.6 * unit)
        blotch -= blotch @ LUMA[:, None]  # colour alone
        deviation = np.sqrt(self.noise**2 + self.shot * np.maximum(light, 0))
        return light + (deviation * grain * np.float32(0.75) + np.float32(self.chroma) * blotch * np.sqrt(light + 0.02))

    def _tone(self, light: Floats) -> Floats:
        """Linear light to the screen's values 0..1, with gamma, contrast and saturation."""
        picture = _to_screen(light) ** np.float32(self.gamma)
        smooth = picture * picture * (3 - 2 * picture)
        picture = picture + np.float32(self.contrast - 1) * (smooth - picture)
        grey = picture @ LUMA[:, None]
        return np.asarray(grey + np.float32(self.saturation) * (picture - grey), np.float32)

    def _process(self, picture: Floats, unit: float) -> Floats:
        """What the camera's processor does: smear of noise reduction, scaling, sharpening."""
        height, width = picture.shape[:2]
        if self.scale < 1:
            small = max(16, round(width * self.scale)), max(16, round(height * self.scale))
            picture = np.asarray(cv2.resize(picture, small, interpolation=cv2.INTER_AREA), np.float32)
        if self.denoise > 0:
            clipped = np.clip(picture, 0, 1).astype(np.float32)
            smeared = cv2.bilateralFilter(clipped, 7, 0.05 + 0.12 * self.denoise, 2.2)
            picture = picture + np.float32(min(1.0, 2 * self.denoise)) * (smeared - picture)
        if self.sharpen > 0:
            soft = cv2.GaussianBlur(picture, (0, 0), max(0.8, 1.1 * unit * self.scale))
            picture = picture + np.float32(self.sharpen) * (picture - soft)
        if self.scale < 1:
            picture = np.asarray(cv2.resize(picture, (width, height), interpolation=cv2.INTER_CUBIC), np.float32)
        return picture

    def _compress(self, bgr: Image) -> Image:
        if self.jpeg:
            _, data = cv2.imencode(".jpg", bgr, [cv2.IMWRITE_JPEG_QUALITY, self.jpeg])
            bgr = np.asarray(cv2.imdecode(data, cv2.IMREAD_COLOR), np.uint8)
        return _video(bgr, self.h264) if self.h264 else bgr


def random_webcam(g: np.random.Generator) -> Webcam:
    """A good, a usual or a poor webcam (3 : 5 : 2)."""
    quality = g.choice(3, p=(0.3, 0.5, 0.2))  # 0 good, 1 usual, 2 poor
    bad = float((0.25, 0.6, 1.0)[quality])

    def sometimes(chance: float, low: float, high: float) -> float:
        wanted, value = g.random() < chance, float(g.uniform(low, high))
        return value if wanted else 0.0

    warmth, green = g.normal(0, 0.05 + 0.05 * bad), g.normal(0, 0.02 + 0.02 * bad)
    codec = g.choice(3, p=(0.25, 0.4, 0.35))  # none, JPEG, H.264
    return Webcam(
        lens=Lens(
            k1=sometimes(0.7, -0.02, 0.12),
            k2=sometimes(0.3, -0.01, 0.03),
            zoom=1 + sometimes(0.5, 0.0, 0.12),
            shift=(float(g.uniform(-1, 1)), float(g.uniform(-1, 1))),
        ),
        exposure=float(np.clip(g.normal(0, 0.25), -0.7, 0.4)),
        white_balance=(float(np.exp(-warmth)), float(np.exp(green)), float(np.exp(warmth))),
        gamma=float(np.exp(g.normal(0, 0.1))),
        contrast=float(g.uniform(0.8, 1.4)),
        saturation=float(g.uniform(0.6, 1.3)),
        vignette=sometimes(0.6, 0.05, 0.45),
        flicker=sometimes(0.08, 0.05, 0.3),
        defocus=sometimes(0.3 + 0.4 * bad, 0.3, 0.5 + 1.0 * bad),
        motion=sometimes(0.25, 1.0, 2.0 + 6.0 * bad),
        motion_angle=float(g.uniform(0, 180)),
        ghost=sometimes(0.25 * bad, 0.1, 0.35),
        noise=float(0.0006 + 0.006 * bad**2 * g.uniform(0.2, 1)),
        shot=float(0.00008 + 0.0016 * bad**2 * g.uniform(0.1, 1)),
        chroma=float(0.012 * bad * g.uniform(0.1, 1)),
        denoise=sometimes(0.3 + 0.5 * bad, 0.1, 0.3 + 0.5 * bad),
        scale=float(g.uniform(0.38, 0.95)) if g.random() < 0.15 + 0.45 * bad else 1.0,
        sharpen=sometimes(0.6, 0.2, 0.5 + 0.8 * bad),
        jpeg=int(g.integers(round(92 - 55 * bad), 95)) if codec == 1 else 0,
        h264=int(g.integers(20, round(26 + 9 * bad))) if codec == 2 else 0,
    )


def _frame(width: int, height: int) -> tuple[npt.NDArray[np.float64], float]:
    """The picture's middle (x, y) and half its height, in px."""
    return np.array([(width - 1) / 2, (height - 1) / 2]), height / 2


_LINEAR = np.arange(256, dtype=np.float32) / 255
_LINEAR = np.where(_LINEAR <= 0.04045, _LINEAR / 12.92, ((_LINEAR + 0.055) / 1.055) ** 2.4).astype(np.float32)


def _to_linear(bgr: Image) -> Floats:
    return np.asarray(_LINEAR[bgr], np.float32)


def _to_screen(light: Floats) -> Floats:
    x = np.clip(light, 0, 1)
    return np.asarray(np.where(x <= 0.0031308, 12.92 * x, 1.055 * x ** np.float32(1 / 2.4) - 0.055), np.float32)


def _moved(light: Floats, offset: npt.NDArray[np.float64]) -> Floats:
    matrix = np.array([[1, 0, offset[0]], [0, 1, offset[1]]])
    moved = cv2.warpAffine(light, matrix, light.shape[1::-1], borderMode=cv2.BORDER_REPLICATE)
    return np.asarray(moved, np.float32)


def _grain(noise: Floats, sigma: float) -> Floats:
    """Noise made coarser, its deviation kept."""
    coarse = cv2.GaussianBlur(noise, (0, 0), sigma)
    return np.asarray(coarse / coarse.std(), np.float32)


def _video(bgr: Image, crf: int) -> Image:
    """The picture after H.264: the second frame of a video that stands still but for a pixel."""
    height, width = bgr.shape[0] // 2 * 2, bgr.shape[1] // 2 * 2
    encoder = av.CodecContext.create("libx264", "w")
    assert isinstance(encoder, av.VideoCodecContext)
    encoder.width, encoder.height, encoder.pix_fmt = width, height, "yuv420p"
    encoder.time_base, encoder.thread_count = Fraction(1, 30), 1
    encoder.options = {"crf": str(crf), "preset": "veryfast", "tune": "zerolatency"}
    decoder = av.CodecContext.create("h264", "r")
    assert isinstance(decoder, av.VideoCodecContext)
    decoder.thread_count = 1
    earlier = np.roll(bgr, 1, axis=1)
    frames = []
    for picture in (earlier, bgr):
        frame = av.VideoFrame.from_ndarray(np.ascontiguousarray(picture[:height, :width]), format="bgr24")
        for packet in encoder.encode(frame):
            frames += decoder.decode(packet)
    for packet in encoder.encode(None):
        frames += decoder.decode(packet)
    frames += decoder.decode(None)
    seen = bgr.copy()
    seen[:height, :width] = frames[-1].to_ndarray(format="bgr24")
    return seen
