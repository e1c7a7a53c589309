"""Train the face parser."""

from __future__ import annotations

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent))

from environment import run_inside

run_inside("train")

import argparse
import os

os.environ.setdefault("KERAS_BACKEND", "tensorflow")
os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")

import cv2


def main(arguments: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--work", type=Path, required=True)
    parser.add_argument("--stills", type=Path, nargs="+", required=True)
    parser.add_argument("--steps", type=int, default=9000)
    parser.add_argument("--until", type=int)
    parser.add_argument("--size", type=int, default=256)
    parser.add_argument("--batch", type=int, default=16)
    parser.add_argument("--decay", type=float, default=0.4)
    parser.add_argument("--rate", type=float, default=2e-3)
    options = parser.parse_args(arguments)
    cv2.setNumThreads(1)
    import tensorflow as tf

    tf.config.threading.set_intra_op_parallelism_threads(2)
    tf.config.threading.set_inter_op_parallelism_threads(2)
    from deepfake_core.training.parser_data import StillPool, parser_batches
    from deepfake_core.training.parser_trainer import ParserSettings, ParserTrainer

    settings = ParserSettings(steps=options.steps, size=options.size, batch=options.batch, decay=options.decay, learning_rate=options.rate)
    pool = StillPool(options.stills, held_out=False)
    trainer = ParserTrainer(options.work, settings)
    batches = parser_batches(pool, seed=settings.seed, batch=settings.batch, size=settings.size, first_step=trainer.step)
    trainer.train(batches, until=options.until or options.steps, say=lambda e: print(e, len(pool), flush=True), between=pool.take_new)
    return 0


if __name__ == "__main__":
    sys.exit(main())
