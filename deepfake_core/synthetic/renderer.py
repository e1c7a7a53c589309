"""Draws posed people with OpenGL (moderngl on EGL; Mesa's llvmpipe is enough) in linear light."""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import dataclass, field
from weakref import WeakKeyDictionary

# llvmpipe takes every core by default; people are rendered in several processes instead.
os.environ.setdefault("LP_NUM_THREADS", "0")

import cv2
import moderngl
import numpy as np
import numpy.typing as npt
from scipy import sparse

from deepfake_core.synthetic import shaders
from deepfake_core.synthetic.body import Body
from deepfake_core.synthetic.camera import Camera, look_at
from deepfake_core.synthetic.environment import HEIGHT, LUMINANCE, WIDTH, Environment
from deepfake_core.synthetic.labels import SCALP, Label
from deepfake_core.synthetic.mesh import Floats, vertex_normals
from deepfake_core.synthetic.part import WHITE, Part, Surface, Texture
from deepfake_core.synthetic.person import Person, Posed
from deepfake_core.synthetic.regions import skin_regions

# Share of light after 0, 1, 3 and 7 rounds of smoothing over the skin, for red, green and blue: light
# wanders under the skin, red farthest. It also softens the shadows of the few lights.
SUBSURFACE = np.array([[0.22, 0.34, 0.42], [0.28, 0.34, 0.38], [0.3, 0.22, 0.14], [0.2, 0.1, 0.06]])
SMOOTHING_ROUNDS = (0, 1, 3, 7)
SHADOW_TAPS = [(x, y) for x in (-2.0, 0.0, 2.0) for y in (-2.0, 0.0, 2.0)]  # texels


class GraphicsMissing(RuntimeError):
    """No OpenGL 3.3 context could be made."""


@dataclass(frozen=True)
class Light:
    """An environment, its rotation (3, 3) scene to panorama, the strength of light from nowhere (bounced
    by walls and skin; softens shadows), and the strength of reflections (0 bakes the bare colour)."""

    environment: Environment
    rotation: npt.NDArray[np.float64] = field(default_factory=lambda: np.eye(3))
    ambient: float = 1.0
    reflections: float = 1.0


@dataclass(frozen=True, eq=False)
class Picture:
    """A rendering: bgr (H, W, 3), alpha (H, W) matte of all parts, labels (H, W), all uint8; and the
    exposure that was used, to lock another rendering to it."""

    bgr: npt.NDArray[np.uint8]
    alpha: npt.NDArray[np.uint8]
    labels: npt.NDArray[np.uint8]
    exposure: float


class _Drawable:
    """A part on the graphics card."""

    def __init__(self, renderer: Renderer, part: Part) -> None:
        context = renderer.context
        self.geometry = context.buffer(reserve=len(part.corner_vertex) * 8 * 4, dynamic=True)
        self.light = context.buffer(reserve=len(part.corner_vertex) * 4 * 4, dynamic=True)
        indices = context.buffer(part.corner_faces.tobytes())
        full = [(self.geometry, "3f 3f 2f", "position", "normal", "uv"), (self.light, "4f", "light")]
        short = [(self.geometry, "3f 12x 2f", "position", "uv")]
        self.shaded = context.vertex_array(renderer.shade, full, indices)
        self.labelled = context.vertex_array(renderer.label, short, indices)
        self.shadowed = context.vertex_array(renderer.depth, short, indices)
        edges = np.concatenate([part.faces[:, [0, 1]], part.faces[:, [1, 2]], part.faces[:, [2, 0]]])
        edges = np.concatenate([edges, edges[:, ::-1]])
        n = len(part.rest)
        near = sparse.csr_matrix((np.ones(len(edges), np.float32), (edges[:, 0], edges[:, 1])), shape=(n, n))
        near.data[:] = 1
        near = near + sparse.eye(n, dtype=np.float32)
        self.smooth = sparse.diags(1 / np.asarray(near.sum(axis=1)).ravel()).astype(np.float32) @ near


class Renderer:
    """Renders pictures of `width` x `height` px, drawn `supersampling` times larger and averaged.

    `shadow_size` is the side of the lights' depth maps in px: small maps are fast and soft.
    """

    def __init__(
        self, body: Body, width: int, height: int | None = None, *, supersampling: int = 2, shadow_size: int = 160
    ) -> None:
        self.width, self.height, self.supersampling = width, height or width, supersampling
        try:
            self.context = moderngl.create_context(standalone=True, backend="egl", require=330)  # type: ignore[call-arg]
        except Exception as error:
            raise GraphicsMissing(
                f"No OpenGL 3.3 through EGL ({error}): install Mesa's EGL (Debian: libegl1 libgl1-mesa-dri)."
            ) from error
        context = self.context
        context.gc_mode = "auto"
        self.shade = context.program(vertex_shader=shaders.VERTEX, fragment_shader=shaders.SHADE)
        self.label = context.program(vertex_shader=shaders.DEPTH_VERTEX, fragment_shader=shaders.LABEL)
        self.depth = context.program(vertex_shader=shaders.DEPTH_VERTEX, fragment_shader=shaders.DEPTH)
        size = self.width * supersampling, self.height * supersampling
        depth = context.depth_renderbuffer(size)
        self._colour_target = context.framebuffer([context.texture(size, 4, dtype="f2")], depth)
        self._label_target = context.framebuffer([context.texture(size, 1)], depth)
        self._shadow_size = shadow_size
        self._shadow_map = context.depth_texture((shadow_size, shadow_size))
        self._shadow_target = context.framebuffer([], self._shadow_map)
        regions = skin_regions(context, body)
        # Where hair grows, the scalp between the strands is hair; a bald actor's scalp is skin.
        self._regions = {
            scalp: self._label_texture(np.where(regions == SCALP, scalp, regions).astype(np.uint8))
            for scalp in (Label.HAIR, Label.SKIN)
        }
        self._drawables: WeakKeyDictionary[Part, _Drawable] = WeakKeyDictionary()
        self._textures: WeakKeyDictionary[Texture, moderngl.Texture] = WeakKeyDictionary()
        self._panoramas: WeakKeyDictionary[Environment, moderngl.Texture] = WeakKeyDictionary()

    def _label_texture(self, regions: npt.NDArray[np.uint8]) -> moderngl.Texture:
        texture = self.context.texture(regions.shape[::-1], 1, regions.tobytes())
        texture.filter = (moderngl.NEAREST, moderngl.NEAREST)
        return texture

    def _texture(self, texture: Texture) -> moderngl.Texture:
        if texture not in self._textures:
            height, width = texture.pixels.shape[:2]
            loaded = self.context.texture((width, height), 4, texture.pixels.tobytes())
            loaded.build_mipmaps()
            loaded.filter = (moderngl.LINEAR_MIPMAP_LINEAR, moderngl.LINEAR)
            self._textures[texture] = loaded
        return self._textures[texture]

    def _panorama(self, environment: Environment) -> moderngl.Texture:
        if environment not in self._panoramas:
            loaded = self.context.texture((WIDTH, HEIGHT), 3, environment.image.tobytes(), dtype="f4")
            loaded.build_mipmaps()
            loaded.filter = (moderngl.LINEAR_MIPMAP_LINEAR, moderngl.LINEAR)
            loaded.repeat_y = False
            self._panoramas[environment] = loaded
        return self._panoramas[environment]

    def _drawable(self, part: Part) -> _Drawable:
        if part not in self._drawables:
            self._drawables[part] = _Drawable(self, part)
        return self._drawables[part]

    def _visibility(
        self, parts: Sequence[Part], vertices: list[Floats], normals: list[Floats], directions: Floats
    ) -> Floats:
        """How much of each distant light reaches each vertex: (all parts' vertices, lights), 0..1."""
        points = np.concatenate(vertices)
        low, high = points.min(axis=0), points.max(axis=0)
        centre, radius = (low + high) / 2, float(np.linalg.norm(high - low)) / 2
        points = points + np.concatenate(normals) * np.float32(0.02)
        visible = np.empty((len(points), len(directions)), np.float32)
        size = self._shadow_size
        context = self.context
        context.enable(moderngl.DEPTH_TEST)
        context.disable(moderngl.CULL_FACE | moderngl.BLEND)
        self._shadow_target.use()
        box = np.diag([1 / radius, 1 / radius, -1 / (radius * 1.05), 1.0])
        box[2, 3] = -2 / 1.05
        self.depth["picture"] = 0
        for k, direction in enumerate(directions.astype(np.float64)):
            up = (0, 1, 0) if abs(direction[1]) < 0.9 else (1, 0, 0)
            to_light = box @ look_at(centre + direction * radius * 2, centre, up)
            self._shadow_target.clear(depth=1.0)
            self.depth["clip"].write(to_light.T.astype("f4").tobytes())
            for part in parts:
                if part.material.casts_shadow:
                    cut = part.material.surface == Surface.HAIR
                    self._texture(part.texture if cut else WHITE).use(0)
                    self.depth["cut"] = cut
                    self._drawable(part).shadowed.render()
            depths = np.frombuffer(self._shadow_map.read(), np.float32).reshape(size, size)
            seen = points @ to_light[:3, :3].T.astype(np.float32) + to_light[:3, 3].astype(np.float32)
            seen = seen * 0.5 + 0.5
            lit = np.zeros(len(points), np.float32)
            for dx, dy in SHADOW_TAPS:
                x = np.clip(seen[:, 0] * size + dx, 0, size - 1).astype(np.int32)
                y = np.clip(seen[:, 1] * size + dy, 0, size - 1).astype(np.int32)
                lit += depths[y, x] > seen[:, 2] - 0.008
            visible[:, k] = lit / len(SHADOW_TAPS)
        return visible

    def _light(self, parts: Sequence[Part], vertices: list[Floats], light: Light) -> float:
        """Write geometry, light and occlusion of each corner; returns the typical light on the skin."""
        environment = light.environment
        normals = [vertex_normals(v, part.faces) for v, part in zip(vertices, parts, strict=True)]
        for part, v, n in zip(parts, vertices, normals, strict=True):
            corner = part.corner_vertex
            rows = np.concatenate([v[corner], n[corner], part.corner_uv], axis=1)
            self._drawable(part).geometry.write(rows.astype(np.float32).tobytes())
        directions = (environment.light_directions @ light.rotation).astype(np.float32)
        colours = environment.light_colours
        everywhere = 0.04 * light.ambient * colours.sum(axis=0)
        visible = self._visibility(parts, vertices, normals, directions)
        typical = 1.0
        start = 0
        for index, (part, v, n) in enumerate(zip(parts, vertices, normals, strict=True)):
            reaching = visible[start : start + len(v)]
            start += len(v)
            cosine = n @ directions.T
            front = cosine.clip(min=0)
            occlusion = (reaching * front).sum(axis=1) / (front.sum(axis=1) + 1e-6)
            if part.material.surface == Surface.HAIR:
                front = (np.abs(cosine) * 0.35 + 0.35 + 0.3 * cosine).clip(min=0)
            irradiance = (reaching * front) @ colours
            drawable = self._drawable(part)
            if part.material.surface == Surface.SKIN:
                irradiance = _scatter(irradiance, drawable.smooth)
                occlusion = drawable.smooth @ occlusion
            irradiance = irradiance + everywhere * (0.5 + 0.5 * occlusion[:, None])
            if index == 0:
                typical = float(np.percentile(irradiance @ LUMINANCE, 65))
            corner = part.corner_vertex
            rows = np.concatenate([irradiance[corner], occlusion[corner, None]], axis=1)
            drawable.light.write(rows.astype(np.float32).tobytes())
        return typical

    def render(
        self,
        person: Person,
        posed: Posed,
        light: Light,
        camera: Camera,
        *,
        exposure: float | None = None,
        gain: float = 1.0,
        background: npt.NDArray[np.float32] | None = None,
    ) -> Picture:
        """Render a posed person.

        exposure None measures the light on the skin, times `gain`; else the given exposure is locked.
        background: linear RGB (H, W, 3) or one colour (3,); None shows the panorama.
        The first part of a person is the skin.
        """
        parts, context = person.parts, self.context
        typical = self._light(parts, posed.vertices, light)
        if exposure is None:
            exposure = gain * 1.4 / float(np.clip(typical**0.85, 0.05, 50))
        clip = camera.clip(self.width / self.height).T.astype("f4").tobytes()
        self._colour_target.use()
        self._colour_target.clear(0, 0, 0, 0, depth=1.0)
        context.enable(moderngl.DEPTH_TEST)
        context.disable(moderngl.BLEND | moderngl.CULL_FACE)
        self._panorama(light.environment).use(1)
        shade = self.shade
        shade["clip"].write(clip)
        shade["picture"], shade["panorama"] = 0, 1
        shade["eye"] = tuple(camera.eye)
        shade["to_panorama"].write(light.rotation.T.astype("f4").tobytes())
        shade["reflections"] = light.reflections
        shade["harmonics"].write(light.environment.harmonics.tobytes())
        for blending in (False, True):
            shade["blending"] = blending
            if blending:
                context.enable(moderngl.BLEND)
                context.blend_func = (
                    moderngl.SRC_ALPHA, moderngl.ONE_MINUS_SRC_ALPHA, moderngl.ONE, moderngl.ONE_MINUS_SRC_ALPHA,
                )  # fmt: skip
                self._colour_target.depth_mask = False
            for part in parts:
                material = part.material
                if blending and material.surface != Surface.HAIR:
                    continue
                self._texture(part.texture).use(0)
                shade["surface"] = int(material.surface)
                shade["tint"] = material.tint
                shade["roughness"] = material.roughness
                shade["specular"] = material.specular
                shade["bump"] = material.bump
                self._drawable(part).shaded.render()
        self._colour_target.depth_mask = True
        context.disable(moderngl.BLEND)
        large = self.height * self.supersampling, self.width * self.supersampling
        linear = np.frombuffer(self._colour_target.read(components=4, dtype="f2"), np.float16)
        full = linear.reshape(*large, 4)[::-1].astype(np.float32)
        drawn = cv2.resize(full, (self.width, self.height), interpolation=cv2.INTER_AREA)
        if background is None:
            background = self._backdrop(light, camera)
        alpha = np.clip(drawn[..., 3], 0, 1)
        rgb = drawn[..., :3] + background * (1 - alpha[..., None])
        return Picture(
            bgr=_develop((rgb * exposure).astype(np.float32)),
            alpha=(alpha * 255 + 0.5).astype(np.uint8),
            labels=self._draw_labels(person, clip),
            exposure=exposure,
        )

    def _draw_labels(self, person: Person, clip: bytes) -> npt.NDArray[np.uint8]:
        """The label of the middle sample of each pixel, (H, W) uint8."""
        self._label_target.use()
        self._label_target.clear()
        covered = person.recipe.hair.style is not None or person.hairless
        self._regions[Label.HAIR if covered else Label.SKIN].use(2)
        label = self.label
        label["clip"].write(clip)
        label["picture"], label["regions"] = 0, 2
        for part in person.parts:
            if part.material.label >= 0:
                self._texture(part.texture).use(0)
                label["surface"] = int(part.material.surface)
                label["label"] = float(part.material.label)
                label["cutout"] = part.material.cutout
                self._drawable(part).labelled.render()
        k = self.supersampling
        large = np.frombuffer(self._label_target.read(components=1, alignment=1), np.uint8)
        return large.reshape(self.height * k, self.width * k)[::-1][k // 2 :: k, k // 2 :: k].copy()

    def _backdrop(self, light: Light, camera: Camera) -> npt.NDArray[np.float32]:
        """The panorama behind the person, out of focus: linear RGB (H, W, 3)."""
        tangent = np.tan(np.radians(max(camera.fov, 50)) / 2)  # a long lens would show too few pixels of it
        x = (2 * (np.arange(self.width) + 0.5) / self.width - 1) * tangent * self.width / self.height
        y = (1 - 2 * (np.arange(self.height) + 0.5) / self.height) * tangent
        rays = np.stack([*np.meshgrid(x, y), np.full((self.height, self.width), -1.0)], axis=-1)
        rays = rays @ camera.view[:3, :3] @ light.rotation.T
        rays /= np.linalg.norm(rays, axis=-1, keepdims=True)
        u = (np.arctan2(rays[..., 0], -rays[..., 2]) / (2 * np.pi) + 0.5) * WIDTH - 0.5
        v = np.arccos(np.clip(rays[..., 1], -1, 1)) / np.pi * HEIGHT - 0.5
        soft = cv2.GaussianBlur(light.environment.image, (0, 0), 1.2)
        picture = cv2.remap(
            soft, u.astype(np.float32), v.astype(np.float32), cv2.INTER_LINEAR, borderMode=cv2.BORDER_WRAP
        )
        return picture.astype(np.float32)


def _scatter(irradiance: Floats, smooth: sparse.csr_matrix) -> Floats:
    """Subsurface scattering, roughly: light (N, 3) blurred over the mesh, each colour in its own way."""
    total = np.zeros_like(irradiance)
    blurred, done = irradiance, 0
    for rounds, shares in zip(SMOOTHING_ROUNDS, SUBSURFACE, strict=True):
        for _ in range(rounds - done):
            blurred = smooth @ blurred
        done = rounds
        total += blurred * shares.astype(np.float32)
    return total


def _develop(rgb: npt.NDArray[np.float32]) -> npt.NDArray[np.uint8]:
    """Linear RGB to BGR uint8: filmic curve (Narkowicz 2015, a fit of ACES), then gamma 2.2."""
    x = rgb * np.float32(0.9)
    x = (x * (2.51 * x + 0.03)) / (x * (2.43 * x + 0.59) + 0.14)
    encoded = np.clip(x, 0, 1) ** (1 / 2.2) * 255 + 0.5
    return np.ascontiguousarray(encoded[..., ::-1].astype(np.uint8))
