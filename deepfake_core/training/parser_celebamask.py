"""CelebAMask-HQ (Lee et al. 2020) as it is handed out: pictures, one mask per class, CelebA's split.

    CelebA-HQ-img/0.jpg ...                                  1024 px
    CelebAMask-HQ-mask-anno/0/00000_skin.png ...             512 px, 2000 pictures in each folder 0..14
    CelebA-HQ-to-CelebA-mapping.txt                          which picture of CelebA each one is

For non-commercial research and education only, as its authors say.
"""

from __future__ import annotations

import struct
from collections.abc import Callable
from pathlib import Path
from typing import Literal

import cv2
import numpy as np

from deepfake_core.parsing.classes import Label
from deepfake_core.training.errors import TrainingError
from deepfake_core.training.parser_augmentation import with_camera
from deepfake_core.training.parser_data import MIRRORED_OR_UNLABELLED, halved, labels_in, turned

Split = Literal["train", "val", "test"]
MASKS = (
    "skin", "l_brow", "r_brow", "l_eye", "r_eye", "eye_g", "l_ear", "r_ear", "ear_r", "nose", "mouth", "u_lip", "l_lip",
    "neck", "neck_l", "cloth", "hair", "hat",
)  # fmt: skip
"""Ends of the masks' names in the order of their classes 1..18. Later ones lie on earlier ones, as in
face-parsing.PyTorch: glasses on eyes, lips on the mouth, hair on ears."""
UNKNOWN = (int(Label.OCCLUDER),)
"""Classes that it does not label: what hides a face is left out of the masks, and so is background."""
_PICTURES, _MASKS, _MAPPING = "CelebA-HQ-img", "CelebAMask-HQ-mask-anno", "CelebA-HQ-to-CelebA-mapping.txt"
_PICTURE_SIZE, _MASK_SIZE, _FOLDER = 1024, 512, 2000
_FIRST_VAL, _FIRST_TEST = 162771, 182638
"""Numbers of the pictures of CelebA (list_eval_partition.txt) with which its validation and test parts begin."""
_MOST_PICTURES = 100_000
_WORKING_SIZE = 256


class CelebAMaskUnusable(TrainingError):
    """The folder is not CelebAMask-HQ, or something in it is missing or broken."""


class CelebAMaskPool:
    """The pictures of one part of the split; draws like `parser_data.StillPool`."""

    def __init__(
        self, folder: Path, split: Split, *, advance: Callable[[int, int], None] = lambda _k, _n: None
    ) -> None:
        """Look at every file's head; `advance` is told how many of how many pictures are looked at.

        Raises CelebAMaskUnusable.
        """
        self.folder = folder
        self._numbers = numbers_of(folder, split)
        self._masks: list[list[tuple[int, Path]]] = []
        listed: dict[int, set[str]] = {}
        for k, number in enumerate(self._numbers):
            if not (folder / _PICTURES / f"{number}.jpg").is_file():
                raise CelebAMaskUnusable(
                    f"{folder / _PICTURES / f'{number}.jpg'} is missing: unpack the data set again."
                )
            self._masks.append(_masks_of(folder, number, listed))
            advance(k + 1, len(self._numbers))

    def __len__(self) -> int:
        return len(self._numbers)

    def take_new(self) -> int:
        """Nothing appears later."""
        return 0

    def sample(self, index: int) -> tuple[np.ndarray, np.ndarray]:
        """Picture uint8 (256, 256, 3) BGR and labels uint8 (512, 512). Raises CelebAMaskUnusable."""
        path = self.folder / _PICTURES / f"{self._numbers[index]}.jpg"
        whole = cv2.imread(str(path), cv2.IMREAD_REDUCED_COLOR_4)
        expected = _PICTURE_SIZE // 4
        if whole is None or whole.shape[:2] != (expected, expected):
            raise CelebAMaskUnusable(f"{path} is no picture of 1024 x 1024 px: unpack the data set again.")
        labels = np.zeros((_MASK_SIZE, _MASK_SIZE), np.uint8)
        for label, mask_path in self._masks[index]:
            mask = cv2.imread(str(mask_path), cv2.IMREAD_GRAYSCALE)
            if mask is None or mask.shape != (_MASK_SIZE, _MASK_SIZE):
                raise CelebAMaskUnusable(f"{mask_path} is no mask of 512 x 512 px: unpack the data set again.")
            labels[mask > 127] = label
        return whole.astype(np.uint8), labels

    def drawn(self, seed: int, counter: int, size: int) -> tuple[np.ndarray, np.ndarray]:
        """The `counter`-th augmented sample, as `StillPool.drawn` gives it."""
        generator = np.random.default_rng([seed, counter])
        bgr, labels = self.sample(int(generator.integers(len(self._numbers))))
        matrix = np.array([[size / _WORKING_SIZE, 0.0, 0.0], [0.0, size / _WORKING_SIZE, 0.0]])
        matrix = turned(
            matrix, size, np.exp(generator.normal(-0.1, 0.15)), generator.normal(0.0, 8.0), generator.normal(0, 0.05, 2)
        )
        picture = cv2.warpAffine(bgr, matrix, (size, size), borderMode=cv2.BORDER_REPLICATE)
        target = labels_in(labels, _of_masks(matrix), size)
        if generator.random() < 0.5:
            picture, target = picture[:, ::-1], MIRRORED_OR_UNLABELLED[target[:, ::-1]]
        return np.ascontiguousarray(with_camera(picture, generator)), np.ascontiguousarray(target)

    def aligned(self, index: int, size: int) -> tuple[np.ndarray, np.ndarray]:
        """One picture and its labels, unchanged, as `StillPool.aligned` gives them."""
        bgr, labels = self.sample(index)
        matrix = np.array([[size / _WORKING_SIZE, 0.0, 0.0], [0.0, size / _WORKING_SIZE, 0.0]])
        return cv2.resize(bgr, (size, size)), labels_in(labels, halved(_of_masks(matrix)), size // 2)


def numbers_of(folder: Path, split: Split) -> list[int]:
    """The numbers of the pictures of one part. Raises CelebAMaskUnusable."""
    path = folder / _MAPPING
    try:
        lines = path.read_text(encoding="utf-8").splitlines()[1:]
        rows = [line.split() for line in lines if line.strip()]
        pairs = [(int(row[0]), int(Path(row[2]).stem)) for row in rows]
    except OSError as error:
        raise CelebAMaskUnusable(f"{path} cannot be read: name the unpacked folder CelebAMask-HQ ({error}).") from error
    except (ValueError, IndexError) as error:
        raise CelebAMaskUnusable(f"{path} is not the list of CelebAMask-HQ: unpack the data set again.") from error
    found = [number for number, original in pairs if _split_of(original) == split]
    if not found or len(pairs) > _MOST_PICTURES or min(found) < 0:
        raise CelebAMaskUnusable(f"{path} names no picture of the part '{split}': unpack the data set again.")
    return found


def _split_of(original: int) -> Split:
    return "train" if original < _FIRST_VAL else "val" if original < _FIRST_TEST else "test"


def _masks_of(folder: Path, number: int, listed: dict[int, set[str]]) -> list[tuple[int, Path]]:
    """The masks of one picture with their classes, in their order; each file's head is checked."""
    part = folder / _MASKS / str(number // _FOLDER)
    if number // _FOLDER not in listed:
        try:
            listed[number // _FOLDER] = {entry.name for entry in part.iterdir()}
        except OSError as error:
            raise CelebAMaskUnusable(f"{part} cannot be read: unpack the data set again ({error}).") from error
    names = {label: f"{number:05d}_{mask}.png" for label, mask in enumerate(MASKS, 1)}
    there = [(label, part / name) for label, name in names.items() if name in listed[number // _FOLDER]]
    if not there or there[0][0] != Label.SKIN:
        raise CelebAMaskUnusable(f"{part / names[int(Label.SKIN)]} is missing: unpack the data set again.")
    for _, path in there:
        with path.open("rb") as file:
            head = file.read(24)
        if head[:8] != b"\x89PNG\r\n\x1a\n" or struct.unpack(">II", head[16:24].ljust(8, b"\0")) != (_MASK_SIZE,) * 2:
            raise CelebAMaskUnusable(f"{path} is no mask of 512 x 512 px: unpack the data set again.")
    return there


def _of_masks(matrix: np.ndarray) -> np.ndarray:
    """From px of the masks instead of px of the pictures at 256 px."""
    ratio = _WORKING_SIZE / _MASK_SIZE
    moved = matrix.copy()
    moved[:, 2] += matrix[:, :2] @ np.full(2, 0.5 * ratio - 0.5)
    moved[:, :2] *= ratio
    return moved
