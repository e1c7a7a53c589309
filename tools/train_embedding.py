"""Train the network that says whose face a picture shows, for the identity loss of the swap's training.

    tools/train_embedding.py --stills STILLS --out identity.keras

STILLS is a set of `tools/render_people.py stills` with several pictures of each person. What the network knows is
judged on people who were held out. `tools/train_swap.py` and `tools/train_identity.py` take the file.
"""

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
from rich.console import Console
from rich.progress import Progress

from deepfake_core.synthetic import dataset
from deepfake_core.training.errors import TrainingError


def main(arguments: list[str] | None = None) -> int:
    """The command; returns its exit code."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--stills", type=Path, required=True, help="folder of rendered stills")
    parser.add_argument("--out", type=Path, required=True, help="file to write, .keras")
    parser.add_argument("--epochs", type=int, default=12, help="passes over the stills (%(default)s)")
    parser.add_argument("--threads", type=int, default=1, help="threads of the processor (%(default)s)")
    options = parser.parse_args(arguments)
    if options.out.suffix != ".keras" or not options.out.parent.is_dir():
        parser.error("--out must name a .keras file in a folder that exists.")
    cv2.setNumThreads(1)
    for name in ("TF_NUM_INTRAOP_THREADS", "TF_NUM_INTEROP_THREADS", "OMP_NUM_THREADS"):
        os.environ.setdefault(name, str(options.threads))
    import keras

    from deepfake_core.training import identity_embedding

    keras.mixed_precision.set_global_policy("mixed_bfloat16")
    console = Console()
    try:
        with Progress(console=console) as progress:
            task = progress.add_task("faces", total=1.0)
            faces = identity_embedding.read_faces(options.stills, lambda share: progress.update(task, completed=share))
        network, known = identity_embedding.train(faces, epochs=options.epochs, say=console.print)
    except (TrainingError, dataset.DatasetMismatch, dataset.DatasetIncomplete, dataset.ShardBroken) as error:
        print(error, file=sys.stderr)
        return 1
    partial = options.out.with_name("." + options.out.name)
    network.save(partial)
    partial.replace(options.out)
    print(
        f"{options.out}: equal error rate {100 * known.equal_error_rate:.2f} % on people never seen; mean cosine of "
        f"one person {known.similarity_same:.2f}, of two people {known.similarity_other:.2f}"
    )
    return 0


if __name__ == "__main__":
    sys.exit(main())
