"""Things worn on the base mesh (hair, clothes, eyes, teeth...): MakeHuman's .mhclo fitting files."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import numpy.typing as npt

from deepfake_core.synthetic.body import Body
from deepfake_core.synthetic.mesh import Floats, load_obj


class Garment:
    """A mesh whose every vertex hangs on three vertices of the base mesh.

    `hidden` (V,) marks the base vertices that the garment covers; `weights` (N, B) are its bone weights.
    """

    def __init__(self, path: Path, body: Body) -> None:
        self.name = path.stem
        self.hidden: npt.NDArray[np.bool_] = np.zeros(len(body.mesh.vertices), bool)
        self._scales: list[tuple[int, int, int, float]] = []
        references: list[list[int]] = []
        shares: list[list[float]] = []
        offsets: list[list[float]] = []
        section, obj = "", ""
        for line in path.read_text(errors="replace").splitlines():
            words = line.split()
            if not words or words[0].startswith("#"):
                continue
            if words[0] in ("verts", "delete_verts"):
                section = words[0]
            elif words[0][0].isalpha():
                if words[0] == "obj_file":
                    obj = words[1]
                elif words[0] in ("x_scale", "y_scale", "z_scale"):
                    axis = "xyz".index(words[0][0])
                    self._scales.append((axis, int(words[1]), int(words[2]), float(words[3])))
            elif section == "verts" and len(words) == 1:
                references.append([int(words[0])] * 3)
                shares.append([1.0, 0.0, 0.0])
                offsets.append([0.0] * 3)
            elif section == "verts":
                numbers = [float(word) for word in words] + [0.0] * 3
                references.append([int(word) for word in words[:3]])
                shares.append(numbers[3:6])
                offsets.append(numbers[6:9])
            elif section == "delete_verts":
                self._hide(words)
        self.mesh = load_obj(path.parent / obj)
        if len(self.mesh.vertices) != len(references):
            raise ValueError(f"{path} fits {len(references)} vertices, its mesh {obj} has another number.")
        self._references = np.array(references, np.intp)
        self._shares = np.array(shares, np.float32)
        self._offsets = np.array(offsets, np.float32)
        weights = np.einsum("nk,nkb->nb", self._shares, body.weights[self._references]).clip(min=0)
        self.weights: Floats = weights / weights.sum(axis=1, keepdims=True)

    def _hide(self, words: list[str]) -> None:
        """Mark vertices given as single numbers and as ranges `a - b`."""
        k = 0
        while k < len(words):
            if words[k + 1 : k + 2] == ["-"]:
                self.hidden[int(words[k]) : int(words[k + 2]) + 1] = True
                k += 3
            else:
                self.hidden[int(words[k])] = True
                k += 1

    def fit(self, vertices: Floats) -> Floats:
        """The garment's vertices (N, 3) on a shaped base mesh (V, 3)."""
        scale = np.ones(3, np.float32)
        for axis, a, b, rest in self._scales:
            scale[axis] = abs(vertices[a, axis] - vertices[b, axis]) / rest
        fitted = np.einsum("nk,nkc->nc", self._shares, vertices[self._references])
        return (fitted + self._offsets * scale).astype(np.float32)
