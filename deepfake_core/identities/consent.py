"""The consent record: whose likeness an identity shows and under which terms it may be used."""

from datetime import date
from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from deepfake_core.identities.errors import ConsentMissing, ConsentRefused

ShortText = Annotated[str, Field(min_length=1, max_length=300)]


class ConsentRecord(BaseModel):
    """Consent to one decoder, in the terms of ISO/IEC TS 27560 as far as they apply.

    `synthetic`: nobody is depicted; the record names the seed and the command that made the person.
    `subject`: a real person is depicted. Such a record counts only with that person's signature, which this version
    cannot check yet, so it is always refused: the door for real people stays shut.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    format: Literal[1] = 1
    record_id: Annotated[str, Field(pattern=r"^[a-z0-9-]{8,64}$")]
    kind: Literal["synthetic", "subject"]
    depicted: ShortText
    granted_to: ShortText
    purposes: Annotated[list[ShortText], Field(min_length=1, max_length=16)]
    valid_from: date
    valid_until: date | None = None
    withdrawal: ShortText
    decoder_sha256: Annotated[str, Field(pattern=r"^[0-9a-f]{64}$")]
    seed: int | None = None
    command: Annotated[str, Field(max_length=300)] | None = None

    @classmethod
    def parse(cls, data: bytes, identity: str) -> "ConsentRecord":
        """Read a record; raises ConsentMissing when it is not one."""
        try:
            return cls.model_validate_json(data)
        except ValidationError as error:
            problem = error.errors()[0]
            where = ".".join(map(str, problem["loc"])) or "the file"
            raise ConsentMissing(
                f"The consent record of {identity!r} is not valid ({where}: {problem['msg']}); "
                "get the whole identity again from whoever made it."
            ) from error

    def check(self, identity: str, decoder_sha256: str, today: date) -> None:
        """Raise ConsentRefused unless this record covers this decoder today."""
        if self.kind == "subject":
            raise ConsentRefused(
                f"The identity {identity!r} depicts a real person and this version cannot check that person's "
                "signature; use an identity that depicts nobody."
            )
        if self.seed is None or not self.command:
            raise ConsentRefused(
                f"The consent record of {identity!r} does not say which seed and command made the person; "
                "train it again with tools/train_swap.py."
            )
        if self.decoder_sha256 != decoder_sha256:
            raise ConsentRefused(
                f"The consent record of {identity!r} is for another decoder; "
                "get the whole identity again from whoever made it."
            )
        if today < self.valid_from:
            raise ConsentRefused(f"The consent to {identity!r} begins on {self.valid_from}; use it from that day on.")
        if self.valid_until is not None and today > self.valid_until:
            raise ConsentRefused(f"The consent to {identity!r} ended on {self.valid_until}; ask for a new record.")

    def summary(self) -> str:
        """Who is depicted and until when, in one line for a list."""
        until = f", until {self.valid_until}" if self.valid_until else ""
        return f"{self.depicted}{until}"
