"""Builds markup from elements, so that no value can become markup. Pure.

Values of a run are shown for people: texts unchanged, everything else as JSON.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from functools import cache
from html import escape
from importlib import resources
from typing import TypeAlias

from .._json import JSON, is_object

MOST = 20_000
"""The largest number of characters shown of a value; the number left out is shown below."""

_REPLACEMENT = 0xFFFD
_SIGNS: dict[int, int] = {
    # Control characters, shown as their pictures (␛ for escape); line feed and tab stay.
    **{code: 0x2400 + code for code in range(0x20) if code not in {0x09, 0x0A}},
    0x7F: 0x2421,
    # C1 controls; marks that change the direction of the text around them; halves of surrogate
    # pairs, which no file can hold; and characters that XML forbids.
    **dict.fromkeys(
        (*range(0x80, 0xA0), *range(0x202A, 0x202F), *range(0x2066, 0x206A)), _REPLACEMENT
    ),
    **dict.fromkeys((*range(0xD800, 0xE000), 0xFFFE, 0xFFFF), _REPLACEMENT),
}


class Markup(str):
    """Text that is already markup."""

    __slots__ = ()


Child: TypeAlias = "str | Markup | None"
Attributes: TypeAlias = Mapping[str, "str | float | bool | None"]


def plain(text: str) -> str:
    """Return text that any document can hold: control characters become signs."""
    return text.replace("\r\n", "\n").translate(_SIGNS)


def shown(text: str) -> Markup:
    """Return text as markup."""
    return text if isinstance(text, Markup) else Markup(escape(plain(text), quote=False))


def join(*children: Child) -> Markup:
    """Join elements and texts; None is left out."""
    return Markup("".join([shown(each) for each in children if each is not None]))


def element(name: str, attributes: Attributes | None = None, *children: Child) -> Markup:
    """An element.

    Args:
        name: Its name.
        attributes: Its attributes; those that are None or False are left out, True has no value.
        children: Elements and texts inside; None is left out.
    """
    written = [
        f" {key}" if value is True else f' {key}="{_value(value)}"'
        for key, value in (attributes or {}).items()
        if value is not None and value is not False
    ]
    return Markup(f"<{name}{''.join(written)}>{join(*children)}</{name}>")


def _value(value: str | float) -> str:
    return escape(plain(value)) if isinstance(value, str) else f"{value:.6g}"


@cache
def style(name: str) -> str:
    """Return a style sheet of this package."""
    return resources.files(__name__.rpartition(".")[0]).joinpath(name).read_text(encoding="utf-8")


def value_sections(values: Mapping[str, JSON], truncated: Iterable[str] = ()) -> Markup:
    """Return inputs, outputs and the like, each below its heading.

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
    """Return one value."""
    if isinstance(value, str):
        return value
    try:
        return json.dumps(value, ensure_ascii=False, default=str, indent=2)
    except (RecursionError, ValueError):  # ValueError: a number of too many digits
        return "This value is nested too deeply, or too long, to be shown."


def block(text: str, kind: str | None = None) -> Markup:
    """Return a text that may be long, with its lines.

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
