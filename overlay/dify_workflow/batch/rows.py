"""Read tables of inputs row by row."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Generator, Iterable, Iterator, Mapping, Sequence
from contextlib import closing
from functools import partial
from os import PathLike
from pathlib import Path
from typing import TYPE_CHECKING, TypeAlias

import attrs

from .._json import JSON, JSONObject, decode, is_object
from ..errors import InvalidRequestError
from ..timeline.text import counted
from .csv_file import Dialect, dialect_of, read_csv
from .errors import RowsError
from .records import folded

if TYPE_CHECKING:
    from .excel import Sheet

Grid: TypeAlias = Iterator[tuple[int, Sequence[JSON], str | None]]
"""The rows of a table with their numbers and problems; the first row names the columns."""


def checked_table(rows: Iterable[Mapping[str, JSON]]) -> Iterable[Mapping[str, JSON]]:
    """Return rows, unless they are something that iterates over letters or names of columns.

    Raises:
        InvalidRequestError: They are a path, one mapping or a data frame.
    """
    kind = type(rows).__name__
    if isinstance(rows, str | PathLike | Mapping) or hasattr(rows, "columns"):
        raise InvalidRequestError(
            f"rows must be a list of mappings or read_rows(FILE), not {kind}. For a "
            'data frame of pandas, pass frame.to_dict("records").'
        )
    return rows


class FileRow(dict[str, JSON]):
    """A row of a file, with its number there and what is wrong with it."""

    __slots__ = ("line", "problem")
    line: int
    problem: str | None

    @classmethod
    def at(cls, line: int, cells: JSONObject | Iterable[tuple[str, JSON]]) -> FileRow:
        """A row without a problem."""
        row = cls(cells)
        row.line, row.problem = line, None
        return row


@attrs.frozen
class RowFile(Iterable[JSONObject]):
    """The rows of a file. You can iterate over them as often as you like.

    Args:
        path: The file.
        description: How it is read, such as ``"UTF-8, cells separated by commas"``; None if there
            is nothing to say.
    """

    path: Path
    _read: Callable[[], Iterator[FileRow]] = attrs.field(repr=False)
    description: str | None = None

    def __iter__(self) -> Iterator[JSONObject]:
        with closing(lines_of(self)) as rows:
            for row in rows:
                if row.problem is not None:
                    raise RowsError(f"{self.path.name}, row {row.line}: {row.problem}.")
                yield row


def lines_of(
    file: RowFile, numbers: frozenset[str] = frozenset()
) -> Generator[FileRow, None, None]:
    """The rows of a file, including rows with a problem.

    Args:
        file: The file.
        numbers: Names of columns in which dates are Excel's numbers for them, in lower case and
            without outer spaces.
    """
    try:
        for row in file._read():  # noqa: SLF001  # pyright: ignore[reportPrivateUsage]  # same module
            for name, value in row.items() if numbers else ():
                if hasattr(value, "serial") and folded(name) in numbers:  # a date of Excel
                    row[name] = value.serial
            yield row
    except OSError as error:
        raise InvalidRequestError(f"Cannot read {file.path}: {error.strerror}.") from error


def read_rows(
    path: str | PathLike[str],
    *,
    delimiter: str | None = None,
    encoding: str | None = None,
    sheet: str | None = None,
) -> RowFile:
    """Read the rows of a table; the ending of the file's name says which kind it is.

    The kinds are CSV (``.csv`` or ``.tsv``), JSON lines (``.jsonl``), Excel (``.xlsx``, extra
    ``excel``) and Parquet (``.parquet``, extra ``parquet``). Rows are read when they are needed, a
    few at a time. The first row that is not empty names the columns, and rows without any value are
    left out.

    Example::

        Path("rows.jsonl").write_text('{"id": "a1", "name": "Ann"}')
        print(list(read_rows("rows.jsonl")))

    Args:
        path: The file.
        delimiter: Character between the cells of a CSV file, or ``"tab"``; None to detect a comma,
            a semicolon, a tab or ``|``.
        encoding: Encoding of a CSV file, as named in Python; None to detect UTF-8, UTF-16, cp1252
            or GBK.
        sheet: Name of a sheet of an Excel file; None for the first visible sheet.

    Returns:
        The rows, each a mapping of value by name of the column.

    Raises:
        InvalidRequestError: There is no such file or sheet, or the file has another kind.
        RowsError: A row cannot be read; the message says which one. Most of these errors are raised
            while you iterate.
        ImportError: Excel and Parquet need their extras.
    """
    file = Path(path)
    ending = file.suffix.lower()
    if ending in _SAVED_AS:
        raise InvalidRequestError(
            f"{file.name} cannot be read: open it and save it as {_SAVED_AS[ending]}."
        )
    if ending not in READABLE:
        raise InvalidRequestError(
            f"{file.name} cannot be read as a table: its name must end in {', '.join(READABLE)}."
        )
    if not file.is_file():
        raise InvalidRequestError(f"There is no file {file}.")
    for name, given, endings in (
        ("delimiter", delimiter, _CSV),
        ("encoding", encoding, _CSV),
        ("sheet", sheet, {".xlsx"}),
    ):
        if given is not None and ending not in endings:
            only = " and ".join(sorted(endings))
            raise InvalidRequestError(f"{file.name}: {name} is only for {only} files.")
    try:
        if ending in _CSV:
            dialect = dialect_of(file, delimiter, encoding)
            return RowFile(file, partial(_csv_rows, file, dialect), str(dialect))
        if ending == ".xlsx":
            from .excel import sheet_of

            found = sheet_of(file, sheet)
            return RowFile(file, partial(_excel_rows, file, found), str(found))
    except OSError as error:
        raise InvalidRequestError(f"Cannot read {file}: {error.strerror}.") from error
    return RowFile(file, partial(_parquet_rows if ending == ".parquet" else _json_lines, file))


_CSV = frozenset({".csv", ".tsv"})
READABLE = (".csv", ".tsv", ".jsonl", ".ndjson", ".xlsx", ".parquet")
"""Endings of the names of tables that can be read."""
_SAVED_AS = dict.fromkeys((".xls", ".xlsm", ".xlsb", ".xltx", ".ods", ".numbers"), ".xlsx")
"""Ending of the format in which files of these kinds can be saved, by their ending."""


def _csv_rows(path: Path, dialect: Dialect) -> Iterator[FileRow]:
    return _rows(path, read_csv(path, dialect))


def _excel_rows(path: Path, sheet: Sheet) -> Iterator[FileRow]:
    from .excel import read_sheet

    return _rows(path, read_sheet(path, sheet), pads=True)


def _parquet_rows(path: Path) -> Iterator[FileRow]:
    from .parquet import read_parquet

    for number, row in enumerate(read_parquet(path), start=1):
        yield FileRow.at(number, row)


def _rows(path: Path, grid: Grid, *, pads: bool = False) -> Iterator[FileRow]:
    """The rows under the names of their columns.

    Args:
        path: The file.
        grid: Its rows.
        pads: Whether a row may be shorter than the first one.

    Raises:
        RowsError: The names of the columns are missing or occur twice.
    """
    names: list[str] | None = None
    header = 0
    for line, cells, problem in grid:
        if problem is None and not any(map(_is_value, cells)):
            continue
        if names is None:
            names, header = _names(path, line, cells, problem), line
            continue
        row = FileRow.at(line, zip(names, cells, strict=False))
        if len(cells) < len(names) and pads:
            row.update(dict.fromkeys(names[len(cells) :]))
        row.pop("", None)
        row.problem = problem or _misplaced(names, cells, header, pads=pads)
        yield row
    if names is None:
        raise RowsError(f"{path.name} is empty; its first row must name the columns.")


def _misplaced(
    names: Sequence[str], cells: Sequence[JSON], header: int, *, pads: bool
) -> str | None:
    """What is wrong with the positions of a row's cells, given the names in the row `header`."""
    if len(cells) < len(names) and not pads:
        return (
            f"it has {counted(len(cells), 'cell')} under {len(names)} columns: a delimiter is "
            "missing, or a line end has no quotes"
        )
    if len(cells) == len(names) and "" not in names:
        return None
    for at, cell in enumerate(cells):
        if _is_value(cell) and (at >= len(names) or not names[at]):
            return f"column {_letters(at)} has a value but no name in row {header}"
    return None


def _is_value(cell: JSON) -> bool:
    return cell is not None and not (isinstance(cell, str) and not cell.strip())


def _names(path: Path, line: int, cells: Sequence[JSON], problem: str | None) -> list[str]:
    """The names of the columns; a name may be empty if the column has no value in any row."""
    names = ["" if cell is None else str(cell).strip() for cell in cells]
    many = Counter(filter(None, names))
    twice = next((name for name in names if many[name] > 1), None)
    if twice is not None:
        first, second = [at for at, name in enumerate(names) if name == twice][:2]
        problem = (
            f"the columns {_letters(first)} and {_letters(second)} have the same name {twice!r}"
        )
    if problem is not None:
        raise RowsError(f"{path.name}, row {line}, which names the columns: {problem}.")
    return names


def _letters(place: int) -> str:
    """The letters of a column in a spreadsheet."""
    letters = ""
    place += 1
    while place:
        place, rest = divmod(place - 1, 26)
        letters = chr(ord("A") + rest) + letters
    return letters


def _json_lines(path: Path) -> Iterator[FileRow]:
    with path.open("rb") as file:
        for number, line in enumerate(file, start=1):
            if not line.strip():
                continue
            try:
                row = decode(line)
            except ValueError as error:
                raise RowsError(f"{path.name}, line {number} is not JSON: {error}.") from error
            if not is_object(row):
                raise RowsError(f"{path.name}, line {number} is not a JSON object.")
            yield FileRow.at(number, row)
