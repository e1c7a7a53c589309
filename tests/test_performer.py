import numpy as np

from deepfake_core.facemesh.tracking import Face
from deepfake_core.performer import GRACE_SECONDS, LEAST_LOOKS, LONGEST_GAP_SECONDS, PerformerChoice


def face(track_id: int, x: float, size: float = 100.0) -> Face:
    landmarks = np.zeros((468, 3), np.float32)
    return Face(track_id, landmarks, landmarks, 1.0, 1, (x, 0.0, x + size, size))


def ids(faces: list[Face]) -> list[int]:
    return [chosen.track_id for chosen in faces]


def test_the_largest_face_is_the_performer_and_stays_it() -> None:
    choice = PerformerChoice()
    assert ids(choice.choose([face(1, 0), face(2, 300, 150)], 0.0, all_faces=False)) == [2]
    assert ids(choice.choose([face(1, 0, 400), face(2, 300, 150)], 0.1, all_faces=False)) == [2]


def test_nobody_else_is_replaced_while_the_performer_may_come_back() -> None:
    choice = PerformerChoice()
    choice.choose([face(1, 0, 200), face(2, 300)], 0.0, all_faces=False)
    assert choice.choose([face(2, 300)], 0.5, all_faces=False) == []
    assert ids(choice.choose([face(1, 10, 200), face(2, 300)], 0.6, all_faces=False)) == [1]


def test_after_the_grace_another_face_takes_over() -> None:
    choice = PerformerChoice()
    choice.choose([face(1, 0, 200), face(2, 300)], 0.0, all_faces=False)
    for look in range(30):
        assert choice.choose([face(2, 300)], GRACE_SECONDS * look / 30, all_faces=False) == []
    assert ids(choice.choose([face(2, 300)], GRACE_SECONDS + 0.1, all_faces=False)) == [2]


def test_a_new_number_in_the_same_place_is_the_same_performer() -> None:
    choice = PerformerChoice()
    choice.choose([face(1, 0)], 0.0, all_faces=False)
    assert ids(choice.choose([face(7, 8)], 0.2, all_faces=False)) == [7]


def test_all_faces_waits_for_each_lost_one() -> None:
    choice = PerformerChoice()
    both = [face(1, 0), face(2, 300)]
    assert ids(choice.choose(both, 0.0, all_faces=True)) == [1, 2]
    for look in range(1, LEAST_LOOKS + 1):
        assert choice.choose(both[:1], 0.1 * look, all_faces=True) == []
    assert ids(choice.choose(both[:1], 1.5, all_faces=True)) == [1]


def test_at_a_low_frame_rate_a_lost_face_is_waited_for_longer() -> None:
    choice = PerformerChoice()
    both = [face(1, 0), face(2, 300)]
    choice.choose(both, 0.0, all_faces=True)
    for look in range(1, LEAST_LOOKS + 1):
        assert choice.choose(both[:1], 0.5 * look, all_faces=True) == []
    assert ids(choice.choose(both[:1], 0.5 * LEAST_LOOKS + 0.4, all_faces=True)) == [1]
    choice.choose(both, 5.0, all_faces=True)
    assert ids(choice.choose(both[:1], 5.1 + LONGEST_GAP_SECONDS, all_faces=True)) == [1]


def test_switching_to_one_performer_keeps_a_face_that_is_there() -> None:
    choice = PerformerChoice()
    both = [face(1, 0), face(2, 300, 150)]
    choice.choose(both, 0.0, all_faces=True)
    assert len(choice.choose(both, 0.1, all_faces=False)) == 1


def test_a_jump_in_time_forgets_everybody() -> None:
    choice = PerformerChoice()
    choice.choose([face(1, 0)], 100.0, all_faces=False)
    assert ids(choice.choose([face(2, 300)], 0.0, all_faces=False)) == [2]


def test_no_face_gives_no_choice() -> None:
    assert PerformerChoice().choose([], 0.0, all_faces=True) == []
