"""Turns scenes into samples: the actor's picture, the ground-truth swaps, and everything known about them."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from deepfake_core.synthetic import benchmark, environment, outfit
from deepfake_core.synthetic.camera import Camera, head_to_clip
from deepfake_core.synthetic.cases import CASES, Case, random_case
from deepfake_core.synthetic.dataset import SWAPPED_FACES, Arrays, Description, layout
from deepfake_core.synthetic.environment import Environment
from deepfake_core.synthetic.hybrids import Hybrid, Swapper
from deepfake_core.synthetic.identities import identity_recipe
from deepfake_core.synthetic.landmarks import Correspondence
from deepfake_core.synthetic.lighting import KINDS
from deepfake_core.synthetic.part import Texture
from deepfake_core.synthetic.person import HeadPose, Person, Posed, Wardrobe
from deepfake_core.synthetic.recipe import Recipe, in_tone, random_recipe
from deepfake_core.synthetic.renderer import Picture, Renderer
from deepfake_core.synthetic.scenes import RATE, Scene, random_scene, random_sequence
from deepfake_core.synthetic.traits import TONES
from deepfake_core.synthetic.webcam import Webcam, random_webcam

SAMPLES_OF_ACTOR = 8  # pictures of a person before the next one is made
FARTHEST_YAW = {"stills": 90.0, "pairs": 60.0}  # degrees: beyond 60 there is hardly a face to swap
KIND_STREAMS = {"stills": 1, "pairs": 2, "sequences": 3}
NOBODY = -1
RIM = 32.0  # of 255: the swap's matte at which the truth is the swapped picture alone
BEARD = 256  # bit of a sample's `occluded`

Sample = dict[str, Any]


@dataclass(frozen=True, eq=False)
class Cast:
    """An actor with the hybrids that the views ask for."""

    actor: Person
    hybrids: dict[str, Hybrid]


class SampleMaker:
    """Renders the shards of a data set; every shard depends on the description and its index alone."""

    def __init__(self, assets: Path, description: Description) -> None:
        self.description = description
        self.wardrobe = Wardrobe(assets)
        self.renderer = Renderer(self.wardrobe.body, description.size)
        self.environments = [Environment.load(assets, name) for name in environment.NAMES]
        self.points = Correspondence.load()
        self.swapper: Swapper | None = None
        self._face_mask: Texture | None = None
        if description.identity:
            self.swapper = Swapper(self.wardrobe, identity_recipe(description.identity))
            shares = (self.swapper.masks.face.of_texture * 255 + 0.5).astype(np.uint8)
            self._face_mask = Texture(np.repeat(shares[..., None], 4, axis=2))

    def shard(self, index: int, samples: int | None = None) -> Arrays:
        """Render shard `index`, or its first samples: arrays as `dataset.layout` says."""
        count = self.description.samples_of(index) if samples is None else samples
        wanted = layout(self.description, count)
        arrays = {name: np.empty(shape, dtype) for name, (dtype, shape) in wanted.items()}
        for i, sample in zip(range(count), self._samples(index), strict=False):
            for name in wanted:
                arrays[name][i] = sample[name]
        return arrays

    def _samples(self, index: int) -> Iterator[Sample]:
        description = self.description
        g = np.random.default_rng([description.seed, KIND_STREAMS[description.kind], index])
        if description.kind == "sequences":
            yield from self._sequence(g, index)
        elif description.people == "benchmark":
            yield from self._benchmark_stills(index)
        elif description.each_tone:
            yield from self._in_each_tone(g)
        else:
            while True:
                case = random_case(g) if description.kind == "stills" else CASES[0]
                cast = self._cast(self._recipe(g, self._somebody(g), case))
                for _ in range(SAMPLES_OF_ACTOR):
                    yield self._still(g, cast, case)

    def _somebody(self, g: np.random.Generator) -> int:
        """The seed of a random person of the tones asked for."""
        tones = self.description.tones
        while True:
            seed = int(g.integers(benchmark.FIRST_SEED))
            if not tones or benchmark.traits(seed).monk_tone in tones:
                return seed

    def _in_each_tone(self, g: np.random.Generator) -> Iterator[Sample]:
        """One person after the other in a scene of their own, from the lightest tone to the darkest."""
        while True:
            recipe = self._recipe(g, int(g.integers(benchmark.FIRST_SEED)), CASES[0])
            moment = int(g.integers(2**62))
            for tone in range(1, TONES + 1):
                yield self._still(np.random.default_rng(moment), self._cast(in_tone(recipe, tone)), CASES[0])

    def _benchmark_stills(self, index: int) -> Iterator[Sample]:
        first = index * self.description.shard_samples
        for number in range(first, first + self.description.samples_of(index)):
            still = benchmark.still(number)
            g = np.random.default_rng([still.seed, KIND_STREAMS["stills"]])
            case = next(each for each in CASES if each.name == still.case)
            yield self._still(g, self._cast(self._recipe(g, still.seed, case)), case)

    def _recipe(self, g: np.random.Generator, seed: int, case: Case) -> Recipe:
        axes = self.wardrobe.body.detail_axes
        traits = case.traits(benchmark.traits(seed))
        return case.dress(g, random_recipe(seed, axes, traits=traits))

    def _cast(self, recipe: Recipe) -> Cast:
        actor = self.wardrobe.build(recipe)
        hybrids: dict[str, Hybrid] = {}
        if self.swapper is not None:
            for view in self.description.views:
                if view in SWAPPED_FACES:
                    hybrids[view] = self.swapper.face(actor, in_tone=view == "face_in_tone")
                elif view == "head":
                    hybrids[view] = self.swapper.head(actor)
        return Cast(actor, hybrids)

    def _still(self, g: np.random.Generator, cast: Cast, case: Case) -> Sample:
        scene = random_scene(g, cast.actor, self.environments, farthest_yaw=FARTHEST_YAW[self.description.kind])
        scene = case.play(g, cast.actor, scene)
        camera = scene.framing.camera(cast.actor, cast.actor.pose(scene.expression, scene.pose))
        sample = self._take(cast, scene, camera, None)
        sample |= {"case": CASES.index(case), "sequence": NOBODY, "frame": 0, "time": 0.0}
        if self.description.webcam:
            webcam = random_webcam(g)
            sample |= filmed(sample, webcam, int(g.integers(2**31)), bent=self.description.kind == "stills")
        return sample

    def _sequence(self, g: np.random.Generator, index: int) -> Iterator[Sample]:
        benchmarked = self.description.people == "benchmark"
        seed = benchmark.actor(index) if benchmarked else int(g.integers(benchmark.FIRST_SEED))
        cast = self._cast(self._recipe(g, seed, CASES[0]))
        scenes = random_sequence(g, cast.actor, self.environments, self.description.frames)
        camera = scenes[0].framing.camera(cast.actor, cast.actor.pose({}, HeadPose()))
        webcam = random_webcam(g)
        noise = g.integers(2**31, size=len(scenes))
        exposure: float | None = None
        for frame, scene in enumerate(scenes):
            sample = self._take(cast, scene, camera, exposure)
            exposure = sample["exposure"]
            sample |= {"case": 0, "sequence": index, "frame": frame, "time": frame / RATE}
            if self.description.webcam:
                sample |= filmed(sample, webcam, int(noise[frame]), bent=False)
            yield sample

    def _take(self, cast: Cast, scene: Scene, camera: Camera, exposure: float | None) -> Sample:
        """All views of a scene; the exposure is measured on the actor unless given."""
        things = scene.occlusion.parts
        actor = cast.actor.holding(things)
        posed = actor.pose(scene.expression, scene.pose, scene.time)

        def shoot(person: Person, posed: Posed, exposure: float | None) -> Picture:
            return self.renderer.render(
                person,
                posed,
                scene.light,
                camera,
                exposure=exposure,
                gain=scene.gain,
                marked=[part for name in ("eyes", "facial_hair", "mouth") for part in person.groups[name]],
                marked_skin=self._face_mask,
            )

        picture = shoot(actor, posed, exposure)
        sample = self._described(actor, scene, camera, picture)
        sample |= self._view("actor", actor, posed, camera, picture)
        matte = picture.marked_matte
        swapped_faces: list[str] = []
        for view in self.description.views:
            if view in cast.hybrids:
                hybrid = cast.hybrids[view].with_things(things)
                taken = hybrid.pose(scene.expression, scene.pose, posed, actor.parts)
                person = hybrid.person
            elif view == "identity":
                assert self.swapper is not None  # the tool asks for an identity with this view
                person = self.swapper.alone
                taken = self.swapper.alone_in(scene.expression, scene.pose, actor, posed)
            else:
                continue
            swapped = shoot(person, taken, picture.exposure)
            sample |= self._view(view, person, taken, camera, swapped)
            if view in SWAPPED_FACES:
                matte = np.maximum(matte, swapped.marked_matte)
                swapped_faces.append(view)
        for name in swapped_faces:
            sample[f"{name}_bgr"] = only_inside(sample[f"{name}_bgr"], picture.bgr, matte)
        if "plate" in self.description.views:
            sample["plate_bgr"] = picture.plate
        return sample | {"swap_matte": matte}

    def _view(self, view: str, person: Person, posed: Posed, camera: Camera, picture: Picture) -> Sample:
        return {
            f"{view}_bgr": picture.bgr,
            f"{view}_alpha": picture.alpha,
            f"{view}_head_matte": picture.head_matte,
            f"{view}_hair_matte": picture.hair_matte,
            f"{view}_labels": picture.labels,
            f"{view}_points": self.points.points(person, posed, camera, self.description.size),
            f"{view}_head": head_to_clip(person, posed, camera),
        }

    def _described(self, actor: Person, scene: Scene, camera: Camera, picture: Picture) -> Sample:
        traits = actor.recipe.traits
        return {
            "yaw": scene.pose.yaw,
            "pitch": scene.pose.pitch,
            "roll": scene.pose.roll,
            "fov": camera.fov,
            "exposure": picture.exposure,
            "actor_seed": actor.recipe.seed,
            "identity_seed": self.swapper.identity.recipe.seed if self.swapper else NOBODY,
            "monk_tone": traits.monk_tone,
            "sex": traits.sex == "male",
            "light": KINDS.index(scene.light.kind),
            "occluded": scene.occlusion.bits(scene.time) | worn_bits(actor.recipe),
            "expression": [scene.expression.get(unit, 0.0) for unit in self.description.units],
            "gaze": scene.gaze,
        }


def only_inside(
    swapped: npt.NDArray[np.uint8], actor: npt.NDArray[np.uint8], matte: npt.NDArray[np.uint8]
) -> npt.NDArray[np.uint8]:
    """A swapped picture (H, W, 3) where the matte (H, W) is above 0, elsewhere the actor's to the bit.

    Another nose and chin throw another shadow on neck, hair and clothes (a few levels): no swap of the face can show
    it, so the truth has the actor's. At the matte's rim one passes into the other.
    """
    share = np.clip(matte.astype(np.float32) / RIM, 0, 1)[..., None]
    mixed = actor + share * (swapped.astype(np.float32) - actor)
    return (mixed + 0.5).astype(np.uint8)


def filmed(sample: Sample, webcam: Webcam, seed: int, *, bent: bool) -> Sample:
    """The pictures of a sample as a webcam shows them.

    bent: through its lens too, with what stands beside the pictures. Otherwise only what changes each pixel by
    itself, so that the views stay equal where they were.
    """
    changed: Sample = {}
    for name, value in sample.items():
        if name.endswith("_bgr"):
            changed[name] = webcam.apply(value, seed, photometric_only=not bent)
        elif bent and name.endswith("_labels"):
            changed[name] = webcam.lens.labels(value)
        elif bent and name.endswith(("_alpha", "_matte")):
            changed[name] = webcam.lens.picture(value)
        elif bent and name.endswith("_points"):
            height, width = sample["actor_labels"].shape
            changed[name] = webcam.lens.points(value, width, height)
    return changed


def worn_bits(recipe: Recipe) -> int:
    """The bits of a sample's `occluded` for what belongs to the person."""
    return outfit.bits(recipe.outfit) | (BEARD if recipe.facial_hair.beard else 0)
