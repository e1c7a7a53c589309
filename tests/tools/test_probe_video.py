from pathlib import Path

import av
import numpy as np
import pytest
from probe_video import VideoUnusable, probe


def write(path: Path, *, width: int = 322, height: int = 240, frames: int = 3, rate: int = 25) -> Path:
    with av.open(str(path), "w") as container:
        stream = container.add_stream("libx264", rate=rate)
        stream.width, stream.height, stream.pix_fmt = width, height, "yuv420p"
        for _ in range(frames):
            picture = np.full((height, width, 3), 90, np.uint8)
            container.mux(stream.encode(av.VideoFrame.from_ndarray(picture, format="bgr24")))
        container.mux(stream.encode())
    return path


def test_size_and_rate(tmp_path: Path) -> None:
    facts = probe(write(tmp_path / "a.mkv"))
    assert facts == {"width": 322, "height": 240, "rate_numerator": 25, "rate_denominator": 1}


def test_what_is_no_video_is_refused_in_one_sentence(tmp_path: Path) -> None:
    empty, text = tmp_path / "empty.mp4", tmp_path / "text.mp4"
    empty.touch()
    text.write_text("no video", encoding="utf-8")
    cut = tmp_path / "cut.mp4"
    cut.write_bytes(write(tmp_path / "whole.mp4").read_bytes()[:300])
    for path in (empty, text, cut, tmp_path / "none.mp4", tmp_path):
        with pytest.raises(VideoUnusable) as refusal:
            probe(path)
        assert str(path) in str(refusal.value)


def test_sound_alone_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "sound.mkv"
    with av.open(str(path), "w") as container:
        stream = container.add_stream("aac", rate=48000)
        sound = av.AudioFrame.from_ndarray(np.zeros((1, 1024), np.float32), format="fltp", layout="mono")
        sound.rate = 48000
        container.mux(stream.encode(sound))
        container.mux(stream.encode())
    with pytest.raises(VideoUnusable, match="no video stream"):
        probe(path)
