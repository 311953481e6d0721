"""Text of an app as Python source. It is not trusted, so it gets there through `repr` alone."""

from __future__ import annotations

import re
import textwrap
from unicodedata import combining, east_asian_width

WIDTH = 88
"""Characters of a line, as formatters have it by default."""

_MOST_SHOWN = 200
"""Characters of a name or label that are shown."""

_UNPRINTABLE = re.compile(r"[^\x20-\x7e]")
_INSTRUCTION = re.compile(
    r"(type|pyright|mypy|ruff|fmt|isort|pylint|flake8|yapf|pragma)\s*:|noqa\b|nosec\b",
    re.IGNORECASE,
)
"""What tools take for an instruction, where a comment begins with it."""


def fitting(line: str, otherwise: list[str]) -> list[str]:
    """A line, or what is written instead where it is too long."""
    return [line] if is_short(line) else otherwise


def is_short(line: str) -> bool:
    """Whether a line is not too wide for a formatter; Chinese letters take two places."""
    return sum(map(_places, line)) <= WIDTH


def _places(sign: str) -> int:
    if sign.isascii():
        return 1
    return 0 if combining(sign) else 1 + (east_asian_width(sign) in {"F", "W"})


def one_line(text: str) -> str:
    """A text on one line, in which whatever is not printable is shown as its escape."""
    words = " ".join(text.split())
    return _UNPRINTABLE.sub(lambda sign: repr(sign[0])[1:-1], words)


def brief(text: str) -> str:
    """The beginning of a text on one line: names and labels of people are not so long."""
    return one_line(text)[:_MOST_SHOWN]


def literal(value: str | float) -> str:
    """A constant as a formatter writes it: in double quotes, where that takes fewer escapes."""
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
        indent: What stands before each line.
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
    """A text in which no quotation mark ends the docstring that it stands in."""
    ends_it = '""' in text or text.startswith('"') or text.endswith('"')
    return text.replace('"', '\\"') if ends_it else text


def comment(text: str, indent: str = "") -> list[str]:
    """A text as the lines of a comment, none of which is an instruction to a tool.

    Args:
        text: The text.
        indent: What stands before each line.
    """
    safe = one_line(text).replace("#", "\\x23")
    lines = _wrapped(safe, WIDTH - len(indent) - 4)
    lines = [f'"{line}"' if _INSTRUCTION.match(line) else line for line in lines]
    return [f"{indent}# {'  ' if number else ''}{line}" for number, line in enumerate(lines)]


def _wrapped(text: str, width: int) -> list[str]:
    return textwrap.wrap(text, width, break_long_words=False, break_on_hyphens=False)
