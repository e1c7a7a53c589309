"""Cameras that Linux knows, and the modes they offer (Video4Linux 2, linux/videodev2.h). Standard library only."""

from __future__ import annotations

import fcntl
import os
import re
import struct
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

SYSFS = Path("/sys/class/video4linux")
_QUERYCAP = 0x80685600
_ENUM_FMT = 0xC0405602
_ENUM_FRAMESIZES = 0xC02C564A
_ENUM_FRAMEINTERVALS = 0xC034564B
_CAPTURE, _OUTPUT, _STREAMING, _DEVICE_CAPS = 0x1, 0x2, 0x04000000, 0x80000000
_DISCRETE = 1
_BUFFER_TYPE_CAPTURE = 1
# What OBS's camera source decodes; uncompressed first, because MJPG costs it time.
FORMATS = ("YUYV", "NV12", "UYVY", "YVYU", "YU12", "YV12", "MJPG")
WANTED_WIDTH, WANTED_HEIGHT, WANTED_RATE = 1280, 720, 30


@dataclass(frozen=True)
class Mode:
    """One way in which a camera delivers: fourcc, pixels, and seconds per frame as a fraction."""

    fourcc: str
    width: int
    height: int
    interval: tuple[int, int]

    @property
    def rate(self) -> float:
        """Frames per second."""
        return self.interval[1] / self.interval[0]

    def __str__(self) -> str:
        return f"{self.fourcc} {self.width}x{self.height} at {self.rate:g} frames/s"


@dataclass(frozen=True)
class Camera:
    """A capture device and its modes."""

    device: str
    name: str
    modes: tuple[Mode, ...]
    """At least one."""

    def best_mode(self) -> Mode:
        """The mode nearest to 1280x720 at 30 frames/s from below."""
        return max(self.modes, key=_preference)


class CameraUnusable(RuntimeError):
    """A device is not a camera, is in other hands, or speaks no format that OBS reads."""


def cameras() -> list[Camera]:
    """Every camera of this machine that can be opened, in the kernel's order."""
    found = []
    try:
        names = [path.name for path in SYSFS.iterdir()]
    except FileNotFoundError:  # no driver of a video device is loaded
        names = []
    for name in sorted(names, key=lambda text: (len(text), text)):
        try:
            camera = open_camera(f"/dev/{name}")
        except CameraUnusable:  # a metadata node, an output, or another program's: the next may do
            continue
        found.append(camera)
    return found


def open_camera(device: str) -> Camera:
    """Reads what `device` offers. Raises CameraUnusable with the cause."""
    try:
        descriptor = os.open(device, os.O_RDWR | os.O_NONBLOCK)
    except OSError as error:
        raise CameraUnusable(f"{device} cannot be opened: {error.strerror}.") from error
    try:
        name, capabilities = _capabilities(descriptor)
        if not capabilities & _CAPTURE or not capabilities & _STREAMING:
            raise CameraUnusable(f"{device} ({name}) is not a camera: choose another with --camera.")
        modes = tuple(_modes(descriptor))
    except OSError as error:
        raise CameraUnusable(f"{device} is not a video device: choose another with --camera.") from error
    finally:
        os.close(descriptor)
    if not modes:
        raise CameraUnusable(f"{device} ({name}) offers no format that OBS reads ({', '.join(FORMATS)}).")
    return Camera(device, name, modes)


def loopback_loaded() -> bool:
    """Whether the kernel module behind OBS's virtual camera, v4l2loopback, is loaded."""
    try:
        modules = Path("/proc/modules").read_text(encoding="ascii", errors="replace")
    except OSError:
        return False
    return re.search(r"^v4l2loopback ", modules, re.MULTILINE) is not None


def _preference(mode: Mode) -> tuple[bool, bool, int, float, int]:
    fits = mode.width <= WANTED_WIDTH and mode.height <= WANTED_HEIGHT
    pixels = mode.width * mode.height if fits else -mode.width * mode.height
    return mode.rate >= 24, fits, pixels, -abs(mode.rate - WANTED_RATE), -FORMATS.index(mode.fourcc)


def _capabilities(descriptor: int) -> tuple[str, int]:
    answer = bytearray(104)
    fcntl.ioctl(descriptor, _QUERYCAP, answer)
    name = bytes(answer[16:48]).split(b"\0")[0].decode("utf-8", "replace")
    _version, capabilities, device_capabilities = struct.unpack_from("=3I", answer, 80)
    return name, device_capabilities if capabilities & _DEVICE_CAPS else capabilities


def _modes(descriptor: int) -> Iterator[Mode]:
    for description in _enumerate(descriptor, _ENUM_FMT, 64, (_BUFFER_TYPE_CAPTURE,)):
        pixel_format = bytes(description[44:48])
        fourcc = pixel_format.decode("ascii", "replace")
        if fourcc not in FORMATS:
            continue
        code = struct.unpack("=I", pixel_format)[0]
        for size in _enumerate(descriptor, _ENUM_FRAMESIZES, 44, (code,)):
            width, height = _size(size)
            for interval in _enumerate(descriptor, _ENUM_FRAMEINTERVALS, 52, (code, width, height)):
                yield Mode(fourcc, width, height, _interval(interval))


def _enumerate(descriptor: int, request: int, length: int, fields: tuple[int, ...]) -> Iterator[bytearray]:
    """The driver's answers for index 0, 1, ... until it says EINVAL: the protocol of all VIDIOC_ENUM_*."""
    for index in range(256):
        answer = bytearray(length)
        struct.pack_into(f"={1 + len(fields)}I", answer, 0, index, *fields)
        try:
            fcntl.ioctl(descriptor, request, answer)
        except OSError:
            return
        yield answer


def _size(answer: bytearray) -> tuple[int, int]:
    kind, width, high_width, step_x, height, high_height, step_y = struct.unpack_from("=7I", answer, 8)
    if kind == _DISCRETE:  # width and height follow each other; the rest is not used
        return width, high_width
    return _nearest(WANTED_WIDTH, width, high_width, step_x), _nearest(WANTED_HEIGHT, height, high_height, step_y)


def _nearest(wanted: int, low: int, high: int, step: int) -> int:
    clamped = max(low, min(high, wanted))
    return clamped - (clamped - low) % max(1, step)


def _interval(answer: bytearray) -> tuple[int, int]:
    kind, numerator, denominator, slow_numerator, slow_denominator = struct.unpack_from("=5I", answer, 16)
    fastest = (max(1, numerator), max(1, denominator))
    if kind == _DISCRETE or fastest[1] / fastest[0] <= WANTED_RATE:
        return fastest
    slowest = (max(1, slow_numerator), max(1, slow_denominator))
    return slowest if slowest[1] / slowest[0] > WANTED_RATE else (1, WANTED_RATE)
