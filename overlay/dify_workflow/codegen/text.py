"""Write text of an app as Python source. It is not trusted, so it is always escaped."""

from __future__ import annotations

import re
import textwrap
from unicodedata import combining, east_asian_width

WIDTH = 88
"""Maximum number of characters in a line, the default of formatters."""

_MOST_SHOWN = 200
"""Maximum number of characters of a name or label that are shown."""

_UNPRINTABLE = re.compile(r"[^\x20-\x7e]")
_INSTRUCTION = re.compile(
    r"(type|pyright|mypy|ruff|fmt|isort|pylint|flake8|yapf|pragma)\s*:|noqa\b|nosec\b",
    re.IGNORECASE,
)
"""Texts at the beginning of a comment that tools read as instructions."""


def fitting(line: str, otherwise: list[str]) -> list[str]:
    """A line, or other lines instead if it is too long."""
    return [line] if is_short(line) else otherwise


def is_short(line: str) -> bool:
    """Whether a line is short enough for a formatter; Chinese letters take two columns."""
    return sum(map(_places, line)) <= WIDTH


def _places(sign: str) -> int:
    if sign.isascii():
        return 1
    return 0 if combining(sign) else 1 + (east_asian_width(sign) in {"F", "W"})


def one_line(text: str) -> str:
    """A text on one line, with escapes for characters that cannot be printed."""
    words = " ".join(text.split())
    return _UNPRINTABLE.sub(lambda sign: repr(sign[0])[1:-1], words)


def brief(text: str) -> str:
    """The beginning of a text on one line; real names and labels are not longer."""
    return one_line(text)[:_MOST_SHOWN]


def literal(value: str | float) -> str:
    """A constant as a formatter writes it: in double quotes, unless that needs more escapes."""
    if not isinstance(value, str):
        return repr(value)
    text = repr(value)
    body = text[1:-1].replace("\\'", "'") if text[0] == "'" else text[1:-1]
    if value.count('"') > value.count("'"):
        return "'" + body.replace("'", "\\'") + "'"
    return '"' + body.replace('"', '\\"') + '"'


def docstring(text: str, indent: str = "") -> list[str]:
    """A text as the lines of a docstring.

    Args:
        text: The text; each of its lines is a paragraph.
        indent: Spaces before each line.
    """
    lines: list[str] = []
    for number, paragraph in enumerate(text.split("\n")):
        safe = _quoted(one_line(paragraph).replace("\\", "\\\\"))
        width = WIDTH - len(indent) - (6 if number == 0 else 0)
        lines += _wrapped(safe, width) or [""]
    if len(lines) == 1:
        return [f'{indent}"""{lines[0]}"""']
    first, *rest = lines
    return [f'{indent}"""{first}', *(f"{indent}{line}".rstrip() for line in rest), f'{indent}"""']


def _quoted(text: str) -> str:
    """A text with escaped quotation marks, so that none ends its docstring."""
    ends_it = '""' in text or text.startswith('"') or text.endswith('"')
    return text.replace('"', '\\"') if ends_it else text


def comment(text: str, indent: str = "") -> list[str]:
    """A text as the lines of a comment, none of which is an instruction to a tool.

    Args:
        text: The text.
        indent: Spaces before each line.
    """
    safe = one_line(text).replace("#", "\\x23")
    lines = _wrapped(safe, WIDTH - len(indent) - 4)
    lines = [f'"{line}"' if _INSTRUCTION.match(line) else line for line in lines]
    return [f"{indent}# {'  ' if number else ''}{line}" for number, line in enumerate(lines)]


def _wrapped(text: str, width: int) -> list[str]:
    return textwrap.wrap(text, width, break_long_words=False, break_on_hyphens=False)
