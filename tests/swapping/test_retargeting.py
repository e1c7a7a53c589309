from dataclasses import replace

import cv2
import numpy as np
import pytest

from deepfake_core.facemesh import topology
from deepfake_core.swapping.alignment import Pose
from deepfake_core.swapping.expression import DriverReader, Response, corners, measures
from deepfake_core.swapping.retargeting import Neutral, Retargeter, openings
from deepfake_core.training.fitting import fit, judge, match_expression, neutral, own_fit, with_nose


def head() -> np.ndarray:
    return topology.canonical_face().vertices.astype(np.float64)


def opened(eyes: float, mouth: float, wide: float = 1.0) -> np.ndarray:
    """The canonical face with gaps (cm) between lids and lips, and all of it wider."""
    face = head() * np.array([wide, 1.0, 1.0])
    for pair, gap in (((159, 145), eyes), ((386, 374), eyes), ((13, 14), mouth)):
        middle = face[list(pair)].mean(0)
        half = np.array([0, gap / 2, 0])
        face[pair[0]], face[pair[1]] = middle + half, middle - half
    return face


def people(count: int, seed: int, wide: float) -> np.ndarray:
    generator = np.random.default_rng(seed)
    return np.stack([opened(generator.uniform(0, 1.0), generator.uniform(0, 3.0), wide) for _ in range(count)])


def test_openings_are_gaps_in_widths_whatever_the_size() -> None:
    face = opened(0.5, 1.5)
    width = np.linalg.norm(face[61] - face[291])
    assert openings(face)[2] == pytest.approx(1.5 / width)
    np.testing.assert_allclose(openings(3.0 * face), openings(face))


def test_the_fit_learns_to_give_a_head_back() -> None:
    heads = people(200, 0, 1.0)
    retargeter = fit(heads, heads, components=6)
    for unseen in people(5, 1, 1.0):
        assert np.abs(retargeter(unseen) - unseen).max() < 0.2


def test_the_fit_carries_the_expression_to_another_shape() -> None:
    retargeter = fit(people(200, 0, 1.0), people(200, 0, 1.2), components=6)
    report = judge(retargeter, people(40, 2, 1.0), people(40, 2, 1.2))
    assert report.error_centimetres < 0.2 * report.unfitted_error_centimetres
    assert report.opening_correlations["mouth"] > 0.99
    assert all(tensor.dtype == np.float32 for tensor in vars(retargeter).values())


def smiling(face: np.ndarray, lift: float) -> np.ndarray:
    """The corners of the mouth raised by `lift` cm."""
    moved = face.copy()
    moved[[61, 291], 1] += lift
    return moved


def expressions(count: int, seed: int) -> np.ndarray:
    generator = np.random.default_rng(seed)
    return np.stack([smiling(face, generator.normal(0.2, 0.25)) for face in people(count, seed, 1.0)])


def test_the_expression_becomes_exactly_what_it_is_asked_to_be() -> None:
    match = match_expression(expressions(300, 0), expressions(300, 0))
    asked = np.array([0.3, 0.3, 0.2, 0.4], np.float32)
    for start in (opened(0.8, 2.0), opened(0.7, 0.3)):
        np.testing.assert_allclose(measures(match.control(start, asked)), asked, atol=0.02)


def test_a_wink_moves_nothing_but_its_own_eye() -> None:
    match = match_expression(expressions(300, 0), expressions(300, 0))
    face = opened(0.8, 0.3)
    asked = measures(face)
    asked[0] *= 0.3
    winking = match.control(face, asked)
    moved = np.linalg.norm(winking - face, axis=1)
    assert moved[159] > 0.1
    assert moved[face[:, 0] > 0.5].max() < 0.02
    assert moved[list(topology.LIPS_OUTER)].max() < 0.02


def test_what_is_asked_stays_within_what_faces_can_do() -> None:
    match = match_expression(expressions(300, 0), expressions(300, 0))
    assert match.wanted(np.full(4, 50.0, np.float32)).max() < 1.4
    shut = match.wanted(np.full(4, -50.0, np.float32))
    assert (shut[:3] >= 0).all()
    assert shut[:2].max() < 0.1


def resting(lids: float, lift: float, wide: float = 1.0) -> np.ndarray:
    return smiling(opened(lids, 0.1, wide), lift).astype(np.float32)


def frontal() -> Pose:
    return Pose(10.0, np.eye(3), np.zeros(3))


def known(face: np.ndarray) -> Neutral:
    """What is known of a driver who has kept this face for a while."""
    reader = DriverReader()
    for _ in range(60):
        _, neutral = reader(face, frontal(), 1)
    return neutral


def test_narrow_eyes_and_low_corners_count_as_usual_for_whom_they_are() -> None:
    match = match_expression(expressions(300, 0), expressions(300, 0))
    usual_lids = float(match.driver_rest[0]) * float(np.linalg.norm(head()[33] - head()[133]))
    narrow = 0.85 * usual_lids
    neutral = known(resting(narrow, 0.0))
    rest = match.wanted(measures(resting(narrow, 0.0)), neutral)
    np.testing.assert_allclose(rest[:2], match.identity_rest[:2], rtol=0.05)
    assert rest[2] == 0.0
    # Its lips are shut, its corners where they are when it rests.
    assert rest[3] == pytest.approx(match.identity_rest[3] + 1.6 * match.identity_rest[2], abs=0.05)
    # Shut eyes and a laugh stand out against it.
    moved = match.wanted(measures(resting(0.4 * narrow, 0.5)), neutral)
    assert moved[0] < 0.5 * rest[0]
    assert moved[3] > rest[3] + 0.4


def test_blinks_laughs_and_turned_heads_are_no_face_at_rest() -> None:
    calm, reader = resting(0.9, 0.0), DriverReader()
    for _ in range(60):
        _, neutral = reader(calm, frontal(), 1)
    turned = Pose(10.0, np.array([[0.3, 0, 0.954], [0, 1, 0], [-0.954, 0, 0.3]]), np.zeros(3))
    for face, pose in (
        (resting(0.2, 0.0), frontal()),
        (smiling(opened(0.9, 2.5), 1.2), frontal()),
        (calm + 1.0, turned),
    ):
        for _ in range(10):
            _, after = reader(face.astype(np.float32), pose, 1)
    assert np.abs(after.head - neutral.head).max() < 0.12


def test_each_driver_has_a_face_at_rest_of_its_own() -> None:
    reader = DriverReader()
    for _ in range(200):
        reader(resting(0.8, -0.2), frontal(), 1)
    (steady, fresh), (also, mixed) = (one(resting(0.9, 0.1), frontal(), 2) for one in (DriverReader(), reader))
    np.testing.assert_array_equal(also, steady)
    np.testing.assert_array_equal(mixed.head, fresh.head)
    assert mixed.trust == fresh.trust


def test_a_driver_at_rest_shows_the_identity_at_rest_whatever_the_drivers_shape() -> None:
    heads = expressions(300, 0)
    retargeter = fit(heads, heads, components=8)
    rest = retargeter.identity_neutral.reshape(-1, 3)
    wide = resting(0.9, 0.0, wide=1.25)
    leaking = np.abs(retargeter(wide) - rest).max()
    assert np.abs(retargeter(wide, known(wide)) - rest).max() < 0.05 < leaking


def test_the_face_at_rest_is_a_calm_one() -> None:
    heads = expressions(400, 3)
    found, every = measures(neutral(heads)), measures(heads)
    assert found[2] < np.quantile(every[:, 2], 0.3)
    np.testing.assert_allclose(found[:2], np.median(every, axis=0)[:2], atol=0.12)
    assert corners(neutral(heads)) == pytest.approx(np.median(corners(heads)), abs=0.12)


def test_a_person_without_pairs_keeps_its_own_shape_and_moves_like_its_neighbour() -> None:
    drivers = expressions(300, 0)
    nearest, expression = fit(drivers, drivers, components=8), match_expression(drivers, drivers)
    own = expressions(120, 5) * np.array([1.2, 1.0, 1.0])
    retargeter, match = own_fit(own, nearest, expression)
    calm = resting(0.9, 0.0)
    shown = match(retargeter(calm, known(calm)), measures(calm), known(calm))
    assert np.ptp(shown[:, 0]) == pytest.approx(1.2 * np.ptp(head()[:, 0]), rel=0.03)
    laughing = resting(0.9, 0.5)
    laughed = match(retargeter(laughing, known(calm)), measures(laughing), known(calm))
    assert measures(laughed)[3] > measures(shown)[3] + 0.3


def test_a_retargeter_without_coefficients_gives_the_identitys_mean() -> None:
    mean = head().reshape(-1).astype(np.float32)
    retargeter = Retargeter(
        driver_mean=mean,
        basis=np.eye(4, 1404, dtype=np.float32),
        openings_mean=np.zeros(5, np.float32),
        openings_scale=np.ones(5, np.float32),
        coefficients=np.zeros((9, 1404), np.float32),
        identity_mean=mean,
        identity_neutral=mean,
    )
    np.testing.assert_allclose(retargeter(opened(1.0, 2.0)), head(), atol=1e-5)


def test_the_nose_becomes_that_of_the_view_from_the_front_and_nothing_else_moves() -> None:
    heads = expressions(200, 0)
    front, wings = head(), [98, 327]
    front[[129, 98, 64, 327, 358, 294], 0] *= 0.8
    retargeter = fit(heads, heads, components=6)
    narrowed = with_nose(retargeter, 1.1 * front)
    before, after = (one.identity_neutral.reshape(-1, 3) for one in (retargeter, narrowed))
    assert np.ptp(after[wings, 0]) == pytest.approx(0.8 * np.ptp(before[wings, 0]), rel=0.05)
    far = [10, 152, 33, 263, 61, 291, 234, 454]
    np.testing.assert_allclose(after[far], before[far], atol=0.01)
    np.testing.assert_allclose(narrowed.identity_mean - retargeter.identity_mean, (after - before).ravel(), atol=1e-5)


def test_lips_that_touch_stay_shut_however_they_lie() -> None:
    match = match_expression(expressions(300, 0), expressions(300, 0))
    crossed = opened(0.8, -0.3)
    asked = measures(crossed)
    asked[2] = 0.0
    shut = match.control(crossed, asked)
    assert measures(shut)[2] < 0.02
    upper, lower = shut[list(topology.LIPS_INNER[1:10]), 1], shut[list(topology.LIPS_INNER[:10:-1]), 1]
    assert (upper > lower).all()


def test_eyes_close_and_open_together_but_for_a_wink() -> None:
    match = match_expression(expressions(300, 0), expressions(300, 0))
    rest, neutral = match.identity_rest, Neutral(head().astype(np.float32), match.driver_rest[:2], 0.0, 1.0)

    def lids(right: float, left: float) -> np.ndarray:
        asked = match.driver_rest.copy()
        asked[:2] *= (right, left)
        return match.wanted(asked, neutral)[:2] / rest[:2]

    # What FaceMesh is off shows no eye shut beside an open one; wide eyes do not stare.
    assert np.ptp(lids(0.72, 0.77)) < 0.01
    assert lids(1.5, 1.5).max() < 1.15
    right, left = lids(0.4, 1.0)
    assert right < 0.5
    assert left > 0.9


def test_a_driver_that_often_narrows_its_eyes_has_open_ones_at_rest() -> None:
    reader = DriverReader()
    for k in range(300):
        _, neutral = reader(resting(0.65 if k % 5 < 2 else 0.9, 0.0), frontal(), 1)
    narrow, usual = (measures(resting(lids, 0.0))[0] for lids in (0.65, 0.9))
    assert neutral.lids[0] > narrow + 0.75 * (usual - narrow)


def level(asked: np.ndarray, read: np.ndarray) -> Response:
    """The same at every nod of the head."""
    return Response(np.array([-1.0, 1.0], np.float32), asked, np.stack([read, read]))


def test_what_is_read_of_the_identity_is_what_the_driver_asks_for() -> None:
    """A face of which hardly any opening is read until the lips are far apart."""
    match = match_expression(expressions(300, 0), expressions(300, 0))
    asked = np.array([[0.1, 0.2, 0.3, 0.6], [0.0, 0.1, 0.3, 0.9], [-0.5, 0.0, 0.5, 1.2]], np.float32)
    read = np.array([[0.1, 0.2, 0.3, 0.6], [0.0, 0.02, 0.12, 0.8], [-0.25, 0.0, 0.25, 0.6]], np.float32)
    thin = replace(match, response=level(asked, read))
    driver = match.driver_rest.copy()
    np.testing.assert_allclose(thin.response.drawn(thin.response.reading(driver)), driver, atol=1e-6)
    shut, shy = thin.wanted(driver), match.wanted(driver)
    np.testing.assert_allclose(shut, shy, atol=1e-5)
    for part, step in ((2, 0.1), (3, 0.1)):
        moved = driver.copy()
        moved[part] += step
        drawn, plain = thin.wanted(moved), match.wanted(moved)
        assert drawn[part] > plain[part] + 0.03
        seen = thin.response.reading(drawn) - thin.response.reading(shut)
        np.testing.assert_allclose(seen[part], (plain - shy)[part], atol=1e-4)


def test_lips_of_a_grin_are_drawn_less_far_apart() -> None:
    """FaceMesh reads small openings wider on it, of the driver as of the identity."""
    match = match_expression(expressions(300, 0), expressions(300, 0))
    ends = np.array([np.linspace(0.1, 0.6, 20), np.linspace(0.0, 0.9, 20), np.linspace(-0.5, 1.2, 20)], np.float32)
    match = replace(match, response=level(ends, ends))

    def drawn(opening: float, smile: float) -> float:
        return float(match.wanted(match.driver_rest + np.array([0, 0, opening, smile]))[2])

    assert drawn(0.0, 0.5) == drawn(0.0, -0.5) == 0.0
    assert drawn(0.08, 0.5) < drawn(0.08, 0.2) < drawn(0.08, 0.0) - 0.005
    assert drawn(0.08, -0.5) < drawn(0.08, 0.0)
    assert drawn(0.3, 0.5) > drawn(0.3, 0.0)


def test_a_raised_head_is_drawn_as_open_as_a_level_one() -> None:
    """FaceMesh reads lips of a raised head further apart, of the driver as of the identity."""
    match = match_expression(expressions(300, 0), expressions(300, 0))
    ends = np.array([[0.1, 0.6], [0.0, 0.9], [-0.5, 1.2]], np.float32)
    read = ends * np.array([1.5, 1.0, 0.5], np.float32)[:, None, None]
    read[:, [0, 2]] = ends[[0, 2]]
    match = replace(match, response=Response(np.array([-20.0, 0.0, 20.0], np.float32), ends, read))
    rest = match.driver_rest

    def drawn(opening: float, pitch: float) -> float:
        pose = Pose(9.0, cv2.Rodrigues(np.radians([pitch, 0.0, 0.0]))[0], np.zeros(3))
        return float(match.wanted(rest + np.array([0, 0, opening, 0]), None, pose)[2])

    assert drawn(0.3, -20.0) == pytest.approx(drawn(0.3, 0.0) / 1.5, rel=0.02)
    assert drawn(0.3, 20.0) == pytest.approx(drawn(0.3, 0.0) / 0.5, rel=0.02)
    assert drawn(0.3, -10.0) == pytest.approx(drawn(0.3, 0.0) / 1.25, rel=0.02)
    assert drawn(0.3, -60.0) == drawn(0.3, -20.0)
    assert drawn(0.0, -20.0) == drawn(0.0, 20.0) == 0.0


def test_lips_of_a_small_face_are_drawn_further_apart() -> None:
    match = match_expression(expressions(300, 0), expressions(300, 0))
    talking = match.driver_rest + np.array([0, 0, 0.06, 0])
    far, near, nearer = (match.wanted(talking, None, Pose(s, np.eye(3), np.zeros(3)))[2] for s in (4.0, 6.0, 20.0))
    assert near == nearer
    assert 1.2 < far / near < 1.6


def test_a_mouth_that_reads_open_when_shut_is_drawn_shut() -> None:
    match = match_expression(expressions(300, 0), expressions(300, 0))
    talking, neutral = DriverReader(), None
    ajar, wide = (smiling(opened(0.9, gap), 0.1).astype(np.float32) for gap in (0.5, 2.0))
    for k in range(200):
        _, neutral = talking(ajar if k % 4 else wide, frontal(), 1)
    assert neutral is not None
    assert match.wanted(measures(ajar), neutral)[2] < match.identity_rest[2] + 0.02
    assert match.wanted(measures(wide), neutral)[2] > 0.25
    # FaceMesh's noise does not open it either; a mouth that was never seen shut is not taken for a shut one.
    shut = known(ajar)
    trembling = measures(ajar) + np.array([0, 0, 0.004, 0])
    assert match.wanted(trembling, shut)[2] == pytest.approx(match.wanted(measures(ajar), shut)[2], abs=1e-3)
    assert match.wanted(measures(wide), known(wide))[2] > 0.25


def test_noise_of_the_measures_is_calmed_and_a_blink_is_not() -> None:
    g = np.random.default_rng(3)
    reader, seen, shown = DriverReader(), [], []
    for _ in range(60):
        face = resting(0.9, 0.0) + g.normal(0, 0.004, (468, 3)).astype(np.float32)
        seen.append(measures(face))
        shown.append(reader(face, frontal(), 1)[0])
    assert np.all(np.std(np.diff(shown[5:], axis=0), axis=0) < 0.7 * np.std(np.diff(seen[5:], axis=0), axis=0))
    blink = resting(0.2, 0.0)
    np.testing.assert_allclose(reader(blink, frontal(), 1)[0][:2], measures(blink)[:2], atol=1e-6)
    other = smiling(opened(0.9, 2.5), 1.2)
    np.testing.assert_allclose(reader(other, frontal(), 2)[0], measures(other), atol=1e-6)


def test_a_jaw_that_drops_without_a_smile_draws_none() -> None:
    """The middle of an open mouth sinks below its corners; these are drawn no higher than those of a shut one."""
    match = match_expression(expressions(300, 0), expressions(300, 0))
    halves = np.array([[0.1, 0.6], [0.0, 0.9], [-0.5, 1.2]], np.float32)
    # Of such a face hardly a third of a smile is read, so smiles are drawn larger.
    stiff = replace(match, response=level(halves, np.array([[0.1, 0.6], [0.0, 0.9], [-0.17, 0.4]], np.float32)))
    width = float(np.linalg.norm(head()[61] - head()[291]))
    calm, dropped = opened(0.9, 0.1), opened(0.9, 0.1)
    dropped[[14, 17], 1] -= 0.4 * width
    # As rendered people do it: corners go down with the jaw, by less than the middle does.
    lifted = corners(dropped) - corners(calm) - 1.6 * (measures(dropped)[2] - measures(calm)[2])
    dropped[[61, 291], 1] -= lifted
    neutral = known(calm.astype(np.float32))
    rest, wide = (stiff.wanted(measures(face), neutral) for face in (calm, dropped))
    assert wide[2] > rest[2] + 0.3
    assert wide[3] == pytest.approx(rest[3], abs=0.02)
    laughing = smiling(dropped, 0.3)
    assert stiff.wanted(measures(laughing), neutral)[3] > rest[3] + 0.6


def test_lids_shut_where_shut_ones_are_read_and_noise_does_not_narrow_them() -> None:
    match = match_expression(expressions(300, 0), expressions(300, 0))
    rest, neutral = match.identity_rest, Neutral(head().astype(np.float32), match.driver_rest[:2], 0.0, 1.0)
    asked = np.tile(match.driver_rest, (4, 1))
    asked[:, :2] *= np.array([0.95, 0.9, 0.84, 0.78])[:, None]
    drawn = np.array([match.wanted(one, neutral)[0] / rest[0] for one in asked])
    assert drawn[0] > 0.96
    assert drawn[1] > 0.9
    assert drawn[3] < 0.74
    assert (np.diff(drawn) < 0).all()


def test_lids_shut_on_faces_of_which_little_or_much_of_that_is_read() -> None:
    match = match_expression(expressions(300, 0), expressions(300, 0))
    rest, neutral = match.identity_rest, Neutral(head().astype(np.float32), match.driver_rest[:2], 0.0, 1.0)
    asked = match.driver_rest.copy()
    asked[:2] *= 0.78
    ends = np.array([[0.5, 1.1], [0.0, 0.9], [-0.5, 1.2]], np.float32)
    ends[0] *= rest[0]
    for seen in (0.6, 1.6):
        read = ends.copy()
        read[0, 0] = read[0, 1] - seen * (ends[0, 1] - ends[0, 0])
        drawn = replace(match, response=level(ends, read)).wanted(asked, neutral)
        assert drawn[0] < 0.74 * rest[0]
