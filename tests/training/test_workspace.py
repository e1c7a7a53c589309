import dataclasses
from pathlib import Path

import cv2
import numpy as np
import pytest

from deepfake_core.facemesh import topology
from deepfake_core.swapping import alignment
from deepfake_core.swapping.template import TemplateDrawer
from deepfake_core.synthetic import dataset
from deepfake_core.training import pairs
from deepfake_core.training.configuration import Configuration
from deepfake_core.training.driver_sheet import FootageUnreadable, frames
from deepfake_core.training.fitting import match_expression
from deepfake_core.training.identity_views import BakedHead
from deepfake_core.training.pool import SampleShard
from deepfake_core.training.preparation import PairLandmarks, make_sample, relit
from deepfake_core.training.sample_format import CHANNELS, SAMPLE_SIZE
from deepfake_core.training.workspace import StepMissing, Workspace, each
from tests.swapping.painted_identity import painted

SIZE = 192


def description(**changes: object) -> dataset.Description:
    values = {
        "kind": "pairs",
        "identity": "vesper",
        "size": SIZE,
        "seed": 0,
        "count": 2,
        "views": ("actor", "head"),
        "webcam": False,
        "units": (),
        "lights": (),
        "command": "test",
    }
    return dataset.Description.model_validate(values | changes)


def write(folder: Path, *more: str, **changes: np.ndarray) -> Path:
    """A data set of two pairs in one shard, with more views than actor and head; returns the shard."""
    described = description(views=("actor", "head", *more))
    dataset.start_dataset(folder, described)
    arrays = {name: np.zeros(shape, dtype) for name, (dtype, shape) in dataset.layout(described, 2).items()}
    arrays["actor_bgr"][:] = (90, 120, 170)
    arrays["head_bgr"][:] = arrays["actor_bgr"] // 2
    arrays["actor_alpha"][:] = 255
    arrays["head_labels"][:] = 1
    arrays["head_head_matte"][:] = 255
    arrays["sequence"][:] = -1
    arrays["actor_seed"][:] = (0, 1)
    dataset.write_shard(folder, 0, arrays | changes)
    return dataset.shard_path(folder, 0)


def test_a_shard_comes_back(tmp_path: Path) -> None:
    shard = pairs.read_shard(write(tmp_path / "some"))
    assert len(shard) == 2
    assert shard.name == "some-shard-00000"
    assert tuple(shard.head_bgr[1, 0, 0]) == (45, 60, 85)


@pytest.mark.parametrize("changes", [{"actor_seed": np.arange(3)}, {"head_labels": np.zeros((2, 64, 64), np.uint8)}])
def test_a_shard_that_does_not_fit_is_refused_by_name(tmp_path: Path, changes: dict[str, np.ndarray]) -> None:
    path = write(tmp_path, **changes)
    with pytest.raises(pairs.DatasetBroken, match="shard-00000"):
        pairs.read_shard(path)


def test_pairs_of_the_old_format_are_refused(tmp_path: Path) -> None:
    (tmp_path / "dataset.json").write_text('{"kind": "pairs", "identity": "vesper", "format": 1}')
    with pytest.raises(pairs.DatasetBroken, match=r"format 1.*render it again"):
        pairs.shard_paths(tmp_path)


def test_a_set_without_the_identity_is_refused(tmp_path: Path) -> None:
    dataset.start_dataset(tmp_path, description(views=("actor", "face")))
    with pytest.raises(pairs.DatasetBroken, match="--views actor,head"):
        pairs.shard_paths(tmp_path, partial=True)


def test_a_half_written_set_is_refused_unless_followed(tmp_path: Path) -> None:
    dataset.start_dataset(tmp_path, description())
    with pytest.raises(pairs.DatasetBroken, match="half-written"):
        pairs.shard_paths(tmp_path)
    assert pairs.shard_paths(tmp_path, partial=True) == []


def test_a_text_file_is_no_shard(tmp_path: Path) -> None:
    path = write(tmp_path)
    path.write_text("nothing")
    with pytest.raises(pairs.DatasetBroken):
        pairs.read_shard(path)


def face(x: float = 0.0, yaw: float = 0.0) -> np.ndarray:
    turned = cv2.Rodrigues(np.radians([0.0, yaw, 0.0]))[0]
    pose = alignment.Pose(6.0, turned, np.array([SIZE / 2 + x, -SIZE / 2, 0.0]))
    return pose.to_picture(topology.canonical_face().vertices.astype(np.float64)).astype(np.float32)


def found(actor: np.ndarray, identity: np.ndarray) -> PairLandmarks:
    return PairLandmarks(actor, identity, np.zeros((len(actor), 2, 2), np.float32))


def test_pairs_with_a_missing_or_another_face_are_left_out() -> None:
    missing = np.full((468, 3), np.nan, np.float32)
    actor = np.stack([face(), face(), face(), missing, face()])
    identity = np.stack([face(2.0, 4.0), face(yaw=30.0), face(60.0), face(), missing])
    np.testing.assert_array_equal(found(actor, identity).usable(), [0])


def expressive(count: int) -> np.ndarray:
    """Faces whose features move a little, (N, 468, 3) cm."""
    noise = np.random.default_rng(0).normal(0.0, 0.05, (count, 468, 3))
    return topology.canonical_face().vertices + noise


def test_the_skin_is_learned_in_the_drivers_tone(tmp_path: Path) -> None:
    here = np.mgrid[:SIZE, :SIZE].sum(0)[None, ..., None]
    stripes = np.where(here // 12 % 2, 1.0, 0.5)
    dark, pale = (np.full((2, SIZE, SIZE, 3), (45, 60, 85)), np.full((2, SIZE, SIZE, 3), (90, 120, 170)))
    points = np.stack([face(), face()])
    labels = np.ones((2, SIZE, SIZE), np.uint8)
    labels[:, :, : SIZE // 2] = 6  # the actor's glasses, which the whole head does not wear
    moved = np.array([4.0, 0.0, 0.0], np.float32)
    path = write(
        tmp_path / "some",
        "face_in_tone",
        head_bgr=dark.astype(np.uint8),
        face_in_tone_bgr=(pale * stripes).astype(np.uint8),
        face_in_tone_labels=labels,
        swap_matte=np.full((2, SIZE, SIZE), 255, np.uint8),
        head_points=points,
        face_in_tone_points=points - moved,
    )
    shard, heads = pairs.read_shard(path), expressive(40)
    options = {"identity": painted(), "expression": match_expression(heads, heads), "drawer": TemplateDrawer()}
    learned, before = (
        make_sample(one, 0, found(points, points), **options)["target"].astype(float)  # type: ignore[arg-type]
        for one in (shard, dataclasses.replace(shard, in_tone=None))
    )
    middle, cheek = SAMPLE_SIZE // 2, slice(SAMPLE_SIZE // 2 + 30, SAMPLE_SIZE // 2 + 50)
    # The stripes of the pale picture on the level of the dark one, but behind the glasses and on the eyes.
    assert learned[cheek, cheek].mean() == pytest.approx(before[cheek, cheek].mean(), rel=0.15)
    assert learned[cheek, cheek, 0].std() > 8.0
    assert before[cheek, cheek, 0].std() < 1.0
    np.testing.assert_array_equal(learned[:, : middle - 16], before[:, : middle - 16])


def test_a_dark_drivers_highlights_are_not_learned_for_pale_skin(tmp_path: Path) -> None:
    driver = np.full((2, SIZE, SIZE, 3), (30, 40, 60), np.uint8)
    driver[:, ::16] = driver[:, 1::16] = driver[:, 2::16] = (60, 80, 110)
    path = write(tmp_path / "some", actor_bgr=driver, monk_tone=np.array([10, 0], np.uint8))
    heads, points = expressive(40), np.stack([face(), face()])
    options = {"identity": painted(), "expression": match_expression(heads, heads), "drawer": TemplateDrawer()}
    shard = pairs.read_shard(path)
    of_another, own = (make_sample(shard, k, found(points, points), **options)["driver"] for k in (0, 1))  # type: ignore[arg-type]
    assert np.percentile(of_another, 99) < 0.8 * np.percentile(own, 99)
    assert abs(int(np.median(of_another)) - int(np.median(own))) <= 1


def test_a_highlight_fits_on_skin_that_is_bright_already() -> None:
    skin, share = np.full((64, 64), 255, np.uint8), np.full((64, 64), 255, np.uint8)
    bright = np.full((64, 64, 3), 220, np.uint8)
    driver = np.full((64, 64, 3), 80, np.uint8)
    driver[30:34, 30:34] = 120
    shown = relit(bright, driver, skin, share).astype(float)
    assert shown[31, 31].mean() / shown[8, 8].mean() == pytest.approx(1.5, rel=0.05)
    darker = relit(bright // 2, driver, skin, share).astype(float)
    assert darker[8, 8].mean() == pytest.approx(110, abs=3)


def test_a_sample_holds_all_channels_and_lays_the_truth_under_the_template(tmp_path: Path) -> None:
    labels = np.ones((2, SIZE, SIZE), np.uint8)
    labels[:, :60] = 19  # a hand before the forehead
    shard = pairs.read_shard(write(tmp_path, head_labels=labels))
    landmarks = found(np.stack([face(), face()]), np.stack([face(10.0), face()]))
    heads = expressive(40)
    sample = make_sample(
        shard,
        0,
        landmarks,
        identity=painted(),
        expression=match_expression(heads, heads),
        drawer=TemplateDrawer(),
    )
    assert sample.keys() == CHANNELS.keys()
    for name, channels in CHANNELS.items():
        shape = (SAMPLE_SIZE, SAMPLE_SIZE) + ((3,) if channels == 3 else ())
        assert sample[name].shape == shape
        assert sample[name].dtype == np.uint8
    middle = (SAMPLE_SIZE // 2, SAMPLE_SIZE // 2)
    assert tuple(sample["driver"][middle]) == (90, 120, 170)
    assert tuple(sample["target"][middle]) == (45, 60, 85)
    assert sample["template_alpha"][middle] == sample["template_face"][middle] == 255
    assert sample["target_known"][middle] == sample["target_face"][middle] == 255
    assert sample["target_known"][2].max() == 0, "the hand is known for the face"


def test_what_lies_beyond_the_picture_is_not_known(tmp_path: Path) -> None:
    shard = pairs.read_shard(write(tmp_path))
    aside = np.stack([face(-70.0), face()])
    heads = expressive(40)
    sample = make_sample(
        shard,
        0,
        found(aside, aside),
        identity=painted(),
        expression=match_expression(heads, heads),
        drawer=TemplateDrawer(),
    )
    assert sample["target_known"][:, :20].max() == 0
    assert sample["target_head"][:, :20].max() == 0
    assert sample["target_known"][:, -20:].min() == 255


def test_a_workspace_numbers_its_identities(tmp_path: Path) -> None:
    workspace = Workspace(tmp_path / "work")
    assert workspace.identities() == []
    assert [workspace.index_of(name) for name in ("one", "two", "one")] == [0, 1, 0]
    assert Workspace(tmp_path / "work").identities() == ["one", "two"]


def prepared_workspace(folder: Path) -> tuple[Workspace, Path]:
    """One identity, baked, its landmarks found, on a shard of two pairs."""
    workspace = Workspace(folder / "work")
    shard = write(folder / "some", actor_seed=np.arange(2), monk_tone=np.array([3, 9], np.uint8))
    parts = {name: value for name, value in vars(painted()).items() if name != "retargeter"}
    workspace.save_head("one", BakedHead(**parts, rest=topology.canonical_face().vertices.astype(np.float32)))
    kept = workspace.landmarks("one", shard)
    kept.parent.mkdir(parents=True)
    np.savez(kept, **vars(found(np.stack([face(), face(1.0)]), np.stack([face(3.0), face()]))))
    return workspace, shard


def test_steps_out_of_order_are_explained(tmp_path: Path) -> None:
    with pytest.raises(StepMissing, match="bake"):
        Workspace(tmp_path).identity("one")
    workspace, _ = prepared_workspace(tmp_path)
    with pytest.raises(StepMissing, match="prepare"):
        workspace.identity("one")


def test_a_baked_head_comes_back(tmp_path: Path) -> None:
    parts = {name: value for name, value in vars(painted()).items() if name != "retargeter"}
    rest = topology.canonical_face().vertices.astype(np.float32)
    BakedHead(**parts, rest=rest).save(tmp_path / "head.npz")
    assert BakedHead.lies_in(tmp_path / "head.npz")
    loaded = BakedHead.load(tmp_path / "head.npz")
    np.testing.assert_array_equal(loaded.pages, parts["pages"])
    np.testing.assert_array_equal(loaded.head.pictures, parts["head"].pictures)
    np.testing.assert_array_equal(loaded.eyeballs.offsets, parts["eyeballs"].offsets)
    np.testing.assert_array_equal(loaded.mouth.teeth, parts["mouth"].teeth)
    np.testing.assert_array_equal(loaded.rest, rest)


def test_a_head_that_an_older_version_baked_is_baked_again(tmp_path: Path) -> None:
    workspace, _ = prepared_workspace(tmp_path)
    path = workspace.head("one")
    assert BakedHead.lies_in(path)
    with np.load(path) as file:
        np.savez(path, **{name: file[name] for name in file.files if name != "lip_shifts"})
    assert not BakedHead.lies_in(path)
    workspace.retargeter("one").write_bytes(b"")
    with pytest.raises(StepMissing, match="bake"):
        workspace.identity("one")


class HalfHeldOut(Configuration):
    def held_out(self, actor_seed: int) -> bool:
        return actor_seed == 0


def test_samples_of_a_shard_are_made_once_and_are_whole(tmp_path: Path) -> None:
    workspace, shard = prepared_workspace(tmp_path)
    assert "fitted_on" in workspace.fit_retargeter("one", [shard], HalfHeldOut())
    made = [count for _, _, count in each(workspace.prepare, [("one", shard), ("one", shard)], 1)]
    assert made == [2, 0]
    read = SampleShard.open(workspace.prepared("one", shard))
    assert read.identity_index.tolist() == [0, 0]
    assert read.actor_seed.tolist() == [0, 1]
    assert read.sequence.tolist() == [-1, -1]
    assert read.monk_tone.tolist() == [3, 9]
    assert read.sample(1)["template"].shape == (SAMPLE_SIZE, SAMPLE_SIZE, 3)
    assert not list(workspace.folder.glob(".samples-*"))
    assert workspace.prepare("one", shard, own_tone=True) == 2
    assert sorted(folder.name[-3:] for folder in workspace.samples.iterdir()) == ["000", "own"]
    apart = Workspace(workspace.folder, "to_judge_by")
    assert apart.prepare("one", shard) == 2
    assert len(list((workspace.folder / "to_judge_by").iterdir())) == 1


def test_frames_of_a_picture_are_one_and_of_no_picture_none(tmp_path: Path) -> None:
    cv2.imwrite(str(tmp_path / "picture.png"), np.full((40, 60, 3), 80, np.uint8))
    assert [frame.shape for frame in frames(tmp_path / "picture.png", 4)] == [(40, 60, 3)]
    with pytest.raises(FootageUnreadable):
        frames(tmp_path / "missing.mkv", 2)
