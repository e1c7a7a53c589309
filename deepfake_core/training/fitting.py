"""Fitting the retargeter: which landmarks the identity has when a driver has these."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from deepfake_core.facemesh import topology
from deepfake_core.swapping.expression import MEASURES, ExpressionMatch, measures
from deepfake_core.swapping.retargeting import Retargeter, openings

COMPONENTS = 80
RIDGE = 30.0
_OPENING_GAIN = 4.0
_MEASURE_RIDGE = 1e-5
_EMPHASISED = sorted({*topology.RIGHT_EYE, *topology.LEFT_EYE, *topology.LIPS_INNER, *topology.LIPS_OUTER})


@dataclass(frozen=True)
class FitReport:
    """How well the fit does on actors that it has not seen."""

    error_centimetres: float
    unfitted_error_centimetres: float
    opening_correlations: dict[str, float]


def fit(driver: np.ndarray, identity: np.ndarray, components: int = COMPONENTS) -> Retargeter:
    """Fit on pose-normalised landmarks of the same expressions, both float (N, 468, 3) cm."""
    flat = driver.reshape(len(driver), -1).astype(np.float64)
    aim = identity.reshape(len(identity), -1).astype(np.float64)
    driver_mean, identity_mean = flat.mean(0), aim.mean(0)
    weight = np.ones((468, 3))
    weight[_EMPHASISED] = 2.0
    weights = weight.ravel()
    _, _, directions = np.linalg.svd((flat - driver_mean) * weights, full_matrices=False)
    basis = directions[:components] * weights

    opened = openings(driver.astype(np.float64))
    openings_mean = opened.mean(0)
    openings_scale = _OPENING_GAIN / np.maximum(opened.std(0), 1e-6)

    retargeter = Retargeter(
        driver_mean=driver_mean,
        basis=basis,
        openings_mean=openings_mean,
        openings_scale=openings_scale,
        coefficients=np.zeros((len(basis) + 5, flat.shape[1])),
        identity_mean=identity_mean,
    )
    features = retargeter.features(driver.astype(np.float64))
    gram = features.T @ features + RIDGE * np.eye(features.shape[1])
    coefficients = np.linalg.solve(gram, features.T @ (aim - identity_mean))
    tensors = {**vars(retargeter), "coefficients": coefficients}
    return Retargeter(**{name: np.ascontiguousarray(tensor, np.float32) for name, tensor in tensors.items()})


def match_expression(driver: np.ndarray, identity: np.ndarray) -> ExpressionMatch:
    """Fit on pose-normalised landmarks of the same expressions, both float (N, 468, 3) cm."""
    asked, given = measures(driver), measures(identity)
    centred = given - given.mean(0)
    flat = identity.reshape(len(identity), -1)
    # The two eyes nearly always move together: the ridge keeps what one does alone from being noise.
    gram = centred.T @ centred + _MEASURE_RIDGE * len(flat) * np.eye(MEASURES)
    directions = np.linalg.solve(gram, centred.T @ (flat - flat.mean(0)))
    gain = given.std(0) / np.maximum(asked.std(0), 1e-6)
    tensors = (np.median(asked, axis=0), np.median(given, axis=0), gain, directions)
    return ExpressionMatch(*(np.ascontiguousarray(tensor, np.float32) for tensor in tensors))


def judge(retargeter: Retargeter, driver: np.ndarray, identity: np.ndarray) -> FitReport:
    """Compare with the truth on pairs float (N, 468, 3) cm that were kept out of the fit."""
    predicted = np.stack([retargeter(head) for head in driver])

    def error(points: np.ndarray) -> float:
        return float(np.linalg.norm((points - identity)[..., :2], axis=-1).mean())

    got, wanted = openings(predicted), openings(identity)
    names = ("right eye", "left eye", "mouth", "right brow", "left brow")
    correlations = {name: float(np.corrcoef(got[:, k], wanted[:, k])[0, 1]) for k, name in enumerate(names)}
    return FitReport(error(predicted), error(driver), correlations)
