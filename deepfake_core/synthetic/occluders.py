"""Things in front of the face: glasses, a hand, a microphone."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
from scipy.spatial.transform import Rotation

from deepfake_core.synthetic.body import BODY_VERTICES, skin_vertices
from deepfake_core.synthetic.labels import Label
from deepfake_core.synthetic.mesh import Ints, Mesh
from deepfake_core.synthetic.part import WHITE, Material, Part, Surface
from deepfake_core.synthetic.person import Person

GLASSES, HAND, MICROPHONE = 1, 2, 4  # bits of a sample's `occluded`
FRAME_COLOURS = (
    (0.02, 0.02, 0.02), (0.15, 0.06, 0.03), (0.4, 0.4, 0.42), (0.5, 0.05, 0.05), (0.05, 0.1, 0.35),
)  # fmt: skip

Solid = tuple[npt.NDArray[np.float64], Ints]


def random_occluders(g: np.random.Generator, person: Person) -> tuple[list[Part], int]:
    """Glasses (17 %), a hand (15 %), a microphone (6 %), and their bits."""
    wanted = g.random(3) < (0.17, 0.15, 0.06)
    parts: list[Part] = []
    bits = 0
    for bit, make, is_wanted in zip((GLASSES, HAND, MICROPHONE), (glasses, hand, microphone), wanted, strict=True):
        if is_wanted:
            parts += make(g, person)
            bits |= bit
    return parts, bits


def glasses(g: np.random.Generator, person: Person) -> list[Part]:
    """Rims (a superellipse bent around the face), bridge and temples; one pair in five has dark lenses."""
    left, right = (person.fitting.heads[person.fitting.body.bone_index[bone]] for bone in ("eye.L", "eye.R"))
    apart = float(np.linalg.norm(left - right))
    skin = person.fitting.base[:BODY_VERTICES]
    height = left[1]
    bridge = (np.abs(skin[:, 0]) < 0.05) & (np.abs(skin[:, 1] - height) < 0.06) & (skin[:, 2] > left[2])
    front = float(skin[bridge, 2].max()) + 0.05
    rx, ry = apart * g.uniform(0.36, 0.44), apart * g.uniform(0.24, 0.38)
    squareness, thickness = g.uniform(2, 5), g.uniform(0.012, 0.035)
    t = np.linspace(0, 2 * np.pi, 32, endpoint=False)
    outline = [np.sign(f) * np.abs(f) ** (2 / squareness) for f in (np.cos(t), np.sin(t))]
    solids, rims = [], []
    for eye in (left, right):
        x = eye[0] * 1.05 + outline[0] * rx
        rim = np.stack([x, height - 0.04 + outline[1] * ry, front - 0.03 - 0.25 * x**2], axis=1)
        rims.append(rim)
        solids.append(_tube(rim, thickness, closed=True))
    x = np.linspace(-apart * 0.17, apart * 0.17, 7)
    arch = height + 0.05 + 0.04 * (1 - (x / (apart * 0.2)) ** 2)
    solids.append(_tube(np.stack([x, arch, np.full_like(x, front + 0.01)], axis=1), thickness))
    for side in (1, -1):
        hinge = side * (abs(left[0]) * 1.05 + rx)
        temple = (
            (skin[:, 0] * side > 0.3) & (np.abs(skin[:, 1] - height) < 0.15) & (skin[:, 2] > 0) & (skin[:, 2] < 0.5)
        )  # fmt: skip
        ear = side * float(np.abs(skin[temple, 0]).max(initial=0.8))
        path = [
            [hinge, height + 0.05, front - 0.03 - 0.25 * hinge**2], [hinge * 1.04, height + 0.06, front - 0.35],
            [ear, height + 0.06, 0.55], [ear * 0.98, height - 0.05, 0.15],
        ]  # fmt: skip
        solids.append(_tube(np.array(path), thickness * 0.9))
    colour = FRAME_COLOURS[g.integers(len(FRAME_COLOURS))]
    frame = Material(Surface.PLASTIC, Label.GLASSES, tint=colour, roughness=0.25, specular=0.06)
    parts = [_on_head(person, _merge(solids), frame)]
    if g.random() < 0.2:
        dark = Material(Surface.PLASTIC, Label.GLASSES, tint=(0.01, 0.01, 0.012), roughness=0.05, specular=0.06)
        parts.append(_on_head(person, _merge([_disc(rim) for rim in rims]), dark))
    return parts


def hand(g: np.random.Generator, person: Person) -> list[Part]:
    """The person's own left hand and forearm, fingers curled a little, reaching up before the face."""
    body = person.fitting.body
    mesh = body.mesh

    def moved_by(*bones: str) -> npt.NDArray[np.float32]:
        return body.weights[:, [name.endswith(".L") and name.startswith(bones) for name in body.bones]].sum(axis=1)

    palm = moved_by("wrist", "metacarpal", "finger")
    arm = palm + moved_by("lowerarm")
    faces = (mesh.groups == "body") & (arm[mesh.faces].min(axis=1) > 0.3)
    curl = g.uniform(0, 0.5)
    turns = {
        f"finger{finger}-{joint}.L": Rotation.from_euler("z", -curl * g.uniform(0.6, 1.2))
        for finger in range(2, 6)
        for joint in range(1, 4)
    }
    posed = skin_vertices(person.fitting.base, body.weights, body.pose(person.fitting.heads, {}, turns))
    used = np.unique(mesh.faces[faces])
    of_palm = used[palm[used] > 0.5]
    centre = posed[of_palm].mean(axis=0)
    # Axes of the hand: from the elbow to the fingers, across, and out of the flat hand.
    along = centre - posed[used].mean(axis=0)
    along /= np.linalg.norm(along)
    _, _, axes = np.linalg.svd(posed[of_palm] - centre, full_matrices=False)
    out = axes[2] - along * (along @ axes[2])
    out /= np.linalg.norm(out)
    if g.random() < 0.5:
        out = -out  # palm or back of the hand to the camera
    upright = np.stack([np.cross(along, out), along, out])  # to x right, y up, z to the camera
    angles = [g.normal(0, 0.9), g.uniform(-0.5, 0.5), g.uniform(-0.5, 0.5)]
    turn = Rotation.from_euler("zyx", angles).as_matrix()
    place = person.fitting.head + np.array([g.uniform(-0.5, 0.5), g.uniform(-0.75, 0.35), g.uniform(1.75, 2.0)])
    vertices = ((posed - centre) @ upright.T @ turn.T + place).astype(np.float32)
    material = Material(Surface.SKIN, Label.OCCLUDER, roughness=0.5, specular=0.025, bump=0.05)
    weights = person.fitting.head_weights(len(vertices))
    return [Part(vertices, weights, mesh.of_faces(faces), person.parts[0].texture, material)]


def microphone(g: np.random.Generator, person: Person) -> list[Part]:
    """A hand microphone before mouth and chin."""
    centre = person.fitting.head + np.array([g.uniform(-0.4, 0.4), g.uniform(-0.95, -0.45), g.uniform(1.7, 2.1)])
    along = np.array([g.uniform(-0.6, 0.6), -1.0, g.uniform(0, 0.5)])
    along /= np.linalg.norm(along)
    t = np.linspace(0, np.pi, 10)
    radius = 0.23
    ball = _tube(centre - np.cos(t)[:, None] * along * radius, radius * np.sin(t) + 0.001, sides=14)
    grip = centre + np.array([[0.15], [0.5], [2.5]]) * along
    handle = _tube(grip, np.array([0.12, 0.13, 0.09]), sides=12)
    black = Material(Surface.PLASTIC, Label.OCCLUDER, tint=(0.03, 0.03, 0.035), roughness=0.4, specular=0.05)
    return [_on_head(person, _merge([ball, handle]), black)]


def _on_head(person: Person, solid: Solid, material: Material) -> Part:
    """A plain solid that follows the head."""
    vertices, faces = solid[0].astype(np.float32), solid[1].astype(np.int32)
    uv = np.full((len(vertices), 2), 0.5, np.float32)
    mesh = Mesh(vertices, uv, faces, faces, np.full(len(faces), "thing"))
    return Part(vertices, person.fitting.head_weights(len(vertices)), mesh, WHITE, material)


def _merge(solids: list[Solid]) -> Solid:
    starts = np.cumsum([0] + [len(vertices) for vertices, _ in solids])
    faces = [solid[1] + start for solid, start in zip(solids, starts, strict=False)]
    return np.concatenate([solid[0] for solid in solids]), np.concatenate(faces).astype(np.int32)


def _disc(rim: npt.NDArray[np.float64]) -> Solid:
    """A lens: triangles from the rim's middle."""
    n = len(rim)
    k = np.arange(n)
    faces = np.stack([np.zeros(n, int), 1 + k, 1 + (k + 1) % n], axis=1).astype(np.int32)
    return np.concatenate([rim.mean(axis=0, keepdims=True), rim]), faces


def _tube(
    path: npt.NDArray[np.float64],
    radius: float | npt.NDArray[np.float64],
    *,
    sides: int = 8,
    closed: bool = False,
) -> Solid:
    """A tube of `radius` (one, or one per point) along a path (N, 3)."""
    n = len(path)
    after, before = np.roll(path, -1, axis=0), np.roll(path, 1, axis=0)
    if not closed:
        after[-1], before[0] = path[-1], path[0]
    along = after - before
    along /= np.linalg.norm(along, axis=1, keepdims=True) + 1e-9
    helper = np.where(np.abs(along[:, 2:]) < 0.9, [[0.0, 0.0, 1.0]], [[0.0, 1.0, 0.0]])
    u = np.cross(along, helper)
    u /= np.linalg.norm(u, axis=1, keepdims=True)
    w = np.cross(along, u)
    t = np.arange(sides) / sides * 2 * np.pi
    ring = np.cos(t)[None, :, None] * u[:, None] + np.sin(t)[None, :, None] * w[:, None]
    vertices = path[:, None] + np.broadcast_to(radius, n)[:, None, None] * ring
    i, j = np.meshgrid(np.arange(n if closed else n - 1), np.arange(sides), indexing="ij")
    here, there = i * sides, (i + 1) % n * sides
    a, b, c, d = here + j, here + (j + 1) % sides, there + j, there + (j + 1) % sides
    faces = np.concatenate([np.stack([a, b, d], -1), np.stack([a, d, c], -1)]).reshape(-1, 3)
    return vertices.reshape(-1, 3), faces.astype(np.int32)
