from pathlib import Path

import cv2
import numpy as np
import pytest

from deepfake_core.facemesh import topology
from deepfake_core.identities.library import Library
from deepfake_core.swapping import alignment
from deepfake_core.swapping.decoder import IdentityDecoder, load_decoder
from deepfake_core.swapping.identity_surface import IdentitySurface, TextureBlender
from deepfake_core.synthetic import dataset
from deepfake_core.training import pairs
from deepfake_core.training.driver_sheet import FootageUnreadable, frames
from deepfake_core.training.preparation import CHANNELS, SAMPLE_SIZE, PairLandmarks, make_sample
from deepfake_core.training.workspace import StepMissing, Workspace

SIZE = 192


def description(**changes: object) -> dataset.Description:
    values = {
        "kind": "pairs",
        "identity": "vesper",
        "size": SIZE,
        "seed": 0,
        "count": 2,
        "views": ("actor", "identity"),
        "webcam": False,
        "units": (),
        "lights": (),
        "command": "test",
    }
    return dataset.Description.model_validate(values | changes)


def write(folder: Path, **changes: np.ndarray) -> Path:
    """A data set of two pairs in one shard; returns the shard."""
    dataset.start_dataset(folder, description())
    arrays = {name: np.zeros(shape, dtype) for name, (dtype, shape) in dataset.layout(description(), 2).items()}
    arrays["actor_bgr"][:] = (90, 120, 170)
    arrays["identity_bgr"][:] = arrays["actor_bgr"] // 2
    arrays["actor_alpha"][:] = 255
    arrays["identity_labels"][:] = 1
    arrays["actor_seed"][:] = (0, 1)
    dataset.write_shard(folder, 0, arrays | changes)
    return dataset.shard_path(folder, 0)


def test_a_shard_comes_back(tmp_path: Path) -> None:
    shard = pairs.read_shard(write(tmp_path / "some"))
    assert len(shard) == 2
    assert shard.name == "some-shard-00000"
    assert tuple(shard.identity_bgr[1, 0, 0]) == (45, 60, 85)


@pytest.mark.parametrize(
    "changes", [{"actor_seed": np.arange(3)}, {"identity_labels": np.zeros((2, 64, 64), np.uint8)}]
)
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
    with pytest.raises(pairs.DatasetBroken, match="--views actor,identity"):
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


def test_pairs_with_a_missing_or_another_face_are_left_out() -> None:
    missing = np.full((468, 3), np.nan, np.float32)
    actor = np.stack([face(), face(), face(), missing, face()])
    identity = np.stack([face(2.0, 4.0), face(yaw=30.0), face(60.0), face(), missing])
    np.testing.assert_array_equal(PairLandmarks(actor, identity).usable(), [0])


@pytest.fixture(scope="module")
def identity() -> IdentitySurface:
    decoder = load_decoder(Library().open("vesper"), threads=1, provider="cpu")
    assert isinstance(decoder, IdentityDecoder)
    return decoder.surface


def test_a_sample_holds_all_channels_and_lays_the_truth_under_the_template(
    tmp_path: Path, identity: IdentitySurface
) -> None:
    shard = pairs.read_shard(write(tmp_path))
    found = PairLandmarks(np.stack([face(), face()]), np.stack([face(10.0), face()]))
    sample = make_sample(shard, 0, found, identity, TextureBlender())
    assert sample.keys() == CHANNELS.keys()
    for name, channels in CHANNELS.items():
        shape = (SAMPLE_SIZE, SAMPLE_SIZE) + ((3,) if channels == 3 else ())
        assert sample[name].shape == shape
        assert sample[name].dtype == np.uint8
    middle = (SAMPLE_SIZE // 2, SAMPLE_SIZE // 2)
    assert tuple(sample["driver"][middle]) == (90, 120, 170)
    assert tuple(sample["target"][middle]) == (45, 60, 85)
    assert sample["coverage"][middle] == 255


def test_steps_out_of_order_are_explained(tmp_path: Path) -> None:
    with pytest.raises(StepMissing, match="bake"):
        Workspace(tmp_path).identity_surface()
    with pytest.raises(StepMissing, match="prepare"):
        Workspace(tmp_path).expression_match()


def test_frames_of_a_picture_are_one_and_of_no_picture_none(tmp_path: Path) -> None:
    cv2.imwrite(str(tmp_path / "picture.png"), np.full((40, 60, 3), 80, np.uint8))
    assert [frame.shape for frame in frames(tmp_path / "picture.png", 4)] == [(40, 60, 3)]
    with pytest.raises(FootageUnreadable):
        frames(tmp_path / "missing.mkv", 2)
