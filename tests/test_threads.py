"""Threads that are used again."""

import threading
import time
import weakref
from collections.abc import Iterator

import pytest

from deepfake_core import threads
from deepfake_core.threads import Run


@pytest.fixture(autouse=True)
def own_threads(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """No thread that another test left idle."""
    monkeypatch.setattr(threads, "_idle", type(threads._idle)())
    yield


def test_the_next_run_takes_the_same_thread() -> None:
    seen = []
    for _ in range(5):
        assert Run(lambda: seen.append(threading.get_ident()), "name").join(5)
    assert len(set(seen)) == 1


def test_runs_at_the_same_time_have_threads_of_their_own_and_their_names() -> None:
    release = threading.Event()
    names: list[str] = []

    def work() -> None:
        names.append(threading.current_thread().name)
        release.wait(5)

    runs = [Run(work, f"run {index}") for index in range(3)]
    assert all(run.alive for run in runs)
    assert not runs[0].join(0.01)
    release.set()
    assert all(run.join(5) for run in runs)
    assert sorted(names) == ["run 0", "run 1", "run 2"]


@pytest.mark.filterwarnings("ignore::pytest.PytestUnhandledThreadExceptionWarning")
def test_a_run_that_raises_has_ended_and_costs_only_its_thread() -> None:
    def fail() -> None:
        raise SystemExit

    seen: list[int] = []
    run = Run(fail, "fails")
    assert run.join(5)
    assert not run.alive
    for thread in threading.enumerate():
        if thread.name == "fails":
            thread.join(5)  # Its complaint belongs to this test.
    assert Run(lambda: seen.append(1), "next").join(5)
    assert seen == [1]


def test_what_has_run_is_not_kept_alive() -> None:
    class Owner:
        def work(self) -> None:
            pass

    owner = Owner()
    run = Run(owner.work, "owner")
    run.join(5)
    gone = weakref.ref(owner)
    del owner
    deadline = time.monotonic() + 5
    while gone() is not None and time.monotonic() < deadline:
        time.sleep(0.001)  # The thread is a moment behind `join`.
    assert gone() is None


def test_threads_do_not_hold_up_the_end_of_the_process() -> None:
    seen: list[bool] = []
    Run(lambda: seen.append(threading.current_thread().daemon), "daemon").join(5)
    assert seen == [True]
