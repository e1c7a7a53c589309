"""Threads that stay when their work is done and take the next, so that memory does not grow with each start.

glibc hands each new thread one of up to eight arenas per processor, and an arena keeps part of what was freed in it:
workers in ever new threads would fill them all, one after the other. An idle thread waits outside Python, and all are
daemons, so that none holds up the end of OBS.
"""

import threading
from collections import deque
from collections.abc import Callable
from functools import partial
from queue import SimpleQueue
from typing import Any, Generic, Self, TypeVar

T = TypeVar("T")

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


class Task(Generic[T]):
    """Work that one of two threads does: whichever comes to it first."""

    def __init__(self, work: Callable[[], T]) -> None:
        # To take from it is atomic: one thread gets the work.
        self._pending = deque([work])
        # A plain lock, held until the work has ended, costs a fraction of an Event.
        self._unended = threading.Lock()
        self._unended.acquire()
        self._result: T
        self._error: BaseException | None = None

    def result(self) -> T:
        """What the work returns or raises: waited for where it has begun, else done here."""
        self.do()
        self._wait()
        if self._error is not None:
            raise self._error
        return self._result

    def do(self) -> None:
        """Do the work, unless it has begun; what it raises, `result` raises."""
        try:
            work = self._pending.pop()
        except IndexError:
            return
        try:
            self._result = work()
        except BaseException as error:  # noqa: BLE001  Who wants the result gets the error, whatever it is.
            self._error = error
        finally:
            self._unended.release()

    def drop(self) -> None:
        """Forget work that has not begun, whose `result` raises then, or wait for the end of what has."""
        try:
            self._pending.pop()
        except IndexError:
            self._wait()
        else:
            self._error = RuntimeError("The work was dropped before it began.")
            self._unended.release()

    def _wait(self) -> None:
        with self._unended:
            pass


class Beside:
    """A second thread that works beside another one, which gives it tasks while it is entered.

    The second thread does them one after the other; the first takes over those whose results it needs before they have
    begun. On leaving, what has begun is waited for, and the rest is dropped. For one thread at a time.
    """

    def __init__(self, name: str, *, threads: int = 2) -> None:
        """name: the second thread's; threads: with one there is no second, and tasks are done where they are needed."""
        self._name = name
        self._threads = threads
        self._run: Run | None = None
        self._queue: SimpleQueue[Task[Any] | None] = SimpleQueue()
        self._tasks: list[Task[Any]] = []

    def __enter__(self) -> Self:
        if self._threads > 1 and (self._run is None or not self._run.alive):
            # Nothing that the thread holds while it waits keeps this alive.
            self._run = Run(partial(_do_all, self._queue), self._name)
        return self

    def __exit__(self, *_: object) -> None:
        # The last ones first: while one is waited for, no other begins; but one that has begun may give more.
        while self._tasks:
            self._tasks.pop().drop()

    def __del__(self) -> None:
        self._queue.put(None)

    def submit(self, work: Callable[[], T]) -> Task[T]:
        """Have the second thread do some work when it has done what it was given before. A task may give others."""
        task = Task(work)
        self._tasks.append(task)
        if self._threads > 1:
            self._queue.put(task)
        return task

    def close(self) -> None:
        """Let the second thread go; entering starts another."""
        queue, self._queue, self._run = self._queue, SimpleQueue(), None
        queue.put(None)


def _do_all(queue: SimpleQueue[Task[Any] | None]) -> None:
    while (task := queue.get()) is not None:
        task.do()
        del task


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
