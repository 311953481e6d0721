"""Results as a table: the rows, and what came of them."""

from __future__ import annotations

import csv
import json
import os
from collections.abc import Callable, Iterator, Mapping
from contextlib import closing
from pathlib import Path
from typing import TYPE_CHECKING, Any

import attrs

from .._json import JSON, JSONObject
from ..errors import InvalidRequestError
from ._extras import needs
from ._journal import Journal
from ._state import RowResult

if TYPE_CHECKING:
    from os import PathLike

    import pyarrow as pa

FACTS: dict[str, Callable[[RowResult], JSON]] = {
    "status": lambda result: result.status,
    "message": lambda result: result.message,
    "run_id": lambda result: result.run_id,
    "elapsed_seconds": lambda result: result.elapsed_time,
    "tokens": lambda result: result.total_tokens,
    "attempts": lambda result: result.attempts,
}
"""Columns that every table of results has, behind those of the rows; the outputs follow the first
two, each as ``outputs.<name>``."""

_FIRST = 2
_ROOM = 1 << 63
"""Where whole numbers of 64 bits end."""

_BLOCK = 1000
"""Rows that are in memory at a time."""


@attrs.define
class _Shape:
    """Which columns there are, and of which kinds their values are."""

    kinds: dict[str, set[type]] = attrs.field(factory=dict[str, set[type]])

    def note(self, values: Mapping[str, JSON]) -> None:
        for name, value in values.items():
            kinds = self.kinds.setdefault(name, set())
            if value is not None:
                kinds.add(_kind(value))


def _kind(value: JSON) -> type:
    """The type of a value; text for whole numbers that no column of numbers has room for."""
    return str if isinstance(value, int) and not -_ROOM <= value < _ROOM else type(value)


def write_results(path: str | PathLike[str], *, journal: str | PathLike[str]) -> int:
    """Write a table of all rows of a journal and what came of them.

    The journal is read a thousand rows at a time, twice: for the columns and for the values. The
    file appears when it is whole.

    Args:
        path: Where to, as ``.csv``, ``.jsonl`` or ``.parquet``.
        journal: The journal's path or URL.

    Returns:
        How many rows there are.

    Raises:
        InvalidRequestError: The path has another ending, or cannot be written.
        JournalError: There is no such journal.
        ImportError: Parquet needs the extra ``batch``.
    """
    target = Path(path)
    check_results_path(target)
    unfinished = target.with_name(f".{target.name}.part")
    with closing(Journal(journal, must_exist=True)) as read:
        shape = _shape(read)
        try:
            count = _WRITERS[target.suffix.lower()](unfinished, shape, _lines(read, shape))
            unfinished.replace(target)
        except OSError as error:
            unfinished.unlink(missing_ok=True)
            raise InvalidRequestError(f"Cannot write {target}: {error.strerror}.") from error
    return count


def check_results_path(path: Path) -> None:
    """Refuse a file that results cannot be written to.

    Raises:
        InvalidRequestError: Its ending is unknown, or its folder is not there.
    """
    if path.suffix.lower() not in _WRITERS:
        raise InvalidRequestError(
            f"Results are not written as {path.name}: its name must end in {', '.join(_WRITERS)}."
        )
    if not path.absolute().parent.is_dir():
        raise InvalidRequestError(f"There is no folder {path.parent} to write {path.name} to.")


def _shape(journal: Journal) -> _Shape:
    about = journal.about()
    own = _Shape({_own(name): set() for name in (about.columns if about else ())})
    outputs = _Shape()
    for result in journal.all_results(_BLOCK):
        own.note({_own(name): value for name, value in result.row.items()})
        outputs.note({f"outputs.{name}": value for name, value in result.outputs.items()})
    facts = [(name, _KINDS_OF_FACTS[name]) for name in FACTS]
    ordered = [*own.kinds.items(), *facts[:_FIRST], *outputs.kinds.items(), *facts[_FIRST:]]
    return _Shape(dict(ordered))


_KINDS_OF_FACTS: dict[str, set[type]] = {
    "status": {str},
    "message": {str},
    "run_id": {str},
    "elapsed_seconds": {float},
    "tokens": {int},
    "attempts": {int},
}


def _own(name: str) -> str:
    """A row's column as it is named where a column of every table has that name."""
    return f"row.{name}" if name in FACTS or name.startswith("outputs.") else name


def _lines(journal: Journal, shape: _Shape) -> Iterator[JSONObject]:
    empty: JSONObject = dict.fromkeys(shape.kinds)
    for result in journal.all_results(_BLOCK):
        yield {
            **empty,
            **{_own(name): value for name, value in result.row.items()},
            **{f"outputs.{name}": value for name, value in result.outputs.items()},
            **{name: fact(result) for name, fact in FACTS.items()},
        }


def _write_csv(path: Path, shape: _Shape, lines: Iterator[JSONObject]) -> int:
    count = 0
    with path.open("w", encoding="utf-8", newline="") as file:
        writer = csv.writer(file, lineterminator="\n")
        writer.writerow(shape.kinds)
        for line in lines:
            writer.writerow([_cell(line[name]) for name in shape.kinds])
            count += 1
        _sync(file.fileno())
    return count


def _write_json_lines(path: Path, _shape: _Shape, lines: Iterator[JSONObject]) -> int:
    count = 0
    with path.open("w", encoding="utf-8", newline="\n") as file:
        for line in lines:
            file.write(json.dumps(line, ensure_ascii=False) + "\n")
            count += 1
        _sync(file.fileno())
    return count


def _write_parquet(path: Path, shape: _Shape, lines: Iterator[JSONObject]) -> int:
    with needs("pyarrow", "batch", "Parquet files need"):
        import pyarrow as pa
        import pyarrow.parquet as pq
    kinds = {name: _arrow_kind(kinds) for name, kinds in shape.kinds.items()}
    schema = pa.schema([pa.field(name, kind) for name, kind in kinds.items()])
    count = 0
    with pq.ParquetWriter(path, schema) as writer:
        for block in _blocks(lines):
            arrays = [
                pa.array([_arrow_value(line[name], kind) for line in block], kind)
                for name, kind in kinds.items()
            ]
            writer.write_table(pa.Table.from_arrays(arrays, schema=schema))
            count += len(block)
    return count


def _blocks(lines: Iterator[JSONObject]) -> Iterator[list[JSONObject]]:
    block: list[JSONObject] = []
    for line in lines:
        block.append(line)
        if len(block) == _BLOCK:
            yield block
            block = []
    if block:
        yield block


def _arrow_kind(kinds: set[type]) -> pa.DataType:
    """The type of a column: of one kind of scalar, else text, with JSON for what is no text."""
    import pyarrow as pa

    if kinds == {bool}:
        return pa.bool_()
    if kinds == {int}:
        return pa.int64()
    if kinds and kinds <= {int, float}:
        return pa.float64()
    return pa.string()


def _arrow_value(value: JSON, kind: pa.DataType) -> Any:
    import pyarrow as pa

    if value is None or not pa.types.is_string(kind):
        return value
    return value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)


def _cell(value: JSON) -> JSON:
    """A value as a cell: text and numbers as they are, everything else as JSON."""
    if value is None or (isinstance(value, str | int | float) and not isinstance(value, bool)):
        return value
    return json.dumps(value, ensure_ascii=False)


def _sync(file: int) -> None:
    os.fsync(file)


_WRITERS: dict[str, Callable[[Path, _Shape, Iterator[JSONObject]], int]] = {
    ".csv": _write_csv,
    ".jsonl": _write_json_lines,
    ".ndjson": _write_json_lines,
    ".parquet": _write_parquet,
}
"""Writer by the ending of the file's name."""
