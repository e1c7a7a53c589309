"""Damaged and made-up videos before verify.py and sign_recording.py: an answer or one sentence, soon, in little memory.

python tests/disclosure/test_hostile_videos.py 1000     tries so many; the test tries fewer
"""

from __future__ import annotations

import random
import resource
import subprocess
import sys
import tempfile
import time
from pathlib import Path

if __name__ == "__main__":
    sys.path[:0] = [str(Path(__file__).resolve().parents[2])]

import av
import numpy as np

from deepfake_core.disclosure import provenance
from deepfake_core.disclosure.credentials import local_credentials
from deepfake_core.disclosure.provenance import SigningFailed, SwapFacts
from deepfake_core.disclosure.verification import Verdict, verify_video
from deepfake_core.video_file import VideoUnreadable

QUICK = 120
MOST_SECONDS = 2.0  # of computing, for one file
MOST_MEGABYTES = 500
HUGE = (0x7FFFFFFF, 0xFFFFFFFF, 0x00010000, 0)


def signed_clip(folder: Path) -> bytes:
    """A small film with a manifest."""
    plain, signed = folder / "plain.mp4", folder / "signed.mp4"
    with av.open(str(plain), "w") as target:
        stream = target.add_stream("libx264", rate=10)
        stream.width, stream.height, stream.pix_fmt = 96, 80, "yuv420p"
        g = np.random.default_rng(1)
        for _ in range(6):
            picture = av.VideoFrame.from_ndarray(g.integers(0, 255, (80, 96, 3), np.uint8), format="bgr24")
            target.mux(stream.encode(picture))
        target.mux(stream.encode(None))
    provenance.sign(plain, signed, SwapFacts(("Somebody",), ("some-record",), {}), local_credentials(folder))
    return signed.read_bytes()


def damaged(g: random.Random, data: bytes) -> bytes:
    """Cut, flipped, overwritten, lied about, or doubled."""
    kind = g.choice(("cut", "flip", "zeros", "size", "doubled", "noise"))
    spoiled = bytearray(data)
    if kind == "cut":
        return data[: g.randrange(len(data))]
    if kind == "flip":
        for _ in range(g.choice((1, 8, 200))):
            spoiled[g.randrange(len(spoiled))] ^= 1 << g.randrange(8)
    elif kind == "zeros":
        start = g.randrange(len(spoiled))
        spoiled[start : start + 400] = bytes(len(spoiled[start : start + 400]))
    elif kind == "size":  # a box, a table or a picture larger than the file
        boxes = [
            i for name in (b"moov", b"stsz", b"stco", b"avc1", b"uuid", b"mdat", b"jumb") if (i := data.find(name)) > 3
        ]
        place = g.choice(boxes) + g.choice((-4, 4, 8, 12, 28))
        spoiled[place : place + 4] = g.choice(HUGE).to_bytes(4, "big")
    elif kind == "doubled":
        return data + data[g.randrange(len(data)) :]
    else:
        return data[:32] + g.randbytes(4000)
    return bytes(spoiled)


def tried(seed: int, data: bytes, folder: Path) -> tuple[str, float]:
    """What became of one file, and the seconds of computing."""
    path = folder / "film.mp4"
    path.write_bytes(damaged(random.Random(seed), data))
    before = {child.name for child in folder.iterdir()}
    began = time.process_time()
    try:
        verdict: Verdict | None = verify_video(path)
    except VideoUnreadable as error:
        verdict = None
        assert len(str(error).splitlines()) == 1, error
    seconds = time.process_time() - began
    found = provenance.read(path)
    if path.read_bytes() != data and found is not None and found.intact:
        # What comes after the film, or in its free space, is not part of it.
        assert found.facts is not None
        assert found.facts.consent_records == ("some-record",)
    try:
        provenance.sign(path, folder / "again.mp4", SwapFacts((), (), {}), local_credentials(folder))
        (folder / "again.mp4").unlink()
    except SigningFailed:
        pass
    assert {child.name for child in folder.iterdir()} == before, "a file was left behind"
    return ("unreadable" if verdict is None else verdict.answer.value), seconds


def main(count: int) -> int:
    """Try `count` files; prints what became of them."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        data = signed_clip(folder)
        held = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
        became: dict[str, int] = {}
        slowest = 0.0
        for seed in range(count):
            answer, seconds = tried(seed, data, folder)
            became[answer] = became.get(answer, 0) + 1
            slowest = max(slowest, seconds)
    megabytes = (resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - held) / 1024
    print(f"{count} films: {became}; slowest {slowest:.2f} s, {megabytes:.0f} MB beyond the program")
    return 0 if slowest <= MOST_SECONDS and megabytes <= MOST_MEGABYTES else 1


def test_damaged_films_are_answered_soon_and_leave_nothing_behind() -> None:
    command = [sys.executable, str(Path(__file__)), str(QUICK)]
    done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=200)
    assert done.returncode == 0, done.stdout + done.stderr


if __name__ == "__main__":
    sys.exit(main(int(sys.argv[1])))
