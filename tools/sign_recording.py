"""Writes a signed statement (C2PA manifest) on how a recording was made into it.

    python3 tools/sign_recording.py recording.mp4

The recording must carry this project's watermark: it names the consent records. MP4 and MOV files are signed in place;
another container's streams are copied, unchanged, into an MP4 beside it. Signs with --certificate and --key, or else
with a local certificate that is made on first use. Exit code: 0 signed, 1 not marked, 2 not usable.
"""

from __future__ import annotations

from environment import run_inside

run_inside("cpu")

import argparse
import sys
from collections.abc import Iterable, Iterator
from pathlib import Path

import av

from deepfake_core.disclosure.credentials import Credentials, CredentialsUnusable, chosen_credentials
from deepfake_core.disclosure.provenance import CONTAINERS, SigningFailed, SwapFacts, sign
from deepfake_core.disclosure.verification import verify_video
from deepfake_core.identities.keys import KeyRefused
from deepfake_core.identities.library import Library
from deepfake_core.video_file import VideoUnreadable, open_video

NOT_MARKED, NOT_USABLE = 1, 2


class RecordingRefused(Exception):
    """The recording cannot be signed; the text is one sentence with the cure."""


def main(arguments: list[str] | None = None) -> int:
    """The command; returns its exit code."""
    options = _parser().parse_args(arguments)
    try:
        credentials = chosen_credentials(options.certificate, options.key)
        verdict = verify_video(options.recording)
        records = sorted({mark.record for mark in verdict.watermarks if mark.record})
        identities = [identity for record in records if (identity := Library().by_short_id(record)) is not None]
        if not verdict.watermarks:
            print(f"{options.recording} carries no watermark of this project, so it is not signed.", file=sys.stderr)
            return NOT_MARKED
        target = sign_recording(options.recording, SwapFacts.of(identities), credentials)
    except (RecordingRefused, VideoUnreadable, SigningFailed, CredentialsUnusable, KeyRefused) as error:
        print(error, file=sys.stderr)
        return NOT_USABLE
    named = ", ".join(identity.title for identity in identities) or "no identity of this library"
    print(f"{target} is signed ({named}) with {credentials.description}.")
    return 0


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("recording", type=Path)
    parser.add_argument("--certificate", type=Path, help="PEM file: the signer's certificate, then its issuers'")
    parser.add_argument("--key", type=Path, help="PEM file: the certificate's private key, unencrypted")
    return parser


def sign_recording(recording: Path, facts: SwapFacts, credentials: Credentials) -> Path:
    """Sign a recording, in place or as an MP4 beside it; returns the signed file."""
    in_place = recording.suffix.lower() in CONTAINERS
    target = recording if in_place else recording.with_suffix(".mp4")
    if not in_place and target.exists():
        raise RecordingRefused(f"{target} exists already; move it away, or give that file.")
    suffix = target.suffix
    copied, signed = (target.with_name(f".{target.stem}.{what}{suffix}") for what in ("copy", "signed"))
    try:
        if not in_place:
            _copy_streams(recording, copied)
        sign(recording if in_place else copied, signed, facts, credentials)
        signed.replace(target)
    finally:
        copied.unlink(missing_ok=True)
        signed.unlink(missing_ok=True)
    return target


def _copy_streams(source: Path, target: Path) -> None:
    """The same packets in another container."""
    try:
        reader, _ = open_video(source)
        with reader, av.open(str(target), "w") as writer:
            streams = {
                stream.index: writer.add_stream_from_template(stream)
                for stream in reader.streams
                if stream.type in ("video", "audio")
            }
            for packet in _in_decoding_order(reader.demux([reader.streams[index] for index in streams])):
                packet.stream = streams[packet.stream.index]
                writer.mux(packet)
    except (av.FFmpegError, ValueError) as error:
        raise RecordingRefused(f"{source} cannot be copied into an MP4 file ({error}); record to MP4.") from error


def _in_decoding_order(packets: Iterable[av.Packet]) -> Iterator[av.Packet]:
    """The packets, each with a decoding time: Matroska stores none, and FFmpeg guesses it from the third on."""
    waiting: dict[int, list[av.Packet]] = {}
    for packet in packets:
        early = waiting.setdefault(packet.stream.index, [])
        if packet.dts is None:
            if packet.size:  # the last one of a stream is empty
                early.append(packet)
            continue
        for before, held in zip(range(len(early), 0, -1), early, strict=True):
            held.dts = packet.dts - before * (packet.duration or 1)
            yield held
        early.clear()
        yield packet


if __name__ == "__main__":
    sys.exit(main())
