"""Hostile packs, records, lists and videos: makes them, shows them to the program, and watches what it does.

    .venv/bin/python tests/identities/hostile.py 1000

Each case runs in a process of its own. It passes where the program refuses with one of its own errors, or opens what
was signed and nothing else, within 2 s and 500 MB, opens no file elsewhere, writes none, and runs no decoder.
"""

from __future__ import annotations

import argparse
import json
import os
import random
import resource
import shutil
import signal
import struct
import sys
import tempfile
import time
import zipfile
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path
from typing import Any

if __name__ == "__main__":
    sys.path[:0] = [str(Path(__file__).resolve().parents[2]), str(Path(__file__).resolve().parent)]

import av
import numpy as np
import onnxruntime
import packs
from packs import FILES, KEYS, NAME, subject_record, synthetic_record, write_list, write_pack

from deepfake_core.identities import consent_video, pack, release, signature
from deepfake_core.identities.consent import ConsentRecord
from deepfake_core.identities.errors import IdentityError, IdentityMissing
from deepfake_core.identities.library import Library
from deepfake_core.identities.withdrawals import WithdrawalList
from deepfake_core.inference.errors import InferenceError
from deepfake_core.inference.manifest import MODELS_DIR
from deepfake_core.swapping.decoder import load_decoder
from tests.inference import tiny_onnx

MOST_SECONDS = 2.0
"""Of computing, for one answer: a busy machine must not decide. Waiting is cut off by the clock."""
MOST_MEGABYTES = 500
_PATIENCE_SECONDS = 10
_READABLE = (str(MODELS_DIR.parent), sys.prefix, sys.base_prefix, "/usr/share/zoneinfo", "/etc/localtime", "/proc")
REFUSALS = (IdentityError, InferenceError, consent_video.VideoRefused)
GIB = 2**30

Make = Callable[[random.Random, Path], None]


@dataclass(frozen=True)
class Kind:
    """A way of being hostile: changes a models folder that holds one good pack; or makes video.mp4."""

    name: str
    make: Make
    video: bool = False
    resigned: bool = False
    """Whether the person depicted really signed what was changed."""


@dataclass(frozen=True)
class Outcome:
    """What the program did with one case."""

    kind: str
    seed: int
    said: str
    problem: str
    seconds: float
    megabytes: float


def _damaged(g: random.Random, data: bytes) -> bytes:
    """Bits flipped, or cut, or lengthened, or a part repeated."""
    how = g.randrange(5)
    if not data or how == 0:
        return data[: g.randrange(len(data) + 1)]
    if how == 1:
        return data + g.randbytes(g.randrange(1, 2000))
    if how == 2:
        at = g.randrange(len(data))
        return data[:at] + data[at : at + g.randrange(1, 400)] + data[at:]
    flipped = bytearray(data)
    for _ in range(g.choice((1, 1, 2, 8, 64))):
        flipped[g.randrange(len(flipped))] ^= 1 << g.randrange(8)
    return bytes(flipped)


def _damage(name: str) -> Make:
    def make(g: random.Random, models: Path) -> None:
        path = models / "identities" / name
        path.write_bytes(_damaged(g, path.read_bytes()))

    return make


_STRANGE: tuple[Any, ...] = (
    None, True, -1, 0, 2**31, 2**63, 10**400, "", "x" * 40_000, "../../etc/passwd", "/etc/passwd", "nul\0",
    "\u202e", "9999-99-99", "10000-01-01", "2026-01-01/2026-01-01/..", [], {}, [[]] * 50, {"a": {}},
    "urn:sha256:", "did:key:z6Mk",
)  # fmt: skip


def _places(value: Any, found: list[tuple[Any, Any]]) -> list[tuple[Any, Any]]:
    entries = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    for key, inner in list(entries):
        found.append((value, key))
        _places(inner, found)
    return found


def _rewrite(name: str, *, sign: str = "") -> Make:
    """One member of a JSON file becomes something else; signed again with a key, or not."""

    def make(g: random.Random, models: Path) -> None:
        path = models / "identities" / name
        document = json.loads(path.read_text())
        for _ in range(g.choice((1, 1, 3))):
            holder, key = g.choice(_places(document, []))
            if g.random() < 0.2 and isinstance(holder, dict):
                holder.pop(key, None)
            elif isinstance(holder, dict) and g.random() < 0.2:
                holder[g.choice(("../x", "", "__proto__", "x" * 300))] = g.choice(_STRANGE)
            else:
                holder[key] = g.choice(_STRANGE)
        if sign and isinstance(document, dict) and "@context" in document:
            document = signature.sign(document, getattr(KEYS, sign))
        path.write_text(json.dumps(document))

    return make


def _nested(name: str) -> Make:
    def make(g: random.Random, models: Path) -> None:
        depth = g.choice((100, 990, 5000, 30_000))
        opening, closing = g.choice((("[", "]"), ('{"a":', "}")))
        text = opening * depth + "1" + closing * g.choice((depth, 0))
        (models / "identities" / name).write_text(g.choice((text, '{"format":2,"files":' + text + "}")))

    return make


def _elsewhere(name: str) -> Make:
    """A link, a pipe, a folder, a device, or an endless file in a file's place."""

    def make(g: random.Random, models: Path) -> None:
        path = models / "identities" / name
        path.unlink()
        how = g.randrange(6)
        if how == 0:
            path.symlink_to(g.choice(("/etc/passwd", "/dev/zero", "/proc/self/mem", "..", str(path))))
        elif how == 1:
            os.mkfifo(path)
        elif how == 2:
            path.mkdir()
        elif how == 3:
            path.symlink_to(f"../{Path(name).name}")
        else:
            with path.open("wb") as file:
                file.truncate(g.choice((65_537, 300 * 2**20, 20 * GIB)))

    return make


def _archive_of(models: Path) -> Path:
    folder = models / "identities" / NAME
    target = folder.with_suffix(".identity")
    pack.archive(folder, target)
    shutil.rmtree(folder)
    return target


def _archive_damaged(g: random.Random, models: Path) -> None:
    target = _archive_of(models)
    target.write_bytes(_damaged(g, target.read_bytes()))


def _archive_directory(g: random.Random, models: Path) -> None:
    """Bytes of the directory at the end are changed: sizes, offsets, methods, flags, counts."""
    target = _archive_of(models)
    data = bytearray(target.read_bytes())
    start = data.rindex(b"PK\1\2", 0, data.rindex(b"PK\5\6"))
    for _ in range(g.choice((1, 2, 4))):
        at = g.randrange(start, len(data))
        data[at : at + 4] = g.choice((b"\xff\xff\xff\xff", b"\0\0\0\0", struct.pack("<I", g.randrange(2**31))))[
            : len(data) - at
        ]
    target.write_bytes(data)


def _archive_bomb(g: random.Random, models: Path) -> None:
    """Much in little: deflated zeros, many entries, overlapping entries, an endless file."""
    target = _archive_of(models)
    how = g.randrange(5)
    if how == 0:
        with zipfile.ZipFile(
            target, "w", g.choice((zipfile.ZIP_DEFLATED, zipfile.ZIP_BZIP2, zipfile.ZIP_LZMA))
        ) as made:
            made.writestr("identity.json", b" " * (20 * 2**20))
            made.writestr("decoder.onnx", b"\0" * (20 * 2**20))
    elif how == 1:
        with zipfile.ZipFile(target, "a") as made:
            for index in range(g.choice((20, 3000))):
                made.writestr(f"{index}", b"")
    elif how == 2:
        with target.open("r+b") as file:
            file.truncate(g.choice((100, 400 * 2**20, 50 * GIB)))
    elif how == 3:
        data = target.read_bytes()
        end = data.rindex(b"PK\5\6")
        count, size, offset = struct.unpack("<HII", data[end + 10 : end + 20])
        directory = data[offset : offset + size]
        times = g.choice((2, 4))
        tail = struct.pack("<4s4HIIH", b"PK\5\6", 0, 0, count * times, count * times, size * times, offset, 0)
        target.write_bytes(data[:offset] + directory * times + tail)
    else:
        data = target.read_bytes()
        wide = struct.pack("<4sQHHIIQQQQ", b"PK\6\6", 44, 45, 45, 0, 0, 2**40, 2**40, 2**40, 0)
        locator = struct.pack("<4sIQI", b"PK\6\7", 0, len(data) - 22, 1)
        target.write_bytes(data[:-22] + wide + locator + data[-22:])


def _archive_names(g: random.Random, models: Path) -> None:
    """Entries that lead elsewhere: parents, roots, links, folders, doubles, encrypted ones."""
    target = _archive_of(models)
    with zipfile.ZipFile(target, "a") as made:
        entry = zipfile.ZipInfo(
            g.choice(
                ("../../escaped", "/tmp/escaped-identity", "C:\\escaped", "identity.json", "a/", "x" * 60_000, "é\0")
            )
        )
        entry.external_attr = g.choice((0o120777, 0o100644, 0o040755, 0o010644, 0)) << 16
        if g.random() < 0.2:
            entry.flag_bits |= 1
        made.writestr(entry, g.choice((b"/etc/passwd", b"{}", b"")))


def _onnx(g: random.Random) -> bytes:
    """A decoder that must never be loaded, or is refused when it is looked at."""
    node, message = tiny_onnx.node, tiny_onnx.message
    location = message((1, "location"), (2, g.choice(("../../../etc/passwd", "/etc/passwd", "weights.bin"))))
    external = message((1, 4), (2, 1), (8, "w"), (13, location), (14, 1))
    choices = (
        tiny_onnx.model(node("Add", ["x", "w"], ["y"]), graph=((5, external),)),
        tiny_onnx.model(node("Evil", ["x"], ["y"], (7, "com.evil"))),
        tiny_onnx.model(node("PyOp", ["x"], ["y"], (7, "ai.onnx.contrib"))),
        tiny_onnx.model(node("Loop", ["x"], ["y"], (5, message((1, "body"), (6, b""), (20, 5))))),
        tiny_onnx.model(node("Sqrt", ["x"], ["y"]), functions=message((1, "f"))),
        tiny_onnx.one_operator("Sqrt", (1 << 30, 1 << 30)),
        tiny_onnx.model(*[node("Sqrt", ["x"], [f"y{index}"]) for index in range(21_000)]),
        tiny_onnx.one_operator("Sqrt"),
        b"",
        g.randbytes(3000),
    )
    return g.choice(choices)


def _png(width: int, height: int) -> bytes:
    header = struct.pack(">IIBBBBB", width, height, 8, 6, 0, 0, 0)
    return b"\x89PNG\r\n\x1a\n" + struct.pack(">I", 13) + b"IHDR" + header + b"\0" * 200


def _consented_but_hostile(g: random.Random, models: Path) -> None:
    """Consent is there; the decoder or a picture is not what it should be."""
    name = g.choice(("vesper", NAME))
    files = {file: (MODELS_DIR / "identities/vesper" / file).read_bytes() for file in VESPER_FILES}
    changed = g.choice(("decoder.onnx", *VESPER_FILES))
    if changed == "decoder.onnx":
        files[changed] = g.choice((_onnx(g), _damaged(g, files[changed])))
    elif changed.endswith("png"):
        files[changed] = g.choice((_png(60_000, 30_000), _png(2**31 - 1, 2**31 - 1), _damaged(g, files[changed])))
    else:
        files[changed] = g.choice((struct.pack("<Q", 2**60) + b"{}", _damaged(g, files[changed])))
    files = {file: data or b"\0" for file, data in files.items()}
    shutil.rmtree(models / "identities" / NAME)
    options: dict[str, Any] = {"encoder_sha256": ENCODER}
    if g.random() < 0.3:
        options = {"networks": "dfm", "crop": pack.Crop(alignment="dfl", extent=220)}
    write_pack(models, subject_record(), KEYS.subject, name=name, files=files, **options)


def _stranger_signs(g: random.Random, models: Path) -> None:
    """A whole pack with a decoder that would do harm, signed by somebody who has no say."""
    record = g.choice((subject_record(), synthetic_record()))
    write_pack(models, record, KEYS.stranger, files={**FILES, "decoder.onnx": _onnx(g) or b"\0"})


def _paths_in_manifest(g: random.Random, models: Path) -> None:
    """The manifest lists files elsewhere, and its signature is good."""
    path = models / "identities" / NAME / pack.MANIFEST
    document = json.loads(path.read_text())
    name = g.choice(
        ("../../escaped.png", "/etc/passwd", "a/b.png", "..", "consent.json", "x.pkl", "decoder.onnx\0.png")
    )
    document["files"][name] = {"bytes": g.choice((1, 2**28, 2**62)), "sha256": "0" * 64}
    data = json.dumps(document).encode()
    path.write_bytes(data)
    record = subject_record(decoder_sha256=pack.sha256(FILES["decoder.onnx"]), pack_sha256=pack.sha256(data))
    (path.parent / pack.CONSENT).write_bytes(record.sign(KEYS.subject))


def _huge_decoder(g: random.Random, models: Path) -> None:
    """The manifest allows the largest decoder there may be, and the file is as large, but another."""
    path = models / "identities" / NAME / pack.MANIFEST
    document = json.loads(path.read_text())
    document["files"]["decoder.onnx"] = {"bytes": pack.MAX_DECODER_BYTES, "sha256": "0" * 64}
    data = json.dumps(document).encode()
    path.write_bytes(data)
    decoder = path.parent / "decoder.onnx"
    with decoder.open("wb") as file:
        file.truncate(pack.MAX_DECODER_BYTES)
    record = subject_record(decoder_sha256="0" * 64, pack_sha256=pack.sha256(data))
    (path.parent / pack.CONSENT).write_bytes(record.sign(KEYS.subject))
    if g.random() < 0.3:
        with zipfile.ZipFile(path.parent.with_suffix(".identity"), "w") as made:
            for member in path.parent.iterdir():
                made.write(member, member.name)
        shutil.rmtree(path.parent)


def _large_list(g: random.Random, models: Path) -> None:
    """A list of withdrawals as long as it may be, good or bad."""
    names = [f"subject-{index:08x}" for index in range(g.choice((10, 6000, 40_000)))]
    path = models / "identities" / "withdrawals-long.json"
    write_list(path, g.choice((KEYS.subject, KEYS.stranger)), *names)


def _video_damaged(g: random.Random, models: Path) -> None:
    (models / "video.mp4").write_bytes(_damaged(g, VIDEO.read_bytes()))


def _video_playlist(g: random.Random, models: Path) -> None:
    """A playlist that would have the reader open another file: a pipe, so that it hangs if it does."""
    os.mkfifo(models / "pipe")
    lists = (
        f"#EXTM3U\n#EXT-X-TARGETDURATION:5\n#EXTINF:5,\n{models / 'pipe'}\n#EXT-X-ENDLIST\n",
        f"ffconcat version 1.0\nfile {models / 'pipe'}\n",
        f"#EXTM3U\n#EXTINF:5,\nfile://{models / 'pipe'}\n",
        f'<?xml version="1.0"?><MPD><BaseURL>{models / "pipe"}</BaseURL></MPD>',
        f"<svg xmlns='http://www.w3.org/2000/svg'><image href='{models / 'pipe'}'/></svg>",
    )
    (models / "video.mp4").write_text(g.choice(lists))


def _video_header(g: random.Random, models: Path) -> None:
    """Sizes and counts in the boxes are changed."""
    data = bytearray(VIDEO.read_bytes())
    for _ in range(g.choice((1, 3, 10))):
        box = g.choice(
            (b"tkhd", b"avc1", b"stsz", b"stco", b"stts", b"stsc", b"mdhd", b"avcC", b"mvhd", b"esds", b"moov")
        )
        at = data.find(box)
        at += g.randrange(-4, 60) if at >= 4 else 4
        data[at : at + 4] = g.choice((b"\xff\xff\xff\xff", b"\x7f\xff\xff\xff", b"\0\0\0\0", g.randbytes(4)))
    (models / "video.mp4").write_bytes(data)


def _video_elsewhere(g: random.Random, models: Path) -> None:
    path, how = models / "video.mp4", g.randrange(4)
    if how == 0:
        os.mkfifo(path)
    elif how == 1:
        path.mkdir()
    elif how == 2:
        with path.open("wb") as file:
            file.write(VIDEO.read_bytes())
            file.truncate(50 * GIB)
    else:
        path.write_bytes(g.randbytes(g.choice((0, 10, 100_000))))


_JSON_FILES = {
    "manifest": f"{NAME}/identity.json",
    "record": f"{NAME}/consent.json",
    "project's list": "withdrawals.json",
    "subject's list": "withdrawals-jane.json",
}
KINDS = [
    *(Kind(f"{words}: bytes damaged", _damage(file)) for words, file in _JSON_FILES.items()),
    *(Kind(f"{words}: members changed", _rewrite(file)) for words, file in _JSON_FILES.items()),
    *(Kind(f"{words}: nested deeply", _nested(file)) for words, file in _JSON_FILES.items()),
    *(Kind(f"{words}: in its place", _elsewhere(file)) for words, file in _JSON_FILES.items()),
    Kind("record: changed, signed by the subject", _rewrite(_JSON_FILES["record"], sign="subject"), resigned=True),
    Kind("record: changed, signed by a stranger", _rewrite(_JSON_FILES["record"], sign="stranger")),
    Kind("project's list: changed, signed", _rewrite(_JSON_FILES["project's list"], sign="project")),
    Kind("subject's list: changed, signed", _rewrite(_JSON_FILES["subject's list"], sign="subject")),
    Kind("list: long", _large_list),
    Kind("decoder: bytes damaged", _damage(f"{NAME}/decoder.onnx")),
    Kind("decoder: in its place", _elsewhere(f"{NAME}/decoder.onnx")),
    Kind("manifest: paths, signed", _paths_in_manifest),
    Kind("decoder: huge, signed", _huge_decoder),
    Kind("pack: hostile contents, consented", _consented_but_hostile, resigned=True),
    Kind("pack: hostile decoder, signed by a stranger", _stranger_signs),
    Kind("archive: bytes damaged", _archive_damaged),
    Kind("archive: directory changed", _archive_directory),
    Kind("archive: bombs", _archive_bomb),
    Kind("archive: names", _archive_names),
    Kind("video: bytes damaged", _video_damaged, video=True),
    Kind("video: boxes changed", _video_header, video=True),
    Kind("video: playlist", _video_playlist, video=True),
    Kind("video: in its place", _video_elsewhere, video=True),
]

VESPER_FILES = (
    "decoder.onnx",
    "surface.png",
    "head.png",
    "hair.png",
    "iris.png",
    "teeth.png",
    "geometry.safetensors",
    "portrait.png",
)
ENCODER = json.loads((MODELS_DIR / "identities/vesper/identity.json").read_text())["encoder_sha256"]
VIDEO = Path(tempfile.gettempdir()) / f"obs-deepfake-hostile-{os.getpid()}.mp4"


def make_video(path: Path) -> None:
    """A small consent video: the rendered performer, five seconds, with noise for a voice."""
    g = np.random.default_rng(0)
    with av.open(str(MODELS_DIR / "performer.mp4")) as source, av.open(str(path), "w") as out:
        picture = out.add_stream("libx264", rate=10, options={"preset": "ultrafast"})
        picture.width, picture.height, picture.pix_fmt = 320, 240, "yuv420p"
        voice = out.add_stream("aac", rate=48_000, layout="mono")
        for index, frame in zip(range(53), source.decode(video=0), strict=False):
            small = frame.reformat(320, 240, "yuv420p")
            small.pts, small.time_base = index, Fraction(1, 10)
            out.mux(picture.encode(small))
        out.mux(picture.encode(None))
        for start in range(0, 5 * 48_000, 1024):
            sound = av.AudioFrame.from_ndarray(g.normal(0, 0.1, (1, 1024)).astype(np.float32), "fltp", "mono")
            sound.rate, sound.pts = 48_000, start
            out.mux(voice.encode(sound))
        out.mux(voice.encode(None))


def use(models: Path, kind: Kind) -> tuple[str, str, float]:
    """Show a case to the program: what it said, what is wrong about that ("" if nothing is), and its slowest answer."""
    if kind.video:
        return *_look(models / "video.mp4"), 0.0
    library = Library(models)
    said = problem = ""
    slowest = 0.0
    for name in (NAME, "vesper", None):
        started = time.process_time()
        if name is None:
            library.summaries()
        else:
            answer, wrong = _open(library, name, kind)
            said, problem = said or answer, problem or wrong
        slowest = max(slowest, time.process_time() - started)
    return said, problem, slowest


def _look(video: Path) -> tuple[str, str]:
    try:
        consent_video.inspect(video)
    except REFUSALS as error:
        return f"{type(error).__name__}: {error}", ""
    return "taken", ""


def _open(library: Library, name: str, kind: Kind) -> tuple[str, str]:
    try:
        identity = library.open(name)
        library.check(identity)
    except REFUSALS as error:
        return "" if isinstance(error, IdentityMissing) else f"{type(error).__name__}: {error}", ""
    record = identity.consent
    signed = subject_record(decoder_sha256=record.decoder_sha256, pack_sha256=record.pack_sha256)
    if not kind.resigned and (record != signed or dict(identity.files) != FILES):
        return "opened", "what opened is not what was signed"
    try:
        load_decoder(identity, threads=1, provider="cpu")
    except REFUSALS as error:
        return f"{type(error).__name__}: {error}", ""
    return "opened", ""


def run(kind: Kind, seed: int) -> Outcome:
    """One case, in a process of its own."""
    folder = Path(tempfile.mkdtemp(prefix="obs-deepfake-hostile-"))
    try:
        models = packs.empty_models(folder / "models")
        write_pack(models)
        write_list(models / "identities/withdrawals-jane.json", KEYS.subject, "subject-of-old")
        kind.make(random.Random(seed), models)
        before = {path: path.lstat().st_mtime_ns for path in folder.rglob("*")}
        outcome = _in_child(kind, seed, models)
        after = {path: path.lstat().st_mtime_ns for path in folder.rglob("*")}
        if after != before and not outcome.problem:
            return Outcome(kind.name, seed, outcome.said, "files were written", outcome.seconds, outcome.megabytes)
        return outcome
    finally:
        shutil.rmtree(folder)


def _in_child(kind: Kind, seed: int, models: Path) -> Outcome:
    reader, writer = os.pipe()
    child = os.fork()
    if child == 0:
        os.close(reader)
        signal.alarm(_PATIENCE_SECONDS)
        trespasses: list[str] = []
        allowed = (str(models), *_READABLE)

        def watch(event: str, arguments: tuple[Any, ...]) -> None:
            if event == "open" and isinstance(arguments[0], str | bytes):
                path = os.path.abspath(os.fsdecode(arguments[0]))  # noqa: PTH100  Links are not to be followed.
                flags = arguments[2] if isinstance(arguments[2], int) else 0
                if flags & (os.O_WRONLY | os.O_RDWR | os.O_CREAT) or not path.startswith(allowed):
                    trespasses.append(path)
            if event in ("os.remove", "os.rename", "os.mkdir", "shutil.unpack_archive", "subprocess.Popen"):
                trespasses.append(event)

        def ran(*_arguments: Any, **_options: Any) -> None:
            trespasses.append("a decoder was run")

        held = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss  # by the process that was forked
        sys.addaudithook(watch)
        if not kind.video:
            onnxruntime.InferenceSession.run = ran
        started = time.process_time()
        try:
            said, problem, seconds = use(models, kind)
            seconds = seconds or time.process_time() - started
        except BaseException as error:  # noqa: BLE001  Whatever else comes out is the finding.
            said, problem, seconds = "", f"{type(error).__name__}: {error}", time.process_time() - started
        megabytes = (resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - held) / 1024
        if trespasses and not problem:
            problem = f"touched {trespasses[:3]}"
        os.write(writer, json.dumps([said[:300], problem[:300], seconds, megabytes]).encode())
        os._exit(0)
    os.close(writer)
    with os.fdopen(reader, "rb") as pipe:
        data = pipe.read()
    _, status = os.waitpid(child, 0)
    if not data:
        return Outcome(kind.name, seed, "", f"the process died (status {status})", _PATIENCE_SECONDS, 0)
    said, problem, seconds, megabytes = json.loads(data)
    if not problem and seconds > MOST_SECONDS:
        problem = f"took {seconds:.1f} s"
    if not problem and megabytes > MOST_MEGABYTES:
        problem = f"took {megabytes:.0f} MB"
    return Outcome(kind.name, seed, said, problem, seconds, megabytes)


def prepare() -> None:
    """Make the tests' keys those of the project, and the video that is damaged."""
    release.PUBLIC_KEY = signature.key_name(KEYS.project)
    # Read once, so that the children find them read.
    WithdrawalList.parse(WithdrawalList(release.PUBLIC_KEY, {}).sign(KEYS.project))
    ConsentRecord.parse(subject_record().sign(KEYS.subject), NAME)
    make_video(VIDEO)


def main() -> int:
    """Run the cases; 0 only if all passed."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("count", type=int)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--kind", default="", help="only kinds whose name holds this")
    options = parser.parse_args()
    prepare()
    kinds = [kind for kind in KINDS if options.kind in kind.name]
    try:
        outcomes = [run(kinds[index % len(kinds)], options.seed + index) for index in range(options.count)]
    finally:
        VIDEO.unlink()
    said: dict[str, Counter[str]] = {}
    for outcome in outcomes:
        said.setdefault(outcome.kind, Counter())[outcome.said.split(":")[0] or "nothing"] += 1
        if outcome.problem:
            print(f"FAILED {outcome.kind} (--seed {outcome.seed}): {outcome.problem}; said: {outcome.said}")
    for kind, words in said.items():
        of_kind = [outcome for outcome in outcomes if outcome.kind == kind]
        most = max(outcome.seconds for outcome in of_kind), max(outcome.megabytes for outcome in of_kind)
        print(f"{kind:45} {most[0]:5.2f} s {most[1]:4.0f} MB  {dict(words)}")
    failed = sum(bool(outcome.problem) for outcome in outcomes)
    print(f"{len(outcomes)} cases, {failed} failed")
    return int(failed > 0)


if __name__ == "__main__":
    sys.exit(main())
