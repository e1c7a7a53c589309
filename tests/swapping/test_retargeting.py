import numpy as np
import pytest

from deepfake_core.facemesh import topology
from deepfake_core.swapping.expression import DriverCalibration, ExpressionMatch, measures
from deepfake_core.swapping.retargeting import Retargeter, openings
from deepfake_core.training.fitting import fit, judge, match_expression


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


def test_a_match_moves_eyes_mouth_and_smile_where_they_are_asked() -> None:
    match = match_expression(expressions(300, 0), expressions(300, 0))
    asked = np.array([0.3, 0.3, 0.2, 0.4], np.float32)
    for start in (opened(0.8, 2.0), opened(0.7, 0.3)):
        np.testing.assert_allclose(measures(match(start, asked)), asked, atol=0.04)


def test_what_is_asked_stays_within_what_faces_can_do() -> None:
    match = match_expression(expressions(300, 0), expressions(300, 0))
    torn = measures(match(opened(0.5, 1.0), np.full(4, 50.0, np.float32)))
    assert torn.max() < 1.4


def test_the_match_widens_what_the_drivers_show_less() -> None:
    drivers = expressions(300, 0)
    timid = drivers.mean(0) + 0.5 * (drivers - drivers.mean(0))
    match = match_expression(timid, drivers)
    np.testing.assert_allclose(match.gain, 2.0, rtol=0.25)


def usual() -> np.ndarray:
    return np.median(measures(expressions(300, 0)), axis=0).astype(np.float32)


def resting(lids: float, lift: float) -> np.ndarray:
    return smiling(opened(lids, 0.0), lift)


def test_narrow_eyes_and_low_corners_count_as_usual_for_whom_they_are() -> None:
    calibration, wanted = DriverCalibration(), usual()
    narrow = 0.45 * wanted[0] / float(measures(opened(0.45, 0.0))[0]) - 0.04
    for _ in range(400):
        seen = calibration(resting(narrow, -0.1), 1, wanted)
    assert seen[0] == pytest.approx(wanted[0], rel=0.05)
    assert seen[3] == pytest.approx(wanted[3], abs=0.03)
    # Shut eyes and a laugh stand out against it, and do not become usual when they are short.
    for _ in range(6):
        moved = calibration(resting(0.5 * narrow, 0.4), 1, wanted)
    assert moved[0] < 0.65 * wanted[0]
    assert moved[3] == pytest.approx(wanted[3] + 0.5, abs=0.06)
    assert calibration(resting(narrow, -0.1), 1, wanted)[0] == pytest.approx(wanted[0], rel=0.08)


def test_each_driver_has_a_calibration_of_its_own() -> None:
    calibration, wanted = DriverCalibration(), usual()
    for _ in range(200):
        calibration(resting(0.2, -0.2), 1, wanted)
    fresh = DriverCalibration()(resting(0.4, 0.1), 2, wanted)
    np.testing.assert_allclose(calibration(resting(0.4, 0.1), 2, wanted), fresh)


def test_a_match_of_equal_faces_changes_nothing() -> None:
    face = opened(0.8, 1.0)
    same = measures(face).astype(np.float32)
    match = ExpressionMatch(same, same, np.ones(4, np.float32), np.ones((4, 1404), np.float32))
    np.testing.assert_allclose(match(face, same), face, atol=1e-5)


def test_a_retargeter_without_coefficients_gives_the_identitys_mean() -> None:
    mean = head().reshape(-1).astype(np.float32)
    retargeter = Retargeter(
        driver_mean=mean,
        basis=np.eye(4, 1404, dtype=np.float32),
        openings_mean=np.zeros(5, np.float32),
        openings_scale=np.ones(5, np.float32),
        coefficients=np.zeros((9, 1404), np.float32),
        identity_mean=mean,
    )
    np.testing.assert_allclose(retargeter(opened(1.0, 2.0)), head(), atol=1e-5)
