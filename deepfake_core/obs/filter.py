"""One Deepfake filter on one source: what the graphics thread does with each frame."""

import threading
import time

from deepfake_core.frame import FrameLayoutError
from deepfake_core.mailbox import Mailbox
from deepfake_core.obs import libobs, source_frame
from deepfake_core.pipeline import Pipeline, PipelineStatus
from deepfake_core.settings import Settings
from deepfake_core.statistics import Snapshot, Statistics
from deepfake_core.worker import Worker


class Filter:
    """The state behind one obs_source_t of our type.

    Made in `create` or, when the script is loaded later than the filter, by its first frame; so its constructor does
    next to nothing, and `start` is for a thread that may take its time. `exchange`, `tick` and `update` belong to the
    graphics thread and never wait.
    """

    def __init__(self, source: int, settings: str) -> None:
        """Keep a weak reference to `source` (obs_source_t, alive during this call); settings: JSON."""
        self.statistics = Statistics()
        self.marked = False
        """Whether the source's texture can only hold a picture that came from this filter."""
        self.changed = time.monotonic()
        """When the settings changed last (time.monotonic)."""
        self._source = source
        self._weak: int | None = libobs.get_weak_source(source)
        self._weak_lock = threading.Lock()
        self._settings = settings
        self._worker: Worker | None = None
        self._pipeline: Pipeline | None = None
        self._key = b""
        self._mailbox: Mailbox | None = None
        self._unsupported = ""
        self.parent_name = ""
        """Name of the source that the filter is on, as of its last change of layout."""

    # Graphics thread.

    def exchange(self, address: int) -> bool:
        """Copy the camera's frame out and the newest marked picture in; False when there is none of its layout."""
        started = time.perf_counter_ns()
        self.statistics.frame_in(time.monotonic_ns())
        replaced = self._exchange(address)
        if replaced:
            self.marked = True
            self.statistics.frame_out()
        self.statistics.graphics_time(time.perf_counter_ns() - started)
        return replaced

    def _exchange(self, address: int) -> bool:
        worker = self._worker
        if worker is None:
            return False
        fields = source_frame.header(address)
        key = source_frame.layout_key(fields)
        if key != self._key:
            self._open(worker, fields)
            self._key = key
        mailbox = self._mailbox
        if mailbox is None:
            return False
        plane_bytes = mailbox.layout.plane_bytes
        picture, dropped = mailbox.claim()
        if dropped:
            self.statistics.drop()
        source_frame.copy_out(fields, picture.addresses, plane_bytes)
        worker.post(mailbox, picture, source_frame.timestamp(fields))
        shown = mailbox.showing()
        if shown is None:
            return False
        source_frame.copy_in(fields, shown.addresses, plane_bytes)
        if not shown.shown and shown is not mailbox.slate:
            shown.shown = True
            self.statistics.new_picture(time.monotonic_ns(), shown.arrived)
        return True

    def _open(self, worker: Worker, fields: bytes) -> None:
        """Begin another layout: no picture of the previous one is shown in it."""
        self._mailbox = None
        self._unsupported = ""
        # Only here is the parent sure to be alive: libobs is calling for one of its frames.
        self.parent_name = libobs.name(libobs.filter_get_parent(self._source))
        try:
            self._mailbox = worker.open(source_frame.layout(fields))
        except (source_frame.UnsupportedFrame, FrameLayoutError) as error:
            self._unsupported = str(error)

    def tick(self) -> None:
        """Take the mark off where OBS shows, or could next show, a picture that did not come through `exchange`."""
        if self.marked:
            parent = libobs.filter_get_parent(self._source)
            self.marked = bool(parent and libobs.source_enabled(self._source) and libobs.base_width(parent))

    def update(self, settings: str) -> None:
        """Hand new settings (JSON) to the worker."""
        self.changed = time.monotonic()
        self._settings = settings
        if self._worker is not None:
            self._worker.configure(settings)

    # Any other thread.

    def start(self) -> None:
        """Begin to work; again, it puts a new thread in the place of one that died."""
        if self._worker is None:
            settings, _ = Settings.parse(self._settings)
            self._pipeline = Pipeline(settings)
            self._worker = Worker(self._pipeline, self.statistics, f"deepfake-{self._source:x}")
            # Settings may have changed meanwhile; and the worker is to report what was wrong with them.
            self._worker.configure(self._settings)
            self._worker.start()
        elif not self._worker.alive:
            self.statistics.report("The worker's thread had died and was started again.")
            self._worker.start()

    def stop(self, timeout: float) -> bool:
        """Stop the worker, waiting for it up to `timeout` seconds; whether it has ended."""
        return self._worker is None or self._worker.stop(timeout)

    def close(self) -> None:
        """Let go of the source, once the worker has ended; from then on it counts as gone."""
        with self._weak_lock:
            weak, self._weak = self._weak, None
        libobs.weak_release(weak)

    @property
    def gone(self) -> bool:
        """Whether libobs has destroyed the source."""
        return bool(libobs.weak_expired(self._weak))

    def hold(self) -> int:
        """A strong reference to the source for `libobs.source_release`; 0 when it is gone."""
        with self._weak_lock:
            return libobs.weak_get_source(self._weak) or 0

    def status(self) -> tuple[Snapshot, PipelineStatus, str]:
        """Figures, what the pipeline says, and the present error or else the last one, in one sentence."""
        snapshot = self.statistics.snapshot()
        pipeline = self._pipeline.status() if self._pipeline is not None else PipelineStatus()
        return snapshot, pipeline, self._unsupported or pipeline.last_error or snapshot.last_error
