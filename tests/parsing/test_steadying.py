"""Masks keep still where the picture does, and follow at once where it changes."""

from itertools import pairwise

import numpy as np

from deepfake_core.parsing.classes import Label
from deepfake_core.parsing.parsing import SIZE
from deepfake_core.parsing.steadying import SHARES_SIZE, Steadying

COUNT = len(Label)


def answer(generator: np.random.Generator, edge: float, noise: float) -> np.ndarray:
    """Hair left of `edge` (px of the shares), skin right of it, not quite sure about the border."""
    columns = np.arange(SHARES_SIZE) + generator.normal(0, noise, (SHARES_SIZE, SHARES_SIZE))
    hair = 1 / (1 + np.exp((columns - edge) / 1.5))
    shares = np.zeros((COUNT, SHARES_SIZE, SHARES_SIZE), np.float32)
    shares[Label.HAIR], shares[Label.SKIN] = hair, 1 - hair
    return shares


def picture(generator: np.random.Generator, edge: float) -> np.ndarray:
    """Dark left of `edge` (px of the shares), bright right of it, from a noisy camera."""
    bright = np.where(np.arange(SIZE) < 2 * edge, 60.0, 170.0)[None, :, None]
    return np.clip(bright + generator.normal(0, 6, (SIZE, SIZE, 3)), 0, 255).astype(np.uint8)


def flicker(steady: bool) -> float:
    """Mean change of the hair's mask from one answer to the next, as a share of its area."""
    generator = np.random.default_rng(0)
    filtered, masks = Steadying(), []
    for _ in range(14):
        shares = answer(generator, 60, 2.0)
        _, labels = filtered.update(shares, picture(generator, 60))
        masks.append((labels if steady else shares.argmax(0)) == Label.HAIR)
    later = masks[4:]
    return float(np.mean([(a != b).mean() / a.mean() for a, b in pairwise(later)]))


def test_a_still_picture_hardly_flickers_although_the_answers_do() -> None:
    assert flicker(steady=False) > 0.02
    assert flicker(steady=True) < 0.004


def test_what_moved_is_taken_at_once() -> None:
    generator = np.random.default_rng(1)
    steadying = Steadying()
    for _ in range(6):
        steadying.update(answer(generator, 40, 0.0), picture(generator, 40))
    shares, labels = steadying.update(answer(generator, 80, 0.0), picture(generator, 80))
    assert (labels[:, 2 * 40 + 8 : 2 * 80 - 8] == Label.HAIR).all()
    assert shares[Label.HAIR, :, 50].min() > 0.95


def test_shares_stay_shares_and_the_first_answer_counts_in_full() -> None:
    generator = np.random.default_rng(2)
    steadying = Steadying()
    first = answer(generator, 50, 1.0)
    shares, labels = steadying.update(first, picture(generator, 50))
    np.testing.assert_array_equal(shares, first)
    assert set(np.unique(labels)) == {Label.SKIN, Label.HAIR}
    for edge in (50, 52, 70):
        shares, _ = steadying.update(answer(generator, edge, 1.0), picture(generator, edge))
        np.testing.assert_allclose(shares.sum(0), 1.0, atol=1e-4)
