"""MakeHuman's CC0 base mesh, shape targets and rig (file formats: MakeHuman community documentation)."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path

import numpy as np
import numpy.typing as npt
from scipy.spatial.transform import Rotation

from deepfake_core.synthetic.mesh import Floats, Mesh, load_obj

BODY_VERTICES = 13380  # the skin; what follows in the base mesh are helper shapes and joint cubes
DETAIL_GROUPS = (
    "head", "forehead", "eyebrows", "eyes", "nose", "mouth", "ears", "chin", "cheek", "neck",
)  # fmt: skip
OPPOSITES = (
    ("incr", "decr"), ("up", "down"), ("in", "out"), ("forward", "backward"), ("convex", "concave"),
    ("compress", "uncompress"), ("square", "round"), ("pointed", "triangle"),
)  # fmt: skip


@dataclass(frozen=True)
class BodyShape:
    """An adult's shape: gender 0 (female) to 1 (male), age 0 (25 years) to 1 (90), muscle and weight 0..1.

    `ancestry` are the shares of MakeHuman's african, asian and caucasian targets (sum 1);
    `details` are weights of single targets by their path, e.g. "nose/nose-hump-incr".
    """

    gender: float
    age: float
    ancestry: tuple[float, float, float]
    muscle: float = 0.5
    weight: float = 0.5
    details: Mapping[str, float] = field(default_factory=dict)


class Body:
    """The base mesh with its rig; turns shapes into vertices, and poses into bone matrices."""

    def __init__(self, assets: Path) -> None:
        self.folder = assets / "makehuman"
        self.mesh: Mesh = load_obj(self.folder / "3dobjs" / "base.obj")
        self._targets: dict[str, tuple[npt.NDArray[np.intp], Floats]] = {}
        rig = json.loads((self.folder / "rigs" / "default.mhskel").read_text())
        self.bones: list[str] = []
        self._add_bones(rig["bones"], None)
        self.bone_index = {name: i for i, name in enumerate(self.bones)}
        self.parents = [self.bone_index.get(rig["bones"][name]["parent"], -1) for name in self.bones]
        self._joints = [np.array(rig["joints"][rig["bones"][name]["head"]]) for name in self.bones]
        self.weights = self._read_weights()
        self.units = self._read_units()
        self.expressions: dict[str, dict[str, float]] = {
            path.stem: json.loads(path.read_text())["unit_poses"]
            for path in sorted((self.folder / "expressions").glob("*.mhpose"))
        }

    def _add_bones(self, bones: Mapping[str, Mapping[str, str]], parent: str | None) -> None:
        """List the bones so that each stands behind its parent."""
        for name, bone in bones.items():
            if bone["parent"] == parent:
                self.bones.append(name)
                self._add_bones(bones, name)

    def _read_weights(self) -> Floats:
        """Bone weights (V, B), each row adding up to 1; vertices without a bone follow the root."""
        table = json.loads((self.folder / "rigs" / "default_weights.mhw").read_text())["weights"]
        weights = np.zeros((len(self.mesh.vertices), len(self.bones)), np.float32)
        for name, entries in table.items():
            if name in self.bone_index and entries:
                pairs = np.array(entries)
                weights[pairs[:, 0].astype(int), self.bone_index[name]] = pairs[:, 1]
        weights[weights.sum(axis=1) == 0, self.bone_index["root"]] = 1
        return weights / weights.sum(axis=1, keepdims=True)

    def _read_units(self) -> dict[str, dict[str, Rotation]]:
        """The face pose units: for each the rotations of the bones that it moves, at full strength."""
        folder = self.folder / "poseunits"
        names: list[str] = []
        channels: list[tuple[str, str]] = []
        lines = iter((folder / "face-poseunits.bvh").read_text().splitlines())
        for line in lines:
            words = line.split()
            if words[:1] == ["MOTION"]:
                break
            if words and words[0] in ("ROOT", "JOINT"):
                names.append(words[1])
            elif words and words[0] == "CHANNELS":
                channels += [(names[-1], word) for word in words[2:]]
        next(lines)  # number of frames
        next(lines)  # time of a frame
        frames = [[float(x) for x in line.split()] for line in lines if line.strip()]
        order = json.loads((folder / "face-poseunits.json").read_text())["framemapping"]
        upright = np.array([[1, 0, 0], [0, 0, 1], [0, -1, 0]], float)  # the file is z up, the mesh y up
        units: dict[str, dict[str, Rotation]] = {}
        for unit, frame in zip(order, frames, strict=False):
            angles: dict[str, list[tuple[str, float]]] = {}
            for (bone, channel), value in zip(channels, frame, strict=True):
                if channel.endswith("rotation") and bone in self.bone_index:
                    angles.setdefault(bone, []).append((channel[0], value))
            moved = {}
            for bone, turns in angles.items():
                if any(abs(value) > 0.05 for _, value in turns):
                    axes = "".join(axis for axis, _ in turns)
                    matrix = Rotation.from_euler(axes, [v for _, v in turns], degrees=True).as_matrix()
                    moved[bone] = Rotation.from_matrix(upright @ matrix @ upright.T)
            units[unit] = moved
        return units

    def target(self, name: str) -> tuple[npt.NDArray[np.intp], Floats]:
        """The vertices that a target moves, and their offsets (N, 3) in decimetres."""
        if name not in self._targets:
            text = (self.folder / "targets" / f"{name}.target").read_text()
            lines = [line for line in text.splitlines() if line.strip() and not line.startswith("#")]
            rows = np.array(" ".join(lines).split(), np.float64).reshape(-1, 4)
            self._targets[name] = rows[:, 0].astype(np.intp), rows[:, 1:].astype(np.float32)
        return self._targets[name]

    @cached_property
    def detail_axes(self) -> list[tuple[list[str], list[str]]]:
        """Axes of facial variation: (targets for a positive value, targets for a negative one or none).

        Left and right targets are joined, so that a value moves both sides alike.
        """
        axes = []
        for group in DETAIL_GROUPS:
            names = sorted(path.stem for path in (self.folder / "targets" / group).glob("*.target"))
            seen: set[str] = set()
            for name in names:
                if name in seen or name.startswith("r-"):
                    continue
                stem, _, last = name.rpartition("-")
                ends = [b if last == a else a for a, b in OPPOSITES if last in (a, b)]
                other = next((f"{stem}-{end}" for end in ends if f"{stem}-{end}" in names), None)
                seen |= {name, other or name}
                axes.append((_both_sides(group, name), _both_sides(group, other) if other else []))
        return axes

    def shape(self, shape: BodyShape) -> Floats:
        """Vertices (V, 3) of an adult of this shape, in rest pose."""
        vertices = self.mesh.vertices.copy()
        genders = {"female": 1 - shape.gender, "male": shape.gender}
        ages = {"young": 1 - shape.age, "old": shape.age}
        peoples = dict(zip(("african", "asian", "caucasian"), shape.ancestry, strict=True))
        wanted: dict[str, float] = {}
        for gender, of_gender in genders.items():
            for age, of_age in ages.items():
                for people, of_people in peoples.items():
                    wanted[f"{people}-{gender}-{age}"] = of_gender * of_age * of_people
                for muscle, of_muscle in _three_steps(shape.muscle, "muscle").items():
                    for weight, of_weight in _three_steps(shape.weight, "weight").items():
                        name = f"universal-{gender}-{age}-{muscle}-{weight}"
                        wanted[name] = of_gender * of_age * of_muscle * of_weight
        wanted = {f"macrodetails/{name}": value for name, value in wanted.items()} | dict(shape.details)
        for name, value in wanted.items():
            if abs(value) > 1e-4:
                moved, offsets = self.target(name)
                vertices[moved] += np.float32(value) * offsets
        return vertices

    def bone_heads(self, vertices: Floats) -> Floats:
        """Where each bone begins (B, 3), taken from the joint cubes of the shaped mesh."""
        return np.stack([vertices[joint].mean(axis=0) for joint in self._joints]).astype(np.float32)

    def pose(self, heads: Floats, units: Mapping[str, float], turns: Mapping[str, Rotation] | None = None) -> Floats:
        """Bone matrices (B, 4, 4), rest pose to posed, for pose units (weights 0..1) and further turns."""
        rotations: dict[str, Rotation] = {}
        moves = [(self.units[unit], weight) for unit, weight in units.items()]
        moves.append((dict(turns or {}), 1.0))
        for bones, weight in moves:
            for bone, turn in bones.items():
                scaled = Rotation.from_rotvec(turn.as_rotvec() * weight)
                rotations[bone] = scaled * rotations[bone] if bone in rotations else scaled
        matrices = np.zeros((len(self.bones), 4, 4))
        for i, bone in enumerate(self.bones):
            local = np.eye(4)
            if bone in rotations:
                local[:3, :3] = rotations[bone].as_matrix()
                local[:3, 3] = heads[i] - local[:3, :3] @ heads[i]
            parent = self.parents[i]
            matrices[i] = matrices[parent] @ local if parent >= 0 else local
        return matrices.astype(np.float32)


def skin_vertices(vertices: Floats, weights: Floats, matrices: Floats) -> Floats:
    """Linear blend skinning: (N, 3) vertices moved by (N, B) weights of (B, 4, 4) matrices."""
    blended = (weights @ matrices.reshape(len(matrices), 16)).reshape(-1, 4, 4)
    return (np.einsum("nij,nj->ni", blended[:, :3, :3], vertices) + blended[:, :3, 3]).astype(np.float32)


def _both_sides(group: str, name: str) -> list[str]:
    return [f"{group}/{name}"] + ([f"{group}/r-{name[2:]}"] if name.startswith("l-") else [])


def _three_steps(x: float, name: str) -> dict[str, float]:
    """Weights of the targets min, average and max for x in 0..1."""
    return {
        f"min{name}": max(0.0, 1 - 2 * x),
        f"average{name}": 1 - abs(2 * x - 1),
        f"max{name}": max(0.0, 2 * x - 1),
    }
