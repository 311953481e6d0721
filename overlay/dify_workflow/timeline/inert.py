"""Escapes the text of a server, so that no character controls a terminal or hides other text."""

from __future__ import annotations

import json

from .._json import JSON

_COMMANDS = {
    # C0, delete and C1; lines and tabs stay.
    *({*range(0x20), *range(0x7F, 0xA0)} - {0x09, 0x0A}),
    # These set the direction of the text around them, so that it reads as something else.
    *(0x061C, 0x200E, 0x200F, *range(0x202A, 0x202F), *range(0x2066, 0x2070)),
    # Line and paragraph ends that terminals do not show, and annotation marks.
    *(0x2028, 0x2029, *range(0xFFF9, 0xFFFC)),
}
_ESCAPES = {
    code: f"\\x{code:02x}" if code < 0x100 else f"\\u{code:04x}"  # noqa: PLR2004  # as Python does
    for code in _COMMANDS
}
_JSON_ESCAPES = {code: f"\\u{code:04x}" for code in _COMMANDS}


def inert(text: str) -> str:
    r"""Escape what would control a terminal, for example as ``\x1b``."""
    return text.replace("\r\n", "\n").translate(_ESCAPES)


def one_line(text: str) -> str:
    """Put a text on one line: white space becomes single spaces."""
    return " ".join(text.split())


def inert_line(text: str) -> str:
    """Escape a text for a terminal, and put it on one line."""
    return one_line(text).translate(_ESCAPES)


def headline(message: str) -> str:
    """Return the most useful line of an error text: the last of a traceback, or else the first."""
    lines = message.strip().splitlines() or [""]
    return inert_line(lines[-1] if lines[0].startswith("Traceback ") else lines[0])


def json_text(value: JSON, indent: int | None = None, *, is_ascii: bool = False) -> str:
    """Return a value as JSON text, on one line if no indent is given.

    Args:
        value: The value.
        indent: Spaces of indentation.
        is_ascii: Whether to escape all characters outside ASCII.
    """
    return json.dumps(value, ensure_ascii=is_ascii, default=str, indent=indent)


def inert_json(value: JSON, indent: int | None = None, *, is_ascii: bool = False) -> str:
    """Return a value as JSON text for a terminal: still JSON, with the same value."""
    # In JSON, these characters can only be inside strings.
    return json_text(value, indent, is_ascii=is_ascii).translate(_JSON_ESCAPES)
