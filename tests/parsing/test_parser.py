"""The parser at run time: where it looks, how often, and what it gives out. The network is a made-up one."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable

import cv2
import numpy as np
import pytest

from deepfake_core.facemesh import topology
from deepfake_core.frame import Frame
from deepfake_core.inference.errors import ModelCorrupt, ModelRefused
from deepfake_core.parsing import parser as module
from deepfake_core.parsing.classes import HEAD, MIRRORED, Label
from deepfake_core.parsing.crop import parsing_crop
from deepfake_core.parsing.parsing import SIZE
from deepfake_core.parsing.steadying import SHARES_SIZE
from deepfake_core.swapping.alignment import fit_pose, transform_points

FRAME_NS = 33_000_000


class Colours:
    """Says hair where it is blue, occluder where it is white, else background; counts its runs."""

    provider, name = "cpu", "colours"

    def __init__(self, name: str = module.PARSER_NAME) -> None:
        self.inputs = {"picture": (1, SIZE, SIZE, 3)}
        self.outputs = {"shares": (1, len(Label), SHARES_SIZE, SHARES_SIZE)}
        if name == module.FINE_PARSER_NAME:
            self.inputs["around"] = self.outputs["shares"]
        self.runs = 0
        self.around: np.ndarray | None = None

    def run(self, picture: np.ndarray, around: np.ndarray | None = None) -> tuple[np.ndarray, ...]:
        self.runs += 1
        self.around = around
        small = (
            cv2.resize(picture[0], (SHARES_SIZE, SHARES_SIZE), interpolation=cv2.INTER_AREA).astype(np.float32) / 255
        )
        shares = np.zeros((1, len(Label), SHARES_SIZE, SHARES_SIZE), np.float32)
        shares[0, Label.HAIR] = np.clip(small[..., 0] - small[..., 2], 0, 1)
        shares[0, Label.OCCLUDER] = small.min(axis=2)
        shares[0, Label.BACKGROUND] = 1 - shares.sum((0, 1))
        return (shares,)


@pytest.fixture
def opened(monkeypatch: pytest.MonkeyPatch) -> dict[str, Colours]:
    """The networks that are open, by their names; the larger ones wait for `may_open`."""
    may_open.set()
    networks: dict[str, Colours] = {}

    def shared(name: str, **_kwargs: object) -> Colours:
        if name != module.PARSER_NAME:
            assert may_open.wait(10)
        return networks.setdefault(name, Colours(name))

    monkeypatch.setattr(module, "shared", shared)
    return networks


@pytest.fixture
def network(opened: dict[str, Colours]) -> Colours:
    """The small one."""
    return opened.setdefault(module.PARSER_NAME, Colours())


may_open = threading.Event()


def landmarks(x: float = 320, y: float = 240, scale: float = 9.0) -> np.ndarray:
    """The canonical face, `scale` px a cm, looking into the camera."""
    return (topology.canonical_face().vertices * (scale, -scale, -scale) + (x, y, 0)).astype(np.float32)


def frame(number: int, spot: tuple[int, int] = (320, 150), colour: tuple[int, int, int] = (255, 0, 0)) -> Frame:
    picture = np.zeros((480, 640, 3), np.uint8)
    cv2.circle(picture, spot, 30, colour, -1)
    return Frame.from_bgr(picture, number * FRAME_NS)


def test_a_mark_in_the_frame_is_found_where_it_is(network: Colours) -> None:
    parsing = module.FaceParser().parse(frame(1), landmarks(), 1)
    found = cv2.warpAffine(parsing.labels, parsing.crop_to_frame, (640, 480), flags=cv2.INTER_NEAREST)
    truth = np.zeros((480, 640), np.uint8)
    cv2.circle(truth, (320, 150), 30, 1, -1)
    there = found == Label.HAIR
    assert (there & (truth > 0)).sum() / (there | (truth > 0)).sum() > 0.9
    assert parsing.hair.max() == 255
    assert parsing.head.max() == 255
    assert not parsing.cloth.any()


def test_the_network_runs_on_every_second_picture_and_the_masks_follow_the_landmarks(network: Colours) -> None:
    parser = module.FaceParser()
    for number in range(1, 7):
        parsing = parser.parse(frame(number), landmarks(x=320 + number), 1)
        expected = cv2.invertAffineTransform(parsing_crop(fit_pose(landmarks(x=320 + number).astype(np.float64))))
        np.testing.assert_allclose(parsing.crop_to_frame, expected, atol=0.7)  # less than a millimetre
    assert network.runs == 3


def test_noise_of_the_landmarks_does_not_move_the_masks(network: Colours) -> None:
    parser, generator = module.FaceParser(), np.random.default_rng(0)
    first = parser.parse(frame(1), landmarks(), 1).crop_to_frame
    for number in range(2, 20):
        x, y, scale = generator.uniform((319.7, 239.7, 8.995), (320.3, 240.3, 9.005))
        noisy = landmarks(x, y, scale)
        np.testing.assert_array_equal(parser.parse(frame(number), noisy, 1).crop_to_frame, first)


def test_a_jump_a_gap_another_face_and_a_reset_are_parsed_at_once(network: Colours) -> None:
    parser = module.FaceParser()
    parser.parse(frame(1), landmarks(), 1)
    parser.parse(frame(2), landmarks(x=420), 1)  # jumped
    assert network.runs == 2
    parser.parse(frame(40), landmarks(x=420), 1)  # a second later
    assert network.runs == 3
    parser.parse(frame(41), landmarks(x=200), 2)  # another face
    assert network.runs == 4
    parser.reset()
    parser.parse(frame(42), landmarks(x=420), 1)
    assert network.runs == 5


def parse_until(there: Callable[[], object], parser: module.FaceParser) -> None:
    """Parse pictures of a new second each until something is there."""
    for number in range(1000):
        parser.parse(frame(30 * number), landmarks(), 1)
        if there():
            return
        time.sleep(0.005)
    pytest.fail("it never came")


def runs_of(networks: dict[str, Colours]) -> tuple[int, ...]:
    names = (module.PARSER_NAME, module.LARGE_PARSER_NAME, module.FINE_PARSER_NAME)
    return tuple(networks[name].runs if name in networks else 0 for name in names)


def test_the_larger_networks_open_beside_the_pictures_and_run_at_the_best_quality_alone(
    opened: dict[str, Colours],
) -> None:
    may_open.clear()
    parser = module.FaceParser()
    parser.parse(frame(1), landmarks(), 1)
    parser.fine = True
    for number in (31, 61):
        parser.parse(frame(number), landmarks(), 1)  # would wait for ever if it waited
    assert runs_of(opened) == (3, 0, 0)
    may_open.set()
    parse_until(lambda: runs_of(opened)[1], parser)
    runs = runs_of(opened)[0]
    assert runs_of(opened) == (runs, 1, 1)  # one for each crop
    parser.parse(frame(91), landmarks(), 1)
    assert runs_of(opened) == (runs, 2, 2)
    parser.fine = False
    parser.parse(frame(121), landmarks(), 1)
    assert runs_of(opened) == (runs + 1, 2, 2)


def test_a_quality_that_needs_no_larger_network_opens_none(opened: dict[str, Colours]) -> None:
    module.FaceParser().parse(frame(1), landmarks(), 1)
    assert list(opened) == [module.PARSER_NAME]
    module.FaceParser(fine=True)
    assert set(opened) == {module.PARSER_NAME, module.LARGE_PARSER_NAME, module.FINE_PARSER_NAME}


def test_the_network_of_the_fine_crop_is_told_what_was_found_around_it(opened: dict[str, Colours]) -> None:
    module.FaceParser(fine=True).parse(frame(1, (320, 235), (255, 255, 255)), landmarks(), 1)
    told = opened[module.FINE_PARSER_NAME].around
    assert told is not None
    found = told[0, Label.OCCLUDER]
    y, x = np.mean(np.nonzero(found > 0.5), axis=1)
    to_fine = parsing_crop(fit_pose(landmarks().astype(np.float64)), SHARES_SIZE, fine=True)
    np.testing.assert_allclose((x, y), to_fine @ (320, 235, 1), atol=0.8)
    radius = 30 * np.hypot(*to_fine[:, 0])
    assert np.isclose((found > 0.5).sum(), np.pi * radius**2, rtol=0.1)


def test_where_the_larger_network_does_not_open_the_small_one_goes_on(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    small = Colours()

    def shared(name: str, **_kwargs: object) -> Colours:
        if name == module.FINE_PARSER_NAME:
            raise ModelCorrupt("it is broken")
        return small

    monkeypatch.setattr(module, "shared", shared)
    parser = module.FaceParser()
    parser.fine = True
    parse_until(lambda: caplog.records, parser)
    runs = small.runs
    parser.parse(frame(40000), landmarks(), 1)
    assert small.runs == runs + 1
    assert [record.levelname for record in caplog.records] == ["ERROR"]
    with pytest.raises(ModelCorrupt):
        module.FaceParser(fine=True)


def test_a_small_head_has_no_fine_crop(opened: dict[str, Colours]) -> None:
    parser = module.FaceParser(fine=True)
    parser.parse(frame(1), landmarks(scale=2.0), 1)
    assert runs_of(opened) == (0, 1, 0)
    parser.parse(frame(1), landmarks(scale=3.0), 2)
    assert runs_of(opened) == (0, 2, 1)


def test_the_fine_crop_refines_the_face_and_leaves_the_rest(opened: dict[str, Colours]) -> None:
    spot = frame(1, (320, 235), (255, 255, 255))
    coarse = module.FaceParser().parse(spot, landmarks(), 1)
    fine = module.FaceParser(fine=True).parse(spot, landmarks(), 1)
    assert runs_of(opened) == (1, 1, 1)
    both = np.abs(coarse.occluder.astype(int) - fine.occluder)
    assert both.max() > 0  # the edge is sharper
    truth = np.zeros((480, 640), np.uint8)
    cv2.circle(truth, (320, 235), 30, 255, -1)
    to_crop = cv2.invertAffineTransform(fine.crop_to_frame)
    expected = cv2.warpAffine(truth, to_crop, (SIZE, SIZE)).astype(int)
    assert np.abs(fine.occluder - expected).mean() < np.abs(coarse.occluder - expected).mean()
    distant = np.ones((SIZE, SIZE), bool)
    distant[40:-40, 40:-40] = False
    np.testing.assert_array_equal(coarse.labels[distant], fine.labels[distant])


def test_many_faces_do_not_fill_the_memory(network: Colours) -> None:
    parser = module.FaceParser()
    for track in range(30):
        parser.parse(frame(track), landmarks(), track)
    assert len(parser._faces) <= 8


def test_the_crop_is_upright_and_holds_the_head() -> None:
    turn = cv2.getRotationMatrix2D((320, 240), 30, 1.0)
    points = landmarks().astype(np.float64)
    turned = transform_points(turn, points)
    plain, tilted = (transform_points(parsing_crop(fit_pose(each)), each) for each in (points, turned))
    np.testing.assert_allclose(plain, tilted, atol=0.5)
    face = plain[:, :2]
    assert face.min() > 0.15 * SIZE
    assert face.max() < 0.85 * SIZE
    fine = transform_points(parsing_crop(fit_pose(points), fine=True), points)[:, :2]
    assert fine.min() > 0
    assert fine.max() < SIZE
    assert np.ptp(fine[:, 1]) > 1.5 * np.ptp(face[:, 1])


def test_a_network_that_is_no_parser_is_refused(opened: dict[str, Colours]) -> None:
    opened[module.FINE_PARSER_NAME] = Colours()  # takes no shares
    with pytest.raises(ModelRefused, match="no face parser"):
        module.FaceParser(fine=True)
    opened[module.PARSER_NAME] = Colours()
    opened[module.PARSER_NAME].outputs = {"shares": (1, 19, SHARES_SIZE, SHARES_SIZE)}
    with pytest.raises(ModelRefused, match="no face parser"):
        module.FaceParser()


def test_mirroring_twice_changes_nothing_and_head_holds_no_occluder() -> None:
    np.testing.assert_array_equal(MIRRORED[MIRRORED], np.arange(len(Label)))
    assert not {Label.OCCLUDER, Label.NECK, Label.CLOTH, Label.BACKGROUND} & set(HEAD)
