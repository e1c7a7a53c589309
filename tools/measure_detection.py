"""Measures whether FaceMesh finds the faces of people who do not exist, alike for every Monk tone.

Random people with an expression, a light, hair and what they wear, but with nothing held before the face, turn their
heads before a still camera from 0 to 60 degrees: each of them in every tone, so that the tones differ in nothing else
(but for hair colours and proportions that go with them). `--plain` leaves glasses, hats, headsets, beards and
difficult lights away. A face is found when MediaPipe's networks
take it for one, where it is: in a single picture (detector, then landmark network), or by the live filter's tracker,
which follows the turn. Prints a table of tones and yaws for each; `--json` keeps the counts.
"""

from __future__ import annotations

import argparse
import json
import multiprocessing
import os
import sys
from dataclasses import replace
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
from deepfake_core.facemesh.tracking import MIN_PRESENCE, FaceTracker
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
from deepfake_core.synthetic.skin import metering
from deepfake_core.synthetic.traits import TONES, random_traits

YAWS = (0, 15, 30, 45, 60)
LENS = 12.0  # degrees: from 1.2 to 1.9 m all parts of a face are seen at nearly the same yaw
MIDDLE_OF_FACE = np.array([0.0, 0.08, 0.95, 1.0])  # dm from the head bone
STEP, RATE = 7.5, 15.0  # degrees, pictures/s: about 110 degrees/s
WAYS = ("single", "followed")
NEAR = 0.5  # dm: the landmarks' mean may lie so far from it


class Finder:
    """Renders people and looks for their faces."""

    def __init__(self, assets: Path, size: int, *, plain: bool) -> None:
        self._wardrobe = Wardrobe(assets, skin_size=1024)
        self._renderer = Renderer(self._wardrobe.body, size)
        self._environments = [Environment.load(assets, name) for name in environment.NAMES]
        self._detector = FaceDetector(threads=1, provider="cpu")
        self._network = LandmarkNetwork(threads=1, provider="cpu")
        self._tracker = FaceTracker(threads=1, provider="cpu")
        self._size, self._plain = size, plain

    def person(self, tone: int, seed: int, missed: Path | None) -> dict[str, dict[int, bool]]:
        """Whether the face of a random person of this tone was found, for each way and yaw."""
        g = np.random.default_rng([seed, 31])
        recipe = random_recipe(seed, self._wardrobe.body.detail_axes, traits=random_traits(g, monk_tone=tone))
        if self._plain:
            outfit = replace(recipe.outfit, glasses=None, hat=None, headset=None)
            recipe = replace(recipe, outfit=outfit, facial_hair=replace(recipe.facial_hair, beard=None))
        person = self._wardrobe.build(recipe)
        expression = random_expression(g, self._wardrobe.body.expressions)
        light = random_light(g, self._environments, kind="room" if self._plain else None)
        framing = Framing(fov=LENS, height=float(g.uniform(2.6, 4.0)))
        side, pitch, roll = int(g.choice([-1, 1])), float(g.normal(0, 5)), float(g.normal(0, 4))
        found: dict[str, dict[int, bool]] = {way: {} for way in WAYS}
        self._tracker.reset()
        for step, yaw in enumerate(np.arange(0, YAWS[-1] + STEP, STEP)):
            posed = person.pose(expression, HeadPose(float(yaw) * side, pitch, roll))
            camera = framing.camera(person, posed)
            bgr = self._renderer.render(person, posed, light, camera, gain=metering(person.recipe.skin)).bgr
            x, y, _, w = head_to_clip(person, posed, camera) @ MIDDLE_OF_FACE
            middle = np.array([x / w + 1, 1 - y / w]) * self._size / 2
            near = NEAR / framing.height * self._size
            faces = self._tracker.update(Frame.from_bgr(bgr), int(step / RATE * 1e9))
            if yaw not in YAWS:
                continue
            found["followed"][int(yaw)] = any(_lies_at(face.raw, middle, near) for face in faces)
            found["single"][int(yaw)] = self._found(bgr, middle, near)
            if missed is not None and not found["followed"][int(yaw)]:
                cv2.imwrite(str(missed / f"tone{tone:02d}-yaw{yaw:.0f}-seed{seed}.png"), bgr)
        return found

    def _found(self, bgr: np.ndarray, middle: np.ndarray, near: float) -> bool:
        detections = self._detector.detect(bgr)
        if not detections:
            return False
        reading = self._network.read(Frame.from_bgr(bgr), detections[0].region)
        return reading is not None and reading.presence >= MIN_PRESENCE and _lies_at(reading.landmarks, middle, near)


def _lies_at(landmarks: np.ndarray, middle: np.ndarray, near: float) -> bool:
    return bool(np.linalg.norm(landmarks[:, :2].mean(axis=0) - middle) < near)


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
    for way in WAYS:
        Console(width=100).print(_table(counts, way))
    return 0


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--people", type=int, default=20, help="people per tone")
    parser.add_argument("--size", type=int, default=256, help="side of the pictures in px")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--plain", action="store_true", help="no glasses, hats, headsets, beards; the light of a room")
    parser.add_argument("--processes", type=int, default=2)
    parser.add_argument("--json", type=Path, help="file for the counts")
    parser.add_argument("--missed", type=Path, help="folder for the pictures whose face was not found")
    parser.add_argument("--assets", type=Path, help="assets folder (default: ../shared/assets)")
    return parser


def _start_worker(assets: Path, size: int, plain: bool) -> None:
    global _finder  # noqa: PLW0603  (multiprocessing initialises workers this way)
    cv2.setNumThreads(1)
    _finder = Finder(assets, size, plain=plain)


def _look(task: tuple[int, int, Path | None]) -> tuple[int, dict[str, dict[int, bool]]]:
    assert _finder is not None  # set by _start_worker
    tone, seed, missed = task
    return tone, _finder.person(tone, seed, missed)


def _measure(assets: Path, options: argparse.Namespace) -> dict[str, Any]:
    tasks = [(tone, options.seed + k, options.missed) for k in range(options.people) for tone in range(1, TONES + 1)]
    found = {way: {tone: dict.fromkeys(YAWS, 0) for tone in range(1, TONES + 1)} for way in WAYS}
    context = multiprocessing.get_context("spawn")
    with context.Pool(options.processes, _start_worker, (assets, options.size, options.plain)) as pool:
        for tone, seen in track(pool.imap_unordered(_look, tasks), "people", total=len(tasks)):
            for way, hits in seen.items():
                for yaw, hit in hits.items():
                    found[way][tone][yaw] += hit
    return {
        "people_per_tone": options.people,
        "size": options.size,
        "plain": options.plain,
        "seed": options.seed,
        "found": found,
    }


def _table(counts: dict[str, Any], way: str) -> Table:
    people = counts["people_per_tone"]
    what = "in a single picture" if way == "single" else "by the tracker"
    table = Table(title=f"Faces found {what}, % of {people} people per tone and yaw, {counts['size']} px")
    for column in ("Monk tone", *(f"{yaw}°" for yaw in YAWS), "to 45°"):
        table.add_column(column, justify="right")
    rows: dict[Any, dict[int, float]] = dict(counts["found"][way])
    rows["all"] = {yaw: float(np.mean([row[yaw] for row in counts["found"][way].values()])) for yaw in YAWS}
    for tone, row in rows.items():
        shares = {yaw: 100 * row[yaw] / people for yaw in YAWS}
        to_45 = float(np.mean([share for yaw, share in shares.items() if yaw <= 45]))
        table.add_row(str(tone), *(f"{share:.1f}" for share in shares.values()), f"{to_45:.1f}")
    return table


if __name__ == "__main__":
    sys.exit(main())
