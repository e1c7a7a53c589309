"""The whole way of a frame with the shipped networks: nothing raw and nothing unmarked may come out."""

import itertools
import shutil
import threading
import time
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import av
import cv2
import numpy as np
import pytest

from deepfake_core import pipeline as pipeline_module
from deepfake_core.compositing import turning
from deepfake_core.compositing.view import FaceAstray
from deepfake_core.disclosure.detection import is_labelled
from deepfake_core.frame import Frame, PixelFormat
from deepfake_core.identities.library import Library
from deepfake_core.inference.errors import NetworkFailed
from deepfake_core.inference.manifest import MODELS_DIR
from deepfake_core.pipeline import BRIDGE_SECONDS, Pipeline
from deepfake_core.settings import Mode, NoResult, Quality, Settings
from deepfake_core.swapping.swapper import DrawnHead

STEP_NS = 33_333_333
FACE = slice(140, 340), slice(220, 420)
"""Rows and columns of the performer's face in the first seconds of the clip."""


@pytest.fixture(scope="module")
def clip() -> list[np.ndarray]:
    with av.open(str(MODELS_DIR / "performer.mp4")) as source:
        return [frame.to_ndarray(format="bgr24") for frame, _ in zip(source.decode(video=0), range(12), strict=False)]


@pytest.fixture
def pipeline() -> Iterator[Pipeline]:
    opened = loaded(Settings())
    yield opened
    opened.close()


def loaded(settings: Settings, **options: Any) -> Pipeline:
    pipeline = Pipeline(settings, **options)
    pipeline.load()
    return pipeline


def camera(bgr: np.ndarray, index: int = 0) -> Frame:
    return Frame.from_bgr(bgr.copy(), index * STEP_NS)


def run(pipeline: Pipeline, clip: list[np.ndarray], first: int = 0) -> list[np.ndarray]:
    return [pipeline.process(camera(bgr, first + i)).frame.to_bgr().copy() for i, bgr in enumerate(clip)]


def detail(bgr: np.ndarray) -> np.ndarray:
    grey = cv2.cvtColor(bgr[FACE], cv2.COLOR_BGR2GRAY).astype(np.float32)
    return (grey - cv2.GaussianBlur(grey, (0, 0), 4)).reshape(-1)


def shows_raw_face(output: np.ndarray, cameras: list[np.ndarray]) -> bool:
    """Whether the fine detail of the face region is that of any of the camera's pictures."""
    shown = detail(output)
    if shown.std() < 0.5:
        return False
    return max(np.corrcoef(shown, detail(bgr))[0, 1] for bgr in cameras) > 0.9


def test_the_measure_of_raw_faces_tells_raw_from_swapped(pipeline: Pipeline, clip: list[np.ndarray]) -> None:
    assert all(shows_raw_face(bgr, clip) for bgr in clip)
    assert not any(shows_raw_face(bgr, clip) for bgr in run(pipeline, clip))


def test_a_face_is_swapped_and_the_frame_marked(pipeline: Pipeline, clip: list[np.ndarray]) -> None:
    outputs = run(pipeline, clip)
    assert all(is_labelled(bgr) for bgr in outputs)
    status = pipeline.status()
    assert status.frames_swapped == len(clip)
    assert status.provider
    assert not status.last_error


def test_outside_face_and_label_only_the_watermark_is_added(pipeline: Pipeline, clip: list[np.ndarray]) -> None:
    frame = Frame.allocate(PixelFormat.I420, 640, 480)
    yuv = cv2.cvtColor(clip[0], cv2.COLOR_BGR2YUV_I420)
    for plane, rows in zip(frame.planes, (yuv[:480], yuv[480:600], yuv[600:]), strict=True):
        plane[:] = rows.reshape(plane.shape)
    before = [plane.copy() for plane in frame.planes]
    after = pipeline.process(frame).frame.planes
    assert not np.array_equal(before[0][FACE], after[0][FACE])
    assert np.array_equal(before[1][220:], after[1][220:]), "chroma stays bit-exact"
    for part in np.s_[440:], np.s_[:, :80]:
        change = after[0][part].astype(int) - before[0][part]
        assert np.abs(change).max() <= 10
        assert np.square(change).mean() < 4


@pytest.mark.parametrize("no_result", list(NoResult))
@pytest.mark.parametrize("stage", ["detect", "swap", "network", "parse", "look", "lay"])
def test_a_failing_stage_never_lets_the_face_through(
    clip: list[np.ndarray], monkeypatch: pytest.MonkeyPatch, stage: str, no_result: NoResult
) -> None:
    pipeline = loaded(Settings(no_result=no_result))

    def fail(*_: Any, **__: Any) -> None:
        raise NetworkFailed("broken on purpose") if stage == "network" else RuntimeError("broken on purpose")

    run(pipeline, clip[:3])
    if stage == "detect":
        monkeypatch.setattr(pipeline._tracker, "update", fail)
    elif stage == "swap":
        monkeypatch.setattr(pipeline._swapper, "start", fail)
    elif stage == "network":
        assert pipeline._swapper is not None
        monkeypatch.setattr(pipeline._swapper._encoder, "run", fail)
    elif stage == "parse":
        monkeypatch.setattr(pipeline._parser, "parse", fail)
    else:
        monkeypatch.setattr(pipeline._compositor, stage, fail)
    # From the bridge into the long-lasting failure.
    outputs = run(pipeline, clip * 3, first=3)
    assert not any(shows_raw_face(bgr, clip) for bgr in outputs)
    assert all(is_labelled(bgr) for bgr in outputs)
    if stage == "network":
        assert pipeline.status().frames_without_result == 0
        assert pipeline.status().last_error == pipeline_module.TEXTURE_ONLY
    else:
        assert "broken on purpose" in pipeline.status().last_error


@pytest.mark.parametrize("mode", list(Mode))
def test_a_second_thread_changes_no_picture(clip: list[np.ndarray], mode: Mode) -> None:
    settings = Settings(mode=mode, quality=Quality.FAST)
    alone, both = (run(loaded(settings, threads=threads), clip[:6]) for threads in (1, 2))
    np.testing.assert_array_equal(alone, both)


def test_nothing_looks_at_a_frame_any_more_when_it_is_overwritten(
    clip: list[np.ndarray], monkeypatch: pytest.MonkeyPatch
) -> None:
    pipeline = loaded(Settings(no_result=NoResult.SLATE))
    run(pipeline, clip[:2])
    assert pipeline._swapper is not None
    start, began, ended = pipeline._swapper.start, threading.Event(), threading.Event()

    def looks_long(*_: Any) -> None:
        began.set()
        time.sleep(0.2)
        ended.set()

    def draws_nothing() -> DrawnHead:
        assert began.wait(5)
        raise RuntimeError("broken on purpose")

    monkeypatch.setattr(pipeline._compositor, "look", looks_long)
    monkeypatch.setattr(
        pipeline._swapper, "start", lambda *some, **more: replace(start(*some, **more), draw=draws_nothing)
    )
    shown = run(pipeline, clip[2:3], first=20)[0]
    assert ended.is_set()
    assert not shows_raw_face(shown, clip)
    assert "broken on purpose" in pipeline.status().last_error


def test_a_parser_that_fails_is_complained_of_and_the_face_swapped(
    clip: list[np.ndarray], monkeypatch: pytest.MonkeyPatch
) -> None:
    pipeline = loaded(Settings())
    assert pipeline._parser is not None

    def fail(**_: Any) -> None:
        raise NetworkFailed("broken on purpose")

    monkeypatch.setattr(pipeline._parser._small, "run", fail)
    outputs = run(pipeline, clip[:3])
    assert not any(shows_raw_face(bgr, clip) for bgr in outputs)
    assert pipeline.status().frames_swapped == 3
    assert pipeline.status().last_error == pipeline_module.UNPARSED


def test_a_closed_pipeline_leaves_no_thread_at_work(clip: list[np.ndarray]) -> None:
    pipeline = loaded(Settings())
    run(pipeline, clip[:2])
    second = pipeline._beside._run
    assert second is not None
    assert second.alive
    pipeline.close()
    assert second.join(5)


def test_landmarks_beside_the_face_give_no_result_and_the_face_is_found_again(
    clip: list[np.ndarray], monkeypatch: pytest.MonkeyPatch
) -> None:
    pipeline = loaded(Settings())
    run(pipeline, clip[:3])
    look = pipeline._compositor.look

    def astray(*_: Any, **__: Any) -> None:
        raise FaceAstray("beside")

    monkeypatch.setattr(pipeline._compositor, "look", astray)
    outputs = run(pipeline, clip[3:4], first=3)
    assert not any(shows_raw_face(bgr, clip) for bgr in outputs)
    assert pipeline.status().frames_without_result == 1
    assert not pipeline.status().last_error
    monkeypatch.setattr(pipeline._compositor, "look", look)
    run(pipeline, clip[4:6], first=4)
    assert pipeline.status().frames_without_result == 1


def same_but_for_the_watermark(one: np.ndarray, other: np.ndarray) -> bool:
    """Whether two outputs show the same: the watermark's strength follows the pictures before."""
    return bool(np.abs(one.astype(int) - other).max() <= 8)


@pytest.mark.parametrize("no_result", list(NoResult))
def test_a_lost_face_is_bridged_and_then_the_choice_is_shown(clip: list[np.ndarray], no_result: NoResult) -> None:
    pipeline = loaded(Settings(no_result=no_result))
    last = run(pipeline, clip[:4])[-1]
    empty = np.full_like(clip[0], 90)
    empty[::16] = 20
    bridged = run(pipeline, [empty], first=4)[0]
    assert same_but_for_the_watermark(bridged, last)
    later = run(pipeline, [empty], first=4 + int(2 * BRIDGE_SECONDS * 30))[0]
    assert is_labelled(later)
    assert same_but_for_the_watermark(later, last) == (no_result is NoResult.HOLD)
    back = run(pipeline, clip[4:8], first=40)
    assert not any(shows_raw_face(bgr, clip) for bgr in back)


def test_the_first_picture_owes_nothing_to_the_camera(clip: list[np.ndarray]) -> None:
    pipeline = Pipeline()
    shown = pipeline.placeholder(camera(clip[0])).frame.to_bgr()
    other = pipeline.placeholder(camera(np.zeros_like(clip[0]))).frame.to_bgr()
    assert np.array_equal(shown, other)
    assert is_labelled(shown)


def test_before_load_no_face_comes_through(clip: list[np.ndarray]) -> None:
    pipeline = Pipeline()
    outputs = run(pipeline, clip[:2])
    assert not any(shows_raw_face(bgr, clip) for bgr in outputs)
    assert all(is_labelled(bgr) for bgr in outputs)


def test_an_identity_deleted_while_live_ends_in_a_slate(
    clip: list[np.ndarray], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(pipeline_module, "CHECK_SECONDS", 0.0)
    models = tmp_path / "models"
    shutil.copytree(MODELS_DIR, models)
    pipeline = loaded(Settings(no_result=NoResult.HOLD), library=Library(models))
    run(pipeline, clip[:3])
    assert pipeline.status().frames_swapped == 3
    shutil.rmtree(models / "identities")
    outputs = run(pipeline, clip[:3], first=3)
    assert pipeline.status().frames_swapped == 3
    assert "identity" in pipeline.status().last_error
    assert all(is_labelled(bgr) for bgr in outputs)
    assert not any(shows_raw_face(bgr, clip) for bgr in outputs)
    shutil.copytree(MODELS_DIR / "identities", models / "identities")
    run(pipeline, clip[:3], first=6)
    assert pipeline.status().frames_swapped > 3
    assert not pipeline.status().last_error


def test_an_unknown_identity_is_a_slate_and_a_sentence(clip: list[np.ndarray]) -> None:
    pipeline = loaded(Settings(identity="nobody-here"))
    outputs = run(pipeline, clip[:2])
    assert np.array_equal(outputs[0], outputs[1])
    assert is_labelled(outputs[0])
    assert "nobody-here" in pipeline.status().last_error
    pipeline.configure(Settings())
    run(pipeline, clip[2:5], first=2)
    assert pipeline.status().frames_swapped == 3


def test_size_and_format_may_change_in_mid_stream(pipeline: Pipeline, clip: list[np.ndarray]) -> None:
    for index, side in enumerate([(640, 480), (320, 240), (1281, 721), (160, 120), (640, 480)]):
        frame = camera(cv2.resize(clip[0], side), index)
        marked = pipeline.process(frame)
        assert is_labelled(marked.frame.to_bgr())
        grey = Frame.allocate(PixelFormat.Y800, *side)
        grey.planes[0][:] = cv2.cvtColor(cv2.resize(clip[0], side), cv2.COLOR_BGR2GRAY).reshape(grey.planes[0].shape)
        assert is_labelled(pipeline.process(grey).frame.to_bgr())


def test_new_settings_are_taken_while_live(pipeline: Pipeline, clip: list[np.ndarray]) -> None:
    run(pipeline, clip[:2])
    pipeline.configure(Settings.model_validate({"label_corner": "bottom_left", "label_language": "de"}))
    shown = run(pipeline, clip[2:3], first=2)[0]
    assert is_labelled(shown, corner="bottom_left", language="de")
    assert not is_labelled(shown)


def test_networks_are_shared_and_state_is_not(clip: list[np.ndarray]) -> None:
    one, other = loaded(Settings()), loaded(Settings())
    assert one._swapper is not None
    assert other._swapper is not None
    assert one._swapper._encoder is other._swapper._encoder
    assert one._decoder is other._decoder
    run(one, clip[:3])
    assert other.status().frames_swapped == 0


@pytest.mark.parametrize("no_result", list(NoResult))
def test_a_head_that_turns_too_far_fades_away_and_back(
    clip: list[np.ndarray], monkeypatch: pytest.MonkeyPatch, no_result: NoResult
) -> None:
    pipeline = loaded(Settings(no_result=no_result))
    still = clip[:1] * 12
    swapped = run(pipeline, still[:4])
    monkeypatch.setattr(turning, "YAW_DEGREES", (-1.0, -1.0))  # as if the head were turned
    away = run(pipeline, still, first=4)
    monkeypatch.undo()
    back = run(pipeline, still, first=16)
    assert not any(shows_raw_face(bgr, clip) for bgr in [*away, *back])
    assert np.abs(back[-1].astype(int) - swapped[-1]).mean() < 2
    if no_result is NoResult.HOLD:
        assert same_but_for_the_watermark(away[-1], swapped[-1])
        return
    whole = np.abs(away[-1].astype(int) - swapped[-1]).mean()
    assert whole > 8, "another picture shows in the end"
    assert same_but_for_the_watermark(away[-1], away[-2])
    for before, after in itertools.pairwise([swapped[-1], *away, *back]):
        assert np.abs(after.astype(int) - before).mean() < 0.35 * whole, "no pop"
