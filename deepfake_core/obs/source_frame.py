"""An obs_source_frame as the graphics thread sees it: a header that is cheap to compare, and planes to copy."""

import ctypes as C  # noqa: N812
import struct
from collections.abc import Sequence

from deepfake_core.colour import Colour
from deepfake_core.mailbox import Layout
from deepfake_core.obs.libobs import SourceFrame
from deepfake_core.pixel_format import PixelFormat

_HEADER_BYTES = SourceFrame.flags.offset
_LINESIZE = SourceFrame.linesize.offset
_TIMESTAMP = SourceFrame.timestamp.offset
_FORMAT = SourceFrame.format.offset
_AFTER_FULL_RANGE = SourceFrame.full_range.offset + 1
_RANGE = SourceFrame.color_range_min.offset

_POINTERS = struct.Struct("@8Q" if C.sizeof(C.c_void_p) == 8 else "@8I")
_TIME = struct.Struct("@Q")

# Copies without letting go of the GIL: taking it back could cost the graphics thread a worker's whole switch interval,
# and for as long as it is held no picture can change hands.
_move = C.PYFUNCTYPE(None, C.c_void_p, C.c_void_p, C.c_size_t)(C.cast(C.memmove, C.c_void_p).value or 0)


class UnsupportedFrame(ValueError):
    """A frame in a format or size that the filter cannot replace; its text names the cure."""


def header(address: int) -> bytes:
    """The frame's fields before its flags, as they lie in memory."""
    return C.string_at(address, _HEADER_BYTES)


def layout_key(fields: bytes) -> bytes:
    """What is equal for two headers if their frames have the same layout: all but planes, timestamp and padding."""
    return fields[_LINESIZE:_TIMESTAMP] + fields[_FORMAT:_AFTER_FULL_RANGE] + fields[_RANGE:]


def layout(fields: bytes) -> Layout:
    """The layout in a header. Raises UnsupportedFrame."""
    frame = SourceFrame.from_buffer_copy(fields.ljust(C.sizeof(SourceFrame), b"\0"))
    try:
        pixel_format = PixelFormat(frame.format)
    except ValueError:
        raise UnsupportedFrame(
            f"The camera sends OBS's video format {frame.format}, which the filter does not know, so its picture is "
            "hidden; choose YUYV, NV12 or MJPEG in the camera's properties."
        ) from None
    planes = len(pixel_format.plane_shapes(frame.width, frame.height))
    if not all(frame.data[:planes]):
        raise UnsupportedFrame("The camera sends frames without pixels; choose another video format in its properties.")
    return Layout(
        pixel_format,
        frame.width,
        frame.height,
        tuple(frame.linesize[:planes]),
        Colour.from_obs(frame.color_matrix, frame.color_range_min, frame.color_range_max, frame.full_range),
        frame.flip,
    )


def timestamp(fields: bytes) -> int:
    """OBS's time of the frame in ns."""
    return int(_TIME.unpack_from(fields, _TIMESTAMP)[0])


def copy_out(fields: bytes, targets: Sequence[int], plane_bytes: Sequence[int]) -> None:
    """Copy the frame's planes to the addresses `targets`."""
    for source, target, size in zip(_POINTERS.unpack_from(fields), targets, plane_bytes, strict=False):
        _move(target, source, size)


def copy_in(fields: bytes, sources: Sequence[int], plane_bytes: Sequence[int]) -> None:
    """Overwrite the frame's planes from the addresses `sources`."""
    for target, source, size in zip(_POINTERS.unpack_from(fields), sources, plane_bytes, strict=False):
        _move(target, source, size)
