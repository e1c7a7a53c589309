"""Face-parsing classes of CelebAMask-HQ (Lee et al. 2020), numbered as in face-parsing.PyTorch, and one for whatever
hides the face.

`L_` and `R_` follow the picture: `L_EYE` is on the left of an upright frontal picture.
"""

from __future__ import annotations

import enum

import numpy as np


class Label(enum.IntEnum):
    """The value of a pixel in a label picture."""

    BACKGROUND = 0
    SKIN = 1
    L_BROW = 2
    R_BROW = 3
    L_EYE = 4
    R_EYE = 5
    GLASSES = 6
    L_EAR = 7
    R_EAR = 8
    EARRING = 9
    NOSE = 10
    MOUTH = 11
    UPPER_LIP = 12
    LOWER_LIP = 13
    NECK = 14
    NECKLACE = 15
    CLOTH = 16
    HAIR = 17
    HAT = 18
    OCCLUDER = 19


FACE = (
    Label.SKIN,
    Label.L_BROW,
    Label.R_BROW,
    Label.L_EYE,
    Label.R_EYE,
    Label.NOSE,
    Label.MOUTH,
    Label.UPPER_LIP,
    Label.LOWER_LIP,
)
"""The bare face up to the hairline, without ears."""
HEAD = (*FACE, Label.GLASSES, Label.L_EAR, Label.R_EAR, Label.HAIR, Label.HAT)
"""What the head matte of a rendered data set covers."""

MIRRORED = np.array([0, 1, 3, 2, 5, 4, 6, 8, 7, 9, 10, 11, 12, 13, 14, 15, 16, 17, 18, 19], np.uint8)
"""The class that a class becomes when the picture is mirrored."""

PALETTE_BGR = np.array(
    [
        [0, 0, 0], [0, 0, 204], [0, 153, 76], [0, 204, 204], [255, 51, 51], [204, 0, 204], [255, 255, 0],
        [204, 204, 255], [51, 51, 102], [0, 0, 255], [0, 204, 102], [0, 255, 255], [153, 0, 0],
        [204, 0, 0], [153, 51, 255], [204, 204, 0], [0, 51, 0], [51, 153, 255], [0, 204, 0], [255, 255, 255],
    ],
    np.uint8,
)  # fmt: skip
"""Colours to show labels with, uint8 (20, 3)."""
