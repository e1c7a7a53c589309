"""dlib's embedding tells the people that we render apart."""

import cv2
import numpy as np
import pytest
from tiny_benchmark import clip

from deepfake_core.evaluation.embedding import FaceEmbedder, resemblance
from deepfake_core.inference.manifest import MODELS_DIR
from deepfake_core.training.still_landmarks import StillLandmarks

pytestmark = pytest.mark.train


def test_the_same_person_resembles_more_than_another() -> None:
    portrait = cv2.imread(str(MODELS_DIR / "identities/vesper/portrait.png"))
    assert portrait is not None
    vesper = np.asarray(cv2.resize(portrait, (256, 256), interpolation=cv2.INTER_AREA), np.uint8)
    darker = cv2.convertScaleAbs(vesper, alpha=0.6)
    performer = clip(16)
    find, embed = StillLandmarks(), FaceEmbedder()
    embeddings = []
    for bgr in (vesper, darker, performer[0], performer[15]):
        points = find(bgr)
        assert points is not None
        embeddings.append(embed(bgr, points))
    assert resemblance(embeddings[0], embeddings[0]) == 1
    assert resemblance(embeddings[0], embeddings[1]) > 0.7
    assert resemblance(embeddings[2], embeddings[3]) > 0.6
    assert resemblance(embeddings[0], embeddings[2]) < 0.45
