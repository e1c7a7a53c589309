"""Threads that stay when their work is done and take the next, so that memory does not grow with each start.

glibc hands each new thread one of up to eight arenas per processor, and an arena keeps part of what was freed in it:
workers in ever new threads would fill them all, one after the other. An idle thread waits outside Python, and all are
daemons, so that none holds up the end of OBS.
"""

import threading
from collections import deque
from collections.abc import Callable
from queue import SimpleQueue

IDLE_NAME = "OBS Deepfake, idle"

_idle: deque["_Thread"] = deque()


class Run:
    """A function that runs in one of the threads, until it returns or raises."""

    def __init__(self, function: Callable[[], None], name: str) -> None:
        """Start it; name: what the thread is called meanwhile."""
        self._ended = threading.Event()
        self._function: Callable[[], None] | None = function
        self.name = name
        try:
            self._thread = _idle.pop()
        except IndexError:
            self._thread = _Thread()
            self._thread.start()
        self._thread.runs.put(self)

    @property
    def alive(self) -> bool:
        """Whether the function has not ended yet."""
        return self._thread.is_alive() and not self._ended.is_set()

    def join(self, timeout: float) -> bool:
        """Wait up to `timeout` seconds; whether the function has ended."""
        self._ended.wait(timeout)
        return not self.alive

    def execute(self) -> None:
        """For the thread alone: run the function."""
        function, self._function = self._function, None  # What has ended must not be kept alive by who started it.
        if function is not None:
            function()

    def end(self) -> None:
        """For the thread alone: the function has ended."""
        self._ended.set()


class _Thread(threading.Thread):
    def __init__(self) -> None:
        super().__init__(name=IDLE_NAME, daemon=True)
        self.runs: SimpleQueue[Run] = SimpleQueue()

    def run(self) -> None:
        """Run one function after the other; a raising one ends the thread, and the next Run starts another."""
        while True:
            run = self.runs.get()
            self.name = run.name
            try:
                run.execute()
                self.name = IDLE_NAME
                # Before the run is seen as ended: whoever starts the next one at once is to find this thread idle.
                _idle.append(self)
            finally:
                run.end()
            del run
