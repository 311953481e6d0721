"""The language in which the log is read: questions to the server, its answers, and their order.

Conversations are generators that yield a `LogQuery` and are sent its `LogAnswer`.
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
"""Most rows that the server gives at once."""

LATEST = 3
"""Seconds behind the newest row in which rows may still appear.

Two for a transaction that is slow to commit, for its rows have the time of its begin; one because
times are rounded to whole seconds.
"""


@attrs.frozen
class LogQuery:
    """A question to the server: the newest rows of a window of time.

    Args:
        after: First second of the window (Unix); None where it is open.
        before: Last second of the window (Unix); None where it is open.
        limit: Most rows of the answer, 1 to 100.
        page: How many times `limit` rows to leave out, from 1 for none.
        narrowed: Filters (by name in `WorkflowLogsRequest`) in addition to the request's own.
    """

    after: int | None
    before: int | None
    limit: int = MAX_WINDOW
    page: int = 1
    narrowed: Mapping[str, str] = attrs.field(factory=dict[str, str])


@attrs.frozen
class LogAnswer:
    """What the server answers.

    Args:
        rows: The rows, in the server's order.
        total: How many rows matched, on whichever page.
    """

    rows: tuple[WorkflowLogs, ...]
    total: int


Steps: TypeAlias = Generator[LogQuery, LogAnswer, T]


@attrs.frozen
class LogScope:
    """Which rows are walked over.

    Args:
        after: First second (Unix); None where it is open.
        before: Last second (Unix); None where it is open.
        by_status: Whether the request leaves the status open.
        by_user: Whether the request leaves open whose runs they are, and could say so: the server
            fails where a keyword comes with a user.
        by_keyword: Whether the request leaves the keyword open, and could have one.
    """

    after: int | None = None
    before: int | None = None
    by_status: bool = True
    by_user: bool = True
    by_keyword: bool = True


def in_order(rows: Iterable[WorkflowLogs]) -> list[WorkflowLogs]:
    """Rows in the order of the log, the newest first."""
    return sorted(rows, key=LogPosition.of, reverse=True)


def log_page(body: JSONObject) -> LogAnswer:
    """The rows of a page of logs."""
    page = read(wire.WorkflowLogPage, body)
    rows = tuple(_log_row(entry, raw) for entry, raw in zip(page.data, body["data"], strict=True))
    if not isinstance(page.total, int) or isinstance(page.total, bool):
        raise TypeError(f"total is {page.total!r}")
    if len({row.id for row in rows}) < len(rows):
        raise ValueError("a row is there twice")
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
    """Refuse a row on which no walk could rely.

    Raises:
        TypeError: Its id, its time or its user is none.
        OverflowError: Its time lies outside the calendar.
    """
    if not isinstance(raw.get("id"), str):
        raise TypeError(f"the id of a row is {abridged(raw.get('id'))}")
    created_at: JSON = raw.get("created_at")
    if not isinstance(created_at, int) or isinstance(created_at, bool):
        raise TypeError(f"the time of row {raw['id']} is {abridged(created_at)}")
    moment_of(created_at - 1)
    for name, key in (("created_by_end_user", "session_id"), ("workflow_run", "id")):
        part: JSON = raw.get(name)
        if part is None:
            continue
        value: JSON = part.get(key) if is_object(part) else part
        if not is_object(part) or not isinstance(value, str | None):
            raise TypeError(f"{name} of row {raw['id']} is {abridged(part)}")
