"""Markup that is put together of elements, so that no value can become some. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from functools import cache
from html import escape
from importlib import resources
from typing import TypeAlias

_REPLACEMENT = 0xFFFD
_SIGNS: dict[int, int] = {
    # Control characters, shown as their pictures (␛ for escape); line feed and tab stay.
    **{code: 0x2400 + code for code in range(0x20) if code not in {0x09, 0x0A}},
    0x7F: 0x2421,
    # C1 controls; what turns the direction of the text around it, and can make it read as something
    # else; halves of surrogate pairs, which no file can hold; and what XML forbids.
    **dict.fromkeys(
        (*range(0x80, 0xA0), *range(0x202A, 0x202F), *range(0x2066, 0x206A)), _REPLACEMENT
    ),
    **dict.fromkeys((*range(0xD800, 0xE000), 0xFFFE, 0xFFFF), _REPLACEMENT),
}


class Markup(str):
    """Text that is markup already."""

    __slots__ = ()


Child: TypeAlias = "str | Markup | None"
Attributes: TypeAlias = Mapping[str, "str | float | bool | None"]


def plain(text: str) -> str:
    """Text that a document of any kind can hold: control characters are shown as signs."""
    return text.replace("\r\n", "\n").translate(_SIGNS)


def shown(text: str) -> Markup:
    """Text as markup."""
    return text if isinstance(text, Markup) else Markup(escape(plain(text), quote=False))


def join(*children: Child) -> Markup:
    """Elements and texts, one behind the other; None stands for nothing."""
    return Markup("".join([shown(each) for each in children if each is not None]))


def element(name: str, attributes: Attributes | None = None, *children: Child) -> Markup:
    """An element.

    Args:
        name: Its name.
        attributes: Its attributes; those that are None or False are left out, True has no value.
        children: Elements and texts inside; None stands for nothing.
    """
    written = [
        f" {key}" if value is True else f' {key}="{_value(value)}"'
        for key, value in (attributes or {}).items()
        if value is not None and value is not False
    ]
    return Markup(f"<{name}{''.join(written)}>{join(*children)}</{name}>")


def _value(value: str | float) -> str:
    return escape(plain(value)) if isinstance(value, str) else f"{value:.6g}"


def percent(share: float) -> str:
    """A share from 0 to 1 as a length of CSS."""
    return f"{share * 100:.4g}%"


@cache
def style(name: str) -> str:
    """A style sheet of this package.

    Args:
        name: Name of the file.
    """
    return resources.files(__name__.rpartition(".")[0]).joinpath(name).read_text(encoding="utf-8")
