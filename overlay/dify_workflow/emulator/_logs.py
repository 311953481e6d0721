"""The log of runs: its rows and its filters (DIFY.md section 1)."""

from __future__ import annotations

import json
from collections.abc import Mapping
from datetime import UTC, datetime

import attrs
from dateutil.parser import isoparse

from .._json import JSONObject
from ._responses import invalid
from ._run import Run


def log_row(run: Run) -> JSONObject:
    """The row of a run."""
    return {
        "id": run.log_id,
        "workflow_run": {
            "id": run.id,
            "version": "2026-11-22 10:11:28.641946",
            "status": run.status,
            "triggered_from": "app-run",
            "error": run.error,
            "elapsed_time": run.elapsed,
            "total_tokens": run.total_tokens if run.finished else 0,
            "total_steps": run.total_steps if run.finished else 0,
            "created_at": int(run.created),
            "finished_at": int(run.finished) if run.finished else None,
            "exceptions_count": run.exceptions_count,
        },
        "details": None,
        "created_from": "service-api",
        "created_by_role": "end_user",
        "created_by_account": None,
        "created_by_end_user": {
            "id": run.user_id,
            "type": "service-api",
            "is_anonymous": False,
            "session_id": run.user,
        },
        "created_at": _log_time(run),
    }


@attrs.frozen
class LogQuery:
    """What a request asks of the logs; an empty filter filters nothing.

    Args:
        page: Number of the page, from 1.
        limit: Rows a page.
        status: Only runs that ended so.
        keyword: Text to find, in lower case.
        session: Only runs of this user.
        before: Only rows of this time or before (Unix seconds).
        after: Only rows of this time or after (Unix seconds).
    """

    page: int
    limit: int
    status: str | None
    keyword: str
    session: str
    before: float | None
    after: float | None

    @classmethod
    def of(cls, query: Mapping[str, str]) -> LogQuery:
        """Read a query.

        Raises:
            ApiError: The server would not take it.
        """
        status = query.get("status")
        if status is not None and status not in {"succeeded", "failed", "stopped"}:
            raise invalid(
                "1 validation error for WorkflowLogQuery\nstatus\n  Input should be 'succeeded', "
                f"'failed' or 'stopped' [type=literal_error, input_value={status!r}, "
                "input_type=str]"
            )
        return cls(
            page=_bounded(query.get("page"), "page", 1, 99999, default=1),
            limit=_bounded(query.get("limit"), "limit", 1, 100, default=20),
            status=status,
            keyword=query.get("keyword", "")[:30].lower(),
            session=query.get("created_by_end_user_session_id", ""),
            before=_time(query.get("created_at__before")),
            after=_time(query.get("created_at__after")),
        )

    def matches(self, run: Run) -> bool:
        """Whether the row of a run passes the filters."""
        texts = (json.dumps(run.inputs), json.dumps(run.outputs), run.user)
        found = run.id == self.keyword or any(self.keyword in text.lower() for text in texts)
        return (
            found
            and self.status in {None, run.status}
            and self.session in {"", run.user}
            and (self.before is None or _log_time(run) <= self.before)
            and (self.after is None or _log_time(run) >= self.after)
        )


def _bounded(value: str | None, name: str, lowest: int, highest: int, *, default: int) -> int:
    """A whole number of a query, within its bounds."""
    try:
        number = default if value is None else int(value)
    except ValueError:
        number = lowest - 1
    if not lowest <= number <= highest:
        raise invalid(
            f"1 validation error for WorkflowLogQuery\n{name}\n  Input should be between {lowest} "
            f"and {highest} [type=int_range, input_value={value!r}, input_type=str]"
        )
    return number


def _log_time(run: Run) -> int:
    """Time of a row: whole seconds, rounded (DIFY.md section 0.1)."""
    return int(datetime.fromtimestamp(run.created + 0.5, UTC).timestamp())


def _time(text: str | None) -> float | None:
    """A bound of the logs: ISO 8601; without a zone, UTC."""
    if not text:
        return None
    try:
        moment = isoparse(text)
    except ValueError as error:
        raise invalid(str(error)) from None
    return (moment if moment.tzinfo else moment.replace(tzinfo=UTC)).timestamp()
