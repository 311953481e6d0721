"""What all results share: plain JSON, times, table columns, and a short repr."""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Iterable, Sequence
from datetime import UTC, datetime
from decimal import Decimal
from html import escape
from typing import Any, ClassVar, Protocol, TypeGuard

import attrs

from ._json import JSON, JSONObject, abridged, is_object, is_text

_LONGEST = 120
"""The most characters that a repr shows of one field."""

Columns = dict[str, dataclasses.Field[Any]]


def columns(*names: str) -> Columns:
    """The ``__dataclass_fields__`` that let table libraries read objects as rows.

    pandas, polars, orjson and `dataclasses.asdict` read an object by the names in its
    ``__dataclass_fields__``. These names can also be properties.

    Args:
        names: Names of the attributes that become columns.
    """
    made: Any = dataclasses.make_dataclass("Columns", names, repr=False, eq=False)
    fields: Columns = made.__dataclass_fields__
    return fields


def html_table(rows: Sequence[object]) -> str:
    """Rows as an HTML table, for notebooks. All text is escaped."""
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
    """Unix seconds as a time in UTC; None for None and for times outside the calendar."""
    if seconds is None:
        return None
    try:
        return datetime.fromtimestamp(seconds, UTC)
    except (OverflowError, OSError, TypeError, ValueError):
        return None


def text_of(value: JSON, indent: int | None = None) -> str:
    """A JSON value as text. A lone surrogate is written as an escape."""
    text = json.dumps(value, ensure_ascii=False, indent=indent)
    return text if is_text(text) else json.dumps(value, indent=indent)


class _AsDict(Protocol):
    """What has its values as plain JSON, such as a generated model."""

    def to_dict(self) -> JSONObject: ...


class JSONText:
    """What can be written as plain JSON."""

    __slots__ = ()

    def to_json(self: _AsDict, *, indent: int | None = None) -> str:
        """`to_dict` as text.

        Args:
            indent: Spaces for each level; by default all on one line.

        Returns:
            JSON. Characters outside ASCII are not escaped.

        Example::

            run = workflow.run_workflow({"name": "Ann"})
            print(run.to_json(indent=2))
        """
        return text_of(self.to_dict(), indent)


class Record(JSONText):
    """A result that can be written as plain JSON."""

    __slots__ = ()

    _left_out: ClassVar[frozenset[str]] = frozenset({"raw", "request"})
    """Names of fields that `to_dict` and the repr leave out."""

    def to_dict(self) -> JSONObject:
        """The fields as plain JSON.

        Returns:
            The values by the names of their fields. `raw` is left out.

        Example::

            run = workflow.run_workflow({"name": "Ann"})
            print(run.to_dict()["outputs"])
        """
        return {name: _plain(value) for name, value in self._fields()}

    def _fields(self) -> Iterable[tuple[str, Any]]:
        kind: Any = type(self)  # each kind of result is an attrs class
        for field in attrs.fields(kind):
            if not field.name.startswith("_") and field.name not in self._left_out:
                yield field.name, getattr(self, field.name)

    def __repr__(self) -> str:
        shown = (
            f"{name}={abridged(repr(value), _LONGEST)}"
            for name, value in self._fields()
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
        return str(value)  # servers write prices as strings; no digit is lost
    return value


def _is_several(value: Any) -> TypeGuard[list[Any] | tuple[Any, ...]]:
    return isinstance(value, list | tuple)
