"""JSON in and out: strict in what is sent, tolerant in what is read."""

from __future__ import annotations

import json
from contextlib import suppress
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


_DIGITS = bytes(ord("0") if chr(code).isdecimal() else ord(" ") for code in range(128)) + b" " * 128
"""Translates digits to zeros, and everything else to spaces."""


_MANY = b"0" * 19


def is_text(value: str) -> bool:
    """Whether a string can be encoded: it has no half of a surrogate pair."""
    try:
        value.encode()
    except UnicodeEncodeError:
        return False
    return True


def decode(data: bytes | bytearray) -> JSON:
    """Decode a body; whole numbers of any size stay exact.

    Raises:
        ValueError: The bytes are not JSON; the message says where.
    """
    if not may_be_rounded(data):
        with suppress(orjson.JSONDecodeError):  # what it refuses may be none to json
            return orjson.loads(data)
    try:
        return json.loads(data)
    except RecursionError:
        raise ValueError("it is nested too deeply") from None


def may_be_rounded(data: bytes | bytearray) -> bool:
    """Whether orjson may have rounded a number: 19 digits in a row, as from -2**63 - 1 on."""
    # Every third byte first, which is faster; ids may have digits there, too, so then all of them.
    return b"000000" in data[::3].translate(_DIGITS) and _MANY in data.translate(_DIGITS)


_ENCODER = json.JSONEncoder(allow_nan=False, ensure_ascii=False, separators=(",", ":"))


def encode(value: JSON) -> bytes:
    """Encode a body as compact UTF-8.

    Raises:
        ValueError: A number is NaN or infinite, or a string holds a lone surrogate.
        TypeError: A value is not JSON.
    """
    return _ENCODER.encode(value).encode()


def abridged(value: JSON, limit: int = 300) -> str:
    """One line of JSON (or of text that is none) for people, cut after `limit` characters."""
    if isinstance(value, str):
        text = value
    else:
        try:
            text = json.dumps(value, ensure_ascii=False, default=repr)
        except (RecursionError, ValueError):  # nested too deeply, or with too many digits
            text = f"a {type(value).__name__}"
    text = " ".join(text.split())
    return text if len(text) <= limit else f"{text[:limit]}… ({len(text)} characters)"
