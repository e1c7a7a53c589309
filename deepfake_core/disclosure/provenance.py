"""C2PA manifests: signed statements inside a video file on how it was made (c2pa.org, specification 2.x).

Not for the live picture: a call or stream strips them. They go into recordings, beside label and watermark.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

import c2pa

from deepfake_core.disclosure.credentials import Credentials
from deepfake_core.identities.library import Identity
from deepfake_core.inference.manifest import Manifest

SOFTWARE = "OBS Deepfake"
SOURCE_TYPE = "http://cv.iptc.org/newscodes/digitalsourcetype/compositeWithTrainedAlgorithmicMedia"
"""IPTC's term for a picture that holds both camera pictures and the output of a trained network."""
ENCODER = "swap/encoder.onnx"
ASSERTION = "org.obs-deepfake.swap"
CONTAINERS = {".mp4": "video/mp4", ".mov": "video/quicktime", ".m4v": "video/mp4"}
"""Endings of the video files that can carry a manifest, and their types."""


class SigningFailed(RuntimeError):
    """No manifest was written; the text is one sentence with the cure."""


@dataclass(frozen=True)
class SwapFacts:
    """What a manifest says of the swap: the identities' titles, their consent records' ids, and the SHA-256 of
    each network by its name."""

    identities: tuple[str, ...]
    consent_records: tuple[str, ...]
    models: Mapping[str, str]

    @classmethod
    def of(cls, identities: Sequence[Identity]) -> SwapFacts:
        """The facts of a film that shows these identities."""
        models = {
            f"identities/{identity.name}/{file}": entry.sha256
            for identity in identities
            for file, entry in identity.manifest.files.items()
            if file.endswith(".onnx")
        } | {ENCODER: Manifest.load().entry(ENCODER).sha256}
        titles = tuple(identity.title for identity in identities)
        return cls(titles, tuple(identity.consent.record_id for identity in identities), models)


@dataclass(frozen=True)
class Provenance:
    """A manifest found in a file.

    intact: signature and hashes hold, so the file is as it was when signed; trusted: a known authority vouches for
    the signer; ours: it carries this project's statement; facts: that statement; problems: codes of what failed.
    """

    signer: str
    intact: bool
    trusted: bool
    ours: bool
    facts: SwapFacts | None
    software: str
    problems: tuple[str, ...]


def software_version() -> str:
    """This project's version."""
    try:
        return version("obs-deepfake")
    except PackageNotFoundError:  # The environments hold what it needs, not the project itself.
        return "0.1.0"


def sign(source: Path, target: Path, facts: SwapFacts, credentials: Credentials, *, parent: Path | None = None) -> None:
    """Write `source` with a signed manifest to `target` (another path); raises SigningFailed.

    parent: the file that was swapped; it is named with its hash, and its own manifest, if any, is kept.
    """
    agent = {"name": SOFTWARE, "version": software_version()}
    action = {
        "action": "c2pa.edited" if parent else "c2pa.created",
        "digitalSourceType": SOURCE_TYPE,
        "softwareAgent": agent,
        "description": "A face was replaced by a trained network.",
        "parameters": {"org.obs-deepfake.consent": list(facts.consent_records)},
    }
    manifest: dict[str, Any] = {
        "claim_generator_info": [agent],
        "title": target.name,
        "assertions": [
            {"label": "c2pa.actions", "data": {"actions": [action]}},
            {
                "label": ASSERTION,
                "data": {
                    "identities": list(facts.identities),
                    "consent_records": list(facts.consent_records),
                    "models_sha256": dict(facts.models),
                },
            },
        ],
    }
    try:
        signer = c2pa.Signer.from_info(
            c2pa.C2paSignerInfo(credentials.algorithm.encode(), credentials.certificates, credentials.key, None)
        )
        with signer, c2pa.Builder.from_json(json.dumps(manifest)) as builder:
            if parent is not None:
                builder.set_intent(c2pa.C2paBuilderIntent.EDIT)
                with parent.open("rb") as stream:
                    ingredient = json.dumps({"title": parent.name, "relationship": "parentOf"})
                    builder.add_ingredient(ingredient, CONTAINERS.get(parent.suffix.lower(), "video/mp4"), stream)
            builder.sign_file(source, target, signer)
    except (c2pa.C2paError, OSError) as error:
        target.unlink(missing_ok=True)
        raise SigningFailed(
            f"{source} cannot be signed ({error}); check the certificate and the free space."
        ) from error


def read(path: Path) -> Provenance | None:
    """The manifest of a file, or None when it carries none that can be read."""
    try:
        reader = c2pa.Reader.try_create(str(path))
        if reader is None:
            return None
        with reader:
            report = json.loads(reader.json())
            state = reader.get_validation_state()
    except (c2pa.C2paError, OSError, ValueError):
        return None
    active = report.get("manifests", {}).get(report.get("active_manifest", ""), {})
    signature = active.get("signature_info", {})
    generators = active.get("claim_generator_info") or [{}]
    facts = next((a.get("data", {}) for a in active.get("assertions", []) if a.get("label") == ASSERTION), None)
    problems = tuple(sorted({str(status.get("code")) for status in report.get("validation_status", [])}))
    return Provenance(
        signer=str(signature.get("common_name") or signature.get("issuer") or "unknown"),
        intact=state in ("Valid", "Trusted"),
        trusted=state == "Trusted",
        ours=facts is not None,
        facts=None if facts is None else _facts(facts),
        software=" ".join(str(generators[0].get(key, "")) for key in ("name", "version")).strip(),
        problems=problems,
    )


def _facts(data: Mapping[str, Any]) -> SwapFacts:
    """The statement as somebody wrote it: taken as text, whatever it is."""

    def texts(name: str) -> tuple[str, ...]:
        values = data.get(name)
        return tuple(str(value)[:300] for value in values[:16]) if isinstance(values, list) else ()

    models = data.get("models_sha256")
    pairs = list(models.items())[:64] if isinstance(models, dict) else []
    return SwapFacts(
        texts("identities"), texts("consent_records"), {str(name)[:100]: str(value)[:64] for name, value in pairs}
    )
