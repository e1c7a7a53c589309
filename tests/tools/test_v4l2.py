import errno
import fcntl
import os
import struct
from pathlib import Path

import pytest
import v4l2
from v4l2 import Camera, Mode


def test_the_best_mode_is_720p_at_30() -> None:
    modes = (
        Mode("YUYV", 1280, 720, (1, 10)),
        Mode("YUYV", 640, 480, (1, 30)),
        Mode("MJPG", 1920, 1080, (1, 30)),
        Mode("MJPG", 1280, 720, (1, 60)),
        Mode("MJPG", 1280, 720, (1, 30)),
    )
    assert Camera("/dev/video0", "Webcam", modes).best_mode() == modes[4]
    assert Camera("/dev/video0", "Webcam", modes[:2]).best_mode() == modes[1]


def test_uncompressed_wins_where_both_are_as_good_and_the_smallest_of_the_large() -> None:
    same = (Mode("MJPG", 640, 480, (1, 30)), Mode("YUYV", 640, 480, (1, 30)))
    assert Camera("", "", same).best_mode().fourcc == "YUYV"
    large = (Mode("YUYV", 3840, 2160, (1, 30)), Mode("YUYV", 1920, 1080, (1, 30)))
    assert Camera("", "", large).best_mode().width == 1920


class Driver:
    """A capture device that answers the ioctls with a stepwise range of sizes and a continuous one of rates."""

    def __init__(self, capabilities: int = 0x04000001, fourcc: bytes = b"YUYV") -> None:
        self.capabilities = capabilities
        self.fourcc = fourcc

    def __call__(self, descriptor: int, request: int, answer: bytearray) -> int:
        index = struct.unpack_from("=I", answer)[0]
        if request == 0x80685600:
            answer[16:22] = b"Webcam"
            struct.pack_into("=3I", answer, 80, 0, self.capabilities | 0x80000000, self.capabilities)
        elif index:
            raise OSError(errno.EINVAL, "end")
        elif request == 0xC0405602:
            answer[44:48] = self.fourcc
        elif request == 0xC02C564A:
            struct.pack_into("=7I", answer, 8, 3, 160, 1920, 8, 120, 1080, 8)
        elif request == 0xC034564B:
            struct.pack_into("=5I", answer, 16, 2, 1, 60, 1, 5)
        else:
            raise OSError(errno.ENOTTY, "unknown")
        return 0


@pytest.fixture
def device(tmp_path: Path) -> str:
    path = tmp_path / "video9"
    path.touch()
    return str(path)


def test_ranges_of_sizes_and_rates_are_read(device: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(fcntl, "ioctl", Driver())
    assert v4l2.open_camera(device) == Camera(device, "Webcam", (Mode("YUYV", 1280, 720, (1, 30)),))


@pytest.mark.parametrize(
    ("driver", "sentence"),
    [(Driver(capabilities=0x2), "is not a camera"), (Driver(fourcc=b"H264"), "offers no format that OBS reads")],
)
def test_what_is_no_camera_is_refused(
    device: str, driver: Driver, sentence: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(fcntl, "ioctl", driver)
    with pytest.raises(v4l2.CameraUnusable, match=sentence):
        v4l2.open_camera(device)


def test_a_file_and_nothing_are_refused(device: str) -> None:
    descriptors = len(os.listdir("/proc/self/fd"))  # noqa: PTH208
    with pytest.raises(v4l2.CameraUnusable, match="is not a video device"):
        v4l2.open_camera(device)
    with pytest.raises(v4l2.CameraUnusable, match="cannot be opened: No such file"):
        v4l2.open_camera(device + "0")
    assert len(os.listdir("/proc/self/fd")) == descriptors  # noqa: PTH208


def test_no_driver_means_no_camera(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(v4l2, "SYSFS", tmp_path / "none")
    assert v4l2.cameras() == []
