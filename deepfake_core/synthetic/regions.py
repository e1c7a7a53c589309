"""Face-parsing regions of the skin, painted once in texture space."""

from __future__ import annotations

import cv2
import moderngl
import numpy as np
import numpy.typing as npt

from deepfake_core.synthetic.assets import read_image
from deepfake_core.synthetic.body import Body
from deepfake_core.synthetic.labels import SCALP, Label
from deepfake_core.synthetic.shaders import UNWRAP, UNWRAP_VERTEX

SIZE = 2048
NECK_BONES = ("neck", "spine", "clav", "shoulder", "breast", "upperarm")
SCALP_FROM = 7.15  # dm above the ground: skin outside the face mask is scalp above this height, neck below


def skin_regions(context: moderngl.Context, body: Body) -> npt.NDArray[np.uint8]:
    """Labels (2048, 2048) uint8 of the skin's texture, first row at v = 0: `Label` values and `SCALP`.

    Lips, ears, mouth and face come from MakeHuman's masks; nose, upper and lower lip and neck from how
    strongly shape targets and bones move the skin there.
    """
    mesh = body.mesh
    skin = mesh.groups == "body"
    place = mesh.vertices

    def strength(name: str) -> npt.NDArray[np.float64]:
        moved, offsets = body.target(name)
        field = np.zeros(len(place))
        field[moved] = np.linalg.norm(offsets, axis=1)
        return field / field.max()

    nose = np.maximum(strength("nose/nose-scale-depth-incr"), 0.8 * strength("nose/nose-scale-horiz-incr"))
    upper_lip = strength("mouth/mouth-upperlip-height-incr") - strength("mouth/mouth-lowerlip-height-incr")
    neck = body.weights[:, [name.startswith(NECK_BONES) for name in body.bones]].sum(axis=1)
    program = context.program(vertex_shader=UNWRAP_VERTEX, fragment_shader=UNWRAP)
    target = context.framebuffer([context.texture((SIZE, SIZE), 4, dtype="f4")])
    context.disable(moderngl.DEPTH_TEST | moderngl.CULL_FACE | moderngl.BLEND)

    def unwrap(values: npt.NDArray[np.float64]) -> npt.NDArray[np.float32]:
        corners = np.concatenate([mesh.uv[mesh.uv_faces[skin].ravel()], values[mesh.faces[skin].ravel()]], 1)
        buffer = context.buffer(corners.astype(np.float32).tobytes())
        target.use()
        target.clear()
        context.vertex_array(program, [(buffer, "2f 4f", "uv", "values")]).render()
        return np.frombuffer(target.read(components=4, dtype="f4"), np.float32).reshape(SIZE, SIZE, 4)

    def mask(name: str) -> npt.NDArray[np.bool_]:
        image = read_image(body.folder / "uv_masks" / f"{name}.jpg", SIZE)[..., 0]
        return cv2.resize(image, (SIZE, SIZE), interpolation=cv2.INTER_LINEAR)[::-1] > 110

    of_nose, of_upper_lip, of_neck, side = np.moveaxis(
        unwrap(np.stack([nose, upper_lip, neck, place[:, 0]], axis=1)), 2, 0
    )
    height = unwrap(np.repeat(place[:, 1:2], 4, axis=1))[..., 0]
    regions = np.full((SIZE, SIZE), Label.SKIN, np.uint8)
    outside = ~mask("face")
    regions[outside] = np.where(height[outside] > SCALP_FROM, SCALP, Label.NECK)
    regions[of_nose > 0.38] = Label.NOSE
    regions[of_neck > 0.55] = Label.NECK
    lips = mask("lips")
    regions[lips] = np.where(of_upper_lip[lips] > 0, Label.UPPER_LIP, Label.LOWER_LIP)
    ears = mask("ears")
    regions[ears] = np.where(side[ears] < 0, Label.L_EAR, Label.R_EAR)
    regions[mask("inside-mouth")] = Label.MOUTH
    return regions
