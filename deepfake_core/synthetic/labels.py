"""The classes of label pictures, and what only the renderer knows beside them."""

from deepfake_core.parsing.classes import PALETTE_BGR, Label

__all__ = ["PALETTE_BGR", "SCALP", "Label"]

SCALP = 20  # only on the way: the renderer turns it into HAIR or SKIN
