"""Threads that are used again."""

import threading
import time
import weakref
from collections.abc import Iterator
from functools import partial

import pytest

from deepfake_core import threads
from deepfake_core.threads import Beside, Run


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


def test_a_task_is_done_in_the_second_thread_and_its_error_comes_back() -> None:
    def fail() -> None:
        raise ValueError("on purpose")

    beside = Beside("second")
    seen = set()
    for _ in range(3):
        with beside:
            tasks = [beside.submit(threading.get_ident), beside.submit(threading.get_ident)]
            failing = beside.submit(fail)
            while failing._unended.locked():  # nobody took them over
                time.sleep(0.001)
            seen |= {task.result() for task in tasks}
            with pytest.raises(ValueError, match="on purpose"):
                failing.result()
    assert len(seen) == 1, "one second thread for all"
    assert threading.get_ident() not in seen


@pytest.mark.parametrize("alone", [False, True])
def test_what_has_not_begun_is_done_by_who_needs_it(alone: bool) -> None:
    release = threading.Event()
    with Beside("second", threads=1 if alone else 2) as beside:
        first = beside.submit(lambda: release.wait(5))
        second = beside.submit(threading.get_ident)
        assert second.result() == threading.get_ident()
        release.set()
        assert first.result()


def test_on_leaving_what_has_begun_has_ended_and_the_rest_is_dropped() -> None:
    began, done = threading.Event(), []

    def work() -> None:
        began.set()
        time.sleep(0.05)
        done.append(1)

    with pytest.raises(RuntimeError), Beside("second") as beside:
        beside.submit(work)
        beside.submit(lambda: done.append(2))
        began.wait(5)
        raise RuntimeError
    assert done == [1]
    with beside:
        assert beside.submit(lambda: 3).result() == 3
    assert done == [1]


def test_work_that_waits_for_what_was_dropped_ends() -> None:
    began, dropped = threading.Event(), threading.Event()

    with Beside("second") as beside:

        def work() -> None:
            other = beside.submit(lambda: None)
            began.set()
            assert dropped.wait(5)
            other.result()

        task = beside.submit(work)
        began.wait(5)
        beside._tasks[-1].drop()  # as on leaving
        dropped.set()
        with pytest.raises(RuntimeError, match="dropped"):
            task.result()


@pytest.mark.parametrize("closed", [True, False])
def test_a_second_thread_that_is_let_go_is_idle(closed: bool) -> None:
    beside = Beside("second")
    with beside:
        task = beside.submit(threading.get_ident)
        while task._unended.locked():
            time.sleep(0.001)
        ident = task.result()
    assert ident not in {thread.ident for thread in threads._idle}
    if closed:
        beside.close()
    else:
        del beside
    deadline = time.monotonic() + 5
    while ident not in {thread.ident for thread in threads._idle}:
        assert time.monotonic() < deadline
        time.sleep(0.001)


def test_the_second_thread_keeps_nothing_of_a_task_alive() -> None:
    class Thing:
        pass

    thing = Thing()
    gone = weakref.ref(thing)
    beside = Beside("second")
    with beside:
        beside.submit(partial(id, thing)).result()
    del thing
    for _ in range(500):
        if gone() is None:
            return
        time.sleep(0.01)
    pytest.fail("the picture of the last frame is kept")
