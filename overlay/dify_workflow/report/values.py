"""Values of a run as people read them: texts as they are, everything else as JSON. Pure."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from datetime import UTC, datetime

from .._json import JSON, is_object
from .._text import duration
from .markup import Markup, element, join

_BRIEF = 0.0995
_BRIEFEST = 0.0005

MOST = 20_000
"""Characters of a value that are shown; how many are left out stands below them."""


def value_sections(values: Mapping[str, JSON], truncated: Iterable[str] = ()) -> Markup:
    """Inputs, outputs and the like, each below its heading.

    Args:
        values: What to show, by heading.
        truncated: The headings below which the server cut something off.
    """
    sections: list[Markup] = []
    for heading, value in values.items():
        note = element("small", {}, " cut by the server") if heading in truncated else None
        sections.append(
            element("section", {}, element("h3", {}, heading, note), _fields(value)),
        )
    return element("div", {"class": "both"}, *sections) if sections else Markup()


def value_text(value: JSON) -> str:
    """A value on its own."""
    if isinstance(value, str):
        return value
    try:
        return json.dumps(value, ensure_ascii=False, default=str, indent=2)
    except (RecursionError, ValueError):  # ValueError: a number of too many digits
        return "This value is nested too deeply, or too long, to be shown."


def brief(seconds: float) -> str:
    """A duration, in milliseconds where hundredths of a second say nothing."""
    if seconds >= _BRIEF:
        return duration(seconds)
    return f"{seconds * 1000:.0f} ms" if seconds >= _BRIEFEST else "<1 ms"


def moment(time: float) -> str:
    """A time in Unix seconds as date and time."""
    try:
        return f"{datetime.fromtimestamp(time, UTC):%Y-%m-%d %H:%M:%S} UTC"
    except (OSError, OverflowError, ValueError):  # no time that a calendar has
        return f"{time:.0f}"


def block(text: str, kind: str | None = None) -> Markup:
    """A text that may be long, with its lines.

    Args:
        text: The text.
        kind: Class of the element.
    """
    left_out = len(text) - MOST
    note = None
    if left_out > 0:
        note = element("p", {"class": "none"}, f"… and {left_out:,} more characters.")
    return join(
        element("pre", {"class": kind, "tabindex": "0" if note else None}, text[:MOST]), note
    )


def _fields(value: JSON) -> Markup:
    if not is_object(value):
        return block(value_text(value))
    pairs: list[Markup] = []
    for name, each in value.items():
        kind = "is-text" if isinstance(each, str) else None
        content = block(value_text(each), kind) if each != "" else element("i", {}, "empty")
        pairs += [element("dt", {}, str(name)), element("dd", {}, content)]
    return element("dl", {"class": "values"}, *pairs)
