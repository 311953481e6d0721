"""The rows of the log from where a request says on, a page or a row at a time.

`LogPager` asks queries, and `LogSource` makes calls of them. Neither sends anything.
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
from .._api.log_query import MAX_WINDOW, LogAnswer, LogQuery, LogScope, Steps
from .._http.options import Options
from .._http.request import Call
from .._http.servers import Servers
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
from .walk import LogWalk

T = TypeVar("T")

MOST_ROWS = 10_000
"""Rows that are remembered, some 3 MB; others are looked for in the log."""

_SPARE = 10
"""Rows to ask for beyond those wanted: others share the seconds at which they begin and end."""


LONGEST_SEARCH = 4.0
"""Seconds after which no further rows are looked through; the last call may take one more."""

_UUID = re.compile(r"[0-9a-fA-F]{8}(-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}")

_IGNORES_USERS = re.compile(r"(0|1\.[0-4])(\.|$)")
"""Versions that ignore `created_by_…` and list everybody's runs."""


class _Row(NamedTuple):
    """A row that was returned: its time, and for which filters and in which reading it was."""

    created_at: int
    digest: str
    head: LogHead | None


class LogMemory:
    """The rows that were returned last; any thread may use it.

    Ids are random UUIDs, so one memory serves the logs of all apps and servers.

    Args:
        size: Most rows to remember.
    """

    def __init__(self, size: int = MOST_ROWS) -> None:
        self._size = size
        self._rows: OrderedDict[str, _Row] = OrderedDict()
        self._lock = Lock()

    def note(self, rows: Iterable[WorkflowLogs], digest: str, head: LogHead | None = None) -> None:
        """Remember rows, and forget those that were returned longest ago.

        Args:
            rows: What was returned.
            digest: What `digest_of` says of the filters for which they were read.
            head: What the log was when its reading began.
        """
        with self._lock:
            for row in rows:
                self._rows[row.id] = _Row(row.created_at, digest, head)
                self._rows.move_to_end(row.id)
            while len(self._rows) > self._size:
                self._rows.popitem(last=False)

    def bookmark(self, row_id: str, digest: str) -> LogBookmark | None:
        """Where to go on after a row; None where it is not remembered.

        Args:
            row_id: The row's id.
            digest: What `digest_of` says of the filters for which to go on.
        """
        with self._lock:
            row = self._rows.get(row_id)
        if row is None:
            return None
        position = LogPosition(row.created_at, row_id)
        return LogBookmark(position, row.head if row.digest == digest else None)


RETURNED = LogMemory()
"""The memory of this process, for all its clients."""


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
        f"last_id: none of {where} rows that match has the id {row_id}. Give the row's time too, "
        "as last_created_at; next_request() and cursor of a page have it. The id of the run finds "
        f"the row at once, and a max_scan above {MAX_SCAN} has more rows looked through."
    )


def _until(end: float, steps: Steps[T]) -> Steps[T | None]:
    """What comes of a conversation; None where it takes longer than to this moment."""
    try:
        query = next(steps)
        while time.monotonic() < end:
            query = steps.send((yield query))
    except StopIteration as stop:
        outcome: T = stop.value
        return outcome
    return None


def _place_of_run(request: WorkflowLogsRequest, run_id: str) -> Steps[LogPosition | None]:
    """The place of a run's row; None where there is none, or the keyword is taken."""
    if not _UUID.fullmatch(run_id) or not scope_of(request).by_keyword:
        return None
    scope = scope_of(request)
    try:
        answer = yield LogQuery(scope.after, scope.before, narrowed={"keyword": run_id})
    except (APIConnectionError, BadRequestError, ServerError):
        return None  # a slow or broken search must not fail what the walk can find
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


@attrs.frozen
class LogSource:
    """The log of one app, as a request filters it.

    Args:
        name: Name of the method that was called.
        request: What is asked for.
        options: The client's options.
        servers: What is known of the servers that answered.
    """

    name: str
    request: WorkflowLogsRequest
    options: Options
    servers: Servers

    def calls(self, steps: Steps[T]) -> Generator[Call[Any], Any, T]:
        """The conversation with its queries as calls.

        Raises:
            UnsupportedServerError: The server is too old for the request's filters.
            InvalidResponseError: The server answered something else.
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
                "would list everybody's runs; that takes Dify 1.5 or newer."
            )

    def _check_row(self, query: LogQuery, row: WorkflowLogs) -> None:
        """Refuse an answer that was not asked for, on which no walk could rely."""
        lower, upper = query.after, query.before
        if (lower is not None and row.created_at < lower) or (
            upper is not None and row.created_at > upper
        ):
            raise InvalidResponseError(
                f"{self.name}: the server answered with a row of another time than asked for "
                f"(row {row.id}, {row.created_at})."
            )
        wanted = self.request.created_by_end_user_session_id
        user = row.created_by_end_user and row.created_by_end_user.session_id
        # Databases may compare without regard to case (MySQL's collations).
        if wanted and user and user.casefold() != wanted.casefold():
            raise UnsupportedServerError(
                f"{self.name}: the server answered with a run of {user!r}, though only those of "
                f"{wanted!r} were asked for; that takes Dify 1.5 or newer."
            )
