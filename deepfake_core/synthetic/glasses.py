"""Glasses and sunglasses, fitted to eyes, nose, cheeks and ears."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache
from typing import Literal

import numpy as np

from deepfake_core.synthetic.fitting import Fitting
from deepfake_core.synthetic.head import SIDES, HeadFit
from deepfake_core.synthetic.labels import Label
from deepfake_core.synthetic.part import Colour, Material, Part, Surface, Texture
from deepfake_core.synthetic.solids import Points, Solid, ball, disc, merged, smooth_path, tube

Shape = Literal["round", "oval", "rectangle", "square", "cat-eye", "aviator", "wayfarer"]
Frame = Literal["acetate", "metal", "half", "rimless"]
Lens = Literal["clear", "tinted", "gradient", "mirror"]

POINTS = 36  # of an outline
# Outlines by a few points, x away from the nose; width and height 1. Round shapes are powers of a circle.
POWERS = {"round": 2.0, "oval": 2.3, "rectangle": 4.0, "square": 3.4}
CORNERS = {
    "cat-eye": (
        (0.5, 0.46), (0.22, 0.4), (-0.12, 0.4), (-0.43, 0.33), (-0.5, 0.05),
        (-0.41, -0.34), (-0.12, -0.5), (0.2, -0.46), (0.41, -0.2), (0.46, 0.14),
    ),
    "aviator": (
        (0.43, 0.42), (0.15, 0.5), (-0.2, 0.5), (-0.44, 0.4), (-0.5, 0.15),
        (-0.38, -0.24), (-0.1, -0.47), (0.2, -0.5), (0.42, -0.28), (0.5, 0.1),
    ),
    "wayfarer": (
        (0.5, 0.43), (0.2, 0.47), (-0.15, 0.45), (-0.46, 0.4), (-0.49, 0.1),
        (-0.38, -0.36), (-0.12, -0.5), (0.18, -0.5), (0.4, -0.34), (0.46, 0.08),
    ),
}  # fmt: skip
HEIGHTS = {  # of an outline for its width
    "round": 0.94, "oval": 0.68, "rectangle": 0.6, "square": 0.76, "cat-eye": 0.74, "aviator": 0.86, "wayfarer": 0.76,
}  # fmt: skip
ACETATE: tuple[Colour, ...] = (
    (0.012, 0.012, 0.013), (0.012, 0.012, 0.013), (0.06, 0.022, 0.008), (0.13, 0.055, 0.02), (0.02, 0.035, 0.11),
    (0.22, 0.01, 0.015), (0.015, 0.07, 0.045), (0.5, 0.42, 0.34), (0.16, 0.16, 0.17), (0.55, 0.2, 0.22),
)  # fmt: skip
METAL: tuple[Colour, ...] = (
    (0.5, 0.5, 0.52), (0.62, 0.42, 0.16), (0.02, 0.02, 0.022), (0.16, 0.15, 0.15), (0.6, 0.36, 0.28),
)  # fmt: skip
DARK_LENSES: tuple[Colour, ...] = ((0.02, 0.021, 0.024), (0.05, 0.025, 0.012), (0.018, 0.035, 0.025))
MIRRORS: tuple[Colour, ...] = ((0.75, 0.78, 0.85), (0.2, 0.4, 0.95), (0.95, 0.45, 0.15), (0.85, 0.65, 0.3))
CORNEA = 0.14  # dm from the eye's centre
WRAP, TILT = 0.16, 0.12  # how a frame bends round the face, and leans towards the cheeks


@dataclass(frozen=True)
class GlassesRecipe:
    """Shape, frame and lenses; colours are linear RGB. `size` is the lenses' width for eyes this far apart
    (1: 0.84 of it), `thickness` the rim's half width in dm."""

    shape: Shape = "rectangle"
    frame: Frame = "acetate"
    colour: Colour = (0.012, 0.012, 0.013)
    size: float = 1.0
    thickness: float = 0.022
    lens: Lens = "clear"
    lens_colour: Colour = (0.02, 0.021, 0.024)
    coating: float = 0.03

    @property
    def dark(self) -> bool:
        """Whether these are sunglasses."""
        return self.lens != "clear"


def random_glasses(g: np.random.Generator, *, dark: bool) -> GlassesRecipe:
    """Glasses, or sunglasses if `dark`."""
    shapes = ("wayfarer", "aviator", "cat-eye", "round", "square") if dark else (*POWERS, *CORNERS)
    shape = str(g.choice(shapes))
    frames, shares = (("acetate", "metal"), (0.6, 0.4)) if dark else (
        ("acetate", "metal", "half", "rimless"), (0.42, 0.33, 0.15, 0.1),
    )  # fmt: skip
    frame = str(g.choice(frames, p=shares))
    if shape == "aviator" and frame == "acetate":
        frame = "metal"
    colours = ACETATE if frame == "acetate" or (frame == "half" and g.random() < 0.5) else METAL
    lens = str(g.choice(("tinted", "gradient", "mirror"), p=(0.5, 0.3, 0.2))) if dark else "clear"
    tints = MIRRORS if lens == "mirror" else DARK_LENSES
    thick = g.uniform(0.016, 0.034) if frame == "acetate" else g.uniform(0.0065, 0.0105)
    return GlassesRecipe(
        shape=shape,  # type: ignore[arg-type]
        frame=frame,  # type: ignore[arg-type]
        colour=colours[g.integers(len(colours))],
        size=float(g.uniform(0.92, 1.1) + (0.08 if dark else 0)),
        thickness=float(thick),
        lens=lens,  # type: ignore[arg-type]
        lens_colour=tints[g.integers(len(tints))],
        coating=float(g.uniform(0.25, 0.5) if lens == "mirror" else g.choice((0.015, 0.04, 0.08))),
    )


def glasses_parts(recipe: GlassesRecipe, fitting: Fitting) -> list[Part]:
    """The frame and both lenses."""
    head = HeadFit(fitting)
    rims, front = _rims(recipe, head)
    solids = _frame(recipe, head, rims, front)
    metal = recipe.frame != "acetate"
    frame = Material(
        Surface.PLASTIC, Label.GLASSES, tint=recipe.colour, roughness=0.3 if metal else 0.22,
        specular=0.35 if metal else 0.05,
    )  # fmt: skip
    lens = Material(
        Surface.GLASS, Label.GLASSES, tint=recipe.lens_colour if recipe.dark else (1.0, 1.0, 1.0),
        specular=recipe.coating, casts_shadow=recipe.dark, clear=not recipe.dark,
    )  # fmt: skip
    plates = merged([_lens(rim) for rim in rims])
    frame_solid = merged(solids)
    return [
        frame_solid.part(fitting.head_weights(len(frame_solid.vertices)), frame),
        plates.part(fitting.head_weights(len(plates.vertices)), lens, _lens_texture(recipe.lens)),
    ]


def _outline(shape: str) -> Points:
    """(POINTS, 2), counter-clockwise for the person's left eye as the camera sees it."""
    if shape in POWERS:
        t = np.linspace(0, 2 * np.pi, POINTS, endpoint=False)
        wave = np.stack([np.cos(t), np.sin(t)], axis=1)
        return 0.5 * np.sign(wave) * np.abs(wave) ** (2 / POWERS[shape])
    return smooth_path(CORNERS[shape], POINTS, closed=True)


def _rims(recipe: GlassesRecipe, head: HeadFit) -> tuple[list[Points], float]:
    """The lenses' outlines, the left eye's first, and z of the frame's middle."""
    width = 0.84 * head.apart * recipe.size
    if recipe.shape == "round":
        width *= 0.93
    height = width * HEIGHTS[recipe.shape]
    gap = max(0.27 * head.apart, head.apart - width)  # the bridge
    outline = _outline(recipe.shape) * (width, height)
    drop = 0.16 * height if recipe.shape == "aviator" else 0.06 * height
    flat = []
    for side in SIDES:
        x = head.eyes[0] + side * ((gap + width) / 2 + outline[:, 0])
        flat.append(np.stack([x, head.eyes[1] - drop + outline[:, 1]], axis=1)[::side])
    bent = [_bend(xy, head) for xy in flat]
    # Far enough before brows, lashes, cheeks and the sides of the nose, all over the lens.
    margin = 0.035 + 0.7 * recipe.thickness
    front = head.left_eye[2] + CORNEA + 0.11
    for xy, z in zip(flat, bent, strict=True):
        middle = xy.mean(axis=0)
        for share in (1.0, 0.6):
            places = middle + share * (xy - middle)
            front = max(front, float((head.front(places) + margin - _bend(places, head)).max()))
        del z
    return [np.column_stack([xy, front + z]) for xy, z in zip(flat, bent, strict=True)], front


def _bend(xy: Points, head: HeadFit) -> Points:
    """z of a frame's places (N, 2) against its middle."""
    x, y = (xy - head.eyes[:2]).T
    return -WRAP * x**2 + TILT * y


def _frame(recipe: GlassesRecipe, head: HeadFit, rims: list[Points], front: float) -> list[Solid]:
    """Rims, bridge, pads and temples."""
    thickness = recipe.thickness
    solids: list[Solid] = []
    for rim in rims:
        up = (rim[:, 1] - rim[:, 1].min()) / np.ptp(rim[:, 1])
        out = np.abs(rim[:, 0] - head.eyes[0])
        out = (out - out.min()) / np.ptp(out)
        if recipe.frame == "rimless":
            continue
        if recipe.frame == "half":
            top = np.flatnonzero(up > 0.55)
            start = top[np.flatnonzero(np.diff(np.append(top, top[0] + len(rim))) > 1)[0]] + 1
            path = np.roll(rim, -int(start), axis=0)
            path = path[np.roll(up, -int(start)) > 0.55]
            solids.append(tube(path, max(thickness * 1.5, 0.012), sides=7, depth=0.8))
            continue
        radius = np.full(len(rim), thickness)
        if recipe.frame == "acetate" and recipe.shape in ("cat-eye", "wayfarer"):
            radius *= 0.8 + 0.75 * up * out
        solids.append(tube(rim, radius, sides=7, closed=True, depth=0.75 if recipe.frame == "acetate" else 1.0))
    solids.append(_bridge(recipe, head, rims, front))
    if recipe.frame != "acetate":
        solids += _pads(head, rims)
    for side, rim in zip(SIDES, rims, strict=True):
        solids += _temple(recipe, head, rim, side)
    return solids


def _bridge(recipe: GlassesRecipe, head: HeadFit, rims: list[Points], front: float) -> Solid:
    radius = recipe.thickness * (1.0 if recipe.frame == "acetate" else 1.1)
    bars = []
    heights = (0.3, 0.47) if recipe.shape == "aviator" else (0.28,)
    for height in heights:
        ends = []
        for rim, side in zip(rims, SIDES, strict=True):
            low, tall = rim[:, 1].min(), np.ptp(rim[:, 1])
            inner = (rim[:, 0] - head.eyes[0]) * side + 0.6 * np.abs(rim[:, 1] - low - (0.5 + height) * tall)
            ends.append(rim[np.argmin(inner)])
        left, right = ends
        x = np.linspace(left[0], right[0], 9)
        share = np.linspace(-1, 1, 9)
        rise = (0.05 if height < 0.4 else 0.01) * (1 - share**2)
        y = np.linspace(left[1], right[1], 9) + rise
        z = front + _bend(np.stack([x, y], axis=1), head) + 0.02 * (1 - share**2)
        before_nose = head.front(np.stack([x, y], axis=1)) + radius + 0.01
        z = np.where(np.abs(share) < 0.8, np.maximum(z, before_nose), z)
        bars.append(tube(np.stack([x, y, z], axis=1), radius, sides=7))
    return merged(bars)


def _pads(head: HeadFit, rims: list[Points]) -> list[Solid]:
    """Nose pads and the wires that hold them."""
    solids = []
    for rim, side in zip(rims, SIDES, strict=True):
        inner = rim[np.argmin((rim[:, 0] - head.eyes[0]) * side)]
        place = np.array([inner[0] - 0.035 * side, inner[1] - 0.06, 0.0])
        place[2] = min(float(head.front(place[None, :2])[0]) + 0.02, inner[2] - 0.02)
        solids.append(ball(place, (0.012, 0.035, 0.025), sides=8, rings=5))
        solids.append(tube([inner, (inner + place) / 2 - [0.015 * side, 0, 0], place], 0.004, sides=4))
    return solids


def _temple(recipe: GlassesRecipe, head: HeadFit, rim: Points, side: int) -> list[Solid]:
    """From the frame's outer end past the head's side, over the ear and down behind it."""
    thickness = recipe.thickness
    acetate = recipe.frame == "acetate"
    up = (rim[:, 1] - rim[:, 1].min()) / np.ptp(rim[:, 1])
    outer = rim[np.argmax((rim[:, 0] - head.eyes[0]) * side - 1.2 * np.abs(up - 0.75) * head.apart * 0.3)]
    ear = head.ear(side)
    top = float(ear[:, 1].max()) - 0.05
    root = float(np.percentile(ear[ear[:, 1] > top - 0.2, 2], 75))
    behind = float(ear[:, 2].min())
    corner = np.array([outer[0] + side * 0.03, outer[1], outer[2] - 0.03])
    yz = np.array(
        [
            [corner[1], corner[2] - 0.12], [0.7 * corner[1] + 0.3 * top, 0.65 * corner[2] + 0.35 * root],
            [0.3 * corner[1] + 0.7 * top, 0.3 * corner[2] + 0.7 * root], [top, root],
            [top - 0.02, 0.5 * (root + behind)], [top - 0.16, behind + 0.01], [top - 0.36, behind - 0.01],
        ]
    )  # fmt: skip
    radius = max(thickness * (0.95 if acetate else 0.9), 0.009)
    clear = head.side(yz, side) + 0.012 + radius * (0.5 if acetate else 1.0)
    straight = np.linspace(corner[0] * side + 0.015, clear[3], 4)
    reach = np.where(np.arange(7) < 3, np.maximum(clear, np.append(straight[:3], [0] * 4)), clear)
    path = np.vstack([corner, np.column_stack([reach * side, yz])])
    arm = smooth_path(path, 22)
    solids = [tube(arm, radius, sides=6, up=(1.0, 0.0, 0.0), depth=0.5 if acetate else 1.0)]
    end = tube(np.stack([outer, corner, arm[2]]), radius * 1.15, sides=7, up=(1.0, 0.0, 0.0), depth=0.8)
    return [*solids, end]


def _lens(rim: Points) -> Solid:
    """A plate with an even base curve; the texture hangs from its upper edge (v = 1) to its lower (v = 0)."""
    plate = disc(rim, bulge=0.035, rings=3)
    low, high = rim[:, :2].min(axis=0), rim[:, :2].max(axis=0)
    return Solid(plate.vertices, plate.faces, (plate.vertices[:, :2] - low) / (high - low))


@cache
def _lens_texture(lens: str) -> Texture:
    """White, its alpha the share of light that the lens takes away."""
    lowest, highest = {"clear": (8, 8), "tinted": (215, 215), "gradient": (70, 235), "mirror": (235, 235)}[lens]
    pixels = np.full((32, 4, 4), 255, np.uint8)
    pixels[..., 3] = np.linspace(lowest, highest, 32)[:, None]
    return Texture(pixels)
