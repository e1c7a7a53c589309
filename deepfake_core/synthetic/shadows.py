"""How much of each distant light reaches each vertex: depth maps of all lights, drawn as tiles of one picture."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import moderngl
import numpy as np
import numpy.typing as npt

from deepfake_core.synthetic import shaders
from deepfake_core.synthetic.camera import look_at
from deepfake_core.synthetic.mesh import Floats

TILES = 4  # by TILES: as many lights are drawn at once
LIGHTS = TILES * TILES  # as in shadow_vertex.glsl
REACH = 0.35  # dm: how far away what throws the shadow is taken to be, for the shadow's softness
SOFTEST = 5  # texels
CLIP_DISTANCE = 0x3000  # GL_CLIP_DISTANCE0
OFF_THE_SKIN = 0.025  # dm: where light is looked for
BEHIND = 0.01  # of the maps' depth: what lies so little behind is still lit
# A spiral of eight places around the vertex (Vogel 1979), of radius 1.
_TURNS = np.arange(8) * 2.399963
TAPS = np.stack([np.cos(_TURNS), np.sin(_TURNS)], axis=1) * np.sqrt((np.arange(8)[:, None] + 0.5) / 8)

Bools = npt.NDArray[np.bool_]


class View(NamedTuple):
    """A light's tile, its matrix (4, 4) scene to tile, and how far its taps reach in texels."""

    tile: int
    to_light: Floats
    soft: float


class ShadowMaps:
    """Depth maps of `size` x `size` px, one per light."""

    def __init__(self, context: moderngl.Context, size: int) -> None:
        self.context, self.size = context, size
        self.program = context.program(vertex_shader=shaders.SHADOW_VERTEX, fragment_shader=shaders.DEPTH)
        self._maps = context.depth_texture((size * TILES, size * TILES))
        self._target = context.framebuffer([], self._maps)

    def visibility(
        self,
        *,
        casters: Sequence[tuple[moderngl.VertexArray, moderngl.Texture, float]],
        centre: npt.NDArray[np.float64],
        radius: float,
        points: Floats,
        normals: Floats,
        wanted: Bools,
        directions: Floats,
        spreads: Floats,
    ) -> Floats:
        """How much of each light reaches each point: (N, L) float32 in 0..1.

        casters: vertex array, picture and the alpha (0: any) from which it stops light; the maps reach
        `radius` around `centre` (dm), what lies beyond is lit; points (N, 3) and their normals; wanted (N, L): the
        others stay 0; directions (L, 3) to the lights; spreads (L,): how wide each light is, radians.
        """
        box = np.diag([1 / radius, 1 / radius, -1 / (radius * 1.05), 1.0])
        box[2, 3] = -2 / 1.05
        matrices = []
        for direction in directions.astype(np.float64):
            up = (0, 1, 0) if abs(direction[1]) < 0.9 else (1, 0, 0)
            matrices.append(box @ look_at(centre + direction * radius * 2, centre, up))
        visible = np.zeros((len(points), len(directions)), np.float32)
        raised = points + normals * np.float32(OFF_THE_SKIN)
        texels = self.size / (2 * radius)  # per dm
        for first in range(0, len(directions), LIGHTS):
            chosen = slice(first, first + LIGHTS)
            depths = self._draw(casters, matrices[chosen])
            for tile, to_light in enumerate(matrices[chosen]):
                k = first + tile
                rows = np.flatnonzero(wanted[:, k])
                soft = float(np.clip(spreads[k] * REACH * texels, 1.5, SOFTEST))
                view = View(tile, to_light.astype(np.float32), soft)
                visible[rows, k] = self._look(depths, view, raised[rows], normals[rows])
        return visible

    def _draw(
        self,
        casters: Sequence[tuple[moderngl.VertexArray, moderngl.Texture, float]],
        matrices: list[npt.NDArray[np.float64]],
    ) -> Floats:
        """Depths of all tiles, flat."""
        context, program = self.context, self.program
        context.enable(moderngl.DEPTH_TEST)
        context.disable(moderngl.CULL_FACE | moderngl.BLEND)
        for plane in range(4):
            context.enable_direct(CLIP_DISTANCE + plane)
        self._target.use()
        self._target.clear(depth=1.0)
        rows = np.zeros((LIGHTS, 4, 4), np.float32)
        rows[: len(matrices)] = np.stack(matrices).transpose(0, 2, 1)
        program["to_light"].write(rows.tobytes())
        program["tiles"], program["picture"] = TILES, 0
        for array, picture, threshold in casters:
            picture.use(0)
            program["threshold"] = threshold
            array.render(instances=len(matrices))
        for plane in range(4):
            context.disable_direct(CLIP_DISTANCE + plane)
        return np.frombuffer(self._maps.read(), np.float32)

    def _look(self, depths: Floats, view: View, points: Floats, normals: Floats) -> Floats:
        """Share of the taps around each point that the light reaches."""
        size, to_light = self.size, view.to_light
        seen = (points @ to_light[:3, :3].T + to_light[:3, 3]) * 0.5 + 0.5
        # The surface's own slope, so that it does not shade itself where the taps lie beside the point.
        axes = to_light[:3, :3] / np.linalg.norm(to_light[:3, :3], axis=1, keepdims=True)
        local = normals @ axes.T
        facing = np.minimum(local[:, 2:], -0.25)  # the box looks along -z, so depth grows away from the light
        squeeze = np.linalg.norm(to_light[2, :3]) / np.linalg.norm(to_light[0, :3])
        slopes = -local[:, :2] / facing * np.float32(squeeze / size)
        taps = np.rint(TAPS * view.soft).astype(np.int32)
        places = np.clip(seen[:, :2] * size, SOFTEST, size - 1 - SOFTEST).astype(np.int32)
        corner = view.tile // TILES * size * size * TILES + view.tile % TILES * size
        texels = places[:, 1] * (size * TILES) + places[:, 0] + corner
        depth = depths.take(texels[:, None] + (taps[:, 1] * (size * TILES) + taps[:, 0]))
        own = seen[:, 2:] - np.float32(BEHIND) + slopes @ taps.T.astype(np.float32)
        own[np.abs(seen[:, :2] - 0.5).max(axis=1) > 0.5] = -1
        lit = np.ascontiguousarray(depth > own)
        # Eight yes or no in one go.
        return np.bitwise_count(lit.view(np.uint64)[:, 0]).astype(np.float32) / np.float32(len(taps))
