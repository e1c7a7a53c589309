"""Measures the watermark: what it costs and changes, what it survives, how long a detector takes, and its false alarms.

    python3 tools/measure_watermark.py measure --work DIR --clips FILE...    every channel with every clip
    python3 tools/measure_watermark.py unmarked --work DIR --clips FILE...   a detector over unmarked pictures
    python3 tools/measure_watermark.py report --work DIR --clips FILE...     tables and pictures into docs/watermark.md

The first two take hours on one core and go on where they were stopped. Their results stand in DIR, a line each.
"""

from environment import REPOSITORY, run_inside

run_inside("cpu")

import argparse
import json
import os
import statistics
import sys
import time
import zlib
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from fractions import Fraction
from functools import partial
from itertools import count, cycle, islice
from pathlib import Path
from typing import Any

import av
import cv2
import matplotlib
import numpy as np
from matplotlib import pyplot
from rich.console import Console
from rich.progress import track

from deepfake_core.disclosure import watermark_code
from deepfake_core.disclosure.mark import Disclosure
from deepfake_core.disclosure.watermark import Watermark
from deepfake_core.disclosure.watermark_detection import WatermarkDetector
from deepfake_core.frame import Frame, PixelFormat

RATE = 30
SENT = (1280, 720)
RECORD = 0xC5BB5C76
# A call is joined while it runs: the first, finest picture of the encoder is not seen.
JOINED_AFTER = 2.0
PATIENCE = 20.0
CODECS = {"H.264": "libx264", "VP8": "libvpx", "VP9": "libvpx-vp9", "AV1": "libsvtav1"}
DECODERS = {"libx264": "h264", "libvpx": "vp8", "libvpx-vp9": "vp9", "libsvtav1": "libdav1d"}
RATES = (150, 300, 600, 1000, 2000)
PERFORMER = REPOSITORY / "models/performer.mp4"
PAGE = REPOSITORY / "docs/watermark.md"
RESULTS = REPOSITORY / "docs/pictures"
UNMARKED_HOURS = 10.5
STREAM_SECONDS = 20

matplotlib.use("Agg")

Picture = np.ndarray[Any, Any]
Pictures = Iterable[tuple[float, Picture]]


@dataclass(frozen=True)
class Channel:
    """What happens to the marked 720p picture on its way to a detector."""

    name: str
    group: str
    codec: str = "VP8"
    kbps: int = 500
    size: tuple[int, int] = SENT
    """What the call's encoder is given; shown again at 1280 x 720."""
    every: int = 1
    """1: all frames are sent; 3: ten a second."""
    seen: Callable[[Picture], Picture] | None = None
    """What is done to the shown picture, uint8 BGR."""
    again: tuple[tuple[str, int, tuple[int, int]], ...] = field(default=())
    """Encodings that follow: codec, kbit/s and size."""


def channels() -> list[Channel]:
    """All of them."""
    small, tiny = (640, 360), (320, 180)
    result = [Channel(f"{codec} {kbps} kbit/s", "rate", codec, kbps) for codec in CODECS for kbps in RATES]
    for codec in CODECS:
        result += [Channel(f"640x360 and back, {codec} {kbps}", "scale", codec, kbps, small) for kbps in (150, 300)]
        result += [Channel(f"320x180 and back, {codec} {kbps}", "scale", codec, kbps, tiny) for kbps in (150, 300)]
    for codec, kbps in (("H.264", 150), ("H.264", 300), ("VP8", 300), ("VP9", 300), ("AV1", 300)):
        result += [
            Channel(f"crop to a square, {codec} {kbps}", "crop", codec, kbps, seen=square),
            Channel(f"10 % off each side, {codec} {kbps}", "crop", codec, kbps, seen=trimmed),
        ]
    looks: dict[str, Callable[[Picture], Picture]] = {
        "mirrored": mirrored,
        "brighter by 40": partial(toned, gain=1.0, lift=40.0),
        "darker by 40": partial(toned, gain=1.0, lift=-40.0),
        "contrast 0.6": partial(toned, gain=0.6, lift=50.0),
        "contrast 1.4": partial(toned, gain=1.4, lift=-50.0),
        "gamma 0.6": partial(gamma, power=0.6),
        "warm colours": partial(tinted, gains=(0.8, 1.0, 1.15)),
        "grey": grey,
    }
    result += [Channel(f"{name}, H.264 300", "look", "H.264", 300, seen=look) for name, look in looks.items()]
    result += [Channel(f"10 frames/s, {codec} 150", "drops", codec, 150, every=3) for codec in CODECS]
    call = ("H.264", 2500, (1920, 1080))
    for width in (1280, 960, 640, 480):
        window = partial(windowed, width=width)
        result += [
            Channel(f"screen recording, window {width} wide", "screen", "VP8", 600, seen=window, again=(call,)),
            Channel(
                f"the same, re-encoded to 720p at 1000 kbit/s, window {width} wide",
                "screen",
                "VP8",
                600,
                seen=window,
                again=(call, ("H.264", 1000, SENT)),
            ),
        ]
    result.append(
        Channel(
            "all at once: 640x360, VP8 300, 10 frames/s, mirrored, cropped by 10 %, window 960 wide, re-encoded",
            "all",
            "VP8",
            300,
            small,
            3,
            lambda bgr: windowed(trimmed(mirrored(bgr)), 960),
            (call,),
        )
    )
    result += [
        Channel(f"film of a screen, {how}, camera {number}", f"film, {how}", "VP8", 600, seen=Film(number, shake))
        for how, shake in (("held still", 0.0), ("hand-held", 4.0))
        for number in range(5)
    ]
    return result


def square(bgr: Picture) -> Picture:
    """The middle square."""
    left = (bgr.shape[1] - bgr.shape[0]) // 2
    return bgr[:, left : left + bgr.shape[0]]


def trimmed(bgr: Picture) -> Picture:
    """10 % off each side."""
    height, width = bgr.shape[:2]
    return bgr[height // 10 : height - height // 10, width // 10 : width - width // 10]


def mirrored(bgr: Picture) -> Picture:
    """Left is right."""
    return bgr[:, ::-1]


def toned(bgr: Picture, gain: float, lift: float) -> Picture:
    """Another contrast and brightness."""
    return cv2.addWeighted(bgr, gain, bgr, 0, lift)


def gamma(bgr: Picture, power: float) -> Picture:
    """Brighter or darker in the middle."""
    return cv2.LUT(bgr, (255 * (np.arange(256) / 255) ** power).astype(np.uint8))


def tinted(bgr: Picture, gains: tuple[float, float, float]) -> Picture:
    """Another white balance."""
    return cv2.convertScaleAbs(bgr * np.array(gains, np.float32))


def grey(bgr: Picture) -> Picture:
    """Without colour."""
    return cv2.cvtColor(cv2.cvtColor(bgr, cv2.COLOR_BGR2GRAY), cv2.COLOR_GRAY2BGR)


def windowed(bgr: Picture, width: int) -> Picture:
    """A window of this width among text on a desktop of 1920 x 1080, its size and place on no round number."""
    desktop = _desktop().copy()
    width -= 7
    height = round(width * bgr.shape[0] / bgr.shape[1])
    left, top = (1920 - width) * 3 // 5, (1080 - height) // 3 + 11
    desktop[top - 28 : top, left : left + width] = (60, 55, 50)
    desktop[top : top + height, left : left + width] = cv2.resize(bgr, (width, height), interpolation=cv2.INTER_AREA)
    return desktop


_drawn: list[Picture] = []


def _desktop() -> Picture:
    if not _drawn:
        desktop = np.full((1080, 1920, 3), 244, np.uint8)
        desktop[:44], desktop[1040:] = (66, 50, 44), (66, 50, 44)
        desktop[44:1040, :260] = (230, 226, 222)
        for row in range(28):
            text = f"{row:2d}  A desktop full of words, which has edges everywhere and chips nowhere at all"
            cv2.putText(
                desktop, text * 2, (280, 90 + 34 * row), cv2.FONT_HERSHEY_SIMPLEX, 0.7, (40,) * 3, 1, cv2.LINE_AA
            )
        _drawn.append(desktop)
    return _drawn[0]


class Film:
    """A camera in front of a screen: turned, tilted, soft, noisy, with moiré, and shaking in a hand."""

    def __init__(self, number: int, shake: float) -> None:
        rng = np.random.default_rng([7, number])
        self._turn, self._tilt = np.deg2rad(rng.uniform(-3, 3)), rng.uniform(-0.08, 0.08)
        self._width, self._middle = rng.uniform(1100, 1800), (rng.uniform(900, 1020), rng.uniform(510, 570))
        self._rng, self._shake, self._moved = rng, shake, np.zeros(2)
        x, y = np.meshgrid(np.arange(1920, dtype=np.float32), np.arange(1080, dtype=np.float32))
        self._moire = 14 + 3 * np.sin(x * np.float32(0.21) + y * np.float32(0.013)) * np.sin(y * np.float32(0.19))

    def __call__(self, bgr: Picture) -> Picture:
        """What the camera sees, 1920 x 1080; its hand trembles by about ``shake`` pixels."""
        self._moved = 0.9 * self._moved + self._rng.normal(0, 0.44 * self._shake, 2)
        turned = np.array([[np.cos(self._turn), -np.sin(self._turn)], [np.sin(self._turn), np.cos(self._turn)]])
        corners = np.array([[0, 0], [1280, 0], [1280, 720], [0, 720]], np.float32)
        size = np.array([self._width, self._width * 9 / 16])
        seen = (corners / (1280, 720) - 0.5) * size @ turned.T + self._middle + self._moved
        seen[1, 1] -= self._tilt * size[1] / 2
        seen[2, 1] += self._tilt * size[1] / 2
        matrix = cv2.getPerspectiveTransform(corners, seen.astype(np.float32))
        view = cv2.warpPerspective(bgr, matrix, (1920, 1080), borderValue=(24, 22, 20))
        view = cv2.GaussianBlur(view, (0, 0), 1.2)
        noise = cv2.randn(np.empty(view.shape[:2], np.float32), np.zeros(1), np.full(1, 4.0))
        disturbed = cv2.cvtColor(self._moire + noise, cv2.COLOR_GRAY2BGR)
        return np.asarray(cv2.add(cv2.convertScaleAbs(view, alpha=0.85), disturbed, dtype=cv2.CV_8U))


def read_clip(path: Path) -> list[Picture]:
    """The clip's frames, cut and scaled to 1280 x 720, uint8 BGR; "wall" and "dark" are drawn scenes."""
    if path.name == "wall":
        return [wall(), wall()]
    if path.name == "dark":
        return [cv2.convertScaleAbs(bgr, alpha=0.18, beta=4) for bgr in read_clip(PERFORMER)]
    width, height = SENT
    try:
        with av.open(str(path)) as container:
            frames = [frame.to_ndarray(format="bgr24") for frame in islice(container.decode(video=0), 150)]
    except (av.FFmpegError, OSError, IndexError) as error:
        sys.exit(f"{path} cannot be read as a video ({error}).")
    result = []
    for frame in frames:
        rows = min(frame.shape[0], frame.shape[1] * height // width)
        top = (frame.shape[0] - rows) // 2
        result.append(cv2.resize(frame[top : top + rows], SENT, interpolation=cv2.INTER_CUBIC))
    return result


def wall() -> Picture:
    """An empty wall, uint8 (720, 1280, 3): nothing but soft light from one side."""
    x, y = np.meshgrid(np.linspace(0, 1, SENT[0]), np.linspace(0, 1, SENT[1]))
    return np.repeat((140 + 45 * x - 25 * y)[..., None], 3, 2).astype(np.uint8)


def camera(clip: list[Picture], seed: int) -> Iterator[tuple[float, Picture]]:
    """A camera that shows the clip to and fro for ever, with a sensor's noise."""
    rng = np.random.default_rng(seed)
    noise = [np.repeat(rng.normal(0, 1.5, (*SENT[::-1], 1)).astype(np.int16), 3, 2) for _ in range(8)]
    for number, bgr in enumerate(cycle(clip + clip[-2:0:-1])):
        yield number / RATE, cv2.add(bgr, noise[number % 8], dtype=cv2.CV_8U)


def marked(pictures: Pictures) -> Iterator[tuple[float, Picture]]:
    """What the filter gives out, without a swap: the marks depend on nothing else."""
    disclosure = Disclosure(record=RECORD)
    for seconds, bgr in pictures:
        yield seconds, disclosure.mark(Frame.from_bgr(bgr)).frame.to_bgr()


def scaled(pictures: Pictures, size: tuple[int, int]) -> Iterator[tuple[float, Picture]]:
    """Pictures of another size."""
    for seconds, bgr in pictures:
        smaller = size[0] < bgr.shape[1]
        how = cv2.INTER_AREA if smaller else cv2.INTER_LINEAR
        yield seconds, bgr if bgr.shape[1::-1] == size else cv2.resize(bgr, size, interpolation=how)


class Call:
    """An encoder as calls use it, no frame ahead, constant bit rate, and the decoder at the other end."""

    def __init__(self, codec: str, kbps: int, fps: int) -> None:
        self.codec, self.kbps, self.fps = CODECS[codec], kbps, fps
        self.bytes = self.frames = 0

    def __call__(self, pictures: Pictures) -> Iterator[tuple[float, Picture]]:
        """The pictures as they arrive, late by nothing but frames that the encoder keeps."""
        encoder: Any = None
        decoder: Any = av.CodecContext.create(DECODERS[self.codec], "r")
        times: list[float] = []
        for seconds, bgr in pictures:
            if encoder is None:
                encoder = self._encoder(bgr.shape[1], bgr.shape[0])
            times.append(seconds)
            picture = av.VideoFrame.from_ndarray(np.ascontiguousarray(bgr), format="bgr24").reformat(format="yuv420p")
            picture.pts, picture.time_base = self.frames, Fraction(1, self.fps)
            self.frames += 1
            for packet in encoder.encode(picture):
                self.bytes += packet.size
                for shown in decoder.decode(packet):
                    yield times.pop(0), shown.to_ndarray(format="bgr24")

    def _encoder(self, width: int, height: int) -> Any:
        bits = self.kbps * 1000
        steady = {"minrate": str(bits), "maxrate": str(bits), "bufsize": str(bits)}
        live = {"deadline": "realtime", "lag-in-frames": "0"}
        options = {
            "libx264": {"preset": "veryfast", "tune": "zerolatency", **steady},
            "libvpx": {**live, "cpu-used": "6", **steady},
            "libvpx-vp9": {**live, "cpu-used": "7", **steady},
            "libsvtav1": {"preset": "11", "svtav1-params": "lp=1:pred-struct=1:rc=2"},
        }[self.codec]
        encoder: Any = av.CodecContext.create(self.codec, "w")
        encoder.width, encoder.height, encoder.pix_fmt = width, height, "yuv420p"
        encoder.time_base, encoder.framerate = Fraction(1, self.fps), Fraction(self.fps)
        encoder.bit_rate, encoder.gop_size, encoder.thread_count = bits, 100_000, 1
        encoder.options = options
        return encoder


def through(channel: Channel, pictures: Pictures) -> tuple[Pictures, Call]:
    """The pictures at the channel's end, and the first encoder."""
    fps = RATE // channel.every
    call = Call(channel.codec, channel.kbps, fps)
    pictures = scaled(call(scaled(islice(pictures, 0, None, channel.every), channel.size)), SENT)
    if channel.seen is not None:
        look = channel.seen
        pictures = ((seconds, np.ascontiguousarray(look(bgr))) for seconds, bgr in pictures)
    for codec, kbps, size in channel.again:
        pictures = Call(codec, kbps, fps)(scaled(pictures, size))
    return pictures, call


def trial(channel: Channel, clip: list[Picture], seed: int) -> dict[str, Any]:
    """Seconds until the message was read, None where it was not; of a call that was joined while it ran."""
    pictures, call = through(channel, marked(camera(clip, seed)))
    detector = WatermarkDetector(filmed=channel.group.startswith("film"))
    spent, frames, waited = 0.0, 0, PATIENCE
    for seconds, bgr in pictures:
        waited = seconds - JOINED_AFTER
        if waited < 0:
            continue
        started = time.perf_counter()
        detector.add(bgr, seconds)
        spent += time.perf_counter() - started
        frames += 1
        if detector.messages or waited >= PATIENCE:
            break
    found = detector.found()
    right = found is not None and found.record == RECORD
    return {
        "seconds": round(waited, 2) if right else None,
        "wrong": len(detector.messages) - right,
        "sync": round(detector.strongest_trace, 2),
        "kbps": round(call.bytes * 8 / 1000 / max(1e-3, call.frames / call.fps), 1),
        "frames_per_second": round(frames / max(spent, 1e-9)),
    }


def measure(options: argparse.Namespace) -> int:
    """Every channel with every clip; a trial that is in the file already is not done again."""
    path = options.work / "trials.jsonl"
    done = {(line["channel"], line["clip"]) for line in lines(path)}
    wanted = [
        (channel, clip)
        for channel in channels()
        for clip in options.clips
        if (channel.name, clip.stem) not in done and (not options.group or channel.group in options.group)
    ]
    cache: dict[Path, list[Picture]] = {}
    for channel, clip in track(wanted, "Trials", console=Console(stderr=True)):
        pictures = cache.setdefault(clip, read_clip(clip))
        result = trial(channel, pictures, zlib.crc32(f"{channel.name} {clip.stem}".encode()))
        write_line(path, {"channel": channel.name, "group": channel.group, "clip": clip.stem, **result})
    return 0


def lines(path: Path) -> list[dict[str, Any]]:
    """The results of a file; none where it is not there yet."""
    return [json.loads(line) for line in path.read_text().splitlines()] if path.exists() else []


def write_line(path: Path, result: dict[str, Any]) -> None:
    """Add a result."""
    with path.open("a", encoding="utf-8") as file:
        file.write(json.dumps(result) + "\n")


def unmarked(options: argparse.Namespace) -> int:
    """A detector over streams of unmarked pictures; counts what it reads."""
    path = options.work / f"unmarked-{options.part}.jsonl"
    clips = [[cv2.resize(grey(bgr)[..., 0], (640, 360)) for bgr in read_clip(clip)] for clip in options.clips]
    words = Words()
    watermark_code.read_bytes = words.read  # type: ignore[assignment]  # counted, not changed
    streams = round(options.hours * 3600 / STREAM_SECONDS)
    for number in track(range(len(lines(path)), streams), "Streams", console=Console(stderr=True)):
        rng = np.random.default_rng([options.part, number])
        words.clear()
        detector = WatermarkDetector(filmed=number % 32 == 0)
        frames = 0
        # Every 16th stream has all frames, the others ten a second, as many a call has.
        every = 1 if number % 16 == 0 else 3
        for seconds, bgr in augmented(clips, rng, every):
            if seconds >= STREAM_SECONDS:
                break
            detector.add(bgr, seconds)
            frames += 1
        detector.found()
        write_line(
            path,
            {
                "frames": frames,
                "words": words.tried,
                "near": words.near,
                "nearer": words.nearer,
                "syncs": [round(sync, 2) for sync in detector.traces],
                "messages": len(detector.messages),
            },
        )
    return 0


class Words:
    """Counts what the decoder of the messages is asked and what it says."""

    def __init__(self) -> None:
        self._read = watermark_code.read_bytes
        self.clear()

    def clear(self) -> None:
        """Begin anew."""
        self.tried = self.near = self.nearer = 0

    def read(self, soft: Picture) -> tuple[bytes | None, int]:
        """`watermark_code.read_bytes`, counted."""
        data, mended = self._read(soft)
        self.tried += 1
        self.near += data is not None
        self.nearer += data is not None and mended <= watermark_code.MENDED
        return data, mended


def augmented(clips: list[list[Picture]], rng: np.random.Generator, every: int) -> Iterator[tuple[float, Picture]]:
    """An unmarked stream: a clip or a drawn scene, cut, turned, scaled, mirrored, toned and noisy in its own way;
    grey, for a detector takes nothing else from it."""
    width, height = [(640, 360), (640, 480), (480, 480), (854, 480), (360, 640)][int(rng.integers(5))]
    source = scene(rng) if rng.random() < 0.3 else clips[int(rng.integers(len(clips)))]
    zoom = float(rng.uniform(0.9, 2.2)) * max(width / 640, height / 360)
    turn = cv2.getRotationMatrix2D((320, 180), float(rng.normal(0, 4)), zoom)
    turn[:, 2] += np.array([width / 2 - 320 + rng.normal(0, 40), height / 2 - 180 + rng.normal(0, 25)])
    if rng.random() < 0.5:
        turn[0] *= -1
        turn[0, 2] += width
    gain, lift = float(rng.uniform(0.5, 1.4)), float(rng.uniform(-40, 40))
    level = rng.choice([0.0, 1.0, 2.0, 5.0])
    grain = [rng.normal(lift, level, (height, width)).astype(np.int16) for _ in range(6)]
    quality = int(rng.integers(15, 95)) if rng.random() < 0.5 else 0
    start = int(rng.integers(len(source)))
    frames = source + source[-2:0:-1] if len(source) > 2 else source
    for number in count(0, every):
        luma = cv2.warpAffine(
            frames[(start + number) % len(frames)], turn, (width, height), borderMode=cv2.BORDER_REFLECT
        )
        if quality and number % 9 == 0:
            packed = cv2.imencode(".jpg", luma, [cv2.IMWRITE_JPEG_QUALITY, quality])[1]
            luma = np.asarray(cv2.imdecode(packed, cv2.IMREAD_GRAYSCALE))
        luma = cv2.add(cv2.convertScaleAbs(luma, alpha=gain), grain[number // every % 6], dtype=cv2.CV_8U)
        yield number / RATE, cv2.merge([luma, luma, luma])


def scene(rng: np.random.Generator) -> list[Picture]:
    """Drawn grey pictures, 640 x 360: fractal noise, stripes, chequers or text, which move a little."""
    kind = rng.integers(4)
    if kind == 0:
        drawn = np.zeros((360, 640), np.float32)
        for octave in range(8):
            cells = rng.normal(0, 60 / 1.6**octave, (2 + 2**octave, 3 + 2**octave)).astype(np.float32)
            drawn += cv2.resize(cells, (640, 360), interpolation=cv2.INTER_CUBIC)
        picture = np.clip(drawn + 128, 0, 255).astype(np.uint8)
    elif kind in (1, 2):
        x, y = np.meshgrid(np.arange(640), np.arange(360))
        period = rng.uniform(3, 60)
        wave = np.sin(x * 2 * np.pi / period) * (np.sin(y * 2 * np.pi / period) if kind == 2 else 1)
        picture = (128 + rng.uniform(10, 110) * np.sign(wave)).astype(np.uint8)
    else:
        picture = np.full((360, 640), 240, np.uint8)
        for row in range(18):
            text = "".join(rng.choice(list("abcdefghijklmnopqrstuvwxyz    "), 60))
            cv2.putText(picture, text, (8, 20 + 20 * row), cv2.FONT_HERSHEY_SIMPLEX, 0.45, 30, 1, cv2.LINE_AA)
    drift = rng.normal(0, 0.5, 2)
    moves = (np.array([[1, 0, drift[0] * step], [0, 1, drift[1] * step]]) for step in range(20))
    return [cv2.warpAffine(picture, move, (640, 360), borderMode=cv2.BORDER_WRAP) for move in moves]


def main() -> int:
    """The command."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("what", choices=["measure", "unmarked", "report"])
    parser.add_argument("--work", type=Path, required=True, help="folder of the results")
    parser.add_argument("--clips", type=Path, nargs="+", required=True, help="videos, filmed and rendered; wall, dark")
    parser.add_argument("--group", nargs="+", help="measure: these groups of channels only")
    parser.add_argument("--hours", type=float, default=UNMARKED_HOURS, help="unmarked: how much to look at")
    parser.add_argument("--part", type=int, default=0, help="unmarked: another part has other pictures")
    options = parser.parse_args()
    options.work.mkdir(parents=True, exist_ok=True)
    cv2.setNumThreads(1)
    os.environ.setdefault("SVT_LOG", "1")
    return {"measure": measure, "unmarked": unmarked, "report": report}[options.what](options)


def report(options: argparse.Namespace) -> int:
    """Tables into docs/watermark.md, pictures into docs/pictures."""
    trials = lines(options.work / "trials.jsonl")
    streams = [line for part in sorted(options.work.glob("unmarked-*.jsonl")) for line in lines(part)]
    if not trials or not streams:
        print(f"{options.work} holds no results yet: run measure and unmarked first.", file=sys.stderr)
        return 1
    text = ["### Processor time of one frame, one thread", "", *cost_table(), ""]
    text += ["### Likeness to the unmarked picture", "", *psnr_table(options.clips), ""]
    text += ["### Seconds until the message is read, 720p sent", "", *rate_table(trials), ""]
    text += ["![Seconds until read against the bit rate](pictures/watermark_seconds.png)", ""]
    for group in dict.fromkeys(line["group"] for line in trials if line["group"] != "rate"):
        text += [*channel_table(group, [line for line in trials if line["group"] == group]), ""]
    text += ["### False alarms", "", *false_alarms(streams), ""]
    text += ["![How high the known chips stand out](pictures/watermark_traces.png)"]
    write_into(PAGE, text)
    plot_rates(trials)
    plot_traces(trials, streams)
    draw_pictures()
    return 0


def write_into(page: Path, text: list[str]) -> None:
    """Put the text between the page's marks for it."""
    before, rest = page.read_text(encoding="utf-8").split("<!-- measured -->")
    after = rest.split("<!-- /measured -->")[1]
    new = "\n".join(["<!-- measured -->", "", *text, "", "<!-- /measured -->"])
    page.write_text(before + new + after, encoding="utf-8")
    print(f"Wrote {page}")


def cost_table() -> list[str]:
    """The processor's time of one frame, on one thread, beside a copy of the frame's luma plane or pixels."""
    rows = ["| format | 1280 x 720 | ratio to a copy | 1920 x 1080 | ratio to a copy |", "|---|---|---|---|---|"]
    for pixel_format in (PixelFormat.I420, PixelFormat.YUY2, PixelFormat.BGR3, PixelFormat.BGRA):
        cells = []
        for width, height in ((1280, 720), (1920, 1080)):
            frame = Frame.allocate(pixel_format, width, height)
            rng = np.random.default_rng(0)
            for plane in frame.planes:
                plane[...] = rng.integers(60, 200, plane.shape)
            spare, mark = frame.planes[0].copy(), Watermark(RECORD)
            mark.add(frame)
            adding = cpu_ms(partial(mark.add, frame))
            copying = cpu_ms(partial(np.copyto, spare, frame.planes[0]))
            cells += [f"{adding:.2f} ms", f"{adding / copying:.1f}"]
        rows.append(f"| {pixel_format.name} | " + " | ".join(cells) + " |")
    return rows


def cpu_ms(work: Callable[[], None]) -> float:
    """Mean processor time of a call in its best of several rounds, each a whole turn of the mask."""
    rounds = []
    for _ in range(12):
        started = time.thread_time()
        for _ in range(16):
            work()
        rounds.append((time.thread_time() - started) / 16)
    return 1000 * min(rounds)


def psnr_table(clips: list[Path]) -> list[str]:
    """How far the marked pictures are from the unmarked ones, the label left out."""
    rows = ["| clip | PSNR, dB (mean) | least of a frame |", "|---|---|---|"]
    for clip in clips:
        mark, values = Watermark(RECORD), []
        for _, bgr in islice(camera(read_clip(clip), 0), 60):
            frame = Frame.from_bgr(bgr.copy())
            mark.add(frame)
            error = np.square(frame.to_bgr().astype(np.float32) - bgr).mean()
            values.append(10 * np.log10(255**2 / error))
        rows.append(f"| {clip.stem} | {np.mean(values):.1f} | {min(values):.1f} |")
    return rows


def summary(trials: list[dict[str, Any]]) -> str:
    """Median and longest seconds, and in how many clips the mark was read where not in all."""
    seconds = sorted(line["seconds"] for line in trials if line["seconds"] is not None)
    if not seconds:
        return f"not read (0 of {len(trials)})"
    text = f"{statistics.median(seconds):.0f} / {seconds[-1]:.0f}"
    return text if len(seconds) == len(trials) else f"{text} ({len(seconds)} of {len(trials)})"


def rate_table(trials: list[dict[str, Any]]) -> list[str]:
    """Seconds needed by codec and bit rate."""
    rows = ["| asked kbit/s | " + " | ".join(CODECS) + " |", "|---|" + "---|" * len(CODECS)]
    for kbps in RATES:
        cells = []
        for codec in CODECS:
            these = [line for line in trials if line["channel"] == f"{codec} {kbps} kbit/s"]
            sent = statistics.median(line["kbps"] for line in these) if these else 0
            cells.append(f"{summary(these)}; sent {sent:.0f}" if these else "")
        rows.append(f"| {kbps} | " + " | ".join(cells) + " |")
    return rows


def channel_table(group: str, trials: list[dict[str, Any]]) -> list[str]:
    """Seconds needed in each channel of a group."""
    rows = [f"| {group} | seconds: median / longest |", "|---|---|"]
    if group.startswith("film"):
        return [*rows, f"| {len(trials)} films by different cameras | {summary(trials)} |"]
    for name in dict.fromkeys(line["channel"] for line in trials):
        rows.append(f"| {name} | {summary([line for line in trials if line['channel'] == name])} |")
    return rows


def false_alarms(streams: list[dict[str, Any]]) -> list[str]:
    """What was read in unmarked pictures, and the bound."""
    frames, words, near, nearer, messages = (
        sum(line[key] for line in streams) for key in ("frames", "words", "near", "nearer", "messages")
    )
    searches = sum(len(line["syncs"]) for line in streams)
    hours = STREAM_SECONDS * len(streams) / 3600
    traces = np.sort(np.concatenate([line["syncs"] for line in streams]))
    chance = (1 + 12 * 255 + 66 * 255**2) / 2**32
    accepted = (1 + 12 * 255) / 2**32 / 2**16
    return [
        f"- looked at: {frames:,} frames of {len(streams)} streams, {hours:.1f} hours at 10 or {RATE} frames a second",
        f"- searches: {searches:,}; words decoded: {words:,}; messages read: {messages}",
        f"- words within two bytes of a Reed-Solomon word: {near} (chance says {words * chance:.1f}); "
        f"within one: {nearer} (chance says {words * (1 + 12 * 255) / 2**32:.3f})",
        f"- a word is taken for a message with the chance {accepted:.1e}; words per search {words / searches:.2f}; "
        f"per search {accepted * words / searches:.1e}, per stream of {STREAM_SECONDS} s "
        f"{accepted * words / len(streams):.1e}",
        f"- trace of the known chips: median {np.median(traces):.2f}, 99.9 % below {np.quantile(traces, 0.999):.2f}, "
        f"highest {traces[-1]:.2f} standard deviations",
    ]


def plot_rates(trials: list[dict[str, Any]]) -> None:
    """Seconds needed against bit rate and picture size."""
    figure, axis = pyplot.subplots(figsize=(7, 3.8), layout="constrained")
    for codec in CODECS:
        points = []
        for kbps in RATES:
            these = [line for line in trials if line["channel"] == f"{codec} {kbps} kbit/s"]
            if these:
                waits = [line["seconds"] or PATIENCE for line in these]
                points.append((statistics.median(line["kbps"] for line in these), np.mean(waits), max(waits)))
        rates, means, longest = np.array(points).T
        (drawn,) = axis.plot(rates, means, "o-", label=codec)
        axis.plot(rates, longest, ":", color=drawn.get_color())
    axis.set(xscale="log", yscale="log", xlabel="kbit/s sent, 1280 x 720", ylabel="seconds until read")
    axis.set_xticks([100, 200, 500, 1000, 2000], ["100", "200", "500", "1000", "2000"])
    axis.set_yticks([1, 2, 5, 10, 20], ["1", "2", "5", "10", "never"])
    axis.minorticks_off()
    axis.legend(title="mean of the clips; dotted: the longest")
    figure.savefig(RESULTS / "watermark_seconds.png", dpi=110)


def plot_traces(trials: list[dict[str, Any]], streams: list[dict[str, Any]]) -> None:
    """How high the known chips stand out in unmarked and in marked pictures."""
    figure, axis = pyplot.subplots(figsize=(7, 3.4), layout="constrained")
    unmarked = np.concatenate([line["syncs"] for line in streams])
    bins = [number / 10 for number in range(25, 140)]
    axis.hist(unmarked, bins, label=f"unmarked: {len(unmarked):,} searches", color="tab:gray")
    axis.hist([line["sync"] for line in trials], bins, label=f"marked: {len(trials)} trials", color="tab:green")
    axis.set(yscale="log", xlabel="correlation with the known chips, standard deviations", ylabel="count")
    axis.legend()
    figure.savefig(RESULTS / "watermark_traces.png", dpi=110)


def draw_pictures() -> None:
    """What is seen of it: pictures without and with the mark, and the mark alone, 24 times as strong.

    Of nobody real: the footage is for measuring, not for showing.
    """
    rows = []
    for picture in (read_clip(PERFORMER)[10], wall(), read_clip(Path("dark"))[10]):
        frame = Frame.from_bgr(picture.copy())
        Watermark(RECORD).add(frame)
        marked_picture = frame.to_bgr()
        change = np.clip(128 + 24 * (marked_picture.astype(int) - picture), 0, 255).astype(np.uint8)
        rows.append(np.hstack([part[120:600, 400:1040] for part in (picture, marked_picture, change)]))
    cv2.imwrite(str(RESULTS / "watermark_seen.jpg"), np.vstack(rows), [cv2.IMWRITE_JPEG_QUALITY, 90])


if __name__ == "__main__":
    sys.exit(main())
