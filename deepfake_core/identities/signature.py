"""Signatures under JSON documents: Ed25519 in the W3C's cryptosuite eddsa-jcs-2022.

"Data Integrity EdDSA Cryptosuites v1.0", W3C Recommendation 2025, section 3.3: the document without its proof, and the
proof without its value, are each brought to the canonical form of RFC 8785 (JCS) and hashed with SHA-256; the hash of
the proof and that of the document, in this order, are signed. Keys are written as did:key (multibase base58btc of the
bytes ed 01 and the public key), so that anybody's library can verify what this one signs.
"""

import hashlib
import json
from datetime import UTC, datetime
from typing import Any

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey

_ALPHABET = "123456789ABCDEFGHJKLMNPQRSTUVWXYZabcdefghijkmnopqrstuvwxyz"
_DID = "did:key:"
_ED25519 = b"\xed\x01"
_FIXED = {"type": "DataIntegrityProof", "cryptosuite": "eddsa-jcs-2022", "proofPurpose": "assertionMethod"}
KEY_PATTERN = r"^did:key:z6Mk[1-9A-HJ-NP-Za-km-z]{44}$"


class BadSignature(ValueError):
    """The document carries no valid signature; the text says what is wrong, as the end of a sentence."""


def canonical(document: Any) -> bytes:
    """RFC 8785's form of what `strict_json.read` gives: no fractions, so only the order of names is left to fix."""

    def ordered(value: Any) -> Any:
        if isinstance(value, dict):
            return {name: ordered(value[name]) for name in sorted(value, key=lambda name: name.encode("utf-16-be"))}
        return [ordered(entry) for entry in value] if isinstance(value, list) else value

    return json.dumps(ordered(document), ensure_ascii=False, separators=(",", ":")).encode("utf-8")


def key_name(key: Ed25519PublicKey | Ed25519PrivateKey) -> str:
    """The did:key of a key's public half."""
    public = key.public_key() if isinstance(key, Ed25519PrivateKey) else key
    return _DID + "z" + _base58(_ED25519 + public.public_bytes_raw())


def sign(document: dict[str, Any], key: Ed25519PrivateKey, now: datetime | None = None) -> dict[str, Any]:
    """The document, which has a JSON-LD `@context`, with its `proof`; a former one is replaced."""
    name = key_name(key)
    unsigned = {member: value for member, value in document.items() if member != "proof"}
    proof = {
        **_FIXED,
        "@context": unsigned["@context"],
        "created": (now or datetime.now(UTC)).strftime("%Y-%m-%dT%H:%M:%SZ"),
        "verificationMethod": f"{name}#{name.removeprefix(_DID)}",
    }
    value = "z" + _base58(key.sign(_digest(unsigned, proof)))
    return {**unsigned, "proof": {**proof, "proofValue": value}}


def verify(document: dict[str, Any]) -> tuple[dict[str, Any], str]:
    """The document without its proof, and the did:key that signed it; raises BadSignature."""
    proof = document.get("proof")
    if proof is None:
        raise BadSignature("it is not signed")
    unsigned = {member: value for member, value in document.items() if member != "proof"}
    fixed = {**_FIXED, "@context": unsigned.get("@context")}
    wanted = {*fixed, "created", "verificationMethod", "proofValue"}
    if not isinstance(proof, dict) or set(proof) != wanted or any(proof[name] != fixed[name] for name in fixed):
        raise BadSignature("its proof is not one of the cryptosuite eddsa-jcs-2022")
    if not all(isinstance(proof[name], str) and len(proof[name]) <= 200 for name in wanted - {"@context"}):
        raise BadSignature("its proof is not one of the cryptosuite eddsa-jcs-2022")
    name, _, fragment = proof["verificationMethod"].partition("#")
    try:
        public = _unbase58(name.removeprefix(_DID + "z"), 34)
        if not name.startswith(_DID + "z") or fragment != name.removeprefix(_DID) or not public.startswith(_ED25519):
            raise ValueError("not an Ed25519 key")
        bare = {member: value for member, value in proof.items() if member != "proofValue"}
        signature = _unbase58(proof["proofValue"].removeprefix("z"), 64)
        Ed25519PublicKey.from_public_bytes(public[2:]).verify(signature, _digest(unsigned, bare))
    except (ValueError, InvalidSignature):
        raise BadSignature("its signature does not fit: it was changed, or signed with another key") from None
    return unsigned, name


def _digest(unsigned: dict[str, Any], proof: dict[str, Any]) -> bytes:
    return hashlib.sha256(canonical(proof)).digest() + hashlib.sha256(canonical(unsigned)).digest()


def _base58(data: bytes) -> str:
    number, text = int.from_bytes(data, "big"), ""
    while number:
        number, digit = divmod(number, 58)
        text = _ALPHABET[digit] + text
    return "1" * (len(data) - len(data.lstrip(b"\0"))) + text


def _unbase58(text: str, length: int) -> bytes:
    number = 0
    for letter in text:
        number = number * 58 + _ALPHABET.index(letter)
    data = number.to_bytes(length, "big") if number < 256**length else b""
    if not data or _base58(data) != text:
        raise ValueError("not the base58 of so many bytes")
    return data
