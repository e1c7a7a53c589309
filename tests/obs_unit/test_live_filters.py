"""Who looks after the filters: each is started, stopped until it has ended, and let go exactly once."""

import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest


class FakeFilter:
    """Counts what happens to it; `stubborn` calls of stop find its worker still at work."""

    made: list["FakeFilter"]

    def __init__(self, source: int, settings: str) -> None:
        self.source, self.settings = source, settings
        self.gone = False
        self.marked = True
        self.starts = self.stops = self.closes = 0
        self.stubborn = 0
        self.start_fault: Exception | None = None
        self.made.append(self)

    def start(self) -> None:
        self.starts += 1
        if self.start_fault is not None:
            raise self.start_fault

    def stop(self, _timeout: float) -> bool:
        self.stops += 1
        self.stubborn -= 1
        return self.stubborn < 0

    def close(self) -> None:
        assert self.stubborn < 0, "closed before its worker ended"
        self.closes += 1

    def update(self, settings: str) -> None:
        self.settings = settings

    def exchange(self, frame: int) -> bool:
        return frame == 1

    def hold(self) -> int:
        return self.source


class Held:
    """Counts references that are released."""

    def __init__(self) -> None:
        self.released: list[int] = []


@pytest.fixture
def held() -> Held:
    return Held()


@pytest.fixture
def live(monkeypatch: pytest.MonkeyPatch, held: Held) -> Iterator[Any]:
    from deepfake_core.obs import libobs, live_filters

    FakeFilter.made = []
    monkeypatch.setattr(live_filters, "Filter", FakeFilter)
    monkeypatch.setattr(live_filters, "BEAT_SECONDS", 0.01)
    monkeypatch.setattr(live_filters, "RECORD_SECONDS", 0.01)
    monkeypatch.setattr(libobs, "json", lambda settings: f"settings {settings}")
    monkeypatch.setattr(libobs, "get_settings", lambda _source: 99)
    monkeypatch.setattr(libobs, "data_release", lambda _data: None)
    monkeypatch.setattr(libobs, "source_release", held.released.append)
    monkeypatch.delenv(live_filters.STATUS_VARIABLE, raising=False)
    filters = live_filters.LiveFilters()
    filters.start()
    yield filters
    filters.close()


def wait_for(condition: Callable[[], bool], seconds: float = 5) -> None:
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, "it did not happen in time"
        time.sleep(0.002)


def test_an_adopted_filter_is_started_by_the_supervisor(live: Any) -> None:
    live.adopt(7, 1)
    (made,) = FakeFilter.made
    assert (made.source, made.settings) == (7, "settings 1")
    wait_for(lambda: made.starts > 0)
    live.update(7, 2)
    assert made.settings == "settings 2"
    assert live.exchange(7, 1)
    assert not live.exchange(7, 2)


def test_a_removed_filter_is_let_go_once_when_its_worker_has_ended(live: Any) -> None:
    live.adopt(7, 1)
    (made,) = FakeFilter.made
    made.stubborn = 3
    live.remove(7)
    live.remove(7)
    wait_for(lambda: made.closes > 0)
    time.sleep(0.05)
    assert made.closes == 1
    assert not live.may_draw(7)


def test_a_source_that_vanished_is_let_go_once(live: Any) -> None:
    live.adopt(7, 1)
    (made,) = FakeFilter.made
    made.gone = True
    wait_for(lambda: made.closes > 0)
    time.sleep(0.05)
    assert made.closes == 1


def test_an_address_that_is_used_again_is_another_filter(live: Any) -> None:
    live.adopt(7, 1)
    live.adopt(7, 2)
    first, second = FakeFilter.made
    wait_for(lambda: first.closes == 1 and second.starts > 0)
    assert second.closes == 0


def test_a_filter_from_before_the_script_is_adopted_by_its_first_frame(live: Any) -> None:
    assert not live.exchange(7, 1)
    assert FakeFilter.made[0].settings == "settings 99"
    assert live.exchange(7, 1)


def test_close_stops_everybody_and_lets_go_of_each_once(live: Any) -> None:
    for source in (7, 8, 9):
        live.adopt(source, 1)
    live.remove(8)
    live.close()
    assert [made.closes for made in FakeFilter.made] == [1, 1, 1]


@pytest.mark.parametrize("when", ["before", "after"])
def test_a_filter_that_comes_while_the_script_goes_is_let_go(
    live: Any, monkeypatch: pytest.MonkeyPatch, when: str
) -> None:
    from deepfake_core.obs import libobs

    def slowly(settings: int) -> str:  # The graphics thread lets go of the GIL here, and the script may be unloaded.
        live.close()
        return f"settings {settings}"

    if when == "after":
        live.close()
    else:
        monkeypatch.setattr(libobs, "json", slowly)
    assert not live.exchange(7, 1)
    (made,) = FakeFilter.made
    assert made.closes == 1


def test_a_filter_that_is_removed_while_the_script_goes_is_stopped_and_let_go(live: Any) -> None:
    class SlowList(list[Any]):
        def append(self, item: Any) -> None:  # The script is unloaded when the filter is in neither list.
            live.close()
            super().append(item)

    live.adopt(7, 1)
    live._leaving = SlowList()
    live.remove(7)
    (made,) = FakeFilter.made
    assert made.stops >= 1
    assert made.closes == 1


def test_the_supervisor_goes_on_after_an_exception(live: Any, caplog: pytest.LogCaptureFixture) -> None:
    live.adopt(7, 1)
    FakeFilter.made[0].start_fault = RuntimeError("injected")
    wait_for(lambda: "The supervisor failed" in caplog.text)
    live.remove(7)
    wait_for(lambda: FakeFilter.made[0].closes == 1)


@pytest.mark.parametrize("fault", [None, RuntimeError("injected")])
def test_the_status_file_gets_a_line_and_the_source_is_released(
    monkeypatch: pytest.MonkeyPatch, live: Any, held: Held, tmp_path: Path, fault: Exception | None
) -> None:
    from deepfake_core.obs import status

    def record(_live: Any, source: int) -> str:
        if fault is not None:
            raise fault
        return f"line of {source}"

    monkeypatch.setattr(status, "record", record)
    live._status_file = str(tmp_path / "status")
    live.adopt(7, 1)
    wait_for(lambda: len(held.released) > 3)
    assert set(held.released) == {7}
    if fault is None:
        wait_for(lambda: "line of 7\n" in (tmp_path / "status").read_text())
    live._status_file = ""


def test_a_status_file_that_cannot_be_written_is_given_up(
    monkeypatch: pytest.MonkeyPatch, live: Any, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    from deepfake_core.obs import status

    monkeypatch.setattr(status, "record", lambda *_arguments: "line")
    live._status_file = str(tmp_path)
    live.adopt(7, 1)
    wait_for(lambda: live._status_file == "")
    assert "cannot be written" in caplog.text
