from datetime import UTC, datetime
from typing import Any

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from hypothesis import given
from hypothesis import strategies as st

from deepfake_core.identities import signature, strict_json

# Key, document and signature from appendix B.1 of the W3C's "Data Integrity EdDSA Cryptosuites v1.0".
W3C_KEY = Ed25519PrivateKey.from_private_bytes(
    bytes.fromhex("c96ef9ea10c5e414c471723aff9de72c35fa5b70fae97e8832ecac7d2e2b8ed6")
)
W3C_DOCUMENT = {
    "@context": ["https://www.w3.org/ns/credentials/v2", "https://www.w3.org/ns/credentials/examples/v2"],
    "id": "urn:uuid:58172aac-d8ba-11ed-83dd-0b3aef56cc33",
    "type": ["VerifiableCredential", "AlumniCredential"],
    "name": "Alumni Credential",
    "description": "A minimum viable example of an Alumni Credential.",
    "issuer": "https://vc.example/issuers/5678",
    "validFrom": "2023-01-01T00:00:00Z",
    "credentialSubject": {"id": "did:example:abcdefgh", "alumniOf": "The School of Examples"},
}
W3C_VALUE = "z2HnFSSPPBzR36zdDgK8PbEHeXbR56YF24jwMpt3R1eHXQzJDMWS93FCzpvJpwTWd3GAVFuUfjoJdcnTMuVor51aX"


def signed() -> dict[str, Any]:
    return signature.sign(W3C_DOCUMENT, W3C_KEY, datetime(2023, 2, 24, 23, 36, 38, tzinfo=UTC))


def test_signatures_are_those_of_the_standard() -> None:
    document = signed()
    assert document["proof"]["proofValue"] == W3C_VALUE
    assert signature.verify(document) == (W3C_DOCUMENT, "did:key:z6MkrJVnaZkeFzdQyMZu1cgjg7k1pZZ6pvBQ7XJPt4swbTQ2")


@pytest.mark.parametrize("member", ["created", "verificationMethod", "proofValue", "type", "@context", "cryptosuite"])
def test_every_part_of_the_proof_counts(member: str) -> None:
    document = signed()
    value = document["proof"][member]
    document["proof"][member] = value[:-1] + ("2" if value[-1] != "2" else "3") if isinstance(value, str) else []
    with pytest.raises(signature.BadSignature):
        signature.verify(document)


@pytest.mark.parametrize("proof", [None, [], "text", {}, {"type": "DataIntegrityProof"}, [signed()["proof"]]])
def test_other_proofs_are_refused(proof: Any) -> None:
    with pytest.raises(signature.BadSignature):
        signature.verify({**W3C_DOCUMENT, "proof": proof})


values = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**53), 2**53) | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=4), inner, max_size=3),
    max_leaves=8,
)


@given(st.dictionaries(st.text(max_size=5), values, max_size=4), st.data())
def test_any_change_breaks_the_signature(document: dict[str, Any], data: st.DataObject) -> None:
    document = {**document, "@context": {}}
    document.pop("proof", None)
    made = signature.sign(document, W3C_KEY)
    assert signature.verify(made)[0] == document
    other = data.draw(values.filter(lambda value: value != "x"))
    with pytest.raises(signature.BadSignature):
        signature.verify({**made, "added": other} if "added" not in document else {**made, "added": [other, "x"]})


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"[]",
        b'{"a":1,"a":2}',
        b'{"a":1.5}',
        b'{"a":1e400}',
        b'{"a":NaN}',
        b'{"a":"\\ud800"}',
        b'{"a":' + b"9" * 5000 + b"}",
        b"[" * 60_000,
        b'{"a":' * 9_000 + b"1" + b"}" * 9_000,
        b"\xff",
        b"{}" + b" " * 70_000,
        b'{"a":1}x',
    ],
    ids=range(13),
)
def test_json_that_could_mean_two_things_is_refused(data: bytes) -> None:
    with pytest.raises(ValueError, match=r"\w"):
        strict_json.read(data)


def test_names_are_ordered_by_utf_16_as_rfc_8785_says() -> None:
    assert signature.canonical({"\ufb33": 1, "\U0001f600": 2, "\u20ac": 3}).decode() == '{"€":3,"😀":2,"\ufb33":1}'
