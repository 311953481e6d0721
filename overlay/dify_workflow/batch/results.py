"""The results of a batch: its summary, and a table."""

from __future__ import annotations

from bisect import bisect
from collections.abc import Iterator, Mapping, Sequence
from contextlib import closing
from decimal import Decimal
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import urljoin

import attrs

from .._json import JSON, JSONObject, is_list, is_object
from .._record import Record
from ..errors import InvalidRequestError
from ..models.run import sum_of
from ..output import Texts, refuse_source, replacing
from .database import file_of, url_of
from .journal import Journal
from .records import SUCCESSES, RowResult, json_text
from .table import WRITERS, Kinds, check_results_path, warn_of_changes, write_json_lines

if TYPE_CHECKING:
    from os import PathLike

_BEFORE_OUTPUTS: Kinds = {"status": {str}, "message": {str}}
_BEHIND_OUTPUTS: Kinds = {
    "run_id": {str},
    "elapsed_seconds": {float},
    "tokens": {int},
    "attempts": {int},
}
_OUTPUTS = "outputs"
_ROW = "row."
_BLOCK = 1000
"""Rows that are in memory at a time."""


@attrs.frozen(repr=False)
class BatchProgress(Record):
    """The progress of a batch.

    Args:
        total: Number of rows; None if their source may have no end.
        skipped: Number of rows that had results before.
        counts: Number of rows by status, without the skipped rows.
        tokens: Tokens that the runs used, without the skipped rows.
        prices: Known price of these runs, by currency.
        unpriced: Number of these runs that used tokens whose price is not known.
    """

    total: int | None
    skipped: int = 0
    counts: Mapping[str, int] = attrs.field(factory=dict[str, int])
    tokens: int = 0
    prices: Mapping[str, Decimal] = attrs.field(factory=dict[str, Decimal])
    unpriced: int = 0

    @property
    def settled(self) -> int:
        """Number of rows that have ended, or wait for people."""
        return self.skipped + sum(self.counts.values())

    def with_result(self, result: RowResult) -> BatchProgress:
        """The progress with one more result.

        Example::

            progress = BatchProgress(total=1)
            for result in iter_batch(workflow, [{"name": "Ann"}], journal="names.journal"):
                progress = progress.with_result(result)
            print(progress.settled, progress.counts)

        Returns:
            The new progress. This one does not change.
        """
        counts = {**self.counts, result.status: self.counts.get(result.status, 0) + 1}
        tokens = result.total_tokens or 0
        return attrs.evolve(
            self,
            counts=counts,
            tokens=self.tokens + tokens,
            prices=sum_of([self.prices, result.prices or {}]),
            unpriced=self.unpriced + (tokens > 0 and result.prices is None),
        )


@attrs.frozen(repr=False)
class BatchSummary(Record):
    """The result of a batch.

    Args:
        counts: Number of rows of the journal by status, such as ``"succeeded"``.
        tokens: Tokens that all their runs used.
        skipped: Number of rows that had results before.
        elapsed_time: Duration of this call in seconds.
        is_interrupted: Whether it was interrupted, so that rows may be left.
        queued: Number of unknown rows whose runs may still wait in the server's queue, because they
            were sent less than `start_timeout` ago. The next call looks for them again.
        shut_down: Number of runs that the server stopped because its workers were shut down, as in
            each deploy of Dify. `max_attempts` repeats their rows.
        attempts_needed: Value of `max_attempts` with which the next call repeats the rows of these
            runs that are left; None if none are left.
        prices: Known price of all runs, by currency.
        unpriced: Number of runs that used tokens whose price is not known.
    """

    counts: Mapping[str, int]
    tokens: int
    skipped: int
    elapsed_time: float
    is_interrupted: bool = False
    queued: int = 0
    shut_down: int = 0
    attempts_needed: int | None = None
    prices: Mapping[str, Decimal] = attrs.field(factory=dict[str, Decimal])
    unpriced: int = 0
    _journal: str = attrs.field(default="", repr=False, alias="journal")
    _sources: tuple[Path, ...] = attrs.field(default=(), repr=False, alias="sources")
    _offsets: Sequence[tuple[int, int]] = attrs.field(default=(), repr=False, alias="offsets")

    @property
    def rows(self) -> int:
        """Number of rows."""
        return sum(self.counts.values())

    @property
    def succeeded(self) -> int:
        """Number of rows that succeeded."""
        return sum(many for status, many in self.counts.items() if status in SUCCESSES)

    @property
    def failed(self) -> int:
        """Number of rows that failed or were stopped."""
        return self.counts.get("failed", 0) + self.counts.get("stopped", 0)

    @property
    def unknown(self) -> int:
        """Number of rows that were sent and whose outcome is unknown."""
        return self.counts.get("unknown", 0)

    def write_results(self, path: str | PathLike[str], *, escape_formulas: bool = False) -> int:
        """Write a table of all rows and their results; see `write_results`.

        Example::

            summary = run_batch(workflow, [{"name": "Ann"}], journal="names.journal", resume=True)
            summary.write_results("results.csv")

        Args:
            path: File for the table; not the file of the rows.
            escape_formulas: As for `write_results`.

        Returns:
            Number of rows.

        Raises:
            InvalidRequestError: The file has another ending, cannot be written, or is the journal
                or the file of the rows.
            ImportError: Excel and Parquet need their extras.
        """
        refuse_source(Path(path), *self._sources)
        return write_results(path, journal=self._journal, escape_formulas=escape_formulas)

    def results(self) -> Iterator[JSONObject]:
        """Yield all rows and their results, for ``pandas.DataFrame`` or ``polars.DataFrame``.

        Each row has all columns of `write_results`. Outputs are as the app gave them, with two
        exceptions. Files are their addresses. Objects and lists are JSON if their column has other
        values, too. Before the first row, the whole journal is read once for the columns.

        Example::

            summary = run_batch(workflow, [{"name": "Ann"}], journal="names.journal", resume=True)
            for row in summary.results():
                print(row["name"], row["status"], row["outputs.greeting"])

        Returns:
            The rows, as dicts of value by name of the column.
        """
        with closing(Journal(self._journal)) as journal:
            table = ResultTable(journal)
            mixed = {name for name, kinds in table.kinds.items() if _is_mixed(kinds)}
            for line in table.lines():
                for name in mixed:
                    if is_object(line[name]) or is_list(line[name]):
                        line[name] = json_text(line[name])
                yield line

    def line_of(self, result: RowResult) -> int:
        """The number of a result's row in its file, as a spreadsheet counts, or its position.

        Example::

            Path("rows.jsonl").write_text('{"name": "Ann"}')
            summary = run_batch(workflow, read_rows("rows.jsonl"), journal="rows.journal")
            for result in summary.slowest():
                print(f"row {summary.line_of(result)}: {result.elapsed_time} s")

        Args:
            result: A result of this batch.

        Returns:
            The number, from 1, of the row in its file. For other rows, their position, from 1.
        """
        known = bisect(self._offsets, result.number, key=lambda offset: offset[0])
        return result.number + (self._offsets[known - 1][1] if known else 1)

    def slowest(self, limit: int = 5) -> list[RowResult]:
        """The rows with the longest runs, the slowest first.

        Example::

            summary = run_batch(workflow, [{"name": "Ann"}], journal="names.journal", resume=True)
            for result in summary.slowest():
                print(result.key, result.elapsed_time)

        Args:
            limit: Maximum number of rows.

        Returns:
            Their results.
        """
        with closing(Journal(self._journal)) as journal:
            return journal.slowest(limit)

    def troubled(self, limit: int = 10) -> list[RowResult]:
        """The first rows that failed, were stopped, or whose outcome is unknown.

        Example::

            summary = run_batch(workflow, [{"msg": "Hello"}], journal="rows.journal", resume=True)
            for result in summary.troubled():
                print(result.key, result.status, result.error)

        Args:
            limit: Maximum number of rows.

        Returns:
            Their results, in the order of the rows.
        """
        with closing(Journal(self._journal)) as journal:
            return journal.troubled(limit)


class ResultTable:
    """All rows of a journal and their results, with one column for each output.

    Args:
        journal: The journal, which is read once for the columns, and again for the rows.
        has_files: Whether files in the outputs are objects, as the app gives them. If False, they
            are addresses, one per line.
    """

    def __init__(self, journal: Journal, *, has_files: bool = False) -> None:
        self._journal = journal
        self._has_files = has_files
        header = journal.header()
        self._base_url = header.base_url if header else ""
        own: Kinds = {_own(name): set() for name in (header.columns if header else ())}
        outputs: Kinds = {}
        for result in journal.results(_BLOCK):
            _note(own, _own_columns(result))
            _note(outputs, self._outputs(result))
        self.kinds: Kinds = {**own, **_BEFORE_OUTPUTS, **outputs, **_BEHIND_OUTPUTS}

    def lines(self) -> Iterator[JSONObject]:
        """The rows of the table, each with all columns."""
        empty: JSONObject = dict.fromkeys(self.kinds)
        for result in self._journal.results(_BLOCK):
            yield {
                **empty,
                **_own_columns(result),
                **self._outputs(result),
                "status": result.status,
                "message": result.message,
                "run_id": result.run_id,
                "elapsed_seconds": result.elapsed_time,
                "tokens": result.total_tokens,
                "attempts": result.attempts,
            }

    def _outputs(self, result: RowResult) -> JSONObject:
        outputs: JSON = result.outputs
        if not is_object(outputs):
            return {_OUTPUTS: outputs}
        if self._has_files:
            return {f"{_OUTPUTS}.{name}": value for name, value in outputs.items()}
        return {f"{_OUTPUTS}.{name}": self._address(value) for name, value in outputs.items()}

    def _address(self, value: JSON) -> JSON:
        """The addresses of a file or a list of files; other values unchanged."""
        files = value if is_list(value) else [value]
        if not (files and all(map(_is_file, files))):
            return value
        # A server that does not know its own address sends a path.
        return "\n".join(
            urljoin(self._base_url, file.get("url") or file.get("remote_url")) for file in files
        )


def _is_file(value: JSON) -> bool:
    return (
        is_object(value)
        and value.get("dify_model_identity") == "__dify__file__"
        and isinstance(value.get("url") or value.get("remote_url"), str)
    )


def write_results(
    path: str | PathLike[str], *, journal: str | PathLike[str], escape_formulas: bool = False
) -> int:
    """Write a table of all rows of a journal and their results.

    The table has the row's own columns, ``status``, ``message``, a column ``outputs.<name>`` for
    each output, ``run_id``, ``elapsed_seconds``, ``tokens`` and ``attempts``. If a row has its own
    column with one of these names, that column becomes ``row.<name>``. The journal is read twice, a
    thousand rows at a time. The file appears when it is complete, and keeps the mode of the file
    that it replaces.

    Example::

        run_batch(workflow, [{"name": "Ann"}], journal="names.journal", resume=True)
        write_results("results.csv", journal="names.journal")

    Args:
        path: File for the table: ``.csv``, ``.jsonl``, ``.xlsx`` or ``.parquet``. Files in the
            outputs are written as their addresses, except in ``.jsonl``, which has outputs exactly.
        journal: The journal's path or URL.
        escape_formulas: Whether to write a ``'`` before texts in CSV that spreadsheets run as
            formulas: texts that begin with ``=``, ``+``, ``-``, ``@``, a tab or an end of line.

    Returns:
        Number of rows.

    Raises:
        InvalidRequestError: The path has another ending, cannot be written, or is the journal.
        JournalError: There is no such journal.
        ImportError: Excel and Parquet need their extras.
    """
    target = Path(path)
    file = file_of(url_of(journal))
    sources = [] if file is None else [file]
    check_results_path(target, *sources, escape_formulas=escape_formulas)
    texts = Texts(escapes=escape_formulas)
    with closing(Journal(journal, must_exist=True)) as read:
        write = WRITERS[target.suffix.lower()]
        rows = ResultTable(read, has_files=write is write_json_lines)
        try:
            with replacing(target) as opened:
                count = write(opened, rows.kinds, rows.lines(), texts)
        except OSError as error:
            raise InvalidRequestError(f"Cannot write {target}: {error.strerror}.") from error
    warn_of_changes(target, texts)
    return count


def _is_mixed(kinds: set[type]) -> bool:
    """Whether a column has objects or lists and other values, which data frames refuse."""
    return len(kinds) > 1 and not kinds.isdisjoint({dict, list})


def _note(kinds: Kinds, values: Mapping[str, JSON]) -> None:
    for name, value in values.items():
        found = kinds.setdefault(name, set())
        if value is not None:
            found.add(_kind_of(value))


class Wide(int):
    """Kind of whole numbers that are not exact as floating-point numbers."""


def _kind_of(value: JSON) -> type:
    """The kind of a value; text for whole numbers that need more than 64 bits."""
    if isinstance(value, int) and value.bit_length() >= 64:  # noqa: PLR2004  # with its sign
        return str
    if isinstance(value, int) and value.bit_length() > 53:  # noqa: PLR2004  # of a float's digits
        return Wide
    return type(value)  # pyright: ignore[reportUnknownVariableType]  # any JSON


def _own_columns(result: RowResult) -> JSONObject:
    return {_own(name): value for name, value in result.row.items()}


def _own(name: str) -> str:
    """The name in the table for one of the row's own columns."""
    is_fact = name in _BEFORE_OUTPUTS or name in _BEHIND_OUTPUTS
    is_taken = is_fact or name == _OUTPUTS or name.startswith((f"{_OUTPUTS}.", _ROW))
    return f"{_ROW}{name}" if is_taken else name
