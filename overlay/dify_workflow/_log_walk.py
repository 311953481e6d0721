"""Walking down the log: which window of time to ask for next, and which rows are certain. Pure.

The server counts pages over a list that grows at its head, and rows of the same second come in an
order that changes from request to request (DIFY.md section 0.1), so pages lose rows and repeat
others. What can be relied on is a single answer: the newest rows of a window of time, read by one
statement. Of those, only the second at which the answer was cut may lack rows, so the next window
begins with that second again, and the answer's other rows are certain.
"""

from __future__ import annotations

import attrs

from ._log_cursor import LogPosition
from ._log_query import MAX_WINDOW, LogAnswer, LogQuery, LogScope, Steps, in_order
from ._log_second import whole_second
from .models import WorkflowLogs

QUIET_AFTER = 60
"""Seconds behind the newest row from which on no row appears any more.

A row appears when the transaction that gave it its time is committed. That takes milliseconds; a
minute leaves room for a database under load.
"""


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


@attrs.frozen
class _Window:
    """What to ask for next.

    Args:
        before: Last second of the window (Unix); None where it is open.
        cut: Where the answer before was cut: in this second, or in the one behind it.
        spare: How many rows may be read a second time, so that a walk keeps to its cost.
    """

    before: int | None
    cut: _Cut | None = None
    spare: int = MAX_WINDOW

    @property
    def reads_again(self) -> bool:
        """Whether it begins with the second at which the answer before was cut."""
        return self.cut is not None and self.cut.second == self.before


class LogWalk:
    """Reads the rows of the log in order, as many at a time as an answer makes certain.

    Of n rows in seconds that fit into an answer, that takes at most ⌈n/100⌉ calls, one for each
    second with rows in two windows, and one more. (At the head of the log, where rows may still
    appear, a second at which an answer was cut counts as one with rows in two windows.)

    A step that failed can be taken again.

    Args:
        scope: Which rows to walk over.
        position: Where to begin; rows at this place and before it are left out.
    """

    def __init__(self, scope: LogScope, position: LogPosition | None = None) -> None:
        self._scope = scope
        self._position = position
        bounds = (scope.before, position and position.created_at)
        self._window = _Window(min((bound for bound in bounds if bound is not None), default=None))
        self._newest: int | None = None
        self.total: int | None = None
        """How many rows there are in all; None before the first answer, or within the log."""
        self.ended = False
        """Whether all rows were returned."""
        self.sees_more = False
        """Whether there are rows behind those returned which are not certain yet."""

    def step(self, limit: int = MAX_WINDOW) -> Steps[list[WorkflowLogs]]:
        """The next rows in order; there may be none though the walk has not ended.

        Args:
            limit: Most rows to ask for at once.

        Raises:
            LogWindowUnstableError: A second has more rows than can be read.
        """
        answer = yield LogQuery(self._scope.after, self._window.before, limit)
        rows = list(answer.rows)
        known = yield from self._skipped(answer)
        if self._newest is None:
            self._newest = max((row.created_at for row in rows), default=None)
            self.total = answer.total if self._position is None else None
        if self._is_last(answer, limit):
            # A server that gives fewer rows than asked for and counts more is believed in both.
            return self._end(known + rows, sees_more=0 < len(rows) < answer.total)
        second = min(row.created_at for row in rows)
        newer = [row for row in rows if row.created_at > second]
        cut = _Cut(
            second,
            [row for row in rows if row.created_at == second],
            answer.total - len(rows),
        )
        spare = self._spare(answer)
        may_skip = second != self._scope.after and self._is_quiet()
        if may_skip and (not newer or len(cut.rows) > spare):
            return self._go_on(known + newer, _Window(second - 1, cut, spare))
        if newer:
            return self._go_on(known + newer, _Window(second, cut, spare - len(cut.rows)))
        known += yield from whole_second(second, self._scope)
        if second == self._scope.after:
            return self._end(known)
        return self._go_on(known, _Window(second - 1, spare=spare))

    def _skipped(self, answer: LogAnswer) -> Steps[list[WorkflowLogs]]:
        """All rows of the second at which the answer before was cut, if the window is behind it."""
        cut = self._window.cut
        if cut is None or self._window.reads_again:
            return []
        if answer.total == cut.left:  # this window has all that was not shown: none of the second
            return cut.rows
        return (yield from whole_second(cut.second, self._scope))

    def _spare(self, answer: LogAnswer) -> int:
        """How many rows may be read again: a hundred more for a second that was in two windows."""
        window = self._window
        if window.cut is None or not window.reads_again:
            return window.spare
        shown = [row for row in answer.rows if row.created_at == window.before]
        return window.spare + (MAX_WINDOW if len(shown) > len(window.cut.rows) else 0)

    def _is_last(self, answer: LogAnswer, limit: int) -> bool:
        """Whether the answer has all rows of its window.

        The server counts first and reads then. A row that appears in between pushes another one
        off a full page, so there the count proves nothing, unless no row appears any more.
        """
        count = len(answer.rows)
        return count < limit or (answer.total <= count and self._is_quiet())

    def _is_quiet(self) -> bool:
        """Whether no row appears any more in the window that was asked for."""
        before = self._window.before
        if before is None or self._newest is None:
            return False
        return before <= self._newest - QUIET_AFTER

    def _go_on(self, known: list[WorkflowLogs], window: _Window) -> list[WorkflowLogs]:
        self._window = window
        self.sees_more = window.cut is not None and any(map(self._is_wanted, window.cut.rows))
        return self._wanted(known)

    def _end(self, known: list[WorkflowLogs], *, sees_more: bool = False) -> list[WorkflowLogs]:
        self.ended = True
        self.sees_more = sees_more
        return self._wanted(known)

    def _wanted(self, rows: list[WorkflowLogs]) -> list[WorkflowLogs]:
        return in_order(filter(self._is_wanted, rows))

    def _is_wanted(self, row: WorkflowLogs) -> bool:
        return self._position is None or LogPosition.of(row) < self._position
