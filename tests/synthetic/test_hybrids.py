"""Ground-truth swaps on the shared mesh. Needs the assets and scipy (.venv-train), no OpenGL."""

from pathlib import Path

import cv2
import numpy as np
import pytest

pytest.importorskip("scipy", reason="synthetic people need .venv-train (scipy)")

from deepfake_core.synthetic.body import BODY_VERTICES, skin_vertices
from deepfake_core.synthetic.expressions import lids
from deepfake_core.synthetic.hybrids import Swapper, similarity
from deepfake_core.synthetic.identities import identity_recipe
from deepfake_core.synthetic.mesh import Floats
from deepfake_core.synthetic.part import Part
from deepfake_core.synthetic.person import HeadPose, Person, Posed, Wardrobe
from deepfake_core.synthetic.recipe import random_recipe

pytestmark = pytest.mark.train
TALKING = {"JawDrop": 0.6, **lids(0.5)}
TURNED = HeadPose(25, 8, -5)


@pytest.fixture(scope="module")
def swapper(assets: Path) -> Swapper:
    return Swapper(Wardrobe(assets, skin_size=256), identity_recipe("vesper"))


@pytest.fixture(scope="module")
def actor(swapper: Swapper) -> Person:
    return swapper.wardrobe.build(random_recipe(41, swapper.wardrobe.body.detail_axes))


@pytest.fixture(scope="module")
def posed(actor: Person) -> Posed:
    return actor.pose(TALKING, TURNED)


def near(swapper: Swapper, place: tuple[float, float, float]) -> int:
    """The vertex of the base mesh's skin that lies nearest to a place."""
    away = np.linalg.norm(swapper.wardrobe.body.mesh.vertices[:BODY_VERTICES] - place, axis=1)
    return int(away.argmin())


NOSE, CHIN, CHEEK = (0, 6.95, 1.7), (0, 6.35, 1.45), (0.5, 6.8, 1.25)
EAR, NAPE, CROWN, COLLAR = (0.85, 7.0, 0.2), (0, 6.4, -0.1), (0, 8.5, 0.5), (0, 5.3, 0.6)


@pytest.mark.parametrize(
    ("place", "face", "head"),
    [(NOSE, 1, 1), (CHIN, 1, 1), (CHEEK, 1, 1), (EAR, 0, 1), (NAPE, 0, 1), (CROWN, 0, 1), (COLLAR, 0, 0)],
)
def test_the_masks_cover_what_they_name(
    swapper: Swapper, place: tuple[float, float, float], face: float, head: float
) -> None:
    vertex = near(swapper, place)
    assert swapper.masks.face.of_vertices[vertex, 0] == pytest.approx(face, abs=0.05)
    assert swapper.masks.head.of_vertices[vertex, 0] == pytest.approx(head, abs=0.05)


def test_the_whole_inside_of_the_mouth_goes_with_the_lips(swapper: Swapper) -> None:
    inside = swapper.masks._read("inside-mouth") > 0.5
    assert inside.sum() > 50
    assert swapper.masks.face.of_vertices[:BODY_VERTICES, 0][inside].min() > 0.95


def test_a_similarity_is_found_again() -> None:
    g = np.random.default_rng(0)
    points = g.normal(size=(50, 3))
    turn = np.linalg.qr(g.normal(size=(3, 3)))[0]
    turn *= np.linalg.det(turn)
    scale, rotation, shift = similarity(points.astype(np.float32), (1.3 * points @ turn.T + 2).astype(np.float32))
    assert scale == pytest.approx(1.3, rel=1e-4)
    assert np.allclose(rotation, turn, atol=1e-4)
    assert np.allclose(shift, 2, atol=1e-4)


def skin_of(person: Person, posed: Posed) -> Floats:
    return posed.vertices[person.parts.index(person.groups["skin"][0])]


@pytest.mark.parametrize("view", ["face", "head"])
def test_outside_the_mask_everything_is_the_actors_to_the_bit(
    swapper: Swapper, actor: Person, posed: Posed, view: str
) -> None:
    hybrid = swapper.face(actor, in_tone=False) if view == "face" else swapper.head(actor)
    taken = hybrid.pose(TALKING, TURNED, posed, actor.parts)
    mask = getattr(swapper.masks, view).of_vertices[actor.parts[0].used, 0]
    before, after = posed.vertices[0], skin_of(hybrid.person, taken)
    assert np.array_equal(after[mask == 0], before[mask == 0])
    assert np.abs(after - before)[mask == 1].max() > 0.03
    clothes = actor.groups["outfit"][0]
    assert clothes in hybrid.person.parts
    own, theirs = taken.vertices[hybrid.person.parts.index(clothes)], posed.vertices[actor.parts.index(clothes)]
    assert np.array_equal(own, theirs)
    shares = getattr(swapper.masks, view).of_texture
    old, new = (person.fitting.skin.pixels[::-1] for person in (actor, hybrid.person))
    step = len(shares) // len(old)
    outside = shares[::-1].reshape(len(old), step, len(old), step).max(axis=(1, 3)) == 0
    assert outside.mean() > 0.5
    assert np.array_equal(old[outside], new[outside])
    assert np.abs(old.astype(int) - new)[~outside].max() > 10


def test_the_face_is_the_identitys(swapper: Swapper, actor: Person) -> None:
    """Up to size and place: the inner face's vertices keep the identity's shape, not the actor's."""
    hybrid = swapper.face(actor, in_tone=False)
    inner = np.flatnonzero(swapper.masks.face.of_vertices[:BODY_VERTICES, 0] == 1)

    def apart(one: Floats, other: Floats) -> float:
        scale, rotation, shift = similarity(one[inner], other[inner])
        return float(np.linalg.norm(scale * one[inner] @ rotation.T + shift - other[inner], axis=1).mean())

    own, of_actor, of_identity = (each.fitting.base for each in (hybrid.person, actor, swapper.identity))
    assert apart(own, of_identity) < 1e-3
    assert apart(own, of_actor) > 0.02
    for name in ("eyes", "mouth", "facial_hair"):
        assert not set(map(id, hybrid.person.groups[name])) & set(map(id, actor.groups[name]))
    assert hybrid.person.groups["hair"] == actor.groups["hair"]


def test_in_tone_the_face_has_the_actors_colour(swapper: Swapper, actor: Person) -> None:
    inner = cv2.resize(swapper.masks.face.of_texture, (256, 256)) > 0.95  # at the skin's size

    def tone(part: Part) -> np.ndarray:
        return np.median(part.texture.pixels[inner][:, :3], axis=0)

    in_tone, in_own = (swapper.face(actor, in_tone=wanted).person.parts[0] for wanted in (True, False))
    assert tone(in_tone) == pytest.approx(tone(actor.parts[0]), rel=0.05)
    assert tone(in_own) == pytest.approx(tone(swapper.identity.parts[0]), rel=0.05)


def test_the_head_joins_the_neck_without_a_step(swapper: Swapper, actor: Person, posed: Posed) -> None:
    hybrid = swapper.head(actor)
    taken = skin_of(hybrid.person, hybrid.pose(TALKING, TURNED, posed, actor.parts))
    faces = actor.parts[0].faces
    edges = np.concatenate([faces[:, [0, 1]], faces[:, [1, 2]]])
    moved = taken - posed.vertices[0]
    along = np.linalg.norm(posed.vertices[0][edges[:, 0]] - posed.vertices[0][edges[:, 1]], axis=1)
    neck = (swapper.masks.head.of_vertices[actor.parts[0].used, 0] * 4).astype(int)
    at_rim = np.isin(neck[edges], (0, 1, 2, 3)).all(axis=1) & (along > 0.01)
    stretch = np.linalg.norm(moved[edges[:, 0]] - moved[edges[:, 1]], axis=1)
    assert stretch[at_rim].max() < 0.25  # dm, where head and body may lie half a dm apart


def test_a_head_swap_takes_hat_and_glasses_off(swapper: Swapper) -> None:
    seeds = (seed for seed in range(100))
    axes = swapper.wardrobe.body.detail_axes
    recipe = next(r for r in (random_recipe(seed, axes) for seed in seeds) if r.outfit.hat and r.outfit.glasses)
    actor = swapper.wardrobe.build(recipe)
    head = swapper.head(actor).person
    worn = {part.material.label for part in head.groups["outfit"]}
    assert worn <= {16, 15}  # cloth, necklace
    assert len(actor.groups["outfit"]) > len(head.groups["outfit"]) > 0


def test_the_identity_alone_stands_where_the_actor_stands(swapper: Swapper, actor: Person, posed: Posed) -> None:
    alone = swapper.alone_in(TALKING, TURNED, actor, posed)
    there = posed.head @ np.append(actor.fitting.head, 1)
    here = alone.head @ np.append(swapper.alone.fitting.head, 1)
    assert np.allclose(there, here, atol=1e-4)
    skin = swapper.alone.parts[0]
    body = swapper.wardrobe.body
    own = body.pose(swapper.alone.fitting.heads, TALKING)
    turned = skin_vertices(skin.rest, skin.weights, own)
    assert np.linalg.norm(np.ptp(alone.vertices[0], axis=0)) == pytest.approx(
        np.linalg.norm(np.ptp(turned, axis=0)), rel=0.15
    )
    assert not swapper.alone.groups["hair"]
