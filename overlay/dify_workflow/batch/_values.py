"""Values as JSON text that every database and file takes, and that says all of them. Pure."""

from __future__ import annotations

import json

from .._json import JSON, decode, is_text


def json_text(value: JSON) -> str:
    """A value as JSON text.

    NaN and infinities are named as Python's json names them, and reads them; half of a surrogate
    pair is an escape.

    Raises:
        RecursionError: It is nested too deeply.
    """
    text = json.dumps(value, ensure_ascii=False)
    return text if is_text(text) else json.dumps(value)


def from_json(text: str) -> JSON:
    """The value.

    Raises:
        ValueError: It is no JSON.
    """
    return decode(text.encode())
