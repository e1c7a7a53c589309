"""Shows the ten signs of a live deepfake on this project's own output, for docs/responsible-use.md.

    python3 tools/deepfake_signs.py      writes docs/pictures/signs.jpg

Renders a performer who does not exist in ten situations and puts each through the live filter's pipeline: camera on the
left, output on the right, a ring where the sign shows. Needs the assets (../shared/assets, or --assets).
"""

from __future__ import annotations

from environment import REPOSITORY, run_inside

run_inside("train")

import argparse
import sys
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from pathlib import Path

import cv2
import numpy as np
from rich.progress import track

from deepfake_core.facemesh import topology
from deepfake_core.frame import Frame
from deepfake_core.pipeline import Pipeline
from deepfake_core.settings import NoResult, Quality, Settings
from deepfake_core.synthetic.assets import AssetsMissing, find_assets
from deepfake_core.synthetic.camera import Framing
from deepfake_core.synthetic.environment import NAMES, Environment
from deepfake_core.synthetic.expressions import Expression, add, lids, look
from deepfake_core.synthetic.glasses import GlassesRecipe
from deepfake_core.synthetic.identities import identity_recipe
from deepfake_core.synthetic.lighting import Light, random_light
from deepfake_core.synthetic.occluders import Occlusion, Stay, gesture
from deepfake_core.synthetic.person import HeadPose, Person, Wardrobe
from deepfake_core.synthetic.renderer import GraphicsMissing, Renderer
from deepfake_core.synthetic.webcam import Webcam
from deepfake_core.training.still_landmarks import StillLandmarks

WIDTH, HEIGHT = 640, 480
SHOWN = 400, 300
SETTLE = 8  # pictures before the one that is shown: landmarks and light are smoothed over time
RATE_NS = 33_333_333
SMILE: Expression = {"MouthLeftPullUp": 0.9, "MouthRightPullUp": 0.9, "UpperLipUp": 0.6, "lowerLipDown": 0.3}
OPEN: Expression = {"JawDrop": 0.75, "UpperLipUp": 0.3}
RING = (60, 200, 255)


@dataclass(frozen=True)
class Sign:
    """A situation: what the performer does and wears, the light, the camera; and where to look."""

    title: str
    where: str
    expression: Expression | None = None
    pose: HeadPose = field(default_factory=HeadPose)
    light: str = "room"
    glasses: bool = False
    hand: bool = False
    webcam: Webcam | None = None
    before: Callable[[Sign], Sign] | None = None
    """What the pictures before the shown one were like; None: the same."""


SIGNS = (
    Sign("1  Blurry details: teeth, lashes, pores", "mouth", SMILE),
    Sign("2  A clean patch in a noisy picture", "face", light="dim room", webcam=Webcam(noise=0.012, shot=0.004)),
    Sign("3  A seam at jaw and temples", "jaw", light="window"),
    Sign("4  The turn of the head", "face", pose=HeadPose(yaw=62)),
    Sign("5  Things before the face", "mouth", hand=True),
    Sign("6  Glasses thin out or vanish", "eyes", glasses=True),
    Sign(
        "7  Eyes: late lids, empty gaze",
        "eyes",
        add(look(18, 4), lids(0.75)),
        before=lambda sign: replace(sign, expression=None),
    ),
    Sign("8  Mouth: its inside is mush", "mouth", OPEN),
    Sign("9  Light that does not follow", "face", light="stage", before=lambda sign: replace(sign, light="room")),
    Sign("10  Hair, ears and neck of somebody else", "hair", None, HeadPose(yaw=-18, pitch=4)),
)


class Stage:
    """Renders the situations."""

    def __init__(self, assets: Path) -> None:
        self._wardrobe = Wardrobe(assets, skin_size=2048)
        self._recipe = identity_recipe("performer")
        self._renderer = Renderer(self._wardrobe.body, WIDTH, HEIGHT)
        self._environments = [Environment.load(assets, name) for name in NAMES]

    def picture(self, sign: Sign, seed: int) -> np.ndarray:
        """The camera's picture of a situation, uint8 (480, 640, 3) BGR."""
        outfit = replace(self._recipe.outfit, glasses=GlassesRecipe(thickness=0.02) if sign.glasses else None)
        person = self._wardrobe.build(replace(self._recipe, outfit=outfit))
        if sign.hand:
            person = self._with_hand(person)
        posed = person.pose(sign.expression or {}, sign.pose)
        light: Light = random_light(np.random.default_rng(5), self._environments, kind=sign.light)
        camera = Framing(fov=30, height=3.6, offset=(0.0, 0.1)).camera(person, person.pose({}, HeadPose()))
        bgr = self._renderer.render(person, posed, light, camera, gain=light.exposure).bgr
        return bgr if sign.webcam is None else sign.webcam.apply(bgr, seed)

    def _with_hand(self, person: Person) -> Person:
        thing = gesture(np.random.default_rng(2), person, "mouth", 1)
        return person.holding(Occlusion([(thing, Stay(), 0.0)], person.fitting.head.astype(np.float64)).parts)


def through_the_filter(stage: Stage, sign: Sign) -> tuple[np.ndarray, np.ndarray]:
    """The camera's picture and what the live filter makes of it."""
    pipeline = Pipeline(Settings(quality=Quality.BEST, no_result=NoResult.BLUR), threads=2, provider="cpu")
    pipeline.load()
    earlier = sign.before(sign) if sign.before else sign
    settled = None if earlier.webcam else stage.picture(earlier, 0)
    for number in range(SETTLE):
        bgr = stage.picture(earlier, number) if settled is None else settled
        pipeline.process(Frame.from_bgr(bgr.copy(), number * RATE_NS))
    bgr = stage.picture(sign, SETTLE)
    marked = pipeline.process(Frame.from_bgr(bgr.copy(), SETTLE * RATE_NS))
    return bgr, marked.frame.to_bgr()


def ring(bgr: np.ndarray, output: np.ndarray, where: str) -> None:
    """Draw a ring into the output around the place, found in the camera's picture."""
    points = StillLandmarks()(bgr)
    if points is None:
        return
    face = points[:, :2]
    left, right = face[:, 0].min(), face[:, 0].max()
    top, bottom = face[:, 1].min(), face[:, 1].max()
    width, height = right - left, bottom - top
    middle = (left + right) / 2
    boxes = {
        "mouth": _around(face[list(topology.LIPS_OUTER)], 0.35),
        "eyes": (left + width / 2, top + 0.3 * height, 0.5 * width, 0.17 * height),
        "face": (middle, (top + bottom) / 2, 0.6 * width, 0.6 * height),
        "jaw": (middle, bottom - 0.12 * height, 0.6 * width, 0.3 * height),
        "hair": (middle, top - 0.05 * height, 0.7 * width, 0.3 * height),
    }
    x, y, across, down = boxes[where]
    cv2.ellipse(output, (round(x), round(y)), (round(across), round(down)), 0, 0, 360, RING, 2, cv2.LINE_AA)


def _around(points: np.ndarray, more: float) -> tuple[float, float, float, float]:
    low, high = points.min(axis=0), points.max(axis=0)
    (x, y), (across, down) = (low + high) / 2, (high - low) / 2
    return x, y, across * (1 + more), down * (1 + more) + 12


def tile(sign: Sign, camera: np.ndarray, output: np.ndarray) -> np.ndarray:
    """Title above camera and output, side by side."""
    pair = np.hstack([cv2.resize(picture, SHOWN, interpolation=cv2.INTER_AREA) for picture in (camera, output)])
    bar = np.full((34, pair.shape[1], 3), 34, np.uint8)
    cv2.putText(bar, sign.title, (10, 24), cv2.FONT_HERSHEY_SIMPLEX, 0.62, (240, 240, 240), 1, cv2.LINE_AA)
    return np.vstack([bar, pair])


def main() -> int:
    """The command; returns its exit code."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--out", type=Path, default=REPOSITORY / "docs" / "pictures" / "signs.jpg")
    parser.add_argument("--assets", type=Path, help="assets folder (default: ../shared/assets)")
    options = parser.parse_args()
    try:
        stage = Stage(find_assets(options.assets))
        tiles = []
        for sign in track(SIGNS, "signs"):
            camera, output = through_the_filter(stage, sign)
            ring(camera, output, sign.where)
            tiles.append(tile(sign, camera, output))
    except (AssetsMissing, GraphicsMissing) as error:
        print(error, file=sys.stderr)
        return 1
    sheet = np.vstack([np.hstack(tiles[row : row + 2]) for row in range(0, len(tiles), 2)])
    options.out.parent.mkdir(parents=True, exist_ok=True)
    if not cv2.imwrite(str(options.out), sheet, [cv2.IMWRITE_JPEG_QUALITY, 84]):
        print(f"{options.out} cannot be written; check the folder and its free space.", file=sys.stderr)
        return 1
    print(f"Wrote {options.out}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
