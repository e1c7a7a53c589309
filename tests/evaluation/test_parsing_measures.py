"""F1 and matte error of masks made by hand."""

import numpy as np
import pytest

from deepfake_core.evaluation.parsing import confusion, f1, head_matte, matte_error
from deepfake_core.synthetic.labels import Label

pytestmark = pytest.mark.train


def test_f1_of_a_mask_made_by_hand() -> None:
    truth = np.zeros((10, 10), np.uint8)
    output = np.zeros((10, 10), np.uint8)
    truth[:, :4] = Label.HAIR  # 40 px
    output[:, 2:5] = Label.HAIR  # 20 px right, 10 px too many, 20 px missed
    counts = confusion(output, truth)
    assert counts[Label.HAIR].tolist() == [20, 10, 20]
    assert f1(counts)[Label.HAIR] == pytest.approx(2 * 20 / (2 * 20 + 10 + 20))


def test_the_same_labels_score_one_and_absent_classes_nothing() -> None:
    truth = np.zeros((4, 4), np.uint8)
    truth[0] = Label.OCCLUDER
    scores = f1(confusion(truth, truth))
    assert scores[Label.OCCLUDER] == scores[Label.BACKGROUND] == 1
    assert np.isnan(scores[Label.NOSE])


def test_a_class_that_is_never_found_scores_nothing() -> None:
    truth = np.full((4, 4), Label.HAT, np.uint8)
    assert f1(confusion(np.zeros_like(truth), truth))[Label.HAT] == 0


def test_counts_of_several_pictures_add_up() -> None:
    truth, output = np.full((2, 2), Label.SKIN, np.uint8), np.full((2, 2), Label.NOSE, np.uint8)
    total = confusion(truth, truth) + confusion(output, truth)
    assert f1(total)[Label.SKIN] == pytest.approx(2 * 4 / (2 * 4 + 4))


def test_the_head_is_what_is_above_the_neck() -> None:
    labels = np.arange(len(Label), dtype=np.uint8)[None]
    shown = {Label(k) for k in np.flatnonzero(head_matte(labels)[0]).tolist()}
    off = {Label.BACKGROUND, Label.NECK, Label.NECKLACE, Label.CLOTH, Label.OCCLUDER, Label.EARRING}
    assert shown == set(Label) - off


def test_matte_error_is_a_share_of_the_head() -> None:
    truth = np.zeros((10, 10), np.uint8)
    truth[:5] = 255
    half = truth.copy()
    half[:, :5] = 0
    assert matte_error(truth, truth) == 0
    assert matte_error(np.zeros_like(truth), truth) == 1
    assert matte_error(half, truth) == pytest.approx(0.5)
    assert np.isnan(matte_error(truth, np.zeros_like(truth)))
