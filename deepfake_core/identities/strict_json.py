"""JSON from strangers, read so that it can mean one thing only."""

import json
from typing import Any

MAX_BYTES = 65_536


def _members(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    members = dict(pairs)
    if len(members) != len(pairs):
        raise ValueError("a name is there twice")
    return members


def _refuse_number(text: str) -> Any:
    raise ValueError(f"{text[:20]} is not a whole number")


def read(data: bytes, limit: int = MAX_BYTES) -> dict[str, Any]:
    """The object in `data` (UTF-8); raises ValueError.

    Refused are more than `limit` bytes, names that occur twice, numbers with a fraction or of many digits, lone
    surrogates and deep nesting: what is left has exactly one canonical form (see `signature.canonical`).
    """
    if len(data) > limit:
        raise ValueError(f"it is larger than {limit} bytes")
    try:
        text = data.decode("utf-8")
        document = json.loads(
            text, object_pairs_hook=_members, parse_float=_refuse_number, parse_constant=_refuse_number
        )
        json.dumps(document, ensure_ascii=False).encode("utf-8")
    except RecursionError:
        raise ValueError("it is nested too deeply") from None
    if not isinstance(document, dict):
        raise ValueError("it is not an object")
    return document
