"""Fitting the retargeter: which landmarks the identity has when a driver has these."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np

from deepfake_core.facemesh import topology
from deepfake_core.swapping.alignment import similarity
from deepfake_core.swapping.expression import EYES, JAW, MEASURES, MOUTH, SMILE, ExpressionMatch, faithful, measures
from deepfake_core.swapping.retargeting import Retargeter, openings

COMPONENTS = 80
RIDGE = 30.0
_OPENING_GAIN = 4.0
_MEASURE_RIDGE = 1e-5
_CALM_SHARE = 0.04
_EYE_REACH = (1.8, 3.0)
"""cm from an eye's middle up to which all moves with its lids, and from which on nothing does."""
_NOSE_MIDDLE, _NOSE_REACH = np.array([0.0, -0.5]), np.array([2.6, 3.2])
"""cm of the canonical head: the middle of the nose, and how far it reaches to the side and down."""
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
        identity_neutral=neutral(aim.reshape(-1, 468, 3)).ravel(),
    )
    features = retargeter.features(driver.astype(np.float64))
    gram = features.T @ features + RIDGE * np.eye(features.shape[1])
    coefficients = np.linalg.solve(gram, features.T @ (aim - identity_mean))
    tensors = {**vars(retargeter), "coefficients": coefficients}
    return Retargeter(**{name: np.ascontiguousarray(tensor, np.float32) for name, tensor in tensors.items()})


def neutral(heads: np.ndarray) -> np.ndarray:
    """A face at rest, float64 (468, 3) cm: the mean of the calmest of one person's landmarks (N, 468, 3) cm."""
    found = measures(heads)
    rest = _rest(found)
    strange = np.abs(found - rest) / np.maximum(found.std(0), 1e-6)
    calmest = np.argsort(strange.max(1), kind="stable")[: max(1, round(_CALM_SHARE * len(heads)))]
    return heads[calmest].astype(np.float64).mean(0)


def with_nose(retargeter: Retargeter, front: np.ndarray) -> Retargeter:
    """The same with the nose as wide and long as landmarks (468, 3) cm of the view from the front say.

    Under other light FaceMesh takes a narrow nose for a wider one; drawn so, that view's texture would be stretched.
    """
    rest = retargeter.identity_neutral.reshape(-1, 3).astype(np.float64)
    scale, rotation, translation = similarity(front.astype(np.float64), rest)
    away = np.hypot(*((rest[:, :2] - _NOSE_MIDDLE) / _NOSE_REACH).T)
    share = np.clip(1.5 - away, 0.0, 1.0)[:, None]
    shift = (share * (scale * front @ rotation.T + translation - rest)).ravel()
    return replace(
        retargeter,
        identity_mean=(retargeter.identity_mean + shift).astype(np.float32),
        identity_neutral=(retargeter.identity_neutral + shift).astype(np.float32),
    )


def match_expression(driver: np.ndarray, identity: np.ndarray) -> ExpressionMatch:
    """Fit on pose-normalised landmarks of the same expressions, both float (N, 468, 3) cm."""
    asked, given = measures(driver), measures(identity)
    tensors = (_rest(asked), _rest(given), _directions(identity, given))
    return ExpressionMatch(*(np.ascontiguousarray(tensor, np.float32) for tensor in tensors))


def own_fit(heads: np.ndarray, nearest: Retargeter, expression: ExpressionMatch) -> tuple[Retargeter, ExpressionMatch]:
    """Retargeter and match of a person without pairs, from its own pose-normalised landmarks (N, 468, 3) cm.

    nearest, expression: those of the identity whose face is most like its own: this person's face at rest moves as
    that one does, and its lids and lips along ways of its own.
    """
    given = measures(heads)
    rest = neutral(heads).ravel()
    moved = rest - nearest.identity_neutral
    retargeter = replace(
        nearest,
        identity_mean=(nearest.identity_mean + moved).astype(np.float32),
        identity_neutral=rest.astype(np.float32),
    )
    tensors = {
        "identity_rest": _rest(given),
        "directions": _directions(heads, given),
    }
    return retargeter, replace(
        expression,
        response=faithful(),
        **{name: np.ascontiguousarray(tensor, np.float32) for name, tensor in tensors.items()},
    )


def _rest(found: np.ndarray) -> np.ndarray:
    """Measures float64 (4,) of a face at rest: eyes as usual, lips nearly together, the smile as usual."""
    rest = np.median(found, axis=0)
    rest[EYES] = np.quantile(found[:, EYES], 0.6)
    rest[MOUTH] = np.quantile(found[:, MOUTH], 0.15)
    # Lips part without the jaw: at rest the corners lie where they usually do.
    rest[SMILE] = np.median(found[:, SMILE] + JAW * found[:, MOUTH]) - JAW * rest[MOUTH]
    return rest


def _directions(heads: np.ndarray, found: np.ndarray) -> np.ndarray:
    """float64 (4, 1404), cm: how one person's landmarks (N, 468, 3) move with its measures (N, 4)."""
    # The two eyes nearly always move together: what one does alone would be noise, so each gets its own surroundings'
    # share of what both do, and nothing of the smile that often comes with it.
    together = np.column_stack([found[:, EYES].mean(1), found[:, MOUTH:]])
    centred = together - together.mean(0)
    flat = heads.reshape(len(heads), -1)
    gram = centred.T @ centred + _MEASURE_RIDGE * len(flat) * np.eye(MEASURES - 1)
    eyes, *rest = np.linalg.solve(gram, centred.T @ (flat - flat.mean(0))).reshape(-1, 468, 3)
    around = _around_eyes()[..., None]
    elsewhere = 1.0 - around.sum(0)
    return np.stack([*(around * eyes), *(elsewhere * way for way in rest)]).reshape(MEASURES, -1)


def _around_eyes() -> np.ndarray:
    """float64 (2, 468), 0..1: what belongs to the right and to the left eye."""
    vertices = topology.canonical_face().vertices.astype(np.float64)
    middles = np.stack([vertices[list(loop)].mean(0) for loop in (topology.RIGHT_EYE, topology.LEFT_EYE)])
    distance = np.linalg.norm(vertices[None, :, :2] - middles[:, None, :2], axis=-1)
    near, far = _EYE_REACH
    return np.clip((far - distance) / (far - near), 0.0, 1.0)


def judge(retargeter: Retargeter, driver: np.ndarray, identity: np.ndarray) -> FitReport:
    """Compare with the truth on pairs float (N, 468, 3) cm that were kept out of the fit."""
    predicted = np.stack([retargeter(head) for head in driver])

    def error(points: np.ndarray) -> float:
        return float(np.linalg.norm((points - identity)[..., :2], axis=-1).mean())

    got, wanted = openings(predicted), openings(identity)
    names = ("right eye", "left eye", "mouth", "right brow", "left brow")
    correlations = {name: float(np.corrcoef(got[:, k], wanted[:, k])[0, 1]) for k, name in enumerate(names)}
    return FitReport(error(predicted), error(driver), correlations)
