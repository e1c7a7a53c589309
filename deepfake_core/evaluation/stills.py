"""A parser is run over the benchmark's stills of hard cases, and each of its label pictures is measured."""

from __future__ import annotations

import numpy as np

from deepfake_core.evaluation.benchmark import Benchmark
from deepfake_core.evaluation.gaze import eye_features
from deepfake_core.evaluation.parsers import PARSERS
from deepfake_core.evaluation.parsing import confusion, head_matte, matte_error
from deepfake_core.evaluation.sequences import Columns

ATTRIBUTES = ("monk_tone", "sex", "yaw", "occluded", "gaze", "actor_seed", "case")


def score_stills(benchmark: Benchmark, shard: int, parser: str) -> Columns:
    """Run and measure one shard; raises BenchmarkBroken.

    `confusion` is int64 (N, 20, 3), see `parsing.confusion`; `actor_eyes` serves to learn to read gaze.
    """
    arrays = benchmark.stills.read(shard)
    parse = PARSERS[parser]()
    labels = [parse(bgr, true) for bgr, true in zip(arrays["actor_bgr"], arrays["actor_labels"], strict=True)]
    columns: Columns = {name: arrays[name] for name in ATTRIBUTES}
    columns["confusion"] = np.array([confusion(*pair) for pair in zip(labels, arrays["actor_labels"], strict=True)])
    columns["matte_error"] = np.array(
        [matte_error(head_matte(found), true) for found, true in zip(labels, arrays["actor_head_matte"], strict=True)]
    )
    columns["actor_eyes"] = np.array(
        [
            eye_features(bgr, true, points)
            for bgr, true, points in zip(
                arrays["actor_bgr"], arrays["actor_labels"], arrays["actor_points"], strict=True
            )
        ]
    )
    return columns
