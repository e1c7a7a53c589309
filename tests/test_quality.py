from deepfake_core.quality import LEVELS, Level, QualityGovernor
from deepfake_core.settings import Quality

INTERVAL = 1 / 30
FAST, BALANCED, BEST = (LEVELS[quality] for quality in (Quality.FAST, Quality.BALANCED, Quality.BEST))


def settle(governor: QualityGovernor, work: float, frames: int) -> Level:
    for _ in range(frames):
        governor.report(work, INTERVAL)
    return governor.level(Quality.AUTO)


def test_auto_begins_in_the_middle() -> None:
    assert QualityGovernor().level(Quality.AUTO) == BALANCED


def test_auto_steps_down_when_too_slow_and_up_when_easily_fast() -> None:
    governor = QualityGovernor()
    assert settle(governor, 0.05, 60) == FAST
    assert settle(governor, 0.01, 60) == BALANCED
    assert settle(governor, 0.01, 1000) == BEST
    assert settle(governor, 0.05, 200) == FAST


def test_auto_stays_where_it_neither_lags_nor_idles() -> None:
    assert settle(QualityGovernor(), 0.025, 10_000) == BALANCED


def test_single_slow_frames_change_nothing() -> None:
    governor = QualityGovernor()
    for _ in range(200):
        governor.report(0.1, INTERVAL)
        governor.report(0.02, INTERVAL)
    assert governor.level(Quality.AUTO) == BALANCED


def test_a_borderline_machine_does_not_flip_for_ever() -> None:
    governor = QualityGovernor()
    changes, last = 0, BALANCED
    for _ in range(20_000):
        now = governor.level(Quality.AUTO)
        governor.report(0.05 if now == BEST else 0.012, INTERVAL)
        changes, last = changes + (now != last), now
    assert changes < 12


def test_fixed_qualities_ignore_the_clock() -> None:
    governor = QualityGovernor()
    settle(governor, 1.0, 500)
    assert governor.level(Quality.BEST) == BEST
    assert governor.level(Quality.FAST) == FAST


def test_a_clock_that_stands_still_or_runs_back_changes_nothing() -> None:
    governor = QualityGovernor()
    for _ in range(500):
        governor.report(1.0, 0.0)
        governor.report(1.0, -5.0)
    assert governor.level(Quality.AUTO) == BALANCED


def test_finer_levels_draw_finer_and_think_finer() -> None:
    sizes = [(level.resolution, level.network_size) for level in LEVELS.values()]
    assert sizes == sorted(sizes)
