"""Beards: hair laid on the lower face, and strands that grow from it and move with lips and jaw."""

from __future__ import annotations

from dataclasses import dataclass, replace
from weakref import WeakKeyDictionary

import cv2
import numpy as np

from deepfake_core.synthetic import hair_texture
from deepfake_core.synthetic.assets import read_image
from deepfake_core.synthetic.body import Body
from deepfake_core.synthetic.facial_hair_recipe import FacialHairRecipe
from deepfake_core.synthetic.fitting import Fitting
from deepfake_core.synthetic.hair_patch import Patch
from deepfake_core.synthetic.hair_strands import Strands, across, ribbons, unit
from deepfake_core.synthetic.labels import Label
from deepfake_core.synthetic.mesh import Floats, Ints
from deepfake_core.synthetic.part import Material, Part, Surface

# The cheeks' line and the jaw's line of a full beard on the unshaped base mesh (dm).
_CHEEK = ((0.0, 0.2, 0.3, 0.4, 0.5, 0.6, 0.66, 0.7), (6.68, 6.7, 6.66, 6.68, 6.78, 6.95, 7.2, 7.3))
_JAW = ((0.2, 0.55, 0.8, 1.0, 1.3), (6.75, 6.5, 6.3, 6.14, 6.06))
_MIDDLE = 6.58  # height of the mouth's opening
FINE = 0.1  # dm: shorter hairs are thinner than a pixel, and blended
_DEPTH = 0.42  # dm from the rim over which the laid hair's picture runs


@dataclass(frozen=True)
class Beard:
    """A cut: lengths (dm) on cheeks, chin and upper lip, 0 for shaved there; number of cards; `under`: how closed
    the hair laid on the skin is, 0..1."""

    cheeks: float
    chin: float
    lip: float
    cards: int
    under: float


BEARDS: dict[str, Beard] = {
    "stubble": Beard(0.02, 0.02, 0.02, 0, 0.75),
    "short": Beard(0.06, 0.08, 0.07, 3200, 1.0),
    "full": Beard(0.16, 0.32, 0.15, 2400, 0.9),
    "long": Beard(0.25, 0.9, 0.22, 2000, 1.0),
    "goatee": Beard(0.0, 0.2, 0.0, 1000, 0.8),
    "circle": Beard(0.0, 0.16, 0.13, 1300, 0.85),
    "moustache": Beard(0.0, 0.0, 0.17, 700, 0.8),
}


@dataclass(frozen=True, eq=False)
class _Template:
    """Where beards grow on the base mesh: triangles, and for each vertex how far (dm) within each zone."""

    faces: Ints
    cheeks: Floats  # (V,)
    chin: Floats
    lip: Floats


_templates: WeakKeyDictionary[Body, _Template] = WeakKeyDictionary()


def _template(body: Body) -> _Template:
    if body in _templates:
        return _templates[body]
    mesh = body.mesh
    x, y, z = np.abs(mesh.vertices[:, 0]), mesh.vertices[:, 1], mesh.vertices[:, 2]
    skin = mesh.groups == "body"

    def covered(name: str) -> np.ndarray:
        """Which vertices lie within one of the skin's masks."""
        mask = cv2.GaussianBlur(read_image(body.folder / "uv_masks" / f"{name}.jpg", 1024)[..., 0], (0, 0), 2)
        rows, columns = mask.shape
        uv = mesh.uv[mesh.uv_faces[skin].ravel()]
        at = mask[((1 - uv[:, 1]) * (rows - 1)).astype(int), (uv[:, 0] * (columns - 1)).astype(int)]
        inside = np.zeros(len(mesh.vertices), bool)
        np.logical_or.at(inside, mesh.faces[skin].ravel(), at > 128)
        return inside

    bare = covered("lips") | covered("inside-mouth") | covered("ears")
    rim = np.minimum(np.interp(x, *_CHEEK) - y, y - np.interp(z, *_JAW))
    rim = np.minimum(rim, (z - 0.62) * 1.2)
    below = np.where(x < 0.24, np.minimum(rim, _MIDDLE - y), rim)  # the lips and what lies above them are not cheeks
    lip = np.minimum(np.minimum(6.79 - y - 0.1 * x, y - _MIDDLE + 0.02 + 0.25 * x), 0.34 - x)
    lip = np.where(z > 1.25, lip, -1)
    chin = np.minimum(rim, np.where(y > 6.4, 0.38 - x, 0.3 - x))
    chin = np.minimum(chin, np.where(x < 0.2, _MIDDLE - y, 1.0))
    faces = mesh.faces[skin]
    near = (np.maximum(np.maximum(below, lip), chin) > -0.1) & (y > 5.9) & (z > 0.5) & ~bare
    zones = [np.where(bare, -1, zone).astype(np.float32) for zone in (below, chin, lip)]
    _templates[body] = _Template(faces[near[faces].all(axis=1)], *zones)
    return _templates[body]


def beard_parts(recipe: FacialHairRecipe, beard: Beard, fitting: Fitting) -> list[Part]:
    """The parts of a beard; CelebAMask-HQ counts beards as skin."""
    fine = max(beard.cheeks, beard.chin, beard.lip) < FINE
    template = _template(fitting.body)
    g = np.random.default_rng([recipe.seed, 78])
    lengths = np.zeros(len(fitting.base), np.float32)
    rim = np.full(len(fitting.base), -1, np.float32)
    for zone, length in ((template.cheeks, beard.cheeks), (template.chin, beard.chin), (template.lip, beard.lip)):
        if length > 0:
            lengths = np.maximum(lengths, np.float32(length) * np.clip(zone / 0.12 + 0.5, 0, 1))
            rim = np.maximum(rim, zone)
    patch = Patch(fitting, template.faces, rim)
    material = Material(Surface.HAIR, Label.SKIN, casts_shadow=False, cutout=0.5, specular=0.004, roughness=0.2)
    laid = patch.laid(
        hair_texture.shadow(
            recipe.beard_colour,
            recipe.beard_grey,
            edge=0.85,
            density=beard.under * recipe.beard_density,
            blended=fine,
        ),
        material,
        rise=0.005 + 0.06 * np.minimum(lengths, 0.3),
        depth=_DEPTH,
    )
    if not beard.cards:
        return [laid]
    roots = patch.roots(g, int(beard.cards * (0.5 + 0.5 * recipe.beard_density)), 0.033)
    count = len(roots.faces)
    stands, outward, there = patch.standing(roots)
    reach = roots.at(lengths) * recipe.beard_size * g.uniform(0.7, 1.25, count)
    side = np.sign(there[:, 0])
    on_lip = (roots.at(template.lip) > 0) & (beard.lip > 0)
    down = np.stack([0.12 * side, np.full(count, -1.0), np.full(count, 0.1)], axis=1)
    apart = np.stack([side * (0.25 + 2.2 * np.abs(there[:, 0])), np.full(count, -0.8), np.zeros(count)], axis=1)
    combed = across(np.where(on_lip[:, None], apart, down).astype(np.float32), outward)
    direction = unit(unit(combed + 0.25 * g.normal(0, 1, (count, 3))) + 0.45 * outward)
    knots = 3 if fine else 4
    points = [stands + outward * 0.003]
    step = (reach / (knots - 1))[:, None]
    for _ in range(1, knots):
        points.append(points[-1] + direction * step)
        direction = unit(direction + np.array([0, -1.2, 0]) * step * 6)
    lines = Strands(np.stack(points, axis=1).astype(np.float32), np.repeat(outward[:, None], knots, axis=1))
    red, green, blue = (1.25 * c for c in recipe.beard_colour)
    picture = hair_texture.strands("short", recipe.beard_colour, (red, green, blue), recipe.beard_grey, root_shade=0.8)
    if fine:
        picture = hair_texture.faded(picture, hair_texture.BLENDED)
    weights = np.repeat(roots.at(fitting.body.weights), knots * 2, axis=0)
    width = (np.clip(0.17 * reach, 0.01 if fine else 0.016, 0.055) * g.uniform(0.7, 1.3, count)).astype(np.float32)
    return [laid, ribbons(g, lines, weights, picture, replace(material, soft=fine), width=width, roll=0.6)]
