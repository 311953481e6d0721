"""What all results have in common: plain JSON, times, columns of a table, and a short repr."""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Iterable, Sequence
from datetime import UTC, datetime
from decimal import Decimal
from html import escape
from typing import Any, ClassVar, TypeGuard

import attrs

from ._json import JSON, JSONObject, abridged, is_object, is_text

_LONGEST = 120
"""Most characters of one field in a repr."""

Columns = dict[str, dataclasses.Field[Any]]


def columns(*names: str) -> Columns:
    """What makes objects rows of a table, with these attributes as its columns.

    pandas, polars, orjson and `dataclasses.asdict` read objects with the ``__dataclass_fields__``
    of a dataclass by the names in it; attributes that are properties serve as well.
    """
    made: Any = dataclasses.make_dataclass("Columns", names)
    fields: Columns = made.__dataclass_fields__
    return fields


def html_table(rows: Sequence[object]) -> str:
    """Rows as an HTML table, for notebooks; all text is escaped."""
    names = list(getattr(rows[0], "__dataclass_fields__", ())) if rows else []
    head = "".join(f"<th>{escape(name)}</th>" for name in names)
    body = "".join(
        f"<tr>{''.join(f'<td>{_cell(getattr(row, name))}</td>' for name in names)}</tr>"
        for row in rows
    )
    return f"<table><thead><tr>{head}</tr></thead><tbody>{body}</tbody></table>"


def _cell(value: object) -> str:
    if isinstance(value, datetime):
        value = f"{value:%Y-%m-%d %H:%M:%S} UTC"
    return "" if value is None else escape(abridged(str(value), _LONGEST))


def moment_of(seconds: float | None) -> datetime | None:
    """The time in UTC of Unix seconds; None for None, and for what lies outside the calendar."""
    if seconds is None:
        return None
    try:
        return datetime.fromtimestamp(seconds, UTC)
    except (OverflowError, OSError, TypeError, ValueError):
        return None


def text_of(value: JSON, indent: int | None = None) -> str:
    """A JSON value as text; half of a surrogate pair is an escape."""
    text = json.dumps(value, ensure_ascii=False, indent=indent)
    return text if is_text(text) else json.dumps(value, indent=indent)


class JSONText:
    """What can be written as plain JSON."""

    __slots__ = ()

    def to_dict(self) -> JSONObject:
        """As plain JSON."""
        raise NotImplementedError

    def to_json(self, *, indent: int | None = None) -> str:
        """`to_dict` as text.

        Args:
            indent: Spaces for each level; by default all on one line.
        """
        return text_of(self.to_dict(), indent)


class Record(JSONText):
    """A result that can be written as plain JSON."""

    __slots__ = ()

    _not_told: ClassVar[frozenset[str]] = frozenset({"raw", "request"})
    """Fields that are not of the result itself."""

    def to_dict(self) -> JSONObject:
        """The fields by their names, as plain JSON; `raw`, where there is one, is left out."""
        return {name: _plain(value) for name, value in self._told()}

    def _told(self) -> Iterable[tuple[str, Any]]:
        kind: Any = type(self)  # each kind of result is an attrs class
        for field in attrs.fields(kind):
            if not field.name.startswith("_") and field.name not in self._not_told:
                yield field.name, getattr(self, field.name)

    def __repr__(self) -> str:
        shown = (
            f"{name}={abridged(repr(value), _LONGEST)}"
            for name, value in self._told()
            if value is not None and value not in ({}, ())
        )
        return f"{type(self).__name__}({', '.join(shown)})"


def _plain(value: Any) -> JSON:
    """A field as plain JSON."""
    if hasattr(value, "to_dict"):  # a result, or a generated model
        return value.to_dict()
    if is_object(value):
        return {name: _plain(inner) for name, inner in value.items()}
    if _is_several(value):
        return [_plain(inner) for inner in value]
    if isinstance(value, Decimal):
        return str(value)  # as servers write prices, so that no digit is lost
    return value


def _is_several(value: Any) -> TypeGuard[list[Any] | tuple[Any, ...]]:
    return isinstance(value, list | tuple)
