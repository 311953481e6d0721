"""Reads the log from the position of a request, page by page or row by row.

`LogPager` yields queries, and `LogSource` turns queries into calls. Neither sends anything.
"""

from __future__ import annotations

import math
import re
import time
from collections import OrderedDict, deque
from collections.abc import Generator, Iterable
from datetime import datetime
from threading import Lock
from typing import Any, NamedTuple, TypeVar

import attrs

from .._api import operations
from .._api.log_query import MAX_WINDOW, LogAnswer, LogQuery, Steps
from .._http.answer import Servers
from .._http.options import Options
from .._http.request import Call
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
from ..errors import (
    APIConnectionError,
    BadRequestError,
    DifyError,
    InvalidRequestError,
    InvalidResponseError,
    LogCursorError,
    ServerError,
    UnsupportedServerError,
)
from ..models import DifyPageResult, WorkflowLogs, WorkflowLogsRequest
from ..models.log import MAX_SCAN, checked_moment
from .walk import LogScope, LogWalk

T = TypeVar("T")

MOST_ROWS = 10_000
"""How many rows are remembered (about 3 MB). Other rows are searched for in the log."""

_SPARE = 10
"""How many rows to request beyond those wanted, because other rows have the same first or last
second."""


LONGEST_SEARCH = 4.0
"""Seconds after which a search ends. Its last request may take another second."""

_UUID = re.compile(r"[0-9a-fA-F]{8}(-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}")

_IGNORES_USERS = re.compile(r"(0|1\.[0-4])(\.|$)")
"""Versions that ignore `created_by_…` and list everybody's runs."""


class _Row(NamedTuple):
    """A row that was returned: its time, the hash of its filters, and the state of the log."""

    created_at: int
    digest: str
    head: LogHead | None


class LogMemory:
    """Remembers the rows that were returned last. It is thread-safe.

    Ids are random UUIDs, so one memory serves the logs of all apps and servers.

    Args:
        size: How many rows it remembers.
    """

    def __init__(self, size: int = MOST_ROWS) -> None:
        self._size = size
        self._rows: OrderedDict[str, _Row] = OrderedDict()
        self._lock = Lock()

    def note(self, rows: Iterable[WorkflowLogs], digest: str, head: LogHead | None = None) -> None:
        """Remember rows, and forget the oldest ones.

        Args:
            rows: The rows that were returned.
            digest: What `digest_of` returns for their request.
            head: The state of the log when reading began.
        """
        with self._lock:
            for row in rows:
                self._rows[row.id] = _Row(row.created_at, digest, head)
                self._rows.move_to_end(row.id)
            while len(self._rows) > self._size:
                self._rows.popitem(last=False)

    def bookmark(self, row_id: str, digest: str) -> LogBookmark | None:
        """Where to continue after a row; None if the row is not remembered.

        Args:
            row_id: The row's id.
            digest: What `digest_of` returns for the request that continues.
        """
        with self._lock:
            row = self._rows.get(row_id)
        if row is None:
            return None
        position = LogPosition(row.created_at, row_id)
        return LogBookmark(position, row.head if row.digest == digest else None)


RETURNED = LogMemory()
"""The rows that all clients of this process returned last."""


def scope_of(request: WorkflowLogsRequest) -> LogScope:
    """The rows that a request asks for, in whole seconds of the server's clock."""
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
    """Where a request begins, if that is known without a search; else None.

    Args:
        request: The request.
        memory: Remembers the rows that were returned.
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
    """Where a request begins; None if it begins with the newest row.

    Args:
        request: The request.
        memory: Remembers the rows that were returned.

    Raises:
        LogCursorError: The row `last_id` was not found.
        LogWindowUnstableError: A second has more rows than can be read.
    """
    bookmark = known_bookmark(request, memory)
    if bookmark is None and request.last_id is not None:
        return (yield from _searched(request, request.last_id))
    return bookmark


def _searched(request: WorkflowLogsRequest, row_id: str) -> Steps[LogBookmark]:
    """Search for a row: first as a run id by keyword, then row by row from the newest on."""
    position = yield from _position_of_run(request, row_id)
    if position is not None:
        return LogBookmark(position)
    walk = LogWalk(scope_of(request))
    seconds = LONGEST_SEARCH if request.max_scan <= MAX_SCAN else math.inf
    seen, end = 0, time.monotonic() + seconds
    while not walk.ended and seen < request.max_scan:
        rows = yield from _until(end, walk.step())
        if rows is None:
            break
        for row in rows[: request.max_scan - seen]:
            if row_id in {row.id, row.workflow_run and row.workflow_run.id}:
                return LogBookmark(LogPosition.of(row), walk.head)
        seen += len(rows)
    seen = min(seen, request.max_scan)
    where = f"all {seen}" if walk.ended and seen < request.max_scan else f"the newest {seen}"
    raise LogCursorError(
        f"last_id: none of {where} rows that match has the id {row_id}. Pass the time of the row "
        "as last_created_at, or use next_request() or the cursor of a page. You can also pass the "
        f"id of the run, or search more rows with max_scan above {MAX_SCAN}."
    )


def _until(end: float, steps: Steps[T]) -> Steps[T | None]:
    """The result of a generator of queries; None if this moment comes first."""
    try:
        query = next(steps)
        while time.monotonic() < end:
            query = steps.send((yield query))
    except StopIteration as stop:
        outcome: T = stop.value
        return outcome
    return None


def _position_of_run(request: WorkflowLogsRequest, run_id: str) -> Steps[LogPosition | None]:
    """The position of a run's row; None if there is none, or if `keyword` is in use."""
    if not _UUID.fullmatch(run_id) or not scope_of(request).by_keyword:
        return None
    scope = scope_of(request)
    try:
        answer = yield LogQuery(scope.after, scope.before, narrowed={"keyword": run_id})
    except (APIConnectionError, BadRequestError, ServerError):
        return None  # the search row by row can still find it
    for row in answer.rows:
        if row.workflow_run is not None and row.workflow_run.id == run_id.lower():
            return LogPosition.of(row)
    return None


class LogPager:
    """Returns the rows of a request in order, each once. A step that failed can be repeated.

    Args:
        request: The filters, and where to begin.
        memory: Remembers the rows that were returned.
        since: No rows before this time.
        until: No rows after this time.
        most: The most rows to return; None for all.
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
            raise InvalidRequestError(f"limit must be a whole number, 0 or more, not {most!r}.")
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
        """Text to continue after the row that was returned last, or the start of the request."""
        return self._cursor_for(self._request)

    def pop(self) -> WorkflowLogs | None:
        """Return a row that was already received; None if there is none."""
        rows = self._hand_out(1)
        return rows[0] if rows else None

    def fetch(self) -> Steps[bool]:
        """Read more rows, and say if there are any to return.

        Raises:
            LogCursorError: The row `last_id` was not found.
            LogWindowUnstableError: A second has more rows than can be read.
        """
        walk = yield from self._started(self._left)
        while not self._ready and self._left != 0 and not walk.ended:
            self._ready += yield from walk.step()
        return bool(self._ready) and self._left != 0

    def page(self) -> Steps[DifyPageResult[WorkflowLogs]]:
        """The next page, with the request's `limit`.

        Raises:
            LogCursorError: The row `last_id` was not found.
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
        """The walk over the log, for this many rows (None for all)."""
        if self._walk is None:
            if self._begin is None:
                self._begin = yield from starting_bookmark(self._request, self._memory)
                self._last = self._begin and self._begin.position
            if self._begin is not None and self._bounded is not self._request:
                self._begin = LogBookmark(self._begin.position)  # its count had other time bounds
            # How many rows more than wanted the last request has room for.
            spare = MAX_WINDOW if wanted is None else -wanted % MAX_WINDOW
            first = MAX_WINDOW if wanted is None else min(wanted + _SPARE, MAX_WINDOW)
            scope = scope_of(self._bounded)
            self._walk = LogWalk(scope, self._begin, spare=spare, first=first)
        return self._walk

    def _counted(self, walk: LogWalk) -> Steps[int]:
        """How many rows match. The server is asked if the bookmark has no count."""
        if walk.head is None:  # there was no row
            return walk.first_total
        if walk.head.total is not None:
            return walk.head.total
        scope = scope_of(self._bounded)
        answer = yield LogQuery(scope.after, scope.before, limit=1)
        return answer.total

    def _head_for(self, request: WorkflowLogsRequest) -> LogHead | None:
        """The state of the log when reading began, if it is valid for a request."""
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
    """The request with `since` and `until` added to its time filters."""
    if since is None and until is None:
        return request
    after = [time for time in (request.created_at_after, checked_moment("since", since)) if time]
    before = [time for time in (request.created_at_before, checked_moment("until", until)) if time]
    return attrs.evolve(
        request,
        created_at_after=max(after, default=None),
        created_at_before=min(before, default=None),
        cursor=None,  # it belongs to the filters without `since` and `until`
    )


@attrs.frozen(eq=False, repr=False)
class LogSource:
    """The log of one app, filtered by a request.

    Args:
        name: Name of the method that was called.
        request: The request.
        options: The client's options.
        servers: What the client knows about the servers that answered.
    """

    name: str
    request: WorkflowLogsRequest
    options: Options
    servers: Servers

    def calls(self, steps: Steps[T]) -> Generator[Call[Any], Any, T]:
        """Turn a generator of queries into a generator of calls.

        Raises:
            UnsupportedServerError: The server is too old for the request's filters.
            InvalidResponseError: The answer has rows that do not match the query.
        """
        options = self.options.changed(api_key=self.request.api_key)
        try:
            query = next(steps)
            while True:
                self._check_version()
                operation = operations.list_workflow_logs(self.name, self.request, query)
                try:
                    answer: LogAnswer = yield Call(operation, options)
                except DifyError as error:
                    query = steps.throw(error)
                    continue
                self._check_version()
                for row in answer.rows:
                    self._check_row(query, row)
                query = steps.send(answer)
        except StopIteration as end:
            outcome: T = end.value
            return outcome

    def _check_version(self) -> None:
        version = self.servers.version(self.options.base_url)
        request = self.request
        asks_users = request.created_by_end_user_session_id or request.created_by_account
        if asks_users and version is not None and _IGNORES_USERS.match(version):
            raise UnsupportedServerError(
                f"{self.name}: this server (Dify {version}) cannot filter by user or account and "
                "would list the runs of all users; the filter needs Dify 1.5 or newer."
            )

    def _check_row(self, query: LogQuery, row: WorkflowLogs) -> None:
        """Raise an error for a row that does not match the query."""
        lower, upper = query.after, query.before
        if (lower is not None and row.created_at < lower) or (
            upper is not None and row.created_at > upper
        ):
            raise InvalidResponseError(
                f"{self.name}: the server answered with a row outside the requested time "
                f"(row {row.id}, {row.created_at})."
            )
        wanted = self.request.created_by_end_user_session_id
        user = row.created_by_end_user and row.created_by_end_user.session_id
        # Databases may ignore case when they compare (MySQL's collations).
        if wanted and user and user.casefold() != wanted.casefold():
            raise UnsupportedServerError(
                f"{self.name}: the server answered with a run of {user!r} instead of only runs of "
                f"{wanted!r}; the filter needs Dify 1.5 or newer."
            )
