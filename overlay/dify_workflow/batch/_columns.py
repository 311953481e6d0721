"""How the columns of a row become the inputs of a run. Pure, but that files must be there."""

from __future__ import annotations

import difflib
import hashlib
import math
from collections.abc import Iterable, Mapping
from decimal import Decimal
from pathlib import PurePath
from typing import TYPE_CHECKING

import orjson

from .._api.input_rules import problems
from .._api.preparation import as_planned
from .._fields import Field, fields_of_app
from .._json import JSON, JSONObject, is_list
from ..errors import InvalidRequestError
from ..models import UploadedFile, WorkflowFile

if TYPE_CHECKING:
    from dify_workflow_api.models import AppParameters

KEY_COLUMN = "id"
"""The column that names rows, where there is one."""

_TEXT_KINDS = frozenset({"text-input", "paragraph", "select"})
_EMPTY_MEANS_EMPTY = frozenset({"text-input", "paragraph"})
"""Kinds of input for which an empty cell is a value; for others it is none."""


class Columns:
    """How the columns of a table become the inputs of an app.

    Args:
        parameters: What the app takes (GET /parameters).
    """

    def __init__(self, parameters: AppParameters) -> None:
        self.fields = tuple(fields_of_app(parameters))
        self._form = [item.to_dict() for item in parameters.user_input_form]

    def inputs(self, row: Mapping[str, JSON]) -> JSONObject:
        """The inputs of a row: its columns that have the name of an input, each as that takes it.

        Args:
            row: The row, as `plain` has it.

        Raises:
            InvalidRequestError: The app does not take the row; the message says why.
        """
        values = {field.name: _value(field, row.get(field.name)) for field in self.fields}
        inputs = {name: value for name, value in values.items() if value is not None}
        if found := problems(self._form, as_planned(inputs)):
            raise InvalidRequestError("; ".join(map(str, found)))
        return inputs

    def near_miss(self, names: Iterable[str]) -> str:
        """A sentence that names the columns which may be meant for inputs that are lacking.

        Args:
            names: Names of the columns.
        """
        columns = {name.casefold(): name for name in self.unused(names)}
        lacking = [
            field.name for field in self.fields if field.required and field.name not in set(names)
        ]
        meant = {name: difflib.get_close_matches(name.casefold(), columns, n=1) for name in lacking}
        return " ".join(
            f"There is no column {name!r}: is {columns[found[0]]!r} meant?"
            for name, found in meant.items()
            if found
        )

    def unused(self, names: Iterable[str]) -> list[str]:
        """Columns that are no inputs, and only stand in the results again."""
        known = {field.name for field in self.fields} | {KEY_COLUMN}
        return [name for name in names if name not in known]


def plain(row: Mapping[str, JSON]) -> bytes:
    """A row as JSON: files as their paths or as the server takes them, times as ISO 8601.

    Raises:
        TypeError: A value is nothing that JSON can carry.
    """
    return _dumped(row, 0)


def key_of(row: Mapping[str, JSON]) -> str | None:
    """The id of a row; None where it names none."""
    key = row.get(KEY_COLUMN)
    return None if key is None or key == "" else str(key)


def digest(row: Mapping[str, JSON]) -> str:
    """What a row is recognised by, in whichever order its columns are: 32 hexadecimal digits.

    Raises:
        TypeError: A value is nothing that JSON can carry.
    """
    return hashlib.blake2b(_dumped(row, orjson.OPT_SORT_KEYS), digest_size=16).hexdigest()


def _dumped(row: Mapping[str, JSON], option: int) -> bytes:
    if any(map(_is_infinite, row.values())):  # orjson would write null
        raise TypeError("it holds a number that is infinite")
    try:
        return orjson.dumps(row, default=_plain_value, option=option)
    except TypeError as error:  # orjson says of every value that it is not serializable
        raise TypeError(str(error.__cause__ or error)) from None


def _is_infinite(value: object) -> bool:
    """Whether a value is no number that JSON has, or has one in it; NaN is an empty cell."""
    if isinstance(value, float):
        return math.isinf(value)
    if isinstance(value, Mapping):
        return any(map(_is_infinite, value.values()))  # pyright: ignore[reportUnknownArgumentType, reportUnknownMemberType]  # JSON
    return isinstance(value, list | tuple) and any(map(_is_infinite, value))  # pyright: ignore[reportUnknownArgumentType]  # likewise


def _plain_value(value: object) -> object:
    if isinstance(value, PurePath | Decimal):
        return str(value)
    if isinstance(value, UploadedFile):
        value = value.as_input()
    if isinstance(value, WorkflowFile):
        return value.to_wire()
    if isinstance(value, Mapping):
        return dict(value)  # pyright: ignore[reportUnknownVariableType, reportUnknownArgumentType]  # JSON
    raise TypeError(f"it holds a {type(value).__name__}, which is no JSON, path or file")


def _value(field: Field, cell: JSON) -> JSON:
    """The value that a cell stands for; None where it is empty."""
    if cell is None or (cell == "" and field.kind not in _EMPTY_MEANS_EMPTY):
        return None
    if field.takes_files:
        return _files(field, cell)
    if isinstance(cell, str):
        return field.read(cell)
    if field.kind in _TEXT_KINDS and isinstance(cell, bool | int | float):
        # Programs that write tables take what looks like a number for one.
        return field.read(orjson.dumps(cell).decode())
    return cell


def _files(field: Field, cell: JSON) -> JSON:
    """The files of a cell: a path or an address, several on lines of their own or in a list."""
    places = cell.splitlines() if isinstance(cell, str) else cell
    if is_list(places) and all(isinstance(place, str) for place in places):
        return field.files([place.strip() for place in places if place.strip()])
    return cell
