"""Draws posed people with OpenGL (moderngl on EGL; Mesa's llvmpipe is enough) in linear light."""

from __future__ import annotations

import os
import weakref
from collections.abc import Collection, Sequence
from dataclasses import dataclass, fields
from typing import NamedTuple
from weakref import WeakKeyDictionary

# llvmpipe takes every core by default; people are rendered in several processes instead.
os.environ.setdefault("LP_NUM_THREADS", "0")

import cv2
import moderngl
import numpy as np
import numpy.typing as npt

from deepfake_core.synthetic import shaders
from deepfake_core.synthetic.body import Body
from deepfake_core.synthetic.camera import Camera
from deepfake_core.synthetic.drawable import Drawable
from deepfake_core.synthetic.environment import HEIGHT, LUMINANCE, WIDTH, Environment
from deepfake_core.synthetic.labels import SCALP, Label
from deepfake_core.synthetic.lighting import Light
from deepfake_core.synthetic.mesh import Floats
from deepfake_core.synthetic.part import WHITE, Material, Part, Surface, Texture
from deepfake_core.synthetic.person import Person, Posed
from deepfake_core.synthetic.regions import skin_regions
from deepfake_core.synthetic.shadows import ShadowMaps

Image = npt.NDArray[np.uint8]
SEEN_THROUGH = (Label.L_EYE, Label.R_EYE, Label.L_BROW, Label.R_BROW)  # keep their label behind clear glasses
WELL_EXPOSED = 0.95  # linear brightness of a white surface in the light that is typical for the skin
MIDDLE_SKIN, LIFT = 0.3, 0.2  # the skin for which exposure is as measured, and how far others draw it
CONTRAST, GREY = 1.12, 0.18  # of the film, around middle grey
SHOULDER, CEILING = 0.5, 1.06  # linear brightness from which highlights are compressed, and what they tend to
MIDDLE = np.array([0.0, -0.3, 0.5])  # dm from the head bone: of what throws shadows
REACH = 3.4  # dm from there to where shadows end
INSIDE = (Surface.EYE, Surface.MOUTH)  # throw no shadow out of the head
AWAY = -0.35  # cosine to the viewer below which a vertex is never seen, nor lights one that is


BLACK = Texture(np.zeros((4, 4, 4), np.uint8))


class GraphicsMissing(RuntimeError):
    """No OpenGL 3.3 context could be made."""


class Marks(NamedTuple):
    """Parts, and a texture on the skin, whose share of each pixel is asked for."""

    parts: Collection[Part]
    skin: Texture


@dataclass(frozen=True, eq=False)
class Picture:
    """A rendering, all (H, W) uint8 but for the exposure.

    bgr (H, W, 3); plate (H, W, 3): the background alone, BGR; labels: `Label` of the middle of each pixel.
    Soft mattes, 255 where covered wholly, what is in front subtracted: alpha (the person and what she holds),
    head_matte (the head with hair and all it wears, down to the neck), hair_matte, marked_matte (parts that the
    caller marked). exposure: what was used, to lock another rendering to it.
    """

    bgr: Image
    alpha: Image
    labels: Image
    head_matte: Image
    hair_matte: Image
    marked_matte: Image
    plate: Image
    exposure: float


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
        # Other renderers of the process have contexts of their own: objects are freed in the one that made them.
        self.context.gc_mode = "context_gc"
        weakref.finalize(self, self.context.release)
        with self.context:
            self._prepare(body, shadow_size)

    def _prepare(self, body: Body, shadow_size: int) -> None:
        context, supersampling = self.context, self.supersampling
        self._shade = {
            surface: context.program(vertex_shader=shaders.VERTEX, fragment_shader=shaders.shade(surface))
            for surface in Surface
        }
        self._label = context.program(vertex_shader=shaders.LABEL_VERTEX, fragment_shader=shaders.LABEL)
        self._depth = context.program(vertex_shader=shaders.LABEL_VERTEX, fragment_shader=shaders.DEPTH)
        size, large = (self.width, self.height), (self.width * supersampling, self.height * supersampling)
        self._target = context.framebuffer(
            [context.texture(large, 4, dtype="f2"), context.texture(large, 4)], context.depth_renderbuffer(large)
        )
        self._label_target = context.framebuffer([context.texture(size, 1)], context.depth_renderbuffer(size))
        self._shadows = ShadowMaps(context, shadow_size)
        regions = skin_regions(context, body)
        # Where hair grows, the scalp between the strands is hair; a bald actor's scalp is skin.
        self._regions = {
            scalp: self._label_texture(np.where(regions == SCALP, scalp, regions).astype(np.uint8))
            for scalp in (Label.HAIR, Label.SKIN)
        }
        self._drawables: WeakKeyDictionary[Part, Drawable] = WeakKeyDictionary()
        self._textures: WeakKeyDictionary[Texture, moderngl.Texture] = WeakKeyDictionary()
        self._panoramas: WeakKeyDictionary[Environment, moderngl.Texture] = WeakKeyDictionary()

    def _label_texture(self, regions: Image) -> moderngl.Texture:
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
            loaded = self.context.texture((WIDTH, HEIGHT), 3, environment.image.astype("f2").tobytes(), dtype="f2")
            loaded.build_mipmaps()
            loaded.filter = (moderngl.LINEAR_MIPMAP_LINEAR, moderngl.LINEAR)
            loaded.repeat_y = False
            self._panoramas[environment] = loaded
        return self._panoramas[environment]

    def _drawable(self, part: Part) -> Drawable:
        if part not in self._drawables:
            shade = self._shade[part.material.surface]
            self._drawables[part] = Drawable(
                self.context,
                part,
                shade=shade,
                label=self._label,
                depth=self._depth,
                shadow=self._shadows.program,
            )
        return self._drawables[part]

    def _light(self, person: Person, posed: Posed, light: Light, camera: Camera) -> float:
        """Write geometry, light and occlusion of each corner; returns the typical light on the skin."""
        parts, environment = person.parts, light.environment
        drawables = [self._drawable(part) for part in parts]
        directions = (environment.light_directions @ light.rotation).astype(np.float32)
        colours = environment.light_colours
        normals, cosines, wanted, offsets = [], [], [], []
        for part, drawable, vertices in zip(parts, drawables, posed.vertices, strict=True):
            of_part = drawable.normals(vertices, posed.head)
            drawable.place(vertices, of_part)
            normals.append(of_part)
            cosines.append(of_part @ directions.T)
            if part.material.surface == Surface.HAIR:  # strands have no side that faces away
                wanted.append(np.ones((len(drawable.lit), len(directions)), bool))
                offsets.append(np.zeros((len(drawable.lit), 3), np.float32))
            else:
                to_eye = camera.eye.astype(np.float32) - vertices
                seen = np.einsum("nc,nc->n", of_part, to_eye) > AWAY * np.linalg.norm(to_eye, axis=1)
                wanted.append(((cosines[-1] > 0) & seen[:, None])[drawable.lit])
                offsets.append(of_part[drawable.lit])
        casters = []
        for part, drawable in zip(parts, drawables, strict=True):
            if part.material.casts_shadow and part.material.surface not in INSIDE:
                cut = part.material.surface == Surface.HAIR
                casters.append((drawable.shadowed, self._texture(part.texture if cut else WHITE), 0.4 if cut else 0.0))
        visible = self._shadows.visibility(
            casters=casters,
            # In steps, so that a small change of the figure leaves the shadows elsewhere as they were.
            centre=np.round(person.fitting.head * 2) / 2 + MIDDLE,
            radius=REACH,
            points=np.concatenate([v[d.lit] for v, d in zip(posed.vertices, drawables, strict=True)]),
            normals=np.concatenate(offsets),
            wanted=np.concatenate(wanted),
            directions=directions,
            spreads=environment.light_spreads,
        )
        everywhere = 0.04 * light.ambient * colours.sum(axis=0)
        typical = 1.0
        start = 0
        for index, (part, drawable, cosine) in enumerate(zip(parts, drawables, cosines, strict=True)):
            reaching = visible[start : start + len(drawable.lit)][drawable.lit_of]
            start += len(drawable.lit)
            front = cosine.clip(min=0)
            occlusion = (reaching * front).sum(axis=1) / (front.sum(axis=1) + 1e-6)
            if part.material.surface == Surface.HAIR:
                front = (np.abs(cosine) * 0.35 + 0.35 + 0.3 * cosine).clip(min=0)
            irradiance = (reaching * front) @ colours
            if part.material.surface == Surface.SKIN:
                irradiance = drawable.scatter(irradiance)
                occlusion = drawable.smooth @ occlusion
            irradiance = irradiance + everywhere * (0.5 + 0.5 * occlusion[:, None])
            if index == 0:
                to_eye = camera.eye.astype(np.float32) - posed.vertices[0]
                seen = np.einsum("nc,nc->n", normals[0], to_eye) > 0
                # Between the middle and the brightest of it, so that a lit side does not burn out.
                typical = float(np.percentile(irradiance[seen] @ LUMINANCE, (60, 92)).mean())
            drawable.light(irradiance.astype(np.float32), occlusion)
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
        marked: Collection[Part] = (),
        marked_skin: Texture | None = None,
    ) -> Picture:
        """Render a posed person.

        exposure None measures the light on the skin, times `gain`; else the given exposure is locked.
        background: linear RGB (H, W, 3) or one colour (3,); None shows what the light shows.
        marked, marked_skin: parts, and the red channel of a texture on the skin, whose share of each pixel
        becomes `Picture.marked_matte`.
        The first part of a person is the skin.
        """
        parts = person.parts
        clip = camera.clip(self.width / self.height).T.astype("f4").tobytes()
        with self.context:
            self.context.gc()
            typical = self._light(person, posed, light, camera)
            regions = self._scalp(person)
            marks = Marks(marked, marked_skin or BLACK)
            colour, cover = self._draw(parts, light, camera, clip=clip, regions=regions, marks=marks)
            labels = self._draw_labels(parts, clip, regions)
        if exposure is None:
            exposure = gain * light.exposure * WELL_EXPOSED * np.pi / max(typical, 1e-3) * _lift(person)
        alpha = np.clip(colour[..., 3], 0, 1)
        if background is None:
            background = self._backdrop(light, camera)
        behind = np.broadcast_to(background, (self.height, self.width, 3)).astype(np.float32)
        rgb = colour[..., :3] + behind * (1 - alpha[..., None])
        mattes = np.clip(cover + 0.5, 0, 255).astype(np.uint8)
        return Picture(
            bgr=_develop(rgb * np.float32(exposure)),
            alpha=(alpha * 255 + 0.5).astype(np.uint8),
            labels=labels,
            head_matte=mattes[..., 0].copy(),
            hair_matte=mattes[..., 1].copy(),
            marked_matte=mattes[..., 2].copy(),
            plate=_develop(behind * np.float32(exposure)),
            exposure=float(exposure),
        )

    def _scalp(self, person: Person) -> moderngl.Texture:
        covered = person.recipe.hair.covers_scalp or person.hairless
        return self._regions[Label.HAIR if covered else Label.SKIN]

    def _draw(
        self,
        parts: Sequence[Part],
        light: Light,
        camera: Camera,
        *,
        clip: bytes,
        regions: moderngl.Texture,
        marks: Marks,
    ) -> tuple[Floats, Floats]:
        """Linear light with alpha (H, W, 4), and shares of head, hair and marked parts (H, W, 3) in 0..255."""
        context, target = self.context, self._target
        target.use()
        target.clear(0, 0, 0, 0, depth=1.0)
        context.enable(moderngl.DEPTH_TEST)
        context.disable(moderngl.BLEND | moderngl.CULL_FACE)
        context.depth_func = "<="
        self._panorama(light.environment).use(1)
        regions.use(2)
        soft = [part for part in parts if part.material.surface == Surface.HAIR]
        glass = [part for part in parts if part.material.surface == Surface.GLASS]
        solid = [part for part in parts if part.material.surface not in (Surface.HAIR, Surface.GLASS)]
        # The depth of hair first: of its many layers only the foremost is shaded, and no skin below it.
        self._depth["clip"].write(clip)
        for part in soft:
            self._depth["threshold"] = part.material.opaque_from + 0.01
            self._texture(part.texture).use(0)
            self._drawable(part).deep.render()
        scene = {
            "clip": clip,
            "to_panorama": light.rotation.T.astype("f4").tobytes(),
            "harmonics": light.environment.harmonics.tobytes(),
            "eye": camera.eye.astype("f4").tobytes(),
            "reflections": np.float32(light.reflections).tobytes(),
        }
        for program in self._shade.values():
            for name, value in scene.items():
                if name in program:
                    program[name].write(value)  # type: ignore[union-attr]
            for name, unit in (("picture", 0), ("panorama", 1), ("regions", 2), ("marked", 3)):
                if name in program:
                    program[name] = unit
        for part in [*soft, *solid]:
            self._texture(marks.skin if part is parts[0] else BLACK).use(3)
            self._shade_part(part, marks, blending=False)
        context.enable(moderngl.BLEND)
        context.blend_func = (
            moderngl.SRC_ALPHA, moderngl.ONE_MINUS_SRC_ALPHA, moderngl.ONE, moderngl.ONE_MINUS_SRC_ALPHA,
        )  # fmt: skip
        target.depth_mask = False
        for part in [*(part for part in soft if part.material.soft), *glass]:
            self._shade_part(part, marks, blending=True)
        target.depth_mask = True
        context.disable(moderngl.BLEND)
        context.depth_func = "<"
        k, size = self.supersampling, (self.width, self.height)
        large = (self.height * k, self.width * k, 4)
        linear = np.frombuffer(target.read(components=4, dtype="f2"), np.float16).reshape(large)[::-1]
        shares = np.frombuffer(target.read(components=4, attachment=1), np.uint8).reshape(large)[::-1, :, :3]
        colour = cv2.resize(linear.astype(np.float32), size, interpolation=cv2.INTER_AREA)
        cover = cv2.resize(shares.astype(np.float32), size, interpolation=cv2.INTER_AREA)
        return np.asarray(colour, np.float32), np.asarray(cover, np.float32)

    def _shade_part(self, part: Part, marks: Marks, *, blending: bool) -> None:
        material = part.material
        program, drawable = self._shade[material.surface], self._drawable(part)
        for name in UNIFORMS:
            if name in program:
                program[name] = getattr(material, name)
        program["blending"] = blending
        of_head = float(drawable.of_head)
        program["shares"] = of_head, float(material.label == Label.HAIR), float(part in marks.parts)
        self._texture(part.texture).use(0)
        drawable.shaded.render()

    def _draw_labels(self, parts: Sequence[Part], clip: bytes, regions: moderngl.Texture) -> Image:
        """The label of the middle of each pixel, (H, W) uint8."""
        self._label_target.use()
        self._label_target.clear()
        regions.use(2)
        label = self._label
        label["clip"].write(clip)
        label["picture"], label["regions"] = 0, 2
        labelled = [part for part in parts if part.material.label >= 0]
        clear = [part for part in labelled if part.material.clear]
        behind = self._label_parts([part for part in labelled if not part.material.clear])
        if not clear:
            return behind
        return np.where(np.isin(behind, SEEN_THROUGH), behind, self._label_parts(clear)).astype(np.uint8)

    def _label_parts(self, parts: Sequence[Part]) -> Image:
        label = self._label
        for part in parts:
            self._texture(part.texture).use(0)
            label["surface"] = int(part.material.surface)
            label["label"] = float(part.material.label)
            label["cutout"] = part.material.cutout
            self._drawable(part).labelled.render()
        drawn = np.frombuffer(self._label_target.read(components=1, alignment=1), np.uint8)
        return drawn.reshape(self.height, self.width)[::-1].copy()

    def _backdrop(self, light: Light, camera: Camera) -> npt.NDArray[np.float32]:
        """What is behind the person, out of focus: linear RGB (H, W, 3)."""
        if light.backdrop is not None:
            return np.asarray(
                cv2.resize(light.backdrop, (self.width, self.height), interpolation=cv2.INTER_AREA), np.float32
            )
        tangent = np.tan(np.radians(max(camera.fov, 50)) / 2)  # a long lens would show too few pixels of it
        x = (2 * (np.arange(self.width) + 0.5) / self.width - 1) * tangent * self.width / self.height
        y = (1 - 2 * (np.arange(self.height) + 0.5) / self.height) * tangent
        rays = np.stack([*np.meshgrid(x, y), np.full((self.height, self.width), -1.0)], axis=-1)
        rays = rays @ camera.view[:3, :3] @ light.rotation.T
        rays /= np.linalg.norm(rays, axis=-1, keepdims=True)
        u = (np.arctan2(rays[..., 0], -rays[..., 2]) / (2 * np.pi) + 0.5) * WIDTH - 0.5
        v = np.arccos(np.clip(rays[..., 1], -1, 1)) / np.pi * HEIGHT - 0.5
        picture = cv2.remap(
            light.environment.soft, u.astype(np.float32), v.astype(np.float32), cv2.INTER_LINEAR,
            borderMode=cv2.BORDER_WRAP,
        )  # fmt: skip
        return picture.astype(np.float32)


# What a material says of its look, handed to the shader under the same name.
UNIFORMS = tuple(field.name for field in fields(Material) if field.name not in ("surface", "label"))


def _lift(person: Person) -> float:
    """How much more light a camera's automatic exposure takes for dark skin, less for light skin."""
    albedo = person.recipe.skin.albedo
    return 1.0 if albedo is None else float(np.clip(float(LUMINANCE @ albedo) / MIDDLE_SKIN, 0.05, 3) ** -LIFT)


def _develop(rgb: npt.NDArray[np.float32]) -> Image:
    """Linear RGB to BGR uint8: a little contrast, highlights compressed from `SHOULDER` on, then the sRGB curve."""
    rgb = (GREY * (np.maximum(rgb, 0) / GREY) ** np.float32(CONTRAST)).astype(np.float32)
    over = np.maximum(rgb - SHOULDER, 0) / (CEILING - SHOULDER)
    x = np.minimum(np.minimum(rgb, SHOULDER) + (CEILING - SHOULDER) * over / (1 + over), 1)
    encoded = np.where(x <= 0.0031308, 12.92 * x, 1.055 * np.maximum(x, 0.0031308) ** (1 / 2.4) - 0.055)
    return np.ascontiguousarray((encoded[..., ::-1] * 255 + 0.5).astype(np.uint8))
