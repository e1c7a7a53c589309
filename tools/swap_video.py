"""Swap the face in a video file: the live filter's own pipeline, with audio and timestamps kept."""

from environment import run_inside

run_inside("cpu")

import argparse
import sys
from collections.abc import Iterator
from fractions import Fraction
from pathlib import Path

import av
import cv2
import numpy as np
from av.audio.stream import AudioStream
from av.container import InputContainer, OutputContainer
from av.video.reformatter import ColorRange, Colorspace
from av.video.stream import VideoStream
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

from deepfake_core.disclosure.credentials import Credentials, CredentialsUnusable, chosen_credentials
from deepfake_core.disclosure.labels import CORNERS, LANGUAGES
from deepfake_core.disclosure.provenance import CONTAINERS as SIGNED_CONTAINERS
from deepfake_core.disclosure.provenance import SigningFailed, SwapFacts, sign
from deepfake_core.frame import Colour, Frame, PixelFormat
from deepfake_core.identities.keys import KeyRefused
from deepfake_core.identities.library import Library
from deepfake_core.identities.purposes import Purpose
from deepfake_core.pipeline import Pipeline
from deepfake_core.settings import Glasses, Mode, NoResult, Quality, Settings
from deepfake_core.video_file import VideoUnreadable, open_video

HD_HEIGHT = 720
"""From this height on a video that does not say its colour matrix is taken as BT.709, as players do."""
BT709, BT601, UNSPECIFIED = 1, 6, 2
"""Colour matrices as ITU-T H.273 numbers them."""
LIMITED_RANGE = 1
"""FFmpeg's AVCOL_RANGE_MPEG."""


class VideoRefused(Exception):
    """The input or output cannot be used; the text is one sentence with the cure."""


def main() -> int:
    """Run the command; 0 when the whole video was written and a face was swapped."""
    arguments = parse_arguments()
    console = Console(stderr=True)
    try:
        return swap_video(arguments, console)
    except (VideoRefused, VideoUnreadable) as error:
        console.print(f"[red]{error}[/red]", highlight=False)
        return 2


def parse_arguments() -> argparse.Namespace:
    """The command line."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("input", type=Path, metavar="IN", help="video with a face")
    parser.add_argument("output", type=Path, metavar="OUT", help="file to write (.mp4, .mkv or .mov)")
    parser.add_argument("--identity", default="", help="name of the identity (default: the first one)")
    parser.add_argument(
        "--purpose",
        choices=[*Purpose],
        default=Purpose.DEMONSTRATION,
        help="use of the video; consent must cover it",
    )
    parser.add_argument(
        "--mode", choices=[*Mode], default=Mode.FACE, help="replace the face, or the whole head with hair and ears"
    )
    parser.add_argument(
        "--glasses", choices=[*Glasses], default=Glasses.KEEP, help="keep the performer's, or take the identity's"
    )
    parser.add_argument(
        "--no-result", choices=[*NoResult], default=NoResult.BLUR, help="picture where no face is found"
    )
    parser.add_argument("--quality", choices=[Quality.FAST, Quality.BALANCED, Quality.BEST], default=Quality.BEST)
    parser.add_argument("--smoothing", type=float, default=0.5, help="landmark smoothing, 0 to 1")
    parser.add_argument("--label-corner", choices=list(CORNERS), default="top_right")
    parser.add_argument("--label-language", choices=sorted(LANGUAGES), default="en")
    parser.add_argument("--all-faces", action="store_true", help="replace every face, not the performer's alone")
    parser.add_argument("--threads", type=int, choices=range(1, 17), default=2, metavar="N")
    parser.add_argument("--certificate", type=Path, help="PEM file that signs OUT (default: a local certificate)")
    parser.add_argument("--key", type=Path, help="PEM file with the certificate's private key")
    parser.add_argument("--overwrite", action="store_true", help="replace OUT if it exists")
    return parser.parse_args()


def swap_video(arguments: argparse.Namespace, console: Console) -> int:
    """Swap the whole file; raises VideoRefused."""
    credentials = open_credentials(arguments)
    pipeline = open_pipeline(arguments)
    source, video = open_video(arguments.input)
    with source:
        partial, target = open_output(arguments.input, arguments.output, overwrite=arguments.overwrite)
        try:
            with target:
                complaint = transcode(source, video, target, pipeline, console)
            signed = sign_output(partial, arguments, credentials, console)
            partial.replace(arguments.output)
        finally:
            partial.unlink(missing_ok=True)
    status = pipeline.status()
    total = status.frames_swapped + status.frames_without_result
    console.print(
        f"{arguments.output}: {status.frames_swapped} of {total} frames swapped to {status.identity}, all marked"
        f"{f'; signed with {signed}' if signed else ''}.",
        highlight=False,
    )
    if complaint is None and not status.frames_swapped:
        reason = status.last_error or f"no face was found in {arguments.input}"
        complaint = f"Nothing was swapped ({reason}): {arguments.output} shows the marked '{arguments.no_result}' only."
    if complaint is not None:
        console.print(f"[red]{complaint}[/red]", highlight=False)
        return 1
    return 0


def open_pipeline(arguments: argparse.Namespace) -> Pipeline:
    """The loaded pipeline; raises VideoRefused when settings or identity are not usable."""
    if not 0 <= arguments.smoothing <= 1:
        raise VideoRefused("--smoothing must be between 0 and 1.")
    settings = Settings(
        identity=arguments.identity,
        purpose=arguments.purpose,
        mode=arguments.mode,
        glasses=arguments.glasses,
        no_result=arguments.no_result,
        quality=arguments.quality,
        smoothing=arguments.smoothing,
        label_corner=arguments.label_corner,
        label_language=arguments.label_language,
        all_faces=arguments.all_faces,
    )
    pipeline = Pipeline(settings, threads=arguments.threads)
    pipeline.load()
    if pipeline.status().last_error:
        raise VideoRefused(pipeline.status().last_error)
    return pipeline


def open_credentials(arguments: argparse.Namespace) -> Credentials:
    """What signs the output; raises VideoRefused."""
    try:
        return chosen_credentials(arguments.certificate, arguments.key)
    except (CredentialsUnusable, KeyRefused) as error:
        raise VideoRefused(str(error)) from error


def sign_output(partial: Path, arguments: argparse.Namespace, credentials: Credentials, console: Console) -> str:
    """Put a C2PA manifest into the finished file; who signed, or nothing for MKV, which cannot carry one.

    Raises VideoRefused.
    """
    if partial.suffix.lower() not in SIGNED_CONTAINERS:
        console.print("MKV carries no C2PA manifest: tools/sign_recording.py makes a signed MP4 of it.")
        return ""
    signed = partial.with_name(f".{partial.stem}.signed{partial.suffix}")
    facts = SwapFacts.of([Library().open(arguments.identity, Purpose(arguments.purpose))])
    parent = arguments.input if arguments.input.suffix.lower() in SIGNED_CONTAINERS else None
    try:
        sign(partial, signed, facts, credentials, parent=parent)
        signed.replace(partial)
    except SigningFailed as error:
        raise VideoRefused(str(error)) from error
    finally:
        signed.unlink(missing_ok=True)
    return credentials.description


def open_output(source: Path, path: Path, *, overwrite: bool) -> tuple[Path, OutputContainer]:
    """A temporary file beside OUT and its container, so that a broken run leaves nothing half-written as OUT."""
    if path.exists() and (not overwrite or path.samefile(source)):
        cure = "give another path" if path.samefile(source) else "give another path or --overwrite"
        raise VideoRefused(f"{path} exists already; {cure}.")
    if path.suffix.lower() not in (".mp4", ".mkv", ".mov"):
        raise VideoRefused(f"{path} must end in .mp4, .mkv or .mov.")
    partial = path.with_name(f".{path.stem}.part{path.suffix}")
    try:
        return partial, av.open(str(partial), "w")
    except (av.FFmpegError, OSError) as error:
        raise VideoRefused(f"{path} cannot be written ({error.strerror}); choose another folder.") from error


def transcode(
    source: InputContainer, video: VideoStream, target: OutputContainer, pipeline: Pipeline, console: Console
) -> str | None:
    """Swap and write every frame and pass the audio through; a sentence when the input is cut off, else None."""
    video.thread_type = "AUTO"
    encoder: VideoStream | None = None
    audio: dict[int, AudioStream] = {}
    waiting: list[av.Packet] = []
    last_pts = None
    end = 0.0
    complaint = None
    with Progress(
        TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn(), console=console
    ) as progress:
        task = progress.add_task("Swapping", total=video.frames or None)
        try:
            for item in read(source, [video, *source.streams.audio]):
                if item.pts is not None and item.time_base is not None:
                    end = max(end, float(item.pts * item.time_base))
                if isinstance(item, av.Packet):
                    waiting.append(item)
                    if encoder is not None:
                        mux_audio(target, waiting, audio)
                    continue
                if item.pts is None or (last_pts is not None and item.pts <= last_pts):
                    continue  # Without a place in time of its own a frame cannot be shown.
                last_pts = item.pts
                output = swap_frame(item, pipeline)
                if encoder is None:
                    encoder = add_video(target, item, output, video.average_rate)
                    audio = {stream.index: target.add_stream_from_template(stream) for stream in source.streams.audio}
                elif (output.width, output.height) != (encoder.width, encoder.height):
                    complaint = f"The picture changes its size at {item.time:.1f} s; what came before is written."
                    break
                output.pts, output.time_base = item.pts, item.time_base
                for packet in encoder.encode(output):
                    target.mux(packet)
                progress.advance(task)
        except av.FFmpegError as error:
            complaint = f"The input cannot be read to its end ({error.strerror}); what could be read is written."
        if encoder is None:
            raise VideoRefused("The input holds no picture that can be decoded; give another file.")
        for packet in encoder.encode(None):
            target.mux(packet)
        mux_audio(target, waiting, audio)
    return complaint or cut_off(source, end)


def add_video(
    target: OutputContainer, picture: av.VideoFrame, swapped: av.VideoFrame, rate: Fraction | None
) -> VideoStream:
    """The encoder for pictures like `swapped`, in the time base and with the colour matrix of `picture`."""
    encoder = target.add_stream("libx264", rate=rate or 30)
    encoder.width, encoder.height = swapped.width, swapped.height
    encoder.pix_fmt = swapped.format.name
    encoder.options = {"crf": "18", "preset": "medium"}
    encoder.codec_context.time_base = picture.time_base or Fraction(1, 90_000)
    encoder.codec_context.colorspace = BT709 if is_bt709(picture) else BT601
    encoder.codec_context.color_range = LIMITED_RANGE
    return encoder


def mux_audio(target: OutputContainer, waiting: list[av.Packet], audio: dict[int, AudioStream]) -> None:
    """Write the packets that waited: none may be written before every stream of the output is known."""
    for packet in waiting:
        packet.stream = audio[packet.stream.index]
        target.mux(packet)
    waiting.clear()


def read(source: InputContainer, streams: list[av.stream.Stream]) -> Iterator[av.VideoFrame | av.Packet]:
    """Decoded frames of the video and the untouched packets of the audio, in file order."""
    for packet in source.demux(streams):
        if packet.stream.type == "video":
            yield from (picture for picture in packet.decode() if isinstance(picture, av.VideoFrame))
        elif packet.dts is not None:
            yield packet


def cut_off(source: InputContainer, end: float) -> str | None:
    """A sentence when the file promised clearly more than the `end` seconds that it held."""
    promised = (source.duration or 0) / av.time_base
    if promised - end > max(1.0, 0.02 * promised):
        return f"The input is cut off after {end:.1f} of {promised:.1f} s; what was there is written."
    return None


def is_bt709(picture: av.VideoFrame) -> bool:
    """Whether the picture's colours are BT.709's, by what it says or else by its size."""
    return picture.colorspace == BT709 or (picture.colorspace == UNSPECIFIED and picture.height >= HD_HEIGHT)


def swap_frame(picture: av.VideoFrame, pipeline: Pipeline) -> av.VideoFrame:
    """Swap one decoded picture: limited range, 4:2:0, or 4:4:4 where the size is odd or the picture is turned."""
    matrix = Colorspace.ITU709 if is_bt709(picture) else Colorspace.ITU601
    timestamp_ns = int((picture.time or 0.0) * 1e9)
    if picture.width % 2 or picture.height % 2 or picture.rotation:
        bgr = picture.to_ndarray(format="bgr24")
        # Phones write a rotation (counter-clockwise) instead of turning the picture.
        frame = Frame.from_bgr(np.rot90(bgr, round(picture.rotation / 90) % 4).copy(), timestamp_ns)
        marked = pipeline.process(frame)
        swapped = av.VideoFrame.from_ndarray(marked.frame.planes[0], format="bgr24")
        return swapped.reformat(format="yuv444p", dst_colorspace=matrix, dst_color_range=ColorRange.MPEG)
    limited = picture.reformat(
        format="yuv420p", src_colorspace=matrix, dst_colorspace=matrix, dst_color_range=ColorRange.MPEG
    )
    height, width = picture.height, picture.width
    planes = limited.to_ndarray().reshape(-1).copy()
    luma, chroma = height * width, height * width // 4
    frame = Frame.over(
        planes,
        PixelFormat.I420,
        width,
        height,
        (0, luma, luma + chroma),
        (width, width // 2, width // 2),
        Colour.bt709(full_range=False) if matrix == Colorspace.ITU709 else Colour.bt601(full_range=False),
        timestamp_ns,
    )
    pipeline.process(frame)
    return av.VideoFrame.from_ndarray(planes.reshape(height * 3 // 2, width), format="yuv420p")


if __name__ == "__main__":
    cv2.setNumThreads(2)
    sys.exit(main())
