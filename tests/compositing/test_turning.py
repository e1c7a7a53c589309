"""Beyond what the networks can draw the picture passes over into the one for "no result", and back."""

from collections.abc import Sequence
from itertools import pairwise

from made_up_head import pose

from deepfake_core.compositing.turning import FADE_SECONDS, Turning, smooth

STEP = 1 / 30


def run(turning: Turning, yaws: Sequence[float], first: int = 0) -> list[float]:
    return [turning.update([pose(yaw=yaw)], (first + k) * STEP) for k, yaw in enumerate(yaws)]


def test_a_frontal_head_is_shown() -> None:
    assert run(Turning(), [0, 30, -50, 55] * 5) == [0] * 20


def test_the_fade_takes_its_time_in_small_steps() -> None:
    turning = Turning()
    shares = run(turning, [20] * 5 + [70] * 20 + [10] * 20)
    steps = [abs(smooth(after) - smooth(before)) for before, after in pairwise(shares)]
    assert max(steps) < 0.2
    assert shares[5 + round(FADE_SECONDS / STEP) + 1] == 1
    assert shares[-1] == 0


def test_a_head_at_the_limit_does_not_flicker() -> None:
    shares = run(Turning(), [20] * 3 + [61] * 20 + [58, 60, 57, 61, 59] * 6)
    assert shares[23:] == [1] * 30


def test_a_nod_counts_like_a_turn() -> None:
    import numpy as np

    from deepfake_core.swapping.alignment import Pose

    turning = Turning()
    nod = np.radians(50)
    rotation = np.array([[1, 0, 0], [0, np.cos(nod), -np.sin(nod)], [0, np.sin(nod), np.cos(nod)]])
    for k in range(15):
        turning.update([Pose(9.0, rotation, np.zeros(3))], k * STEP)
    assert turning.share == 1


def test_of_several_heads_the_one_turned_furthest_decides() -> None:
    turning = Turning()
    for k in range(15):
        turning.update([pose(), pose(yaw=-75)], k * STEP)
    assert turning.share == 1


def test_a_pause_of_the_camera_does_not_end_the_fade_at_once() -> None:
    turning = Turning()
    run(turning, [10, 70])
    assert turning.update([pose(yaw=70)], 100.0) < 1


def test_a_head_lost_while_turned_fades_in_again() -> None:
    turning = Turning()
    run(turning, [10] + [70] * 4)
    turning.lost()
    back = run(turning, [10] * 12, first=60)
    assert back[0] > 0.6
    assert back[-1] == 0
