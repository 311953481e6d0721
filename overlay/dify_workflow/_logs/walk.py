"""The way down the log: windows of time, and seconds that hold more than an answer. Pure."""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Callable, Iterable, Mapping

import attrs

from .._api.log_query import LATEST, MAX_WINDOW, LogAnswer, LogQuery, LogScope, Steps, in_order
from .._log_cursor import LogBookmark, LogHead, LogPosition
from ..errors import LogWindowUnstableError
from ..models import WorkflowLogs

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

_SETTLED = 60
"""Seconds by our clock after which no row appears in a second any more; the server's may be off."""

_MOST_USERS = 10
"""Most users whose rows are read apart in one round; the ones with most rows come first."""

_STATUSES = ("succeeded", "failed", "stopped")
"""What the log can be filtered for."""


@attrs.define
class _Second:
    """What came up of a second.

    Args:
        is_settled: Whether no row appears in it any more.
        rows: Its rows, by id.
        totals: How many rows the server counted in it.
    """

    is_settled: bool
    rows: dict[str, WorkflowLogs] = attrs.field(factory=dict[str, WorkflowLogs])
    totals: set[int] = attrs.field(factory=set[int])
    is_proven: bool = False
    """Whether the count alone shows that all rows came: none came or went meanwhile."""

    def count(self, total: int) -> None:
        """Note a count, which proves only rows that came before it: servers count, then read."""
        self.totals.add(total)
        self.is_proven = self.is_settled and self.totals == {total} and len(self.rows) >= total

    def read(self, query: LogQuery) -> Steps[int]:
        """Add the rows of a query's pages; return how many the server counted at most."""
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

    Where the order changes between pages, some rows come twice and others not at all. So the pages
    are read until the distinct rows are as many as the server counts, and once more with another
    size, which brings up most of what was missing. Then pages of fewer rows, by status or user,
    bring up what a server keeps hidden otherwise.

    Args:
        second: The second (Unix).
        scope: Which of its rows are meant.
        is_settled: Whether no row appears in it any more, so that a count that stays the same
            proves that nothing has changed.

    Raises:
        LogWindowUnstableError: Not all rows came up.
    """
    found = _Second(is_settled)
    rows, total, quiet = found.rows, 0, 0
    for number in range(_ROUNDS):
        limit, before = MAX_WINDOW - number, len(rows)
        total = yield from found.read(LogQuery(second, second, limit))
        if len(rows) >= total and total <= limit:
            break
        if len(rows) == total and number == 0:
            # A row that came between a count and its page may stand for one that no page showed.
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
    """How to divide a second in this round: by status and by user in turn, as far as possible."""
    if number == 0:
        return []
    if scope.by_status and (number % 2 == 0 or not scope.by_user):
        return [{"status": status} for status in _STATUSES]
    if not scope.by_user:
        return []
    users = (row.created_by_end_user and row.created_by_end_user.session_id for row in rows)
    most = Counter(user for user in users if user).most_common(_MOST_USERS)
    return [{"created_by_end_user_session_id": user} for user, _ in most]


@attrs.frozen
class _Cut:
    """A second at which an answer was cut.

    Args:
        second: The second (Unix).
        rows: Those of its rows that the answer showed.
        left: How many rows of its window the answer did not show.
    """

    second: int
    rows: list[WorkflowLogs]
    left: int

    @classmethod
    def of(cls, answer: LogAnswer) -> _Cut:
        """Where an answer was cut; it has rows."""
        second = min(row.created_at for row in answer.rows)
        rows = [row for row in answer.rows if row.created_at == second]
        return cls(second, rows, answer.total - len(answer.rows))


@attrs.frozen
class _Window:
    """What to ask for next.

    Args:
        before: Last second of the window (Unix); None where it is open.
        spare: How many rows may still be read twice; below zero where there were too many.
        cut: Where the answer before was cut: in this second, or in the one behind it.
        limit: Most rows to ask for.
    """

    before: int | None
    spare: int
    cut: _Cut | None = None
    limit: int = MAX_WINDOW

    @property
    def reads_again(self) -> bool:
        """Whether it begins with the second at which the answer before was cut."""
        return self.cut is not None and self.cut.second == self.before


class LogWalk:
    """Reads the rows of the log in order, as many at a time as an answer makes certain.

    What that costs stands in docs/logs.md, and in tests/test_log_cost.py. A step that failed can be
    taken again.

    Args:
        scope: Which rows to walk over.
        bookmark: Where to begin; rows at this place and before it are left out.
        spare: How many rows may be read twice, besides those of seconds that do have rows in two
            windows.
        first: Most rows to ask for at first.
        clock: Tells the time (Unix seconds).
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
        """What the log was when its reading began; None before the first answer, or without rows"""
        self.first_total = 0
        """What the answer counted that would have begun the reading, also where it had no rows."""
        self.ended = False
        """Whether all rows were returned."""
        self.sees_more = False
        """Whether there are rows behind those returned which are not certain yet."""

    def step(self) -> Steps[list[WorkflowLogs]]:
        """The next rows in order; there may be none though the walk has not ended.

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
        # Behind a short window the next one has room for the second, which it probably cut in two.
        is_long = self._window.limit == MAX_WINDOW
        may_count = is_long and self._is_quiet() and cut.second != self._scope.after
        if len(cut.rows) > spare and may_count:
            return self._go_on(known, _Window(cut.second - 1, spare, cut))
        return self._go_on(known, _Window(cut.second, spare - len(cut.rows), cut))

    def _settled(
        self, cut: _Cut, spare: int, known: list[WorkflowLogs]
    ) -> Steps[list[WorkflowLogs]]:
        """The rows known, and all of a second that fills an answer by itself."""
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
        """All rows of the second at which the answer before was cut, if the window is behind it."""
        cut = self._window.cut
        if cut is None or self._window.reads_again:
            return []
        if answer.total == cut.left:  # this window has all that was not shown: none of the second
            return list(cut.rows)
        return (yield from self._whole(cut.second))

    def _spare(self, answer: LogAnswer) -> int:
        """How many rows may be read twice: a hundred more for a second that was in two windows."""
        window = self._window
        if window.cut is None:
            return window.spare - sum(not self._is_wanted(row) for row in answer.rows)
        if not window.reads_again:
            return window.spare
        shown = [row for row in answer.rows if row.created_at == window.before]
        return window.spare + (MAX_WINDOW if len(shown) > len(window.cut.rows) else 0)

    def _is_last(self, answer: LogAnswer) -> bool:
        """Whether the answer has all rows of its window.

        The server counts first and reads then. A row that appears in between pushes another one
        off a full page, so there the count proves nothing, unless no row appears any more.
        """
        count = len(answer.rows)
        is_full = count >= self._window.limit
        return not is_full or (answer.total <= count and self._is_quiet())

    def _is_quiet(self) -> bool:
        """Whether no row appears any more in the window that was asked for."""
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
        # A server that gives fewer rows than asked for and counts more is believed in both.
        self.sees_more = answer is not None and 0 < len(answer.rows) < answer.total
        return self._wanted(known)

    def _wanted(self, rows: list[WorkflowLogs]) -> list[WorkflowLogs]:
        return in_order(filter(self._is_wanted, rows))

    def _is_wanted(self, row: WorkflowLogs) -> bool:
        return self._position is None or LogPosition.of(row) < self._position
