from deepfake_core.quality import BEST, FAST, QualityGovernor
from deepfake_core.settings import Quality

INTERVAL = 1 / 30


def settle(governor: QualityGovernor, work: float, frames: int) -> int:
    for _ in range(frames):
        governor.report(work, INTERVAL)
    return governor.resolution(Quality.AUTO)


def test_auto_begins_with_the_best() -> None:
    assert QualityGovernor().resolution(Quality.AUTO) == BEST


def test_auto_steps_down_when_too_slow_and_returns_when_fast() -> None:
    governor = QualityGovernor()
    assert settle(governor, 0.05, 100) == FAST
    assert settle(governor, 0.01, 1000) == BEST


def test_single_slow_frames_change_nothing() -> None:
    governor = QualityGovernor()
    for _ in range(200):
        governor.report(0.1, INTERVAL)
        governor.report(0.01, INTERVAL)
    assert governor.resolution(Quality.AUTO) == BEST


def test_a_borderline_machine_does_not_flip_for_ever() -> None:
    governor = QualityGovernor()
    changes, last = 0, BEST
    for _ in range(20_000):
        now = governor.resolution(Quality.AUTO)
        governor.report(0.05 if now == BEST else 0.015, INTERVAL)
        changes, last = changes + (now != last), now
    assert changes < 12


def test_fixed_qualities_ignore_the_clock() -> None:
    governor = QualityGovernor()
    settle(governor, 1.0, 500)
    assert governor.resolution(Quality.BEST) == BEST
    assert governor.resolution(Quality.FAST) == FAST


def test_a_clock_that_stands_still_or_runs_back_changes_nothing() -> None:
    governor = QualityGovernor()
    for _ in range(500):
        governor.report(1.0, 0.0)
        governor.report(1.0, -5.0)
    assert governor.resolution(Quality.AUTO) == BEST
