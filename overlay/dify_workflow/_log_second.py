"""Reading all rows of one second, where there may be more than an answer holds. Pure."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping

import attrs

from ._log_query import MAX_WINDOW, LogQuery, LogScope, Steps, in_order
from .errors import LogWindowUnstableError
from .models import WorkflowLogs

_ROUNDS = 20
"""Most times that a second is read from its first page to its last.

Where every answer has an order of its own, that misses one of 300 rows once in 10⁸ times.
"""

_QUIET_ROUNDS = 5
"""Rounds without a new row after which there is none, if the first round did not show them all.

The count alone does not prove it: a row may have been deleted after it was read.
"""

_MOST_ROWS = 100_000
"""Rows of one second, of which more are not read."""

_IN_VAIN = 300
"""Rows beyond twice the distinct ones that pages may have had room for. Pages in any order show at
least 60 % of what they have room for, so a server that shows less does not have what it counts."""

_MOST_USERS = 10
"""Most users whose rows are read apart in one round; the ones with most rows come first."""

_STATUSES = ("succeeded", "failed", "stopped")
"""What the log can be filtered for (DIFY.md section 1)."""


def whole_second(second: int, scope: LogScope) -> Steps[list[WorkflowLogs]]:
    """All rows of a second, in order.

    Where the order changes between pages, some rows come twice and others not at all. So the pages
    are read until the distinct rows are as many as the server counts; pages of other sizes and of
    fewer rows, by status or user, bring up what a server keeps hidden otherwise.

    Args:
        second: The second (Unix).
        scope: Which of its rows are meant.

    Raises:
        LogWindowUnstableError: Not all rows came up.
    """
    rows: dict[str, WorkflowLogs] = {}
    total, quiet = 0, 0
    for number in range(_ROUNDS):
        limit, before = MAX_WINDOW - number, len(rows)
        total = yield from _read(rows, LogQuery(second, second, limit))
        if len(rows) >= total and (number == 0 or total <= limit):
            return in_order(rows.values())
        if total > limit:
            for narrowed in _divisions(number, scope, rows.values()):
                yield from _read(rows, LogQuery(second, second, limit, narrowed=narrowed))
        quiet = quiet + 1 if len(rows) == before else 0
        if len(rows) >= total and quiet == _QUIET_ROUNDS:
            break
        if len(rows) >= _MOST_ROWS:
            break
    if len(rows) < total:
        raise LogWindowUnstableError(second, len(rows), total)
    return in_order(rows.values())


def _read(rows: dict[str, WorkflowLogs], query: LogQuery) -> Steps[int]:
    """Add the rows of all pages of a query, and return how many the server counted at most."""
    total = 0
    while True:
        answer = yield query
        rows.update((row.id, row) for row in answer.rows)
        total = max(total, answer.total)
        asked = query.page * query.limit
        if asked >= min(answer.total, _MOST_ROWS, 2 * len(rows) + _IN_VAIN):
            return total
        query = attrs.evolve(query, page=query.page + 1)


def _divisions(
    number: int, scope: LogScope, rows: Iterable[WorkflowLogs]
) -> Iterable[Mapping[str, str]]:
    """How to divide a second in this round: by status and by user in turn, as far as possible."""
    if scope.by_status and (number % 2 == 0 or not scope.by_user):
        return [{"status": status} for status in _STATUSES]
    if not scope.by_user:
        return []
    users = (row.created_by_end_user and row.created_by_end_user.session_id for row in rows)
    most = Counter(user for user in users if user).most_common(_MOST_USERS)
    return [{"created_by_end_user_session_id": user} for user, _ in most]
