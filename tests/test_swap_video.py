"""`tools/swap_video.py` as a user runs it: a child process over files."""

import subprocess
import sys
from fractions import Fraction
from pathlib import Path
from typing import cast

import av
import numpy as np
import pytest
from av.video.stream import VideoStream

from deepfake_core.disclosure.detection import is_labelled

REPOSITORY = Path(__file__).resolve().parents[1]
PERFORMER = REPOSITORY / "models/performer.mp4"


def swap(*arguments: object) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, str(REPOSITORY / "tools/swap_video.py"), *map(str, arguments)]
    return subprocess.run(command, capture_output=True, text=True, check=False, timeout=240)


def write_video(path: Path, frames: list[np.ndarray], pts: list[int], *, audio: bool = False) -> None:
    """H.264 with the given times in milliseconds, and a second of sound."""
    with av.open(str(path), "w") as target:
        video = target.add_stream("libx264", rate=30)
        video.height, video.width = frames[0].shape[:2]
        video.pix_fmt = "yuv420p"
        video.codec_context.time_base = Fraction(1, 1000)
        sound = target.add_stream("aac", rate=48_000) if audio else None
        for bgr, time in zip(frames, pts, strict=True):
            picture = av.VideoFrame.from_ndarray(bgr, format="bgr24")
            picture.pts, picture.time_base = time, Fraction(1, 1000)
            target.mux(video.encode(picture))
        target.mux(video.encode(None))
        if sound is not None:
            tone = (np.sin(np.arange(48_000) / 20) * 8000).astype(np.int16)[None]
            samples = av.AudioFrame.from_ndarray(tone, format="s16", layout="mono")
            samples.rate, samples.pts = 48_000, 0
            target.mux(sound.encode(samples))
            target.mux(sound.encode(None))


def read_video(path: Path) -> tuple[list[np.ndarray], list[float]]:
    with av.open(str(path)) as source:
        frames = list(source.decode(video=0))
    return [frame.to_ndarray(format="bgr24") for frame in frames], [float(frame.time) for frame in frames]


def performer(count: int) -> list[np.ndarray]:
    with av.open(str(PERFORMER)) as source:
        return [
            frame.to_ndarray(format="bgr24") for frame, _ in zip(source.decode(video=0), range(count), strict=False)
        ]


def test_a_video_is_swapped_and_keeps_its_sound_and_times(tmp_path: Path) -> None:
    times = [0, 40, 80, 160, 200, 333, 366, 400, 500, 533]
    write_video(tmp_path / "in.mp4", performer(10), times, audio=True)
    done = swap(tmp_path / "in.mp4", tmp_path / "out.mp4")
    assert done.returncode == 0, done.stderr
    before, _ = read_video(tmp_path / "in.mp4")
    after, seconds = read_video(tmp_path / "out.mp4")
    assert np.allclose(seconds, np.array(times) / 1000, atol=0.002)
    assert all(is_labelled(frame) for frame in after)
    # The face differs by far more than encoding again changes it; the wall beside it does not.
    change = np.abs(before[5].astype(int) - after[5]).mean(axis=2)
    assert change[200:340, 260:400].mean() > 3 * change[:, :80].mean() + 4
    with av.open(str(tmp_path / "in.mp4")) as source, av.open(str(tmp_path / "out.mp4")) as target:
        assert [bytes(p) for p in source.demux(audio=0)] == [bytes(p) for p in target.demux(audio=0)]


def test_odd_sizes_are_kept(tmp_path: Path) -> None:
    frames = [np.ascontiguousarray(frame[:479, :639]) for frame in performer(3)]
    with av.open(str(tmp_path / "in.mkv"), "w") as target:
        video = cast(VideoStream, target.add_stream("ffv1", rate=30))
        video.width, video.height, video.pix_fmt = 639, 479, "bgr0"
        for frame in frames:
            target.mux(video.encode(av.VideoFrame.from_ndarray(frame, format="bgr24")))
        target.mux(video.encode(None))
    done = swap(tmp_path / "in.mkv", tmp_path / "out.mkv")
    assert done.returncode == 0, done.stderr
    after, _ = read_video(tmp_path / "out.mkv")
    assert after[0].shape == (479, 639, 3)
    # Away from face and label the picture is the camera's: no shift of colour on the way.
    assert np.abs(after[0][440:, :100].astype(int) - frames[0][440:, :100]).mean() < 4


def test_a_video_without_a_face_is_marked_and_fails(tmp_path: Path) -> None:
    noise = np.random.default_rng(1).integers(0, 255, (12, 16, 3), np.uint8)
    frames = [np.kron(noise, np.ones((20, 20, 1), np.uint8))] * 5
    write_video(tmp_path / "in.mp4", frames, [0, 33, 66, 100, 133])
    done = swap(tmp_path / "in.mp4", tmp_path / "out.mp4")
    assert done.returncode == 1
    assert "no face" in done.stderr.lower()
    after, _ = read_video(tmp_path / "out.mp4")
    assert len(after) == 5
    assert all(is_labelled(frame) for frame in after)


def test_a_video_cut_off_in_the_middle_keeps_what_was_there(tmp_path: Path) -> None:
    write_video(tmp_path / "whole.mkv", performer(60), [index * 100 for index in range(60)])
    whole = (tmp_path / "whole.mkv").read_bytes()
    (tmp_path / "in.mkv").write_bytes(whole[: len(whole) // 2])
    done = swap(tmp_path / "in.mkv", tmp_path / "out.mkv", "--quality", "fast")
    assert done.returncode == 1
    assert "what was there is written" in done.stderr.replace("\n", " ") or "could be read" in done.stderr
    after, _ = read_video(tmp_path / "out.mkv")
    assert 5 < len(after) < 60


def test_input_that_is_no_video_is_refused_in_one_sentence(tmp_path: Path) -> None:
    (tmp_path / "text.mp4").write_text("not a video")
    (tmp_path / "empty.mp4").touch()
    with av.open(str(tmp_path / "sound.mp4"), "w") as target:
        sound = target.add_stream("aac", rate=48_000)
        samples = av.AudioFrame.from_ndarray(np.zeros((1, 48_000), np.int16), format="s16", layout="mono")
        samples.rate, samples.pts = 48_000, 0
        target.mux(sound.encode(samples))
        target.mux(sound.encode(None))
    for name in ("text.mp4", "empty.mp4", "sound.mp4", "missing.mp4"):
        done = swap(tmp_path / name, tmp_path / "out.mp4")
        assert done.returncode == 2, name
        assert "Traceback" not in done.stderr
        assert not (tmp_path / "out.mp4").exists()


def test_a_playlist_reads_no_other_file(tmp_path: Path) -> None:
    write_video(tmp_path / "secret.mp4", performer(2), [0, 33])
    (tmp_path / "in.m3u8").write_text("#EXTM3U\n#EXT-X-TARGETDURATION:1\n#EXTINF:1,\nsecret.mp4\n#EXT-X-ENDLIST\n")
    assert swap(tmp_path / "in.m3u8", tmp_path / "out.mp4").returncode == 2


@pytest.mark.parametrize("options", [["--identity", "nobody-here"], ["--smoothing", "7"]])
def test_unusable_options_leave_nothing_behind(tmp_path: Path, options: list[str]) -> None:
    write_video(tmp_path / "in.mp4", performer(2), [0, 33])
    assert swap(tmp_path / "in.mp4", tmp_path / "out.mp4", *options).returncode == 2
    assert [path.name for path in tmp_path.iterdir()] == ["in.mp4"]


def test_nothing_is_overwritten_unasked(tmp_path: Path) -> None:
    write_video(tmp_path / "in.mp4", performer(2), [0, 33])
    before = (tmp_path / "in.mp4").read_bytes()
    (tmp_path / "out.mp4").write_text("precious")
    assert swap(tmp_path / "in.mp4", tmp_path / "out.mp4").returncode == 2
    assert (tmp_path / "out.mp4").read_text() == "precious"
    assert swap(tmp_path / "in.mp4", tmp_path / "in.mp4", "--overwrite").returncode == 2
    assert (tmp_path / "in.mp4").read_bytes() == before
    assert swap(tmp_path / "in.mp4", tmp_path / "out.mp4", "--overwrite").returncode == 0
