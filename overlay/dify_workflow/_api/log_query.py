"""Queries for the log, the server's answers, and the order of rows.

A reader of the log is a generator: it yields a `LogQuery` and is sent the `LogAnswer`.
"""

from __future__ import annotations

from collections.abc import Generator, Iterable, Mapping
from typing import TypeAlias, TypeVar

import attrs

from dify_workflow_api import models as wire

from .._json import JSON, JSONObject, abridged, is_object, read
from .._log_cursor import LogPosition, moment_of
from ..models import WorkflowLogs

T = TypeVar("T")

MAX_WINDOW = 100
"""The most rows that the server sends at once."""

LATEST = 3
"""New rows may be up to this many seconds older than the newest row.

Two seconds, because a row has the time at which its transaction began, and the transaction may
commit late. One second, because times are rounded to whole seconds.
"""


@attrs.frozen(eq=False, repr=False)
class LogQuery:
    """A query for the newest rows in a window of time.

    Args:
        after: First second of the window (Unix time); None for no bound.
        before: Last second of the window (Unix time); None for no bound.
        limit: The most rows of the answer, 1 to 100.
        page: Number of the page, from 1.
        narrowed: More filters, by their names in `WorkflowLogsRequest`.
    """

    after: int | None
    before: int | None
    limit: int = MAX_WINDOW
    page: int = 1
    narrowed: Mapping[str, str] = attrs.field(factory=dict[str, str])


@attrs.frozen(eq=False, repr=False)
class LogAnswer:
    """The server's answer to a query.

    Args:
        rows: The rows, in the server's order.
        total: How many rows match, on all pages.
    """

    rows: tuple[WorkflowLogs, ...]
    total: int


Steps: TypeAlias = Generator[LogQuery, LogAnswer, T]


@attrs.frozen(eq=False, repr=False)
class LogScope:
    """The time bounds of a request, and the filters that can be added to it.

    Args:
        after: First second (Unix time); None for no bound.
        before: Last second (Unix time); None for no bound.
        by_status: Whether a status filter can be added.
        by_user: Whether a user filter can be added. It cannot if the request has a keyword: the
            server fails with both.
        by_keyword: Whether a keyword can be added.
    """

    after: int | None = None
    before: int | None = None
    by_status: bool = True
    by_user: bool = True
    by_keyword: bool = True


def in_order(rows: Iterable[WorkflowLogs]) -> list[WorkflowLogs]:
    """Sort rows in the order of the log, newest first."""
    return sorted(rows, key=LogPosition.of, reverse=True)


def log_page(body: JSONObject) -> LogAnswer:
    """The rows of a page of logs."""
    page = read(wire.WorkflowLogPage, body)
    rows = tuple(_log_row(entry, raw) for entry, raw in zip(page.data, body["data"], strict=True))
    if not isinstance(page.total, int) or isinstance(page.total, bool):
        raise TypeError(f"total: expected a whole number, got {abridged(page.total)}")
    if len({row.id for row in rows}) < len(rows):
        raise ValueError("a row appears twice")
    return LogAnswer(rows, page.total)


def _log_row(entry: wire.WorkflowLogEntry, raw: JSONObject) -> WorkflowLogs:
    _check(raw)
    run = entry.workflow_run
    return WorkflowLogs(
        id=entry.id,
        status=run.status if run else None,
        message=(run.error or None) if run else None,
        created_at=entry.created_at,
        finished_at=run.finished_at if run else None,
        workflow_run=run,
        created_from=entry.created_from,
        created_by_role=entry.created_by_role,
        created_by_account=entry.created_by_account,
        created_by_end_user=entry.created_by_end_user,
        raw=raw,
    )


def _check(raw: JSONObject) -> None:
    """Raise an error for a row without a valid id, time, user or run.

    Raises:
        TypeError: Its id, time, user or run has the wrong type.
        OverflowError: Its time lies outside the calendar.
    """
    if not isinstance(raw.get("id"), str):
        raise TypeError(f"id of a row: expected text, got {abridged(raw.get('id'))}")
    created_at: JSON = raw.get("created_at")
    if not isinstance(created_at, int) or isinstance(created_at, bool):
        raise TypeError(
            f"created_at of row {raw['id']}: expected a time, got {abridged(created_at)}"
        )
    moment_of(created_at - 1)
    for name, key in (("created_by_end_user", "session_id"), ("workflow_run", "id")):
        part: JSON = raw.get(name)
        if part is None:
            continue
        value: JSON = part.get(key) if is_object(part) else part
        if not is_object(part) or not isinstance(value, str | None):
            raise TypeError(
                f"{name} of row {raw['id']}: expected an object with an id, got {abridged(part)}"
            )
