"""Measures whether FaceMesh finds the faces of people who do not exist, alike for every Monk tone.

For each of the ten tones and each yaw as many random people are rendered, each with an expression, a light, hair and
what they wear, but with nothing held before the face. A face is found when the detector and the landmark network of
the live filter (MediaPipe's) take it for one, where it is. Prints a table of tones and yaws; `--json` keeps the counts.
"""

from __future__ import annotations

import argparse
import json
import multiprocessing
import os
import sys
from pathlib import Path
from typing import Any

from environment import run_inside

run_inside("train")

for threads in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS"):
    os.environ.setdefault(threads, "1")

import cv2
import numpy as np
from rich.console import Console
from rich.progress import track
from rich.table import Table

from deepfake_core.facemesh.detection import FaceDetector
from deepfake_core.facemesh.landmarks import LandmarkNetwork
from deepfake_core.facemesh.tracking import MIN_PRESENCE
from deepfake_core.frame import Frame
from deepfake_core.synthetic import environment
from deepfake_core.synthetic.assets import AssetsMissing, find_assets
from deepfake_core.synthetic.camera import Framing, head_to_clip
from deepfake_core.synthetic.environment import Environment
from deepfake_core.synthetic.expressions import random_expression
from deepfake_core.synthetic.lighting import random_light
from deepfake_core.synthetic.person import HeadPose, Wardrobe
from deepfake_core.synthetic.recipe import random_recipe
from deepfake_core.synthetic.renderer import GraphicsMissing, Renderer
from deepfake_core.synthetic.traits import TONES, random_traits

YAWS = (0, 15, 30, 45, 60)
LENS = 12.0  # degrees: from 1.2 to 1.9 m all parts of a face are seen at nearly the same yaw
MIDDLE_OF_FACE = np.array([0.0, 0.08, 0.95, 1.0])  # dm from the head bone
NEAR = 0.5  # dm: the landmarks' mean may lie so far from it


class Finder:
    """Renders people and looks for their faces."""

    def __init__(self, assets: Path, size: int) -> None:
        self._wardrobe = Wardrobe(assets, skin_size=1024)
        self._renderer = Renderer(self._wardrobe.body, size)
        self._environments = [Environment.load(assets, name) for name in environment.NAMES]
        self._detector = FaceDetector(threads=1, provider="cpu")
        self._network = LandmarkNetwork(threads=1, provider="cpu")
        self._size = size

    def person(self, tone: int, seed: int, missed: Path | None) -> dict[int, bool]:
        """Whether the face of a random person of this tone was found, for each yaw."""
        g = np.random.default_rng([seed, tone])
        traits = random_traits(g, monk_tone=tone)
        person = self._wardrobe.build(
            random_recipe(seed * TONES + tone, self._wardrobe.body.detail_axes, traits=traits)
        )
        found = {}
        for yaw in YAWS:
            side = int(g.choice([-1, 1]))
            pose = HeadPose(yaw * side, float(g.normal(0, 5)), float(g.normal(0, 4)))
            posed = person.pose(random_expression(g, self._wardrobe.body.expressions), pose)
            camera = Framing(fov=LENS, height=float(g.uniform(2.6, 4.0))).camera(person, posed)
            picture = self._renderer.render(person, posed, random_light(g, self._environments), camera)
            x, y, _, w = head_to_clip(person, posed, camera) @ MIDDLE_OF_FACE
            middle = np.array([x / w + 1, 1 - y / w]) * self._size / 2
            found[yaw] = self._found(picture.bgr, middle, NEAR / camera.distance / np.tan(np.radians(camera.fov / 2)))
            if missed is not None and not found[yaw]:
                cv2.imwrite(str(missed / f"tone{tone:02d}-yaw{yaw}-seed{seed}.png"), picture.bgr)
        return found

    def _found(self, bgr: np.ndarray, middle: np.ndarray, near: float) -> bool:
        detections = self._detector.detect(bgr)
        if not detections:
            return False
        reading = self._network.read(Frame.from_bgr(bgr), detections[0].region)
        if reading is None or reading.presence < MIN_PRESENCE:
            return False
        away = np.linalg.norm(reading.landmarks[:, :2].mean(axis=0) - middle)
        return bool(away < near * self._size / 2)


_finder: Finder | None = None  # one per worker process


def main(arguments: list[str] | None = None) -> int:
    """Run the tool; returns the exit status."""
    options = _parser().parse_args(arguments)
    try:
        assets = find_assets(options.assets)
        if options.missed is not None:
            options.missed.mkdir(parents=True, exist_ok=True)
        counts = _measure(assets, options)
        if options.json is not None:
            options.json.write_text(json.dumps(counts, indent=1) + "\n")
    except (AssetsMissing, GraphicsMissing, OSError) as error:
        print(f"measure_detection: {error}", file=sys.stderr)
        return 1
    Console(width=100).print(_table(counts))
    return 0


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--people", type=int, default=20, help="people per tone")
    parser.add_argument("--size", type=int, default=256, help="side of the pictures in px")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--processes", type=int, default=2)
    parser.add_argument("--json", type=Path, help="file for the counts")
    parser.add_argument("--missed", type=Path, help="folder for the pictures whose face was not found")
    parser.add_argument("--assets", type=Path, help="assets folder (default: ../shared/assets)")
    return parser


def _start_worker(assets: Path, size: int) -> None:
    global _finder  # noqa: PLW0603  (multiprocessing initialises workers this way)
    cv2.setNumThreads(1)
    _finder = Finder(assets, size)


def _look(task: tuple[int, int, Path | None]) -> tuple[int, dict[int, bool]]:
    assert _finder is not None  # set by _start_worker
    tone, seed, missed = task
    return tone, _finder.person(tone, seed, missed)


def _measure(assets: Path, options: argparse.Namespace) -> dict[str, Any]:
    tasks = [(tone, options.seed + k, options.missed) for k in range(options.people) for tone in range(1, TONES + 1)]
    found = {tone: dict.fromkeys(YAWS, 0) for tone in range(1, TONES + 1)}
    context = multiprocessing.get_context("spawn")
    with context.Pool(options.processes, _start_worker, (assets, options.size)) as pool:
        for tone, seen in track(pool.imap_unordered(_look, tasks), "people", total=len(tasks)):
            for yaw, hit in seen.items():
                found[tone][yaw] += hit
    return {
        "people_per_tone": options.people,
        "size": options.size,
        "seed": options.seed,
        "found": {str(tone): {str(yaw): hits for yaw, hits in row.items()} for tone, row in found.items()},
    }


def _table(counts: dict[str, Any]) -> Table:
    people = counts["people_per_tone"]
    table = Table(title=f"Faces found, % of {people} people per tone and yaw, {counts['size']} px")
    for column in ("Monk tone", *(f"{yaw}°" for yaw in YAWS), "to 45°"):
        table.add_column(column, justify="right")
    rows = {
        **counts["found"],
        "all": {str(yaw): np.mean([r[str(yaw)] for r in counts["found"].values()]) for yaw in YAWS},
    }
    for tone, row in rows.items():
        shares = [100 * row[str(yaw)] / people for yaw in YAWS]
        to_45 = float(np.mean([share for yaw, share in zip(YAWS, shares, strict=True) if yaw <= 45]))
        table.add_row(tone, *(f"{share:.1f}" for share in shares), f"{to_45:.1f}")
    return table


if __name__ == "__main__":
    sys.exit(main())
