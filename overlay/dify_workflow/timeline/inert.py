"""Text of a server made inert: no character of it commands a terminal, or hides or turns others."""

from __future__ import annotations

import json

from .._json import JSON

_COMMANDS = {
    # C0, delete and C1; lines and tabs stay.
    *({*range(0x20), *range(0x7F, 0xA0)} - {0x09, 0x0A}),
    # What sets the direction of the text around it, which then reads as something else.
    *(0x061C, 0x200E, 0x200F, *range(0x202A, 0x202F), *range(0x2066, 0x2070)),
    # Ends of lines and paragraphs that terminals do not show, and marks around annotations.
    *(0x2028, 0x2029, *range(0xFFF9, 0xFFFC)),
}
_ESCAPES = {
    code: f"\\x{code:02x}" if code < 0x100 else f"\\u{code:04x}"  # noqa: PLR2004  # as Python does
    for code in _COMMANDS
}
_JSON_ESCAPES = {code: f"\\u{code:04x}" for code in _COMMANDS}


def inert(text: str) -> str:
    r"""Text for a terminal: what would command it is shown as an escape, such as ``\x1b``."""
    return text.replace("\r\n", "\n").translate(_ESCAPES)


def one_line(text: str) -> str:
    """Text on one line: white space in it becomes single spaces."""
    return " ".join(text.split())


def inert_line(text: str) -> str:
    """Text for a terminal, on one line."""
    return one_line(text).translate(_ESCAPES)


def headline(message: str) -> str:
    """The line of an error text that says most: the last of a Python traceback, else the first."""
    lines = message.strip().splitlines() or [""]
    return inert_line(lines[-1] if lines[0].startswith("Traceback ") else lines[0])


def json_text(value: JSON, indent: int | None = None, *, is_ascii: bool = False) -> str:
    """A value as JSON text; on one line where no indent is given.

    Args:
        value: The value.
        indent: Spaces of indentation.
        is_ascii: Whether all other characters are escaped.
    """
    return json.dumps(value, ensure_ascii=is_ascii, default=str, indent=indent)


def inert_json(value: JSON, indent: int | None = None, *, is_ascii: bool = False) -> str:
    """The same for a terminal: still JSON, and the same value."""
    # The characters stand in strings alone: JSON has none of them outside.
    return json_text(value, indent, is_ascii=is_ascii).translate(_JSON_ESCAPES)
