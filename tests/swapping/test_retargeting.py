import numpy as np
import pytest

from deepfake_core.facemesh import topology
from deepfake_core.swapping.expression import DriverCalibration, ExpressionMatch
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


def test_eyes_and_mouth_open_as_far_as_asked() -> None:
    match = match_expression(people(300, 0, 1.0), people(300, 0, 1.0))
    asked = np.array([0.3, 0.3, 0.2], np.float32)
    for start in (opened(0.8, 2.0), opened(0.7, 0.3)):
        np.testing.assert_allclose(openings(match(start, asked))[:3], asked, atol=0.04)


def test_what_is_asked_stays_within_what_faces_can_do() -> None:
    match = match_expression(people(300, 0, 1.0), people(300, 0, 1.0))
    torn = openings(match(opened(0.5, 1.0), np.array([50.0, 50.0, 50.0], np.float32)))
    assert torn[:3].max() < 1.2


def test_narrow_eyes_count_as_open_for_whom_they_are() -> None:
    calibration = DriverCalibration()
    narrow, shut, usual = opened(0.6, 0.0), opened(0.35, 0.0), float(openings(opened(0.9, 0.0))[0])
    for _ in range(300):
        resting = calibration(narrow, 1, usual)
    assert resting[0] == pytest.approx(usual, rel=0.05)
    assert calibration(shut, 1, usual)[0] < 0.65 * usual
    # A short blink must not become the new normal.
    for _ in range(6):
        calibration(shut, 1, usual)
    assert calibration(narrow, 1, usual)[0] == pytest.approx(usual, rel=0.08)


def test_each_driver_has_a_calibration_of_its_own() -> None:
    calibration = DriverCalibration()
    usual = float(openings(opened(0.9, 0.0))[0])
    for _ in range(200):
        calibration(opened(0.6, 0.0), 1, usual)
    fresh = DriverCalibration()(opened(0.9, 0.0), 2, usual)
    np.testing.assert_allclose(calibration(opened(0.9, 0.0), 2, usual), fresh)


def test_a_match_of_equal_faces_changes_nothing() -> None:
    face = opened(0.8, 1.0)
    same = openings(face)[:3].astype(np.float32)
    match = ExpressionMatch(same, same, np.ones(3, np.float32), np.ones((3, 1404), np.float32))
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
