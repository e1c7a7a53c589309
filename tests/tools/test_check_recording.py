import subprocess
import sys
from pathlib import Path

import av
import check_recording
import numpy as np
from check_recording import check

from deepfake_core.disclosure.mark import Disclosure
from deepfake_core.frame import Frame

SIZE = (640, 360)


def pictures(count: int) -> list[np.ndarray]:
    """Smooth coloured noise that moves: nothing in it looks like a label."""
    noise = np.random.default_rng(3).integers(0, 255, (12, 20, 3), np.uint8)
    large = np.kron(noise, np.ones((30, 32, 1), np.uint8))
    return [np.roll(large, 7 * index, axis=1) for index in range(count)]


def marked(frame: np.ndarray) -> np.ndarray:
    copy = Frame.from_bgr(frame.copy())
    Disclosure().mark(copy)
    return copy.to_bgr()


def record(path: Path, frames: list[np.ndarray]) -> Path:
    with av.open(str(path), "w") as container:
        stream = container.add_stream("libx264", rate=30, options={"crf": "28", "preset": "veryfast"})
        stream.width, stream.height, stream.pix_fmt = *SIZE, "yuv420p"
        for frame in frames:
            container.mux(stream.encode(av.VideoFrame.from_ndarray(frame, format="bgr24")))
        container.mux(stream.encode())
    return path


def test_a_recording_passes_only_when_every_sample_is_marked(tmp_path: Path) -> None:
    frames = pictures(12)
    black = np.zeros_like(frames[0])
    good = record(tmp_path / "good.mkv", [black, black, *map(marked, frames)])
    assert check(good, "top_right", "en") == {"frames": 14, "pictures": 12, "sampled": 12, "unmarked": 0}
    bad = record(tmp_path / "bad.mkv", [*map(marked, frames[:6]), frames[6], *map(marked, frames[7:])])
    assert check(bad, "top_right", "en")["unmarked"] == 1


def test_the_command_says_so_with_its_exit_code(tmp_path: Path) -> None:
    def run(path: Path) -> int:
        command = [sys.executable, check_recording.__file__, str(path)]
        return subprocess.run(command, capture_output=True, check=False).returncode

    assert run(record(tmp_path / "good.mkv", list(map(marked, pictures(3))))) == 0
    assert run(record(tmp_path / "bad.mkv", pictures(3))) == 1
    assert run(record(tmp_path / "black.mkv", [np.zeros((360, 640, 3), np.uint8)] * 3)) == 1
    (tmp_path / "text.mkv").write_text("no video", encoding="utf-8")
    assert run(tmp_path / "text.mkv") == 2
