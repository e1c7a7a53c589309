"""Things that come before the face: the person's own hands, microphones, cups and phones."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cache

import numpy as np
import numpy.typing as npt
from scipy.spatial.transform import Rotation

from deepfake_core.synthetic import hands
from deepfake_core.synthetic.hands import Arm, Fingers, Reach, hand_material
from deepfake_core.synthetic.head import HeadFit
from deepfake_core.synthetic.labels import Label
from deepfake_core.synthetic.part import Colour, Material, Motion, Part, Surface, Texture
from deepfake_core.synthetic.person import Person
from deepfake_core.synthetic.solids import Points, Solid, ball, box, disc, lathe, merged, smooth_path, tube

HAND, MICROPHONE, CUP, PHONE = 2, 4, 8, 16  # bits of a sample's `occluded`
BEFORE_GLASSES = 0.3  # dm from the face to a hand that lies on glasses
AWAY = 0.15  # from here on a thing that goes away no longer hides the face
COMING = 0.7  # s that a thing takes to come or go
SWAYS = 0.35  # per second, of a thing held in the air
LOW = 5.0  # dm below: out of every picture
MICROPHONES: tuple[Colour, ...] = ((0.012, 0.012, 0.013), (0.012, 0.012, 0.013), (0.08, 0.08, 0.085), (0.4, 0.4, 0.42))
GRILLES: tuple[Colour, ...] = ((0.05, 0.05, 0.052), (0.5, 0.5, 0.52))
CUPS: tuple[Colour, ...] = (
    (0.8, 0.79, 0.76),
    (0.8, 0.79, 0.76),
    (0.03, 0.03, 0.035),
    (0.5, 0.05, 0.04),
    (0.05, 0.12, 0.35),
    (0.1, 0.3, 0.15),
    (0.75, 0.5, 0.1),
    (0.35, 0.22, 0.12),
    (0.3, 0.45, 0.5),
)
DRINKS: tuple[Colour, ...] = (
    (0.06, 0.025, 0.01),
    (0.25, 0.13, 0.06),
    (0.75, 0.3, 0.03),
    (0.4, 0.03, 0.03),
    (0.6, 0.65, 0.65),
)
PHONES: tuple[Colour, ...] = (
    (0.01, 0.01, 0.012),
    (0.01, 0.01, 0.012),
    (0.7, 0.7, 0.72),
    (0.05, 0.08, 0.2),
    (0.5, 0.3, 0.3),
)


@dataclass(frozen=True)
class Gesture:
    """A hand at the face, told for the left hand (the right one is its mirror image).

    `fingers` to choose from; `along` where straight fingers point and `palm` where the palm looks, x to the picture's
    right, y up, z to the camera; `place` of the palm's middle, in dm from `anchor`; `towards` the way that the
    hand takes to the face until it touches, or None for a hand in the air.
    """

    share: float
    fingers: tuple[Fingers, ...]
    along: tuple[float, float, float]
    palm: tuple[float, float, float]
    anchor: str
    place: tuple[float, float, float]
    towards: tuple[float, float, float] | None = None


GESTURES = {
    "open palm": Gesture(1.2, (hands.OPEN, hands.FLAT), (-0.1, 1, 0.1), (0, 0, 1), "mouth", (0.25, -0.1, 0.9)),
    "open hand": Gesture(0.8, (hands.OPEN, hands.RELAXED), (-0.35, 1, 0.1), (-0.3, 0, -1), "mouth", (0.3, -0.2, 0.8)),
    "chin on fist": Gesture(
        1.0, (hands.FIST,), (-0.35, 0.9, -0.25), (-0.35, -0.2, -1), "chin", (0.08, -0.8, 0.28), (0, 1, -0.08)
    ),
    "cheek": Gesture(
        1.2, (hands.RELAXED, hands.FLAT), (-0.05, 1, -0.3), (-1, 0.15, -0.35), "mouth", (0.9, 0.05, -0.35),
        (-1, 0.05, -0.35),
    ),
    "mouth": Gesture(
        1.3, (hands.FLAT, hands.RELAXED), (-1, 0.45, -0.1), (0, 0, -1), "mouth", (0.3, -0.1, 0.9), (0, 0.05, -1)
    ),
    "fist at the mouth": Gesture(
        0.7, (hands.FIST,), (-1, 0.45, -0.1), (0.1, -0.25, -1), "mouth", (0.15, -0.1, 0.9), (0, 0.05, -1)
    ),
    "finger on the lips": Gesture(
        0.7, (hands.POINTING,), (-0.3, 1, -0.05), (-0.8, 0, -0.6), "mouth", (0.25, -0.95, 0.6), (0, 0.1, -1)
    ),
    "pointing": Gesture(0.5, (hands.POINTING,), (-0.4, 1, 0.35), (-0.5, 0, -1), "mouth", (0.45, -0.4, 0.9)),
    "rubbing the chin": Gesture(
        0.8, (hands.PINCH,), (-0.65, 0.7, -0.3), (-0.5, 0.3, -1), "chin", (0.42, -0.35, 0.5), (-0.15, 0.3, -1)
    ),
    "at the glasses": Gesture(
        0.7, (hands.PINCH,), (-0.45, 0.75, -0.5), (-0.9, 0.2, -0.5), "eyes", (1.05, -0.42, 0.42), (-1, 0.1, -0.35)
    ),
    "forehead": Gesture(
        0.6, (hands.RELAXED,), (-0.8, 0.65, -0.15), (0, -0.15, -1), "eyes", (0.4, 0.3, 0.9), (-0.05, 0, -1)
    ),
    "eyes": Gesture(
        0.4, (hands.FLAT, hands.RELAXED), (-0.75, 0.65, -0.1), (0, -0.05, -1), "eyes", (0.3, -0.15, 0.9), (0, 0, -1)
    ),
}  # fmt: skip


@dataclass(frozen=True, eq=False)
class Thing:
    """Parts in rest pose that move as one; `follows`: how far they turn with the head (1: they touch it);
    `hidden`: how far they go, in dm, when they are taken away."""

    parts: list[Part]
    bits: int
    follows: float
    hidden: Points


@dataclass(frozen=True, eq=False)
class Stay:
    """When a thing is before the face: it comes until `begin` and goes from `end` on (seconds)."""

    begin: float = -np.inf
    end: float = np.inf

    def away(self, time: float) -> float:
        """0 while the thing is there, 1 when it is gone, smooth between."""
        x = float(np.clip(max(self.begin - time, time - self.end) / COMING, 0, 1))
        return x * x * (3 - 2 * x)


class Occlusion:
    """What comes before one person's face: parts to hold, and their bits at a time."""

    def __init__(self, things: Sequence[tuple[Thing, Stay, float]], rest: Points) -> None:
        """Things, when they are there, and a phase of their swaying in 0..2 pi; `rest`: the head bone's place."""
        self._stays = [(thing.bits, stay) for thing, stay, _ in things]
        self.parts: list[Part] = []
        for thing, stay, phase in things:
            motion = _motion(thing, stay, phase, rest)
            for part in thing.parts:
                part.motion = motion
                self.parts.append(part)

    def bits(self, time: float = 0.0) -> int:
        """Which things are before the head at `time` seconds."""
        bits = 0
        for of_thing, stay in self._stays:
            if stay.away(time) < AWAY:
                bits |= of_thing
        return bits


def random_occlusion(g: np.random.Generator, person: Person, seconds: float | None = None) -> Occlusion:
    """A hand (15 %), a microphone (7 %), a cup (4 %), a phone (4 %) or nothing. With `seconds` it comes and goes
    within that time; without, it is there."""
    draw = g.random()
    make = next((make for make, share in MAKERS if (draw := draw - share) < 0), None)
    if make is None:
        return Occlusion([], person.fitting.head.astype(float))
    thing = make(g, person, 1 if g.random() < 0.5 else -1)
    stay = Stay()
    if seconds is not None and thing.bits != MICROPHONE:
        begin = float(g.uniform(-0.4, 0.5) * seconds)
        stay = Stay(begin, begin + float(g.uniform(0.3, 0.8) * seconds))
    return Occlusion([(thing, stay, float(g.uniform(0, 2 * np.pi)))], person.fitting.head.astype(float))


def _motion(thing: Thing, stay: Stay, phase: float, rest: Points) -> Motion:
    def motion(head: npt.NDArray[np.float32], time: float) -> Points:
        matrix = np.eye(4)
        turn = Rotation.from_matrix(head[:3, :3]).as_rotvec() * thing.follows
        sway = (1 - thing.follows) * np.sin(2 * np.pi * SWAYS * time + phase + np.array([0.0, 1.7, 3.1]))
        matrix[:3, :3] = Rotation.from_rotvec(turn + 0.03 * sway).as_matrix()
        middle = rest + thing.follows * (head[:3, :3] @ rest + head[:3, 3] - rest)
        matrix[:3, 3] = middle - matrix[:3, :3] @ rest + 0.05 * sway + stay.away(time) * thing.hidden
        return matrix

    return motion


def hand(g: np.random.Generator, person: Person, side: int) -> Thing:
    """A hand in a random gesture."""
    shares = np.array([told.share for told in GESTURES.values()])
    if person.recipe.outfit.glasses:
        shares[list(GESTURES).index("at the glasses")] *= 4
    return gesture(g, person, str(g.choice(list(GESTURES), p=shares / shares.sum())), side)


def gesture(g: np.random.Generator, person: Person, name: str, side: int) -> Thing:
    """A hand in a gesture of `GESTURES`; `side` 1 is the person's left hand."""
    told = GESTURES[name]
    head = HeadFit(person.fitting)
    mirror = np.array([side, 1.0, 1.0])
    tilt = Rotation.from_rotvec(np.radians(g.normal(0, 6, 3)))
    along, palm = (tilt.apply(mirror * np.array(direction, float)) for direction in (told.along, told.palm))
    loose = 0.08 if told.towards else 0.2
    anchor: Points = getattr(head, told.anchor)
    middle = anchor + mirror * (np.array(told.place) + g.normal(0, loose, 3) * [1, 1, 0.5])
    fingers = told.fingers[g.integers(len(told.fingers))].varied(g)
    reach = Reach.to(Arm(person.fitting, side), fingers, along, palm, middle)
    if told.towards:
        before_glasses = told.anchor == "eyes" and person.recipe.outfit.glasses and name != "at the glasses"
        gap = BEFORE_GLASSES if before_glasses else hands.GAP
        reach = reach.touching(head, mirror * np.array(told.towards), gap)
    parts = _arm_parts(reach, person)
    away = -np.array(told.towards or (0, 0, -0.5)) * mirror
    return Thing(parts, HAND, 1.0 if told.towards else 0.3, away + np.array([0.8 * side, -LOW, 0.3]))


def hand_microphone(g: np.random.Generator, person: Person, side: int) -> Thing:
    """A microphone before the mouth, in a fist."""
    head = HeadFit(person.fitting)
    down = _unit(np.array([g.uniform(0.0, 0.6) * side, -1.0, g.uniform(0.0, 0.6)]))
    capsule = head.mouth + np.array([g.normal(0, 0.15), g.uniform(-0.4, -0.05), g.uniform(0.33, 0.65)])
    colour = MICROPHONES[g.integers(len(MICROPHONES))]
    upright = lathe([(0.001, -2.2), (0.09, -2.2), (0.1, -2.15), (0.125, -0.32), (0.17, -0.22), (0.17, -0.18)])
    grille = merged([ball((0, 0, 0), (0.26, 0.28, 0.26), sides=16, rings=10), tube(_circle(0.262), 0.02, closed=True)])
    stand = _upright(-down, capsule)
    parts = [
        upright.moved(stand).part(person.fitting.head_weights(len(upright.vertices)), _plastic(colour, 0.35)),
        grille.moved(stand).part(person.fitting.head_weights(len(grille.vertices)), _wire(g), _weave()),
    ]
    bits = MICROPHONE
    grip = capsule + down * g.uniform(0.7, 1.1)
    palm = np.array([-side, 0.0, g.uniform(-0.9, -0.1)])
    reach = Reach.gripping(Arm(person.fitting, side), hands.THIN_GRIP.varied(g), grip, 0.12, thumbward=-down, palm=palm)
    parts += _arm_parts(reach, person)
    return Thing(parts, bits | HAND, 0.6, np.array([0.8 * side, -LOW, 0.3]))


def desk_microphone(g: np.random.Generator, person: Person, side: int) -> Thing:
    """A studio microphone on an arm, often with a pop filter."""
    head = HeadFit(person.fitting)
    place = head.mouth + np.array([side * g.uniform(0.0, 0.8), g.uniform(-0.75, 0.1), g.uniform(0.8, 1.5)])
    colour = MICROPHONES[g.integers(len(MICROPHONES))]
    hanging = g.random() < 0.4
    lean = _unit(np.array([0.25 * side, -1.0 if hanging else 1.0, -g.uniform(0.1, 0.5)]))
    upright = _upright(lean, place)
    radius = g.uniform(0.2, 0.3)
    case = lathe(
        np.array([(0.001, -1.5), (0.6, -1.5), (1, -1.42), (1, -0.42), (1.06, -0.4), (1.06, -0.34)]) * [radius, 1]
    )
    grille = lathe(np.array([(1, -0.34), (1, 0.2), (0.85, 0.36), (0.5, 0.44), (0.001, 0.46)]) * [radius, 1])
    foot = upright[:3, 3] - lean * 1.5
    out = np.array([side, 0.0, 0.3])
    stages = [
        foot,
        foot + out * 0.7 + np.array([0, 0.2 if hanging else -0.25, 0]),
        foot + out * 2 + np.array([0, 2.2 if hanging else -2.6, 0]),
    ]
    arm = merged([tube(stages, 0.07, sides=8), ball(stages[1], 0.12)])
    weights = person.fitting.head_weights
    parts = [
        case.moved(upright).part(weights(len(case.vertices)), _plastic(colour, 0.3)),
        grille.moved(upright).part(weights(len(grille.vertices)), _wire(g), _weave()),
        arm.part(weights(len(arm.vertices)), _plastic(MICROPHONES[0], 0.4)),
    ]  # fmt: skip
    if g.random() < 0.5:
        parts += _pop_filter(person, place, head.mouth, stages[0])
    return Thing(parts, MICROPHONE, 0.0, np.array([3.0 * side, 0.0, 0.0]))


def _pop_filter(person: Person, microphone: Points, mouth: Points, foot: Points) -> list[Part]:
    """A ring with gauze between microphone and mouth, and the wire that holds it."""
    towards = _unit(mouth - microphone)
    frame = _upright(towards, microphone + 0.62 * towards)
    loop = _circle(0.62, count=28)
    loop_here = loop @ frame[:3, :3].T + frame[:3, 3]
    nearest = loop_here[np.argmin(np.linalg.norm(loop_here - foot, axis=1))]
    bend = 0.5 * (nearest + foot) + 0.3 * _unit(nearest - frame[:3, 3])
    neck = tube(smooth_path([nearest, bend, foot], 8), 0.022)
    ring = merged([tube(loop, 0.035, closed=True).moved(frame), neck])
    gauze = disc(_circle(0.6, count=28), rings=1).moved(frame)
    weights = person.fitting.head_weights
    veil = Material(Surface.GLASS, Label.OCCLUDER, tint=(0.01, 0.01, 0.01), specular=0.0, casts_shadow=False)
    return [
        ring.part(weights(len(ring.vertices)), _plastic((0.01, 0.01, 0.01), 0.5)),
        gauze.part(weights(len(gauze.vertices)), veil, _gauze()),
    ]


def cup(g: np.random.Generator, person: Person, side: int) -> Thing:
    """A mug, a paper cup or a glass in the hand, drunk from or just below the mouth."""
    head = HeadFit(person.fitting)
    kind = ("mug", "paper", "glass")[g.integers(3)]
    radius, height = {"mug": (0.41, 0.95), "paper": (0.41, 1.15), "glass": (0.36, 1.2)}[kind]
    tilt = g.uniform(0.35, 1.15) if g.random() < 0.7 else g.uniform(0.0, 0.3)
    axis = _unit(np.array([g.normal(0, 0.08), np.cos(tilt), -np.sin(tilt)]))
    if tilt >= 0.35:  # the rim lies at the lower lip
        rim = head.mouth + np.array([0, -0.06, 0.02])
    else:
        rim = head.mouth + np.array([side * g.uniform(-0.1, 0.3), g.uniform(-0.5, -0.1), g.uniform(0.3, 0.6)])
    near = _unit(np.array([0, 0, -1.0]) - axis * -axis[2])  # from the cup's middle to the face, across its axis
    top = rim - near * radius
    bottom = top - axis * height
    placed = _upright(axis, bottom)
    if kind == "mug":  # the handle looks to the camera's side that no hand holds
        placed[:3, :3] = placed[:3, :3] @ Rotation.from_euler("y", -side * g.uniform(60, 110), degrees=True).as_matrix()
    solids = _vessel(kind, radius, height)
    colour = CUPS[g.integers(len(CUPS))]
    weights = person.fitting.head_weights
    drink = lathe([(0.9 * radius, 0.7 * height), (0.001, 0.7 * height)])
    parts = [drink.moved(placed).part(weights(len(drink.vertices)), _plastic(DRINKS[g.integers(len(DRINKS))], 0.2))]
    if kind == "glass":
        glass = Material(Surface.GLASS, Label.OCCLUDER, tint=(0.9, 0.95, 0.95), specular=0.06, casts_shadow=False)
        body = lathe([(0.001, 0.03), (0.84 * radius, 0.03), (0.9 * radius, 0.7 * height)]).moved(placed)
        parts.append(body.part(weights(len(body.vertices)), _plastic(DRINKS[g.integers(len(DRINKS))], 0.3)))
        parts.append(solids.moved(placed).part(weights(len(solids.vertices)), glass, _tumbler()))
    else:
        parts.append(
            solids.moved(placed).part(weights(len(solids.vertices)), _plastic(colour, 0.2 if kind == "mug" else 0.6))
        )
    grip = bottom + axis * height * 0.48
    reach = Reach.gripping(
        Arm(person.fitting, side),
        hands.WIDE_GRIP.varied(g),
        grip,
        radius * 0.96,
        thumbward=axis,
        palm=np.array([-side, 0.0, -0.25]),
    )
    parts += _arm_parts(reach, person)
    return Thing(parts, CUP | HAND, 1.0, np.array([0.6 * side, -LOW, 0.8]))


def _vessel(kind: str, radius: float, height: float) -> Solid:
    """A cup that stands on the origin, its inside included."""
    if kind == "paper":
        profile = [(0.001, 0.03), (0.68, 0.0), (0.98, 0.96), (1.04, 0.97), (1.04, 1.0), (0.95, 1.0), (0.9, 0.7)]
    elif kind == "mug":
        profile = [(0.001, 0.02), (0.9, 0.0), (1.0, 0.06), (1.0, 0.98), (0.97, 1.0), (0.92, 0.98), (0.92, 0.65)]
    else:
        profile = [(0.001, 0.0), (0.88, 0.0), (1.0, 1.0), (0.98, 1.0)]
    solid = lathe(np.array(profile) * [radius, height], sides=24)
    if kind != "mug":
        return solid
    t = np.linspace(-1.25, 1.25, 12)
    handle = np.stack([np.zeros(12), height * (0.5 + 0.32 * np.sin(t)), radius * 0.72 + 0.4 * np.cos(t)], axis=1)
    return merged([solid, tube(handle, 0.06, up=(1.0, 0.0, 0.0), depth=1.4)])


def phone(g: np.random.Generator, person: Person, side: int) -> Thing:
    """A phone at the ear, or held up before the face."""
    fitting = person.fitting
    head = HeadFit(fitting)
    wide, tall, thick = 0.72 * g.uniform(0.95, 1.05), 1.48 * g.uniform(0.95, 1.08), 0.085
    at_ear = g.random() < 0.6
    arm = Arm(fitting, side)
    if at_ear:
        out = _unit(np.array([side, -0.1, g.uniform(0.1, 0.3)]))
        up = np.array([0.0, 0.85, -g.uniform(0.35, 0.65)])
        ear = head.ear(side).mean(axis=0)
        place = 0.68 * ear + 0.32 * head.mouth
        place[0] = ear[0]
        along, follows, grip = up + np.array([0, 0, 0.55]), 1.0, -0.12
    else:
        out = _unit(np.array([side * g.uniform(-0.2, 0.2), g.uniform(-0.2, 0.2), 1.0]))
        up = np.array([g.uniform(-0.2, 0.2), 1.0, 0.0])
        place = head.mouth + np.array([side * g.uniform(-0.1, 0.9), g.uniform(-0.3, 0.5), g.uniform(1.0, 1.6)])
        along, follows, grip = up + np.array([-0.5 * side, 0, 0]), 0.2, -0.4
    up = _unit(up - out * (up @ out))
    frame = np.eye(4)
    frame[:3, :3] = np.stack([np.cross(up, out), up, out], axis=1)
    case = box((wide, tall, thick), rounding=0.09)
    if at_ear:  # flat on ear and cheek
        away = -head.height_over(case.moved(frame).vertices + place)
        frame[:3, 3] = place
        for _ in range(6):
            gap = float((-away).min()) - 0.01
            frame[:3, 3] -= np.clip(gap, -0.15, 0.15) * out
            away = -head.height_over(case.moved(frame).vertices)
    else:
        frame[:3, 3] = place
    lenses = merged([disc(_ring(0.07) + np.array([-0.22, 0.5 + dy, thick / 2 + 0.008]), rings=1) for dy in (0.0, -0.2)])
    screen = box((wide * 0.94, tall * 0.96, 0.01)).moved(_shift(0, 0, -thick / 2))
    weights = fitting.head_weights
    colour = PHONES[g.integers(len(PHONES))]
    parts = [
        case.moved(frame).part(weights(len(case.vertices)), _plastic(colour, 0.25)),
        merged([lenses, screen])
        .moved(frame)
        .part(weights(len(lenses.vertices) + len(screen.vertices)), _plastic((0.005, 0.005, 0.006), 0.08)),
    ]
    grip_place = frame[:3, 3] + grip * up + (thick / 2 + hands.PALM_THICKNESS) * out
    reach = Reach.to(arm, hands.SIDE_GRIP.varied(g), along, -out, grip_place)
    parts += _arm_parts(reach, person)
    return Thing(parts, PHONE | HAND, follows, np.array([0.8 * side, -LOW, 0.3]) + out)


MAKERS: tuple[tuple[Callable[[np.random.Generator, Person, int], Thing], float], ...] = (
    (hand, 0.15), (hand_microphone, 0.035), (desk_microphone, 0.035), (cup, 0.04), (phone, 0.04),
)  # fmt: skip


def _arm_parts(reach: Reach, person: Person) -> list[Part]:
    """The arm in the person's own skin and sleeve."""
    clothes = person.groups["outfit"][0]
    return reach.parts(person.recipe.outfit, clothes.texture, hand_material(person.recipe.skin.roughness))


def _plastic(colour: Colour, roughness: float) -> Material:
    return Material(Surface.PLASTIC, Label.OCCLUDER, tint=colour, roughness=roughness, specular=0.05)


def _wire(g: np.random.Generator) -> Material:
    return Material(Surface.PLASTIC, Label.OCCLUDER, tint=GRILLES[g.integers(2)], roughness=0.5, specular=0.2)


def _upright(axis: Points, place: Points) -> Points:
    """Matrix (4, 4) that takes the y axis to `axis` and the origin to `place`."""
    axis = _unit(axis)
    across = _unit(np.cross(axis, [0.0, 0.0, 1.0] if abs(axis[2]) < 0.9 else [1.0, 0.0, 0.0]))
    matrix = np.eye(4)
    matrix[:3, :3] = np.stack([across, axis, np.cross(across, axis)], axis=1)
    matrix[:3, 3] = place
    return matrix


def _shift(x: float, y: float, z: float) -> Points:
    matrix = np.eye(4)
    matrix[:3, 3] = x, y, z
    return matrix


def _circle(radius: float, count: int = 20) -> Points:
    """A circle about the y axis."""
    t = np.arange(count) / count * 2 * np.pi
    return np.stack([radius * np.sin(t), np.zeros(count), radius * np.cos(t)], axis=1)


def _ring(radius: float, count: int = 12) -> Points:
    """A circle about the z axis."""
    t = np.arange(count) / count * 2 * np.pi
    return np.stack([radius * np.cos(t), radius * np.sin(t), np.zeros(count)], axis=1)


def _unit(x: Points) -> Points:
    return x / (np.linalg.norm(x) + 1e-9)


@cache
def _weave() -> Texture:
    """Wire mesh of a microphone."""
    pixels = np.full((96, 96, 4), 255, np.uint8)
    y, x = np.mgrid[:96, :96]
    pixels[..., :3] = np.where((x // 2 + y // 2) % 2 == 0, 255, 130)[..., None]
    return Texture(pixels)


@cache
def _gauze() -> Texture:
    pixels = np.full((4, 4, 4), 255, np.uint8)
    pixels[..., 3] = 185
    return Texture(pixels)


@cache
def _tumbler() -> Texture:
    pixels = np.full((4, 4, 4), 255, np.uint8)
    pixels[..., 3] = 20
    return Texture(pixels)
