"""Whether an output moves as its driver: known movements, shapes, shaking and lost faces."""

from collections.abc import Callable

import numpy as np
import pytest

from deepfake_core.evaluation.movement import (
    LEAST,
    SHAPES,
    Readings,
    agreement,
    followed,
    jerk,
    mouth_error,
    moved,
    shape_leak,
    shape_share,
)
from deepfake_core.facemesh.topology import canonical_face

pytestmark = pytest.mark.train

FRAMES = 60
Clip = tuple[Readings, Readings]


def face() -> np.ndarray:
    return canonical_face().vertices * np.array([10.0, -10.0, -10.0]) + np.array([128.0, 128.0, 0.0])


def readings(seed: int = 0, amount: float = 3.0, place: Callable[[int], float] = lambda _: 0.0) -> Readings:
    """Each part moves by so many times the least movement; the face is shifted by `place` px in each frame."""
    generator = np.random.default_rng(seed)
    read: Readings = {name: generator.normal(0, amount * least, FRAMES) for name, least in LEAST.items()}
    read["yaw"] = np.zeros(FRAMES) + 0.01 * np.arange(FRAMES)
    read["mouth"] = np.abs(read["mouth"]) * 0.3 + 0.01
    read |= {name: np.full(FRAMES, generator.uniform(2, 5)) for name in SHAPES}
    read["scale"] = np.full(FRAMES, 10.0)
    read["landmarks"] = np.stack([face() + np.array([place(k), 0, 0]) for k in range(FRAMES)])
    return read


def blurred(driver: Readings, noise: float, seed: int = 1) -> Readings:
    generator = np.random.default_rng(seed)
    return driver | {name: driver[name] + generator.normal(0, noise * LEAST[name], FRAMES) for name in LEAST}


def test_a_copy_agrees_and_noise_agrees_less() -> None:
    driver = readings()
    assert agreement([(driver, driver)], "smile") == pytest.approx(1.0)
    slightly, much = (agreement([(driver, blurred(driver, noise))], "smile") for noise in (1.0, 6.0))
    assert 0.85 < slightly < 1.0
    assert much < 0.7


def test_differences_between_people_are_no_movement() -> None:
    clips: list[Clip] = []
    for seed in range(6):
        driver, other = readings(seed), readings(seed + 100)
        clips.append(
            (
                driver | {"smile": driver["smile"] + 5.0 * seed},
                other | {"smile": other["smile"] + 5.0 * seed},
            )
        )
    assert abs(agreement(clips, "smile")) < 0.3


def test_a_driver_that_keeps_still_says_nothing() -> None:
    still = readings(amount=0.2)
    assert not moved(still, still, "smile").any()
    assert np.isnan(agreement([(still, still)], "smile"))
    lively = readings(3)
    assert agreement([(still, blurred(still, 5.0)), (lively, lively)], "smile") == pytest.approx(1.0)


def test_frames_without_a_reading_are_left_out() -> None:
    driver = readings()
    output = {name: values.copy() for name, values in driver.items()}
    output["gaze"][:20] = np.nan
    assert moved(driver, output, "gaze").sum() == FRAMES - 20
    output["gaze"][:50] = np.nan
    assert not moved(driver, output, "gaze").any()


def test_the_mouths_error_is_the_difference_of_the_gaps_where_the_lips_are_seen() -> None:
    driver = readings()
    wider = driver | {"landmarks": driver["landmarks"].copy(), "mouth": driver["mouth"].copy()}
    wider["landmarks"][:30, 14, 1] += 4.0  # 0.4 cm
    wider["landmarks"][50:, 14, 1] += 40.0
    wider["mouth"][50:] = np.nan
    assert mouth_error([(driver, driver)]) == pytest.approx(0.0)
    assert mouth_error([(driver, wider)]) == pytest.approx(0.4 * 30 / 50)
    nothing = driver | {"mouth": np.full(FRAMES, np.nan)}
    assert np.isnan(mouth_error([(nothing, nothing)]))


def test_a_shaking_output_jerks_more_and_a_smoothed_one_less() -> None:
    generator = np.random.default_rng(0)
    wobble = generator.normal(0, 1, FRAMES)
    driver = readings(place=lambda k: float(wobble[k]))
    double = readings(place=lambda k: float(2 * wobble[k]))
    assert jerk([(driver, driver)]) == pytest.approx(1.0)
    assert jerk([(driver, double)]) == pytest.approx(2.0)


def test_what_is_read_beside_the_face_does_not_count() -> None:
    driver = readings()
    strayed = readings(place=lambda k: 400.0 if 20 <= k < 30 else 0.0)
    kept = followed(driver, strayed)
    assert np.isnan(kept["landmarks"][20:30]).all()
    assert np.isnan(kept["smile"]).sum() == 10
    assert np.isnan(kept["smile"][20:30]).all()
    assert np.isnan(jerk([(driver, kept)]))


def test_a_shape_that_follows_the_driver_leaks() -> None:
    drivers = [readings(seed) for seed in range(12)]
    generator = np.random.default_rng(5)
    free = [driver | {name: np.full(FRAMES, generator.uniform(2, 5)) for name in SHAPES} for driver in drivers]
    leaking = shape_leak([(driver, driver) for driver in drivers])
    tight = shape_leak(list(zip(drivers, free, strict=True)))
    assert min(leaking.values()) == pytest.approx(1.0)
    assert np.mean(list(tight.values())) < 0.4
    assert all(np.isnan(value) for value in shape_leak([(drivers[0], drivers[0])] * 4).values())


def test_an_outline_that_stays_the_drivers_leaks_in_the_outputs_unit_alone() -> None:
    drivers = [readings(seed) for seed in range(12)]
    generator = np.random.default_rng(6)
    clips: list[Clip] = []
    for driver in drivers:
        # The drawn face has one shape in all films; its unit is fitted to the driver's outline as well.
        unit = driver["eye_distance"] / 3.5
        lengths = {name: np.full(FRAMES, 3.5 + generator.normal(0, 0.02)) for name in SHAPES}
        clips.append((driver, driver | {k: v * unit for k, v in lengths.items()} | {"scale": driver["scale"] / unit}))
    assert shape_leak(clips)["eye_distance"] > 0.9
    assert abs(shape_leak(clips, drivers_unit=True)["eye_distance"]) < 0.6


def test_what_a_nod_does_to_both_faces_is_no_leak_of_a_level_head() -> None:
    generator = np.random.default_rng(7)
    clips: list[Clip] = []
    for seed, nod in enumerate(np.linspace(-20, 20, 12)):
        driver = readings(seed) | {"pitch": np.full(FRAMES, nod)}
        # FaceMesh reads a raised chin longer, on the driver and on a drawn face that knows nothing of him.
        read = 4.0 - 0.4 * nod / 20 + 0.3 * (nod / 20) ** 2
        chins = [{"chin_length": np.full(FRAMES, read + generator.normal(0, 0.03))} for _ in range(2)]
        clips.append((driver | chins[0], driver | chins[1]))
    assert shape_leak(clips)["chin_length"] > 0.9
    assert abs(shape_share(clips)["chin_length"]) < 0.7


def test_the_share_of_a_shape_that_comes_through_is_told_whatever_the_output_varies_by() -> None:
    drivers = [readings(seed) for seed in range(12)]
    halved = [driver | {name: 2.0 + driver[name] / 2 for name in SHAPES} for driver in drivers]
    clips = list(zip(drivers, halved, strict=True))
    assert list(shape_leak(clips).values()) == pytest.approx([1.0] * 4)
    assert list(shape_share(clips).values()) == pytest.approx([0.5] * 4, abs=0.02)
    assert all(np.isnan(value) for value in shape_share(clips[:4]).values())
