"""Walking down the log: which window of time to ask for next, and which rows are certain. Pure.

The server counts pages over a list that grows at its head, and rows of the same second come in an
order that changes from request to request (DIFY.md section 0.1), so pages lose rows and repeat
others. What can be relied on is a single answer: the newest rows of a window of time, read by one
statement. Of those, only the second at which the answer was cut may lack rows, so the next window
begins with that second again, and the answer's other rows are certain.
"""

from __future__ import annotations

from collections.abc import Iterable

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


class LogWalk:
    """Reads the rows of the log in order, as many at a time as an answer makes certain.

    A step that failed can be taken again.

    Args:
        scope: Which rows to walk over.
        position: Where to begin; rows at this place and before it are left out.
    """

    def __init__(self, scope: LogScope, position: LogPosition | None = None) -> None:
        self._scope = scope
        self._position = position
        bounds = (scope.before, position and position.created_at)
        self._before = min((bound for bound in bounds if bound is not None), default=None)
        self._newest: int | None = None
        self._cut: _Cut | None = None
        self.total: int | None = None
        """How many rows there are in all; None before the first answer, or within the log."""
        self.ended = False
        """Whether all rows were returned."""
        self.sees_more = False
        """Whether rows were seen that follow those returned and are not certain yet."""

    def step(self, limit: int = MAX_WINDOW) -> Steps[list[WorkflowLogs]]:
        """The next rows in order; there may be none though the walk has not ended.

        Args:
            limit: Most rows to ask for at once.

        Raises:
            LogWindowUnstableError: A second has more rows than can be read.
        """
        answer = yield LogQuery(self._scope.after, self._before, limit)
        rows = list(answer.rows)
        known = (yield from self._rest(self._cut, answer)) if self._cut else []
        if self._newest is None:
            self._newest = max((row.created_at for row in rows), default=None)
            self.total = answer.total if self._position is None else None
        if self._is_last(answer, limit):
            return self._move(known + rows, ended=True)
        second = min(row.created_at for row in rows)
        newer = [row for row in rows if row.created_at > second]
        unsure = [row for row in rows if row.created_at == second]
        if self._is_quiet() and second != self._scope.after:
            cut = _Cut(second, unsure, answer.total - len(rows))
            return self._move(known + newer, before=second - 1, unsure=unsure, cut=cut)
        if newer:
            return self._move(known + newer, before=second, unsure=unsure)
        known += yield from whole_second(second, self._scope)
        return self._move(known, before=second - 1, ended=second == self._scope.after)

    def _rest(self, cut: _Cut, answer: LogAnswer) -> Steps[list[WorkflowLogs]]:
        """All rows of the second at which the answer before was cut."""
        if answer.total == cut.left:  # all it did not show are in this window: none of the second
            return cut.rows
        return (yield from whole_second(cut.second, self._scope))

    def _is_last(self, answer: LogAnswer, limit: int) -> bool:
        """Whether the answer has all rows of its window.

        The server counts first and reads then. A row that appears in between pushes another one
        off a full page, so there the count proves nothing, unless no row appears any more.
        """
        count = len(answer.rows)
        return count < limit or (answer.total <= count and self._is_quiet())

    def _is_quiet(self) -> bool:
        """Whether no row appears any more in the window that was asked for."""
        if self._before is None or self._newest is None:
            return False
        return self._before <= self._newest - QUIET_AFTER

    def _move(
        self,
        known: list[WorkflowLogs],
        *,
        before: int | None = None,
        unsure: Iterable[WorkflowLogs] = (),
        cut: _Cut | None = None,
        ended: bool = False,
    ) -> list[WorkflowLogs]:
        """Move on to the window that ends with `before`, and return what is behind the start."""
        self._before = before
        self._cut = cut
        self.ended = ended
        self.sees_more = any(map(self._is_wanted, unsure))
        return in_order(filter(self._is_wanted, known))

    def _is_wanted(self, row: WorkflowLogs) -> bool:
        return self._position is None or LogPosition.of(row) < self._position
