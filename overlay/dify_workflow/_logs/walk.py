"""Reads the log from new to old in windows of time, also seconds with very many rows. Pure."""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Callable, Iterable, Mapping

import attrs

from .._api.log_query import MAX_WINDOW, LogAnswer, LogQuery, Steps
from .._log_cursor import LogBookmark, LogHead, LogPosition
from ..errors import LogWindowUnstableError
from ..models import WorkflowLogs

LATEST = 3
"""New rows may be up to this many seconds older than the newest row.

Two seconds, because a row has the time at which its transaction began, and the transaction may
commit late. One second, because times are rounded to whole seconds.
"""

_ROUNDS = 20
"""How many times, at most, all pages of a second are read.

If every answer has a random order, one of 300 rows is missed with a probability of 10⁻⁸.
"""

_QUIET_ROUNDS = 5
"""After this many rounds without a new row, all rows are found, if the first round missed some.

The count alone does not prove that: a row may have been deleted after it was read.
"""

_MOST_ROWS = 100_000
"""At most this many rows of one second are read."""

_IN_VAIN = 300
"""Reading stops when the pages had room for this many rows more than twice the different rows. In
any order, pages show at least 60 % of the rows that they have room for; a server that shows less
does not have as many rows as it counts."""

_SETTLED = 60
"""After this many seconds by our clock, no new row appears in a second. The server's clock may
differ."""

_MOST_USERS = 10
"""How many users' rows are read separately in one round; the users with most rows come first."""

_STATUSES = ("succeeded", "failed", "stopped")
"""The statuses that the log can be filtered by."""


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


@attrs.define(eq=False, repr=False)
class _Second:
    """What was found of a second.

    Args:
        is_settled: Whether no new row can appear in it.
        rows: Its rows, by id.
        totals: How many rows the server counted in it.
    """

    is_settled: bool
    rows: dict[str, WorkflowLogs] = attrs.field(factory=dict[str, WorkflowLogs])
    totals: set[int] = attrs.field(factory=set[int])
    is_proven: bool = False
    """Whether the count proves that all rows were found: none was added or deleted meanwhile."""

    def count(self, total: int) -> None:
        """Add a count. It says nothing about later rows, because servers count before they read."""
        self.totals.add(total)
        self.is_proven = self.is_settled and self.totals == {total} and len(self.rows) >= total

    def read(self, query: LogQuery) -> Steps[int]:
        """Add the rows of all pages of a query, and return the server's highest count."""
        total = 0
        while True:
            answer = yield query
            if not query.narrowed:
                self.count(answer.total)
            self.rows.update((row.id, row) for row in answer.rows)
            total = max(total, answer.total)
            asked = query.page * query.limit
            enough = min(answer.total, _MOST_ROWS, 2 * len(self.rows) + _IN_VAIN)
            if self.is_proven or asked >= enough:
                return total
            query = attrs.evolve(query, page=query.page + 1)


def whole_second(
    second: int, scope: LogScope, *, is_settled: bool = False
) -> Steps[list[WorkflowLogs]]:
    """All rows of a second, in order.

    If the order changes between pages, some rows come twice and others not at all. So all pages
    are read until there are as many different rows as the server counts. Each round has another
    page size, which finds most of the missing rows. Later rounds also filter by status or user,
    to find rows that the server would not show otherwise.

    Args:
        second: The second (Unix time).
        scope: The filters.
        is_settled: Whether no new row can appear in it, so that equal counts prove that nothing
            has changed.

    Raises:
        LogWindowUnstableError: Not all rows were found.
    """
    found = _Second(is_settled)
    rows, total, quiet = found.rows, 0, 0
    for number in range(_ROUNDS):
        limit, before = MAX_WINDOW - number, len(rows)
        total = yield from found.read(LogQuery(second, second, limit))
        if len(rows) >= total and total <= limit:
            break
        if len(rows) == total and number == 0:
            # A row added after the count may hide that another row was on no page.
            counted = yield LogQuery(second, second, 1)
            found.count(counted.total)
            if counted.total == total:
                break
        for narrowed in _divisions(number, scope, rows.values()) if total > limit else ():
            if not found.is_proven:
                yield from found.read(LogQuery(second, second, limit, narrowed=narrowed))
        quiet = quiet + 1 if len(rows) == before else 0
        if found.is_proven or (len(rows) >= total and quiet == _QUIET_ROUNDS):
            break
        if len(rows) >= _MOST_ROWS:
            break
    if len(rows) < total:
        raise LogWindowUnstableError(second, len(rows), total)
    return in_order(rows.values())


def _divisions(
    number: int, scope: LogScope, rows: Iterable[WorkflowLogs]
) -> Iterable[Mapping[str, str]]:
    """The filters for this round: by status and by user in turn, if the scope allows it."""
    if number == 0:
        return []
    if scope.by_status and (number % 2 == 0 or not scope.by_user):
        return [{"status": status} for status in _STATUSES]
    if not scope.by_user:
        return []
    users = (row.created_by_end_user and row.created_by_end_user.session_id for row in rows)
    most = Counter(user for user in users if user).most_common(_MOST_USERS)
    return [{"created_by_end_user_session_id": user} for user, _ in most]


@attrs.frozen(eq=False, repr=False)
class _Cut:
    """The second in which a full answer ends.

    Args:
        second: The second (Unix time).
        rows: The rows of this second that the answer has.
        left: How many rows of the window the answer does not have.
    """

    second: int
    rows: list[WorkflowLogs]
    left: int

    @classmethod
    def of(cls, answer: LogAnswer) -> _Cut:
        """The last second of an answer that has rows."""
        second = min(row.created_at for row in answer.rows)
        rows = [row for row in answer.rows if row.created_at == second]
        return cls(second, rows, answer.total - len(answer.rows))


@attrs.frozen(eq=False, repr=False)
class _Window:
    """What to request next.

    Args:
        before: Last second of the window (Unix time); None for no bound.
        spare: How many rows may still be read twice; below zero if there were too many.
        cut: Where the previous answer ended: in this second, or in the one after it.
        limit: The most rows to request.
    """

    before: int | None
    spare: int
    cut: _Cut | None = None
    limit: int = MAX_WINDOW

    @property
    def reads_again(self) -> bool:
        """Whether it begins with the second in which the previous answer ended."""
        return self.cut is not None and self.cut.second == self.before


class LogWalk:
    """Reads the rows of the log in order. Each step returns the rows that are certain.

    A step that failed can be repeated.

    Args:
        scope: The filters.
        bookmark: Where to begin. The row at this position, and all newer rows, are left out.
        spare: How many rows may be read twice, not counting the rows of seconds that are really in
            two windows.
        first: The most rows of the first request.
        clock: Returns the time (Unix seconds).
    """

    def __init__(
        self,
        scope: LogScope,
        bookmark: LogBookmark | None = None,
        *,
        spare: int = MAX_WINDOW,
        first: int = MAX_WINDOW,
        clock: Callable[[], float] = time.time,
    ) -> None:
        self._scope = scope
        self._clock = clock
        self._position = bookmark and bookmark.position
        bounds = (scope.before, self._position and self._position.created_at)
        before = min((bound for bound in bounds if bound is not None), default=None)
        self._window = _Window(before, spare, limit=first)
        self.head = bookmark and (bookmark.head or LogHead(bookmark.position.created_at, None))
        """The state of the log when reading began; None before the first answer or without rows."""
        self.first_total = 0
        """The count in the first answer, also if it had no rows."""
        self.ended = False
        """Whether all rows were returned."""
        self.sees_more = False
        """Whether there are more rows after those returned, which are not certain yet."""

    def step(self) -> Steps[list[WorkflowLogs]]:
        """The next rows in order. The list may be empty before the end.

        Raises:
            LogWindowUnstableError: A second has more rows than can be read.
        """
        answer = yield LogQuery(self._scope.after, self._window.before, self._window.limit)
        known = yield from self._skipped(answer)
        if self.head is None:
            self.first_total = answer.total
        if self.head is None and answer.rows:
            self.head = LogHead(max(row.created_at for row in answer.rows), answer.total)
        if self._is_last(answer):
            return self._end(known + list(answer.rows), answer)
        cut, spare = _Cut.of(answer), self._spare(answer)
        known += [row for row in answer.rows if row.created_at > cut.second]
        if len(cut.rows) == MAX_WINDOW:
            return (yield from self._settled(cut, spare, known))
        # After a short window, the next one has room for the second in which it probably ended.
        is_long = self._window.limit == MAX_WINDOW
        may_count = is_long and self._is_quiet() and cut.second != self._scope.after
        if len(cut.rows) > spare and may_count:
            return self._go_on(known, _Window(cut.second - 1, spare, cut))
        return self._go_on(known, _Window(cut.second, spare - len(cut.rows), cut))

    def _settled(
        self, cut: _Cut, spare: int, known: list[WorkflowLogs]
    ) -> Steps[list[WorkflowLogs]]:
        """The rows known, and all rows of a second that fills a whole answer."""
        rows = yield from self._whole(cut.second)
        if cut.second == self._scope.after:
            return self._end(known + rows)
        sees_more = len(rows) == len(cut.rows) and cut.left > 0
        return self._go_on(known + rows, _Window(cut.second - 1, spare), sees_more=sees_more)

    def _whole(self, second: int) -> Steps[list[WorkflowLogs]]:
        """All rows of a second."""
        newest = second if self.head is None else self.head.newest
        is_settled = second < newest - LATEST or second < self._clock() - _SETTLED
        return whole_second(second, self._scope, is_settled=is_settled)

    def _skipped(self, answer: LogAnswer) -> Steps[list[WorkflowLogs]]:
        """All rows of the second in which the previous answer ended, if the window is after it."""
        cut = self._window.cut
        if cut is None or self._window.reads_again:
            return []
        if answer.total == cut.left:  # all missing rows are in this window, none in that second
            return list(cut.rows)
        return (yield from self._whole(cut.second))

    def _spare(self, answer: LogAnswer) -> int:
        """How many rows may be read twice: 100 more for a second that was in two windows."""
        window = self._window
        if window.cut is None:
            return window.spare - sum(not self._is_wanted(row) for row in answer.rows)
        if not window.reads_again:
            return window.spare
        shown = [row for row in answer.rows if row.created_at == window.before]
        return window.spare + (MAX_WINDOW if len(shown) > len(window.cut.rows) else 0)

    def _is_last(self, answer: LogAnswer) -> bool:
        """Whether the answer has all rows of its window.

        The server counts before it reads. A row that appears in between pushes another row off a
        full page. So the count of a full page proves nothing, unless no new row can appear.
        """
        count = len(answer.rows)
        is_full = count >= self._window.limit
        return not is_full or (answer.total <= count and self._is_quiet())

    def _is_quiet(self) -> bool:
        """Whether no new row can appear in the window that was requested."""
        before = self._window.before
        return before is not None and self.head is not None and before < self.head.newest - LATEST

    def _go_on(
        self, known: list[WorkflowLogs], window: _Window, *, sees_more: bool = False
    ) -> list[WorkflowLogs]:
        self._window = window
        shown = () if window.cut is None else window.cut.rows
        self.sees_more = sees_more or any(map(self._is_wanted, shown))
        return self._wanted(known)

    def _end(
        self, known: list[WorkflowLogs], answer: LogAnswer | None = None
    ) -> list[WorkflowLogs]:
        self.ended = True
        # If a server sends fewer rows than requested but counts more, both are taken as true.
        self.sees_more = answer is not None and 0 < len(answer.rows) < answer.total
        return self._wanted(known)

    def _wanted(self, rows: list[WorkflowLogs]) -> list[WorkflowLogs]:
        return in_order(filter(self._is_wanted, rows))

    def _is_wanted(self, row: WorkflowLogs) -> bool:
        return self._position is None or LogPosition.of(row) < self._position
