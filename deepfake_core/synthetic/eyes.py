"""The eyeballs: a painted iris and sclera below a clear, wet cornea that mirrors the windows."""

from __future__ import annotations

from dataclasses import dataclass, replace

import cv2
import numpy as np
import numpy.typing as npt

from deepfake_core.synthetic.fitting import Fitting
from deepfake_core.synthetic.labels import Label
from deepfake_core.synthetic.mesh import Mesh
from deepfake_core.synthetic.part import Colour, Material, Part, Surface, Texture
from deepfake_core.synthetic.traits import Traits

SIZE = 512  # px, side of the painted picture
CENTRES = ((0.2929, 0.3053), (0.706, 0.7065))  # uv of the irises of MakeHuman's "high-poly" eyes
IRIS = 0.107  # uv radius of an iris of 11.8 mm
SHELLS = (0.87, 0.13)  # least u and greatest v of the outer shells
WET = 1.29  # dm: the shells' part in front of this depth, on the base mesh's scale, is seen
# Irises from no pigment to much, sRGB 0..1 (Mackey et al. 2011 draw the scale: blue, grey, green, hazel, brown).
PIGMENTS = np.array(
    [[0.38, 0.5, 0.6], [0.42, 0.5, 0.5], [0.42, 0.44, 0.3], [0.43, 0.33, 0.17], [0.3, 0.19, 0.1], [0.16, 0.095, 0.06]]
)
CLEAR = Texture(np.full((4, 4, 4), (0, 0, 0, 6), np.uint8))  # takes so little light that the shader just draws it
SCLERA = "eyes/materials/grey_eye.png"


@dataclass(frozen=True)
class EyesRecipe:
    """The iris by the name of its picture in the assets, or painted when a `colour` (sRGB 0..1) is given.

    inner: colour around the pupil; pupil: its radius as a share of the iris's; width: of the iris against 11.8 mm;
    ring: darkness of the limbal ring 0..1; yellow and red: of the white, 0..1; seed: of the fibres.
    """

    iris: str = "brown"
    colour: Colour | None = None
    inner: Colour = (0.3, 0.2, 0.1)
    pupil: float = 0.36
    width: float = 1.0
    ring: float = 0.6
    yellow: float = 0.2
    red: float = 0.2
    seed: int = 0


def random_eyes(g: np.random.Generator, traits: Traits) -> EyesRecipe:
    """Eyes that suit the traits: brown for most of mankind, any colour for the light skins."""
    african, asian, _ = traits.ancestry
    light = np.clip((6.5 - traits.monk_tone) / 4, 0, 1) * (1 - np.clip(1.6 * (african + asian) - 0.25, 0, 1))
    drawn, brown = g.random(), float(g.uniform(0.68 + 0.2 * min(1, traits.monk_tone / 8), 1.0))
    pigment = float(g.uniform(0.0, 0.66)) if drawn < 0.85 * light else brown
    colour = np.clip(_pigment(pigment) * g.uniform(0.85, 1.15) + g.normal(0, 0.015, 3), 0.03, 0.75)
    inner = _pigment(min(1.0, pigment + float(g.uniform(0.0, 0.35)))) * 0.95
    ageing = float(np.clip((traits.age - 25) / 60, 0, 1))
    return EyesRecipe(
        colour=_colour(colour),
        inner=_colour(inner),
        pupil=float(g.uniform(0.28, 0.46)) - 0.05 * ageing,
        width=float(g.uniform(0.95, 1.04)),
        ring=float(np.clip(g.uniform(0.4, 0.95) - 0.25 * ageing, 0, 1)),
        yellow=float(np.clip(g.uniform(0, 0.4) + 0.3 * ageing + 0.03 * traits.monk_tone, 0, 1)),
        red=float(g.uniform(0, 0.6)),
        seed=int(g.integers(2**31)),
    )


def eyes_parts(recipe: EyesRecipe, fitting: Fitting) -> list[Part]:
    """Both eyeballs, then both corneas."""
    stock = fitting.stock
    eyes = stock.garment("eyes", "high-poly")
    if recipe.colour is None:
        picture = stock.texture(f"eyes/materials/{recipe.iris}_eye.png")
    else:
        picture = Texture.from_bgr(paint_eye(recipe, recipe.colour, stock.texture(SCLERA)))
    worn = eyes.mesh
    corners = worn.uv[worn.uv_faces]
    shell = (corners[:, :, 0].min(axis=1) > SHELLS[0]) & (corners[:, :, 1].max(axis=1) < SHELLS[1])
    front = eyes.fit(fitting.body.mesh.vertices)[worn.faces][:, :, 2].max(axis=1) > WET
    balls, wet = worn.of_faces(~shell), worn.of_faces(shell & front)
    cornea = Material(Surface.GLASS, -1, specular=0.03, casts_shadow=False)

    def half(mesh: Mesh, texture: Texture, material: Material, side: int) -> Part:
        of_side = np.sign(eyes.fit(fitting.body.mesh.vertices)[mesh.faces][:, :, 0].mean(axis=1)) == side
        return Part(eyes.fit(fitting.base), eyes.weights, mesh.of_faces(of_side), texture, material)

    ball = Material(Surface.EYE, Label.L_EYE)
    return [
        half(balls, picture, ball, -1),
        half(balls, picture, replace(ball, label=Label.R_EYE), 1),
        half(wet, CLEAR, cornea, -1),
        half(wet, CLEAR, cornea, 1),
    ]


def paint_eye(recipe: EyesRecipe, colour: Colour, white: Texture) -> npt.NDArray[np.uint8]:
    """The picture of both eyes, BGR (512, 512, 3), upright; `white` is the texture whose sclera is taken."""
    image = cv2.resize(np.ascontiguousarray(white.pixels[::-1, :, 2::-1]), (SIZE, SIZE), interpolation=cv2.INTER_AREA)
    picture = image.astype(np.float32) / 255
    picture *= np.array([0.93 - 0.16 * recipe.yellow, 0.95 - 0.05 * recipe.yellow, 0.97], np.float32)
    g = np.random.default_rng(recipe.seed)
    radius = IRIS * recipe.width
    for u, v in CENTRES:
        patch, across, up = _around(picture, u, v, 0.29)
        # Veins and flesh towards the corners, and the upper lid's shade.
        rim = np.clip((np.hypot(across, up) - 0.12) / 0.12, 0, 1) * np.float32(0.6 + 0.8 * recipe.red)
        patch *= 1 - rim[..., None] * np.array([0.34, 0.3, 0.14], np.float32)
        patch *= 1 - 0.3 * np.clip((up - 0.05) / 0.1, 0, 1)[..., None]
        patch, across, up = _around(picture, u, v, 1.06 * radius)
        cover = np.clip((1.04 - np.hypot(across, up) / radius) / 0.1, 0, 1)[..., None]
        patch += cover * (_iris(g, recipe, colour, across / radius, up / radius) - patch)
    return (np.clip(picture, 0, 1) * 255 + 0.5).astype(np.uint8)


def _iris(
    g: np.random.Generator,
    recipe: EyesRecipe,
    colour: Colour,
    right: npt.NDArray[np.float32],
    up: npt.NDArray[np.float32],
) -> npt.NDArray[np.floating]:
    """BGR 0..1 of an iris around its middle, radius 1: fibres, a ruff around the pupil, a dark ring; what
    light the cornea gathers brightens the lower half."""
    r, angle = np.hypot(right, up), np.arctan2(up, right)
    fibres = sum(
        float(a) * np.sin(k * angle + float(p) + 1.5 * r)
        for k, a, p in zip((11, 23, 37, 53, 71), (0.3, 0.35, 0.4, 0.35, 0.3), g.uniform(0, 2 * np.pi, 5), strict=True)
    )
    ruff = np.clip(1 - np.abs(r - recipe.pupil - 0.14 - 0.03 * np.sin(7 * angle + float(g.uniform(0, 6)))) / 0.16, 0, 1)
    outer, inner = np.array(colour[::-1]), np.array(recipe.inner[::-1])
    near = np.clip((0.72 - r) / 0.3, 0, 1)[..., None]
    bgr = outer + near * (inner - outer)
    bgr = bgr * (1 + 0.22 * fibres + 0.18 * ruff)[..., None]
    bgr *= (1 - 0.75 * recipe.ring * np.clip((r - 0.74) / 0.24, 0, 1) ** 1.5)[..., None]
    bgr *= (1.02 - 0.3 * np.clip(up, -0.9, 1))[..., None]
    pupil = np.clip((recipe.pupil + 0.05 - r) / 0.07, 0, 1)[..., None]
    return np.asarray(bgr + pupil * (0.012 - bgr))


def _pigment(amount: float) -> npt.NDArray[np.float64]:
    """Iris colour, sRGB 0..1, for pigment 0..1."""
    at = np.linspace(0, 1, len(PIGMENTS))
    return np.array([np.interp(amount, at, PIGMENTS[:, k]) for k in range(3)])


def _colour(values: npt.NDArray[np.float64]) -> Colour:
    red, green, blue = (float(x) for x in values)
    return red, green, blue


def _around(
    picture: npt.NDArray[np.floating], u: float, v: float, half: float
) -> tuple[npt.NDArray[np.floating], npt.NDArray[np.float32], npt.NDArray[np.float32]]:
    """The square of the picture around uv, and how far its texels lie to the right and up, in uv."""
    rows, columns = (
        slice(max(int((middle - half) * SIZE), 0), min(int((middle + half) * SIZE) + 1, SIZE)) for middle in (1 - v, u)
    )
    y, x = np.mgrid[rows, columns].astype(np.float32)
    return (
        picture[rows, columns],
        (x + np.float32(0.5)) / SIZE - np.float32(u),
        np.float32(1 - v) - (y + np.float32(0.5)) / SIZE,
    )
