"""What a rendered sample holds. Needs the assets and OpenGL (.venv-train)."""

from __future__ import annotations

from collections import Counter
from pathlib import Path

import numpy as np
import pytest

pytest.importorskip("moderngl", reason="rendering needs .venv-train (moderngl)")

from deepfake_core.synthetic import benchmark, dataset
from deepfake_core.synthetic.cases import CASES
from deepfake_core.synthetic.dataset import Arrays, Description
from deepfake_core.synthetic.labels import Label
from deepfake_core.synthetic.lighting import KINDS
from deepfake_core.synthetic.person import Wardrobe
from deepfake_core.synthetic.recipe import random_recipe
from deepfake_core.synthetic.renderer import GraphicsMissing
from deepfake_core.synthetic.samples import RIM, SampleMaker, filmed, only_inside
from deepfake_core.synthetic.webcam import Lens, Webcam

pytestmark = pytest.mark.train
SIZE = 96


@pytest.fixture(scope="module")
def units(assets: Path) -> tuple[str, ...]:
    return tuple(Wardrobe(assets, skin_size=64).body.units)


def maker(assets: Path, units: tuple[str, ...], **changes: object) -> SampleMaker:
    values: dict[str, object] = {
        "kind": "pairs",
        "identity": "vesper",
        "size": SIZE,
        "seed": 5,
        "count": 64,
        "views": dataset.VIEWS,
        "webcam": False,
        "units": units,
        "lights": KINDS,
        "cases": tuple(case.name for case in CASES),
        "command": "test",
    }
    try:
        return SampleMaker(assets, Description.model_validate(values | changes))
    except GraphicsMissing as error:
        pytest.skip(str(error))


@pytest.fixture(scope="module")
def pairs_maker(assets: Path, units: tuple[str, ...]) -> SampleMaker:
    return maker(assets, units)


@pytest.fixture(scope="module")
def pairs(pairs_maker: SampleMaker) -> Arrays:
    return pairs_maker.shard(3, samples=3)


def test_a_shard_fills_the_layout(pairs: Arrays, pairs_maker: SampleMaker) -> None:
    for name, (dtype, shape) in dataset.layout(pairs_maker.description, 3).items():
        assert (pairs[name].dtype, pairs[name].shape) == (dtype, shape)
        if dtype == np.float32:
            assert np.isfinite(pairs[name]).all()
    for view in dataset.VIEWS:
        assert pairs[f"{view}_bgr"].std() > 8
    assert (pairs["actor_seed"] < benchmark.FIRST_SEED).all()
    assert len(np.unique(pairs["actor_seed"])) == 1
    for view in ("actor", "identity", "head", "face"):
        assert pairs[f"{view}_labels"].max() <= Label.OCCLUDER


def test_a_shard_depends_on_seed_and_number_alone(pairs: Arrays, pairs_maker: SampleMaker) -> None:
    pairs_maker.shard(0, samples=1)
    again = pairs_maker.shard(3, samples=1)
    assert all(np.array_equal(again[name][0], pairs[name][0]) for name in again)


def test_outside_the_swap_truth_and_actor_are_equal(pairs: Arrays) -> None:
    matte = pairs["swap_matte"]
    assert 0.02 < (matte > 128).mean() < 0.5
    for view in ("face", "face_in_tone"):
        same = (pairs[f"{view}_bgr"] == pairs["actor_bgr"]).all(axis=3)
        assert same[matte == 0].all()
        assert same[matte == 255].mean() < 0.1
    nobody = (pairs["actor_alpha"] == 0) & (pairs["head_alpha"] == 0)
    assert nobody.mean() > 0.1
    assert np.array_equal(pairs["head_bgr"][nobody], pairs["actor_bgr"][nobody])


def test_the_plate_is_what_lies_behind(pairs: Arrays) -> None:
    for view in ("actor", "identity", "head", "face"):
        behind = pairs[f"{view}_alpha"] == 0
        assert np.array_equal(pairs[f"{view}_bgr"][behind], pairs["plate_bgr"][behind])
        assert (pairs[f"{view}_head_matte"] <= pairs[f"{view}_alpha"].astype(int) + 2).all()


def test_the_points_of_all_views_lie_on_one_head(pairs: Arrays) -> None:
    apart = np.linalg.norm(pairs["actor_points"][:, 33, :2] - pairs["actor_points"][:, 263, :2], axis=1)
    for view in ("identity", "head", "face"):
        off = np.linalg.norm(pairs[f"{view}_points"][..., :2] - pairs["actor_points"][..., :2], axis=2).mean(axis=1)
        assert (off < 0.45 * np.maximum(apart, SIZE / 8)).all()
    assert np.array_equal(pairs["face_points"], pairs["face_in_tone_points"])


def test_a_person_in_each_tone_does_the_same(assets: Path, units: tuple[str, ...]) -> None:
    made = maker(assets, units, count=20, each_tone=True, views=("actor",)).shard(0, samples=3)
    assert list(made["monk_tone"]) == [1, 2, 3]
    for name in ("actor_seed", "actor_labels", "actor_points", "expression", "yaw", "light", "occluded"):
        assert np.array_equal(made[name], np.repeat(made[name][:1], 3, axis=0)), name
    skin = made["actor_labels"][0] == Label.SKIN
    light = [picture[skin].mean() for picture in made["actor_bgr"] / made["exposure"][:, None, None, None]]
    assert light[0] > light[1] > light[2]
    assert (np.diff(made["exposure"]) > 0).all()


def test_actors_have_the_tones_asked_for(assets: Path, units: tuple[str, ...]) -> None:
    dark = maker(assets, units, tones=(9, 10), views=("actor",)).shard(0, samples=9)
    assert set(dark["monk_tone"]) <= {9, 10}
    assert len(set(dark["actor_seed"])) == 2


def test_a_sequence_moves_smoothly_before_a_still_camera(assets: Path, units: tuple[str, ...]) -> None:
    made = maker(
        assets, units, kind="sequences", people="benchmark", count=12, frames=4, views=("actor", "face", "plate")
    )
    frames = made.shard(1)
    assert list(frames["frame"]) == [0, 1, 2, 3]
    assert set(frames["sequence"]) == {1}
    assert np.allclose(np.diff(frames["time"]), 1 / 30)
    assert set(frames["actor_seed"]) == {benchmark.actor(1)}
    assert set(frames["monk_tone"]) == {2}
    assert set(frames["sex"]) == {1}
    assert len(set(frames["exposure"])) == 1
    assert (frames["plate_bgr"] == frames["plate_bgr"][0]).all()
    steps = np.abs(np.diff(frames["actor_points"][..., :2], axis=0)).max()
    assert 0 < steps < 0.06 * SIZE


def test_hard_cases_show_what_they_name(assets: Path, units: tuple[str, ...]) -> None:
    made = maker(
        assets, units, kind="stills", people="benchmark", count=300, identity="", views=("actor",), webcam=True
    )
    stills = made.shard(0, samples=6)  # one person each, so slow
    names = [CASES[case].name for case in stills["case"]]
    assert names == list(benchmark.HARD_CASES[:6])
    found = dict(zip(names, stills["occluded"], strict=True))
    for name, bit in {"hand": 2, "thin glasses": 1, "hat": 32, "sunglasses": 128, "beard": 256}.items():
        assert found[name] & bit, name
    labels = dict(zip(names, stills["actor_labels"], strict=True))
    assert (labels["hat"] == Label.HAT).sum() > 30
    assert (labels["sunglasses"] == Label.GLASSES).sum() > 15
    assert (labels["open mouth"] == Label.MOUTH).sum() > 3


def test_the_benchmark_is_even_and_apart() -> None:
    actors = [benchmark.actor(number) for number in range(benchmark.SEQUENCES)]
    stills = [benchmark.still(number) for number in range(benchmark.STILLS)]
    assert benchmark.SEQUENCES >= 12
    assert benchmark.STILLS == 300
    seeds = [*actors, *(still.seed for still in stills)]
    assert len(set(seeds)) == len(seeds)
    assert min(seeds) >= 2**40
    people = [benchmark.traits(seed) for seed in actors]
    assert {each.monk_tone for each in people} == set(range(1, 11))
    assert Counter(each.sex for each in people) == {"female": 6, "male": 6}
    of_stills = Counter((still.case, benchmark.traits(still.seed).monk_tone) for still in stills)
    assert set(of_stills.values()) == {2}
    assert {still.case for still in stills} <= {case.name for case in CASES}


def test_the_benchmark_is_frozen() -> None:
    """Its people are drawn by code that may change, its definition may not: see benchmark.py."""
    definition = benchmark.definition()
    assert definition["version"] == "2026-11.2"
    assert definition["sequences"][0] == {"seed": 2**40, "monk_tone": 1, "sex": "female"}
    assert definition["sequences"][11] == {"seed": 2**40 + 11, "monk_tone": 1, "sex": "male"}
    assert definition["stills"][299]["case"] == "jewellery"


def test_training_draws_the_people_that_random_recipe_draws(assets: Path) -> None:
    axes = Wardrobe(assets, skin_size=64).body.detail_axes
    assert random_recipe(7, axes).traits == benchmark.traits(7)


def test_the_truth_passes_softly_into_the_actor() -> None:
    actor, swapped = np.full((1, 4, 3), 100, np.uint8), np.full((1, 4, 3), 180, np.uint8)
    matte = np.array([[0, RIM // 2, RIM, 255]], np.uint8)
    mixed = only_inside(swapped, actor, matte)
    assert mixed[0, :, 0].tolist() == [100, 140, 180, 180]


def test_a_lens_bends_all_that_stands_beside_the_picture() -> None:
    y, x = np.mgrid[:64, :64]
    disc = (np.hypot(x - 40, y - 24) < 10).astype(np.uint8)
    sample = {
        "actor_bgr": np.repeat(disc[..., None] * 200, 3, axis=2),
        "actor_labels": disc,
        "actor_alpha": disc * 255,
        "actor_points": np.tile(np.array([40.5, 24.5, 3.0], np.float32), (468, 1)),
        "yaw": 3.0,
    }
    webcam = Webcam(lens=Lens(k1=0.1, zoom=1.2, shift=(0.5, 0.0)))
    bent = filmed(sample, webcam, 1, bent=True)
    middles = [
        np.argwhere(bent[name] > 100 if name == "actor_alpha" else bent[name] > 0).mean(axis=0) + 0.5
        for name in ("actor_labels", "actor_alpha")
    ]
    for middle in middles:
        assert np.allclose(middle[::-1], bent["actor_points"][0, :2], atol=1)
    assert np.linalg.norm(bent["actor_points"][0, :2] - (40.5, 24.5)) > 1
    straight = filmed(sample, webcam, 1, bent=False)
    assert straight.keys() == {"actor_bgr"}
