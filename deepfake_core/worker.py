"""The worker: one thread for each filter that turns the newest camera frame into a marked one."""

import logging
import threading
import time
from collections import deque

import cv2

from deepfake_core.mailbox import Layout, Mailbox, Picture
from deepfake_core.pipeline import Processor
from deepfake_core.settings import Settings
from deepfake_core.statistics import Statistics
from deepfake_core.threads import Run

IDLE_SECONDS = 0.5
"""A worker without frames looks up this often."""
RETRY_SECONDS = 1.0
"""A slate that could not be made is tried again after this long."""
OPENCV_THREADS = 1
"""By itself OpenCV would take every core, OBS's too; pictures of a face's size gain nothing from more, and the pipeline
has a second thread of its own."""

_log = logging.getLogger(__name__)


class Worker:
    """Drives a pipeline in a thread of its own; survives whatever the pipeline throws.

    The graphics thread calls `open`, `post` and `configure`, none of which waits. `start` may be called again when
    the thread has died (`alive` is false): it goes on with the same mailbox.
    """

    def __init__(self, pipeline: Processor, statistics: Statistics, name: str) -> None:
        self._pipeline = pipeline
        self._statistics = statistics
        self._name = name
        self._run: Run | None = None
        self._stopping = False
        # A plain lock as a binary semaphore: releasing it never waits, unlike an Event or a Condition.
        self._wake = threading.Lock()
        self._wake.acquire()
        self._mailbox: Mailbox | None = None
        self._settings: deque[str] = deque(maxlen=1)
        self._loaded = False
        self._slate_outdated = False
        self._next_slate = 0.0
        self._last_failure = ""
        self._warnings: list[str] = []

    @property
    def alive(self) -> bool:
        """Whether the thread runs."""
        return self._run is not None and self._run.alive

    def start(self) -> None:
        """Start the thread, or another one when it died. Not for the graphics thread: it may wait for the start."""
        if not self.alive and not self._stopping:
            self._run = Run(self._work, self._name)

    def stop(self, timeout: float) -> bool:
        """Ask the thread to end and wait up to `timeout` seconds; whether it has ended."""
        self._stopping = True
        self._notify()
        return self._run is None or self._run.join(timeout)

    def open(self, layout: Layout) -> Mailbox:
        """A mailbox for pictures of another layout; the previous one and its pictures are forgotten.

        Raises FrameLayoutError when the layout does not describe a picture.
        """
        mailbox = Mailbox(layout)
        self._mailbox = mailbox
        return mailbox

    def post(self, mailbox: Mailbox, picture: Picture, timestamp: int) -> None:
        """Offer a claimed picture of `mailbox` and wake the thread; timestamp: OBS's, in ns."""
        mailbox.post(picture, timestamp)
        self._notify()

    def configure(self, settings: str) -> None:
        """Take new settings (JSON, untrusted) before the next frame; they are parsed in the thread."""
        self._settings.append(settings)
        self._notify()

    def _notify(self) -> None:
        try:
            self._wake.release()
        except RuntimeError:
            return  # Awake already.

    def _work(self) -> None:
        cv2.setNumThreads(OPENCV_THREADS)
        try:
            while not self._stopping:
                try:
                    self._step()
                except BaseException as error:  # noqa: BLE001  Not even a SystemExit may leave the camera without a worker.
                    self._failed("The worker failed", error)
        finally:
            if self._stopping:
                self._pipeline.close()

    def _step(self) -> None:
        """Wait for something to do, and do it."""
        self._wake.acquire(timeout=IDLE_SECONDS)
        if self._stopping:
            return
        self._take_settings()
        mailbox = self._mailbox
        if mailbox is not None and mailbox.slate is None:
            self._make_slate(mailbox)
        if not self._loaded:
            self._loaded = True
            self._pipeline.load()
        picture = mailbox.take() if mailbox is not None else None
        if mailbox is None or picture is None:
            return
        self._process(mailbox, picture)
        if self._slate_outdated:
            self._make_slate(mailbox)

    def _process(self, mailbox: Mailbox, picture: Picture) -> None:
        try:
            marked = self._pipeline.process(picture.frame)
        except Exception as error:  # noqa: BLE001  The pipeline promises not to raise; a bug in it must not show a raw frame.
            self._failed("A frame could not be processed", error)
            try:
                marked = self._pipeline.placeholder(picture.frame)
            except BaseException:
                mailbox.discard(picture)
                raise
        except BaseException:
            mailbox.discard(picture)
            raise
        mailbox.publish(picture, marked)

    def _take_settings(self) -> None:
        if not self._settings:
            return
        settings, warnings = Settings.parse(self._settings.pop())
        # OBS sends all settings at every change of one: the same complaint is made once.
        for warning in [warning for warning in warnings if warning not in self._warnings]:
            _log.warning("%s: %s", self._name, warning)
            self._statistics.report(warning)
        self._warnings = warnings
        self._pipeline.configure(settings)
        # The pipeline takes them with the next frame; from then on its slate has the chosen label too.
        self._slate_outdated = True

    def _make_slate(self, mailbox: Mailbox) -> None:
        if time.monotonic() < self._next_slate:
            return
        self._next_slate = time.monotonic() + RETRY_SECONDS
        slate = Picture(mailbox.layout)
        marked = self._pipeline.placeholder(slate.frame)
        if marked.frame is not slate.frame:
            raise ValueError("the marked slate is not the picture that was given")
        mailbox.slate = slate
        self._slate_outdated = False
        self._next_slate = 0.0

    def _failed(self, what: str, error: BaseException) -> None:
        sentence = f"{what} ({type(error).__name__}: {error}); the details are in OBS's log."
        self._statistics.report(sentence)
        # A failure in each frame must not fill the log: the traceback is written when the failure is another one.
        if sentence != self._last_failure:
            self._last_failure = sentence
            _log.error("%s: %s", self._name, sentence, exc_info=error)
