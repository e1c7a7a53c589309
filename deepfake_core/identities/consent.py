"""The consent record: whose likeness an identity shows and under which terms it may be used.

As a file it is JSON-LD in the terms of the W3C's Data Privacy Vocabulary, laid out as in its profile of ISO/IEC TS
27560 (https://w3id.org/dpv/schema/dpv-27560#record), and signed (see `signature`). What the vocabulary has no word for
is in the namespace `odf`. docs/consent.md explains each field.
"""

import hashlib
import json
from datetime import date
from typing import Annotated, Any, Literal, Self

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from pydantic import BaseModel, ConfigDict, Field, ValidationError, model_validator

from deepfake_core.identities import release, signature, strict_json
from deepfake_core.identities.errors import (
    ConsentExpired,
    ConsentMissing,
    ConsentNotYetValid,
    ConsentRefused,
    HashMismatch,
    PurposeNotCovered,
    SignatureInvalid,
)
from deepfake_core.identities.purposes import WORDS, Purpose

SCHEMA = "urn:obs-deepfake:consent-record:2"
PROFILE = "https://w3id.org/dpv/schema/dpv-27560#record"
CONTEXT = {
    "dct": "http://purl.org/dc/terms/",
    "dpv": "https://w3id.org/dpv#",
    "pd": "https://w3id.org/dpv/pd#",
    "odf": "urn:obs-deepfake:terms:",
}
NOBODY = "Nobody: a rendered person"
_HASH = "urn:sha256:"

_Text = Annotated[str, Field(min_length=1, max_length=300, pattern=r"^[^\x00-\x1f\x7f]*$")]
_Texts = Annotated[tuple[_Text, ...], Field(max_length=16)]
_Sha256 = Annotated[str, Field(pattern=r"^[0-9a-f]{64}$")]
_Key = Annotated[str, Field(pattern=signature.KEY_PATTERN)]
RecordId = Annotated[str, Field(pattern=r"^[a-z0-9-]{8,64}$")]


class ConsentRecord(BaseModel):
    """Consent to one decoder; `sign` and `parse` turn it into a file and back.

    `subject`: a real person is depicted; `signer` is that person's key, and the record says what the person read aloud,
    which terms were shown, and the hashes of the consent video and of the list of the training footage.
    `synthetic`: nobody is depicted; the record names the seed and the command that made the person, and `signer` is the
    project's release key.
    A record without `pack_sha256` and `decoder_sha256` lets a training begin; no identity opens with it.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    record_id: RecordId
    kind: Literal["synthetic", "subject"]
    signer: _Key
    """did:key of whoever has to sign."""
    depicted: _Text
    granted_to: Annotated[_Texts, Field(min_length=1)]
    """Names of those who may use the identity, or "everybody"."""
    purposes: Annotated[tuple[Purpose, ...], Field(min_length=1, max_length=len(Purpose))]
    contexts: _Texts = ()
    """Where and how, in words."""
    given_on: date
    valid_from: date
    valid_until: date | None = None
    """The last day; a subject's consent always has one."""
    withdrawal: _Text
    """How to withdraw."""
    terms_sha256: _Sha256 | None = None
    """Of the terms that the subject was shown, as UTF-8."""
    sentence: _Text | None = None
    """What the subject read aloud; its random words were made for this record."""
    video_sha256: _Sha256 | None = None
    """Of the consent video, which stays with the subject."""
    footage_sha256: _Sha256 | None = None
    """Of the list of the training footage: `footage.list_sha256`."""
    seed: int | None = None
    command: _Text | None = None
    decoder_sha256: _Sha256 | None = None
    pack_sha256: _Sha256 | None = None
    """Of identity.json, which lists the hash of every other file."""

    @model_validator(mode="after")
    def _fits_its_kind(self) -> Self:
        act = (self.terms_sha256, self.sentence, self.video_sha256)
        origin = (self.seed, self.command)
        if self.kind == "subject" and (None in act or origin != (None, None)):
            raise ValueError("a subject's record needs terms, sentence and consent video, and no seed")
        if self.kind == "synthetic" and (None in origin or act != (None, None, None) or self.footage_sha256):
            raise ValueError("a rendered person's record needs seed and command, and nothing of an act on camera")
        if self.kind == "subject" and self.valid_until is None:
            raise ValueError("a subject's consent needs a last day")
        if self.valid_until is not None and self.valid_until < self.valid_from:
            raise ValueError("it ends before it begins")
        if len(set(self.purposes)) != len(self.purposes):
            raise ValueError("a purpose is there twice")
        if (self.decoder_sha256 is None) != (self.pack_sha256 is None):
            raise ValueError("decoder and pack belong together")
        return self

    @property
    def short_id(self) -> int:
        """32 bits for the watermark: the beginning of the SHA-256 of the record's id."""
        return int.from_bytes(hashlib.sha256(self.record_id.encode()).digest()[:4], "big")

    def sign(self, key: Ed25519PrivateKey) -> bytes:
        """The record as a file; raises ConsentRefused where `key` is not the one that has to sign."""
        if signature.key_name(key) != self.signer:
            raise ConsentRefused(
                f"The record {self.record_id!r} has to be signed with the key {self.signer}; give that key's file."
            )
        return _file(signature.sign(self._document(), key))

    def draft(self) -> bytes:
        """The record as a file that nobody has signed yet."""
        return _file(self._document())

    @classmethod
    def parse(cls, data: bytes, identity: str) -> Self:
        """Read a record of `identity` and check who signed it; raises ConsentMissing or SignatureInvalid."""
        document = _read(data, identity)
        record = cls._from(document, identity)
        try:
            _, signer = signature.verify(document)
        except signature.BadSignature as error:
            raise SignatureInvalid(
                f"The consent record of {identity!r} does not count: {error}; get the identity again from its maker."
            ) from error
        wanted = release.PUBLIC_KEY if record.kind == "synthetic" else record.signer
        if signer != wanted or record.signer != wanted:
            whose = "the project's release key" if record.kind == "synthetic" else "the key of the person depicted"
            raise SignatureInvalid(
                f"The consent record of {identity!r} is not signed with {whose}; get the identity again from its maker."
            )
        return record

    @classmethod
    def parse_draft(cls, data: bytes, identity: str) -> Self:
        """Read a record whoever signed it, if anybody did; for those who are about to sign. Raises ConsentMissing."""
        return cls._from(_read(data, identity), identity)

    def check(self, identity: str, *, decoder_sha256: str, pack_sha256: str, purpose: Purpose, today: date) -> None:
        """Raise HashMismatch or ConsentRefused unless this record covers this pack for `purpose` today."""
        if self.pack_sha256 is None or self.decoder_sha256 is None:
            raise ConsentRefused(
                f"The consent to {identity!r} is for its training only; "
                f"{'ask ' + self.depicted if self.kind == 'subject' else 'let the project'} "
                "sign the finished identity with 'tools/identity.py sign'."
            )
        if (self.pack_sha256, self.decoder_sha256) != (pack_sha256, decoder_sha256):
            raise HashMismatch(
                f"The consent record of {identity!r} is for other files; get the whole identity again from its maker."
            )
        self.check_day(identity, today)
        if purpose not in self.purposes:
            covered = "; ".join(WORDS[one] for one in self.purposes)
            raise PurposeNotCovered(
                f"The consent to {identity!r} does not cover {WORDS[purpose]!r}, only: {covered}. "
                "State one of these if it is yours, or use another identity."
            )

    def check_day(self, identity: str, today: date) -> None:
        """Raise ConsentNotYetValid or ConsentExpired unless the consent holds today."""
        if today < self.valid_from:
            raise ConsentNotYetValid(
                f"The consent to {identity!r} begins on {self.valid_from}; use it from that day on."
            )
        if self.valid_until is not None and today > self.valid_until:
            raise ConsentExpired(f"The consent to {identity!r} ended on {self.valid_until}; ask for a new record.")

    def summary(self) -> str:
        """Who is depicted and until when, in one line for a list."""
        until = f", until {self.valid_until}" if self.valid_until else ""
        return f"{self.depicted}{until}"

    def _document(self) -> dict[str, Any]:
        """The JSON-LD without a proof; `_from` is its inverse."""
        subject = self.kind == "subject"
        document: dict[str, Any] = {
            "@context": CONTEXT,
            "@id": f"urn:obs-deepfake:record:{self.record_id}",
            "@type": "dpv:ConsentRecord",
            "dct:conformsTo": [PROFILE, SCHEMA],
            "dct:identifier": self.record_id,
            "dct:language": "en",
            "odf:kind": self.kind,
            "odf:signer": self.signer,
            "dpv:hasDataSubject": {"@type": "dpv:DataSubject", "dpv:hasName": self.depicted}
            | ({"@id": self.signer} if subject else {}),
            "dpv:hasDataController": [{"@type": "dpv:DataController", "dpv:hasName": name} for name in self.granted_to],
            "dpv:hasProcess": {
                "@type": "dpv:Process",
                "dpv:hasPurpose": [f"odf:{purpose}" for purpose in self.purposes],
                "dpv:hasContext": list(self.contexts),
                "dpv:hasStorageCondition": {"@type": "dpv:StorageLocation", "dpv:hasLocation": "dpv:WithinDevice"},
            },
            "dpv:hasConsentControl": {"@type": "dpv:WithdrawConsent", "dpv:isExercisedAt": self.withdrawal},
            "dct:valid": f"{self.valid_from}/{self.valid_until or '..'}",
            "dpv:hasConsentStatus": {
                "@type": ["dpv:ConsentGiven"] + ["dpv:ExplicitlyExpressedConsent"] * subject,
                "dpv:isIndicatedBy": self.signer,
                "dpv:isIndicatedAtTime": str(self.given_on),
            },
        }
        if subject:
            document["dpv:hasLegalBasis"] = "dpv:ExplicitlyExpressedConsent"
            document["dpv:hasProcess"]["dpv:hasPersonalData"] = ["pd:Picture", "pd:FacialPrint"]
            document["dpv:hasNotice"] = {"@id": f"{_HASH}{self.terms_sha256}", "@type": "dpv:ConsentNotice"}
            document["dpv:hasConsentStatus"]["dpv:hasIndicationMethod"] = {
                "odf:readAloud": self.sentence,
                "odf:consentVideo": f"{_HASH}{self.video_sha256}",
            }
        else:
            document["odf:origin"] = {"odf:seed": self.seed, "odf:command": self.command}
        for name, value in (
            ("odf:footage", self.footage_sha256),
            ("odf:decoder", self.decoder_sha256),
            ("odf:identity", self.pack_sha256),
        ):
            if value is not None:
                document[name] = f"{_HASH}{value}"
        return document

    @classmethod
    def _from(cls, document: dict[str, Any], identity: str) -> Self:
        given = {name: value for name, value in document.items() if name != "proof"}
        try:
            process, status = given["dpv:hasProcess"], given["dpv:hasConsentStatus"]
            start, _, end = given["dct:valid"].partition("/")
            act, origin = status.get("dpv:hasIndicationMethod", {}), given.get("odf:origin", {})
            record = cls.model_validate(
                {
                    "record_id": given["dct:identifier"],
                    "kind": given["odf:kind"],
                    "signer": given["odf:signer"],
                    "depicted": given["dpv:hasDataSubject"]["dpv:hasName"],
                    "granted_to": [party["dpv:hasName"] for party in given["dpv:hasDataController"]],
                    "purposes": [purpose.removeprefix("odf:") for purpose in process["dpv:hasPurpose"]],
                    "contexts": process["dpv:hasContext"],
                    "given_on": status["dpv:isIndicatedAtTime"],
                    "valid_from": start,
                    "valid_until": None if end == ".." else end,
                    "withdrawal": given["dpv:hasConsentControl"]["dpv:isExercisedAt"],
                    "terms_sha256": _hash(given.get("dpv:hasNotice", {}).get("@id")),
                    "sentence": act.get("odf:readAloud"),
                    "video_sha256": _hash(act.get("odf:consentVideo")),
                    "footage_sha256": _hash(given.get("odf:footage")),
                    "seed": origin.get("odf:seed"),
                    "command": origin.get("odf:command"),
                    "decoder_sha256": _hash(given.get("odf:decoder")),
                    "pack_sha256": _hash(given.get("odf:identity")),
                }
            )
            # Whatever else a file says, or says otherwise, is not one of these records.
            if record._document() != given:
                raise ValueError("it holds more than a record of this version, or another order of words")
        except ValidationError as error:
            problem = error.errors()[0]
            words = f"{'.'.join(map(str, problem['loc'])) or 'as a whole'}: {problem['msg']}"
            raise ConsentMissing(_not_valid(identity, words)) from error
        except (ValueError, TypeError, KeyError, AttributeError) as error:
            raise ConsentMissing(_not_valid(identity, f"{type(error).__name__}: {str(error)[:100]}")) from error
        return record


def _not_valid(identity: str, problem: str) -> str:
    return f"The consent record of {identity!r} is not valid ({problem}); get the identity again from its maker."


def _read(data: bytes, identity: str) -> dict[str, Any]:
    try:
        return strict_json.read(data)
    except ValueError as error:
        raise ConsentMissing(_not_valid(identity, str(error)[:100])) from error


def _hash(urn: str | None) -> str | None:
    return None if urn is None else urn.removeprefix(_HASH)


def _file(document: dict[str, Any]) -> bytes:
    return json.dumps(document, indent=1, ensure_ascii=False).encode() + b"\n"
