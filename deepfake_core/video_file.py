"""Opening a video file of unknown origin."""

from pathlib import Path

import av
from av.container import InputContainer
from av.video.stream import VideoStream

CONTAINERS = "mov,mp4,matroska,webm,avi,mpegts,mpeg,flv,asf,ogg,gif,nut,mxf,ivf,h264,hevc,yuv4mpegpipe"
"""FFmpeg's formats that hold the video themselves: playlists and scripts, which name other files, are not read."""
MAX_SIDE = 4096
MIN_SIDE = 16


class VideoUnreadable(ValueError):
    """The file is no video that can be read; the text is one sentence with the cure."""


def open_video(path: Path) -> tuple[InputContainer, VideoStream]:
    """The open file, to be closed by the caller, and its first picture stream; raises VideoUnreadable.

    No other file and no network address is opened, whatever the file says.
    """
    if not path.is_file():
        raise VideoUnreadable(f"{path} is not a file; give the path of a video.")
    options = {"protocol_whitelist": "file", "format_whitelist": CONTAINERS}
    try:
        container = av.open(str(path), options=options, metadata_errors="replace")
    except (av.FFmpegError, OSError, ValueError) as error:
        reason = getattr(error, "strerror", None) or error
        raise VideoUnreadable(f"{path} is not a video that can be read ({reason}); give another file.") from error
    try:
        return container, _pictures(container, path)
    except VideoUnreadable:
        container.close()
        raise


def _pictures(container: InputContainer, path: Path) -> VideoStream:
    if not container.streams.video:
        raise VideoUnreadable(f"{path} has no video in it; give a file with a picture.")
    video = container.streams.video[0]
    if video.codec_context is None:  # FFmpeg knows no decoder for it
        raise VideoUnreadable(f"{path} is in a format that cannot be decoded; convert it to H.264.")
    if not all(MIN_SIDE <= side <= MAX_SIDE for side in (video.width, video.height)):
        raise VideoUnreadable(
            f"{path} is {video.width}x{video.height} pixels; {MIN_SIDE} to {MAX_SIDE} pixels a side are possible."
        )
    video.codec_context.options = {"max_pixels": str(MAX_SIDE * MAX_SIDE)}
    return video
