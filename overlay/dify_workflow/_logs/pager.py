"""The rows of the log from where a request says on, a page or a row at a time. Pure."""

from __future__ import annotations

import re
import time
from collections import deque
from datetime import datetime

import attrs

from .._api.log_query import LATEST, MAX_WINDOW, LogQuery, LogScope, Steps
from .._log_cursor import (
    LogBookmark,
    LogHead,
    LogPosition,
    ceil_second,
    decode,
    digest_of,
    encode,
    floor_second,
)
from ..errors import InvalidRequestError, LogCursorError
from ..models import DifyPageResult, WorkflowLogs, WorkflowLogsRequest
from ..models.log import MAX_SCAN, checked_moment
from .cursor import LogMemory
from .walk import LogWalk

_SPARE = 10
"""Rows to ask for beyond those wanted: others share the seconds at which they begin and end."""


LONGEST_SEARCH = 4.0
"""Seconds after which no further rows are looked through; the last call may take one more."""

_UUID = re.compile(r"[0-9a-fA-F]{8}(-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}")


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
        by_keyword=not (request.keyword or request.created_by_end_user_session_id),
    )


def known_bookmark(request: WorkflowLogsRequest, memory: LogMemory) -> LogBookmark | None:
    """Where a request begins, as far as that is known without looking.

    Args:
        request: The request.
        memory: Where rows that were returned are remembered.
    """
    if request.cursor is not None:
        return decode(request.cursor, digest_of(request))
    if request.last_id is None:
        return None
    bookmark = memory.bookmark(request.last_id, digest_of(request))
    if request.last_created_at is None:
        return bookmark
    position = LogPosition(request.last_created_at, request.last_id)
    return bookmark if bookmark and bookmark.position == position else LogBookmark(position)


def starting_bookmark(request: WorkflowLogsRequest, memory: LogMemory) -> Steps[LogBookmark | None]:
    """Where a request begins; None where that is the newest row.

    Args:
        request: The request.
        memory: Where rows that were returned are remembered.

    Raises:
        LogCursorError: The row that it names was not found.
        LogWindowUnstableError: A second has more rows than can be read.
    """
    bookmark = known_bookmark(request, memory)
    if bookmark is None and request.last_id is not None:
        return (yield from _searched(request, request.last_id))
    return bookmark


def _searched(request: WorkflowLogsRequest, row_id: str) -> Steps[LogBookmark]:
    """Where to go on after a row, which is looked for through its run, then from the newest on."""
    place = yield from _place_of_run(request, row_id)
    if place is not None:
        return LogBookmark(place)
    walk = LogWalk(scope_of(request))
    seen, begin = 0, time.monotonic()
    is_long = request.max_scan > MAX_SCAN
    while not walk.ended and seen < request.max_scan:
        if not is_long and time.monotonic() - begin >= LONGEST_SEARCH:
            break
        rows = yield from walk.step()
        for row in rows[: request.max_scan - seen]:
            if row_id in {row.id, row.workflow_run and row.workflow_run.id}:
                return LogBookmark(LogPosition.of(row), walk.head)
        seen += len(rows)
    seen = min(seen, request.max_scan)
    where = f"all {seen}" if walk.ended and seen < request.max_scan else f"the newest {seen}"
    raise LogCursorError(
        f"last_id: none of {where} rows that match has the id {row_id}. Give the row's time too, "
        "as last_created_at; next_request() and cursor of a page have it. The id of the run finds "
        f"the row at once, and a max_scan above {MAX_SCAN} has more rows looked through."
    )


def _place_of_run(request: WorkflowLogsRequest, run_id: str) -> Steps[LogPosition | None]:
    """The place of a run's row; None where there is none, or the keyword is taken."""
    if not _UUID.fullmatch(run_id) or not scope_of(request).by_keyword:
        return None
    scope = scope_of(request)
    answer = yield LogQuery(scope.after, scope.before, narrowed={"keyword": run_id})
    for row in answer.rows:
        if row.workflow_run is not None and row.workflow_run.id == run_id.lower():
            return LogPosition.of(row)
    return None


class LogPager:
    """Hands out the rows of a request, each once and in order; a step that failed can be retried.

    Args:
        request: Which rows, and after which one to begin.
        memory: Where rows that were returned are remembered.
        since: No rows before this moment.
        until: No rows after this moment.
        most: Most rows to hand out; None for all.
    """

    def __init__(
        self,
        request: WorkflowLogsRequest,
        memory: LogMemory,
        *,
        since: datetime | None = None,
        until: datetime | None = None,
        most: int | None = None,
    ) -> None:
        if most is not None and (not isinstance(most, int) or most < 0):
            raise InvalidRequestError(f"limit must be a whole number from 0 on, not {most!r}.")
        self._request = request
        self._bounded = _bounded(request, since, until)
        self._digest = digest_of(self._bounded)
        self._memory = memory
        self._left = most
        self._ready: deque[WorkflowLogs] = deque()
        self._walk: LogWalk | None = None
        self._begin = known_bookmark(request, memory)
        self._last = self._begin and self._begin.position
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
        walk = yield from self._started(self._left)
        while not self._ready and self._left != 0 and not walk.ended:
            self._ready += yield from walk.step()
        return bool(self._ready) and self._left != 0

    def page(self) -> Steps[DifyPageResult[WorkflowLogs]]:
        """The next page, as long as the request says.

        Raises:
            LogCursorError: The row after which to begin was not found.
            LogWindowUnstableError: A second has more rows than can be read.
        """
        limit = self._request.limit if self._left is None else min(self._request.limit, self._left)
        walk = yield from self._started(limit)
        while not walk.ended and len(self._ready) + walk.sees_more <= limit:
            self._ready += yield from walk.step()
        if self._total is None:
            self._total = yield from self._counted(walk)
        rows = self._hand_out(limit)
        return DifyPageResult(
            data=rows,
            has_more=bool(self._ready) or walk.sees_more,
            limit=self._request.limit,
            total=self._total,
            last_id=self._last and self._last.id,
            cursor=self._cursor_for(self._bounded),
            request=self._bounded,
        )

    def _started(self, wanted: int | None) -> Steps[LogWalk]:
        """The walk, which knows how many rows are wanted of it."""
        if self._walk is None:
            if self._begin is None:
                self._begin = yield from starting_bookmark(self._request, self._memory)
                self._last = self._begin and self._begin.position
            if self._begin is not None and self._bounded is not self._request:
                self._begin = LogBookmark(self._begin.position)  # other rows were counted
            # What the last call that so many rows take has room for beyond them.
            spare = MAX_WINDOW if wanted is None else -wanted % MAX_WINDOW
            first = MAX_WINDOW if wanted is None else min(wanted + _SPARE, MAX_WINDOW)
            scope = scope_of(self._bounded)
            self._walk = LogWalk(scope, self._begin, spare=spare, first=first)
        return self._walk

    def _counted(self, walk: LogWalk) -> Steps[int]:
        """How many rows match, which is not known where a place came without its reading."""
        if walk.head is None:  # there was no row
            return walk.first_total
        if walk.head.total is not None:
            return walk.head.total
        scope = scope_of(self._bounded)
        answer = yield LogQuery(scope.after, scope.before, limit=1)
        return answer.total

    def _head_for(self, request: WorkflowLogsRequest) -> LogHead | None:
        """What the log was, as far as that holds for a request."""
        head = self._walk.head if self._walk else self._begin and self._begin.head
        if head is None:
            return None
        total = head.total if self._total is None else self._total
        return LogHead(head.newest, total if request is self._bounded else None)

    def _hand_out(self, count: int) -> tuple[WorkflowLogs, ...]:
        count = min(count, len(self._ready), *(() if self._left is None else (self._left,)))
        rows = tuple(self._ready.popleft() for _ in range(count))
        if rows:
            self._last = LogPosition.of(rows[-1])
            self._memory.note(rows, self._digest, self._head_for(self._bounded))
        if self._left is not None:
            self._left -= count
        return rows

    def _cursor_for(self, request: WorkflowLogsRequest) -> str | None:
        if self._last is None:
            return None
        return encode(LogBookmark(self._last, self._head_for(request)), digest_of(request))


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


class TailCore:
    """Finds the rows that appear, each once; a step that failed can be taken again.

    Args:
        request: Which rows, and after which one to begin.
        memory: Where rows that were returned are remembered.
    """

    def __init__(self, request: WorkflowLogsRequest, memory: LogMemory) -> None:
        if request.created_at_before is not None:
            raise InvalidRequestError(
                "tail_logs follows what comes, so created_at_before makes no sense; iter_logs has "
                "an end."
            )
        self._request = request
        self._memory = memory
        self._digest = digest_of(request)
        self._scope = scope_of(request)
        self._floor = self._scope.after
        self._seen: dict[str, int] = {}
        self._ready: deque[WorkflowLogs] = deque()
        self.has_begun = False
        """Whether it is settled which rows are old."""

    def begin(self) -> Steps[None]:
        """Settle which rows are old: all that there are, or those up to the request's place.

        Raises:
            LogCursorError: The row after which to begin was not found.
            LogWindowUnstableError: A second has more rows than can be read.
        """
        bookmark = yield from starting_bookmark(self._request, self._memory)
        if bookmark is not None:
            place = bookmark.position
            rows = yield from self._rows_from(place.created_at - LATEST)
            self._raise_floor(place.created_at)
            self._note([row for row in rows if LogPosition.of(row) <= place])
            self._deliver(rows)
        else:
            newest = (yield LogQuery(self._scope.after, None, limit=1)).rows
            if newest:
                self._note((yield from self._rows_from(newest[0].created_at - LATEST)))
        self.has_begun = True

    def poll(self) -> Steps[None]:
        """Look for new rows.

        Raises:
            LogWindowUnstableError: A second has more rows than can be read.
        """
        self._deliver((yield from self._rows_from(self._floor)))

    def pop(self) -> WorkflowLogs | None:
        """Hand out a new row, the oldest first; None where there is none."""
        if not self._ready:
            return None
        row = self._ready.popleft()
        self._memory.note([row], self._digest)
        return row

    def _rows_from(self, floor: int | None) -> Steps[list[WorkflowLogs]]:
        """All rows of this second and later."""
        bounds = [bound for bound in (floor, self._scope.after) if bound is not None]
        walk = LogWalk(attrs.evolve(self._scope, after=max(bounds, default=None)))
        rows: list[WorkflowLogs] = []
        while not walk.ended:
            rows += yield from walk.step()
        return rows

    def _deliver(self, rows: list[WorkflowLogs]) -> None:
        new = [row for row in rows if row.id not in self._seen]
        self._ready.extend(reversed(new))
        self._note(new)

    def _note(self, rows: list[WorkflowLogs]) -> None:
        """Remember rows for as long as others of their time may appear."""
        self._seen.update((row.id, row.created_at) for row in rows)
        if rows:
            self._raise_floor(max(row.created_at for row in rows))

    def _raise_floor(self, newest: int) -> None:
        self._floor = max(newest - LATEST, newest - LATEST if self._floor is None else self._floor)
        self._seen = {id_: time for id_, time in self._seen.items() if time >= self._floor}
