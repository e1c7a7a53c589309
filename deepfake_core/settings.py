"""The filter's settings: typed, with defaults that nobody must touch, and a fall-back for each broken value."""

import json
from enum import StrEnum
from typing import Annotated, Any

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from deepfake_core.identities.purposes import Purpose

MAX_JSON_CHARS = 65_536


class NoResult(StrEnum):
    """What is shown while there is no swapped picture; each is labelled like every other frame."""

    HOLD = "hold"
    BLUR = "blur"
    SLATE = "slate"


class Quality(StrEnum):
    """How finely the face is drawn; `auto` takes the best that keeps up with the camera."""

    AUTO = "auto"
    FAST = "fast"
    BALANCED = "balanced"
    BEST = "best"


class Mode(StrEnum):
    """What is replaced: the inner face, with the performer's own hair, or the whole head with hair and ears."""

    FACE = "face"
    HEAD = "head"


class Glasses(StrEnum):
    """Whose glasses are seen: the performer's, or those the identity wears or does not wear."""

    KEEP = "keep"
    TAKE = "take"


class LabelCorner(StrEnum):
    """Where the label stands, always inside the middle square of the picture."""

    TOP_RIGHT = "top_right"
    TOP_LEFT = "top_left"
    BOTTOM_RIGHT = "bottom_right"
    BOTTOM_LEFT = "bottom_left"


class Settings(BaseModel):
    """One filter's settings as OBS stores them.

    There is deliberately none that hides the label, lets a raw frame through or opens an identity without consent.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    identity: Annotated[str, Field(max_length=64)] = ""
    """Folder name of the identity; empty takes the first one of the library."""
    purpose: Purpose = Purpose.DEMONSTRATION
    """What the pictures are used for; an identity opens only if its consent covers this."""
    mode: Mode = Mode.FACE
    glasses: Glasses = Glasses.KEEP
    """The performer's glasses stay before the face, or the identity has what it wears itself."""
    no_result: NoResult = NoResult.BLUR
    smoothing: Annotated[float, Field(ge=0, le=1, allow_inf_nan=False)] = 0.5
    """Landmark smoothing, 0 (none) to 1 (calmest)."""
    colour_match: Annotated[float, Field(ge=0, le=1, allow_inf_nan=False)] = 1.0
    """1: the identity takes the performer's skin tone and light; 0: it keeps its own tone under the same light. A whole
    head always keeps its own."""
    matte_size: Annotated[float, Field(ge=0.8, le=1.2, allow_inf_nan=False)] = 1.0
    """Size of the replaced area relative to the face."""
    matte_softness: Annotated[float, Field(ge=0, le=1, allow_inf_nan=False)] = 0.5
    label_corner: LabelCorner = LabelCorner.TOP_RIGHT
    label_language: Annotated[str, Field(pattern=r"^[a-z]{2}$")] = "en"
    quality: Quality = Quality.AUTO
    all_faces: bool = False
    """Replace every face instead of the performer's alone."""

    @classmethod
    def parse(cls, text: str) -> tuple["Settings", list[str]]:
        """Read settings from untrusted JSON; what is broken or unknown falls back to its default.

        Returns the settings and one sentence for each value that was not taken.
        """
        try:
            if len(text) > MAX_JSON_CHARS:
                raise ValueError("too long")
            values: Any = json.loads(text)
            if not isinstance(values, dict):
                raise ValueError("not an object")
        except (ValueError, RecursionError) as error:
            return cls(), [f"The settings are not readable ({error}); the defaults are used."]
        warnings = []
        for name in [name for name in values if name not in cls.model_fields]:
            warnings.append(f"The setting {name[:64]!r} is unknown and ignored.")
            del values[name]
        try:
            return cls.model_validate(values), warnings
        except ValidationError as error:
            for problem in error.errors():
                name = str(problem["loc"][0])
                if name in values:
                    default = cls.model_fields[name].default
                    warnings.append(
                        f"The setting {name!r} cannot be {str(values.pop(name))[:64]!r}; {str(default)!r} is used."
                    )
            return cls.model_validate(values), warnings
