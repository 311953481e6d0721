"""The ways in which the log of runs is printed."""

from __future__ import annotations

import sys
from collections.abc import Iterable, Iterator
from datetime import UTC, datetime

from .._csv import CSVWriter, without_formula
from .._inert import inert_line
from .._json import JSON
from ..models import WorkflowLogs
from ._interrupts import until_interrupted
from ._log_rows import LogRows
from ._printing import print_json_line
from ._tables import show_logs, show_new_logs
from .console import errors, is_terminal
from .exits import say

_SHORT_WALK = 100
"""Rows that come with one answer, for which no bar is shown."""

_CSV_COLUMNS = (
    "run_id",
    "status",
    "created_at",
    "finished_at",
    "elapsed_time",
    "total_tokens",
    "total_steps",
    "exceptions_count",
    "user",
    "created_from",
    "error",
    "log_id",
)


def print_json(rows: LogRows) -> None:
    """Print an object as the server's answer is one, with the cursor behind its rows."""
    data = [row.raw for row in _awaited(rows)]
    facts = {"has_more": rows.has_more, "total": rows.total, "cursor": rows.cursor}
    print_json_line({"data": data, **facts})


def print_json_lines(rows: LogRows) -> None:
    """Print each row as a line of JSON, as it is read."""
    _write_json_lines(_streamed(rows))


def print_csv(rows: LogRows, *, escape_formulas: bool) -> None:
    """Print each row as a line of CSV, as it is read, below a header (RFC 4180)."""
    _write_csv(_streamed(rows), escape_formulas)


def print_table(rows: LogRows) -> None:
    """Print a table for people, and on stderr how much of the log it is."""
    found = list(_awaited(rows))
    show_logs(found)
    sys.stdout.flush()
    more = ", there are more" if rows.has_more else ""
    say(f"{len(found):,} of {rows.total:,} runs{more}")
    if more:
        say(f"To go on: {rows.way_on}")


def follow(
    rows: Iterable[WorkflowLogs], *, as_jsonl: bool, as_csv: bool, escape_formulas: bool
) -> None:
    """Print each row when it comes: as a line of JSON, of CSV, or of a table for people."""
    say("Waiting for new runs; Ctrl-C ends it.")
    rows = _flushed(rows)
    if as_jsonl:
        _write_json_lines(rows)
    elif as_csv:
        _write_csv(rows, escape_formulas)
    else:
        show_new_logs(rows)


def _flushed(rows: Iterable[WorkflowLogs]) -> Iterator[WorkflowLogs]:
    """The rows; what was printed of one is out before the next one is waited for."""
    for row in rows:
        yield row
        sys.stdout.flush()


def _write_json_lines(rows: Iterable[WorkflowLogs]) -> None:
    for row in rows:
        print_json_line(row.raw)


def _write_csv(rows: Iterable[WorkflowLogs], escape_formulas: bool) -> None:
    writer = CSVWriter(sys.stdout)
    writer.row(_CSV_COLUMNS)
    for row in rows:
        writer.row(_cell(value, escape_formulas) for value in _csv_row(row))


def _streamed(rows: LogRows) -> Iterator[WorkflowLogs]:
    """The rows to be written one by one; Ctrl-C ends them behind one, and the way on is told."""
    # Rows that are written to a terminal show themselves how far they are.
    read = rows if is_terminal(sys.stdout) else _awaited(rows)
    try:
        yield from until_interrupted(read)
    except KeyboardInterrupt:
        say(f"To go on: {rows.way_on}")
        raise


def _awaited(rows: LogRows) -> Iterator[WorkflowLogs]:
    """The rows, with a bar on stderr while a person waits for many."""
    if rows.expected <= _SHORT_WALK or not is_terminal(sys.stderr):
        yield from rows
        return
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn

    columns = (TextColumn("Reading the log"), BarColumn(), MofNCompleteColumn())
    with Progress(*columns, console=errors, transient=True) as bar:
        yield from bar.track(rows, total=rows.expected)


def _csv_row(row: WorkflowLogs) -> list[JSON]:
    run, user = row.workflow_run, row.created_by_end_user
    return [
        run and run.id,
        row.status,
        _iso(row.created_at),
        _iso(row.finished_at),
        run and run.elapsed_time,
        run and run.total_tokens,
        run and run.total_steps,
        run and run.exceptions_count,
        user and user.session_id,
        row.created_from,
        row.message,
        row.id,
    ]


def _cell(value: JSON, escape_formulas: bool) -> JSON:
    """The value as it is; in a terminal inert, and on one line."""
    if not isinstance(value, str):
        return value
    text = without_formula(value) if escape_formulas else value
    return inert_line(text) if is_terminal(sys.stdout) else text


def _iso(time: int | None) -> str | None:
    """A time in Unix seconds as ISO 8601 in UTC."""
    return None if time is None else f"{datetime.fromtimestamp(time, UTC):%Y-%m-%dT%H:%M:%SZ}"
