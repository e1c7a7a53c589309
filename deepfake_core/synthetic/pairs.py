"""Pairs for training a swap: a random actor, and one identity in the actor's place.

The identity has the actor's expression, pose, light and camera, and the same exposure, so that the
second picture is the photometric truth of the swap. It has no hair: only the inner face is swapped.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np
from scipy.spatial.transform import Rotation

from deepfake_core.synthetic import dataset, environment
from deepfake_core.synthetic.camera import Framing, head_to_clip
from deepfake_core.synthetic.environment import Environment
from deepfake_core.synthetic.expressions import random_expression
from deepfake_core.synthetic.identities import identity_recipe
from deepfake_core.synthetic.occluders import random_occluders
from deepfake_core.synthetic.person import HeadPose, Person, Wardrobe
from deepfake_core.synthetic.renderer import Light, Renderer

ACTORS = 2  # who share one picture of the identity
SCENES = dataset.SHARD_SAMPLES // ACTORS
SCENES_PER_ACTOR = 8


class PairMaker:
    """Renders shards of pairs; every shard depends on seed and index alone."""

    def __init__(self, assets: Path, identity: str, size: int, seed: int) -> None:
        self.wardrobe = Wardrobe(assets)
        body = self.wardrobe.body
        self.renderer = Renderer(body, size)
        self.identity = self.wardrobe.build(identity_recipe(identity), hairless=True)
        self.environments = [Environment.load(assets, name) for name in environment.NAMES]
        self.size, self.seed = size, seed

    def shard(self, index: int, scenes: int = SCENES) -> dataset.Arrays:
        """Render shard `index`, or its first scenes: two samples per scene, arrays as `dataset.layout` says."""
        g = np.random.default_rng([self.seed, index])
        layout = dataset.layout(scenes * ACTORS, self.size)
        arrays = {name: np.zeros(shape, dtype) for name, (dtype, shape) in layout.items()}
        actors: list[Person] = []
        for scene in range(scenes):
            if scene % SCENES_PER_ACTOR == 0:
                actors = [self.wardrobe.random_person(int(g.integers(2**40))) for _ in range(ACTORS)]
            self._scene(g, actors, arrays, scene * ACTORS)
        return arrays

    def _scene(self, g: np.random.Generator, actors: list[Person], arrays: dataset.Arrays, first: int) -> None:
        """Render one scene, the identity and each actor in it, into samples `first`, `first + 1`."""
        expression = random_expression(g, self.wardrobe.body.expressions)
        pose = HeadPose(
            yaw=float(np.clip(g.normal(0, 20), -48, 48)),
            pitch=float(np.clip(g.normal(0, 9), -25, 25)),
            roll=float(g.normal(0, 8)),
        )
        turn = Rotation.from_euler("yx", [g.uniform(0, 360), g.normal(0, 8)], degrees=True)
        light = Light(
            self.environments[g.integers(len(self.environments))],
            turn.as_matrix(),
            ambient=float(np.exp(g.uniform(np.log(0.5), np.log(4)))),
        )
        x, y = g.normal(0, 0.06, 2)
        framing = Framing(float(g.uniform(16, 40)), 3.5 / float(g.uniform(1.15, 1.35)), (float(x), float(y)))
        gain = float(np.exp(g.normal(-0.05, 0.2)))
        posed = self.identity.pose(expression, pose)
        camera = framing.camera(self.identity, posed)
        truth = self.renderer.render(self.identity, posed, light, camera, gain=gain)
        identity_head = head_to_clip(self.identity, posed, camera)
        for i, actor in enumerate(actors, start=first):
            things, bits = random_occluders(g, actor)
            dressed = actor.holding(things)
            posed = dressed.pose(expression, pose)
            camera = framing.camera(dressed, posed)
            picture = self.renderer.render(dressed, posed, light, camera, exposure=truth.exposure)
            sample = {
                "actor_bgr": picture.bgr,
                "actor_alpha": picture.alpha,
                "actor_labels": picture.labels,
                "actor_head": head_to_clip(dressed, posed, camera),
                "identity_bgr": truth.bgr,
                "identity_alpha": truth.alpha,
                "identity_labels": truth.labels,
                "identity_head": identity_head,
                "yaw": pose.yaw,
                "pitch": pose.pitch,
                "roll": pose.roll,
                "fov": framing.fov,
                "exposure": truth.exposure,
                "actor_seed": actor.recipe.seed,
                "occluded": bits,
            }
            for name, value in sample.items():
                arrays[name][i] = value
