"""The worker: whatever its pipeline does, what can be shown is a marked picture without raw pixels, or nothing."""

import logging
import threading
import time
from collections.abc import Callable, Iterator

import numpy as np
import pytest

from deepfake_core import mailbox as mailbox_module
from deepfake_core import worker as worker_module
from deepfake_core.colour import Colour
from deepfake_core.disclosure.labels import label_picture
from deepfake_core.disclosure.mark import Disclosure, MarkedFrame
from deepfake_core.frame import Frame, FrameLayoutError
from deepfake_core.mailbox import Layout, Mailbox, Picture
from deepfake_core.pipeline import PipelineStatus
from deepfake_core.pixel_format import PixelFormat
from deepfake_core.settings import LabelCorner, Settings
from deepfake_core.statistics import Statistics
from deepfake_core.worker import Worker

LAYOUT = Layout(PixelFormat.BGRA, 64, 48, (256,), Colour.bt709(full_range=True))
OTHER = Layout(PixelFormat.Y800, 80, 60, (80,), Colour.bt709(full_range=True))
RAW, SWAPPED, SLATE = 200, 100, 50
"""Grey levels of the camera's picture, of the processed one and of the placeholder."""


class FakePipeline:
    """Paints instead of swapping; `fault` is what the next frames meet."""

    def __init__(self) -> None:
        self.fault: Callable[[Frame], object] | None = None
        self.slate_fault: Callable[[Frame], object] | None = None
        self.loading: Callable[[], object] | None = None
        self.settings = Settings()
        self.processed: list[int] = []
        self.slates = 0
        self.loads = 0
        self.closed = 0
        self.threads: set[int] = set()

    def configure(self, settings: Settings) -> None:
        self.settings = settings

    def load(self) -> None:
        self.loads += 1
        if self.loading:
            self.loading()

    def process(self, frame: Frame) -> MarkedFrame:
        self.threads.add(threading.get_ident())
        self.processed.append(frame.timestamp_ns)
        if self.fault is not None:
            done = self.fault(frame)
            if isinstance(done, MarkedFrame):
                return done
        frame.fill((SWAPPED,) * 3)
        return Disclosure().mark(frame)

    def placeholder(self, frame: Frame) -> MarkedFrame:
        self.slates += 1
        if self.slate_fault is not None:
            self.slate_fault(frame)
        frame.fill((SLATE,) * 3)
        return Disclosure(self.settings.label_corner).mark(frame)

    def status(self) -> PipelineStatus:
        return PipelineStatus()

    def close(self) -> None:
        self.closed += 1


class Camera:
    """Does what the graphics thread does, and looks at every picture that it may show."""

    def __init__(self, worker: Worker, layout: Layout = LAYOUT) -> None:
        self.worker = worker
        self.mailbox: Mailbox = worker.open(layout)
        self.sent = 0
        self.dropped = 0
        self.seen: list[int | None] = []

    def frame(self) -> int | None:
        """Sends one raw frame; the grey level of what may be shown, None for nothing."""
        self.sent += 1
        picture, dropped = self.mailbox.claim()
        self.dropped += dropped
        picture.frame.fill((RAW,) * 3)
        self.worker.post(self.mailbox, picture, self.sent)
        shown = self.mailbox.showing()
        self.seen.append(None if shown is None else level(shown))
        assert RAW not in self.seen
        return self.seen[-1]

    def until(self, wanted: int | None, seconds: float = 5) -> None:
        """Sends frames until `wanted` is what may be shown."""
        deadline = time.monotonic() + seconds
        while self.frame() != wanted:
            assert time.monotonic() < deadline, f"{wanted} was never shown: {self.seen[-5:]}"
            time.sleep(0.002)


def level(picture: Picture) -> int:
    """The picture's grey level; the label must be in the upper right corner, whatever the level."""
    grey = picture.frame.to_bgr()
    box, label, _ = label_picture(picture.frame.width, picture.frame.height, "top_right", "en")
    shown = grey[box.y0 : box.y1, box.x0 : box.x1].astype(int)
    assert np.abs(shown - label).max() <= 10, "a picture without label may be shown"
    # The watermark is a level or two.
    return min((RAW, SWAPPED, SLATE), key=lambda level: abs(level - float(np.median(grey))))


@pytest.fixture
def pipeline() -> FakePipeline:
    return FakePipeline()


@pytest.fixture
def statistics() -> Statistics:
    return Statistics()


@pytest.fixture
def worker(pipeline: FakePipeline, statistics: Statistics, monkeypatch: pytest.MonkeyPatch) -> Iterator[Worker]:
    monkeypatch.setattr(worker_module, "IDLE_SECONDS", 0.02)
    monkeypatch.setattr(worker_module, "RETRY_SECONDS", 0.02)
    worker = Worker(pipeline, statistics, "worker under test")
    yield worker
    pipeline.fault = None
    assert worker.stop(5)


def test_frames_come_back_processed(worker: Worker, pipeline: FakePipeline) -> None:
    worker.start()
    Camera(worker).until(SWAPPED)
    assert pipeline.loads == 1


def test_a_slate_is_there_while_the_networks_still_open(worker: Worker, pipeline: FakePipeline) -> None:
    opened = threading.Event()
    pipeline.loading = lambda: opened.wait(5)
    camera = Camera(worker)
    worker.start()
    camera.until(SLATE)
    assert not pipeline.processed
    opened.set()
    camera.until(SWAPPED)


def test_the_worker_takes_the_newest_frame(worker: Worker, pipeline: FakePipeline) -> None:
    busy = threading.Event()
    pipeline.fault = lambda _frame: busy.wait(5)
    camera = Camera(worker)
    worker.start()
    camera.frame()
    wait_for(lambda: pipeline.processed == [1])
    for _ in range(5):
        camera.frame()
    busy.set()
    wait_for(lambda: len(pipeline.processed) == 2)
    assert pipeline.processed == [1, 6]
    assert camera.dropped == 4


def fail(error: BaseException) -> Callable[[Frame], object]:
    def raise_it(_frame: Frame) -> object:
        raise error

    return raise_it


def test_a_pipeline_that_raises_leaves_a_placeholder(
    worker: Worker, pipeline: FakePipeline, statistics: Statistics, caplog: pytest.LogCaptureFixture
) -> None:
    camera = Camera(worker)
    worker.start()
    camera.until(SWAPPED)
    pipeline.fault = fail(ValueError("injected"))
    camera.until(SLATE)
    for _ in range(20):
        camera.frame()
        time.sleep(0.002)
    assert "ValueError: injected" in statistics.snapshot().last_error
    assert sum("injected" in record.message for record in caplog.records) == 1, "said once, not for each frame"
    pipeline.fault = None
    camera.until(SWAPPED)


@pytest.mark.parametrize("error", [SystemExit(3), KeyboardInterrupt(), MemoryError()])
def test_no_exception_ends_the_worker(worker: Worker, pipeline: FakePipeline, error: BaseException) -> None:
    camera = Camera(worker)
    worker.start()
    camera.until(SWAPPED)
    pipeline.fault = fail(error)
    for _ in range(20):
        camera.frame()
        time.sleep(0.002)
    assert worker.alive
    pipeline.fault = None
    processed = len(pipeline.processed)
    wait_for(lambda: camera.frame() is not None and len(pipeline.processed) > processed + 5)


def test_what_was_shown_gives_way_to_the_slate_when_nothing_new_comes(
    worker: Worker, pipeline: FakePipeline, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(mailbox_module, "STALE_NS", 50_000_000)
    camera = Camera(worker)
    worker.start()
    camera.until(SWAPPED)
    wait_for(lambda: camera.mailbox.slate is not None)
    released = threading.Event()
    pipeline.fault = lambda _frame: released.wait(5)
    camera.until(SLATE)
    released.set()
    pipeline.fault = None
    camera.until(SWAPPED)


def test_a_pipeline_that_can_not_even_make_a_placeholder_shows_nothing(worker: Worker, pipeline: FakePipeline) -> None:
    pipeline.fault = pipeline.slate_fault = fail(RuntimeError("injected"))
    camera = Camera(worker)
    worker.start()
    wait_for(lambda: camera.frame() is None and len(pipeline.processed) > 5)
    assert set(camera.seen) == {None}
    pipeline.fault = pipeline.slate_fault = None
    camera.until(SWAPPED)
    wait_for(lambda: camera.mailbox.slate is not None)


def test_a_marked_frame_that_is_not_the_cameras_is_not_shown(worker: Worker, pipeline: FakePipeline) -> None:
    pipeline.fault = lambda _frame: Disclosure().mark(Picture(LAYOUT).frame)
    camera = Camera(worker)
    worker.start()
    wait_for(lambda: camera.frame() in (None, SLATE) and len(pipeline.processed) > 5)
    assert set(camera.seen) <= {None, SLATE}


def test_another_layout_shows_no_picture_of_the_one_before(worker: Worker, pipeline: FakePipeline) -> None:
    first = Camera(worker)
    worker.start()
    first.until(SWAPPED)
    released = threading.Event()
    pipeline.fault = lambda _frame: released.wait(5)
    first.frame()  # The worker is at work on the old layout while the camera changes.
    second = Camera(worker, OTHER)
    assert second.frame() is None
    pipeline.fault = None
    released.set()
    second.until(SWAPPED)
    first_slates = [picture for picture in second.seen if picture not in (None, SLATE, SWAPPED)]
    assert first_slates == []


def test_a_layout_that_is_no_picture_is_refused(worker: Worker) -> None:
    with pytest.raises(FrameLayoutError):
        worker.open(Layout(PixelFormat.BGRA, 8, 8, (32,), LAYOUT.colour))


@pytest.mark.filterwarnings("ignore::pytest.PytestUnhandledThreadExceptionWarning")
def test_a_dead_worker_is_started_again_with_its_mailbox(
    worker: Worker, pipeline: FakePipeline, statistics: Statistics, monkeypatch: pytest.MonkeyPatch
) -> None:
    camera = Camera(worker)
    worker.start()
    camera.until(SWAPPED)

    def die(_sentence: str) -> None:
        raise SystemExit

    with monkeypatch.context() as patch:
        patch.setattr(statistics, "report", die)  # Raises where the worker handles what was raised.
        pipeline.fault = fail(SystemExit())
        wait_for(lambda: camera.frame() is not None and not worker.alive)
    pipeline.fault = None
    processed = len(pipeline.processed)
    for _ in range(10):
        camera.frame()
    assert len(pipeline.processed) == processed
    assert pipeline.closed == 0
    worker.start()
    wait_for(lambda: camera.frame() is not None and len(pipeline.processed) > processed + 5)
    assert pipeline.loads == 1


def test_stop_waits_for_the_frame_at_work_and_closes_the_pipeline(worker: Worker, pipeline: FakePipeline) -> None:
    released = threading.Event()
    pipeline.fault = lambda _frame: released.wait(5)
    camera = Camera(worker)
    worker.start()
    camera.frame()
    wait_for(lambda: len(pipeline.processed) == 1)
    assert not worker.stop(0.02)
    assert pipeline.closed == 0
    released.set()
    assert worker.stop(5)
    assert not worker.alive
    assert pipeline.closed == 1
    worker.start()
    assert not worker.alive, "a stopped worker stays stopped"


def test_an_idle_worker_stops_at_once(worker: Worker) -> None:
    worker.start()
    started = time.monotonic()
    assert worker.stop(5)
    assert time.monotonic() - started < 1


def test_stop_before_start_is_no_error(worker: Worker, pipeline: FakePipeline) -> None:
    assert worker.stop(0)
    worker.start()
    assert not worker.alive
    assert pipeline.loads == 0


def test_settings_are_parsed_and_broken_values_reported_once(
    worker: Worker, pipeline: FakePipeline, statistics: Statistics, caplog: pytest.LogCaptureFixture
) -> None:
    worker.start()
    for smoothing in (0.1, 0.2, 0.3):
        worker.configure(f'{{"smoothing": {smoothing}, "matte_size": "big"}}')
        wait_for(lambda: pipeline.settings.smoothing == smoothing)  # noqa: B023  It is called at once.
    assert pipeline.settings.matte_size == Settings().matte_size
    assert "'matte_size'" in statistics.snapshot().last_error
    warnings = [record for record in caplog.records if record.levelno == logging.WARNING]
    assert len(warnings) == 1


def test_the_slate_follows_the_settings(worker: Worker, pipeline: FakePipeline) -> None:
    camera = Camera(worker)
    worker.start()
    camera.until(SWAPPED)
    wait_for(lambda: camera.mailbox.slate is not None)
    before = camera.mailbox.slate
    worker.configure('{"label_corner": "bottom_left"}')
    wait_for(lambda: camera.frame() is not None and camera.mailbox.slate is not before)
    slate = camera.mailbox.slate
    assert slate is not None
    assert pipeline.settings.label_corner is LabelCorner.BOTTOM_LEFT
    expected = Picture(LAYOUT)
    pipeline.placeholder(expected.frame)
    assert (slate.frame.to_bgr() == expected.frame.to_bgr()).all()


def wait_for(condition: Callable[[], bool], seconds: float = 5) -> None:
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, "it did not happen in time"
        time.sleep(0.002)
