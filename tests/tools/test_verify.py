"""tools/verify.py and tools/sign_recording.py: what they say of marked, unmarked, labelled and broken files."""

import itertools
import json
from collections.abc import Iterator
from pathlib import Path

import av
import numpy as np
import pytest
import sign_recording
import verify

from deepfake_core.disclosure import provenance
from deepfake_core.disclosure.labels import label_picture
from deepfake_core.disclosure.mark import Disclosure
from deepfake_core.frame import Frame
from deepfake_core.identities.library import Library
from deepfake_core.inference.manifest import MODELS_DIR

WIDTH, HEIGHT = 640, 480
PERFORMER = MODELS_DIR / "performer.mp4"


def scene() -> Iterator[np.ndarray]:
    """A dozen pictures uint8 (480, 640, 3) of the bundled performer, ten a second."""
    with av.open(str(PERFORMER)) as container:
        for picture in itertools.islice(container.decode(video=0), 0, 36, 3):
            yield picture.to_ndarray(format="bgr24")


def write(path: Path, shown: Iterator[np.ndarray]) -> Path:
    with av.open(str(path), "w") as target:
        stream = target.add_stream("libx264", rate=10, options={"crf": "16"})
        stream.width, stream.height, stream.pix_fmt = WIDTH, HEIGHT, "yuv420p"
        for picture in shown:
            target.mux(stream.encode(av.VideoFrame.from_ndarray(picture, format="bgr24")))
        target.mux(stream.encode(None))
    return path


def pictures(path: Path) -> list[bytes]:
    with av.open(str(path)) as container:
        return [picture.to_ndarray().tobytes() for picture in container.decode(video=0)]


@pytest.fixture
def marked(tmp_path: Path) -> Path:
    disclosure = Disclosure(record=Library().open("vesper").consent.short_id)
    shown = (disclosure.mark(Frame.from_bgr(picture)).frame.to_bgr() for picture in scene())
    return write(tmp_path / "marked.mkv", shown)


def labelled_alone() -> Iterator[np.ndarray]:
    box, label, _ = label_picture(WIDTH, HEIGHT, "top_right", "en")
    for picture in scene():
        picture[box.y0 : box.y1, box.x0 : box.x1] = label
        yield picture


def test_a_marked_file_names_identity_and_consent(marked: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert verify.main([str(marked), "--json"]) == 0
    said = json.loads(capsys.readouterr().out)
    assert said["answer"] == "marked"
    assert said["watermarks"][0]["identity"] == "Vesper"
    assert said["watermarks"][0]["consent"] == Library().open("vesper").consent.record_id
    assert said["label_share"] == 1.0
    assert said["frames"] == 12
    assert verify.main([str(marked)]) == 0
    assert "MARKED" in capsys.readouterr().out


def test_an_unmarked_file_and_one_with_a_label_alone(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert verify.main([str(write(tmp_path / "plain.mp4", scene()))]) == 1
    assert "UNMARKED" in capsys.readouterr().out
    # Somebody may paint a label on anything: it is said, and nothing is concluded.
    assert verify.main([str(write(tmp_path / "label.mp4", labelled_alone()))]) == 3
    assert "UNCERTAIN" in capsys.readouterr().out


@pytest.mark.parametrize("data", [b"", b"not a video", b"\0\0\0\x18ftypmp42" + b"\0" * 100])
def test_what_is_no_video_is_said_in_one_sentence(
    tmp_path: Path, data: bytes, capsys: pytest.CaptureFixture[str]
) -> None:
    path = tmp_path / "broken.mp4"
    path.write_bytes(data)
    for tool in (verify, sign_recording):
        assert tool.main([str(path)]) == 2
        said = capsys.readouterr()
        assert not said.out
        assert len(said.err.strip().splitlines()) == 1
        assert str(path) in said.err
    assert path.read_bytes() == data


def test_a_playlist_is_not_followed(tmp_path: Path, marked: Path, capsys: pytest.CaptureFixture[str]) -> None:
    playlist = tmp_path / "list.ffconcat"
    playlist.write_text(f"ffconcat version 1.0\nfile {marked.name}\n", encoding="utf-8")
    assert verify.main([str(playlist)]) == 2
    assert "not a video that can be read" in capsys.readouterr().err


def test_a_marked_recording_is_signed_beside_itself(
    marked: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path / "config"))
    before = marked.read_bytes()
    assert sign_recording.main([str(marked)]) == 0
    said = capsys.readouterr().out
    assert "Vesper" in said
    assert "local certificate" in said
    signed = marked.with_suffix(".mp4")
    found = provenance.read(signed)
    assert found is not None
    assert found.intact
    assert found.facts is not None
    assert found.facts.consent_records == (Library().open("vesper").consent.record_id,)
    assert marked.read_bytes() == before
    assert pictures(signed) == pictures(marked)
    # A second run does not overwrite it, and signing the copy again keeps what it said.
    assert sign_recording.main([str(marked)]) == 2
    assert sign_recording.main([str(signed)]) == 0
    assert sorted(path.name for path in tmp_path.glob("*.mp4")) == ["marked.mp4"]


def test_an_unmarked_recording_is_not_signed(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    plain = write(tmp_path / "plain.mp4", scene())
    before = plain.read_bytes()
    assert sign_recording.main([str(plain)]) == 1
    assert "no watermark" in capsys.readouterr().err
    assert plain.read_bytes() == before
