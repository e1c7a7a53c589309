"""Motion: what moves as people move, smoothly, and the same again."""

import numpy as np
import pytest

pytest.importorskip("scipy", reason="the synthetic people need .venv-train (scipy)")

from deepfake_core.synthetic.expressions import GAZE_LIMITS, PULL, gaze_of, look, random_expression, within_reach
from deepfake_core.synthetic.motion import POSE_LIMITS, Moment, Motion, random_pose

pytestmark = pytest.mark.train
RATE = 120  # moments/s
SECONDS = 20.0
SEEDS = (0, 1, 2, 3)


def moments(motion: Motion) -> list[Moment]:
    return [motion.moment(t) for t in np.arange(0, SECONDS, 1 / RATE)]


def angles(each: list[Moment]) -> np.ndarray:
    return np.array([[m.pose.yaw, m.pose.pitch, m.pose.roll] for m in each])


def weights(each: list[Moment], unit: str) -> np.ndarray:
    return np.array([m.expression.get(unit, 0.0) for m in each])


def test_the_same_seed_moves_alike_whatever_the_length() -> None:
    short, long, other = Motion(5, 8.0), Motion(5, 40.0), Motion(6, 8.0)
    for t in (0.0, 3.3, 7.9):
        first, second = short.moment(t), long.moment(t)
        assert np.allclose(angles([first]), angles([second]), atol=1e-3)
        assert first.gaze == pytest.approx(second.gaze, abs=1e-3)
        assert not np.allclose(angles([first]), angles([other.moment(t)]), atol=0.1)
    assert short.moment(2.5) == short.moment(2.5)


@pytest.mark.parametrize("seed", SEEDS)
def test_head_eyes_and_jaw_move_no_faster_than_people_do(seed: int) -> None:
    each = moments(Motion(seed, SECONDS))
    head = angles(each)
    assert (np.abs(head) <= POSE_LIMITS).all()
    speed = np.diff(head, axis=0) * RATE
    assert np.abs(speed).max() < 220  # degrees/s
    assert np.abs(np.diff(speed, axis=0)).max() * RATE < 1800  # degrees/s²
    assert np.abs(np.diff([m.gaze for m in each], axis=0)).max() * RATE < 1000  # a saccade
    assert np.abs(np.diff(weights(each, "JawDrop"))).max() * RATE < 9
    assert np.abs(np.diff(weights(each, "LeftUpperLidClosed"))).max() * RATE < 30


@pytest.mark.parametrize("seed", SEEDS)
def test_weights_and_gaze_stay_within_the_rig(seed: int) -> None:
    for each in moments(Motion(seed, SECONDS))[::7]:
        assert all(0 <= weight <= 1 for weight in each.expression.values())
        assert each.gaze == pytest.approx(gaze_of(each.expression))
        assert np.abs(each.gaze)[0] <= GAZE_LIMITS[0] + 0.01
        assert np.abs(each.gaze)[1] <= GAZE_LIMITS[1] * 1.1


def test_people_move_talk_and_blink() -> None:
    motions = [moments(Motion(seed, SECONDS)) for seed in range(8)]
    assert np.mean([angles(each)[:, 0].std() for each in motions]) > 3  # degrees
    assert np.mean([weights(each, "JawDrop").std() for each in motions]) > 0.05
    closed = np.concatenate([weights(each, "LeftUpperLidClosed") > 0.7 for each in motions])
    blinks = int((np.diff(closed.astype(int)) > 0).sum())
    minutes = len(motions) * SECONDS / 60
    assert 6 < blinks / minutes < 35
    assert 0.05 < closed.sum() / blinks / RATE < 0.3  # s of each


def test_somebody_silent_keeps_the_jaw_still() -> None:
    silent = weights(moments(Motion(3, SECONDS, talkative=0.0)), "JawDrop")
    chatty = weights(moments(Motion(3, SECONDS, talkative=1.0)), "JawDrop")
    assert np.count_nonzero(np.abs(np.diff(chatty)) > 1e-4) > 3 * np.count_nonzero(np.abs(np.diff(silent)) > 1e-4)
    assert chatty.mean() > silent.mean() + 0.05


def test_eyes_make_up_for_the_head() -> None:
    """Looking at the camera from a turned head turns the eyes the other way."""
    right, left = 0, 0
    for seed in range(6):
        for each in moments(Motion(seed, SECONDS))[::15]:
            if abs(each.pose.yaw) > 6:
                right += each.gaze[0] * each.pose.yaw < 0
                left += each.gaze[0] * each.pose.yaw > 0
    assert right > 1.3 * left


def test_a_time_outside_is_refused() -> None:
    motion = Motion(0, 5.0)
    with pytest.raises(ValueError, match=r"lasts from 0 to 5.0 s: 5.1 s is outside"):
        motion.moment(5.1)


def test_poses_of_stills_cover_the_range() -> None:
    g = np.random.default_rng(0)
    poses = np.array([(p.yaw, p.pitch, p.roll) for p in (random_pose(g) for _ in range(2000))])
    assert (np.abs(poses) <= [90, 40, 40]).all()
    assert (np.abs(poses).max(axis=0) > [80, 33, 33]).all()
    assert 0.4 < (np.abs(poses[:, 0]) < 20).mean() < 0.7


def test_expressions_of_stills_are_often_neutral_and_within_reach() -> None:
    g = np.random.default_rng(0)
    drawn = [random_expression(g, {"wide": {"MouthLeftPullUp": 1.0, "MouthLeftPullSide": 1.0}}) for _ in range(400)]
    mouths = [sum(w for unit, w in each.items() if "Eye" not in unit and "Lid" not in unit) for each in drawn]
    assert 0.12 < np.mean(np.array(mouths) < 0.05) < 0.35
    for each in drawn:
        assert each.get("MouthLeftPullUp", 0.0) + each.get("MouthLeftPullSide", 0.0) <= PULL + 1e-9
        assert all(0 <= weight <= 1 for weight in each.values())
    assert within_reach({"MouthRightPullUp": 0.3}) == {"MouthRightPullUp": 0.3}


def test_a_look_in_degrees_is_read_back() -> None:
    assert gaze_of(look(10.0, -8.0)) == pytest.approx((10.0, -8.0))
    assert gaze_of(look(-15.0, 12.0)) == pytest.approx((-15.0, 12.0))
