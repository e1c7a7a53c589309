"""The plate is scored on what it saw and what it did not, and sequences that are too short are refused."""

from pathlib import Path

import cv2
import evaluate
import numpy as np
import pytest
from tiny_benchmark import clip, samples, write_benchmark

from deepfake_core.evaluation.plate import MEASURES, plate_scores, swaying
from deepfake_core.synthetic.dataset import Arrays

pytestmark = pytest.mark.train


@pytest.fixture(scope="module")
def before_a_wall() -> Arrays:
    """The performer before a wall that the test knows, 64 frames."""
    arrays = samples(clip(4) * 16, ("actor", "plate"), tone=1, seed=0)
    coarse = np.random.default_rng(0).integers(60, 190, (16, 16, 3)).astype(np.uint8)
    wall = cv2.resize(coarse, (256, 256), interpolation=cv2.INTER_CUBIC)
    arrays["plate_bgr"] = np.broadcast_to(wall, arrays["actor_bgr"].shape)
    behind = arrays["actor_alpha"] == 0
    arrays["actor_bgr"] = arrays["actor_bgr"].copy()
    arrays["actor_bgr"][behind] = arrays["plate_bgr"][behind]
    return arrays


def test_who_stands_still_hides_the_wall_and_who_sways_shows_it(before_a_wall: Arrays) -> None:
    still, moving = (plate_scores(swaying(before_a_wall, sway), every=3, first=57) for sway in (0.0, 14.0))
    assert set(still) == set(MEASURES)
    assert np.isfinite(moving["plate_psnr"][[57, 60, 63]]).all()
    assert np.isnan(moving["plate_psnr"][:57]).all()
    assert np.nanmean(moving["plate_seen"]) > np.nanmean(still["plate_seen"]) + 0.05
    seen, invented = (np.nanmean(moving[name]) for name in ("plate_seen_psnr", "plate_seen_psnr_inpainting"))
    assert seen > 35
    assert seen > invented + 4
    assert np.nanmean(moving["plate_psnr"]) > np.nanmean(moving["plate_psnr_inpainting"])


def test_short_sequences_are_refused(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    folder = write_benchmark(tmp_path) / "sequences"
    assert evaluate.main([str(folder), "--plate"]) == 2
    assert "holds no sequences of 10 s" in capsys.readouterr().err
