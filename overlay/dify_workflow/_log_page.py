"""The decoded answer of the log into its rows. Pure."""

from __future__ import annotations

from dify_workflow_api import models as wire

from ._json import JSONObject
from ._log_cursor import moment_of
from ._log_query import LogAnswer
from ._reading import read
from .models import WorkflowLogs


def log_page(body: JSONObject) -> LogAnswer:
    """The rows of a page of logs."""
    page = read(wire.WorkflowLogPage, body)
    rows = tuple(_log_row(entry, raw) for entry, raw in zip(page.data, body["data"], strict=True))
    for row in rows:
        moment_of(row.created_at - 1)  # times are calculated with, so they must be some
    if not isinstance(page.total, int):
        raise TypeError(f"total is {page.total!r}")
    return LogAnswer(rows, page.total)


def _log_row(entry: wire.WorkflowLogEntry, raw: JSONObject) -> WorkflowLogs:
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
