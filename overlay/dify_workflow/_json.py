"""JSON in and out: strict in what is sent, tolerant in what is read."""

from __future__ import annotations

import json
from typing import Any, TypeAlias, TypeGuard

import orjson

JSON: TypeAlias = Any
"""Any JSON value: None, bool, int, float, str, or a list or dict of them."""

JSONObject: TypeAlias = dict[str, Any]
"""A JSON object."""


def is_object(value: JSON) -> TypeGuard[JSONObject]:
    """Whether a value is a JSON object."""
    return isinstance(value, dict)


def is_list(value: JSON) -> TypeGuard[list[JSON]]:
    """Whether a value is a JSON array."""
    return isinstance(value, list)


def decode(data: bytes) -> JSON:
    """Decode a body; whole numbers of any size stay exact (orjson rounds those over 64 bits).

    Raises:
        ValueError: The bytes are not JSON; the message says where.
    """
    return json.loads(data)


def decode_fast(data: bytes) -> JSON:
    """Decode the data of one event.

    Raises:
        ValueError: The bytes are not JSON; the message says where.
    """
    try:
        return orjson.loads(data)
    except orjson.JSONDecodeError:
        # NaN, Infinity and lone surrogates, which servers up to 1.7 send, are no errors to json.
        return json.loads(data)


def encode(value: JSON) -> bytes:
    """Encode a body as compact UTF-8.

    Raises:
        ValueError: A number is NaN or infinite, or a string holds a lone surrogate.
        TypeError: A value is not JSON.
    """
    return json.dumps(value, allow_nan=False, ensure_ascii=False, separators=(",", ":")).encode()


def abridged(value: JSON, limit: int = 300) -> str:
    """One line of JSON (or of text that is none) for people, cut after `limit` characters."""
    text = value if isinstance(value, str) else json.dumps(value, ensure_ascii=False, default=repr)
    text = " ".join(text.split())
    return text if len(text) <= limit else f"{text[:limit]}… ({len(text)} characters)"
