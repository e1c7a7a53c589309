"""Measure the pipeline by stage and end to end, beside mediapipe's own FaceMesh in the same run.

Absolute times depend on the machine and on what else it does: compare the ratios.
"""

from environment import REPOSITORY, run_inside

run_inside("cpu")

import argparse
import json
import resource
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field, replace
from itertools import islice
from pathlib import Path
from typing import Any

import av
import cv2
import numpy as np
from rich.box import SIMPLE
from rich.console import Console
from rich.table import Table

from deepfake_core.facemesh.mediapipe_graph import MediapipeGraph
from deepfake_core.facemesh.tracking import FaceTracker
from deepfake_core.frame import Frame, PixelFormat
from deepfake_core.identities.library import Library
from deepfake_core.inference.session import shared
from deepfake_core.pipeline import Pipeline
from deepfake_core.quality import LEVELS
from deepfake_core.settings import Mode, Quality, Settings
from deepfake_core.swapping import networks
from deepfake_core.swapping.decoder import load_decoder
from deepfake_core.swapping.swapper import StartedSwap, Swapper
from deepfake_core.worker import OPENCV_THREADS

SIZES = {"480p": (640, 480), "720p": (1280, 720), "1080p": (1920, 1080)}
THREADS = (1, 2, 4)
WARM_UP = 15
BESIDE = ("parser", "look")
"""Stages of a second thread."""
FRAME_NS = 33_333_333

NDArray = np.ndarray[Any, Any]


@dataclass
class Timing:
    """Milliseconds of each frame, end to end and by stage."""

    total: list[float] = field(default_factory=list)
    stages: dict[str, list[float]] = field(default_factory=dict)

    @property
    def fps(self) -> float:
        """Frames a second when each begins as soon as the one before is done."""
        return 1000 / float(np.mean(self.total))

    def percentile(self, percent: float) -> float:
        """Latency of a frame in milliseconds."""
        return float(np.percentile(self.total, percent))


def main() -> int:
    """Run the benchmark."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--video", type=Path, default=REPOSITORY / "models/performer.mp4", help="clip with one face")
    parser.add_argument("--frames", type=int, default=90, help="frames of each measurement")
    parser.add_argument("--identity", default="")
    parser.add_argument("--mode", choices=[*Mode], default=Mode.FACE, help="what is replaced (default: %(default)s)")
    parser.add_argument("--json", type=Path, metavar="FILE", help="write the figures as one flat object")
    parser.add_argument("--first-result", action="store_true", help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    if arguments.first_result:
        return print_first_result(arguments)
    console = Console(width=None if sys.stdout.isatty() else 110)
    clip = read_clip(arguments.video, arguments.frames + WARM_UP)
    figures: dict[str, float] = {}
    figures |= measure_cold_start(arguments)
    figures |= measure_change_of_identity(clip)
    timings = {}
    yardsticks = [measure_mediapipe(resized(clip, SIZES["720p"]))]
    for size_name, size in SIZES.items():
        frames = resized(clip, size)
        for threads in THREADS:
            timings[size_name, threads] = measure_pipeline(frames, threads, arguments)
    yardsticks.append(measure_mediapipe(resized(clip, SIZES["720p"])))
    figures |= measure_facemesh(resized(clip, SIZES["720p"]), yardsticks)
    for (size_name, threads), timing in timings.items():
        suffix = f"{size_name}_{threads}_thread" + ("s" if threads > 1 else "")
        figures[f"fps_{suffix}"] = timing.fps
        figures[f"latency_ms_p50_{suffix}"] = timing.percentile(50)
        figures[f"latency_ms_p95_{suffix}"] = timing.percentile(95)
    figures |= measure_swap(resized(clip, SIZES["720p"]), arguments.identity)
    report(console, timings, figures)
    if arguments.json:
        arguments.json.write_text(json.dumps({key: round(value, 4) for key, value in figures.items()}, indent=2) + "\n")
    return 0


def read_clip(path: Path, count: int) -> list[NDArray]:
    """The first `count` frames as BGR, played forwards and backwards when the clip is shorter."""
    try:
        with av.open(str(path)) as container:
            frames = [
                frame.to_ndarray(format="bgr24")
                for frame, _ in zip(container.decode(video=0), range(count), strict=False)
            ]
    except (av.FFmpegError, OSError, IndexError) as error:
        sys.exit(f"{path} cannot be read as a video ({error}); give another one with --video.")
    if len(frames) < 2:
        sys.exit(f"{path} is too short; give a longer one with --video.")
    there_and_back = frames + frames[-2:0:-1]
    return [there_and_back[index % len(there_and_back)] for index in range(count)]


def resized(clip: list[NDArray], size: tuple[int, int]) -> list[NDArray]:
    """The clip cut to the size's shape and scaled to it."""
    width, height = size
    rows = min(clip[0].shape[0], clip[0].shape[1] * height // width)
    top = (clip[0].shape[0] - rows) // 2
    return [cv2.resize(frame[top : top + rows], size, interpolation=cv2.INTER_LINEAR) for frame in clip]


def camera_frames(frames: list[NDArray]) -> Iterator[Frame]:
    """The frames as a camera gives them: I420, 30 a second."""
    frame = Frame.allocate(PixelFormat.I420, frames[0].shape[1], frames[0].shape[0])
    height = frame.height
    for index, bgr in enumerate(frames):
        yuv = cv2.cvtColor(bgr, cv2.COLOR_BGR2YUV_I420)
        frame.planes[0][:] = yuv[:height]
        for plane, rows in zip(frame.planes[1:], np.split(yuv[height:], 2), strict=True):
            plane[:] = rows.reshape(plane.shape)
        frame.timestamp_ns = index * FRAME_NS
        yield frame


def measure_pipeline(frames: list[NDArray], threads: int, arguments: argparse.Namespace) -> Timing:
    """Time `Pipeline.process` and, inside it, each stage; OpenCV as in OBS."""
    cv2.setNumThreads(OPENCV_THREADS)
    pipeline = Pipeline(
        Settings(identity=arguments.identity, mode=arguments.mode, quality=Quality.BALANCED), threads=threads
    )
    pipeline.load()
    if pipeline.status().last_error:
        sys.exit(pipeline.status().last_error)
    timing = Timing()
    watched: list[tuple[Any, str, str]] = [
        (pipeline._tracker, "update", "FaceMesh"),
        (pipeline._swapper, "start", "swap"),
        *([(pipeline._parser, "parse", "parser")] if pipeline._parser else []),
        (pipeline._compositor, "look", "look"),
        (pipeline._compositor, "lay", "lay"),
        (pipeline, "_hold", "hold"),
        (pipeline._disclosure, "mark", "label"),
        (pipeline._disclosure._watermark, "add", "watermark"),
    ]
    originals = [(owner, name, getattr(owner, name)) for owner, name, _ in watched]
    for owner, name, stage in watched:
        setattr(owner, name, timed(getattr(owner, name), timing.stages.setdefault(stage, [])))
    start = pipeline._swapper.start  # type: ignore[union-attr]

    def start_timed(*inputs: Any, **keywords: Any) -> StartedSwap:
        started = start(*inputs, **keywords)
        return replace(started, draw=timed(started.draw, timing.stages["swap"]))

    pipeline._swapper.start = start_timed  # type: ignore[union-attr, method-assign]
    try:
        for index, frame in enumerate(camera_frames(frames)):
            started = time.perf_counter()
            pipeline.process(frame)
            timing.total.append(1000 * (time.perf_counter() - started))
            if index == WARM_UP - 1:
                for times in (timing.total, *timing.stages.values()):
                    times.clear()
    finally:
        for owner, name, original in originals:
            setattr(owner, name, original)
    # The watermark is added inside `mark`.
    both, watermark = timing.stages["label"], timing.stages["watermark"]
    timing.stages["label"] = [marking - adding for marking, adding in zip(both, watermark, strict=True)]
    if pipeline.status().frames_without_result:
        print(f"{pipeline.status().frames_without_result} frames had no result.", file=sys.stderr)
    pipeline.close()
    return timing


def measure_swap(frames: list[NDArray], identity: str) -> dict[str, float]:
    """Median milliseconds of the swap at each quality, 2 threads: drawing the template and waiting for the gaze, gaze
    and encoder (beside it, in a second thread), decoder, all.

    `swap_reference_ms` is what one GFLOP takes in the encoder as trained, in float32: machines are compared by it.
    """
    threads = 2
    cv2.setNumThreads(OPENCV_THREADS)
    tracker = FaceTracker(max_faces=1, threads=threads)
    faces = []
    for index, bgr in enumerate(frames):
        frame = Frame.from_bgr(bgr.copy(), index * FRAME_NS)
        faces += [(frame, face.landmarks) for face in tracker.update(frame, frame.timestamp_ns)]
    swapper = Swapper(threads=threads)
    decoder = load_decoder(Library().open(identity), threads=threads)
    reference = shared(networks.ENCODER_NAME, threads=threads, dimensions=networks.EXAMPLE)
    sample = reference.sample()
    milliseconds: list[float] = []
    run = timed(reference.run, milliseconds)
    for _ in faces:
        run(**sample)
    figures = {"swap_reference_ms": float(np.median(milliseconds[WARM_UP:])) / networks.ENCODER_GIGAFLOPS}
    for quality, level in LEVELS.items():
        times: dict[str, list[float]] = {name: [] for name in ("template", "gaze", "encoder", "decoder", "all")}
        watched = [
            (swapper._drawer, "draw_placed", "template"),
            (swapper, "_read_gaze", "gaze"),
            (swapper._encoder, "run", "encoder"),
            (decoder.network, "run", "decoder"),
        ]
        for owner, name, stage in watched:
            setattr(owner, name, timed(getattr(owner, name), times[stage]))
        swap = timed(swapper.swap, times["all"])
        for frame, landmarks in faces:
            swap(frame, landmarks, decoder, resolution=level.resolution, network_size=level.network_size)
        for owner, name, _ in watched:
            delattr(owner, name)
        figures |= {f"swap_{quality}_{stage}_ms": float(np.median(all_of[WARM_UP:])) for stage, all_of in times.items()}
    return figures


def timed(function: Callable[..., Any], milliseconds: list[float]) -> Callable[..., Any]:
    """The function, with its time appended to `milliseconds` at each call."""

    def wrapper(*arguments: Any, **keywords: Any) -> Any:
        started = time.perf_counter()
        result = function(*arguments, **keywords)
        milliseconds.append(1000 * (time.perf_counter() - started))
        return result

    return wrapper


def measure_mediapipe(frames: list[NDArray]) -> dict[str, NDArray]:
    """Landmarks and milliseconds of mediapipe's FaceMesh, run as a child in its own environment."""
    with tempfile.TemporaryDirectory() as folder:
        source, result = Path(folder, "frames.npy"), Path(folder, "result.npz")
        np.save(source, np.stack(frames))
        command = [sys.executable, str(REPOSITORY / "tools/mediapipe_reference.py"), str(source), str(result)]
        done = subprocess.run(command, capture_output=True, text=True, check=False)
        if done.returncode:
            sys.exit(f"mediapipe could not be run ({done.stderr.strip().splitlines()[-1:]}); see tools/doctor.py.")
        with np.load(result, allow_pickle=False) as arrays:
            return dict(arrays)


def measure_facemesh(frames: list[NDArray], yardsticks: list[dict[str, NDArray]]) -> dict[str, float]:
    """Our FaceMesh alone: time on one thread and distance to mediapipe's landmarks on the same frames."""
    cv2.setNumThreads(1)
    tracker = FaceTracker(max_faces=1, threads=1)
    # The tracker reads a new or fast face again where mediapipe does not: points are compared with mediapipe's own way.
    graph = MediapipeGraph(threads=1)
    milliseconds, distances = [], []
    for index, bgr in enumerate(frames):
        frame = Frame.from_bgr(bgr.copy(), index * FRAME_NS)
        started = time.perf_counter()
        tracker.update(frame, frame.timestamp_ns)
        milliseconds.append(1000 * (time.perf_counter() - started))
        landmarks = graph.update(frame)
        expected = yardsticks[0]["landmarks"][index, :, :2]
        if landmarks is not None and np.isfinite(expected).all():
            distances.append(np.linalg.norm(landmarks[:, :2] - expected, axis=1))
    theirs = np.concatenate([yardstick["ms"][WARM_UP:] for yardstick in yardsticks])
    return {
        "facemesh_ms": float(np.median(milliseconds[WARM_UP:])),
        "mediapipe_facemesh_ms": float(np.median(theirs)),
        "facemesh_mean_error_px": float(np.mean(distances)),
        "facemesh_worst_error_px": float(np.max(distances)),
        "facemesh_compared_frames": float(len(distances)),
    }


def measure_cold_start(arguments: argparse.Namespace) -> dict[str, float]:
    """Seconds from a new Python to the first swapped frame, and the memory it takes."""
    command = [sys.executable, __file__, "--first-result", "--video", str(arguments.video)]
    command += ["--identity", arguments.identity]
    started = time.perf_counter()
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode:
        sys.exit(f"The first result did not come: {done.stderr.strip()}")
    measured: dict[str, float] = json.loads(done.stdout)
    return {
        "first_result_s": measured["finished"] - started,
        "rss_mb": measured["rss_mb"],
    }


def print_first_result(arguments: argparse.Namespace) -> int:
    """Child of `measure_cold_start`: swap frames until one shows the identity, then say when."""
    frames = resized(read_clip(arguments.video, 30), SIZES["720p"])
    pipeline = Pipeline(Settings(identity=arguments.identity))
    pipeline.load()
    finished = None
    for frame in camera_frames(frames):
        pipeline.process(frame)
        if finished is None and pipeline.status().frames_swapped:
            finished = time.perf_counter()
    if finished is None:
        sys.exit(pipeline.status().last_error or "no face was found in the clip")
    # perf_counter is CLOCK_MONOTONIC on Linux, shared by parent and child.
    rss_mb = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    print(json.dumps({"finished": finished, "rss_mb": rss_mb}))
    return 0


def measure_change_of_identity(clip: list[NDArray]) -> dict[str, float]:
    """Milliseconds from the choice of an identity never opened before to the first picture of it, while live: the
    worst over all that open. No figure where there is but one."""
    names = [summary.name for summary in Library().summaries() if summary.usable]
    pipeline = Pipeline(Settings(identity=names[0], quality=Quality.BALANCED))
    pipeline.load()
    frames = camera_frames(resized(clip, SIZES["720p"]))
    for frame in islice(frames, WARM_UP):
        pipeline.process(frame)
    taken = []
    for name in names[1:]:
        swapped = pipeline.status().frames_swapped
        started = time.perf_counter()
        pipeline.configure(Settings(identity=name, quality=Quality.BALANCED))
        while pipeline.status().frames_swapped == swapped:
            pipeline.process(next(frames))
        taken.append(1000 * (time.perf_counter() - started))
        for frame in islice(frames, 5):
            pipeline.process(frame)
    pipeline.close()
    return {"identity_change_ms": max(taken)} if taken else {}


def report(console: Console, timings: dict[tuple[str, int], Timing], figures: dict[str, float]) -> None:
    """Print the tables."""
    yardstick = figures["mediapipe_facemesh_ms"]
    stages = list(next(iter(timings.values())).stages)
    table = Table(
        title="Milliseconds of a frame: mean by stage, p50 and p95 end to end; p50 as a ratio to mediapipe's FaceMesh\n"
        "From two threads on parser* and look* run beside the swap; the rest of a frame is waiting and all else",
        box=SIMPLE,
        padding=0,
    )
    table.add_column("size ", no_wrap=True)
    headings = [stage + "*" * (stage in BESIDE) for stage in stages]
    for heading in ("threads", *headings, "rest", "p50", "p95", "frames/s", "ratio"):
        table.add_column(f" {heading}", justify="right", no_wrap=True)
    for (size_name, threads), timing in timings.items():
        means = [sum(timing.stages[stage]) / len(timing.total) for stage in stages]
        in_turn = sum(mean for stage, mean in zip(stages, means, strict=True) if threads == 1 or stage not in BESIDE)
        rest = float(np.mean(timing.total)) - in_turn
        cells = [f"{value:.1f}" for value in (*means, rest, timing.percentile(50), timing.percentile(95), timing.fps)]
        table.add_row(size_name, str(threads), *cells, f"{timing.percentile(50) / yardstick:.1f}")
    console.print(table)
    console.print(
        f"FaceMesh alone, 720p, 1 thread: {figures['facemesh_ms']:.2f} ms, mediapipe's {yardstick:.2f} ms (ratio "
        f"{figures['facemesh_ms'] / yardstick:.2f}); distance to mediapipe's landmarks: mean "
        f"{figures['facemesh_mean_error_px']:.3f} px, worst {figures['facemesh_worst_error_px']:.2f} px.\n"
        f"First result after {figures['first_result_s']:.2f} s in a new process; "
        f"{figures['rss_mb']:.0f} MB of memory at most.",
        highlight=False,
    )
    for quality in LEVELS:
        ms = {
            stage: figures[f"swap_{quality}_{stage}_ms"] for stage in ("all", "template", "decoder", "gaze", "encoder")
        }
        console.print(
            f"Swap, {quality}, 2 threads: {ms['all']:.1f} ms, of them template {ms['template']:.1f}, decoder "
            f"{ms['decoder']:.1f}; beside it gaze {ms['gaze']:.1f} and encoder {ms['encoder']:.1f}; 1 GFLOP in "
            f"float32 in the same run: {figures['swap_reference_ms']:.1f} ms.",
            highlight=False,
        )
    if "identity_change_ms" in figures:
        console.print(f"Another identity while live: {figures['identity_change_ms']:.0f} ms.", highlight=False)


if __name__ == "__main__":
    sys.exit(main())
