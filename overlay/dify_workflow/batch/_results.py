"""Results as a table: the rows, and what came of them."""

from __future__ import annotations

import csv
import json
from collections.abc import Callable, Iterator, Mapping
from contextlib import closing
from pathlib import Path
from typing import TYPE_CHECKING

from .._json import JSON, JSONObject
from ..errors import InvalidRequestError
from ._journal import Journal
from ._state import RowResult

if TYPE_CHECKING:
    from os import PathLike

Kinds = dict[str, set[type]]
"""The columns of a table in their order, each with the kinds that its values have."""

_FIRST_FACTS: dict[str, tuple[type, Callable[[RowResult], JSON]]] = {
    "status": (str, lambda result: result.status),
    "message": (str, lambda result: result.message),
}
"""Columns between those of the row and the outputs."""

_LAST_FACTS: dict[str, tuple[type, Callable[[RowResult], JSON]]] = {
    "run_id": (str, lambda result: result.run_id),
    "elapsed_seconds": (float, lambda result: result.elapsed_time),
    "tokens": (int, lambda result: result.total_tokens),
    "attempts": (int, lambda result: result.attempts),
}
"""Columns behind the outputs."""

_FACTS = {**_FIRST_FACTS, **_LAST_FACTS}
_OUTPUT = "outputs."
_BLOCK = 1000
"""Rows that are in memory at a time."""


def write_results(path: str | PathLike[str], *, journal: str | PathLike[str]) -> int:
    """Write a table of all rows of a journal and what came of them.

    It has the row's own columns, ``status``, ``message``, a column ``outputs.<name>`` for each
    output, ``run_id``, ``elapsed_seconds``, ``tokens`` and ``attempts``; a row's own column that is
    named so, too, becomes ``row.<name>``. The journal is read twice, a thousand rows at a time, and
    the file appears when it is whole.

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
        kinds = _kinds(read)
        try:
            count = _WRITERS[target.suffix.lower()](unfinished, kinds, _lines(read, kinds))
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


def _kinds(journal: Journal) -> Kinds:
    about = journal.about()
    own: Kinds = {_own(name): set() for name in (about.columns if about else ())}
    outputs: Kinds = {}
    for result in journal.all_results(_BLOCK):
        _note(own, _own_columns(result))
        _note(outputs, _output_columns(result))
    first = {name: {kind} for name, (kind, _) in _FIRST_FACTS.items()}
    last = {name: {kind} for name, (kind, _) in _LAST_FACTS.items()}
    return {**own, **first, **outputs, **last}


def _note(kinds: Kinds, values: Mapping[str, JSON]) -> None:
    for name, value in values.items():
        found = kinds.setdefault(name, set())
        if value is not None:
            found.add(_kind_of(value))


def _kind_of(value: JSON) -> type:
    """The kind of a value; text for whole numbers that no column of 64 bits has room for."""
    if isinstance(value, int) and value.bit_length() >= 64:  # noqa: PLR2004  # with its sign
        return str
    return type(value)  # pyright: ignore[reportUnknownVariableType]  # of whichever JSON


def _lines(journal: Journal, kinds: Kinds) -> Iterator[JSONObject]:
    """The rows of the table, each with all columns."""
    empty: JSONObject = dict.fromkeys(kinds)
    for result in journal.all_results(_BLOCK):
        facts = {name: read(result) for name, (_, read) in _FACTS.items()}
        yield {**empty, **_own_columns(result), **_output_columns(result), **facts}


def _own_columns(result: RowResult) -> JSONObject:
    return {_own(name): value for name, value in result.row.items()}


def _own(name: str) -> str:
    return f"row.{name}" if name in _FACTS or name.startswith(_OUTPUT) else name


def _output_columns(result: RowResult) -> JSONObject:
    return {f"{_OUTPUT}{name}": value for name, value in result.outputs.items()}


def _write_csv(path: Path, kinds: Kinds, lines: Iterator[JSONObject]) -> int:
    count = 0
    with path.open("w", encoding="utf-8", newline="") as file:
        writer = csv.writer(file, lineterminator="\n")
        writer.writerow(kinds)
        for line in lines:
            writer.writerow([_cell(line[name]) for name in kinds])
            count += 1
    return count


def _write_json_lines(path: Path, _kinds: Kinds, lines: Iterator[JSONObject]) -> int:
    count = 0
    with path.open("w", encoding="utf-8", newline="\n") as file:
        for line in lines:
            file.write(json.dumps(line, ensure_ascii=False) + "\n")
            count += 1
    return count


def _write_parquet(path: Path, kinds: Kinds, lines: Iterator[JSONObject]) -> int:
    from ._parquet import write_parquet

    return write_parquet(path, kinds, lines)


def _cell(value: JSON) -> JSON:
    """A value as a cell: text and numbers as they are, everything else as JSON."""
    if value is None or (isinstance(value, str | int | float) and not isinstance(value, bool)):
        return value
    return json.dumps(value, ensure_ascii=False)


_WRITERS: dict[str, Callable[[Path, Kinds, Iterator[JSONObject]], int]] = {
    ".csv": _write_csv,
    ".jsonl": _write_json_lines,
    ".ndjson": _write_json_lines,
    ".parquet": _write_parquet,
}
"""Writer by the ending of the file's name."""
