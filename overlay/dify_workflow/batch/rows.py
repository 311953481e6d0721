"""Tables of inputs, read row by row, and how their columns become the inputs of a run."""

from __future__ import annotations

import csv
import difflib
from collections.abc import Callable, Iterable, Iterator, Mapping
from pathlib import Path
from typing import TYPE_CHECKING

import attrs
import orjson

from .._json import JSON, JSONObject, decode, is_list, is_object
from ..errors import InvalidRequestError
from ..inputs import Field, fields_of_app, planned_inputs, problems
from .errors import RowsError
from .records import KEY_COLUMN

if TYPE_CHECKING:
    from os import PathLike

    from dify_workflow_api.models import AppParameters


_LONGEST_CELL = 1 << 30
"""Most characters of a CSV cell; the csv module's own bound of 131,072 is met by documents."""


@attrs.frozen
class RowFile(Iterable[JSONObject]):
    """The rows of a file, which can be read as often as you like.

    Args:
        path: The file.
    """

    path: Path
    _read: Callable[[Path], Iterator[JSONObject]] = attrs.field(repr=False)

    def __iter__(self) -> Iterator[JSONObject]:
        try:
            yield from self._read(self.path)
        except OSError as error:
            raise InvalidRequestError(f"Cannot read {self.path}: {error.strerror}.") from error


def read_rows(path: str | PathLike[str]) -> RowFile:
    """The rows of a table, by the name of the file: ``.csv``, ``.jsonl`` or ``.parquet``.

    Nothing is read before the rows are; then, a few at a time.

    Args:
        path: The file. CSV is UTF-8 with a header line (RFC 4180), JSON lines are UTF-8 with an
            object on each line.

    Raises:
        InvalidRequestError: There is no such file, or it is none of these.
        RowsError: While iterating: a line cannot be read; the message says which.
    """
    file = Path(path)
    read = _READERS.get(file.suffix.lower())
    if read is None:
        raise InvalidRequestError(
            f"{file.name} is no table that can be read: its name must end in {', '.join(_READERS)}."
        )
    if not file.is_file():
        raise InvalidRequestError(f"There is no file {file}.")
    return RowFile(file, read)


def _csv(path: Path) -> Iterator[JSONObject]:
    csv.field_size_limit(_LONGEST_CELL)
    with path.open(encoding="utf-8-sig", newline="") as file:
        lines = csv.reader(file, strict=True)
        try:
            header = next(lines, list[str]())
            _check_header(path, header)
            for cells in lines:
                if not cells:
                    continue
                if len(cells) != len(header):
                    raise RowsError(
                        f"{path.name}, line {lines.line_num}: there are {len(cells)} cells under "
                        f"{len(header)} columns."
                    )
                yield dict(zip(header, cells, strict=True))
        except (csv.Error, UnicodeDecodeError) as error:
            raise RowsError(f"{path.name}, line {lines.line_num}: {error}.") from error


def _check_header(path: Path, header: list[str]) -> None:
    if not header:
        raise RowsError(f"{path.name} is empty; its first line must name the columns.")
    twice = sorted({name for name in header if header.count(name) > 1})
    if twice or "" in header:
        wrong = f"the name {twice[0]!r} twice" if twice else "a column without a name"
        raise RowsError(f"{path.name} has {wrong} in its first line.")


def _json_lines(path: Path) -> Iterator[JSONObject]:
    with path.open("rb") as file:
        for number, line in enumerate(file, start=1):
            if not line.strip():
                continue
            try:
                row = decode(line)
            except ValueError as error:
                raise RowsError(f"{path.name}, line {number} is not JSON: {error}.") from error
            if not is_object(row):
                raise RowsError(f"{path.name}, line {number} is no JSON object.")
            yield row


def _parquet(path: Path) -> Iterator[JSONObject]:
    from .parquet import read_parquet

    return read_parquet(path)


_READERS: dict[str, Callable[[Path], Iterator[JSONObject]]] = {
    ".csv": _csv,
    ".jsonl": _json_lines,
    ".ndjson": _json_lines,
    ".parquet": _parquet,
}
"""Reader by the ending of the file's name."""

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

        Raises:
            InvalidRequestError: The app does not take the row; the message says why.
        """
        values = {field.name: _value(field, row.get(field.name)) for field in self.fields}
        inputs = {name: value for name, value in values.items() if value is not None}
        if found := problems(self._form, planned_inputs(inputs)):
            raise InvalidRequestError("; ".join(map(str, found)))
        return inputs

    def near_miss(self, names: Iterable[str]) -> str:
        """A sentence that names the columns which may be meant for inputs that are lacking."""
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
