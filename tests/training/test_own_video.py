"""A person's own video: what is taken, what is refused with which sentence, and what it covers."""

from collections import Counter
from dataclasses import replace
from fractions import Fraction
from pathlib import Path

import av
import numpy as np
import pytest

from deepfake_core.facemesh.tracking import FaceTracker
from deepfake_core.frame import Frame
from deepfake_core.inference.manifest import MODELS_DIR
from deepfake_core.parsing.classes import Label
from deepfake_core.parsing.parser import FaceParser
from deepfake_core.training import coverage, own_video, own_views
from deepfake_core.training.configuration import Configuration
from deepfake_core.training.own_samples import seeds
from deepfake_core.training.own_video import OwnFrame, OwnVideo, VideoUnusable, read_own_video
from deepfake_core.video_file import VideoUnreadable

PERFORMER = MODELS_DIR / "performer.mp4"


@pytest.fixture(scope="module")
def performer() -> list[np.ndarray]:
    with av.open(str(PERFORMER)) as source:
        return [frame.to_ndarray(format="bgr24") for k, frame in enumerate(source.decode(video=0)) if k % 30 == 0]


@pytest.fixture(scope="module")
def own(tmp_path_factory: pytest.TempPathFactory, performer: list[np.ndarray]) -> OwnVideo:
    """Nine frames of the performer, saved and read again."""
    folder = tmp_path_factory.mktemp("own")
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(own_video, "LEAST_SECONDS", 1.0)
        patch.setattr(own_video, "LEAST_FRAMES", 5)
        read_own_video(write_video(folder / "me.mp4", performer)).save(folder / "video.npz")
    return OwnVideo.load(folder / "video.npz")


def write_video(path: Path, pictures: list[np.ndarray], rate: int = 4) -> Path:
    with av.open(str(path), "w") as out:
        stream = out.add_stream("libx264", rate=rate, options={"crf": "12"})
        stream.height, stream.width = pictures[0].shape[:2]
        stream.pix_fmt = "yuv420p"
        for index, bgr in enumerate(pictures):
            frame = av.VideoFrame.from_ndarray(np.ascontiguousarray(bgr), "bgr24")
            frame.pts, frame.time_base = index, Fraction(1, rate)
            out.mux(stream.encode(frame))
        out.mux(stream.encode(None))
    return path


@pytest.fixture
def short(monkeypatch: pytest.MonkeyPatch) -> None:
    """A second is long enough."""
    monkeypatch.setattr(own_video, "LEAST_SECONDS", 1.0)


def test_frames_hold_the_upright_head_with_its_parsing(own: OwnVideo) -> None:
    assert len(own.frames) == own.looked_at == 9
    for frame in own.frames:
        assert frame.bgr().shape == (own_video.SIDE, own_video.SIDE, 3)
        nose = frame.landmarks[1, :2]
        assert np.abs(nose - own_video.SIDE / 2).max() < 0.2 * own_video.SIDE
        x, y = np.round(nose).astype(int)
        assert frame.labels[y, x] in (Label.NOSE, Label.SKIN)
        assert frame.matte[y, x] > 200
        assert frame.matte[:, 0].max() < 128
    assert 20 < max(frame.pose().yaw_degrees for frame in own.frames) < 50


def test_too_few_usable_frames_are_refused(tmp_path: Path, performer: list[np.ndarray], short: None) -> None:
    with pytest.raises(VideoUnusable, match="of 8 frames are usable"):
        read_own_video(write_video(tmp_path / "me.mp4", performer[:8]))


def test_a_short_video_is_refused_at_once() -> None:
    with pytest.raises(VideoUnusable, match=r"performer\.mp4 lasts 9 s: record about two minutes"):
        read_own_video(PERFORMER)


def test_no_face_two_people_and_no_video_are_refused(tmp_path: Path, performer: list[np.ndarray], short: None) -> None:
    noise = np.random.default_rng(0).integers(0, 255, (6, 240, 320, 3)).astype(np.uint8)
    with pytest.raises(VideoUnusable, match="shows no face"):
        read_own_video(write_video(tmp_path / "noise.mp4", list(noise)))
    both = [np.hstack([picture, picture[:, ::-1]]) for picture in performer[:6]]
    with pytest.raises(VideoUnusable, match="more than one person"):
        read_own_video(write_video(tmp_path / "both.mp4", both))
    (tmp_path / "text.mp4").write_text("no video")
    with pytest.raises(VideoUnreadable, match="not a video"):
        read_own_video(tmp_path / "text.mp4")


@pytest.mark.parametrize(
    ("spoil", "reason"),
    [
        (lambda bgr: bgr // 5, own_video.DARK),
        (lambda bgr: np.clip(bgr.astype(int) * 3, 0, 255).astype(np.uint8), own_video.BURNT),
        (lambda bgr: bgr, ""),
    ],
)
def test_dark_and_burnt_frames_are_left_out(performer: list[np.ndarray], spoil: object, reason: str) -> None:
    landmarks = FaceTracker(max_faces=1, threads=2, provider="cpu").update(Frame.from_bgr(performer[0]), 0)[0].raw
    parsing = FaceParser(threads=2, provider="cpu").parse(Frame.from_bgr(performer[0]), landmarks, 0)
    assert own_video._cut((0, 0.0), spoil(performer[0]), landmarks, parsing)[1] == reason  # type: ignore[operator]
    if not reason:
        covered = parsing.labels.copy()
        covered[140:] = Label.OCCLUDER
        assert own_video._cut((0, 0.0), performer[0], landmarks, replace(parsing, labels=covered))[1] == (
            own_video.COVERED
        )
        small = landmarks * np.float32(0.2)
        assert own_video._cut((0, 0.0), performer[0], small, parsing)[1] == own_video.SMALL


def test_the_sentence_names_the_cure_of_what_is_worst(own: OwnVideo) -> None:
    assert own.summary() == "9 of 9 frames are usable"
    assert OwnVideo(own.frames, 20, dict(Counter(dark=11))).summary() == "9 of 20 frames are usable (11 dark)"


def traits(**changes: float) -> coverage.Traits:
    """A hundred frames of a calm face from the front, 10 of them changed."""
    usual = {"yaw": 0.0, "pitch": 0.0, "eyes": 1.0, "mouth": 0.03, "smile": 0.0, "gaze": 2.0, "sharpness": 1.0}
    arrays = {name: np.full(100, value) for name, value in usual.items()}
    for name, value in changes.items():
        arrays[name][:10] = value
    return coverage.Traits(**arrays)


@pytest.mark.parametrize(
    ("changes", "covered"),
    [
        ({"yaw": 25.0}, "left"),
        ({"yaw": -50.0}, "far right"),
        ({"pitch": -15.0}, "up"),
        ({"mouth": 0.7}, "mouth open"),
        ({"eyes": 0.2}, "eyes shut"),
        ({"smile": 0.4}, "smile"),
    ],
)
def test_what_is_shown_is_covered_and_all_else_is_asked_for(changes: dict[str, float], covered: str) -> None:
    without, found = coverage.parts(traits()), coverage.parts(traits(**changes))
    assert {part.name for part in without if part.covered} == {"front"}
    assert {part.name for part in found if part.covered} >= {"front", covered}
    sentence = next(part.sentence for part in found if part.name == covered)
    assert sentence in coverage.advice(without)
    assert sentence not in coverage.advice(found)


def test_the_sheet_shows_every_part(own: OwnVideo) -> None:
    seen = coverage.traits(own.frames)
    found = coverage.parts(seen)
    sheet = coverage.sheet(own.frames, found, seen)
    assert sheet.shape == (400, 960, 3)
    assert len(seen.yaw) == 9


def test_views_need_a_mouth_that_opens(own: OwnVideo) -> None:
    seen = coverage.traits(own.frames)
    with pytest.raises(
        VideoUnusable, match=r"does not show: .*mouth open.*Record it again, and: .*Open your mouth wide"
    ):
        own_views.choose_views(own.frames, seen, coverage.parts(seen))


def test_a_flattened_face_has_even_light(own: OwnVideo) -> None:
    frame = max(own.frames, key=lambda one: -abs(one.pose().yaw_degrees))
    tone = own_views.usual_tone(own.frames)
    skin = frame.labelled((Label.SKIN, Label.NOSE)) > 0
    left, right = skin.copy(), skin.copy()
    middle = round(float(frame.landmarks[1, 0]))
    left[:, middle:], right[:, :middle] = False, False

    def unevenness(picture: np.ndarray) -> float:
        sides = [float(np.median(picture[side].mean(-1))) for side in (left, right)]
        return abs(sides[0] - sides[1]) / sum(sides)

    even = own_views.flattened(frame, tone)
    assert unevenness(even) < 0.5 * unevenness(frame.bgr())
    assert np.abs(np.median(even[skin].astype(float), axis=0) - tone).max() < 25


def test_seconds_are_kept_out_together() -> None:
    def frame(seconds: float) -> OwnFrame:
        nothing = np.zeros(0, np.uint8)
        return OwnFrame(0, seconds, nothing, nothing, nothing, nothing, nothing, 1.0)

    settings = Configuration()
    numbers = seeds([frame(k / 4) for k in range(4 * 64)], settings)
    kept_out = np.array([settings.held_out(int(seed)) for seed in numbers])
    assert kept_out.mean() == pytest.approx(1 / 8)
    assert np.abs(np.diff(kept_out.astype(int))).sum() == 7  # four stretches of two seconds, one at the end
