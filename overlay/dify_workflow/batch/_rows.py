"""Tables of inputs: CSV, JSON lines and Parquet, read row by row."""

from __future__ import annotations

import csv
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import attrs

from .._json import JSONObject, decode, is_object
from ..errors import InvalidRequestError
from ._errors import RowsError

if TYPE_CHECKING:
    from os import PathLike

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
    from ._parquet import read_parquet

    return read_parquet(path)


_READERS: dict[str, Callable[[Path], Iterator[JSONObject]]] = {
    ".csv": _csv,
    ".jsonl": _json_lines,
    ".ndjson": _json_lines,
    ".parquet": _parquet,
}
"""Reader by the ending of the file's name."""
