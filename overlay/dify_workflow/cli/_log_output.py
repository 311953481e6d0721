"""The ways in which the log of runs is printed; each says how many rows there were."""

from __future__ import annotations

import csv
import sys
from collections.abc import Callable, Iterable, Iterator
from datetime import UTC, datetime

from .._json import JSON
from ..models import WorkflowLogs
from ._consoles import errors, is_terminal
from ._printing import print_line
from ._tables import show_logs
from ._text import inert_line, json_text

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


def with_progress(rows: Iterable[WorkflowLogs], count: int) -> Iterator[WorkflowLogs]:
    """The rows, with a bar on stderr while a person waits for many.

    Args:
        rows: The rows.
        count: How many they should be.
    """
    if count <= _SHORT_WALK or not is_terminal(sys.stderr):
        yield from rows
        return
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn

    columns = (TextColumn("Reading the log"), BarColumn(), MofNCompleteColumn())
    with Progress(*columns, console=errors, transient=True) as bar:
        yield from bar.track(rows, total=count)


def print_json(rows: Iterable[WorkflowLogs], total: int, cursor: Callable[[], str | None]) -> int:
    """Print an object as the server's answer is one: ``data``, ``has_more`` and ``total``.

    Args:
        rows: The rows.
        total: How many there are in all.
        cursor: Gives the text with which to go on behind them.
    """
    data = [row.raw for row in rows]
    facts = {"has_more": len(data) < total, "total": total, "cursor": cursor()}
    print_line(json_text({"data": data, **facts}))
    return len(data)


def print_json_texts(rows: Iterable[WorkflowLogs]) -> int:
    """Print each row as a line of JSON."""
    count = 0
    for row in _undisturbed(rows):
        print_line(json_text(row.raw))
        count += 1
    return count


def print_csv(rows: Iterable[WorkflowLogs]) -> int:
    """Print the rows as CSV with a header (RFC 4180, lines end as those of the platform do)."""
    writer = csv.writer(sys.stdout, lineterminator="\n")
    writer.writerow(_CSV_COLUMNS)
    count = 0
    for row in _undisturbed(rows):
        writer.writerow(map(_cell, _csv_row(row)))
        count += 1
    return count


def print_table(rows: Iterable[WorkflowLogs]) -> int:
    """Print a table for people."""
    found = list(rows)
    show_logs(found)
    return len(found)


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


def _cell(value: JSON) -> JSON:
    """The value as it is; on a terminal, without what would command it."""
    return inert_line(value) if isinstance(value, str) and is_terminal(sys.stdout) else value


def _undisturbed(rows: Iterable[WorkflowLogs]) -> Iterable[WorkflowLogs]:
    """The rows as they come; for a terminal, which also shows the bar, all at once."""
    return list(rows) if is_terminal(sys.stdout) else rows


def _iso(time: int | None) -> str | None:
    """A time in Unix seconds as ISO 8601 in UTC."""
    return None if time is None else f"{datetime.fromtimestamp(time, UTC):%Y-%m-%dT%H:%M:%SZ}"
