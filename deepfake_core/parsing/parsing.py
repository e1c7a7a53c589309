"""What the parser says about one face's surroundings."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

SIZE = 256
"""Side of the parsed crop in px."""


@dataclass(frozen=True)
class Parsing:
    """An upright square crop of 34 cm around one head, parsed. The arrays are read-only views that the next
    picture of the same face overwrites."""

    labels: np.ndarray
    """uint8 (256, 256), the likeliest `classes.Label` of each pixel."""
    mattes: dict[str, np.ndarray]
    """Name of a group -> uint8 (256, 256), 0..255, its share of the pixel."""
    crop_to_frame: np.ndarray
    """float64 (2, 3), px of the crop -> px of the frame; pixel centres lie on whole numbers."""

    @property
    def skin(self) -> np.ndarray:
        """Bare skin of face and nose, ears included; no neck, lips, brows or eyes."""
        return self.mattes["skin"]

    @property
    def hair(self) -> np.ndarray:
        """Hair of the head, or the hat on it: smooth short hair and caps look alike, and cover alike."""
        return self.mattes["hair"]

    @property
    def occluder(self) -> np.ndarray:
        """Hands, microphones, cups: whatever is before the face."""
        return self.mattes["occluder"]

    @property
    def glasses(self) -> np.ndarray:
        """Glasses with their lenses."""
        return self.mattes["glasses"]

    @property
    def head(self) -> np.ndarray:
        """The visible head: face, ears, hair, hat, glasses; no neck, nothing in front."""
        return self.mattes["head"]

    @property
    def neck(self) -> np.ndarray:
        """Neck, necklace included."""
        return self.mattes["neck"]

    @property
    def cloth(self) -> np.ndarray:
        """Clothes."""
        return self.mattes["cloth"]
