"""The decoded answer of the log into its rows. Pure."""

from __future__ import annotations

from dify_workflow_api import models as wire

from ._json import JSON, JSONObject, abridged, is_object
from ._log_cursor import moment_of
from ._log_query import LogAnswer
from ._reading import read
from .models import WorkflowLogs


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
