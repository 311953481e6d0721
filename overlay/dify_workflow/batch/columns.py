"""How the columns of a table become the inputs of an app."""

from __future__ import annotations

import difflib
from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING

import orjson

from .._json import JSON, JSONObject, is_list
from ..errors import InvalidRequestError
from ..inputs import Field, fields_of_app, planned_inputs, problems
from .records import folded, key_column
from .template import example_row

if TYPE_CHECKING:
    from dify_workflow_api.models import AppParameters


_TEXT_KINDS = frozenset({"text-input", "paragraph", "select"})
_EMPTY_MEANS_EMPTY = frozenset({"text-input", "paragraph"})
"""Kinds of input for which an empty cell is an empty text; for others it means no value."""

_MOST_MATCHED = 100
"""Combinations of columns that are remembered; rows of one table mostly have the same columns."""


class Columns:
    """Turns the columns of a table into the inputs of an app.

    Args:
        parameters: The app's declaration of its inputs (GET /parameters).
    """

    def __init__(self, parameters: AppParameters) -> None:
        self.fields = tuple(fields_of_app(parameters))
        self._form = [item.to_dict() for item in parameters.user_input_form]
        self.numbers = frozenset(
            folded(field.name) for field in self.fields if field.kind == "number"
        )
        self._matched: dict[tuple[str, ...], dict[str, str]] = {}
        self._example = example_row(self.fields)

    def inputs(self, row: Mapping[str, JSON]) -> JSONObject:
        """The inputs of a row: the columns with the name of an input, in the input's type.

        Raises:
            InvalidRequestError: The row is invalid for the app; the message says why.
        """
        column = self.matched(row)
        inputs: JSONObject = {}
        for field in self.fields:
            try:
                value = _value(field, row.get(column.get(field.name, field.name)))
            except InvalidRequestError as error:
                raise InvalidRequestError(_located(field.name, str(error), column)) from None
            if value is not None:
                inputs[field.name] = value
        if found := problems(self._form, planned_inputs(inputs)):
            raise InvalidRequestError(
                "; ".join(_located(each.name, str(each), column) for each in found)
            )
        return inputs

    def is_example(self, inputs: JSONObject) -> bool:
        """Whether the inputs of a row are those of a template's example row."""
        try:
            return bool(self._example) and inputs == self.inputs(self._example)
        except InvalidRequestError:
            return False

    def matched(self, names: Iterable[str]) -> dict[str, str]:
        """Column by name of the input, ignoring case and outer spaces.

        Raises:
            InvalidRequestError: Two columns could be the same input.
        """
        names = tuple(names)
        if (known := self._matched.get(names)) is not None:
            return known
        exact = {field.name for field in self.fields} & set(names)
        others: dict[str, list[str]] = {}
        for name in names:
            if name not in exact:
                others.setdefault(folded(name), []).append(name)
        found: dict[str, str] = {}
        for field in self.fields:
            columns = [field.name] if field.name in exact else others.get(folded(field.name), [])
            if len(columns) > 1:
                raise InvalidRequestError(
                    f"the columns {columns[0]!r} and {columns[1]!r} could both be {field.name}"
                )
            if columns:
                found[field.name] = columns[0]
        if len(self._matched) < _MOST_MATCHED:
            self._matched[names] = found
        return found

    def near_miss(self, names: Iterable[str]) -> str:
        """A sentence that names columns which may be meant for inputs without a column."""
        try:
            matched = self.matched(names)
        except InvalidRequestError:
            return ""  # that error is reported
        columns = {folded(name): name for name in self.unused(names)}
        lacking = [field.name for field in self.fields if field.name not in matched]
        meant = {name: difflib.get_close_matches(folded(name), columns, n=1) for name in lacking}
        return " ".join(
            f"There is no column {name!r}: did you mean {columns[found[0]]!r}?"
            for name, found in meant.items()
            if found
        )

    def unused(self, names: Iterable[str]) -> list[str]:
        """Columns that are not inputs. They are only copied to the results."""
        names = tuple(names)
        known = {*self.matched(names).values(), key_column(names)}
        return [name for name in names if name not in known]


def _located(name: str, problem: str, column: Mapping[str, str]) -> str:
    """What is wrong with an input, with the name of its column if that differs."""
    place = column.get(name, name)
    return problem if place == name else f"{problem.rstrip('.')} (column {place!r})"


def _value(field: Field, cell: JSON) -> JSON:
    """The value of a cell for an input; None if it is empty."""
    if cell is None or (cell == "" and field.kind not in _EMPTY_MEANS_EMPTY):
        return None
    if field.takes_files:
        return _files(field, cell)
    if isinstance(cell, str):
        return field.read(cell)
    if field.kind in _TEXT_KINDS and isinstance(cell, bool | int | float):
        # Programs that write tables turn texts that look like numbers into numbers.
        return field.read(orjson.dumps(cell).decode())
    return cell


def _files(field: Field, cell: JSON) -> JSON:
    """The files of a cell: paths or addresses, one per line or in a list."""
    places = cell.splitlines() if isinstance(cell, str) else cell
    if is_list(places) and all(isinstance(place, str) for place in places):
        return field.files([place.strip() for place in places if place.strip()])
    return cell
