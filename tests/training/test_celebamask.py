"""CelebAMask-HQ's own layout, made up in small numbers, and what happens where it is broken. Needs TensorFlow."""

from __future__ import annotations

import shutil
from pathlib import Path

import cv2
import numpy as np
import pytest

pytest.importorskip("tensorflow", reason="training needs .venv-train")

import train_parser

from deepfake_core.inference.manifest import Manifest
from deepfake_core.parsing.classes import Label
from deepfake_core.training.parser_celebamask import MASKS, UNKNOWN, CelebAMaskPool, CelebAMaskUnusable, numbers_of
from deepfake_core.training.parser_data import UNLABELLED
from deepfake_core.training.parser_networks import build_parser
from deepfake_core.training.parser_trainer import CHECKPOINT
from deepfake_core.training.parser_weights import save_weights

pytestmark = pytest.mark.train
ORIGINALS = {0: 119614, 1: 162770, 2: 162771, 3: 182637, 1999: 182638, 2000: 5}
"""Numbers here -> numbers in CelebA, at the borders of its parts."""
BOXES = {"skin": (140, 380, 150, 360), "l_eye": (200, 220, 190, 230), "eye_g": (190, 230, 180, 240),
         "r_eye": (200, 220, 280, 320), "mouth": (300, 340, 220, 300), "u_lip": (300, 310, 220, 300),
         "hair": (60, 200, 150, 360)}  # fmt: skip


@pytest.fixture(scope="module")
def original(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("CelebAMask-HQ")
    (folder / "CelebA-HQ-img").mkdir()
    lines = ["idx\torig_idx\torig_file"]
    for number, there in ORIGINALS.items():
        lines.append(f"{number}\t{there - 1}\t{there:06d}.jpg")
        picture = np.full((1024, 1024, 3), 60, np.uint8)
        for y0, y1, x0, x1 in BOXES.values():
            picture[2 * y0 : 2 * y1, 2 * x0 : 2 * x1] += 25
        cv2.imwrite(str(folder / "CelebA-HQ-img" / f"{number}.jpg"), picture)
        part = folder / "CelebAMask-HQ-mask-anno" / str(number // 2000)
        part.mkdir(parents=True, exist_ok=True)
        for name, (y0, y1, x0, x1) in BOXES.items():
            mask = np.zeros((512, 512, 3), np.uint8)
            mask[y0:y1, x0:x1] = 255
            cv2.imwrite(str(part / f"{number:05d}_{name}.png"), mask)
    (folder / "CelebA-HQ-to-CelebA-mapping.txt").write_text("\n".join(lines) + "\n")
    return folder


@pytest.fixture
def folder(original: Path, tmp_path: Path) -> Path:
    return Path(shutil.copytree(original, tmp_path / "CelebAMask-HQ"))


def test_the_split_is_that_of_celeba(original: Path) -> None:
    assert numbers_of(original, "train") == [0, 1, 2000]
    assert numbers_of(original, "val") == [2, 3]
    assert numbers_of(original, "test") == [1999]


def test_masks_are_merged_in_the_order_of_their_classes(original: Path) -> None:
    assert [name for name in MASKS if name in BOXES] == ["skin", "l_eye", "r_eye", "eye_g", "mouth", "u_lip", "hair"]
    picture, labels = CelebAMaskPool(original, "train").sample(2)
    assert picture.shape == (256, 256, 3)
    assert labels[0, 0] == Label.BACKGROUND
    assert labels[370, 250] == Label.SKIN
    assert labels[210, 200] == Label.GLASSES  # over the eye
    assert labels[210, 300] == Label.R_EYE
    assert labels[305, 250] == Label.UPPER_LIP  # over the mouth
    assert labels[330, 250] == Label.MOUTH
    assert labels[160, 250] == Label.HAIR  # over the forehead


def test_samples_show_what_their_labels_say_and_swap_left_and_right(original: Path) -> None:
    pool = CelebAMaskPool(original, "train")
    picture, labels = pool.aligned(0, 128)
    assert labels.shape == (64, 64)
    assert picture[labels.repeat(2, 0).repeat(2, 1) == Label.MOUTH].mean() > 100
    sides = set()
    for counter in range(12):
        _, drawn = pool.drawn(0, counter, 128)
        assert set(np.unique(drawn)) <= {*range(19), UNLABELLED}
        for eye in (Label.L_EYE, Label.R_EYE):
            if (drawn == eye).sum() > 6:
                nose = np.argwhere(drawn == Label.MOUTH)[:, 1].mean()
                sides.add((eye, np.argwhere(drawn == eye)[:, 1].mean() > nose))
    # Only the right eye of the picture is free of glasses; mirrored it is the left one, and on the left.
    assert sides == {(Label.R_EYE, True), (Label.L_EYE, False)}


def broken_mask(folder: Path) -> Path:
    path = folder / "CelebAMask-HQ-mask-anno/0/00001_hair.png"
    path.write_bytes(path.read_bytes()[:60])
    return path


def no_mask_file(folder: Path) -> Path:
    path = folder / "CelebAMask-HQ-mask-anno/1/02000_skin.png"
    path.write_bytes(b"<html>quota exceeded</html>")
    return path


def missing_mask(folder: Path) -> Path:
    path = folder / "CelebAMask-HQ-mask-anno/0/00000_skin.png"
    path.unlink()
    return path


def missing_masks(folder: Path) -> Path:
    path = folder / "CelebAMask-HQ-mask-anno/1"
    shutil.rmtree(path)
    return path


def small_mask(folder: Path) -> Path:
    path = folder / "CelebAMask-HQ-mask-anno/0/00000_mouth.png"
    cv2.imwrite(str(path), np.zeros((256, 256), np.uint8))
    return path


def missing_picture(folder: Path) -> Path:
    path = folder / "CelebA-HQ-img/2000.jpg"
    path.unlink()
    return path


def small_picture(folder: Path) -> Path:
    for number in (0, 1, 2000):
        cv2.imwrite(str(folder / f"CelebA-HQ-img/{number}.jpg"), np.zeros((512, 512, 3), np.uint8))
    return Path(".jpg is no picture of 1024 x 1024 px")


def no_list(folder: Path) -> Path:
    path = folder / "CelebA-HQ-to-CelebA-mapping.txt"
    path.unlink()
    return path


def strange_list(folder: Path) -> Path:
    path = folder / "CelebA-HQ-to-CelebA-mapping.txt"
    path.write_text("idx orig_idx orig_file\n0 a b\n")
    return path


def empty_split(folder: Path) -> Path:
    path = folder / "CelebA-HQ-to-CelebA-mapping.txt"
    path.write_text("idx orig_idx orig_file\n1999 182637 182638.jpg\n")
    return path


@pytest.mark.parametrize(
    "damage",
    [
        broken_mask, no_mask_file, missing_mask, missing_masks, small_mask, missing_picture, small_picture, no_list,
        strange_list, empty_split,
    ],
)  # fmt: skip
def test_a_broken_folder_is_named_and_nothing_is_left_as_if_it_were_trained(
    damage: object, folder: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(train_parser, "_set_threads", lambda _threads: None)
    named = damage(folder)  # type: ignore[operator]
    weights, work = tmp_path / "weights.safetensors", tmp_path / "work"
    save_weights(build_parser(), weights, kind="fused", normalised=True)
    arguments = ["transfer", "--work", str(work), "--celebamask-hq", str(folder), "--weights", str(weights)]
    assert train_parser.main([*arguments, "--steps", "4", "--size", "64", "--batch", "4", "--frozen-steps", "1"]) == 1
    error = capsys.readouterr().err.strip()
    assert str(named) in error
    assert len(error.splitlines()) == 1
    assert not (work / CHECKPOINT).exists()


def test_transfer_trains_frozen_first_then_all_and_is_not_shipped(
    original: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(train_parser, "_set_threads", lambda _threads: None)
    weights, work = tmp_path / "weights.safetensors", tmp_path / "work"
    save_weights(build_parser(), weights, kind="fused", normalised=True)
    arguments = ["transfer", "--work", str(work), "--celebamask-hq", str(original), "--weights", str(weights)]
    assert train_parser.main([*arguments, "--steps", "3", "--size", "64", "--batch", "2", "--frozen-steps", "1"]) == 0
    assert "non-commercial research" in capsys.readouterr().out
    assert train_parser.main(["evaluate", "--work", str(work), "--celebamask-hq", str(original), "--count", "1"]) == 0
    export = ["export", "--work", str(work), "--models", str(tmp_path)]
    assert train_parser.main(export) == 1
    assert "add --research" in capsys.readouterr().err
    assert not (tmp_path / "manifest.json").exists()
    assert train_parser.main([*export, "--research"]) == 0
    assert "non-commercial" in Manifest.load(tmp_path).entry("parsing/parser.onnx").licence
    assert UNKNOWN == (Label.OCCLUDER,)


def test_imagenet_weights_that_are_no_file_are_refused(
    original: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(train_parser, "_set_threads", lambda _threads: None)
    start = ["transfer", "--work", str(tmp_path / "work"), "--celebamask-hq", str(original), "--imagenet"]
    assert train_parser.main([*start, str(tmp_path / "missing.h5")]) == 1
    assert "missing.h5 is no file" in capsys.readouterr().err
    (tmp_path / "broken.h5").write_bytes(b"no weights")
    assert train_parser.main([*start, str(tmp_path / "broken.h5")]) == 1
    assert "broken.h5" in capsys.readouterr().err


def test_imagenet_weights_of_keras_fit_the_encoder(tmp_path: Path) -> None:
    import keras

    from deepfake_core.training.parser_networks import ENCODER
    from deepfake_core.training.parser_weights import load_imagenet

    network = keras.applications.MobileNetV3Small(
        input_shape=(224, 224, 3), minimalistic=True, include_top=False, weights=None, include_preprocessing=False
    )
    path = tmp_path / "keras.weights.h5"
    network.save_weights(path)
    parser = build_parser("mobilenetv3")
    load_imagenet(parser, str(path))
    got = parser.get_layer(ENCODER).get_layer("expanded_conv_5_expand").kernel.numpy()
    np.testing.assert_array_equal(got, network.get_layer("expanded_conv_5_expand").kernel.numpy())


def test_a_mask_that_breaks_off_is_named_when_it_is_read(folder: Path) -> None:
    path = broken_mask(folder)
    with pytest.raises(CelebAMaskUnusable, match=path.name):
        CelebAMaskPool(folder, "train").sample(1)
