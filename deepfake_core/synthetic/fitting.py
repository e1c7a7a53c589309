"""What a part needs to be made for one person: the shaped body, and the garments and pictures of the assets."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import numpy.typing as npt

from deepfake_core.synthetic.assets import read_image
from deepfake_core.synthetic.body import Body
from deepfake_core.synthetic.clothes import Dyer
from deepfake_core.synthetic.garment import Garment
from deepfake_core.synthetic.mesh import Floats
from deepfake_core.synthetic.part import Material, Part, Texture

SHOULDERS = 3.9  # dm: what lies lower is never in the picture
ARMS = 3.5  # dm from the middle


@dataclass
class Stock:
    """Garments and pictures of the assets, read once per process."""

    assets: Path
    body: Body
    dyer: Dyer = field(default_factory=Dyer)
    _garments: dict[str, Garment] = field(default_factory=dict)
    _textures: dict[str, Texture] = field(default_factory=dict)

    def garment(self, kind: str, name: str) -> Garment:
        """A garment by its kind (folder: hair, clothes, eyes, ...) and name."""
        if name not in self._garments:
            self._garments[name] = Garment(self.assets / "makehuman" / kind / name / f"{name}.mhclo", self.body)
        return self._garments[name]

    def texture(self, relative: str) -> Texture:
        """A picture of the assets as a texture of at most 1024 px."""
        if relative not in self._textures:
            self._textures[relative] = Texture.from_bgr(read_image(self.assets / "makehuman" / relative, 1024))
        return self._textures[relative]


@dataclass(frozen=True, eq=False)
class Fitting:
    """One person's measures. `base` (V, 3): the shaped base mesh in rest pose; `skin`: the skin's texture;
    `heads` (B, 3): where the bones begin."""

    stock: Stock
    base: Floats
    heads: Floats
    skin: Texture

    @property
    def body(self) -> Body:
        """The base mesh and its rig."""
        return self.stock.body

    @property
    def head(self) -> Floats:
        """Where the head bone begins, (3,)."""
        return self.heads[self.body.bone_index["head"]]

    def wear(
        self, garment: Garment, texture: Texture, material: Material, *, side: int = 0, crop: bool = False
    ) -> Part:
        """A garment on this person; `side` -1 or 1 takes only the half on the picture's left or right, `crop`
        leaves away what no picture shows."""
        worn = garment.mesh
        rest = garment.fit(self.body.mesh.vertices)[worn.faces]
        chosen: npt.NDArray[np.bool_] = np.ones(len(worn.faces), bool)
        if side:
            chosen &= np.sign(rest[:, :, 0].mean(axis=1)) == side
        if crop:
            chosen &= (rest[:, :, 1].max(axis=1) > SHOULDERS) & (np.abs(rest[:, :, 0]).max(axis=1) < ARMS)
        return Part(garment.fit(self.base), garment.weights, worn.of_faces(chosen), texture, material)

    def head_weights(self, count: int) -> Floats:
        """Bone weights (count, B) of vertices that follow the head alone."""
        weights = np.zeros((count, len(self.body.bones)), np.float32)
        weights[:, self.body.bone_index["head"]] = 1
        return weights
