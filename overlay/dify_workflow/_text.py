"""Text of a server made safe to show, and numbers and times made readable."""

from __future__ import annotations

import json
from datetime import datetime

from ._json import JSON

_REPLACEMENT = 0xFFFD
_INERT = {
    # Control characters, shown as their pictures (␛ for escape); line feed and tab stay.
    **{code: 0x2400 + code for code in range(0x20) if code not in {0x09, 0x0A}},
    0x7F: 0x2421,
    # C1 controls, which some terminals obey as they obey escape sequences.
    **dict.fromkeys(range(0x80, 0xA0), _REPLACEMENT),
    # What turns the direction of the text around it, and can make it read as something else.
    **dict.fromkeys((*range(0x202A, 0x202F), *range(0x2066, 0x206A)), _REPLACEMENT),
}
_JSON_INERT = {code: f"\\u{code:04x}" for code in range(0x7F, 0xA0)}


def inert(text: str) -> str:
    """Text in which no character commands a terminal or turns others; lines and tabs stay."""
    return text.replace("\r\n", "\n").translate(_INERT)


def inert_line(text: str) -> str:
    """The same on one line."""
    return " ".join(text.split()).translate(_INERT)


def headline(message: str) -> str:
    """The line of an error text that says most: the last of a Python traceback, else the first."""
    lines = message.strip().splitlines() or [""]
    return inert_line(lines[-1] if lines[0].startswith("Traceback ") else lines[0])


def json_text(value: JSON, indent: int | None = None) -> str:
    """JSON that is safe for a terminal; on one line where no indent is given."""
    return json.dumps(value, ensure_ascii=False, default=str, indent=indent).translate(_JSON_INERT)


def duration(seconds: float | None) -> str:
    """A duration for people."""
    if seconds is None:
        return ""
    if seconds < 10:  # noqa: PLR2004  # hundredths matter below
        return f"{seconds:.2f} s"
    if seconds < 60:  # noqa: PLR2004  # seconds in a minute
        return f"{seconds:.1f} s"
    minutes, rest = divmod(int(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours} h {minutes} min" if hours else f"{minutes} min {rest} s"


def clock(time: int | None) -> str:
    """A time in Unix seconds as local date and time."""
    if time is None:
        return ""
    try:
        return datetime.fromtimestamp(time).astimezone().strftime("%Y-%m-%d %H:%M:%S")
    except (OSError, OverflowError, ValueError):  # no time that a clock can show
        return str(time)


def counted(number: int, noun: str) -> str:
    """A number with its noun, such as ``2 retries``."""
    plural = f"{noun[:-1]}ies" if noun.endswith("y") else f"{noun}s"
    return f"{number:,} {noun if number == 1 else plural}"
