"""The rows of the log from where a request says on, a page or a row at a time. Pure."""

from __future__ import annotations

from collections import deque
from datetime import datetime

import attrs

from ._log_cursor import (
    LogPosition,
    LogTimes,
    ceil_second,
    decode,
    digest_of,
    encode,
    floor_second,
)
from ._log_query import MAX_WINDOW, LogQuery, LogScope, Steps
from ._log_walk import LogWalk
from .errors import InvalidRequestError, LogCursorError
from .models import DifyPageResult, WorkflowLogs, WorkflowLogsRequest
from .models._log import checked_moment

_SPARE = 10
"""Rows to ask for beyond those wanted: others share the seconds at which they begin and end."""


def scope_of(request: WorkflowLogsRequest) -> LogScope:
    """Which rows a request is for; the server's clock has whole seconds."""
    after, before = request.created_at_after, request.created_at_before
    return LogScope(
        after=None if after is None else ceil_second(after),
        before=None if before is None else floor_second(before),
        by_status=request.status is None,
        by_user=not (
            request.keyword or request.created_by_end_user_session_id or request.created_by_account
        ),
    )


def known_place(request: WorkflowLogsRequest, times: LogTimes) -> LogPosition | None:
    """The place after which a request begins, as far as that is known without looking.

    Args:
        request: The request.
        times: The times of rows that were returned lately.
    """
    if request.cursor is not None:
        return decode(request.cursor, digest_of(request))
    if request.last_id is None:
        return None
    if request.last_created_at is not None:
        return LogPosition(request.last_created_at, request.last_id)
    return times.position(request.last_id)


def starting_place(request: WorkflowLogsRequest, times: LogTimes) -> Steps[LogPosition | None]:
    """The place after which a request begins; None where that is the newest row.

    Args:
        request: The request.
        times: The times of rows that were returned lately.

    Raises:
        LogCursorError: The row that it names was not found.
        LogWindowUnstableError: A second has more rows than can be read.
    """
    place = known_place(request, times)
    if place is None and request.last_id is not None:
        return (yield from _searched(request, request.last_id))
    return place


def _searched(request: WorkflowLogsRequest, row_id: str) -> Steps[LogPosition]:
    """The place of a row, looked for from the newest one on."""
    walk = LogWalk(scope_of(request))
    seen = 0
    while not walk.ended and seen < request.max_scan:
        rows = yield from walk.step()
        for row in rows[: request.max_scan - seen]:
            if row.id == row_id:
                return LogPosition.of(row)
        seen += len(rows)
    saw_all = walk.ended and seen <= request.max_scan
    where = f"all {seen}" if saw_all else f"the newest {request.max_scan}"
    raise LogCursorError(
        f"last_id: none of {where} rows that match has the id {row_id}. Give the row's time too, "
        "as last_created_at; next_request() and cursor of a page have it."
    )


class LogPager:
    """Hands out the rows of a request, each once and in order; a step that failed can be retried.

    Args:
        request: Which rows, and after which one to begin.
        times: Where the times of rows are remembered.
        since: No rows before this moment.
        until: No rows after this moment.
        most: Most rows to hand out; None for all.
    """

    def __init__(
        self,
        request: WorkflowLogsRequest,
        times: LogTimes,
        *,
        since: datetime | None = None,
        until: datetime | None = None,
        most: int | None = None,
    ) -> None:
        if most is not None and (not isinstance(most, int) or most < 0):
            raise InvalidRequestError(f"limit must be a whole number from 0 on, not {most!r}.")
        self._request = request
        self._bounded = _bounded(request, since, until)
        self._times = times
        self._left = most
        self._ready: deque[WorkflowLogs] = deque()
        self._walk: LogWalk | None = None
        self._place = known_place(request, times)
        self._total: int | None = None

    @property
    def cursor(self) -> str | None:
        """Text with which to go on behind the row that was handed out last, or where to begin."""
        return self._cursor_for(self._request)

    def pop(self) -> WorkflowLogs | None:
        """Hand out a row that is there already; None where there is none."""
        rows = self._hand_out(1)
        return rows[0] if rows else None

    def fetch(self) -> Steps[bool]:
        """Get further rows; False where no more are to be handed out.

        Raises:
            LogCursorError: The row after which to begin was not found.
            LogWindowUnstableError: A second has more rows than can be read.
        """
        walk = yield from self._started()
        while not self._ready and self._left != 0 and not walk.ended:
            wanted = MAX_WINDOW if self._left is None else self._left
            self._ready += yield from walk.step(_window(wanted))
        return bool(self._ready) and self._left != 0

    def page(self) -> Steps[DifyPageResult[WorkflowLogs]]:
        """The next page, as long as the request says.

        Raises:
            LogCursorError: The row after which to begin was not found.
            LogWindowUnstableError: A second has more rows than can be read.
        """
        walk = yield from self._started()
        limit = self._request.limit if self._left is None else min(self._request.limit, self._left)
        window = _window(limit)
        while not walk.ended and len(self._ready) + walk.sees_more <= limit:
            self._ready += yield from walk.step(window)
            window = MAX_WINDOW
        if self._total is None:
            self._total = yield from self._counted(walk)
        rows = self._hand_out(limit)
        return DifyPageResult(
            data=rows,
            has_more=bool(self._ready) or walk.sees_more,
            limit=self._request.limit,
            total=self._total,
            last_id=self._place and self._place.id,
            cursor=self._cursor_for(self._bounded),
            request=self._bounded,
        )

    def _started(self) -> Steps[LogWalk]:
        if self._walk is None:
            if self._place is None:
                self._place = yield from starting_place(self._request, self._times)
            self._walk = LogWalk(scope_of(self._bounded), self._place)
        return self._walk

    def _counted(self, walk: LogWalk) -> Steps[int]:
        """How many rows match, which a walk that begins at a place does not see."""
        if walk.total is not None:
            return walk.total
        scope = scope_of(self._bounded)
        answer = yield LogQuery(scope.after, scope.before, limit=1)
        return answer.total

    def _hand_out(self, count: int) -> tuple[WorkflowLogs, ...]:
        count = min(count, len(self._ready), *(() if self._left is None else (self._left,)))
        rows = tuple(self._ready.popleft() for _ in range(count))
        if rows:
            self._place = LogPosition.of(rows[-1])
            self._times.note(rows)
        if self._left is not None:
            self._left -= count
        return rows

    def _cursor_for(self, request: WorkflowLogsRequest) -> str | None:
        return None if self._place is None else encode(self._place, digest_of(request))


def _window(wanted: int) -> int:
    """How many rows to ask for at once."""
    return min(wanted + _SPARE, MAX_WINDOW)


def _bounded(
    request: WorkflowLogsRequest, since: datetime | None, until: datetime | None
) -> WorkflowLogsRequest:
    """The request with narrower bounds of time."""
    if since is None and until is None:
        return request
    after = [time for time in (request.created_at_after, checked_moment("since", since)) if time]
    before = [time for time in (request.created_at_before, checked_moment("until", until)) if time]
    return attrs.evolve(
        request,
        created_at_after=max(after, default=None),
        created_at_before=min(before, default=None),
        cursor=None,  # it belongs to the filters without these bounds
    )
