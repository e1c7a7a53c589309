"""A person's own arms: fingers bent, the hand laid against the face or round a thing, the elbow where it must be."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import numpy as np
import numpy.typing as npt
from scipy.spatial.transform import Rotation

from deepfake_core.synthetic.body import BODY_VERTICES, skin_vertices
from deepfake_core.synthetic.fitting import Fitting
from deepfake_core.synthetic.head import HeadFit
from deepfake_core.synthetic.labels import Label
from deepfake_core.synthetic.mesh import Floats
from deepfake_core.synthetic.outfit import OutfitRecipe, cloth_material, covered
from deepfake_core.synthetic.part import Material, Part, Surface, Texture
from deepfake_core.synthetic.solids import Points

HAND = ("wrist", "metacarpal", "finger")
FAREST_BEND = np.radians(65)  # of the wrist
GAP = 0.012  # dm between the hand and what it touches
PALM_THICKNESS = 0.14  # dm from the hand's bones to its palm
TOUCHING = 220  # vertices that feel for the face
ARM_SHARE = 0.3  # of a vertex's weight that makes it part of the arm


@dataclass(frozen=True)
class Fingers:
    """Bends in degrees: of the three joints of index, middle, ring and little finger, the spread between them,
    and how far the thumb moves before the palm and bends."""

    index: tuple[float, float, float]
    middle: tuple[float, float, float]
    ring: tuple[float, float, float]
    little: tuple[float, float, float]
    spread: float = 0.0
    thumb: tuple[float, float] = (10.0, 10.0)

    @classmethod
    def even(
        cls, bends: tuple[float, float, float], *, spread: float = 0.0, thumb: tuple[float, float] = (10.0, 10.0)
    ) -> Fingers:
        """All four fingers alike."""
        return cls(bends, bends, bends, bends, spread, thumb)

    def varied(self, g: np.random.Generator) -> Fingers:
        """The same gesture by somebody else: every bend a little different."""

        def vary(bends: tuple[float, float, float]) -> tuple[float, float, float]:
            share = g.uniform(0.85, 1.15)
            a, b, c = (float(bend * share + g.normal(0, 3)) for bend in bends)
            return a, b, c

        return Fingers(
            vary(self.index), vary(self.middle), vary(self.ring), vary(self.little),
            float(self.spread * g.uniform(0.7, 1.3)), self.thumb,
        )  # fmt: skip


FLAT = Fingers.even((4, 5, 4), spread=1)
OPEN = Fingers.even((5, 10, 6), spread=9, thumb=(-8, 0))
RELAXED = Fingers((14, 22, 14), (20, 28, 16), (26, 32, 18), (30, 34, 20), spread=3, thumb=(14, 12))
FIST = Fingers.even((82, 96, 55), thumb=(42, 40))
POINTING = Fingers((8, 8, 5), (78, 92, 55), (82, 95, 55), (82, 95, 55), thumb=(42, 40))
PINCH = Fingers((42, 40, 18), (34, 40, 22), (30, 38, 24), (26, 36, 24), spread=4, thumb=(38, 12))
THIN_GRIP = Fingers.even((62, 74, 50), thumb=(40, 34))  # round a microphone
WIDE_GRIP = Fingers.even((32, 46, 34), spread=2, thumb=(44, 8))  # round a cup
SIDE_GRIP = Fingers.even((28, 50, 30), spread=2, thumb=(40, 6))  # along the edges of a phone


class Arm:
    """One arm of a person in rest pose; `side` 1 is the person's left (the picture's right), -1 the right."""

    def __init__(self, fitting: Fitting, side: int) -> None:
        self.fitting, self.side = fitting, side
        self._letter = "L" if side > 0 else "R"
        self.shoulder, self.elbow, self.wrist = (
            self._bone(name) for name in ("upperarm01", "lowerarm01", "wrist")
        )  # fmt: skip
        knuckle, index, little = (self._bone(f"finger{k}-1") for k in (3, 2, 5))
        self.along = _unit(knuckle - self.wrist)
        palm = np.cross(self.along, index - little)
        self.palm = _unit(palm if palm[1] < 0 else -palm)  # in rest pose the palms look down
        self.thumbward = np.cross(self.palm, self.along) * side
        self.middle: Points = 0.35 * self.wrist + 0.65 * knuckle

    def _bone(self, name: str) -> Points:
        return self.fitting.heads[self.fitting.body.bone_index[f"{name}.{self._letter}"]].astype(float)

    def _moved_by(self, names: tuple[str, ...], weights: Floats) -> Floats:
        chosen = [bone.endswith(f".{self._letter}") and bone.startswith(names) for bone in self.fitting.body.bones]
        return weights[:, chosen].sum(axis=1)

    def shares(self, weights: Floats) -> Floats:
        """How much vertices with these bone weights (N, B) follow hand, lower arm and upper arm, (N, 3)."""
        return np.stack([self._moved_by(names, weights) for names in (HAND, ("lowerarm",), ("upperarm",))], axis=1)

    def bent(self, fingers: Fingers) -> Points:
        """The arm's vertices (N, 3) with these fingers."""
        turns: dict[str, Rotation] = {}
        for number, bends in zip(
            range(2, 6), (fingers.index, fingers.middle, fingers.ring, fingers.little), strict=True
        ):
            along = _unit(self._bone(f"finger{number}-2") - self._bone(f"finger{number}-1"))
            axis = _unit(np.cross(along, self.palm))
            apart = Rotation.from_rotvec(self.palm * np.radians(fingers.spread * (3.3 - number)) * self.side)
            for joint, bend in enumerate(bends, start=1):
                turn = Rotation.from_rotvec(axis * np.radians(bend))
                turns[f"finger{number}-{joint}.{self._letter}"] = turn * apart if joint == 1 else turn
        before, bend = np.radians(fingers.thumb)
        along = _unit(self._bone("finger1-3") - self._bone("finger1-1"))
        opposing = Rotation.from_rotvec(_unit(np.cross(along, self.palm - 0.5 * self.thumbward)) * before)
        across = _unit(np.cross(along, self.palm - 1.2 * self.thumbward))
        turns[f"finger1-1.{self._letter}"] = opposing
        for joint in (2, 3):
            turns[f"finger1-{joint}.{self._letter}"] = Rotation.from_rotvec(across * bend)
        body = self.fitting.body
        matrices = body.pose(self.fitting.heads, {}, turns)
        return skin_vertices(self.fitting.base[self.used], body.weights[self.used], matrices).astype(float)

    @cached_property
    def _all_shares(self) -> Floats:
        return self.shares(self.fitting.body.weights)

    @cached_property
    def used(self) -> npt.NDArray[np.intp]:
        """The arm's vertices in the base mesh, (N,)."""
        return np.flatnonzero(self._all_shares[:BODY_VERTICES].sum(axis=1) > ARM_SHARE)

    @cached_property
    def own_shares(self) -> Floats:
        """How much the arm's vertices follow hand, lower and upper arm, (N, 3)."""
        return self._all_shares[self.used]


@dataclass(frozen=True, eq=False)
class Reach:
    """Where an arm is: `turn` of the hand from rest pose, the wrist's and the elbow's place, and the fingers."""

    arm: Arm
    bent: Points
    turn: Rotation
    wrist: Points

    @classmethod
    def to(cls, arm: Arm, fingers: Fingers, along: Points, palm: Points, middle: Points) -> Reach:
        """The palm's middle at a place, the fingers (if straight) along one direction, the palm to another."""
        rest = np.stack([arm.along, arm.palm, np.cross(arm.along, arm.palm)], axis=1)
        along = _unit(along)
        palm = _unit(palm - along * (along @ palm))
        turn = Rotation.from_matrix(np.stack([along, palm, np.cross(along, palm)], axis=1) @ rest.T)
        reach = cls(arm, arm.bent(fingers), turn, middle - turn.apply(arm.middle - arm.wrist))
        # A wrist bends only so far: the hand gives way.
        wanted = reach.elbow_direction()
        straight = reach.turn.apply(_unit(arm.elbow - arm.wrist))
        axis = np.cross(straight, wanted)
        bend = float(np.arccos(np.clip(np.dot(straight, wanted), -1, 1)))
        if bend > FAREST_BEND:
            turn = Rotation.from_rotvec(_unit(axis) * (bend - FAREST_BEND)) * turn
            reach = cls(arm, reach.bent, turn, middle - turn.apply(arm.middle - arm.wrist))
        return reach

    @classmethod
    def gripping(
        cls, arm: Arm, fingers: Fingers, place: Points, radius: float, *, thumbward: Points, palm: Points
    ) -> Reach:
        """Round a bar of a radius at a place that runs along `thumbward`; the palm looks towards `palm`."""
        thumbward = _unit(thumbward)
        palm = _unit(palm - thumbward * (palm @ thumbward))
        along = np.cross(thumbward, palm) * arm.side
        return cls.to(arm, fingers, along, palm, place - palm * (radius + PALM_THICKNESS))

    def moved(self, offset: Points) -> Reach:
        """The same hand elsewhere."""
        return Reach(self.arm, self.bent, self.turn, self.wrist + offset)

    def elbow_direction(self) -> Points:
        """From the wrist to the elbow: where upper and lower arm meet, low and away from the body."""
        arm = self.arm
        upper = float(np.linalg.norm(arm.elbow - arm.shoulder))
        lower = float(np.linalg.norm(arm.elbow - arm.wrist))
        across = arm.shoulder - self.wrist
        distance = float(np.clip(np.linalg.norm(across), abs(upper - lower) + 0.2, upper + lower - 0.1))
        across = _unit(across)
        cosine = (lower**2 + distance**2 - upper**2) / (2 * lower * distance)
        pole = np.array([0.35 * arm.side, -1.0, 0.35])
        pole = _unit(pole - across * (across @ pole))
        return cosine * across + np.sqrt(max(0.0, 1 - cosine**2)) * pole

    def place(self, rest: Points, shares: Floats) -> Floats:
        """Vertices (N, 3) that follow hand, lower and upper arm by `shares` (N, 3), moved from rest pose."""
        arm = self.arm
        lower_rest, upper_rest = _unit(arm.elbow - arm.wrist), _unit(arm.shoulder - arm.elbow)
        direction = self.elbow_direction()
        lower = _shortest(self.turn.apply(lower_rest), direction) * self.turn
        elbow = self.wrist + lower.apply(arm.elbow - arm.wrist)
        upper = _shortest(lower.apply(upper_rest), _unit(arm.shoulder - elbow)) * lower
        moved = (
            self.turn.apply(rest - arm.wrist) + self.wrist,
            lower.apply(rest - arm.wrist) + self.wrist,
            upper.apply(rest - arm.elbow) + elbow,
        )
        shares = shares / shares.sum(axis=1, keepdims=True).clip(min=1e-6)
        return np.einsum("knc,nk->nc", np.stack(moved), shares).astype(np.float32)

    @property
    def hand(self) -> Points:
        """The hand's vertices."""
        return self.turn.apply(self.bent[self.arm.own_shares[:, 0] > 0.6] - self.arm.wrist) + self.wrist

    def touching(self, head: HeadFit, towards: Points, gap: float = GAP, farthest: float = 1.6) -> Reach:
        """The hand moved from afar in a direction until it is `gap` dm from the face."""
        towards = _unit(towards)
        hand = self.hand
        hand = hand[:: max(1, len(hand) // TOUCHING)] - farthest * towards
        way = 0.0
        while way < 2 * farthest:
            over = float(head.height_over(hand + way * towards).min()) - gap
            if over < 0.004:
                break
            way += min(max(0.7 * over, 0.004), 0.1)
        return self.moved((way - farthest) * towards)

    def parts(self, outfit: OutfitRecipe, cloth: Texture, material: Material) -> list[Part]:
        """Hand and arm, and the sleeve (of the clothes' picture `cloth`) if the clothes have one; hung on the head
        until they get a motion."""
        arm, fitting = self.arm, self.arm.fitting
        mesh = fitting.body.mesh
        of_arm = np.zeros(len(mesh.vertices), bool)
        of_arm[arm.used] = True
        faces = np.all(of_arm[mesh.faces], axis=1)
        faces &= ~covered(outfit, fitting)[mesh.faces].all(axis=1)
        placed = fitting.base.copy()
        placed[arm.used] = self.place(self.bent, arm.own_shares)
        parts = [Part(placed, fitting.head_weights(len(placed)), mesh.of_faces(faces), fitting.skin, material)]
        garment = fitting.stock.garment("clothes", outfit.clothes)
        shares = arm.shares(garment.weights)
        faces = (shares.sum(axis=1) > ARM_SHARE)[garment.mesh.faces].all(axis=1)
        if faces.any():
            fitted = garment.fit(fitting.base).astype(float)
            sleeve = garment.mesh.of_faces(faces)
            weights = fitting.head_weights(len(fitted))
            parts.append(Part(self.place(fitted, shares), weights, sleeve, cloth, cloth_material(outfit)))
        return parts


def hand_material(roughness: float = 0.5) -> Material:
    """Skin that hides something."""
    return Material(Surface.SKIN, Label.OCCLUDER, roughness=roughness, specular=0.025, bump=0.05)


def _unit(x: Points) -> Points:
    return x / (np.linalg.norm(x) + 1e-9)


def _shortest(start: Points, end: Points) -> Rotation:
    """The smallest turn from one unit direction to another."""
    axis = np.cross(start, end)
    return Rotation.from_rotvec(_unit(axis) * np.arccos(np.clip(start @ end, -1, 1)))
