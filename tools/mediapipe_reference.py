"""Landmarks and times of mediapipe's own FaceMesh for a stack of frames: the oracle and yardstick of ours.

Runs in `.venv-reference`, as a child of the benchmark and of the tests.
"""

from environment import run_inside

run_inside("reference")

import argparse
import time
from pathlib import Path

import mediapipe
import numpy as np


def main() -> None:
    """Read frames, write landmarks and milliseconds for each frame."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("frames", type=Path, help=".npy, uint8 (N, H, W, 3) BGR")
    parser.add_argument("result", type=Path, help=".npz to write: landmarks float32 (N, 468, 3) in pixels, ms (N,)")
    parser.add_argument("--iris", action="store_true", help="with lids, lips and irises refined: (N, 478, 3)")
    arguments = parser.parse_args()
    frames = np.load(arguments.frames, mmap_mode="r", allow_pickle=False)
    height, width = frames.shape[1:3]
    points = 478 if arguments.iris else 468
    landmarks = np.full((len(frames), points, 3), np.nan, np.float32)
    milliseconds = np.zeros(len(frames))
    with mediapipe.solutions.face_mesh.FaceMesh(
        static_image_mode=False, max_num_faces=1, refine_landmarks=arguments.iris
    ) as face_mesh:
        for index, bgr in enumerate(frames):
            rgb = np.ascontiguousarray(bgr[..., ::-1])
            started = time.perf_counter()
            found = face_mesh.process(rgb).multi_face_landmarks
            milliseconds[index] = 1000 * (time.perf_counter() - started)
            if found:
                found_points = np.array([(point.x, point.y, point.z) for point in found[0].landmark])
                landmarks[index] = found_points * (width, height, width)
    np.savez(arguments.result, landmarks=landmarks, ms=milliseconds)


if __name__ == "__main__":
    main()
