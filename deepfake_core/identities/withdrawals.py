"""Withdrawn consents: lists beside the library, each signed by whoever withdraws.

`withdrawals.json` is the project's list and always there; `withdrawals-*.json` are those of people who were depicted.
A list counts for the records that its own key signed; the project's counts for every record. A list that cannot be
read or is not signed closes the whole library: nobody can tell what it said.
"""

import json
from dataclasses import dataclass, field
from datetime import date
from pathlib import Path
from typing import Any

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from pydantic import TypeAdapter, ValidationError

from deepfake_core.identities import release, signature, strict_json
from deepfake_core.identities.consent import CONTEXT, ConsentRecord, RecordId
from deepfake_core.identities.errors import ConsentWithdrawn, WithdrawalsUnreadable
from deepfake_core.identities.files import read_bounded

PROJECT_LIST = "withdrawals.json"
_PATTERN = "withdrawals-*.json"
MAX_LISTS = 64
MAX_BYTES = 1_048_576
_CURE = "get it again from whoever made it, or take it away if that person agrees"


@dataclass(frozen=True)
class WithdrawalList:
    """What one key withdrew: the day of each record's withdrawal."""

    signer: str
    days: dict[str, date]

    def sign(self, key: Ed25519PrivateKey) -> bytes:
        """The list as a file."""
        document = {
            "@context": CONTEXT,
            "@type": "odf:WithdrawalList",
            "dct:creator": self.signer,
            "dpv:hasConsentStatus": [
                {"@type": "dpv:ConsentWithdrawn", "dct:identifier": name, "dpv:isIndicatedAtTime": str(day)}
                for name, day in sorted(self.days.items())
            ],
        }
        return json.dumps(signature.sign(document, key), indent=1).encode() + b"\n"

    @classmethod
    def parse(cls, data: bytes) -> "WithdrawalList":
        """Read a list and check its signature; raises ValueError, of which `signature.BadSignature` is one."""
        document, signer = signature.verify(strict_json.read(data, MAX_BYTES))
        try:
            entries: list[dict[str, Any]] = document["dpv:hasConsentStatus"]
            days = {_ID.validate_python(entry["dct:identifier"]): _day(entry) for entry in entries}
            rest = (document["@context"], document["@type"], document["dct:creator"], len(document))
        except (KeyError, TypeError, AttributeError, ValidationError):
            raise ValueError("it is not a list of withdrawals") from None
        if rest != (CONTEXT, "odf:WithdrawalList", signer, 4):
            raise ValueError("it is not a list of withdrawals")
        return cls(signer, days)


_ID: TypeAdapter[str] = TypeAdapter(RecordId)


def _day(entry: dict[str, Any]) -> date:
    if entry["@type"] != "dpv:ConsentWithdrawn" or len(entry) != 3:
        raise KeyError
    return date.fromisoformat(entry["dpv:isIndicatedAtTime"])


@dataclass
class Withdrawals:
    """The lists of one folder, read again whenever they changed."""

    folder: Path
    _parsed: dict[bytes, WithdrawalList] = field(default_factory=dict)

    def check(self, identity: str, record: ConsentRecord) -> None:
        """Raise ConsentWithdrawn or WithdrawalsUnreadable unless the record still stands."""
        for withdrawn in self.lists():
            if withdrawn.signer in (record.signer, release.PUBLIC_KEY) and record.record_id in withdrawn.days:
                raise ConsentWithdrawn(
                    f"The consent to {identity!r} was withdrawn on {withdrawn.days[record.record_id]}; "
                    "delete it and use another identity."
                )

    def lists(self) -> list[WithdrawalList]:
        """Every list in the folder, the project's first; raises WithdrawalsUnreadable."""
        paths = [self.folder / PROJECT_LIST, *sorted(self.folder.glob(_PATTERN))]
        if len(paths) > MAX_LISTS:
            raise WithdrawalsUnreadable(f"There are more than {MAX_LISTS} lists of withdrawals; join or remove some.")
        found: dict[bytes, WithdrawalList] = {}
        for path in paths:
            try:
                data = read_bounded(path, MAX_BYTES)
                found[data] = self._parsed.get(data) or WithdrawalList.parse(data)
            except (OSError, ValueError) as error:
                raise WithdrawalsUnreadable(
                    f"The list {path.name} says which identities were withdrawn and cannot be used "
                    f"({str(error) or 'it is missing'}), so no identity opens; {_CURE}."
                ) from error
            if path.name == PROJECT_LIST and found[data].signer != release.PUBLIC_KEY:
                raise WithdrawalsUnreadable(
                    f"The list {path.name} is not signed by the project, so no identity opens; "
                    "restore it with 'git checkout -- models/identities'."
                )
        self._parsed = found
        return list(found.values())
