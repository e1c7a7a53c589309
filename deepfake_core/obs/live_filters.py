"""All Deepfake filters of a loaded script, and the thread that looks after them."""

import logging
import os
import threading
import time
from pathlib import Path

from deepfake_core.obs import libobs, memory, properties, status
from deepfake_core.obs.filter import Filter
from deepfake_core.threads import Run

BEAT_SECONDS = 0.25
REFRESH_SECONDS = 1.0
RECORD_SECONDS = 0.5
STOP_SECONDS = 5.0

STATUS_VARIABLE = "OBS_DEEPFAKE_STATUS"
"""Names a file that gets one JSON line for each filter every RECORD_SECONDS (see `status.record`); it only reports."""

_log = logging.getLogger(__name__)


class LiveFilters:
    """What the registered type calls while the script is loaded (`registration.Implementation`).

    The callbacks leave to the supervisor thread whatever takes time: starting workers, starting dead ones again,
    stopping those whose source is gone, refreshing open dialogs, writing the status file.
    """

    def __init__(self) -> None:
        self._filters: dict[int, Filter] = {}
        self._leaving: list[Filter] = []
        self._stopping = False
        self._wake = threading.Lock()  # A binary semaphore, see Worker.
        self._wake.acquire()
        self._status_file = os.environ.get(STATUS_VARIABLE, "")
        self._supervisor: Run | None = None

    def start(self) -> None:
        """Start the supervisor."""
        self._supervisor = Run(self._supervise, "deepfake-supervisor")

    def close(self) -> None:
        """Stop every worker and wait for it. A callback under way may still bring a filter; it ends that itself."""
        self._stopping = True
        self._notify()
        if self._supervisor is not None:
            self._supervisor.join(STOP_SECONDS)
        leaving = [*self._filters.values(), *self._leaving]
        if self._status_file:
            self._record()
        for live in leaving:
            live.stop(0)
        deadline = time.monotonic() + STOP_SECONDS
        for live in leaving:
            if not live.stop(max(0.0, deadline - time.monotonic())):
                _log.error("A worker did not end within %.0f s and is left behind.", STOP_SECONDS)
            live.close()
        self._filters.clear()
        self._leaving.clear()
        memory.trim()

    # Implementation.

    def adopt(self, source: int, settings: int) -> None:
        """A filter was created, or one created earlier is seen for the first time."""
        stale = self._filters.pop(source, None)
        if stale is not None:  # libobs destroyed its source unseen and gave the address to this one.
            self._leave(stale)
        self._filters[source] = live = Filter(source, libobs.json(settings))
        self._end_if_late(live)
        self._notify()

    def update(self, source: int, settings: int) -> None:
        """The settings changed."""
        live = self._filters.get(source)
        if live is not None:
            live.update(libobs.json(settings))

    def remove(self, source: int) -> None:
        """The filter was taken off its source; should it be put back, its first frame adopts it again."""
        live = self._filters.pop(source, None)
        if live is not None:
            self._leave(live)

    def defaults(self, settings: int) -> None:
        """Put the defaults into an obs_data_t."""
        properties.defaults(settings)

    def properties(self, source: int) -> int:
        """A new obs_properties_t."""
        live = self._filters.get(source)
        return properties.build(source, status.text(live) if live else status.WAITING)

    def exchange(self, source: int, frame: int) -> bool:
        """Replace a frame."""
        live = self._filters.get(source)
        if live is None:
            settings = libobs.get_settings(source)
            self.adopt(source, settings)
            libobs.data_release(settings)
            return False
        return live.exchange(frame)

    def tick(self, source: int) -> None:
        """Another frame of OBS begins."""
        live = self._filters.get(source)
        if live is not None:
            live.tick()

    def may_draw(self, source: int) -> bool:
        """Whether the source's texture holds a marked picture."""
        live = self._filters.get(source)
        return live is not None and live.marked

    def _leave(self, live: Filter) -> None:
        """Leave it to the supervisor to let go of a filter."""
        self._leaving.append(live)
        self._end_if_late(live)
        self._notify()

    def _end_if_late(self, live: Filter) -> None:
        """End a filter that came so late that `close` may have missed it; ending twice does no harm."""
        if self._stopping:
            live.stop(0)
            live.close()

    # Supervisor.

    def _notify(self) -> None:
        try:
            self._wake.release()
        except RuntimeError:
            return  # Awake already.

    def _supervise(self) -> None:
        next_refresh = next_record = 0.0
        while True:
            self._wake.acquire(timeout=BEAT_SECONDS)
            if self._stopping:
                return
            try:
                self._look_after()
                now = time.monotonic()
                if now >= next_refresh:
                    next_refresh = now + REFRESH_SECONDS
                    self._refresh()
                if self._status_file and now >= next_record:
                    next_record = now + RECORD_SECONDS
                    self._record()
            except Exception:  # noqa: BLE001  Without its supervisor no worker would be started any more.
                _log.exception("The supervisor failed and goes on.")

    def _look_after(self) -> None:
        for source, live in list(self._filters.items()):
            if live.gone:
                # Destroyed without `filter_remove`, as a filter that was never put on a source.
                if self._filters.get(source) is live:
                    self.remove(source)
            else:
                live.start()
        for live in list(self._leaving):
            if live.stop(0):
                self._leaving.remove(live)
                live.close()
                memory.trim()

    def _refresh(self) -> None:
        for source, live in list(self._filters.items()):
            if properties.is_open(source):
                properties.refresh(live)

    def _record(self) -> None:
        lines = []
        for live in list(self._filters.values()):
            if held := live.hold():
                try:
                    lines.append(status.record(live, held) + "\n")
                finally:
                    libobs.source_release(held)
        try:
            with Path(self._status_file).open("a", encoding="utf-8") as file:
                file.writelines(lines)
        except OSError as error:
            _log.warning("%s cannot be written (%s); no status is recorded.", self._status_file, error)
            self._status_file = ""
